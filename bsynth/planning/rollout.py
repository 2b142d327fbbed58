"""How large an effect could be seen, and after how long: the verb and its result."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from bsynth._base.plain import plain, records
from bsynth._base.request import check_flags, check_level, check_number, check_whole, hinted, names_in
from bsynth._base.types import Status
from bsynth.bayesian.plan import plan
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError, SpecError, nearest, some_of
from bsynth.frequentist.estimators import Method, find
from bsynth.model.catalogue import DEFAULT
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.pieces import check_store
from bsynth.planning.plays import Played, history_of, past_windows, play
from bsynth.planning.power import (
    RULES,
    TITLES,
    Errors,
    Rule,
    Size,
    bounds_of,
    check_ramp,
    errors_of,
    mde_table,
    power_table,
    refuse_impossible,
)
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import count, lift_words, number, percent, percents
from bsynth.text.result import Pictured

POWER = 0.8
SHAPES = ("lift", "level")
STEPS = 21
"""Sizes of effects that are tried where none are given."""


@dataclass(frozen=True, eq=False, repr=False)
class RolloutPlan(Pictured):
    """How large an effect could be seen on a panel, after how many periods.

    Attributes
    ----------
    panel : Panel
        The history: no period after the start is used.
    spec : ModelSpec
    estimator : str
        Of the placebo test.
    durations : tuple of int
        Periods after the start.
    kind : {"lift", "level"}
        Whether effects are shares of the untreated outcome, or in its units.
    ramp : int
        Periods in which an effect grows to its full size, evenly; 0 for at once. Effects are full sizes.
    level, target : float
        Of the interval, and the power that is wanted.
    table : DataFrame
        One row per rule × duration × effect: ``rule, duration, effect, average`` (over the window, outcome units),
        ``power, power_se`` (Monte-Carlo error over units) and ``plays`` (units × windows).
    mdes : DataFrame
        One row per rule × duration: ``mde`` (full size, as ``kind``), ``average``, ``power``, and ``false_positive``,
        how often the rule fired in windows where nothing happened, with a 95% interval; each play counts once, and for
        P(effect in its direction) twice, once for either direction.
    played : Played
        The plays themselves.
    seconds : float

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, n_pre=24, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=None)
    >>> found = bs.plan_rollout(panel, model="level", durations=[4], kind="level", windows=1, draws=300, progress=False)
    >>> sorted(set(found.table["rule"])), found.mde() > 0
    (['interval', 'placebo', 'probability'], True)
    """

    panel: Panel
    spec: ModelSpec
    estimator: str
    durations: tuple[int, ...]
    kind: Literal["lift", "level"]
    ramp: int
    level: float
    target: float
    table: pd.DataFrame
    mdes: pd.DataFrame
    played: Played
    seconds: float

    @property
    def reason(self) -> str:
        """Whose gate failed, where more than one fit in ten did not pass."""
        first = self.played.table[self.played.table["duration"] == self.durations[0]]
        failed = int((first["status"] != "ok").sum())
        if (self.played.own.loc[self.played.own["treated"], "status"] != "ok").any():
            return "the fit of the treated unit's history did not pass the convergence gate"
        if failed > 0.1 * len(first):
            return f"{failed} of {count(len(first), 'pseudo-treated fit')} did not pass the convergence gate"
        return ""

    @property
    def status(self) -> Status:
        """Unreliable when the treated unit's fit or more than one in ten of the others failed its gate."""
        return status_of(self.reason)

    @property
    def title(self) -> str:
        """What it is, and for which unit."""
        return f"Power of a rollout: {self.panel.treated_name}"

    def mde(self, duration: int | None = None, *, rule: Rule = "interval") -> float:
        """The smallest effect that is seen with the power wanted, over the longest duration or a given one.

        Raises
        ------
        SpecError
            A duration or a rule that was not planned.
        """
        row = self._row(self.durations[-1] if duration is None else duration, rule)
        return float(row["mde"])

    def weeks_needed(self, effect: float, *, rule: Rule = "interval") -> int | None:
        """The shortest of the durations over which that effect is seen with the power wanted; None where none is.

        In periods of the panel, weeks or others.
        """
        size = abs(check_number(effect, "effect"))
        return next((d for d in self.durations if self._row(d, rule)["mde"] <= size), None)

    def _row(self, duration: int, rule: str) -> Any:
        if rule not in RULES:
            raise SpecError(f"rule {rule!r} is unknown{nearest(str(rule), RULES)}; it can be {some_of(RULES)}")
        rows = self.mdes[(self.mdes["rule"] == rule) & (self.mdes["duration"] == duration)]
        if rows.empty:
            planned = some_of(map(str, self.durations))
            raise SpecError(f"duration {duration!r} was not planned; planned are {planned}")
        return rows.iloc[0]

    def errors(self, duration: int, rule: Rule = "interval") -> Errors:
        """The errors behind one row of ``mdes``."""
        return errors_of(self.played, duration, rule, size_of(self.panel, self.kind, self.ramp, self.spec))

    def size_words(self, effect: float) -> str:
        """An effect as it is written: a lift as a percentage."""
        if not np.isfinite(effect):
            return "no effect of any size"
        return lift_words(effect) if self.kind == "lift" else number(effect, signed=True)

    def sentences(self) -> tuple[str, ...]:
        """The smallest effect, what the rule does without one, how the other rules do, and what this rests on."""
        longest, unit = self.durations[-1], self.panel.frequency
        own = self._row(longest, "interval")
        shape = f", grown over {count(self.ramp, unit)}" if self.ramp else ""
        effect = f"an effect of {self.size_words(own['mde'])}" if np.isfinite(own["mde"]) else "no possible effect"
        first = (
            f"After {count(longest, unit)} {effect}{shape} on "
            f"{self.panel.source.outcome} of {self.panel.treated_name} would be seen with a probability of "
            f"{percent(self.target)}: the {percent(self.level)} calibrated interval would then exclude zero."
        )
        said = [first, *(self._said(rule, longest) for rule in RULES)]
        if len(self.durations) > 1:
            each = [f"{self.size_words(self._row(d, 'interval')['mde'])} after {d}" for d in self.durations]
            said.append(f"By duration: {', '.join(each)}.")
        return (*mark(self.reason), *said, *self.notes())

    def _said(self, rule: Rule, duration: int) -> str:
        row = self._row(duration, rule)
        rate, low, high = percents(row["false_positive"], row["false_positive_lower"], row["false_positive_upper"])
        words = f"{TITLES[rule][:1].upper()}{TITLES[rule][1:]}"
        smallest = f"smallest effect {self.size_words(row['mde'])}"
        plays = f"{count(int(row['plays']), 'play')} of the past"
        if rule == "probability":
            plays = f"{count(2 * int(row['plays']), 'case')}, {plays} in either direction"
        return f"{words}: {smallest}; without an effect it fired in {rate} of {plays} (95% interval {low} to {high})."

    def notes(self) -> tuple[str, ...]:
        """What the plays are, and what they presume."""
        rows = self.played.table
        windows = int(rows["window"].nunique())
        said = [
            f"Measured on {count(rows['unit'].nunique(), 'unit')} as if treated in {count(windows, 'window')} of the "
            "past, each by what the others teach; the treated unit is taken to err as they did, in units of its own "
            "interval.",
        ]
        if np.isinf(self.played.placebo["threshold"]).any():
            many = int(self.mdes.loc[self.mdes["rule"] == "placebo", "units"].max())
            at = percent(1 - self.level)
            said.append(f"With {count(many, 'placebo')} the test cannot reject at {at}, whatever the effect.")
        if skipped := self.played.skipped:
            unit, start, reason = skipped[0]
            said.append(f"{len(skipped)} could not play, the first {unit} at {start}: {reason}.")
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: the face of every result, ``mdes`` and what was planned."""
        return super().to_dict() | {
            "mdes": records(self.mdes), "durations": list(self.durations), "kind": self.kind, "ramp": self.ramp,
            "level": self.level, "target": self.target, "model": self.spec.name, "estimator": self.estimator,
            "own": records(self.played.own), "skipped": [list(map(str, row)) for row in self.played.skipped],
            "seconds": plain(self.seconds), "panel": self.panel.to_dict(),
        }  # fmt: skip

    def _gist(self) -> str:
        longest = self.durations[-1]
        after = count(longest, self.panel.frequency)
        return f"{self.size_words(self.mde())} after {after} at {percent(self.target)} power"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.mdes[["rule", "duration", "mde", "average", "false_positive"]],)


@hinted
def plan_rollout(
    panel: Panel,
    *,
    durations: Sequence[int] | None = None,
    effects: Sequence[float] | None = None,
    kind: Literal["lift", "level"] | None = None,
    ramp: int = 0,
    power: float = POWER,
    level: float = 0.95,
    windows: int = 3,
    model: str | Path | ModelSpec = DEFAULT,
    estimator: Method = "demeaned",
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> RolloutPlan:
    """Answer how large an effect could be seen on this panel, and after how many periods, before anything starts.

    Every donor, and the treated unit, plays the treated one in windows of the history, in which nothing happened: what
    they err there, over whole windows, is what an effect must stand out from. The rule is the one that is reported
    (`bsynth.calibrate`), and how often it fires without an effect stands beside its power.

    Parameters
    ----------
    panel : Panel
        One without a start (``start=None``), or one whose periods before the start are the history.
    durations : sequence of int, optional
        Periods after the start; by default four, up to a quarter of the history.
    effects : sequence of float, optional
        Sizes for the curve; by default twenty-one, up to twice the smallest effect of the shortest duration.
    kind : {"lift", "level"}, optional
        Effects as shares of the untreated outcome (0.05 is +5%), or in outcome units. By default shares where all
        outcomes are positive.
    ramp : int
        Periods in which the effect grows evenly to its full size; 0 for at once.
    power : float
        That the smallest effect has.
    level : float
        Of the interval; the placebo test rejects at 1 − level.
    windows : int
        Windows of the past at most: they do not overlap and are as long as the longest duration. Each costs a fit a
        unit.
    model
        As `bsynth.calibrate`.
    estimator : str or estimator
        Of the placebo test.
    scale, draws, seed, sampling, store, progress
        As `bsynth.calibrate`.

    Returns
    -------
    RolloutPlan

    Raises
    ------
    PanelError
        A history too short for the durations, or on which the model has no posterior.
    SpecError
        Durations, effects or another setting outside what is allowed.

    Examples
    --------
    >>> import bsynth as bs
    >>> bs.plan_rollout(bs.datasets.load_prop99(), durations=[17])
    Traceback (most recent call last):
    bsynth.errors.PanelError: prop99.csv: a duration of 17 periods leaves fewer than 7 periods of the 19 ...
    """
    require_panel(panel, history=True)
    check_flags(progress=progress)
    check_store(store)
    find(estimator)
    how, history, began = resolve(sampling, draws, seed), history_of(panel), time.perf_counter()
    windows = check_whole(windows, "windows", 1, "windows of the past in which units play")
    level, power = check_level(level), check_power(power)
    lasting = _durations(durations, history)
    chosen = kind_of(kind, history)
    ramp = check_ramp(ramp, lasting[-1])
    first = past_windows(history, lasting[-1], 1)[0]
    request = plan(first, model, scale=scale, sampling=how)
    if request.lacks:
        raise PanelError(request.lacks)
    spec = request.spec
    size = size_of(history, chosen, ramp, spec)
    sizes = None if effects is None else _effects(effects, size, history, lasting)
    played = play(
        history, spec, lasting, windows=windows, level=level, estimator=estimator, sampling=how, store=store,
        progress=progress,
    )  # fmt: skip
    mdes = mde_table(played, lasting, RULES, size, power)
    largest = min(size.largest(_base(history, duration)) for duration in lasting)
    sizes = sizes or _spread(mdes, largest, 1.0 if chosen == "lift" else float(np.ptp(history.treated_series)))
    return RolloutPlan(
        panel=history,
        spec=spec,
        estimator=estimator if isinstance(estimator, str) else estimator.NAME,
        durations=lasting,
        kind=chosen,
        ramp=ramp,
        level=level,
        target=power,
        table=power_table(played, lasting, sizes, RULES, size),
        mdes=mdes,
        played=played,
        seconds=time.perf_counter() - began,
    )


def check_power(power: object) -> float:
    """Return a power as a plain number; raise `SpecError` unless 0 < power < 1."""
    found = check_number(power, "power", "a probability between 0 and 1, such as 0.8")
    if not 0 < found < 1:
        raise SpecError(f"power is {power}; give a probability between 0 and 1, such as 0.8")
    return found


def _durations(durations: Sequence[int] | None, history: Panel) -> tuple[int, ...]:
    if durations is None:
        longest = max(history.n_pre // 4, 1)
        return tuple(sorted({max(round(longest * share), 1) for share in (0.25, 0.5, 0.75, 1.0)}))
    listed = names_in(durations, "durations", "numbers of periods such as [4, 8]")
    if not listed:
        raise SpecError("durations is empty; give numbers of periods such as [4, 8]")
    return tuple(sorted({check_whole(d, "a duration", 1, "the periods after the start") for d in listed}))


def kind_of(kind: str | None, history: Panel) -> Literal["lift", "level"]:
    """How effects are given: as asked, or shares where all outcomes are positive."""
    if kind is None:
        return "lift" if (history.outcome > 0).all() else "level"
    if kind not in SHAPES:
        raise SpecError(f"kind {kind!r} is unknown{nearest(str(kind), SHAPES)}; it can be {some_of(SHAPES)}")
    if kind == "lift" and not (history.treated_series > 0).all():
        raise SpecError("kind is 'lift' and the treated series is not positive throughout; give kind='level'")
    return "lift" if kind == "lift" else "level"


def size_of(history: Panel, kind: Literal["lift", "level"], ramp: int, spec: ModelSpec) -> Size:
    """How effects on a panel are given to a model of it."""
    return Size(kind, ramp, spec.link, *bounds_of(history))


def _base(history: Panel, duration: int) -> float:
    """The outcome on which an effect would come: the treated unit's average in its last periods."""
    return float(history.treated_series[-duration:].mean())


def _effects(effects: Sequence[float], size: Size, history: Panel, durations: Sequence[int]) -> list[float]:
    listed = [check_number(e, "an effect") for e in names_in(effects, "effects", "sizes such as [0.02, 0.05]")]
    if not listed:
        raise SpecError("effects is empty; give sizes such as [0.02, 0.05], or leave it out")
    for effect, base in itertools.product(listed, (_base(history, duration) for duration in durations)):
        refuse_impossible(size, effect, base, "an effect")
    return sorted(listed)


def _spread(mdes: pd.DataFrame, largest: float, unseen: float) -> list[float]:
    """Sizes from nothing to twice the smallest effect of the shortest duration, as far as possible; two digits each.

    Up to ``unseen`` where no duration sees any, and nothing bounds what can be.
    """
    finite = mdes.loc[(mdes["rule"] == "interval") & np.isfinite(mdes["mde"]) & (mdes["mde"] > 0), "mde"]
    most = min(2 * float(finite.iloc[0]) if len(finite) else np.inf, largest)
    step = float(f"{(most if np.isfinite(most) else unseen) / (STEPS - 1):.1e}")
    return [k * step for k in range(STEPS) if k * step < largest]
