"""Words about numbers: each number in them is a number of ``summary.json``; nothing is computed but comparisons."""

from bsynth.verdict.numbers import Row, interval, number, probability
from bsynth.verdict.story import verdict

__all__ = ["Row", "interval", "number", "probability", "verdict"]
