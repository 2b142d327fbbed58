"""What the errors of two cells have in common, as pairs of donors show that play both cells at once.

Two cells that are matched by the same donors err alike where those donors do, and where a shock moves both. Donors to
which nothing happened show how much: two disjoint groups of them, as large as the cells, play these in the same
windows, each against the donors outside both groups. Their errors, in sd of their own past, are taken as bivariate t₈,

    (e_a / r_a, e_b / r_b) ~ t₈(0, R),   R_ab = ρ,   p(ρ) ∝ 1 − ρ²  on (−1, 1),

with the scales r that make each of the two t₈. The prior is that of Lewandowski, Kurowicka and Joe (2009) with η = 2.
Pairs overlap, and all of them together count for as many as are separate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.types import BoolArray, FloatArray, IntArray, Label
from bsynth.calibration.inflation import DEGREES, Inflation, learn_inflation
from bsynth.calibration.scores import FLOOR
from bsynth.frequentist.estimators import find
from bsynth.frequentist.refit import batches, block_size
from bsynth.model.link import Link
from bsynth.panel import MIN_DONORS, Panel
from bsynth.panel.groups import cut_groups, separate

MOST = 200
"""Pairs that are played at most; each takes about a millisecond."""
SHARE = 4
"""A group is at most one in so many of the donors, so that half of them are left to match both."""
LEAST = 4
"""Pairs below which nothing is learned."""
RHO = np.linspace(-0.99, 0.99, 199)
_STEPS = 100


@dataclass(frozen=True, eq=False, repr=False)
class Correlation(Brief):
    """Posterior of ρ on a grid: ``rho`` and ``weight`` are (G,), weights sum to 1."""

    rho: FloatArray
    weight: FloatArray

    @property
    def mean(self) -> float:
        """Posterior mean: the one correlation that gives a difference the variance that all of them give it."""
        return float(self.rho @ self.weight)

    def interval(self, level: float) -> tuple[float, float]:
        """Equal-tailed interval."""
        tail, cumulative = (1 - level) / 2, np.cumsum(self.weight)
        lower, upper = self.rho[np.minimum(np.searchsorted(cumulative, [tail, 1 - tail]), len(self.rho) - 1)]
        return float(lower), float(upper)

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """(size,) draws."""
        return rng.choice(self.rho, size=size, p=self.weight)


@dataclass(frozen=True, eq=False, repr=False)
class CellPair(Brief):
    """Two cells, and the errors of pairs of pseudo-cells.

    Attributes
    ----------
    first, second : str
        The cells.
    members : tuple of pairs of tuples
        The donors that played them, K pairs.
    errors : (K, 2)
        Average gap of each, where the effect is zero, in standard deviations of its own past.
    spreads : (K, 2)
        Root mean square of each one's gaps before the start, likewise.
    """

    first: str
    second: str
    members: tuple[tuple[tuple[Label, ...], tuple[Label, ...]], ...]
    errors: FloatArray
    spreads: FloatArray

    @property
    def pairs(self) -> int:
        """Number of pairs, K."""
        return len(self.members)

    @cached_property
    def worth(self) -> float:
        """How many separate pairs they are worth (`bsynth.panel.groups.separate`)."""
        return separate([(*one, *other) for one, other in self.members])

    @cached_property
    def correlation(self) -> Correlation:
        """Posterior of the correlation of the two cells' errors; the prior where there are too few pairs."""
        return learn_correlation(self.errors, self.worth if self.pairs >= LEAST else 0.0)

    def inflation(self, side: int) -> Inflation | None:
        """Law of the errors of one cell's estimator: c of the fit before the start and d; None with too few pairs."""
        if self.pairs < LEAST:
            return None
        return learn_inflation(self.errors[:, side], self.spreads[:, side], each=min(1.0, self.worth / self.pairs))


def learn_correlation(errors: FloatArray, worth: float) -> Correlation:
    """Posterior of ρ given the errors (K, 2) of pairs that are worth so many separate ones.

    Examples
    --------
    >>> z = np.random.default_rng(1).standard_normal((400, 2))
    >>> alike = learn_correlation(np.column_stack([z[:, 0], 0.6 * z[:, 0] + 0.8 * z[:, 1]]) * [1.0, 50.0], 400)
    >>> round(alike.mean, 1), learn_correlation(np.empty((0, 2)), 0).mean.__round__(6)
    (0.6, 0.0)
    """
    log_posterior = np.log1p(-(RHO**2))
    if worth > 0:
        a, b = (errors / np.maximum(t_scale(errors), FLOOR)).T
        left = 1 - RHO[:, None] ** 2
        distance = (a**2 - 2 * RHO[:, None] * a * b + b**2) / left
        density = -0.5 * np.log(left) - (DEGREES + 2) / 2 * np.log1p(distance / DEGREES)
        log_posterior += min(1.0, worth / len(errors)) * density.sum(axis=1)
    weight = np.exp(log_posterior - log_posterior.max())
    return Correlation(RHO, weight / weight.sum())


def t_scale(errors: FloatArray) -> FloatArray:
    """Most likely scale of t₈ about 0 of each column of ``errors`` (K, C).

    Examples
    --------
    >>> t_scale(3 * np.random.default_rng(1).standard_t(8, size=(4000, 1))).round(1).tolist()
    [3.0]
    """
    square = (errors**2).mean(axis=0)
    for _ in range(_STEPS):
        square = ((DEGREES + 1) * errors**2 / (DEGREES + errors**2 / np.maximum(square, FLOOR**2))).mean(axis=0)
    return np.sqrt(square)


def play_pairs(
    names: tuple[str, str],
    panels: tuple[Panel, Panel],
    estimators: tuple[str, str],
    links: tuple[Link, Link],
    seed: int,
) -> CellPair:
    """Play two cells, which share their donors, by pairs of groups of these; none where too few would be left.

    The series are mapped by ``links`` first: a model's errors are learned on its own scale.
    """
    one = panels[0]
    sizes = [max(1, min(panel.n_treated, one.n_donors // SHARE)) for panel in panels]
    if one.n_donors - sum(sizes) < MIN_DONORS:
        return CellPair(*names, (), np.empty((0, 2)), np.empty((0, 2)))
    drawn = cut_groups(one.donor_matrix[: one.n_pre], sum(sizes), MOST, seed)
    rng = np.random.default_rng([seed, len(drawn)])
    # Which of a pair plays which cell is left to chance.
    places = np.array([rng.permutation(group) for group in drawn])
    taken = (places[:, : sizes[0]], places[:, sizes[0] :])
    found = [
        _played(panel, estimator, group, places, link)
        for panel, estimator, link, group in zip(panels, estimators, links, taken, strict=True)
    ]
    errors, spreads = (np.column_stack([each[k] for each in found]) for k in (0, 1))
    usable: BoolArray = np.isfinite(errors).all(axis=1)
    members = tuple(
        (_units(one, first), _units(one, second)) for first, second, kept in zip(*taken, usable, strict=True) if kept
    )
    return CellPair(*names, members, errors[usable], spreads[usable])


def _units(panel: Panel, places: Sequence[int] | IntArray) -> tuple[Label, ...]:
    return tuple(panel.donors[k] for k in places)


def _played(panel: Panel, estimator: str, groups: IntArray, out: IntArray, link: Link) -> tuple[FloatArray, FloatArray]:
    """Errors and pre-period spreads (K,) of groups of donors (K, g) against the donors that are not in ``out`` (K, s).

    They are NaN where a group stands still before the start, since it has no standard deviation to be measured in.
    """
    donors, n_pre, solver = panel.donor_matrix, panel.n_pre, find(estimator, panel)
    errors, spreads = [], []
    for batch in batches(range(len(groups)), block_size(*donors.shape)):
        y = link.forward(donors[:, groups[batch]].mean(axis=2).T)
        X = link.forward(np.stack([np.delete(donors, out[k], axis=1) for k in batch]))
        gaps = y - solver.solve(y, X, n_pre).counterfactual(X)
        sd = y[:, :n_pre].std(axis=1, ddof=1)
        unit = np.where(sd > FLOOR * np.abs(y).max(axis=1), sd, np.nan)
        errors.append(gaps[:, n_pre:].mean(axis=1) / unit)
        spreads.append(np.sqrt((gaps[:, :n_pre] ** 2).mean(axis=1)) / unit)
    return np.concatenate(errors), np.concatenate(spreads)
