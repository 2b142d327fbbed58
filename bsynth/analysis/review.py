"""Whether an analysis followed the plan that was frozen before it: every departure, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import Status
from bsynth.analysis.frozen import BEFORE_SETTINGS, FrozenPlan, history_digest, start_of, texts, without_none
from bsynth.analysis.settings import departures, outcome_of, settings_of
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

    if _roles(plan, panel, say):
        _history(plan, panel, say)
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


def _roles(plan: FrozenPlan, panel: Panel, say: Any) -> bool:
    """Departures in columns, units, window and settings; whether the history is that of the plan but for its values."""
    said = 0

    def compare(what: str, words: str, planned: str, done: str, *, counts: bool = True) -> None:
        nonlocal said
        if planned != done:
            said += counts
            say(what, planned, done, f"{words} {done}; planned was {planned}.")

    source = panel.source
    treated, donors = texts(panel.treated), texts(panel.donors)
    outcome = source.outcome if plan.schema == BEFORE_SETTINGS else outcome_of(panel)
    compare("outcome", "The outcome is", repr(plan.outcome), repr(outcome))
    compare("columns", "The column of units is", repr(plan.unit), repr(source.unit))
    compare("columns", "The column of periods is", repr(plan.time), repr(source.time))
    users = [repr(column) if column else "none" for column in (plan.cluster, source.cluster)]
    # Whose rows they are is in the intervals, and not in the outcomes.
    compare("columns", "The column of users (cluster) is", *users, counts=False)
    if set(treated) != set(plan.treated):
        compare("treated", "Treated is", some_of(plan.treated), some_of(treated))
    lost, new = [d for d in plan.donors if d not in donors], [d for d in donors if d not in plan.donors]
    if lost or new:
        said += 1
        parts = [f"without {some_of(lost)}" if lost else "", f"with {some_of(new)} besides" if new else ""]
        words = " and ".join(part for part in parts if part)
        say("donors", str(len(plan.donors)), str(len(donors)), f"The donors are others than planned: {words}.")
    start = str(show(panel.start)) if plan.schema == BEFORE_SETTINGS else start_of(panel)
    compare("window", "The history begins at", plan.first, str(show(panel.times[0])))
    compare("window", "The start is", plan.start, start)
    if plan.end:
        compare("window", "The window ends at", plan.end, str(show(panel.end)), counts=False)
    if plan.schema != BEFORE_SETTINGS:
        for each in departures(plan.settings, settings_of(panel)):
            said += 1
            say(*each)
    return not said


def _history(plan: FrozenPlan, panel: Panel, say: Any) -> None:
    """Whether the outcomes before the start are those of the plan, and why not, as far as that can be told."""
    digest = history_digest(panel)
    if digest == plan.history:
        return
    why = "the history was restated"
    if plan.edited:
        why = "the plan was edited, so whether the history was restated cannot be told"
    elif plan.schema == BEFORE_SETTINGS:
        why += ", or rows were counted otherwise, which this plan does not hold"
    sentence = f"Outcomes before the start are others than when the plan was frozen: {why}."
    say("history", plan.history, digest, sentence)


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
