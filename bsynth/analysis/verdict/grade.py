"""The grade of the evidence: one rule over interval, agreement, checks and gate.

| grade | when |
|---|---|
| unreliable | the fit, or the calibration that its interval rests on, did not pass its convergence gate |
| inconclusive | the interval of the answer holds zero, or there is none; or it is the model's own, and the donors are |
|      | fewer than the 4 that a calibration needs: they could not show that it is too narrow |
| weak | zero is excluded, but with three doubts or more; or another method is to be believed instead; or most of the |
|      | methods kept lie outside the interval; or it is not calibrated and no placebo test rejects |
| moderate | zero is excluded, with one or two doubts |
| strong | zero is excluded, without a doubt |

The answer's interval is the calibrated one where there is one. The doubts:

1. the interval barely excludes zero: were it longer by a tenth of its width, it would hold it;
2. of the placebo tests around methods that are kept, none rejects although one could. With several treated units these
   do not count: their placebos are single donors, noisier than a mean;
3. a method that is kept lies outside the interval;
4. a check warns about the model and names a better one;
5. the interval is not calibrated on the donors, or there is no posterior;
6. a certificate finds the model overconfident on this panel, and its own interval is what is reported;
7. a check finds that the prior decides the effect, or that a single donor carries the counterfactual, or donors that
   moved against the treated series do;
8. what the interval is calibrated on is too little to back it: with n independent placebos the size of an error is
   known as a standard deviation from n values is, so an interval that would hold zero if it were longer by the ratio of
   Student's quantile with n degrees of freedom to the normal's is backed by too few. (7 placebos: by a fifth.) Donors
   that play the treated unit one by one are independent; groups of them, which play a mean of several units, and
   placebo waves overlap, and count for what they are worth (`bsynth.panel.groups.separate`): 30 groups of 8 out of 25
   donors for 7.

A method is kept unless something speaks against it: its fit did not pass its gate; it has no level where one is
needed (the treated series lies outside the hull of its donors); or it follows the series before the start less
closely than the posterior or what agrees with it. Another method is to be believed instead where the posterior's
model itself has no level and needs one, or where a method outside the interval follows the series before the start
more closely, with fewer donors than periods.
"""

from dataclasses import dataclass

from scipy import special

from bsynth.analysis.verdict.agreement import fits_apart, many_donors
from bsynth.analysis.verdict.answer import Answer
from bsynth.analysis.verdict.chance import too_few
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, among, mute, noisier, rejects
from bsynth.analysis.verdict.value import Grade
from bsynth.text.numbers import count, percent

BARELY = 0.1
"""Share of an interval's width by which zero lies outside when it is barely excluded."""
SEVERAL = 3
"""Doubts from which evidence is weak."""


@dataclass(frozen=True)
class Judgement:
    """A grade, and what takes from it in the words of a headline, the gravest first."""

    grade: Grade
    doubts: tuple[str, ...] = ()


def judge(s: Sides, answer: Answer) -> Judgement:
    """Grade the evidence by the rule of this module."""
    if unreliable(s):
        return Judgement("unreliable")
    if not answer.excludes_zero or unfounded(s):
        return Judgement("inconclusive")
    believed, apart = _instead(s), _kept_outside(s)
    doubts = tuple(filter(None, [believed, *(part(s, answer) for part in _DOUBTS)]))
    unbacked = bool(_width(s, answer)) and not any(rejects(row) for row in _tests_kept(s))
    if believed or unbacked or 2 * len(apart) > len(kept(s)) or len(doubts) >= SEVERAL:
        return Judgement("weak", doubts)
    return Judgement("moderate" if doubts else "strong", doubts)


def unreliable(s: Sides) -> bool:
    """Whether the posterior of the answer or its calibration failed its gate."""
    return any(row is not None and row["status"] == "unreliable" for row in (s.main, s.base))


def unfounded(s: Sides) -> bool:
    """Whether the interval is the model's word, with too few donors to show that it is wrong."""
    return s.main is not None and s.main is s.base and too_few(s.facts)


def set_aside(s: Sides) -> tuple[Row, ...]:
    """The other methods that something speaks against."""
    _, looser, _, _ = fits_apart(s)
    return tuple(row for row in s.others if among(row, (*lacking(s), *looser, *failed(s))))


def failed(s: Sides) -> tuple[Row, ...]:
    """Other models whose fit did not pass its gate."""
    return tuple(row for row in s.models if row["status"] == "unreliable")


def kept(s: Sides) -> tuple[Row, ...]:
    """The other methods that nothing speaks against."""
    aside = set_aside(s)
    return tuple(row for row in s.others if not among(row, aside))


def lacking(s: Sides) -> tuple[Row, ...]:
    """Methods, the posterior among them, that have no level where one is needed."""
    return s.unlevelled() if s.facts["hull"]["outside"] else ()


def closer(s: Sides) -> tuple[Row, ...]:
    """Methods outside the interval that are to be believed for their closer fit."""
    return () if many_donors(s) else tuple(row for row in fits_apart(s)[0] if not among(row, failed(s)))


def _instead(s: Sides) -> str:
    """Why another method is to be believed rather than the posterior."""
    if s.main is not None and among(s.main, lacking(s)):
        return "its model cannot shift to the treated level"
    return "methods that disagree follow the past more closely" if closer(s) else ""


def _barely(_: Sides, answer: Answer) -> str:
    return "the interval barely excludes zero" if answer.clear is not None and answer.clear < BARELY else ""


def _tests_kept(s: Sides) -> list[Row]:
    """Placebo tests around methods that are kept."""
    return [row for row in s.tests if not among(row, set_aside(s))]


def _silent(s: Sides, answer: Answer) -> str:
    able = [row for row in _tests_kept(s) if not mute(row)]
    if noisier(s) or not able or any(rejects(row) for row in able):
        return ""
    many = len(able) > 1
    words = f"the {able[0]['interval']} test{'s do' if many else ' does'} not"
    return words if _barely(s, answer) else f"{words} exclude zero"


def _kept_outside(s: Sides) -> tuple[Row, ...]:
    return tuple(row for row in kept(s) if among(row, s.apart()))


def _apart(s: Sides, _: Answer) -> str:
    outside = _kept_outside(s)
    if not outside or closer(s):
        return ""
    return f"{len(outside)} of {len(s.others)} other methods disagree{'s' if len(outside) == 1 else ''}"


def _checks(s: Sides, _: Answer) -> str:
    checks = s.facts["checks"]
    warned = checks is not None and checks["status"] == "warning" and checks["suggestion"]
    return f"a check speaks for the model {checks['suggestion']}" if warned else ""


def _hangs(s: Sides, _: Answer) -> str:
    checks = s.facts["checks"]
    warnings = () if checks is None else checks["warnings"]
    return " and ".join(words for name, words in _HANGS.items() if name in warnings)


def _width(s: Sides, answer: Answer) -> str:
    if answer.interval == "calibrated":
        return ""
    return "there is no posterior" if s.main is None else "the interval is not calibrated"


def _certified(s: Sides, answer: Answer) -> str:
    found = s.facts["certificate"]
    if found is None or s.base is None or found["model"] != s.base["model"] or answer.interval == "calibrated":
        return ""
    return "its certificate finds it too narrow" if found["finding"] == "overconfident" else ""


def _few(s: Sides, answer: Answer) -> str:
    found = s.facts["backing"]
    if answer.interval != "calibrated" or answer.level is None or found is None:
        return ""
    many, tail = max(int(found["independent"]), 1), (1 + answer.level) / 2
    longer = float(special.stdtrit(many, tail) / special.ndtri(tail))
    if answer.clear is not None and answer.clear >= (longer - 1) / 2:
        return ""
    return f"{count(many, found['one'])} cannot back {percent(answer.level)}"


_HANGS = {"sensitivity": "the prior decides it", "donors": "its donors are in doubt"}
"""Checks whose warning takes from an answer, whether or not another model would be better."""
_DOUBTS = (_barely, _silent, _apart, _checks, _hangs, _width, _certified, _few)
