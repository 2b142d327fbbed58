"""How a panel is built from wide data: one row per period, one column per unit."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, overload

from bsynth._base.types import Label, Missing
from bsynth.panel.events import FromEvents
from bsynth.panel.multicell import MultiCellPanel
from bsynth.panel.read import read_wide
from bsynth.panel.roles import Roles
from bsynth.panel.staggered import StaggeredPanel
from bsynth.panel.timing import DonorKind, Timing
from bsynth.panel.wording import Labels


class FromWide(FromEvents):
    """Building a panel from a table with a column for each unit."""

    @overload
    @classmethod
    def from_wide(
        cls,
        data: Any,
        *,
        time: str | None = None,
        outcome: str = "outcome",
        treated: Mapping[str, Label | Iterable[Label]],
        start: Label | Mapping[str, Label],
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
    ) -> MultiCellPanel[Self]: ...

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
    ) -> Self | StaggeredPanel[Self] | MultiCellPanel[Self]:
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
