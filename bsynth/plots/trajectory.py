"""Observed and counterfactual series over time."""

from typing import Any

from matplotlib.axes import Axes
from numpy.typing import NDArray

from bsynth._base.request import check_flags
from bsynth._base.types import FloatArray, IntervalKind
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.frequentist.estimate import Estimate
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, BLUE, PALE, VERMILION, EndLabel
from bsynth.plots.view import PathInference, View, view
from bsynth.plots.window import beyond, focus, window_words
from bsynth.text.numbers import count


def plot_trajectory(
    result: Fit | Calibration | Estimate | PathInference,
    *,
    ax: Axes | None = None,
    level: float = 0.95,
    interval: IntervalKind = "predictive",
    donors: bool = True,
) -> Axes:
    """Show what the treated series did and what it would have done untreated.

    Parameters
    ----------
    result : Fit, Calibration, Estimate, or inference by period
        A point estimate has no band; a calibration, conformal, jackknife+ and prediction intervals bring their own.
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float
        Probability inside the band.
    interval : {"predictive", "mean"}
        Kind of the band, named beside it.
    donors : bool
        Draw the donors thin in the background. They do not stretch the y axis beyond what leaves
        the treated series readable; how many run outside is said in the subtitle.

    Returns
    -------
    Axes
        With lines of gid ``observed``, ``counterfactual``, ``donor`` and ``start``.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> plot_trajectory(bs.classical(panel)).get_xlabel()
    'signup_week'
    """
    check_flags(donors=donors)
    seen = view(result, level=level, interval=interval)
    with style.house():
        ax = style.new_axes(ax)
        x = style.positions(seen.times)
        _lines(ax, x, seen, donors=donors)
        style.time_axis(ax, seen.times, seen.time)
        ax.set_ylabel(drawn(seen.outcome), color=style.INK)
        outside = focus(ax, _core(seen), seen.donors if donors else None)
        style.start_line(ax, x[seen.n_pre])
        style.end_labels(ax, _labels(seen, x[-1], bool(seen.interval)))
        background = "" if not donors else f"Grey: {count(seen.donors.shape[1], 'donor')}"
        if outside:
            background += f", {outside} of them partly outside the picture"
        style.heading(
            ax,
            f"Observed and counterfactual {drawn(seen.outcome)}: {drawn(seen.treated, 40)}",
            [f"{seen.method}. {window_words(seen.times, seen.n_pre)}.", background],
            reason=seen.reason,
        )
    return ax


def _lines(ax: Axes, x: NDArray[Any], seen: View, *, donors: bool) -> None:
    """Donors, band, shaded effect and the two series, in this order from the back."""
    path, post = seen.path, slice(seen.n_pre, None)
    if donors:
        for j in range(seen.donors.shape[1]):
            ax.plot(x, seen.donors[:, j], color=PALE, linewidth=0.6, alpha=0.7, zorder=1.2, gid="donor")
    if seen.interval:
        lower, upper = beyond(path[["lower", "upper"]].to_numpy(dtype=float)).T
        ax.fill_between(x, lower, upper, color=BLUE, alpha=0.18, linewidth=0, zorder=2, gid="band")
    ax.fill_between(
        x[post],
        path["observed"].iloc[post],
        path["counterfactual"].iloc[post],
        color=VERMILION,
        alpha=0.10,
        linewidth=0,
        zorder=2.1,
        gid="effect",
    )
    if seen.n_pre == len(x) - 1:
        # An area over one period has no width.
        last = path.iloc[-1]
        ax.vlines(
            x[-1:], last["observed"], last["counterfactual"], color=VERMILION, alpha=0.4, linewidth=3, gid="effect"
        )
        if seen.interval:
            ax.vlines(x[-1:], lower[-1], upper[-1], color=BLUE, alpha=0.3, linewidth=6, zorder=2, gid="band")
    ax.plot(
        x,
        path["counterfactual"],
        color=BLUE,
        linewidth=1.8,
        linestyle=(0, (4, 1.6)),
        zorder=4,
        gid="counterfactual",
    )
    ax.plot(x, path["observed"], color=BLACK, linewidth=1.8, zorder=5, gid="observed")


def _core(seen: View) -> FloatArray:
    return seen.path[["observed", "counterfactual", "lower", "upper"]].to_numpy(dtype=float)


def _labels(seen: View, x: object, band: bool) -> list[EndLabel]:
    last = seen.path.iloc[-1]
    words = f"counterfactual,\n{seen.short}" if band else "counterfactual"
    return [
        EndLabel(x, float(last["observed"]), "observed", BLACK),
        EndLabel(x, float(last["counterfactual"]), words, BLUE),
    ]
