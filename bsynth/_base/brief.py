"""One line for a value that holds arrays, where a dataclass would write out every number."""

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

LINE = 300
"""Characters of such a line."""
_LONG = 60
"""Characters of one field."""


class Brief:
    """Writes a dataclass as one line: a field that is large by its kind and shape. The subclass has ``repr=False``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(repr=False)
    ... class Pair(Brief):
    ...     name: str
    ...     values: object
    >>> Pair("a", np.zeros((3, 2))), Pair("b", list(range(900)))
    (Pair(name='a', values=array (3, 2)), Pair(name='b', values=list of 900))
    """

    def __repr__(self) -> str:
        own: Any = self
        line = f"{type(self).__name__}({', '.join(f'{f.name}={_written(getattr(self, f.name))}' for f in fields(own))})"
        return line if len(line) <= LINE else f"{line[: LINE - 2]}…)"


def _written(value: Any) -> str:
    if isinstance(value, np.ndarray | pd.DataFrame):
        return f"{'array' if isinstance(value, np.ndarray) else 'table'} {value.shape}"
    text = repr(value)
    if len(text) <= _LONG and "\n" not in text:
        return text
    return f"{type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else f"a {type(value).__name__}"
