"""Forest of all answers to one question."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.ticker import PercentFormatter

from bsynth._base.request import check_number
from bsynth.analysis import Analysis
from bsynth.effects import ESTIMANDS, without_bare_points
from bsynth.errors import PanelError, came, nearest, some_of
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLUE, GREEN, ORANGE, RED, VERMILION
from bsynth.text.labels import METHODS, interval_words
from bsynth.text.numbers import bracket, chance, numbers, p_value, percents

ROW = 0.46
"""Height of a row of two lines, inches."""
WIDEST = 8.0
"""Intervals wider than this many median widths are cut, with an arrow, so that the others stay readable."""
OF_ROWS = "what is behind the red rows did not pass its convergence gate"
_LOOK = {"bayes": (BLUE, "o"), "placebo": (GREEN, "s"), "bootstrap-percentile": (ORANGE, "^")}
"""Colour and marker: of a posterior, else of the interval's kind."""


def plot_effects(
    effects: pd.DataFrame | Analysis,
    *,
    ax: Axes | None = None,
    estimand: str = "average",
    truth: float | None = None,
) -> Axes:
    """Show every method's answer to one question on one axis.

    Parameters
    ----------
    effects : DataFrame or Analysis
        Rows of ``effects()`` of any results: the columns of `bsynth.effects.EFFECT_COLUMNS`; a
        column ``status`` marks unreliable fits. Rows without bounds are points without a bar; an
        interval without an end, or far wider than the others, ends in an arrow.
    ax : Axes, optional
        Draw here instead of in a new figure.
    estimand : {"average", "cumulative", "lift"}
    truth : float, optional
        The true value, where it is known: simulated data.

    Returns
    -------
    Axes

    Raises
    ------
    PanelError
        Unknown estimand, or no row of it.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> [text.get_text() for text in plot_effects(bs.classical(panel).effects()).get_yticklabels()]
    ['Synthetic control\\npoint, no interval']
    """
    effects = without_bare_points(effects.effects()) if isinstance(effects, Analysis) else effects
    return forest(effects, ax=ax, estimand=estimand, truth=truth, with_p=False, say="", reason="")


def forest(
    effects: pd.DataFrame,
    *,
    ax: Axes | None,
    estimand: str,
    truth: float | None,
    with_p: bool,
    say: str,
    reason: str,
    by: str = "method",
) -> Axes:
    """Draw `plot_effects`, with p or P(> 0) beside each row when asked, and what to ``say`` in the subtitle.

    ``reason`` is why rows are unreliable, where it is known; the rows themselves do not tell whose gate failed. With
    ``by`` "of" a row is called by the cell or difference that it is of.
    """
    if estimand not in ESTIMANDS:
        raise PanelError(f"estimand {estimand!r}{nearest(estimand, ESTIMANDS)}; it can be {some_of(ESTIMANDS)}")
    if not isinstance(effects, pd.DataFrame) or "estimand" not in effects:
        raise PanelError(f"a table of effects is needed and {came(effects)} came; .effects() of any result returns one")
    truth = None if truth is None else check_number(truth, "truth")
    rows = effects.loc[effects["estimand"] == estimand].reset_index(drop=True)
    if rows.empty:
        raise PanelError(f"the table has no row of the estimand {estimand!r}; give a table of effects")
    with style.house():
        ax = style.new_axes(ax, style.row_size(len(rows), each=ROW))
        ax.set_xlim(*_limits(rows, truth))
        bad = _unreliable(rows)
        for y, (_, row) in enumerate(rows.iterrows()):
            _draw(ax, y, row, _words(row, with_p=with_p), bad=bool(bad.iloc[y]))
        ax.axvline(0, color=style.INK, linewidth=0.9, zorder=1.5, gid="zero")
        if truth is not None:
            ax.axvline(truth, color=VERMILION, linewidth=1.5, linestyle=(0, (5, 1.5)), zorder=1.6, gid="truth")
        style.row_axis(ax, [_name(row, by) for _, row in rows.iterrows()])
        for tick, marked in zip(ax.get_yticklabels(), bad, strict=True):
            tick.set_color(RED if marked else style.INK)
        _name_axes(ax, estimand, truth, say=say, reason=(reason or OF_ROWS) if bad.any() else "", by=by)
    return ax


def _name_axes(ax: Axes, estimand: str, truth: float | None, *, say: str, reason: str, by: str) -> None:
    """Axis label, title, and what the dashed line and arrows mean, where there are any."""
    name = "lift" if estimand == "lift" else f"{estimand} effect"
    ax.set_xlabel(name, color=style.INK)
    if estimand == "lift":
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    known = "" if truth is None else f"Dashed line: truth, {_format(estimand, truth)[0]}. "
    cut = any(line.get_gid() == "cut" for line in ax.get_lines())
    arrows = "Arrow: the interval goes on; its bounds are at the right" if cut else ""
    title = f"{name[:1].upper()}{name[1:]} by {'cell, and differences' if by == 'of' else by}"
    style.heading(ax, title, [say, known + arrows], reason=reason)


def _words(row: pd.Series, *, with_p: bool) -> str:
    """The numbers of a row, and on a second line its p or P(> 0)."""
    words = _format(row["estimand"], *(float(row[key]) for key in ("estimate", "lower", "upper")))
    text = words[0] if math.isnan(float(row["lower"])) else f"{words[0]}  {bracket(words[1:])}"
    if with_p and not pd.isna(row["p"]):
        return f"{text}\n{p_value(float(row['p']))}"
    if with_p and not pd.isna(row["probability_positive"]):
        return f"{text}\nP(> 0) {chance(float(row['probability_positive']))}"
    return text


def _draw(ax: Axes, y: int, row: pd.Series, text: str, *, bad: bool) -> None:
    """One row: bar with arrows where it has no end, marker, numbers at the right."""
    color, marker = _LOOK.get(row["method"], _LOOK.get(row["interval"], ("#555555", "D")))
    color = RED if bad else color
    estimate, lower, upper = float(row["estimate"]), float(row["lower"]), float(row["upper"])
    left, right = ax.get_xlim()
    if not math.isnan(lower) and not math.isnan(upper):
        ax.plot(
            [max(lower, left), min(upper, right)],
            [y, y],
            color=color,
            linewidth=2.2,
            alpha=0.75,
            solid_capstyle="butt",
            gid="interval",
        )
        for beyond, edge, arrow in ((lower < left, left, CARETLEFT), (upper > right, right, CARETRIGHT)):
            if beyond:
                # Its tip is at the edge, so that it stays off the names and numbers beside the axes.
                ax.plot([edge], [y], marker=arrow, linestyle="", color=color, markersize=8, clip_on=False, gid="cut")
    ax.plot(
        [estimate],
        [y],
        marker,
        color=color,
        markeredgecolor="black",
        markeredgewidth=0.6,
        markersize=6.5,
        zorder=4,
        gid="estimate",
    )
    ax.annotate(
        text,
        (1, y),
        (8, 0),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=color if bad else style.INK,
        annotation_clip=False,
    )


def _name(row: pd.Series, by: str) -> str:
    """Method, model and solver on one line, or what the row is of, and the kind of interval on the next."""
    kind = interval_words(row["interval"], float(row["level"]))
    if by == "of":
        return f"{drawn(str(row['of']), 44)}\n{kind}"
    name = METHODS.get(row["method"], str(row["method"]))
    extra = [row.get("model"), row.get("solver")]
    named = ", ".join([name, *(str(e) for e in extra if isinstance(e, str) and e and e != "exact")])
    return f"{drawn(named, 44)}\n{kind}"


def _unreliable(rows: pd.DataFrame) -> pd.Series:
    if "status" not in rows:
        return pd.Series(False, index=rows.index)
    return rows["status"] == "unreliable"


def _limits(rows: pd.DataFrame, truth: float | None) -> tuple[float, float]:
    """X limits around zero, the truth, every estimate, and every interval that is not far wider than most."""
    width = (rows["upper"] - rows["lower"]).astype(float)
    finite = np.sort(width[np.isfinite(width) & (width > 0)])
    # The lower of two middle ones: of two intervals the wide one must not hide the other.
    usual = float(finite[(len(finite) - 1) // 2]) if len(finite) else 0.0
    readable = rows.loc[width <= WIDEST * usual]
    values = [*rows["estimate"], *readable["lower"], *readable["upper"], 0.0]
    values += [] if truth is None else [truth]
    pad = 0.07 * (max(values) - min(values) or 1.0)
    return float(min(values) - pad), float(max(values) + pad)


def _format(estimand: str, *values: float) -> list[str]:
    return percents(*values, signed=True) if estimand == "lift" else numbers(*values, signed=True)
