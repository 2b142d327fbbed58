"""One-step-ahead forecasts of a fit: the predictive distribution of a period, and its score."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from bsynth._base.brief import Brief
from bsynth._base.request import check_between
from bsynth._base.types import FloatArray
from bsynth.bayesian.result import Fit
from bsynth.effects import variable
from bsynth.errors import PanelError
from bsynth.model.design import make_design
from bsynth.model.link import IDENTITY, Link
from bsynth.panel import Panel
from bsynth.panel.labels import MIN_PRE

MIN_LAST = 3
NODES = 40
"""Of a mean over the noise of a period on a log or logit scale."""


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Brief):
    """The predictive distribution of one period: a mixture over the draws of one location-scale family.

    Attributes
    ----------
    location, scale : (n,) arrays
        Of each draw, on the scale of the model: outcome units but with a log or logit ``link``.
    degrees : float or None
        Of Student-t noise; None for Gaussian.
    link : Link
        What maps an outcome to that scale.

    Examples
    --------
    >>> from bsynth.model.link import LOG
    >>> made = Forecast(np.array([0.0]), np.array([0.1]), link=LOG)
    >>> round(made.mean, 6), made.below(1.0), made.below(-1.0)
    (1.005013, 0.5, 0.0)
    """

    location: FloatArray
    scale: FloatArray
    degrees: float | None = None
    link: Link = IDENTITY

    @property
    def _family(self) -> Any:
        from scipy import stats

        return stats.norm if self.degrees is None else stats.t(self.degrees)

    @property
    def mean(self) -> float:
        """Of the mixture; a location stands for itself where the noise has no mean."""
        return float(self.location.mean()) if self.link.is_linear else self._moment(1)

    @property
    def sd(self) -> float:
        """Of the mixture; a scale stands for itself where the noise has no variance."""
        if not self.link.is_linear:
            return float(np.sqrt(max(self._moment(2) - self._moment(1) ** 2, 0.0)))
        infinite = self.degrees is not None and self.degrees <= 2
        within = self.scale**2 if self.degrees is None or infinite else self.scale**2 * self._family.var()
        return float(np.sqrt(self.location.var() + within.mean()))

    def _moment(self, power: int) -> float:
        """Mean of a power of the outcome over draws and noise: Gauss-Hermite, or equally probable slices of t noise."""
        if self.degrees is None:
            nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        else:
            nodes, weights = self._family.ppf((np.arange(10 * NODES) + 0.5) / (10 * NODES)), np.ones(10 * NODES)
        values = [
            weight * (self.link.back(self.location + self.scale * node) ** power).mean()
            for node, weight in zip(nodes, weights, strict=True)
        ]
        return float(np.sum(values) / weights.sum())

    def log_densities(self, value: float) -> FloatArray:
        """(n,) log density of each draw at an outcome; −∞ at one that the scale of the model does not know."""
        at = self.link.reach(value)
        if not np.isfinite(at):
            return np.full(self.location.shape, -np.inf)
        found = self._family.logpdf((at - self.location) / self.scale) - np.log(self.scale)
        return np.asarray(found - self.link.log_slope(at))

    def below(self, value: float) -> float:
        """Probability below an outcome."""
        return float(self._family.cdf((self.link.reach(value) - self.location) / self.scale).mean())

    def quantile(self, probability: float) -> float:
        """The outcome with this probability below."""
        each = self.location + self.scale * self._family.ppf(probability)
        low, high = float(each.min()), float(each.max())
        if not low < high:
            return float(self.link.back(low))

        def beyond(at: float) -> float:
            return float(self._family.cdf((at - self.location) / self.scale).mean()) - probability

        return float(self.link.back(optimize.brentq(beyond, low, high, xtol=1e-12 * (high - low))))


def check_last(panel: Panel, last: object, what: str, instead: str) -> int:
    """Return how many of the last pre-periods ``what`` is to forecast, where the panel has them.

    Raises
    ------
    SpecError, PanelError
        What is no whole number; too many or few for the panel, or a panel that has too few.
    """
    most = panel.n_pre - MIN_PRE
    if most < MIN_LAST:
        raise PanelError(
            f"{what} needs {MIN_PRE + MIN_LAST} pre-periods to forecast from and there are {panel.n_pre}; {instead}"
        )
    return check_between(last, "last", MIN_LAST, most, PanelError)


def forecast_of(found: Fit, panel: Panel, t: int) -> Forecast:
    """Return the predictive distribution of period ``t``, at or after the start of ``panel``, by its fit."""
    design, noise, link = make_design(panel, found.spec), found.spec.noise, found.spec.link
    location = np.asarray(link.forward(found.counterfactual("mean").isel(time=t).values.ravel()))
    sigma2 = variable(found.tree, "posterior", "sigma").values.ravel() ** 2
    cell = design.scale**2 * design.treated_variance[t]
    if noise.distribution == "normal":
        return Forecast(location, np.sqrt(sigma2 + cell), link=link)
    if cell == 0:
        return Forecast(location, np.sqrt(sigma2), noise.degrees, link)
    # The noise is normal given the variance of its period, which each draw has its own of.
    half = 0.5 * noise.degrees
    kappa = half / np.random.default_rng([found.provenance.seed, t]).gamma(half, size=len(location))
    return Forecast(location, np.sqrt(sigma2 * kappa + cell), link=link)


def score_forecast(forecast: Forecast, observed: float) -> dict[str, float]:
    """Score a forecast by what was observed.

    ``observed``, ``predicted`` (mean), ``sd``, ``log_density`` (outcome units, whatever the model's own scale)
    and ``pit``.
    """
    densities = forecast.log_densities(observed)
    return {
        "observed": observed,
        "predicted": forecast.mean,
        "sd": forecast.sd,
        "log_density": float(special.logsumexp(densities) - np.log(len(densities))),
        "pit": forecast.below(observed),
    }
