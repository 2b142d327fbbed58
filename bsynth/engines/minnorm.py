"""The shortest vector in a hull: start, certificate and optimal face of one simplex problem.

What each step does and why it is exact is told in :mod:`bsynth.engines.simplex`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, lstsq
from scipy.linalg.lapack import dpotrf
from scipy.optimize import nnls

__all__ = [
    "FACE_RIDGE",
    "GAP_TOLERANCE",
    "Problem",
    "State",
    "active_set",
    "independent",
    "least_norm",
    "start",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GAP_TOLERANCE = 1e-10  #: relative duality gap that certifies by itself
PERFECT_FIT = 1e-8  #: a fit is perfect below this share of the best donor's SSR,
ROUNDING = 1e-18  #: or below this share of a typical donor's (of those that differ from y)
FACE_RIDGE = 1e-12  #: ridge, relative to orthonormal rows, that picks one point of an optimal face


@dataclass(slots=True)
class State:
    """One feasible point: multipliers with their rounding added, and the donors where they are zero.

    ``settled`` says that no multiplier tells the point from an optimum: none is negative, and none of a donor in
    use is positive, by more than rounding.
    """

    w: Floats
    ssr: float
    gap: float
    multipliers: Floats
    face: Bools
    settled: bool

    @property
    def certified(self) -> bool:
        """Whether the point is the optimum as far as double precision can tell."""
        return self.gap <= GAP_TOLERANCE or self.settled

    @property
    def optimal(self) -> bool:
        """Whether the gap is certified and every multiplier is non-negative to rounding."""
        return self.gap <= GAP_TOLERANCE and bool(self.multipliers.min() >= 0)


class Problem:
    """One problem in differences to its best single donor, which cancel a common level or period."""

    __slots__ = ("A", "Xc", "best", "floor", "lengths", "reach", "yc")

    def __init__(self, X: Floats, y: Floats) -> None:
        self.A = X - y[:, None]
        norms = np.einsum("tj,tj->j", self.A, self.A)
        best = int(norms.argmin())
        self.best = float(norms[best])
        self.floor = PERFECT_FIT * self.best
        if self.floor < ROUNDING * float(norms.max()):
            self.floor = max(self.floor, ROUNDING * float(np.median(norms[norms > 0])))
        self.Xc = X - X[:, best, None]
        self.yc = y - X[:, best]
        self.lengths = np.sqrt(np.einsum("tj,tj->j", self.Xc, self.Xc))
        self.reach = math.sqrt(self.yc @ self.yc)

    def state(self, w: Floats) -> State:
        """Evaluate a feasible point."""
        fit = self.Xc @ w
        r = fit - self.yc
        ssr = float(r @ r)
        multipliers = self.Xc.T @ r - float(fit @ r)
        excess, floor = min(ssr, max(0.0, -2.0 * float(multipliers.min()))), max(ssr, self.floor)
        if excess > GAP_TOLERANCE * floor:
            excess = min(excess, self._projected_gap(w, fit, r))
        gap = excess / floor if floor > 0 else 0.0
        # A multiplier rounds with the donor's distance to the fit times the residual and its terms.
        distance = self.lengths + math.sqrt(fit @ fit)
        size, terms = math.sqrt(ssr), self.reach + float(self.lengths @ w)
        face = multipliers <= distance * (1e-9 * size + 1e-13 * terms)
        rounding = distance * (1e-12 * size + 1e-14 * terms)
        settled = bool((multipliers >= -rounding).all() and (multipliers <= rounding)[w > 0].all())
        return State(w, ssr, gap, multipliers + rounding, face, settled)

    def _projected_gap(self, w: Floats, fit: Floats, r: Floats) -> float:
        """Bound ``f(w) − f*`` with the residual cleaned of its rounding error along the support."""
        D = self.Xc - fit[:, None]
        support = D[:, w > 1e-8]
        support = support / np.maximum(np.sqrt(np.einsum("tj,tj->j", support, support)), 1e-300)
        u = r
        for _ in range(2):  # the second pass takes away what rounding left in the first
            u = u - support @ lstsq(support, u, lapack_driver="gelsy")[0]
        return float((r - u) @ (r - u)) + max(0.0, -2.0 * float((D.T @ u).min()))


def start(problem: Problem) -> Floats:
    """Return the simplex solution by non-negative least squares with one extra row."""
    periods, n_donors = problem.A.shape
    if problem.best == 0 or n_donors == 1:
        return _vertex(problem)
    system = np.empty((periods + 1, n_donors))
    np.divide(problem.A, np.sqrt(problem.best), out=system[:-1])
    system[-1] = 1.0
    target = np.zeros(periods + 1)
    target[-1] = 1.0
    try:
        u, _ = nnls(system, target, maxiter=10 * n_donors + 100)
    except RuntimeError:  # iteration cap: the active-set method takes over from the best donor
        return _vertex(problem)
    total = float(u.sum())
    return u / total if 0 < total < np.inf else _vertex(problem)


def _vertex(problem: Problem) -> Floats:
    """Return all weight on the best single donor (ties shared, so that the order does not matter)."""
    best = (problem.lengths == 0).astype(np.float64)
    return np.asarray(best / best.sum())


def active_set(problem: Problem, state: State) -> tuple[State, int]:
    """Go on from a feasible point by the primal active-set method; each step lowers the objective."""
    w, passive = state.w.copy(), state.w > 0
    best, blocked = state, np.zeros(len(w), dtype=bool)
    cap = 3 * len(w) + 50
    for step in range(1, cap + 1):
        target = _on_support(problem, passive)
        if (target[passive] > 0).all():
            w = target
            state = problem.state(w)
            if state.ssr < best.ssr or state.gap < best.gap:
                best, blocked = state, np.zeros(len(w), dtype=bool)
            multipliers = np.where(passive | blocked, 0.0, state.multipliers)
            entering = int(multipliers.argmin())
            if multipliers[entering] >= 0:
                return best, step
            passive[entering] = blocked[entering] = True
            continue
        falling = passive & (target <= 0)
        fall = w[falling] - target[falling]
        ratio = np.divide(w[falling], fall, out=np.zeros_like(fall), where=fall > 0)
        length = float(ratio.min(initial=1.0))
        passive[np.flatnonzero(falling)[ratio <= length]] = False
        w = np.where(passive, np.maximum(w + length * (target - w), 0.0), 0.0)
        w /= w.sum()
    return best, cap


def _on_support(problem: Problem, passive: Bools) -> Floats:
    """Return least-squares weights with sum one on a support, signs free."""
    support = np.flatnonzero(passive)
    base = support[int(problem.lengths[support].argmin())]
    others = support[support != base]
    w = np.zeros(len(passive))
    if len(others):
        step = problem.Xc[:, others] - problem.Xc[:, base, None]
        size = np.sqrt(np.einsum("tj,tj->j", step, step))
        size[size == 0] = 1.0
        w[others] = lstsq(step / size, problem.yc - problem.Xc[:, base], lapack_driver="gelsy")[0] / size
    w[base] = 1.0 - w.sum()
    return w


def independent(problem: Problem, face: Bools) -> bool:
    """Tell whether the donors of a face are affinely independent, to 1e-10 of their distances."""
    donors = np.flatnonzero(face)
    if len(donors) == 1 or len(donors) > len(problem.yc) + 1:
        return len(donors) == 1
    rows = problem.A[:, donors]
    gram = rows.T @ rows + problem.best  # of the donors above a row of equal entries
    factor, failed = dpotrf(gram)
    if failed == 0 and (factor.diagonal() ** 2 > 1e-9 * gram.diagonal()).all():
        return True
    base = donors[int(problem.lengths[donors].argmin())]
    steps = problem.Xc[:, donors[donors != base]] - problem.Xc[:, base, None]
    size = np.sqrt(np.einsum("tj,tj->j", steps, steps))
    if size.min() <= 1e-12 * (problem.reach + float(problem.lengths[donors].min())):
        return False
    return float(np.linalg.svd(steps / size, compute_uv=False)[-1]) > 1e-10


def least_norm(problem: Problem, state: State) -> tuple[State | None, int]:
    """Return the point of least norm on an optimal face, or None when it cannot be certified.

    ``min ½‖v‖² + ‖M v − b‖² / (2δ)``, ``v ≥ 0`` with orthonormal rows M has the dual
    ``max b'λ − ½‖max(0, M'λ)‖² − δ/2 ‖λ‖²``, solved by a damped
    semi-smooth Newton method in rank(M) unknowns.
    """
    M, b = _face_rows(problem, state)
    lam, steps = b.copy(), 0
    while steps < 100:
        steps += 1
        value, v, gradient = _dual(M, b, lam)
        size = float(np.sqrt(gradient @ gradient))
        if size <= 1e-13:
            break
        active = M[:, v > 0]
        damping = min(1e-2, size) + FACE_RIDGE
        direction = cho_solve(cho_factor(active @ active.T + damping * np.eye(len(b))), gradient)
        length, slope = 1.0, float(gradient @ direction)
        while length > 1e-6 and _dual(M, b, lam + length * direction)[0] < value + 1e-4 * length * slope:
            length /= 2
        lam = lam + length * direction
    v = np.maximum(M.T @ lam, 0.0)
    positive = v > 1e-9 * v.max()
    exact = np.zeros_like(v)
    exact[positive] = lstsq(M[:, positive], b, lapack_driver="gelsd")[0]
    if exact.min() >= -1e-12 and float(np.abs(exact - v).max()) <= 1e-6:
        v = np.maximum(exact, 0.0)
    if not v.any():
        return None, steps
    w = np.zeros(len(state.w))
    w[state.face] = v / v.sum()
    chosen = problem.state(w)
    level = max(state.ssr, problem.floor)
    good = chosen.certified and chosen.ssr <= state.ssr + GAP_TOLERANCE * level
    return (chosen if good else None), steps


def _face_rows(problem: Problem, state: State) -> tuple[Floats, Floats]:
    """Return orthonormal rows M and ``b = M v`` that hold the fit and the sum of the weights."""
    steps = problem.Xc[:, state.face] - (problem.Xc @ state.w)[:, None]
    size = float(np.sqrt(np.einsum("tj,tj->j", steps, steps).max()))
    size = max(size, 1e-5 * (problem.reach + float(problem.lengths @ state.w)))  # else rounding becomes rank
    system = np.ones((len(steps) + 1, steps.shape[1]))
    np.divide(steps, size if size > 0 else 1.0, out=system[:-1])
    _, s, rows = np.linalg.svd(system, full_matrices=False)
    M = rows[s > 1e-10 * s[0]]
    return M, M @ state.w[state.face]


def _dual(M: Floats, b: Floats, lam: Floats) -> tuple[float, Floats, Floats]:
    """Return the dual objective of the least-norm point, its weights, and its gradient."""
    v = np.maximum(M.T @ lam, 0.0)
    value = float(b @ lam - v @ v / 2 - FACE_RIDGE * (lam @ lam) / 2)
    return value, v, b - M @ v - FACE_RIDGE * lam
