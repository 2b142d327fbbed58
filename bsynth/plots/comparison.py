"""Forest of a comparison: every method against the main interval."""

import numpy as np
from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis, Comparison
from bsynth.plots.forest import forest
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLUE
from bsynth.text.labels import interval_words


def plot_comparison(comparison: Comparison | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show every method's answer, its interval and its p or P(> 0); the main posterior's interval is shaded.

    Parameters
    ----------
    comparison : Comparison or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> comparison = bs.analyse(panel, models=["none"], methods=["sc", "did", "placebo"], progress=False).comparison
    >>> [text.get_text() for text in plot_comparison(comparison).get_yticklabels()]
    ['Synthetic control\\n95% inverted placebo test', 'Difference in differences\\n95% inverted placebo test']
    """
    comparison = part_of(comparison, Comparison)
    check_kind(comparison, Comparison, "comparison", "what bsynth.compare(panel) returns")
    table, facts = comparison.table, comparison.facts
    first = table.iloc[0]
    main = first["method"] == "bayes" and bool(np.isfinite([first["lower"], first["upper"]]).all())
    say = f"Outcome {drawn(facts['outcome'])}, {drawn(facts['treated'])}"
    if main:
        say += f". Shaded: the {interval_words(first['interval'], float(first['level']))}"
    ax = forest(table, ax=ax, estimand="average", truth=facts["truth"], with_p=True, say=say, reason=comparison.reason)
    if main:
        ax.axvspan(first["lower"], first["upper"], color=BLUE, alpha=0.09, linewidth=0, zorder=0.5, gid="main")
    return ax
