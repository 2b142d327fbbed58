"""Are the pre-period residuals as independent as the model says?"""

import numpy as np

from bsynth.checks.base import Case, Check
from bsynth.checks.choice import drifts, for_drift
from bsynth.checks.replicates import residuals, tail
from bsynth.engines.series import lag1
from bsynth.text.numbers import number, percent

NAME = "autocorrelation"
TITLE = "Are residuals autocorrelated beyond the model?"

P_MIN = 0.025


def check(case: Case) -> Check:
    """Compare the lag-1 autocorrelation of pre-period residuals (without drift) with the model's replicates.

    ``values``: ``lag1`` of the residuals of the posterior mean; ``p``, the probability that residuals
    replicated by the model, drift included, are at least as autocorrelated as the realised ones (Gelman,
    Meng and Stern 1996, realised discrepancies).
    """
    found = residuals(case, NAME)
    observed = float(lag1(found.realised.mean(axis=0)))
    p = tail(lag1(found.replicated), lag1(found.realised))
    values = {"lag1": observed, "p": p, "expected": float(np.mean(lag1(found.replicated)))}
    share = f"lag-1 autocorrelation {number(observed, 2)}, which {percent(p)} of the model's own replicates reach"
    if p >= P_MIN or observed <= 0:
        return Check(NAME, TITLE, values, "ok", f"The pre-period residuals look like the model's own: {share}.")
    assumed = "more than its drift allows for" if drifts(case.spec) else "while it takes the periods as independent"
    return Check(
        NAME,
        TITLE,
        values,
        "warning",
        f"The pre-period residuals of {case.spec.name!r} are autocorrelated {assumed}: {share}; "
        "its interval of an averaged effect is too narrow.",
        for_drift(case),
    )
