"""The data before anything is fitted: the treated series among its donors."""

import textwrap

import numpy as np
from matplotlib.axes import Axes

from bsynth._base.request import check_flags, check_kind
from bsynth._base.types import FloatArray
from bsynth.analysis import Analysis
from bsynth.errors import SpecError
from bsynth.panel import Panel
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, GREY, PALE, EndLabel
from bsynth.plots.window import focus, window_words
from bsynth.text.numbers import count


def plot_panel(panel: Panel | Analysis, *, ax: Axes | None = None, index: bool = False) -> Axes:
    """Show the treated series and its donors, to see whether these move as it does and what the data are like.

    Parameters
    ----------
    panel : Panel or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.
    index : bool
        Draw each series as a percentage of its own mean before the start: units of other sizes are then seen to move
        alike or not. Outcomes that may be negative have no such mean worth the name.

    Returns
    -------
    Axes
        With lines of gid ``treated``, ``unit`` (each treated one, where there are several), ``donor`` and ``start``.

    Raises
    ------
    SpecError
        Something else than a panel, or an index of series whose mean before the start is not above zero.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> len(panel.plot().get_lines())
    8
    """
    panel = part_of(panel, Panel)
    check_kind(panel, Panel, "panel", "a Panel, such as bsynth.Panel.from_long returns")
    check_flags(index=index)
    outcome = np.column_stack([panel.treated_series, panel.outcome])
    if index:
        outcome = _indexed(outcome, panel.n_pre)
    series, units, donors = outcome[:, 0], outcome[:, 1 : 1 + panel.n_treated], outcome[:, 1 + panel.n_treated :]
    name = drawn(panel.labels.outcome)
    with style.house():
        ax = style.new_axes(ax)
        x = style.positions(panel.times)
        for donor in donors.T:
            ax.plot(x, donor, color=PALE, linewidth=0.8, alpha=0.9, zorder=1.2, gid="donor")
        for unit in units.T if panel.n_treated > 1 else []:
            ax.plot(x, unit, color=GREY, linewidth=0.8, zorder=2, gid="unit")
        ax.plot(x, series, color=BLACK, linewidth=1.8, zorder=5, gid="treated")
        style.time_axis(ax, panel.times, panel.source.time, panel.zone)
        ax.set_ylabel(f"{name}, % of the mean before" if index else name, color=style.INK)
        focus(ax, outcome, None)
        style.start_line(ax, x[panel.n_pre])
        name_of = "\n".join(textwrap.wrap(drawn(panel.treated_name, 44), 18))
        style.end_labels(ax, [EndLabel(x[-1], float(series[-1]), name_of, BLACK)])
        said = f"{window_words(panel.period_words(), panel.n_pre)}. Grey: {count(panel.n_donors, 'donor')}"
        style.heading(ax, f"{name}: {drawn(panel.treated_name, 40)}", [said], reason="")
    return ax


def _indexed(outcome: FloatArray, n_pre: int) -> FloatArray:
    """Each column as a percentage of its mean over the first ``n_pre`` rows."""
    before = outcome[:n_pre].mean(axis=0)
    if not (before > 0).all():
        raise SpecError("index is True and a series has a mean before the start that is not above zero; leave it out")
    return np.asarray(100 * outcome / before)
