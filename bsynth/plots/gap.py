"""Observed less counterfactual over time."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bsynth._base.types import FloatArray, IntervalKind
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, PURPLE, VERMILION, EndLabel
from bsynth.plots.trajectory import draw_band
from bsynth.plots.view import Shown, View, drift_words, view
from bsynth.plots.window import focus, window_words
from bsynth.text.numbers import bracket, numbers

MARKED = 80
"""Periods up to which each has a dot."""


def plot_gap(
    result: Shown,
    *,
    ax: Axes | None = None,
    level: float | None = None,
    interval: IntervalKind = "predictive",
) -> Axes:
    """Show the effect period by period: observed less counterfactual, and its average after the start.

    Parameters
    ----------
    result : Fit, Calibration, Estimate, inference by period, or Analysis
        Of an analysis what it reports. A point estimate has no band; a calibration, conformal, jackknife+ and
        prediction intervals bring their own.
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float, optional
        Probability inside the band and the interval of the average. By default 0.95, or an analysis's own.
    interval : {"predictive", "mean"}
        Kind of both, named beside them.

    Returns
    -------
    Axes
        With lines of gid ``gap``, ``average``, ``zero`` and ``start``. Where the model's drift can be seen, the line
        of gid ``gap-synthetic`` is the gap to the weighted donors alone, and the area of gid ``drift`` what of that
        the drift takes up.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> len(plot_gap(bs.classical(panel)).get_lines())
    4
    """
    seen = view(result, level=level, interval=interval)
    with style.house():
        ax = style.new_axes(ax)
        x = style.positions(seen.times)
        draw_gap(ax, x, seen)
        style.time_axis(ax, seen.times, seen.time, seen.zone)
        ax.set_ylabel(f"gap in {drawn(seen.outcome)}", color=style.INK)
        focus(ax, gap_core(seen), None)
        style.start_line(ax, x[seen.n_pre])
        style.end_labels(
            ax,
            [
                EndLabel(x[-1], float(seen.path["gap"].iloc[-1]), "gap", BLACK),
                EndLabel(x[-1], float(seen.average["estimate"]), _average_words(seen), VERMILION),
            ],
        )
        band = f"Band, of each period: {seen.interval}" if seen.bounded else ""
        style.heading(
            ax,
            f"Gap in {drawn(seen.outcome)}, observed less counterfactual: {drawn(seen.treated, 40)}",
            [f"{seen.method}. {window_words(seen.periods, seen.n_pre)}.", band, drift_words(seen)],
            reason=seen.reason,
        )
    return ax


def draw_gap(ax: Axes, x: NDArray[Any], seen: View) -> None:
    """Band, zero line, drift, gap and its average after the start, in this order from the back."""
    path, post = seen.path, slice(seen.n_pre, None)
    draw_band(ax, x[post], path[["gap_lower", "gap_upper"]].iloc[post].to_numpy(dtype=float))
    ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
    gap = path["gap"].to_numpy(dtype=float)
    if seen.drifts and seen.drift is not None:
        ax.fill_between(x, 0, seen.drift, color=PURPLE, alpha=0.16, linewidth=0, zorder=1.8, gid="drift")
        off = path["observed"].to_numpy(dtype=float) - seen.base
        ax.plot(x, off, color=PURPLE, linewidth=1.3, linestyle=(0, (1, 1.2)), zorder=3.5, gid="gap-synthetic")
    many = len(x) > MARKED
    ax.plot(x, gap, color=BLACK, linewidth=1.7, marker="" if many else "o", markersize=3, zorder=4, gid="gap")
    average = float(seen.average["estimate"])
    ax.plot(
        [x[seen.n_pre], x[-1]],
        [average, average],
        color=VERMILION,
        linewidth=1.8,
        linestyle=(0, (5, 1.5)),
        # A line over one period has no length.
        marker="_" if seen.n_pre == len(x) - 1 else None,
        markersize=14,
        markeredgewidth=1.8,
        zorder=5,
        gid="average",
    )


def gap_core(seen: View) -> FloatArray:
    """What a picture of the gap must show whole, bounds only where they are drawn."""
    path = seen.path[["gap", "gap_lower", "gap_upper"]].assign(zero=0.0, average=float(seen.average["estimate"]))
    path.loc[path.index[: seen.n_pre], ["gap_lower", "gap_upper"]] = np.nan
    if seen.drifts:
        path["off"] = seen.path["observed"] - seen.base
        path["drift"] = seen.drift
    return path.to_numpy(dtype=float)


def _average_words(seen: View) -> str:
    """Return "average +1.2" and, when there is one, its interval on further lines."""
    row = seen.average
    estimate, lower, upper = numbers(row["estimate"], row["lower"], row["upper"], signed=True)
    if not seen.interval:
        return f"average {estimate}"
    return f"average {estimate}\n{bracket((lower, upper))}\n{seen.short}"
