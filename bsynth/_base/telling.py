"""Warnings at the line of whoever called the package, and silence in what a verb does many times over."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from bsynth.errors import UnreliableWarning

_PACKAGE = str(Path(__file__).parents[1])
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def warn(words: str, category: type[Warning]) -> None:
    """Warn at the first line outside the package, each time; nothing of an unreliable result inside `quietly`."""
    if _QUIET.get() and issubclass(category, UnreliableWarning):
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    # Without a register of what was said: a notebook's cell that is run again is the same line, and as unreliable.
    warnings.warn_explicit(words, category, frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__"))


@contextmanager
def quietly() -> Iterator[None]:
    """Say nothing of single unreliable results, which are counted; in this thread alone, unlike a filter of warnings.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as seen, quietly():
    ...     warn("one of many", UnreliableWarning)
    >>> seen
    []
    """
    token = _QUIET.set(True)
    try:
        yield
    finally:
        _QUIET.reset(token)
