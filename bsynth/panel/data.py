"""What a panel holds, and what follows from it."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.errors import PanelError, some_of
from bsynth.panel.calendar import Calendar
from bsynth.panel.cells import Cells, Clusters, Covariates, Frozen, Kept, Resamples
from bsynth.panel.labels import MIN_DONORS, MIN_PRE
from bsynth.panel.periods import period_words
from bsynth.panel.provenance import Source
from bsynth.panel.timing import Timing
from bsynth.panel.wording import Labels
from bsynth.text.labels import one_line, span
from bsynth.text.numbers import count


@dataclass(frozen=True, eq=False, repr=False)
class PanelData(Frozen):
    """The arrays and labels of a `Panel`, which describes them, and what is read off them."""

    outcome: FloatArray
    units: tuple[Label, ...]
    times: pd.Index
    treated: tuple[Label, ...]
    start: Label
    end: Label
    source: Source
    cells: Cells | None = None
    clusters: Clusters | Resamples | None = None
    covariates: Covariates | None = None
    calendar: Calendar | None = None
    labels: Labels = field(default_factory=Labels)

    @property
    def donors(self) -> tuple[Label, ...]:
        """Units that are not treated, in column order."""
        return self.units[len(self.treated) :]

    @property
    def n_pre(self) -> int:
        """Periods before ``start``."""
        return int(self.times.searchsorted(self.start))

    @property
    def n_post(self) -> int:
        """Periods from ``start`` to ``end``."""
        return len(self.times) - self.n_pre

    @property
    def n_treated(self) -> int:
        """Number of treated units."""
        return len(self.treated)

    @property
    def n_donors(self) -> int:
        """Number of donors."""
        return len(self.donors)

    @cached_property
    def positions(self) -> IntArray:
        """(T,) place of each period on the panel's regular calendar, from 0: ``range(T)`` when none is missing."""
        return self._keeps_to.places(self.times)

    @property
    def frequency(self) -> str:
        """One step of the regular calendar in a plain word: "day", "business day", "month", "2 weeks", "period"."""
        return self._keeps_to.frequency

    def locate(self, period: Label, role: str = "start") -> int:
        """Position of a period, written as in the data or as an ISO date; an error names the nearest ones."""
        return self._keeps_to.locate(self.times, period, role, self.source.name)

    def notes(self) -> tuple[str, ...]:
        """One sentence each: how periods were read, which are missing for all units, what was left out or filled."""
        return self._notes()

    def _notes(self, *, starts: int = 1) -> tuple[str, ...]:
        gaps = self.gaps(starts=starts)
        return tuple(map(one_line, [*self._keeps_to.spelling.notes(), *gaps, *self.source.notes()]))

    def gaps(self, *, starts: int = 1) -> list[str]:
        """A sentence on the periods that are missing for all units, or that keep to no calendar; else nothing.

        What a cumulative effect covers is said where there is one of ``starts``.
        """
        left_out = (*self.source.anticipation, *self.source.washout)
        times = self.times.append(pd.Index(left_out, dtype=self.times.dtype)).sort_values() if left_out else self.times
        return self._keeps_to.gaps(times, int(times.searchsorted(self.start)) if starts == 1 else len(times))

    @property
    def _keeps_to(self) -> Calendar:
        return Calendar.of(self.times) if self.calendar is None else self.calendar

    @property
    def treated_series(self) -> FloatArray:
        """(T,) unweighted mean of the treated units, in outcome units."""
        return np.asarray(self.outcome[:, : self.n_treated].mean(axis=1), dtype=float)

    @property
    def donor_matrix(self) -> FloatArray:
        """(T, J) outcomes of the donors, in outcome units."""
        return self.outcome[:, self.n_treated :]

    @property
    def treated_cell_variance(self) -> FloatArray | None:
        """(T,) sampling variance of the treated series, Σ vᵢ / n_treated²; None without cell counts."""
        if self.cells is None:
            return None
        own = self.cells.take(slice(None), range(self.n_treated))
        total = own.split_variance(self.n_pre).sum(axis=1)
        return np.asarray(total / self.n_treated**2, dtype=float)

    @property
    def donor_cell_variance(self) -> FloatArray | None:
        """(T, J) sampling variance of each donor's cells, infinite where empty; None without cell counts."""
        return None if self.cells is None else self.cells.variance[:, self.n_treated :]

    @property
    def additive(self) -> bool:
        """Whether outcomes add up over units and periods: means and ratios of rows do not, sums do."""
        return self.cells is None or self.cells.is_sum

    @property
    def treated_name(self) -> str:
        """Label of the treated unit, or "mean of 25 units"."""
        return str(show(self.treated[0])) if self.n_treated == 1 else f"mean of {self.labels.units(self.n_treated)}"

    def period_words(self) -> tuple[str, ...]:
        """Periods as their calendar says them: "2024 Q3", "Jul 2024", "week of 2024-11-04"."""
        return period_words(self.times, self._keeps_to)

    @property
    def start_words(self) -> str:
        """The start as its calendar says it; of a history the period after it."""
        return self.period_words()[self.n_pre] if self.n_post else str(show(self.start))

    @property
    def window(self) -> str:
        """The treated periods in words: "2024 Q3 to 2025 Q2"; those of a history are still to come."""
        words = self.period_words()
        return span(words[self.n_pre], words[-1]) if self.n_post else "none yet"

    @property
    def zone(self) -> str:
        """The zone in which words and pictures write times; empty where periods have none."""
        return self._keeps_to.spelling.zone

    def period_labels(self) -> list[Any]:
        """JSON-ready periods: ints, or dates as ISO text."""
        return [show(t) for t in self.times]

    def to_frame(self) -> pd.DataFrame:
        """Tidy long data: unit, time, outcome, treated, post (and n when cells are counted)."""
        T, N = self.outcome.shape
        frame = pd.DataFrame(
            {
                "unit": np.repeat(np.array(self.units, dtype=object), T),
                "time": pd.Index(np.tile(self.times, N)),
                "outcome": self.outcome.T.ravel(),
                "treated": np.repeat(np.arange(N) < self.n_treated, T),
                "post": np.tile(np.arange(T) >= self.n_pre, N),
            }
        )
        return frame if self.cells is None else frame.assign(n=self.cells.n.T.ravel().astype(np.int64))

    def _take(self, treated: tuple[Label, ...], donors: tuple[Label, ...], rows: Kept, start: Label = None) -> Self:
        """The same panel with other roles, fewer donors or fewer periods; the one place that checks both."""
        name = self.source.name
        if len(donors) < MIN_DONORS:
            left = f"only {show(donors[0])!r} is" if donors else "none is"
            raise PanelError(f"{name}: at least {MIN_DONORS} donors are needed and {left} left; add untreated units")
        taken = self._select(treated, donors, rows, self.start if start is None else start)
        pre = taken.treated_series[: taken.n_pre]
        if np.ptp(pre) <= 1e-12 * np.abs(pre).max():
            raise PanelError(
                f"{name}: the treated series ({some_of(map(repr, treated))}) is constant at {pre[0]:g} before "
                f"{show(taken.start)}; nothing can be matched to it, choose another unit or outcome"
            )
        return taken

    def _select(self, treated: tuple[Label, ...], donors: tuple[Label, ...], rows: Kept, start: Label) -> Self:
        """The same panel with other roles, donors or periods, as they are."""
        units = (*treated, *donors)
        columns = [self.units.index(u) for u in units]
        outcome, times = self.outcome[rows][:, columns], self.times[rows]
        cells = None if self.cells is None else self.cells.take(rows, columns)
        filled = tuple((u, t) for u, t in self.source.filled if u in units and t in times)
        alike = tuple(both for both in self.source.alike if set(both) & set(units))
        used = outcome.size - len(filled) if cells is None else int(cells.n.sum())
        return replace(
            self,
            outcome=outcome,
            units=units,
            times=times,
            treated=treated,
            start=start,
            end=times[-1],
            source=replace(self.source, filled=filled, rows_used=used, alike=alike),
            cells=cells,
            clusters=None if self.clusters is None else self.clusters.take(rows, columns),
            covariates=None if self.covariates is None else self.covariates.take(rows, columns),
        )

    def _around(self, timing: Timing, donors: tuple[Label, ...]) -> Self:
        """The panel against these donors, without the periods of anticipation and washout around its one start."""
        if not self.n_post:
            return self._take(self.treated, donors, slice(None))
        since = self.positions - self.positions[self.n_pre]
        if timing.horizon is not None:
            since = since[since < timing.horizon]
        kept, before, after = timing.split(since)
        n_pre = self.n_pre - len(before)
        for left, least, side in ((n_pre, MIN_PRE, "before"), (len(kept) - n_pre, 1, "from")):
            if left < least:
                raise PanelError(
                    f"{self.source.name}: anticipation {timing.anticipation} and washout {timing.washout} leave "
                    f"{count(left, 'period')} {side} {show(self.start)} and at least {least} "
                    f"{'is' if least == 1 else 'are'} needed; make them shorter"
                )
        if len(kept) == len(self.times):
            return self._take(self.treated, donors, slice(None))
        panel = self._take(self.treated, donors, kept, self.times[kept[n_pre]])
        return panel._left_out(self.times[before], self.times[after])

    def _left_out(self, anticipation: pd.Index, washout: pd.Index) -> Self:
        """The panel whose source says which periods are in neither fit nor effect."""
        return replace(self, source=replace(self.source, anticipation=tuple(anticipation), washout=tuple(washout)))
