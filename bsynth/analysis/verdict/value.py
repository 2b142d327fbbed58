"""The verdict as a value: a headline, three bullets, everything in detail, a grade, and four facts."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

type Grade = Literal["strong", "moderate", "weak", "inconclusive", "unreliable"]
type Tone = Literal["good", "neutral", "bad"]

LONGER = {"draws": 2000, "tune": 2000, "target_accept": 0.99}
"""Settings of the sampler to try where a fit did not converge."""


@dataclass(frozen=True)
class Fact:
    """One number or word at a glance.

    Attributes
    ----------
    label, value : str
    tone : {"good", "neutral", "bad"}
        What it says for the answer, or of the effect where it is known which way is better.
    """

    label: str
    value: str
    tone: Tone


@dataclass(frozen=True)
class Verdict:
    """What was found, in words; ``str`` of it is the headline and the bullets, one a line.

    Attributes
    ----------
    headline : str
        The effect in the outcome's words, lift and interval, and the grade of the evidence.
    bullets : tuple of three str
        How sure; what the other methods say and which to believe; what to check before acting.
    details : tuple of str
        Everything that there is to say, sentence by sentence.
    grade : {"strong", "moderate", "weak", "inconclusive", "unreliable"}
        By the rule of `bsynth.analysis.verdict.grade`.
    facts : tuple of Fact
        Evidence, chance, methods that agree, convergence.

    Examples
    --------
    >>> facts = (Fact("Evidence", "strong", "good"),)
    >>> print(Verdict("Sales rose by 3.", ("How sure.", "Other methods.", "Before acting."), (), "strong", facts))
    Sales rose by 3.
    How sure.
    Other methods.
    Before acting.
    """

    headline: str
    bullets: tuple[str, str, str]
    details: tuple[str, ...]
    grade: Grade
    facts: tuple[Fact, ...]

    def __str__(self) -> str:
        return "\n".join((self.headline, *self.bullets))

    def sentences(self) -> tuple[str, ...]:
        """Everything, the most important first, nothing twice."""
        return tuple(dict.fromkeys((self.headline, *self.bullets, *self.details)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return {
            "headline": self.headline,
            "bullets": list(self.bullets),
            "details": list(self.details),
            "grade": self.grade,
            "facts": [asdict(fact) for fact in self.facts],
        }


def wordless(reason: str) -> Verdict:
    """Return what stands in the place of a verdict that broke down; the numbers are there all the same.

    Examples
    --------
    >>> wordless("no words").headline
    'The verdict in words is not available: no words.'
    """
    said = f"The verdict in words is not available: {reason}."
    then = ("Read the table of effects.", "Hold its methods against each other.", "Report this as a fault.")
    return Verdict(said, then, (said,), "unreliable", (Fact("Evidence", "not available", "bad"),))
