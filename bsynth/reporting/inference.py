"""The sections of classical inference, from the summary."""

from collections.abc import Callable
from typing import Any

from bsynth.analysis import Analysis
from bsynth.frequentist.inference import INFERENCES
from bsynth.reporting import tables
from bsynth.reporting.section import Section
from bsynth.reporting.tables import Table
from bsynth.reporting.words import as_float, find, slug_of, unit_words
from bsynth.text.labels import METHODS
from bsynth.text.numbers import bracket, count, numbers, p_value, percent


def _placebo(summary: dict[str, Any]) -> Section | None:
    found = summary["inferences"].get("placebo")
    if found is None:
        return None
    rank = next(r for r in found["ranks"] if r["statistic"] == "mean_gap")
    row = find(summary, found["estimator"], kind="placebo")
    words = (
        f"Every donor was treated as if it had started at the same time. By the size of its mean gap "
        f"{unit_words(summary['panel'])} has rank {rank['rank']} against {count(rank['placebos'], 'placebo')}, "
        f"{p_value(rank['p'])}. This presumes that treated and donors are exchangeable."
    )
    level = percent(as_float(row["level"]))
    if isinstance(row["lower"], str):
        bounds = (
            f"There are too few placebos for a {level} interval: the test can reject no effect at that level, "
            "so its interval is unbounded."
        )
    else:
        values = numbers(as_float(row["lower"]), as_float(row["upper"]), signed=True)
        bounds = f"The constant effects that the test does not reject at {level} are {bracket(values)}."
    return _of_inference("placebo", (words, bounds), *tables.placebo(found))


def _leave_one_out(summary: dict[str, Any]) -> Section | None:
    found = summary["inferences"].get("leave-one-out")
    if found is None:
        return None
    row = find(summary, found["estimator"], kind="leave-one-out-range")
    full, low, high = numbers(*(as_float(row[k]) for k in ("estimate", "lower", "upper")), signed=True)
    words = (
        f"Without each weighted donor in turn the average effect lies between {low} and {high}; with all of "
        f"them it is {full}. This is a range, not a confidence interval."
    )
    if len(found["table"]) == 1:
        words = f"Without its one weighted donor the average effect is {low}; with it {full}."
    return _of_inference("leave-one-out", (words,), tables.leave_one_out(found))


def _bootstrap(summary: dict[str, Any]) -> Section | None:
    boot = summary["inferences"].get("bootstrap")
    if boot is None:
        return None
    row = find(summary, boot["estimator"], kind="bootstrap-percentile")
    estimate, *bounds = numbers(*(as_float(row[k]) for k in ("estimate", "lower", "upper")), signed=True)
    words = (
        f"Users were drawn again with replacement {count(boot['replicates'], 'time')} (seed {boot['seed']}), the panel "
        f"rebuilt and the weights refitted each time. The middle {percent(as_float(row['level']))} of the average "
        f"effects is {bracket(bounds)}, around an estimate of {estimate}. It holds the sampling of users alone: "
        "an estimator that is off by its design is off in every resample too."
    )
    lost = f"{count(boot['failed'], 'replicate')} had a unit without any user and no answer." if boot["failed"] else ""
    short = f"It is {row['measured']}." if row.get("measured") else ""
    said = tuple(w for w in (words, short, lost) if w)
    return _of_inference("bootstrap", said)


AT_LENGTH: dict[str, Callable[[dict[str, Any]], Section | None]] = {
    "placebo": _placebo,
    "leave-one-out": _leave_one_out,
    "bootstrap": _bootstrap,
}
"""Inferences that are told at length, in a section of their own."""


def _of_inference(name: str, words: tuple[str, ...], *found: Table) -> Section:
    """The section of an inference that has one, with its picture."""
    return Section(INFERENCES[name].TITLE, slug_of(name), words, found, (slug_of(name),))


def further(analysis: Analysis, summary: dict[str, Any]) -> Section | None:
    """The inferences that have no section of their own: the most important sentence, the table and the picture."""
    others = {name: each for name, each in analysis.asked.items() if name not in AT_LENGTH}
    if not others:
        return None
    words = tuple(summary["inferences"][name]["sentences"][0] for name in others)
    found = tuple(
        tables.listed(each.table_at(analysis.level), f"{INFERENCES[name].TITLE}: the numbers")
        for name, each in others.items()
    )
    return Section("Further classical inference", "further", words, found, tuple(map(slug_of, others)))


def set_aside(analysis: Analysis, summary: dict[str, Any]) -> Section | None:
    """The inferences around an estimator that the verdict does not keep, behind the reason."""
    if not analysis.aside:
        return None
    rejected = analysis.choice.rejected.items()
    words = tuple(f"{METHODS.get(name, name)} is set aside, since {reason}." for name, reason in rejected)
    points = tuple(summary["inferences"][name]["sentences"][0] for name in analysis.aside)
    return Section("Set aside", "set-aside", words, points=points)
