"""The specification curve: sorted effects above, the switches behind each beneath."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.findings.specifications import SpecificationCurve
from bsynth.findings.specifications.curve import column
from bsynth.findings.specifications.grid import SWITCHES
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import INK, PALE, RED, VERMILION
from bsynth.text.labels import interval_words
from bsynth.text.numbers import count, exact, numbers, percent

ROW = 0.185
"""Height of a row of the switches, inches."""
TOP = 2.9
"""Height of the effects, inches."""
WORST = 0.1
"""Scores below this share of the specifications have the last colour, so that one failure does not hide the rest."""


def plot_specification_curve(
    curve: SpecificationCurve | Analysis, *, ax: Axes | None = None, level: float | None = None
) -> Axes:
    """Show how far the average effect hangs on choices, and on which.

    Parameters
    ----------
    curve : SpecificationCurve or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure; it is divided, so it must stand in a grid, as those of
        ``plt.subplots`` do.
    level : float, optional
        Probability inside the intervals; by default the curve's.

    Returns
    -------
    Axes
        Those of the effects, with collections of gid ``interval``, ``estimate`` and ``unreliable``; below them in the
        same figure are those of the switches, with label ``switches``, and a colour bar.

    Raises
    ------
    PanelError
        When ``ax`` cannot be divided.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.findings.specifications import specification_curve
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> curve = specification_curve(panel, drifts=["none"], scales=["treated"], alphas=[1.0], pools=[], starts=[],
    ...     since=[], last=3, draws=300, progress=False)
    >>> plot_specification_curve(curve).get_ylabel()
    'average effect on outcome'
    """
    curve = part_of(curve, SpecificationCurve)
    check_kind(curve, SpecificationCurve, "curve", "what bsynth.specification_curve(panel) returns")
    level = curve.level if level is None else level
    table = curve.effects(level).sort_values("estimate", kind="stable", ignore_index=True)
    rows = _rows(curve)
    with style.house():
        size = (max(style.SIZE[0], min(14.0, 3.4 + 0.075 * len(table))), TOP + 1.3 + ROW * len(rows))
        effects, switches = _divided(style.new_axes(ax, size), len(rows))
        colours = _colours(table["elpd_diff"].to_numpy())
        _draw_effects(effects, curve, table, colours)
        _draw_switches(switches, table, rows, colours)
        bar = effects.figure.colorbar(colours, ax=[effects, switches], fraction=0.03, pad=0.015, extend="min")
        bar.set_label("forecast score (elpd), less the best", color=INK, fontsize=8.5)
        bar.ax.tick_params(labelsize=8, colors=INK)
        bar.outline.set_visible(False)
        _head(effects, curve, table, level)
    return effects


def _rows(curve: SpecificationCurve) -> list[tuple[str, object]]:
    """Switches that vary and their values, each a row."""
    varied = [(s, curve.plan.values(s)) for s in SWITCHES]
    return [(column(s), value) for s, values in varied if len(values) > 1 for value in values]


def _divided(ax: Axes, rows: int) -> tuple[Axes, Axes]:
    """Give the lower part of the axes' place to the switches."""
    _, below = style.divided(ax, heights=[TOP, max(ROW * rows, 0.2)], names=["effects", "switches"], hspace=0.03)
    ax.tick_params(axis="x", bottom=False, labelbottom=False)
    below.tick_params(axis="x", bottom=False, labelbottom=False)
    for part in (ax, below):
        part.spines["bottom"].set_visible(False)
        part.grid(False, axis="x")
    return ax, below


def _colours(differences: np.ndarray) -> ScalarMappable:
    """Dark for the best forecasts, light for the worst tenth and what is below."""
    low = float(np.quantile(differences, WORST))
    return ScalarMappable(Normalize(low if low < 0 else -1.0, 0.0), "viridis_r")


def _draw_effects(ax: Axes, curve: SpecificationCurve, table: pd.DataFrame, colours: ScalarMappable) -> None:
    x = np.arange(len(table))
    bad = (table["status"] != "ok").to_numpy()
    face = colours.to_rgba(table["elpd_diff"].to_numpy())
    dot = 34.0 if len(table) <= 60 else 20.0
    ax.vlines(
        x,
        table["lower"],
        table["upper"],
        color=[RED if b else PALE for b in bad],
        linewidth=2.2 if len(table) <= 60 else 1.4,
        gid="interval",
    )
    ax.scatter(
        x[~bad],
        table["estimate"][~bad],
        s=dot,
        c=face[~bad],
        edgecolors="black",
        linewidths=0.5,
        zorder=4,
        gid="estimate",
    )
    ax.scatter(
        x[bad],
        table["estimate"][bad],
        s=1.3 * dot,
        c=face[bad],
        marker="X",
        edgecolors=RED,
        linewidths=1.2,
        zorder=4,
        gid="unreliable",
    )
    ax.axhline(curve.median, color=VERMILION, linewidth=1.3, linestyle=(0, (5, 1.5)), zorder=1.6, gid="median")
    ax.margins(x=0.012)
    low, high = ax.get_ylim()
    if low < 0 < high:
        ax.axhline(0, color=INK, linewidth=0.9, zorder=1.5, gid="zero")
    here = table["reference"].to_numpy()
    for at in x[here]:
        ax.axvline(at, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=1.4, gid="reference")
    ax.set_ylabel(f"average effect on {drawn(curve.plan.panel.labels.outcome)}", color=INK)


def _draw_switches(ax: Axes, table: pd.DataFrame, rows: list[tuple[str, object]], colours: ScalarMappable) -> None:
    face = colours.to_rgba(table["elpd_diff"].to_numpy())
    x = np.arange(len(table))
    size = 13.0 if len(table) <= 60 else 8.0
    for y, (switch, value) in enumerate(rows):
        on = (table[switch] == value).to_numpy()
        ax.scatter(x[~on], np.full((~on).sum(), y), s=0.22 * size, c="#DADADA", linewidths=0)
        ax.scatter(x[on], np.full(on.sum(), y), s=size, c=face[on], marker="s", linewidths=0, gid=f"{switch}={value}")
    names = [_name(switch, value, k == 0 or rows[k - 1][0] != switch) for k, (switch, value) in enumerate(rows)]
    style.row_axis(ax, names)
    ax.tick_params(axis="y", labelsize=8)
    ax.spines["left"].set_visible(False)
    for y in (k for k in range(1, len(rows)) if rows[k][0] != rows[k - 1][0]):
        ax.axhline(y - 0.5, color="#E0E0E0", linewidth=0.8)
    for at in x[table["reference"].to_numpy()]:
        ax.axvline(at, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=0.5)


def _name(switch: str, value: object, first: bool) -> str:
    """The value, after its switch's name in the first row of it."""
    words = exact(value) if isinstance(value, float) else drawn(value, 30)
    titles = {"level_shift": "level", "start": "fitted before", "since": "fitted from"}
    return f"{titles.get(switch, switch)}:  {words}" if first else words


def _head(ax: Axes, curve: SpecificationCurve, table: pd.DataFrame, level: float) -> None:
    bad = int((table["status"] != "ok").sum())
    median, low, high = numbers(curve.median, *curve.range, signed=True)
    style.heading(
        ax,
        f"{count(len(table), 'specification')}: average effect from {low} to {high}",
        [
            f"Dashed: median {median}. Bars: {interval_words('predictive', level)}. Dotted: the base model. "
            f"Colour: log score of forecasts of the last {count(len(curve.plan.held), 'pre-period')}, "
            f"lightest for the worst {percent(WORST)}",
            f"{bad} of {count(len(table), 'fit')} (red crosses) did not pass the convergence gate" if bad else "",
        ],
        reason=curve.reason,
    )
