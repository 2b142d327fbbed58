"""How probable is an effect larger than x: the curve that a decision reads."""

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.findings import Decision
from bsynth.findings.decision import name_of, title_of, yardsticks
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, BLUE, GREEN, ORANGE, VERMILION
from bsynth.text.numbers import number, percent, percents


def plot_decision(decision: Decision | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show P(effect > x) over x, with zero, what was asked about, and the bias that would overturn the finding.

    Parameters
    ----------
    decision : Decision or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With lines of gid ``curve`` and ``zero`` and, where they apply, ``threshold``, ``break-even`` and
        ``breakdown`` (average effect only: from zero to the bias that overturns), and a patch ``rope``.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> from bsynth.findings import decide
    >>> plot_decision(decide(fit)).get_ylabel()
    'P(average effect > x)'
    """
    decision = part_of(decision, Decision)
    check_kind(decision, Decision, "decision", "what bsynth.decide(fit) returns")
    v, name = decision.values, name_of(decision)
    with style.house():
        ax = style.new_axes(ax)
        x, y = decision.curve["x"].to_numpy(), decision.curve["probability"].to_numpy()
        if "rope_low" in v:
            ax.axvspan(v["rope_low"], v["rope_high"], color=ORANGE, alpha=0.18, linewidth=0, gid="rope")
        ax.axvline(0, color=style.INK, linewidth=0.9, gid="zero")
        ax.plot(x, y, color=BLUE, linewidth=2.0, zorder=4, gid="curve")
        ax.set_ylim(0, 1)
        ax.margins(x=0.02)
        if "threshold" in v:
            _point(ax, decision, (v["threshold"], v["probability_above"]), "threshold", BLACK)
        if "cost" in v:
            gain = 1 - v["probability_loss"]
            above = gain if v["value_per_unit"] > 0 else 1 - gain
            _point(ax, decision, (v["break_even"], above), "break-even", GREEN)
        if decision.estimand == "average" and v["breakdown"] > 0:
            # The nearer end of the interval: what lies beyond it has half of what the interval leaves out.
            tail = (1 - decision.level) / 2
            _breakdown(ax, v["direction"] * v["breakdown"], 1 - tail if v["direction"] > 0 else tail)
        ax.set_xlabel(f"{title_of(decision, drawn(decision.outcome))}, x", color=style.INK)
        ax.set_ylabel(f"P({name} > x)", color=style.INK)
        if decision.estimand == "lift":
            ax.xaxis.set_major_formatter(PercentFormatter(1.0))
        style.heading(
            ax,
            f"{name[:1].upper()}{name[1:]} of {drawn(decision.treated, 40)}: P({decision.sign} 0) "
            f"{decision.chance(v['probability_direction'])}",
            [f"Bayesian, {decision.model}, {decision.interval} distribution.", _words(decision)],
            reason=decision.reason,
        )
    return ax


def _shown(decision: Decision, value: float) -> str:
    return percent(value, signed=True) if decision.estimand == "lift" else number(value, signed=True)


def _point(ax: Axes, decision: Decision, at: tuple[float, float], gid: str, color: str) -> None:
    """A point on the curve with a line down to the axis and its words beside it, each kind at its own height."""
    x, y = at
    ax.plot([x, x], [0, y], color=color, linewidth=1.2, linestyle=(0, (4, 2)), zorder=3, gid=gid)
    ax.plot([x], [y], "o", color=color, markersize=6, zorder=5)
    left, right = ax.get_xlim()
    share = (x - left) / (right - left)
    # Below the curve its left is free, above it its right.
    side = (-1 if share > 0.25 else 1) if y > 0.4 else (1 if share < 0.75 else -1)
    first = gid == "threshold"
    level = y * (0.75 if first else 0.5) if y > 0.4 else y + (0.16 if first else 0.32)
    ax.annotate(
        f"{gid} {_shown(decision, x)}\nP(above) {decision.chance(y)}",
        (x, level),
        (7 * side, 0),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        va="center",
        fontsize=8.5,
        color=color,
        zorder=6,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def _breakdown(ax: Axes, bias: float, level: float) -> None:
    """A line from zero to the bias that brings P(effect > x) to a level."""
    ax.plot([0, bias], [level, level], color=VERMILION, linewidth=1.6, zorder=3, gid="breakdown")
    ax.plot([bias], [level], "|", color=VERMILION, markersize=13, markeredgewidth=1.6, zorder=5)
    ax.annotate(
        f"breakdown bias {number(abs(bias))}",
        # The curve falls from the upper left: what is high has room at its lower left, what is low at its upper right.
        (bias, level),
        (-6 if level > 0.5 else 2, -4 if level > 0.5 else 5),
        textcoords="offset points",
        ha="right" if level > 0.5 else "left",
        va="top" if level > 0.5 else "bottom",
        fontsize=8.5,
        color=VERMILION,
        zorder=6,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def _words(decision: Decision) -> str:
    """What is shaded, and how much bias would overturn the finding."""
    v, words = decision.values, []
    if "rope_low" in v:
        bounds = [v["rope_low"], v["rope_high"]]
        low, high = percents(*bounds) if decision.estimand == "lift" else [number(b) for b in bounds]
        words.append(f"Shaded: practically nothing, {low} to {high}, P {decision.chance(v['probability_inside_rope'])}")
    if v["breakdown"] > 0:
        beside = f"{found}, " if (found := yardsticks(decision, treated=False)) else ""
        words.append(f"A bias of {number(v['breakdown'])} per period, {beside}would overturn it")
    else:
        words.append(
            f"No bias is needed to overturn it: the {percent(decision.level)} interval holds zero as it stands"
        )
    return ". ".join(words)
