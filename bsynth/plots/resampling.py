"""Bootstrap: the spread of the average effect over resampled users."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bsynth._base.request import check_kind, check_number
from bsynth.analysis import Analysis
from bsynth.frequentist import Bootstrap
from bsynth.frequentist.inference.bootstrap import RESAMPLED
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, BLUE, PALE, VERMILION
from bsynth.text.labels import METHODS, interval_words
from bsynth.text.numbers import bracket, count, numbers


def plot_bootstrap(
    boot: Bootstrap | Analysis, *, ax: Axes | None = None, level: float = 0.95, truth: float | None = None
) -> Axes:
    """Show how far the average effect moves when other users might have been seen.

    Parameters
    ----------
    boot : Bootstrap or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float
        Of the percentile interval.
    truth : float, optional
        The true average effect, where it is known: simulated data.

    Returns
    -------
    Axes
        With lines of gid ``estimate``, ``interval`` and, if given, ``truth``.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29, cluster="user_id")
    >>> plot_bootstrap(bs.bootstrap(panel, replicates=20, progress=False)).get_ylabel()
    'replicates'
    """
    boot = part_of(boot, Bootstrap)
    check_kind(boot, Bootstrap, "boot", "what bsynth.bootstrap(panel) returns")
    truth = None if truth is None else check_number(truth, "truth")
    table = boot.effects(level)
    row = table.loc[table["estimand"] == "average"].iloc[0]
    replicates = boot.table.loc[~boot.table["failed"], "mean_gap"]
    estimator = METHODS.get(boot.estimate.estimator, boot.estimate.estimator)
    with style.house():
        ax = style.new_axes(ax)
        _bars(ax, replicates, row, truth)
        words = numbers(row["estimate"], row["lower"], row["upper"], signed=True)
        left, right = ax.get_xlim()
        ax.margins(x=0.03)
        if left < 0 < right:
            ax.axvline(0, color=style.INK, linewidth=0.9, zorder=1.5, gid="zero")
        ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        ax.set_ylabel("replicates", color=style.INK)
        ax.set_xlabel(f"average effect on {drawn(boot.estimate.panel.labels.outcome)}", color=style.INK)
        failed = f"; {boot.failed} more have no answer" if boot.failed else ""
        style.heading(
            ax,
            f"{boot.kind} of the average effect: {bracket(words[1:])}",
            [
                f"{estimator}, {count(len(replicates), 'resample')} of {RESAMPLED[boot.cluster][0]}{failed}. Blue bar: "
                f"{interval_words('percentile interval', level)}"
                + ("; sampling of users alone, neither bias nor drift" if boot.cluster == "user" else ""),
            ],
        )
    return ax


def _bars(ax: Axes, replicates: pd.Series, row: pd.Series, truth: float | None) -> None:
    """Histogram, interval above it, and the lines of estimate and truth with their words."""
    ax.hist(replicates, bins="auto", color=PALE, edgecolor="white", linewidth=0.6, zorder=2)
    top = ax.get_ylim()[1]
    ax.set_ylim(0, top * 1.22)
    ax.axvline(row["estimate"], ymax=0.88, color=BLACK, linewidth=1.8, zorder=4, gid="estimate")
    ax.plot(
        [row["lower"], row["upper"]],
        [top * 1.04] * 2,
        color=BLUE,
        linewidth=2.4,
        marker="|",
        markersize=9,
        markeredgewidth=2,
        zorder=5,
        gid="interval",
    )
    words = numbers(row["estimate"], row["lower"], row["upper"], signed=True)
    _above(ax, float(row["estimate"]), f"estimate {words[0]}", BLACK, lines_up=0)
    if truth is not None:
        ax.axvline(
            truth,
            ymax=0.88,
            color=VERMILION,
            linewidth=1.8,
            linestyle=(0, (5, 1.5)),
            zorder=4,
            gid="truth",
        )
        _above(ax, truth, f"truth {numbers(truth, signed=True)[0]}", VERMILION, lines_up=1)


def _above(ax: Axes, x: float, words: str, color: str, *, lines_up: int) -> None:
    """Write words above the histogram, each on its own line, so that close values never overlap."""
    ax.annotate(
        words,
        (x, 0.885 + 0.055 * lines_up),
        xycoords=ax.get_xaxis_transform(),
        ha="center",
        va="bottom",
        fontsize=9,
        color=color,
    )
