"""What a benchmark found: lines with a value, another's value and bars, as plain data for ``results.json``."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Line:
    """One measure.

    Attributes
    ----------
    measure : str
    value : float
        Of bsynth, in ``unit``.
    unit : str
        "s", "µs", "ESS/s" and the like; "×" where the value is itself a ratio; empty for a count.
    other : float or None
        The same of ``against``, where it could be measured.
    against : str
        Who or what the other is; empty where there is none.
    cpu, other_cpu : float or None
        CPU seconds of both, children and threads included, where ``value`` is the seconds that went by.
    more : bool
        Whether more is better.
    at_most, at_least : float or None
        Bars of the value.
    times : float or None
        Bar of the ratio: so many times better than the other.
    fails : str or None
        Why the line does not hold whatever its numbers are.
    missing : str or None
        Why there is no other.
    details : mapping
        Samples, CPU seconds and what else was seen.
    """

    measure: str
    value: float
    unit: str
    other: float | None = None
    against: str = ""
    cpu: float | None = None
    other_cpu: float | None = None
    more: bool = False
    at_most: float | None = None
    at_least: float | None = None
    times: float | None = None
    fails: str | None = None
    missing: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times better than the other; None without one."""
        if self.other is None:
            return None
        above, below = (self.value, self.other) if self.more else (self.other, self.value)
        return above / below if below else None

    @property
    def bar(self) -> str:
        """The bars in words."""
        unit = f" {self.unit}" if self.unit and self.unit != "×" else self.unit
        found = []
        if self.at_most is not None:
            found.append(f"≤ {self.at_most:g}{unit}")
        if self.at_least is not None:
            found.append(f"≥ {self.at_least:g}{unit}")
        if self.times is not None:
            found.append(f"≥ {self.times:g} times better")
        return ", ".join(found)

    @property
    def holds(self) -> bool | None:
        """Whether every bar is met; None without a bar, and where the only one unmet waits for another that is missing."""
        if self.fails is not None:
            return False
        met: list[bool | None] = []
        if self.at_most is not None:
            met.append(self.value <= self.at_most)
        if self.at_least is not None:
            met.append(self.value >= self.at_least)
        if self.times is not None:
            met.append(None if self.ratio is None else self.ratio >= self.times)
        if False in met:
            return False
        return None if None in met or not met else True

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with what follows from the numbers written out."""
        return {**asdict(self), "ratio": self.ratio, "bar": self.bar, "holds": self.holds}


def median(samples: Sequence[Mapping[str, Any]], name: str) -> float:
    """The median of one number over samples."""
    return float(statistics.median(float(sample[name]) for sample in samples))


def compared(
    measure: str,
    ours: Sequence[Mapping[str, Any]],
    theirs: Sequence[Mapping[str, Any]] | None,
    against: str,
    *,
    by: str = "wall",
    unit: str = "s",
    **bars: Any,
) -> Line:
    """A line from samples of both sides: medians, and everything that was seen among the details.

    ``by`` names the number; CPU seconds are taken from beside it, ``cpu`` from beside ``wall``.
    """
    details = {"ours": list(ours)} | ({} if theirs is None else {"theirs": list(theirs)})

    def both(name: str) -> list[float | None]:
        return [median(each, name) if each and name in each[0] else None for each in (ours, theirs)]

    value, other = both(by)
    assert value is not None
    cpu, other_cpu = both(by.replace("wall", "cpu")) if by.endswith("wall") else (None, None)
    return Line(measure, value, unit, other, against, cpu, other_cpu, details=details, **bars)
