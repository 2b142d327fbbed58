"""From a table of cells and the roles of its units to a panel: the part that all constructors share."""

from dataclasses import replace
from typing import Self

from bsynth._base.types import Missing
from bsynth.errors import PanelError
from bsynth.panel.cells import CellTable
from bsynth.panel.data import PanelData
from bsynth.panel.missing import complete
from bsynth.panel.roles import Roles
from bsynth.panel.staggered import StaggeredPanel
from bsynth.panel.timing import Timing
from bsynth.panel.wording import Labels


class Assembled(PanelData):
    """A panel that is put together from a table of cells."""

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


def adoption(start_column: str | None, treatment_column: str | None) -> dict[str, str]:
    """The role of the column that says when units start, where there is one."""
    if start_column is not None and treatment_column is not None:
        raise PanelError("start_column and treatment_column are both given; give the one that the data have")
    named = {"start": start_column, "treatment": treatment_column}
    return {role: column for role, column in named.items() if column is not None}
