"""Steps of a run that may fail one by one: what cannot be had is kept with its reason, and the rest goes on."""

import logging
from collections.abc import Callable, Mapping

from bsynth.errors import BsynthError

_log = logging.getLogger(__name__)


class Steps:
    """Carries out optional steps; ``unavailable`` says which of them cannot be had, and why.

    Parameters
    ----------
    unavailable : mapping of name to reason, optional
        What is known beforehand; such a step is not tried.

    Examples
    --------
    >>> steps = Steps({"bootstrap": "it needs users"})
    >>> steps.attempt("bootstrap", dict), steps.attempt("half", lambda: 1 / 2), steps.attempt("none", lambda: 1 / 0)
    (None, 0.5, None)
    >>> steps.unavailable
    {'bootstrap': 'it needs users', 'none': 'ZeroDivisionError: division by zero'}
    """

    def __init__(self, unavailable: Mapping[str, str] | None = None) -> None:
        self.unavailable: dict[str, str] = dict(unavailable or {})

    def attempt[T](self, name: str, step: Callable[[], T]) -> T | None:
        """Return what ``step`` returns; when it raises, keep the reason under ``name`` and return None."""
        if name in self.unavailable:
            return None
        try:
            return step()
        # The one broad except of the package: no optional step, whatever is wrong with it, may cost the others.
        except Exception as error:  # noqa: BLE001
            _log.debug("%s is not available", name, exc_info=True)
            self.unavailable[name] = reason_of(error)
            return None


def reason_of(error: Exception) -> str:
    """Return an error as a reason: our own line as it is, another's first line after its type."""
    lines = str(error).strip().splitlines()
    if isinstance(error, BsynthError) and lines:
        return lines[0].rstrip(".")
    return ": ".join([type(error).__name__, *lines[:1]]).rstrip(".")
