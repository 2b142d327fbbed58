"""What leaves the query engine: cell means and sums, clusters, and where they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.errors import some_of
from bsynth.panel.alike import pair
from bsynth.panel.calendar import Calendar
from bsynth.text.numbers import count

type Rows = slice | IntArray
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
    """

    n: FloatArray
    total: FloatArray
    total_sq: FloatArray
    binary: bool
    design_effect: float = 1.0

    @cached_property
    def row_variance(self) -> FloatArray:
        """(N,) variance s² of one row within its cell, each unit's own over its cells.

        Proportions: p(1 − p) of the unit's share, with half a success and half a failure more (Jeffreys), so that no
        unit has a variance of zero. Other outcomes: the variance within the unit's cells, shrunk to that of all units
        by one row, which is all there is where every cell has a single row.
        """
        rows, total = self.n.sum(axis=0), self.total.sum(axis=0)
        if self.binary:
            p = (total + 0.5) / (rows + 1.0)
            return np.asarray(p * (1.0 - p))
        filled = self.n > 0
        squares = np.divide(self.total**2, self.n, out=np.zeros_like(self.total), where=filled)
        within = np.maximum((np.where(filled, self.total_sq, 0.0) - squares).sum(axis=0), 0.0)
        freedom = np.where(filled, self.n - 1, 0.0).sum(axis=0)
        pooled = within.sum() / freedom.sum() if freedom.sum() > 0 else 0.0
        return np.asarray((within + pooled) / (freedom + 1.0))

    @cached_property
    def variance(self) -> FloatArray:
        """(T, N) sampling variance s²/n of each cell mean; infinite where a cell is empty."""
        row = np.broadcast_to(self.design_effect * self.row_variance, self.n.shape)
        return np.asarray(np.divide(row, self.n, out=np.full(self.n.shape, np.inf), where=self.n > 0))

    def split_variance(self, periods: int) -> FloatArray:
        """(T, N) as ``variance``, the first ``periods`` rows and the rest each from their own rows.

        For units whose outcome changed at ``periods``: what it became says nothing of the noise before.
        """
        parts = (slice(0, periods), slice(periods, None))
        return np.concatenate(
            [replace(self, n=self.n[p], total=self.total[p], total_sq=self.total_sq[p]).variance for p in parts]
        )

    def take(self, rows: Rows, columns: Sequence[int]) -> "Cells":
        """Some rows of some columns."""
        n, total, total_sq = (a[rows][:, columns] for a in (self.n, self.total, self.total_sq))
        return replace(self, n=n, total=total, total_sq=total_sq)


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
    """

    count: int
    cluster: IntArray
    time: IntArray
    unit: IntArray
    n: FloatArray
    total: FloatArray

    def take(self, rows: Rows, columns: Sequence[int]) -> "Clusters":
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
        )


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

    def take(self, rows: Rows, columns: Sequence[int]) -> "Covariates":
        """Some rows of some columns."""
        return replace(self, values=self.values[:, rows][:, :, columns])


@dataclass(frozen=True)
class Source:
    """Where the numbers came from and what was done to them on the way in.

    ``sha256`` is of the file's bytes; of the used columns of a frame; of the cell sums of a database
    table. ``rows_used`` counts the rows with an outcome inside the window and units of the panel. ``alike`` are pairs
    of units whose labels a reader would take for one another. ``anticipation`` and ``washout`` are the periods before
    and from the first treated one that are in neither fit nor effect.
    """

    name: str
    sha256: str
    rows_in: int
    rows_used: int
    unit: str
    time: str
    outcome: str
    cluster: str | None = None
    missing: str = "error"
    filled: tuple[tuple[Label, Label], ...] = ()
    dropped: tuple[Label, ...] = ()
    rows_without_outcome: int = 0
    alike: tuple[tuple[str, str], ...] = ()
    anticipation: tuple[Label, ...] = ()
    washout: tuple[Label, ...] = ()

    def notes(self) -> list[str]:
        """One sentence for each thing that was left out, filled or dropped."""
        notes = []
        if self.rows_without_outcome:
            notes.append(
                f"{self.rows_without_outcome} of {count(self.rows_in, 'row')} have no {self.outcome}; not counted."
            )
        return notes + self.changed() + [f"Units {pair(*both)}; they are kept apart." for both in self.alike]

    def changed(self) -> list[str]:
        """One sentence for each way in which the data are not as they came: filled cells, dropped units."""
        notes = []
        if self.filled:
            cells = some_of(f"{show(u)} at {show(t)}" for u, t in self.filled)
            notes.append(
                f"{count(len(self.filled), 'missing cell was', 'missing cells were')} interpolated linearly in "
                f"time: {cells}."
            )
        if self.dropped:
            notes.append(
                f"{count(len(self.dropped), 'unit with missing cells was', 'units with missing cells were')} "
                f"dropped: {some_of(self.dropped)}."
            )
        for periods, why in (
            (self.anticipation, "before the start (anticipation)"),
            (self.washout, "from it (washout)"),
        ):
            if periods:
                listed = some_of(show(each) for each in periods)
                verb = "is" if len(periods) == 1 else "are"
                notes.append(f"{count(len(periods), 'period')} {why} {verb} left out of fit and effect: {listed}.")
        return notes


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
    """

    mean: FloatArray
    units: tuple[Label, ...]
    times: pd.Index
    source: Source
    calendar: Calendar
    cells: Cells | None = None
    clusters: Clusters | None = None
    covariates: Covariates | None = None
    starts: Mapping[Label, int | None] | None = None

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
        )


def _renumbered(kept: Sequence[int] | IntArray, last: int) -> IntArray:
    """The new place of each old one up to ``last`` or the last that is kept; -1 where it is not kept."""
    place = np.full(max(last, int(np.max(kept, initial=0))) + 1, -1, dtype=np.int64)
    place[np.asarray(kept, dtype=np.int64)] = np.arange(len(kept))
    return place


def design_effect(clusters: Clusters, n: FloatArray, total: FloatArray, total_sq: FloatArray) -> float:
    """How much more a cell mean varies because a cluster's rows in that cell resemble each other.

    With S_c and n_c the sum and rows of cluster c in a cell of n rows and mean ȳ,

        [Σ_cells Σ_c (S_c − ȳ n_c)² / Σ_cells (n − Σ_c n_c² / n)] / [Σ_cells SS_within / Σ_cells (n − 1)].

    Both brackets estimate the variance of a row when rows are independent, so the ratio is then 1 on
    average, and exactly 1 with one row per cluster and cell. Values below 1 (chance, or rows that
    repel each other) are raised to 1: clustering is never used to narrow an interval. Correlation of
    one cluster between cells is not in it; the cluster bootstrap has that.

    Source: Kish 1965, §5.4; the numerator is the cluster-robust variance of a mean (Liang & Zeger 1986).
    """
    if not len(clusters.n) or clusters.n.max() <= 1:
        return 1.0
    at = (clusters.time, clusters.unit)
    filled = n > 0
    mean = np.divide(total, n, out=np.zeros_like(total), where=filled)
    between = float(((clusters.total - mean[at] * clusters.n) ** 2).sum())
    between_freedom = float(n.sum() - (clusters.n**2 / n[at]).sum())
    within = float((total_sq[filled] - total[filled] * mean[filled]).sum())
    within_freedom = float((n[filled] - 1).sum())
    if between_freedom <= 0 or within <= 0:
        return 1.0
    return max(1.0, (between / between_freedom) / (within / within_freedom))
