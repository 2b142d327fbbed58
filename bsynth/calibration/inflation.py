"""What the placebos teach about the average effect: c, d and γ, which widen or narrow its interval.

A unit of model sd s errs by t₈ with scale √(c² s² + d²) while s is at most s̄, the geometric mean of the placebos'
own; beyond it s̄ (s/s̄)^γ stands for s. γ says how far a fit that is less sure than most is to be believed: with γ = 1
its interval is as much longer as it says, with γ = 0 it errs like the others. Without it a treated unit far from its
donors, whose fit says that it may drift away, has an interval that nothing on the donors bears out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

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
D_GRID = np.concatenate([[0.0], np.geomspace(1e-2, 10.0, 48)])
"""Of d in units of the placebos' own root mean square error: a scale-free grid has no cap that could bind."""
POWER_GRID = np.linspace(0.0, 1.0, 5)
"""Of γ, each as probable as the others beforehand."""
NOWHERE = 1e-9
"""Posterior density, of the highest, below which a point of the grid is left out."""
AT_EDGE = 0.01
"""Posterior probability of the outermost values from which a grid is too short."""
_BINS = 160
"""Of the mixture's scales in `mixture_radii`: 6% wide at most, so that its quantiles hold to four digits."""
_NEWTON = 40
_POLISH = 2


@dataclass(frozen=True, eq=False, repr=False)
class Inflation(Brief):
    """Posterior of (c, d, γ) on a grid.

    Attributes
    ----------
    c, d, weight : (G,)
        Weights sum to 1.
    power : (G,) or None
        γ; None where it is 1, so that c multiplies the sd of any unit.
    centre : float
        s̄, up to which c multiplies a unit's own sd at every γ.
    """

    c: FloatArray
    d: FloatArray
    weight: FloatArray
    power: FloatArray | None = None
    centre: float = 1.0

    def of(self, sd: float) -> "Inflation":
        """What is taught about one unit, of model sd ``sd``: γ is in c then, and no longer beside it."""
        if self.power is None:
            return self
        c = self.c * _believed(sd, self.power, self.centre) / max(sd, FLOOR)
        order = np.argsort(c, kind="stable")
        return Inflation(c[order], self.d[order], self.weight[order])

    def scale(self, sd: float) -> FloatArray:
        """(G,) scales of the error of a unit of model sd ``sd``."""
        own = sd if self.power is None else _believed(sd, self.power, self.centre)
        return np.sqrt((self.c * own) ** 2 + self.d**2)

    @property
    def c_mean(self) -> float:
        """Posterior mean of c."""
        return float(self.c @ self.weight)

    @property
    def power_mean(self) -> float:
        """Posterior mean of γ."""
        return 1.0 if self.power is None else float(self.power @ self.weight)

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
        scale = self.scale(sd)
        far = np.full(scale.shape, np.inf * np.sign(x - mean) if x != mean else 0.0)
        return float(self.weight @ t_cdf(np.divide(x - mean, scale, out=far, where=scale > 0), DEGREES))

    def quantile(self, q: float, mean: float, sd: float) -> float:
        """Inverse of `cdf`."""
        radius = self._radius(abs(2 * q - 1), sd)
        return mean + (radius if q > 0.5 else -radius)

    def interval(self, level: float, mean: float, sd: float) -> tuple[float, float]:
        """Equal-tailed calibrated interval: as far below the mean as above it, since every law mixed here is."""
        radius = self._radius(level, sd)
        return mean - radius, mean + radius

    def _radius(self, level: float, sd: float) -> float:
        """How far about the mean lies ``level`` of the distribution: from binned scales, then on all of them."""
        scale = np.maximum(self.scale(sd), FLOOR)
        (x,) = mixture_radii([level], scale, self.weight)
        for _ in range(_POLISH):
            z = x / scale
            short = (1 + level) / 2 - self.weight @ t_cdf(z, DEGREES)
            x = x + short / (np.exp(t_logpdf(z, DEGREES)) @ (self.weight / scale))
        return float(x)

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
        c, d = self.of(sd).at(shares)
        return np.sqrt((c * sd) ** 2 + d**2)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """(size,) draws of c and of d."""
        at = rng.choice(len(self.weight), size=size, p=self.weight)
        return self.c[at], self.d[at]


def _believed(sd: float | FloatArray, power: FloatArray, centre: float) -> FloatArray:
    """What stands for a model's ``sd`` at powers γ: itself up to ``centre``, less beyond it."""
    sd = np.maximum(sd, FLOOR)
    return np.asarray(np.minimum(sd, centre) * np.maximum(sd / centre, 1.0) ** power)


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
    """Return the posterior of (c, d, γ) given placebo errors e_k and model sds s_k, both (J,) in sd units.

    e_k ~ t₈(0, √(c² s² + d²)) with s = min(s_k, s̄) max(s_k/s̄, 1)^γ, log c ~ N(0, 1), d ~ Exponential of mean r/4, where
    r is the root mean square of the errors, γ uniform on 0, ¼, …, 1: errors and sds of k times the size teach the same
    c and γ and k times the d. ``each`` is what one of them counts where they are not separate.
    """
    e, s = np.asarray(errors, dtype=float), np.maximum(np.asarray(sds, dtype=float), FLOOR)
    unit = max(float(np.sqrt(np.mean(e**2))), FLOOR)
    centre = float(np.exp(np.log(s).mean()))
    c, d, power = (grid.ravel() for grid in np.meshgrid(C_GRID, D_GRID, POWER_GRID, indexing="ij"))
    # The d axis is not evenly spaced, so each point carries the width of its cell.
    edges = np.concatenate([[0.0], 0.5 * (D_GRID[1:] + D_GRID[:-1]), [D_GRID[-1]]])
    width = np.tile(np.repeat(np.diff(edges), len(POWER_GRID)), len(C_GRID))
    own = _believed(s, power[:, None], centre)
    scale = np.maximum(np.sqrt((c[:, None] * own) ** 2 + (unit * d[:, None]) ** 2), FLOOR)
    log_posterior = t_logpdf(e / scale, DEGREES).sum(axis=1) - np.log(scale).sum(axis=1)
    log_posterior = each * log_posterior + normal_logpdf(np.log(c), LOG_C_SD) - d / D_MEAN + np.log(width)
    weight = np.exp(log_posterior - log_posterior.max())
    # Most of the grid is nowhere near what was seen; an end of it that is, stays.
    near = weight > NOWHERE
    c, d, power, weight = c[near], d[near], power[near], weight[near]
    return Inflation(c, unit * d, weight / weight.sum(), power, centre)
