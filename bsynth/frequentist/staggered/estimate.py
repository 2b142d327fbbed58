"""The classical answer where units start at different times: points by unit and period, and their averages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bsynth import effects
from bsynth._base.plain import show
from bsynth._base.request import check_level
from bsynth._base.types import FloatArray, Label, Status
from bsynth.panel import Panel, StaggeredPanel
from bsynth.text.labels import METHODS
from bsynth.text.numbers import count, number
from bsynth.text.result import Result

SCOPES = ("overall", "wave", "event time", "unit")
"""What an effect is an average over."""


@dataclass(frozen=True, eq=False, repr=False)
class StaggeredEstimate(Result):
    """What a classical estimator says that units with different starts would have been.

    Attributes
    ----------
    estimator : str
        Name of the estimator, such as ``"sc"`` or ``"multisynth"``.
    panel : StaggeredPanel
        The data it was computed from.
    gaps : DataFrame
        One row per treated unit and period used: ``unit, start, time, event, observed, counterfactual, gap``; event
        time is 0 at the unit's first treated period and negative before.
    weights : DataFrame
        One row per treated unit and donor: ``unit, donor, weight``.
    intercepts : mapping of unit to float
        Constant added to each unit's weighted donors, outcome units.
    seconds : float
        Time it took.
    settings : mapping of str to float
        What the estimator settled: ``nu``, and imbalances (`Multisynth`).
    remarks : tuple of str
        Sentences that belong beside the numbers.

    Examples
    --------
    >>> import bsynth as bs
    >>> wide = pd.DataFrame({name: np.random.default_rng(k).normal(size=9) for k, name in enumerate("abcde")})
    >>> found = bs.classical(bs.Panel.from_wide(wide, start={"a": 4, "b": 6}), "did")
    >>> table = found.effects()
    >>> table.loc[table["estimand"] == "average", ["scope", "of"]].values.tolist()[:4]
    [['overall', 'all'], ['wave', '4'], ['wave', '6'], ['event time', '0']]
    """

    estimator: str
    panel: StaggeredPanel[Panel]
    gaps: pd.DataFrame
    weights: pd.DataFrame
    intercepts: Mapping[Label, float]
    seconds: float
    settings: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """Three rows (average, cumulative, lift) for each ``scope`` and what it is ``of``.

        Overall is the mean over treated unit-periods, each with the same weight, as are waves; an event time is
        the mean over the units seen there (``cells`` says how many unit-periods). A point has no
        interval, whatever the level.
        """
        check_level(level)
        rows = []
        for scope, of, cells in parts(self.gaps):
            points = effects.point_effects(cells["observed"].to_numpy(), cells["counterfactual"].to_numpy())
            rows += [
                {"estimand": name, "estimate": value, "scope": scope, "of": of, "cells": len(cells)}
                for name, value in points.items()
            ]
        table = pd.DataFrame(rows).assign(
            lower=np.nan, upper=np.nan, level=np.nan, interval="point", p=np.nan, probability_positive=np.nan
        )
        return effects.complete(table, method=self.estimator, model=None, seconds=self.seconds)

    def path(self) -> pd.DataFrame:
        """One row per event time, before the start too: ``event, units, gap`` (mean over the units seen there)."""
        grouped = self.gaps.groupby("event")["gap"]
        return pd.DataFrame({"units": grouped.size(), "gap": grouped.mean()}).reset_index()

    def unit_path(self, unit: Label) -> pd.DataFrame:
        """The rows of `gaps` of one treated unit."""
        mine = self.panel.unit_panel(unit).treated[0]
        rows: pd.DataFrame = self.gaps[self.gaps["unit"] == mine].reset_index(drop=True)
        return rows

    @property
    def average(self) -> float:
        """Mean gap over the treated unit-periods."""
        return float(self.gaps.loc[self.gaps["event"] >= 0, "gap"].mean())

    @property
    def pre_rmspe(self) -> float:
        """Root mean squared gap over the units' periods before their starts."""
        return float(np.sqrt((self.gaps.loc[self.gaps["event"] < 0, "gap"] ** 2).mean()))

    @property
    def status(self) -> Status:
        """``"ok"``: nothing was sampled that could fail to converge."""
        return "ok"

    @property
    def table(self) -> pd.DataFrame:
        """The averages: ``scope, of, estimate, cells``."""
        rows = self.effects()
        return rows.loc[rows["estimand"] == "average", ["scope", "of", "estimate", "cells"]].reset_index(drop=True)

    @property
    def title(self) -> str:
        """The estimator, and how many units in how many waves."""
        panel = self.panel
        return f"{self.estimator}: {panel.labels.units(panel.n_treated)} in {count(len(panel.waves), 'wave')}"

    def sentences(self) -> tuple[str, ...]:
        """The overall effect, that of each wave, how the past is fitted, and the notes."""
        waves = self.table[self.table["scope"] == "wave"]
        each = ", ".join(f"{number(v)} ({of})" for of, v in zip(waves["of"], waves["estimate"], strict=True))
        units = self.panel.labels.units(self.panel.n_treated)
        name = METHODS.get(self.estimator, self.estimator)
        return (
            f"The average effect on {self.panel.labels.outcome} over all treated unit-periods is "
            f"{number(self.average)}, a point without an interval ({name}).",
            f"By wave it is {each}." if len(waves) > 1 else f"All {units} start at {waves['of'].iloc[0]}.",
            f"Before their starts the units' gaps have a root mean square of {number(self.pre_rmspe)}.",
            *self.notes(),
        )

    def notes(self) -> tuple[str, ...]:
        """What the estimator presumes, and what should be known of the panel."""
        return self.remarks

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result the path and the settings."""
        path = self.path().to_dict("records")
        return super().to_dict() | {"path": path, "settings": {name: float(v) for name, v in self.settings.items()}}


def parts(gaps: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The treated unit-periods of each scope and what it is of: overall, waves, event times, units."""
    treated = gaps[gaps["event"] >= 0]
    yield "overall", "all", treated
    for scope, column in (("wave", "start"), ("event time", "event"), ("unit", "unit")):
        for label, cells in treated.groupby(column, sort=scope == "event time"):
            yield scope, str(show(label)), cells


def unit_gaps(panel: StaggeredPanel[Panel], unit: Label, own: Panel, counterfactual: FloatArray) -> pd.DataFrame:
    """The rows of `StaggeredEstimate.gaps` of one unit, from its panel and its counterfactual (T,)."""
    observed = own.treated_series
    return pd.DataFrame(
        {
            "unit": pd.Series([unit] * len(observed), dtype=object),
            "start": panel.starts[unit],
            "time": own.times,
            "event": panel.events(unit),
            "observed": observed,
            "counterfactual": counterfactual,
            "gap": effects.gap_of(observed, counterfactual),
        }
    )
