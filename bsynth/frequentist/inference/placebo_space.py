"""Placebo in space: give the treatment date to every donor and see whether the treated unit stands out.

Abadie, Diamond and Hainmueller 2010, section 3.4; the inverted test is that of Firpo and Possebom 2018
for a constant effect.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.plain import records, show
from bsynth._base.request import MOST, check_flags, check_level, check_number, check_seed, check_whole
from bsynth._base.types import FloatArray, Label, PlaceboPool
from bsynth.effects import at_least, lift_notes
from bsynth.errors import SpecError, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method, find
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import (
    Block,
    batches,
    block_size,
    constant_rows,
    gap_statistics,
    labelled,
    refit_units,
    without_each,
)
from bsynth.panel import Panel
from bsynth.panel.copies import first_alike, moving
from bsynth.panel.given import require_panel
from bsynth.panel.groups import LEAST, SHARE, cut_groups, group_size, separate
from bsynth.text.labels import STATISTICS as TITLES
from bsynth.text.numbers import count, exact, p_value, percent

NAME = "placebo"
TITLE = "Placebo in space"
CONDITIONS = "Its interval and p presume that treated and donors are exchangeable and that the effect is constant."
STANDARD = True

POOLS: tuple[str, ...] = get_args(PlaceboPool.__value__)
STATISTICS = ("mean_gap", "last_gap", "ratio")


@dataclass(frozen=True, eq=False, repr=False)
class PlaceboSpace(Inference):
    """The treated unit among the placebos of its donors.

    Attributes
    ----------
    estimate : Estimate
        The treated unit's own.
    pool : {"exclude", "include"}
        Whether the treated series was a donor of the placebos.
    max_pre_mspe : float or None
        Pre-fit filter: placebos with a larger multiple of the treated pre MSPE are not counted.
    gaps : DataArray (replicate, time)
        Gap of each placebo, by donor, outcome units; filtered ones included.
    table : DataFrame
        One row per placebo: ``unit, mean_gap, last_gap, pre_rmspe, post_rmspe, ratio, kept``.
    seconds : float
    members : tuple of tuple
        The donors of each placebo where these are groups; empty for single donors.
    idle : tuple
        Donors that are not counted, since they are a copy of another or do not move before the start.
    """

    kind, conditions = TITLE, CONDITIONS

    estimate: Estimate
    pool: str
    max_pre_mspe: float | None
    gaps: xr.DataArray
    table: pd.DataFrame
    seconds: float
    members: tuple[tuple[Label, ...], ...] = ()
    idle: tuple[Label, ...] = ()

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """Indexed by statistic (``mean_gap, last_gap, ratio``; the gaps in size): treated, rank, p, placebos.

        Rank 1 is the most extreme and ties, up to rounding, are as extreme: p = rank / (1 + placebos), never 0.
        """
        own = gap_statistics(self.estimate.gap[None, :], self.estimate.panel.n_pre).iloc[0]
        kept = self.table.loc[self.table["kept"]]
        rows = []
        for statistic in STATISTICS:
            rank = 1 + int(at_least(kept[statistic].abs().to_numpy(), abs(own[statistic])).sum())
            rows.append((statistic, float(own[statistic]), rank, rank / (1 + len(kept)), len(kept)))
        columns = ["statistic", "treated", "rank", "p", "placebos"]
        return pd.DataFrame(rows, columns=columns).set_index("statistic")

    def radius(self, level: float = 0.95) -> float:
        """Half-width of the set of constant effects that the placebo test does not reject.

        The effect τ stays in while p(τ) = (1 + #{|placebo mean gap| ≥ |mean gap − τ|}) / (1 + N) is
        above 1 − level; infinite where even 1/(N + 1) is.
        """
        level = check_level(level)
        own = abs(self._average)
        sizes = self.table.loc[self.table["kept"], "mean_gap"].abs().to_numpy()
        # A tie up to rounding is one here as in p.
        tied = at_least(sizes, own) & (sizes < own)
        sizes = np.sort(np.where(tied, own, sizes))[::-1]
        # Rounded, since (1 − .9)·10 is a hair under 1 in floating point.
        needed = math.floor(round((1 - level) * (1 + len(sizes)), 9))
        return math.inf if needed == 0 else float(sizes[needed - 1])

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand: estimate, interval of the inverted test, and its p (on |mean gap|)."""
        radius, p = self.radius(level), float(self.ranks["p"].to_dict()["mean_gap"])
        low, high = self._average - radius, self._average + radius
        return constant_rows(self.estimate, low, high, level=level, interval=NAME, p=p, seconds=self.seconds)

    @property
    def p_min(self) -> float:
        """1/(1 + placebos): the rank of the most extreme."""
        return float(1 / (1 + self.table["kept"].sum()))

    @property
    def _average(self) -> float:
        return float(self.estimate.gap[self.estimate.panel.n_pre :].mean())

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences about resolution and filtering that belong beside the numbers."""
        kept, notes = int(self.table["kept"].sum()), []
        treated = self.estimate.panel.n_treated
        if self.members:
            size = len(self.members[0])
            worth = separate([m for m, use in zip(self.members, self.table["kept"], strict=True) if use])
            notes.append(
                f"The placebos are means of {count(size, 'donor')}, since the treated series is a mean of "
                f"{self.estimate.panel.labels.units(treated)}"
                f"{'' if size == treated else ' and more would not leave twice as many to match them'}; they overlap, "
                f"and tell as much as about {round(worth)} separate ones."
            )
            if (p := float(self.ranks["p"].to_dict()["mean_gap"])) < 1 / (worth + 1):
                notes.append(f"{p_value(p)} is below 1/{round(worth) + 1} by this overlap alone: take it with care.")
        elif treated > 1:
            notes.append(
                f"The treated series is a {self.estimate.panel.treated_name} and the placebos are single donors, which "
                "err more; placebo_space(panel, groups=500) compares it with means of as many donors."
            )
        if math.isinf(self.radius(level)):
            notes.append(
                f"With {count(kept, 'placebo') if kept else 'no placebo'} p cannot fall below "
                f"{f'1/{kept + 1}' if kept else '1'}, so the {percent(level)} interval is unbounded: no effect can be "
                "rejected at this level."
            )
        if self.idle:
            they = "is no placebo of its own" if len(self.idle) == 1 else "are no placebos of their own"
            why = "a copy of another or without any movement before the start"
            notes.append(f"{some_of(map(show, self.idle))} {they}: {why}, so that its gap tells nothing.")
        if filtered := len(self.table) - kept - len(self.idle):
            dropped = some_of(self.table.loc[~self.table["kept"] & ~self.table["unit"].isin(self.idle), "unit"])
            notes.append(
                f"{filtered} of {count(len(self.table), 'placebo')} were left out because their pre "
                f"MSPE is above {exact(self.max_pre_mspe or 0.0)} times the treated unit's: {dropped}."
            )
        return (*notes, *lift_notes(self.effects(level)))

    def _sentence(self, level: float) -> str:
        row = self.ranks.to_dict("index")["mean_gap"]
        pools = "without" if self.pool == "exclude" else "with"
        many = int(row["placebos"])
        if not many:
            return "Placebo in space: no donor counts as a placebo, so it can tell nothing and p is 1."
        who = count(many, "group of donors", "groups of donors") if self.members else count(many, "donor")
        return (
            f"Placebo in space: {int(row['rank']) - 1} of {who}, given the treatment "
            f"date (pools {pools} the treated), have a mean gap at least as large, {p_value(row['p'])}; it "
            "presumes that treated and donors are exchangeable, and its interval that the effect is constant."
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "pool": self.pool,
            "max_pre_mspe": self.max_pre_mspe,
            "idle": [show(unit) for unit in self.idle],
            "ranks": records(self.ranks.reset_index()),
        }

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        ranks = self.ranks.reset_index()
        return (ranks.assign(statistic=ranks["statistic"].map(TITLES)),)


def placebo_space(
    panel: Panel,
    estimator: Method = "sc",
    *,
    pool: PlaceboPool = "exclude",
    max_pre_mspe: float | None = None,
    groups: int | None = None,
    seed: int | None = None,
    progress: bool = True,
) -> PlaceboSpace:
    """Answer how often a donor, given the treatment date, shows an effect as large as the treated unit's.

    Several treated units count as one averaged series; the placebos are single donors, or with ``groups`` means of as
    many donors (`bsynth.panel.groups`). Sources: Abadie, Diamond and Hainmueller 2010; the interval inverts the test,
    Firpo and Possebom 2018.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), J ≥ 2, outcome units.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm"}, RidgeASCM or Predictors
        With predictors every placebo is a search of its own; several treated units then join the pools apart.
    pool : {"exclude", "include"}
        Whether the treated series (the average, with several treated units) is a donor of the placebos.
    max_pre_mspe : float, optional
        Leave out placebos whose pre MSPE exceeds this multiple of the treated unit's.
    groups : int, optional
        How many random groups of donors, all different, play the treated series: each as many as there are treated
        units, or a third of the donors where that is fewer. All groups that there are where these are fewer.
    seed : int, optional
        Of the groups; 0 by default. Nothing else here is random.
    progress : bool
        Show a bar when it takes more than about two seconds.

    Raises
    ------
    SpecError
        Unknown estimator or pool, a filter that is not positive, or groups where there is nothing to group.

    Examples
    --------
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> float(placebo_space(panel).ranks.loc["mean_gap", "p"].round(4))
    0.3333
    """
    require_panel(panel)
    check_flags(progress=progress)
    if seed is not None:
        check_seed(seed)
    chosen = find(estimator)
    _check(pool, max_pre_mspe)
    places = _groups(panel, groups, 0 if seed is None else seed)
    members = tuple(tuple(panel.donors[k] for k in each) for each in places)
    names: Sequence[Label] = panel.donors
    if members:
        names = [f"group {k} ({', '.join(str(show(m)) for m in each)})" for k, each in enumerate(members, start=1)]
    alone, counted = np.arange(len(names)), np.ones(len(names), dtype=bool)
    first = alone if members else first_alike(panel.donor_matrix)
    if not members:
        counted = moving(panel.donor_matrix[: panel.n_pre]) & (first == alone)
    # A copy would be fitted by its twin without error: what is one series plays the treated one once, alone. Where all
    # are one, it has nothing but its twins to be fitted by.
    first = first if len(np.unique(first)) > 1 else alone
    separate_ones = np.unique(first)
    twins = [name for k, name in enumerate(names) if first[k] != k]
    own = panel.without(twins) if twins else panel
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    refits = refit_units(
        estimator,
        chosen,
        blocks=_placebos(own, pool, places or [(k,) for k in range(own.n_donors)]),
        panels=(own.as_treated(unit, pool=pool) for unit in (members or own.donors)),
        n_pre=panel.n_pre,
        total=len(separate_ones),
        label="placebo in space",
        progress=progress,
    )
    gaps = refits.gaps[np.searchsorted(separate_ones, first)]
    table = gap_statistics(gaps, panel.n_pre)
    table.insert(0, "unit", list(names))
    limit = np.inf if max_pre_mspe is None else max_pre_mspe * estimate.pre_rmspe**2
    table["kept"] = (table["pre_rmspe"] ** 2 <= limit) & counted
    return PlaceboSpace(
        estimate=estimate,
        pool=pool,
        max_pre_mspe=max_pre_mspe,
        gaps=labelled(gaps, names, panel.times),
        table=table,
        seconds=time.perf_counter() - began,
        members=members,
        idle=tuple(name for name, use in zip(names, counted, strict=True) if not use),
    )


def check(panel: Panel) -> None:
    """Every panel can have it."""


def run(panel: Panel, settings: Settings) -> PlaceboSpace:
    """Carry it out as a plan asks for it."""
    return placebo_space(panel, settings.estimator, seed=settings.seed, progress=settings.progress)


def _check(pool: str, max_pre_mspe: float | None) -> None:
    if pool not in POOLS:
        raise SpecError(f"pool {pool!r} is unknown{nearest(pool, POOLS)}; it can be {some_of(POOLS)}")
    instead = "a positive multiple such as 5, or None"
    if max_pre_mspe is not None and check_number(max_pre_mspe, "max_pre_mspe", instead) <= 0:
        raise SpecError(f"max_pre_mspe is {max_pre_mspe}; give {instead}")


def _groups(panel: Panel, groups: int | None, seed: int) -> list[tuple[int, ...]]:
    """Places of the donors in each group; empty where single donors play the treated series."""
    if groups is None:
        return []
    many = check_whole(groups, "groups", 1, "how many groups of donors to draw", MOST)
    size = group_size(panel.n_treated, panel.n_donors)
    if size == 1:
        raise SpecError(
            f"groups is {many}, and {count(panel.n_treated, 'treated unit')} against {count(panel.n_donors, 'donor')} "
            f"leaves nothing to group: it takes 2 treated units and {LEAST * SHARE} donors; leave groups out"
        )
    return cut_groups(panel.donor_matrix[: panel.n_pre], size, many, seed)


def _placebos(panel: Panel, pool: PlaceboPool, places: Sequence[tuple[int, ...]]) -> Iterator[Block]:
    """The mean of the donors at each place as the treated series, the other donors (and the treated) as donors."""
    donors = panel.donor_matrix
    series: FloatArray = donors
    if pool == "include":
        series = np.column_stack([donors, panel.treated_series])
    for chosen in batches(range(len(places)), block_size(*series.shape)):
        columns = np.array([places[k] for k in chosen])
        yield np.ascontiguousarray(donors[:, columns].mean(axis=2).T), without_each(series, columns)
