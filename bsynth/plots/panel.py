"""The data before anything is fitted: the treated series among its donors."""

import numpy as np
from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.panel import Panel
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, GREY, PALE, EndLabel
from bsynth.plots.window import focus, window_words
from bsynth.text.numbers import count


def plot_panel(panel: Panel | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show the treated series and its donors, to see whether these move as it does and what the data are like.

    Parameters
    ----------
    panel : Panel or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With lines of gid ``treated``, ``unit`` (each treated one, where there are several), ``donor`` and ``start``.

    Raises
    ------
    SpecError
        Something else than a panel.

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
    with style.house():
        ax = style.new_axes(ax)
        x, series = style.positions(panel.times), panel.treated_series
        for donor in panel.donor_matrix.T:
            ax.plot(x, donor, color=PALE, linewidth=0.8, alpha=0.9, zorder=1.2, gid="donor")
        units = panel.outcome[:, : panel.n_treated]
        for unit in units.T if panel.n_treated > 1 else []:
            ax.plot(x, unit, color=GREY, linewidth=0.8, zorder=2, gid="unit")
        ax.plot(x, series, color=BLACK, linewidth=1.8, zorder=5, gid="treated")
        style.time_axis(ax, panel.times, panel.source.time)
        ax.set_ylabel(drawn(panel.labels.outcome), color=style.INK)
        outside = focus(ax, np.column_stack([series, units]), panel.donor_matrix)
        style.start_line(ax, x[panel.n_pre])
        style.end_labels(ax, [EndLabel(x[-1], float(series[-1]), drawn(panel.treated_name, 24), BLACK)])
        donors = f"Grey: {count(panel.n_donors, 'donor')}" + (
            f", {outside} partly outside the picture" if outside else ""
        )
        title = f"{drawn(panel.labels.outcome)}: {drawn(panel.treated_name, 40)}"
        style.heading(ax, title, [f"{window_words(panel.times, panel.n_pre)}.", donors], reason="")
    return ax
