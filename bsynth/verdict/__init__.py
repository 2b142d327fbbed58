"""Words about numbers: each number in them is a number of ``summary.json``; nothing is computed but comparisons."""

from bsynth.verdict.numbers import Row, fell_short, interval, number, probability
from bsynth.verdict.story import verdict

__all__ = ["Row", "fell_short", "interval", "number", "probability", "verdict"]
