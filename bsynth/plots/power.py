"""How probable is it that an effect is seen: power over its size, for each duration."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from bsynth._base.request import check_kind
from bsynth.errors import SpecError, some_of
from bsynth.planning import RolloutPlan
from bsynth.planning.power import RULES, TITLES, Rule
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLUE, GREEN, GREY, ORANGE, VERMILION, EndLabel
from bsynth.text.numbers import count, percent

COLORS = (VERMILION, ORANGE, GREEN, BLUE)
DASHES: tuple[Any, ...] = ((0, (1, 1)), (0, (4, 1.5)), (0, (6, 1, 1, 1)), "solid")
"""From the shortest duration to the longest, which is drawn solid."""
CURVES = len(COLORS)


def plot_power(plan: RolloutPlan, *, ax: Axes | None = None, rule: Rule = "interval") -> Axes:
    """Show the power of a rule over the size of the effect, one curve a duration, and the smallest effect of each.

    Parameters
    ----------
    plan : RolloutPlan
    ax : Axes, optional
        Draw here instead of in a new figure.
    rule : {"interval", "probability", "placebo"}

    Returns
    -------
    Axes
        With a line of gid ``power-D`` for each duration D, of at most four of them, and lines ``target`` and
        ``false-positive``.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, n_pre=24, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=None)
    >>> found = bs.plan_rollout(panel, model="level", durations=[4], kind="level", windows=1, draws=300, progress=False)
    >>> plot_power(found).get_ylabel()
    'power'
    """
    check_kind(plan, RolloutPlan, "plan", "what bsynth.plan_rollout(panel) returns")
    if rule not in RULES:
        raise SpecError(f"rule {rule!r} is unknown; it can be {some_of(RULES)}")
    style.check_axes(ax)
    # The longest ones, which tell the most, where there are many.
    shown = plan.durations[-CURVES:]
    smallest = {duration: plan.mde(duration, rule=rule) for duration in shown}
    last: Any = plan.mdes[(plan.mdes["rule"] == rule) & (plan.mdes["duration"] == shown[-1])].iloc[0]
    with style.house():
        ax = style.new_axes(ax)
        for duration, color, dashes in zip(shown, COLORS[-len(shown) :], DASHES[-len(shown) :], strict=True):
            each = plan.table[(plan.table["rule"] == rule) & (plan.table["duration"] == duration)]
            ax.plot(
                each["effect"], each["power"], color=color, linestyle=dashes, linewidth=2.0, gid=f"power-{duration}",
                zorder=4, label=f"{count(duration, plan.panel.frequency)}: {plan.size_words(smallest[duration])}",
            )  # fmt: skip
            mde = smallest[duration]
            if each["effect"].min() <= mde <= each["effect"].max():
                ax.plot([mde], [plan.target], "o", color=color, markersize=6, zorder=5)
        ax.axhline(plan.target, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), gid="target")
        rate = float(last["false_positive"])
        ax.axhline(rate, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), gid="false-positive")
        ends = [
            EndLabel(1.0, plan.target, f"{percent(plan.target)} power", style.INK),
            EndLabel(1.0, rate, f"fires without effect: {percent(rate)}", GREY),
        ]
        for end in ends:
            ax.annotate(
                end.text, (1.0, end.y), (-2, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
                ha="right", va="bottom", fontsize=8.5, color=end.color,
            )  # fmt: skip
        ax.set_ylim(0, 1.02)
        ax.margins(x=0.01)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        if plan.kind == "lift":
            ax.xaxis.set_major_formatter(PercentFormatter(1.0))
        what = "full size of the effect" if plan.ramp else "effect"
        unit = "share of the untreated outcome" if plan.kind == "lift" else drawn(plan.panel.source.outcome)
        ax.set_xlabel(f"{what} ({unit})", color=style.INK)
        ax.set_ylabel("power", color=style.INK)
        ax.legend(
            title="smallest effect", loc="center right", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8.5,
            title_fontsize=8.5,
        )  # fmt: skip
        plays = int(last["plays"])
        style.heading(
            ax,
            f"What would be seen of an effect on {drawn(plan.panel.treated_name, 40)}",
            [
                f"Rule: {TITLES[rule]}.",
                f"Effects put into {count(plays, 'play')} of the past, in which nothing happened.",
            ],
            reason=plan.reason,
        )
    return ax
