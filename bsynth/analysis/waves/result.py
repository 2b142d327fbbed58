"""Everything that was computed for one panel whose units start at different times, and its summary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from bsynth._base.plain import clean, records, show
from bsynth.analysis import gathered
from bsynth.analysis.choice import Choice
from bsynth.analysis.comparison import Comparison, compared_rows, key_of
from bsynth.analysis.concluded import Concluded, Finding, Rows, findings_data
from bsynth.analysis.waves.facts import EXCHANGED, facts_of_waves, hull_of, mean_weights, of_staggered, of_waves_fit
from bsynth.analysis.waves.path import WavesResult, event_path
from bsynth.bayesian.waves.result import POOLED, UNPOOLED, WavesFit
from bsynth.calibration.waves import WavesCalibration
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import SpecError, came, nearest, some_of
from bsynth.frequentist.staggered import PlaceboWaves, StaggeredEstimate
from bsynth.panel import Panel, StaggeredPanel
from bsynth.text.labels import plain
from bsynth.text.marks import OF_FIT, of_posteriors
from bsynth.text.numbers import count

OVER = ("overall", "wave", "event time", "unit")
"""Over what effects are averaged, in the order of a table's rows."""
OVERALL = "overall"
_PREFIX = {"wave": "wave ", "event time": "period "}
_LONG = 24
"""Characters of a unit's name in a table."""
ALL = "all"
COLUMNS = ("over", "label", "units", "cells", "p_min", "status")
"""Columns of the effects beside those of every table of effects."""


@dataclass(frozen=True, eq=False, repr=False)
class WavesAnalysis(Concluded):
    """Everything that was computed for one panel whose units start at different times.

    Attributes
    ----------
    panel : StaggeredPanel
    fits : tuple of WavesFit
        Bayesian fits; the first is the main one. Empty when none was asked for.
    estimates : mapping of name to StaggeredEstimate
        Classical points.
    inferences : mapping of name to PlaceboWaves
        ``"placebo"`` around the estimator that ``choice`` keeps, ``"placebo of did"`` and so on around others.
    level : float
        Probability of every interval.
    seed : int
    truth : float or None
        True overall effect, known only in simulations.
    unavailable : mapping of name to reason
        What was asked for and cannot be had on this panel, or broke down.
    remarks : tuple of str
        What should be known of the panel beside the answer.
    calibration : WavesCalibration or None
        Of the main fit, on placebo waves; ``fits[0]`` is then its base fit.
    choice : Choice
        The classical estimator that the verdict keeps, and why ``sc`` is set aside where it is another one.
    findings : mapping of name to result
        What was asked besides: ``"decision"``, of the overall effect.

    Examples
    --------
    >>> import bsynth as bs, numpy as np
    >>> wide = pd.DataFrame({name: np.random.default_rng(k).normal(size=12) for k, name in enumerate("abcdef")})
    >>> panel = bs.Panel.from_wide(wide, start={"a": 6, "b": 8})
    >>> analysis = bs.analyse(panel, models=["none"], methods=["did"], progress=False)
    >>> analysis.effects(over="unit")["label"].tolist(), analysis.verdict.grade
    (['a', 'b'], 'inconclusive')
    """

    panel: StaggeredPanel[Panel]
    fits: tuple[WavesFit, ...]
    estimates: Mapping[str, StaggeredEstimate]
    inferences: Mapping[str, PlaceboWaves]
    level: float
    seed: int
    truth: float | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    calibration: WavesCalibration | None = None
    choice: Choice = field(default_factory=Choice)
    findings: Mapping[str, Finding] = field(default_factory=dict)

    @property
    def effects_reason(self) -> str:
        """Why the effects themselves are unreliable."""
        failed = [fit.spec.name for fit in self.fits if fit.status != "ok"]
        if failed:
            return OF_FIT if len(self.fits) == 1 else of_posteriors(failed)
        return "" if self.calibration is None else self.calibration.reason

    @property
    def main(self) -> WavesFit | StaggeredEstimate:
        """What the analysis is about: the first fit, else the classical point that is kept, else the first."""
        if self.fits:
            return self.fits[0]
        return self.estimates.get(self.choice.kept) or next(iter(self.estimates.values()))

    @property
    def reported(self) -> WavesResult:
        """What the headline reports: the calibration, else the first fit, else the classical answer that is kept."""
        if self.fits:
            return self.calibration or self.fits[0]
        around = (each for each in self.inferences.values() if each.estimate.estimator == self._main_name)
        return next(around, self.main)

    @property
    def _main_name(self) -> str:
        return self.main.spec.name if isinstance(self.main, WavesFit) else self.main.estimator

    @property
    def whose(self) -> str:
        """How many treated units in how many waves."""
        return f"{self.panel.labels.units(self.panel.n_treated)} in {count(len(self.panel.waves), 'wave')}"

    @property
    def title(self) -> str:
        """The outcome, whose it is, and the window."""
        return f"{self.panel.labels.outcome} of {self.whose}, {self.panel.whole.window}"

    def effects(self, level: float | None = None, *, over: str | None = None, full: bool = False) -> pd.DataFrame:
        """All methods in one table: ``over`` and ``label`` say what each row averages.

        Parameters
        ----------
        level : float, optional
            Probability inside the intervals; by default the analysis's.
        over : {"overall", "wave", "event time", "unit"}, optional
            Only these rows.
        full : bool
            A plain DataFrame, which prints every column.
        """
        if over is not None and over not in OVER:
            raise SpecError(f"over is {came(over)}{nearest(over, OVER)}; it can be {some_of(OVER)}, or None for all")
        found = super().effects(level, full=True)
        return found if over is None else found[found["over"] == over].reset_index(drop=True)

    def _effects_at(self, level: float) -> pd.DataFrame:
        tables = [] if self.calibration is None else [_labelled(self.calibration.effects(level, full=True))]
        tables += [_labelled(fit.effects(level, pooled=None, full=True)) for fit in self.fits]
        tables += [_of_classical(each.effects(level)) for each in self.estimates.values()]
        for each in self.inferences.values():
            tables.append(_of_classical(each.effects(level)).assign(p_min=1 / (1 + len(each.draws))))
        rows = [record for table in tables for record in table.to_dict("records")]
        found = pd.DataFrame(rows).reindex(columns=[*EFFECT_COLUMNS, *COLUMNS])
        return found.sort_values("over", key=lambda of: of.map(OVER.index), kind="stable").reset_index(drop=True)

    @cached_property
    def comparison(self) -> Comparison:
        """Every method on the overall effect, side by side, with the verdict."""
        overall = self.effects(over="overall", full=True)
        return Comparison(
            table=self._compared(self.level),
            rows=Rows(self),
            facts=facts_of_waves(
                self.panel,
                self.reported,
                hull=self.hull,
                level=self.level,
                truth=self.truth,
                unavailable=self.unavailable,
                notes=self.remarks,
                reason=self.effects_reason,
                lifts=self._lifts(overall),
                main_donors=gathered.main_donors(mean_weights(self.main)),
                kept=self.choice.kept,
                backing=None if self.calibration is None else self.calibration.backing,
            ),
        )

    def _lifts(self, overall: pd.DataFrame) -> list[dict[str, Any]]:
        """Lifts of the points; that of the calibrated effect, which is the same point, is the pooled one's."""
        found = gathered.lifts(overall[overall["interval"] != UNPOOLED])
        if self.calibration is None:
            return found
        # Its own interval is not calibrated.
        own = {"interval": "calibrated", "lower": None, "upper": None}
        return found + [each | own for each in found if each["interval"] == POOLED]

    @cached_property
    def hull(self) -> dict[str, Any]:
        """How many units lie outside the hull of their donors before their starts."""
        return hull_of(self.panel)

    def _compared(self, level: float) -> pd.DataFrame:
        rows = self.effects(level, over="overall", full=True)
        methods = {key_of("bayes", fit.spec.name): of_waves_fit(fit) for fit in self.fits}
        methods |= {name: of_staggered(each) for name, each in self.estimates.items()}
        rows = rows[rows["interval"] != UNPOOLED]
        averages = rows.assign(estimand=rows["estimand"].replace(OVERALL, "average"))
        return compared_rows(averages, methods, {"placebo": EXCHANGED})

    @property
    def parts(self) -> dict[str, object]:
        """Every result that has tables of its own, by name: what `bsynth.export` writes beside ``effects``."""
        found: dict[str, object] = {"panel": self.panel, "comparison": self.comparison}
        found |= {} if self.calibration is None else {"calibration": self.calibration}
        found |= {f"posterior-{fit.spec.name}": fit for fit in self.fits}
        return {**found, **self.estimates, **self.inferences, **self.findings}

    def notes(self) -> tuple[str, ...]:
        """What should be known of the panel, of the pooling and of the methods on it."""
        by_method = [note for each in (*self.fits, *self.estimates.values()) for note in each.notes()]
        return tuple(dict.fromkeys([*self.panel.notes(), *self.remarks, *by_method]))

    def unit_effects(self, level: float | None = None) -> pd.DataFrame:
        """One row per treated unit: its effect alone and pooled, and its ``own`` share; without a fit a point."""
        if self.fits:
            return self.fits[0].pooling(self.level if level is None else level)
        rows = self.effects(level, over="unit", full=True)
        rows = rows[rows["method"] == self._main_name]
        return rows[["label", "method", "estimate", "cells"]].rename(columns={"label": "unit"}).reset_index(drop=True)

    def answer(self, level: float | None = None) -> pd.Series:
        """The row of the effects that the headline reports."""
        rows = self.effects(level, over="overall", full=True)
        name = "model" if self.fits else "method"
        mine = rows[(rows[name] == self._main_name) & (rows["estimand"] == OVERALL) & (rows["interval"] != UNPOOLED)]
        return mine.sort_values("interval", key=lambda kinds: kinds.map(rank), kind="stable").iloc[0]

    def path(self, level: float | None = None) -> pd.DataFrame:
        """The effect by time since the start of what the headline reports: ``event, units, gap, lower, upper``."""
        return event_path(self.reported, self.level if level is None else level)

    def _own(self) -> dict[str, Any]:
        # With the keys of an `Analysis` as far as they apply.
        return {
            "kind": "waves",
            "panel": self._panel(),
            "waves": records(self.panel.table),
            "path": records(self.path()),
            "path_method": self._main_name,
            "calibration": None if self.calibration is None else clean(self.calibration.to_dict()),
            "per_unit": records(self.unit_effects()),
            "weights": {str(self._main_name): mean_weights(self.main)}
            | {name: mean_weights(each) for name, each in self.estimates.items()},
            "hull": dict(self.hull),
            "posteriors": {fit.spec.name: fit.to_dict() for fit in self.fits},
            "inferences": {name: each.to_dict() for name, each in self.inferences.items()},
            "checks": None,
            "findings": findings_data(self.findings),
        }

    def _panel(self) -> dict[str, Any]:
        whole = self.panel.whole.to_dict()
        return whole | self.panel.to_dict()


def rank(kind: str) -> int:
    """Place of a kind of interval: the calibrated one before others, those before bare points."""
    return {"calibrated": 0, "point": 2}.get(kind, 1)


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a posterior with their labels as text; it names its rows as `_named` does."""
    return rows.assign(label=[ALL if label is None else str(show(label)) for label in rows["label"]])


def _of_classical(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a stacked estimator or its placebo waves: of groups averages alone, overall also total and lift."""
    rows = pd.DataFrame(rows)
    kept = rows[(rows["scope"] == "overall") | (rows["estimand"] == "average")]
    names = [_named(*each) for each in kept[["scope", "of", "estimand"]].itertuples(index=False)]
    return kept.rename(columns={"scope": "over", "of": "label"}).assign(estimand=names, status="ok")


def _named(over: str, of: str, estimand: str) -> str:
    """What a row is called: "overall", "overall total", "lift", "wave 1976", "period 3", "Utah"."""
    if over == "overall":
        return {"average": OVERALL, "cumulative": f"{OVERALL} total"}.get(estimand, estimand)
    return f"{_PREFIX.get(over, '')}{plain(of, _LONG)}"
