"""Synthetic difference in differences (Arkhangelsky, Athey, Hirshberg, Imbens and Wager 2021, algorithm 1).

Unit weights: min over (w₀, w) of ‖y − w₀ − Xw‖² + ζ² T₀ ‖w‖² on the pre-period, w on the simplex, with
ζ = (N_treated T_post)^¼ σ̂ and σ̂ the sd of the first differences of the donors' pre-period outcomes.
Time weights: min over (λ₀, λ) of ‖x̄_post − λ₀ − X_pre' λ‖² over donors, λ on the simplex (where several
are optimal, the one of least norm: the limit of the paper's vanishing ridge).

τ = (ȳ_post − x̄_post'w) − Σ_t λ_t (y_t − x_t'w): the intercept of the counterfactual is the λ-weighted
pre-period gap, so that τ is the mean of the gaps after the start.
"""

from dataclasses import dataclass

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.frequentist.estimators.base import Solver, Weighted, simplex_weights
from bsynth.panel import Panel

NAME = "sdid"
TITLE = "Synthetic difference in differences"
CONDITIONS = (
    "It presumes that the treated series and its weighted donors would have kept the distance that they "
    "had in the weighted pre-periods."
)


def solve(y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact", n_treated: int = 1) -> Weighted:
    """Weights for treated ``y`` (B, T), the mean of ``n_treated`` units, and donors ``X`` (B, T, J).

    After the start only the donors are read, for the time weights. Where no period is after it (conformal
    inference fits on all of them), pre-periods count the same and T_post is 1.
    """
    n_post = y.shape[1] - n_pre
    y_pre, X_pre = y[:, :n_pre], X[:, :n_pre]
    sigma = noise_level(X_pre)
    zeta = (n_treated * max(n_post, 1)) ** 0.25 * sigma
    y_mean, X_mean = y_pre.mean(axis=1, keepdims=True), X_pre.mean(axis=1, keepdims=True)
    units = simplex_weights(y_pre - y_mean, X_pre - X_mean, solver, ridge=zeta**2 * n_pre)
    times = _time_weights(X_pre, X[:, n_pre:], solver)
    gaps = y_pre - (X_pre @ units.weights[:, :, None])[:, :, 0]
    return Weighted(
        weights=units.weights,
        intercept=(times.weights * gaps).sum(axis=1),
        duality_gap=np.maximum(units.duality_gap, times.duality_gap),
        regularised=units.regularised,
        solver=units.solver,
        time_weights=times.weights,
        settings={"sigma": sigma, "zeta": zeta},
    )


def _time_weights(X_pre: FloatArray, X_post: FloatArray, solver: Solver) -> Weighted:
    """Weights of the pre-periods (B, T0) that predict the donors' mean after the start."""
    size, n_pre, _ = X_pre.shape
    if X_post.shape[1] == 0:
        none = np.zeros(size)
        return Weighted(np.full((size, n_pre), 1.0 / n_pre), none, none, none, "closed-form")
    target, by_donor = X_post.mean(axis=1), np.swapaxes(X_pre, 1, 2)
    centred = by_donor - by_donor.mean(axis=1, keepdims=True)
    return simplex_weights(target - target.mean(axis=1, keepdims=True), centred, solver)


def noise_level(X: FloatArray) -> FloatArray:
    """(B,) sd (ddof 1) of first differences of ``X`` (B, T0, J) over periods and donors; 0 with one difference."""
    changes = np.diff(X, axis=1).reshape(len(X), -1)
    if changes.shape[1] < 2:
        return np.zeros(len(X))
    return np.asarray(changes.std(axis=1, ddof=1))


@dataclass(frozen=True)
class SyntheticDiD:
    """The estimator for a mean of ``n_treated`` units: a mean of several is less noisy, and ζ knows it."""

    n_treated: int = 1
    NAME = NAME
    TITLE = TITLE
    CONDITIONS = CONDITIONS

    def solve(self, y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
        """`solve` with this number of treated units."""
        return solve(y, X, n_pre, solver=solver, n_treated=self.n_treated)


def bind(panel: Panel) -> SyntheticDiD:
    """The estimator for the number of treated units of ``panel``."""
    return SyntheticDiD(panel.n_treated)
