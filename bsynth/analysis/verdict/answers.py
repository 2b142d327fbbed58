"""What each side found."""

from bsynth.analysis.verdict.naming import listed, names
from bsynth.analysis.verdict.numbers import Row, interval, probability
from bsynth.analysis.verdict.sides import BY_USERS, Sides, bounded, holds, mute
from bsynth.frequentist.inference.measured import fell_short
from bsynth.text.numbers import count, number, p_value, percent


def of_posterior(s: Sides) -> list[str]:
    """The main posterior's answer, and whether it may be used."""
    if s.main is None or s.base is None:
        return []
    units = s.facts["n_treated"]
    whose = f" on the mean of {count(units, 'unit')}" if units > 1 else ""
    words = f"The posterior ({s.base['model']}) puts the average effect{whose} at {number(s.base['estimate'])}, "
    if s.main is s.base:
        words += f"{interval(s.base)}; by this model {probability(s.base['probability_positive'])}."
    else:
        words += (
            f"{interval(s.main)} after calibration on the donors ({interval(s.base)} of the model's own width); "
            f"{probability(s.main['probability_positive'])}."
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
        f"{row['model']} at {number(row['estimate'])}, {interval(row)}"
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
    words = [f"The classical estimates{f' with {shared}' if shared and not powerless else ''}: {each}."]
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
        moved = f", moved to {number(row['estimate'])} by the error expected of it," if _is_moved(row) else ""
        words.append(f"Around {row['method']}{moved} there is also a {interval(row)}{users}.")
    present = {(row["method"], row["interval"]) for row in (*s.classical, *s.extra)}
    return words + [
        f"The {each['interval']} interval of {each['method']} is {fell_short(each['found'])}."
        for each in s.facts["measured"]
        if (each["method"], each["interval"]) in present
    ]


def _is_moved(row: Row) -> bool:
    return str(row["interval"]).startswith("prediction")


def _answer(row: Row, *, named: bool) -> str:
    """One classical estimate with its interval (level and kind ``named``) and p."""
    words = f"{row['method']} {number(row['estimate'])}"
    if row["lower"] is not None and not mute(row):
        words += f", {interval(row)}" if named else f" [{number(row['lower'])}, {number(row['upper'])}]"
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
