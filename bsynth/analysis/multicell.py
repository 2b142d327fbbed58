"""Several treatments at once: the effect on each cell, and how they differ, jointly."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import records
from bsynth._base.request import check_level
from bsynth._base.types import Status
from bsynth.analysis.family import how_judged, joint_level, judged, plans_said, reasons_of
from bsynth.analysis.result import Analysis
from bsynth.calibration.cells import CellEffect, Difference, of_calibration, of_estimate, of_fit
from bsynth.calibration.pairs import CellPair, play_pairs
from bsynth.effects import EFFECT_COLUMNS, positive_share, refuse_lift
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import demeaned
from bsynth.model.link import IDENTITY, Link
from bsynth.panel import MultiCellPanel, Panel
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import bracket, count, fixed, number, percent
from bsynth.text.result import Pictured

MINUS = " − "
"""Between the cells of a difference."""
COLUMNS = (*EFFECT_COLUMNS, "status", "of")


@dataclass(frozen=True, eq=False, repr=False)
class MultiCellAnalysis(Pictured):
    """Analyses of several cells against the same donors, and the differences of their effects.

    An effect is per unit and period of its cell and window, as in every analysis; a difference is the effect on the
    first cell less that on the second. Its interval is joint: the cells' own distributions, with the correlation of
    their errors that pairs of donors show (`bsynth.calibration.pairs`).

    Attributes
    ----------
    panel : MultiCellPanel
    analyses : mapping of cell to Analysis
    pairs : tuple of CellPair
        Of every two cells: what tells how their errors correlate.

    Examples
    --------
    >>> import bsynth as bs
    >>> frame = bs.simulate_factor(donors=12, seed=1)
    >>> panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome",
    ...     treated={"A": [0], "B": [1, 2]}, start=30)
    >>> found = bs.analyse(panel, models=["none"], methods=["demeaned"], progress=False)
    >>> found.table[["of", "interval"]].values.tolist()
    [['A', 'calibrated'], ['B', 'calibrated'], ['A − B', 'calibrated']]
    """

    panel: MultiCellPanel[Panel]
    analyses: Mapping[str, Analysis]
    pairs: tuple[CellPair, ...]

    @property
    def level(self) -> float:
        """Probability of each interval by itself, and of all joint ones together."""
        return next(iter(self.analyses.values())).level

    @property
    def joint_level(self) -> float:
        """Probability of each joint interval by itself: one for every effect and every difference."""
        return joint_level(self.level, len(self.analyses) + len(self.pairs))

    @property
    def status(self) -> Status:
        """Unreliable when one cell is."""
        return status_of(self.reason)

    @property
    def reason(self) -> str:
        """Which cell did not pass its gate, and whose gate that was."""
        return reasons_of(self.analyses)

    @property
    def title(self) -> str:
        """The outcome, and the cells."""
        return f"{self.panel.labels.outcome} of {count(len(self.analyses), 'cell')}: {'; '.join(self.analyses)}"

    @cached_property
    def cells(self) -> dict[str, CellEffect]:
        """The effect on each cell, with its distribution."""
        return {name: self._cell(name) for name in self.analyses}

    def _cell(self, name: str) -> CellEffect:
        analysis = self.analyses[name]
        if analysis.calibration is not None:
            return of_calibration(analysis.calibration)
        if analysis.fits:
            return of_fit(analysis.fits[0])
        assert isinstance(analysis.main, Estimate)
        pair = next(each for each in self.pairs if name in (each.first, each.second))
        return of_estimate(analysis.main, pair.inflation((pair.first, pair.second).index(name)))

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """Difference of every two cells, by name: "A − B"."""
        seed = next(iter(self.analyses.values())).seed
        return {
            f"{pair.first}{MINUS}{pair.second}": Difference(self.cells[pair.first], self.cells[pair.second], pair, seed)
            for pair in self.pairs
        }

    def effects(self, level: float | None = None) -> pd.DataFrame:
        """Rows of every cell and every difference, which ``of`` names; by default at the analysis's level.

        Average and cumulative effects are in outcome units. A difference has no cumulative effect where windows are not
        equally long.
        """
        level = self.level if level is None else check_level(level)
        tables = [self._of_cell(name, level) for name in self.analyses]
        tables += [self._of_difference(name, level) for name in self.differences]
        rows = [row for table in tables for row in table.to_dict("records")]
        return pd.DataFrame(rows).reindex(columns=list(COLUMNS))

    def _of_cell(self, name: str, level: float) -> pd.DataFrame:
        analysis, cell = self.analyses[name], self.cells[name]
        posterior = analysis.calibration or (analysis.fits[0] if analysis.fits else None)
        if posterior is not None:
            return pd.DataFrame(posterior.effects(level)).assign(of=name)
        draws = next(each.draws for each in self.differences.values() if cell in (each.one, each.other))
        other = next(each for each in self.differences.values() if cell in (each.one, each.other))
        own = None if draws is None else draws[:, 0 if other.one is cell else 1]
        bounds = cell.bounds(own, level)
        estimates = {"average": cell.estimate, "cumulative": cell.periods * cell.estimate, "lift": cell.lift}
        chance = np.nan if own is None else positive_share(own)
        return self._rows(name, name, estimates, bounds, level, cell.interval, chance)

    def _of_difference(self, name: str, level: float) -> pd.DataFrame:
        found = self.differences[name]
        estimates, bounds = {"average": found.estimate, "lift": found.lift}, found.bounds(level)
        if found.one.periods == found.other.periods:
            estimates["cumulative"] = found.one.periods * found.estimate
            lower, upper = bounds["average"]
            bounds["cumulative"] = found.one.periods * lower, found.one.periods * upper
        return self._rows(name, found.pair.first, estimates, bounds, level, found.interval, found.positive)

    def _rows(
        self,
        name: str,
        like: str,
        estimates: Mapping[str, float],
        bounds: Mapping[str, tuple[float, float]],
        level: float,
        interval: str,
        chance: float,
    ) -> pd.DataFrame:
        """Rows of one effect or difference, by the method of the cell ``like``."""
        main = self.analyses[like].main
        method, model = (main.estimator, None) if isinstance(main, Estimate) else ("bayes", main.spec.name)
        rows = [
            {
                "method": method, "model": model, "estimand": each, "estimate": estimates[each],
                "lower": bounds[each][0], "upper": bounds[each][1], "level": level, "interval": interval, "p": np.nan,
                "probability_positive": chance, "seconds": 0.0, "status": self.status, "of": name,
            }
            for each in ("average", "cumulative", "lift") if each in estimates
        ]  # fmt: skip
        return refuse_lift(pd.DataFrame(rows))

    @property
    def table(self) -> pd.DataFrame:
        """One row per cell and difference: its average effect, with its interval by itself and the joint one."""
        alone, joint = (
            rows[rows["estimand"] == "average"].reset_index(drop=True)
            for rows in (pd.DataFrame(self.effects(level)) for level in (self.level, self.joint_level))
        )
        kept = alone[["of", "estimate", "lower", "upper", "interval", "probability_positive", "status"]]
        return kept.assign(
            joint_lower=joint["lower"],
            joint_upper=joint["upper"],
            joint_level=self.joint_level,
            excludes_zero=(joint["lower"] > 0) | (joint["upper"] < 0),
        )

    @property
    def correlations(self) -> pd.DataFrame:
        """One row per difference: the correlation of its cells' errors, what shows it, and what it does.

        ``correlation`` is its posterior mean with ``lower`` and ``upper``; ``pairs`` and what they are ``worth``;
        ``width`` of the difference's interval, and ``width_at_zero`` if the errors were not correlated.
        """
        rows = []
        for name, each in self.differences.items():
            found = each.pair.correlation
            lower, upper = found.interval(self.level)
            ends, apart = each.bounds(self.level)["average"], each.independent(self.level)
            rows.append(
                {
                    "of": name, "correlation": found.mean, "lower": lower, "upper": upper, "level": self.level,
                    "pairs": each.pair.pairs, "worth": each.pair.worth, "width": ends[1] - ends[0],
                    "width_at_zero": apart[1] - apart[0],
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def sentences(self) -> tuple[str, ...]:
        """How many were looked at, differences, effects, how errors correlate, and whether a plan was followed."""
        many, differences = len(self.analyses), len(self.pairs)
        looked_at = f"{count(many, 'effect')} and {count(differences, 'difference')} were looked at"
        rows = self.table.to_dict("records")
        return (
            *mark(self.reason),
            how_judged(looked_at, self.level, many + differences),
            *(judged(row["of"], row) for row in [*rows[many:], *rows[:many]]),
            *(_correlated(row, self.level) for row in self.correlations.to_dict("records")),
            *plans_said(self.analyses),
        )

    def notes(self) -> tuple[str, ...]:
        """What a difference is, what its interval presumes, and what was done to the data."""
        posterior = all(each.fits for each in self.analyses.values())
        words = [
            "A difference is the average effect on the first cell less that on the second, each per unit and period of "
            "its own cell and window.",
            "How the errors of two cells correlate is learned from pairs of disjoint groups of donors, as large as the "
            "cells where there are so many donors, that play both cells at once in the cells' own windows, by "
            + ("demeaned synthetic control" if posterior else "the cells' own estimators")
            + " on the donors outside both. It presumes that cells are to donors as donors are to each other: a shock "
            "that moves the cells alone is not seen.",
        ]
        if not posterior:
            words.append(
                "Without a model an effect is calibrated on these pairs; each cell's own analysis has its placebo test."
            )
        if len({(each.start, each.end) for each in self.panel.panels.values()}) > 1:
            words.append("Cells have windows of their own, so that differences are also between times.")
        return (*words, *self.panel.notes())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: table, effects, correlations, levels, panel, notes and sentences."""
        return super().to_dict() | {
            "kind": "multi-cell",
            "panel": self.panel.to_dict(),
            "effects": records(pd.DataFrame(self.effects())),
            "correlations": records(self.correlations),
            "level": self.level,
            "joint_level": self.joint_level,
            "adjustment": "bonferroni",
            "notes": list(self.notes()),
        }


def _correlated(row: Mapping[Any, Any], level: float) -> str:
    """How the errors of two cells correlate, what shows it, and what it does to the interval of their difference."""
    if not row["pairs"]:
        return f"{row['of']}: too few donors to show how the errors of the two correlate, so nothing is presumed of it."
    low, high = (fixed(row[name], 2) for name in ("lower", "upper"))
    said = (
        f"{row['of']}: the errors of the two correlate by {fixed(row['correlation'], 2)} {bracket((low, high))}, as "
        f"{count(row['pairs'], 'pair')} of donors show, worth about {count(round(row['worth']), 'separate one')}"
    )
    if row["width"] != row["width"]:
        return f"{said}."
    width, apart = number(row["width"]), number(row["width_at_zero"])
    return f"{said}; the {percent(level)} interval of the difference is {width} wide, and would be {apart} without it."


def compare_cells(panel: MultiCellPanel[Panel], analyses: Mapping[str, Analysis]) -> MultiCellAnalysis:
    """Put analyses of the cells of a panel together: play every two of them by pairs of donors."""
    pairs = tuple(
        play_pairs(
            (one, other),
            (panel.panels[one], panel.panels[other]),
            (_estimator(analyses[one]), _estimator(analyses[other])),
            (_link(analyses[one]), _link(analyses[other])),
            analyses[one].seed,
        )
        for one, other in combinations(panel.names, 2)
    )
    return MultiCellAnalysis(panel, dict(analyses), pairs)


def _estimator(analysis: Analysis) -> str:
    return analysis.main.estimator if isinstance(analysis.main, Estimate) else demeaned.NAME


def _link(analysis: Analysis) -> Link:
    return analysis.fits[0].spec.link if analysis.fits else IDENTITY
