"""A panel of several treatments, each given to units of its own beside the same donors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bsynth._base.plain import records, show
from bsynth._base.types import Label
from bsynth.errors import PanelError, some_of
from bsynth.panel.card import facts_card
from bsynth.panel.data import PanelData
from bsynth.panel.labels import some_labels
from bsynth.panel.wording import Labels
from bsynth.text.labels import one_line
from bsynth.text.numbers import count


@dataclass(frozen=True, eq=False, repr=False)
class MultiCellPanel[P: PanelData]:
    """Outcomes of several cells, each with a treatment of its own, and of the donors that they share.

    `Panel.from_long`, `from_wide` and `from_events` return one when ``treated`` maps names of cells to their units.
    No unit of a cell is a donor of another.

    Attributes
    ----------
    panels : mapping of cell to Panel
        Each cell, its units averaged, against the shared donors: for `bsynth.fit` and everything else of one treatment.

    Examples
    --------
    >>> import numpy as np
    >>> from bsynth.panel import Panel
    >>> wide = pd.DataFrame({name: np.random.default_rng(k).normal(size=9) for k, name in enumerate("abcdef")})
    >>> panel = Panel.from_wide(wide, treated={"A": "a", "B": ["b", "c"]}, start=6)
    >>> panel
    MultiCellPanel(A: a, B: b, c; beside 3 donors, 0 to 8)
    >>> panel.panels["B"]
    Panel(mean of 2 units against 3 donors, 0 to 8, start 6: 6 pre + 3 post)
    """

    panels: Mapping[str, P]

    @property
    def names(self) -> tuple[str, ...]:
        """The cells, in the order given."""
        return tuple(self.panels)

    @property
    def donors(self) -> tuple[Label, ...]:
        """Units that are in no cell."""
        return self._first.donors

    @property
    def labels(self) -> Labels:
        """What words call the outcome and a unit."""
        return self._first.labels

    @property
    def _first(self) -> P:
        return next(iter(self.panels.values()))

    @property
    def table(self) -> pd.DataFrame:
        """One row per cell: ``cell, units, start, end, n_pre, n_post``."""
        rows = [
            (name, ", ".join(str(show(u)) for u in each.treated), show(each.start), show(each.end), each.n_pre,
             each.n_post)
            for name, each in self.panels.items()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["cell", "units", "start", "end", "n_pre", "n_post"])

    def notes(self) -> tuple[str, ...]:
        """What was done to the data, of all cells, each sentence once."""
        return tuple(dict.fromkeys(note for each in self.panels.values() for note in each.notes()))

    def to_dict(self) -> dict[str, Any]:
        """What a run folder records, JSON-ready."""
        return {"cells": records(self.table), "donors": [show(u) for u in self.donors], "notes": list(self.notes())}

    def __repr__(self) -> str:
        cells = ", ".join(f"{row.cell}: {row.units}" for row in self.table.itertuples())
        first = self._first
        return one_line(
            f"MultiCellPanel({cells}; beside {count(len(self.donors), 'donor')}, {show(first.times[0])} to "
            f"{show(first.end)})"
        )

    def _repr_html_(self) -> str:
        rows = {f"Cell {row.cell}": f"{row.units}, treated from {row.start}" for row in self.table.itertuples()}
        rows |= {"Donors": f"{len(self.donors)} ({some_of(map(show, self.donors))})"}
        return facts_card("Panel of several cells", rows | {"Notes": " ".join(self.notes())} if self.notes() else rows)


def check_cells(cells: Mapping[str, tuple[Label, ...]], name: str) -> None:
    """Refuse one cell, one without units, and a unit in two.

    Raises
    ------
    PanelError
    """
    if len(cells) < 2:
        raise PanelError(
            f"{name}: treated names {count(len(cells), 'cell')} and at least 2 are compared; of one treatment give its "
            "units as a list"
        )
    for cell, units in cells.items():
        if not units:
            raise PanelError(f"{name}: cell {cell!r} has no units; name at least one, or leave the cell out")
    homes: dict[Label, str] = {}
    for cell, units in cells.items():
        if both := [unit for unit in units if unit in homes]:
            raise PanelError(
                f"{name}: {some_labels(both)} is in cell {homes[both[0]]!r} and in cell {cell!r}; a unit has one "
                "treatment, take it out of one of them"
            )
        homes |= dict.fromkeys(units, cell)
