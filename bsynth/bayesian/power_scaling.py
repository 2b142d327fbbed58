"""Power scaling: how far a quantity's posterior moves when prior or likelihood count for a little more or less.

Kallioinen et al. 2024: draws are reweighted by density^(α − 1), smoothed (`bsynth.bayesian.psis`), for α a little
below and above 1, and the reweighted distribution is compared with the draws' own by the cumulative Jensen-Shannon
distance (Nguyen and Vreeken 2015). The tests hold the answers to ArviZ's ``psense``.
"""

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.bayesian.convergence import ess_tail
from bsynth.bayesian.psis import LEAST_TAIL, smoothed, tail_size

ALPHAS = (0.99, 1.01)
TURNS = 9
"""Of the chains in `by_chance`."""


def sensitivity(quantity: FloatArray, log_density: FloatArray) -> float:
    """Sensitivity of draws of a quantity to a log density, both (chain, draw): 0 where either is constant.

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(4, 1000))
    >>> sensitivity(x, -0.5 * x**2) > 0.05 > sensitivity(x, 1e-3 * x)
    True
    """
    if not np.ptp(quantity) > 0 or not np.ptp(log_density) > 0:
        return 0.0
    size = log_density.size
    efficiency = float(ess_tail(log_density[None])[0]) / size
    tail = max(min(tail_size(size, efficiency), size // 2), LEAST_TAIL)
    moved = []
    for alpha in ALPHAS:
        weights = np.exp(smoothed((alpha - 1) * log_density.ravel(), tail)[0])
        distance = max(_distance(sign * quantity.ravel(), weights) for sign in (1, -1))
        moved.append(distance / abs(np.log2(alpha)))
    return float(np.mean(moved))


def by_chance(quantity: FloatArray, log_density: FloatArray) -> float:
    """The sensitivity that so few draws show, on average, to a density which has nothing to do with the quantity.

    Chains are turned against each other, so that both keep their law and their autocorrelation.

    Examples
    --------
    >>> x, y = np.random.default_rng(1).normal(size=(2, 4, 500))
    >>> sensitivity(x, y) < 2 * by_chance(x, y) < sensitivity(x, x**2)
    True
    """
    turns = np.linspace(0, log_density.shape[1], TURNS + 2).astype(int)[1:-1]
    return float(np.mean([sensitivity(quantity, np.roll(log_density, turn, axis=1)) for turn in turns]))


def _distance(draws: FloatArray, weights: FloatArray) -> float:
    """Cumulative Jensen-Shannon distance between draws and weighted draws, both (S,)."""
    order = np.argsort(draws)
    width = np.diff(draws[order])
    own = np.linspace(1 / len(draws), 1 - 1 / len(draws), len(draws) - 1)
    other = np.cumsum(weights[order] / weights.sum())[:-1]
    middle = 0.5 * (own + other)
    areas = float(own @ width), float(other @ width)
    divergences = [
        float(width @ (cdf * (_log2(cdf) - _log2(middle)))) + 0.5 / np.log(2) * difference
        for cdf, difference in ((own, areas[1] - areas[0]), (other, areas[0] - areas[1]))
    ]
    return float(np.sqrt(sum(max(0.0, each) for each in divergences) / sum(areas)))


def _log2(values: FloatArray) -> FloatArray:
    return np.asarray(np.log2(values, out=np.zeros_like(values), where=values != 0))
