"""A treated unit that starts far from its donors: bias, error and coverage with known cells, on logs without effect.

Writes ``offsets.json`` beside this file. Finished logs are kept in ``.evidence/offsets.jsonl``, so an interrupted run
goes on where it stopped. Errors are in sampling sds of difference in differences on the same log, so that logs of any
size count alike.
"""

import functools
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import bsynth as bs
from bsynth._base.types import FloatArray
from bsynth._base.versions import versions
from bsynth.evidence import offsets
from bsynth.evidence.engine import posterior
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.model.design import make_design
from bsynth.pieces import Record, Store

FILE = Path(__file__).with_name("offsets.json")
LOGS = 200
LEVEL = 0.95
SETTINGS = Settings(draws=300, tune=400, n_jobs=1)
ROOM = {"slots": offsets.MOST_DONORS, "periods": offsets.MOST_PERIODS}
EXACT = "level, exact cells"
MODELS = ("rollout", EXACT, "default")
CALIBRATED = "default, calibrated"
"""What a run reports."""


def _spec(name: str) -> bs.ModelSpec:
    return bs.load_model("level" if name == EXACT else name)


def _piece(name: str, k: int) -> Record:
    rng = np.random.default_rng([85, k])
    log = offsets.draw(rng)
    panel = offsets.simulate(log, rng)
    spec = _spec(name)
    design = make_design(panel, spec, **ROOM)
    found = posterior(design, spec, SETTINGS, k)
    unit = _unit(log, panel)
    effect = (panel.treated_series[log.n_pre :].mean() - design.to_outcome(found.predictive)) / unit
    tail = (1 - LEVEL) / 2
    return _row(log, panel, effect, np.quantile(effect, [tail, 1 - tail]), found.healthy)


def _calibrated_piece(k: int) -> Record:
    rng = np.random.default_rng([85, k])
    log = offsets.draw(rng)
    panel = offsets.simulate(log, rng)
    sampling = bs.Sampling(SETTINGS.draws, SETTINGS.tune, SETTINGS.chains, seed=k, n_jobs=1)
    with warnings.catch_warnings():
        # What stays unreliable is counted.
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        found = bs.calibrate(panel, "default", sampling=sampling, progress=False)
    average = found.effects(LEVEL).iloc[0]
    unit = _unit(log, panel)
    effect = found.fit.effect_draws()["average"].to_numpy().ravel() / unit
    return _row(log, panel, effect, np.array([average["lower"], average["upper"]]) / unit, found.status == "ok")


def _unit(log: offsets.Log, panel: bs.Panel) -> float:
    return float(np.sqrt(panel.treated_cell_variance.mean() * (1 / log.n_pre + 1 / log.n_post)))


def _row(log: offsets.Log, panel: bs.Panel, effect: FloatArray, bounds: FloatArray, healthy: bool) -> Record:
    gap = panel.treated_series - panel.donor_matrix.mean(axis=1)
    return {
        "estimate": float(effect.mean()),
        "sd": float(effect.std()),
        "bounds": bounds.tolist(),
        "did": float(gap[log.n_pre :].mean() - gap[: log.n_pre].mean()) / _unit(log, panel),
        "offset": float(log.offset),
        "p": log.p,
        "n_pre": log.n_pre,
        "n": log.n,
        "healthy": healthy,
    }


def _summary(rows: list[Record]) -> dict[str, float]:
    estimate, sd, did = (np.array([row[name] for row in rows]) for name in ("estimate", "sd", "did"))
    low, high = np.array([row["bounds"] for row in rows]).T
    z = estimate / sd
    return {
        "logs": len(rows),
        "bias_in_posterior_sd": round(float(z.mean()), 3),
        "bias_mcse": round(float(z.std() / np.sqrt(len(z))), 3),
        "rmse": round(float(np.sqrt((estimate**2).mean())), 4),
        "rmse_did": round(float(np.sqrt((did**2).mean())), 4),
        "covered": round(covered := float(((low <= 0) & (high >= 0)).mean()), 4),
        "covered_mcse": round(float(np.sqrt(covered * (1 - covered) / len(rows))), 4),
        "mean_width": round(float((high - low).mean()), 3),
        "unhealthy": sum(not row["healthy"] for row in rows),
    }


@pytest.mark.evidence
def test_a_level_far_from_the_donors_costs_nothing() -> None:
    found: dict[str, dict[str, float]] = {}
    for name in (*MODELS, CALIBRATED):
        settings = SETTINGS.sampler() | {"model": name, "world": 1}
        model = "default" if name == CALIBRATED else name
        store = Store(Path(".evidence") / "offsets.jsonl", key_of(_spec(model), settings))
        piece = _calibrated_piece if name == CALIBRATED else functools.partial(_piece, name)
        pieces = {str(k): functools.partial(piece, k) for k in range(LOGS)}
        found[name] = _summary(list(measure(f"offsets: {name}", pieces, store, SETTINGS).values()))
        print(name, json.dumps(found[name]), flush=True)
    written = {"level": LEVEL, **SETTINGS.sampler(), "models": found, "versions": versions()}
    FILE.write_text(json.dumps(written, indent=1) + "\n")
    best = min(found["rollout"]["rmse_did"], found[EXACT]["rmse"])
    for name in ("default", CALIBRATED, "rollout"):
        assert abs(found[name]["bias_in_posterior_sd"]) <= 0.1 + 2 * found[name]["bias_mcse"]
        assert found[name]["rmse"] <= 1.05 * best
        assert found[name]["covered"] >= 0.92
    # Logs without any movement of their own are the edge of the prior, where an interval errs on the wide side.
    # What a run reports has donors to tell it so.
    for name in ("rollout", CALIBRATED):
        assert found[name]["covered"] <= 0.98 + 2 * found[name]["covered_mcse"]
