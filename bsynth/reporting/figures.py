"""The pictures of a report: drawn once, kept out of pyplot, saved or embedded."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsynth.analysis import Analysis, Finding, Inference
from bsynth.effects import without_bare_points
from bsynth.estimate import Estimate
from bsynth.frequentist import LeaveTwoOut, PlaceboTime
from bsynth.plots import (
    plot_bootstrap,
    plot_effects,
    plot_gap,
    plot_leave_one_out,
    plot_leave_two_out,
    plot_placebo,
    plot_placebo_time,
    plot_trajectory,
    plot_weights,
    style,
)
from bsynth.plots.forest import ROW
from bsynth.plots.labels import drawn
from bsynth.plots.view import PathInference
from bsynth.reporting.findings import findings_of
from bsynth.reporting.words import slug_of
from bsynth.result import Fit

DPI = 130


def main_result(analysis: Analysis) -> Fit | Estimate:
    """Return the result that the report is about: the first fit, else the first classical estimate."""
    if analysis.fits:
        return analysis.fits[0]
    if analysis.estimates:
        return analysis.estimates[0]
    inference = analysis.placebo or analysis.leave_one_out or analysis.bootstrap
    if inference is None:
        raise ValueError("the analysis is empty: it has no fit, no estimate and no inference to report")
    return inference.estimate


def figures(analysis: Analysis) -> dict[str, Figure]:
    """Draw every picture that the analysis has results for.

    Returns
    -------
    dict of Figure
        Keys among ``trajectory, gap, weights, effects, placebo, leave-one-out, bootstrap``, ``trajectory-2`` on
        for further fits, and the slugs of further inference and of findings. The figures are unknown to pyplot:
        nothing to close.
    """
    main, level, panel = main_result(analysis), analysis.level, analysis.panel
    beside = analysis.estimates[0] if analysis.fits and analysis.estimates else None
    found = {
        "trajectory": _over_time(lambda ax: plot_trajectory(main, ax=ax, level=level), panel.source.time),
        "gap": _over_time(lambda ax: plot_gap(main, ax=ax, level=level), panel.source.time),
        "weights": _in_rows(lambda ax: plot_weights(main, beside, ax=ax, level=level)),
        "effects": _in_rows(
            lambda ax: plot_effects(without_bare_points(analysis.effects()), ax=ax, truth=analysis.truth), each=ROW
        ),
    }
    for number, fit in enumerate(analysis.fits[1:], start=2):
        found[f"trajectory-{number}"] = _further(fit, level, panel.source.time)
    found |= _further_pictures(analysis)
    for figure in found.values():
        _settle(figure)
    return found


def _further_pictures(analysis: Analysis) -> dict[str, Figure]:
    """Pictures of the inference around the main result, and of what was found besides."""
    found, level, time = {}, analysis.level, analysis.panel.source.time
    if (placebo := analysis.placebo) is not None:
        found["placebo"] = _drawn(lambda ax: plot_placebo(placebo, ax=ax))
    if (loo := analysis.leave_one_out) is not None:
        found["leave-one-out"] = _in_rows(lambda ax: plot_leave_one_out(loo, ax=ax))
    if (boot := analysis.bootstrap) is not None:
        found["bootstrap"] = _drawn(lambda ax: plot_bootstrap(boot, ax=ax, level=level, truth=analysis.truth))
    for name, result in analysis.others.items():
        found[slug_of(name)] = _inference(result, level, time)
    for part, finding in findings_of(analysis):
        if part.plot is not None:
            found[part.slug] = _own_size(part.plot, finding)
    return found


def save_figures(analysis: Analysis, folder: str | Path, *, drawn: Mapping[str, Figure] | None = None) -> list[Path]:
    """Write every picture to ``folder`` as PNG and SVG and return the files.

    ``drawn`` are those of `figures`, when they are drawn already.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for key, figure in (figures(analysis) if drawn is None else drawn).items():
        for kind in ("png", "svg"):
            file = folder / f"{key}.{kind}"
            file.write_bytes(encoded(figure, kind))
            files.append(file)
    return files


def encoded(figure: Figure, kind: str) -> bytes:
    """Return the bytes of a PNG or SVG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with style.house():
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def _drawn(draw: Callable[[Axes], Axes]) -> Figure:
    figure, ax = style.new_figure()
    draw(ax)
    return figure


def _own_size(plot: Callable[..., Axes], finding: Finding) -> Figure:
    """Draw a finding in the figure that its picture makes for itself, and take that from pyplot."""
    figure = plot(finding).get_figure(root=True)
    if figure is None:
        raise TypeError(f"{plot.__name__} returned axes without a figure")
    plt.close(figure)
    return figure


def _settle(figure: Figure) -> None:
    """Lay a figure out and keep it so: a second file of the same figure is then the same picture."""
    with style.house():
        # Once for the sizes of the texts, once for the axes that make room for them.
        figure.draw_without_rendering()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def _over_time(draw: Callable[[Axes], Axes], time: str) -> Figure:
    """Name the time axis after the panel's column, which a fit read from a file may not know."""
    figure = _drawn(draw)
    figure.axes[0].set_xlabel(drawn(time))
    return figure


def _further(fit: Fit, level: float, time: str) -> Figure:
    return _over_time(lambda ax: plot_trajectory(fit, ax=ax, level=level), time)


def _inference(result: Inference, level: float, time: str) -> Figure:
    """Draw further classical inference; what gives an interval for each period is a gap with that band."""
    if isinstance(result, LeaveTwoOut):
        return _drawn(lambda ax: plot_leave_two_out(result, ax=ax))
    if isinstance(result, PlaceboTime):
        return _over_time(lambda ax: plot_placebo_time(result, ax=ax), time)
    return _over_time(lambda ax: plot_gap(cast(PathInference, result), ax=ax, level=level), time)


def _in_rows(draw: Callable[[Axes], Axes], *, each: float | None = None) -> Figure:
    """Give a picture of named rows the height that its rows need."""
    figure = _drawn(draw)
    rows = len(figure.axes[0].get_yticks())
    figure.set_size_inches(*(style.row_size(rows) if each is None else style.row_size(rows, each=each)))
    return figure
