"""The grade of the evidence: one documented rule over interval, agreement, checks and gate.

| grade | when |
|---|---|
| unreliable | the fit, or the calibration that its interval rests on, did not pass its convergence gate |
| inconclusive | the interval of the answer holds zero, or there is none |
| weak | zero is excluded, with three doubts or more; or most of the methods that are kept lie outside the interval |
| moderate | zero is excluded, with one or two doubts |
| strong | zero is excluded, without a doubt |

The doubts:

1. the interval barely excludes zero: it would hold it if it were a tenth of its width longer;
2. of the placebo tests around methods that are kept, none rejects although one could. With several treated units these
   do not count: single donors are noisier than a mean;
3. a method that is kept lies outside the interval;
4. a check contradicts the model;
5. the interval is not calibrated on the donors;
6. a certificate finds the model overconfident on this panel, and its own interval is what is reported.

A method is kept unless something speaks against it: it has no level where one is needed (the treated series lies
outside the hull of its donors), or it follows the series before the start less closely than the posterior or what
agrees with it.
"""

from dataclasses import dataclass

from bsynth.analysis.verdict.agreement import fits_apart
from bsynth.analysis.verdict.answer import Answer
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, mute, rejects
from bsynth.analysis.verdict.value import Grade

BARELY = 0.1
"""Share of an interval's width by which zero lies outside when it is barely excluded."""
SEVERAL = 3
"""Doubts from which evidence is weak."""


@dataclass(frozen=True)
class Judgement:
    """A grade and what takes from it, in the words of a headline."""

    grade: Grade
    doubts: tuple[str, ...]


def set_aside(s: Sides) -> tuple[Row, ...]:
    """Methods that something speaks against, the posterior never among them."""
    lacking = s.unlevelled() if s.facts["hull"]["outside"] else ()
    _, looser, _, _ = fits_apart(s)
    return tuple(row for row in s.others if any(row is each for each in (*lacking, *looser)))


def kept(s: Sides) -> tuple[Row, ...]:
    """The other methods that nothing speaks against."""
    aside = set_aside(s)
    return tuple(row for row in s.others if not any(row is each for each in aside))


def judge(s: Sides, answer: Answer) -> Judgement:
    """Grade the evidence by the rule of this module."""
    if unreliable(s):
        return Judgement("unreliable", ())
    if not answer.excludes_zero:
        return Judgement("inconclusive", ())
    doubts = tuple(filter(None, (part(s, answer) for part in (_barely, _silent, _apart, _checks, _width))))
    outside = _kept_outside(s)
    if 2 * len(outside) > len(kept(s)) or len(doubts) >= SEVERAL:
        return Judgement("weak", doubts)
    return Judgement("moderate" if doubts else "strong", doubts)


def unreliable(s: Sides) -> bool:
    """Whether the posterior of the answer or its calibration failed its gate."""
    return any(row is not None and row["status"] == "unreliable" for row in (s.main, s.base))


def _barely(s: Sides, answer: Answer) -> str:
    return "the interval barely excludes zero" if answer.clear is not None and answer.clear < BARELY else ""


def _silent(s: Sides, answer: Answer) -> str:
    aside = set_aside(s)
    able = [row for row in s.tests if not mute(row) and not any(row is each for each in aside)]
    if s.facts["n_treated"] > 1 or not able or any(rejects(row) for row in able):
        return ""
    kind = f"the {able[0]['interval']} test{'s' if len(able) > 1 else ''} {'do' if len(able) > 1 else 'does'} not"
    return kind if _barely(s, answer) else f"{kind} exclude zero"


def _kept_outside(s: Sides) -> tuple[Row, ...]:
    outside = s.apart()
    return tuple(row for row in kept(s) if any(row is each for each in outside))


def _apart(s: Sides, _: Answer) -> str:
    outside = _kept_outside(s)
    if not outside:
        return ""
    return f"{len(outside)} of {len(kept(s))} other methods disagree" + ("s" if len(outside) == 1 else "")


def _checks(s: Sides, _: Answer) -> str:
    checks = s.facts["checks"]
    return "" if checks is None or checks["status"] != "warning" else "a check contradicts the model"


def _width(s: Sides, answer: Answer) -> str:
    if answer.interval == "calibrated":
        return ""
    found = s.facts["certificate"]
    if found is not None and found["finding"] == "overconfident" and s.base is not None:
        return "the certificate finds the interval too narrow"
    return "there is no posterior" if s.main is None else "the interval is not calibrated"
