"""Effects on several cells and their differences."""

import pandas as pd
from matplotlib.axes import Axes

from bsynth._base.request import check_kind, check_level
from bsynth.analysis import MultiCellAnalysis
from bsynth.plots.forest import forest


def plot_cells(analysis: MultiCellAnalysis, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Show the differences between cells, and the effect on each, on one axis.

    Parameters
    ----------
    analysis : MultiCellAnalysis
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float, optional
        Probability inside each interval by itself; by default the analysis's.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=12, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated={"A": [0], "B": [1, 2]}, start=30)
    >>> found = bs.analyse(panel, models=["none"], methods=["did"], progress=False)
    >>> [text.get_text().split("\\n")[0] for text in plot_cells(found).get_yticklabels()]
    ['A − B', 'A', 'B']
    """
    check_kind(
        analysis, MultiCellAnalysis, "analysis", "what bsynth.analyse(panel) returns of a panel of several cells"
    )
    rows = pd.DataFrame(analysis.effects(analysis.level if level is None else check_level(level)))
    last = rows["of"].isin(analysis.analyses)
    rows = pd.concat([rows[~last], rows[last]], ignore_index=True)
    return forest(rows, ax=ax, estimand="average", truth=None, with_p=False, say="", reason=analysis.reason, by="of")
