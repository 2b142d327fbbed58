"""Bars that the page draws by itself, so that they fit a phone and both themes: methods side by side, and shares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bsynth.analysis.verdict.grade import set_aside
from bsynth.analysis.verdict.sides import take_apart
from bsynth.findings.uncertainty import NAMES
from bsynth.reporting.words import as_float, title_of
from bsynth.text.labels import capitalised, interval_words
from bsynth.text.numbers import decimals_of, numbers, percent

WIDEST = 4.0
"""Intervals wider than this many times the main one are cut, with an arrow."""
LEAST = 0.005
"""Share that rounds to none."""
EDGE = 0.04
"""Share of the rail that stays free at either end."""


@dataclass(frozen=True)
class Row:
    """One method: names, numbers in words, and where its bar stands, in hundredths of the rail.

    ``aside`` says whether something speaks against it, ``main`` whether it is the answer; a bar that is cut has an
    arrow at that end. ``under`` is a thinner bar on the same rail, of another kind.
    """

    name: str
    kind: str
    estimate: str
    interval: str
    at: float
    left: float
    width: float
    cut: tuple[bool, bool]
    main: bool
    aside: bool
    bad: bool
    under: "Row | None" = None


@dataclass(frozen=True)
class Forest:
    """Methods side by side on one rail; ``zero`` and ``truth`` are places on it, in hundredths."""

    caption: str
    rows: tuple[Row, ...]
    zero: float
    truth: float | None
    truth_words: str


@dataclass(frozen=True)
class Share:
    """A part of a whole: its key (its colour), its name, and how much of it, in words and hundredths."""

    key: str
    name: str
    share: float
    words: str


@dataclass(frozen=True)
class Bars:
    """Shares of a whole, the largest first."""

    caption: str
    rows: tuple[Share, ...]


@dataclass(frozen=True)
class Named:
    """A row of effects as plain data, with its name; ``note`` follows its kind of interval, ``under`` stands below."""

    row: dict[str, Any]
    name: str
    main: bool
    aside: bool = False
    note: str = ""
    under: dict[str, Any] | None = None


def forest(summary: dict[str, Any]) -> Forest | None:
    """One row per method, the answer first; None where methods could not be compared."""
    compared = summary["comparison"]
    if compared is None:
        return None
    sides, answer = take_apart(compared), compared["answer"]
    aside = {_key(row) for row in set_aside(sides)}
    first: dict[tuple[Any, Any], dict[str, Any]] = {}
    for row in sorted(compared["table"], key=lambda row: not _is_answer(row, answer)):
        first.setdefault(_key(row), row)
    named = [Named(row, title_of(row), main=at == 0, aside=_key(row) in aside) for at, row in enumerate(first.values())]
    return forest_of(named, "Average effect by method", summary["truth"])


def forest_of(named: Sequence[Named], caption: str, truth: float | None = None) -> Forest:
    """Return rows on one rail, which is as wide as the first of them asks for."""
    place = _Rail.of([row for each in named for row in (each.row, each.under) if row is not None], truth)
    written = "" if truth is None else numbers(as_float(truth), signed=True, decimals=place.decimals)[0]
    return Forest(
        caption,
        tuple(_row(each, place) for each in named),
        place.of_value(0.0),
        None if truth is None else place.of_value(as_float(truth)),
        f"truth of the simulation {written}" if written else "",
    )


def _key(row: dict[str, Any]) -> tuple[Any, Any]:
    return row["method"], row["model"]


def _is_answer(row: dict[str, Any], answer: dict[str, Any]) -> bool:
    same = _key(row) == (answer["method"], answer["model"])
    return same and (answer["interval"] in ("point", row["interval"]))


@dataclass(frozen=True)
class _Rail:
    """From effects to places on a rail."""

    low: float
    high: float
    decimals: int

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]], truth: float | None) -> "_Rail":
        """As wide as zero, every estimate and every interval that is not far wider than the main one need."""
        bounds = [(as_float(row["lower"]), as_float(row["upper"])) for row in rows]
        values = [0.0, *(as_float(row["estimate"]) for row in rows), *([] if truth is None else [as_float(truth)])]
        widths = sorted(width for low, high in bounds if math.isfinite(width := high - low) and width > 0)
        usual = next((high - low for low, high in bounds if math.isfinite(high - low)), widths[0] if widths else 0.0)
        values += [v for low, high in bounds if high - low <= WIDEST * usual for v in (low, high)]
        span = (max(values) - min(values)) or 1.0
        main = (as_float(rows[0][name]) for name in ("estimate", "lower", "upper"))
        return cls(min(values) - EDGE * span, max(values) + EDGE * span, decimals_of([*main]))

    def of_value(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)


def _row(named: Named, rail: _Rail) -> Row:
    row = named.row
    estimate, lower, upper = (as_float(row[name]) for name in ("estimate", "lower", "upper"))
    words = numbers(estimate, lower, upper, signed=True, decimals=rail.decimals)
    has = not math.isnan(lower)
    left, right = (rail.of_value(lower), rail.of_value(upper)) if has else (0.0, 0.0)
    return Row(
        name=named.name,
        kind=interval_words(row["interval"], as_float(row["level"])) + named.note,
        estimate=words[0],
        interval=_bounds(lower, upper, words),
        at=rail.of_value(estimate),
        left=left,
        width=round(right - left, 2),
        cut=(has and lower < rail.low, has and upper > rail.high),
        main=named.main,
        aside=named.aside,
        bad=row["status"] == "unreliable",
        under=None if named.under is None else _row(Named(named.under, named.name, main=False), rail),
    )


def _bounds(lower: float, upper: float, words: Sequence[str]) -> str:
    """An interval in words; one without ends says so."""
    if math.isnan(lower):
        return "no interval"
    if math.isinf(lower) and math.isinf(upper):
        return "no bounds: it rules nothing out"
    if math.isinf(lower) or math.isinf(upper):
        return f"up to {words[2]}" if math.isinf(lower) else f"{words[1]} and above"
    return f"{words[1]} to {words[2]}"


def bars(finding: dict[str, Any]) -> Bars:
    """Shares of the variance of the average effect by source, of a decomposition's ``to_dict()``."""
    whole = [row for row in finding["table"] if row["span"] == "average"][-1]
    found = sorted(((as_float(whole[key]), key) for key in finding["sources"]), reverse=True)
    return Bars(
        "Share of the uncertainty by source",
        tuple(
            Share(key.replace("_", "-").replace(" ", "-"), capitalised(NAMES[key]), round(100 * max(share, 0.0), 1),
                  "under 1%" if 0 < share < LEAST else percent(share, 0))
            for share, key in found
        ),
    )  # fmt: skip
