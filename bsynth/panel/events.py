"""How a panel is built from a log of users or events."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, overload

from bsynth._base.types import Label, Missing
from bsynth.panel.assemble import Assembled, adoption
from bsynth.panel.multicell import MultiCellPanel
from bsynth.panel.read import read_events
from bsynth.panel.resample import Resampling
from bsynth.panel.roles import Roles
from bsynth.panel.rows import Agg, Duplicates, Freq, Rows, Weekday
from bsynth.panel.several import each_outcome
from bsynth.panel.staggered import StaggeredPanel
from bsynth.panel.timing import DonorKind, Timing
from bsynth.panel.wording import Labels


class FromEvents(Assembled):
    """Building a panel from one row per user or event."""

    @overload
    @classmethod
    def from_events(
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
        cluster: str | None = None,
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
        resamples: int | None = None,
        resample_seed: int = 0,
    ) -> MultiCellPanel[Self]: ...

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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
        resamples: int | None = None,
        resample_seed: int = 0,
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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
        resamples: int | None = None,
        resample_seed: int = 0,
    ) -> Self | StaggeredPanel[Self]: ...

    @overload
    @classmethod
    def from_events(
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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
        resamples: int | None = None,
        resample_seed: int = 0,
    ) -> dict[str, Any]: ...

    @classmethod
    @each_outcome
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
        where: str | None = None,
        freq: Freq | None = None,
        time_zone: str | None = None,
        week_start: Weekday | None = None,
        agg: Agg | None = None,
        denominator: str | None = None,
        key: str | Iterable[str] | None = (),
        duplicates: Duplicates | None = None,
        resamples: int | None = None,
        resample_seed: int = 0,
    ) -> Self | StaggeredPanel[Self] | MultiCellPanel[Self]:
        """Build a panel of cell means from one row per user or event.

        Only cell sums leave the query engine; the panel keeps n, Σy and Σy² of each cell, so the
        sampling variance of each mean is known. With ``cluster`` (the user) it also keeps sums per
        user and cell, which the user-level bootstrap resamples. Other parameters and errors as `from_long`
        (covariates are cell means too); a row without an outcome counts in no cell and is noted in ``source``. ``agg``
        is the mean where it is not given; sums have the variance of a Poisson number of rows, ratios that of the delta
        method. With ``resamples`` the sums per user stay in the engine too: it draws that many resamples of users by
        Poisson counts, which the bootstrap then takes.

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
        columns: dict[str, Any] = {"unit": unit, "time": time, "outcome": outcome}
        rows = Rows(where, freq, time_zone, week_start, agg, denominator, key, duplicates)
        further: dict[str, Any] = {"cluster": cluster, "covariates": covariates, "date_format": date_format}
        further |= {"adoption": adoption(start_column, treatment_column), "rows": rows}
        drawn = None if resamples is None else Resampling(resamples, resample_seed)
        table = read_events(data, **columns, **further, resampling=drawn)
        roles = Roles(treated, start, end, donors, exclude)
        labels = Labels.given(outcome_label, unit_label, higher_is, column=rows.named(outcome))
        timing = Timing.given(anticipation, washout, donor_kind, horizon, settled)
        return cls._assemble(table, roles, timing, missing, labels)
