"""The verb `classical`: one start or many."""

from typing import overload

from bsynth.errors import SpecError
from bsynth.frequentist import point
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method, Solver
from bsynth.frequentist.staggered.estimate import StaggeredEstimate
from bsynth.frequentist.staggered.multisynth import Multisynth
from bsynth.frequentist.staggered.stacked import WaveMethod, stacked
from bsynth.panel import Panel, StaggeredPanel


@overload
def classical(panel: Panel, estimator: Method = "sc", *, solver: Solver = "exact") -> Estimate: ...


@overload
def classical(
    panel: StaggeredPanel[Panel], estimator: WaveMethod = "sc", *, solver: Solver = "exact"
) -> StaggeredEstimate: ...


def classical(
    panel: Panel | StaggeredPanel[Panel], estimator: WaveMethod = "sc", *, solver: Solver = "exact"
) -> Estimate | StaggeredEstimate:
    """Answer what the treated units would have been, by weights on their donors fitted before the start.

    Parameters
    ----------
    panel : Panel or StaggeredPanel
        Treated series (T,) and donors (T, J), outcome units. Where starts differ, every unit is fitted against its own
        donors, and gaps are averaged overall, by wave, event time and unit.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm", "sc-slsqp"}, RidgeASCM or Predictors
        Synthetic control; the same with a free intercept; difference in differences; synthetic difference in
        differences; ridge-augmented synthetic control; the first by SciPy's solver; or an
        estimator with settings of its own. Where starts differ also ``"multisynth"`` or `Multisynth`: weights of all
        units found together, so that their average is matched too.
    solver : {"exact", "slsqp"}
        ``"exact"`` is an active-set solver with a certified duality gap; ``"slsqp"`` is SciPy's, kept
        as the reference: with it ``"sc"`` is ``"sc-slsqp"``. Closed forms (``did``) need neither.

    Returns
    -------
    Estimate or StaggeredEstimate
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
    Arkhangelsky et al. 2021 (``sdid``); Ben-Michael, Feller and Rothstein 2021 (``ascm``), 2022 (``multisynth``).

    Examples
    --------
    >>> import bsynth as bs, pandas as pd
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = bs.Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> round(float(bs.classical(panel).effects()["estimate"][0]), 6)
    4.0
    """
    if isinstance(panel, StaggeredPanel):
        return stacked(panel, estimator, solver=solver)
    if isinstance(estimator, Multisynth) or estimator == "multisynth":
        raise SpecError(
            "multisynth is for units with different starts, and this panel has one; 'sc' or 'demeaned' is it"
        )
    return point.classical(panel, estimator, solver=solver)
