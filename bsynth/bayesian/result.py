"""The result of a Bayesian fit."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth import effects
from bsynth._base.brief import Brief
from bsynth._base.plain import clean, records
from bsynth._base.request import check_level, check_number
from bsynth._base.types import FloatArray, IntervalKind, Status
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.bayesian.summary import summarise
from bsynth.errors import PanelError, SpecError, came
from bsynth.model.spec import ModelSpec
from bsynth.model.terms import own_terms
from bsynth.panel.panel import Panel
from bsynth.text.marks import mark
from bsynth.text.numbers import bracket, chance, exact, numbers, percent
from bsynth.text.result import Pictured

_GROUP = {"predictive": "posterior_predictive", "mean": "posterior"}
_VARIABLE = "counterfactual"


@dataclass(frozen=True, repr=False)
class Provenance(Brief):
    """What made a fit: enough to make it again. ``chosen`` says what was found of its scale, where asked."""

    seed: int
    draws: int
    tune: int
    chains: int
    target_accept: float
    seconds: float
    reason: str
    panel: dict[str, Any]
    versions: dict[str, str]
    engine: str = "nutpie"
    chosen: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Pictured):
    """A posterior counterfactual of the treated series.

    Attributes
    ----------
    tree : xarray.DataTree
        ``posterior`` (weights, intercept, level_shift, sigma and ``counterfactual``, the counterfactual
        mean; with covariates ``beta`` and ``covariate_effect``, or ``predictor_sd``; with terms of the treated
        unit's own ``season`` by phase and ``own_slope`` per step of the calendar, and what each adds to every
        period, ``season_effect`` and ``slope_effect``; with concentrations
        averaged ``alpha``), ``posterior_predictive`` (``counterfactual``: with the noise of the periods seen),
        ``log_likelihood`` (pre-period), ``sample_stats``, ``observed_data``, ``constant_data``.
        Outcome units throughout, but that with a log or logit scale the parameters are those of the log or logit:
        log y = intercept + Σ w_j slope_j log x_j. ArviZ reads it as it is. With a drift switch, ``drift_sd`` means
        something only in draws whose ``drifting`` is 1: elsewhere it is in no likelihood; and ``rho`` is 1 where a
        drift that may be an AR(1) or a walk is a walk.
    spec : ModelSpec
    diagnostics : Diagnostics
        The convergence gate.
    provenance : Provenance
    panel : Panel or None
        What was fitted, without its clusters; None for a fit read from a file that an earlier version wrote.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> fit.effects(level=0.9)["estimand"].tolist(), fit.weights.shape
    (['average', 'cumulative', 'lift'], (6,))
    """

    tree: xr.DataTree
    spec: ModelSpec
    diagnostics: Diagnostics
    provenance: Provenance
    panel: Panel | None = None

    @property
    def status(self) -> Status:
        """``"ok"``, or ``"unreliable"`` when the convergence gate failed."""
        return self.diagnostics.status

    @property
    def observed(self) -> xr.DataArray:
        """Treated series (time,), outcome units."""
        return effects.variable(self.tree, "observed_data", "outcome")

    @property
    def n_pre(self) -> int:
        """Number of pre-treatment periods."""
        return int(self.tree.attrs["n_pre"])

    def counterfactual(self, interval: IntervalKind = "predictive") -> xr.DataArray:
        """Draws (chain, draw, time) of the untreated outcome; ``"mean"``, on a log scale the median, is noiseless."""
        if interval not in _GROUP:
            raise SpecError(f"interval {interval!r} is not known; give 'predictive' or 'mean'")
        return effects.variable(self.tree, _GROUP[interval], _VARIABLE)

    def effect_draws(self, interval: IntervalKind = "predictive") -> xr.Dataset:
        """Draws (chain, draw) of the average, cumulative and relative effect over the treated window."""
        post = slice(self.n_pre, None)
        return effects.effect_draws(self.observed.isel(time=post), self.counterfactual(interval).isel(time=post))

    def _estimands(self, interval: IntervalKind) -> dict[str, FloatArray]:
        """`effect_draws` by name, as plain arrays."""
        return {str(name): draws.values for name, draws in self.effect_draws(interval).items()}

    def effects(
        self,
        level: float = 0.95,
        *,
        interval: IntervalKind = "predictive",
        rope: float | None = None,
        full: bool = False,
    ) -> pd.DataFrame:
        """One row per estimand (average, cumulative, lift) over the treated window.

        Parameters
        ----------
        level : float
            Probability inside the equal-tailed and HDI intervals.
        interval : {"predictive", "mean"}
            ``predictive`` adds the noise of the periods seen; ``mean`` is the uncertainty of the
            counterfactual mean alone.
        rope : float, optional
            Adds ``P(|average effect| > rope)``, outcome units; not negative.
        full : bool
            A plain DataFrame, which prints every column; else one that has them and prints estimate and interval.
        """
        if rope is not None and (rope := check_number(rope, "rope")) < 0:
            raise SpecError(f"rope is {exact(rope)}; give a half-width, 0 or more")
        level = check_level(level)
        observed = float(self.observed.isel(time=slice(self.n_pre, None)).mean(skipna=False))
        table = effects.posterior_table(
            self._estimands(interval),
            # A multiplicative model estimates the lift itself, not what its average effect comes to.
            observed=None if self.spec.scale == "log" else observed,
            level=level,
            interval=interval,
            rope=rope,
        )
        table["status"] = self.status
        return effects.complete(table, method="bayes", model=self.spec.name, seconds=self.provenance.seconds)

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """What belongs beside the effects: on which scale the model works, own season, and why no lift, if so."""
        chosen = self.provenance.chosen
        decided = () if self.panel is None else own_terms(self.panel, self.spec)[1]
        said = (*([chosen] if chosen else []), *self.spec.notes(), *decided)
        return (*said, *effects.lift_notes(self.effects(level)))

    def path(self, level: float = 0.95, *, interval: IntervalKind = "predictive") -> pd.DataFrame:
        """One row per period: observed, counterfactual, gap, with equal-tailed intervals of the kind ``interval``.

        Columns ``time, observed, counterfactual, lower, upper, gap, gap_lower, gap_upper, level, interval``, and the
        gap as a share of the counterfactual, ``relative, relative_lower, relative_upper``, NaN where that may be zero.
        Gaps summed since the start are in `cumulative`.
        """
        level = check_level(level)
        table = effects.path_table(
            self.observed, self.counterfactual(interval), level=level, dims=effects.POSTERIOR_DIMS
        )
        return effects.with_relative(table.assign(interval=interval))

    def cumulative(self, level: float = 0.95, *, interval: IntervalKind = "predictive") -> pd.DataFrame:
        """One row per treated period: ``time, cumulative`` (gaps summed since the start), ``lower, upper, level``.

        The last row is the cumulative effect of `effects`, with its interval.
        """
        level, post = check_level(level), slice(self.n_pre, None)
        gap = (self.observed - self.counterfactual(interval)).isel(time=post)
        bounds = effects.equal_tailed(gap.cumsum("time"), level, effects.POSTERIOR_DIMS)
        mean = gap.mean(effects.POSTERIOR_DIMS).values
        times = self.observed["time"].to_index()[post]
        return effects.cumulative_table(times, mean, (bounds[0].values, bounds[1].values), level=level)

    def summary(self, level: float = 0.95, *, weights: bool = True) -> pd.DataFrame:
        """Parameters with mean, sd, interval, effective sample sizes and R-hat, in the columns of ``arviz.summary``.

        Parameters
        ----------
        level : float
            Probability inside the equal-tailed interval, whose columns are named after it: ``eti95_lb, eti95_ub``.
        weights : bool
            With the weight of each donor.

        Returns
        -------
        DataFrame
            One row per parameter, by its name, such as ``sigma`` or ``weights[Utah]``; outcome units. It is printed in
            words, within 80 columns. ``ess_tail`` is of the 5% and 95% quantiles, as in the gate. A parameter that is
            the same in every draw has no R-hat.
        """
        return summarise(self.tree, check_level(level), weights=weights)

    @property
    def weights(self) -> FloatArray:
        """(J,) posterior mean of each donor's weight, in the order of the panel's donors."""
        return np.asarray(effects.variable(self.tree, "posterior", "weights").mean(effects.POSTERIOR_DIMS), dtype=float)

    def weights_table(self, level: float = 0.95) -> pd.DataFrame:
        """Each ``donor`` with its posterior mean ``weight``, equal-tailed ``lower``, ``upper`` and their ``level``."""
        level = check_level(level)
        draws = effects.variable(self.tree, "posterior", "weights")
        lower, upper = effects.equal_tailed(draws, level, effects.POSTERIOR_DIMS)
        table = pd.DataFrame(
            {
                "donor": draws["donor"].to_index(),
                "weight": self.weights,
                "lower": lower.values,
                "upper": upper.values,
                "level": level,
            }
        )
        return table.sort_values("weight", ascending=False, ignore_index=True)

    def synthetic(self) -> xr.DataArray:
        """Posterior mean (time,), taken on the model's scale, of level, weighted donors and all terms: no drift."""
        posterior, constant = self.tree["posterior"].to_dataset(), self.tree["constant_data"].to_dataset()
        weights = posterior["weights"].mean(effects.POSTERIOR_DIMS) * constant["slope"]
        link = self.spec.link
        found = posterior["intercept"].mean() + (link.forward(constant["donors"]) * weights).sum("donor")
        for name in effects.ADDED.values():
            if name in posterior:
                found = found + posterior[name].mean(effects.POSTERIOR_DIMS)
        return xr.DataArray(link.back(found))

    def drift(self) -> FloatArray | None:
        """(T,) what the drift adds to the counterfactual mean, outcome units; None for a model that has no drift.

        Without it the counterfactual is that of `synthetic`, but that known cells are matched without their noise.
        """
        posterior, link = self.tree["posterior"].to_dataset(), self.spec.link
        if "drift" not in posterior:
            return None
        whole = posterior[_VARIABLE]
        parts = (whole - link.back(link.forward(whole) - posterior["drift"])).mean(effects.POSTERIOR_DIMS)
        return np.asarray(parts, dtype=float)

    @property
    def intercept(self) -> float | None:
        """Posterior mean of the offset to the weighted donors, outcome units; a log or logit scale has none."""
        if not self.spec.link.is_linear:
            return None
        return float(effects.variable(self.tree, "posterior", "intercept").mean())

    @property
    def pre_rmspe(self) -> float:
        """Root mean squared gap over the pre-period of the observed series about `synthetic`, outcome units."""
        residual = (self.observed - self.synthetic()).isel(time=slice(0, self.n_pre))
        return float((residual**2).mean() ** 0.5)

    def line_rmspe(self, *, drift: bool) -> float:
        """Root mean squared gap before the start to the counterfactual mean as it is drawn, with its drift or without.

        Without it this is `pre_rmspe`, but that known cells are matched without their noise.
        """
        gap, own = (self.observed - self.counterfactual("mean").mean(effects.POSTERIOR_DIMS)).values, self.drift()
        if not drift and own is not None:
            gap = gap + own
        return float((gap[: self.n_pre] ** 2).mean() ** 0.5)

    @property
    def effective_donors(self) -> float:
        """Posterior mean of 1/Σw²: how many donors share the weight."""
        weights = effects.variable(self.tree, "posterior", "weights")
        return float((1.0 / (weights**2).sum("donor")).mean())

    @property
    def table(self) -> pd.DataFrame:
        """`effects` at 95%."""
        return self.effects()

    @property
    def title(self) -> str:
        """The treated unit, and the model."""
        return f"{self.tree.attrs['treated']} by {self.spec.name!r}"

    def sentences(self, level: float = 0.95) -> tuple[str, ...]:
        """The average effect with its interval of this level, what kept the fit from its gate, and `notes`."""
        row = self.effects(level).iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        attrs, failed = self.tree.attrs, self.diagnostics.failed()
        return (
            *mark(self.reason),
            f"The average effect on {attrs['outcome']} of {attrs['treated']} is {estimate}, {percent(row['level'])} "
            f"predictive interval {bracket(bounds)}, and P(effect > 0) {chance(row['probability_positive'])}, by "
            f"{self.spec.name!r}: {self.spec.title}.",
            *([f"What the gate found: {failed}."] if failed else []),
            *self.notes(level),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result the path, weights, diagnostics and provenance."""
        return super().to_dict() | {
            "model": self.spec.name,
            "spec": self.spec.to_dict(),
            "treated": self.tree.attrs["treated"],
            "outcome": self.tree.attrs["outcome"],
            "path": records(self.path()),
            "weights": records(self.weights_table()),
            "pre_rmspe": self.pre_rmspe,
            "effective_donors": self.effective_donors,
            "diagnostics": clean(self.diagnostics.to_dict()),
            "provenance": clean(asdict(self.provenance)),
        }

    def _gist(self) -> str:
        row = self.effects().iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        return f"average effect {estimate}, 95% predictive {bracket(bounds)}"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.table[effects.CARD_COLUMNS],)


def require_fit(fit: object) -> None:
    """Refuse anything but a fit.

    Raises
    ------
    PanelError

    Examples
    --------
    >>> require_fit(None)
    Traceback (most recent call last):
    bsynth.errors.PanelError: a Fit is needed and None came; bsynth.fit(panel) or bsynth.load(path) return one
    """
    refuse_several(fit)
    if not isinstance(fit, Fit):
        raise PanelError(f"a Fit is needed and {came(fit)} came; bsynth.fit(panel) or bsynth.load(path) return one")


def refuse_several(result: object) -> None:
    """Refuse what is of units that start at different times, and say where each one's own fit is.

    Raises
    ------
    PanelError
    """
    fits = getattr(result, "fits", ())
    first = fits[0] if isinstance(fits, tuple) and fits else None
    for of, where in ((result, ""), (getattr(result, "fit", None), "fit."), (first, "fits[0].")):
        if hasattr(of, "fit_of"):
            raise PanelError(
                f"a Fit of one start is needed and {came(result)} came, of several; give its {where}fit_of(unit), each "
                "treated unit's own fit, neither pooled nor calibrated"
            )


def panel_of(fit: object) -> Panel:
    """Return the panel that a fit is of; refuse what is no fit, and a fit that holds none.

    Raises
    ------
    PanelError

    Examples
    --------
    >>> panel_of(None)
    Traceback (most recent call last):
    bsynth.errors.PanelError: a Fit is needed and None came; bsynth.fit(panel) or bsynth.load(path) return one
    """
    require_fit(fit)
    assert isinstance(fit, Fit)
    if fit.panel is None:
        raise PanelError("this fit holds no panel: its file is of an earlier format; fit again with bsynth.fit(panel)")
    return fit.panel
