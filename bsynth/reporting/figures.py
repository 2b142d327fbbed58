"""The pictures of a report: drawn once, kept out of pyplot, saved or embedded."""

import inspect
import io
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from bsynth._base.request import whole
from bsynth.analysis import Analysis, AnyAnalysis, Finding, WavesAnalysis
from bsynth.analysis.steps import Steps
from bsynth.bayesian.result import Fit
from bsynth.effects import without_bare_points
from bsynth.frequentist import LeaveOneOut
from bsynth.frequentist.inference import Inference
from bsynth.plots import answer as plots_answer
from bsynth.plots import impact as plots_impact
from bsynth.plots import (
    picture_of,
    plot_answer,
    plot_effects,
    plot_gap,
    plot_impact,
    plot_trajectory,
    plot_weights,
    style,
)
from bsynth.plots.forest import ROW
from bsynth.plots.labels import drawn
from bsynth.reporting import waves
from bsynth.reporting.drawing import MARK, Drawing, drawn_in, finished, in_two_widths
from bsynth.reporting.findings import findings_of
from bsynth.reporting.words import slug_of

SIZES: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "answer": (plots_answer.SIZE, (3.75, 3.1)),
    "impact": (plots_impact.SIZE, (3.75, 6.6)),
}
"""Inches of the pictures that are drawn for a page and for a phone."""
COLOURS = 128
"""Of a picture that a page holds as PNG."""
WHITE, NEARLY = 255, 254


def drawings(analysis: AnyAnalysis) -> dict[str, Callable[[], Drawing]]:
    """Return every picture that the analysis has results for, each as what draws it.

    Keys are among ``answer, impact, trajectory, gap, weights, effects``, ``trajectory-2`` on for further fits, and the
    slugs of inferences and findings. The first four are of what the headline reports.
    """
    if isinstance(analysis, WavesAnalysis):
        besides = {key: partial(_made, draw) for key, draw in _of_findings(analysis).items()}
        return waves.drawings(analysis) | besides
    main, level, time, answer = analysis.main, analysis.level, analysis.panel.source.time, analysis.reported
    beside = next(iter(analysis.estimates.values()), None) if analysis.fits else None
    found: dict[str, Callable[[], Figure]] = {
        "trajectory": lambda: _over_time(lambda ax: plot_trajectory(answer, ax=ax, level=level), time),
        "gap": lambda: _over_time(lambda ax: plot_gap(answer, ax=ax, level=level), time),
        "weights": lambda: _in_rows(lambda ax: plot_weights(main, beside, ax=ax, level=level)),
        "effects": lambda: _in_rows(
            lambda ax: plot_effects(without_bare_points(analysis.effects()), ax=ax, truth=analysis.truth), each=ROW
        ),
    }
    for number, fit in enumerate(analysis.fits[1:], start=2):
        found[f"trajectory-{number}"] = partial(_further, fit, level, time)
    found |= _further_drawings(analysis)
    room = MARK if analysis.effects_reason else 0.0
    both: dict[str, Callable[[tuple[float, float]], Figure]] = {
        "answer": lambda size: drawn_in(lambda ax: plot_answer(answer, ax=ax, level=level), (size[0], size[1] + room)),
        "impact": lambda size: _named_below(drawn_in(lambda ax: plot_impact(answer, ax=ax, level=level), size), time),
    }
    made: dict[str, Callable[[], Drawing]] = {key: partial(in_two_widths, both[key], *SIZES[key]) for key in both}
    return made | {key: partial(_made, draw) for key, draw in found.items()}


def figures(analysis: AnyAnalysis, steps: Steps | None = None) -> dict[str, Drawing]:
    """Draw every picture that the analysis has results for.

    Parameters
    ----------
    analysis : Analysis or WavesAnalysis
    steps : Steps, optional
        Keeps the reason of a picture that cannot be drawn; it is then left out.

    Returns
    -------
    dict of Drawing
        By the keys of `drawings`.
    """
    steps = Steps() if steps is None else steps
    drawn = {key: steps.attempt(picture_name(key), draw) for key, draw in drawings(analysis).items()}
    return {key: figure for key, figure in drawn.items() if figure is not None}


def picture_name(key: str) -> str:
    """Return the name under which a picture that cannot be drawn is kept."""
    return f"picture {key}"


def _further_drawings(analysis: Analysis) -> dict[str, Callable[[], Figure]]:
    """Pictures of the inference around the main result, and of what was found besides."""
    found: dict[str, Callable[[], Figure]] = {}
    for name, result in analysis.asked.items():
        found[slug_of(name)] = partial(_of_inference, result, analysis.level, analysis.truth)
    return found | _of_findings(analysis)


def _of_findings(analysis: AnyAnalysis) -> dict[str, Callable[[], Figure]]:
    return {
        part.slug: partial(_own_size, part.plot, finding)
        for part, finding in findings_of(analysis)
        if part.plot is not None
    }


def save_figures(
    analysis: AnyAnalysis, folder: str | Path, *, drawn: Mapping[str, Drawing] | None = None
) -> list[Path]:
    """Write every picture to ``folder`` as PNG and SVG and return the files.

    ``drawn`` are those of `figures`, when they are drawn already.
    """
    given = figures(analysis) if drawn is None else drawn
    return [file for key, drawing in given.items() for file in save_figure(drawing, key, Path(folder))]


def save_figure(drawing: Drawing, key: str, folder: Path) -> list[Path]:
    """Write one picture to ``folder`` as PNG and SVG, both or none, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {folder / f"{key}.png": drawing.png, folder / f"{key}.svg": drawing.svg}
    with ExitStack() as both:
        for file, content in made.items():
            both.enter_context(whole(file)).write_bytes(content)
    return list(made)


def _named_below(figure: Figure, time: str) -> Figure:
    """Name the lowest time axis after the panel's column."""
    figure.axes[-1].set_xlabel(drawn(time))
    return figure


def _own_size(plot: Callable[..., Axes], finding: Finding) -> Figure:
    """Draw a finding in the figure that its picture makes for itself, and take that from pyplot."""
    figure = plot(finding).get_figure(root=True)
    if figure is None:
        raise TypeError(f"{plot.__name__} returned axes without a figure")
    plt.close(figure)
    return figure


def _made(draw: Callable[[], Figure]) -> Drawing:
    drawing = finished(draw())
    return replace(drawing, small=_of_few_colours(drawing.png))


def _of_few_colours(png: bytes) -> bytes:
    """The picture with colours that lie near each other as one: an octree keeps rare ones, and takes half the time."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE)
    # It takes the middle of what it puts together, and white lies at the end.
    few.putpalette([WHITE if value == NEARLY else value for value in few.getpalette() or ()])
    few.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _over_time(draw: Callable[[Axes], Axes], time: str) -> Figure:
    """Name the time axis after the panel's column, which a fit read from a file may not know."""
    figure = drawn_in(draw)
    figure.axes[0].set_xlabel(drawn(time))
    return figure


def _further(fit: Fit, level: float, time: str) -> Figure:
    return _over_time(lambda ax: plot_trajectory(fit, ax=ax, level=level), time)


def _of_inference(result: Inference, level: float, truth: float | None) -> Figure:
    """Draw classical inference: its own picture, with the settings that this one takes."""
    draw = picture_of(result)
    takes = inspect.signature(draw).parameters
    settings = {name: each for name, each in (("level", level), ("truth", truth)) if name in takes}
    named = isinstance(result, LeaveOneOut)
    return (_in_rows if named else drawn_in)(lambda ax: draw(result, ax=ax, **settings))


def _in_rows(draw: Callable[[Axes], Axes], *, each: float | None = None) -> Figure:
    """Give a picture of named rows the height that its rows need."""
    figure = drawn_in(draw)
    rows = len(figure.axes[0].get_yticks())
    figure.set_size_inches(*(style.row_size(rows) if each is None else style.row_size(rows, each=each)))
    return figure
