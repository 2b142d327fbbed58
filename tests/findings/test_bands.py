"""Simultaneous bands: the share of whole saved paths inside is the level, exactly."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration, Lesson, learn_inflation, summarise_placebo
from bsynth.errors import FitError, SpecError
from bsynth.findings import path_band
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


def test_with_a_calibration_it_counts_the_donors_whose_path_it_held(made, world: bs.Panel, fit: Fit) -> None:
    spec = ModelSpec.model_validate({"drift": {"process": "walk", "probability": 0.5}})
    placebos = tuple(summarise_placebo(made(world.as_treated(unit), spec), unit) for unit in world.donors)
    moved = replace(placebos[0], path=placebos[0].path + 50.0)
    lesson = Lesson(None, np.ones(2), learn_inflation(np.zeros(6), np.ones(6)))
    found = path_band(Calibration(fit, (moved, *placebos[1:]), lesson, (), 1.0), level=0.9)
    held = 0
    for placebo in placebos[1:]:
        centre, sd = placebo.path.mean(axis=0), placebo.path.std(axis=0)
        furthest = np.sort((np.abs(placebo.path - centre) / sd).max(axis=1))
        held += bool((np.abs(centre) <= furthest[math.ceil(0.9 * len(furthest)) - 1] * sd).all())
    assert (found.held, found.units) == (held, 6)
    assert found.sentences()[-1] == f"On this panel 90% bands held that of {held} of 6 donors."
    assert found.table.equals(path_band(fit, level=0.9).table)
    assert path_band(Calibration(fit, placebos, lesson, (), 1.0), interval="mean").held is None
