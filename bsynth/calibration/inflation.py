"""What the placebos teach about the average effect: c and d, which widen or narrow its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from bsynth._base.brief import Brief
from bsynth._base.laws import normal_logpdf, t_cdf, t_logpdf
from bsynth._base.types import FloatArray
from bsynth.calibration.scores import FLOOR

DEGREES = 8.0
LOG_C_SD = 1.0
"""Prior sd of log c: a model's sd may be off by a factor of three, seldom by more than seven."""
D_MEAN = 0.25
"""Prior mean of d, in units of the placebos' own root mean square error."""
C_GRID = np.exp(np.linspace(-4.0, 4.0, 81))
D_GRID = np.concatenate([[0.0], np.geomspace(1e-2, 10.0, 72)])
"""Of d in units of the placebos' own root mean square error: a scale-free grid has no cap that could bind."""
AT_EDGE = 0.01
"""Posterior probability of the outermost values from which a grid is too short."""
_BINS = 160
"""Of the mixture's scales in `mixture_radii`: 6% wide at most, so that its quantiles hold to four digits."""
_NEWTON = 40


@dataclass(frozen=True, eq=False, repr=False)
class Inflation(Brief):
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

    @property
    def at_edge(self) -> bool:
        """Whether the posterior reaches an end of the grid of c, or the upper one of d: its values are then too small.

        A d of zero is no edge: it says that the model's own sd is all there is.
        """
        edge = (self.c == self.c.min()) | (self.c == self.c.max()) | ((self.d == self.d.max()) & (self.d > 0))
        # A single point, made by hand, has no ends.
        return bool(np.unique(self.c).size > 2 and self.weight[edge].sum() > AT_EDGE)

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
        root = optimize.brentq(lambda x: self.cdf(x, mean, sd) - q, mean - reach, mean + reach, xtol=1e-13 * reach)
        return float(root)

    def interval(self, level: float, mean: float, sd: float) -> tuple[float, float]:
        """Equal-tailed calibrated interval: as far below the mean as above it, since every law mixed here is."""
        lower = self.quantile((1 - level) / 2, mean, sd)
        return lower, mean + (mean - lower)

    def nodes(self, many: int) -> tuple[FloatArray, FloatArray]:
        """(many,) equally probable pairs of c and d, evenly spread over the posterior in the order of c."""
        return self.at((np.arange(many) + 0.5) / many)

    def at(self, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The pairs (S,) of c and d below which lie these shares (S,) of the posterior, in the order of c."""
        at = np.searchsorted(np.cumsum(self.weight), shares)
        at = np.minimum(at, len(self.weight) - 1)
        return self.c[at], self.d[at]

    def scales(self, shares: FloatArray, sd: float) -> FloatArray:
        """√(c² sd² + d²) (S,) at these shares (S,) of the posterior: the calibrated law is t₈ with them."""
        c, d = self.at(shares)
        return np.sqrt((c * sd) ** 2 + d**2)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """(size,) draws of c and of d."""
        at = rng.choice(len(self.weight), size=size, p=self.weight)
        return self.c[at], self.d[at]


def mixture_radii(
    levels: Sequence[float], scale: FloatArray, weight: FloatArray, degrees: float | None = DEGREES
) -> FloatArray:
    """(len(levels),) half-widths that hold ``levels`` of a mixture of t laws about 0 with scales and weights (G,).

    ``degrees`` None is a mixture of normal laws. The scales are binned; then Newton's method on the mixture's
    distribution function, which is concave above its centre, so that it climbs to the root from there.
    """
    binned, share = _binned(np.maximum(scale, FLOOR), weight)
    target = (1 + np.asarray(levels)[:, None]) / 2
    x = np.zeros((len(levels), 1))
    for _ in range(_NEWTON):
        z = x / binned
        below = special.ndtr(z) if degrees is None else t_cdf(z, degrees)
        density = np.exp(normal_logpdf(z) if degrees is None else t_logpdf(z, degrees))
        step = (target - (below @ share)[:, None]) / (density @ (share / binned))[:, None]
        x = x + step
        if np.all(np.abs(step) <= 1e-9 * x):
            break
    return np.asarray(x[:, 0])


def _binned(values: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bins of positive ``values`` on a logarithmic grid: mean value and weight of each that is not empty."""
    logs = np.log(values)
    low, high = float(logs.min()), float(logs.max())
    place = np.minimum(((logs - low) / (high - low + 1e-300) * _BINS).astype(int), _BINS - 1)
    total = np.bincount(place, weight, _BINS)
    mean = np.bincount(place, weight * values, _BINS)
    full = total > 1e-12
    return mean[full] / total[full], total[full] / total[full].sum()


def learn_inflation(
    errors: Sequence[float] | FloatArray, sds: Sequence[float] | FloatArray, *, each: float = 1.0
) -> Inflation:
    """Return the posterior of (c, d) given placebo errors e_k and model sds s_k, both (J,) in sd units.

    e_k ~ t₈(0, √(c² s_k² + d²)), log c ~ N(0, 1), d ~ Exponential of mean r/4, where r is the root mean square of
    the errors: errors and sds of k times the size teach the same c and k times the d. ``each`` is what one of
    them counts where they are not separate.
    """
    e, s = np.asarray(errors, dtype=float), np.asarray(sds, dtype=float)
    unit = max(float(np.sqrt(np.mean(e**2))), FLOOR)
    c, d = (grid.ravel() for grid in np.meshgrid(C_GRID, D_GRID, indexing="ij"))
    # The d axis is not evenly spaced, so each point carries the width of its cell.
    edges = np.concatenate([[0.0], 0.5 * (D_GRID[1:] + D_GRID[:-1]), [D_GRID[-1]]])
    width = np.tile(np.diff(edges), len(C_GRID))
    scale = np.maximum(np.sqrt((c[:, None] * s) ** 2 + (unit * d[:, None]) ** 2), FLOOR)
    log_posterior = t_logpdf(e / scale, DEGREES).sum(axis=1) - np.log(scale).sum(axis=1)
    log_posterior = each * log_posterior + normal_logpdf(np.log(c), LOG_C_SD) - d / D_MEAN + np.log(width)
    weight = np.exp(log_posterior - log_posterior.max())
    return Inflation(c, unit * d, weight / weight.sum())
