"""The result of a model of several waves."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth import effects
from bsynth._base.plain import clean, records, show
from bsynth._base.request import check_level
from bsynth._base.types import FloatArray, Label, Status
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.bayesian.result import Fit, Provenance
from bsynth.bayesian.summary import summarise
from bsynth.bayesian.waves.estimands import OVER, composition, groups, table
from bsynth.bayesian.waves.paths import sizes_of
from bsynth.errors import SpecError, came, nearest, some_of
from bsynth.model.spec import ModelSpec
from bsynth.panel.panel import Panel
from bsynth.panel.staggered import StaggeredPanel
from bsynth.text.labels import plain
from bsynth.text.marks import mark
from bsynth.text.numbers import bracket, chance, count, fixed, numbers, percent
from bsynth.text.result import Pictured

POOLED, UNPOOLED = "pooled", "unpooled"
"""Kinds of interval: with what units say of each other, and of each unit's own fit alone. Both are predictive."""


@dataclass(frozen=True, eq=False, repr=False)
class WavesFit(Pictured):
    """Posterior effects of units that start at different times: each from its own fit, pooled by event time.

    Attributes
    ----------
    panel : StaggeredPanel
    spec : ModelSpec
    fits : tuple of Fit
        Each treated unit's own fit, in the order of ``units``.
    cells : DataFrame
        The n treated cells: ``unit, time, wave`` (the unit's start), ``event`` (periods since it, from 0) and
        ``observed``.
    effect, unpooled : (chain, draw, n) arrays
        Draws of the effect in each cell, outcome units, pooled and from the units' own fits alone.
    event, unit : (chain, draw, K), (chain, draw, units) arrays
        Draws of τ_k, the mean effect k periods after the start, and of u_i, what unit i's effect is beyond it; of a
        unit of middle size where units are unlike (`bsynth.bayesian.waves.paths.sizes_of`).
    scales : dict of (chain, draw) arrays
        ``unit_sd`` ω, ``period_sd`` ν, ``step_sd`` of τ, ``correlation`` of units; those in the model.
    diagnostics : Diagnostics
        The convergence gate of both stages.
    provenance : Provenance
    skipped : tuple of (unit, reason)
        Treated units without a fit of their own.
    block : int
        Periods since the start in a block: more than one where paths are long (`bsynth.engines.stacks`).
    """

    panel: StaggeredPanel[Panel]
    spec: ModelSpec
    fits: tuple[Fit, ...]
    cells: pd.DataFrame
    effect: FloatArray
    unpooled: FloatArray
    event: FloatArray
    unit: FloatArray
    scales: dict[str, FloatArray]
    diagnostics: Diagnostics
    provenance: Provenance
    skipped: tuple[tuple[Label, str], ...] = ()
    block: int = 1

    @property
    def status(self) -> Status:
        """``"ok"``, or ``"unreliable"`` when the gate of either stage failed."""
        return self.diagnostics.status

    @property
    def units(self) -> tuple[Label, ...]:
        """Treated units that have a fit, in order of start."""
        return tuple(self.cells["unit"].unique().tolist())

    def fit_of(self, unit: Label) -> Fit:
        """Return a treated unit's own fit: its weights, path and diagnostics."""
        if unit not in self.units:
            raise SpecError(
                f"{came(unit)} is no treated unit with a fit{nearest(unit, self.units)}; {some_of(self.units)}"
            )
        return self.fits[self.units.index(unit)]

    def effect_draws(self, *, pooled: bool = True) -> xr.Dataset:
        """Draws (chain, draw) of ``overall``; ``by_wave``, ``by_event``, ``by_unit`` with that dimension."""
        draws = self.effect if pooled else self.unpooled
        found: dict[str, list[tuple[Label, FloatArray]]] = {}
        for group in groups(self.cells):
            found.setdefault(group.over.split()[0], []).append((group.label, draws[..., group.cells].mean(axis=-1)))
        variables = {"overall": xr.DataArray(found.pop("overall")[0][1], dims=effects.POSTERIOR_DIMS)}
        for name, each in found.items():
            variables[f"by_{name}"] = xr.DataArray(
                np.stack([values for _, values in each], axis=-1),
                dims=(*effects.POSTERIOR_DIMS, name),
                coords={name: pd.Index([label for label, _ in each])},
            )
        return xr.Dataset(variables)

    def effects(
        self, level: float = 0.95, *, over: str | None = None, pooled: bool | None = True, full: bool = False
    ) -> pd.DataFrame:
        """One row per average: overall (with total and lift), by wave, by event time, by unit.

        Parameters
        ----------
        level : float
            Probability inside the equal-tailed and HDI intervals.
        over : {"overall", "wave", "event time", "unit"}, optional
            Only these rows.
        pooled : bool or None
            Pooled effects, those of the units' own fits alone, or with None both, told apart by ``interval``.
        full : bool
            A plain DataFrame, which prints every column; else one that has them and prints estimate and interval.
        """
        if over is not None and over not in OVER:
            raise SpecError(f"over is {came(over)}{nearest(over, OVER)}; it can be {some_of(OVER)}, or None for all")
        kinds = {POOLED: self.effect, UNPOOLED: self.unpooled}
        chosen = [POOLED, UNPOOLED] if pooled is None else [POOLED if pooled else UNPOOLED]
        tables = [
            table(self.cells, kinds[k].reshape(-1, len(self.cells)), level=level, interval=k, over=over) for k in chosen
        ]
        found = pd.concat(tables, ignore_index=True).assign(status=self.status)
        return effects.complete(found, method="bayes", model=self.spec.name, seconds=self.provenance.seconds)

    def pooling(self, level: float = 0.95) -> pd.DataFrame:
        """Each unit's effect alone and pooled, and ``own``, the share of its pooled effect that is its own.

        ``own`` is the posterior mean of ω² / (ω² + s²), s being the sd of the unit's effect by its own fit: 1 is no
        pooling, 0 the same effect for all.
        """
        both = {kind: self.effects(level, over="unit", pooled=kind, full=True) for kind in (False, True)}
        variance = (self.effect_draws(pooled=False)["by_unit"].std(effects.POSTERIOR_DIMS) ** 2).values
        omega2 = self.scales["unit_sd"].reshape(-1, 1) ** 2 if "unit_sd" in self.scales else np.full((1, 1), np.inf)
        with np.errstate(invalid="ignore"):
            own = np.where(np.isinf(omega2), 1.0, omega2 / (omega2 + variance)).mean(axis=0)
        found = pd.DataFrame({"unit": both[True]["label"], "cells": both[True]["cells"]})
        for name, kind in ((UNPOOLED, False), (POOLED, True)):
            found[name] = both[kind]["estimate"]
            found[f"{name}_lower"], found[f"{name}_upper"] = both[kind]["lower"], both[kind]["upper"]
        return found.assign(own=own, level=level)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Scales of pooling with mean, equal-tailed interval, ESS and R-hat, one row each."""
        dataset = xr.Dataset({name: (effects.POSTERIOR_DIMS, draws) for name, draws in self.scales.items()})
        found = summarise(xr.DataTree.from_dict({"posterior": dataset}), check_level(level), weights=False)
        return found.drop(columns=["sd", "ess_tail", "mcse_mean"])

    def weights_table(self) -> pd.DataFrame:
        """Posterior mean weight of each donor (rows) for each treated unit (columns); empty where it is none."""
        columns = {
            unit: fit.weights_table().set_index("donor")["weight"]
            for unit, fit in zip(self.units, self.fits, strict=True)
        }
        return pd.DataFrame(columns).rename_axis("donor")

    @property
    def table(self) -> pd.DataFrame:
        """`effects` at 95%, pooled and unpooled."""
        return self.effects(pooled=None, full=True)

    @property
    def title(self) -> str:
        """How many units in how many waves, and the model."""
        waves = self.cells["wave"].nunique()
        return f"{self.panel.labels.units(len(self.units))} in {count(waves, 'wave')} by {self.spec.name!r}"

    def sentences(self, level: float = 0.95) -> tuple[str, ...]:
        """The overall effect, those of the waves, how far units are pooled, and `notes`."""
        failed = self.diagnostics.failed()
        return (
            *mark(self.reason),
            self._said(self.effects(level, over="overall", full=True).iloc[0], "overall"),
            *[self._said(row, f"of {row['estimand']}") for _, row in self._waves(level).iterrows()],
            self._pooling_said(),
            *([f"What the gate found: {failed}."] if failed else []),
            *self.notes(),
        )

    def _waves(self, level: float) -> pd.DataFrame:
        found = self.effects(level, over="wave", full=True)
        return found if len(found) > 1 else found.iloc[:0]

    def _said(self, row: pd.Series, of: str) -> str:
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        named = f"The effect {of} on {self.panel.labels.outcome}"
        return (
            f"{named}, averaged over {count(int(row['cells']), 'treated period')} of "
            f"{self.panel.labels.units(int(row['units']))}, is {estimate}, {percent(row['level'])} {row['interval']} "
            f"interval {bracket(bounds)}, and P(effect > 0) {chance(row['probability_positive'])}."
        )

    def _pooling_said(self) -> str:
        if "unit_sd" not in self.scales:
            return "One treated unit: there is nothing to pool, and its effect is what its own fit says."
        omega = self.scales["unit_sd"]
        middle, low, high = numbers(float(omega.mean()), *np.quantile(omega, [0.025, 0.975]).tolist())
        own = self.pooling()["own"]
        return (
            f"Units' effects differ by ω = {middle}, 95% interval {bracket([low, high])}: on average "
            f"{percent(float(own.mean()))} of a unit's pooled effect is its own, the rest is what others show. Their "
            f"errors share {percent(float(self.scales['correlation'].mean()))} of their variance."
        )

    def notes(self) -> tuple[str, ...]:
        """Who has no fit and why, of how many units late event times are, and until when donors serve."""
        skipped = [f"{plain(show(unit))} has no effect here: {reason}." for unit, reason in self.skipped]
        said = composition(self.cells)
        few = self.cells["wave"].nunique() == 1 and len(self.units) > 1
        alone = (
            "All units start in one period, so that an effect cannot be told from a shock that hits all of them then."
        )
        blocks = (
            f"Periods since the start are pooled in blocks of {self.block} and within these, since so many one by one "
            "would take hours."
        )
        sizes = sizes_of(self.fits)
        unlike = (
            f"Units differ in size, their sds before the start by {fixed(sizes.max() / sizes.min(), 0)} times: effects "
            "are pooled in multiples of each one's own, and what they have in common is that of a unit of middle size."
        )
        said_too = [said] * bool(said) + [alone] * few + [blocks] * (self.block > 1)
        said_too += [unlike] * bool(np.ptp(sizes) > 0)
        return (*skipped, *said_too, *self.panel.notes())

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: beside the face of every result pooling, scales, weights and diagnostics."""
        weights = self.weights_table()
        return super().to_dict() | {
            "model": self.spec.name,
            "spec": self.spec.to_dict(),
            "pooling": records(self.pooling()),
            "scales": {name: float(draws.mean()) for name, draws in self.scales.items()},
            "weights": {str(show(unit)): clean(weights[unit].dropna().to_dict()) for unit in weights},
            "diagnostics": clean(self.diagnostics.to_dict()),
            "provenance": clean(asdict(self.provenance)),
        }

    def _gist(self) -> str:
        row = self.effects(over="overall", full=True).iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        return f"overall effect {estimate}, 95% pooled {bracket(bounds)}"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.effects()[effects.CARD_COLUMNS],)
