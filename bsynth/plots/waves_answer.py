"""The answer of several waves in one picture: the effect by time since the start, and one bar for it overall."""

import math

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bsynth._base.request import check_kind, check_level
from bsynth.analysis import WavesAnalysis
from bsynth.bayesian.waves.result import POOLED
from bsynth.panel.calendar import counted
from bsynth.plots import style
from bsynth.plots.answer import BAR, SIZE, draw_average
from bsynth.plots.key import key, key_height
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLUE
from bsynth.plots.trajectory import draw_band
from bsynth.plots.window import focus
from bsynth.text.labels import METHODS
from bsynth.text.numbers import percent

BEFORE = 12
"""Periods before the start that are drawn."""
FEW = 3
"""Units below which a period since the start is drawn hollow."""


def plot_waves_answer(analysis: WavesAnalysis, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Show the effect by periods since the start with its band, and one bar for the overall effect beside it.

    Parameters
    ----------
    analysis : WavesAnalysis
    ax : Axes, optional
        Draw here instead of in a new figure; it is divided, so it must stand in a grid, as those of
        ``plt.subplots`` do.
    level : float, optional
        Probability inside band and bar; by default the analysis's.

    Returns
    -------
    Axes
        Those of the path, with lines of gid ``before``, ``effect``, ``zero`` and ``start``; beside them those of the
        overall effect (label ``average``).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import bsynth as bs
    >>> wide = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 8)), columns=list("abcdefgh"))
    >>> panel = bs.Panel.from_wide(wide, start={"a": 12, "b": 15})
    >>> analysis = bs.analyse(panel, models=["none"], methods=["did"], progress=False)
    >>> plot_waves_answer(analysis).figure.axes[1].get_label()
    'average'
    """
    check_kind(analysis, WavesAnalysis, "analysis", "what bsynth.analyse(panel) returns where starts differ")
    level = analysis.level if level is None else check_level(level)
    style.check_axes(ax)
    path, answer = analysis.path(level), analysis.answer(level)
    before, after = path[(path["event"] < 0) & (path["event"] >= -BEFORE)], path[path["event"] >= 0]
    few = (after["units"] < min(FEW, analysis.panel.n_treated)).to_numpy()
    with style.house():
        left, bar = style.beside(style.new_axes(ax, SIZE), share=BAR, names=("path", "average"))
        left.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
        (gaps,) = left.plot(before["event"], before["gap"], color=style.BLACK, linewidth=1.2, marker=".", gid="before")
        k, estimate = after["event"].to_numpy(dtype=float), after["gap"].to_numpy(dtype=float)
        looks: list[tuple[Artist, str]] = [(gaps, "before: mean gap that the fits leave")]
        (line,) = left.plot(k, estimate, color=BLUE, linewidth=1.8, zorder=5, gid="effect")
        left.plot(k[~few], estimate[~few], color=BLUE, marker="o", markersize=4, linewidth=0, zorder=6)
        left.plot(k[few], estimate[few], color=BLUE, marker="o", markersize=4, linewidth=0, mfc="white", zorder=6)
        looks.append((line, "effect" + (f" (hollow: under {FEW} {analysis.panel.labels.unit}s)" if few.any() else "")))
        if after[["lower", "upper"]].notna().all(axis=None):
            draw_band(left, k, after[["lower", "upper"]].to_numpy(dtype=float))
            looks.append((Patch(facecolor=BLUE, alpha=0.18), f"{percent(level)} of each period"))
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        steps = counted(2, analysis.panel.whole.frequency).removeprefix("2 ")
        left.set_xlabel(f"{steps} since the start", color=style.INK)
        focus(left, path.loc[path["event"] >= -BEFORE, ["gap", "lower", "upper"]].assign(zero=0.0).to_numpy(), None)
        style.start_line(left, 0.0)
        key(left, looks)
        kind = "" if math.isnan(float(answer["lower"])) else f"{percent(level)} {answer['interval']}"
        # Both are effects: they stand on one scale.
        draw_average(
            bar, answer, kind, reason=analysis.effects_reason, called="overall effect:", limits=left.get_ylim()
        )
        left.set_ylim(bar.get_ylim())
        method = "" if answer["interval"] == POOLED else f", {METHODS.get(answer['method'], answer['method'])}"
        style.heading(
            left, f"Effect on {drawn(analysis.panel.labels.outcome)} by time since the start{method}", [],
            reason=analysis.effects_reason, above=key_height(left), size=10,
        )  # fmt: skip
    return left
