"""What the placebos teach: c and d, which widen an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from bsynth._base.laws import half_normal_logpdf, normal_logpdf, t_cdf, t_logpdf
from bsynth._base.types import FloatArray
from bsynth.calibration.scores import FLOOR

DEGREES = 8.0
_BINS = 160
"""Of the mixture's scales in `Inflation.radii`: 5% wide at most, so that its quantiles hold to four digits."""
_NEWTON = 40


@dataclass(frozen=True, eq=False)
class Inflation:
    """Posterior of (c, d) on a grid: ``c``, ``d`` and ``weight`` are (G,), weights sum to 1."""

    c: FloatArray
    d: FloatArray
    weight: FloatArray

    @property
    def c_mean(self) -> float:
        """Posterior mean of c."""
        return float(self.c @ self.weight)

    @property
    def d_mean(self) -> float:
        """Posterior mean of d, pre-period sd units."""
        return float(self.d @ self.weight)

    def spread(self, values: FloatArray, level: float = 0.95) -> tuple[float, float]:
        """Equal-tailed interval of ``values`` (``c`` or ``d``) under the posterior."""
        order = np.argsort(values, kind="stable")
        cumulative = np.cumsum(self.weight[order])
        tail = (1 - level) / 2
        lower, upper = values[order][np.searchsorted(cumulative, [tail, 1 - tail])]
        return float(lower), float(upper)

    def cdf(self, x: float, mean: float, sd: float) -> float:
        """P(effect ≤ x) of the calibrated distribution around ``mean`` with model sd ``sd``.

        A scale of 0 is a point at ``mean``, which counts half at ``mean`` itself.
        """
        scale = np.sqrt((self.c * sd) ** 2 + self.d**2)
        far = np.full(scale.shape, np.inf * np.sign(x - mean) if x != mean else 0.0)
        return float(self.weight @ t_cdf(np.divide(x - mean, scale, out=far, where=scale > 0), DEGREES))

    def quantile(self, q: float, mean: float, sd: float) -> float:
        """Inverse of `cdf`."""
        reach = float(np.sqrt((self.c.max() * sd) ** 2 + self.d.max() ** 2)) * 200
        root = optimize.brentq(lambda x: self.cdf(x, mean, sd) - q, mean - reach, mean + reach, xtol=1e-12 * reach)
        return float(root)

    def interval(self, level: float, mean: float, sd: float) -> tuple[float, float]:
        """Equal-tailed calibrated interval."""
        tail = (1 - level) / 2
        return self.quantile(tail, mean, sd), self.quantile(1 - tail, mean, sd)

    def radii(self, levels: Sequence[float], sds: FloatArray) -> FloatArray:
        """(len(levels), M) half-widths of the intervals of `interval` for many model sds (M,) at once.

        The scales √(c² s² + d²) are binned; then Newton's method on the mixture's distribution function, which
        is concave above its centre, so that it climbs to the root from there.
        """
        found = np.empty((len(levels), len(sds)))
        for k, sd in enumerate(sds):
            scale, weight = _binned(_scales(self.c, self.d, sd), self.weight)
            target = (1 + np.asarray(levels)[:, None]) / 2
            x = np.zeros((len(levels), 1))
            for _ in range(_NEWTON):
                short = target - (t_cdf(x / scale, DEGREES) @ weight)[:, None]
                step = short / (np.exp(t_logpdf(x / scale, DEGREES)) @ (weight / scale))[:, None]
                x = x + step
                if np.all(np.abs(step) <= 1e-9 * x):
                    break
            found[:, k] = x[:, 0]
        return found


def _scales(c: FloatArray, d: FloatArray, sd: float | FloatArray) -> FloatArray:
    """√(c² s² + d²); where both are zero, the smallest that is more than rounding."""
    return np.asarray(np.maximum(np.sqrt((c * sd) ** 2 + d**2), FLOOR))


def _binned(values: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bins of positive ``values`` on a logarithmic grid: mean value and weight of each that is not empty."""
    logs = np.log(np.maximum(values, 1e-300))
    low, high = float(logs.min()), float(logs.max())
    place = np.minimum(((logs - low) / (high - low + 1e-300) * _BINS).astype(int), _BINS - 1)
    total = np.bincount(place, weight, _BINS)
    mean = np.bincount(place, weight * values, _BINS)
    full = total > 1e-12
    return mean[full] / total[full], total[full] / total[full].sum()


def learn_inflation(errors: Sequence[float] | FloatArray, sds: Sequence[float] | FloatArray) -> Inflation:
    """Return the posterior of (c, d) given placebo errors e_k and model sds s_k, both (J,) in sd units."""
    e, s = np.asarray(errors, dtype=float), np.asarray(sds, dtype=float)
    log_c = np.linspace(-2.0, 2.0, 81)
    d_values = np.concatenate([[0.0], np.geomspace(1e-3, 3.0, 80)])
    c, d = (grid.ravel() for grid in np.meshgrid(np.exp(log_c), d_values, indexing="ij"))
    # The d axis is not evenly spaced, so each point carries the width of its cell.
    edges = np.concatenate([[0.0], 0.5 * (d_values[1:] + d_values[:-1]), [d_values[-1]]])
    width = np.tile(np.diff(edges), len(log_c))
    scale = _scales(c[:, None], d[:, None], s)
    log_posterior = t_logpdf(e / scale, DEGREES).sum(axis=1) - np.log(scale).sum(axis=1)
    log_posterior += normal_logpdf(np.log(c), 0.5) + half_normal_logpdf(d, 0.5) + np.log(width)
    weight = np.exp(log_posterior - log_posterior.max())
    return Inflation(c, d, weight / weight.sum())
