"""What every estimator returns, and the simplex problem that most of them share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bsynth._types import FloatArray
from bsynth.engines.simplex import solve_many
from bsynth.engines.slsqp import solve_slsqp

type Solver = Literal["exact", "slsqp"]
SOLVERS: tuple[Solver, ...] = ("exact", "slsqp")


@dataclass(frozen=True, eq=False)
class Weighted:
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
    """

    weights: FloatArray
    intercept: FloatArray
    duality_gap: FloatArray
    regularised: FloatArray
    solver: str

    def counterfactual(self, X: FloatArray) -> FloatArray:
        """(B, T) untreated outcomes for the donors ``X`` (B, T, J)."""
        return self.intercept[:, None] + (X @ self.weights[:, :, None])[:, :, 0]


def simplex_weights(y: FloatArray, X: FloatArray, solver: Solver) -> Weighted:
    """Least squares on the simplex, no intercept, for pre-period ``y`` (B, T0) and ``X`` (B, T0, J)."""
    none = np.zeros(len(y))
    if solver == "exact":
        batch = solve_many(X, y)
        return Weighted(batch.weights, none, batch.duality_gap, batch.regularised, "active-set")
    solved = [solve_slsqp(x, t) for x, t in zip(X, y, strict=True)]
    weights = np.array([s.weights for s in solved])
    gaps = np.array([s.duality_gap for s in solved])
    return Weighted(weights, none, gaps, none, "slsqp")
