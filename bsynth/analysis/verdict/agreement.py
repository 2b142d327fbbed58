"""Whether the sides agree, where they do not, and why."""

from itertools import combinations

from bsynth.analysis.verdict.naming import capital, listed, names
from bsynth.analysis.verdict.numbers import Row
from bsynth.analysis.verdict.sides import Sides, among, bounded, holds, overlap, sign
from bsynth.checks.hull import misses
from bsynth.text.numbers import count, number

CLOSER = 2.0
"""Times that a method's pre-period error is another's from which the fit speaks against it."""


def on_agreement(s: Sides) -> list[str]:
    """Who agrees with the posterior, who differs in sign, who lies outside its interval, and strangers."""
    if s.main is None:
        return _among_classical(s)
    words = []
    kind, opposed = s.kind(), s.opposed()
    lacking = s.unlevelled() if s.facts["hull"]["outside"] else ()
    agree = [row for row in s.agreeing() if not among(row, lacking)]
    idle = [row for row in s.agreeing() if among(row, lacking)]
    if agree:
        verb, where = ("agree", "their estimates lie") if len(agree) > 1 else ("agrees", "its estimate lies")
        far = ", as far as that can tell while it holds zero" if holds(s.main, 0.0) else ""
        same = "with the same sign" if all(sign(row) == sign(s.main) for row in agree) else "without the other sign"
        words.append(f"{names(agree)} {verb} with the posterior: {where} inside its {kind}, {same}{far}.")
    if idle:
        lie, have = ("lie", "have") if len(idle) > 1 else ("lies", "has")
        words.append(
            f"{names(idle)} {lie} inside it too, which is no support: {'they' if len(idle) > 1 else 'it'} {have} no "
            "level to take up the distance from the donors."
        )
    if opposed:
        has = "have" if len(opposed) > 1 else "has"
        words.append(
            f"{names(opposed)} {has} the other sign, though inside the {kind}, which holds zero: the methods agree "
            "within the uncertainty, but not on the direction."
        )
    groups: dict[str, list[Row]] = {}
    for row in s.apart():
        side = "above" if float(row["estimate"]) > float(s.main["upper"]) else "below"
        meet = ""
        if row["lower"] is not None and not bounded(row) and overlap(row, s.main):
            meet = ", while an interval without bounds of its own says nothing of that"
        elif row["lower"] is not None:
            meet = (
                ", although the intervals overlap" if overlap(row, s.main) else ", and the intervals do not even meet"
            )
        groups.setdefault(f"{side} its whole {kind}{meet}", []).append(row)
    for where, rows in groups.items():
        verb, lie = ("DISAGREE", "their estimates lie") if len(rows) > 1 else ("DISAGREES", "its estimate lies")
        words.append(f"{names(rows)} {verb} with the posterior: {lie} {where}.")
    usable = [row for row in s.others if row["lower"] is not None and holds(row, row["estimate"])]
    strangers = [f"{names([a])} and {names([b])}" for a, b in combinations(usable, 2) if not overlap(a, b)]
    if strangers:
        words.append(f"the intervals of {'; of '.join(strangers)} do not meet.")
    return [capital(sentence) for sentence in words]


def _among_classical(s: Sides) -> list[str]:
    if len(s.classical) < 2:
        return []
    estimates = [float(row["estimate"]) for row in s.classical]
    span = f"from {number(min(estimates))} to {number(max(estimates))}"
    if min(estimates) > 0 or max(estimates) < 0:
        return [f"They agree on the sign, and range {span}."]
    return [f"They do not agree on the sign, and range {span}."]


def on_hull(s: Sides) -> list[str]:
    """How far the treated series lies outside the hull of its donors, and whose answer suffers."""
    hull, main = s.facts["hull"], s.main
    if not hull["outside"]:
        return []
    words = [_reached(s)]
    lacking = s.unlevelled()
    if not lacking:
        return words
    reason = ""
    if main is not None and main["free_level"]:
        # What is left of the offset counts as effect, so only a difference to its side is explained by it.
        moved = [
            row
            for row in s.apart()
            if row["free_level"] is False and (row["estimate"] > main["estimate"]) == (hull["offset"] > 0)
        ]
        whole = ("they disagree" if len(moved) > 1 else "it disagrees") if len(moved) == len(lacking) else ""
        who = whole or f"{names(moved)} disagree{'s' if len(moved) == 1 else ''}" if moved else ""
        reason = f" That is why {who} with the posterior." if moved else ""
    verb = "have" if len(lacking) > 1 else "has"
    words.append(
        f"{capital(names(lacking))} {verb} no level to take this up: what is left of the offset, and the noise of "
        f"the donors that is matched in its place, count as effect.{reason}"
    )
    return words


def _reached(s: Sides) -> str:
    """Who lies outside the hull: the treated series and how far, or so many of units that start at different times."""
    hull = s.facts["hull"]
    if "units" in hull:
        return f"{hull['units']} of {s.facts['units_words']} lie outside the hull of their donors before their starts."
    return f"The treated series lies outside the hull of its donors: before the start {misses(hull)}."


def on_pre_fit(s: Sides) -> list[str]:
    """Whether the fit before the start speaks for or against those that differ."""
    closer, looser, neither, reference = fits_apart(s)
    words = []
    if closer and reference is not None:
        verb = "follow" if len(closer) > 1 else "follows"
        sizes = listed([number(row["pre_rmspe"]) for row in closer])
        words.append(
            f"{names(closer)} {verb} the treated series more closely before the start (root mean square error "
            f"{sizes}) than the posterior and whatever agrees with it ({number(reference['pre_rmspe'])} at best)"
            + (
                f"; with {count(s.facts['donors'], 'donor')} and {count(s.facts['n_pre'], 'period')} that may be "
                "chance, so report both."
                if many_donors(s)
                else ", which speaks against the posterior."
            )
        )
    if looser and reference is not None:
        verb, object_ = ("follow", "them") if len(looser) > 1 else ("follows", "it")
        sizes = listed([number(row["pre_rmspe"]) for row in looser])
        words.append(
            f"{names(looser)} {verb} the treated series less closely before the start (root mean square error "
            f"{sizes}) than {names([reference])} ({number(reference['pre_rmspe'])}), which speaks against {object_}."
        )
    if neither:
        words.append(
            f"nothing in the fit before the start speaks against {names(neither)}: the answer depends on how the "
            "donors are weighted, so report both."
        )
    return [capital(sentence) for sentence in words]


def fits_apart(s: Sides) -> tuple[list[Row], list[Row], list[Row], Row | None]:
    """Rows that differ from the posterior: those that fit closer, less close, neither; and the fit they are held to.

    That is the closest of the posterior and what agrees with it; a model with a drift has no such fit.
    """
    if s.main is None or s.base is None:
        return [], [], [], None
    excused = s.unlevelled() if s.facts["hull"]["outside"] else ()
    with_it = [row for row in (s.base, *s.agreeing()) if row["pre_rmspe"] is not None and not row["drift"]]
    reference = min(with_it, key=lambda row: float(row["pre_rmspe"]), default=None)
    apart = [row for row in s.apart() if row["pre_rmspe"] is not None and not among(row, excused)]
    if reference is None or (s.main is not None and among(s.main, excused)):
        return [], [], [], None
    size = float(reference["pre_rmspe"])
    # A posterior with a drift has no fit to be closer than; what agrees with it may fit far worse than it does.
    held = [] if s.base["drift"] or s.base["pre_rmspe"] is None else apart
    closer = [row for row in held if CLOSER * row["pre_rmspe"] < size and not row["drift"]]
    looser = [row for row in (*apart, *s.opposed()) if (row["pre_rmspe"] or 0.0) > CLOSER * size and not row["drift"]]
    neither = [row for row in apart if not among(row, (*closer, *looser))]
    return closer, looser, neither, reference


def many_donors(s: Sides) -> bool:
    """Whether weights can follow the pre-period by chance."""
    return bool(s.facts["donors"] >= s.facts["n_pre"])
