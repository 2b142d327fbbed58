"""Placebo in space: the treated gap among the gaps of its donors."""

import numpy as np
from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.frequentist import PlaceboSpace
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, GREY, EndLabel
from bsynth.plots.window import focus, window_words
from bsynth.text.labels import METHODS
from bsynth.text.numbers import count, p_value


def plot_placebo(placebo: PlaceboSpace, *, ax: Axes | None = None) -> Axes:
    """Show whether the treated unit's gap stands out among the gaps of untreated donors.

    Parameters
    ----------
    placebo : PlaceboSpace
        Placebos that its pre-fit filter left out are drawn dotted and counted in the subtitle.
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With lines of gid ``placebo``, ``filtered``, ``treated``, ``zero`` and ``start``. Placebos that
        run out of the picture are counted in the subtitle, never dropped.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> ax = plot_placebo(bs.placebo_space(panel, progress=False))
    >>> sum(line.get_gid() == "placebo" for line in ax.get_lines())
    25
    """
    check_kind(placebo, PlaceboSpace, "placebo", "what bsynth.placebo_space(panel) returns")
    estimate, panel = placebo.estimate, placebo.estimate.panel
    gaps = np.asarray(placebo.gaps.transpose("time", "replicate"))
    kept = placebo.table["kept"].to_numpy()
    with style.house():
        ax = style.new_axes(ax)
        x = style.positions(panel.times)
        for j, stays in enumerate(kept):
            ax.plot(
                x,
                gaps[:, j],
                color=GREY,
                linewidth=0.7,
                alpha=0.6 if stays else 0.5,
                linestyle="-" if stays else ":",
                gid="placebo" if stays else "filtered",
            )
        ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
        ax.plot(x, estimate.gap, color=BLACK, linewidth=2.3, zorder=5, gid="treated")
        style.time_axis(ax, panel.times, panel.source.time)
        ax.set_ylabel(f"gap in {drawn(panel.source.outcome)}", color=style.INK)
        outside = focus(ax, np.column_stack([estimate.gap, np.zeros_like(estimate.gap)]), gaps)
        style.start_line(ax, x[panel.n_pre])
        style.end_labels(ax, [EndLabel(x[-1], float(estimate.gap[-1]), drawn(panel.treated_name), BLACK)])
        row = placebo.ranks.loc["mean_gap"].to_dict()
        style.heading(
            ax,
            f"{placebo.kind}: {drawn(panel.treated_name, 40)} ranks {int(row['rank'])} of "
            f"{int(row['placebos']) + 1} by mean gap, {p_value(row['p']).replace(' ', '\u00a0')}",
            [
                f"{METHODS.get(estimate.estimator, estimate.estimator)}. {window_words(panel.times, panel.n_pre)}.",
                _placebo_words(len(kept), int((~kept).sum()), outside, grouped=bool(placebo.members)),
            ],
        )
    return ax


def _placebo_words(total: int, filtered: int, outside: int, *, grouped: bool) -> str:
    kind = ("group of donors", "groups of donors") if grouped else ("donor", "")
    words = f"Grey: each of {count(total, *kind)} as if treated"
    if filtered:
        words += f"; {count(filtered, 'dotted one fits', 'dotted ones fit')} too badly before the start to count"
    if outside:
        words += f"; {outside} partly outside the picture"
    return words
