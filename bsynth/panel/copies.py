"""Series that are one but for rounding: they tell of one unit, however many carry them."""

import numpy as np

from bsynth._base.types import BoolArray, FloatArray, IntArray

EXACT = 1e-6
"""Distance (RMS, in sd of the series) up to which two series are the same but for rounding."""
CONSTANT = 1e-12
"""Range of a series, in its size, up to which it is constant; as `Panel` has it."""


def moving(series: FloatArray) -> BoolArray:
    """Whether each column of ``series`` (T, J) moves at all.

    Examples
    --------
    >>> moving(np.array([[1.0, 3.0], [2.0, 3.0]]))
    array([ True, False])
    """
    return np.asarray(np.ptp(series, axis=0) > CONSTANT * np.abs(series).max(axis=0))


def first_alike(series: FloatArray) -> IntArray:
    """Of each column of ``series`` (T, J) the place of the first that is the same, its own where none is.

    Each is measured by its own size, since beside a unit in millions all small ones would look alike.

    Examples
    --------
    >>> first_alike(np.array([[0.0, 5.0, 0.1, 5.0], [1.0, 7.0, 1.0, 7.0], [3.0, 6.0, 3.0, 6.0 + 1e-12]]))
    array([0, 1, 2, 1])
    >>> first_alike(np.array([[2.0, 2.0, 3.0]]))
    array([0, 0, 2])
    """
    near = EXACT * series.std(axis=0) + CONSTANT * np.abs(series).max(axis=0)
    means, first = series.mean(axis=0), np.full(series.shape[1], -1)
    for j in range(len(first)):
        if first[j] < 0:
            # Series are no nearer than their means, so that few are looked at in full.
            like = np.flatnonzero((first < 0) & (np.abs(means - means[j]) <= near[j]))
            apart = np.sqrt(((series[:, like] - series[:, [j]]) ** 2).mean(axis=0))
            first[like[apart <= near[j]]] = j
    return first
