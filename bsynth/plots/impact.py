"""Path, gap and cumulative effect on one time axis, one above the other."""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bsynth._base.types import FloatArray, IntervalKind
from bsynth.plots import style
from bsynth.plots.gap import draw_gap, gap_core
from bsynth.plots.key import key, key_height
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, BLUE, PURPLE, VERMILION
from bsynth.plots.trajectory import core_of, draw_band, draw_path
from bsynth.plots.view import Shown, View, of_each, view
from bsynth.plots.window import focus, window_words
from bsynth.text.numbers import bracket, numbers

SIZE = (9.4, 6.4)
HEIGHTS = (1.25, 1.0, 1.0)


def plot_impact(
    result: Shown,
    *,
    ax: Axes | None = None,
    level: float | None = None,
    interval: IntervalKind = "predictive",
) -> Axes:
    """Show three aligned panels: the path, the gap by period, and the gaps summed since the start.

    Parameters
    ----------
    result : Fit, Calibration, Estimate, inference by period, or Analysis
        Of an analysis what it reports. A point estimate has no bands, and inference by period none of the sum.
    ax : Axes, optional
        Draw here instead of in a new figure; it is divided, so it must stand in a grid, as those of
        ``plt.subplots`` do.
    level : float, optional
        Probability inside each band, and inside the intervals of the average and of the sum. By default 0.95, or an
        analysis's own.
    interval : {"predictive", "mean"}
        Kind of all of them; a calibration brings its own.

    Returns
    -------
    Axes
        Those of the path, as `bsynth.plots.plot_trajectory` draws it. Below them in the same figure are those of the
        gap (label ``gap``) and of the sum (label ``cumulative``), with a line of gid ``cumulative``.

    Raises
    ------
    PanelError
        When ``ax`` cannot be divided.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> ax = plot_impact(bs.classical(panel))
    >>> [part.get_label() for part in ax.figure.axes[1:]]
    ['gap', 'cumulative']
    """
    seen = view(result, level=level, interval=interval)
    with style.house():
        parts = style.divided(style.new_axes(ax, SIZE), heights=HEIGHTS, names=("path", "gap", "cumulative"))
        x = style.positions(seen.times)
        _path(parts[0], x, seen)
        _gap(parts[1], x, seen)
        _cumulative(parts[2], x, seen)
        for part in parts:
            part.yaxis.set_major_locator(MaxNLocator(nbins=6))
            style.time_axis(part, seen.times, seen.time, seen.zone)
        for part in parts[:-1]:
            part.tick_params(axis="x", labelbottom=False)
            part.set_xlabel("")
        style.heading(
            parts[0],
            f"What happened, the gap and its sum: {drawn(seen.outcome)}, {drawn(seen.treated, 40)}",
            [f"{seen.method}. {window_words(seen.periods, seen.n_pre)}."],
            reason=seen.reason,
            above=key_height(parts[0]),
        )
    return parts[0]


def _path(ax: Axes, x: NDArray[Any], seen: View) -> None:
    draw_path(ax, x, seen, donors=False)
    focus(ax, core_of(seen), None)
    style.start_line(ax, x[seen.n_pre])
    key(ax, key_of(seen))


def key_of(seen: View) -> list[tuple[Artist, str]]:
    """What each look of a path means: handles and their words."""
    line = Line2D([], [], color=BLUE, linewidth=1.8, linestyle=(0, (3, 1.2)))
    found: list[tuple[Artist, str]] = [
        (Line2D([], [], color=BLACK, linewidth=1.8), "observed"),
        (line, "counterfactual"),
    ]
    if seen.bounded:
        found.append((Patch(color=BLUE, alpha=0.25, linewidth=0), of_each(seen)))
    if seen.drifts:
        found.append((Line2D([], [], color=PURPLE, linewidth=1.5, linestyle=(0, (1, 1))), "donors alone"))
        found.append((Patch(color=PURPLE, alpha=0.25, linewidth=0), "its own drift"))
    return found


def _gap(ax: Axes, x: NDArray[Any], seen: View) -> None:
    draw_gap(ax, x, seen)
    focus(ax, gap_core(seen), None)
    style.start_line(ax, x[seen.n_pre], "")
    style.part_title(ax, f"Gap, observed less counterfactual; {said(seen, seen.average, 'average')}")


def _cumulative(ax: Axes, x: NDArray[Any], seen: View) -> None:
    after, table = x[seen.n_pre :], seen.cumulative
    bounds = table[["lower", "upper"]].to_numpy(dtype=float)
    draw_band(ax, after, bounds)
    ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
    sums = table["cumulative"].to_numpy(dtype=float)
    ax.plot(after, sums, color=VERMILION, linewidth=1.8, marker="o", markersize=3, zorder=4, gid="cumulative")
    core: FloatArray = np.column_stack([sums, bounds, np.zeros(len(sums))])
    focus(ax, core, None)
    style.start_line(ax, x[seen.n_pre], "")
    style.part_title(ax, f"Sum of the gaps since the start; {said(seen, seen.total, 'at the end')}")


def said(seen: View, row: Any, name: str) -> str:
    """Return "average +1.2, 95% calibrated [+0.3, +2.1]" of a row of effects; of a point the estimate alone."""
    estimate, *bounds = numbers(*(float(row[key]) for key in ("estimate", "lower", "upper")), signed=True)
    if np.isnan(float(row["lower"])):
        return f"{name} {estimate}"
    return f"{name} {estimate}, {seen.short.replace(chr(10), ' ')} {bracket(bounds)}"
