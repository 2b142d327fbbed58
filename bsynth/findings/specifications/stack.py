"""One effect from several specifications: stacking of their posteriors by how well they forecast.

Yao, Vehtari, Simpson and Gelman (2018), §3: the weights on the simplex that maximise the mean log score of the
mixture. The scores are leave-future-out densities (Bürkner, Gabry and Vehtari 2020), not leave-one-out ones: the
pre-period is a time series and the effect is a forecast.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth import effects
from bsynth._base.plain import records
from bsynth._base.request import check_level, check_seed
from bsynth._base.types import FloatArray, Status
from bsynth.bayesian.averaging import allot
from bsynth.errors import SpecError, came
from bsynth.findings.specifications.curve import LEVEL, SpecificationCurve
from bsynth.text.marks import UNRELIABLE
from bsynth.text.numbers import bracket, count, number, numbers, percent
from bsynth.text.result import Pictured

SHARE = 0.005
"""Less weight than this is no weight worth a word."""
LEAST = 1e-6
"""Less is what the optimiser left of zero."""
_CHAINS = 4


def stacking_weights(log_density: FloatArray) -> FloatArray:
    """Return the weights (K,) that maximise the mean over rows of log Σ_k w_k exp(log_density[t, k]).

    Parameters
    ----------
    log_density : (m, K) array
        Log predictive density of each held-out period under each model, in common units.

    Examples
    --------
    >>> stacking_weights(np.log([[0.9, 0.1], [0.1, 0.9]])).round(3).tolist()
    [0.5, 0.5]
    """
    import arviz_stats as azs
    from arviz_stats.utils import ELPDDataLFO

    m, K = log_density.shape
    # ArviZ takes exponentials of them; what all models share is no part of the weights.
    relative = log_density - log_density.max(axis=1, keepdims=True)
    scores = {
        k: ELPDDataLFO(
            elpd=scores.sum(),
            se=np.nan,
            p=np.nan,
            n_samples=0,
            n_data_points=m,
            scale="log",
            warning=False,
            good_k=np.nan,
            elpd_i=xr.DataArray(scores, dims="time"),
            forecast_horizon=1,
            min_observations=0,
            refits=np.arange(m),
            n_refits=m,
        )
        for k, scores in enumerate(relative.T)
    }
    with warnings.catch_warnings():
        # Of selecting the best of many, which stacking does not do.
        warnings.simplefilter("ignore", UserWarning)
        weights = azs.compare(scores, method="stacking", round_to="none")["weight"].loc[range(K)].to_numpy(float)
    weights = np.where(weights < LEAST, 0.0, weights)
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, eq=False, repr=False)
class Stack(Pictured):
    """The effect of a mixture of specifications.

    Attributes
    ----------
    curve : SpecificationCurve
    weights : (K,) array
        In the order of ``curve.runs``; they sum to 1.
    average : (n,) draws of the average effect from the mixture, outcome units.
    """

    curve: SpecificationCurve
    weights: FloatArray
    average: FloatArray

    @property
    def table(self) -> pd.DataFrame:
        """The curve's table with ``weight``, heaviest first, and the order of the curve for those without."""
        return self.curve.table.assign(weight=self.weights).sort_values(
            "weight", ascending=False, kind="stable", ignore_index=True
        )

    @property
    def status(self) -> Status:
        """Of the curve: all of its fits are weighed against each other, also those that end without weight."""
        return self.curve.status

    @property
    def reason(self) -> str:
        """That of the curve."""
        return self.curve.reason

    @cached_property
    def leave_one_out(self) -> FloatArray:
        """(m,) stacked estimate when each held-out period in turn does not count."""
        scores = _scores(self.curve)
        return np.array(
            [stacking_weights(np.delete(scores, t, axis=0)) @ self.curve.estimates for t in range(len(scores))]
        )

    @cached_property
    def reliable_estimate(self) -> float | None:
        """Stacked estimate from the fits that passed their gate alone; None when none did."""
        kept = self.curve.reliable
        if not kept.any():
            return None
        return float(stacking_weights(_scores(self.curve)[:, kept]) @ self.curve.estimates[kept])

    def effects(self, level: float = LEVEL) -> pd.DataFrame:
        """One row per estimand (average, cumulative, lift) in the columns of every effects table."""
        level = check_level(level)
        panel = self.curve.plan.panel
        observed = float(panel.treated_series[panel.n_pre :].mean())
        # The observed outcomes are given, so each draw of the average fixes the other two.
        every = effects.of_average(self.average, observed, panel.n_post)
        table = effects.posterior_table(every, observed=observed, level=level, interval="stacked")
        return effects.complete(
            table.assign(status=self.status), method="bayes", model="stacked", seconds=self.curve.seconds
        )

    @property
    def title(self) -> str:
        """What it is, and of which unit."""
        return f"Stacked effect: {self.curve.plan.panel.treated_name}"

    def sentences(self, level: float = LEVEL) -> tuple[str, ...]:
        """The stacked effect, its interval of this level, who carries the weight, and how firmly the weights stand."""
        row, total, m = self.effects(level).iloc[0], len(self.weights), len(self.curve.plan.held)
        carriers = self.table[self.table["weight"] >= SHARE]
        listed = "; ".join(
            f"{self.curve.describe(r)} (weight {number(r['weight'], 2)})" for _, r in carriers.head(4).iterrows()
        )
        more = f"; and {len(carriers) - 4} with less" if len(carriers) > 4 else ""
        share = percent(SHARE)
        carry = (
            f"carries at least {share} of the weight" if len(carriers) == 1 else f"carry at least {share} of it each"
        )
        words = [
            f"Stacked by {count(m, 'forecast')} of the pre-period the average effect is {number(row['estimate'])}, "
            f"{percent(row['level'])} stacked interval [{number(row['lower'])}, {number(row['upper'])}].",
            f"{len(carriers)} of {count(total, 'specification')} {carry}: {listed}{more}.",
            f"When one forecast at a time does not count, the stacked effect {self._settled()}; "
            f"{count(m, 'forecast')} can give weight to no more than {count(m, 'specification')}.",
        ]
        failed = int((~self.curve.reliable).sum())
        if failed:
            share = number(float(self.weights[~self.curve.reliable].sum()), 2)
            without = self.reliable_estimate
            said = f"{count(failed, 'unreliable fit')} with {share} of the weight; "
            said += "no fit is left without them." if without is None else f"without them it is {number(without)}."
            words = [f"{UNRELIABLE}: {said}", *words]
        return tuple(words)

    def _settled(self) -> str:
        low, high = number(self.leave_one_out.min()), number(self.leave_one_out.max())
        return f"stays at {low}" if low == high else f"lies between {low} and {high}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return super().to_dict() | {
            "effects": records(self.effects()),
            "weights": self.weights.tolist(),
            "carrying_weight": int((self.weights >= SHARE).sum()),
            "specifications": len(self.weights),
            "leave_one_out": self.leave_one_out.tolist(),
            "reliable_estimate": self.reliable_estimate,
        }

    def _gist(self) -> str:
        row = self.effects().iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        return f"{count(len(self.weights), 'specification')}, average effect {estimate}, 95% stacked {bracket(bounds)}"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        top = self.table.loc[self.table["weight"] >= SHARE]
        names = pd.DataFrame(
            {"specification": [self.curve.describe(r) for _, r in top.iterrows()], "weight": top["weight"].to_numpy()}
        )
        return self.effects()[effects.CARD_COLUMNS], names


def stack(curve: SpecificationCurve, *, seed: int = 0) -> Stack:
    """Mix the effect posteriors of a curve's specifications by how well together they forecast the pre-period.

    Parameters
    ----------
    curve : SpecificationCurve
    seed : int
        Of which draws of each specification stand in the mixture.

    Returns
    -------
    Stack
        ``.effects()`` with the interval named ``"stacked"``, ``.table`` with the weights, ``.sentences()``.

    Raises
    ------
    SpecError
        When a forecast has no finite score.

    Notes
    -----
    Unreliable fits are mixed in and said; ``reliable_estimate`` is without them. The optimum has at most as many
    specifications with weight as there are forecasts, so a handful of forecasts cannot tell many specifications
    apart: ``leave_one_out`` shows how firmly the weights stand.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> from bsynth.findings.specifications import specification_curve
    >>> curve = specification_curve(panel, drifts=["none"], scales=["treated"], alphas=[1.0], pools=[], starts=[],
    ...     since=[], last=3, draws=300, progress=False)
    >>> round(float(stack(curve).weights.sum()), 6)
    1.0
    """
    if not isinstance(curve, SpecificationCurve):
        raise SpecError(
            f"a SpecificationCurve is needed and {came(curve)} came; specification_curve(panel) returns one"
        )
    seed = check_seed(seed)
    scores = _scores(curve)
    if not np.isfinite(scores).all():
        run = curve.runs[int(np.argmin(np.isfinite(scores).all(axis=0)))]
        raise SpecError(f"a forecast by {run.specification} has no finite density; leave it out of the curve's lists")
    weights = stacking_weights(scores)
    size = min(len(run.average) for run in curve.runs) // _CHAINS
    chosen = allot(weights, (_CHAINS, size), np.random.default_rng(seed)).ravel()
    draws = np.stack([run.average[: _CHAINS * size] for run in curve.runs])
    return Stack(curve, weights, draws[chosen, np.arange(chosen.size)])


def _scores(curve: SpecificationCurve) -> FloatArray:
    """(m, K) log densities of the held-out pre-periods."""
    return np.stack([run.log_density for run in curve.runs], axis=1)
