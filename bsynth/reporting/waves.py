"""The report of an analysis of several waves: its blocks and pictures, for the same page, card and slide."""

from collections.abc import Callable
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from bsynth._base.plain import show
from bsynth.analysis import WavesAnalysis
from bsynth.analysis.waves.result import rank
from bsynth.bayesian.waves.result import UNPOOLED, WavesFit
from bsynth.calibration.waves import WavesCalibration
from bsynth.plots import plot_calendar, plot_event_study, plot_units, plot_waves_answer
from bsynth.plots.answer import SIZE
from bsynth.plots.waves import calendar_height
from bsynth.reporting import tables
from bsynth.reporting.drawing import MARK, Drawing, drawn_in, finished, in_two_widths
from bsynth.reporting.forest import Named, forest_of
from bsynth.reporting.opening import acting, answer, methods
from bsynth.reporting.section import Section
from bsynth.reporting.tables import Table
from bsynth.reporting.words import ASSUMPTIONS, gate_words, model_words, no_posterior_words
from bsynth.text.labels import METHODS, decapitalised, plain
from bsynth.text.numbers import count, fixed, percent

UNITS = 12
"""Treated units whose bars are open on the page; all of them stand in the table below."""
DONORS = 8
"""Donors of each unit that a table names."""


def makers(analysis: WavesAnalysis, summary: dict[str, Any]) -> dict[str, Callable[[], Section | None]]:
    """Return what makes each section, by slug."""
    return {
        "answer": lambda: answer(analysis),
        "by-wave": lambda: _by_wave(analysis, summary),
        "by-unit": lambda: _by_unit(analysis, summary),
        "calendar": lambda: _calendar(analysis),
        "methods-beside": lambda: methods(summary),
        "acting": lambda: acting(summary),
        "verdict": lambda: Section("The verdict in full", "verdict", analysis.verdict.details),
        "event-study": lambda: _event_study(analysis, summary),
        "certainty": lambda: _certainty(analysis, summary),
        "classical": lambda: _classical(analysis, summary),
        "weights": lambda: _weights(analysis, summary),
        "units": lambda: _units(analysis, summary),
        "assumptions": lambda: Section("Assumptions, and what would break them", "assumptions", ASSUMPTIONS),
        "methods": lambda: _methods(analysis, summary),
        "data": lambda: _data(analysis, summary),
    }


def _rows(summary: dict[str, Any], over: str, *, kind: str = "") -> list[dict[str, Any]]:
    """Rows of the main method over waves or units: of a kind of interval, else those with one before bare points."""
    main = summary["path_method"]
    found = [row for row in summary["effects"] if row["over"] == over and main in (row["model"], row["method"])]
    best: dict[Any, dict[str, Any]] = {}
    for row in sorted(found, key=lambda row: rank(row["interval"])):
        if row["interval"] == kind or (not kind and row["interval"] != UNPOOLED):
            best.setdefault(row["label"], row)
    return [best[of] for of in dict.fromkeys(row["label"] for row in found) if of in best]


def _by_wave(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    sizes, labels = {str(show(wave.start)): len(wave.units) for wave in analysis.panel.waves}, analysis.panel.labels
    named = [
        Named(row, str(row["estimand"]), main=True, note=f"; {labels.units(sizes[row['label']])}")
        for row in _rows(summary, "wave")
    ]
    words = "A wave is what starts together; its effect is the mean over its units and their treated periods."
    return Section("By wave", "by-wave", (words,), forest=forest_of(named, "Effect by wave"), opened=True)


def _by_unit(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    unit, method = analysis.panel.labels.unit, summary["path_method"]
    words = f"Each {unit} by itself, by {decapitalised(METHODS.get(method, method))}: a point."
    figures: tuple[str, ...] = ()
    alone: dict[Any, dict[str, Any]] = {}
    if analysis.fits:
        alone = {row["label"]: row for row in _rows(summary, "unit", kind=UNPOOLED)}
        figures = ("units",)
        kind = "pooled" if analysis.calibration is None else "pooled and calibrated"
        words = (
            f"Bold: {kind}, what a {unit}'s own data say together with what the others show. Thin: its own fit alone. "
            "The noisier that is, the nearer pooling draws it to the rest."
        )
    rows = _rows(summary, "unit")
    rest = len(rows) - UNITS
    if rest > 0:
        words += f" {count(rest, 'further one is', 'further ones are')} in the appendix."
    named = [Named(r, str(r["estimand"]), main=True, under=alone.get(r["label"])) for r in rows[:UNITS]]
    bars = forest_of(named, "Effect by unit")
    return Section(f"By {plain(unit)}", "by-unit", (words,), figures=figures, forest=bars, opened=True)


def _calendar(analysis: WavesAnalysis) -> Section:
    """Who is treated when, which donors serve each wave, and until when."""
    panel = analysis.panel
    return Section(
        "Who is treated when, and who serves as donor", "calendar", panel.notes(), figures=("calendar",), opened=True
    )


def _event_study(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    words = (
        "Period 0 is the first treated one of each unit. Late periods are of fewer units, since those that started "
        "last are not seen so long: a path that bends may be another mix of units."
    )
    path = analysis.path()
    found = tables.listed(path, "The effect by time since the start", reason=summary["effects_reason"], rows=len(path))
    figures = ("event-study",) if isinstance(analysis.main, WavesFit) else ()
    return Section("By time since the start", "event-study", (words,), (found,), figures)


def _certainty(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    if not summary["diagnostics"]:
        return Section("How sure, and why", "certainty", tuple(no_posterior_words(summary)))
    said = [words for model in summary["diagnostics"] for words in gate_words(model)]
    results = [analysis.calibration, *analysis.fits]
    said += [words for each in results if each is not None for words in each.sentences(analysis.level)]
    if reason := summary["unavailable"].get("calibration"):
        said.append(f"The interval is not calibrated on the donors: {reason}.")
    return Section("How sure, and why", "certainty", tuple(dict.fromkeys(said)), (tables.diagnostics(summary),))


def _classical(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    """All methods on the overall effect, the condition of each, and what placebo waves found."""
    own = [f"{METHODS.get(name, name)}: {each.remarks[0]}" for name, each in analysis.estimates.items()]
    tests = [
        f"{METHODS.get(each.estimate.estimator, each.estimate.estimator)}. {each.sentences(analysis.level)[0]}"
        for each in analysis.inferences.values()
    ]
    overall = [row | {"estimand": "average"} for row in summary["effects"] if row["estimand"] == "overall"]
    return Section(
        "The classical answer beside it", "classical", (*own, *tests), (tables.methods(summary | {"effects": overall}),)
    )


def _weights(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    words = "Each treated unit has its own donors and weights: first their mean over units, then the heaviest of each."
    rows = [{"Treated": plain(show(unit)), "Heaviest donors": _heaviest(each)} for unit, each in _by_treated(analysis)]
    table = Table(pd.DataFrame(rows), "The heaviest donors of each treated unit", analysis.main.reason)
    return Section("Donor weights", "weights", (words,), (tables.weights(summary, analysis.main.reason), table))


def _by_treated(analysis: WavesAnalysis) -> list[tuple[Any, pd.Series]]:
    main = analysis.main
    if isinstance(main, WavesFit):
        found = main.weights_table()
        return [(unit, found[unit].dropna()) for unit in found]
    return [(unit, each.set_index("donor")["weight"]) for unit, each in main.weights.groupby("unit", sort=False)]


def _heaviest(weights: pd.Series) -> str:
    first = weights.sort_values(ascending=False).head(DONORS)
    return ", ".join(f"{plain(show(donor), 24)} {fixed(float(w), 2)}" for donor, w in first.items() if w >= 0.005)


def _units(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    found = analysis.unit_effects()
    caption = f"The effect on each treated unit{', by its own fit and pooled' if analysis.fits else ''}"
    who = tables.listed(analysis.panel.table, "Start, donors and periods of each treated unit", rows=len(found))
    shown = tables.listed(found, caption, reason=summary["effects_reason"], rows=len(found))
    return Section("Each treated unit", "units", (), (shown, who))


def _methods(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    said = [model_words(spec) for spec in summary["models"]]
    said += [d["reason"] for d in summary["diagnostics"] if d["reason"]]
    if analysis.estimates:
        listed = ", ".join(decapitalised(METHODS.get(n, plain(n))) for n in analysis.estimates)
        said.append(
            f"Classical estimators: {listed}. Each treated unit is fitted against its own donors before its own start, "
            "and gaps are averaged over treated unit-periods, each with the same weight."
        )
    said.append(f"All intervals have level {percent(analysis.level)}. The seed is {analysis.seed}.")
    found = tables.sampler(analysis)
    return Section("Methods", "methods", tuple(said), () if found is None else (found,))


def _data(analysis: WavesAnalysis, summary: dict[str, Any]) -> Section:
    panel = summary["panel"]
    words = (
        f"{panel['rows_used']:,} of {count(panel['rows_in'], 'row')} were used: {count(panel['units'], 'unit')} over "
        f"{count(panel['times'], 'period')}."
    )
    return Section("Data and versions", "data", (words,), (tables.data(analysis, summary), tables.versions(summary)))


def drawings(analysis: WavesAnalysis) -> dict[str, Callable[[], Drawing]]:
    """Return every picture of the analysis, each as what draws it."""
    level, room = analysis.level, MARK if analysis.effects_reason else 0.0

    def sized(size: tuple[float, float]) -> Figure:
        return drawn_in(lambda ax: plot_waves_answer(analysis, ax=ax, level=level), (size[0], size[1] + room))

    size = (8.0, calendar_height(analysis.panel))
    found: dict[str, Callable[[], Drawing]] = {
        "answer": partial(in_two_widths, sized, SIZE, (3.75, 2.9)),
        "calendar": lambda: finished(drawn_in(lambda ax: plot_calendar(analysis.panel, ax=ax), size)),
    }
    if isinstance(main := analysis.main, WavesFit):
        shown = analysis.calibration or main
        found["event-study"] = lambda: finished(drawn_in(lambda ax: plot_event_study(shown, ax=ax, level=level)))
        found["units"] = lambda: finished(_units_figure(shown, level))
    return found


def _units_figure(result: WavesFit | WavesCalibration, level: float) -> Figure:
    figure = plot_units(result, level=level, most=UNITS)
    plt.close(figure)
    return figure


def frames(analysis: WavesAnalysis) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return what makes the numbers behind each picture, by key."""
    return {
        "answer": analysis.path,
        "event-study": analysis.path,
        "units": analysis.unit_effects,
        "calendar": lambda: analysis.panel.table,
    }


def reasons(analysis: WavesAnalysis) -> dict[str, str]:
    """Why pictures, by key, show what is unreliable."""
    return dict.fromkeys(("answer", "event-study", "units"), analysis.effects_reason)
