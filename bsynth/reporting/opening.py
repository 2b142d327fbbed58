"""What a report shows at once: the answer on the first screen, and at most five blocks below it."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from bsynth.analysis import Analysis, AnyAnalysis
from bsynth.reporting import tables
from bsynth.reporting.forest import bars, forest
from bsynth.reporting.section import Section
from bsynth.reporting.tables import Table
from bsynth.reporting.words import (
    as_float,
    estimand_words,
    unit_words,
    units_of,
)
from bsynth.text.labels import METHODS, interval_words, plain
from bsynth.text.marks import UNRELIABLE, mark
from bsynth.text.numbers import count, fixed, number, numbers

DONORS = 5
"""Donors listed at once."""
WITHOUT = "Weights, and the effect without each donor"
FLAGS = {
    "dominant": "it is most of the counterfactual",
    "influential": "the effect moves without it",
    "looks treated": "its own gap after the start stands out",
    "opposed": "it moved against the treated unit before the start",
}
"""What a flag of the donor audit means, in a few words."""
OFFSETS = "A share below zero: that source moves against the others, and takes from the whole."
RESTS_ON = (
    "The treatment left the donors alone: no spillover, no shared customers, no moved budget.",
    "No donor was treated or had a shock of its own in the window.",
    "Donors that followed the treated unit before the start would have followed it afterwards.",
)
"""What every synthetic control rests on, briefly."""


def answer(analysis: AnyAnalysis) -> Section:
    """The first screen: headline, four facts, the picture, three bullets."""
    verdict = analysis.verdict
    return Section(
        "The answer",
        "answer",
        (verdict.headline,),
        figures=("answer",),
        points=verdict.bullets,
        facts=verdict.facts,
        opened=True,
    )


def opened(analysis: Analysis, summary: dict[str, Any]) -> dict[str, Callable[[], Section | None]]:
    """Return what makes each block below the first screen, by slug."""
    return {
        "path": lambda: _path(summary),
        "methods-beside": lambda: methods(summary),
        "sources": lambda: _sources(summary),
        "donors": lambda: _donors(summary),
        "acting": lambda: acting(summary),
    }


def _path(summary: dict[str, Any]) -> Section:
    rows = [row for row in summary["effects"] if _is_answer(row, summary)]
    kind = interval_words(rows[0]["interval"], as_float(rows[0]["level"]))
    table = Table(quantities(summary), f"The effect from the start on, {kind}", summary["effects_reason"])
    words = tuple(pre_fit_words(summary))
    return Section("Path, gap and sum", "path", words, (table,), ("impact",), opened=True)


def quantities(summary: dict[str, Any]) -> pd.DataFrame:
    """Average, cumulative effect and lift with the interval of the headline, and the total of several units."""
    several = len(summary["panel"]["treated"]) > 1
    units = units_of(summary["panel"]) if several else ""
    rows = [
        (estimand_words(row["estimand"], units), tables.effect_words(row))
        for row in summary["effects"]
        if _is_answer(row, summary)
    ]
    if several and summary["comparison"] is not None:
        found = summary["comparison"]["answer"]
        over = f"Total over {units} and {summary['comparison']['periods_words']}"
        rows.append(
            (over, numbers(*(as_float(found[k]) for k in ("total", "total_lower", "total_upper")), signed=True))
        )
    return pd.DataFrame(
        [
            {
                "Effect": name,
                "Estimate": words[0],
                "Interval": "none" if words[1].startswith("–") else f"{words[1]} to {words[2]}",
            }
            for name, words in rows
        ]
    )


def _is_answer(row: dict[str, Any], summary: dict[str, Any]) -> bool:
    """Whether a row of effects is of what the headline reports."""
    reported = summary["comparison"]
    if reported is None:
        return summary["path_method"] in (row["model"], row["method"])
    wanted = reported["answer"]
    return all(row[name] == wanted[name] for name in ("method", "model", "interval"))


def pre_fit_words(summary: dict[str, Any]) -> list[str]:
    """How closely the drawn line follows the observed one before the start: without its drift, and with it."""
    main = summary["path_method"]
    row = next(r for r in summary["pre_fit"] if main in (r["model"], r["method"]))
    alone, whole = as_float(row["line_rmspe"]), row["line_rmspe_with_drift"]
    donors = numbers(as_float(row["effective_donors"]), decimals=1)[0]
    words = (
        f"Before the start the synthetic control misses {unit_words(summary['panel'])} by {number(alone)} (root mean "
        f"square); its weights are worth {donors} equally weighted donors."
    )
    if whole is None or alone == 0 or abs(whole / alone - 1) < 0.02:
        return [words]
    carried = f"The unit's own drift away from them closes that to {number(whole)}"
    if row["drift_carries"]:
        return [words, f"{carried}: the drift carries most of the fit, so the close line is no proof of a close match."]
    return [words, f"{carried}."]


def methods(summary: dict[str, Any]) -> Section | None:
    """Every method on the answer's estimand, side by side; None where there is only one."""
    found = forest(summary)
    if found is None or len(found.rows) < 2:
        return None
    aside = sum(row.aside for row in found.rows)
    words = "Every method answers the same question on the same panel."
    if aside:
        words += " Light rows are set aside: what speaks against them stands in the verdict."
    return Section("What the other methods say", "methods-beside", (words,), forest=found, opened=True)


def _sources(summary: dict[str, Any]) -> Section | None:
    found = summary["findings"].get("uncertainty")
    if found is None:
        return None
    advice = _unmarked(found["sentences"])[-1 - len(found.get("notes", ())) :][:1]
    drawn = bars(found)
    below = [OFFSETS] if any(share.words.startswith("\u2212") for share in drawn.rows) else []
    words = (*mark(found["reason"]), *advice, *below)
    return Section("Where the uncertainty comes from", "sources", words, bars=drawn, opened=True)


def _unmarked(sentences: list[str]) -> list[str]:
    return [sentence for sentence in sentences if not sentence.startswith(UNRELIABLE)]


def _donors(summary: dict[str, Any]) -> Section | None:
    found = summary["findings"].get("donor_audit")
    if found is None:
        return None
    flagged = [row for row in found["table"] if row["flags"]]
    rows = (flagged or found["table"])[:DONORS]
    weight = "posterior_weight" if "posterior_weight" in rows[0] else "weight"
    by = METHODS.get(found["estimator"], plain(found["estimator"]))
    changes = numbers(*(as_float(row["change"]) for row in rows), signed=True)
    frame = pd.DataFrame(
        [
            {
                "Donor": plain(row["donor"]),
                f"Weight in {'the posterior' if weight != 'weight' else by}": fixed(as_float(row[weight]), 2),
                f"{by} moves without it by": change,
            }
            | ({"Why look": "; ".join(FLAGS[flag] for flag in row["flags"].split(", "))} if flagged else {})
            for row, change in zip(rows, changes, strict=True)
        ]
    )
    rest = len(flagged) - len(rows)
    title = "Donors to check" if flagged else "The donors that weigh most"
    words = "No donor stands out." if not flagged else f"{count(len(flagged), 'donor')} to look at."
    if rest > 0:
        words += f" {count(rest, 'further one is', 'further ones are')} in the appendix."
    return Section(title, "donors", (words,), (Table(frame, WITHOUT, found["reason"]),), opened=True)


def acting(summary: dict[str, Any]) -> Section:
    """What a decision says, and what it all rests on."""
    found = summary["findings"].get("decision")
    words: list[str] = []
    if found is not None:
        # What the first sentence says is the headline; what follows answers what was asked, and how it could fall.
        words = [*mark(found["reason"]), *_unmarked(found["sentences"])[1:]]
    lacking = [f"Not available: {name}." for name in summary["unavailable"] if name.startswith("posterior")]
    title = "Decision and assumptions" if found is not None else "Assumptions"
    return Section(title, "acting", (*words, *lacking, "It all rests on this:"), points=RESTS_ON, opened=True)
