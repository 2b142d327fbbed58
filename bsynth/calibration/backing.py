"""The placebos behind a calibrated interval: how many there are, and how many independent ones they are worth."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bsynth.panel.groups import separate
from bsynth.text.numbers import count

TOLERATED = 0.1
"""Of the placebos so many may fail their gate before the calibration does."""


@dataclass(frozen=True)
class Backing:
    """Placebos, and what they are worth where they overlap.

    Attributes
    ----------
    placebos, independent : int
    kind : str
        What one of them is.
    members : int
        Donors in each; 0 where that is nothing to say.

    Examples
    --------
    >>> Backing(38, 38, "donor", 1).words(), Backing(30, 7, "group", 8).words()
    ('38 donors', '30 groups of 8 donors, worth about 7 independent ones')
    >>> Backing(38, 38, "donor", 1).placebo_words("untreated ")
    '38 untreated donors'
    >>> Backing(30, 7, "group", 8).one(), Backing(12, 12, "donor", 1).one()
    ('independent group', 'donor')
    """

    placebos: int
    independent: int
    kind: str
    members: int

    @property
    def overlap(self) -> bool:
        """Whether they are worth fewer than they are."""
        return self.independent < self.placebos

    def words(self) -> str:
        """How many of what, and what they are worth where that is fewer."""
        return f"{self.placebo_words()}{f', {self.worth()}' if self.overlap else ''}"

    def placebo_words(self, how: str = "") -> str:
        """How many of what; ``how`` stands before the donors."""
        if self.members == 1:
            return count(self.placebos, f"{how}{self.kind}")
        of = f" of {count(self.members, f'{how}donor')}" if self.members else ""
        return f"{count(self.placebos, self.kind)}{of}"

    def worth(self) -> str:
        """What they are worth."""
        return f"worth about {count(self.independent, 'independent one')}"

    def brief(self) -> str:
        """The same in few words.

        Examples
        --------
        >>> Backing(30, 7, "group", 8).brief(), Backing(12, 12, "donor", 1).brief()
        ('30 groups of donors, worth about 7', '12 donors')
        """
        of = " of donors" if self.members > 1 else ""
        said = f"{count(self.placebos, self.kind + of, f'{self.kind}s{of}')}"
        return f"{said}, worth about {self.independent}" if self.overlap else said

    def one(self) -> str:
        """What one of those is that they are worth."""
        return f"independent {self.kind}" if self.overlap else self.kind

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return asdict(self)


def backing(members: Sequence[Sequence[Hashable]], kind: str, size: int) -> Backing:
    """What placebos of these members are worth, in whole ones (`bsynth.panel.groups.separate`).

    Examples
    --------
    >>> backing([("a", "b"), ("a", "b"), ("a", "c")], "group", 2)
    Backing(placebos=3, independent=2, kind='group', members=2)
    """
    return Backing(len(members), round(separate(members)), kind, size)
