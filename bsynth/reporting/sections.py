"""What a report says, as data: titles, sentences, tables and the keys of pictures.

Sentences are built from ``to_dict()`` alone, so that no number can appear in words that is not in
``summary.json``; tables may add settings.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from bsynth.analysis import Analysis, AnyAnalysis, Finding, WavesAnalysis, units
from bsynth.analysis.steps import Steps
from bsynth.reporting import tables, waves
from bsynth.reporting.findings import Part, findings_of, reason_of
from bsynth.reporting.inference import AT_LENGTH, further, set_aside
from bsynth.reporting.opening import answer, opened, pre_fit_words
from bsynth.reporting.section import Section
from bsynth.reporting.words import (
    ASSUMPTIONS,
    as_float,
    find,
    gate_words,
    model_words,
    title_of,
    unit_words,
)
from bsynth.text.labels import METHODS, decapitalised, interval_words, plain
from bsynth.text.marks import UNRELIABLE, mark
from bsynth.text.numbers import bracket, count, numbers, percent

OPENED = ("answer", "path", "by-wave", "by-unit", "calendar", "methods-beside", "sources", "donors", "acting")
"""What is read at once, by slug: the first screen, and of the others at most five for each kind of analysis."""
FOLDED = (
    "verdict", "picture", "event-study", "bands",
    "certainty", "certificate", "prior-audit", "uncertainty",
    "classical", "weights", "donor-audit",
    "placebo", "leave-one-out", "bootstrap", "further", "set-aside", "units", "data-quality",
    "specification-curve", "decision",
    "unavailable", "assumptions", "methods", "data",
)  # fmt: skip
"""The appendix; what an analysis does not have is absent."""
ORDER = (*OPENED, *FOLDED)
IN_NUMBERS = {
    "uncertainty": "Shares of the uncertainty, in numbers",
    "decision": "What the decision rests on, in numbers",
}
"""Sections of the appendix that go on where an open one ends."""


def sections(
    analysis: AnyAnalysis, *, summary: dict[str, Any] | None = None, steps: Steps | None = None
) -> tuple[Section, ...]:
    """Return the report of an analysis, the answer first; ``summary`` is the analysis's, when it is there already.

    A section that cannot be had says so in its place, and what the panel cannot have stands in one of its own;
    ``steps`` keeps the reasons.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did"], progress=False)
    >>> [section.slug for section in sections(analysis)][:3]
    ['answer', 'path', 'methods-beside']
    """
    summary = analysis.to_dict() if summary is None else summary
    steps = Steps(analysis.unavailable) if steps is None else steps
    makers = waves.makers(analysis, summary) if isinstance(analysis, WavesAnalysis) else _makers(analysis, summary)
    makers |= {part.slug: partial(_finding, part, result) for part, result in findings_of(analysis)}
    shown = {str(unit): plain(unit) for unit in analysis.panel.units if plain(unit) != str(unit)}
    found = [_section(slug, make, steps) for slug, make in makers.items()]
    found.append(_unavailable(steps))
    ordered = sorted((section for section in found if section is not None), key=_position)
    return tuple(_legible(section, shown) for section in _said_once(ordered))


def _makers(analysis: Analysis, summary: dict[str, Any]) -> dict[str, Callable[[], Section | None]]:
    """Return what makes each section of an analysis of one start, by slug."""
    return {
        "answer": lambda: answer(analysis),
        **opened(analysis, summary),
        "verdict": lambda: Section("The verdict in full", "verdict", analysis.verdict.details),
        "picture": lambda: _picture(analysis, summary),
        "certainty": lambda: _certainty(analysis, summary),
        "classical": lambda: _classical(analysis, summary),
        "weights": lambda: _weights(analysis, summary),
        **{name: partial(make, summary) for name, make in AT_LENGTH.items()},
        "further": lambda: further(analysis, summary),
        "set-aside": lambda: set_aside(analysis, summary),
        "units": lambda: _units(analysis),
        "assumptions": lambda: Section("Assumptions, and what would break them", "assumptions", ASSUMPTIONS),
        "methods": lambda: _methods(analysis, summary),
        "data": lambda: _data(analysis, summary),
    }


def _said_once(found: list[Section]) -> list[Section]:
    """What is open is neither said nor titled again in the appendix, where its numbers and pictures stay."""
    said = {sentence for section in found if section.opened for sentence in section.sentences}
    return [
        section
        if section.opened or section.slug not in IN_NUMBERS
        else replace(
            section,
            title=IN_NUMBERS[section.slug],
            paragraphs=tuple(
                words for words in section.paragraphs if words.startswith(UNRELIABLE) or words not in said
            ),
        )
        for section in found
    ]


def _section(slug: str, make: Callable[[], Section | None], steps: Steps) -> Section | None:
    """Make a section, or one in its place that says why it is not there."""
    name = f"section {slug}"
    made = steps.attempt(name, make)
    if made is not None or name not in steps.unavailable:
        return made
    title = slug.replace("-", " ").capitalize()
    return Section(title, slug, (f"This section is not available: {plain(steps.unavailable[name], 300)}.",))


def _unavailable(steps: Steps) -> Section | None:
    """What was asked for and cannot be had, each with its reason."""
    if not steps.unavailable:
        return None
    points = tuple(f"{name}: {plain(reason, 400)}." for name, reason in steps.unavailable.items())
    return Section("Not available on this panel", "unavailable", (_LACKS,), points=points)


_LACKS = "What follows was asked for, or belongs to a whole report, and cannot be had here; everything else stands."


def _legible(section: Section, shown: dict[str, str]) -> Section:
    """Write units in the words of others as the report does: on one line, shortened, without control characters."""

    def written(text: str) -> str:
        for unit in sorted(shown, key=len, reverse=True):
            text = text.replace(unit, shown[unit])
        return text

    return replace(
        section, paragraphs=tuple(map(written, section.paragraphs)), points=tuple(map(written, section.points))
    )


def _position(section: Section) -> float:
    """Place of a section in the order; one that it does not name stands before the assumptions."""
    return ORDER.index(section.slug) if section.slug in ORDER else ORDER.index("assumptions") - 0.5


def _picture(analysis: Analysis, summary: dict[str, Any]) -> Section:
    panel = summary["panel"]
    words = (
        f"The line of the counterfactual says what {unit_words(panel)} would have done untreated; up to the "
        f"start ({panel['start_words']}) it should follow the observed line, since only that period was used "
        "to fit it. The gap between the two after the start is the effect."
    )
    if summary["calibration"] is not None:
        words += (
            " The bands are intervals of single treated periods, calibrated on the donors as that of the average is."
        )
    further = tuple(f"trajectory-{n}" for n in range(2, len(analysis.fits) + 1))
    return Section("Period by period", "picture", (words,), (), ("trajectory", "gap", *further))


def _certainty(analysis: Analysis, summary: dict[str, Any]) -> Section:
    if not summary["diagnostics"]:
        lacks = [
            f"The {k} is not available: {v}." for k, v in summary["unavailable"].items() if k.startswith("posterior")
        ]
        words = (
            "No posterior was computed, so there is no probability of an effect. What follows gives points, "
            "and the intervals of the classical procedures that were run."
        )
        return Section("How sure, and why", "certainty", (*lacks, words, *pre_fit_words(summary)))
    paragraphs = []
    for model in summary["diagnostics"]:
        paragraphs += gate_words(model)
    for kind, words in (
        ("predictive", "adds the noise of single periods to what is not known of weights and level"),
        ("mean", "leaves the noise of single periods out"),
    ):
        row = find(summary, summary["path_method"], kind=kind)
        bounds = numbers(as_float(row["lower"]), as_float(row["upper"]), signed=True)
        paragraphs.append(f"The {percent(as_float(row['level']))} {kind} interval {bracket(bounds)} {words}.")
    paragraphs += pre_fit_words(summary)
    if summary["calibration"] is not None:
        row = find(summary, summary["path_method"], kind="calibrated")
        bounds = numbers(as_float(row["lower"]), as_float(row["upper"]), signed=True)
        paragraphs.append(
            f"The {percent(as_float(row['level']))} calibrated interval {bracket(bounds)} is the model's own, "
            "moved to what the donors show when each of them plays the treated unit: how far their gaps stray "
            "after the start although nothing was done to them."
        )
        paragraphs += summary["calibration"]["notes"]
    if summary["checks"] is not None:
        paragraphs += summary["checks"]["sentences"]
    if any(spec["drift"]["process"] == "none" for spec in summary["models"]):
        paragraphs.append(
            "A model without drift takes the noise of different periods as independent. Where the treated unit and "
            "its donors drift apart slowly, the interval of an average over many periods is then too narrow."
        )
    return Section("How sure, and why", "certainty", tuple(paragraphs), (tables.diagnostics(summary),))


def _classical(analysis: Analysis, summary: dict[str, Any]) -> Section:
    """All methods in one table and one picture, with the sentences on what each presumes."""
    data = analysis.panel.notes()
    own: dict[object, str] = {}
    for name, each in analysis.estimates.items():
        for at, note in enumerate(note for note in each.notes() if note not in data):
            # A condition, which comes first, is said once of several estimates that rest on it.
            own.setdefault((name, note) if at else note, _condition(name, note))
    words = "Every method answers the same question on the same panel: the average effect over the treated window."
    if analysis.estimates:
        words += " Each classical estimator rests on a condition of its own; they follow."
    return Section(
        "The classical answer beside it",
        "classical",
        (words, *data, *own.values(), *_measured(summary)),
        (tables.methods(summary),),
        ("effects",),
    )


def _measured(summary: dict[str, Any]) -> list[str]:
    """How often the intervals of methods that fail held the truth, for the rows of the table that have such a one."""
    rows = [r for r in summary["effects"] if r["estimand"] == "average" and r.get("measured")]
    return [f"{title_of(r)}, {interval_words(r['interval'], as_float(r['level']))}: {r['measured']}." for r in rows]


def _condition(estimator: str, note: str) -> str:
    """Say whose condition it is."""
    name = METHODS.get(estimator, plain(estimator))
    return f"{name} {note.removeprefix('It ')}" if note.startswith("It ") else f"{name}: {note}"


def _weights(analysis: Analysis, summary: dict[str, Any]) -> Section:
    words = (
        "The counterfactual is made of these donors. The effect may be well known although single weights are "
        "not: donors that move together can stand in for each other."
    )
    return Section("Donor weights", "weights", (words,), (tables.weights(summary, analysis.main.reason),), ("weights",))


def _units(analysis: Analysis) -> Section | None:
    """The effect on each treated unit by itself."""
    if analysis.per_unit is None:
        return None
    words = (units.note(analysis.panel, analysis.choice.kept),)
    found = tables.listed(analysis.per_unit, "The average effect on each treated unit", rows=len(analysis.per_unit))
    return Section("Each treated unit", "units", words, (found,))


def _finding(part: Part, finding: Finding) -> Section:
    """What was found besides: its words, its table and its picture."""
    reason, frame = reason_of(finding), part.frame(finding)
    words = tuple(finding.sentences())
    if not words[0].startswith(UNRELIABLE):
        words = (*mark(reason), *words)
    found = () if frame is None else (tables.listed(frame, part.caption, reason=reason),)
    figures = () if part.plot is None else (part.slug,)
    return Section(part.title, part.slug, words, found, figures)


def _methods(analysis: Analysis, summary: dict[str, Any]) -> Section:
    paragraphs = [model_words(spec) for spec in summary["models"]]
    paragraphs += [d["reason"] for d in summary["diagnostics"] if d["reason"]]
    names = dict.fromkeys(r["method"] for r in summary["pre_fit"] if r["method"] != "bayes")
    if names:
        listed = ", ".join(decapitalised(METHODS.get(n, plain(n))) for n in names)
        paragraphs.append(
            f"Classical estimators: {listed}. Weights add up to one and, but for ridge augmentation, are non-negative; "
            "they are fitted over the periods before the start; difference in differences weights all donors alike."
        )
    paragraphs.append(
        f"All intervals have level {percent(as_float(summary['level']))}; posterior intervals are equal-tailed. "
        f"The seed is {summary['seed']}. Lift is the sum of the gaps over the size of the "
        "counterfactual's sum, so that it has the sign of the effect."
    )
    found = tables.sampler(analysis)
    return Section("Methods", "methods", tuple(paragraphs), () if found is None else (found,))


def _data(analysis: Analysis, summary: dict[str, Any]) -> Section:
    panel = summary["panel"]
    words = (
        f"{panel['rows_used']:,} of {count(panel['rows_in'], 'row')} were used: {count(panel['units'], 'unit')} over "
        f"{count(panel['times'], 'period')}, {panel['n_pre']} before the start and {panel['n_post']} from it on."
    )
    found = (tables.data(analysis, summary), tables.versions(summary))
    return Section("Data and versions", "data", (words, *panel["notes"]), found)
