"""Whether an analysis followed the plan that was frozen before it: every departure, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import Status
from bsynth.analysis.frozen import FrozenPlan, history_digest, texts, without_none
from bsynth.errors import some_of
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.text.numbers import count, percent
from bsynth.text.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class PlanReview(Result):
    """Whether an analysis followed the plan that was frozen before it.

    Attributes
    ----------
    plan : FrozenPlan
    table : DataFrame
        One row per departure: ``what, planned, done, sentence``.
    """

    plan: FrozenPlan
    table: pd.DataFrame

    @property
    def status(self) -> Status:
        """Always ok: nothing here was sampled."""
        return "ok"

    @property
    def title(self) -> str:
        """Which plan."""
        return f"Frozen plan {self.plan.frozen}"

    def sentences(self) -> tuple[str, ...]:
        """Whether it was followed, every departure, and the plan."""
        plan = self.plan
        first = f"The plan frozen beforehand (hash {plan.frozen}) was followed."
        if len(self.table):
            departures = count(len(self.table), "departure")
            first = f"The plan frozen beforehand (hash {plan.frozen}) was not followed: {departures}."
        hand = f"The plan was edited after it was frozen: it says {plan.frozen}, and its content is {plan.hash}."
        return (first, *([hand] if plan.edited else []), *self.table["sentence"], *plan.sentences())

    def remarks(self) -> tuple[str, ...]:
        """The sentences that no reader may miss."""
        return self.sentences()[: 1 + int(self.plan.edited) + len(self.table)]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: the face of every result, the plan, its hash and whether it was edited."""
        content = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self.plan).items()}
        return super().to_dict() | {"plan": content, "hash": self.plan.hash, "edited": self.plan.edited}


def review(
    plan: FrozenPlan,
    panel: Panel,
    specs: Sequence[ModelSpec],
    methods: Sequence[str],
    *,
    calibrated: bool,
    level: float,
) -> PlanReview:
    """Compare what is done with what was planned."""
    rows: list[tuple[str, str, str, str]] = []

    def say(what: str, planned: str, done: str, sentence: str) -> None:
        rows.append((what, planned, done, sentence))

    _roles(plan, panel, say)
    model = specs[0].name if specs else "none"
    changed = _changed(plan.spec, without_none(specs[0].to_dict()) if specs else {})
    if model != plan.model:
        say("model", plan.model, model, f"The model is {model!r}; planned was {plan.model!r}.")
    elif changed:
        say("model", plan.model, some_of(changed), f"The model {model!r} has another {some_of(changed)} than planned.")
    if lost := [name for name in plan.methods if name not in methods]:
        say("methods", some_of(plan.methods, 12), some_of(methods, 12), f"Planned and not done: {some_of(lost, 12)}.")
    if plan.spec and specs and calibrated != plan.calibrated:
        words = ("calibrated on the donors", "not calibrated")
        done, planned = (words[0], words[1]) if calibrated else (words[1], words[0])
        say("rule", planned, done, f"The interval is {done}; planned was {planned}.")
    if not np.isclose(level, plan.level):
        sentence = f"Intervals are of {percent(level)}; planned were {percent(plan.level)}."
        say("rule", percent(plan.level), percent(level), sentence)
    return PlanReview(plan, pd.DataFrame(rows, columns=["what", "planned", "done", "sentence"]))


def _roles(plan: FrozenPlan, panel: Panel, say: Any) -> None:
    """Departures in outcome, units, window and history."""
    if panel.source.outcome != plan.outcome:
        say("outcome", plan.outcome, panel.source.outcome, f"The outcome is {panel.source.outcome!r}; planned was "
            f"{plan.outcome!r}.")  # fmt: skip
    treated, donors = texts(panel.treated), texts(panel.donors)
    if set(treated) != set(plan.treated):
        say("treated", some_of(plan.treated), some_of(treated), f"Treated is {some_of(treated)}; planned was "
            f"{some_of(plan.treated)}.")  # fmt: skip
    lost, new = [d for d in plan.donors if d not in donors], [d for d in donors if d not in plan.donors]
    if lost or new:
        parts = [f"without {some_of(lost)}" if lost else "", f"with {some_of(new)} besides" if new else ""]
        words = " and ".join(part for part in parts if part)
        say("donors", str(len(plan.donors)), str(len(donors)), f"The donors are others than planned: {words}.")
    periods = {"first": panel.times[0], "start": panel.start, "end": panel.end}
    names = {"first": "The history begins at", "start": "The start is", "end": "The window ends at"}
    moved = False
    for name, period in periods.items():
        planned, done = getattr(plan, name), str(show(period))
        if planned and planned != done:
            moved = moved or name != "end"
            say("window", planned, done, f"{names[name]} {done}; planned was {planned}.")
    same = set(treated) == set(plan.treated) and not (lost or new or moved)
    if same and history_digest(panel) != plan.history:
        sentence = "Outcomes before the start are others than when the plan was frozen: the history was restated."
        say("history", plan.history, history_digest(panel), sentence)


def _changed(planned: Mapping[str, Any], done: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Keys of a specification that differ, with their tables; its name and title say nothing."""
    found = []
    for key in sorted({*planned, *done} - ({"name", "title"} if not prefix else set())):
        one, other = planned.get(key), done.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += _changed(one, other, f"{prefix}{key}.")
        elif one != other:
            found.append(f"{prefix}{key}")
    return found
