"""The convergence gate of both stages: each unit's own fit, and the draws of the pooled effects."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth.bayesian import convergence
from bsynth.bayesian.diagnostics import ESS_MIN, RHAT_MAX, TAILS, Diagnostics, bound_error
from bsynth.bayesian.result import Fit
from bsynth.bayesian.waves.estimands import groups
from bsynth.engines.pooling import Pooled
from bsynth.text.labels import plain
from bsynth.text.numbers import count, fixed

SAID = {"unit_sd": "ω", "period_sd": "ν", "step_sd": "the step of τ", "correlation": "the correlation of units"}
"""What the scales of pooling are called."""


def judge(fits: Sequence[Fit], cells: pd.DataFrame, pooled: Pooled, *, retried: bool) -> Diagnostics:
    """Judge every reported effect and every scale by R-hat and ESS, and all fits by their own gates."""
    effects = {group.name: pooled.effect[..., group.cells].mean(axis=-1) for group in groups(cells)}
    named = {f"effect {name}": draws for name, draws in effects.items()}
    named |= {SAID[name]: draws for name, draws in pooled.scales.items()}
    named = {name: draws for name, draws in named.items() if np.ptp(draws) > 0}
    stacked = np.stack(list(named.values()))
    rhat, bulk, tail = convergence.rhat(stacked), convergence.ess_bulk(stacked), convergence.ess_tail(stacked, TAILS)
    failures = []
    for name, r, ess in zip(named, rhat, np.minimum(bulk, tail), strict=True):
        if not r < RHAT_MAX:
            failures.append(f"R-hat of {name} is {fixed(r, 3)} (must be below {RHAT_MAX})")
        if not ess >= ESS_MIN:
            failures.append(f"ESS of {name} is {fixed(ess, 0)} (must be at least {ESS_MIN})")
    failed = [fit for fit in fits if fit.status != "ok"]
    if failed:
        first = failed[0]
        failures.append(
            f"{count(len(failed), 'own fit')} did not pass, such as that of "
            f"{plain(show(first.tree.attrs['treated']))}: {first.diagnostics.failed(1)}"
        )
    each = [fit.diagnostics for fit in fits]
    return Diagnostics(
        status="unreliable" if failures else "ok",
        failures=tuple(failures),
        rhat_max=max(float(rhat.max()), *(one.rhat_max for one in each)),
        ess_min=min(float(min(bulk.min(), tail.min())), *(one.ess_min for one in each)),
        rhat_max_weight=max(one.rhat_max_weight for one in each),
        divergences=sum(one.divergences for one in each),
        saturated=sum(one.saturated for one in each),
        bfmi_min=min((one.bfmi_min for one in each), default=math.nan),
        retried=retried,
        bound_error=bound_error(effects["overall"]),
    )


def pooling_alone(found: Diagnostics) -> bool:
    """Whether what failed is of the pooled draws alone, so that more of them may help."""
    return bool(found.failures) and not any("own fit" in failure for failure in found.failures)
