"""The house style of every picture: Okabe-Ito colours, line styles that survive black and white.

Colours: Okabe and Ito 2008, "Color universal design". Everything is set on the axes themselves, so
a picture drawn into somebody else's axes looks the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DAILY, HOURLY, MINUTELY, MONTHLY, AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import AutoLocator, FuncFormatter, MaxNLocator, ScalarFormatter, StrMethodFormatter
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from bsynth.errors import PanelError, SpecError, came
from bsynth.plots.labels import drawn, families, text_width, wrapped
from bsynth.text.marks import marked
from bsynth.text.numbers import tick

BLACK, BLUE, VERMILION, GREEN, ORANGE = "#000000", "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE = "#AA6096"
"""Of the drift, and of nothing else."""
GREY, PALE, INK = "#767676", "#BDBDBD", "#333333"
RED = "#B00020"
SIZE = (8.0, 4.6)
CHARACTER = 5.6
"""Width of a digit of a tick's label in points."""
KEY = 8.5
"""Points of the type of a key and of the label of the start line."""
_LINE = 12.5
"""Height of a line of subtitle in points."""


@dataclass(frozen=True)
class EndLabel:
    """A direct label at the right end of a line: its data position, words and colour."""

    x: Any
    y: float
    text: str
    color: str


class RoomyLocator(AutoLocator):
    """Ticks of a level axis of numbers, so few that their labels keep apart, however long the numbers are."""

    def __init__(self, ax: Axes) -> None:
        """Keep to the width of these axes."""
        super().__init__()
        self._axes = ax

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Return the places of the ticks, fewer of them until the longest label is narrower than their distance."""
        room = self._axes.get_window_extent().width * 72.0 / self._axes.figure.dpi
        found = list(super().tick_values(vmin, vmax))
        for most in range(8, 0, -1):
            longest = max(len(tick(value)) for value in map(float, found))
            if len(found) < 2 or CHARACTER * (longest + 2) < room * (found[1] - found[0]) / abs(vmax - vmin or 1.0):
                break
            found = list(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(vmin, vmax))
        else:
            # Not even two find room.
            found = [value for value in found if min(vmin, vmax) <= value <= max(vmin, vmax)][:1]
        return found


@contextmanager
def house(**more: Any) -> Iterator[None]:
    """Apply the style's fonts and sizes, and ``more`` settings, to what is created inside; nothing leaks out."""
    settings: dict[str, Any] = {
        "font.family": families(),
        "font.size": 9.5,
        "text.usetex": False,
        "axes.unicode_minus": True,
        "figure.dpi": 120,
        "svg.fonttype": "path",
        "svg.hashsalt": "bsynth",
    } | more
    # rc_context would also undo what a backend sets when the first figure loads it: a notebook stayed without pictures.
    current = cast("dict[str, Any]", mpl.rcParams)
    before = {name: current[name] for name in settings}
    current.update(settings)
    try:
        yield
    finally:
        current.update(before)


def check_axes(ax: object) -> None:
    """Refuse what is neither axes nor None, before anything is computed for a picture."""
    if ax is not None and not isinstance(ax, Axes):
        raise SpecError(f"ax is {came(ax)}; give matplotlib Axes, or leave it out")


def new_axes(ax: Axes | None, size: tuple[float, float] = SIZE) -> Axes:
    """Return ``ax``, or the axes of a new pyplot figure; either way with the light frame."""
    if ax is None:
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    check_axes(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.grid(True, color="#E8E8E8", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(colors=INK, length=3, color=PALE, labelsize=9)
    if type(ax.xaxis.get_major_locator()) is AutoLocator:
        ax.xaxis.set_major_locator(RoomyLocator(ax))
    for axis in (ax.xaxis, ax.yaxis):
        # Axes that name their ticks otherwise, as of dates, keep their way.
        if type(axis.get_major_formatter()) is ScalarFormatter:
            axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    return ax


def new_figure(size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """Return a figure that pyplot does not know, and its axes: for files, where nothing may leak."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def heading(
    ax: Axes,
    title: str,
    subtitle: Sequence[str],
    *,
    reason: str = "",
    above: float = 0.0,
    size: float = 12,
    across: bool = False,
) -> None:
    """Write title and subtitle at the left above the axes; above both, in red, the reason not to use what is shown.

    ``above`` are points left free between the axes and them; ``across``: they go on over the axes at the right.
    """
    free = above
    points = _heading_width(ax)
    if across:
        points = (right_edge(ax.figure) - float(ax.get_window_extent().x0)) * 72.0 / ax.figure.dpi
    head = wrapped(title, points, FontProperties(family=families(), size=size, weight="bold"))
    small = FontProperties(family=families(), size=9)
    sub = [line for text in subtitle if text for line in wrapped(text, points, small)]
    above = 6 + free + _LINE * len(sub)
    ax.set_title("\n".join(head), loc="left", fontsize=size, fontweight="bold", color=BLACK, pad=above + 3)
    ax.annotate(
        "\n".join(sub),
        (0, 1),
        (0, 6 + free),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9,
        color="#555555",
        va="bottom",
        annotation_clip=False,
    )
    if reason:
        # Broken like the title: a line wider than the figure would have the layout shrink the axes to nothing.
        large = min(11.0, size - 1)
        bold = FontProperties(family=families(), size=large, weight="bold")
        ax.annotate(
            "\n".join(wrapped(marked(reason), points - 8, bold)),
            (0, 1),
            (4, above + 12 + 1.375 * size * len(head)),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=large,
            fontweight="bold",
            color="white",
            va="bottom",
            annotation_clip=False,
            bbox={"facecolor": RED, "edgecolor": RED, "pad": 4},
        )


def figure_heading(figure: Figure, title: str, said: Sequence[str], *, reason: str) -> None:
    """Write title, subtitle and mark at the top left of a figure, which grows by their height."""
    width, height = figure.get_size_inches()
    points = 72.0 * float(width) - 16.0
    small = FontProperties(family=families(), size=9)
    lines = [line for text in said if text for line in wrapped(text, points, small)]
    rows: list[tuple[str, float, dict[str, Any]]] = []
    if reason:
        box = {"facecolor": RED, "edgecolor": RED, "pad": 4}
        rows.append((marked(reason), 24.0, {"fontsize": 11, "fontweight": "bold", "color": "white", "bbox": box}))
    rows.append((title, 17.0, {"fontsize": 12, "fontweight": "bold", "color": BLACK}))
    rows += [(line, 12.5, {"fontsize": 9, "color": "#555555"}) for line in lines]
    above = sum(each for _, each, _ in rows) + 12.0
    figure.set_size_inches(width, height + above / 72.0)
    at = -8.0
    for text, each, look in rows:
        # The figure's own texts: the layout of the axes leaves them alone, and a notebook does not cut them off.
        shift = ScaledTranslation(10 / 72.0, at / 72.0, figure.dpi_scale_trans)
        figure.text(0, 1, text, transform=figure.transFigure + shift, va="top", **look)
        at -= each
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - above / 72.0 / figure.get_size_inches()[1]))


def rule(figure: Figure, ends: tuple[float, float], y: float) -> Line2D:
    """Return a thin level line across a part of a figure, in shares of its width and height."""
    return Line2D(ends, (y, y), color=PALE, linewidth=0.8, transform=figure.transFigure)


def _heading_width(ax: Axes) -> float:
    """Points that a heading may be wide: to the figure's right edge when the axes stand alone in it."""
    figure = ax.figure
    if len(figure.axes) > 1:
        return float(ax.get_window_extent().width * 72.0 / figure.dpi)
    longest = max((len(t.get_text().split("\n")[0]) for t in ax.get_yticklabels()), default=0)
    return float(figure.bbox.width * 72.0 / figure.dpi - max(60.0, 5.8 * longest + 42.0))


def divided(ax: Axes, *, heights: Sequence[float], names: Sequence[str], hspace: float | None = None) -> list[Axes]:
    """Give the place of axes to several with one x axis, from the top; the first are the given ones.

    Raises
    ------
    PanelError
        When they stand in no grid.
    """
    inner = _place(ax).subgridspec(len(heights), 1, height_ratios=list(heights), hspace=hspace)
    ax.set_subplotspec(inner[0])
    ax.set_label(names[0])
    further = [ax.figure.add_subplot(inner[k], sharex=ax, label=names[k]) for k in range(1, len(heights))]
    return [ax, *map(new_axes, further)]


def beside(ax: Axes, *, share: float, names: tuple[str, str]) -> tuple[Axes, Axes]:
    """Give a ``share`` of the place of axes, at its right, to others.

    Raises
    ------
    PanelError
        When they stand in no grid.
    """
    inner = _place(ax).subgridspec(1, 2, width_ratios=[1 - share, share])
    ax.set_subplotspec(inner[0])
    ax.set_label(names[0])
    return ax, new_axes(ax.figure.add_subplot(inner[1], label=names[1]))


def _place(ax: Axes) -> SubplotSpec:
    """The place of axes in their grid."""
    place = ax.get_subplotspec()
    if place is None:
        raise PanelError("ax has no place in a grid, so it cannot be divided; give one of plt.subplots, or None")
    return place


def right_edge(figure: Figure | SubFigure) -> float:
    """Pixels from the figure's left edge to the end of the part of it that the layout gives to axes."""
    engine = figure.get_layout_engine()
    left, _, width, _ = (engine.get().get("rect") if engine is not None else None) or (0.0, 0.0, 1.0, 1.0)
    return float(figure.bbox.width * (left + width))


def part_title(ax: Axes, text: str) -> None:
    """Write a line, or several, above one panel of several."""
    small = FontProperties(family=families(), size=9, weight="bold")
    ax.set_title("\n".join(wrapped(text, _heading_width(ax), small)), loc="left", fontsize=9, fontweight="bold",
                 color=INK, pad=4)  # fmt: skip


def positions(times: pd.Index) -> NDArray[Any]:
    """Return the x positions of periods: numbers and dates as they are, other labels by their rank."""
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    numeric = isinstance(times, pd.DatetimeIndex) or pd.api.types.is_numeric_dtype(times)
    return times.to_numpy() if numeric else np.arange(len(times))


def time_axis(ax: Axes, times: pd.Index, name: str, zone: str = "") -> None:
    """Label the x axis: whole numbers without decimals, dates in their shortest form, hours on the clock of a zone."""
    x = positions(times)
    if np.issubdtype(x.dtype, np.datetime64):
        most = 9 if ax.get_window_extent().width * 72.0 / ax.figure.dpi > 300 else 5
        clock = pd.Timestamp(0, tz=zone or "UTC").tzinfo
        locator = AutoDateLocator(tz=clock, minticks=3, maxticks=most)  # type: ignore[no-untyped-call]
        # Where steps of its own are too many and the next unit has too few: one a year, a month, a day, an hour.
        for unit, whole in ((MONTHLY, 12), (DAILY, 31), (HOURLY, 24), (MINUTELY, 60)):
            locator.intervald[unit] = [*locator.intervald[unit], whole]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=clock))  # type: ignore[no-untyped-call]
    else:
        wide = float(ax.get_window_extent().width * 72.0 / ax.figure.dpi)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=max(3, min(9, int(wide / 38))), integer=True))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.margins(x=0.012)
    ax.set_xlabel(drawn(name), color=INK)


SHORT = "start"
"""Of the first treated period, where the words for it find no room."""


def start_line(ax: Axes, x: Any, words: str = "first treated period") -> None:
    """Draw the vertical line of the first treated period with its name beside it, at the top."""
    ax.axvline(x, color=INK, linewidth=1.0, linestyle=(0, (1, 1.5)), zorder=1.5, gid="start")
    if not words:
        return
    left, right = ax.get_xlim()
    at = float(ax.convert_xunits(x))  # type: ignore[no-untyped-call]
    share, wide = (at - left) / (right - left), text_width(words, KEY) + 8
    room = ax.get_window_extent().width * 72.0 / ax.figure.dpi
    if wide > room * max(share, 1 - share):
        words = SHORT
        wide = text_width(words, KEY) + 8
    side = -1 if (share > 0.4 and wide <= room * share) or wide > room * (1 - share) else 1
    ax.annotate(
        words,
        (at, 1),
        (4 * side, -3),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        ha="right" if side < 0 else "left",
        va="top",
        fontsize=KEY,
        color=INK,
        zorder=6,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def end_labels(ax: Axes, labels: Sequence[EndLabel]) -> None:
    """Write labels at the right ends of lines, moved apart where they would overlap.

    Call it when the y limits are final.
    """
    height = ax.get_window_extent().height * 72.0 / ax.figure.dpi
    low, high = ax.get_ylim()
    order = sorted(labels, key=lambda label: label.y)
    at = [min(max((label.y - low) / (high - low), 0.0), 1.0) * height for label in order]
    sizes = [12.0 * (label.text.count("\n") + 1) for label in order]
    placed = apart(at, sizes, height)
    for label, start, end in zip(order, at, placed, strict=True):
        y = min(max(label.y, low), high)
        ax.annotate(
            label.text,
            (label.x, y),
            (7, end - start),
            textcoords="offset points",
            color=label.color,
            fontsize=9,
            va="center",
            ha="left",
            annotation_clip=False,
        )


def apart(at: Sequence[float], sizes: Sequence[float], height: float) -> list[float]:
    """Centres of stacked boxes near ``at`` (increasing), without overlap and within the axes if they fit."""
    placed: list[float] = []
    for centre, size in zip(at, sizes, strict=True):
        floor = placed[-1] + (sizes[len(placed) - 1] + size) / 2 if placed else 0.0
        placed.append(max(centre, floor))
    # Half of the push goes back down, so that two close labels share the displacement.
    shift = max((p - a for p, a in zip(placed, at, strict=True)), default=0.0) / 2
    return [p - shift for p in placed]


def row_axis(ax: Axes, names: Sequence[str]) -> None:
    """Make a y axis of named rows, the first on top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")


def row_size(rows: int, *, each: float = 0.29) -> tuple[float, float]:
    """Return the size in inches of a figure with so many named rows, ``each`` inches high."""
    return SIZE[0], 1.7 + each * max(rows, 3)
