"""What every classical inference is given, and what its result offers."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bsynth._base.plain import clean, records
from bsynth._base.types import Status
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.inference.measured import fell_short, measured
from bsynth.text.numbers import bracket, numbers, p_value, percent
from bsynth.text.result import Pictured

EFFECTS_SHOWN = ["estimand", "estimate", "lower", "upper", "level", "p"]


@dataclass(frozen=True)
class Settings:
    """What an inference of a plan is run with; each reads what concerns it.

    Attributes
    ----------
    estimator : str or estimator
    seed : int
    replicates : int
        Bootstrap replicates.
    progress : bool
    """

    estimator: Method = "sc"
    seed: int = 0
    replicates: int = 1000
    progress: bool = True


@dataclass(frozen=True, eq=False, repr=False)
class Inference(Pictured):
    """An interval and a p around a classical point, and what they presume.

    A subclass has ``table``, `kind`, `conditions` and `effects`; it says what it found in one sentence, `_sentence`,
    and whatever belongs beside the numbers in `notes`.

    Attributes
    ----------
    estimate : Estimate
        The point that it is around.
    """

    estimate: Estimate

    @property
    def status(self) -> Status:
        """``"ok"``: classical inference has no convergence gate."""
        return "ok"

    @property
    @abstractmethod
    def kind(self) -> str:
        """What it is called in titles."""

    @property
    @abstractmethod
    def conditions(self) -> str:
        """What its interval presumes, one or two sentences; empty where it has none."""

    @property
    def title(self) -> str:
        """What it is, and around what."""
        return f"{self.kind} around {self.estimate.estimator}: {self.estimate.panel.treated_name}"

    @property
    def procedure(self) -> str:
        """The estimator and the procedure with its settings, as the measurement of its coverage names them."""
        return f"{self.estimate.estimator}: {self.kind.lower()}, average"

    @property
    def p_min(self) -> float | None:
        """The smallest p that so few placebos or permutations can give; None where there is no such bound."""
        return None

    @property
    def fell_short(self) -> str:
        """How often intervals of its procedure held the truth where that was measured to fail; empty elsewhere."""
        return fell_short(measured(self.procedure))

    @abstractmethod
    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand, with the interval and the p of the procedure."""

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences that belong beside the numbers at this level; often none."""
        return ()

    def table_at(self, level: float = 0.95) -> pd.DataFrame:
        """Return ``table`` with intervals of this level, where it has any."""
        return self.table

    def sentences(self, level: float = 0.95) -> tuple[str, ...]:
        """Return what it found and conditions on, how its interval was measured, and what belongs beside it."""
        short = (f"Its interval is {self.fell_short}.",) if self.fell_short else ()
        return (self._sentence(level), *short, *self.notes(level))

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain JSON data: the face of every result at this level, ``estimator``, settings and findings."""
        said = {"sentences": list(self.sentences(level)), "table": records(self.table_at(level))}
        return super().to_dict() | said | {"estimator": self.estimate.estimator} | clean(self._facts())

    @abstractmethod
    def _sentence(self, level: float) -> str:
        """What it found, with intervals of this level, and what it conditions on."""

    def _facts(self) -> dict[str, Any]:
        """Settings and findings that no table has."""
        return {}

    def _gist(self) -> str:
        row = self.effects().iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        level, p = row["level"], row["p"]
        interval = [f"{percent(level)} {row['interval']} {bracket(bounds)}"] if level == level else []
        return ", ".join([f"average effect {estimate}", *interval, *([p_value(p)] if p == p else [])])

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.effects()[EFFECTS_SHOWN],)
