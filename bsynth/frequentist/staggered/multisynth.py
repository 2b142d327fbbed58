"""Partially pooled synthetic control (Ben-Michael, Feller and Rothstein 2022, JRSS B 84(2)).

Weights γ_j of every treated unit j on its donors, on the simplex, are found together. With r_jl the gap of unit j at l
periods before its start (L_j of them, L the most), J units,

    q_sep²  = (1/J) Σ_j (1/L_j) Σ_l r_jl²          how well each unit is fitted
    q_pool² = (1/L) Σ_l ((1/J) Σ_j r_jl)²          how well their average is fitted, by event time

the weights minimise  ν q_pool²/q̂_pool² + (1 − ν) q_sep²/q̂_sep²,  both relative to their values q̂ at the separate
weights (ν = 0). By default ν is the paper's: the norm of the average gap over the average norm of gaps at the separate
weights, √L q̂_pool / ((1/J) Σ_j ‖r̂_j‖), which is in [0, 1]. With an intercept each unit's series and its donors' are
less their own means over its pre-periods (their weighted event study).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bsynth._base.types import FloatArray, IntArray
from bsynth.engines.pooled import solve_pooled
from bsynth.engines.simplex import solve_simplex
from bsynth.errors import SpecError

NAME = "multisynth"
TITLE = "Partially pooled synthetic control"
CONDITIONS = (
    "It presumes that weights which match each unit, and the average of all at each time before the start, would have "
    "kept matching them."
)


@dataclass(frozen=True)
class Multisynth:
    """The estimator with its settings.

    Attributes
    ----------
    nu : float or None
        Share of the pooled fit, 0 (each unit by itself) to 1 (their average alone); None: the paper's choice.
    intercept : bool
        Whether each unit may keep a level of its own.

    Examples
    --------
    >>> Multisynth(nu=2)
    Traceback (most recent call last):
    bsynth.errors.SpecError: nu is 2; give a share from 0 (separate) to 1 (pooled), or None
    """

    nu: float | None = None
    intercept: bool = True
    NAME = NAME
    TITLE = TITLE
    CONDITIONS = CONDITIONS

    def __post_init__(self) -> None:
        if self.nu is not None and not (isinstance(self.nu, int | float) and 0 <= self.nu <= 1):
            raise SpecError(f"nu is {self.nu!r}; give a share from 0 (separate) to 1 (pooled), or None")


@dataclass(frozen=True, eq=False)
class Pooled:
    """Weights (J_j,) and intercept of each unit, the ν used, and both imbalances (root mean squares, outcome units)."""

    weights: tuple[FloatArray, ...]
    intercepts: tuple[float, ...]
    nu: float
    separate: float
    pooled: float
    duality_gap: float


def solve(y: Sequence[FloatArray], X: Sequence[FloatArray], events: Sequence[IntArray], settings: Multisynth) -> Pooled:
    """Find all weights from pre-periods alone: y_j (L_j,), X_j (L_j, J_j), and event times (L_j,), all below 0."""
    shift = settings.intercept
    means = [(t.mean(), x.mean(axis=0)) if shift else (0.0, np.zeros(x.shape[1])) for t, x in zip(y, X, strict=True)]
    y_own = [t - m for t, (m, _) in zip(y, means, strict=True)]
    X_own = [x - m for x, (_, m) in zip(X, means, strict=True)]
    apart = [solve_simplex(x, t).weights for x, t in zip(X_own, y_own, strict=True)]
    by_unit, target = _separate_rows(y_own, X_own)
    by_event, together = _pooled_rows(y_own, X_own, events)
    start = np.concatenate(apart)
    sep, pool = (float(np.linalg.norm(A @ start - b)) for A, b in ((by_unit, target), (by_event, together)))
    gaps = [t - x @ w for t, x, w in zip(y_own, X_own, apart, strict=True)]
    norms = float(np.mean([np.linalg.norm(gap) for gap in gaps]))
    nu = settings.nu
    if nu is None:
        nu = 0.0 if norms == 0 else float(min(1.0, np.sqrt(len(by_event)) * pool / norms))
    weights, gap = start, 0.0
    if nu > 0 and pool > 0 and sep > 0:
        share, rest = np.sqrt(nu) / pool, np.sqrt(1 - nu) / sep
        A, b = np.vstack([share * by_event, rest * by_unit]), np.concatenate([share * together, rest * target])
        blocks = np.repeat(np.arange(len(apart)), [len(w) for w in apart])
        found = solve_pooled(A, b, blocks, start)
        weights, gap = found.weights, found.duality_gap
    cut = np.cumsum([len(w) for w in apart])[:-1]
    each = tuple(np.split(weights, cut))
    levels = tuple(float(m - x @ w) for (m, x), w in zip(means, each, strict=True))
    return Pooled(
        weights=each,
        intercepts=levels,
        nu=nu,
        separate=float(np.linalg.norm(by_unit @ weights - target)),
        pooled=float(np.linalg.norm(by_event @ weights - together)),
        duality_gap=gap,
    )


def _separate_rows(y: Sequence[FloatArray], X: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Rows whose sum of squares is q_sep²."""
    scale = [1.0 / np.sqrt(len(y) * len(t)) for t in y]
    rows = np.zeros((sum(map(len, y)), sum(x.shape[1] for x in X)))
    at = column = 0
    for x, s in zip(X, scale, strict=True):
        rows[at : at + len(x), column : column + x.shape[1]] = s * x
        at, column = at + len(x), column + x.shape[1]
    return rows, np.concatenate([s * t for t, s in zip(y, scale, strict=True)])


def _pooled_rows(
    y: Sequence[FloatArray], X: Sequence[FloatArray], events: Sequence[IntArray]
) -> tuple[FloatArray, FloatArray]:
    """Rows, one for each event time before the start, whose sum of squares is q_pool²."""
    times = np.unique(np.concatenate(list(events)))
    scale = 1.0 / (len(y) * np.sqrt(len(times)))
    blocks, target = [], np.zeros(len(times))
    for t, x, event in zip(y, X, events, strict=True):
        place = np.searchsorted(times, event)
        block = np.zeros((len(times), x.shape[1]))
        block[place], target[place] = scale * x, target[place] + scale * t
        blocks.append(block)
    return np.hstack(blocks), target
