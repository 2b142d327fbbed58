"""The conformal test of one null effect, and the set of effects that it does not reject."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray, IntArray
from bsynth.effects import TIES, gap_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.refit import find_for_series

type BoolArray = NDArray[np.bool_]
type Accepts = Callable[[FloatArray], BoolArray]

NEAREST, FARTHEST, STEP = -6.0, 14.0, 0.5
"""Distances from the point estimate at which a null effect is first tried, as powers of two: from pre-period RMSPE
to the size of the series and of the effect, where that is larger."""

BISECTIONS = 32


@dataclass(frozen=True, eq=False, repr=False)
class NullTest(Brief):
    """p of null effects, and the sets of effects with a p above 1 − level."""

    method: Method
    """A name, or an estimator with settings: what it stands for may be a module, which cannot be copied."""
    estimate: Estimate
    proxy: str
    order: IntArray
    """(R, n_post) periods that stand in for the treated ones; row 0 is the treated ones themselves."""
    _tried: dict[int | None, tuple[FloatArray, FloatArray]] = field(default_factory=dict, repr=False)

    def residuals(self, y: FloatArray, periods: IntArray | None = None) -> FloatArray:
        """(B, n) residuals of untreated outcomes ``y`` (B, n) over all periods, or over ``periods``."""
        kept = slice(None) if periods is None else periods
        if self.proxy == "pre":
            return gap_of(y, self.estimate.counterfactual[kept])
        X = self.estimate.panel.donor_matrix[kept]
        X = np.broadcast_to(X, (len(y), *X.shape))
        estimator = find_for_series(self.method, self.estimate.panel)
        return gap_of(y, estimator.solve(y, X, y.shape[1]).counterfactual(X))

    def period_p(self, t: int, effect: FloatArray) -> FloatArray:
        """(B,) p of the effects ``effect`` (B,) in treated period ``t`` alone."""
        panel = self.estimate.panel
        periods = np.append(np.arange(panel.n_pre), panel.n_pre + t)
        y = np.tile(panel.treated_series[periods], (len(effect), 1))
        y[:, -1] -= effect
        return share(np.abs(self.residuals(y, periods))[:, ::-1])

    def constant_p(self, effect: FloatArray) -> FloatArray:
        """(B,) p of the constant effects ``effect`` (B,), on the size of the mean residual."""
        panel = self.estimate.panel
        y = np.tile(panel.treated_series, (len(effect), 1))
        y[:, panel.n_pre :] -= effect[:, None]
        u = self.residuals(y)
        return np.concatenate([share(np.abs(row[self.order].mean(axis=1))[None, :]) for row in u])

    def interval(self, t: int | None, level: float) -> tuple[float, float]:
        """Smallest and largest effect that is not rejected, in treated period ``t`` or, with None, a constant one.

        Infinite when the farthest tried is not rejected, NaN when all are.
        """
        count = len(self.order) if t is None else self.estimate.panel.n_pre + 1
        accepted = _accepts(level, count)
        tried, p = self._tried_effects(t)
        inside = np.flatnonzero(accepted(p))
        if len(inside) == 0:
            return math.nan, math.nan
        first, last = inside[0], inside[-1]
        low, high = -math.inf, math.inf
        if first > 0:
            low = self._edge(t, accepted, tried[first], tried[first - 1])
        if last < len(tried) - 1:
            high = self._edge(t, accepted, tried[last], tried[last + 1])
        return low, high

    def interval_p(self, t: int | None) -> float:
        """Largest 1 − level at which `interval` holds zero: some effect on either side of it is not rejected."""
        tried, p = self._tried_effects(t)
        return float(min(p[tried <= 0].max(), p[tried >= 0].max()))

    def _p(self, t: int | None, effect: FloatArray) -> FloatArray:
        return self.constant_p(effect) if t is None else self.period_p(t, effect)

    def _tried_effects(self, t: int | None) -> tuple[FloatArray, FloatArray]:
        """Zero and effects at growing distances from the estimate, in order, and their p."""
        if t not in self._tried:
            gaps = self.estimate.gap[self.estimate.panel.n_pre :]
            centre = float(gaps.mean() if t is None else gaps[t])
            distances = self._distances(centre)
            tried = np.unique(np.concatenate([centre - distances, [0.0, centre], centre + distances]))
            self._tried[t] = tried, self._p(t, tried)
        return self._tried[t]

    def _edge(self, t: int | None, accepted: Accepts, inside: float, outside: float) -> float:
        """Bisect between an effect that is not rejected and one that is."""
        for _ in range(BISECTIONS):
            middle = (inside + outside) / 2
            if accepted(self._p(t, np.array([middle])))[0]:
                inside = middle
            else:
                outside = middle
        return float(inside)

    def _distances(self, centre: float) -> FloatArray:
        panel = self.estimate.panel
        sd = float(panel.treated_series[: panel.n_pre].std())
        size = float(np.abs(panel.treated_series).max())
        # A perfect fit of a constant series has no scale of its own.
        scale = max(self.estimate.pre_rmspe, 1e-6 * sd, 1e-9 * size) or 1.0
        # Nor does a perfect fit say how far away effects are that other periods may show.
        farther = max(0.0, math.log2(max(sd, abs(centre), scale) / scale))
        return np.asarray(scale * 2.0 ** np.arange(NEAREST, FARTHEST + math.ceil(farther) + STEP / 2, STEP))


def share(statistics: FloatArray) -> FloatArray:
    """(B,) share of the columns of ``statistics`` (B, R) at least as large as the first."""
    own = statistics[:, :1]
    return np.asarray((statistics >= own - TIES * np.abs(own)).mean(axis=1))


def _accepts(level: float, count: int) -> Accepts:
    """Whether p, multiples of 1/``count``, are above 1 − level; rounding cannot tip it."""
    rejected = math.floor(round((1 - level) * count, 9))
    return lambda p: np.asarray(np.rint(p * count) > rejected)
