"""Simultaneous bands: the share of whole saved paths inside is the level, exactly."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration, learn, summarise_placebo
from bsynth.errors import FitError, SpecError
from bsynth.findings import path_band
from bsynth.findings.bands import whole_paths_held
from bsynth.model.spec import ModelSpec


@pytest.fixture(scope="module")
def fit(made, world: bs.Panel) -> Fit:
    return made(world, ModelSpec.model_validate({"drift": {"process": "walk", "probability": 0.5}}))


@pytest.mark.parametrize("interval", ["predictive", "mean"])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.999, 0.1234])
def test_exactly_the_level_of_paths_is_inside(fit: Fit, level: float, interval: str) -> None:
    found = path_band(fit, level=level, interval=interval)
    gaps = (fit.observed - fit.counterfactual(interval)).isel(time=slice(fit.n_pre, None))
    draws = gaps.stack(sample=("chain", "draw")).transpose("sample", "time").to_numpy()
    lower, upper = found.table["lower"].to_numpy(), found.table["upper"].to_numpy()
    edge = 1e-9 * (upper - lower)
    inside = ((draws >= lower - edge) & (draws <= upper + edge)).all(axis=1).mean()
    assert inside == math.ceil(round(level * len(draws), 9)) / len(draws)
    assert found.inside == inside


def test_one_period_is_its_own_path(made, world: bs.Panel) -> None:
    short = bs.Panel.from_long(
        world.to_frame(), unit="unit", time="time", outcome="outcome", treated="u0", start=20, end=20
    )
    found = path_band(made(short, ModelSpec()), level=0.9).table.iloc[0]
    assert found["lower"] == pytest.approx(found["period_lower"], abs=0.03)


def test_it_is_wider_than_each_period_and_says_where_zero_is_outside(fit: Fit) -> None:
    found = path_band(fit)
    table = found.table
    assert (table["lower"] < table["period_lower"]).all()
    assert (table["upper"] > table["period_upper"]).all()
    away = (table["lower"] > 0) | (table["upper"] < 0)
    assert away.equals(table["excludes_zero"])
    assert list(table["time"]) == list(range(20, 28))
    assert json.dumps(found.to_dict())
    assert "<table" in found._repr_html_()
    words = " ".join(found.sentences())
    assert "95% of whole predictive paths" in words
    assert "each of 8 periods" in words
    assert "jointly" not in words
    assert "as if treated, 95% bands of the model 'default' held the whole path of 3 of 16 in Germany" in words
    assert found.held is None
    failed = path_band(replace(fit, diagnostics=replace(fit.diagnostics, status="unreliable", failures=("x",))))
    assert failed.sentences()[0].startswith("UNRELIABLE")
    assert "UNRELIABLE" in repr(failed)


def test_bad_input(fit: Fit) -> None:
    with pytest.raises(SpecError, match="between 0 and 1"):
        path_band(fit, level=95)
    with pytest.raises(SpecError, match="'predictive' or 'mean'"):
        path_band(fit, interval="calibrated")
    tree = fit.tree.copy(deep=True)
    tree["posterior_predictive"]["counterfactual"][0, :3, -1] = np.nan
    with pytest.raises(FitError, match="3 of 10000 drawn paths are not finite"):
        path_band(replace(fit, tree=tree))


def test_with_a_calibration_it_is_of_the_calibrated_paths(made, world: bs.Panel, fit: Fit) -> None:
    """And counts the donors whose whole path such a band held, each by what the others teach: one moved away is out."""
    spec = ModelSpec.model_validate({"drift": {"process": "walk", "probability": 0.5}})
    placebos = tuple(summarise_placebo(made(world.as_treated(unit), spec), unit) for unit in world.donors)
    prior = {"none": 0.5, "walk": 0.5}
    calibration = Calibration(fit, placebos, learn(placebos, prior), (), 1.0)
    found = path_band(calibration, level=0.9)
    assert found.interval == "calibrated"
    drawn, table = calibration.paths(), found.table
    lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
    assert ((drawn >= lower) & (drawn <= upper)).all(axis=1).mean() == pytest.approx(0.9, abs=1e-3)
    periods = calibration.path(0.9)
    np.testing.assert_allclose(table["period_lower"], periods["gap_lower"])
    assert (table["upper"] > table["period_upper"]).all()
    held = whole_paths_held(placebos, prior, 0.9)
    assert (found.held, found.units) == (int(held.sum()), 6)
    assert f"held the whole path of {held.sum()}, each by what the others teach" in found.sentences()[-1]
    far = replace(placebos[0], path=placebos[0].path + 50.0, average=placebos[0].average + 50.0)
    assert whole_paths_held((far, *placebos[1:]), prior, 0.9).tolist()[0] is False
    assert path_band(calibration, interval="mean").held is None
