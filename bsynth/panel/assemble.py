"""From a table of cells and the roles of its units to a panel: the part that all constructors share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from bsynth._base.types import Label, Missing
from bsynth.errors import PanelError
from bsynth.panel.cells import CellTable
from bsynth.panel.data import PanelData
from bsynth.panel.labels import ordered, some_labels
from bsynth.panel.missing import complete
from bsynth.panel.multicell import MultiCellPanel
from bsynth.panel.roles import Roles, anticipating
from bsynth.panel.staggered import StaggeredPanel
from bsynth.panel.timing import Timing
from bsynth.panel.wording import Labels
from bsynth.text.numbers import count


class Assembled(PanelData):
    """A panel that is put together from a table of cells."""

    @classmethod
    def _assemble(
        cls, table: CellTable, roles: Roles, timing: Timing, missing: Missing, labels: Labels
    ) -> Self | StaggeredPanel[Self] | MultiCellPanel[Self]:
        asked = table.source.asked | timing.asked() | ({} if missing == "error" else {"missing": missing})
        table = replace(table, source=replace(table.source, asked=asked))
        if isinstance(roles.treated, Mapping):
            return cls._of_cells(table, roles, timing, missing, labels)
        starts, pool, last = roles.resolve(table)
        late = roles.late(table, last)
        said = roles.late_words(table, last, late)
        if soon := [unit for unit in anticipating(table, last, late, timing.anticipation) if unit in pool]:
            pool = tuple(unit for unit in pool if unit not in soon)
            ahead = count(timing.anticipation, "period")
            said += (
                f"No donor, since its own start is within {ahead} (anticipation) of the end: {some_labels(soon)}.",
            )
        alone = len(set(starts.values())) == 1
        if alone and (idle := [name for name in ("donor_kind", "settled") if getattr(timing, name) is not None]):
            said += (f"All treated units start at once, so {' and '.join(idle)} had nothing to choose between.",)
        table = replace(table, source=replace(table.source, said=(*table.source.said, *said)))
        whole, donors = cls._whole(table, starts, pool, last, missing, labels)
        if alone:
            return whole._around(timing, donors)
        used = whole._select(whole.treated, donors, slice(None), whole.start)
        return StaggeredPanel(used, {unit: table.times[at] for unit, at in starts.items()}, timing)

    @classmethod
    def _of_cells(
        cls, table: CellTable, roles: Roles, timing: Timing, missing: Missing, labels: Labels
    ) -> MultiCellPanel[Self]:
        """A panel of each cell, all cleaned at once, so that they share their donors."""
        if given := [name for name in ("donor_kind", "horizon", "settled") if getattr(timing, name) is not None]:
            raise PanelError(
                f"{table.source.name}: {given[0]} is given beside cells, whose donors are never treated; leave it out"
            )
        cells = roles.cells(table)
        every = ordered(unit for units, _ in cells.values() for unit in units)
        found = {cell: roles.of(every, start).resolve(table) for cell, (_, start) in cells.items()}
        firsts = {unit: found[cell][0][unit] for cell, (units, _) in cells.items() for unit in units}
        _, pool, last = next(iter(found.values()))
        whole, donors = cls._whole(table, {unit: firsts[unit] for unit in every}, pool, last, missing, labels)
        panels = {}
        for cell, (units, _) in cells.items():
            own = whole._select(units, donors, slice(None), table.times[firsts[units[0]]])
            panels[cell] = own._around(timing, donors)
        return MultiCellPanel(panels)

    @classmethod
    def _whole(
        cls,
        table: CellTable,
        starts: Mapping[Label, int],
        pool: tuple[Label, ...],
        last: int,
        missing: Missing,
        labels: Labels,
    ) -> tuple[Self, tuple[Label, ...]]:
        """All units of a panel as if treated ones had the first start, and the donors without holes."""
        asked = table.take(last + 1, (*starts, *pool))
        done = complete(asked, list(starts.values()), missing)
        whole = cls(
            outcome=done.outcome,
            units=asked.units,
            times=asked.times,
            treated=tuple(starts),
            start=asked.times[first] if (first := min(starts.values())) <= last else asked.calendar.after(asked.times),
            end=asked.times[last],
            source=replace(
                asked.source,
                missing=missing,
                filled=done.filled,
                dropped=done.dropped,
                said=(*asked.source.said, *asked.ragged),
            ),
            cells=asked.cells,
            clusters=asked.clusters,
            covariates=asked.covariates,
            calendar=asked.calendar,
            labels=labels,
        )
        return whole, tuple(u for u in pool if u not in done.dropped)


def adoption(start_column: str | None, treatment_column: str | None) -> dict[str, str]:
    """The role of the column that says when units start, where there is one."""
    if start_column is not None and treatment_column is not None:
        raise PanelError("start_column and treatment_column are both given; give the one that the data have")
    named = {"start": start_column, "treatment": treatment_column}
    return {role: column for role, column in named.items() if column is not None}
