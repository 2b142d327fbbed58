"""Simulation-based calibration: parameters from the prior, data from the model, ranks of the truth among the draws.

If the model, its sampler and the prediction of the counterfactual are right, every rank is uniform (Talts et al. 2018;
Modrák et al. 2023). The data are drawn here in plain numpy, from the equations in `bsynth.engines.bayes` and not from
its code, so that an error on either side shows. The ranks' ECDF is held against a simultaneous 95% envelope (Säilynoja,
Bürkner and Vehtari 2022), simulated.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bsynth._base.types import FloatArray, IntArray
from bsynth.engines import drift
from bsynth.evidence.engine import posterior
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.scores import rounded
from bsynth.model.covariates import PredictorRows
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Cells, Panel, Source
from bsynth.pieces import Record, Store

RANKS = 100
"""Ranks 0…99: the truth among 99 draws."""
BINS = 20
DONORS, N_PRE, N_POST = 8, 20, 5
PREDICTORS = 3
PREDICTOR_ERROR = 0.25
CYCLE = 4
"""Phases of the season that stands in for the one that ``season.terms = "auto"`` looks for on a calendar."""
OFFSET = 50.0
"""Sd of the levels of treated unit and donors where cells are known: far wider than anything the priors name."""
ROW_VARIANCE = 20.0
EMPTY = 0.05
"""Share of donor cells without a row; one treated period before the start has none either."""


@dataclass(frozen=True, eq=False)
class Truth:
    """A draw from the prior: the design that is observed, and the quantities to be ranked."""

    design: Design
    quantities: dict[str, float]


def draw(spec: ModelSpec, rng: np.random.Generator, *, known: bool) -> Truth:
    """Draw parameters from the prior of ``spec`` and data from the model, on the scale of the design.

    With ``known`` cells the levels come from far and wide instead, as in logs, and the data go through a panel and
    `make_design`; the level that is ranked is the one about the centres that the design has chosen.
    """
    periods = N_PRE + N_POST
    weights = _weights(spec, rng)
    level = 0.0
    if spec.level.prior == "shift":
        level = (OFFSET if known else spec.level.sd) * rng.normal()
    sigma = spec.noise.sd * abs(rng.normal())
    quantities = {"sigma": sigma, "largest weight": float(weights.max())}
    counts = None
    if known:
        latent, X, counts = _latent(spec, rng, quantities)
        own = ROW_VARIANCE / np.maximum(counts[:, 0], 1.0)
    else:
        # The donors are given: the same fixed world whatever the model.
        latent = X = np.random.default_rng(0).normal(size=(periods, DONORS))
        own = np.zeros(periods)
    mean = level + latent @ weights + _drift(spec, rng, periods, quantities, known=known)
    mean += _own(spec, rng, periods, quantities)
    noise = _noise(spec, rng, sigma, own, quantities, known=known)
    untreated = mean + noise
    predictors = _predictors(spec, weights, rng, quantities)
    quantities["effect (mean)"] = float(mean[N_PRE:].mean())
    quantities["effect"] = float(untreated[N_PRE:].mean())
    if counts is not None:
        design = make_design(_panel(np.column_stack([untreated, X]), counts), spec, scale=1.0)
        for name in ("effect (mean)", "effect"):
            quantities[name] -= design.center
        level += float(weights @ design.donor_center) - design.center
    else:
        design = Design(
            y=untreated,
            X=X,
            n_pre=N_PRE,
            center=0.0,
            scale=1.0,
            donor_center=np.zeros(DONORS),
            donor_scale=np.ones(DONORS),
            donor_precision=None,
            treated_variance=own,
            treated_seen=np.ones(periods),
            positions=np.arange(periods),
            predictors=predictors,
            terms=make_design(_panel(np.column_stack([untreated, X]), None), _bare(spec)).terms,
        )
    if spec.level.prior == "shift":
        quantities["level"] = level
    return Truth(design, quantities)


def _noise(
    spec: ModelSpec,
    rng: np.random.Generator,
    sigma: float,
    own: FloatArray,
    quantities: dict[str, float],
    *,
    known: bool,
) -> FloatArray:
    """Draw noise (periods,) and the cells' own of variance ``own``; where scales of single periods are sampled, two."""
    degrees = spec.noise.degrees
    if spec.noise.distribution == "normal":
        return np.asarray(np.sqrt(sigma**2 + own) * rng.normal(size=len(own)))
    if not known and spec.drift.process == "none":
        return np.asarray(sigma * rng.standard_t(degrees, size=len(own)))
    kappa = 0.5 * degrees / rng.gamma(0.5 * degrees, size=len(own))
    quantities |= {"first kappa": float(kappa[0]), "mean log kappa": float(np.log(kappa[:N_PRE]).mean())}
    return np.asarray(np.sqrt(sigma**2 * kappa + own) * rng.normal(size=len(own)))


def _bare(spec: ModelSpec) -> ModelSpec:
    """The specification without covariates, of which a simulated panel has none."""
    return spec.model_copy(update={"covariates": ModelSpec().covariates})


def _panel(mean: FloatArray, counts: FloatArray | None) -> Panel:
    """Return a panel of means (periods, 1 + donors); with counts rows have variance `ROW_VARIANCE` in every cell."""
    if counts is None:
        return _of(mean, mean.size, None)
    periods, total = np.arange(len(mean)), np.where(counts > 0, mean * counts, 0.0)
    outcome = mean.copy()
    for unit, filled in enumerate((counts > 0).T):
        # What stands in a cell without rows must not matter.
        outcome[:, unit] = np.interp(periods, periods[filled], mean[filled, unit])
    squares = np.where(counts > 0, total * mean + ROW_VARIANCE * (counts - 1), 0.0)
    return _of(outcome, int(counts.sum()), Cells(counts, total, squares, binary=False))


def _of(outcome: FloatArray, rows: int, cells: Cells | None) -> Panel:
    return Panel(
        outcome=outcome,
        units=tuple(range(outcome.shape[1])),
        times=pd.RangeIndex(len(outcome)),
        treated=(0,),
        start=N_PRE,
        end=len(outcome) - 1,
        source=Source("simulated", "", rows, rows, "unit", "time", "outcome"),
        cells=cells,
    )


def _weights(spec: ModelSpec, rng: np.random.Generator) -> FloatArray:
    if spec.weights.prior == "dirichlet":
        alpha = spec.weights.alpha
        if not isinstance(alpha, float):
            raise ValueError("an averaged alpha has no prior of one concentration; measure its members")
        return np.asarray(rng.dirichlet(np.full(DONORS, alpha)))
    scores = np.exp(spec.weights.sd * rng.normal(size=DONORS))
    return np.asarray(scores / scores.sum())


def _predictors(
    spec: ModelSpec, weights: FloatArray, rng: np.random.Generator, quantities: dict[str, float]
) -> PredictorRows | None:
    """Rows that the weights of the outcome match too, p_k0 ~ N(Σ w_j p_kj, .25² + s²)."""
    if spec.covariates.use == "none":
        return None
    if spec.covariates.use != "predictors":
        raise ValueError("only covariates.use = 'predictors' has a simulator")
    donors = np.random.default_rng(1).normal(size=(PREDICTORS, DONORS))
    sd = spec.covariates.sd * abs(rng.normal())
    quantities["predictor sd"] = sd
    treated = donors @ weights + np.sqrt(PREDICTOR_ERROR**2 + sd**2) * rng.normal(size=PREDICTORS)
    return PredictorRows(tuple(f"p{k}" for k in range(PREDICTORS)), treated, donors)


def _latent(
    spec: ModelSpec, rng: np.random.Generator, quantities: dict[str, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Latent donors c_j + d_t + e_jt (periods, donors), their observed means, and each cell's rows, treated first."""
    periods, cells = N_PRE + N_POST, spec.cells
    donor = OFFSET * rng.normal(size=DONORS)
    period_rho, period = rng.beta(2, 2), rng.normal(size=periods)
    for t in range(1, periods):
        period[t] = period_rho * period[t - 1] + np.sqrt(1 - period_rho**2) * period[t]
    period = cells.period_sd * abs(rng.normal()) * (period - period.mean())
    own_noise = cells.donor_noise_sd * abs(rng.normal())
    latent = donor + period[:, None] + own_noise * rng.normal(size=(periods, DONORS))
    sizes = np.random.default_rng(0)  # how many rows each cell has is given, like the donors elsewhere
    counts = sizes.integers(10, 80, size=(periods, DONORS + 1)).astype(float)
    counts[:, 0] *= 10
    counts[:, 1:][sizes.random(latent.shape) < EMPTY] = 0.0
    counts[N_PRE // 2, 0] = 0.0
    variance = ROW_VARIANCE / np.maximum(counts[:, 1:], 1.0)
    quantities["donor noise"] = own_noise
    return latent, latent + np.sqrt(variance) * rng.normal(size=latent.shape), counts


def _drift(
    spec: ModelSpec, rng: np.random.Generator, periods: int, quantities: dict[str, float], *, known: bool
) -> FloatArray:
    """Draw u_t, zero when the switch is off; its scales are ranked either way, since they have their prior then."""
    if spec.drift.process == "none":
        return np.zeros(periods)
    rho = float(_rho(spec, rng, 1, known=known)[0])
    q = float(spec.drift.scale_at(np.array(rho))) * abs(rng.normal())
    quantities["drift sd"] = q
    on = rng.random() < spec.drift.probability
    steps = rng.normal(size=periods)
    if spec.drift.process in ("ar1", "ar1-or-walk"):
        quantities["rho"] = rho
    if rho < 1:
        u = np.empty(periods)
        u[0] = q * steps[0]
        for t in range(1, periods):
            u[t] = rho * u[t - 1] + q * np.sqrt(1 - rho**2) * steps[t]
    else:
        u = np.cumsum(q * steps)
    if spec.drift.process == "local-trend":
        slope_sd = spec.drift.slope_sd * abs(rng.normal())
        quantities["slope sd"] = slope_sd
        slope = np.cumsum(slope_sd * rng.normal(size=periods))
        u[1:] += np.cumsum(slope[:-1])
    return np.asarray(u * on)


def _own(spec: ModelSpec, rng: np.random.Generator, periods: int, quantities: dict[str, float]) -> FloatArray:
    """Draw season and slope of the treated unit, zero on average over the pre-period."""
    steps, added = np.arange(periods), np.zeros(periods)
    if (period := spec.season.period) is not None:
        # Independent departures, less their mean, and again as wide as before.
        departures = spec.season.sd * np.sqrt(period / (period - 1)) * rng.normal(size=period)
        departures -= departures.mean()
        quantities["season"] = float(departures[0])
        added += departures[steps % period] - departures[steps[:N_PRE] % period].mean()
    if spec.trend.slope == "own":
        quantities["slope"] = spec.trend.sd * rng.normal()
        added += quantities["slope"] * (steps - (N_PRE - 1) / 2)
    return added


def looked_for(spec: ModelSpec) -> ModelSpec:
    """Return the specification with a season of `CYCLE` phases where it would look for one.

    What is calibrated is the posterior given a season: that there is one is decided before, by a test and not a prior.
    """
    if spec.season.terms != "auto":
        return spec
    found = spec.season.model_copy(update={"terms": "period", "period": spec.season.period or CYCLE})
    return spec.model_copy(update={"season": found})


def _rho(spec: ModelSpec, rng: np.random.Generator, n: int, *, known: bool) -> FloatArray:
    """Draw ρ (n,) from its prior; 1 is a walk. Where the engine sums it out, it takes the values of its grid."""
    if spec.drift.process in ("walk", "local-trend"):
        return np.ones(n)
    either = spec.drift.process == "ar1-or-walk"
    sampled = known or spec.noise.distribution == "student-t"
    rho = rng.beta(2, 2, size=n) if sampled else rng.choice(drift.SHORT_GRID if either else drift.RHO_GRID, size=n)
    return np.where(rng.random(n) < spec.drift.walk, 1.0, rho) if either else np.asarray(rho)


def rank(spec: ModelSpec, truth: Truth, settings: Settings, seed: int) -> Record:
    """Fit one simulated data set and return the rank of each true quantity among `RANKS` − 1 thinned draws."""
    found = posterior(truth.design, spec, settings, seed)
    parameters = found.parameters
    draws: dict[str, FloatArray] = {
        "sigma": parameters["sigma"],
        "largest weight": parameters["weights"].max(axis=-1),
        "level": parameters["level"],
        "effect (mean)": found.mean,
        "effect": found.predictive,
    }
    named = {
        "drift_sd": "drift sd",
        "rho": "rho",
        "slope_sd": "slope sd",
        "donor_noise": "donor noise",
        "predictor_sd": "predictor sd",
    }
    draws |= {shown: parameters[name] for name, shown in named.items() if name in parameters}
    if "kappa" in parameters:
        kappa = parameters["kappa"]
        draws |= {"first kappa": kappa[:, 0], "mean log kappa": np.log(kappa).mean(axis=1)}
    if truth.design.terms is not None:
        own = truth.design.terms.named(parameters["own"])
        draws |= {"season": own["season"][..., 0]} if "season" in own else {}
        draws |= {"slope": own["own_slope"]} if "own_slope" in own else {}
    rng = np.random.default_rng(seed)
    if found.drifting is not None:
        # Without drift its form and scale have their prior, which the engine does not draw from there.
        rho = _rho(spec, rng, len(found.drifting), known=truth.design.known_variance)
        scale = spec.drift.scale_at(rho) * np.abs(rng.normal(size=len(rho)))
        draws["drift sd"] = np.where(found.drifting, draws["drift sd"], scale)
        if "rho" in draws:
            draws["rho"] = np.where(found.drifting, draws["rho"], rho)
    n = len(draws["sigma"])
    # Evenly spaced from a random start, so that draws are nearly independent.
    step = n / (RANKS - 1)
    kept = (rng.uniform(0, step) + step * np.arange(RANKS - 1)).astype(int) % n
    # Among draws that equal the truth (ρ takes few values) its place is random.
    ranks = {
        name: int((draws[name][kept] < value).sum() + rng.integers((draws[name][kept] == value).sum() + 1))
        for name, value in truth.quantities.items()
    }
    return {"ranks": ranks, "healthy": found.healthy, "divergences": found.divergences}


def run(
    spec: ModelSpec, work: Path, settings: Settings, *, simulations: int = 300, known: bool | None = None
) -> Record:
    """Rank ``simulations`` draws from the prior and return the verdict for each quantity.

    Parameters
    ----------
    spec : ModelSpec
    work : Path
        Folder for finished pieces.
    settings : Settings
    simulations : int
    known : bool, optional
        Whether cells carry a known variance; by default when the model demands it.
    """
    known = spec.cells.variance == "known" if known is None else known
    spec = looked_for(spec)
    tag = "known" if known else "exact"
    # Simulation starts on the scale of the design, so models that differ by ``scale`` alone share their simulations.
    alike = spec.model_copy(update={"scale": "treated"})
    world = {"donors": DONORS, "pre": N_PRE} | ({"offset": OFFSET, "empty": EMPTY} if known else {})
    store = Store(work / f"sbc-{tag}.jsonl", key_of(alike, settings.sampler() | world))
    pieces = {str(i): functools.partial(_piece, spec, known, i, settings) for i in range(simulations)}
    found = measure(f"{spec.name}: calibration by simulation", pieces, store, settings)
    names = list(next(iter(found.values()))["ranks"])
    ranks = {name: np.array([record["ranks"][name] for record in found.values()]) for name in names}
    return {
        "simulations": simulations,
        "cells": tag,
        "donors": DONORS,
        "n_pre": N_PRE,
        "n_post": N_POST,
        **({"offset_sd": OFFSET, "empty_cells": EMPTY} if known else {}),
        **settings.sampler(),
        "with_divergences": sum(record["divergences"] > 0 for record in found.values()),
        "unhealthy": sum(not record["healthy"] for record in found.values()),
        "quantities": {name: uniformity(values) for name, values in ranks.items()},
    }


def _piece(spec: ModelSpec, known: bool, seed: int, settings: Settings) -> Record:
    return rank(spec, draw(spec, np.random.default_rng([2018, seed]), known=known), settings, seed)


def uniformity(ranks: IntArray) -> dict[str, Any]:
    """Test ranks in 0…`RANKS` − 1 for uniformity by the simultaneous envelope of their ECDF.

    ``p`` is the share of uniform samples whose ECDF strays as far, in the pointwise sense, as this one;
    ``inside`` says whether the whole ECDF lies in the 95% envelope. ``histogram`` has `BINS` bins. The ECDF of ArviZ
    (``ecdf_pit``) is for continuous values: between the `RANKS` values that a rank can take it leaves its envelope by
    itself, and it has no p.
    """
    n = len(ranks)
    reference = _reference(n)
    strays = float(_extremeness(np.asarray(ranks)[None, :])[0])
    p = float((reference <= strays).mean())
    histogram = np.bincount(np.asarray(ranks) * BINS // RANKS, minlength=BINS).tolist()
    return {
        "inside": p > 0.05,
        "p": rounded(p, 3),
        "mean_rank": rounded(float(np.mean(ranks)), 3),
        "histogram": histogram,
    }


@functools.lru_cache(maxsize=8)
def _reference(n: int, samples: int = 4000) -> FloatArray:
    uniform = np.random.default_rng(0).integers(0, RANKS, size=(samples, n))
    return _extremeness(uniform)


def _extremeness(ranks: IntArray) -> FloatArray:
    """Smallest two-sided binomial tail probability of the ECDF over its points; ranks (samples, n) → (samples,)."""
    n = ranks.shape[1]
    counts = np.stack([np.bincount(row, minlength=RANKS) for row in ranks]).cumsum(axis=1)[:, :-1]
    z = np.arange(1, RANKS) / RANKS
    below, above = stats.binom.cdf(counts, n, z), stats.binom.sf(counts - 1, n, z)
    return np.asarray(2 * np.minimum(below, above).min(axis=1))
