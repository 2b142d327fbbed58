"""Exact least squares over the simplex: donor weights with a certificate.

``min ‖y − X w‖²``, ``w ≥ 0``, ``Σw = 1`` asks for the shortest vector in the hull of ``a_j = x_j − y``.

1. *Start.* With ``u = t w``, ``min_{u ≥ 0} ‖A u‖² + (1 − 1'u)²`` has the inner minimum ``f(w) / (1 + f(w))``
   over t, which rises with f: non-negative least squares with one extra row is the simplex problem
   *exactly*, without a heavy penalty (Lawson & Hanson 1995, ch. 23). SciPy's compiled code solves it.
2. *Certificate.* Multipliers are taken from differences to a reference donor b, so that a common level or one
   huge period cancels. If they are not right to rounding, a primal active-set method goes on from there; if it
   stops short as well, other starts and SLSQP follow (`bsynth.engines.fallback`), and the best point is returned.
3. *Face.* Donors with a zero multiplier span the optimal face. Affinely independent: the optimum is unique.
   Else its point of least ``‖w‖`` is taken: the limit of a vanishing ridge, whatever the donors' order.

*What double precision certifies.* Differences to b are right to a relative rounding each, whatever the level, so
the residual r = X w − y is known to δ = k u (Σ_j w_j‖x_j − x_b‖ + ‖y − x_b‖), u = 2⁻⁵³, k about the number of
terms. A multiplier ``(x_j − X w)'r`` is then known to ``s_j = ‖x_j − X w‖ (δ + k u ‖r‖)``. When none is below
``−s_j`` and those in use are within ``± s_j``, ``f(w) − f* ≤ 2 max_j s_j``: first order in δ, and all that a dual
bound can show, relative to f possibly much more than 1e-10 when a donor lies far away or the fit is nearly
perfect. The objective is right to second order, δ², since along the optimal face f has no slope. A solution is
certified when its gap is at most 1e-10 or its multipliers hold to ``s_j``; the gap returned is the one reached.

Weighted refits scale the rows of X and y; a ridge is rows ``ζ I`` below X and zeros below y.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bsynth.engines.fallback import improved
from bsynth.engines.minnorm import (
    FACE_RIDGE,
    Problem,
    active_set,
    independent,
    least_norm,
    start,
)
from bsynth.errors import SolverError

__all__ = ["SimplexBatch", "SimplexSolution", "as_problem", "duality_gap", "solve_many", "solve_simplex"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SMALLEST, LARGEST = 1e-120, 1e120  #: magnitudes whose squares stay well inside float64


@dataclass(frozen=True, slots=True, eq=False)
class SimplexSolution:
    """Donor weights of one problem, and how good they are.

    Attributes
    ----------
    weights : (J,) float64
        Non-negative, sum 1, exactly zero off the support.
    objective : float
        Sum of squared residuals, in squared units of ``y``.
    duality_gap : float
        Relative gap that was reached, as :func:`duality_gap` defines it: at most 1e-10, or what rounding leaves
        on data of very different scales (see :mod:`bsynth.engines.simplex`).
    iterations : int
        Exchanges and Newton steps after the compiled start (0: the start was optimal), or SLSQP iterations.
    method : {"active-set", "slsqp"}
    regularised : float
        Relative ridge that chose among several optima; 0.0 if none was needed.
    unique : bool or None
        Whether the optimal weights are unique (donors with a zero multiplier are affinely independent);
        ``None`` when not assessed (SLSQP).
    """

    weights: Floats
    objective: float
    duality_gap: float
    iterations: int
    method: Literal["active-set", "slsqp"]
    regularised: float
    unique: bool | None


@dataclass(frozen=True, slots=True, eq=False)
class SimplexBatch:
    """Donor weights (B, J) of B problems; every other field of :class:`SimplexSolution` as a (B,) array."""

    weights: Floats
    objective: Floats
    duality_gap: Floats
    iterations: NDArray[np.int64]
    regularised: Floats
    unique: Bools


def duality_gap(X: Floats, y: Floats, w: Floats) -> float:
    """Return how far, at most, weights on the simplex are from the optimum, as a share of the objective.

    For every dual point u, ``f(w) − f* ≤ ‖r − u‖² + 2 max_j (X w − x_j)'u`` with ``r = X w − y``. The
    smallest of three such bounds is used: ``u = r`` (the Frank-Wolfe gap), ``u = 0`` (f itself) and, when
    these are not tight, r less its rounding error (r projected off the differences of the donors in use).
    It is divided by ``max(f(w), 1e-8 · min_j ‖x_j − y‖², 1e-18 · median_j ‖x_j − y‖²)``: the objective,
    or, when the fit is perfect to four digits of the best donor's residual or nine of a typical one's, a
    floor, since a gap relative to zero says nothing.

    Parameters
    ----------
    X : (T0, J) donors, y : (T0,) treated, w : (J,) weights on the simplex; units cancel.

    Returns
    -------
    float
        Relative gap, dimensionless; 0.0 when ``f`` and the gap are both zero.

    Raises
    ------
    SolverError
        If the arrays do not fit together or hold NaN or infinite values.

    References
    ----------
    Jaggi (2013), Revisiting Frank-Wolfe, eq. 2.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([1.0, 1.0])
    >>> duality_gap(X, y, np.array([0.5, 0.5]))
    0.0
    >>> duality_gap(X, y, np.array([1.0, 0.0]))
    1.0
    """
    X, y = as_problem(X, y)
    w = np.asarray(w, dtype=np.float64)
    if w.shape != (X.shape[1],):
        raise SolverError(f"weights have shape {w.shape}, need one per donor: ({X.shape[1]},)")
    if not np.isfinite(w).all():
        raise SolverError("weights hold NaN or infinite values; pass finite weights on the simplex")
    return Problem(X, y).state(w).gap


def solve_simplex(X: Floats, y: Floats) -> SimplexSolution:
    """Find the synthetic-control weights of one treated series exactly.

    Minimises ``‖y − X w‖²`` over ``w ≥ 0``, ``Σw = 1``.

    Parameters
    ----------
    X : (T0, J) donors in the pre-period, in the units of ``y``.
    y : (T0,) treated series.

    Returns
    -------
    SimplexSolution
        With a relative duality gap of at most 1e-10, or what double precision allows.

    Raises
    ------
    SolverError
        If the arrays do not fit together, or hold NaN, infinite values or magnitudes that cannot be squared.

    References
    ----------
    Lawson & Hanson (1995), ch. 23; Wolfe (1976) for the minimum-norm-point view.

    Examples
    --------
    >>> import numpy as np
    >>> fit = solve_simplex(np.array([[0.0, 2.0, 9.0], [2.0, 0.0, 9.0]]), np.array([0.5, 1.5]))
    >>> fit.weights.round(12).tolist(), fit.unique
    ([0.75, 0.25, 0.0], True)
    """
    X, y = as_problem(X, y)
    return _solve(X, y)


def solve_many(X: Floats, y: Floats, *, donors: Bools | None = None) -> SimplexBatch:
    """Find the synthetic-control weights of many treated series, each exactly.

    One call serves placebos in space (``X`` shared, ``y = X.T``, ``donors`` everything but the diagonal),
    leave-one-out (``X`` and ``y`` shared, ``donors`` one short) and the bootstrap (a panel per replicate).

    Parameters
    ----------
    X : (B, T0, J) donors of each problem, or (T0, J) shared by all.
    y : (B, T0) treated series, or (T0,) shared by all.
    donors : (B, J) bool, optional
        Donors that each problem may use; the others get weight zero.

    Returns
    -------
    SimplexBatch
        The same numbers as :func:`solve_simplex` on each problem.

    Raises
    ------
    SolverError
        As :func:`solve_simplex`, and if a problem has no donor or nothing tells the number of problems.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0, 4.0], [1.0, 3.0, 2.0], [2.0, 2.0, 1.0]])
    >>> placebo = solve_many(X, X.T, donors=~np.eye(3, dtype=bool))
    >>> placebo.weights.diagonal().tolist()
    [0.0, 0.0, 0.0]
    """
    X, y, donors = _batch_arrays(X, y, donors)
    weights = np.zeros((len(y), X.shape[-1]))
    found: list[SimplexSolution] = []
    for b, target in enumerate(y):
        panel = X if X.ndim == 2 else X[b]
        usable = slice(None) if donors is None else donors[b]
        found.append(_solve(panel[:, usable], target))
        weights[b, usable] = found[-1].weights
    return SimplexBatch(
        weights=weights,
        objective=np.array([s.objective for s in found]),
        duality_gap=np.array([s.duality_gap for s in found]),
        iterations=np.array([s.iterations for s in found], dtype=np.int64),
        regularised=np.array([s.regularised for s in found]),
        unique=np.array([bool(s.unique) for s in found]),
    )


def as_problem(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return float64 arrays of one problem, or say what is wrong with them."""
    X, y = _floats(X, "donors X"), _floats(y, "treated series y")
    if X.ndim != 2 or y.ndim != 1 or X.shape[0] != y.shape[0]:
        raise SolverError(f"X has shape {X.shape} and y {y.shape}; need (T0, J) and (T0,) with the same T0")
    return X, y


def _batch_arrays(X: Floats, y: Floats, donors: Bools | None) -> tuple[Floats, Floats, Bools | None]:
    """Return float64 arrays of a batch with ``y`` (B, T0), or say what is wrong with them."""
    X, y = _floats(X, "donors X"), _floats(y, "treated series y")
    if donors is not None:
        donors = np.asarray(donors)
        if donors.dtype != np.bool_ or donors.ndim != 2 or donors.shape[1] != X.shape[-1]:
            raise SolverError(f"donors has shape {donors.shape} and type {donors.dtype}; need (B, J) bool")
        if not donors.any(axis=1).all():
            raise SolverError(f"problem {int(donors.any(axis=1).argmin())} has no donor; leave it at least one")
    sizes = {len(part) for part, many in ((X, X.ndim == 3), (y, y.ndim == 2)) if many}
    if donors is not None:
        sizes.add(len(donors))
    if X.ndim not in (2, 3) or y.ndim not in (1, 2) or X.shape[-2] != y.shape[-1] or len(sizes) != 1:
        shape = None if donors is None else donors.shape
        raise SolverError(
            f"X has shape {X.shape}, y {y.shape} and donors {shape}; "
            "need (B, T0, J) or (T0, J), (B, T0) or (T0,), and (B, J) with one B"
        )
    return X, np.broadcast_to(y, (sizes.pop(), y.shape[-1])), donors


def _floats(values: Floats, name: str) -> Floats:
    """Return float64 values that can be squared, or say which input cannot."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SolverError(f"{name} is not numeric ({error}); pass an array of numbers") from error
    if array.size == 0:
        raise SolverError(f"{name} has shape {array.shape}; need at least one pre-period and one donor")
    largest = max(float(array.max()), -float(array.min()))
    if not largest < np.inf:
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise SolverError(f"{name} holds {array[bad]} at {bad}; fill or drop missing and infinite cells first")
    if largest > LARGEST or 0 < largest < SMALLEST:
        raise SolverError(f"{name} has values up to {largest:.1e}; rescale it to {SMALLEST:.0e}..{LARGEST:.0e}")
    return array


def _solve(X: Floats, y: Floats) -> SimplexSolution:
    """Solve one validated problem."""
    problem = Problem(X, y)
    state, iterations = problem.state(start(problem)), 0
    if not state.optimal:
        state, iterations = active_set(problem, state)
    if not state.certified:
        state, iterations = improved(problem, state, iterations)
    unique, ridge = independent(problem, state.face), 0.0
    if not unique:
        chosen, steps = least_norm(problem, state)
        iterations += steps
        if chosen is not None:
            state, ridge = chosen, FACE_RIDGE
    return SimplexSolution(state.w, state.ssr, state.gap, iterations, "active-set", ridge, unique)
