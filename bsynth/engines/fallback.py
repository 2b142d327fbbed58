"""What is tried when the exact method stops short of a certificate: other starts, then SLSQP, each polished."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, minimize

from bsynth.engines.minnorm import Problem, State, active_set

__all__ = ["improved", "slsqp_round", "starts"]

Floats = NDArray[np.float64]

#: Change of the scaled objective (half the SSR, 1 for the best single donor) at which SLSQP stops.
OBJECTIVE_TOLERANCE = 1e-15
#: Iterations of SLSQP from even weights before the active set takes its point on.
SLSQP_ITERATIONS = 500
#: Donors up to which SLSQP is a start: each of its iterations costs their third power, minutes in all with 400 of them.
SLSQP_DONORS = 100


def improved(problem: Problem, state: State, iterations: int) -> tuple[State, int]:
    """Return the first certified point that another start leads to, else the best of all; and all iterations."""
    for w in starts(problem):
        found, steps = active_set(problem, problem.state(w))
        iterations += steps
        if found.certified or found.ssr < state.ssr:
            state = found
        if state.certified:
            break
    return state, iterations


def starts(problem: Problem) -> Iterator[Floats]:
    """Yield points to begin from: the best donor, even weights, and where SLSQP stops unless donors are many."""
    donors = problem.Xc.shape[1]
    even = np.full(donors, 1.0 / donors)
    best = np.zeros(donors)
    best[int(problem.lengths.argmin())] = 1.0
    yield best
    yield even
    if donors > SLSQP_DONORS:
        return
    # In units of the best donor's distance, in which f is ½ there.
    unit = math.sqrt(problem.best) or 1.0
    yield slsqp_round(problem.A / unit, even, SLSQP_ITERATIONS)[0]


def slsqp_round(A: Floats, w: Floats, max_iterations: int) -> tuple[Floats, int, str]:
    """Run SLSQP once on ``½‖A w‖²`` and return feasible weights, iterations and SciPy's message."""

    def value(v: Floats) -> float:
        residual = A @ v
        return float(residual @ residual) / 2

    def gradient(v: Floats) -> Floats:
        product: Floats = A.T @ (A @ v)
        return product

    result = minimize(
        value,
        w,
        jac=gradient,
        method="SLSQP",
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(np.ones((1, len(w))), 1.0, 1.0),
        options={"ftol": OBJECTIVE_TOLERANCE, "maxiter": max_iterations},
    )
    v = np.maximum(result.x, 0.0)
    total = float(v.sum())
    v = v / total if np.isfinite(total) and total > 0 else w
    return v, int(result.nit), str(result.message)
