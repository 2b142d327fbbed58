"""Runs of a few periods in which a series leaves its neighbours: two within it, or up to three at an end.

A single period within a series has neighbours on both sides, which `bsynth.panel.quality` asks at once. At an end there
are neighbours on one side only, and the run may as well be a level that goes on: that is for the reader to tell. What
comes back with the day of the week or the month is no such run: it is taken out before (`unseasoned`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray, IntArray

FAR = 6.0
"""Robust standard deviations from which a value, or a step, is odd: a normal one gets there once in 500 million."""
NEAR = 3.0
"""Within so many its neighbours are ordinary."""
LONGEST = 3
"""Periods of a run at an end; a level that shifts is seen from the next on."""
LEVEL = 3
"""Periods beside a run at an end whose median is the level that it left."""
LEAST = 10
"""Periods below which the level of a series says too little of its end."""
SEEN = 4
"""Times that each phase of a cycle must be seen before it is known what comes back in it."""
MAD = 1.4826
"""Times the median absolute deviation is the standard deviation of a normal law."""


@dataclass(frozen=True)
class Run:
    """Periods ``first`` to ``last`` of a column, each at least ``size`` robust standard deviations from those beside.

    ``end`` says that it is at the first or the last period of its series.
    """

    column: int
    first: int
    last: int
    size: float
    end: Literal["", "first", "last"] = ""


def spread(values: FloatArray) -> FloatArray:
    """Robust standard deviation of each column; 1 where it has none, so that a constant stays 0."""
    middle = np.nanmedian(values, axis=0)
    found = MAD * np.nanmedian(np.abs(values - middle), axis=0)
    plain = np.nanstd(values, axis=0)
    found = np.where(found > 1e-9 * plain, found, plain)
    return np.asarray(np.where(found > 0, found, 1.0))


def unseasoned(series: FloatArray, phase: IntArray) -> FloatArray:
    """Series (T, N) less what comes back in each phase (T,) of a cycle; as they are where phases are too seldom seen.

    The level is the running median of a whole cycle, in which each phase is once. What is nowhere below zero departs
    from it by a share, as a shop does that is closed on Sundays; else by an amount. NaN stays.

    Examples
    --------
    >>> week = np.arange(42) % 7
    >>> unseasoned(np.where(week == 6, 0.0, 5.0 + np.arange(42) / 7)[:, None], week)[20:22, 0].round(1).tolist()
    [7.7, 8.0]
    """
    cycle = int(phase.max()) + 1
    if cycle < 2 or len(series) < cycle or np.bincount(phase, minlength=cycle).min() < SEEN:
        return series
    middle = np.median(np.lib.stride_tricks.sliding_window_view(series, cycle, axis=0), axis=-1)
    before = (cycle - 1) // 2
    level = np.pad(middle, ((before, cycle - 1 - before), (0, 0)), mode="edge")
    shares = (np.nan_to_num(series) >= 0).all(axis=0) & (np.nan_to_num(level, nan=1.0) > 0).all(axis=0)
    away = (series - level) / np.where(shares, level, 1.0)
    profile = np.zeros((cycle, series.shape[1]))
    for p in range(cycle):
        part = away[phase == p]
        seldom = np.isfinite(part).sum(axis=0) < SEEN
        profile[p] = np.nanmedian(np.where(seldom, 0.0, part), axis=0)
    # Half a cycle before what is left out the level is the last that is known.
    level = pd.DataFrame(level).ffill().fillna(0.0).to_numpy()
    return np.asarray(series - profile[phase] * np.where(shares, level, 1.0))


def pairs(own: FloatArray) -> Iterator[Run]:
    """Two periods of a series (T, N) that are far from the ones before and after, which agree."""
    if len(own) < LEAST:
        return
    beside, across = 0.5 * (own[:-3] + own[3:]), own[3:] - own[:-3]
    sizes = _smallest([own[1:-2] - beside, own[2:-1] - beside])
    calm = np.abs(across) <= NEAR * spread(across)
    for t, k in np.argwhere(calm & (np.nan_to_num(np.abs(sizes)) > FAR)):
        yield Run(int(k), int(t) + 1, int(t) + 2, float(sizes[t, k]))


def ends(own: FloatArray, longest: int = LONGEST) -> Iterator[Run]:
    """Runs at the first and last periods of series (T, N) without holes, in units of their noise."""
    periods = len(own)
    for run in _at_last(own, longest):
        yield Run(run.column, run.first, run.last, run.size, "last")
    for run in _at_last(own[::-1], longest):
        yield Run(run.column, periods - 1 - run.last, periods - 1 - run.first, run.size, "first")


def _at_last(own: FloatArray, longest: int) -> Iterator[Run]:
    """The longest run at the last periods, of each column that has one."""
    if len(own) < LEAST:
        return
    level = np.median(np.lib.stride_tricks.sliding_window_view(own, LEVEL, axis=0), axis=-1)
    done: set[int] = set()
    for length in range(longest, 0, -1):
        before = len(own) - LEVEL - length
        # Beside the level that a run would have left at every other time, so that a trend or a walk is no run.
        away = [own[LEVEL + lag :][: before + 1] - level[: before + 1] for lag in range(length)]
        sizes = _smallest(away)[before]
        # At once: where it began before, the run is a longer one.
        jump = np.abs(own[before + LEVEL] - own[before + LEVEL - 1])
        odd = (np.abs(sizes) > FAR) & (jump > 0.5 * np.abs(away[0][before]))
        for k in map(int, np.flatnonzero(odd)):
            if k not in done:
                done.add(k)
                yield Run(k, before + LEVEL, len(own) - 1, float(sizes[k]))


def _smallest(away: list[FloatArray]) -> FloatArray:
    """Of distances (T, N), one for each period of a run, the smallest in robust standard deviations."""
    # The noise of a series is 1: a few distances that happen to be alike are no measure of it.
    scaled = np.stack([(each - np.nanmedian(each, axis=0)) / np.maximum(spread(each), 1.0) for each in away])
    nearest = np.expand_dims(np.argmin(np.abs(np.nan_to_num(scaled)), axis=0), 0)
    return np.asarray(np.take_along_axis(scaled, nearest, axis=0)[0])
