"""How well is each pre-period predicted by the others?"""

import numpy as np

from bsynth._base.plain import show
from bsynth.bayesian.psis import pre_period_loo
from bsynth.checks.base import Case, Check
from bsynth.checks.choice import drifts, for_tails
from bsynth.errors import some_of
from bsynth.text.numbers import fixed, number

NAME = "loo"
TITLE = "Is every pre-period predicted by the others?"

FAR = 8.0
"""Log density that four sd cost: a period so much less probable than the others is wild, whatever the model says."""
LATE = 3
"""Last pre-periods in which what is done ahead of a start would show."""
K_MAX = 1.0
"""Above it the importance ratios have no finite mean (Vehtari et al. 2024)."""


def check(case: Case) -> Check:
    """PSIS-LOO of the pre-period (Vehtari, Gelman and Gabry 2017).

    ``values``: ``elpd``, ``se``, ``p_loo``, ``k_max`` (largest Pareto k) and ``k_bad`` (periods above the limit for so
    many draws). With a drift each term is the density of a period given the earlier ones, so what is left out is
    one one-step-ahead term, not the period itself; `bsynth.leave_future_out` refits instead.
    """
    found = pre_period_loo(case.fit.tree)
    bad = found.pareto_k > found.good_k
    periods = [str(show(t)) for t in found.times[bad]]
    values = {
        "elpd": found.elpd,
        "se": found.se,
        "p_loo": found.p,
        "k_max": float(found.pareto_k.max()),
        "k_bad": float(bad.sum()),
    }
    score = (
        f"elpd {number(values['elpd'])} (s.e. {number(values['se'], 2)}), largest Pareto k {fixed(values['k_max'], 2)}"
    )
    if drifts(case.spec):
        score += "; its terms are one step ahead, since the model has a drift"
    if not periods:
        return Check(NAME, TITLE, values, "ok", f"No single pre-period carries the fit: {score}.")
    score += f"; k is above {fixed(found.good_k, 2)} at {some_of(periods, 4)}, so score by leave-future-out rather"
    model = repr(case.spec.name)
    if values["k_max"] <= K_MAX:
        sentence = f"Whether single pre-periods carry the fit of {model} cannot be told from its draws: {score}."
        return Check(NAME, TITLE, values, "unclear", sentence)
    sentence = f"The fit of {model} leans on single pre-periods: {score}, and look at those periods."
    worst = int(found.elpd_i.argmin())
    if found.elpd_i[worst] < np.median(found.elpd_i) - FAR:
        sentence = (
            f"One pre-period lies far from what the others predict, {show(found.times[worst])}, and the fit of {model} "
            f"leans on it: {score}."
        )
        if len(found.times) - worst <= LATE:
            sentence += " It is just before the start: what is done ahead of that, anticipation= leaves out."
        return Check(NAME, TITLE, values, "warning", sentence, for_tails(case))
    return Check(NAME, TITLE, values, "warning", sentence)
