"""The point answer: one estimator on one panel, or weights from elsewhere applied to it."""

import time
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.request import check_number
from bsynth._base.types import Label
from bsynth.errors import SpecError, came, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import SOLVERS, Estimator, Method, Solver, find, sc, sc_slsqp
from bsynth.frequentist.estimators.predictors import notes as predictor_notes
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.labels import some_labels
from bsynth.text.numbers import exact


def classical(panel: Panel, estimator: Method = "sc", *, solver: Solver = "exact") -> Estimate:
    """Answer what the treated series would have been, by weights on the donors fitted before the start.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), outcome units.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm", "sc-slsqp"}, RidgeASCM or Predictors
        Synthetic control; the same with a free intercept; difference in differences; synthetic difference in
        differences; ridge-augmented synthetic control; the first by SciPy's solver; or an
        estimator with settings of its own.
    solver : {"exact", "slsqp"}
        ``"exact"`` is an active-set solver with a certified duality gap; ``"slsqp"`` is SciPy's, kept
        as the reference: with it ``"sc"`` is ``"sc-slsqp"``. Closed forms (``did``) need neither.

    Returns
    -------
    Estimate
        Weights, counterfactual and effects. A point: it has no interval.

    Raises
    ------
    SpecError
        The estimator or the solver is unknown, or predictors do not fit the panel.
    SolverError
        The weights problem has no usable answer.

    References
    ----------
    Abadie, Diamond and Hainmueller 2010 (``sc``, predictors); Ferman and Pinto 2021 (``demeaned``);
    Arkhangelsky et al. 2021 (``sdid``); Ben-Michael, Feller and Rothstein 2021 (``ascm``).

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> round(float(classical(panel).effects()["estimate"][0]), 6)
    4.0
    """
    require_panel(panel)
    if solver not in SOLVERS:
        raise SpecError(f"solver {solver!r} is unknown{nearest(solver, SOLVERS)}; it can be {some_of(SOLVERS)}")
    chosen: Estimator = find(estimator, panel)
    if chosen is sc and solver == "slsqp":
        # One thing has one name, whichever way it was asked for.
        chosen = sc_slsqp
    began = time.perf_counter()
    y, X = panel.treated_series[None, :], panel.donor_matrix[None, :, :]
    fit = chosen.solve(y, X, panel.n_pre, solver=solver)
    settings = {name: float(values[0]) for name, values in fit.settings.items()}
    matched = fit.predictors[0] if fit.predictors else None
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
        remarks=(
            chosen.CONDITIONS,
            *panel.notes(),
            *_ridge_notes(float(fit.regularised[0])),
            *([] if matched is None else predictor_notes(matched, settings)),
        ),
        time_weights=None if fit.time_weights is None else fit.time_weights[0],
        settings=settings,
        predictors=matched,
    )


def with_weights(panel: Panel, weights: Mapping[Label, float] | pd.Series, *, intercept: float = 0.0) -> Estimate:
    """Answer what given donor weights, such as published ones, say about this panel.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), outcome units.
    weights : mapping or Series of donor to weight
        Donors that are not named get 0. Taken as they are: neither rescaled nor held to the simplex.
    intercept : float
        Constant added to the weighted donors, outcome units.

    Returns
    -------
    Estimate
        With ``estimator == "given"`` and no duality gap (NaN): nothing was optimised.

    Raises
    ------
    SpecError
        A name that is no donor of the panel, no weight at all, or a number that is not finite.

    Examples
    --------
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> with_weights(panel, {"b": 0.4, "c": 0.6}).gap.round(6).tolist()
    [-0.2, -0.2, -0.2, -0.2, 3.8]
    """
    require_panel(panel)
    if not isinstance(weights, Mapping | pd.Series):
        raise SpecError(f"weights is {came(weights)}; give {{donor: weight}} or a Series whose index is donors")
    given: dict[Any, Any] = dict(weights)
    if not given:
        raise SpecError("weights are empty; name at least one donor and its weight")
    for name, value in given.items():
        if name not in panel.donors:
            hint = nearest(name, panel.donors)
            raise SpecError(f"weights name {name!r}, which is no donor{hint}; donors are {some_labels(panel.donors)}")
        if not isinstance(value, Real) or not np.isfinite(float(value)):
            raise SpecError(f"the weight of {name!r} is {value!r}; give finite numbers")
    intercept = check_number(intercept, "intercept")
    vector = np.array([float(given.get(donor, 0.0)) for donor in panel.donors])
    total = f"The weights were given, not fitted; they sum to {exact(float(vector.sum()))}."
    return Estimate(
        estimator="given",
        panel=panel,
        weights=vector,
        intercept=intercept,
        counterfactual=intercept + panel.donor_matrix @ vector,
        solver="given",
        duality_gap=np.nan,
        regularised=0.0,
        seconds=0.0,
        remarks=(total, *panel.notes()),
    )


def _ridge_notes(ridge: float) -> list[str]:
    if ridge == 0:
        return []
    return [
        f"Several weight vectors fit the pre-period equally well; a relative ridge of {exact(ridge, 2)} picked "
        "the most even one, so read the effect rather than the single weights."
    ]
