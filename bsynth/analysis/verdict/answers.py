"""What each side found."""

from bsynth.analysis.verdict.naming import listed, names
from bsynth.analysis.verdict.numbers import Row, chance, estimate, interval, written
from bsynth.analysis.verdict.sides import BY_USERS, Sides, bounded, holds, mute, rejects
from bsynth.frequentist.inference.measured import fell_short
from bsynth.text.labels import SPOKEN
from bsynth.text.numbers import bracket, number, p_value, percent


def of_posterior(s: Sides) -> list[str]:
    """The main posterior's answer, and whether it may be used."""
    if s.main is None or s.base is None:
        return []
    whose = f" on the mean of {s.facts['units_words']}" if s.facts["n_treated"] > 1 else ""
    words = f"The posterior ({s.base['model']}) puts the average effect{whose} at {estimate(s.main)}, "
    if s.main is s.base:
        words += f"{interval(s.base)}; by this model {chance(s.base, s.facts)}."
    else:
        words += (
            f"{interval(s.main)} after calibration on the donors ({interval(s.base)} of the model's own width); "
            f"{chance(s.main, s.facts)}."
        )
    if s.base["status"] == "unreliable":
        return [words, "This posterior is UNRELIABLE; the diagnostics say what failed."]
    if s.main["status"] == "unreliable":
        return [words, f"The calibrated interval is UNRELIABLE; the {s.base['interval']} one does not rest on that."]
    return [words]


def of_models(s: Sides) -> list[str]:
    """The other models' answers."""
    if not s.models:
        return []
    each = [
        f"{row['model']} at {estimate(row)}, {interval(row)}"
        + (" (UNRELIABLE)" if row["status"] == "unreliable" else "")
        for row in s.models
    ]
    return [f"The other models put it as follows: {'; '.join(each)}."]


def of_classical(s: Sides) -> list[str]:
    """The classical estimates with what surrounds them, and what their tests can tell at all."""
    if not s.classical:
        return []
    kinds = {(row["level"], row["interval"]) for row in s.classical if row["level"] is not None}
    powerless = [row for row in s.tests if mute(row)]
    shared = "".join(f"{percent(level)} {kind} intervals" for level, kind in kinds) if len(kinds) == 1 else ""
    each = "; ".join(_answer(row, named=not shared) for row in s.classical)
    words = [f"The classical estimates{f' with {shared}' if shared and not powerless else ''}: {each}.", *_gloss(s)]
    if powerless:
        lowest = number(max(row["p_min"] for row in powerless))
        kind = powerless[0]["interval"]
        words.append(
            f"With so few donors p cannot fall below {lowest}, so at {percent(powerless[0]['level'])} the {kind} test "
            "can rule nothing out, and its intervals are unbounded."
        )
    for row in s.extra:
        if row["lower"] is None:
            continue  # an empty set, which is said where zero is
        users = ", which holds the sampling of users alone" if row["interval"].startswith(BY_USERS) else ""
        # Its centre is the estimate moved by the error that residuals lead to expect.
        moved = f", moved to {estimate(row)} by the error expected of it," if _is_moved(row) else ""
        words.append(f"Around {row['method']}{moved} there is also a {interval(row)}{users}.{_at_odds(s, row)}")
    present = {(row["method"], row["interval"]) for row in (*s.classical, *s.extra)}
    return words + [
        f"The {each['interval']} interval of {each['method']} is {fell_short(each['found'])}."
        for each in s.facts["measured"]
        if (each["method"], each["interval"]) in present
    ]


def _gloss(s: Sides) -> list[str]:
    """What the short names of the estimators stand for."""
    each = [f"{row['method']} is {SPOKEN[row['method']]}" for row in s.classical if row["method"] in SPOKEN]
    return [f"Here {listed(each)}."] if each else []


def _at_odds(s: Sides, row: Row) -> str:
    """Why a further interval excludes zero where the answer's does not, or where no placebo test does."""
    if not bounded(row) or holds(row, 0.0) or not str(row["interval"]).startswith("conformal"):
        return ""
    answer_open = s.main is not None and holds(s.main, 0.0)
    if not answer_open and any(not mute(test) and rejects(test) for test in s.tests):
        return ""
    return (
        " It excludes zero because it takes the errors of the treated unit's own past as the measure; how far donors "
        "drift from each other after the start, which the other intervals hold, it does not know."
    )


def _is_moved(row: Row) -> bool:
    return str(row["interval"]).startswith("prediction")


def _answer(row: Row, *, named: bool) -> str:
    """One classical estimate with its interval (level and kind ``named``) and p."""
    words = f"{row['method']} {estimate(row)}"
    if row["lower"] is not None and not mute(row):
        words += f", {interval(row)}" if named else f" {bracket(written(row)[1:])}"
    return words if row["p"] is None else f"{words}, {p_value(row['p'])}"


def of_truth(s: Sides) -> list[str]:
    """Whose interval holds the truth of a simulation."""
    truth = s.facts["truth"]
    if truth is None:
        return []
    rows = [row for row in (s.main, *s.others, *s.extra) if row is not None and bounded(row)]
    held, missed = ([row for row in rows if holds(row, truth) is inside] for inside in (True, False))
    words = [f"{verb} by {_intervals(s, found)}" for verb, found in (("held", held), ("missed", missed)) if found]
    tail = f": {'; '.join(words)}" if words else ""
    return [f"The true effect of this simulation is {number(truth)}{tail}."]


def _intervals(s: Sides, rows: list[Row]) -> str:
    """Name intervals, those of one kind together."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault("" if row is s.main else row["interval"], []).append(row)
    return listed(
        [
            f"the {kind} interval{'s' if len(found) > 1 else ''} of {names(found)}" if kind else f"the {s.kind()}"
            for kind, found in kinds.items()
        ]
    )
