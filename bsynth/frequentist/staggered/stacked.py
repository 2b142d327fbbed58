"""One estimator on every treated unit of a staggered panel, each with its own start, donors and window."""

import time

import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.errors import SpecError, nearest
from bsynth.frequentist.estimators import ESTIMATORS, Method, Solver
from bsynth.frequentist.point import classical
from bsynth.frequentist.staggered import multisynth
from bsynth.frequentist.staggered.estimate import StaggeredEstimate, unit_gaps
from bsynth.frequentist.staggered.multisynth import Multisynth
from bsynth.panel import Panel, StaggeredPanel
from bsynth.text.numbers import exact

type WaveMethod = Method | Multisynth
"""An estimator of one unit at a time, or the one of all together."""


def stacked(panel: StaggeredPanel[Panel], estimator: WaveMethod, *, solver: Solver = "exact") -> StaggeredEstimate:
    """Answer for each treated unit what it would have been, and average the gaps by wave, event time and overall.

    Parameters
    ----------
    panel : StaggeredPanel
    estimator : as `classical`, or ``"multisynth"`` or `Multisynth`
    solver : {"exact", "slsqp"}

    Raises
    ------
    SpecError
        An unknown estimator.
    """
    asked = chosen(estimator)
    return _together(panel, asked) if isinstance(asked, Multisynth) else _separate(panel, asked, solver)


def chosen(estimator: WaveMethod) -> WaveMethod:
    """The joint estimator where it is asked for by name; any other name must be one that there is."""
    if estimator == multisynth.NAME:
        return Multisynth()
    if isinstance(estimator, str) and estimator not in ESTIMATORS:
        known = [*ESTIMATORS, multisynth.NAME]
        hint = nearest(estimator, known)
        raise SpecError(f"estimator {estimator!r} is unknown{hint}; it can be {', '.join(known)}")
    return estimator


def _separate(panel: StaggeredPanel[Panel], estimator: Method, solver: Solver) -> StaggeredEstimate:
    began = time.perf_counter()
    gaps, weights, intercepts, remarks, name = [], [], {}, dict.fromkeys(panel.notes()), ""
    for unit in panel.starts:
        one = classical(panel.unit_panel(unit), estimator, solver=solver)
        name = one.estimator
        gaps.append(unit_gaps(panel, unit, one.panel, one.counterfactual))
        weights.append(_weights(unit, one.panel, one.weights))
        intercepts[unit] = one.intercept
        remarks = dict.fromkeys([one.remarks[0], *remarks])
    return StaggeredEstimate(
        estimator=name,
        panel=panel,
        gaps=pd.concat(gaps, ignore_index=True),
        weights=pd.concat(weights, ignore_index=True),
        intercepts=intercepts,
        seconds=time.perf_counter() - began,
        remarks=tuple(remarks),
    )


def _together(panel: StaggeredPanel[Panel], settings: Multisynth) -> StaggeredEstimate:
    began = time.perf_counter()
    own = {unit: panel.unit_panel(unit) for unit in panel.starts}
    found = multisynth.solve(
        [p.treated_series[: p.n_pre] for p in own.values()],
        [p.donor_matrix[: p.n_pre] for p in own.values()],
        [panel.events(unit)[: p.n_pre] for unit, p in own.items()],
        settings,
    )
    gaps, weights = [], []
    for (unit, p), w, level in zip(own.items(), found.weights, found.intercepts, strict=True):
        gaps.append(unit_gaps(panel, unit, p, level + p.donor_matrix @ w))
        weights.append(_weights(unit, p, w))
    how = "as given" if settings.nu is not None else "from the separate fits"
    return StaggeredEstimate(
        estimator=multisynth.NAME,
        panel=panel,
        gaps=pd.concat(gaps, ignore_index=True),
        weights=pd.concat(weights, ignore_index=True),
        intercepts=dict(zip(own, found.intercepts, strict=True)),
        seconds=time.perf_counter() - began,
        settings={"nu": found.nu, "q_separate": found.separate, "q_pooled": found.pooled},
        remarks=(
            multisynth.CONDITIONS,
            f"The share of the pooled fit is nu = {exact(found.nu, 3)}, {how}.",
            *panel.notes(),
        ),
    )


def _weights(unit: object, panel: Panel, weights: FloatArray) -> pd.DataFrame:
    donors = pd.Series(panel.donors, dtype=object)
    return pd.DataFrame({"unit": pd.Series([unit] * len(donors), dtype=object), "donor": donors, "weight": weights})
