"""Simulated waves and ranks of their pooled effects, in small: what `make evidence` measures in hundreds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsynth.evidence import run, staggered, waves, waves_sbc
from bsynth.evidence.record import Settings
from bsynth.evidence.run import Request, measure_model
from bsynth.model.catalogue import load_model

QUIET = Settings(progress=False, n_jobs=1)
SMALL = Settings(draws=150, tune=200, chains=2)


def _fail(*_: object) -> Any:
    raise AssertionError("measured again")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")
def test_simulated_waves_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves, "DRAWS", SMALL)
    monkeypatch.setattr(waves, "TUNE", 100)
    spec = load_model("waves")
    monkeypatch.setattr(run, "QUICK", 2)
    found = measure_model("waves", Request(parts=("worlds",), work=tmp_path, quick=True, settings=QUIET))["worlds"]
    assert found["seeds"] == 2
    pooled, unpooled = found["kinds"]["pooled"], found["kinds"]["unpooled"]
    for kind in (pooled, unpooled):
        assert all(0 <= kind[over]["coverage"] <= 1 and kind[over]["width"] > 0 for over in ("overall", "unit"))
    # Effects that differ by .02 are seen through noise of .05: what is pooled is narrower, and nearer.
    assert pooled["unit"]["width"] < unpooled["unit"]["width"]
    assert pooled["unit"]["rmse"] < unpooled["unit"]["rmse"]
    assert 0.02 < found["reassigned_width"] < 0.1
    monkeypatch.setattr(waves, "_piece", _fail)
    assert waves.run(spec, tmp_path / spec.name, QUIET, seeds=9, minutes=-1.0) == found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")
def test_ranks_of_pooled_effects_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves_sbc, "FITS", SMALL)
    monkeypatch.setattr(waves_sbc, "POOL", {"draws": 200, "tune": 100, "chains": 2})
    spec = load_model("waves")
    monkeypatch.setattr(run, "QUICK", 4)
    asked = Request(parts=("placebos", "sbc"), data=tmp_path, work=tmp_path, quick=True, settings=QUIET)
    measured = measure_model("waves", asked)
    assert "placebos" not in measured
    (found,) = measured["sbc"]["runs"]
    assert (found["simulations"], found["n_pre"], found["n_post"]) == (4, 20, 8)
    assert set(found["quantities"]) == {
        "overall effect", "effect of a unit", "omega", "nu", "step of tau", "correlation",
    }  # fmt: skip
    assert all(sum(one["histogram"]) == 4 for one in found["quantities"].values())
    monkeypatch.setattr(waves_sbc, "_piece", _fail)
    assert waves_sbc.run(spec, tmp_path / spec.name, QUIET, simulations=9, minutes=-1.0) == found


def test_a_drawn_series_has_the_form_that_was_drawn() -> None:
    """Drift by hand: without any, as a walk, and as an AR(1), of which only the last returns."""
    spec, nothing = load_model("waves"), np.zeros((2, waves_sbc.PERIODS))
    X = np.zeros((waves_sbc.PERIODS, waves_sbc.DONORS))
    names = list(spec.drift.components)
    step = nothing.copy()
    step[1, 5] = 1.0
    series = {
        name: waves_sbc._untreated(spec, X, step, np.eye(len(names))[k], np.random.default_rng(3))
        for k, name in enumerate(names)
    }
    moved = {name: each - each[0] for name, each in series.items()}
    assert not moved["none"].any()
    assert np.ptp(moved["walk"][5:]) == 0
    assert moved["walk"][5] != 0
    assert 0 < abs(moved["ar1"][-1]) < abs(moved["ar1"][5])


def test_the_world_of_waves_is_what_it_says() -> None:
    world = staggered.simulate(np.random.default_rng(0))
    assert world.overall == pytest.approx(np.average(world.effect, weights=staggered.PERIODS - world.starts), abs=1e-12)
