"""Bounds on the error after the start, from a regression of the pre-period residuals on the donors.

The three methods of Cattaneo, Feng and Titiunik 2021, section 4.2.
"""

from typing import Literal, get_args

import numpy as np
from scipy.optimize import linprog

from bsynth._base.types import FloatArray
from bsynth.errors import SolverError

type ErrorModel = Literal["gaussian", "location-scale", "quantile"]
ERROR_MODELS: tuple[str, ...] = get_args(ErrorModel.__value__)
IQR = 1.34
"""Interquartile range of a standard normal variable, rounded as in the source."""


def error_bounds(
    residuals: FloatArray, design: FloatArray, targets: FloatArray, *, model: str, tail: float
) -> tuple[FloatArray, FloatArray]:
    """(K,) lower and upper bounds of the error at ``targets`` (K, k), each missed with probability ``tail``.

    ``residuals`` (n,) are regressed on ``design`` (n, k), which holds its own constant.
    """
    if model == "quantile":
        low, high = (quantile_regression(residuals, design, q) for q in (tail, 1 - tail))
        return targets @ low, targets @ high
    coefficients = np.linalg.lstsq(design, residuals, rcond=None)[0]
    left = residuals - design @ coefficients
    log_variance = np.log(np.maximum(left**2, np.finfo(float).tiny))
    variance = np.linalg.lstsq(design, log_variance, rcond=None)[0]
    quartiles = [quantile_regression(left, design, q) for q in (0.25, 0.75)]
    spread = np.abs(targets @ (quartiles[1] - quartiles[0])) / IQR
    # Carried beyond the data, either model may come down to nothing; no sd is less than the least of the pre-period.
    least = float(np.exp(design @ variance / 2).min())
    sd = np.maximum(np.minimum(np.exp(targets @ variance / 2), spread), least)
    mean = targets @ coefficients
    if model == "gaussian":
        # A sub-Gaussian tail bound, wider than the normal quantile.
        reach = np.sqrt(-2 * np.log(tail)) * sd
        return mean - reach, mean + reach
    standard = left / np.exp(design @ variance / 2)
    low, high = np.quantile(standard, [tail, 1 - tail])
    return mean + sd * low, mean + sd * high


def quantile_regression(y: FloatArray, X: FloatArray, q: float) -> FloatArray:
    """(k,) coefficients of the ``q``-quantile regression of ``y`` (n,) on ``X`` (n, k), by its linear program."""
    n, k = X.shape
    cost = np.concatenate([np.zeros(k), np.full(n, q), np.full(n, 1 - q)])
    equal = np.hstack([X, np.eye(n), -np.eye(n)])
    limits = [(None, None)] * k + [(0, None)] * (2 * n)
    found = linprog(cost, A_eq=equal, b_eq=y, bounds=limits, method="highs")
    if not found.success or found.x is None:
        raise SolverError(f"the quantile regression of the residuals has no answer ({found.message})")
    return np.asarray(found.x[:k])
