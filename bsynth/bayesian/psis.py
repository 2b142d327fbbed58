"""Pareto-smoothed importance sampling, leaving out one pre-period at a time (Vehtari, Gelman and Gabry 2017).

The algorithm is that of Vehtari et al. 2024, with the generalised Pareto fit of Zhang and Stephens 2009 and its weak
prior, as ArviZ has it, to whose answers the tests hold these; a run need not import ArviZ for one check.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray
from bsynth.bayesian.convergence import ess_mean

LEAST_TAIL = 5
PRIOR_K, PRIOR_SIZE = 0.5, 10
"""The shape is drawn towards ½ as by ten more values."""
_QUARTILE = 3
"""Prior spread of the scale, in first quartiles (Zhang and Stephens 2009)."""


@dataclass(frozen=True, eq=False, repr=False)
class Loo(Brief):
    """Leave-one-out scores of N observations.

    Attributes
    ----------
    elpd_i, p_i : (N,) expected log predictive density of each, and effective parameters it takes.
    pareto_k : (N,) shape of the tail of each one's importance ratios.
    good_k : float
        Below it the scores can be relied on with as many draws as there are.
    times : (N,) labels of the observations.
    """

    elpd_i: FloatArray
    p_i: FloatArray
    pareto_k: FloatArray
    good_k: float
    times: pd.Index = field(default_factory=lambda: pd.Index([]))

    @property
    def elpd(self) -> float:
        """Sum of the scores."""
        return float(self.elpd_i.sum())

    @property
    def se(self) -> float:
        """Standard error of the sum."""
        return float(np.sqrt(len(self.elpd_i) * self.elpd_i.var(ddof=1)))

    @property
    def p(self) -> float:
        """Effective number of parameters."""
        return float(self.p_i.sum())


def loo(log_likelihood: FloatArray, efficiency: float = 1.0) -> Loo:
    """Leave out each of N observations in turn, given its log likelihood in S draws, (S, N).

    ``efficiency`` is how many independent draws one draw is worth.

    Examples
    --------
    >>> mu = np.random.default_rng(1).normal(0, 0.3, size=(2000, 1))
    >>> found = loo(-0.5 * (np.array([-1.0, 0.0, 1.0]) - mu) ** 2)
    >>> found.elpd_i.round(1).tolist(), bool((found.pareto_k < found.good_k).all())
    ([-0.6, -0.0, -0.6], True)
    """
    draws = len(log_likelihood)
    tail = tail_size(draws, efficiency)
    elpd, k = np.empty(log_likelihood.shape[1]), np.empty(log_likelihood.shape[1])
    for n, each in enumerate(log_likelihood.T):
        log_weights, k[n] = smoothed(-each, min(tail, draws - 1))
        elpd[n] = special.logsumexp(log_weights + each)
    everything = special.logsumexp(log_likelihood, axis=0) - np.log(draws)
    return Loo(elpd, everything - elpd, k, min(1 - 1 / np.log10(draws), 0.7))


def tail_size(draws: int, efficiency: float) -> int:
    """How many of the largest ratios are the tail, where a draw is worth ``efficiency`` independent ones.

    Examples
    --------
    >>> tail_size(4000, 1.0), tail_size(200, 0.5)
    (189, 40)
    """
    return int(3 * np.sqrt(draws / efficiency)) if draws * efficiency > 225 else draws // 5


def pre_period_loo(tree: xr.DataTree) -> Loo:
    """Leave out each pre-period of a fit's tree in turn; unseen periods are passed over."""
    terms = tree["log_likelihood"].to_dataset()["outcome"].dropna("time", how="all")
    draws = terms.transpose("time", "chain", "draw").values
    # The likelihood's own efficiency: that of the posterior would average over donors and constants.
    efficiency = float(ess_mean(draws).mean()) / draws[0].size
    found = loo(draws.reshape(len(draws), -1).T, efficiency)
    return replace(found, times=terms["time"].to_index())


def smoothed(log_ratios: FloatArray, tail: int) -> tuple[FloatArray, float]:
    """Normalised log weights (S,) with the largest ``tail`` ratios replaced by quantiles of their law, and its shape k.

    Ratios that are alike in the tail have none to smooth, and k = 0.
    """
    weights = log_ratios - log_ratios.max()
    order = np.argsort(weights)
    largest, cutoff = order[-tail:], weights[order[-tail - 1]]
    k = 0.0
    if tail >= LEAST_TAIL and weights[largest[-1]] - weights[largest[0]] > np.finfo(float).tiny:
        k, scale = pareto_fit(np.exp(weights[largest]) - np.exp(cutoff))
        if np.isfinite(k):
            p = (np.arange(tail) + 0.5) / tail
            above = np.expm1(-k * np.log1p(-p)) / k if k != 0 else -np.log1p(-p)
            weights[largest] = np.minimum(np.log(np.exp(cutoff) + scale * above), 0.0)
    return weights - special.logsumexp(weights), k


def pareto_fit(values: FloatArray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto law with least value 0, from sorted values (n,).

    A posterior mean over a grid of the ratio of shape and scale, by profile likelihood; NaN or infinite if none fits.
    """
    n = len(values)
    quartile = values[int(n / 4 + 0.5) - 1]
    if quartile <= values[0]:
        return np.nan, np.nan
    size = 30 + int(np.sqrt(n))
    ratio = (1 - np.sqrt(size / (np.arange(size) + 0.5))) / (_QUARTILE * quartile) + 1 / values[-1]
    shape = np.log1p(-ratio[:, None] * values).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_weight = n * (np.log(-ratio / shape) - shape - 1)
    weight = np.exp(log_weight - special.logsumexp(log_weight))
    weight = np.where(weight >= 10 * np.finfo(float).eps, weight, 0.0)
    mean = float(ratio @ weight / weight.sum())
    found = float(np.log1p(-mean * values).mean())
    if np.isnan(found):
        return np.inf, np.nan
    return (n * found + PRIOR_SIZE * PRIOR_K) / (n + PRIOR_SIZE), -found / mean
