"""How a function becomes machine code: one decorator for all pieces of the density."""

from collections.abc import Callable
from typing import Any

import numba

from bsynth._base.types import FloatArray as Array

__all__ = ["Array", "piece"]

_FAST = {"reassoc", "contract", "arcp", "nsz"}
"""Sums may be taken in any order, as vector instructions need it; infinities and NaN keep their meaning."""


def piece[F: Callable[..., object]](function: F) -> F:
    """Compile a function for use in others; on its own it still runs from Python."""
    made: Any = numba.njit(error_model="numpy", fastmath=_FAST)(function)
    return made  # type: ignore[no-any-return]  # it is called as the function is
