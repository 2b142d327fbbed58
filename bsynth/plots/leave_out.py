"""Leave one out: how far the answer moves without each donor."""

from matplotlib.axes import Axes

from bsynth._base.request import check_kind, check_whole
from bsynth.analysis import Analysis
from bsynth.frequentist import LeaveOneOut
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLUE, VERMILION
from bsynth.text.labels import METHODS
from bsynth.text.numbers import bracket, count, numbers


def plot_leave_one_out(loo: LeaveOneOut | Analysis, *, ax: Axes | None = None, top: int = 30) -> Axes:
    """Show how much of the average effect hangs on a single donor.

    Parameters
    ----------
    loo : LeaveOneOut or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.
    top : int
        Donors shown: those that move the answer most. The range is over all of them.

    Returns
    -------
    Axes
        With lines of gid ``refit`` (dots), ``full`` and ``zero``.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> plot_leave_one_out(bs.leave_one_out(panel, progress=False)).get_ylabel()
    'donor left out'
    """
    loo = part_of(loo, LeaveOneOut)
    check_kind(loo, LeaveOneOut, "loo", "what bsynth.leave_one_out(panel) returns")
    top = check_whole(top, "top", 1, "how many donors are shown")
    estimate = loo.estimate
    shown = loo.table.loc[loo.table["change"].abs().nlargest(top).index].sort_values("mean_gap")
    low, high = loo.range
    # The point estimate in the refits' own terms: every row's gap less its change.
    full = float((loo.table["mean_gap"] - loo.table["change"]).iloc[0])
    with style.house():
        ax = style.new_axes(ax, style.row_size(len(shown)))
        ax.axvspan(low, high, color=BLUE, alpha=0.10, linewidth=0, gid="range")
        ax.axvline(full, color=VERMILION, linewidth=1.6, linestyle=(0, (5, 1.5)), gid="full")
        rows = range(len(shown))
        ax.hlines(rows, full, shown["mean_gap"], color=BLUE, linewidth=1.3, alpha=0.6)
        ax.plot(shown["mean_gap"], rows, "o", color=BLUE, markersize=5.5, zorder=4, gid="refit")
        style.row_axis(ax, [drawn(d) for d in shown["dropped"]])
        ax.margins(x=0.08)
        left, right = ax.get_xlim()
        if left < 0 < right:
            ax.axvline(0, color=style.INK, linewidth=0.9, gid="zero")
        ax.set_ylabel("donor left out", color=style.INK)
        ax.set_xlabel(f"average effect on {drawn(estimate.panel.labels.outcome)}", color=style.INK)
        words = numbers(full, low, high, signed=True)
        hidden = len(loo.table) - len(shown)
        style.heading(
            ax,
            f"{loo.kind}: average effect "
            + (f"{words[1]}" if words[1] == words[2] else f"between {words[1]} and {words[2]}"),
            [
                f"{METHODS.get(estimate.estimator, estimate.estimator)}. Dashed line: {words[0]} with every "
                f"donor; shaded: range {bracket(words[1:])}, not a confidence interval",
                f"{count(hidden, 'donor')} of less influence not shown" if hidden else "",
            ],
        )
    return ax
