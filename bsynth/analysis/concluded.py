"""What every analysis offers, of one start or of several: effects at its own level, a verdict, and a first screen."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol

import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.plain import clean, records
from bsynth._base.request import check_level
from bsynth._base.types import Status
from bsynth._base.versions import versions
from bsynth.analysis.choice import Choice
from bsynth.analysis.comparison import Comparison
from bsynth.analysis.verdict import Verdict, wordless
from bsynth.bayesian.result import Fit
from bsynth.bayesian.waves.result import WavesFit
from bsynth.text.marks import UNRELIABLE, mark, status_of
from bsynth.text.result import Pictured

SCHEMA = 3
"""Of ``summary.json``."""


class Finding(Protocol):
    """What every further result about the panel or its fits offers: a certificate, a decision, an audit."""

    def sentences(self) -> tuple[str, ...]:
        """What it found, in plain words whose numbers are in ``to_dict``."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``summary.json``."""


class Concluded(Pictured):
    """An analysis: numbers side by side, and what they say together.

    A subclass has these attributes, `notes`, ``_own`` and, at any level, ``_effects_at`` and ``_compared``.
    """

    fits: tuple[Fit | WavesFit, ...]
    level: float
    seed: int
    truth: float | None
    unavailable: Mapping[str, str]
    choice: Choice

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

    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What should be known of the panel and of the methods on it."""

    @abstractmethod
    def _own(self) -> dict[str, Any]:
        """What ``summary.json`` has of this kind of analysis alone."""

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

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``summary.json``, schema 3; every number that the verdict uses is in ``comparison``.

        Missing numbers are None; an unbounded interval has the strings ``"inf"`` and ``"-inf"``.
        """
        return {"schema": SCHEMA, **self._own(), **self._shared()}

    def _shared(self) -> dict[str, Any]:
        return {
            "effects": records(self.effects(full=True)),
            "diagnostics": [
                {"model": fit.spec.name, "reason": fit.provenance.reason} | clean(fit.diagnostics.to_dict())
                for fit in self.fits
            ],
            "comparison": None if "verdict" in self.unavailable else self.comparison.to_dict(),
            "models": [fit.spec.to_dict() for fit in self.fits],
            "kept": self.choice.kept,
            "aside": self.choice.rejected,
            "notes": list(self.notes()),
            "unavailable": dict(self.unavailable),
            "level": self.level,
            "truth": self.truth,
            "status": self.status,
            "reason": self.reason,
            "effects_reason": self.effects_reason,
            "versions": versions(),
            "seed": self.seed,
            "verdict": self.verdict.to_dict(),
            "sentences": list(self.sentences()),
        }

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


def findings_data(findings: Mapping[str, Finding]) -> dict[str, Any]:
    """Plain data of findings for ``summary.json``, each with its sentences."""
    return {name: clean(each.to_dict()) | {"sentences": list(each.sentences())} for name, each in findings.items()}
