"""Placebo in time and leave two out."""

import numpy as np
from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.frequentist import LeaveTwoOut, PlaceboTime
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, BLUE, GREY, VERMILION, EndLabel
from bsynth.plots.window import focus, window_words
from bsynth.text.labels import METHODS
from bsynth.text.numbers import count, p_value


def plot_placebo_time(placebo: PlaceboTime | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show the gaps that backdated starts give, where nothing had happened yet, beside the real one.

    Parameters
    ----------
    placebo : PlaceboTime or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With lines of gid ``backdated`` (each from its own start to the real one), ``treated``, ``zero``
        and ``start``.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> ax = plot_placebo_time(bs.placebo_time(panel, progress=False))
    >>> ax.get_title(loc="left")
    'Placebo in time: mean of 25 units with 5 backdated starts'
    """
    placebo = part_of(placebo, PlaceboTime)
    check_kind(placebo, PlaceboTime, "placebo", "what bsynth.placebo_time(panel) returns")
    estimate, panel = placebo.estimate, placebo.estimate.panel
    gaps = np.asarray(placebo.gaps.transpose("replicate", "time"))
    with style.house():
        ax = style.new_axes(ax)
        x = style.positions(panel.times)
        shown = []
        for row, gap in zip(placebo.table.to_dict("records"), gaps, strict=True):
            first = int(row["n_pre"])
            line = gap[first : panel.n_pre]
            ax.plot(x[first : panel.n_pre], line, color=BLUE, linewidth=1.3, alpha=0.8, marker="o", markersize=3,
                    markevery=[0], gid="backdated")  # fmt: skip
            shown.append(line)
        ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
        # Under the backdated lines, which lie close to it before the start.
        ax.plot(x, estimate.gap, color=BLACK, linewidth=1.6, zorder=1.8, gid="treated")
        style.time_axis(ax, panel.times, panel.source.time, panel.zone)
        ax.set_ylabel(f"gap in {drawn(panel.labels.outcome)}", color=style.INK)
        focus(ax, np.concatenate([estimate.gap, [0.0], *shown])[:, None], None)
        style.start_line(ax, x[panel.n_pre])
        style.end_labels(ax, [EndLabel(x[-1], float(estimate.gap[-1]), "real start", BLACK)])
        style.heading(
            ax,
            f"{placebo.kind}: {drawn(panel.treated_name, 40)} with {count(len(gaps), 'backdated start')}",
            [
                f"{METHODS.get(estimate.estimator, estimate.estimator)}. "
                f"{window_words(panel.period_words(), panel.n_pre)}.",
                "Blue: gap after each backdated start (dot), refitted, up to the real start",
            ],
        )
    return ax


def plot_leave_two_out(result: LeaveTwoOut | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show, for every pair of donors left out, whether the treated unit stands out against both.

    Parameters
    ----------
    result : LeaveTwoOut or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With collections of gid ``won`` and ``lost`` and a line of gid ``equal``: a pair below the line
        has a donor whose statistic is at least the treated unit's.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> ax = plot_leave_two_out(bs.leave_two_out(panel, progress=False))
    >>> sorted(c.get_gid() for c in ax.collections)
    ['lost', 'won']
    """
    result = part_of(result, LeaveTwoOut)
    check_kind(result, LeaveTwoOut, "result", "what bsynth.leave_two_out(panel) returns")
    table, estimate = result.table, result.estimate
    lost = table["lost"].to_numpy(dtype=bool)
    x, y = table["largest"].to_numpy(dtype=float), np.abs(table["treated"].to_numpy(dtype=float))
    with style.house():
        ax = style.new_axes(ax)
        ax.scatter(x[~lost], y[~lost], s=12, color=GREY, alpha=0.7, gid="won")
        ax.scatter(x[lost], y[lost], s=22, color=VERMILION, marker="x", gid="lost")
        ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
        ax.plot(ends, ends, color=style.INK, linewidth=0.9, linestyle="--", gid="equal")
        ax.set_xlabel("largest statistic of the two left out", color=style.INK)
        ax.set_ylabel("statistic of the treated unit", color=style.INK)
        style.heading(
            ax,
            f"{result.kind}: {int(lost.sum())} of {count(len(table), 'pair')} lost, "
            f"{p_value(result.p).replace(' ', '\u00a0')}",
            [
                f"{METHODS.get(estimate.estimator, estimate.estimator)}, {drawn(estimate.panel.treated_name, 40)}.",
                "Crosses below the dashed line: one of the two donors is at least as extreme",
            ],
        )
    return ax
