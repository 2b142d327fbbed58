"""Placebo in space: the treated gap among the gaps of its donors."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bsynth._base.request import check_kind
from bsynth._base.types import BoolArray, FloatArray
from bsynth.analysis import Analysis
from bsynth.frequentist import PlaceboSpace
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, GREY, EndLabel
from bsynth.plots.window import focus, window_words
from bsynth.text.labels import METHODS
from bsynth.text.numbers import count, p_value, percent

MANY = 60
"""Placebos from which bands stand for single lines."""
FULL = 16.0
"""Lines up to which each has its whole colour."""
SHARES = (0.95, 0.8, 0.5)


def plot_placebo(placebo: PlaceboSpace | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show whether the treated unit's gap stands out among the gaps of untreated donors.

    Parameters
    ----------
    placebo : PlaceboSpace or Analysis
        Placebos that its pre-fit filter left out are drawn dotted and counted in the subtitle.
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With lines of gid ``placebo``, ``filtered``, ``treated``, ``zero`` and ``start``. Placebos that
        run out of the picture are counted in the subtitle, never dropped. More than sixty are drawn as bands of gid
        ``placebos``, of those that count.

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
    placebo = part_of(placebo, PlaceboSpace)
    check_kind(placebo, PlaceboSpace, "placebo", "what bsynth.placebo_space(panel) returns")
    estimate, panel = placebo.estimate, placebo.estimate.panel
    gaps = np.asarray(placebo.gaps.transpose("time", "replicate"))
    kept = placebo.table["kept"].to_numpy()
    with style.house():
        ax = style.new_axes(ax)
        x = style.positions(panel.times)
        many = len(kept) > MANY
        (_bands if many else _each)(ax, x, gaps, kept)
        ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
        ax.plot(x, estimate.gap, color=BLACK, linewidth=2.3, zorder=5, gid="treated")
        style.time_axis(ax, panel.times, panel.source.time, panel.zone)
        ax.set_ylabel(f"gap in {drawn(panel.labels.outcome)}", color=style.INK)
        outside = focus(
            ax, np.column_stack([estimate.gap, np.zeros_like(estimate.gap)]), gaps[:, kept] if many else gaps
        )
        style.start_line(ax, x[panel.n_pre])
        style.end_labels(ax, [EndLabel(x[-1], float(estimate.gap[-1]), drawn(panel.treated_name), BLACK)])
        row = placebo.ranks.loc["mean_gap"].to_dict()
        style.heading(
            ax,
            f"{placebo.kind}: {drawn(panel.treated_name, 40)} ranks {int(row['rank'])} of "
            f"{int(row['placebos']) + 1} by mean gap, {p_value(row['p']).replace(' ', '\u00a0')}",
            [
                f"{METHODS.get(estimate.estimator, estimate.estimator)}. "
                f"{window_words(panel.period_words(), panel.n_pre)}.",
                _placebo_words(placebo, outside, banded=many),
            ],
        )
    return ax


def _each(ax: Axes, x: NDArray[Any], gaps: FloatArray, kept: BoolArray) -> None:
    """One line for each placebo, fainter where they are many."""
    faint = min(1.0, FULL / len(kept))
    for j, stays in enumerate(kept):
        ax.plot(
            x,
            gaps[:, j],
            color=GREY,
            linewidth=0.7,
            alpha=(0.6 if stays else 0.5) * faint,
            linestyle="-" if stays else ":",
            gid="placebo" if stays else "filtered",
        )


def _bands(ax: Axes, x: NDArray[Any], gaps: FloatArray, kept: BoolArray) -> None:
    """The middle shares of the placebos that count in each period: hundreds of lines would be a block."""
    for share in SHARES:
        low, high = np.quantile(gaps[:, kept], [(1 - share) / 2, (1 + share) / 2], axis=1)
        ax.fill_between(x, low, high, color=GREY, alpha=0.22, linewidth=0, gid="placebos")
        if len(x) == 1:
            ax.vlines(x, low, high, color=GREY, alpha=0.3, linewidth=8, gid="placebos")


def _placebo_words(placebo: PlaceboSpace, outside: int, *, banded: bool) -> str:
    kind = ("group of donors", "groups of donors") if placebo.members else ("donor", "")
    kept = int(placebo.table["kept"].sum())
    total, idle = len(placebo.table), len(placebo.idle)
    words = f"Grey: each of {count(total, *kind)} as if treated"
    if banded:
        words = f"Grey: the middle {_listed_shares()} of {count(kept, *kind)} as if treated, by period"
    dotted = "other" if banded else "dotted one"
    if filtered := total - kept - idle:
        few = count(filtered, f"{dotted} fits", f"{dotted}s fit")
        words += f"; {few} too badly before the start to count"
    if idle:
        words += f"; {count(idle, f'{dotted} is a copy or does', f'{dotted}s are copies or do')} not move"
    if outside and not banded:
        words += f"; {outside} partly outside the picture"
    return words


def _listed_shares() -> str:
    first, *rest = [percent(share) for share in sorted(SHARES)]
    return f"{', '.join([first, *rest[:-1]])} and {rest[-1]}"
