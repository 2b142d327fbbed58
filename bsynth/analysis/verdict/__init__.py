"""Words about numbers: each number in them is a number of ``summary.json``; nothing is computed but comparisons."""

from bsynth.analysis.verdict.answer import answer_of
from bsynth.analysis.verdict.numbers import Row, interval, written
from bsynth.analysis.verdict.sides import take_apart
from bsynth.analysis.verdict.story import verdict
from bsynth.analysis.verdict.value import LONGER, Fact, Grade, Verdict, wordless

__all__ = [
    "LONGER",
    "Fact",
    "Grade",
    "Row",
    "Verdict",
    "answer_of",
    "interval",
    "take_apart",
    "verdict",
    "wordless",
    "written",
]
