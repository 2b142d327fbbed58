"""Observed and counterfactual series over time."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bsynth._base.request import check_flags
from bsynth._base.types import FloatArray, IntervalKind
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, BLUE, PALE, PURPLE, EndLabel
from bsynth.plots.view import Shown, View, drift_words, of_each, view
from bsynth.plots.window import beyond, focus, window_words
from bsynth.text.numbers import count


def plot_trajectory(
    result: Shown,
    *,
    ax: Axes | None = None,
    level: float | None = None,
    interval: IntervalKind = "predictive",
    donors: bool = True,
) -> Axes:
    """Show what the treated series did and what it would have done untreated.

    Parameters
    ----------
    result : Fit, Calibration, Estimate, inference by period, or Analysis
        Of an analysis what it reports. A point estimate has no band; a calibration, conformal, jackknife+ and
        prediction intervals bring their own.
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float, optional
        Probability inside the band of the treated periods. By default 0.95, or an analysis's own.
    interval : {"predictive", "mean"}
        Kind of the band, named beside it.
    donors : bool
        Draw the donors thin in the background. They do not stretch the y axis beyond what leaves
        the treated series readable; how many run outside is said in the subtitle.

    Returns
    -------
    Axes
        With lines of gid ``observed``, ``counterfactual``, ``donor`` and ``start``. Where the model's drift can be
        seen, the line of gid ``synthetic`` is the weighted donors alone and the area of gid ``drift`` what the drift
        adds to them; the counterfactual is both together.

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
        draw_path(ax, x, seen, donors=donors)
        style.time_axis(ax, seen.times, seen.time, seen.zone)
        ax.set_ylabel(drawn(seen.outcome), color=style.INK)
        outside = focus(ax, core_of(seen), seen.donors if donors else None)
        style.start_line(ax, x[seen.n_pre])
        style.end_labels(ax, _labels(seen, x[-1]))
        background = "" if not donors else f"Grey: {count(seen.donors.shape[1], 'donor')}"
        if outside:
            background += f", {outside} of them partly outside the picture"
        style.heading(
            ax,
            f"Observed and counterfactual {drawn(seen.outcome)}: {drawn(seen.treated, 40)}",
            [f"{seen.method}. {window_words(seen.periods, seen.n_pre)}.", background, drift_words(seen)],
            reason=seen.reason,
        )
    return ax


def draw_path(ax: Axes, x: NDArray[Any], seen: View, *, donors: bool) -> None:
    """Donors, band, drift, observed series and counterfactual, in this order from the back."""
    path, post = seen.path, slice(seen.n_pre, None)
    if donors:
        for j in range(seen.donors.shape[1]):
            ax.plot(x, seen.donors[:, j], color=PALE, linewidth=0.6, alpha=0.7, zorder=1.2, gid="donor")
    draw_band(ax, x[post], path[["lower", "upper"]].iloc[post].to_numpy(dtype=float))
    observed, whole = (path[name].to_numpy(dtype=float) for name in ("observed", "counterfactual"))
    if seen.drifts:
        ax.fill_between(x, seen.base, whole, color=PURPLE, alpha=0.16, linewidth=0, zorder=1.8, gid="drift")
        ax.plot(x, seen.base, color=PURPLE, linewidth=1.3, linestyle=(0, (1, 1.2)), zorder=3.5, gid="synthetic")
    ax.plot(x, whole, color=BLUE, linewidth=1.8, linestyle=(0, (4, 1.6)), zorder=5.1, gid="counterfactual")
    ax.plot(x, observed, color=BLACK, linewidth=1.8, zorder=5, gid="observed")


def draw_band(ax: Axes, x: NDArray[Any], bounds: FloatArray) -> None:
    """The interval of each treated period (H, 2); a period without one, or a point, has no band."""
    if not (~np.isnan(bounds)).any():
        return
    lower, upper = beyond(bounds).T
    ax.fill_between(x, lower, upper, color=BLUE, alpha=0.18, linewidth=0, zorder=2, gid="band")
    if len(x) == 1:
        ax.vlines(x, lower, upper, color=BLUE, alpha=0.3, linewidth=6, zorder=2, gid="band")


def core_of(seen: View) -> FloatArray:
    """What a picture of the path must show whole: (T, 5), bounds only where they are drawn."""
    path = seen.path[["observed", "counterfactual", "lower", "upper"]].copy()
    before = path.index[: seen.n_pre]
    path.loc[before, ["lower", "upper"]] = np.nan
    path["base"] = seen.base
    return path.to_numpy(dtype=float)


def _labels(seen: View, x: object) -> list[EndLabel]:
    last = seen.path.iloc[-1]
    words = f"counterfactual,\n{of_each(seen)}" if seen.bounded else "counterfactual"
    labels = [
        EndLabel(x, float(last["observed"]), "observed", BLACK),
        EndLabel(x, float(last["counterfactual"]), words, BLUE),
    ]
    return [*labels, EndLabel(x, float(seen.base[-1]), "donors alone", PURPLE)] if seen.drifts else labels
