"""How units err together: the correlation r of their innovations, from what their own fits leave of the pre-period.

Unit i's own fit has y_i = μ_i + B_i ε_i, ε_i iid standard normal: the noise of each period, and the steps of a drift,
which B_i carries on. The innovations of all units in a period have a common part, ε_i = √r ε₀ + √(1−r) ε_i′, so that

  y ~ N(μ, (1−r) diag(C_i) + r B B′),  C_i = B_i B_i′,  B = (B_1; …; B_n).

Own fits saw each series by itself, at r = 0. Two-stage sampling (Lunn et al. 2013) weighs what they drew by the ratio
of the joint density to that at r = 0. Draws of μ cannot be weighed, since units that err alike know each other's μ far
better than any of their own fits: with the posterior of μ_i taken as normal, N(m_i, S_i) in its stratum, the prior
that led to it is divided out and μ integrated. With W_i = C_i (C_i − S_i)⁻¹ C_i, the variance that y_i had before it
was seen, y_i less its prior mean is d_i = W_i C_i⁻¹ (y_i − m_i), and d has variance diag(W_i − r C_i) + r B B′. Sizes
of noise and drift, few numbers, are those of some draws of each own fit, and weighed (Gibbs).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, special

from bsynth._base.types import FloatArray, IntArray
from bsynth.engines.innovations import RIDGE, Innovations, Sizes

WINDOW = 40
"""Periods that are looked at, the last ones: they say enough of one number."""
UNITS = 24
"""Units that are looked at, likewise."""
SIZES = 32
"""Draws of the sizes of noise and drift of each unit among which the sampler chooses."""
VISITS, LEAST, MOST = 400, 25, 60
"""Of units that it makes in all, and how often to each."""
KNOWN = 0.95
"""Share of C_i that S_i has at most: an estimate from draws of a law that is none too normal may stray beyond C_i."""
SCORES: FloatArray = np.linspace(-2.6, 2.6, 27)
"""Normal scores of the values of r at which the density is taken."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """What the pre-period says of r: its log density up to a constant, at normal scores of r."""

    scores: FloatArray
    logs: FloatArray

    def log_density(self, score: float) -> float:
        """Log density of the residuals at r = Φ(score)."""
        return float(np.interp(score, self.scores, self.logs))


UNKNOWN = Correlation(np.zeros(1), np.zeros(1))
"""No word on r: of a single unit, or of too few periods."""


def correlation_of(units: Sequence[Innovations], seed: int) -> Correlation:
    """What the residuals of units say of the correlation of their innovations.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> def unit(series):
    ...     fitted, no = 0.1 * rng.normal(size=(50, 1)) * np.ones(40), np.zeros(50)
    ...     return Innovations(np.arange(40), series, fitted, 1 + 0 * fitted, no, no, no, [np.arange(50)], 40)
    >>> series = (rng.normal(size=(40, 1)) + rng.normal(size=(40, 5))) / 2**0.5
    >>> found = correlation_of([unit(each) for each in series.T], seed=1)
    >>> bool(0.3 < special.ndtr(max(found.scores, key=found.log_density)) < 0.7)
    True
    """
    rng = np.random.default_rng(seed)
    window, chosen = _kept(units)
    if len(chosen) < 2:
        return UNKNOWN
    kinds = max(unit.kinds for unit, _ in chosen)
    kept = [
        _Unit(unit, rows, window, kinds, rng.choice(len(unit.drift), size=min(SIZES, len(unit.drift)), replace=False))
        for unit, rows in chosen
    ]
    rates, at = special.ndtr(SCORES), len(SCORES) // 2
    found = []
    sweeps = int(np.clip(VISITS / len(kept), LEAST, MOST))
    for sweep in range(sweeps):
        _choose(kept, float(rates[at]), rng)
        logs = _densities(kept, rates)
        at = int(np.argmax(logs - 0.5 * SCORES**2 + rng.gumbel(size=len(SCORES))))
        if sweep >= sweeps // 4:
            # Of r ~ U(0, 1): a normal score has a standard normal prior.
            posterior = logs - 0.5 * SCORES**2
            found.append(posterior - special.logsumexp(posterior))
    logs = special.logsumexp(found, axis=0) + 0.5 * SCORES**2
    fine = np.linspace(SCORES[0], SCORES[-1], 10 * len(SCORES))
    return Correlation(fine, np.asarray(interpolate.CubicSpline(SCORES, logs - logs.max())(fine)))


def _kept(units: Sequence[Innovations]) -> tuple[IntArray, list[tuple[Innovations, IntArray]]]:
    """The last periods that at least two units have, and the units with three or more of them, with their rows."""
    if len(units) > UNITS:
        units = [units[k] for k in np.linspace(0, len(units) - 1, UNITS).round().astype(int)]
    if not units:
        return np.empty(0, dtype=int), []
    places, counts = np.unique(np.concatenate([unit.places[: unit.n_pre] for unit in units]), return_counts=True)
    window = places[counts > 1][-WINDOW:]
    rows = [np.flatnonzero(np.isin(unit.places[: unit.n_pre], window)) for unit in units]
    return window, [(unit, at) for unit, at in zip(units, rows, strict=True) if len(at) > 2]


class _Unit:
    """A unit at some sizes (m,) of noise and drift, each in the basis in which C is 1 and W diagonal.

    ``before`` (m, n) eigenvalues of W; ``error`` (m, n) d; ``shocks`` (m, n, P) B; ``now`` which size holds.
    """

    def __init__(self, own: Innovations, rows: IntArray, window: IntArray, kinds: int, draws: IntArray) -> None:
        places = own.places[rows]
        sizes = Sizes(own.noise[draws][:, rows], own.drift[draws], own.rho[draws], own.slope[draws])
        age = int(places[0] - own.places[0]) + 1
        B = sizes.shocks(places, np.searchsorted(window, places), len(window), age=age, kinds=kinds)
        left, of = own.observed[rows] - own.fitted[:, rows], own.stratum[draws]
        means, spreads = zip(*((left[at].mean(axis=0), np.cov(left[at].T)) for at in own.strata), strict=True)
        C = B @ np.swapaxes(B, 1, 2)
        ridge = RIDGE * np.trace(C, axis1=1, axis2=2)[:, None, None] / len(rows)
        root = np.linalg.inv(np.linalg.cholesky(C + ridge * np.eye(len(rows))))
        known, basis = np.linalg.eigh(root @ np.stack(spreads)[of] @ np.swapaxes(root, 1, 2))
        turn = np.swapaxes(basis, 1, 2) @ root
        self.before = 1 / (1 - np.clip(known, 0.0, KNOWN))
        self.error = self.before * (turn @ np.stack(means)[of][:, :, None])[:, :, 0]
        self.shocks = turn @ B
        self.now = 0

    def terms(self, r: float, at: slice) -> tuple[FloatArray, FloatArray, FloatArray]:
        """B′D⁻¹B, B′D⁻¹d and the unit's own term of the log ratio, for sizes ``at``, with D = W − r C."""
        W, d, B = self.before[at], self.error[at], self.shocks[at]
        turned = np.swapaxes(B / (W - r)[:, :, None], 1, 2)
        own = -0.5 * (np.log1p(-r / W) + d**2 * (1 / (W - r) - 1 / W)).sum(axis=1)
        return turned @ B, (turned @ d[:, :, None])[:, :, 0], own

    @property
    def holding(self) -> slice:
        """The size that holds."""
        return slice(self.now, self.now + 1)


def _choose(units: Sequence[_Unit], r: float, rng: np.random.Generator) -> None:
    """Draw each unit's size in turn, given those of the others and r."""
    parts = [unit.terms(r, unit.holding) for unit in units]
    square, product = sum(each[0][0] for each in parts), sum(each[1][0] for each in parts)
    for unit, mine in zip(units, parts, strict=True):
        squares, products, own = unit.terms(r, slice(None))
        square, product = square - mine[0][0], product - mine[1][0]
        logs = own + _together(square + squares, product + products, r)
        unit.now = int(np.argmax(logs + rng.gumbel(size=len(logs))))
        square, product = square + squares[unit.now], product + products[unit.now]


def _densities(units: Sequence[_Unit], rates: FloatArray) -> FloatArray:
    """Log ratio of the joint density to that at r = 0, for each rate."""
    found = []
    for r in rates.tolist():
        squares, products, own = zip(*(unit.terms(r, unit.holding) for unit in units), strict=True)
        found.append(_together(np.sum(squares, axis=0), np.sum(products, axis=0), r) + np.sum(own, axis=0))
    return np.concatenate(found)


def _together(square: FloatArray, product: FloatArray, r: float) -> FloatArray:
    """(m,) what r B B′ adds to the log density, by the matrix determinant lemma and Woodbury's identity."""
    factor = np.linalg.cholesky(np.eye(product.shape[-1]) + r * square)
    half = np.linalg.solve(factor, product[:, :, None])[:, :, 0]
    return np.asarray(0.5 * r * (half**2).sum(axis=1) - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1))
