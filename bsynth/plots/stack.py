"""A stack: the specifications that carry it, and their mixture."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.findings.specifications import Stack
from bsynth.findings.specifications.stack import SHARE
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, BLUE, RED
from bsynth.text.labels import interval_words
from bsynth.text.numbers import bracket, count, fixed, number, numbers, percent

NAME = 38
"""Characters of a specification's name on a line."""


def plot_stack(result: Stack, *, ax: Axes | None = None, level: float = 0.95) -> Axes:
    """Show the effect of each specification that carries weight, the heaviest first, and their mixture on top.

    Parameters
    ----------
    result : Stack
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float
        Of every interval.

    Returns
    -------
    Axes
        With bars of gid ``interval``, dots of gid ``specification`` (``unreliable`` where the fit did not pass its
        gate) as large as their weight, a diamond ``stacked`` and a span ``left-out``: where the mixture lies when one
        forecast at a time does not count.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> curve = bs.specification_curve(panel, drifts=["none"], scales=["treated"], alphas=[1.0], pools=[], starts=[],
    ...     since=[], last=3, draws=300, progress=False)
    >>> plot_stack(bs.stack(curve)).get_yticklabels()[0].get_text()
    'stacked'
    """
    check_kind(result, Stack, "result", "what bsynth.stack(curve) returns")
    mixed = result.effects(level).iloc[0]
    rows = result.curve.effects(level).assign(weight=result.weights)
    rows = rows[rows["weight"] >= SHARE].sort_values("weight", ascending=False, kind="stable")
    panel = result.curve.plan.panel
    with style.house():
        ax = style.new_axes(ax, style.row_size(len(rows) + 1, each=0.42))
        ax.axvline(0, color=style.INK, linewidth=0.9, gid="zero")
        ax.axvspan(result.leave_one_out.min(), result.leave_one_out.max(), color=BLUE, alpha=0.12, linewidth=0,
                   gid="left-out")  # fmt: skip
        names = [textwrap.fill(drawn(result.curve.describe(row), 2 * NAME), NAME) for _, row in rows.iterrows()]
        style.row_axis(ax, ["stacked", *names])
        _row(ax, 0, mixed, BLACK if result.status == "ok" else RED, "stacked", 9.0, "")
        for y, (_, row) in enumerate(rows.iterrows(), start=1):
            bad = row["status"] != "ok"
            words, size = f"  weight {fixed(row['weight'], 2)}", 4.0 + 9.0 * float(row["weight"]) ** 0.5
            _row(ax, y, row, RED if bad else BLUE, "unreliable" if bad else "specification", size, words)
        ax.margins(x=0.06)
        ax.set_xlabel(f"average effect on {drawn(panel.labels.outcome)}", color=style.INK)
        less = len(result.weights) - len(rows)
        style.heading(
            ax,
            f"Stacked effect of {drawn(panel.treated_name, 40)}: {len(rows)} of "
            f"{count(len(result.weights), 'specification')} {'carries' if len(rows) == 1 else 'carry'} weight",
            [
                f"Bars: {interval_words('predictive', level)}s, on top the {interval_words('stacked', level)}. "
                f"{_settled(result)} when one of {count(len(result.curve.plan.held), 'forecast')} at a time does not "
                "count",
                f"{less} with less than {percent(SHARE)} of the weight not shown" if less else "",
            ],
            reason=result.reason,
        )
    return ax


def _settled(result: Stack) -> str:
    """What the shaded span is; where it has no width, that it has none."""
    low, high = result.leave_one_out.min(), result.leave_one_out.max()
    return "The stacked effect is the same" if number(low) == number(high) else "Shaded: the stacked effect"


def _row(ax: Axes, y: int, row: pd.Series, color: str, gid: str, size: float, words: str) -> None:
    """One effect: bar, mark as large as its weight, and its numbers at the right."""
    ax.plot([row["lower"], row["upper"]], [y, y], color=color, linewidth=2.2, alpha=0.6, solid_capstyle="butt",
            gid="interval")  # fmt: skip
    marker = {"stacked": "D", "unreliable": "X"}.get(gid, "o")
    ax.plot([row["estimate"]], [y], marker, color=color, markersize=size, zorder=4, gid=gid)
    estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"], signed=True)
    ax.annotate(f"{estimate}  {bracket(bounds)}{words}", (1, y), (8, 0), xycoords=ax.get_yaxis_transform(),
                textcoords="offset points", va="center", fontsize=8.5, color=style.INK,
                annotation_clip=False)  # fmt: skip
