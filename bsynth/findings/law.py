"""The distribution of an effect, whether drawn or calibrated: what a decision is asked of."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.calibration.inflation import Inflation
from bsynth.effects import lift_of, positive_share
from bsynth.errors import FitError, SpecError
from bsynth.text.numbers import count

TAIL = 0.001
"""Probability on either side that the curve of a distribution leaves out."""


class Law(Protocol):
    """The distribution of an effect."""

    def above(self, x: float) -> float:
        """P(effect > x)."""

    def below(self, x: float) -> float:
        """P(effect < x)."""

    def quantile(self, q: float) -> float:
        """Its quantile."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """The saved draws (S,), every one of them; one that is exactly x counts half on either side of it."""

    draws: FloatArray

    def above(self, x: float) -> float:
        """P(effect > x)."""
        return positive_share(self.draws - x)

    def below(self, x: float) -> float:
        """P(effect < x)."""
        return positive_share(x - self.draws)

    def quantile(self, q: float) -> float:
        """Its quantile."""
        return float(np.quantile(self.draws, q))


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A multiple of the calibrated average effect: t₈ mixture over (c, d)."""

    learned: Inflation
    centre: float
    sd: float
    unit: float

    def above(self, x: float) -> float:
        """P(effect > x)."""
        return 1.0 - self.below(x)

    def below(self, x: float) -> float:
        """P(effect < x)."""
        return self.learned.cdf(x / self.unit, self.centre, self.sd)

    def quantile(self, q: float) -> float:
        """Its quantile."""
        return self.unit * self.learned.quantile(q, self.centre, self.sd)


@dataclass(frozen=True, eq=False)
class CalibratedLift:
    """Gap over the size of the counterfactual, g / |o − g|: monotone in the average gap g, as o − g keeps its sign."""

    average: Calibrated
    observed: float
    sign: float
    """Of the counterfactual o − g; the lift is o / |o − g| − sign."""

    @property
    def _rises(self) -> bool:
        """Whether a larger gap is a larger lift: so it is while observed and counterfactual have one sign."""
        return self.sign * self.observed > 0

    def above(self, x: float) -> float:
        """P(effect > x)."""
        share = x + self.sign
        if self.observed == 0:
            return 0.5 - 0.5 * float(np.sign(share))
        if share * self.observed <= 0:
            return 1.0 if self.observed > 0 else 0.0
        gap = x * self.observed / share
        return self.average.above(gap) if self._rises else self.average.below(gap)

    def below(self, x: float) -> float:
        """P(effect < x)."""
        return 1.0 - self.above(x)

    def quantile(self, q: float) -> float:
        """Its quantile."""
        gap = self.average.quantile(q if self._rises else 1.0 - q)
        return float(lift_of(gap, self.observed))


def treated_units(fit: Fit) -> int:
    """How many treated units the fit's series is the mean of."""
    return len(fit.provenance.panel["treated"])


def law_of(result: Fit | Calibration, estimand: str) -> Law:
    """Return the distribution of an effect."""
    fit = result.fit if isinstance(result, Calibration) else result
    every = fit.effect_draws("predictive")
    # The total is of every unit what the cumulative effect is of their mean.
    units, name = (treated_units(fit), "cumulative") if estimand == "total" else (1, estimand)
    draws = units * every["average" if estimand == "lift" else name].to_numpy().ravel()
    # Asked of the paths too: a mean over periods passes over missing ones.
    paths = fit.counterfactual("predictive").isel(time=slice(fit.n_pre, None)).transpose("chain", "draw", "time")
    whole = np.isfinite(paths.to_numpy()).all(axis=-1).ravel()
    if bad := int((~(np.isfinite(draws) & whole)).sum()):
        raise FitError(
            f"{bad} of {count(len(draws), 'draw')} of the {estimand} effect are not finite, and none is dropped; "
            "look at fit.tree['posterior_predictive'], and fit again"
        )
    if estimand == "lift":
        draws = every["lift"].to_numpy().ravel()
        if np.isnan(draws).any():
            raise SpecError(
                "the counterfactual may be zero, so the lift means nothing; ask for 'average' or 'cumulative'"
            )
    if not isinstance(result, Calibration):
        return Drawn(draws)
    if not fit.spec.link.is_linear:
        drawn = result.effect_draws()
        return Drawn(units * drawn["cumulative" if estimand == "total" else estimand])
    post = fit.observed.isel(time=slice(fit.n_pre, None))
    average = fit.effect_draws("predictive")["average"]
    centre, sd = float(average.mean()) / result.scale, float(average.std()) / result.scale
    if estimand != "lift":
        periods = 1 if estimand == "average" else post.sizes["time"]
        return Calibrated(result.inflation, centre, sd, result.scale * units * periods)
    return lift_law(Calibrated(result.inflation, centre, sd, result.scale), float(post.mean()))


def lift_law(average: Calibrated, observed: float) -> CalibratedLift:
    """Return the distribution of the lift, from that of the average effect and the mean treated outcome.

    Raises
    ------
    SpecError
        The counterfactual may be zero.
    """
    low, high = average.quantile(TAIL), average.quantile(1 - TAIL)
    if (observed - low) * (observed - high) <= 0:
        raise SpecError(
            "the counterfactual may be zero under the calibrated distribution, so the lift means nothing; "
            "ask for 'average' or 'total'"
        )
    return CalibratedLift(average, observed, sign=math.copysign(1.0, observed - low))
