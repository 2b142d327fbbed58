"""Effects of units that start at different times: two stages, pooled, told and kept."""

import json
import pickle
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special

import bsynth as bs
from bsynth.bayesian.waves.estimands import OVER
from bsynth.bayesian.waves.paths import sizes_of, strata_of
from bsynth.calibration.inflation import learn_inflation
from bsynth.calibration.waves import PlaceboPattern, WavesCalibration, calibrate_waves, draw_patterns
from bsynth.engines import drift, pooling
from bsynth.engines.correlation import UNKNOWN, Correlation, correlation_of
from bsynth.engines.innovations import Innovations, Sizes
from bsynth.engines.pooling import Scales, pool
from bsynth.engines.stacks import Path as GapPath
from bsynth.errors import PanelError, SpecError
from bsynth.evidence.staggered import simulate

FEW = bs.Sampling(draws=200, tune=200, chains=2)
SCALES = Scales(start=5.0, step=0.1, unit=0.5, period=0.1, forms=np.ones(1))


def _paths(
    rng: np.random.Generator, effects: np.ndarray, sd: float, starts: tuple[int, ...], periods: int
) -> list[GapPath]:
    """Units whose own fits know the sd of iid noise and the level, without drift."""
    found = []
    for effect, start in zip(effects, starts, strict=True):
        k = np.arange(periods - start)
        gap = effect + sd * rng.normal(size=len(k))
        covariance, shocks = sd**2 * np.eye(len(k)), np.eye(periods)[start:]
        found.append(GapPath(gap[None], covariance[None], np.ones(1), np.ones((1, 1)), k, start + k, shocks[None]))
    return found


def _series(y: np.ndarray, starts: Sequence[int], fitted_sd: float = 0.05) -> list[Innovations]:
    """Units whose own fits know that their noise is iid, of variance 1, about a level that they nearly know."""
    rng, draws = np.random.default_rng(99), 120
    found = []
    for series, start in zip(y.T, starts, strict=True):
        fitted = fitted_sd * rng.normal(size=(draws, 1)) * np.ones(len(y))
        no, all_draws = np.zeros(draws), np.arange(draws)
        found.append(
            Innovations(
                np.arange(len(y)), series[:start], fitted, np.ones(fitted.shape), no, no, no, [all_draws], len(y)
            )
        )
    return found


def _common(y: np.ndarray) -> Correlation:
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    return correlation_of(_series(y, [len(y)] * y.shape[1]), seed=1)


def _pool(paths: list[GapPath], residuals: np.ndarray, draws: int = 800) -> pooling.Pooled:
    return pool(paths, _common(residuals), SCALES, draws=draws, tune=400, chains=2, seed=1)


def test_pooled_effects_are_those_of_the_normal_model() -> None:
    """With every scale held near a point the answer is a normal posterior that linear algebra gives."""
    rng = np.random.default_rng(1)
    starts, periods = (6, 8, 9), 12
    paths = _paths(rng, np.array([1.0, 1.5, 2.0]), 0.5, starts, periods)
    tight = Scales(start=5.0, step=1e-6, unit=1e-6, period=1e-6, forms=np.ones(1))
    residuals = np.tile([1.0, -1.0], 200)[:, None] * np.array([[1.0, -1.0, 0.0]]) + 0.2 * rng.normal(size=(400, 3))
    found = pool(paths, _common(residuals), tight, draws=2000, tune=400, chains=2, seed=1)
    gaps = np.concatenate([path.gap[0] for path in paths])
    precision = len(gaps) / 0.25 + 1 / 25
    mean = gaps.sum() / 0.25 / precision
    assert float(found.scales["correlation"].mean()) < 0.05
    assert found.effect.mean() == pytest.approx(mean, abs=0.02)
    assert found.effect.std() == pytest.approx(precision**-0.5, rel=0.15)


def test_units_are_shrunk_by_what_they_show() -> None:
    rng = np.random.default_rng(2)
    starts = (10,) * 12
    residuals = rng.normal(size=(40, 12))
    alike = _pool(_paths(rng, np.full(12, 1.0), 1.0, starts, 20), residuals)
    apart = _pool(_paths(rng, np.linspace(-2, 4, 12), 0.2, starts, 20), residuals)
    assert alike.scales["unit_sd"].mean() < 0.5 < apart.scales["unit_sd"].mean()
    unit = np.repeat(np.arange(12), 10)
    means = np.array([apart.effect[..., unit == i].mean() for i in range(12)])
    np.testing.assert_allclose(means, np.linspace(-2, 4, 12), atol=0.3)
    spread = [
        np.std([found.mean(axis=(0, 1))[unit == i].mean() for i in range(12)])
        for found in (alike.effect, alike.unpooled)
    ]
    assert spread[0] < 0.7 * spread[1]


def test_units_that_err_together_know_less_of_the_overall_effect() -> None:
    rng = np.random.default_rng(3)
    starts = (10,) * 8
    paths = _paths(rng, np.zeros(8), 1.0, starts, 20)
    own, shared = rng.normal(size=(60, 8)), rng.normal(size=(60, 1))
    apart, together = _pool(paths, own), _pool(paths, shared + 0.5 * own)
    assert apart.scales["correlation"].mean() < 0.15
    assert together.scales["correlation"].mean() > 0.6
    sd = [found.unpooled.mean(axis=-1).std() for found in (apart, together)]
    # Eight units that err alike are one: sd 1/√10 against 1/√80.
    assert sd[0] == pytest.approx(80**-0.5, rel=0.35)
    assert sd[1] > 2 * sd[0]


def test_covariance_of_a_unit_is_what_its_own_fit_said() -> None:
    rng = np.random.default_rng(4)
    K = 6
    root = np.linalg.cholesky(0.8 ** np.abs(np.subtract.outer(np.arange(K), np.arange(K))))
    k, shocks = np.arange(K), np.eye(16) - 0.1 * (np.arange(16) < 10)
    paths = [
        GapPath(np.zeros((1, K)), (root @ root.T)[None], np.ones(1), np.ones((1, 1)), k, k, shocks[None, 10:]),
        GapPath(np.zeros((1, 3)), np.eye(3)[None], np.ones(1), np.ones((1, 1)), k[:3], k[3:6], shocks[None, 13:]),
    ]
    common = rng.normal(size=(50, 1))
    found = _pool(paths, common + 0.3 * rng.normal(size=(50, 2)), draws=3000)
    flat = found.unpooled.reshape(-1, 9)
    np.testing.assert_allclose(np.cov(flat[:, :K].T), root @ root.T, atol=0.08)
    between = np.corrcoef(flat.T)[:K, K:]
    assert between[3, 0] > 0.2
    assert abs(between[0, 2]) < between[5, 2]


def test_strata_hold_every_draw_once() -> None:
    rng = np.random.default_rng(5)
    for shares in ([1.0], [0.6, 0.4], [0.5, 0.49, 0.01], [0.98, 0.01, 0.01]):
        form = rng.choice(len(shares), size=2000, p=shares)
        found = strata_of(rng.random(2000), form)
        assert sorted(np.concatenate(found).tolist()) == list(range(2000))
        assert min(map(len, found)) >= 100


@pytest.fixture(scope="module")
def panel() -> bs.StaggeredPanel[bs.Panel]:
    world = simulate(np.random.default_rng([17, 3]))
    frame = world.frame()
    frame = frame[frame["unit"].isin([0, 4, 7]) | (frame["unit"] >= 32)]
    starts = {i: int(world.starts[i]) for i in (0, 4, 7)}
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", start=starts)


@pytest.fixture(scope="module")
def found(panel: bs.StaggeredPanel[bs.Panel]) -> bs.WavesFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        return bs.fit(panel, sampling=FEW, progress=False)


@pytest.mark.slow
def test_rows_are_averages_of_the_draws(found: bs.WavesFit) -> None:
    table = found.effects(full=True).set_index("estimand")
    assert list(table["over"].unique()) == ["overall", "wave", "event time", "unit"]
    assert table.loc["overall", "cells"] == 20 + 15 + 10
    assert table.loc["overall", "estimate"] == pytest.approx(found.effect.mean())
    assert table.loc["wave 25", "estimate"] == pytest.approx(table[table["over"] == "unit"].loc["4", "estimate"])
    assert table.loc["period 12", "units"] == 2
    by_unit = found.effect_draws()["by_unit"]
    assert by_unit.sel(unit=7).mean().item() == pytest.approx(found.effect[..., -10:].mean())
    both = found.effects(over="unit", pooled=None, full=True)
    assert both["interval"].tolist() == ["pooled"] * 3 + ["unpooled"] * 3
    own = found.fit_of(4).effects().iloc[0]
    alone = both.iloc[4]
    # The normal mixture of the second stage has the moments of the unit's own draws.
    assert alone["estimate"] == pytest.approx(own["estimate"], abs=0.15 * own["sd"])
    assert alone["sd"] == pytest.approx(own["sd"], rel=0.25)


@pytest.mark.slow
def test_a_fit_of_waves_says_shows_and_keeps_itself(found: bs.WavesFit, tmp_path: Path) -> None:
    said = " ".join(found.sentences())
    assert "45 treated periods of 3 units" in said
    assert "has 8 donors from 0 to 39" in said
    assert "Units' effects differ by ω" in said
    for table in (found.effects(), found.effects(over="unit", pooled=None), found.summary()):
        assert max(map(len, repr(table).splitlines())) <= 80
    found.save(tmp_path / "waves.nc")
    again = bs.load(tmp_path / "waves.nc")
    pd.testing.assert_frame_equal(again.table, found.table)
    assert again.sentences() == found.sentences()
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["model"] == "waves"
    with pytest.raises(SpecError, match=r"over is the text .waves., did you mean .wave."):
        found.effects(over="waves")
    lines = {line.get_gid() for line in found.plot().get_lines()}
    assert {"pooled", "unpooled", "before", "zero"} <= lines
    assert len(bs.plots.plot_units(found).axes) == 3
    assert len(bs.plots.plot_calendar(found.panel).get_yticks()) == 11


@pytest.mark.slow
def test_a_single_unit_has_nothing_to_pool(panel: bs.StaggeredPanel[bs.Panel]) -> None:
    world = panel.to_frame()
    two = world[world["unit"].isin([0, 32, 33])]
    starts = {0: 20}
    alone = bs.Panel.from_long(two, unit="unit", time="time", outcome="outcome", start=starts)
    # One start is a panel of one start; the model fits it as the default does.
    assert isinstance(alone, bs.Panel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        assert bs.fit(alone, "waves", sampling=FEW, progress=False).effects().shape[0] == 3


def test_a_model_of_one_start_is_refused(panel: bs.StaggeredPanel[bs.Panel]) -> None:
    with pytest.raises(SpecError, match="'level' has one start and this panel's units start at 3; give 'waves'"):
        bs.fit(panel, "level", progress=False)


def test_placebo_patterns_keep_donors_and_every_wave(panel: bs.StaggeredPanel[bs.Panel]) -> None:
    patterns = draw_patterns(panel, 12, seed=0)
    assert len(patterns) == 12
    for pattern in patterns:
        assert set(pattern) <= set(panel.never_treated)
        assert len(pattern) == 2
        assert set(pattern.values()) == {20, 30}
    few = panel.as_treated({32: 20, 33: 25, 34: 25, 35: 25, 36: 30})
    with pytest.raises(PanelError, match="3 units never treated, and placebo waves need at least 4"):
        draw_patterns(few, 12, seed=0)


@pytest.mark.slow
def test_placebo_waves_calibrate(panel: bs.StaggeredPanel[bs.Panel], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        found = calibrate_waves(
            panel, "waves", scale=None, sampling=FEW, store=tmp_path / "s.jsonl", progress=False, patterns=4
        )
    rows, base = found.effects(full=True), found.fit.effects(full=True)
    assert set(rows["interval"]) == {"calibrated"}
    assert len(rows) == len(base) - 2
    assert (rows["lower"] < rows["estimate"]).all()
    assert (rows["estimate"] < rows["upper"]).all()
    assert len(found.table) == 4
    assert "calibrated interval" in " ".join(found.sentences())
    found.save(tmp_path / "c.nc")
    assert bs.load(tmp_path / "c.nc").effects(full=True).equals(rows)
    with pytest.raises(PanelError, match=r"a WavesCalibration came, of several; give its fit.fit_of\(unit\)"):
        bs.check(found)
    with pytest.raises(PanelError, match=r"a WavesFit came, of several; give its fit_of\(unit\)"):
        bs.path_band(found.fit)
    _decisions_are_of_the_overall_effect(found)


def _decisions_are_of_the_overall_effect(found: WavesCalibration) -> None:
    """Equal to direct computation from the draws, and from the calibrated row."""
    draws = found.fit.effect.mean(axis=-1).ravel()
    cells, base = len(found.fit.cells), bs.decide(found.fit, threshold=0.5)
    assert base.values["probability_above"] == (draws > 0.5).mean()
    assert base.values["breakdown"] == pytest.approx(max(0.0, np.quantile(draws, 0.025)))
    total = bs.decide(found.fit, cost=2.0, value_per_unit=0.5)
    assert total.values["expected_value"] == pytest.approx(0.5 * cells * draws.mean() - 2.0)
    assert f"over {cells} treated periods of" in " ".join(total.sentences())
    row, learned = found.effects(0.8, over="overall", full=True).iloc[0], bs.decide(found, level=0.8)
    assert learned.values["probability_positive"] == pytest.approx(row["probability_positive"])
    assert learned.values["breakdown"] == pytest.approx(max(0.0, row["lower"]))
    with pytest.raises(SpecError, match="no one cumulative effect"):
        bs.decide(found, estimand="cumulative")


@pytest.mark.parametrize(("many", "status"), [(1, "ok"), (2, "ok"), (3, "unreliable")])
def test_more_than_one_placebo_pattern_in_ten_must_fail_to_spoil_the_answer(
    found: bs.WavesFit, many: int, status: str
) -> None:
    passed = replace(found, diagnostics=replace(found.diagnostics, status="ok", failures=()))
    pairs = dict.fromkeys(OVER, ((0.1, 0.1),))
    placebos = tuple(PlaceboPattern(((k, 20),), pairs, "unreliable" if k < many else "ok") for k in range(20))
    learned = learn_inflation(np.linspace(-1, 1, 20), np.full(20, 0.5))
    calibration = bs.WavesCalibration(passed, placebos, dict.fromkeys(OVER, learned), 20.0)
    assert calibration.status == status
    said = " ".join(calibration.sentences())
    assert f"{many} of 20 placebo patterns did not pass the convergence gate" in said
    assert ("few enough to be used as they are" in said) == (status == "ok")


def test_a_panel_of_waves_is_calibrated_by_waves(
    panel: bs.StaggeredPanel[bs.Panel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With everything that was asked for."""
    asked: list[Any] = []
    answer = object()

    def calibrated(*given: Any, **rest: Any) -> object:
        asked.append((given, rest))
        return answer

    monkeypatch.setattr(sys.modules["bsynth.calibration.calibrate"], "calibrate_waves", calibrated)
    store = tmp_path / "s.jsonl"
    assert bs.calibrate(panel, "waves", scale="log", draws=200, seed=5, store=store, progress=False) is answer
    sampling = bs.Sampling(draws=200, seed=5)
    assert asked == [((panel, "waves"), {"scale": "log", "sampling": sampling, "store": store, "progress": False})]


def test_innovations_have_the_variance_of_the_drift() -> None:
    """B B′ is the covariance of noise and of each form of the drift, over periods with a gap too."""
    places = np.array([0, 1, 2, 5, 6])
    one = np.ones(3)
    found = Sizes(0.5 * np.ones((3, 5)), np.array([0.0, 2.0, 2.0]), np.array([1.0, 1.0, 0.6]), 0 * one)
    none, walk, short = found.shocks(places, places, 7)
    np.testing.assert_allclose(none @ none.T, 0.25 * np.eye(5))
    np.testing.assert_allclose(walk @ walk.T, 0.25 * np.eye(5) + 4 * drift.walk(places), atol=1e-12)
    np.testing.assert_allclose(short @ short.T, 0.25 * np.eye(5) + 4 * 0.6 ** drift.lags(places), atol=1e-12)
    late = Sizes(found.noise[:, 2:], found.drift, found.rho, found.slope).shocks(places[2:], np.arange(3), 3, age=3)[1]
    np.testing.assert_allclose(late @ late.T, (walk @ walk.T)[2:, 2:], atol=1e-12)


def test_a_slope_that_moves_is_the_local_trend() -> None:
    places = np.arange(5)
    one = np.ones(1)
    (found,) = Sizes(np.full((1, 5), 1e-9), 0.3 * one, one, 0.7 * one).shocks(places, places, 5)
    expected = 0.09 * drift.walk(places) + 0.49 * drift.integrated_walk(places)
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-12)


@pytest.mark.parametrize("form", ["none", "walk", "ar1"])
@pytest.mark.parametrize("r", [0.2, 0.7])
def test_correlation_is_found_whatever_the_drift(form: str, r: float) -> None:
    """Units of one form, and half of them without drift: residuals correlate by less than r, innovations by r."""
    rng = np.random.default_rng([7, int(10 * r)])
    times, n, draws = 40, 8, 120
    rho, q = (0.5 if form == "ar1" else 1.0), (0.0 if form == "none" else 1.0)
    shared, own = rng.normal(size=(3 * times, 1)), rng.normal(size=(3 * times, n))
    innovations = np.sqrt(r) * shared + np.sqrt(1 - r) * own
    series = []
    for k in range(n):
        size = Sizes(np.full((draws, times), 0.7), np.full(draws, q * (k % 2)), np.full(draws, rho), np.zeros(draws))
        y = size.shocks(np.arange(times), np.arange(times), times)[0] @ innovations[:, k]
        fitted = 0.05 * rng.normal(size=(draws, 1)) * np.ones(times)
        at = [np.arange(draws)]
        series.append(Innovations(np.arange(times), y, fitted, size.noise, size.drift, size.rho, size.slope, at, times))
    found = correlation_of(series, seed=1)
    grid = np.linspace(-2.6, 2.6, 400)
    weight = np.exp([found.log_density(at) - 0.5 * at**2 for at in grid])
    rate = special.ndtr(grid)
    mean = (weight * rate).sum() / weight.sum()
    sd = np.sqrt((weight * (rate - mean) ** 2).sum() / weight.sum())
    assert sd < 0.12
    assert abs(mean - r) < 3 * sd


def test_units_without_common_periods_say_nothing_of_their_correlation() -> None:
    assert correlation_of([], seed=1) is UNKNOWN
    assert correlation_of(_series(np.zeros((9, 2)), (2, 9)), seed=1) is UNKNOWN


@pytest.mark.parametrize("scale", [None, "log"])
def test_a_unit_ten_times_as_large_is_not_pooled_onto_the_small_ones(scale: str | None) -> None:
    """Every market gains a tenth: what the small ones gain, in sales, is no hint of what the large one does."""
    rng = np.random.default_rng(1)
    size = 100 * np.array([10, 1, 1, 1, *[1] * 7, 10])
    walks = np.cumsum(rng.normal(0, 0.015, (40, 2)), axis=0)
    series = size * np.exp(walks @ rng.uniform(0.3, 1.2, (2, 12)) + rng.normal(0, 0.02, (40, 12)))
    starts = {"big": 26, "t1": 24, "t2": 24, "t3": 26}
    wide = pd.DataFrame(series, columns=[*starts, *[f"d{k}" for k in range(8)]])
    truth = {}
    for unit, start in starts.items():
        truth[unit] = 0.1 * wide.loc[start:, unit].mean()
        wide.loc[start:, unit] *= 1.1
    fit = bs.fit(bs.Panel.from_wide(wide, start=starts), scale=scale, sampling=FEW, progress=False)
    rows = fit.effects(over="unit", full=True).set_index("label")
    assert rows.loc["big", "estimate"] > 0.5 * truth["big"]
    assert rows.loc["big", "lower"] < truth["big"] < rows.loc["big", "upper"]
    assert any("Units differ in size, their sds before the start by" in note for note in fit.notes())


def test_units_alike_in_size_are_pooled_as_they_are(found: bs.WavesFit) -> None:
    assert (sizes_of(found.fits) == 1).all()
    assert not any("differ in size" in note for note in found.notes())


def test_a_unit_that_hardly_moves_before_its_start_is_not_beyond_measure() -> None:
    """Its effect in multiples of an sd near zero would be endless, and the sizes of all others be pooled by it."""

    def fit(sd: float) -> SimpleNamespace:
        series = xr.DataArray(sd * np.array([1.0, -1.0] * 8 + [9.0] * 4), dims="time")
        return SimpleNamespace(observed=series, n_pre=16)

    np.testing.assert_allclose(sizes_of([fit(1.0), fit(1.0), fit(1e-9)]), [1, 1, 0.05])
    np.testing.assert_allclose(sizes_of([fit(1.0), fit(1.0), fit(0.0)]), [1, 1, 1])
    np.testing.assert_allclose(sizes_of([fit(1.0), fit(10.0), fit(1.0)]), [1, 10, 1])
    np.testing.assert_allclose(sizes_of([fit(1.0), fit(4.9), fit(1.0)]), [1, 1, 1])
