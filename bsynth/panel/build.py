"""How a panel is built: from long or wide data, or from a log of users or events."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, Self, overload

from bsynth._base.types import Label, Missing
from bsynth.errors import PanelError
from bsynth.panel.cells import CellTable
from bsynth.panel.data import PanelData
from bsynth.panel.missing import complete
from bsynth.panel.read import read_events, read_long, read_wide
from bsynth.panel.roles import Roles
from bsynth.panel.staggered import StaggeredPanel
from bsynth.panel.timing import DonorKind, Timing
from bsynth.panel.wording import Labels


class Constructors(PanelData):
    """The ways to build a `Panel`, or a `StaggeredPanel` where starts differ."""

    @overload
    @classmethod
    def from_long(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated: Label | Iterable[Label],
        start: Label,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        anticipation: int = 0,
        washout: int = 0,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self: ...

    @overload
    @classmethod
    def from_long(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        start: Mapping[Label, Label] | None = None,
        start_column: str | None = None,
        treatment_column: str | None = None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        anticipation: int = 0,
        washout: int = 0,
        donor_kind: DonorKind | None = None,
        horizon: int | None = None,
        settled: int | None = None,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self | StaggeredPanel[Self]: ...

    @classmethod
    def from_long(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated: Label | Iterable[Label] | None = None,
        start: Label | Mapping[Label, Label] | None = None,
        start_column: str | None = None,
        treatment_column: str | None = None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        anticipation: int = 0,
        washout: int = 0,
        donor_kind: DonorKind | None = None,
        horizon: int | None = None,
        settled: int | None = None,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self | StaggeredPanel[Self]:
        """Build a panel from one row per unit and period.

        Who is treated from when is said by ``treated`` and ``start`` (one start), by a mapping, by a column of starts
        or by a column of 0 and 1. Where units start at different times a `StaggeredPanel` comes.

        Parameters
        ----------
        data : DataFrame, path of a CSV or Parquet file, or Ibis table
        unit, time, outcome : str
            Column names. ``time`` may hold whole numbers, dates, or text and codes that read as days, months,
            quarters, weeks or years (2024-01-31, 202401, 2024Q1, 2024-W05, 1990.25).
        treated : label or collection of labels
            One treated unit, or several that start together and are averaged.
        start : label, or mapping of unit to label
            With ``treated`` and no start nothing has started yet: the panel is a history to plan with
            (`bsynth.plan_rollout`), and whatever needs periods after a start refuses it.
            First treated period, written as in the data or as an ISO date; of each treated unit in a mapping, which
            needs no ``treated``.
        start_column : str
            Column with the start of the row's unit, the same in all of its rows; empty where it is never treated.
        treatment_column : str
            Column that is 1 (true) from the start of the row's unit on and else 0.
        end : label
            Last period used, inclusive; by default the last. A unit that starts later is an untreated one.
        donors : label or collection of labels, optional
            Restrict the donor pool; by default every unit that is not treated.
        exclude : label or collection of labels
            Units that are neither treated nor donors, such as a national total.
        missing : {"error", "interpolate", "drop-units"}
            What to do with missing cells. Whatever is done is recorded in ``source``.
        covariates : str or collection of str
            Further numeric columns, for models that use them. They may have missing cells.
        anticipation, washout : int
            Periods before a start that are in neither fit nor effect, and from it on that are in no effect.
        donor_kind : {"never", "not-yet", "both"}
            Donors where starts differ: never treated, treated later, or both; by default those never treated, or both
            where there are fewer than two. A donor that is treated later serves until its own start.
        horizon : int
            Periods from each start on that are used at most, where starts differ; by default all through which the
            donors stay untreated.
        settled : int
            Periods after which an effect is taken not to change any more: units so long treated are donors of later
            waves that would have none, where starts differ. By default they never are.
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
        adoption = _adoption(start_column, treatment_column)
        table = read_long(data, **columns, covariates=covariates, date_format=date_format, adoption=adoption)
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=outcome)
        timing = Timing.given(anticipation, washout, donor_kind, horizon, settled)
        return cls._assemble(table, roles, timing, missing, labels)

    @overload
    @classmethod
    def from_wide(
        cls,
        data: Any,
        *,
        time: str | None = None,
        outcome: str = "outcome",
        treated: Label | Iterable[Label],
        start: Label,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        anticipation: int = 0,
        washout: int = 0,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self: ...

    @overload
    @classmethod
    def from_wide(
        cls,
        data: Any,
        *,
        time: str | None = None,
        outcome: str = "outcome",
        start: Mapping[Label, Label] | None = None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        anticipation: int = 0,
        washout: int = 0,
        donor_kind: DonorKind | None = None,
        horizon: int | None = None,
        settled: int | None = None,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self | StaggeredPanel[Self]: ...

    @classmethod
    def from_wide(
        cls,
        data: Any,
        *,
        time: str | None = None,
        outcome: str = "outcome",
        treated: Label | Iterable[Label] | None = None,
        start: Label | Mapping[Label, Label] | None = None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        missing: Missing = "error",
        anticipation: int = 0,
        washout: int = 0,
        donor_kind: DonorKind | None = None,
        horizon: int | None = None,
        settled: int | None = None,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self | StaggeredPanel[Self]:
        """Build a panel from one row per period and one column per unit.

        ``time`` names the column of periods; with None the DataFrame's index is used. The other
        parameters are those of `from_long`, and so are the errors.

        Examples
        --------
        >>> import pandas as pd
        >>> from bsynth.panel import Panel
        >>> wide = pd.DataFrame({"a": [1., 2, 4, 9], "b": [1., 2, 4, 5], "c": [0., 2, 3, 4]},
        ...                     index=[1, 2, 3, 4])
        >>> Panel.from_wide(wide, treated="a", start=4)
        Panel(a against 2 donors, 1 to 4, start 4: 3 pre + 1 post)
        """
        table = read_wide(data, time=time, outcome=outcome, date_format=date_format)
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=outcome)
        timing = Timing.given(anticipation, washout, donor_kind, horizon, settled)
        return cls._assemble(table, roles, timing, missing, labels)

    @overload
    @classmethod
    def from_events(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated: Label | Iterable[Label],
        start: Label,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        cluster: str | None = None,
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        anticipation: int = 0,
        washout: int = 0,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self: ...

    @overload
    @classmethod
    def from_events(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        start: Mapping[Label, Label] | None = None,
        start_column: str | None = None,
        treatment_column: str | None = None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        cluster: str | None = None,
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        anticipation: int = 0,
        washout: int = 0,
        donor_kind: DonorKind | None = None,
        horizon: int | None = None,
        settled: int | None = None,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self | StaggeredPanel[Self]: ...

    @classmethod
    def from_events(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated: Label | Iterable[Label] | None = None,
        start: Label | Mapping[Label, Label] | None = None,
        start_column: str | None = None,
        treatment_column: str | None = None,
        end: Label | None = None,
        donors: Label | Iterable[Label] | None = None,
        exclude: Label | Iterable[Label] | None = (),
        cluster: str | None = None,
        missing: Missing = "error",
        covariates: str | Iterable[str] | None = (),
        anticipation: int = 0,
        washout: int = 0,
        donor_kind: DonorKind | None = None,
        horizon: int | None = None,
        settled: int | None = None,
        date_format: str | None = None,
        outcome_label: str | None = None,
        unit_label: str | None = None,
        higher_is: Literal["better", "worse"] | None = None,
    ) -> Self | StaggeredPanel[Self]:
        """Build a panel of cell means from one row per user or event.

        Only cell sums leave the query engine; the panel keeps n, Σy and Σy² of each cell, so the
        sampling variance of each mean is known. With ``cluster`` (the user) it also keeps sums per
        user and cell, which the user-level bootstrap resamples. Other parameters and errors as `from_long`
        (covariates are cell means too); a row without an outcome counts in no cell and is noted in ``source``.

        Examples
        --------
        >>> import pandas as pd
        >>> from bsynth.panel import Panel
        >>> log = pd.DataFrame({"team": list("abc") * 8, "week": sorted([1, 2, 3, 4] * 6), "user": range(24),
        ...                     "done": [0, 1, 1, 1, 0, 1] * 2 + [1, 0, 1, 1, 1, 0] * 2})
        >>> panel = Panel.from_events(log, unit="team", time="week", outcome="done", cluster="user",
        ...                           treated="a", start=4)
        >>> panel.treated_series.tolist(), panel.cells.n[0].tolist(), panel.clusters.count
        ([0.5, 0.5, 1.0, 1.0], [2.0, 2.0, 2.0], 24)
        """
        columns = {"unit": unit, "time": time, "outcome": outcome}
        further: dict[str, Any] = {"cluster": cluster, "covariates": covariates, "date_format": date_format}
        table = read_events(data, **columns, **further, adoption=_adoption(start_column, treatment_column))
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=outcome)
        timing = Timing.given(anticipation, washout, donor_kind, horizon, settled)
        return cls._assemble(table, roles, timing, missing, labels)

    @classmethod
    def _assemble(
        cls, table: CellTable, roles: Roles, timing: Timing, missing: Missing, labels: Labels
    ) -> Self | StaggeredPanel[Self]:
        starts, pool, last = roles.resolve(table)
        asked = table.take(last + 1, (*starts, *pool))
        done = complete(asked, list(starts.values()), missing)
        whole = cls(
            outcome=done.outcome,
            units=asked.units,
            times=asked.times,
            treated=tuple(starts),
            start=asked.times[first] if (first := min(starts.values())) <= last else asked.calendar.after(asked.times),
            end=asked.times[last],
            source=replace(asked.source, missing=missing, filled=done.filled, dropped=done.dropped),
            cells=asked.cells,
            clusters=asked.clusters,
            covariates=asked.covariates,
            calendar=asked.calendar,
            labels=labels,
        )
        donors = tuple(u for u in pool if u not in done.dropped)
        if len(set(starts.values())) == 1:
            return whole._around(timing, donors)
        used = whole._select(whole.treated, donors, slice(None), whole.start)
        return StaggeredPanel(used, {unit: asked.times[at] for unit, at in starts.items()}, timing)


def _adoption(start_column: str | None, treatment_column: str | None) -> dict[str, str]:
    """The role of the column that says when units start, where there is one."""
    if start_column is not None and treatment_column is not None:
        raise PanelError("start_column and treatment_column are both given; give the one that the data have")
    named = {"start": start_column, "treatment": treatment_column}
    return {role: column for role, column in named.items() if column is not None}
