"""The health of a fit: convergence is a gate, not a footnote.

Thresholds follow Vehtari et al. 2021 (rank-normalised R-hat, bulk and tail effective sample size)
and Betancourt 2016 (energy): R-hat < 1.01 and ESS ≥ 400 for every reported effect and for the
model's scalar parameters, R-hat < 1.05 for each weight, no divergence, no saturated tree depth,
BFMI > 0.3.
"""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import arviz_stats as azs
import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from bsynth._base.types import FloatArray, Status
from bsynth.text.numbers import count, fixed

RHAT_MAX = 1.01
RHAT_MAX_WEIGHT = 1.05
ESS_MIN = 400
TAILS = (0.05, 0.95)
BFMI_MIN = 0.3


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
        Whether this is the stricter second attempt.
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


def gate(
    quantities: Mapping[str, xr.DataArray],
    weights: xr.DataArray,
    sample_stats: xr.Dataset,
    *,
    retried: bool = False,
) -> Diagnostics:
    """Judge a fit by its reported effects and parameters, its weights and the sampler's own record.

    Parameters
    ----------
    quantities : mapping of name to DataArray (chain, draw)
        Effects and scalar parameters. A constant quantity carries no information and is passed over.
    weights : DataArray (chain, draw, donor)
        Likewise: a weight that no draw moves, as that of a single donor, is passed over.
    sample_stats : Dataset
        ``diverging``, ``maxdepth_reached`` and ``energy`` per draw.
    """
    varying = {name: np.asarray(q) for name, q in quantities.items() if float(q.max()) > float(q.min())}
    stacked = np.stack(list(varying.values())) if varying else np.empty((0, 2, 4))
    each = weights.transpose("donor", "chain", "draw").to_numpy()
    moving = np.ptp(each, axis=(1, 2)) > 0
    # A chain that stands still divides by its own variance of 0: the answer is infinite or missing, and fails below.
    with np.errstate(divide="ignore", invalid="ignore"):
        rhat = array_stats.rhat(stacked)
        # Named, since ArviZ's own tails follow a setting of the user's.
        ess = {"bulk": array_stats.ess(stacked), "tail": array_stats.ess(stacked, method="tail", prob=TAILS)}
        rhat_weight = float(array_stats.rhat(each[moving]).max()) if moving.any() else 1.0
    failures = []
    for k, name in enumerate(varying):
        if not rhat[k] < RHAT_MAX:
            failures.append(f"R-hat of {name} is {fixed(rhat[k], 3)} (must be below {RHAT_MAX})")
        for kind, sizes in ess.items():
            if not sizes[k] >= ESS_MIN:
                failures.append(f"{kind} ESS of {name} is {fixed(sizes[k], 0)} (must be at least {ESS_MIN})")
    if not rhat_weight < RHAT_MAX_WEIGHT:
        failures.append(f"R-hat of a weight is {fixed(rhat_weight, 3)} (must be below {RHAT_MAX_WEIGHT})")
    divergences = int(sample_stats["diverging"].sum())
    if divergences:
        failures.append(f"{count(divergences, 'divergence')} (must be 0)")
    saturated = int(sample_stats["maxdepth_reached"].sum())
    if saturated:
        failures.append(f"{count(saturated, 'draw')} at the maximum tree depth (must be 0)")
    bfmi = _smallest_bfmi(np.asarray(sample_stats["energy"]))
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


def _smallest_bfmi(energy: FloatArray) -> float:
    """The smallest BFMI of the chains (chain, draw); a chain whose energy never changes is stuck and has 0."""
    return float(np.min(azs.bfmi(energy))) if (np.ptp(energy, axis=1) > 0).all() else 0.0


def psis_loo(tree: xr.DataTree) -> Any:
    """Return ArviZ's PSIS-LOO of the pre-periods of a fit's tree, pointwise; unseen periods are left out."""
    log_likelihood = tree["log_likelihood"].to_dataset()["outcome"].dropna("time", how="all")
    data = xr.DataTree.from_dict({"log_likelihood": log_likelihood.to_dataset(name="outcome")})
    data["posterior"] = tree["posterior"].copy()
    # The likelihood's own efficiency: that of the posterior would average over donors and constants.
    relative = float(azs.ess(log_likelihood, method="mean").mean()) / (
        log_likelihood.sizes["chain"] * log_likelihood.sizes["draw"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # high k is said in our own words
        return azs.loo(data, pointwise=True, var_name="outcome", reff=relative)
