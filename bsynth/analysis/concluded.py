"""What every analysis offers, of one start or of several: effects at its own level, a verdict, and a first screen."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.request import check_level
from bsynth._base.types import Status
from bsynth.analysis.comparison import Comparison
from bsynth.analysis.verdict import Verdict, wordless
from bsynth.text.marks import UNRELIABLE, mark, status_of
from bsynth.text.result import Pictured


class Concluded(Pictured):
    """An analysis: numbers side by side, and what they say together.

    A subclass has ``level``, ``unavailable`` and, at any level, ``_effects_at`` and ``_compared``.
    """

    level: float
    unavailable: Mapping[str, str]

    @property
    @abstractmethod
    def effects_reason(self) -> str:
        """Why the effects themselves are unreliable."""

    @property
    @abstractmethod
    def comparison(self) -> Comparison:
        """Every method side by side on what the headline is about, with the verdict."""

    @abstractmethod
    def _effects_at(self, level: float) -> pd.DataFrame:
        """All effects with intervals of a level."""

    @abstractmethod
    def _compared(self, level: float) -> pd.DataFrame:
        """The table of `comparison` at a level."""

    @property
    def status(self) -> Status:
        """``"unreliable"`` when a fit, the calibration or a finding is."""
        return status_of(self.reason)

    @property
    def reason(self) -> str:
        """What of it failed its convergence gate."""
        return self.effects_reason

    @property
    def table(self) -> pd.DataFrame:
        """The effects at the analysis's own level."""
        return self.effects()

    def effects(self, level: float | None = None, *, full: bool = False) -> pd.DataFrame:
        """All methods in one table, one row per method × estimand; by default at the analysis's level.

        ``full`` gives a plain DataFrame, which prints every column.
        """
        level = self.level if level is None else check_level(level)
        return self._effects if level == self.level else self._effects_at(level)

    @cached_property
    def _effects(self) -> pd.DataFrame:
        return self._effects_at(self.level)

    def sentences(self) -> tuple[str, ...]:
        """Return the verdict, sentence by sentence, behind the marks of what is unreliable."""
        if "verdict" in self.unavailable:
            return (*mark(self.effects_reason), *self.verdict.sentences())
        return self.comparison.sentences()

    @property
    def verdict(self) -> Verdict:
        """What was found: headline, three bullets, details, the grade of the evidence, and four facts."""
        if "verdict" in self.unavailable:
            return wordless(self.unavailable["verdict"])
        return self.comparison.verdict

    def _gist(self) -> str:
        # The mark stands before the title already.
        return self.verdict.headline.removeprefix(f"{UNRELIABLE}: ")

    def _card(self) -> str:
        # The first screen of the report; results know no pages, so that what is shown finds what shows it.
        return str(import_module("bsynth.reporting.card").first_screen(self))


@dataclass(frozen=True, eq=False, repr=False)
class Rows(Brief):
    """The table of an analysis's comparison at any level."""

    analysis: Concluded

    def __call__(self, level: float) -> pd.DataFrame:
        """Every method on the average effect, with intervals of this level."""
        return self.analysis._compared(level)
