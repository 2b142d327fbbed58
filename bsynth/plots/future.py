"""Leave-future-out: the last periods before the start beside what was forecast of them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.checks import LeaveFutureOut
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, BLUE, RED, VERMILION
from bsynth.text.numbers import count, number, percent

CONTEXT = 4
"""As many times the periods that were forecast are shown."""


def plot_leave_future_out(future: LeaveFutureOut, *, ax: Axes | None = None, level: float = 0.9) -> Axes:
    """Show each forecast of a period before the start from the periods before it, beside what was observed.

    Parameters
    ----------
    future : LeaveFutureOut
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float
        Of the predictive intervals that are drawn; an observation outside its own is marked.

    Returns
    -------
    Axes
        With a line ``observed``, bars of gid ``interval``, dots of gid ``forecast``
        (``unreliable`` where the refit did not pass its gate) and crosses of gid ``outside`` on what was observed.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> found = bs.leave_future_out(panel, "level", last=3, draws=300, progress=False)
    >>> plot_leave_future_out(found).get_title(loc="left")
    "Leave-future-out of 'level': 0 of 3 forecasts missed"
    """
    check_kind(future, LeaveFutureOut, "future", "what bsynth.leave_future_out(panel) returns")
    outside = future.is_outside(level)
    table, panel = future.table, future.panel
    before = slice(max(0, panel.n_pre - CONTEXT * len(table)), panel.n_pre)
    with style.house():
        ax = style.new_axes(ax)
        x, at = style.positions(panel.times), panel.times.get_indexer(pd.Index(table["time"]))
        ax.plot(x[before], panel.treated_series[before], color=BLACK, linewidth=1.8, marker="o", markersize=3,
                gid="observed")  # fmt: skip
        for t, (_, row), bounds in zip(x[at], table.iterrows(), future.intervals(level), strict=True):
            bad = row["status"] != "ok"
            color = RED if bad else BLUE
            ax.plot([t, t], bounds, color=color, linewidth=4, alpha=0.35, solid_capstyle="butt", gid="interval")
            ax.plot([t], [row["predicted"]], "X" if bad else "D", color=color, markersize=6, zorder=4,
                    gid="unreliable" if bad else "forecast")  # fmt: skip
        missed = np.flatnonzero(outside)
        ax.plot(x[at][missed], table["observed"].to_numpy()[missed], "x", color=VERMILION, markersize=11,
                markeredgewidth=2.2, zorder=5, gid="outside")  # fmt: skip
        style.time_axis(ax, panel.times[before], panel.source.time, panel.zone)
        # The bars of the last period are wider than the line.
        ax.margins(x=0.03)
        ax.set_ylabel(drawn(panel.labels.outcome), color=style.INK)
        style.heading(
            ax,
            f"Leave-future-out of {drawn(repr(future.model))}: {len(missed)} of {count(len(table), 'forecast')} missed",
            [
                f"{drawn(panel.treated_name, 40)}. Blue: each period forecast from those before it, "
                f"{percent(level)} predictive interval; elpd {number(future.elpd)} (s.e. {number(future.se, 2)})",
                "Crosses: observed outside that interval" if len(missed) else "",
                "Red: the refit did not pass its convergence gate" if future.reason else "",
            ],
            reason=future.reason,
        )
    return ax
