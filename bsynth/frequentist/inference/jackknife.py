"""Jackknife+: leave pre-periods out of the fit and predict them as the periods after the start are predicted.

Barber, Candès, Ramdas and Tibshirani 2021. With n left-out pieces, prediction m₋ᵢ of the target without piece i
and R₋ᵢ the error in predicting piece i, the interval is [⌊α(n+1)⌋-th smallest m₋ᵢ − R₋ᵢ, the same from above of
m₋ᵢ + R₋ᵢ].
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.plain import records
from bsynth._base.request import check_flags, check_level, check_seed, check_whole
from bsynth._base.types import FloatArray, IntArray
from bsynth.effects import gap_of, lift_notes
from bsynth.errors import PanelError
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import (
    Block,
    Refits,
    batches,
    block_size,
    constant_rows,
    find_for_series,
    labelled,
    refit,
)
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.text.numbers import bracket, count, numbers, percent

NAME = "jackknife+"
TITLE = "Jackknife+"
CONDITIONS = "Its interval presumes that periods are exchangeable."
STANDARD = False

MIN_LEFT = 3
"""Pre-periods that must remain in every fit."""


@dataclass(frozen=True, eq=False, repr=False)
class JackknifePlus(Inference):
    """Counterfactuals without each pre-period, and how far they missed it.

    Attributes
    ----------
    estimate : Estimate
        With every pre-period.
    gaps : DataArray (replicate, time)
        Gap of the fit without the pre-period that names the replicate, outcome units.
    table : DataFrame
        One row per pre-period: ``left_out, residual, mean_gap``; ``residual`` is its own gap, predicted.
    block : int
        Periods left out at a time for the average effect.
    blocks : DataFrame
        One row per run of ``block`` pre-periods: ``first, residual, mean_gap``; ``residual`` is the mean gap
        of the run, predicted.
    seconds : float
    """

    kind, conditions = TITLE, CONDITIONS

    estimate: Estimate
    gaps: xr.DataArray
    table: pd.DataFrame
    block: int
    blocks: pd.DataFrame
    seconds: float

    def path(self, level: float = 0.95) -> pd.DataFrame:
        """One row per treated period, outcome units; infinite where 1/(n_pre + 1) is above 1 − level.

        Columns ``time, observed, counterfactual, lower, upper, gap, gap_lower, gap_upper, level, p``.
        """
        level = check_level(level)
        panel = self.estimate.panel
        post, size = slice(panel.n_pre, None), self.table["residual"].abs().to_numpy()
        observed = panel.treated_series[post]
        # From the gaps, in which rounding is nothing.
        predicted = observed - self.gaps.to_numpy()[:, post]
        lower, upper = np.array([_interval(m, size, level) for m in predicted.T]).T
        p = [_p(m, size, y) for m, y in zip(predicted.T, observed, strict=True)]
        return pd.DataFrame(
            {
                "time": panel.times[post],
                "observed": observed,
                "counterfactual": self.estimate.counterfactual[post],
                "lower": lower,
                "upper": upper,
                "gap": self.estimate.gap[post],
                "gap_lower": observed - upper,
                "gap_upper": observed - lower,
                "level": level,
                "p": p,
            }
        )

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand: estimate, interval from left-out runs of periods, and the p that agrees with it."""
        level = check_level(level)
        panel = self.estimate.panel
        mean, size = float(panel.treated_series[panel.n_pre :].mean()), self.blocks["residual"].abs().to_numpy()
        predicted = mean - self.blocks["mean_gap"].to_numpy()
        lower, upper = _interval(predicted, size, level)
        low, high, p = mean - upper, mean - lower, _p(predicted, size, mean)
        return constant_rows(self.estimate, low, high, level=level, interval=NAME, p=p, seconds=self.seconds)

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences that belong beside the numbers: resolution, and why there is no lift where there is none."""
        notes = []
        if 1 - level < 1 / (len(self.blocks) + 1):
            notes.append(
                f"With {len(self.blocks)} left-out runs p cannot fall below 1/{len(self.blocks) + 1}, so the "
                f"{percent(level)} interval is unbounded."
            )
        return (*notes, *lift_notes(self.effects(level)))

    def _sentence(self, level: float) -> str:
        row = self.effects(level).iloc[0]
        return (
            f"Jackknife+: from {count(len(self.blocks), 'refit')} without {count(self.block, 'pre-period')} each, the "
            f"{percent(level)} interval of the average effect is {bracket(numbers(row['lower'], row['upper']))}; it "
            "presumes that periods after the start are exchangeable with those before it, given the donors: no drift. "
            f"The coverage that is guaranteed is {percent(max(0.0, 2 * level - 1))} (twice the error); typical is "
            f"{percent(level)}."
        )

    def _facts(self) -> dict[str, Any]:
        return {"block": self.block, "blocks": records(self.blocks)}


def jackknife_plus(
    panel: Panel,
    estimator: Method = "sc",
    *,
    block: int | None = None,
    seed: int | None = None,
    progress: bool = True,
) -> JackknifePlus:
    """Answer how far the counterfactual misses pre-periods that it has not been fitted on.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), outcome units, with at least four pre-periods.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm"}
    block : int, optional
        Pre-periods left out at a time for the average effect; by default n_post, at most a third of n_pre.
        A block shorter than n_post makes the average's interval wide under independent noise, and short under
        drift.
    seed : int, optional
        Every verb takes it; nothing here is random.
    progress : bool
        Show a bar when it takes more than about two seconds.

    Raises
    ------
    SpecError
        Unknown estimator.
    PanelError
        Fewer than three pre-periods would remain in a fit.

    References
    ----------
    Barber, Candès, Ramdas and Tibshirani 2021, eq. 1.6.

    Examples
    --------
    >>> df = pd.DataFrame({"state": list("aaaaaabbbbbbcccccc"), "year": [1, 2, 3, 4, 5, 6] * 3,
    ...                    "sales": [1., 2, 3, 4, 5, 9, 0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=6)
    >>> jackknife_plus(panel).effects(0.8)[["lower", "upper"]].iloc[0].round(6).tolist()
    [3.0, 3.0]
    """
    require_panel(panel)
    check_flags(progress=progress)
    if seed is not None:
        check_seed(seed)
    chosen = find_for_series(estimator, panel)
    length = default_block(panel) if block is None else _checked_block(panel, block)
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    single = np.arange(panel.n_pre)[:, None]
    runs = np.lib.stride_tricks.sliding_window_view(np.arange(panel.n_pre), length).astype(np.int64)
    total = len(single) + len(runs)
    ones, many = (
        refit(
            chosen, _without(panel, left_out), panel.n_pre - left_out.shape[1],
            total=total, label="jackknife", progress=progress,
        )
        for left_out in (single, runs)
    )  # fmt: skip
    counterfactual = _in_order(ones, single, panel.n_pre)
    gaps = gap_of(panel.treated_series, counterfactual)
    run_gaps = gap_of(panel.treated_series, _in_order(many, runs, panel.n_pre))
    times = panel.times[: panel.n_pre]
    return JackknifePlus(
        estimate=estimate,
        gaps=labelled(gaps, times, panel.times),
        table=_table("left_out", times, gaps, single, panel.n_pre),
        block=length,
        blocks=_table("first", times[runs[:, 0]], run_gaps, runs, panel.n_pre),
        seconds=time.perf_counter() - began,
    )


def check(panel: Panel) -> None:
    """Raise `PanelError` when too few pre-periods would remain in a fit."""
    default_block(panel)


def run(panel: Panel, settings: Settings) -> JackknifePlus:
    """Carry it out as a plan asks for it."""
    return jackknife_plus(panel, settings.estimator, seed=settings.seed, progress=settings.progress)


def default_block(panel: Panel) -> int:
    """Pre-periods that are left out at a time; `PanelError` when too few would remain."""
    return _checked_block(panel, min(panel.n_post, max(1, panel.n_pre // 3)))


def _checked_block(panel: Panel, length: int) -> int:
    if check_whole(length, "block", 1, "a number of pre-periods") > panel.n_pre - MIN_LEFT:
        raise PanelError(
            f"{count(panel.n_pre, 'pre-period')} less a block of {length} leave fewer than {MIN_LEFT} to fit on; "
            "give a smaller block or a longer pre-period"
        )
    return length


def _order(left_out: IntArray, n_pre: int, n_times: int) -> IntArray:
    """(B, T) periods with those left out moved behind the other pre-periods."""
    kept = [np.setdiff1d(np.arange(n_pre), row) for row in left_out]
    after = np.tile(np.arange(n_pre, n_times), (len(left_out), 1))
    return np.concatenate([np.array(kept), left_out, after], axis=1)


def _without(panel: Panel, left_out: IntArray) -> Iterator[Block]:
    """Panels whose last pre-periods are those of each row of ``left_out`` (B, m)."""
    y, X = panel.treated_series, panel.donor_matrix
    order = _order(left_out, panel.n_pre, len(y))
    for rows in batches(range(len(order)), block_size(*X.shape)):
        yield y[order[rows]], X[order[rows]]


def _in_order(refits: Refits, left_out: IntArray, n_pre: int) -> FloatArray:
    """(B, T) counterfactuals with the periods back in their places."""
    order = _order(left_out, n_pre, refits.counterfactual.shape[1])
    placed = np.empty_like(refits.counterfactual)
    np.put_along_axis(placed, order, refits.counterfactual, axis=1)
    return placed


def _table(name: str, labels: pd.Index, gaps: FloatArray, left_out: IntArray, n_pre: int) -> pd.DataFrame:
    residual = np.take_along_axis(gaps, left_out, axis=1).mean(axis=1)
    return pd.DataFrame({name: labels, "residual": residual, "mean_gap": gaps[:, n_pre:].mean(axis=1)})


def _interval(predicted: FloatArray, size: FloatArray, level: float) -> tuple[float, float]:
    """Jackknife+ interval from predictions (n,) and absolute errors (n,)."""
    n = len(predicted)
    # Rounded, since (1 − .9)·10 is a hair under 1 in floating point.
    k = math.floor(round((1 - level) * (n + 1), 9))
    if k == 0:
        return -math.inf, math.inf
    return float(np.sort(predicted - size)[k - 1]), float(np.sort(predicted + size)[n - k])


def _p(predicted: FloatArray, size: FloatArray, observed: float) -> float:
    """Largest 1 − level at which ``observed`` is still inside."""
    below, above = int((predicted - size <= observed).sum()), int((predicted + size >= observed).sum())
    return min(1.0, (1 + min(below, above)) / (1 + len(predicted)))
