"""The panel: validated once, frozen, the only form in which data enters a model or an estimator."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import Label, Missing, PlaceboPool
from bsynth.errors import PanelError, some_of
from bsynth.panel.card import panel_card, panel_dict
from bsynth.panel.cells import CellTable
from bsynth.panel.data import PanelData
from bsynth.panel.labels import MIN_PRE, Roles, as_labels, match_units, ordered, window
from bsynth.panel.missing import complete
from bsynth.panel.read import read_events, read_long, read_wide
from bsynth.panel.wording import Labels
from bsynth.text.labels import one_line
from bsynth.text.numbers import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MIN_DONORS = 2


@dataclass(frozen=True, eq=False)
class Panel(PanelData):
    """Outcomes of treated and donor units over time, with the first treated period.

    Build one with `from_long`, `from_wide` or `from_events`; the constructor expects arrays that
    are already clean.

    Attributes
    ----------
    outcome : (T, N) array
        Outcome by period and unit, in outcome units; columns in the order of ``units``.
    units : tuple
        Treated units first, then donors, each sorted.
    times : pandas.Index
        The T periods, increasing, none after ``end``.
    treated : tuple
        Treated units. Their unweighted mean is the treated series.
    start, end : label
        First treated and last used period, both inclusive.
    cells : Cells or None
        Counts and sums per cell when built from users or events.
    clusters : Clusters or None
        Sums per user and cell when a cluster column was given.
    covariates : Covariates or None
        Further columns by period and unit, when they were named.
    source : Source
        Provenance.
    calendar : Calendar or None
        The regular calendar that the data keep to; recognised from ``times`` when None.
    labels : Labels
        What words call the outcome and a unit, and whether more of the outcome is good.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"state": list("aaaabbbbcccc"), "year": [1, 2, 3, 4] * 3,
    ...                    "sales": [1., 2, 3, 9, 1, 2, 4, 5, 0, 2, 3, 4]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=4)
    >>> panel.n_pre, panel.n_post, panel.donors
    (3, 1, ('b', 'c'))
    """

    @classmethod
    def from_long(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated: Label | Iterable[Label],
        start: Label | None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self:
        """Build a panel from one row per unit and period.

        Parameters
        ----------
        data : DataFrame, path of a CSV or Parquet file, or Ibis table
        unit, time, outcome : str
            Column names. ``time`` may hold whole numbers, dates, or text and codes that read as days, months,
            quarters, weeks or years (2024-01-31, 202401, 2024Q1, 2024-W05, 1990.25).
        treated : label or collection of labels
            One treated unit, or several that start together and are averaged.
        start, end : label
            First treated period and last period used, both inclusive, written as in the data or as an ISO date;
            ``end`` defaults to the last. ``start=None``: nothing has started yet, and the panel is a history to plan
            with (`bsynth.plan_rollout`); whatever needs periods after a start refuses it.
        donors : label or collection of labels, optional
            Restrict the donor pool; by default every unit that is not treated.
        exclude : label or collection of labels
            Units that are neither treated nor donors, such as a national total.
        missing : {"error", "interpolate", "drop-units"}
            What to do with missing cells. Whatever is done is recorded in ``source``.
        covariates : str or collection of str
            Further numeric columns, for models that use them. They may have missing cells.
        date_format : str, optional
            How periods are written where that cannot be told, such as ``"%d/%m/%Y"`` (`datetime.datetime.strptime`).
        outcome_label, unit_label : str, optional
            What words call the outcome ("task completion") and one unit ("state"); by default the column's name and
            "unit".
        higher_is : {"better", "worse"}, optional
            Whether more of the outcome is good; words judge no direction without it.

        Raises
        ------
        PanelError
            One line that names the column, unit or period at fault.
        """
        columns = {"unit": unit, "time": time, "outcome": outcome}
        table = read_long(data, **columns, covariates=covariates, date_format=date_format)
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=outcome)
        return cls._assemble(table, roles, missing, labels)

    @classmethod
    def from_wide(
        cls,
        data: Any,
        *,
        time: str | None = None,
        outcome: str = "outcome",
        treated: Label | Iterable[Label],
        start: Label | None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self:
        """Build a panel from one row per period and one column per unit.

        ``time`` names the column of periods; with None the DataFrame's index is used. The other
        parameters are those of `from_long`, and so are the errors.

        Examples
        --------
        >>> import pandas as pd
        >>> wide = pd.DataFrame({"a": [1., 2, 4, 9], "b": [1., 2, 4, 5], "c": [0., 2, 3, 4]},
        ...                     index=[1, 2, 3, 4])
        >>> Panel.from_wide(wide, treated="a", start=4)
        Panel(a against 2 donors, 1 to 4, start 4: 3 pre + 1 post)
        """
        table = read_wide(data, time=time, outcome=outcome, date_format=date_format)
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=outcome)
        return cls._assemble(table, roles, missing, labels)

    @classmethod
    def from_events(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated: Label | Iterable[Label],
        start: Label | None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        cluster: str | None = None,
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self:
        """Build a panel of cell means from one row per user or event.

        Only cell sums leave the query engine; the panel keeps n, Σy and Σy² of each cell, so the
        sampling variance of each mean is known. With ``cluster`` (the user) it also keeps sums per
        user and cell, which the user-level bootstrap resamples. Other parameters and errors as `from_long`
        (covariates are cell means too); a row without an outcome counts in no cell and is noted in ``source``.

        Examples
        --------
        >>> import pandas as pd
        >>> log = pd.DataFrame({"team": list("abc") * 8, "week": sorted([1, 2, 3, 4] * 6), "user": range(24),
        ...                     "done": [0, 1, 1, 1, 0, 1] * 2 + [1, 0, 1, 1, 1, 0] * 2})
        >>> panel = Panel.from_events(log, unit="team", time="week", outcome="done", cluster="user",
        ...                           treated="a", start=4)
        >>> panel.treated_series.tolist(), panel.cells.n[0].tolist(), panel.clusters.count
        ([0.5, 0.5, 1.0, 1.0], [2.0, 2.0, 2.0], 24)
        """
        columns = {"unit": unit, "time": time, "outcome": outcome}
        further: dict[str, Any] = {"cluster": cluster, "covariates": covariates, "date_format": date_format}
        table = read_events(data, **columns, **further)
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=outcome)
        return cls._assemble(table, roles, missing, labels)

    @classmethod
    def _assemble(cls, table: CellTable, roles: Roles, missing: Missing, labels: Labels) -> Self:
        treated, pool = roles.resolve(table)
        first, last = window(table, roles.start, roles.end)
        asked = table.take(last + 1, (*treated, *pool))
        done = complete(asked, len(treated), first, missing)
        whole = cls(
            outcome=done.outcome,
            units=asked.units,
            times=asked.times,
            treated=treated,
            start=asked.times[first] if first <= last else asked.calendar.after(asked.times),
            end=asked.times[last],
            source=replace(asked.source, missing=missing, filled=done.filled, dropped=done.dropped),
            cells=asked.cells,
            clusters=asked.clusters,
            covariates=asked.covariates,
            calendar=asked.calendar,
            labels=labels,
        )
        return whole._take(treated, tuple(u for u in pool if u not in done.dropped), last + 1)

    def _take(self, treated: tuple[Label, ...], donors: tuple[Label, ...], periods: int, start: Label = None) -> Self:
        """The same panel with other roles, fewer donors or fewer periods; the one place that checks both."""
        name = self.source.name
        if len(donors) < MIN_DONORS:
            left = f"only {show(donors[0])!r} is" if donors else "none is"
            raise PanelError(f"{name}: at least {MIN_DONORS} donors are needed and {left} left; add untreated units")
        units = (*treated, *donors)
        columns = [self.units.index(u) for u in units]
        outcome = self.outcome[:periods, columns]
        start = self.start if start is None else start
        pre = outcome[: self.times.searchsorted(start), : len(treated)].mean(axis=1)
        if np.ptp(pre) <= 1e-12 * np.abs(pre).max():
            raise PanelError(
                f"{name}: the treated series ({some_of(map(repr, treated))}) is constant at {pre[0]:g} before "
                f"{show(start)}; nothing can be matched to it, choose another unit or outcome"
            )
        times = self.times[:periods]
        cells = None if self.cells is None else self.cells.take(periods, columns)
        filled = tuple((u, t) for u, t in self.source.filled if u in units and t <= times[-1])
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
            clusters=None if self.clusters is None else self.clusters.take(periods, columns),
            covariates=None if self.covariates is None else self.covariates.take(periods, columns),
        )

    def as_treated(self, unit: Label | Iterable[Label], *, pool: PlaceboPool = "exclude") -> Self:
        """The panel in which a donor, or the mean of several, plays the treated unit: one placebo in space.

        Parameters
        ----------
        unit : label, or a collection of labels, of ``donors``
        pool : {"exclude", "include"}
            Whether the truly treated units leave, or each join the donors.

        Raises
        ------
        PanelError
            When ``unit`` is no donor, fewer than two donors remain, or its pre-period is constant.
        """
        chosen = match_units(self.donors, as_labels(unit) or (unit,), "donor", self.source.name)
        pools = (*self.donors, *self.treated) if pool == "include" else self.donors
        return self._take(chosen, ordered(u for u in pools if u not in chosen), len(self.times))

    def only(self, unit: Label) -> Self:
        """The panel in which one of several treated units stands alone against the same donors.

        Raises
        ------
        PanelError
            When ``unit`` is not treated, or its pre-period is constant.
        """
        chosen = match_units(self.treated, (unit,), "treated unit", self.source.name)
        return self._take(chosen, self.donors, len(self.times))

    def without(self, *donors: Label | Iterable[Label]) -> Self:
        """The panel without some donors, named one by one or as a collection; at least two must remain."""
        named = [label for given in donors for label in as_labels(given)]
        gone = match_units(self.donors, named, "donor", self.source.name)
        return self._take(self.treated, tuple(u for u in self.donors if u not in gone), len(self.times))

    def backdated(self, start: Label) -> Self:
        """The pre-period alone with an earlier start: one placebo in time. It ends before the real start."""
        return self.backdated_to(self.locate(start))

    def backdated_to(self, position: int) -> Self:
        """As `backdated`, by the position of the period: a label may have to say its zone, a position has none."""
        if not MIN_PRE <= position < self.n_pre:
            raise PanelError(
                f"backdated start is {show(self.times[position])}; it must lie before {show(self.start)} with at least "
                f"{MIN_PRE} periods before it ({show(self.times[MIN_PRE])} or later)"
            )
        return self._take(self.treated, self.donors, self.n_pre, self.times[position])

    @property
    def table(self) -> pd.DataFrame:
        """The data, tidy: `to_frame`."""
        return self.to_frame()

    def sentences(self) -> tuple[str, ...]:
        """Who is compared with whom and when, and `notes`."""
        who = f"{self.source.outcome} of {self.treated_name} is compared with {count(self.n_donors, 'donor')}"
        window = f"from {show(self.times[0])} to {show(self.end)}"
        before = f"{count(self.n_pre, 'period')} before {show(self.start)}, the first treated one"
        if not self.n_post:
            return (one_line(f"{who} {window}: {count(self.n_pre, 'period')}, and no start yet."), *self.notes())
        periods = f"{before}, and {self.n_post} from it on"
        return (one_line(f"{who} {window}: {periods}."), *self.notes())

    def to_dict(self) -> dict[str, Any]:
        """What a run folder records of the panel, JSON-ready: counts, labels, the rule for holes, and `notes`."""
        return panel_dict(self)

    def plot(self, ax: "Axes | None" = None, *, index: bool = False) -> "Axes":
        """Draw the treated series among its donors, `bsynth.plots.plot_panel`, and return the axes.

        ``index`` draws each series as a percentage of its own mean before the start.
        """
        # As with results: data know no plotting, and matplotlib is loaded with the first picture.
        axes: Axes = import_module("bsynth.plots").plot_panel(self, ax=ax, index=index)
        return axes

    def __repr__(self) -> str:
        begins = f"start {show(self.start)}" if self.n_post else "no start yet"
        window = f"{show(self.times[0])} to {show(self.end)}, {begins}"
        roles = f"{self.treated_name} against {count(self.n_donors, 'donor')}"
        return one_line(f"Panel({roles}, {window}: {self.n_pre} pre + {self.n_post} post)")

    def _repr_html_(self) -> str:
        return panel_card(self)
