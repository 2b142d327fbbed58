"""Donor weights: the posterior beside the classical answer."""

import pandas as pd
from matplotlib.axes import Axes

from bsynth._base.request import check_kind, check_whole
from bsynth.analysis import Analysis
from bsynth.bayesian.result import Fit, refuse_several
from bsynth.errors import SpecError, came
from bsynth.frequentist.estimate import Estimate
from bsynth.panel.given import require_same_panel
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLUE, ORANGE
from bsynth.text.labels import METHODS, interval_words
from bsynth.text.numbers import count, fixed


def plot_weights(
    result: Fit | Estimate | Analysis,
    estimate: Estimate | None = None,
    *,
    ax: Axes | None = None,
    level: float = 0.95,
    top: int = 15,
) -> Axes:
    """Show which donors make the counterfactual, and how well the data know it.

    Parameters
    ----------
    result : Fit, Estimate or Analysis
        Posterior means (dots) and equal-tailed intervals (bars), or the weights of an estimator alone.
    estimate : Estimate, optional
        Classical weights drawn beside a fit's, as diamonds.
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float
        Probability inside the posterior intervals.
    top : int
        Donors shown: those with the largest weight in either answer, in the order of the first.
        The subtitle says how many are not shown and what they weigh together.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> len(plot_weights(bs.classical(panel), top=4).get_yticklabels())
    4
    """
    result = result.main if isinstance(result, Analysis) else result
    top = check_whole(top, "top", 1, "how many donors are shown")
    table = _table(result, estimate, level)
    size = table[["weight", "classical"]].max(axis=1)
    shown = table.loc[size.nlargest(top).index].sort_values("weight", ascending=False, kind="stable")
    hidden = table.drop(index=shown.index)
    posterior = isinstance(result, Fit)
    with style.house():
        ax = style.new_axes(ax, style.row_size(len(shown)))
        reach = shown[["weight", "upper", "classical"]].max(axis=1)
        _rows(ax, shown, posterior=posterior)
        style.row_axis(ax, [drawn(d) for d in shown["donor"]])
        ax.set_xlim(0, float(reach.max()) * 1.04 or 1.0)
        ax.set_xlabel("weight", color=style.INK)
        style.heading(
            ax,
            "Donor weights",
            [_key(result, estimate, level), _hidden_words(hidden, posterior)],
            reason=result.reason,
        )
    return ax


def _rows(ax: Axes, shown: pd.DataFrame, *, posterior: bool) -> None:
    """Interval, dot, diamond and numbers of each donor, the first on top."""
    for y, (_, row) in enumerate(shown.iterrows()):
        if pd.notna(row["lower"]):
            ax.plot(
                [row["lower"], row["upper"]],
                [y, y],
                color=BLUE,
                linewidth=2.2,
                alpha=0.55,
                solid_capstyle="round",
                gid="interval",
            )
        ax.annotate(
            _row_words(row, posterior),
            (1, y),
            (6, 0),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=style.INK,
            annotation_clip=False,
        )
    rows = range(len(shown))
    if posterior:
        ax.plot(shown["weight"], rows, "o", color=BLUE, markersize=5.5, zorder=4, clip_on=False, gid="weight")
    ax.plot(
        shown["classical"],
        rows,
        "D",
        color=ORANGE,
        markeredgecolor="black",
        markeredgewidth=0.7,
        markersize=5.5,
        zorder=4.5,
        clip_on=False,
        gid="classical",
    )


def _table(result: Fit | Estimate, estimate: Estimate | None, level: float) -> pd.DataFrame:
    """One row per donor: donor, weight, lower, upper, classical (NaN where there is none)."""
    if isinstance(result, Fit):
        table = result.weights_table(level)
        if estimate is None:
            return table.assign(classical=float("nan"))
        check_kind(estimate, Estimate, "estimate", "what bsynth.classical(panel) returns, or leave it out")
        if result.panel is not None:
            require_same_panel(result.panel, estimate.panel, "the estimate", "give one of the fit's, or leave it out")
        # By position of the label, since labels may be of any type.
        classical = dict(zip(estimate.panel.donors, estimate.weights, strict=True))
        return table.assign(classical=[classical.get(d, float("nan")) for d in table["donor"]])
    refuse_several(result)
    if not isinstance(result, Estimate):
        raise SpecError(f"a fit or an estimate is needed and {came(result)} came; bsynth.fit(panel) returns a fit")
    table = result.weights_table()
    return table.assign(lower=float("nan"), upper=float("nan"), classical=table["weight"])


def _row_words(row: pd.Series, posterior: bool) -> str:
    """The numbers of a row, each after its mark."""
    parts = [f"● {fixed(row['weight'], 3)}"] if posterior else []
    if pd.notna(row["classical"]):
        parts.append(f"◆ {fixed(row['classical'], 3)}")
    return "  ".join(parts)


def _key(result: Fit | Estimate, estimate: Estimate | None, level: float) -> str:
    parts = []
    if isinstance(result, Fit):
        parts.append(f"● posterior mean with {interval_words('interval', level)} ({result.spec.name})")
        if estimate is not None:
            parts.append(f"◆ {METHODS.get(estimate.estimator, estimate.estimator)}")
    else:
        parts.append(f"◆ {METHODS.get(result.estimator, result.estimator)}")
    return "     ".join(parts)


def _hidden_words(hidden: pd.DataFrame, posterior: bool) -> str:
    if hidden.empty:
        return "All donors are shown"
    words = f"{count(len(hidden), 'donor')} not shown, of total weight {fixed(hidden['weight'].sum(), 3)}"
    classical = hidden["classical"].sum(min_count=1)
    return words if not posterior or pd.isna(classical) else f"{words} (posterior mean) and {fixed(classical, 3)} (◆)"
