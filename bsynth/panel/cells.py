"""What leaves the query engine: cell means and sums, and clusters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.panel.calendar import Calendar
from bsynth.panel.provenance import Source

type Kept = slice | IntArray
"""Periods that are kept: those up to one, or the positions of each."""


class Frozen:
    """What holds arrays that nobody changes: each in C order and read-only, however it was made or copied.

    One order in memory, so that sums over a panel and over its copy from a file are the same to the last bit.
    """

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray) and (value.flags.writeable or not value.flags.c_contiguous):
                fixed = np.array(value, order="C")
                fixed.setflags(write=False)
                object.__setattr__(self, name, fixed)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()


@dataclass(frozen=True, eq=False, repr=False)
class Ratio(Brief, Frozen):
    """What a ratio of sums Σy/Σx needs besides the sums of y.

    Attributes
    ----------
    size, cross, size_sq : (T, N) arrays
        Σx, Σxy and Σx² of each cell.
    """

    size: FloatArray
    cross: FloatArray
    size_sq: FloatArray

    def part(self, place: Any) -> "Ratio":
        """The cells at a place of the arrays."""
        return Ratio(self.size[place], self.cross[place], self.size_sq[place])


@dataclass(frozen=True, eq=False, repr=False)
class Cells(Brief, Frozen):
    """What is known of each cell when the panel was built from users or events.

    Attributes
    ----------
    n, total, total_sq : (T, N) arrays
        Rows, Σy and Σy² of each cell, in the panel's time and unit order.
    binary : bool
        Every row's outcome is 0 or 1, so cell means are proportions.
    design_effect : float
        Variance of a cell mean relative to independent rows: 1 with one row per cluster and cell,
        larger when a cluster (a user) has several correlated rows. See `design_effect`.
    agg : {"mean", "sum", "count", "ratio"}
        What the outcome of a cell is of its rows.
    ratio : Ratio or None
        Sums of the denominator, with ``agg="ratio"``.
    """

    n: FloatArray
    total: FloatArray
    total_sq: FloatArray
    binary: bool
    design_effect: float = 1.0
    agg: str = "mean"
    ratio: Ratio | None = None

    @property
    def is_sum(self) -> bool:
        """Whether outcomes are sums over rows, whose number is as random as they are."""
        return self.agg in ("sum", "count")

    @property
    def of_rows(self) -> str:
        """What a cell is of its rows, in words, where that does not add up over cells; empty for sums."""
        if self.is_sum:
            return ""
        return "the ratio of its rows' sums" if self.ratio is not None else "the mean of its rows"

    def counted_once(self, total: str) -> str:
        """Say of a ``total`` over cells that rows do not count in it; empty for sums, in which they do."""
        return self.of_rows and (
            f"{total} adds up cells: each is {self.of_rows} and counts once, however many rows it has; for one over "
            "rows build the panel with agg='sum'."
        )

    @property
    def size(self) -> FloatArray:
        """(T, N) what each cell's total is divided by: rows, Σx of a ratio, or one."""
        if self.ratio is not None:
            return self.ratio.size
        return np.ones_like(self.n) if self.is_sum else self.n

    @property
    def mean(self) -> FloatArray:
        """(T, N) outcome of each cell; NaN where there is none."""
        size = self.size
        return np.asarray(np.divide(self.total, size, out=np.full_like(self.total, np.nan), where=size > 0))

    @cached_property
    def squares(self) -> FloatArray:
        """(T, N) Σe² of each cell, e what a row adds to the error of its outcome, by the delta method.

        y − ȳ for a mean, y − (Σy/Σx)·x for a ratio. A sum over a Poisson number of rows errs by y itself.
        """
        if self.is_sum:
            return self.total_sq
        filled = self.n > 0
        if self.ratio is None:
            off = np.divide(self.total**2, self.n, out=np.zeros_like(self.total), where=filled)
            found = np.where(filled, self.total_sq, 0.0) - off
        else:
            rate = np.nan_to_num(self.mean)
            found = self.total_sq - 2 * rate * self.ratio.cross + rate**2 * self.ratio.size_sq
        return np.asarray(np.maximum(found, 0.0) if self.ratio is not None else found)

    @cached_property
    def row_variance(self) -> FloatArray:
        """(N,) variance s² of one row within its cell, each unit's own over its cells.

        Proportions: p(1 − p) of the unit's share, with half a success and half a failure more (Jeffreys), so that no
        unit has a variance of zero. Other outcomes: Σe² over the unit's cells (`squares`), shrunk to that of all units
        by one row, which is all there is where every cell has a single row.
        """
        rows, total = self.n.sum(axis=0), self.total.sum(axis=0)
        if self.binary:
            p = (total + 0.5) / (rows + 1.0)
            return np.asarray(p * (1.0 - p))
        within = np.maximum(self.squares.sum(axis=0), 0.0)
        freedom = np.where(self.n > 0, self.n if self.is_sum else self.n - 1, 0.0).sum(axis=0)
        pooled = within.sum() / freedom.sum() if freedom.sum() > 0 else 0.0
        return np.asarray((within + pooled) / (freedom + 1.0))

    @cached_property
    def variance(self) -> FloatArray:
        """(T, N) sampling variance of each cell's outcome, s²/n of a mean; infinite where a cell is empty.

        s²·n/(Σx)² of a ratio (the delta method) and s²·n of a sum, which without a row has the variance of one.
        """
        row = np.broadcast_to(self.design_effect * self.row_variance, self.n.shape)
        if self.is_sum:
            return np.asarray(row * np.maximum(self.n, 1.0))
        if self.ratio is not None:
            row = row * (self.n / np.where(self.ratio.size > 0, self.ratio.size, 1.0)) ** 2
        filled = (self.n > 0) & (self.size > 0)
        return np.asarray(np.divide(row, self.n, out=np.full(self.n.shape, np.inf), where=filled))

    def split_variance(self, periods: int) -> FloatArray:
        """(T, N) as ``variance``, the first ``periods`` rows and the rest each from their own rows.

        For units whose outcome changed at ``periods``: what it became says nothing of the noise before.
        """
        return np.concatenate([self._part(p).variance for p in (slice(0, periods), slice(periods, None))])

    def raised(self, added: FloatArray) -> "Cells":
        """The cells with so much (T, N) added to their outcomes, whose rows err as they did.

        Every row of a mean has it, and every row of a ratio so much for each unit of its x. What a sum has more it has
        in all: its rows are as many as they were, and as large.

        Examples
        --------
        >>> two, one = np.full((1, 1), 2.0), np.ones((1, 1))
        >>> raised = Cells(n=two, total=two, total_sq=2 * two, binary=False, agg="sum").raised(one)
        >>> raised.mean.item(), raised.variance.item() == replace(raised, total=two).variance.item()
        (3.0, True)
        """
        if self.is_sum:
            return replace(self, total=self.total + added)
        cross, size, size_sq = self.total, self.n, self.n
        ratio = self.ratio
        if ratio is not None:
            cross, size, size_sq = ratio.cross, ratio.size, ratio.size_sq
            ratio = replace(ratio, cross=cross + added * size_sq)
        squares = self.total_sq + 2 * added * cross + added**2 * size_sq
        return replace(self, total=self.total + added * size, total_sq=squares, ratio=ratio)

    def take(self, rows: Kept, columns: Sequence[int]) -> "Cells":
        """Some rows of some columns."""
        return self._part(rows)._part((slice(None), columns))

    def _part(self, place: Any) -> "Cells":
        n, total, total_sq = (a[place] for a in (self.n, self.total, self.total_sq))
        return replace(
            self, n=n, total=total, total_sq=total_sq, ratio=None if self.ratio is None else self.ratio.part(place)
        )


@dataclass(frozen=True, eq=False, repr=False)
class Clusters(Brief, Frozen):
    """Sums per cluster (a user) and cell: what the cluster bootstrap resamples.

    Attributes
    ----------
    count : int
        Number of clusters in the log, those without a row in the window included.
    cluster, time, unit : (R,) int arrays
        Codes: cluster 0…count−1 in sorted order of its identifier, positions in ``panel.times``
        and ``panel.units``.
    n, total : (R,) arrays
        Rows and Σy of that cluster in that cell.
    size : (R,) array or None
        Σx, of a ratio.
    agg : str
        What the outcome of a cell is of its rows.
    """

    count: int
    cluster: IntArray
    time: IntArray
    unit: IntArray
    n: FloatArray
    total: FloatArray
    size: FloatArray | None = None
    agg: str = "mean"

    def take(self, rows: Kept, columns: Sequence[int]) -> "Clusters":
        """Rows of the chosen cells with positions renumbered; ``count`` and cluster codes stay."""
        unit = _renumbered(columns, int(self.unit.max(initial=0)))[self.unit]
        last = int(self.time.max(initial=0))
        time = _renumbered(np.arange(last + 1)[rows] if isinstance(rows, slice) else rows, last)[self.time]
        keep = (unit >= 0) & (time >= 0)
        return replace(
            self,
            cluster=self.cluster[keep],
            time=time[keep],
            unit=unit[keep],
            n=self.n[keep],
            total=self.total[keep],
            size=None if self.size is None else self.size[keep],
        )


@dataclass(frozen=True, eq=False, repr=False)
class Resamples(Brief, Frozen):
    """Cell sums of resamples of clusters that were drawn within the engine, each cluster Poisson(1) times.

    Attributes
    ----------
    seed : int
        Together with a cluster's identifier it says how often each resample has that cluster.
    total, size : (R, T, N) arrays
        Σy of each cell, and what it is divided by: rows, or Σx of a ratio; ``size`` is None for sums.
    """

    seed: int
    total: FloatArray
    size: FloatArray | None

    def take(self, rows: Kept, columns: Sequence[int]) -> "Resamples":
        """Some rows of some columns."""
        size = None if self.size is None else self.size[:, rows][:, :, columns]
        return replace(self, total=self.total[:, rows][:, :, columns], size=size)

    @property
    def means(self) -> FloatArray:
        """(R, T, N) outcome of each cell; NaN where no cluster was drawn."""
        if self.size is None:
            return self.total
        return np.asarray(np.divide(self.total, self.size, out=np.full_like(self.total, np.nan), where=self.size > 0))


@dataclass(frozen=True, eq=False, repr=False)
class Covariates(Brief, Frozen):
    """Further columns of the data, beside the outcome.

    Attributes
    ----------
    names : tuple of str
        K column names.
    values : (K, T, N) array
        Value (or mean of the cell's rows) by covariate, period and unit, in the panel's order and the column's
        own units; NaN where no row has one.
    """

    names: tuple[str, ...]
    values: FloatArray

    def take(self, rows: Kept, columns: Sequence[int]) -> "Covariates":
        """Some rows of some columns."""
        return replace(self, values=self.values[:, rows][:, :, columns])


@dataclass(frozen=True, eq=False, repr=False)
class CellTable(Brief):
    """All cells of the input, before a window or units are chosen.

    Attributes
    ----------
    mean : (T, N) array
        Mean outcome by period and unit, NaN where no row has one.
    units, times
        Labels of its columns (sorted) and rows (increasing).
    calendar : Calendar
        What ``times`` keep to, and how they were written.
    cells, clusters
        Present when the rows were users or events, and when a cluster column was named.
    covariates
        Present when covariate columns were named.
    starts
        Position of each unit's first treated period, None where it has none, when a column said so.
    ragged
        What is to be said of the last period, as long as it is among them.
    """

    mean: FloatArray
    units: tuple[Label, ...]
    times: pd.Index
    source: Source
    calendar: Calendar
    cells: Cells | None = None
    clusters: Clusters | Resamples | None = None
    covariates: Covariates | None = None
    starts: Mapping[Label, int | None] | None = None
    ragged: tuple[str, ...] = ()

    def take(self, periods: int, units: Sequence[Label]) -> "CellTable":
        """The first ``periods`` rows of some units, in their order."""
        columns, rows = [self.units.index(unit) for unit in units], slice(periods)
        return replace(
            self,
            mean=self.mean[:periods, columns],
            units=tuple(units),
            times=self.times[:periods],
            cells=None if self.cells is None else self.cells.take(rows, columns),
            clusters=None if self.clusters is None else self.clusters.take(rows, columns),
            covariates=None if self.covariates is None else self.covariates.take(rows, columns),
            ragged=self.ragged if periods >= len(self.times) else (),
        )


def _renumbered(kept: Sequence[int] | IntArray, last: int) -> IntArray:
    """The new place of each old one up to ``last`` or the last that is kept; -1 where it is not kept."""
    place = np.full(max(last, int(np.max(kept, initial=0))) + 1, -1, dtype=np.int64)
    place[np.asarray(kept, dtype=np.int64)] = np.arange(len(kept))
    return place


def design_effect(clusters: Clusters, cells: Cells) -> float:
    """How much more a cell mean varies because a cluster's rows in that cell resemble each other.

    With S_c and n_c the sum and rows of cluster c in a cell of n rows and mean ȳ,

        [Σ_cells Σ_c (S_c − ȳ n_c)² / Σ_cells (n − Σ_c n_c² / n)] / [Σ_cells SS_within / Σ_cells (n − 1)].

    Both brackets estimate the variance of a row when rows are independent, so the ratio is then 1 on
    average, and exactly 1 with one row per cluster and cell. Values below 1 (chance, or rows that
    repel each other) are raised to 1: clustering is never used to narrow an interval. Correlation of
    one cluster between cells is not in it; the cluster bootstrap has that.

    A ratio has S_c − (Σy/Σx)·X_c in the place of the deviation, and a sum S_c itself, without degrees of freedom.

    Source: Kish 1965, §5.4; the numerator is the cluster-robust variance of a mean (Liang & Zeger 1986).
    """
    if not len(clusters.n) or clusters.n.max() <= 1:
        return 1.0
    at = (clusters.time, clusters.unit)
    n, filled = cells.n, cells.n > 0
    within = float(np.where(filled, cells.squares, 0.0).sum())
    if cells.is_sum:
        return max(1.0, float((clusters.total**2).sum()) / within) if within > 0 else 1.0
    rate = np.nan_to_num(cells.mean)
    size = clusters.n if clusters.size is None else clusters.size
    between = float(((clusters.total - rate[at] * size) ** 2).sum())
    between_freedom = float(n.sum() - (clusters.n**2 / n[at]).sum())
    within_freedom = float((n[filled] - 1).sum())
    if between_freedom <= 0 or within <= 0:
        return 1.0
    return max(1.0, (between / between_freedom) / (within / within_freedom))
