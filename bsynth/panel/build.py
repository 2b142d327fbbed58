"""How a panel is built from long data: one row per unit and period."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, overload

from bsynth._base.types import Label, Missing
from bsynth.panel.assemble import adoption
from bsynth.panel.multicell import MultiCellPanel
from bsynth.panel.read import read_long
from bsynth.panel.roles import Roles
from bsynth.panel.rows import Agg, Duplicates, Freq, Rows, Weekday
from bsynth.panel.several import each_outcome
from bsynth.panel.staggered import StaggeredPanel
from bsynth.panel.timing import DonorKind, Timing
from bsynth.panel.wide import FromWide
from bsynth.panel.wording import Labels


class Constructors(FromWide):
    """The ways to build a `Panel`, a `StaggeredPanel` where starts differ, or a `MultiCellPanel`."""

    @overload
    @classmethod
    def from_long(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: str,
        treated: Mapping[str, Label | Iterable[Label]],
        start: Label | Mapping[str, Label],
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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
    ) -> MultiCellPanel[Self]: ...

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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
    ) -> Self | StaggeredPanel[Self]: ...

    @overload
    @classmethod
    def from_long(
        cls,
        data: Any,
        *,
        unit: str,
        time: str,
        outcome: list[str] | tuple[str, ...],
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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
    ) -> dict[str, Any]: ...

    @classmethod
    @each_outcome
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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
    ) -> Self | StaggeredPanel[Self] | MultiCellPanel[Self]:
        """Build a panel from one row per unit and period.

        Who is treated from when is said by ``treated`` and ``start`` (one start), by a mapping, by a column of starts
        or by a column of 0 and 1. Where units start at different times a `StaggeredPanel` comes, of several cells a
        `MultiCellPanel`, and of several outcomes a panel each, by name: `bsynth.analyse` takes whatever comes.

        Parameters
        ----------
        data : frame, path, DuckDB relation, or Ibis table
            A frame of pandas, polars, Arrow, modin or another library that narwhals knows; a CSV file; a Parquet file,
            a folder of them (hive partitions are columns) or a pattern; a table of any Ibis backend.
        unit, time, outcome : str
            Column names. ``time`` may hold whole numbers, dates, or text and codes that read as days, months,
            quarters, weeks or years (2024-01-31, 202401, 2024Q1, 2024-W05, 1990.25). ``outcome`` may be a list.
        treated : label or collection of labels, or mapping of cell to labels
            One treated unit, or several that start together and are averaged; a mapping where there are several
            treatments, such as ``{"A": ["chicago"], "B": ["portland", "boston"]}``.
        start : label, or mapping of unit, or of cell, to label
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
            Periods from each start on that are used at most; by default all through which the donors stay untreated.
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
        where : str, optional
            Condition in SQL on the rows that count, such as ``"country = 'US' AND amount > 0"``.
        freq : {"day", "week", "month", "quarter", "year"}, optional
            Period in which the moments in ``time`` are counted.
        time_zone, week_start : str, optional
            Whose days these are ("America/New_York"; times without a zone are then UTC), and on which weekday weeks
            begin ("monday").
        agg : {"mean", "sum", "count", "ratio"}, optional
            What becomes of several rows in a cell; without it there may be one. "ratio" is Σ outcome / Σ
            ``denominator``; cells without a row are zero in a sum or count.
        key, duplicates : str or collection of str; {"error", "identical", "first", "last"}
            Columns that name a row, and the rule for several rows of one key: refuse them, drop copies, or keep the
            first or last in time.

        Raises
        ------
        PanelError
            One line that names the column, unit or period at fault.
        """
        columns = {"unit": unit, "time": time, "outcome": outcome}
        rows = Rows(where, freq, time_zone, week_start, agg, denominator, key, duplicates)
        further: dict[str, Any] = {"covariates": covariates, "date_format": date_format}
        table = read_long(data, **columns, **further, adoption=adoption(start_column, treatment_column), rows=rows)
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=rows.named(outcome))
        timing = Timing.given(anticipation, washout, donor_kind, horizon, settled)
        return cls._assemble(table, roles, timing, missing, labels)
