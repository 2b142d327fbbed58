"""What every check sees, what it returns, and the report that holds the answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from bsynth._base.brief import LINE, Brief
from bsynth._base.types import Status
from bsynth.bayesian.result import Fit, panel_of
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.text.labels import plain
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import count
from bsynth.text.result import Pictured

if TYPE_CHECKING:
    from bsynth.calibration import Calibration
    from bsynth.checks.leave_future_out import LeaveFutureOut

DRIFTING = ("robust", "drift", "default")
"""Suggestions with a drift, which have a level as well and so answer the other warnings too; the first bears wild
periods besides, which to a drift are a departure that goes on."""

type Answer = Literal["ok", "unclear", "warning"]


@dataclass(frozen=True, repr=False)
class Check:
    """One question asked of a fit, and its answer.

    Attributes
    ----------
    name : str
        Such as ``"hull"``.
    title : str
        The question in a few words.
    values : mapping of str to float
        The numbers behind the sentence; outcome units unless the name says otherwise.
    status : {"ok", "unclear", "warning"}
        ``"unclear"``: what it asks cannot be told from this fit.
    sentence : str
        The answer in plain words, with its numbers.
    suggestion : str or None
        Model of the catalogue to use instead; None when the model is not the thing to change.
    """

    name: str
    title: str
    values: Mapping[str, float]
    status: Answer
    sentence: str
    suggestion: str | None = None

    def __repr__(self) -> str:
        return f"<Check {self.name} {self.status}: {plain(self.sentence, LINE)}>"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return asdict(self) | {"values": dict(self.values)}


@dataclass(frozen=True, eq=False, repr=False)
class Case(Brief):
    """A fit that holds its panel, and what some checks need besides: the one argument of every check.

    Attributes
    ----------
    fit : Fit
    calibration : Calibration or None
    future : LeaveFutureOut or None
    seed : int
        Seed of replicated data and prior draws.

    Raises
    ------
    PanelError
        Something else than a fit, or a fit that holds no panel.
    """

    fit: Fit
    calibration: "Calibration | None" = None
    future: "LeaveFutureOut | None" = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no check could be asked of."""
        panel_of(self.fit)

    @property
    def panel(self) -> Panel:
        """The panel that was fitted."""
        return panel_of(self.fit)

    @property
    def spec(self) -> ModelSpec:
        """The model that was fitted."""
        return self.fit.spec

    @cached_property
    def design(self) -> Design:
        """The arrays that the model saw."""
        return make_design(self.panel, self.spec)

    def rng(self, name: str) -> np.random.Generator:
        """Return a generator of the check's own, so that adding a check changes no other."""
        return np.random.default_rng([self.seed, *name.encode()])


@dataclass(frozen=True, eq=False, repr=False)
class CheckReport(Pictured):
    """The checks of one fit, in the order of their registry.

    Attributes
    ----------
    model : str
    checks : tuple of Check
    reason : str
        Of the fit, or of the calibration where it has a say. What the checks say of its model is the `answer`.
    """

    model: str
    checks: tuple[Check, ...]
    reason: str = ""

    @property
    def status(self) -> Status:
        """Of what it rests on."""
        return status_of(self.reason)

    @property
    def answer(self) -> Answer:
        """``"warning"`` when any check warns."""
        return "warning" if self.warnings else "ok"

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The checks that warn."""
        return tuple(check for check in self.checks if check.status == "warning")

    @property
    def unclear(self) -> tuple[Check, ...]:
        """The checks that cannot tell."""
        return tuple(check for check in self.checks if check.status == "unclear")

    @property
    def suggestion(self) -> str | None:
        """The model to use instead: the first of `DRIFTING` that a warning names, else the first that is named."""
        named = [check.suggestion for check in self.warnings if check.suggestion is not None]
        return next((model for model in DRIFTING if model in named), named[0] if named else None)

    @property
    def table(self) -> pd.DataFrame:
        """One row per check: name, title, answer ("ok", "unclear" or "warning"), suggestion, sentence."""
        rows = [(c.name, c.title, c.status, c.suggestion, c.sentence) for c in self.checks]
        return pd.DataFrame(rows, columns=["name", "title", "answer", "suggestion", "sentence"])

    @property
    def title(self) -> str:
        """What it is, and of which model."""
        return f"Checks of {self.model!r}"

    def sentences(self) -> tuple[str, ...]:
        """The warnings in words and the model they name, or that there is none; then what cannot be told."""
        words = [check.sentence for check in self.warnings] or [f"No check contradicts the model {self.model!r}."]
        if self.suggestion is not None:
            words.append(f"Use the model {self.suggestion!r} instead.")
        return (*mark(self.reason), *words, *(check.sentence for check in self.unclear))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result the answer, and the numbers of each check."""
        return super().to_dict() | {
            "model": self.model,
            "answer": self.answer,
            "suggestion": self.suggestion,
            "checks": [check.to_dict() for check in self.checks],
        }

    def __getitem__(self, name: str) -> Check:
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"no check {name!r}; there are {', '.join(check.name for check in self.checks)}")

    def _gist(self) -> str:
        found = [", ".join(check.name for check in self.warnings) or "no warnings"]
        found += [f"{check.name} unclear" for check in self.unclear]
        return f"{count(len(self.checks), 'check')}, {', '.join(found)}"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.table[["title", "answer", "sentence"]],)
