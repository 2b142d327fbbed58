"""The verdict in eighty words: headline, three bullets, four facts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bsynth.analysis.verdict.agreement import fits_apart
from bsynth.analysis.verdict.answer import Answer
from bsynth.analysis.verdict.chance import UNKNOWN, donors_words
from bsynth.analysis.verdict.grade import Judgement, closer, failed, kept, lacking, set_aside, unfounded, unreliable
from bsynth.analysis.verdict.naming import listed
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, among, mute, of_like_size, rejects
from bsynth.analysis.verdict.value import LONGER, Fact, Tone
from bsynth.text.labels import SPOKEN, capitalised, one_line, plural
from bsynth.text.marks import mark
from bsynth.text.numbers import count, decimals_of, lift_words, numbers, p_alone, percent, percents

WORDS = 80
"""Of headline and bullets together."""


@dataclass(frozen=True)
class Room:
    """How much the words say; what they leave out stands in the details.

    Attributes
    ----------
    doubts, reasons : int
        That a headline names, of a grade and of what is unreliable.
    named : int
        Methods that a bullet names; of more it gives the count.
    apart : int
        Sentences on methods that do not agree, the last of which say whom to believe.
    donors : int
        That the last bullet names.
    lift : bool
        Whether the first bullet has the interval of the lift.
    width : {0, 1, 2}
        Whether the first bullet says what the interval allows for, in few words or in full.
    bare : bool
        Whether the first bullet of several units is their total alone: the rest is among the facts.
    """

    doubts: int = 0
    reasons: int = 1
    named: int = 1
    apart: int = 1
    donors: int = 0
    lift: bool = False
    width: int = 0
    bare: bool = True


WIDER: tuple[dict[str, int | bool], ...] = (
    {"bare": False},
    {"doubts": 1},
    {"doubts": 2},
    {"donors": 1},
    {"lift": True},
    {"width": 1},
    {"apart": 2},
    {"named": 2},
    {"width": 2},
    {"donors": 3},
    {"apart": 4},
    {"reasons": 4},
)
"""What is said beside the least, the most telling first; each where everything still keeps to `WORDS`."""
TONES: dict[str, Tone] = {"strong": "good", "moderate": "neutral", "weak": "neutral", "inconclusive": "neutral"}
WORD_ALONE = "the interval's width is the model's word alone"
NO_EFFECT, BEYOND = "an effect of zero is not ruled out", "the interval excludes zero, and may be too narrow to say so"


def headline_and_bullets(s: Sides, a: Answer, judged: Judgement) -> tuple[str, tuple[str, str, str]]:
    """The headline and the three bullets, in `WORDS` words together where names and labels leave room for that."""
    room = Room()
    for more in WIDER:
        wider = replace(room, **more)  # type: ignore[arg-type]
        if len(" ".join(_said(s, a, judged, wider)).split()) <= WORDS:
            room = wider
    said, *told = _said(s, a, judged, room)
    return said, (told[0], told[1], told[2])


def _said(s: Sides, a: Answer, judged: Judgement, room: Room) -> tuple[str, ...]:
    return one_line(headline(s, a, judged, room)), *bullets(s, a, judged, room)


def headline(s: Sides, a: Answer, judged: Judgement, room: Room) -> str:
    """The effect in the outcome's words, its lift and interval, and the grade."""
    if judged.grade == "unreliable":
        reasons = (s.facts["reason"] or "a fit did not converge").split("; ")
        return mark("; ".join(reasons[: room.reasons]))[0]
    outcome, good = s.facts["labels"]["outcome"], s.facts["labels"]["higher_is"]
    generic = outcome == "outcome"
    estimate = _written(a)[0]
    lift = "" if a.lift is None or not math.isfinite(a.lift) else f" ({lift_words(a.lift)})"
    if judged.grade == "inconclusive":
        tail = [f"{donors_words(s.facts)} cannot show whether it is wide enough"] if unfounded(s) else []
        tail += _chance(a)
        tail += [] if a.p is None or a.lower is None else [f"p of no effect {p_alone(a.p)}"]
        what = f"{estimate}{lift}" if generic else f"{outcome} {estimate}{lift}"
        return f"Inconclusive: {'; '.join([f'{what}, {_interval(s, a)}', *tail])}."
    rose = a.direction == "increase"
    judgement = "" if good is None else ", an improvement" if (good == "better") is rose else ", a worsening"
    doubts = f": {', '.join(judged.doubts[: room.doubts])}" if judged.doubts[: room.doubts] else ""
    against = " against the counterfactual" if otherwise(s, a) else ""
    moved = f"{'rose' if rose else 'fell'} by {estimate.lstrip('+\u2212')}{lift}{against}{judgement}"
    what = capitalised("the outcome" if generic else outcome)
    return f"{what} {moved}, {_interval(s, a)}. Evidence: {judged.grade}{doubts}."


def otherwise(s: Sides, a: Answer) -> bool:
    """Whether the series itself moved against the effect, so that "fell" alone would be taken for what it did."""
    seen = s.facts["observed"]
    return float(seen["after"] - seen["before"]) * a.estimate < 0


def bullets(s: Sides, a: Answer, judged: Judgement, room: Room) -> tuple[str, str, str]:
    """How sure; the other methods, and which to believe; what to check before acting."""
    return _how_sure(s, a, judged, room), _others(s, a, room), _before_acting(s, judged, room)


def facts(s: Sides, a: Answer, judged: Judgement) -> tuple[Fact, ...]:
    """Evidence, chance, methods that agree, convergence."""
    passed = Fact("Convergence", "failed", "bad") if unreliable(s) else Fact("Convergence", "passed", "good")
    return (
        Fact("Evidence", judged.grade, TONES.get(judged.grade, "bad")),
        _chance_fact(s, a, judged),
        _agreement_fact(s, a, judged),
        Fact("Convergence", "no posterior", "neutral") if s.main is None else passed,
    )


def _written(a: Answer) -> list[str]:
    """The estimate and the ends of its interval, with signs."""
    return numbers(a.estimate, *_ends(a), signed=True)


def _ends(a: Answer) -> list[float]:
    return [] if a.lower is None or a.upper is None else [a.lower, a.upper]


def _chance(a: Answer) -> list[str]:
    """The chance as far as what is behind it goes; nothing where that is nothing."""
    return [] if a.chance_limit is None else [f"chance of {_a(a.direction)} {a.chance_spoken}"]


def _interval(s: Sides, a: Answer) -> str:
    if a.level is None:  # which another kind may have: the page names it
        return f"without {'a placebo' if any(row['level'] for row in s.extra) else 'an'} interval that has ends"
    _, lower, upper = _written(a)
    return f"{_kind(a)} {lower} to {upper}"


def _kind(a: Answer) -> str:
    """Level and kind of the answer's interval; the calibrated one is the plain one."""
    kind = "" if a.interval == "calibrated" else f"{a.interval} "
    return f"{percent(a.level or 0.0)} {kind}interval"


def _a(direction: str) -> str:
    return "an increase" if direction == "increase" else f"a {direction}"


def _how_sure(s: Sides, a: Answer, judged: Judgement, room: Room) -> str:
    if judged.grade == "unreliable":
        return (
            "How sure: not at all until the sampler's chains agree; the posterior's numbers serve only to find out why."
        )
    parts = []
    if a.total is not None:
        parts.append(f"mean of {s.facts['units_words']}")
        # Means of rows do not add up: a completion rate has no total over units and weeks.
        parts += [_total(s, a, a.total, room)] if s.facts["additive"] else []
    if parts and room.bare:
        return _with_drift(s, parts)
    if judged.grade == "inconclusive":
        parts.append(NO_EFFECT if not a.excludes_zero else BEYOND)
    elif a.chance is not None:
        parts += _chance(a)
    elif a.p is not None:
        parts.append(f"p of no effect {p_alone(a.p)}")
    parts += _lift(a) if room.lift else []
    parts += [_width(s, a, brief=room.width < 2)] if room.width or not parts else []
    return _with_drift(s, parts)


def _with_drift(s: Sides, parts: Sequence[str]) -> str:
    """The first bullet, and that a close fit before the start is none of the donors where that is so."""
    said = f"{capitalised('; '.join(parts))}."
    if not s.facts["drift_carries"]:
        return said
    return f"{said} The fit before the start is mostly drift, not donors."


def _lift(a: Answer) -> list[str]:
    """The interval of the lift, at the level of the answer's own."""
    if a.lift is None or a.lift_lower is None or a.lift_upper is None:
        return []
    return [f"lift {' to '.join(percents(a.lift_lower, a.lift_upper, signed=True))}"]


def _total(s: Sides, a: Answer, total: float, room: Room) -> str:
    """The sum over treated units and periods, with its interval, which is of the headline's kind."""
    ends = [] if a.total_lower is None or a.total_upper is None else [a.total_lower, a.total_upper]
    estimate, *bounds = numbers(total, *ends, signed=True)
    kind = "" if room.bare else f"{_kind(a)} "
    said = f" ({kind}{' to '.join(bounds)})" if bounds and a.level is not None else ""
    return f"total over {s.facts['periods_words']} {estimate}{said}"


def _width(s: Sides, a: Answer, *, brief: bool) -> str:
    """What the interval of the answer allows for."""
    needed, found = s.facts["donors_needed"], s.facts["backing"]
    if a.interval == "calibrated" and found is not None:
        if brief:
            return f"calibrated on {found['brief']}"
        worth = f" ({found['worth']})" if found["worth"] else ""
        return f"the interval allows for how far {found['words']} strayed{worth}"
    if s.main is not None:
        if unfounded(s):
            return f"calibration needs {count(needed, 'donor')}"
        return "not calibrated on donors" if brief else f"{WORD_ALONE}, not calibrated on donors"
    if s.tests and all(mute(row) for row in s.tests):
        return f"with {donors_words(s.facts)} no placebo test can rule anything out"
    return "without a posterior there is no chance of an effect to report"


def _others(s: Sides, a: Answer, room: Room) -> str:
    others = _beside(s, a)
    if not others:
        return "No other method was run beside it."
    if unreliable(s):
        told = (kept(s) or tuple(row for row in others if not among(row, failed(s))))[: room.named]
        if not told:
            return "Until then nothing stands: no other method was run that can be used."
        return f"Until then only the other methods stand, each on its own condition: {_names(told, a, room)}."
    if s.main is not None and among(s.main, lacking(s)):
        able = [row for row in s.others if row["free_level"]]
        whom = f"Believe {_names(able, a, room)} instead" if able else "Fit the model default instead"
        return f"{whom}: this model cannot shift to the treated level."
    agree = _agreeing(s, a)
    verb, rest = ("agree", "") if of_like_size(agree, a.estimate) else ("lie", " inside the interval")
    verb, rest = ("point", " the same way") if s.main is None else (verb, rest)
    words = f"{verb}{'s' if len(agree) == 1 else ''}{rest}"
    apart = _disagreement(s, a, room)[-room.apart :]
    return " ".join([f"{_of(len(agree), len(others))} {words}{_span(agree, a)}.", *apart])


def _beside(s: Sides, a: Answer) -> tuple[Row, ...]:
    """The methods beside the answer's."""
    return s.others if s.main is not None else tuple(row for row in s.classical if row["method"] != a.method)


def _agreeing(s: Sides, a: Answer) -> list[Row]:
    """Those that agree and that nothing speaks against."""
    agree = s.agreeing() if s.main is not None else [r for r in _beside(s, a) if float(r["estimate"]) * a.estimate > 0]
    return [row for row in agree if not among(row, set_aside(s))]


def _of(n: int, total: int) -> str:
    if n == total:
        return {1: "The other method", 2: "Both other methods"}.get(total, f"All {total} other methods")
    return f"{n or 'None'} of {count(total, 'other method')}"


def _span(rows: Sequence[Row], a: Answer) -> str:
    if not rows:
        return ""
    ends = list(dict.fromkeys(_alone(row, a) for row in sorted(rows, key=lambda row: float(row["estimate"]))))
    return f" ({ends[0]})" if len(ends) == 1 else f" ({ends[0]} to {ends[-1]})"


def _alone(row: Row, a: Answer) -> str:
    """An estimate with the digits of the answer."""
    return numbers(float(row["estimate"]), signed=True, decimals=decimals_of([a.estimate, *_ends(a)]))[0]


def _disagreement(s: Sides, a: Answer, room: Room) -> list[str]:
    """Whom not to believe, and whom, where a method does not agree; what weighs most comes last."""
    words = []
    if lacks := tuple(row for row in lacking(s) if among(row, _beside(s, a))):
        they = "they" if len(lacks) > 1 else "it"
        words.append(f"Ignore {_names(lacks, a, room)}: {they} cannot shift to the treated level.")
    if broken := failed(s):
        words.append(
            f"Ignore {_names(broken, a, room)}: {'their fits' if len(broken) > 1 else 'its fit'} did not converge."
        )
    if loose := [row for row in fits_apart(s)[1] if not among(row, (*lacks, *broken))]:
        words.append(f"Ignore {_names(loose, a, room)}: {_follow(loose)} the past less closely.")
    if better := closer(s):
        words.append(f"Believe {_names(better, a, room)} instead: {_follow(better)} the past more closely.")
    elif outside := [row for row in kept(s) if among(row, s.apart())]:
        words.append(f"Nothing speaks against {_names(outside, a, room)}, outside the interval: report both.")
    opposite = (
        s.opposed() if s.main is not None else [r for r in _beside(s, a) if float(r["estimate"]) * a.estimate < 0]
    )
    if opposed := [row for row in opposite if among(row, kept(s))]:
        has = "has" if len(opposed) == 1 else "have"
        words.append(f"{capitalised(_names(opposed, a, room))} {has} the other sign: believe no direction.")
    return words


def _follow(rows: Sequence[Row]) -> str:
    return "they follow" if len(rows) > 1 else "it follows"


def _names(rows: Sequence[Row], a: Answer, room: Room) -> str:
    if len(rows) > room.named:
        return f"{count(len(rows), 'method')}{_span(rows, a)}"
    return listed([f"{_name(row)} ({_alone(row, a)})" for row in rows])


def _name(row: Row) -> str:
    return f"the model {row['model']}" if row["method"] == "bayes" else SPOKEN.get(row["method"], str(row["method"]))


def _before_acting(s: Sides, judged: Judgement, room: Room) -> str:
    checks = s.facts["checks"]
    if judged.grade == "unreliable":
        settings = ", ".join(f"{name}={value}" for name, value in LONGER.items())
        # On a log or logit scale a model is called level-log, level-logit.
        tried = {row["model"].partition("-")[0] for row in (s.base, *s.models) if row is not None}
        alone = not tried or SIMPLER in tried or s.facts.get("placebos") == "waves"
        simpler = "" if alone else f"; if that fails too, try the model {SIMPLER}"
        return f"Next, sample longer ({settings}){simpler}."
    if s.facts["flagged"]:
        return f"Before acting, look at {_flagged(s, room)}."
    if checks is not None and checks["status"] == "warning" and checks["suggestion"]:
        return f"Before acting, fit the model {checks['suggestion']} too: a check warns about this one."
    heavy = s.facts["main_donors"][: room.donors]
    where = _some(s, heavy) if heavy else "the donors"
    return f"Before acting, check that nothing else changed since the start, in {_treated(s)} or in {where}."


def _flagged(s: Sides, room: Room) -> str:
    """Donors that the audit flags, as many as there is room for, and why."""
    found = s.facts["flagged"]
    shown = found[: max(1, room.donors)]
    said = []
    for flag, (one, many) in FLAGGED.items():
        if names := [each["donor"] for each in shown if each["flag"] == flag]:
            why = f" ({one if len(names) == 1 else many})" if room.donors else ""
            said.append(f"{_some(s, names)}{why}")
    more = len(found) - len(shown)
    return listed([*said, *([f"{more} more"] if more else [])])


def _treated(s: Sides) -> str:
    """The treated unit or units, in the noun of the panel."""
    noun = s.facts["labels"]["unit"]
    return f"the treated {noun if s.facts['n_treated'] == 1 else plural(noun)}"


def _some(s: Sides, names: Sequence[str]) -> str:
    """Donors by name; bare numbers get their noun."""
    noun = s.facts["labels"]["unit"]
    bare = all(name.lstrip("-").isdigit() for name in names)
    return f"{(noun if len(names) == 1 else plural(noun)) + ' ' if bare else ''}{listed(list(names))}"


FLAGGED = {
    "looks treated": ("something seems to have happened there too",) * 2,
    "influential": ("the effect moves without it", "the effect moves without each"),
    "dominant": ("most of the counterfactual",) * 2,
    "opposed": ("it moved against the treated before", "they moved against the treated before"),
}
"""What a flag of one donor, and of several, says in a bullet, the gravest first."""
SIMPLER = "level"
"""The model to try where sampling longer does not help: it has neither a drift nor a choice between forms of one."""


def _chance_fact(s: Sides, a: Answer, judged: Judgement) -> Fact:
    if judged.grade == "unreliable":
        return Fact("Chance", UNKNOWN, "bad")
    if a.chance_spoken is None:
        return Fact("p of no effect", UNKNOWN if a.p is None else p_alone(a.p), "neutral")
    good, tone = s.facts["labels"]["higher_is"], "neutral"
    if good is not None and judged.grade in ("strong", "moderate"):
        tone = "good" if (good == "better") is (a.direction == "increase") else "bad"
    return Fact(f"Chance of {_a(a.direction)}", a.chance_spoken, tone)  # type: ignore[arg-type]


def _agreement_fact(s: Sides, a: Answer, judged: Judgement) -> Fact:
    others, agree = _beside(s, a), _agreeing(s, a)
    if not others or unreliable(s):
        return Fact("Methods that agree", "none to compare" if not others else UNKNOWN, "neutral")
    whole = len([row for row in others if among(row, kept(s))])
    able = [row for row in s.tests if among(row, kept(s)) and not mute(row)]
    # Estimates inside a wide interval are no support where nothing is claimed, or no test of theirs bears it out.
    borne_out = (
        judged.grade != "inconclusive"
        and (not able or any(rejects(row) for row in able))
        and 2 * len(agree) > len(others)
    )
    all_agree = bool(whole) and len(agree) == whole
    tone: Tone = "good" if all_agree and borne_out else "bad" if 2 * len(agree) < whole else "neutral"
    return Fact("Methods that agree", f"{len(agree)} of {len(others)}", tone)
