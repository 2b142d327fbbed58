"""Synthetic control on pre-period outcomes (Abadie and Gardeazabal 2003; Abadie, Diamond, Hainmueller 2010).

min ‖y − Xw‖² over the pre-period, w ≥ 0, Σw = 1; no covariates, no intercept.
"""

from bsynth._base.types import FloatArray
from bsynth.frequentist.estimators.base import Solver, Weighted, simplex_weights

NAME = "sc"
TITLE = "Synthetic control"
CONDITIONS = (
    "It presumes that a convex combination of donors that follows the treated series before the start "
    "would have followed it afterwards, in level as well as in movement."
)


def solve(y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
    """Weights for treated ``y`` (B, T) and donors ``X`` (B, T, J), fitted on the first ``n_pre`` periods."""
    return simplex_weights(y[:, :n_pre], X[:, :n_pre], solver)
