"""Small words of a report: rows found, numbers read back from a summary, names."""

import math
from typing import Any

from bsynth.plots.labels import METHODS, plain, probability


def as_float(value: float | str | None) -> float:
    """Read a number of a summary back: None is NaN, "inf" and "-inf" are infinite."""
    return math.nan if value is None else float(value)


def find(summary: dict[str, Any], name: str, *, kind: str | None = None) -> dict[str, Any]:
    """Return the first row on the average effect whose model or method is ``name``, of that interval kind."""
    row: dict[str, Any] = next(
        r
        for r in summary["effects"]
        if name in (r["model"], r["method"]) and r["estimand"] == "average" and kind in (None, r["interval"])
    )
    return row


def title_of(row: dict[str, Any]) -> str:
    """Return the method of a row in words, with its model: "Bayesian, level"."""
    name = METHODS.get(row["method"], plain(row["method"]))
    return f"{name}, {plain(row['model'])}" if row["model"] else name


def p_words(value: float | None) -> str:
    """Format a probability of a summary; a dash where there is none."""
    return "–" if value is None else probability(value)


def unit_words(panel: dict[str, Any]) -> str:
    """Name the treated unit, or count the averaged ones."""
    treated = panel["treated"]
    return plain(treated[0]) if len(treated) == 1 else f"the mean of {len(treated)} units"


def decapitalised(text: str) -> str:
    """Return a title as it stands inside a sentence."""
    return text[:1].lower() + text[1:]
