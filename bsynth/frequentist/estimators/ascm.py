"""Ridge-augmented synthetic control (Ben-Michael, Feller and Rothstein 2021, sections 3 and 5.3).

With outcomes less the donors' mean of each period, X_c (J, T₀) and x_c (T₀,), and simplex weights w:
w + X_c (X_c'X_c + λI)⁻¹ (x_c − X_c'w). What imbalance the simplex leaves, a ridge regression takes away, more
of it the smaller λ; weights may turn negative and still sum to 1.

λ is given, or chosen by leaving out one pre-period at a time: of twenty-one values from λ_max = σ₁(X_c)² down
to 1e-8 λ_max, the largest whose error is within one standard error of the smallest (as R augsynth does). Where
donors are closer to each other than to the treated series (copies, a county and its state), λ_max is the squared
imbalance ‖x_c − X_c'w‖²: no weight moves by more than a half there, however alike the donors are.
"""

import math
from dataclasses import dataclass

import numpy as np

from bsynth._base.request import check_flags, check_number
from bsynth._base.types import FloatArray
from bsynth.errors import SpecError
from bsynth.frequentist.estimators.base import Solver, Weighted, simplex_weights

NAME = "ascm"
TITLE = "Ridge-augmented synthetic control"
CONDITIONS = (
    "It presumes that outcomes after the start are close to linear in the outcomes before it: beyond what "
    "a convex combination of donors matches, a ridge regression extrapolates, and weights may be negative."
)

GRID = np.logspace(0, -8, 21)
"""Candidates for λ, as shares of λ_max."""
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class RidgeASCM:
    """Ridge-augmented synthetic control with a given ridge, a free level, or both.

    Parameters
    ----------
    ridge : float, optional
        λ > 0 in squared outcome units; chosen by leaving out pre-periods when not given.
    intercept : bool
        Take each series less its own pre-period mean first (augsynth's ``fixedeff``).

    Raises
    ------
    SpecError
        A ridge that is not a positive number.

    References
    ----------
    Ben-Michael, Feller and Rothstein 2021, eq. 8 and section 5.3.

    Examples
    --------
    >>> RidgeASCM(ridge=8.0)
    RidgeASCM(ridge=8.0, intercept=False)
    """

    ridge: float | None = None
    intercept: bool = False
    NAME = NAME
    TITLE = TITLE
    CONDITIONS = CONDITIONS

    def __post_init__(self) -> None:
        check_flags(intercept=self.intercept)
        instead = "a positive number in squared outcome units, or None"
        if self.ridge is not None and check_number(self.ridge, "ridge", instead) <= 0:
            raise SpecError(f"ridge is {self.ridge}; give {instead}")

    def solve(self, y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
        """Weights for treated ``y`` (B, T) and donors ``X`` (B, T, J), fitted on the first ``n_pre`` periods."""
        y, X = y[:, :n_pre], X[:, :n_pre]
        y_mean, X_mean = np.zeros((len(y), 1)), np.zeros((len(y), 1, X.shape[2]))
        if self.intercept:
            y_mean, X_mean = y.mean(axis=1, keepdims=True), X.mean(axis=1, keepdims=True)
        y, X = y - y_mean, X - X_mean
        fit = simplex_weights(y, X, solver)
        weights, chosen = np.empty_like(fit.weights), np.empty(len(y))
        for b in range(len(y)):
            target, donors = _centred(y[b], X[b])
            chosen[b] = self.ridge or _choose_ridge(target, donors, fit.weights[b], y[b], X[b], solver)
            weights[b] = fit.weights[b] + _augmentation(target, donors, fit.weights[b], chosen[[b]])[0]
        return Weighted(
            weights=weights,
            intercept=y_mean[:, 0] - (X_mean[:, 0] * weights).sum(axis=1),
            duality_gap=fit.duality_gap,
            regularised=fit.regularised,
            solver=fit.solver,
            settings={"ridge": chosen},
        )


def solve(y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
    """Weights for ``y`` (B, T) and ``X`` (B, T, J) with λ chosen by leaving out pre-periods."""
    return RidgeASCM().solve(y, X, n_pre, solver=solver)


def _centred(y: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Treated (T0,) and donors (T0, J) less the donors' mean of each period."""
    level = X.mean(axis=1)
    return y - level, X - level[:, None]


def _augmentation(y: FloatArray, X: FloatArray, w: FloatArray, ridges: FloatArray) -> FloatArray:
    """(R, J) what each ridge adds to the simplex weights ``w``, from centred ``y`` (T0,) and ``X`` (T0, J)."""
    left, values, right = np.linalg.svd(X, full_matrices=False)
    imbalance = left.T @ (y - X @ w)
    # A direction without variation beyond rounding adds nothing, also at a ridge of zero.
    squares = values**2 + ridges[:, None]
    varies = np.broadcast_to(values > max(X.shape) * EPSILON * values[0], squares.shape)
    gain = np.divide(values, squares, out=np.zeros_like(squares), where=varies)
    added = (gain * imbalance) @ right
    # Centred donors add up to zero, hence so do these but for rounding.
    return np.asarray(added - added.mean(axis=1, keepdims=True))


def _choose_ridge(
    target: FloatArray, donors: FloatArray, w: FloatArray, y: FloatArray, X: FloatArray, solver: Solver
) -> float:
    """Largest λ of the grid whose leave-one-period-out error is within one standard error of the least.

    With a single pre-period nothing can be left out, and the largest λ is taken.
    """
    ridges = GRID * max(float(np.linalg.norm(donors, 2)), float(np.linalg.norm(target - donors @ w))) ** 2
    n_pre = len(y)
    if n_pre < 2:
        return float(ridges[0])
    kept = ~np.eye(n_pre, dtype=bool)
    folds_y, folds_X = np.stack([y[k] for k in kept]), np.stack([X[k] for k in kept])
    simplex = simplex_weights(folds_y, folds_X, solver).weights
    errors = np.empty((n_pre, len(ridges)))
    for t, keep in enumerate(kept):
        weights = simplex[t] + _augmentation(target[keep], donors[keep], simplex[t], ridges)
        errors[t] = (target[t] - weights @ donors[t]) ** 2
    mean = errors.mean(axis=0)
    best = int(mean.argmin())
    limit = mean[best] + errors[:, best].std(ddof=1) / math.sqrt(n_pre)
    return float(ridges[mean <= limit].max())
