"""Observed less counterfactual over time."""

from typing import Any

from matplotlib.axes import Axes
from numpy.typing import NDArray

from bsynth._base.types import IntervalKind
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.frequentist.estimate import Estimate
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, BLUE, VERMILION, EndLabel
from bsynth.plots.view import PathInference, View, view
from bsynth.plots.window import beyond, focus, window_words
from bsynth.text.numbers import bracket, numbers


def plot_gap(
    result: Fit | Calibration | Estimate | PathInference,
    *,
    ax: Axes | None = None,
    level: float = 0.95,
    interval: IntervalKind = "predictive",
) -> Axes:
    """Show the effect period by period: observed less counterfactual, and its average after the start.

    Parameters
    ----------
    result : Fit, Calibration, Estimate, or inference by period
        A point estimate has no band; a calibration, conformal, jackknife+ and prediction intervals bring their own.
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float
        Probability inside the band and the interval of the average.
    interval : {"predictive", "mean"}
        Kind of both, named beside them.

    Returns
    -------
    Axes
        With lines of gid ``gap``, ``average``, ``zero`` and ``start``.

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
        x, path = style.positions(seen.times), seen.path
        _lines(ax, x, seen)
        style.time_axis(ax, seen.times, seen.time)
        ax.set_ylabel(f"gap in {drawn(seen.outcome)}", color=style.INK)
        focus(ax, path[["gap", "gap_lower", "gap_upper"]].assign(zero=0.0).to_numpy(dtype=float), None)
        style.start_line(ax, x[seen.n_pre])
        style.end_labels(
            ax,
            [
                EndLabel(x[-1], float(path["gap"].iloc[-1]), "gap", BLACK),
                EndLabel(x[-1], float(seen.average["estimate"]), _average_words(seen), VERMILION),
            ],
        )
        band = f"Band, of each period: {seen.interval}" if seen.interval else ""
        style.heading(
            ax,
            f"Gap in {drawn(seen.outcome)}, observed less counterfactual: {drawn(seen.treated, 40)}",
            [f"{seen.method}. {window_words(seen.times, seen.n_pre)}.", band],
            reason=seen.reason,
        )
    return ax


def _lines(ax: Axes, x: NDArray[Any], seen: View) -> None:
    """Band, zero line, gap and its average after the start, in this order from the back."""
    path = seen.path
    if seen.interval:
        lower, upper = beyond(path[["gap_lower", "gap_upper"]].to_numpy(dtype=float)).T
        ax.fill_between(x, lower, upper, color=BLUE, alpha=0.18, linewidth=0, gid="band")
    ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
    ax.plot(x, path["gap"], color=BLACK, linewidth=1.7, marker="o", markersize=3, zorder=4, gid="gap")
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


def _average_words(seen: View) -> str:
    """Return "average +1.2" and, when there is one, its interval on further lines."""
    row = seen.average
    estimate, lower, upper = numbers(row["estimate"], row["lower"], row["upper"], signed=True)
    if not seen.interval:
        return f"average {estimate}"
    return f"average {estimate}\n{bracket((lower, upper))}\n{seen.short}"
