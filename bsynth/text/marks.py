"""The mark of a result that did not pass its convergence gate, and whose gate it was."""

from collections.abc import Sequence

from bsynth._base.types import Status

UNRELIABLE = "UNRELIABLE"
"""How the first sentence of an unreliable result begins, whoever words it."""
OF_FIT = "the fit did not pass its convergence gate"
"""Why a result is unreliable that rests on one fit."""


def of_posteriors(names: Sequence[str]) -> str:
    """Say which of several posteriors did not pass.

    Examples
    --------
    >>> of_posteriors(["level"])
    "the posterior of 'level' did not pass its convergence gate"
    >>> of_posteriors(["level", "default", "drift"])
    "the posteriors of 'level', 'default' and 'drift' did not pass their convergence gates"
    """
    *most, last = map(repr, names)
    if not most:
        return f"the posterior of {last} did not pass its convergence gate"
    return f"the posteriors of {', '.join(most)} and {last} did not pass their convergence gates"


def status_of(reason: str) -> Status:
    """Return the status of a result that has a reason not to be used, or none."""
    return "unreliable" if reason else "ok"


def marked(reason: str) -> str:
    """Return the mark of a picture, a table or a page: that it is unreliable, and why.

    Examples
    --------
    >>> marked(OF_FIT)
    'UNRELIABLE: the fit did not pass its convergence gate'
    """
    return f"{UNRELIABLE}: {reason}"


def mark(reason: str) -> tuple[str, ...]:
    """Return the sentence that goes before all others when there is a reason not to use a result, else nothing."""
    return (f"{marked(reason)}, so do not use these numbers.",) if reason else ()
