"""What the placebos teach about whole paths: how far single periods scatter about their average.

Errors grow with the time since the start as the model expects them to: its sd of each period, divided by the mean of
all, is the profile p_t, whose mean is 1. The error of a path is its average error times p_t, which c and d describe
(`bsynth.calibration.inflation`), and what is left, which they do not: the noise of each period and the bends of the
drift. Unit k's remainders are m_k times the model's. What is seen of log m_k is half the log ratio r_k of the mean
squares of the two, so that

    r_k ~ t₈(μ − 1/(2ν), √(τ² + 1/(2ν))),   μ ~ N(0, .5²), τ ~ HalfNormal(.5),   ν = H − 1,

whose first term and variance are those of half the log of a mean of ν squared normal deviates. A further unit has
log m ~ N(μ, τ²). Any value that is linear in the path, with profile p, remainder of model variance V_R, and
covariance V_AR of the average with it, then has the calibrated variance c² p² V_A + 2 c m p V_AR + m² V_R + d² p².
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bsynth._base.brief import Brief
from bsynth._base.laws import half_normal_logpdf, normal_logpdf, t_logpdf
from bsynth._base.types import FloatArray
from bsynth.calibration.inflation import DEGREES, Inflation, mixture_radii
from bsynth.calibration.scores import FLOOR

MU_SD = 0.5
TAU_SD = 0.5
_MU = np.linspace(-2.5, 2.5, 81)
_TAU = np.linspace(0.0, 2.0, 41)
_NODES = 12
"""Equally probable values of m, and of the pairs of c and d, in a mixture: quantiles hold to two digits and more."""
_PAIRS = 128
_TAIL = np.sqrt(DEGREES / (2 * special.gammaincinv(DEGREES / 2, (np.arange(10) + 0.5) / 10)))
"""Equally probable values of √(8/χ²₈), by which a normal law becomes t₈."""


@dataclass(frozen=True, eq=False, repr=False)
class PathMoments(Brief):
    """Mean and spread of quantities that are linear in a path of gaps, K of them, in pre-period sd units.

    Attributes
    ----------
    mean : (K,)
    average : float
        Variance of the average gap.
    profile : (K,) how much of the average error each has.
    remainder : (K,) variance of what is left of each.
    both : (K,) covariance of the average and what is left.
    """

    mean: FloatArray
    average: float
    profile: FloatArray
    remainder: FloatArray
    both: FloatArray

    @property
    def sd(self) -> FloatArray:
        """(K,) the model's own sd of each."""
        whole = self.profile**2 * self.average + 2 * self.profile * self.both + self.remainder
        return np.asarray(np.sqrt(np.maximum(whole, 0.0)))


def profile_of(draws: FloatArray, weights: FloatArray) -> FloatArray:
    """(H,) the sd of each period of draws (n, H) with weights (n,), over their mean; 1 where nothing varies."""
    share = weights / weights.sum()
    sd = np.sqrt(share @ (draws - share @ draws) ** 2)
    mean = float(sd.mean()) if sd.size else 0.0
    return np.asarray(sd / mean) if mean > FLOOR else np.ones(sd.shape)


def path_moments(
    columns: FloatArray, averages: FloatArray, weights: FloatArray, profile: FloatArray | None = None
) -> PathMoments:
    """Moments of columns (n, K) of draws, whose average gaps are (n,), with weights (n,).

    ``profile`` (K,) is that of the columns; by default they are the periods of a path, and it is `profile_of` them.
    """
    share = weights / weights.sum()
    mean, centre = share @ columns, share @ averages
    profile = profile_of(columns, weights) if profile is None else profile
    # Not E[x²] − mean²: on a unit far from its donors that would cancel.
    about = averages - centre
    left = (columns - mean) - about[:, None] * profile
    return PathMoments(mean, float(share @ about**2), profile, share @ left**2, (share * about) @ left)


@dataclass(frozen=True, eq=False, repr=False)
class Scatter(Brief):
    """Posterior of (μ, τ) on a grid, (G,) each with weights that sum to 1: a unit's remainders are m times the model's.

    Attributes
    ----------
    mu, tau : mean and sd of log m over units.
    weight : of each point.
    """

    mu: FloatArray
    tau: FloatArray
    weight: FloatArray

    @property
    def mean(self) -> float:
        """Posterior mean of exp μ: how far periods scatter about their average, as a multiple of the model's own."""
        return float(np.exp(self.mu) @ self.weight)

    def nodes(self) -> FloatArray:
        """Equally probable values of m for a further unit."""
        mu, tau, weight = self.mu, self.tau, self.weight
        probabilities = (np.arange(_NODES) + 0.5) / _NODES
        low, high = np.full(_NODES, -8.0), np.full(_NODES, 8.0)
        # Bisection of the mixture's distribution function of log m; τ = 0 is a step.
        for _ in range(40):
            middle = 0.5 * (low + high)
            below = special.ndtr((middle[:, None] - mu) / np.maximum(tau, 1e-3)) @ weight / weight.sum()
            low, high = np.where(below < probabilities, middle, low), np.where(below < probabilities, high, middle)
        return np.asarray(np.exp(0.5 * (low + high)))

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """(size,) draws of m for a further unit."""
        at = rng.choice(len(self.weight), size=size, p=self.weight)
        return np.asarray(np.exp(self.mu[at] + self.tau[at] * rng.standard_normal(size)))


def learn_scatter(errors: FloatArray, moments: Sequence[PathMoments], *, each: float = 1.0) -> Scatter:
    """Return the posterior of (μ, τ) given the mean gaps (J, H) of placebos and the `path_moments` of their periods.

    With a single period there is no remainder, and the prior stays. ``each`` is as for `learn_inflation`.
    """
    mu, tau = (grid.ravel() for grid in np.meshgrid(_MU, _TAU, indexing="ij"))
    log_posterior = normal_logpdf(mu, MU_SD) + half_normal_logpdf(tau, TAU_SD)
    freedom = errors.shape[1] - 1
    if freedom > 0:
        profiles = np.array([m.profile for m in moments])
        seen = ((errors - errors.mean(axis=1, keepdims=True) * profiles) ** 2).mean(axis=1)
        expected = np.array([m.remainder.mean() for m in moments])
        ratio = 0.5 * np.log(np.maximum(seen, FLOOR**2) / np.maximum(expected, FLOOR**2))
        scale = np.sqrt(tau**2 + 0.5 / freedom)[:, None]
        found = t_logpdf((ratio - mu[:, None] + 0.5 / freedom) / scale, DEGREES).sum(axis=1)
        log_posterior = log_posterior + each * (found - len(ratio) * np.log(scale[:, 0]))
    weight = np.exp(log_posterior - log_posterior.max())
    return Scatter(mu, tau, weight / weight.sum())


def path_radii(levels: Sequence[float], moments: PathMoments, inflation: Inflation, scatter: Scatter) -> FloatArray:
    """(len(levels), K) half-widths of the calibrated intervals of each quantity.

    That of the average is the one of `Inflation.interval`; elsewhere t₈ is a mixture of normal laws, since only the
    error of the average has it.
    """
    inflation = inflation.of(float(np.sqrt(moments.average)))
    c, d = (values[:, None, None] for values in inflation.nodes(_PAIRS))
    m, tail = scatter.nodes()[:, None], _TAIL
    even = np.full(_PAIRS * m.size * tail.size, 1 / (_PAIRS * m.size * tail.size))
    found = np.empty((len(levels), len(moments.mean)))
    parts = zip(moments.profile, moments.remainder, moments.both, strict=True)
    for k, (p, remainder, both) in enumerate(parts):
        if remainder <= FLOOR**2 * moments.average:
            scale = p * np.sqrt(inflation.c**2 * moments.average + inflation.d**2)
            found[:, k] = mixture_radii(levels, scale, inflation.weight)
            continue
        variance = (tail * p) ** 2 * (c**2 * moments.average + d**2) + 2 * tail * p * both * c * m + remainder * m**2
        found[:, k] = mixture_radii(levels, np.sqrt(np.maximum(variance, 0.0)).ravel(), even, None)
    return found


def calibrated_paths(
    draws: FloatArray,
    weights: FloatArray,
    inflation: Inflation,
    scatter: Scatter,
    rng: np.random.Generator,
    size: int,
) -> FloatArray:
    """(size, H) paths of gaps of the calibrated distribution, from draws (n, H) of the model's with weights (n,).

    The error of the average has the law of `Inflation`, t₈ included; what is left of the draw is multiplied by m.
    """
    share, profile = weights / weights.sum(), profile_of(draws, weights)
    at = rng.choice(len(draws), size=size, p=share)
    mean = share @ draws
    away = draws - mean
    average = away.mean(axis=1)
    c, d = inflation.of(float(np.sqrt(share @ average**2))).draw(size, rng)
    tail = np.sqrt(DEGREES / rng.chisquare(DEGREES, size))
    level = tail * (c * average[at] + d * rng.standard_normal(size))
    left = scatter.draw(size, rng)[:, None] * (away - average[:, None] * profile)[at]
    return np.asarray(mean + level[:, None] * profile + left)
