"""Words about numbers: each number in them is a number of ``summary.json``; nothing is computed but comparisons."""

from bsynth.analysis.verdict.numbers import Row, interval, probability
from bsynth.analysis.verdict.story import verdict
from bsynth.text.numbers import number

__all__ = ["Row", "interval", "number", "probability", "verdict"]
