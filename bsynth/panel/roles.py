"""Who is treated from when, and who is a donor: what the user said, held against the data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.errors import PanelError
from bsynth.panel.cells import CellTable
from bsynth.panel.labels import MIN_PRE, as_labels, match_units, ordered, some_labels
from bsynth.panel.multicell import check_cells
from bsynth.panel.starts import given_starts, started_after
from bsynth.text.numbers import count


@dataclass(frozen=True)
class Roles:
    """What the user said of units and periods, not yet held against the data."""

    treated: Label | Iterable[Label]
    start: Label
    end: Label | None
    donors: Label | Iterable[Label] | None
    exclude: Label | Iterable[Label] | None

    def resolve(self, table: CellTable) -> tuple[dict[Label, int], tuple[Label, ...], int]:
        """Position of the start of each treated unit (units sorted), donor pool, and position of the last period."""
        name = table.source.name
        if isinstance(self.start, Mapping) or table.starts is not None:
            return self._by_unit(table)
        if self.treated is None:
            raise PanelError(
                f"{name}: treated is None; give treated= and start=, a start={{unit: period}} for several, or "
                "start_column= or treatment_column="
            )
        treated = match_units(table.units, _some(self.treated, "treated"), "treated unit", name)
        gone = match_units(table.units, as_labels(self.exclude), "excluded unit", name)
        pool = self._pool(table, treated, gone)
        if both := [u for u in gone if u in treated]:
            raise PanelError(f"{name}: {some_labels(both)} is treated and excluded; take it out of one of them")
        first, last = window(table, self.start, self.end)
        return dict.fromkeys(treated, first), pool, last

    def cells(self, table: CellTable) -> dict[str, tuple[tuple[Label, ...], Label]]:
        """Units and start of each cell, where ``treated`` maps names of cells to units.

        Raises
        ------
        PanelError
            A single cell, one without units, a unit in two or in none of the data, or starts of other cells.
        """
        name, named = table.source.name, self.treated
        assert isinstance(named, Mapping)
        cells = {str(cell): match_units(table.units, as_labels(units), f"unit of cell {str(cell)!r}", name)
                 for cell, units in named.items()}  # fmt: skip
        check_cells(cells, name)
        if self.start is None or table.starts is not None:
            other = "and no start" if self.start is None else "beside a column that says who starts when"
            raise PanelError(f"{name}: treated names cells {other}; give start=, of all or as {{cell: period}}")
        starts = dict.fromkeys(cells, self.start)
        if isinstance(self.start, Mapping):
            starts = {str(cell): start for cell, start in self.start.items()}
            if odd := sorted(set(starts) ^ set(cells)):
                raise PanelError(
                    f"{name}: cell {odd[0]!r} has {'no start' if odd[0] in cells else 'a start and no units'}; "
                    "treated and start name the same cells"
                )
        return {cell: (units, starts[cell]) for cell, units in cells.items()}

    def late_words(self, table: CellTable, last: int, late: Mapping[Label, int]) -> tuple[str, ...]:
        """A sentence on the units that start after the last used period, which are untreated until then.

        Of a column those after the data are told by `bsynth.panel.starts.read_starts`, which knows their starts.
        """
        end, times = table.times[last], table.times
        if not late or table.starts is not None:
            return started_after({unit: times[at] for unit, at in late.items() if at < len(times)}, end)
        name, start = table.source.name, self.start if isinstance(self.start, Mapping) else {}
        named = {match_units(table.units, (unit,), "unit", name)[0]: label for unit, label in start.items()}
        return started_after({unit: named[unit] for unit in late}, end)

    def late(self, table: CellTable, last: int) -> dict[Label, int]:
        """Positions of the starts after the last used period, units sorted."""
        starts = table.starts
        if starts is None and isinstance(self.start, Mapping):
            starts = given_starts(self.start, table.units, table.times, table.calendar, table.source.name)
        found = {unit: at for unit, at in (starts or {}).items() if at is not None and at > last}
        return {unit: found[unit] for unit in ordered(found)}

    def of(self, treated: tuple[Label, ...], start: Label) -> "Roles":
        """The same of other treated units and another start."""
        return replace(self, treated=treated, start=start)

    def _by_unit(self, table: CellTable) -> tuple[dict[Label, int], tuple[Label, ...], int]:
        """Roles where a mapping or a column says when each unit starts; who is excluded is in neither role."""
        name, times = table.source.name, table.times
        mapped = isinstance(self.start, Mapping)
        if self.treated is not None or (table.starts is not None and self.start is not None):
            given = "treated" if self.treated is not None else "start"
            other = "a mapping of starts" if mapped else "a column that says who starts when"
            raise PanelError(f"{name}: {given} is given beside {other}; give one of them")
        starts = table.starts or given_starts(self.start, table.units, times, table.calendar, name)
        last = len(times) - 1 if self.end is None else table.calendar.locate(times, self.end, "end", name)
        gone = match_units(table.units, as_labels(self.exclude), "excluded unit", name)
        treated = {u: at for u in ordered(starts) if (at := starts[u]) is not None and at <= last and u not in gone}
        if not treated:
            raise PanelError(f"{name}: no unit starts by {show(times[last])}; name who is treated from when")
        for unit, at in treated.items():
            if at < MIN_PRE:
                raise PanelError(
                    f"{name}: unit {show(unit)!r} starts at {show(times[at])}, which leaves {count(at, 'period')} "
                    f"before it and at least {MIN_PRE} are needed; leave it out with exclude=, or add earlier periods"
                )
        return treated, self._pool(table, tuple(treated), gone), last

    def _pool(self, table: CellTable, treated: tuple[Label, ...], gone: tuple[Label, ...]) -> tuple[Label, ...]:
        """Donors: those named, or every unit that is neither treated nor excluded."""
        name = table.source.name
        if self.donors is None:
            return tuple(u for u in table.units if u not in treated and u not in gone)
        pool = match_units(table.units, _some(self.donors, "donors"), "donor", name)
        for role, units in (("treated", treated), ("excluded", gone)):
            if both := [u for u in units if u in pool]:
                raise PanelError(
                    f"{name}: {some_labels(both)} is {role} and among the donors; take it out of one of them"
                )
        return pool


def anticipating(table: CellTable, last: int, late: Mapping[Label, int], anticipation: int) -> tuple[Label, ...]:
    """Of units that start after the last used period those that do so soon that they are no donors up to it."""
    places = table.calendar.places(table.times)
    ahead = np.concatenate([places, places[-1] + 1 + np.arange(anticipation)]) - places[last]
    return tuple(unit for unit, at in late.items() if at < len(ahead) and ahead[at] <= anticipation)


def _some(labels: Label | Iterable[Label], role: str) -> tuple[Label, ...]:
    listed = as_labels(labels)
    if not listed:
        raise PanelError(f"{role} is {'None' if labels is None else 'empty'}; name at least one unit")
    return listed


def window(table: CellTable, start: Label, end: Label | None) -> tuple[int, int]:
    """Positions of the first treated and the last used period; without a start the first is the one after the last."""
    name, times = table.source.name, table.times
    last = len(times) - 1 if end is None else table.calendar.locate(times, end, "end", name)
    if start is None and last + 1 < MIN_PRE:
        raise PanelError(f"{name}: {count(last + 1, 'period')} up to its end, and at least {MIN_PRE} are needed")
    first = last + 1 if start is None else table.calendar.locate(times, start, "start", name)
    if start is not None and last < first:
        raise PanelError(
            f"{name}: end {show(times[last])} is before start {show(times[first])}; end is the last period used"
        )
    if first < MIN_PRE:
        later = f"; start at {show(times[MIN_PRE])} or later" if len(times) > MIN_PRE else ""
        raise PanelError(
            f"{name}: start {show(times[first])} leaves {count(first, 'period')} before it and at least {MIN_PRE} "
            f"are needed{later}"
        )
    return first, last
