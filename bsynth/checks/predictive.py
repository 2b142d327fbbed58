"""Could the model, before and after seeing the pre-period, have produced it?"""

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.checks.base import Case, Check
from bsynth.checks.choice import for_level, for_tails
from bsynth.checks.prior import draw_untreated, is_simple
from bsynth.checks.replicates import residuals, tail, two_sided
from bsynth.engines.series import lag1
from bsynth.text.numbers import probability

NAME = "predictive"
TITLE = "Could the model have produced the pre-period?"

P_PRIOR = 0.01
P_EXTREME = 0.01
P_LAG1 = 0.025


def check(case: Case) -> Check:
    """Prior and posterior predictive probabilities of pre RMSE, lag-1 autocorrelation and the largest deviation.

    Posterior: realised against replicated residuals; the largest deviation is in units of each period's own
    sd. Prior: the treated series around the plain donor mean, two-sided; with a level shift less its own mean,
    which the design has set to nothing by centring the donors. ``values`` holds one probability per statistic,
    ``prior_*`` and ``posterior_*``. Autocorrelation is judged by a check of its own.
    """
    found = residuals(case, NAME)
    values = {
        "posterior_rmse": tail(_rms(found.replicated), _rms(found.realised)),
        "posterior_lag1": tail(lag1(found.replicated), lag1(found.realised)),
        "posterior_extreme": tail(_largest(found.replicated / found.sd), _largest(found.realised / found.sd)),
    }
    if is_simple(case):
        values |= _prior(case)
    impossible = [name for name in ("prior_rmse", "prior_extreme") if values.get(name, 1.0) < P_PRIOR]
    wild = values["posterior_extreme"] < P_EXTREME
    figures = f"posterior p of RMSE {probability(values['posterior_rmse'])}, of the largest deviation "
    figures += probability(values["posterior_extreme"])
    if "prior_rmse" in values:
        figures += f"; prior p of the distance to the donors {probability(values['prior_rmse'])}"
    if not impossible and not wild:
        return Check(NAME, TITLE, values, "ok", f"The model could have produced this pre-period: {figures}.")
    words = []
    if impossible:
        words.append("its prior could hardly have produced a series at this distance from the donors")
    if wild:
        words.append("one period lies further out than its noise allows")
    suggestion = for_level(case, autocorrelated=values["posterior_lag1"] < P_LAG1) if impossible else for_tails(case)
    sentence = f"The model {case.spec.name!r} is surprised by the pre-period, {' and '.join(words)}: {figures}."
    return Check(NAME, TITLE, values, "warning", sentence, suggestion)


def _prior(case: Case) -> dict[str, float]:
    """Two-sided prior predictive probabilities of the treated series around the plain donor mean."""
    design, pre = case.design, slice(0, case.design.n_pre)
    seen = design.treated_seen[pre] > 0
    centre = design.X[pre].mean(axis=1)[seen]
    observed = design.y[pre][seen] - centre
    drawn = draw_untreated(case, case.rng(NAME + " prior"))[:, pre][:, seen] - centre
    if case.spec.level.prior == "shift":
        observed, drawn = (series - series.mean(axis=-1, keepdims=True) for series in (observed, drawn))
    statistics = {"rmse": _rms, "lag1": lag1, "extreme": _largest}
    return {f"prior_{name}": two_sided(tail(f(drawn), f(observed))) for name, f in statistics.items()}


def _rms(series: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt((series**2).mean(axis=-1)))


def _largest(series: FloatArray) -> FloatArray:
    return np.asarray(np.abs(series).max(axis=-1))
