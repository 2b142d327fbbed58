"""The answer in one picture: the path with its band, and beside it one bar for the average effect."""

import math
import textwrap

import pandas as pd
from matplotlib.axes import Axes

from bsynth.plots import style
from bsynth.plots.impact import key_of
from bsynth.plots.key import key, key_height
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLUE, RED
from bsynth.plots.trajectory import core_of, draw_path
from bsynth.plots.view import Shown, view
from bsynth.plots.window import focus
from bsynth.text.numbers import numbers

SIZE = (7.6, 3.7)
LINE = 15.0
"""Points between the numbers of the bar, before the layout takes a part of its height."""
BAR = 0.17
"""Share of the width that the bar of the average has."""


def plot_answer(result: Shown, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Show what happened and what would have, with one bar for the average effect and its interval beside it.

    Parameters
    ----------
    result : Fit, Calibration, Estimate, inference by period, or Analysis
        Of an analysis what it reports. A point estimate has neither band nor bar.
    ax : Axes, optional
        Draw here instead of in a new figure; it is divided, so it must stand in a grid, as those of
        ``plt.subplots`` do.
    level : float, optional
        Probability inside the band and the bar. By default 0.95, or an analysis's own.

    Returns
    -------
    Axes
        Those of the path. Beside them in the same figure are those of the average (label ``average``), with lines of
        gid ``interval``, ``estimate`` and ``zero``.

    Raises
    ------
    PanelError
        When ``ax`` cannot be divided.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> plot_answer(bs.classical(panel)).figure.axes[1].get_label()
    'average'
    """
    seen = view(result, level=level, interval="predictive")
    with style.house():
        path, bar = style.beside(style.new_axes(ax, SIZE), share=BAR, names=("path", "average"))
        x = style.positions(seen.times)
        draw_path(path, x, seen, donors=False)
        style.time_axis(path, seen.times, seen.time, seen.zone)
        path.set_xlabel("")
        focus(path, core_of(seen), None)
        style.start_line(path, x[seen.n_pre])
        key(path, key_of(seen))
        draw_average(bar, seen.average, " ".join(seen.short.split()) if seen.interval else "", reason=seen.reason)
        style.heading(
            path, f"{drawn(seen.outcome)}: {drawn(seen.treated, 40)}", [], reason=seen.reason,
            above=key_height(path), size=10, across=True,
        )  # fmt: skip
    return path


def draw_average(
    ax: Axes,
    average: pd.Series,
    interval: str,
    *,
    reason: str,
    called: str = "average effect:",
    limits: tuple[float, float] | None = None,
) -> None:
    """Draw an effect with its interval, of a kind and level in words, with zero marked; without ``limits`` on an axis
    of its own."""
    estimate, lower, upper = (float(average[name]) for name in ("estimate", "lower", "upper"))
    shown = [value for value in (estimate, lower, upper, 0.0) if math.isfinite(value)]
    span = (max(shown) - min(shown)) or 1.0
    low, high = min(shown) - 0.12 * span, max(shown) + 0.12 * span
    if limits is not None:
        low, high = min(limits[0], low), max(limits[1], high)
    color = RED if reason else BLUE
    # Zero crosses the axis on which the bar stands.
    ax.plot([0, 0], [low, high], color=style.PALE, linewidth=1.0, zorder=1.5)
    # Its mark ends before the numbers of the bar.
    ax.plot([-0.3, 0.1], [0, 0], color=style.INK, linewidth=1.3, zorder=3, gid="zero")
    if not math.isnan(lower):
        bounds = [max(lower, low), min(upper, high)]
        ax.plot([0, 0], bounds, color=color, linewidth=7, alpha=0.45, solid_capstyle="butt", gid="interval")
    ax.plot([0], [estimate], "o", color=color, markersize=7, zorder=4, gid="estimate")
    ax.set_ylim(low, high)
    ax.set_xlim(-0.45, 1.0)
    # What is not to be used is not written large.
    if not reason:
        _write(ax, [value for value in (estimate, lower, upper) if not math.isnan(value)])
    ax.annotate("0", (-0.3, 0), (-4, 0), textcoords="offset points", ha="right", va="center", fontsize=9,
                color=style.INK, annotation_clip=False)  # fmt: skip
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    ax.spines[["left", "bottom"]].set_visible(False)
    kind = "not to be used" if reason else interval or "no interval"
    # No label of the axis, which is narrower: the layout would let the figure's edge cut its words.
    name = "\n".join([called, *textwrap.wrap(kind, 16)])
    ax.annotate(name, (0.5, 0), (0, -8), xycoords="axes fraction", textcoords="offset points", ha="center", va="top",
                color=style.INK, fontsize=8.5, annotation_clip=False)  # fmt: skip


def _write(ax: Axes, values: list[float]) -> None:
    """Write the estimate in bold, and its bounds, each at its height and moved apart where they would overlap."""
    low, high = ax.get_ylim()
    height = ax.get_window_extent().height * 72.0 / ax.figure.dpi
    order = sorted(range(len(values)), key=lambda k: values[k])
    at = [height * (min(max(values[k], low), high) - low) / (high - low) for k in order]
    moved = dict(zip(order, style.apart(at, [LINE] * len(at), height), strict=True))
    for k, text in enumerate(numbers(*values, signed=True)):
        ax.annotate(
            text, (0, moved[k] / height), (9, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="center", fontsize=9, fontweight="normal" if k else "bold", color=style.INK, annotation_clip=False,
        )  # fmt: skip
