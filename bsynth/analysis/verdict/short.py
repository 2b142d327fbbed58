"""The verdict in eighty words: headline, three bullets, four facts."""

import math
from collections.abc import Sequence

from bsynth.analysis.verdict.agreement import fits_apart, many_donors
from bsynth.analysis.verdict.answer import Answer
from bsynth.analysis.verdict.grade import Judgement, kept, set_aside, unreliable
from bsynth.analysis.verdict.naming import listed
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, mute
from bsynth.analysis.verdict.value import Fact, Tone
from bsynth.text.labels import capitalised
from bsynth.text.numbers import (
    chance_words,
    count,
    effect_decimals,
    effect_numbers,
    lift_words,
    numbers,
    p_value,
    percent,
)

LONGER = {"draws": 2000, "tune": 2000, "target_accept": 0.99}
"""What to try where a fit did not converge."""
SIMPLER = "level"
"""The model to try where that does not help: it has neither a drift nor a choice between forms of one."""
NAMED = 2
"""Methods that a bullet names; of more it gives the count."""
TONES: dict[str, Tone] = {"strong": "good", "moderate": "good", "weak": "neutral", "inconclusive": "neutral"}
SPOKEN = {
    "sc": "plain synthetic control",
    "demeaned": "demeaned synthetic control",
    "did": "difference in differences",
    "sdid": "synthetic difference in differences",
    "ascm": "ridge-augmented synthetic control",
}
"""Estimators in a sentence."""


def headline(s: Sides, a: Answer, judged: Judgement) -> str:
    """The effect in the outcome's words, its lift and interval, and the grade."""
    if judged.grade == "unreliable":
        return f"Unreliable: {s.facts['reason'] or 'a fit did not converge'}, so no effect is reported."
    outcome = s.facts["labels"]["outcome"]
    generic = outcome == "outcome"
    size, moved = _size(a), "" if a.lift is None or not math.isfinite(a.lift) else f" ({lift_words(a.lift)})"
    if judged.grade == "inconclusive":
        chance = "" if a.chance is None else f"; chance of {_a(a.direction)} {chance_words(a.chance)}"
        p = "" if a.p is None or a.interval == "point" else f"; {p_value(a.p)}"
        signed = _written(a)[0]
        return f"Inconclusive: {'' if generic else f'{outcome} '}{signed}{moved}, {_interval(a)}{chance}{p}."
    verb = "rose" if a.direction == "increase" else "fell"
    good = s.facts["labels"]["higher_is"]
    judgement = (
        "" if good is None else ", an improvement" if (good == "better") is (verb == "rose") else ", a worsening"
    )
    doubts = f": {', '.join(judged.doubts[:2])}" if judged.doubts else ""
    what = "The outcome" if generic else capitalised(outcome)
    return f"{what} {verb} by {size}{moved}{judgement}, {_interval(a)}. Evidence: {judged.grade}{doubts}."


def bullets(s: Sides, a: Answer, judged: Judgement) -> tuple[str, str, str]:
    """How sure; the other methods, and which to believe; what to check before acting."""
    return _how_sure(s, a, judged), _others(s, a), _before_acting(s, judged)


def facts(s: Sides, a: Answer, judged: Judgement) -> tuple[Fact, ...]:
    """Evidence, chance, methods that agree, convergence."""
    return (
        Fact("Evidence", judged.grade, TONES.get(judged.grade, "bad")),
        _chance_fact(s, a, judged),
        _agreement_fact(s),
        _convergence_fact(s),
    )


def _written(a: Answer) -> list[str]:
    bounds = (math.nan, math.nan) if a.lower is None or a.upper is None else (a.lower, a.upper)
    return effect_numbers(a.estimate, *bounds)


def _size(a: Answer) -> str:
    return _written(a)[0].lstrip("+\u2212")


def _interval(a: Answer) -> str:
    if a.level is None:
        return "a point without an interval" if a.interval == "point" else f"no {a.interval} interval with two ends"
    kind = "" if a.interval == "calibrated" else f"{a.interval} "
    _, lower, upper = _written(a)
    return f"{percent(a.level)} {kind}interval {lower} to {upper}"


def _a(direction: str) -> str:
    return "an increase" if direction == "increase" else f"a {direction}"


def _how_sure(s: Sides, a: Answer, judged: Judgement) -> str:
    if judged.grade == "unreliable":
        return "How sure: not at all until the sampler's chains agree; the numbers below serve only to find out why."
    parts = []
    if a.total is not None:
        parts.append(f"mean of {s.facts['units_words']}, total {_total(a)}")
    if judged.grade == "inconclusive":
        parts.append("no effect remains possible")
    elif a.chance is not None:
        parts.append(f"chance of {_a(a.direction)} {chance_words(a.chance)}")
    elif a.p is not None:
        parts.append(p_value(a.p))
    parts.append(_width(s, a))
    return capitalised("; ".join(parts)) + "."


def _total(a: Answer) -> str:
    bounds = (math.nan, math.nan) if a.total_lower is None or a.total_upper is None else (a.total_lower, a.total_upper)
    return effect_numbers(a.total or 0.0, *bounds)[0]


def _width(s: Sides, a: Answer) -> str:
    if a.interval == "calibrated":
        return f"the interval allows for how far {count(s.facts['donors'], 'untreated donor')} strayed"
    if s.main is not None:
        lacks = "" if s.facts["donors"] >= s.facts["donors_needed"] else (
            f"; calibration needs {count(s.facts['donors_needed'], 'donor')}"
        )  # fmt: skip
        return f"the interval's width is the model's word alone, not calibrated on donors{lacks}"
    if any(mute(row) for row in s.tests):
        return f"with {count(s.facts['donors'], 'donor')} no test can rule anything out"
    return "without a posterior there is no chance of an effect to report"


def _others(s: Sides, a: Answer) -> str:
    others = s.others if s.main is not None else tuple(row for row in s.classical if row["method"] != a.method)
    if not others:
        return "No other method was run beside it."
    if unreliable(s):
        told = kept(s)[:NAMED] or others[:NAMED]
        each = listed([f"{_name(row)} ({_alone(row, a)})" for row in told])
        return f"Until then only the classical estimates stand, each on its own condition: {each}."
    return " ".join([_agreement(s, a, others), *_disagreement(s, a)])


def _agreement(s: Sides, a: Answer, others: Sequence[Row]) -> str:
    if s.main is None:
        same = [row for row in others if float(row["estimate"]) * a.estimate > 0]
        return f"{_of(len(same), len(others))} find the same direction{_span(same, a)}."
    aside = set_aside(s)
    agree = [row for row in s.agreeing() if not any(row is each for each in aside)]
    return f"{_of(len(agree), len(others))} agree{'s' if len(agree) == 1 else ''}{_span(agree, a)}."


def _of(n: int, total: int) -> str:
    if n == total:
        return f"All {total} other methods" if total > 1 else "The other method"
    return f"{n if n else 'None'} of {count(total, 'other method')}"


def _span(rows: Sequence[Row], a: Answer) -> str:
    if not rows:
        return ""
    values = sorted(float(row["estimate"]) for row in rows)
    written = numbers(values[0], values[-1], signed=True, decimals=_decimals(a))
    return f" ({written[0]})" if written[0] == written[1] else f" ({written[0]} to {written[1]})"


def _decimals(a: Answer) -> int:
    return effect_decimals(a.estimate, *((a.lower, a.upper) if a.lower is not None and a.upper is not None else ()))


def _alone(row: Row, a: Answer) -> str:
    return numbers(float(row["estimate"]), signed=True, decimals=_decimals(a))[0]


def _disagreement(s: Sides, a: Answer) -> list[str]:
    """Whom to believe, where a method does not agree."""
    words = []
    lacking = [row for row in s.others if row["free_level"] is False] if s.facts["hull"]["outside"] else []
    closer, looser, _, _ = fits_apart(s)
    if lacking:
        words.append(f"Ignore {_names(lacking, a)}: donors do not reach the treated level, and it cannot shift.")
    if loose := [row for row in looser if not any(row is each for each in lacking)]:
        words.append(f"Ignore {_names(loose, a)}: it follows the past less closely.")
    outside = [row for row in s.apart() if any(row is each for each in kept(s))]
    if closer and not many_donors(s):
        words.append(f"Believe {_names(closer, a)} instead: it follows the past more closely.")
    elif outside:
        words.append(f"Nothing speaks against {_names(outside, a)}: report both.")
    opposed = [row for row in s.opposed() if any(row is each for each in kept(s))]
    if opposed:
        words.append(f"{capitalised(_names(opposed, a))} {'has' if len(opposed) == 1 else 'have'} the other sign: "
                     "believe the interval, which holds both.")  # fmt: skip
    return words


def _names(rows: Sequence[Row], a: Answer) -> str:
    if len(rows) > NAMED:
        return f"{count(len(rows), 'method')}{_span(rows, a)}"
    return listed([f"{_name(row)} ({_alone(row, a)})" for row in rows])


def _name(row: Row) -> str:
    return f"the model {row['model']}" if row["method"] == "bayes" else SPOKEN.get(row["method"], str(row["method"]))


def _before_acting(s: Sides, judged: Judgement) -> str:
    if judged.grade == "unreliable":
        settings = f"--draws {LONGER['draws']} --tune {LONGER['tune']} --target-accept {LONGER['target_accept']}"
        return f"Next, sample longer ({settings}); if that fails too, try --model {SIMPLER}."
    checks = s.facts["checks"]
    if checks is not None and checks["status"] == "warning" and checks["suggestion"]:
        return f"Before acting, fit the model {checks['suggestion']} too: a check contradicts this one."
    donors = listed(s.facts["main_donors"]) if s.facts["main_donors"] else "the donors"
    return f"Before acting, check that nothing else changed since the start, neither there nor in {donors}."


def _chance_fact(s: Sides, a: Answer, judged: Judgement) -> Fact:
    if judged.grade == "unreliable":
        return Fact("Chance", "not known", "bad")
    if a.chance is None:
        return Fact(
            "p of no effect", "none" if a.p is None else p_value(a.p).removeprefix("p ").removeprefix("= "), "neutral"
        )
    good = s.facts["labels"]["higher_is"]
    tone: Tone = "neutral"
    if good is not None and a.excludes_zero:
        tone = "good" if (good == "better") is (a.direction == "increase") else "bad"
    return Fact(f"Chance of {_a(a.direction)}", chance_words(a.chance), tone)


def _agreement_fact(s: Sides) -> Fact:
    name = "Methods that agree"
    if s.main is None or not s.others:
        return Fact(name, "no other", "neutral")
    aside = set_aside(s)
    agree = [row for row in s.agreeing() if not any(row is each for each in aside)]
    whole = len(kept(s))
    tone: Tone = "good" if whole and len(agree) == whole else "bad" if 2 * len(agree) < whole else "neutral"
    return Fact(name, f"{len(agree)} of {len(s.others)}", tone)


def _convergence_fact(s: Sides) -> Fact:
    if s.main is None:
        return Fact("Convergence", "no posterior", "neutral")
    return Fact("Convergence", "failed", "bad") if unreliable(s) else Fact("Convergence", "passed", "good")
