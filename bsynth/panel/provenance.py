"""Where the numbers of a panel came from, and what was done to them on the way in."""

from dataclasses import dataclass, field
from typing import Any

from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.errors import some_of
from bsynth.panel.alike import pair
from bsynth.text.numbers import count


@dataclass(frozen=True)
class Source:
    """Where the numbers came from and what was done to them on the way in.

    ``sha256`` is of the file's bytes; of the used columns of a frame; of the cell sums of a database
    table. ``rows_used`` counts the rows with an outcome inside the window and units of the panel. ``alike`` are pairs
    of units whose labels a reader would take for one another; ``said`` is how rows were counted. ``anticipation`` and
    ``washout`` are the periods before and from the first treated one that are in neither fit nor effect. ``asked`` are
    the settings of rows and time that were given, by name, as plain data; and the column of the outcome, where that is
    called otherwise.
    """

    name: str
    sha256: str
    rows_in: int
    rows_used: int
    unit: str
    time: str
    outcome: str
    cluster: str | None = None
    missing: str = "error"
    filled: tuple[tuple[Label, Label], ...] = ()
    dropped: tuple[Label, ...] = ()
    rows_without_outcome: int = 0
    alike: tuple[tuple[str, str], ...] = ()
    anticipation: tuple[Label, ...] = ()
    washout: tuple[Label, ...] = ()
    said: tuple[str, ...] = ()
    asked: dict[str, Any] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """One sentence for each thing that was left out, filled or dropped."""
        notes = list(self.said)
        if self.rows_without_outcome:
            notes.append(
                f"{self.rows_without_outcome} of {count(self.rows_in, 'row')} have no {self.outcome}; not counted."
            )
        return notes + self.changed() + [f"Units {pair(*both)}; they are kept apart." for both in self.alike]

    def changed(self) -> list[str]:
        """One sentence for each way in which the data are not as they came: filled cells, dropped units."""
        notes = []
        if self.filled:
            cells = some_of(f"{show(u)} at {show(t)}" for u, t in self.filled)
            notes.append(
                f"{count(len(self.filled), 'missing cell was', 'missing cells were')} interpolated linearly in "
                f"time: {cells}."
            )
        if self.dropped:
            notes.append(
                f"{count(len(self.dropped), 'unit with missing cells was', 'units with missing cells were')} "
                f"dropped: {some_of(self.dropped)}."
            )
        for periods, why in (
            (self.anticipation, "before the start (anticipation)"),
            (self.washout, "from it (washout)"),
        ):
            if periods:
                listed = some_of(show(each) for each in periods)
                verb = "is" if len(periods) == 1 else "are"
                notes.append(f"{count(len(periods), 'period')} {why} {verb} left out of fit and effect: {listed}.")
        return notes
