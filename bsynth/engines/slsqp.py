"""The simplex problem by SciPy's SLSQP: the reference that the exact engine is compared with."""

import numpy as np
from numpy.typing import NDArray

from bsynth.engines.fallback import slsqp_round
from bsynth.engines.simplex import SimplexSolution, as_problem, duality_gap
from bsynth.errors import SolverError

__all__ = ["solve_slsqp"]

Floats = NDArray[np.float64]

#: Above this relative duality gap an answer is a failure, whatever SciPy's status says.
FAILED_GAP = 1e-3


def solve_slsqp(X: Floats, y: Floats, *, max_iterations: int = 2000) -> SimplexSolution:
    """Find synthetic-control weights by sequential least squares, as most packages do.

    Starts at uniform weights with the analytic gradient. The objective is scaled so that the best single
    donor has the value one half, hence the answer does not depend on the units.

    Parameters
    ----------
    X : (T0, J) donors in the pre-period, in the units of ``y``.
    y : (T0,) treated series.
    max_iterations : int
        Iteration limit of each of at most three rounds; a round starts where the last one stopped.

    Returns
    -------
    SimplexSolution
        ``method="slsqp"``; ``duality_gap`` is what the iterations reached (not certified);
        ``unique`` is None.

    Raises
    ------
    SolverError
        If the arrays do not fit together, hold NaN or infinite values, or SLSQP stopped with a relative
        duality gap above 1e-3.

    References
    ----------
    Kraft (1988), through ``scipy.optimize.minimize(method="SLSQP")``.

    Examples
    --------
    >>> import numpy as np
    >>> fit = solve_slsqp(np.array([[0.0, 2.0, 9.0], [2.0, 0.0, 9.0]]), np.array([0.5, 1.5]))
    >>> fit.weights.round(6).tolist()
    [0.75, 0.25, 0.0]
    """
    X, y = as_problem(X, y)
    w = np.full(X.shape[1], 1.0 / X.shape[1])
    gap = duality_gap(X, y, w)
    A = X - y[:, None]
    largest = float(np.abs(A).max())
    A = A / largest if largest > 0 else A
    best = float(np.sqrt(np.einsum("tj,tj->j", A, A).min()))
    A = A / best if best > 0 else A
    iterations, message = 0, "start is optimal"
    for _ in range(3):
        w_next, steps, message = slsqp_round(A, w, max_iterations)
        iterations += steps
        gap_next = duality_gap(X, y, w_next)
        improved = gap_next < 0.5 * gap
        if gap_next < gap:
            w, gap = w_next, gap_next
        if gap <= 1e-10 or not improved:
            break
    if not gap <= FAILED_GAP:
        raise SolverError(f"SLSQP stopped with relative duality gap {gap:.1e} ({message}); use the exact solver here")
    residual = X @ w - y
    return SimplexSolution(w, float(residual @ residual), gap, iterations, "slsqp", 0.0, None)
