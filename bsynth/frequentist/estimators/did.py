"""Difference in differences: every donor with the same weight, and a free intercept.

τ = (ȳ_post − ȳ_pre) − (x̄_post − x̄_pre), x̄ the mean of all donors.
"""

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.frequentist.estimators.base import Solver, Weighted

NAME = "did"
TITLE = "Difference in differences"
CONDITIONS = (
    "It presumes parallel trends: without the treatment, the treated series would have moved as the "
    "average of all donors did."
)


def solve(y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
    """Uniform weights for ``y`` (B, T) and ``X`` (B, T, J); a closed form, so ``solver`` changes nothing."""
    size, _, donors = X.shape
    intercept = y[:, :n_pre].mean(axis=1) - X[:, :n_pre].mean(axis=(1, 2))
    none = np.zeros(size)
    return Weighted(np.full((size, donors), 1.0 / donors), intercept, none, none, "closed-form")
