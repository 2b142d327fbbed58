"""Simulation-based calibration of pooled effects: both stages, from data drawn in plain numpy.

Parameters come from the priors of `waves`: scales of the effects, correlation of the units, shares of the forms of
drift, and for each unit level, noise, weights and drift. Units are correlated in the innovations of their noise and of
their drift. The donors are given, the same fixed world as in `bsynth.evidence.sbc`.
"""

import functools
import time
from pathlib import Path

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.bayesian.waves.paths import Untreated, path_of, strata_of
from bsynth.engines import bayes, drift, predict
from bsynth.engines.correlation import correlation_of
from bsynth.engines.innovations import Innovations
from bsynth.engines.pooling import Scales, pool
from bsynth.engines.stacks import Path as GapPath
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.sbc import DONORS, RANKS, uniformity
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec
from bsynth.pieces import Record, Store

STARTS = (20, 20, 22, 22, 24, 24)
PERIODS = 28
FITS = Settings(draws=300, tune=350, chains=2)
POOL = {"draws": 400, "tune": 300, "chains": 2}


def run(spec: ModelSpec, work: Path, settings: Settings, *, simulations: int, minutes: float | None = None) -> Record:
    """Rank simulations, as many as begin within so many CPU ``minutes``, and return the verdict for each quantity."""
    store = Store(work / "sbc.jsonl", key_of(spec, FITS.sampler() | {"world": "waves", "version": 2}))
    began = time.process_time()
    found: list[Record] = []
    for seed in range(simulations):
        if minutes is not None and time.process_time() - began > 60 * minutes and str(seed) not in store.read():
            break
        piece = {str(seed): functools.partial(_piece, spec, seed)}
        found += measure(f"{spec.name}: calibration by simulation", piece, store, settings).values()
    ranks = {name: np.array([record["ranks"][name] for record in found]) for name in found[0]["ranks"]}
    return {
        "simulations": len(found),
        "cells": "exact",
        "donors": DONORS,
        "n_pre": min(STARTS),
        "n_post": PERIODS - min(STARTS),
        **FITS.sampler(),
        "with_divergences": sum(record["divergences"] > 0 for record in found),
        "unhealthy": 0,
        "quantities": {name: uniformity(values) for name, values in ranks.items()},
    }


def _piece(spec: ModelSpec, seed: int) -> Record:
    """Draw one truth, fit it, and rank it among the thinned draws."""
    rng = np.random.default_rng([16, 2018, seed])
    pooling, n = spec.pooling, len(STARTS)
    omega, nu, kappa = np.abs(rng.normal(size=3)) * [pooling.unit_sd, pooling.period_sd, pooling.step_sd]
    r, shares = rng.random(), rng.dirichlet(2 * np.array(list(spec.drift.components.values())))
    tau = np.cumsum(np.append(pooling.start_sd * rng.normal(), kappa * rng.normal(size=PERIODS - min(STARTS) - 1)))
    X = np.random.default_rng(0).normal(size=(PERIODS, DONORS))
    common, own = rng.normal(size=(2, PERIODS)), rng.normal(size=(n, 2, PERIODS))
    noise = np.sqrt(r) * common + np.sqrt(1 - r) * own
    paths, series, effects, divergences = [], [], [], 0
    for i, start in enumerate(STARTS):
        y = _untreated(spec, X, noise[i], shares, rng)
        event = np.arange(PERIODS - start)
        effects.append(tau[event] + omega * rng.normal() + nu * rng.normal(size=len(event)))
        y[start:] += effects[-1]
        path, unit, diverging = _fitted(spec, y, X, start, seed * n + i)
        paths.append(path)
        series.append(unit)
        divergences += diverging
    scales = Scales(
        pooling.start_sd, pooling.step_sd, pooling.unit_sd, pooling.period_sd,
        np.array(list(spec.drift.components.values())),
    )  # fmt: skip
    pooled = pool(paths, correlation_of(series, seed), scales, seed=seed, **POOL)
    first = PERIODS - STARTS[0]
    truth = {
        "overall effect": (np.concatenate(effects).mean(), pooled.effect.mean(axis=-1)),
        "effect of a unit": (effects[0].mean(), pooled.effect[..., :first].mean(axis=-1)),
        "omega": (omega, pooled.scales["unit_sd"]),
        "nu": (nu, pooled.scales["period_sd"]),
        "step of tau": (kappa, pooled.scales["step_sd"]),
        "correlation": (r, pooled.scales["correlation"]),
    }
    return {"ranks": {name: _rank(*pair, rng) for name, pair in truth.items()}, "divergences": int(divergences)}


def _rank(value: float, draws: FloatArray, rng: np.random.Generator) -> int:
    flat = draws.ravel()
    step = len(flat) / (RANKS - 1)
    kept = (rng.uniform(0, step) + step * np.arange(RANKS - 1)).astype(int) % len(flat)
    return int((flat[kept] < value).sum())


def _untreated(
    spec: ModelSpec, X: FloatArray, noise: FloatArray, shares: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Draw a unit's untreated series from its prior; ``noise`` (2, T) are innovations of noise and drift."""
    series = spec.level.sd * rng.normal() + X @ rng.dirichlet(np.full(DONORS, 1.0))
    series += spec.noise.sd * abs(rng.normal()) * noise[0]
    form = list(spec.drift.components)[rng.choice(len(shares), p=shares)]
    if form == "walk":
        return np.asarray(series + np.cumsum(spec.drift.sd * abs(rng.normal()) * noise[1]))
    if form == "ar1":
        rho, u = float(rng.choice(drift.SHORT_GRID)), noise[1].copy()
        for t in range(1, len(u)):
            u[t] = rho * u[t - 1] + np.sqrt(1 - rho**2) * noise[1, t]
        return np.asarray(series + spec.drift.ar1_sd * abs(rng.normal()) * u)
    return np.asarray(series)


def _fitted(spec: ModelSpec, y: FloatArray, X: FloatArray, start: int, seed: int) -> tuple[GapPath, Innovations, int]:
    """Fit one unit on the scale of the design: its path, what it says of its series, and divergences."""
    design = Design(
        y=y, X=X, n_pre=start, center=0.0, scale=1.0, donor_center=np.zeros(DONORS), donor_scale=np.ones(DONORS),
        donor_precision=None, treated_variance=np.zeros(PERIODS), treated_seen=np.ones(PERIODS),
        positions=np.arange(PERIODS), predictors=None, terms=None,
    )  # fmt: skip
    sampled = bayes.sample(design, spec, FITS.at(seed), seed)
    raw = bayes.parameters(sampled.values, design, spec)
    parameters = {name: values.reshape(-1, *values.shape[2:]) for name, values in raw.items()}
    drawn = predict.counterfactual(parameters, design, spec, np.random.default_rng([seed, 1]))
    assert drawn.drifting is not None
    assert drawn.form is not None
    assert drawn.form.rho is not None
    form = (drawn.drifting * (1 + (drawn.form.rho >= 1))).astype(np.intp)
    draws = Untreated(drawn.mean[:, start:], drawn.predictive[:, start:], drawn.sigma, form, 3)
    own = Innovations(
        np.arange(PERIODS), y[:start], drawn.level[:, None] + parameters["weights"] @ X.T,
        np.tile(drawn.sigma[:, None], PERIODS), np.where(drawn.drifting, drawn.form.q, 0.0), drawn.form.rho,
        np.zeros(len(form)), strata_of(drawn.sigma, form), PERIODS,
    )  # fmt: skip
    path = path_of(draws, y[start:], np.arange(PERIODS - start), own)
    return path, own, int(sampled.stats["diverging"].sum())
