"""Prediction intervals of the synthetic control: uncertain weights, and errors after the start.

Cattaneo, Feng and Titiunik 2021 (as R and Python ``scpi``), for simplex weights. In-sample: the weights' error
is bounded, draw by draw, over the simplex near the estimate, cut by the ellipsoid of weights that fit as well given
simulated noise. Out-of-sample: bounds of the error from a regression of the pre-period residuals.
"""

import math
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.request import MOST, check_flags, check_level, check_seed, check_whole
from bsynth._base.types import FloatArray
from bsynth.effects import estimand_bounds, gap_of, lift_notes, refuse_lift
from bsynth.errors import PanelError, SpecError, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.inference._bounds import Ellipsoids, largest
from bsynth.frequentist.inference._errors import ERROR_MODELS, ErrorModel, error_bounds
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import constant_rows
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.text.numbers import bracket, count, numbers, percent

NAME = "prediction-interval"
TITLE = "Prediction interval"
CONDITIONS = "Its interval conditions on the donors and presumes errors after the start like those before."
STANDARD = False

RHO_MAX = 0.2
"""Largest weight that may count as zero in the local geometry."""
RHO_SMALL = 0.001
MIN_PERIODS = 5
EXACT = 1e-6
"""Pre-period RMSPE, in sd of the series, up to which it is nothing but rounding."""
SPARE = 10
"""Observations that a regression of residuals must have beyond its coefficients."""
NARROWEST = 1e-9
"""Level of the narrowest interval that is looked at."""
FACE = 50
"""Donors that a bound usually moves at once, at most."""
MATRIX_CELLS = 4_000_000
"""Numbers in the systems of equations that are solved at once."""


@dataclass(frozen=True, eq=False, repr=False)
class PredictionInterval(Inference):
    """In-sample draws of the counterfactual's error, and bounds on the error after the start.

    Attributes
    ----------
    estimate : Estimate
    errors : {"gaussian", "location-scale", "quantile"}
        Model of the error after the start.
    cointegrated : bool
        Whether the residuals were regressed on the donors' first differences.
    rho : float
        Weights below it count as zero in the local geometry.
    draws : DataArray (replicate, side, time)
        Lower and upper bound of the weights' contribution to the counterfactual's error, outcome units.
    seconds : float
    """

    kind, conditions = TITLE, CONDITIONS

    estimate: Estimate
    errors: str
    cointegrated: bool
    rho: float
    draws: xr.DataArray
    seconds: float
    _remarks: tuple[str, ...] = field(repr=False)
    """How residuals had to be modelled."""
    _average: FloatArray = field(repr=False)
    """(S, 2) the same as ``draws`` for the mean of the treated periods."""
    _regression: tuple[FloatArray, FloatArray, FloatArray] = field(repr=False)
    """Residuals, their design, and the design of the treated periods with that of their mean last."""

    @property
    def procedure(self) -> str:
        """The estimator and the procedure with its settings, as the measurement of its coverage names them."""
        return f"{self.estimate.estimator}: prediction interval {self.errors}, average"

    @property
    def table(self) -> pd.DataFrame:
        """`path` at 95%."""
        return self.path()

    def table_at(self, level: float = 0.95) -> pd.DataFrame:
        """`path`."""
        return self.path(level)

    def path(self, level: float = 0.95, *, simultaneous: bool = False) -> pd.DataFrame:
        """One row per treated period, the columns of the path of a `bsynth.Fit` without ``interval``.

        ``level`` is of the interval: each of the two sources of error, weights and the time after the start, has half
        of 1 − level (scpi states the level of each source, .95 where .9 is asked for here). With ``simultaneous`` the
        bounds hold for all treated periods at once: the draws' extremes over periods,
        and error bounds times √log(n_post + 1). ``counterfactual`` is the estimator's and the error expected of it,
        so that it lies within its bounds.
        """
        level = check_level(level)
        check_flags(simultaneous=simultaneous)
        post, tail = slice(self.estimate.panel.n_pre, None), (1 - level) / 4
        low, high = (self.draws.sel(side=side).to_numpy() for side in ("lower", "upper"))
        error_low, error_high = (bound[:-1] for bound in self._errors(tail))
        if simultaneous:
            low, high = low.min(axis=1, keepdims=True), high.max(axis=1, keepdims=True)
            wider = math.sqrt(math.log(self.estimate.panel.n_post + 1)) if self.estimate.panel.n_post > 1 else 1.0
            error_low, error_high = wider * error_low, wider * error_high
        observed, fitted = self.estimate.panel.treated_series[post], self.estimate.counterfactual[post]
        expected = fitted + self._expected_error()[:-1]
        lower = fitted + np.quantile(low, tail, axis=0) + error_low
        upper = fitted + np.quantile(high, 1 - tail, axis=0) + error_high
        return pd.DataFrame(
            {
                "time": self.estimate.panel.times[post],
                "observed": observed,
                "counterfactual": expected,
                "lower": lower,
                "upper": upper,
                "gap": observed - expected,
                "gap_lower": observed - upper,
                "gap_upper": observed - lower,
                "level": level,
            }
        )

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand; the mean of the treated periods is predicted like one more period.

        ``level`` is as in `path`. Estimate, interval and p are of one prediction: the estimator's counterfactual and
        the error that its residuals before the start lead to expect.
        """
        level = check_level(level)
        panel = self.estimate.panel
        mean = float(panel.treated_series[panel.n_pre :].mean())
        low, high = self._mean_bounds(level)
        kind = f"prediction-{self.errors}"
        rows = constant_rows(
            self.estimate, mean - high, mean - low, level=level, interval=kind, p=self.p, seconds=self.seconds
        )
        point = self._point()
        points = estimand_bounds(point, point, observed=mean, periods=panel.n_post)
        return refuse_lift(rows.assign(estimate=[points[name][0] for name in rows["estimand"]]))

    def _sentence(self, level: float) -> str:
        row = self.effects(level).iloc[0]
        estimate, *bounds = numbers(*row[["estimate", "lower", "upper"]])
        form = "first differences" if self.cointegrated else "levels"
        return (
            f"Prediction interval: the average effect is {estimate}, {percent(level)} interval {bracket(bounds)}, "
            f"whose error weights and the time after the start share alike ({self.errors}); the estimate is the "
            "estimator's, less its error as residuals before the start lead to expect it. It conditions on the donors, "
            f"and presumes that errors depend on the donors' {form} after the start as before it."
        )

    def _errors(self, tail: float) -> tuple[FloatArray, FloatArray]:
        residuals, design, targets = self._regression
        return error_bounds(residuals, design, targets, model=self.errors, tail=tail)

    def _expected_error(self) -> FloatArray:
        """(n_post + 1,) centre of the error after the start, that of the mean of the treated periods last."""
        low, high = self._errors(0.5)
        return (low + high) / 2

    def _point(self) -> float:
        """The average effect in the middle of the errors."""
        gap = self.estimate.gap[self.estimate.panel.n_pre :]
        return float(gap.mean() - self._expected_error()[-1])

    def _mean_bounds(self, level: float) -> tuple[float, float]:
        """Bounds of the mean counterfactual of the treated periods; infinite beyond what the draws can tell."""
        if 1 - level < self.smallest_p:
            return -math.inf, math.inf
        tail, fitted = (1 - level) / 4, float(self.estimate.counterfactual[self.estimate.panel.n_pre :].mean())
        error_low, error_high = self._errors(tail)
        low, high = np.quantile(self._average[:, 0], tail), np.quantile(self._average[:, 1], 1 - tail)
        bounds = np.array([fitted + low + error_low[-1], fitted + high + error_high[-1]])
        observed = float(self.estimate.panel.treated_series[self.estimate.panel.n_pre :].mean())
        # A bound that differs from the outcome by rounding is the outcome.
        lower, upper = observed - gap_of(np.full(2, observed), bounds)
        return float(lower), float(upper)

    @property
    def smallest_p(self) -> float:
        """2/(1 + draws): no smaller p can be told, and at levels above 1 less it the interval is unbounded."""
        return 2 / (1 + len(self._average))

    @cached_property
    def p(self) -> float:
        """1 less the largest level whose interval of the average leaves zero out, at least `smallest_p`."""
        observed = float(self.estimate.panel.treated_series[self.estimate.panel.n_pre :].mean())
        floor = self.smallest_p

        def holds(share: float) -> bool:
            low, high = self._mean_bounds(1 - share)
            return low <= observed <= high

        inside, outside = floor, 1.0 - NARROWEST
        if holds(outside):
            return 1.0
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if holds(middle) else (inside, middle)
        return inside

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences that belong beside the numbers: how residuals were modelled, too few draws, a refused lift."""
        few = f"With {count(len(self._average), 'draw')} the {percent(level)} interval is unbounded; draw more."
        return (*self._remarks, *([few] if 1 - level < self.smallest_p else []), *lift_notes(self.effects(level)))

    def _facts(self) -> dict[str, Any]:
        return {"errors": self.errors, "cointegrated": self.cointegrated, "rho": self.rho, "p": self.p}

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (*super()._card_tables(), self.table)


def prediction_interval(
    panel: Panel,
    estimator: Method = "sc",
    *,
    cointegrated: bool = False,
    errors: ErrorModel = "gaussian",
    draws: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> PredictionInterval:
    """Answer where the untreated outcome lies, given that weights are estimated and periods are noisy.

    Variances are HC1; residuals are regressed on the donors that carry weight, to the first order.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), outcome units.
    estimator : {"sc"}
        Simplex weights without intercept; the bounds are built on their constraint set.
    cointegrated : bool
        Regress the residuals on first differences: for outcomes that trend together.
    errors : {"gaussian", "location-scale", "quantile"}
        Bounds of the error after the start: sub-Gaussian, quantiles of standardised residuals, or quantile
        regression.
    draws, seed : int
        At least 20 draws of the in-sample noise.
    progress : bool
        Every verb takes it; this one takes about a second.

    Raises
    ------
    SpecError
        Another estimator or error model; too few draws.
    PanelError
        Fewer than five pre-periods.

    References
    ----------
    Cattaneo, Feng and Titiunik 2021; Cattaneo, Feng, Palomba and Titiunik 2025 (software, simultaneous bands).

    Examples
    --------
    >>> from bsynth.panel.simulate import simulate_factor
    >>> data = simulate_factor(donors=5, seed=1)
    >>> panel = Panel.from_long(data, unit="unit", time="time", outcome="outcome", treated=0, start=30)
    >>> found = prediction_interval(panel, draws=50).effects()
    >>> bool(found["lower"][0] < found["estimate"][0] < found["upper"][0])
    True
    """
    require_panel(panel)
    check_flags(cointegrated=cointegrated, progress=progress)
    seed = check_seed(seed)
    _check(panel, estimator, errors, draws)
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    n_pre, w = panel.n_pre, estimate.weights
    X, residuals = panel.donor_matrix, estimate.gap[:n_pre]
    rho = _sparsity(X[:n_pre], residuals, w)
    active = w > rho if (w > rho).any() else w == w.max()
    regressors = np.vstack([np.full((1, len(w)), np.nan), np.diff(X, axis=0)]) if cointegrated else X
    first = 1 if cointegrated else 0
    after = np.vstack([regressors[n_pre:, active], regressors[n_pre:, active].mean(axis=0)])
    design, targets, notes = _design(regressors[first:n_pre, active], after)
    sets = _sets(X[first:n_pre], residuals[first:], design, w, rho, draws, np.random.default_rng(seed))
    low, high = _in_sample(sets, np.vstack([X[n_pre:], X[n_pre:].mean(axis=0)]))
    bounds = np.stack([low[:, :-1], high[:, :-1]], axis=1)
    coords: dict[str, Any] = {"replicate": range(draws), "side": ["lower", "upper"], "time": panel.times[n_pre:]}
    return PredictionInterval(
        estimate=estimate,
        errors=errors,
        cointegrated=cointegrated,
        rho=rho,
        draws=xr.DataArray(bounds, dims=("replicate", "side", "time"), coords=coords),
        seconds=time.perf_counter() - began,
        _remarks=notes,
        _average=np.stack([low[:, -1], high[:, -1]], axis=1),
        _regression=(residuals[first:], design, targets),
    )


def _check(panel: Panel, estimator: Method, errors: str, draws: int) -> None:
    if estimator != "sc":
        raise SpecError(f"estimator is {estimator!r}; prediction intervals are built on simplex weights: give 'sc'")
    if errors not in ERROR_MODELS:
        raise SpecError(f"errors is {errors!r}{nearest(errors, ERROR_MODELS)}; it can be {some_of(ERROR_MODELS)}")
    check_whole(draws, "draws", 20, "better 500 or more", MOST)
    check(panel)


def check(panel: Panel) -> None:
    """Raise `PanelError` when the pre-period is too short for a model of its residuals, or is fitted without any."""
    if panel.n_pre < MIN_PERIODS:
        raise PanelError(
            f"{count(panel.n_pre, 'pre-period')} are too few to model residuals; at least {MIN_PERIODS} are needed"
        )
    estimate, nothing = classical(panel), EXACT * float(panel.treated_series[: panel.n_pre].std(ddof=1))
    # Where nothing happens after the start either, nothing has to be judged by an error.
    if estimate.pre_rmspe <= nothing < float(np.abs(estimate.gap[panel.n_pre :]).max()):
        raise PanelError(
            "the donors reproduce the treated pre-period, so there is no error to learn from and a prediction interval "
            "would have no width"
        )


def run(panel: Panel, settings: Settings) -> PredictionInterval:
    """Carry it out as a plan asks for it."""
    return prediction_interval(panel, settings.estimator, seed=settings.seed, progress=settings.progress)


def _sparsity(X: FloatArray, residuals: FloatArray, w: FloatArray) -> float:
    """ρ of the local geometry: weights below it are treated as zero (type 2 of the source; type 1 too if tiny)."""
    periods, donors = X.shape
    sd = X.std(axis=0, ddof=1)
    if sd.min() == 0:
        return RHO_MAX
    rate = math.sqrt(math.log(donors) * int((w >= 1e-6).sum()) * math.log(periods) / periods)
    second = float(residuals.std() * sd.max() / sd.min() ** 2 * rate)
    if second >= RHO_SMALL:
        return min(second, RHO_MAX)
    rho = max(min(float(residuals.std() / sd.min() * rate), RHO_MAX), second)
    return rho if rho >= 0.05 else RHO_MAX


def _design(before: FloatArray, after: FloatArray) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Designs of the pre-period and the treated periods, with a constant; or a constant alone, and why."""
    n, k = before.shape
    alone = np.ones((n, 1)), np.ones((len(after), 1))
    if n - SPARE <= k + 1:
        return *alone, ("Too few pre-periods for the donors with weight: residuals were modelled by a constant alone.",)
    design, targets = np.column_stack([before, np.ones(n)]), np.column_stack([after, np.ones(len(after))])
    # x'(X'X)⁻¹x: how many residual variances the regression is itself off by, there.
    leverage = ((targets @ np.linalg.pinv(design)) ** 2).sum(axis=1)
    if leverage.max() > n:
        return *alone, (
            "After the start the donors with weight are so far from where they were that a regression on them "
            "says nothing there: residuals were modelled by a constant alone.",
        )
    return design, targets, ()


def _sets(
    X: FloatArray,
    residuals: FloatArray,
    design: FloatArray,
    w: FloatArray,
    rho: float,
    draws: int,
    rng: np.random.Generator,
) -> Ellipsoids:
    """Constraint sets of the draws, as distances z from the lower bounds of the local geometry."""
    n = len(X)
    mean = design @ np.linalg.lstsq(design, residuals, rcond=None)[0]
    freedom = min(int((w >= 1e-6).sum()) - 1, n - 1)
    scores = X * (residuals - mean)[:, None] * math.sqrt(n / (n - freedom)) / n
    # Rows of scores times standard normal noise have the covariance X'ΩX/n² of the source.
    G = rng.normal(size=(draws, n)) @ scores
    lower = np.where(w < rho, w, 0.0)
    return Ellipsoids(Q=X.T @ X / n, centre=w - lower, mass=float(1 - lower.sum()), G=G)


def _in_sample(sets: Ellipsoids, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(S, K) least and largest error of the counterfactual from its weights, at ``targets`` (K, J)."""
    directions = np.vstack([targets, -targets])
    donors = len(sets.centre) + 1
    size = max(1, MATRIX_CELLS // (len(directions) * donors * min(donors, FACE)))
    found = [
        largest(Ellipsoids(sets.Q, sets.centre, sets.mass, sets.G[i : i + size]), directions)
        for i in range(0, len(sets.G), size)
    ]
    reach = np.concatenate(found)
    # The counterfactual's error is targets'(w − z): least where targets'z is largest.
    return -reach[:, : len(targets)], reach[:, len(targets) :]
