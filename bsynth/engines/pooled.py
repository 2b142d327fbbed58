"""Least squares over a product of simplexes: weights of several treated units that are found together.

``min ‖A g − b‖²`` where g stacks one block of weights for each unit, g ≥ 0 and each block sums to 1. A primal active
set: on the donors in use the equality-constrained problem is solved by its KKT system; a step that would make a weight
negative stops where the first one is zero, and that donor leaves; at the optimum of a face the donor with the steepest
descent enters. Where that system is singular its least-norm solution is taken, so that the answer is defined.

The certificate is the Frank-Wolfe gap: Σ over blocks of ``w'∇ − min ∇`` bounds twice the distance from the optimum.
"""

from dataclasses import dataclass

import numpy as np

from bsynth._base.types import BoolArray, FloatArray, IntArray
from bsynth.errors import SolverError

CERTIFIED = 1e-9
"""Gap, relative to the objective at equal weights, that a solution must reach."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledSolution:
    """Weights (K,) of all blocks, the sum of squares, and the relative duality gap."""

    weights: FloatArray
    objective: float
    duality_gap: float


def solve_pooled(A: FloatArray, b: FloatArray, blocks: IntArray, start: FloatArray) -> PooledSolution:
    """Find the weights of all blocks together.

    Parameters
    ----------
    A : (M, K) array, b : (M,) array
        Rows to fit.
    blocks : (K,) int array
        The block of each weight, from 0.
    start : (K,) array
        Feasible weights to begin with, such as each block's own optimum.

    Raises
    ------
    SolverError
        When no certified optimum is found.

    Examples
    --------
    >>> A, b = np.array([[1.0, -1.0, 1.0, -1.0]]), np.array([0.5])
    >>> found = solve_pooled(A, b, np.array([0, 0, 1, 1]), np.array([1.0, 0.0, 1.0, 0.0]))
    >>> round(found.objective, 12), found.weights.reshape(2, 2).sum(axis=1).round(12).tolist()
    (0.0, [1.0, 1.0])
    """
    Q, c = A.T @ A, A.T @ b
    equal = 1.0 / np.bincount(blocks)[blocks]
    scale = max(float(((A @ equal - b) ** 2).sum()), np.finfo(float).tiny)
    members = blocks[None, :] == np.arange(blocks.max() + 1)[:, None]
    w, used = start.copy(), start > 0
    for _ in range(30 * len(w)):
        w, used = _face(Q, c, members, w, used)
        gradient = Q @ w - c
        gap = _gap(gradient, w, members) / scale
        if gap <= CERTIFIED / 1e3:
            break
        below = gradient - np.array([w[m] @ gradient[m] for m in members])[blocks]
        enter = int(np.argmin(np.where(used, 0.0, below)))
        if below[enter] >= 0 or used[enter]:
            break
        used[enter] = True
    if gap > CERTIFIED:
        raise SolverError(f"pooled weights are {gap:.1e} from their optimum; rescale the outcome or use fewer donors")
    return PooledSolution(w, float(((A @ w - b) ** 2).sum()), float(gap))


def _face(
    Q: FloatArray, c: FloatArray, members: BoolArray, w: FloatArray, used: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Optimal weights on the donors in use, some of which leave where they would be negative."""
    used = used.copy()
    while True:
        at = np.flatnonzero(used)
        E = members[:, at].astype(float)
        size = max(float(np.abs(Q).max()), np.finfo(float).tiny)
        kkt = np.block([[Q[np.ix_(at, at)] / size, E.T], [E, np.zeros((len(E), len(E)))]])
        wanted = np.linalg.lstsq(kkt, np.concatenate([c[at] / size, np.ones(len(E))]), rcond=1e-13)[0][: len(at)]
        now = w[at]
        falling = wanted < -1e-14
        if not falling.any():
            w = np.zeros_like(w)
            w[at] = np.maximum(wanted, 0.0)
            return w / (members @ w)[members.argmax(axis=0)], used
        reach = np.where(falling, now / np.maximum(now - wanted, 1e-300), np.inf)
        first = int(np.argmin(reach))
        w = w.copy()
        w[at] = np.maximum(now + reach[first] * (wanted - now), 0.0)
        w[at[first]] = 0.0
        used[at[first]] = False


def _gap(gradient: FloatArray, w: FloatArray, members: BoolArray) -> float:
    """Σ over blocks of w'∇ − min ∇: no feasible weights are better by more than twice as much."""
    return float(sum(w[m] @ gradient[m] - gradient[m].min() for m in members))
