"""The effects on several cells and their differences, jointly.

Each cell's effect has a distribution of its own, whose error is t₈ (`bsynth.calibration.inflation`). Two of them are t₈
together, with the correlation that pairs of donors show (`bsynth.calibration.pairs`): a t copula around the cells' own
distributions. The posterior of c and d, which the same donors teach both, is drawn in one order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.laws import t_cdf
from bsynth._base.types import FloatArray
from bsynth.bayesian.result import Fit
from bsynth.calibration.inflation import DEGREES, Inflation
from bsynth.calibration.pairs import CellPair, Correlation
from bsynth.calibration.result import Calibration
from bsynth.effects import lift_of, of_average, positive_share
from bsynth.frequentist.estimate import Estimate

DRAWS = 100_000
"""Joint draws of two effects, in mirrored pairs: bounds of a difference are known to half a percent of its width."""

type Ends = tuple[float, float]


@dataclass(frozen=True, eq=False, repr=False)
class CellEffect(Brief):
    """The effect on one cell, and its distribution.

    Attributes
    ----------
    estimate, observed : float
        Average effect, and mean outcome over the window, per unit and period, outcome units.
    periods : int
        Of the window.
    interval : str
        Kind of its distribution: "calibrated", "predictive", or "point" where there is none.
    at : callable or None
        From t₈ deviates (S,) and shares (S,) of the posterior of c and d to average effects (S,).
    """

    estimate: float
    observed: float
    periods: int
    interval: str
    at: Callable[[FloatArray, FloatArray], FloatArray] | None

    @property
    def lift(self) -> float:
        """Average effect as a share of what would have been."""
        return float(lift_of(self.estimate, self.observed))

    def bounds(self, draws: FloatArray | None, level: float) -> dict[str, Ends]:
        """Equal-tailed bounds of every estimand from draws of the average effect."""
        none = (np.nan, np.nan)
        if draws is None:
            return dict.fromkeys(("average", "cumulative", "lift"), none)
        return {name: _ends(each, level) for name, each in of_average(draws, self.observed, self.periods).items()}


def of_calibration(calibration: Calibration) -> CellEffect:
    """The calibrated effect."""
    return _of(calibration.fit, "calibrated", calibration.average_at)


def of_fit(fit: Fit) -> CellEffect:
    """The effect by the model's own posterior, noise and all."""
    draws = np.sort(np.asarray(fit.effect_draws("predictive")["average"]).ravel())
    return _of(fit, "predictive", partial(_at_draws, draws))


def of_estimate(estimate: Estimate, inflation: Inflation | None) -> CellEffect:
    """The effect by a classical estimator, whose error is as those of pseudo-cells; a point without them."""
    panel = estimate.panel
    before = panel.treated_series[: panel.n_pre]
    unit = float(before.std(ddof=1))
    average = float(estimate.gap[panel.n_pre :].mean())
    observed = float(panel.treated_series[panel.n_pre :].mean())
    if inflation is None:
        return CellEffect(average, observed, panel.n_post, "point", None)
    at = partial(_at_scales, average, unit, estimate.pre_rmspe / unit, inflation)
    return CellEffect(average, observed, panel.n_post, "calibrated", at)


def _at_draws(draws: FloatArray, deviates: FloatArray, _: FloatArray) -> FloatArray:
    return np.quantile(draws, t_cdf(deviates, DEGREES))


def _at_scales(
    centre: float, unit: float, sd: float, inflation: Inflation, deviates: FloatArray, shares: FloatArray
) -> FloatArray:
    return np.asarray(centre + unit * inflation.scales(shares, sd) * deviates)


def _of(fit: Fit, kind: str, at: Callable[[FloatArray, FloatArray], FloatArray]) -> CellEffect:
    observed = fit.observed.values[fit.n_pre :]
    average = float(fit.effects()["estimate"].iloc[0])
    return CellEffect(average, float(observed.mean()), len(observed), kind, at)


@dataclass(frozen=True, eq=False, repr=False)
class Difference(Brief):
    """The effect on one cell less that on another, per unit and period.

    Attributes
    ----------
    one, other : CellEffect
    pair : CellPair
        What tells how their errors correlate.
    seed : int
    """

    one: CellEffect
    other: CellEffect
    pair: CellPair
    seed: int

    @property
    def estimate(self) -> float:
        """Difference of the average effects, outcome units."""
        return self.one.estimate - self.other.estimate

    @property
    def lift(self) -> float:
        """Difference of the lifts."""
        return self.one.lift - self.other.lift

    @property
    def interval(self) -> str:
        """Kind of its interval: that of both cells, or of the weaker one."""
        kinds = {self.one.interval, self.other.interval}
        return next(kind for kind in ("point", "predictive", "calibrated") if kind in kinds)

    @cached_property
    def draws(self) -> FloatArray | None:
        """(S, 2) joint draws of the two average effects; None where one of them is a point."""
        return joint_draws(self.one, self.other, self.pair.correlation, self.seed)

    @cached_property
    def positive(self) -> float:
        """P(> 0) of the difference of average effects; NaN without a distribution."""
        return np.nan if self.draws is None else positive_share(self.draws[:, 0] - self.draws[:, 1])

    def bounds(self, level: float) -> dict[str, Ends]:
        """Equal-tailed bounds of the differences of average effects and of lifts."""
        if self.draws is None:
            return dict.fromkeys(("average", "lift"), (np.nan, np.nan))
        own = [of_average(x, cell.observed, cell.periods) for x, cell in zip(self.draws.T, self._cells, strict=True)]
        return {name: _ends(own[0][name] - own[1][name], level) for name in ("average", "lift")}

    def independent(self, level: float) -> Ends:
        """Bounds of the difference of average effects if the errors were not correlated at all."""
        found = joint_draws(self.one, self.other, Correlation(np.zeros(1), np.ones(1)), self.seed)
        return (np.nan, np.nan) if found is None else _ends(found[:, 0] - found[:, 1], level)

    @property
    def _cells(self) -> tuple[CellEffect, CellEffect]:
        return self.one, self.other


def joint_draws(one: CellEffect, other: CellEffect, correlation: Correlation, seed: int) -> FloatArray | None:
    """(S, 2) draws of two cells' average effects, bivariate t₈ with a correlation drawn from its posterior.

    Each has its own distribution exactly. None where one of them is a point.
    """
    if one.at is None or other.at is None:
        return None
    rng, half = np.random.default_rng([seed, DRAWS]), DRAWS // 2
    z, rho = rng.standard_normal((2, half)), correlation.draw(half, rng)
    heavy = np.sqrt(DEGREES / rng.chisquare(DEGREES, half))
    first, second = heavy * z[0], heavy * (rho * z[0] + np.sqrt(1 - rho**2) * z[1])
    shares = rng.permutation((np.arange(half) + 0.5) / half)
    # Each draw beside its mirror image, so that what is symmetric stays so.
    both = np.concatenate([shares, shares])
    values = [cell.at(np.concatenate([t, -t]), both) for cell, t in ((one, first), (other, second)) if cell.at]
    return np.column_stack(values)


def _ends(draws: FloatArray, level: float) -> Ends:
    if np.isnan(draws).any():
        return np.nan, np.nan
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)
