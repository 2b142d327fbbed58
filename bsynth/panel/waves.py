"""A wave: units that start together, which donors serve them, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass

from bsynth._base.plain import show
from bsynth._base.types import IntArray, Label
from bsynth.panel.wording import Labels
from bsynth.text.numbers import count


@dataclass(frozen=True)
class Wave:
    """Units that start together.

    Attributes
    ----------
    start : label
        Their first treated period.
    units : tuple
        In order of their names.
    donors : tuple
        Units that serve all of them, each through the whole window.
    first, last : label
        First and last period used, both inclusive.
    """

    start: Label
    units: tuple[Label, ...]
    donors: tuple[Label, ...]
    first: Label
    last: Label


@dataclass(frozen=True, eq=False)
class Window:
    """What a wave may use: donors, and positions of the periods kept and left out."""

    donors: tuple[Label, ...]
    rows: IntArray
    n_pre: int
    anticipation: IntArray
    washout: IntArray


def wave_words(wave: Wave, starts: Mapping[Label, Label], end: Label, horizon: int | None, labels: Labels) -> str:
    """Say who serves a wave, and why its window ends where it does.

    Examples
    --------
    >>> wave_words(Wave(20, ("a", "b"), ("c", "d"), 0, 29), dict(a=20, b=20, c=30, d=30), 51, None, Labels())
    'The 2 units that start at 20 have 2 donors from 0 to 29: it ends before 30, when the first of the donors starts.'
    """
    who = f"The {labels.units(len(wave.units))} that start{'s' if len(wave.units) == 1 else ''} at {show(wave.start)}"
    verb = "has" if len(wave.units) == 1 else "have"
    said = f"{who} {verb} {count(len(wave.donors), 'donor')} from {show(wave.first)} to {show(wave.last)}"
    starting = [unit for unit in wave.donors if unit in starts]
    if not starting:
        return f"{said}."
    if all(starts[unit] < wave.start for unit in starting):
        return f"{said}: earlier waves, whose effect is taken to have settled and not to change any more."
    if wave.last == end or horizon is not None:
        return f"{said}, {len(starting)} of them treated later."
    return f"{said}: it ends before {show(min(starts[u] for u in starting))}, when the first of the donors starts."
