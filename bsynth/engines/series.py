"""Numbers about a series in time."""

import numpy as np

from bsynth._base.types import FloatArray


def lag1(series: FloatArray) -> FloatArray:
    """Lag-1 autocorrelation along the last axis, 0 for a constant series.

    Examples
    --------
    >>> lag1(np.array([[1.0, -1.0, 1.0, -1.0], [2.0, 2.0, 2.0, 2.0]])).tolist()
    [-0.75, 0.0]
    """
    centred = series - series.mean(axis=-1, keepdims=True)
    total = (centred**2).sum(axis=-1)
    product = (centred[..., 1:] * centred[..., :-1]).sum(axis=-1)
    return np.asarray(np.divide(product, total, out=np.zeros_like(product), where=total > 0))
