"""Names for the arrays and labels that travel between the rooms."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]
type BoolArray = NDArray[np.bool_]
type AnyArray = NDArray[Any]
type IntArray = NDArray[np.int64]
type Label = Any
"""A unit or period as it stands in the user's data: str, int, float or Timestamp."""

type IntervalKind = Literal["predictive", "mean"]
type Missing = Literal["error", "interpolate", "drop-units"]
type PlaceboPool = Literal["exclude", "include"]
type Status = Literal["ok", "unreliable"]
