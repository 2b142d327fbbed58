"""A decision in words: what it is about, what it found, and how much bias would overturn it."""

import math
from typing import TYPE_CHECKING

from bsynth.text.marks import mark
from bsynth.text.numbers import chance, number, percent

if TYPE_CHECKING:
    from bsynth.findings.decision import Decision

SURE = 0.95
"""The probability of an effect in its direction below which a finding counts as overturned."""


def name_of(decision: "Decision") -> str:
    """Return the short name of the estimand."""
    return "lift" if decision.estimand == "lift" else f"{decision.estimand} effect"


def title_of(decision: "Decision", outcome: str) -> str:
    """Return what the decision is about, with the units and periods that it is taken over where they matter."""
    periods, units = decision.periods, decision.units
    over = f"{periods} period{'' if periods == 1 else 's'}"
    if decision.estimand == "total":
        over = over if units == 1 else f"{units} units and {over}"
        return f"total over {over} of the effect on {outcome}"
    title = f"{name_of(decision)} on {outcome}"
    if units == 1:
        return title
    sum_ = f"sum over {over} of the " if decision.estimand == "cumulative" else ""
    return f"{title} ({sum_}mean of {units} units)"


def sentences(decision: "Decision") -> tuple[str, ...]:
    """Return the decision in words, with its numbers."""
    v, name = decision.values, name_of(decision)
    kind = "calibrated distribution" if decision.interval == "calibrated" else f"{decision.interval} draws"
    said = f"By the {kind} of {decision.model!r} the {title_of(decision, decision.outcome)} is "
    said += _show(decision, v["estimate"])
    words = [f"{said}, and P({name} {'>' if v['direction'] > 0 else '<'} 0) {chance(v['probability_direction'])}."]
    if "threshold" in v:
        words.append(f"P({name} > {_show(decision, v['threshold'])}) {chance(v['probability_above'])}.")
    if "rope_low" in v:
        words.append(
            f"Practically nothing, from {_show(decision, v['rope_low'])} to {_show(decision, v['rope_high'])}: "
            f"P {chance(v['probability_inside_rope'])}; above it P {chance(v['probability_above_rope'])}, "
            f"below it P {chance(v['probability_below_rope'])}."
        )
    if "cost" in v:
        words.append(
            f"At a cost of {number(v['cost'])} and {number(v['value_per_unit'])} per unit of the {name}, the "
            f"expected value is {number(v['expected_value'])} and P(loss) {chance(v['probability_loss'])}; it "
            f"breaks even at {_show(decision, v['break_even'])}."
        )
    return (*mark(decision.status), *words, _overturned(decision))


def _overturned(decision: "Decision") -> str:
    v = decision.values
    if v["breakdown"] == 0:
        return (
            f"No bias is needed to overturn it: the probability of an effect in its direction is under {percent(SURE)} "
            "as it stands."
        )
    beside = yardsticks(decision)
    return (
        f"To overturn it, the counterfactual would have to be confounded by {number(v['breakdown'])} in every "
        f"treated period{f', {beside}' if beside else ''}: from there on the probability of an effect in its direction "
        f"is under {percent(SURE)}."
    )


def yardsticks(decision: "Decision", *, treated: bool = True) -> str:
    """Return the breakdown bias in pre-period spreads of the residual and of the treated series; empty without any.

    The spread is the median absolute deviation; where that is 0, since more than half of the values are alike, the
    standard deviation.
    """
    v, said = decision.values, []
    for name, of in (("residual", "the residual"), ("treated", "the treated series"))[: 2 if treated else 1]:
        mads, sds = v[f"breakdown_{name}_mads"], v[f"breakdown_{name}_sds"]
        if not math.isnan(mads):
            said.append(f"{number(mads, 2)} pre-period MADs of {of}")
        elif not math.isnan(sds):
            said.append(f"{number(sds, 2)} pre-period sd of {of}, whose MAD is 0")
    return said[0] + (f" ({said[1]})" if len(said) > 1 else "") if said else ""


def _show(decision: "Decision", value: float) -> str:
    return f"{number(100 * value)}%" if decision.estimand == "lift" else number(value)
