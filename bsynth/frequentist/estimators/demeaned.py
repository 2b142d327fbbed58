"""Synthetic control with a free intercept (Doudchenko and Imbens 2016; Ferman and Pinto 2021).

The simplex problem on series less their own pre-period means; the intercept is the difference
between the treated pre mean and the weighted donors' pre mean.
"""

from bsynth._base.types import FloatArray
from bsynth.frequentist.estimators.base import Solver, Weighted, simplex_weights

NAME = "demeaned"
TITLE = "Demeaned synthetic control"
CONDITIONS = (
    "It presumes that a convex combination of donors that follows the treated series' movements before "
    "the start, at a constant distance, would have kept that distance afterwards."
)


def solve(y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
    """Weights for treated ``y`` (B, T) and donors ``X`` (B, T, J), fitted on the first ``n_pre`` periods."""
    y_mean, X_mean = y[:, :n_pre].mean(axis=1), X[:, :n_pre].mean(axis=1)
    fit = simplex_weights(y[:, :n_pre] - y_mean[:, None], X[:, :n_pre] - X_mean[:, None, :], solver)
    intercept = y_mean - (X_mean * fit.weights).sum(axis=1)
    return Weighted(fit.weights, intercept, fit.duality_gap, fit.regularised, fit.solver)
