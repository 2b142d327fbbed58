"""Pooled effects against the truth in simulated waves, beside the units' own fits and re-assigned starts."""

import functools
import time
from pathlib import Path

import numpy as np

from bsynth._base.types import FloatArray, IntArray
from bsynth.bayesian.plan import plan
from bsynth.bayesian.run import run as run_plan
from bsynth.bayesian.waves.paths import innovations_of, path_of, scales_of, untreated
from bsynth.calibration.scores import coverage_error
from bsynth.engines.correlation import correlation_of
from bsynth.engines.pooling import Pooled, pool
from bsynth.engines.simplex import solve_simplex
from bsynth.evidence import staggered
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.scores import rounded
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.pieces import Record, Store

ENTROPY = 16
"""Of the seeds that count; development used another."""
LEVEL = 0.95
REASSIGNED = 200
TUNE = 300
DRAWS = Settings(draws=400, tune=400, chains=2)


def run(spec: ModelSpec, work: Path, settings: Settings, *, seeds: int, minutes: float | None = None) -> Record:
    """Measure ``seeds`` worlds, or as many as begin within so many CPU ``minutes``; ``work`` keeps finished ones."""
    store = Store(work / "waves.jsonl", key_of(spec, DRAWS.sampler() | {"world": "staggered", "version": 2}))
    began = time.process_time()
    found: list[Record] = []
    for seed in range(seeds):
        if minutes is not None and time.process_time() - began > 60 * minutes and str(seed) not in store.read():
            break
        piece = {str(seed): functools.partial(_piece, spec, seed)}
        found += measure(f"{spec.name}: simulated waves", piece, store, settings).values()
    return summary(found)


def _piece(spec: ModelSpec, seed: int) -> Record:
    rng = np.random.default_rng([ENTROPY, seed])
    world = staggered.simulate(rng)
    pooled, healthy = fitted(world, spec, seed)
    unit = np.repeat(np.arange(len(world.starts)), staggered.PERIODS - world.starts)
    truth = np.append(world.overall, world.effect)
    record: Record = {"truth": truth.tolist(), "healthy": healthy}
    for name, draws in (("pooled", pooled.effect), ("unpooled", pooled.unpooled)):
        flat = draws.reshape(-1, draws.shape[-1])
        means = np.column_stack(
            [flat.mean(axis=1), *(flat[:, unit == i].mean(axis=1) for i in range(len(world.starts)))]
        )
        lower, upper = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        record[name] = np.stack([means.mean(axis=0), lower, upper]).round(6).tolist()
    record["reassigned"] = float(np.ptp(np.quantile(reassigned(world, rng), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])))
    record["scales"] = {name: float(values.mean()) for name, values in pooled.scales.items()}
    return record


def fitted(world: staggered.World, spec: ModelSpec, seed: int) -> tuple[Pooled, int]:
    """Fit each treated unit against those never treated and pool; and how many own fits passed their gate."""
    frame, n = world.frame(), len(world.starts)
    fits, paths, series = [], [], []
    for i, start in enumerate(world.starts.tolist()):
        own = frame[(frame["unit"] == i) | (frame["unit"] >= n)]
        panel = Panel.from_long(own, unit="unit", time="time", outcome="outcome", treated=i, start=start)
        fit = run_plan(plan(panel, spec, sampling=DRAWS.at(1000 * seed + i)), progress=False)
        innovations = innovations_of(fit, np.arange(staggered.PERIODS), staggered.PERIODS)
        event = np.arange(staggered.PERIODS - start)
        paths.append(path_of(untreated(fit), fit.observed.values[start:], event, innovations))
        series.append(innovations)
        fits.append(fit)
    together = correlation_of(series, seed)
    pooled = pool(paths, together, scales_of(fits), draws=DRAWS.draws, tune=TUNE, chains=DRAWS.chains, seed=seed)
    return pooled, sum(fit.status == "ok" for fit in fits)


def reassigned(world: staggered.World, rng: np.random.Generator) -> FloatArray:
    """(`REASSIGNED`,) overall effects of the starts re-assigned to donors at random, by demeaned synthetic control."""
    donors, n = world.outcome[:, len(world.starts) :], len(world.starts)
    found = []
    for _ in range(REASSIGNED):
        order = rng.permutation(donors.shape[1])
        found.append(_overall(donors[:, order[:n]], donors[:, order[n:]], world.starts))
    return np.array(found)


def _overall(treated: FloatArray, donors: FloatArray, starts: IntArray) -> float:
    gaps = []
    for series, start in zip(treated.T, starts, strict=True):
        y, X = series - series[:start].mean(), donors - donors[:start].mean(axis=0)
        gaps.append((y - X @ solve_simplex(X[:start], y[:start]).weights)[start:])
    return float(np.concatenate(gaps).mean())


def summary(found: list[Record]) -> Record:
    """Coverage, width and RMSE of both kinds, overall and by unit; Monte-Carlo errors over seeds."""
    truth = np.array([record["truth"] for record in found])
    result: Record = {"seeds": len(found), "unhealthy": sum(10 - record["healthy"] for record in found), "kinds": {}}
    for name in ("pooled", "unpooled"):
        estimate, lower, upper = np.moveaxis(np.array([record[name] for record in found]), 1, 0)
        held, error, width = (lower <= truth) & (truth <= upper), estimate - truth, upper - lower
        result["kinds"][name] = {
            over: {
                "coverage": float(held[:, at].mean()),
                "coverage_mcse": coverage_error(int(held[:, 0].sum()), len(found))
                if over == "overall"
                else float(held[:, at].mean(axis=1).std(ddof=1) / np.sqrt(len(found))),
                "bias": float(error[:, at].mean()),
                "rmse": float(np.sqrt((error[:, at] ** 2).mean())),
                "width": float(width[:, at].mean()),
            }
            for over, at in (("overall", slice(1)), ("unit", slice(1, None)))
        }
    result["reassigned_width"] = float(np.mean([record["reassigned"] for record in found]))
    result["scales"] = {k: float(np.mean([record["scales"][k] for record in found])) for k in found[0]["scales"]}
    return {name: rounded(value) for name, value in result.items()}
