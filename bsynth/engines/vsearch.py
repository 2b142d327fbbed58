"""The outer problem of matching on predictors: which importance V of the predictors serves the pre-period best.

The loss is neither convex nor smooth in V and its infimum may need some v to vanish, so it is searched:
differential evolution over log v, then Nelder-Mead, from several seeds (Abadie, Diamond and Hainmueller 2010,
section 2.3, leave the search open). For given donor weights the V that lead to them form a polytope, since the
first-order conditions are linear in V: its extent is found by linear programs.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution, linprog, minimize

from bsynth.engines.minnorm import Problem, start
from bsynth.engines.simplex import solve_simplex
from bsynth.errors import SolverError

__all__ = ["ranges", "search", "weighted"]

FloatArray = NDArray[np.float64]

SMALLEST_V = -6.0
"""log₁₀ of the smallest v over the largest: below it the inner problem loses its digits."""
SAME_LOSS = 1e-3
"""Starts whose loss is within this share of the least one agree with it."""


def weighted(v: FloatArray, x: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The inner problem as least squares: donors and treated, each predictor times √v."""
    root = np.sqrt(v)
    return X * root[:, None], x * root


def search(
    x: FloatArray, X: FloatArray, y: FloatArray, Y: FloatArray, starts: int, seed: int
) -> tuple[FloatArray, int]:
    """V with the least mean squared pre-period gap over all starts, and how many starts reached it."""
    reached = sorted(_descents(x, X, y, Y, starts, seed), key=lambda found: found[0])
    least = reached[0][0]
    agreeing = sum(loss <= least * (1 + SAME_LOSS) for loss, _ in reached)
    return reached[0][1], agreeing


def _descents(
    x: FloatArray, X: FloatArray, y: FloatArray, Y: FloatArray, starts: int, seed: int
) -> Iterator[tuple[float, FloatArray]]:
    """Relative loss and V that each start reached."""
    k = len(x)
    rough, loss = (_loss(x, X, y, Y, solve) for solve in (_uncertified, _certified))
    bounds = [(SMALLEST_V, 0.0)] * k
    for one in range(starts):
        rng = np.random.default_rng([seed, one])
        population = rng.uniform(SMALLEST_V, 0.0, size=(max(8 * k, 16), k))
        population[0] = 0.0
        wide = differential_evolution(rough, bounds, init=population, seed=rng, maxiter=60, tol=1e-8, polish=False)
        close = minimize(
            loss,
            wide.x,
            method="Nelder-Mead",
            bounds=bounds,
            options={"maxfev": 400 * k, "xatol": 1e-4, "fatol": 1e-10, "adaptive": True},
        )
        yield float(close.fun), _importance(close.x)


def _importance(logs: FloatArray) -> FloatArray:
    """V, largest 1, from its logarithms (base 10)."""
    return np.asarray(10.0 ** np.maximum(logs - logs.max(), SMALLEST_V))


def _loss(
    x: FloatArray, X: FloatArray, y: FloatArray, Y: FloatArray, inner: Callable[[FloatArray, FloatArray], FloatArray]
) -> Callable[[FloatArray], float]:
    """The outer objective in log₁₀ v, as a share of the donors' mean squared distance: no units."""
    scale = float(np.mean((Y - y[:, None]) ** 2)) or 1.0

    def loss(logs: FloatArray) -> float:
        try:
            w = inner(*weighted(_importance(logs), x, X))
        except SolverError:
            return 1e6  # no certified weights at this V: stay away from it
        return float(np.mean((y - Y @ w) ** 2)) / scale

    return loss


def _uncertified(X: FloatArray, x: FloatArray) -> FloatArray:
    """Weights good enough to look around with, at half the cost."""
    return start(Problem(X, x))


def _certified(X: FloatArray, x: FloatArray) -> FloatArray:
    return solve_simplex(X, x).weights


def ranges(x: FloatArray, X: FloatArray, w: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest v_k (k,) of all V with sum 1 for which ``w`` solves the inner problem.

    With r = x − Xw, w is optimal when Σ_k v_k r_k (X_kj − X_kb) is 0 on the support and at most 0 off it, b any
    donor of the support. What rounding leaves of it at ``v`` is allowed.
    """
    k, base = len(x), int(w.argmax())
    rows = ((x - X @ w)[:, None] * (X - X[:, [base]])).T
    size = np.abs(rows).max(axis=1)
    rows = rows[size > 1e-14] / size[size > 1e-14, None]
    support = (w > 1e-9)[size > 1e-14]
    A = np.concatenate([rows, -rows[support], np.zeros((1, k))])  # a row of zeros: linprog takes no empty matrix
    b = np.maximum(A @ v, 0.0) + 1e-9
    ends = np.empty((2, k))
    for j, cost in enumerate(np.eye(k)):
        for side, sign in enumerate((1.0, -1.0)):
            found = linprog(sign * cost, A_ub=A, b_ub=b, A_eq=np.ones((1, k)), b_eq=[1.0])
            ends[side, j] = v[j] if found.x is None else found.x[j]
    return np.minimum(ends[0], v), np.maximum(ends[1], v)
