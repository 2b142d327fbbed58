"""The tables of a report, as frames of finished words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth.analysis import AnyAnalysis
from bsynth.bayesian.diagnostics import BFMI_MIN, ESS_MIN, RHAT_MAX, RHAT_MAX_WEIGHT
from bsynth.errors import some_of
from bsynth.reporting.words import as_float, chance_words, p_words, title_of
from bsynth.text.card import quantities, writer
from bsynth.text.labels import METHODS, STATISTICS, heading, interval_words, plain
from bsynth.text.marks import OF_FIT, marked, of_posteriors
from bsynth.text.numbers import bracket, count, fixed, number, numbers, percents

ROWS = 20
"""Longest table of donors; the rest is counted in the caption and stands in summary.json."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a report: the first column names the rows.

    ``reason`` marks a table that holds numbers of a fit which failed its convergence gate, and says whose.
    """

    frame: pd.DataFrame
    caption: str
    reason: str = ""

    @property
    def title(self) -> str:
        """Caption, behind the mark when unreliable."""
        return f"{marked(self.reason)}. {self.caption}" if self.reason else self.caption


def effect_words(row: dict[str, Any]) -> list[str]:
    """Format estimate, lower and upper of a row of effects as every sentence does; a lift as a percentage."""
    values = [as_float(row[key]) for key in ("estimate", "lower", "upper")]
    return percents(*values, signed=True) if row["estimand"] == "lift" else numbers(*values, signed=True)


def methods(summary: dict[str, Any]) -> Table:
    """One row per method and kind of interval, on the average effect."""
    rows = [r for r in summary["effects"] if r["estimand"] == "average"]
    frame = pd.DataFrame(
        [
            {
                "Method": title_of(r),
                "Average effect": words[0],
                "Interval": _interval(r, words),
                "Kind": interval_words(r["interval"], as_float(r["level"])),
                "p": p_words(r["p"]),
                "Chance that it is above zero": chance_words(r["probability_positive"]),
                "Status": r.get("status") or "–",
            }
            for r in rows
            for words in [effect_words(r)]
        ]
    )
    if summary["truth"] is not None:
        truth = dict.fromkeys(frame.columns, "–") | {"Method": "Truth of the simulation"}
        truth["Average effect"] = number(as_float(summary["truth"]), signed=True)
        frame = pd.concat([pd.DataFrame([truth]), frame], ignore_index=True)
    return Table(frame, "The average effect by method", summary["effects_reason"])


def _interval(row: dict[str, Any], words: list[str]) -> str:
    """The bounds of a row of effects; an interval without any says what that means."""
    if row["lower"] is None:
        return "–"
    unbounded = (row["lower"], row["upper"]) == ("-inf", "inf")
    return "no bounds: rules nothing out" if unbounded else bracket(words[1:])


def diagnostics(summary: dict[str, Any]) -> Table:
    """What the convergence gate saw, beside what it asks for."""
    asked = {
        "rhat_max": ("Disagreement of the chains on effects and single numbers (worst R-hat)", f"below {RHAT_MAX}", 3),
        "ess_min": ("Fewest draws' worth of information (effective sample size)", f"at least {ESS_MIN}", 0),
        "rhat_max_weight": ("Disagreement of the chains on a weight (worst R-hat)", f"below {RHAT_MAX_WEIGHT}", 3),
        "divergences": ("Steps that went astray (divergences)", "none", 0),
        "saturated": ("Draws cut short (maximum tree depth)", "none", 0),
        "bfmi_min": ("How freely the energy moves (smallest BFMI)", f"above {BFMI_MIN}", 2),
        "bound_error": ("Error of the 95% bounds by drawing, of their width", "no gate; 0.02 asks more draws", 4),
    }
    found = summary["diagnostics"]
    rows = [
        {"What is looked at": title}
        | {plain(m["model"]): numbers(as_float(m[key]), decimals=decimals)[0] for m in found}
        | {"Asked for": gate}
        for key, (title, gate, decimals) in asked.items()
    ]
    bad = [plain(m["model"]) for m in found if m["status"] == "unreliable"]
    whose = "" if not bad else OF_FIT if len(found) == 1 else of_posteriors(bad)
    return Table(pd.DataFrame(rows), "Health of the sampling", whose)


def weights(summary: dict[str, Any], reason: str) -> Table:
    """One row per donor with a column per method, the main method's largest first."""
    names = list(summary["weights"])
    main = summary["weights"][names[0]]
    order = sorted(main, key=lambda donor: -max(summary["weights"][n][donor] for n in names[:2]))[:ROWS]
    order.sort(key=lambda donor: -main[donor])
    frame = pd.DataFrame(
        [
            {"Donor": plain(d)} | {METHODS.get(n, plain(n)): fixed(summary["weights"][n][d], 3) for n in names}
            for d in order
        ]
    )
    rest = len(main) - len(order)
    further = (
        f"; {count(rest, 'further donor with a smaller weight is', 'further donors with smaller weights are')} in "
        "summary.json"
        if rest
        else ""
    )
    return Table(frame, f"Weights by method (posterior means for models){further}", reason)


def placebo(found: dict[str, Any]) -> tuple[Table, ...]:
    """Ranks by statistic, and the placebos with the largest mean gaps."""
    ranks = pd.DataFrame(
        [
            {
                "Statistic": STATISTICS.get(r["statistic"], r["statistic"]),
                "Treated": number(as_float(r["treated"])),
                "Rank": str(r["rank"]),
                "Placebos it is ranked against": str(r["placebos"]),
                "p": p_words(r["p"]),
            }
            for r in found["ranks"]
        ]
    )
    rows = sorted(found["table"], key=lambda r: -abs(as_float(r["mean_gap"])))
    donors = _donor_rows(rows[:ROWS], "unit", ("mean_gap", "last_gap", "pre_rmspe", "post_rmspe", "ratio"))
    idle = dict.fromkeys(found["idle"], "no: a copy, or still")
    donors["Counted"] = ["yes" if r["kept"] else idle.get(r["unit"], "no: poor fit before") for r in rows[:ROWS]]
    rest = len(rows) - len(donors)
    further = f"; {count(rest, 'further one is', 'further ones are')} in summary.json" if rest else ""
    return (
        Table(ranks, "Rank of the treated unit among the placebos, by statistic"),
        Table(donors, f"Placebos, the largest mean gaps first; a miss is the root mean square of the gaps{further}"),
    )


def leave_one_out(found: dict[str, Any]) -> Table:
    """One row per dropped donor."""
    rows = found["table"]
    frame = _donor_rows(rows[:ROWS], "dropped", ("weight", "mean_gap", "change", "pre_rmspe"))
    rest = len(rows) - len(frame)
    further = f"; {count(rest, 'further one is', 'further ones are')} in summary.json" if rest else ""
    return Table(frame, f"The average effect without each donor, the largest weight first{further}")


def listed(frame: pd.DataFrame, caption: str, *, reason: str = "", rows: int = ROWS) -> Table:
    """Return any result's table in words: numbers of a column with common decimals, the first rows of a long one."""
    if list(frame.columns) == ["quantity", "value"]:
        frame = quantities(frame)
    shown = frame.head(rows)
    made = {heading(str(name)): _column(str(name), shown.iloc[:, at]) for at, name in enumerate(shown.columns)}
    rest = len(frame) - len(shown)
    further = f"; {count(rest, 'further row is', 'further rows are')} in summary.json" if rest else ""
    return Table(pd.DataFrame(made), caption + further, reason)


def sampler(analysis: AnyAnalysis) -> Table | None:
    """Return the settings of each fit; None without fits."""
    settings = {
        "seed": "Seed", "draws": "Draws kept per chain", "tune": "Warm-up draws", "chains": "Chains",
        "target_accept": "Steps that should be accepted",
    }  # fmt: skip
    rows = [
        {"Model": plain(fit.spec.name)}
        | {title: str(getattr(fit.provenance, name)) for name, title in settings.items()}
        | {"Seconds": fixed(fit.provenance.seconds, 1)}
        for fit in analysis.fits
    ]
    return Table(pd.DataFrame(rows), "Settings of the sampler") if rows else None


def data(analysis: AnyAnalysis, summary: dict[str, Any]) -> Table:
    """Return where the numbers came from and what was done to them."""
    source, panel = analysis.panel.source, summary["panel"]
    several = panel["start"] != panel["end"]
    facts = {
        "Source": plain(source.name, 80),
        "SHA-256": panel["sha256"],
        "Columns": "; ".join(
            f"{role}: {plain(name)}"
            for role, name in (
                ("unit", source.unit),
                ("time", source.time),
                ("outcome", source.outcome),
                ("cluster", source.cluster),
            )
            if name is not None
        ),
        "Treated": _listed(panel["treated"]),
        "Donors": _listed(panel["donors"]),
        "Start and end": panel["window"] + (", both included" if several else ""),
        "Missing cells": "none" if panel["missing"] == "error" else f"handled by the rule {panel['missing']!r}",
        "Seed": str(summary["seed"]),
    }
    return Table(pd.DataFrame({"Fact": list(facts), "Value": list(facts.values())}), "Data")


def versions(summary: dict[str, Any]) -> Table:
    """Return the versions of the packages that made the numbers."""
    found = summary["versions"]
    return Table(pd.DataFrame({"Package": list(found), "Version": list(found.values())}), "Versions")


def _listed(names: Iterable[object]) -> str:
    return some_of((plain(n) for n in names), limit=50)


def _donor_rows(rows: list[dict[str, Any]], name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """One row per donor, each column with common decimals."""
    frame = pd.DataFrame({heading(name): [plain(r[name]) for r in rows]})
    for column in columns:
        frame[heading(column)] = numbers(*(as_float(r[column]) for r in rows))
    return frame


def _column(name: str, values: pd.Series) -> list[str]:
    """Return a column as words, its numbers read together."""
    written = writer(name)
    if pd.api.types.is_bool_dtype(values):
        return ["yes" if v else "no" for v in values]
    if pd.api.types.is_float_dtype(values):
        if written is not None:
            return ["–" if np.isnan(v) else written(float(v)) for v in values]
        return numbers(*(float(v) for v in values))
    if name == "method":
        return [METHODS.get(v, plain(v)) for v in values]
    return ["–" if v is None or v is pd.NaT else plain(show(v)) or "–" for v in values]
