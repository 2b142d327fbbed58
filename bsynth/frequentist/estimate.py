"""The answer of a classical estimator: a point, stored as a point and never as a one-draw posterior."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bsynth import effects
from bsynth._base.plain import clean, plain, records, show
from bsynth._base.request import check_level
from bsynth._base.types import FloatArray, Status
from bsynth.panel import Panel
from bsynth.text.labels import METHODS
from bsynth.text.numbers import count, fixed, number
from bsynth.text.result import Pictured

ALONE = 1.005
"""Effective donors below which one carries the weight: as written, there is one."""


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(Pictured):
    """What a classical estimator says the treated series would have been.

    Attributes
    ----------
    estimator : str
        Name of the estimator, such as ``"sc"``; ``"given"`` for weights that came from elsewhere.
    panel : Panel
        The data it was computed from.
    weights : (J,) array
        Weight of each donor, in the order of ``panel.donors``; sum 1, and not negative except by ``ascm``.
    intercept : float
        Constant added to the weighted donors, outcome units; 0 for ``sc``.
    counterfactual : (T,) array
        Intercept plus weighted donors in every period, outcome units.
    solver : str
        How the weights were found: ``"active-set"``, ``"slsqp"``, ``"closed-form"`` or ``"given"``.
    duality_gap : float
        Certified relative distance of the weights' objective from its optimum.
    regularised : float
        Relative ridge that picked one of several optimal weight vectors; 0 when the optimum is unique.
    seconds : float
        Time it took.
    remarks : tuple of str
        Sentences that belong beside the numbers.
    time_weights : (T0,) array or None
        Weight of each pre-period (``sdid``): the intercept is the gap's mean under them.
    settings : mapping of str to float
        What the estimator settled from the data: ``sigma`` and ``zeta`` (``sdid``, outcome units), ``ridge``
        (``ascm``, squared outcome units), ``loss`` (``predictors``: pre-period mean squared gap).
    predictors : DataFrame or None
        Matched predictors, one row each: ``v`` (sum 1), ``v_low`` and ``v_high`` (how far v can move without
        changing the donor weights), then ``treated, synthetic, donors_mean`` in the predictor's units.

    Examples
    --------
    >>> from bsynth.frequentist import classical
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> estimate = classical(panel)
    >>> [float(w) for w in estimate.weights.round(6)], round(float(estimate.gap[-1]), 6)
    ([0.5, 0.5], 4.0)
    """

    estimator: str
    panel: Panel
    weights: FloatArray
    intercept: float
    counterfactual: FloatArray
    solver: str
    duality_gap: float
    regularised: float
    seconds: float
    remarks: tuple[str, ...] = ()
    time_weights: FloatArray | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    predictors: pd.DataFrame | None = None

    @property
    def gap(self) -> FloatArray:
        """(T,) observed less counterfactual, outcome units."""
        return effects.gap_of(self.panel.treated_series, self.counterfactual)

    @property
    def pre_rmspe(self) -> float:
        """Root mean squared gap over the pre-period."""
        return _root_mean_square(self.gap[: self.panel.n_pre])

    @property
    def post_rmspe(self) -> float:
        """Root mean squared gap over the treated periods."""
        return _root_mean_square(self.gap[self.panel.n_pre :])

    @property
    def rmspe_ratio(self) -> float:
        """Post over pre RMSPE; infinite when only the pre-period fit is perfect, 0 when there is no gap at all."""
        if self.post_rmspe == 0:
            return 0.0
        return self.post_rmspe / self.pre_rmspe if self.pre_rmspe > 0 else math.inf

    @property
    def effective_donors(self) -> float:
        """1/Σw²: 1 when one donor carries the weight, J when all share it equally."""
        return float(1.0 / np.sum(self.weights**2))

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand (average, cumulative, lift).

        ``level`` is taken as by every result and changes nothing: a point has no interval, so its bounds and their
        level are NaN.
        """
        check_level(level)
        post = slice(self.panel.n_pre, None)
        points = effects.point_effects(self.panel.treated_series[post], self.counterfactual[post])
        table = pd.DataFrame({"estimand": list(points), "estimate": list(points.values())})
        table = table.assign(
            lower=np.nan, upper=np.nan, level=np.nan, interval="point", p=np.nan, probability_positive=np.nan
        )
        return effects.complete(table, method=self.estimator, model=None, seconds=self.seconds)

    def path(self) -> pd.DataFrame:
        """One row per period: observed, counterfactual and gap, with NaN bounds."""
        table = pd.DataFrame(
            {
                "time": self.panel.times,
                "observed": self.panel.treated_series,
                "counterfactual": self.counterfactual,
                "lower": np.nan,
                "upper": np.nan,
                "gap": self.gap,
                "gap_lower": np.nan,
                "gap_upper": np.nan,
            }
        )
        return effects.with_relative(table)

    def cumulative(self, level: float = 0.95) -> pd.DataFrame:
        """One row per treated period: ``time, cumulative`` (gaps summed since the start), with NaN bounds."""
        check_level(level)
        post = slice(self.panel.n_pre, None)
        return effects.cumulative_table(self.panel.times[post], self.gap[post], None, level=np.nan)

    def weights_table(self) -> pd.DataFrame:
        """Each ``donor`` with its ``weight``, largest first (ties in donor order)."""
        table = pd.DataFrame({"donor": pd.Series(self.panel.donors, dtype=object), "weight": self.weights})
        return table.sort_values("weight", ascending=False, kind="stable", ignore_index=True)

    @property
    def status(self) -> Status:
        """``"ok"``: nothing was sampled that could fail to converge."""
        return "ok"

    @property
    def table(self) -> pd.DataFrame:
        """`effects`."""
        return self.effects()

    @property
    def title(self) -> str:
        """The estimator, and the treated unit."""
        return f"{self.estimator}: {self.panel.treated_name}"

    def sentences(self) -> tuple[str, ...]:
        """The average effect, how the pre-period is fitted, and the notes."""
        average = float(self.gap[self.panel.n_pre :].mean())
        name = METHODS.get(self.estimator, self.estimator)
        return (
            f"The average effect on {self.panel.labels.outcome} of {self.panel.treated_name} is {number(average)}, a "
            f"point without an interval ({name}).",
            f"Before the start its gap has a root mean square of {number(self.pre_rmspe)}, after it "
            f"{number(self.post_rmspe)}; {self._shared()}.",
            *self.notes(),
            *effects.lift_notes(self.effects()),
        )

    def _shared(self) -> str:
        """Among how many donors the weight is shared."""
        donors, top = count(self.panel.n_donors, "donor"), self.weights_table().iloc[0]
        if self.effective_donors < ALONE and top["weight"] > 0:
            return f"{show(top['donor'])} of {donors} carries practically all of the weight"
        return f"the weight is shared as by {number(self.effective_donors)} of {donors} with equal weights"

    def notes(self) -> tuple[str, ...]:
        """What the estimator presumes, and what should be known of its weights and of the panel."""
        return self.remarks

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result the path, the weights and how they were found."""
        return super().to_dict() | {
            "estimator": self.estimator,
            "treated": self.panel.treated_name,
            "outcome": self.panel.source.outcome,
            "path": records(self.path()),
            "weights": records(self.weights_table()),
            "intercept": self.intercept,
            "pre_rmspe": self.pre_rmspe,
            "post_rmspe": self.post_rmspe,
            "rmspe_ratio": plain(self.rmspe_ratio),
            "effective_donors": plain(self.effective_donors),
            "solver": self.solver,
            "duality_gap": plain(self.duality_gap),
            "regularised": self.regularised,
            "settings": clean(self.settings),
            "predictors": None if self.predictors is None else records(self.predictors.reset_index()),
            "seconds": self.seconds,
        }

    def _gist(self) -> str:
        average = float(self.gap[self.panel.n_pre :].mean())
        donors = f"{fixed(self.effective_donors, 1)} effective donors"
        return f"average effect {number(average)}, pre-period error {number(self.pre_rmspe)}, {donors}"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        facts = pd.DataFrame(
            {
                "average effect": [self.gap[self.panel.n_pre :].mean()],
                "pre-period error": [self.pre_rmspe],
                "post/pre ratio": [self.rmspe_ratio],
                "effective donors": [self.effective_donors],
                "solver": [self.solver],
            }
        )
        top = self.weights_table().head(8).loc[lambda table: table["weight"] > 0.001]
        matched = [] if self.predictors is None else [self.predictors.reset_index()]
        return (facts, top, *matched)


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))
