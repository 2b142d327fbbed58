"""The noise of one period, ε normal or Student-t of scale σ: its draws and densities beside further normal variance.

Student-t noise is a mixture of normals over its precision, ε | λ ~ N(0, σ²/λ) with λ ~ Gamma(ν/2, ν/2) (Andrews and
Mallows 1974). What adds to it a normal variance v (of cells, or of a drift's forecast) has no density in closed form;
the mixture's integral over log λ, a smooth bell, is then a sum on an even grid, which converges exponentially
(Trefethen and Weideman 2014).
"""

import functools

import numpy as np
from scipy import special

from bsynth._base.laws import normal_logpdf, t_logpdf
from bsynth._base.types import FloatArray
from bsynth.model.spec import Noise

FARTHEST = 8.0
"""exp(FARTHEST / 2) scales from its centre a density is still that of the law."""


def draw(scale: FloatArray, extra: FloatArray, noise: Noise, rng: np.random.Generator) -> FloatArray:
    """Draw ε + N(0, extra) with ε of this scale; both arrays of shapes that broadcast."""
    if noise.distribution == "normal":
        sd = np.sqrt(scale**2 + extra)
        return np.asarray(sd * rng.standard_normal(sd.shape))
    shape = np.broadcast_shapes(scale.shape, extra.shape)
    found = scale * rng.standard_t(noise.degrees, size=shape)
    return np.asarray(found + np.sqrt(extra) * rng.standard_normal(shape) if extra.any() else found)


def log_density(x: FloatArray, scale: FloatArray, extra: FloatArray, noise: Noise) -> FloatArray:
    """Log density of ε + N(0, extra) at x, ε of this scale; all of shapes that broadcast.

    Examples
    --------
    >>> x, one = np.array([0.0, 3.0]), np.ones(2)
    >>> log_density(x, one, 0 * one, Noise(distribution="student-t", degrees=1.0)).round(4).tolist()
    [-1.1447, -3.4473]
    >>> log_density(x, one, 3 * one, Noise(distribution="student-t", degrees=1.0)).round(4).tolist()
    [-1.8748, -2.7605]
    """
    if noise.distribution == "normal":
        return normal_logpdf(x, np.sqrt(scale**2 + extra))
    x, scale, extra = np.broadcast_arrays(x, scale, extra)
    found = t_logpdf(x, noise.degrees, scale)
    mixed = extra > 0
    if mixed.any():
        found[mixed] = _convolved(x[mixed], scale[mixed], extra[mixed], noise.degrees)
    return found


def _convolved(x: FloatArray, scale: FloatArray, extra: FloatArray, degrees: float) -> FloatArray:
    """(n,) log density of Student-t plus normal."""
    x2, scale2 = x**2, scale**2
    found = np.full(x.shape, -np.inf)
    for precision, log_weight in zip(*_mixture(degrees), strict=True):
        variance = scale2 / precision + extra
        found = np.logaddexp(found, log_weight - 0.5 * (x2 / variance + np.log(variance)))
    return np.asarray(found - 0.5 * np.log(2 * np.pi))


@functools.lru_cache(maxsize=8)
def _mixture(degrees: float) -> tuple[FloatArray, FloatArray]:
    """Precisions (n,) of Student-t noise of scale 1 on an even grid of their logarithm, and their log weights."""
    k = degrees / 2
    step = min(0.6, 0.9 / np.sqrt(k))
    most = max(min(6 / np.sqrt(k), 3.0), np.log(20 / k))
    logs = np.arange(-FARTHEST - 12 / k, most, step)
    return np.exp(logs), k * np.log(k) - special.gammaln(k) + k * (logs - np.exp(logs)) + np.log(step)
