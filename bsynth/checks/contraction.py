"""How much did the pre-period teach about the effect?"""

import numpy as np

from bsynth.checks.base import Case, Check
from bsynth.checks.choice import for_drift, for_level
from bsynth.checks.prior import draw_untreated, is_simple
from bsynth.text.numbers import number, percent

NAME = "contraction"
TITLE = "Did the pre-period teach us the effect?"

MIN_CONTRACTION = 0.5


def check(case: Case) -> Check | None:
    """Contraction of the average effect, 1 − var_posterior / var_prior.

    The weights may stay unidentified while the effect is not, so the effect is what is judged. The prior of
    the effect comes from drawing weights, level, drift and noise from their priors through the donors as
    observed. ``values``: ``contraction``, ``prior_sd`` and ``posterior_sd`` (outcome units, or those of its log or
    logit: there the effect is the average of gaps on the scale of the model, whose prior has light tails).

    None for a concentration averaged over a grid, whose prior is not drawn here.
    """
    if not is_simple(case):
        return None
    # One fit has one draw of its prior, whoever asks.
    design, rng = case.design, np.random.default_rng([case.fit.provenance.seed, *NAME.encode()])
    average = design.scale * draw_untreated(case, rng)[:, design.n_pre :].mean(axis=1)
    prior_sd = float(average.std())
    if design.link.is_linear:
        posterior_sd = float(case.fit.effect_draws("predictive")["average"].std())
    else:
        after = case.fit.counterfactual("predictive").isel(time=slice(design.n_pre, None))
        posterior_sd = float(design.link.forward(after).mean("time").std())
    contraction = 1.0 - (posterior_sd / prior_sd) ** 2
    values = {"contraction": contraction, "prior_sd": prior_sd, "posterior_sd": posterior_sd}
    figures = (
        f"the sd of the average effect{case.spec.on_scale} went from {number(prior_sd)} under the prior to "
        f"{number(posterior_sd)}, which leaves {percent(1 - contraction)} of the variance"
    )
    if contraction >= MIN_CONTRACTION:
        return Check(NAME, TITLE, values, "ok", f"The pre-period taught us most of what is said: {figures}.")
    if contraction < 0:
        sentence = f"The pre-period is at odds with the prior of {case.spec.name!r} and made it less sure: {figures}."
        suggestion = for_level(case, autocorrelated=False) or for_drift(case)
        return Check(NAME, TITLE, values, "warning", sentence, suggestion)
    sentence = f"The pre-period taught {case.spec.name!r} little about the effect: {figures}; the prior carries it."
    return Check(NAME, TITLE, values, "warning", sentence)
