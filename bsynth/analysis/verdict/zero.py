"""Whether no effect remains possible, and numbers that contradict each other about it."""

from bsynth.analysis.verdict.naming import capital, tests
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, holds, mute, noisier, rejects
from bsynth.text.numbers import p_value

ROUNDING = 1e-9
"""Share of an estimate by which it may lie outside its interval and still be at its end."""


def on_zero(s: Sides) -> list[str]:
    """Whether the interval and the tests leave room for no effect."""
    able = [row for row in s.tests if not mute(row)]
    rejecting, silent = [row for row in able if rejects(row)], [row for row in able if not rejects(row)]
    kind = s.kind()
    if s.main is None:
        if rejecting:
            return [f"Zero is rejected by {tests(rejecting)}" + (f", not by {tests(silent)}." if silent else ".")]
        return ["No test rejects zero: no effect remains a possibility."] if able else []
    if holds(s.main, 0.0):
        return [_open(s, rejecting, able)]
    if not s.tests:
        return [f"The {kind} excludes zero."]
    if not able:
        return [f"The {kind} excludes zero; tests that can rule nothing out are no evidence against that."]
    if not silent:
        return [f"The {kind} excludes zero, and so {'do' if len(able) > 1 else 'does'} {tests(able)}."]
    do = "do" if len(silent) > 1 else "does"
    words = f"The {kind} excludes zero, but {tests(silent)} {do} not: {_why_silent(s, silent)}"
    if rejecting and s.facts["hull"]["outside"] and all(row["free_level"] is False for row in rejecting):
        verb = "do" if len(rejecting) > 1 else "does"
        words += f" That {tests(rejecting)} {verb} is owed in part to the missing level."
    return [words]


def _open(s: Sides, rejecting: list[Row], able: list[Row]) -> str:
    """Zero lies inside the main interval."""
    words = f"Zero lies inside the {s.kind()}: no effect remains a possibility"
    alone = s.base is not None and s.main is not s.base and not holds(s.base, 0.0)
    if alone:
        words += ". The model alone would exclude it, which the donors' own gaps after the start do not bear out"
    if not rejecting:
        return f"{words}, and no test rejects it." if able and not alone else f"{words}."
    verb = "reject" if len(rejecting) > 1 else "rejects"
    words += f". {capital(tests(rejecting))} {verb} zero nevertheless"
    if s.facts["hull"]["outside"] and all(row["free_level"] is False for row in rejecting):
        return f"{words}, which is owed in part to the missing level."
    if len(rejecting) == 1 and len(able) > 2:
        return f"{words}: one rejection among several tests is what chance alone produces now and then."
    return f"{words}, so whether there is an effect is not settled."


def _why_silent(s: Sides, silent: list[Row]) -> str:
    """Why tests may miss what the interval finds, or the interval find what is not there."""
    many = len(silent) > 1
    if any(row["interval"] != "placebo" for row in silent):
        return f"{'they hold' if many else 'it holds'} other errors against the effect."
    if noisier(s):
        return (
            f"{'their' if many else 'its'} placebos are single donors, noisier than a mean of "
            f"{s.facts['units_words']}, which leaves little power."
        )
    if s.main is not s.base:
        return (
            f"{'they take' if many else 'it takes'} the donors' gaps as they are, and the calibrated interval weighs "
            "each by what that donor's own fit expects."
        )
    return (
        "the donors' own gaps after the start are wider than the model expects, so do not rely on its interval alone."
    )


def on_contradictions(s: Sides) -> list[str]:
    """p and interval of one row, and an interval and its own estimate, that do not fit together."""
    words = []
    for row in (*s.classical, *s.extra):
        name = f"{row['interval']} interval of {row['method']}"
        if row["level"] is None:
            continue
        if row["lower"] is None:
            words.append(f"The {name} is empty: no constant effect fits the data, so it must vary over time.")
        elif _outside(row) > ROUNDING * abs(row["estimate"]):
            words.append(f"The {name} leaves out its own estimate, so do not rely on it.")
        elif row["p"] is not None and rejects(row) == holds(row, 0.0):
            words.append(f"The {name} and its {p_value(row['p'])} contradict each other about zero.")
    return words


def _outside(row: Row) -> float:
    """How far the estimate lies outside its interval; negative inside."""
    estimate = float(row["estimate"])
    return max(float(row["lower"]) - estimate, estimate - float(row["upper"]))
