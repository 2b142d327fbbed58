"""One part of a report, as data."""

from dataclasses import dataclass

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
    points : tuple of str
        Sentences that stand alone, after the paragraphs.
    tables : tuple of Table
    figures : tuple of str
        Keys of `bsynth.reporting.figures.figures`.
    """

    title: str
    slug: str
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    figures: tuple[str, ...] = ()
    points: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Paragraphs and points: all its prose."""
        return (*self.paragraphs, *self.points)
