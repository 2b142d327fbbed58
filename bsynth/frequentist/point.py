"""The point answer: one estimator on one panel."""

import time

from bsynth.errors import SpecError, nearest, some_of
from bsynth.estimate import Estimate
from bsynth.frequentist.estimators import SOLVERS, Solver, find
from bsynth.panel import Panel


def classical(panel: Panel, estimator: str = "sc", *, solver: Solver = "exact") -> Estimate:
    """Answer what the treated series would have been, by weights on the donors fitted before the start.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), outcome units.
    estimator : {"sc", "demeaned", "did"}
        Synthetic control; the same with a free intercept; difference in differences.
    solver : {"exact", "slsqp"}
        ``"exact"`` is an active-set solver with a certified duality gap; ``"slsqp"`` is SciPy's, kept
        as the reference. Closed forms (``did``) need neither.

    Returns
    -------
    Estimate
        Weights, counterfactual and effects. A point: it has no interval.

    Raises
    ------
    SpecError
        The estimator or the solver is unknown.
    SolverError
        The weights problem has no usable answer.

    References
    ----------
    Abadie, Diamond and Hainmueller 2010 (``sc``); Ferman and Pinto 2021 (``demeaned``).

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> round(float(classical(panel).effects()["estimate"][0]), 6)
    4.0
    """
    chosen = find(estimator)
    if solver not in SOLVERS:
        raise SpecError(f"solver {solver!r} is unknown{nearest(solver, SOLVERS)}; it can be {some_of(SOLVERS)}")
    began = time.perf_counter()
    y, X = panel.treated_series[None, :], panel.donor_matrix[None, :, :]
    fit = chosen.solve(y, X, panel.n_pre, solver=solver)
    return Estimate(
        estimator=chosen.NAME,
        panel=panel,
        weights=fit.weights[0],
        intercept=float(fit.intercept[0]),
        counterfactual=fit.counterfactual(X)[0],
        solver=fit.solver,
        duality_gap=float(fit.duality_gap[0]),
        regularised=float(fit.regularised[0]),
        seconds=time.perf_counter() - began,
        notes=(chosen.CONDITIONS, *panel.source.notes(), *_ridge_notes(float(fit.regularised[0]))),
    )


def _ridge_notes(ridge: float) -> list[str]:
    if ridge == 0:
        return []
    return [
        f"Several weight vectors fit the pre-period equally well; a relative ridge of {ridge:.1e} picked "
        "the most even one, so read the effect rather than the single weights."
    ]
