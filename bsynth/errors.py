"""Errors of bsynth, one tree.

::

    BsynthError
    ├── PanelError   (ValueError)  the data or its description cannot be used
    ├── SpecError    (ValueError)  a model or a request is outside its vocabulary
    ├── SolverError  (ValueError)  a weights problem has no usable answer
    └── FitError     (RuntimeError)  sampling itself broke down

Each message is one line: what came, what is allowed, what to do. A fit that merely failed its
convergence gate is no error: it comes back with ``status == "unreliable"``.
"""

import difflib
import os
from collections.abc import Iterable


class BsynthError(Exception):
    """Base of every error that bsynth raises on purpose."""


class PanelError(BsynthError, ValueError):
    """The data, or the way it was described, cannot become a panel."""


class SpecError(BsynthError, ValueError):
    """A model specification, a method or a setting is outside what is allowed."""


class SolverError(BsynthError, ValueError):
    """A weights problem cannot be solved as given (NaN, infinite values, empty)."""


class FitError(BsynthError, RuntimeError):
    """The sampler could not run at all."""


class UnreliableWarning(UserWarning):
    """A fit did not pass its convergence gate."""


class EngineWarning(UserWarning):
    """A fit takes longer than it could: the fast engine, or its machine code on disk, cannot be had."""


def nearest(name: object, allowed: Iterable[object]) -> str:
    """Return ``", did you mean 'x'?"`` for the closest allowed name, or an empty string.

    Examples
    --------
    >>> nearest("stat", ["state", "year"])
    ", did you mean 'state'?"
    >>> nearest("zzz", ["state", "year"])
    ''
    """
    # What was typed is never the suggestion: 0 for a column called "0" looks the same in words.
    others = [text for a in allowed if (text := str(a)) != str(name)]
    matches = difflib.get_close_matches(str(name), others, n=1, cutoff=0.6)
    return f", did you mean {matches[0]!r}?" if matches else ""


def came(value: object) -> str:
    """What came, in words: its kind, and a text or path itself.

    Examples
    --------
    >>> came("sales.csv"), came(3), came(dict)
    ("the text 'sales.csv'", 'an int', 'the class dict')
    """
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str | os.PathLike):
        text = os.fsdecode(value)
        return f"the text {text[:80]!r}"
    package, name = type(value).__module__.split(".")[0], type(value).__name__
    # Several libraries call their tables alike.
    name = name if package in ("builtins", "bsynth", "pandas") else f"{package} {name}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def some_of(names: Iterable[object], limit: int = 6) -> str:
    """List a few names for an error message and count the rest.

    Examples
    --------
    >>> some_of(range(9), limit=3)
    '0, 1, 2 and 6 more'
    """
    listed = [str(n) for n in names]
    head = ", ".join(listed[:limit])
    return head if len(listed) <= limit else f"{head} and {len(listed) - limit} more"
