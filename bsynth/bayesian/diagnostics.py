"""The health of a fit: convergence is a gate, not a footnote.

Thresholds follow Vehtari et al. 2021 (rank-normalised R-hat, bulk and tail effective sample size)
and Betancourt 2016 (energy): R-hat < 1.01 and ESS ≥ 400 for every reported effect and for the
model's scalar parameters, R-hat < 1.05 for each weight, no divergence, no saturated tree depth,
BFMI > 0.3.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bsynth._base.types import AnyArray, FloatArray, Status
from bsynth.bayesian import convergence
from bsynth.text.numbers import count, fixed

RHAT_MAX = 1.01
RHAT_MAX_WEIGHT = 1.05
ESS_MIN = 400
TAILS = (0.05, 0.95)
BFMI_MIN = 0.3
BOUND_ERROR_MAX = 0.02
"""Monte-Carlo error of a bound, as a share of its interval's width, above which more draws are taken."""
REPORTED = 0.95
"""Probability of the interval whose bounds are looked at."""
BATCH = 100
"""Weights that are judged at once."""


@dataclass(frozen=True)
class Diagnostics:
    """What the gate saw, and its verdict.

    Attributes
    ----------
    status : {"ok", "unreliable"}
    failures : tuple of str
        One phrase per quantity that failed; empty when ``status`` is ok.
    rhat_max, ess_min : float
        Worst over the effects and scalar parameters; ESS is the smaller of bulk and tail.
    rhat_max_weight : float
        Worst over the donor weights.
    divergences, saturated : int
        Draws that diverged; draws that hit the maximum tree depth.
    bfmi_min : float
        Smallest Bayesian fraction of missing information over the chains.
    retried : bool
        Whether it was sampled further after a failed gate.
    bound_error : float
        Monte-Carlo standard error of the bounds of the average effect's predictive 95% interval, the larger of the
        two, as a share of its width. No gate: where it is above 2% more draws are taken.
    """

    status: Status
    failures: tuple[str, ...]
    rhat_max: float
    ess_min: float
    rhat_max_weight: float
    divergences: int
    saturated: int
    bfmi_min: float
    retried: bool = False
    bound_error: float = math.nan

    @property
    def imprecise(self) -> bool:
        """Whether more draws would move the bounds of the interval that is reported."""
        return self.bound_error > BOUND_ERROR_MAX

    @property
    def strayed(self) -> bool:
        """Whether the sampler itself went astray: more draws of its kind would not help."""
        return self.divergences > 0 or self.saturated > 0

    def failed(self, limit: int = 3) -> str:
        """Return the first failures and the count of the others, for one line of text."""
        more = len(self.failures) - limit
        return "; ".join(self.failures[:limit]) + (f"; and {more} more" if more > 0 else "")

    def to_dict(self) -> dict[str, object]:
        """Return plain data for ``summary.json``."""
        return asdict(self) | {"failures": list(self.failures)}


def bound_error(draws: FloatArray) -> float:
    """Monte-Carlo error of the bounds of the central 95% of draws (chain, draw), as a share of its width.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 1000))
    >>> 0.005 < bound_error(draws) < bound_error(draws[:, :200]) < 0.05
    True
    """
    tail = (1 - REPORTED) / 2
    lower, upper = np.quantile(draws, [tail, 1 - tail])
    errors = [float(convergence.quantile_error(draws[None], p)[0]) for p in (tail, 1 - tail)]
    return max(errors) / float(upper - lower) if upper > lower else 0.0


def gate(
    quantities: Mapping[str, FloatArray],
    weights: FloatArray,
    sample_stats: Mapping[Any, AnyArray],
    *,
    retried: bool = False,
) -> Diagnostics:
    """Judge a fit by its reported effects and parameters, its weights and the sampler's own record.

    Parameters
    ----------
    quantities : mapping of name to (chain, draw) array
        Effects and scalar parameters. A constant quantity carries no information and is passed over.
    weights : (chain, draw, donor)
        Likewise: a weight that no draw moves, as that of a single donor, is passed over.
    sample_stats : mapping of name to (chain, draw) array
        ``diverging``, ``maxdepth_reached`` and ``energy``.
    """
    varying = {name: values for name, q in quantities.items() if np.ptp(values := np.asarray(q, dtype=float)) > 0}
    stacked = np.stack(list(varying.values())) if varying else np.empty((0, 2, 4))
    each = np.moveaxis(np.asarray(weights, dtype=float), -1, 0)
    moving = each[np.ptp(each, axis=(1, 2)) > 0]
    rhat = convergence.rhat(stacked)
    ess = {"bulk": convergence.ess_bulk(stacked), "tail": convergence.ess_tail(stacked, TAILS)}
    # In batches: ranks of a thousand weights at once would take half a gigabyte.
    batches = [convergence.rhat(moving[k : k + BATCH]) for k in range(0, len(moving), BATCH)]
    rhat_weight = float(np.concatenate(batches).max()) if batches else 1.0
    failures = []
    for k, name in enumerate(varying):
        if not rhat[k] < RHAT_MAX:
            failures.append(f"R-hat of {name} is {fixed(rhat[k], 3)} (must be below {RHAT_MAX})")
        for kind, sizes in ess.items():
            if not sizes[k] >= ESS_MIN:
                failures.append(f"{kind} ESS of {name} is {fixed(sizes[k], 0)} (must be at least {ESS_MIN})")
    if not rhat_weight < RHAT_MAX_WEIGHT:
        failures.append(f"R-hat of a weight is {fixed(rhat_weight, 3)} (must be below {RHAT_MAX_WEIGHT})")
    divergences = int(np.asarray(sample_stats["diverging"]).sum())
    if divergences:
        failures.append(f"{count(divergences, 'divergence')} (must be 0)")
    saturated = int(np.asarray(sample_stats["maxdepth_reached"]).sum())
    if saturated:
        failures.append(f"{count(saturated, 'draw')} at the maximum tree depth (must be 0)")
    bfmi = float(convergence.bfmi(np.asarray(sample_stats["energy"], dtype=float)).min())
    if not bfmi > BFMI_MIN:
        failures.append(f"BFMI is {fixed(bfmi, 2)} (must be above {BFMI_MIN})")
    return Diagnostics(
        status="unreliable" if failures else "ok",
        failures=tuple(failures),
        rhat_max=float(rhat.max(initial=1.0)),
        ess_min=float(min(sizes.min(initial=np.inf) for sizes in ess.values())),
        rhat_max_weight=rhat_weight,
        divergences=divergences,
        saturated=saturated,
        bfmi_min=bfmi,
        retried=retried,
    )
