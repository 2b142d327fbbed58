"""From what intervals said of the past to power: the rule's own, with the errors that were really made.

The error of a unit in units of the half width of its own interval, z, says everything of the rule: it fires where
|z + δ/r| > 1. Of the treated unit the half width r is known and its error is not, so it is taken to err as the others
did: power(δ) is the share of ±z with |z + δ/r| > 1, and the smallest effect of power p is r (1 + the p-quantile of ±z).
Errors of whole windows are used, so that autocorrelation is in them; a formula from the noise of single periods leaves
it out and promises too much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from bsynth._base.request import check_whole
from bsynth._base.types import FloatArray
from bsynth.calibration.certificate.summary import share_interval
from bsynth.errors import SpecError
from bsynth.model.link import Link
from bsynth.panel import Panel
from bsynth.planning.plays import Played
from bsynth.text.numbers import numbers

type Rule = Literal["interval", "probability", "placebo"]
RULES: tuple[Rule, ...] = ("interval", "probability", "placebo")
TITLES = {
    "interval": "calibrated interval excludes zero",
    "probability": "P(effect in its direction) above 95%",
    "placebo": "placebo test rejects",
}


def check_ramp(ramp: object, duration: int) -> int:
    """Return how many periods an effect grows as a plain number; raise `SpecError` where it never comes to its size.

    Examples
    --------
    >>> check_ramp(9, 8)
    Traceback (most recent call last):
    bsynth.errors.SpecError: ramp is 9 and the longest duration 8, in which no effect grows to its size; ...
    """
    found = check_whole(ramp, "ramp", 0, "periods in which the effect grows; 0 for at once")
    if found > duration:
        raise SpecError(
            f"ramp is {found} and the longest duration {duration}, in which no effect grows to its size; "
            "give a shorter one"
        )
    return found


def ramp_share(duration: int, ramp: int) -> float:
    """Share of the full effect that the average over a window sees when it grows evenly over ``ramp`` periods.

    Examples
    --------
    >>> ramp_share(4, 0), ramp_share(4, 4)
    (1.0, 0.625)
    """
    reached = np.minimum(np.arange(1, duration + 1) / max(ramp, 1), 1.0)
    return float(reached.mean())


@dataclass(frozen=True)
class Size:
    """How effects are given: as lifts of the untreated outcome, or in its units, and how they grow.

    ``least`` and ``most`` are what outcomes can be on any scale of the model (`bounds_of`).

    Examples
    --------
    >>> from bsynth.model.link import IDENTITY
    >>> size = Size("lift", 0, IDENTITY, least=0.0, most=1.0)
    >>> size.possible(0.5, 0.6), size.possible(0.7, 0.6), round(size.largest(0.6), 3)
    (True, False, 0.667)
    """

    kind: Literal["lift", "level"]
    ramp: int
    link: Link
    least: float = -np.inf
    most: float = np.inf

    def possible(self, effect: float, base: float) -> bool:
        """Whether an outcome of ``base`` can have that effect in full."""
        if self.kind == "lift" and effect <= -1:
            return False
        reached = self.reached(effect, base)
        return self.least <= reached <= self.most and self.link.lower < reached < self.link.upper

    def reached(self, effect: float, base: float) -> float:
        """What an outcome of ``base`` becomes with that effect in full."""
        return float(base + self._full(effect, base))

    def largest(self, base: float) -> float:
        """Up to which size effects are possible; infinity where no bound is known."""
        most = min(self.link.upper, self.most) - base
        return float(most / abs(base) if self.kind == "lift" else most)

    def _full(self, effect: FloatArray | float, base: FloatArray | float) -> Any:
        return np.asarray(effect) * (np.abs(base) if self.kind == "lift" else 1.0)

    def average(self, effect: FloatArray | float, base: FloatArray | float, duration: int) -> Any:
        """The average effect over the window, outcome units."""
        return self._full(effect, base) * ramp_share(duration, self.ramp)

    def shift(self, average: float, base: float) -> float:
        """By how much the gap moves on the scale of the model; infinitely where the outcome would leave it."""
        if self.link.is_linear:
            return average
        return self.link.reach(base + average) - float(self.link.forward(base))

    def of_shift(self, shift: float, base: float, duration: int) -> float:
        """The effect whose gap moves by ``shift``: the way back."""
        average = shift if self.link.is_linear else float(self.link.back(self.link.forward(base) + shift)) - base
        full = average / ramp_share(duration, self.ramp)
        if self.kind == "level":
            return full
        return full / abs(base) if base else np.inf


def bounds_of(panel: Panel) -> tuple[float, float]:
    """The least and the most that an outcome of a panel can be: a share of rows, or a count of them."""
    if panel.cells is None:
        return -np.inf, np.inf
    return (0.0, 1.0) if panel.cells.binary else (0.0 if panel.cells.agg == "count" else -np.inf, np.inf)


def refuse_impossible(size: Size, effect: float, base: float, what: str) -> None:
    """Raise `SpecError` for an effect, called ``what``, that an outcome of ``base`` cannot have.

    Examples
    --------
    >>> from bsynth.model.link import LOG
    >>> refuse_impossible(Size("level", 0, LOG), -3.0, 2.0, "effect")
    Traceback (most recent call last):
    bsynth.errors.SpecError: effect is -3.0, by which an outcome of 2... would become −1...; it has to stay above 0
    """
    if size.kind == "lift" and effect <= -1:
        raise SpecError(f"{what} is {effect} and kind is 'lift'; give a share above -1, such as -0.05 for -5%")
    if not size.possible(effect, base):
        above = "at 0 or above" if size.link.is_linear else "above 0"
        stay = "between 0 and 1" if np.isfinite(min(size.most, size.link.upper)) else above
        before, after = numbers(base, size.reached(effect, base))
        raise SpecError(
            f"{what} is {effect}, by which an outcome of {before} would become {after}; it has to stay {stay}"
        )


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of pseudo-treated units beside what decides: the rule fires where an error is larger than its threshold.

    ``error`` and ``threshold`` are (K,), ``unit`` (K,) whose they are; ``own`` is the threshold of the treated unit, on
    the scale of the model; a ``one_sided`` rule looks in one direction.
    """

    error: FloatArray
    threshold: FloatArray
    unit: Sequence[Any]
    own: float
    one_sided: bool

    @property
    def z(self) -> FloatArray:
        """(2K,) errors in units of the threshold, in either direction; a threshold of infinity is never passed."""
        ratio = self.error / self.threshold
        return np.concatenate([ratio, -ratio])

    def power(self, shift: float) -> float:
        """Share of the errors with which an effect of that shift is seen."""
        move = abs(shift) / self.own if np.isfinite(self.own) else 0.0
        seen = self.z + move > 1 if self.one_sided else np.abs(self.z + move) > 1
        return float(seen.mean())

    def smallest(self, power: float) -> float:
        """The shift that is seen with that probability; infinite where none is."""
        if not (np.isfinite(self.threshold).all() and np.isfinite(self.own)):
            return float("inf")
        return float(self.own * max(1 + np.quantile(self.z, power, method="weibull"), 0.0))

    def standard_error(self, shift: float) -> float:
        """Monte-Carlo error of the power: that of a mean over units, whose windows count as one."""
        move = abs(shift) / self.own if np.isfinite(self.own) else 0.0
        half = len(self.error)
        seen = (np.abs(self.z + move) > 1) if not self.one_sided else (self.z + move > 1)
        each = pd.Series((seen[:half] + 0.0 + seen[half:]) / 2).groupby(pd.Series(list(map(str, self.unit)))).mean()
        return float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")

    @property
    def false_positives(self) -> tuple[float, float, float]:
        """How often the rule fires where nothing happened, and the 95% interval of that share."""
        fired = np.abs(self.error) > self.threshold
        rate = fired.astype(float) / (2 if self.one_sided else 1)
        each = pd.Series(rate).groupby(pd.Series(list(map(str, self.unit)))).mean()
        found = float(rate.mean())
        lower, upper = share_interval(found, np.asarray(each, dtype=np.float64), len(rate))
        return found, lower, upper


def own_row(played: Played, duration: int) -> Any:
    """The treated unit's row of ``own``."""
    return played.own[played.own["treated"] & (played.own["duration"] == duration)].iloc[0]


def errors_of(played: Played, duration: int, rule: Rule, size: Size) -> Errors:
    """The errors and thresholds of one rule over one duration."""
    own = own_row(played, duration)
    if rule == "placebo":
        rows = played.placebo[played.placebo["duration"] == duration]
        # The test compares raw gaps: an error of a donor is one of the treated unit as it stands.
        threshold = rows["threshold"].to_numpy()
        middle = float(np.median(threshold))
        shift = size.shift(middle, float(own["base"])) if np.isfinite(middle) else float("inf")
        return Errors(rows["error"].to_numpy(), threshold, list(rows["unit"]), shift, one_sided=False)
    column = "radius" if rule == "interval" else "one_sided"
    rows = played.table[played.table["duration"] == duration]
    return Errors(
        rows["error"].to_numpy(), rows[column].to_numpy(), list(rows["unit"]), float(own[column] * own["scale"]),
        one_sided=rule == "probability",
    )  # fmt: skip


def power_table(
    played: Played, durations: Sequence[int], effects: Sequence[float], rules: Sequence[Rule], size: Size
) -> pd.DataFrame:
    """One row per rule × duration × effect: ``average`` (outcome units), ``power, power_se, units``."""
    rows = []
    for rule in rules:
        for duration in durations:
            found = errors_of(played, duration, rule, size)
            base = float(own_row(played, duration)["base"])
            for effect in effects:
                average = float(size.average(effect, base, duration))
                shift = size.shift(average, base)
                rows.append(
                    {
                        "rule": rule, "duration": duration, "effect": effect, "average": average,
                        "power": found.power(shift), "power_se": found.standard_error(shift),
                        "plays": len(found.error),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def mde_table(
    played: Played, durations: Sequence[int], rules: Sequence[Rule], size: Size, power: float
) -> pd.DataFrame:
    """One row per rule × duration: the smallest effect of that power, and how often the rule fires without one."""
    rows = []
    for rule in rules:
        for duration in durations:
            found = errors_of(played, duration, rule, size)
            shift, base = found.smallest(power), float(own_row(played, duration)["base"])
            mde = size.of_shift(shift, base, duration) if np.isfinite(shift) else float("inf")
            # What the average over a window can be, an effect that grows to it cannot in full.
            mde = mde if size.possible(mde, base) else float("inf")
            rate, lower, upper = found.false_positives
            rows.append(
                {
                    "rule": rule, "duration": duration, "mde": mde,
                    "average": float(size.average(mde, base, duration)) if np.isfinite(mde) else float("inf"),
                    "power": power, "false_positive": rate, "false_positive_lower": lower,
                    "false_positive_upper": upper, "units": len(set(map(str, found.unit))), "plays": len(found.error),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
