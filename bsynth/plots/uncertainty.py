"""Where the uncertainty of the effect comes from, by horizon."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.errors import SpecError, nearest, some_of
from bsynth.findings import Decomposition
from bsynth.findings.uncertainty import NAMES
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLUE, GREY, ORANGE, VERMILION, EndLabel
from bsynth.text.numbers import number

SPANS = ("average", "period")
_COLORS = {
    "weights": BLUE,
    "covariates": "#CC79A7",
    "season": "#009E73",
    "slope": "#F0E442",
    "level_shift": "#56B4E9",
    "weights and level": BLUE,
    "drift": VERMILION,
    "noise": GREY,
    "cells": ORANGE,
}
_HATCHES = {
    "weights": "",
    "covariates": "xx",
    "season": "--",
    "slope": "++",
    "level_shift": "//",
    "weights and level": "",
    "drift": "\\\\",
    "noise": "",
    "cells": "..",
}


def plot_uncertainty(found: Decomposition | Analysis, *, ax: Axes | None = None, span: str = "average") -> Axes:
    """Show the share of the predictive variance that each source has, from the first treated period on.

    Parameters
    ----------
    found : Decomposition or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.
    span : {"average", "period"}
        Of the average over the first h treated periods, or of period h alone.

    Returns
    -------
    Axes
        With bars of gid ``source-<name>``; a share below zero, of a source that offsets another, hangs below the
        axis.

    Raises
    ------
    SpecError
        Unknown span.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> from bsynth.findings import decompose_uncertainty
    >>> plot_uncertainty(decompose_uncertainty(fit)).get_ylabel()
    'share of the variance'
    """
    found = part_of(found, Decomposition)
    check_kind(found, Decomposition, "found", "what bsynth.decompose_uncertainty(fit) returns")
    if span not in SPANS:
        raise SpecError(f"span {span!r}{nearest(span, SPANS)}; it can be {some_of(SPANS)}")
    rows = found.table.loc[found.table["span"] == span]
    horizon = rows["horizon"].to_numpy()
    with style.house():
        ax = style.new_axes(ax)
        up, down = 0.0 * horizon, 0.0 * horizon
        labels = []
        for name in found.names:
            share = rows[name].to_numpy(dtype=float)
            bottom = [u if s >= 0 else d for s, u, d in zip(share, up, down, strict=True)]
            bars = ax.bar(horizon, share, width=0.92, bottom=bottom, color=_COLORS[name], edgecolor="white",
                          linewidth=0.3 if len(horizon) < 60 else 0.0, hatch=_HATCHES[name], zorder=3)  # fmt: skip
            for bar in bars:
                bar.set_gid(f"source-{name}")
            labels.append(EndLabel(horizon[-1] + 0.5, bottom[-1] + share[-1] / 2, NAMES[name], _COLORS[name]))
            up, down = up + share.clip(min=0), down + share.clip(max=0)
        ax.axhline(0, color=style.INK, linewidth=0.9, zorder=4)
        ax.set_xlim(horizon[0] - 0.6, horizon[-1] + 0.6)
        ax.set_ylim(min(0.0, 1.03 * float(down.min())), max(1.0, 1.03 * float(up.max())))
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_ylabel("share of the variance", color=style.INK)
        of = "average over the first h treated periods" if span == "average" else "effect in treated period h"
        ax.set_xlabel(f"h, treated periods ({drawn(found.time)})", color=style.INK)
        style.end_labels(ax, labels)
        first, last = (number(float(rows["sd"].iloc[k])) for k in (0, -1))
        more = f" at h = {horizon[0]} and {last} at h = {horizon[-1]}" if len(horizon) > 1 else ""
        style.heading(
            ax,
            f"Uncertainty by source: {drawn(found.treated, 40)}",
            [
                f"Bayesian, {drawn(found.model)}. Predictive variance of the {of};",
                f"its sd is {first}{more} ({drawn(found.outcome)})",
            ],
            reason=found.reason,
        )
    return ax
