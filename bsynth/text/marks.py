"""The mark of a result that did not pass its convergence gate."""

from bsynth._base.types import Status

UNRELIABLE = "UNRELIABLE"
"""How the first sentence of an unreliable result begins, whoever words it."""


def mark(status: Status) -> tuple[str, ...]:
    """Return the sentence that goes before all others when the fit is unreliable, else nothing."""
    if status == "ok":
        return ()
    return (f"{UNRELIABLE}: the fit did not pass its convergence gate, so do not use these numbers before it does.",)
