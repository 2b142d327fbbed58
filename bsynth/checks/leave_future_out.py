"""Leave-future-out: refit on shorter pre-periods and score the period that comes next."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from bsynth._base.request import check_between, check_flags, check_level
from bsynth._base.types import BoolArray, FloatArray, Status
from bsynth.bayesian.result import Fit
from bsynth.bayesian.run import fit
from bsynth.effects import variable
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.design import make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.labels import MIN_PRE
from bsynth.pieces import run_pieces
from bsynth.text.marks import marked
from bsynth.text.numbers import count, number
from bsynth.text.result import Pictured

MIN_LAST = 3


@dataclass(frozen=True, eq=False)
class Forecast:
    """The predictive distribution of one period: a mixture of one location-scale family over the draws.

    Attributes
    ----------
    mean, scale : (n,) arrays
        Of each draw, outcome units.
    degrees : float or None
        Of Student-t noise; None for Gaussian.
    """

    mean: FloatArray
    scale: FloatArray
    degrees: float | None = None

    @property
    def _family(self) -> Any:
        from scipy import stats

        return stats.norm if self.degrees is None else stats.t(self.degrees)

    @property
    def sd(self) -> float:
        """Of the mixture; a scale stands for itself where the noise has no variance."""
        infinite = self.degrees is not None and self.degrees <= 2
        within = self.scale**2 if self.degrees is None or infinite else self.scale**2 * self._family.var()
        return float(np.sqrt(self.mean.var() + within.mean()))

    def log_densities(self, value: float) -> FloatArray:
        """(n,) log density of each draw at an outcome."""
        return np.asarray(self._family.logpdf((value - self.mean) / self.scale) - np.log(self.scale))

    def below(self, value: float) -> float:
        """Probability below an outcome."""
        return float(self._family.cdf((value - self.mean) / self.scale).mean())

    def quantile(self, probability: float) -> float:
        """The outcome with this probability below."""
        each = self.mean + self.scale * self._family.ppf(probability)
        low, high = float(each.min()), float(each.max())
        if not low < high:
            return low
        return float(
            optimize.brentq(lambda value: self.below(value) - probability, low, high, xtol=1e-12 * (high - low))
        )


@dataclass(frozen=True, eq=False, repr=False)
class LeaveFutureOut(Pictured):
    """One-step-ahead forecasts of the last pre-periods by exact refits.

    Attributes
    ----------
    model : str
    table : DataFrame
        One row per period: ``time``, ``observed``, ``predicted`` (mean), ``sd``, ``log_density`` (outcome
        units) and ``pit``, the predictive probability below the observed value; ``status`` of the refit.
    panel : Panel
        Whose periods they are.
    forecasts : tuple of Forecast
        The predictive distribution of each of them.
    """

    model: str
    table: pd.DataFrame
    panel: Panel
    forecasts: tuple[Forecast, ...]

    @property
    def elpd(self) -> float:
        """Sum of the log predictive densities."""
        return float(self.table["log_density"].sum())

    @property
    def se(self) -> float:
        """Standard error of ``elpd``, from its terms."""
        terms = self.table["log_density"]
        return float(np.sqrt(len(terms)) * terms.std(ddof=1))

    def is_outside(self, level: float = 0.9) -> BoolArray:
        """(m,) whether each period lies outside its equal-tailed predictive interval of probability ``level``."""
        return np.asarray(np.abs(self.table["pit"] - 0.5) > check_level(level) / 2)

    def intervals(self, level: float = 0.9) -> FloatArray:
        """(m, 2) bounds of the equal-tailed predictive intervals by which `is_outside` judges, outcome units."""
        tail = (1 - check_level(level)) / 2
        return np.array([[each.quantile(tail), each.quantile(1 - tail)] for each in self.forecasts])

    def outside(self, level: float = 0.9) -> int:
        """How many periods are outside it."""
        return int(self.is_outside(level).sum())

    @property
    def status(self) -> Status:
        """``"unreliable"`` when any refit did not pass its convergence gate."""
        return "ok" if (self.table["status"] == "ok").all() else "unreliable"

    @property
    def reason(self) -> str:
        """How many refits failed their gate."""
        failed = int((self.table["status"] != "ok").sum())
        return f"{failed} of {count(len(self.table), 'refit')} did not pass the convergence gate" if failed else ""

    @property
    def title(self) -> str:
        """What it is, and of which model."""
        return f"Leave-future-out of {self.model!r}"

    def sentences(self) -> tuple[str, ...]:
        """How well the periods were forecast, and how often the 90% interval missed."""
        periods, outside = len(self.table), self.outside()
        far = f"{outside} of them {'falls' if outside == 1 else 'fall'}" if outside else "none of them falls"
        return (
            *([f"{marked(self.reason)}."] if self.reason else []),
            f"{count(periods, 'pre-period')}, forecast by {self.model!r} from those before: an elpd of "
            f"{number(self.elpd)} (s.e. {number(self.se, 2)}); {far} outside the 90% predictive interval.",
            "A larger elpd on the same periods is a better forecast; a difference of few standard errors is none.",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result model, ``elpd`` and its standard error."""
        return super().to_dict() | {"model": self.model, "elpd": self.elpd, "se": self.se}

    def _gist(self) -> str:
        return f"{count(len(self.table), 'period')}, elpd {number(self.elpd)} ± {number(self.se, 2)}"


def leave_future_out(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    last: int = 5,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> LeaveFutureOut:
    """Forecast each of the last pre-periods from the periods before it, with a full refit each.

    Parameters
    ----------
    panel : Panel
    model : str, path or ModelSpec
    last : int
        How many pre-periods, at least 3; each costs a fit.
    draws : int, optional
        Posterior draws per chain; 1000 by default.
    seed : int, optional
    sampling : Sampling, optional
        Every setting of every fit in one value; ``draws`` and ``seed`` stand above it.
    progress : bool

    Returns
    -------
    LeaveFutureOut

    Raises
    ------
    PanelError
        Too few pre-periods for ``last`` forecasts.

    Notes
    -----
    Bürkner, Gabry and Vehtari (2020), exact version with one step ahead. The density of a period is the mean
    over draws of its density given the counterfactual mean of that draw, drift and latent cells included.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> found = leave_future_out(panel, "level", last=3, draws=300, progress=False)
    >>> len(found.table), found.outside(0.999)
    (3, 0)
    """
    require_panel(panel)
    check_flags(progress=progress)
    chosen = resolve(sampling, draws, seed)
    last = check_last(panel, last, "leave-future-out", "skip it")
    spec = choose_model(panel, model).spec
    seen = make_design(panel, spec).treated_seen

    def forecast(t: int) -> dict[str, Any]:
        shorter = panel.backdated(panel.times[t])
        own = replace(chosen, seed=chosen.seed + t)
        found = fit(shorter, spec, sampling=own, progress=False)
        made = forecast_of(found, shorter, t)
        scores = score_forecast(made, float(panel.treated_series[t]))
        return {"time": panel.times[t]} | scores | {"status": found.status, "forecast": made}

    # Where nothing was observed there is nothing to score.
    held = {str(t): t for t in range(panel.n_pre - last, panel.n_pre) if seen[t]}
    rows = run_pieces(held, forecast, title=f"leave-future-out of {spec.name}", n_jobs=1, progress=progress)
    forecasts = tuple(row.pop("forecast") for row in rows)
    return LeaveFutureOut(spec.name, pd.DataFrame(rows), panel, forecasts)


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
    design, noise = make_design(panel, found.spec), found.spec.noise
    mean = found.counterfactual("mean").isel(time=t).values.ravel()
    sigma2 = variable(found.tree, "posterior", "sigma").values.ravel() ** 2
    cell = design.scale**2 * design.treated_variance[t]
    if noise.distribution == "normal":
        return Forecast(mean, np.sqrt(sigma2 + cell))
    if cell == 0:
        return Forecast(mean, np.sqrt(sigma2), noise.degrees)
    # The noise is normal given the variance of its period, which each draw has its own of.
    half = 0.5 * noise.degrees
    kappa = half / np.random.default_rng([found.provenance.seed, t]).gamma(half, size=len(mean))
    return Forecast(mean, np.sqrt(sigma2 * kappa + cell))


def score_forecast(forecast: Forecast, observed: float) -> dict[str, float]:
    """Score a forecast by what was observed.

    ``observed``, ``predicted`` (mean), ``sd``, ``log_density`` (outcome units, whatever the model's own scale)
    and ``pit``.
    """
    densities = forecast.log_densities(observed)
    return {
        "observed": observed,
        "predicted": float(forecast.mean.mean()),
        "sd": forecast.sd,
        "log_density": float(special.logsumexp(densities) - np.log(len(densities))),
        "pit": forecast.below(observed),
    }
