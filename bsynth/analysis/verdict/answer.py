"""The answer that a headline reports: the main row of a comparison, its direction, chance, lift and total."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bsynth.analysis.verdict.chance import limit, spoken
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, bounded


@dataclass(frozen=True)
class Answer:
    """What the headline is about.

    Attributes
    ----------
    method : str
    model : str or None
    interval : str
        Its kind; ``"point"`` where there is none.
    estimate : float
    lower, upper : float or None
        None where there is no interval, or none with two ends.
    level, lift : float or None
    lift_lower, lift_upper : float or None
        Of the lift by the same procedure, at the same level; None where it has no interval with two ends.
    direction : {"increase", "decrease", "change"}
        Of the estimate; ``"change"`` when it is nothing.
    chance : float or None
        Of an effect in that direction; None without a posterior.
    chance_spoken : str or None
        The same in words, no further than ``chance_limit``, which is what the placebos behind it can show
        (`bsynth.analysis.verdict.chance`); None of both where there are too few to say anything.
    chance_limit : float or None
    p : float or None
        Of no effect, where there is no chance.
    clear : float or None
        How far zero lies outside the interval, as a share of its width; negative inside.
    total, total_lower, total_upper : float or None
        Over all treated units and periods; None for one treated unit, whose total is the cumulative effect.
    """

    method: str
    model: str | None
    interval: str
    estimate: float
    lower: float | None
    upper: float | None
    level: float | None
    lift: float | None
    lift_lower: float | None
    lift_upper: float | None
    direction: Literal["increase", "decrease", "change"]
    chance: float | None
    chance_spoken: str | None
    chance_limit: float | None
    p: float | None
    clear: float | None
    total: float | None
    total_lower: float | None
    total_upper: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval and zero lies outside."""
        return self.clear is not None and self.clear > 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return asdict(self)


def main_row(s: Sides) -> Row:
    """The row that the headline reports: the main posterior's, else that of the classical estimator kept."""
    if s.main is not None:
        return s.main
    return next((row for row in s.classical if row["method"] == s.facts["kept"]), s.classical[0])


def answer_of(s: Sides) -> Answer:
    """Read the answer off a comparison."""
    row = main_row(s)
    estimate, whole = float(row["estimate"]), bounded(row)
    lower, upper = (float(row["lower"]), float(row["upper"])) if whole else (None, None)
    positive = row["probability_positive"]
    units = s.facts["n_treated"]
    # Where starts differ, units have different numbers of treated periods.
    times = s.facts.get("cells", units * s.facts["n_post"]) if units > 1 else None
    lift: Row = next((each for each in s.facts["lifts"] if _same(each, row)), {})
    chance = None if positive is None else 1 - positive if estimate < 0 else positive
    return Answer(
        method=row["method"],
        model=row["model"],
        interval=row["interval"] if whole else "point",
        estimate=estimate,
        lower=lower,
        upper=upper,
        level=row["level"] if whole else None,
        lift=lift.get("lift"),
        lift_lower=_end(lift, "lower", whole),
        lift_upper=_end(lift, "upper", whole),
        direction="increase" if estimate > 0 else "decrease" if estimate < 0 else "change",
        chance=chance,
        chance_spoken=None if chance is None else spoken(chance, s.facts),
        chance_limit=None if chance is None else limit(s.facts),
        p=row["p"],
        clear=None if lower is None or upper is None else _clear(lower, upper),
        total=None if times is None else times * estimate,
        total_lower=None if times is None or lower is None else times * lower,
        total_upper=None if times is None or upper is None else times * upper,
    )


def _end(lift: Row, name: str, whole: bool) -> float | None:
    """An end of a lift's interval; of one that goes on for ever none."""
    ends = [lift.get("lower"), lift.get("upper")]
    if not whole or any(end is None or not math.isfinite(float(end)) for end in ends):
        return None
    return float(lift[name])


def _clear(lower: float, upper: float) -> float:
    """Distance of zero outside of an interval in its widths; an interval of no width that excludes it is beyond all."""
    outside = max(lower, -upper)
    width = upper - lower
    return outside / width if width > 0 else math.copysign(1.0, outside)


def _same(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in ("method", "model", "interval"))
