"""The verdict: what each side says, whether they agree, where they do not and why, and which to trust."""

from collections.abc import Callable

from bsynth.analysis.verdict import agreement, answers, short, zero
from bsynth.analysis.verdict.agreement import fits_apart, many_donors
from bsynth.analysis.verdict.answer import Answer, answer_of
from bsynth.analysis.verdict.chance import different, donors_words
from bsynth.analysis.verdict.grade import Judgement, judge
from bsynth.analysis.verdict.naming import listed, names
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, among, take_apart
from bsynth.analysis.verdict.value import Verdict
from bsynth.text.labels import one_line
from bsynth.text.marks import mark
from bsynth.text.numbers import bracket, count, number, numbers


def verdict(comparison: Row) -> Verdict:
    """Say in plain words what was found, whether the methods agree, where they do not, and which to trust.

    ``comparison`` is what `bsynth.analysis.Comparison.numbers` returns.
    """
    s = take_apart(comparison)
    answer = answer_of(s)
    judged = judge(s, answer)
    told = (sentence for part in PARTS for sentence in part(s))
    headline, bullets = short.headline_and_bullets(s, answer, judged)
    details = (*mark(s.facts["reason"]), *_against(s, answer), *told, *_total(s, answer), *_graded(judged))
    return Verdict(
        headline=headline,
        bullets=bullets,
        details=tuple(map(one_line, details)),
        grade=judged.grade,
        facts=short.facts(s, answer, judged),
    )


def _against(s: Sides, a: Answer) -> list[str]:
    """What a change is measured against, where the series itself moved the other way."""
    if not short.otherwise(s, a):
        return []
    seen = s.facts["observed"]
    (before, after), periods = numbers(seen["before"], seen["after"]), count(seen["periods"], "period")
    below, rose = ("below", "rose") if a.direction == "decrease" else ("above", "fell")
    return [
        f"The estimate lies {below} the counterfactual, what would have been without the intervention; the observed "
        f"mean itself {rose}, from {before} over the last {periods} before the start to {after}."
    ]


def _checks(s: Sides) -> list[str]:
    checks = s.facts["checks"]
    if checks is None or checks["status"] != "warning" or s.main is None:
        return []
    words = [
        f"Checks that warn about the model {s.main['model']!r} (check(fit) says why): {listed(checks['warnings'])}"
    ]
    if "autocorrelation" in checks["warnings"]:
        words.append(
            f"its residuals before the start are autocorrelated ({number(s.main['lag1'])} from one period to the "
            "next), so the interval by the model alone is too narrow"
        )
    if checks["suggestion"]:
        words.append(f"consider the model {checks['suggestion']!r}")
    return ["; ".join(words) + "."]


def _total(s: Sides, answer: Answer) -> list[str]:
    """The effect over all treated units and periods, where there are several units."""
    if answer.total is None:
        return []
    ends = [] if answer.total_lower is None or answer.total_upper is None else [answer.total_lower, answer.total_upper]
    total, *interval = numbers(answer.total, *ends, signed=True)
    over = f"{s.facts['units_words']} and {s.facts['periods_words']}"
    return [f"In total over {over} that is {total}{f' {bracket(interval)}' if interval else ''}."]


def _graded(judged: Judgement) -> list[str]:
    """All that takes from the evidence."""
    return [f"The evidence is graded {judged.grade}, since {listed(list(judged.doubts))}."] if judged.doubts else []


def _lacking(s: Sides) -> list[str]:
    """Posteriors that cannot be had on this panel."""
    lacks = {k: v for k, v in s.facts.get("unavailable", {}).items() if k.startswith("posterior")}
    return [f"The {name} is not available: {reason}." for name, reason in lacks.items()]


def _rows_lacking(s: Sides) -> list[str]:
    """Estimators, and intervals around them, that cannot be had on this panel."""
    lacks = {k: v for k, v in s.facts.get("unavailable", {}).items() if not k.startswith(("posterior", "calibration"))}
    return [f"There is no {name}: {reason}." for name, reason in lacks.items()]


def _notes(s: Sides) -> list[str]:
    """What should be known of the panel beside the answer."""
    return list(s.facts.get("notes", []))


def _gaps(s: Sides) -> list[str]:
    """Which periods are missing for all units, and which cells or units were made up or left out."""
    return list(s.facts["gaps"])


def _certificate(s: Sides) -> list[str]:
    """What the pseudo-treated units say about the main model's own interval."""
    found = s.facts["certificate"]
    if found is None or s.base is None or found["model"] != s.base["model"]:
        return []
    bad = found["status"] == "unreliable"
    who = f"The certificate, itself UNRELIABLE ({found['reason']})," if bad else "The certificate"
    size = f"the errors of untreated units are {number(found['factor'])} times what it expects"
    if found["finding"] == "overconfident":
        return [f"{who} finds this model OVERCONFIDENT on this panel: {size}; do not report its own interval."]
    if found["finding"] == "too wide":
        return [f"{who} finds this model wider than it needs to be on this panel: {size}."]
    return [f"{who} finds nothing against the intervals of this model: {size}."]


def _trust(s: Sides) -> list[str]:
    """Which of the answers to report."""
    lacking, outside, main = s.unlevelled(), s.facts["hull"]["outside"], s.main
    levelled = [row for row in s.others if row["free_level"]]
    if main is not None and s.base is not None and s.base["status"] == "unreliable":
        if outside and lacking and levelled:
            return [f"Until a posterior has passed its gate, trust {names(levelled)}, rather than {names(lacking)}."]
        said = "Until a posterior has passed its gate, trust the classical estimates, each under its conditions."
        return [said] if s.classical else []
    if outside and lacking and (main is None or not main["free_level"]):
        instead = "a method with a free level, such as the model 'default' or demeaned"
        named = f"{names(levelled)}, whose free level takes the offset up" if levelled else instead
        return [f"Trust {named}, rather than {names(lacking)}."]
    if main is None:
        return []
    words = []
    closer = fits_apart(s)[0]
    if closer and not many_donors(s):
        return [f"Trust {names(closer)} rather than the posterior."]
    if outside and lacking:
        backing = [row for row in s.agreeing() if row["free_level"]]
        also = f", with which {names(backing)} agree{'s' if len(backing) == 1 else ''}," if backing else ""
        if against := [row for row in lacking if among(row, (*s.apart(), *s.opposed()))]:
            words.append(f"Trust the posterior{also} rather than {names(against)}.")
    if main is not s.base:
        words.append(
            "Report the calibrated interval: it alone holds the model's uncertainty against what the donors do after "
            "the start. It presumes that treated and donors are exchangeable."
        )
    elif different(s.facts) < s.facts["donors_needed"]:
        words.append(
            f"With {donors_words(s.facts)} the interval cannot be calibrated "
            f"({s.facts['donors_needed']} are needed), so its width is the model's word alone."
        )
    elif reason := s.facts.get("unavailable", {}).get("calibration"):
        words.append(f"The interval is not calibrated, so its width is the model's word alone: {reason}.")
    else:
        words.append("The interval was not calibrated on the donors, so its width is the model's word alone.")
    return words


PARTS: tuple[Callable[[Sides], list[str]], ...] = (
    _lacking,
    answers.of_posterior,
    answers.of_models,
    answers.of_classical,
    _rows_lacking,
    agreement.on_agreement,
    agreement.on_hull,
    agreement.on_pre_fit,
    zero.on_zero,
    zero.on_contradictions,
    _gaps,
    _checks,
    _certificate,
    _trust,
    _notes,
    answers.of_truth,
)
"""The story in its order; each part returns the sentences that it has to say."""
