"""Leave two out: the refined placebo test, with far more reference comparisons than donors.

Lei and Sudijono 2024 (Inference for synthetic controls via refined placebo tests). For each pair of donors,
three units are left out of the pool: the treated and the pair. Each of the three is fitted on the remaining
donors; the treated unit loses when its statistic is not the largest of the three.
"""

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.request import check_flags, check_level, check_seed
from bsynth._base.types import FloatArray, IntArray
from bsynth.effects import TIES, at_least, lift_notes
from bsynth.errors import PanelError, SpecError, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import (
    Block,
    batches,
    block_size,
    constant_rows,
    find_for_series,
    gap_statistics,
    labelled,
    refit,
    without_each,
)
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.text.numbers import count, p_value, percent

NAME = "leave-two-out"
TITLE = "Leave two out"
CONDITIONS = "Its interval and p presume that treated and donors are exchangeable and that the effect is constant."
STANDARD = False

type Statistic = Literal["ratio", "mean_gap"]
STATISTICS: tuple[str, ...] = get_args(Statistic.__value__)
MIN_DONORS = 3


@dataclass(frozen=True, eq=False, repr=False)
class LeaveTwoOut(Inference):
    """The treated unit against every pair of donors.

    Attributes
    ----------
    estimate : Estimate
        With every donor.
    statistic : {"ratio", "mean_gap"}
        Post/pre RMSPE ratio, or size of the mean gap.
    gaps : DataArray (replicate, time)
        Treated unit's gap without each pair, outcome units; replicates in the order of ``table``.
    table : DataFrame
        One row per pair: ``first, second, mean_gap, treated, largest, lost``; ``treated`` is the treated unit's
        statistic, ``largest`` the larger of the pair's two.
    seconds : float
    """

    kind, conditions = TITLE, CONDITIONS

    estimate: Estimate
    statistic: str
    gaps: xr.DataArray
    table: pd.DataFrame
    seconds: float

    @property
    def losses(self) -> int:
        """Pairs against which the treated unit's statistic is not the largest of the three; a tie is a loss."""
        return int(self.table["lost"].sum())

    @property
    def pairs(self) -> int:
        """Number of pairs of donors, J(J − 1)/2."""
        return len(self.table)

    @property
    def p(self) -> float:
        """(1 + losses) / (1 + pairs): the data are counted, so it is never 0."""
        return (1 + self.losses) / (1 + self.pairs)

    @property
    def p_uncounted(self) -> float:
        """Losses / pairs, as the paper defines it; it can be 0."""
        return self.losses / self.pairs

    def constant_set(self, level: float = 0.95) -> tuple[float, float]:
        """Smallest and largest constant effect whose p (counted) is above 1 − level; NaN when there is none.

        Against one pair the treated unit loses on an interval of effects, so p is a step function and the
        edges are exact.
        """
        level = check_level(level)
        needed = math.floor(round((1 - level) * (1 + self.pairs), 9)) + 1
        if needed <= 1:
            return -math.inf, math.inf
        edges = np.sort(np.concatenate(self._losing))
        inside = edges[1 + self._losses_at(edges) >= needed]
        return (float(inside[0]), float(inside[-1])) if len(inside) else (math.nan, math.nan)

    @cached_property
    def interval_p(self) -> float:
        """Largest 1 − level at which the interval of `constant_set` holds zero.

        The effects that are not rejected may have holes, which the interval closes; without them it is ``p``.
        """
        tried = np.append(np.concatenate(self._losing), 0.0)
        losses = self._losses_at(tried)
        return float(1 + min(losses[tried <= 0].max(), losses[tried >= 0].max())) / (1 + self.pairs)

    @cached_property
    def _losing(self) -> tuple[FloatArray, FloatArray]:
        n_pre, largest = self.estimate.panel.n_pre, self.table["largest"].to_numpy()
        return _losing(self.gaps.to_numpy(), n_pre, largest, self.statistic)

    def _losses_at(self, effects: FloatArray) -> IntArray:
        """Pairs against which the treated unit loses under each constant effect: closed intervals that hold it."""
        low, high = (np.sort(edges) for edges in self._losing)
        return np.searchsorted(low, effects, "right") - np.searchsorted(high, effects, "left")

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand: estimate, the constant effects not rejected, and the p of that interval (counted)."""
        low, high = self.constant_set(level)
        return constant_rows(
            self.estimate, low, high, level=level, interval=NAME, p=self.interval_p, seconds=self.seconds
        )

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences that belong beside the numbers: resolution, holes, and why there is no lift where there is none."""
        notes = []
        if 1 - level < 1 / (1 + self.pairs):
            notes.append(
                f"With {count(self.pairs, 'pair')} p cannot fall below 1/{1 + self.pairs}, so the {percent(level)} "
                "interval is unbounded."
            )
        if self.interval_p > self.p:
            notes.append(
                "Effects on both sides of zero are less unusual than none: for the interval "
                f"{p_value(self.interval_p)}."
            )
        return (*notes, *lift_notes(self.effects(level)))

    def _sentence(self, level: float) -> str:
        words = "post/pre error ratio" if self.statistic == "ratio" else "mean gap"
        return (
            f"Leave two out: against {self.losses} of {count(self.pairs, 'pair')} of donors the treated unit's "
            f"{words} is not "
            f"the largest of the three, {p_value(self.p)} ({p_value(self.p_uncounted)} without counting the data); it "
            "presumes that the treatment could have fallen on any unit alike, and its interval that the effect is "
            "constant."
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "statistic": self.statistic, "losses": self.losses, "pairs": self.pairs,
            "p": self.p, "p_uncounted": self.p_uncounted,
        }  # fmt: skip


def leave_two_out(
    panel: Panel,
    estimator: Method = "sc",
    *,
    statistic: Statistic = "ratio",
    seed: int | None = None,
    progress: bool = True,
) -> LeaveTwoOut:
    """Answer how often the treated unit stands out against two donors at once.

    A placebo test with J donors has J comparisons; this one has J(J − 1)/2, each on the other J − 2 donors.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), J ≥ 3, outcome units. Several treated units count as one
        averaged series.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm"}
    statistic : {"ratio", "mean_gap"}
        Post/pre RMSPE ratio (the paper's examples), or size of the mean gap.
    seed : int, optional
        Every verb takes it; nothing here is random.
    progress : bool
        Show a bar when it takes more than about two seconds.

    Raises
    ------
    SpecError
        Unknown estimator or statistic.
    PanelError
        Fewer than three donors.

    References
    ----------
    Lei and Sudijono 2024, arXiv 2401.07152.

    Examples
    --------
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbcccccddddd"), "year": [1, 2, 3, 4, 5] * 4,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 1, 1, 3, 4, 5]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> test = leave_two_out(panel, statistic="mean_gap")
    >>> test.losses, test.pairs, test.p
    (0, 3, 0.25)
    """
    require_panel(panel)
    check_flags(progress=progress)
    if seed is not None:
        check_seed(seed)
    chosen = find_for_series(estimator, panel)
    if statistic not in STATISTICS:
        raise SpecError(f"statistic is {statistic!r}{nearest(statistic, STATISTICS)}; it can be {some_of(STATISTICS)}")
    check(panel)
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    pairs = np.array(list(itertools.combinations(range(panel.n_donors), 2)))
    blocks, total = _trios(panel, pairs), 3 * len(pairs)
    refits = refit(chosen, blocks, panel.n_pre, total=total, label="leave two out", progress=progress)
    values = np.abs(gap_statistics(refits.gaps, panel.n_pre)[statistic].to_numpy()).reshape(-1, 3)
    largest = values[:, 1:].max(axis=1)
    gaps = refits.gaps[::3]
    table = pd.DataFrame(
        {
            "first": [panel.donors[i] for i, _ in pairs],
            "second": [panel.donors[j] for _, j in pairs],
            "mean_gap": gaps[:, panel.n_pre :].mean(axis=1),
            "treated": values[:, 0],
            "largest": largest,
            "lost": at_least(largest, values[:, 0]),
        }
    )
    return LeaveTwoOut(
        estimate=estimate,
        statistic=statistic,
        gaps=labelled(gaps, range(len(pairs)), panel.times),
        table=table,
        seconds=time.perf_counter() - began,
    )


def check(panel: Panel) -> None:
    """Raise `PanelError` when a pair left out would leave no donor."""
    if panel.n_donors < MIN_DONORS:
        raise PanelError(f"the panel has {count(panel.n_donors, 'donor')}; leaving two out needs at least {MIN_DONORS}")


def run(panel: Panel, settings: Settings) -> LeaveTwoOut:
    """Carry it out as a plan asks for it."""
    return leave_two_out(panel, settings.estimator, seed=settings.seed, progress=settings.progress)


def _trios(panel: Panel, pairs: IntArray) -> Iterator[Block]:
    """For each pair: the treated series, the first and the second donor, each on the donors outside the pair."""
    y, donors = panel.treated_series, panel.donor_matrix
    size = max(1, block_size(*donors.shape) // 3)
    for rows in batches(range(len(pairs)), size):
        series = np.stack([np.stack([y, donors[:, i], donors[:, j]]) for i, j in pairs[rows]])
        yield series.reshape(-1, len(y)), np.repeat(without_each(donors, pairs[rows]), 3, axis=0)


def _losing(gaps: FloatArray, n_pre: int, largest: FloatArray, statistic: str) -> tuple[FloatArray, FloatArray]:
    """Edges (low, high) of the constant effects under which the treated unit loses, for the pairs that have any.

    With ``mean_gap`` it loses while |mean − τ| ≤ largest; with ``ratio`` while the mean of (gap − τ)² is at
    most (largest · pre RMSPE)², which is |mean − τ|² + variance. Against a pair with an infinite ratio it always does.
    An edge that is zero up to rounding is zero.
    """
    post = gaps[:, n_pre:]
    mean, reach = post.mean(axis=1), largest**2
    if statistic == "ratio":
        pre = (gaps[:, :n_pre] ** 2).mean(axis=1)
        variance = post.var(axis=1)
        allowed = np.where(np.isinf(largest), np.inf, np.where(np.isinf(largest), 0.0, largest) ** 2 * pre)
        tied = np.abs(allowed - variance) <= TIES * (mean**2 + variance)
        reach = np.where(tied, 0.0, allowed - variance)
    some = reach >= 0
    mean, half = mean[some], np.sqrt(reach[some])
    rounding = TIES * (np.abs(mean) + np.where(np.isinf(half), 0.0, half))
    low, high = (np.where(np.abs(edge) <= rounding, 0.0, edge) for edge in (mean - half, mean + half))
    return low, high
