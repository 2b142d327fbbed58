"""What a panel holds, and what follows from it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.panel.calendar import Calendar
from bsynth.panel.cells import Cells, Clusters, Covariates, Frozen, Resamples, Source
from bsynth.panel.wording import Labels
from bsynth.text.labels import one_line


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
        return tuple(map(one_line, [*self._keeps_to.spelling.notes(), *self.gaps(), *self.source.notes()]))

    def gaps(self) -> list[str]:
        """A sentence on the periods that are missing for all units, or that keep to no calendar; else nothing."""
        return self._keeps_to.gaps(self.times, self.n_pre)

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
        own = self.cells.take(len(self.times), range(self.n_treated))
        total = own.split_variance(self.n_pre).sum(axis=1)
        return np.asarray(total / self.n_treated**2, dtype=float)

    @property
    def donor_cell_variance(self) -> FloatArray | None:
        """(T, J) sampling variance of each donor's cells, infinite where empty; None without cell counts."""
        return None if self.cells is None else self.cells.variance[:, self.n_treated :]

    @property
    def treated_name(self) -> str:
        """Label of the treated unit, or "mean of 25 units"."""
        return str(show(self.treated[0])) if self.n_treated == 1 else f"mean of {self.labels.units(self.n_treated)}"

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
