"""Several answers that are looked at together: the level of each, and words that allow for asking more than once."""

import math
from collections.abc import Mapping
from typing import Any

from bsynth.analysis.concluded import Concluded
from bsynth.text.marks import UNRELIABLE
from bsynth.text.numbers import bracket, numbers, percent


def joint_level(level: float, many: int) -> float:
    """Level of each of so many intervals at which all hold their truth at once with ``level`` (Bonferroni).

    Examples
    --------
    >>> joint_level(0.95, 2)
    0.975
    """
    return 1 - (1 - level) / many


def how_judged(looked_at: str, level: float, many: int) -> str:
    """How intervals are to be read where several were looked at.

    Examples
    --------
    >>> how_judged("2 outcomes were asked about", 0.95, 2)[:70]
    '2 outcomes were asked about, so each is judged by its 97.5% interval: '
    """
    return (
        f"{looked_at}, so each is judged by its {percent(joint_level(level, many), 1)} interval: "
        f"all hold the truth together with at least {percent(level)} then (Bonferroni)."
    )


def judged(name: object, row: Mapping[Any, Any]) -> str:
    r"""One answer in words, by its joint interval: what it excludes, and what it would by itself.

    Examples
    --------
    >>> judged("a", {"estimate": 2.0, "lower": 0.5, "upper": 3.5, "joint_lower": 0.1, "joint_upper": 4.1,
    ...     "excludes_zero": True, "status": "ok"}).replace("\xa0", " ")
    'a: +2.0 [+0.1, +4.1], without zero, also beside the others.'
    """
    failed = f"{UNRELIABLE}: " if row["status"] != "ok" else ""
    estimate = numbers(row["estimate"], signed=True)[0]
    if row["joint_lower"] != row["joint_lower"]:
        return f"{failed}{name}: {estimate}, and there is no interval."
    if math.isinf(row["joint_lower"]) and math.isinf(row["joint_upper"]):
        return f"{failed}{name}: {estimate}; at that level its interval has no ends, so nothing is excluded."
    estimate, *ends = numbers(row["estimate"], row["joint_lower"], row["joint_upper"], signed=True)
    inside = bracket(ends)
    said = "without zero, also beside the others" if row["excludes_zero"] else "which holds zero"
    alone = row["lower"] > 0 or row["upper"] < 0
    only = "; by itself its interval has no zero, which asking several times may do" if alone else ""
    return f"{failed}{name}: {estimate} {inside}, {said}{'' if row['excludes_zero'] else only}."


def reasons_of(analyses: Mapping[str, Concluded]) -> str:
    """Why analyses are unreliable, each by its name; empty when none is."""
    return "; ".join(f"{name}: {each.reason}" for name, each in analyses.items() if each.reason)


def plans_said(analyses: Mapping[str, Concluded]) -> tuple[str, ...]:
    """Of each analysis that was held against a frozen plan, whether it followed it and every departure, by its name."""
    reviews = {name: each.findings.get("frozen_plan") for name, each in analyses.items()}
    return tuple(f"{name}: {' '.join(found.remarks())}" for name, found in reviews.items() if found is not None)
