"""Uncertainty by source: the closed forms against the draws that the engine makes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.errors import PanelError, SpecError
from bsynth.findings import Decomposition, decompose_uncertainty
from bsynth.model.spec import ModelSpec

WALK = {"process": "walk", "probability": 0.5}
SPECS = {
    "level": {},
    "no level": {"level": {"prior": "none"}},
    "each": {"scale": "each", "level": {"prior": "none"}},
    "student": {"noise": {"distribution": "student-t", "degrees": 6.0}},
    "heavy tails and walk": {"drift": WALK, "noise": {"distribution": "student-t", "degrees": 6.0}},
    "switched walk": {"drift": WALK},
    "walk, no level": {"drift": {"process": "walk"}, "level": {"prior": "none"}},
    "ar1": {"drift": {"process": "ar1"}},
    "ar1 or walk": {"drift": {"process": "ar1-or-walk", "probability": 0.5}},
    "local trend": {"drift": {"process": "local-trend"}},
    "covariates": {"covariates": {"use": "time-varying"}, "drift": WALK},
}


def read(pieces: dict[str, object]) -> ModelSpec:
    return ModelSpec.model_validate(pieces)


def sample_sd(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Sd over draws of the running average gap and of each period's."""
    gaps = (fit.observed - fit.counterfactual()).isel(time=slice(fit.n_pre, None))
    gaps = gaps.stack(sample=("chain", "draw")).transpose("sample", "time").to_numpy()
    averages = np.cumsum(gaps, axis=1) / np.arange(1, gaps.shape[1] + 1)
    return averages.std(axis=0), gaps.std(axis=0)


def check_against_draws(found: Decomposition, fit: Fit) -> None:
    np.testing.assert_allclose(found.table[list(found.names)].sum(axis=1), 1.0, atol=1e-12)
    expected = np.concatenate(sample_sd(fit))
    np.testing.assert_allclose(found.table["sd"], expected, rtol=0.05)
    assert json.dumps(found.to_dict())
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize("name", SPECS)
def test_shares_sum_to_one_and_the_sd_is_that_of_the_draws(name: str, made, world: bs.Panel) -> None:
    fit = made(world, read(SPECS[name]))
    found = decompose_uncertainty(fit)
    check_against_draws(found, fit)
    assert ("level_shift" in found.names) == (name not in ("no level", "each"))
    assert ("drift" in found.names) == ("drift" in SPECS[name])


@pytest.mark.parametrize("process", ["walk", "ar1", "ar1-or-walk"])
def test_drift_is_what_the_draws_gather_after_the_start(process: str, made, world: bs.Panel) -> None:
    fit = made(world, read({"drift": {"process": process, "probability": 1.0}}))
    found = decompose_uncertainty(fit)
    posterior = fit.tree["posterior"].to_dataset()
    donors = fit.tree["constant_data"].to_dataset()
    centre = posterior["intercept"] + (posterior["weights"] * donors["slope"] * donors["donors"]).sum("donor")
    u = (posterior["counterfactual"] - centre).isel(time=slice(fit.n_pre - 1, None))
    rho = posterior["rho"] if process != "walk" else xr.ones_like(posterior["sigma"])
    steps = xr.DataArray(np.arange(u.sizes["time"]), dims="time")
    new = (u - u.isel(time=0, drop=True) * rho**steps).isel(time=slice(1, None)).mean("time")
    whole = found.whole
    error = float((new**2).std()) / np.sqrt(new.size)
    assert whole["drift"] * whole["sd"] ** 2 == pytest.approx(float((new**2).mean()), abs=3 * error)
    assert error < 0.1 * float((new**2).mean())
    gathered = u.isel(time=0)
    assert float(gathered.std()) > 0
    assert "drift" in found.sentences()[0]


def test_shares_of_a_known_posterior(made, world: bs.Panel) -> None:
    rng = np.random.default_rng(3)
    shape = (4, 2500)
    level = 0.5 * rng.standard_normal(shape)
    parameters = {
        "weights": np.broadcast_to(np.full(6, 1 / 6), (*shape, 6)).copy(),
        "level": level,
        "total": np.full(shape, 0.8),
    }
    found = decompose_uncertainty(made(world, read({}), parameters=parameters))
    for _, row in found.table.loc[found.table["span"] == "average"].iterrows():
        noise = 0.8**2 / row["horizon"]
        assert row["weights"] == pytest.approx(0.0, abs=1e-12)
        assert row["level_shift"] == pytest.approx(level.var() / (level.var() + noise))
        assert row["noise"] == pytest.approx(noise / (level.var() + noise))
        assert row["overlap"] == pytest.approx(0.0, abs=1e-12)


def test_half_of_the_covariance_goes_to_each(made, world: bs.Panel) -> None:
    fit = made(world, read({}))
    found, posterior = decompose_uncertainty(fit), fit.tree["posterior"].to_dataset()
    level = posterior["level_shift"]
    weights = (posterior["counterfactual"] - level).isel(time=slice(fit.n_pre, None)).mean("time")
    covariance = float(((weights - weights.mean()) * (level - level.mean())).mean())
    total = found.whole["sd"] ** 2
    assert found.whole["overlap"] * total == pytest.approx(2 * covariance)
    assert found.whole["weights"] * total == pytest.approx(float(weights.var()) + covariance)
    assert found.whole["level_shift"] * total == pytest.approx(float(level.var()) + covariance)


@pytest.mark.parametrize("level", ["shift", "none"])
def test_cells_are_the_users_of_donors_and_treated(level: str, made, cells: bs.Panel) -> None:
    fit = made(cells, read({"cells": {"variance": "known"}, "level": {"prior": level}}))
    found = decompose_uncertainty(fit)
    check_against_draws(found, fit)
    own = cells.treated_cell_variance[cells.n_pre :].sum() / cells.n_post**2
    assert found.whole["cells"] * found.whole["sd"] ** 2 > own
    assert ("level_shift" in found.names) == (level == "shift")


def test_a_drift_over_cells_is_told_apart_when_the_fit_stored_it(made, cells: bs.Panel) -> None:
    plain = made(cells, read({"cells": {"variance": "known"}}))
    rng = np.random.default_rng(4)
    posterior = plain.tree["posterior"].to_dataset()
    steps = 0.02 * rng.standard_normal(posterior["counterfactual"].shape)
    drift = xr.zeros_like(posterior["counterfactual"]) + np.cumsum(steps, axis=-1)
    for group in ("posterior", "posterior_predictive"):
        plain.tree[group]["counterfactual"] = plain.tree[group]["counterfactual"] + drift
    plain.tree["posterior"]["drift_sd"] = xr.full_like(posterior["sigma"], 0.02)
    plain.tree["posterior"]["drifting"] = xr.ones_like(posterior["sigma"])
    fit = replace(plain, spec=read({"cells": {"variance": "known"}, "drift": {"process": "walk"}}))
    joint = decompose_uncertainty(fit)
    check_against_draws(joint, fit)
    assert joint.names == ("weights and level", "drift", "noise", "cells")
    assert "one source" in joint.sentences()[-1]
    fit.tree["posterior"]["drift"] = drift
    apart = decompose_uncertainty(fit)
    check_against_draws(apart, fit)
    assert apart.names == ("weights", "level_shift", "drift", "noise", "cells")
    assert apart.whole["drift"] == pytest.approx(joint.whole["drift"], rel=0.05)
    assert apart.whole["weights"] + apart.whole["level_shift"] == pytest.approx(
        joint.whole["weights and level"], abs=0.04
    )


def test_real_fits(prop99_fit: Fit, rollout_fit: Fit) -> None:
    for fit in (prop99_fit, rollout_fit):
        check_against_draws(decompose_uncertainty(fit), fit)
    assert decompose_uncertainty(prop99_fit).whole["weights"] > 0.5
    said = decompose_uncertainty(rollout_fit).sentences()
    # Which donors to follow may be alike in size by the draws.
    assert said[-1].startswith(("The largest part is that each cell ", "The largest parts, cell sampling and "))
    assert "each cell is the mean of few users: more users in each would narrow it" in said[-1]
    assert "the average effect on task completion" in said[0]
    for jargon in ("predictive sd", "covariance", "is open"):
        assert jargon not in " ".join(said)


def test_sources_alike_in_size_are_a_tie(rollout_fit: Fit) -> None:
    found = decompose_uncertainty(rollout_fit)
    table = found.table.copy()
    last = table.index[table["span"] == "average"][-1]
    for shares, words in (((0.34, 0.33), "The largest parts, "), ((0.40, 0.27), "The largest part is ")):
        table.loc[last, list(found.names)] = (1 - sum(shares)) / (len(found.names) - 2) * 0.5
        table.loc[last, list(found.names[:2])] = shares
        assert replace(found, table=table).sentences()[-1].startswith(words)


def test_bad_input(made, world: bs.Panel) -> None:
    fit = made(world, read({"noise": {"distribution": "student-t", "degrees": 2.0}}))
    with pytest.raises(SpecError, match="no variance to divide"):
        decompose_uncertainty(fit)
    with pytest.raises(PanelError, match="fit again"):
        decompose_uncertainty(replace(fit, panel=None))
