"""What every estimator returns, and the simplex problem that most of them share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray
from bsynth.engines.simplex import solve_many
from bsynth.engines.slsqp import solve_slsqp

type Solver = Literal["exact", "slsqp"]
SOLVERS: tuple[Solver, ...] = ("exact", "slsqp")


@dataclass(frozen=True, eq=False, repr=False)
class Weighted(Brief):
    """Weights of a batch of B problems; the counterfactual is intercept + X w.

    Attributes
    ----------
    weights : (B, J) array
    intercept : (B,) array
        Outcome units.
    duality_gap : (B,) array
        Relative; 0 for closed forms.
    regularised : (B,) array
        Relative ridge used where the optimum is not unique, else 0.
    solver : str
        ``"active-set"``, ``"slsqp"`` or ``"closed-form"``.
    time_weights : (B, T0) array or None
        Weight of each pre-period where the estimator has such weights.
    settings : mapping of (B,) arrays
        What the estimator settled from the data, by name: ``zeta``, ``ridge``.
    predictors : tuple of B DataFrames
        Where predictors are matched: one row each with its importance and balance; else empty.
    """

    weights: FloatArray
    intercept: FloatArray
    duality_gap: FloatArray
    regularised: FloatArray
    solver: str
    time_weights: FloatArray | None = None
    settings: Mapping[str, FloatArray] = field(default_factory=dict)
    predictors: tuple[pd.DataFrame, ...] = ()

    def counterfactual(self, X: FloatArray) -> FloatArray:
        """(B, T) untreated outcomes for the donors ``X`` (B, T, J)."""
        return self.intercept[:, None] + (X @ self.weights[:, :, None])[:, :, 0]


def simplex_weights(y: FloatArray, X: FloatArray, solver: Solver, *, ridge: FloatArray | None = None) -> Weighted:
    """Least squares on the simplex, no intercept, for pre-period ``y`` (B, T0) and ``X`` (B, T0, J).

    ``ridge`` (B,) adds ridge · Σw² to the sum of squares: J more rows √ridge · I below ``X``, zeros below ``y``.
    """
    none = np.zeros(len(y))
    if ridge is not None:
        rows = np.sqrt(ridge)[:, None, None] * np.eye(X.shape[2])
        X = np.concatenate([X, rows], axis=1)
        y = np.concatenate([y, np.zeros((len(y), X.shape[2]))], axis=1)
    if solver == "exact":
        batch = solve_many(X, y)
        return Weighted(batch.weights, none, batch.duality_gap, batch.regularised, "active-set")
    solved = [solve_slsqp(x, t) for x, t in zip(X, y, strict=True)]
    weights = np.array([s.weights for s in solved])
    gaps = np.array([s.duality_gap for s in solved])
    return Weighted(weights, none, gaps, none, "slsqp")
