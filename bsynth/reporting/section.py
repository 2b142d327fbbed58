"""One part of a report, as data."""

from dataclasses import dataclass

from bsynth.analysis.verdict import Fact
from bsynth.reporting.forest import Bars, Forest
from bsynth.reporting.tables import Table


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes
    ----------
    title, slug : str
        Heading, and its name in addresses and tests.
    paragraphs : tuple of str
        Plain text; nothing in it is markup.
    tables : tuple of Table
    figures : tuple of str
        Keys of `bsynth.reporting.figures.figures`.
    points : tuple of str
        Sentences that stand alone, after the paragraphs.
    facts : tuple of Fact
        What is seen at a glance; of the answer alone.
    forest : Forest or None
        Methods side by side.
    bars : Bars or None
        Shares of a whole.
    opened : bool
        Whether it is read at once; all others are folded.
    """

    title: str
    slug: str
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    figures: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    forest: Forest | None = None
    bars: Bars | None = None
    opened: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """Paragraphs and points: all its prose."""
        return (*self.paragraphs, *self.points)
