"""From a posterior effect to a decision: P(effect > x), practical equivalence, worth, and breakdown bias."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import clean, records
from bsynth._base.request import hinted
from bsynth._base.types import Status
from bsynth.bayesian.result import Fit
from bsynth.bayesian.waves.result import WavesFit
from bsynth.calibration import Calibration
from bsynth.calibration.answer import Reporting, level_for
from bsynth.calibration.donors import MIN_PLACEBOS
from bsynth.calibration.waves import WavesCalibration
from bsynth.findings.law import TAIL, Drawn, Law
from bsynth.findings.question import ask
from bsynth.findings.subject import Subject, subject_of
from bsynth.text.card import quantities
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import chance, count, number, percent
from bsynth.text.result import Pictured

POINTS = 201
"""Points of the curve P(effect > x)."""


@dataclass(frozen=True, eq=False, repr=False)
class Decision(Pictured):
    """What follows from an effect's distribution.

    Attributes
    ----------
    estimand : {"average", "cumulative", "lift", "total"}
        Effect that every number but the breakdown bias is about.
    interval : str
        Distribution that was asked: ``"predictive"`` (the saved draws) or ``"calibrated"``.
    outcome, treated, model : str
    units, periods : int
        Treated units and treated periods; the first three estimands are of the units' mean. Where ``staggered`` the
        periods of all units, each counted from its own start.
    curve : DataFrame
        ``x`` and ``probability`` = P(effect > x), over the bulk of the distribution and zero.
    values : mapping of str to float
        ``estimate``, ``probability_positive``, ``direction`` (1 or −1) and ``probability_direction``; with a
        threshold ``threshold, probability_above``; with a region of practical equivalence ``rope_low,
        rope_high, probability_below_rope, probability_inside_rope, probability_above_rope``; with cost and value
        ``cost, value_per_unit, break_even, expected_value, probability_loss``; and ``breakdown`` (bias per treated
        period, outcome units), ``breakdown_residual_mads, breakdown_treated_mads`` (in pre-period median absolute
        deviations of the residual and of the treated series), ``breakdown_residual_sds, breakdown_treated_sds`` (in
        standard deviations), ``residual_mad, treated_mad, residual_sd, treated_sd``.
    reason : str
        Of the fit or calibration that it rests on.
    level : float
        Of the interval of the average effect that holds zero once the finding counts as overturned.
    backing : int or None
        Independent placebos behind a calibrated distribution, else donors of different series; no probability is said
        beyond what they can show, and none where fewer donors than a calibration needs stand behind a model's own word.
    staggered : bool
        Whether units start at different times: the average is then over all their treated periods.
    once : str
        Of a total or cumulative effect, that it adds up cells that are means or ratios of rows; else empty.
    """

    estimand: str
    interval: str
    outcome: str
    treated: str
    model: str
    units: int
    periods: int
    curve: pd.DataFrame
    values: Mapping[str, float]
    reason: str = ""
    level: float = 0.95
    backing: int | None = None
    staggered: bool = False
    once: str = ""

    @property
    def status(self) -> Status:
        """Of what it rests on."""
        return status_of(self.reason)

    @property
    def table(self) -> pd.DataFrame:
        """One row per number: ``quantity, value``."""
        return pd.DataFrame({"quantity": list(self.values), "value": list(self.values.values())})

    @property
    def sign(self) -> str:
        """``">"`` or ``"<"``, the direction of the effect."""
        return ">" if self.values["direction"] > 0 else "<"

    @property
    def title(self) -> str:
        """What it is, and about which unit."""
        return f"Decision: {self.treated}"

    def chance(self, p: float) -> str:
        """Write a probability as far as what is behind it goes."""
        if self.interval != "calibrated" and self.backing is not None and self.backing < MIN_PLACEBOS:
            return "is not known"
        return chance(p, self.backing)

    def sentences(self) -> tuple[str, ...]:
        """The decision in words, with its numbers."""
        return _sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return super().to_dict() | {
            "estimand": self.estimand,
            "interval": self.interval,
            "outcome": self.outcome,
            "model": self.model,
            "units": self.units,
            "periods": self.periods,
            "level": self.level,
            "backing": self.backing,
            "staggered": self.staggered,
            "once": self.once,
            "values": clean(dict(self.values)),
            "curve": records(self.curve),
        }

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (quantities(self.table),)

    def _gist(self) -> str:
        return (
            f"{name_of(self)}, P({self.sign} 0) {self.chance(self.values['probability_direction'])}, "
            f"breakdown bias {number(self.values['breakdown'])}"
        )


def name_of(decision: Decision) -> str:
    """Return the short name of the estimand."""
    return "lift" if decision.estimand == "lift" else f"{decision.estimand} effect"


def title_of(decision: Decision, outcome: str) -> str:
    """Return what the decision is about, with the units and periods that it is taken over where they matter."""
    periods, units = decision.periods, decision.units
    over = count(periods, "period")
    if decision.staggered:
        over = f"{count(periods, 'treated period')} of {decision.treated}"
        total = f"total over {over} of the effect on {outcome}"
        return total if decision.estimand == "total" else f"{name_of(decision)} on {outcome} (mean over {over})"
    if decision.estimand == "total":
        mean, of, many = decision.treated.partition("mean of ")
        over = over if units == 1 else f"{many if of and not mean else count(units, 'unit')} and {over}"
        return f"total over {over} of the effect on {outcome}"
    title = f"{name_of(decision)} on {outcome}"
    if units == 1:
        return title
    sum_ = f"sum over {over} of the " if decision.estimand == "cumulative" else ""
    return f"{title} ({sum_}{decision.treated})"


def _sentences(decision: Decision) -> tuple[str, ...]:
    """Return the decision in words, with its numbers."""
    v, name, said = decision.values, name_of(decision), decision.chance
    kind = "calibrated distribution" if decision.interval == "calibrated" else f"{decision.interval} draws"
    what = f"By the {kind} of {decision.model!r} the {title_of(decision, decision.outcome)} is "
    words = [
        f"{what}{_show(decision, v['estimate'])}, and P({name} {decision.sign} 0) {said(v['probability_direction'])}."
    ]
    if "threshold" in v:
        words.append(f"P({name} > {_show(decision, v['threshold'])}) {said(v['probability_above'])}.")
    if "rope_low" in v:
        words.append(
            f"Practically nothing, from {_show(decision, v['rope_low'])} to {_show(decision, v['rope_high'])}: "
            f"P {said(v['probability_inside_rope'])}; above it P {said(v['probability_above_rope'])}, "
            f"below it P {said(v['probability_below_rope'])}."
        )
    if "cost" in v:
        words.append(
            f"At a cost of {number(v['cost'])} and {number(v['value_per_unit'])} per unit of the {name}, the "
            f"expected value is {number(v['expected_value'])} and P(loss) {said(v['probability_loss'])}; it "
            f"breaks even at {_show(decision, v['break_even'])}."
        )
    once = (decision.once,) if decision.once else ()
    return (*mark(decision.reason), *words, *once, _overturned(decision))


def _overturned(decision: Decision) -> str:
    v = decision.values
    if v["breakdown"] == 0:
        return f"No bias is needed to overturn it: {_interval_words(decision)} holds zero as it stands."
    beside = yardsticks(decision)
    return (
        f"To overturn it, the counterfactual would have to be confounded by {number(v['breakdown'])} in every "
        f"treated period{f', {beside}' if beside else ''}: from there on {_interval_words(decision)} holds zero."
    )


def _interval_words(decision: Decision) -> str:
    return f"the {percent(decision.level)} {decision.interval} interval of the average effect"


def yardsticks(decision: Decision, *, treated: bool = True) -> str:
    """Say what the breakdown bias is of the fit's misses and the treated series' swings before the start, if of any.

    The spread, the typical size, is the median absolute deviation; where that is 0, since more than half of the values
    are alike, the standard deviation.
    """
    v, said = decision.values, []
    before = "before the starts" if decision.staggered else "before the start"
    fit = "the units' fits" if decision.staggered else "the fit"
    of_what = (("residual", f"miss of {fit}"), ("treated", "swing of the treated series"))
    for name, of in of_what[: 2 if treated else 1]:
        mads, sds = v[f"breakdown_{name}_mads"], v[f"breakdown_{name}_sds"]
        if not math.isnan(mads):
            said.append(f"{number(mads, 2)} times the median {of} {before}")
        elif not math.isnan(sds):
            said.append(f"{number(sds, 2)} times the standard {of} {before}, whose median is 0")
    return said[0] + (f" ({said[1]})" if len(said) > 1 else "") if said else ""


def _show(decision: Decision, value: float) -> str:
    return f"{number(100 * value)}%" if decision.estimand == "lift" else number(value)


@hinted
def decide(
    result: Fit | Calibration | WavesFit | WavesCalibration | Reporting,
    *,
    rope: float | tuple[float, float] | None = None,
    threshold: float | None = None,
    cost: float | None = None,
    value_per_unit: float | None = None,
    estimand: str | None = None,
    level: float | None = None,
) -> Decision:
    """Answer what an effect's distribution means for a decision, and how much bias would overturn it.

    Every saved draw of the predictive effect counts once. A `Calibration` is asked for its calibrated
    distribution instead, t₈ mixed over (c, d).

    Parameters
    ----------
    result : Fit, Calibration, WavesFit, WavesCalibration or an analysis
        Of an analysis what it reports. Of units that start at different times the average is over all their treated
        periods, and there is no cumulative effect beside the total.
    rope : float or (low, high), optional
        Region of practical equivalence, in units of the estimand; a number is its half-width around zero.
    threshold : float, optional
        Adds P(effect > threshold), in units of the estimand.
    cost, value_per_unit : float, optional
        Together: what the intervention costs, and what one unit of the estimand is worth (negative where a
        decrease is good). Loss: value_per_unit · effect < cost.
    estimand : {"average", "cumulative", "lift", "total"}, optional
        By default ``"total"`` with cost and value, else ``"average"``. Average and cumulative effect are of the mean
        of the treated units; the total is their sum over units and periods, units · periods · average. A cell that is
        a mean or a ratio of rows counts once in it, which the sentences then say. The lift is a share: .02 is two per
        cent.
    level : float, optional
        Of the interval of the average effect that holds zero once the finding counts as overturned; by default that of
        an analysis, else .95.

    Returns
    -------
    Decision
        ``breakdown`` is the additive bias per treated period, outcome units, from which on the interval of the average
        effect (two-sided, equal tails) would hold zero: the way from zero to its nearer end; 0 when it does.
        Also in median absolute deviations of the pre-period.

    Raises
    ------
    SpecError
        Unknown estimand, a region or worth that is incomplete, or a question that the calibrated lift cannot answer.
    FitError
        When draws of the effect are not finite; none is ever dropped.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> found = decide(fit, cost=10.0, value_per_unit=100.0)
    >>> found.estimand, found.values["break_even"], sorted(found.curve.columns)
    ('total', 0.1, ['probability', 'x'])
    """
    subject = subject_of(result)
    asked = ask(
        calibrated=subject.calibrated, rope=rope, threshold=threshold, cost=cost, value_per_unit=value_per_unit,
        estimand=estimand,
    )  # fmt: skip
    level = level_for(result, level)
    law, region = subject.law(asked.estimand), asked.region
    positive, negative = law.above(0.0), law.below(0.0)
    values = {
        "estimate": subject.estimate(asked.estimand),
        "probability_positive": positive,
        "direction": 1.0 if positive >= negative else -1.0,
        "probability_direction": max(positive, negative),
    }
    if asked.threshold is not None:
        values |= {"threshold": asked.threshold, "probability_above": law.above(asked.threshold)}
    if region is not None:
        low, high = region
        below, above = law.below(low), law.above(high)
        values |= {"rope_low": low, "rope_high": high, "probability_below_rope": below}
        values |= {"probability_inside_rope": 1.0 - below - above, "probability_above_rope": above}
    if asked.cost is not None and asked.value is not None:
        # Of a lift, the mean of the draws is not the lift of the mean effect. A calibrated effect has its fit's mean:
        # on a log scale its own tails, those of t, leave none.
        own = isinstance(law, Drawn) and not subject.calibrated
        mean = float(law.draws.mean()) if isinstance(law, Drawn) and own else values["estimate"]
        values |= _worth(law, mean, asked.cost, asked.value)
    return Decision(
        estimand=asked.estimand,
        interval="calibrated" if subject.calibrated else "predictive",
        outcome=subject.outcome,
        treated=subject.treated,
        model=subject.model,
        units=subject.units,
        periods=subject.periods,
        curve=_curve(law, [x for x in (asked.threshold, *(region or ())) if x is not None]),
        values=values | _breakdown(subject, level),
        reason=subject.reason,
        level=level,
        backing=subject.behind or None,
        staggered=subject.staggered,
        once=subject.once if asked.estimand in ("cumulative", "total") else "",
    )


def _worth(law: Law, mean: float, cost: float, value: float) -> dict[str, float]:
    """Expected value and probability of loss: value · effect < cost."""
    even = cost / value
    return {
        "cost": cost,
        "value_per_unit": value,
        "break_even": even,
        "expected_value": value * mean - cost,
        "probability_loss": law.below(even) if value > 0 else law.above(even),
    }


def _curve(law: Law, marks: list[float]) -> pd.DataFrame:
    """P(effect > x) over the bulk of the distribution, zero and what was asked about."""
    ends = [law.quantile(TAIL), law.quantile(1 - TAIL), 0.0, *marks]
    x = np.unique([*np.linspace(min(ends), max(ends), POINTS), 0.0, *marks])
    return pd.DataFrame({"x": x, "probability": [law.above(float(value)) for value in x]})


def _breakdown(subject: Subject, level: float) -> dict[str, float]:
    """Bias per treated period that overturns the direction of the average effect, and its yardsticks."""
    law = subject.law("average")
    sign = 1.0 if law.above(0.0) >= law.below(0.0) else -1.0
    bias = _least_bias(law, sign, level)
    series = {"residual": subject.misses, "treated": subject.swings}
    found, rounding = {"breakdown": bias}, 1e-12 * subject.largest
    for name, values in series.items():
        mad = float(np.median(np.abs(values - np.median(values))))
        for kind, spread in (("mad", mad), ("sd", float(values.std(ddof=1)))):
            # A pre-period without spread is no yardstick.
            found |= {
                f"{name}_{kind}": spread,
                f"breakdown_{name}_{kind}s": bias / spread if spread > rounding else math.nan,
            }
    return found


def _least_bias(law: Law, sign: float, level: float) -> float:
    """The least bias with which the equal-tailed interval holds zero; 0 when it already does."""
    tail = (1 - level) / 2
    return max(0.0, sign * law.quantile(tail if sign > 0 else 1 - tail))
