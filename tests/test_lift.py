"""The lift: gap over the size of the untreated outcome, the average's own image in every table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bsynth as bs
from bsynth import effects
from bsynth.calibration import Inflation
from bsynth.findings.law import Calibrated, CalibratedLift
from bsynth.frequentist import (
    bootstrap,
    classical,
    conformal,
    jackknife_plus,
    leave_one_out,
    leave_two_out,
    placebo_space,
    prediction_interval,
)

SETS: dict[str, Callable[[bs.Panel], Any]] = {
    "point": lambda p: classical(p, "did"),
    "placebo": lambda p: placebo_space(p, progress=False),
    "conformal": lambda p: conformal(p, "did", proxy="pre", progress=False),
    "leave-two-out": lambda p: leave_two_out(p, statistic="mean_gap", progress=False),
    "jackknife+": lambda p: jackknife_plus(p, progress=False),
    "prediction": lambda p: prediction_interval(p, draws=40, progress=False),
    "leave-one-out": lambda p: leave_one_out(p, "did", progress=False),
}


def _panel(seed: int, level: float, effect: float) -> bs.Panel:
    rng = np.random.default_rng(seed)
    data = level + rng.normal(size=(14, 2)).cumsum(axis=0) @ rng.normal(size=(2, 8)) + 0.5 * rng.normal(size=(14, 8))
    data[10:, 0] += effect
    frame = pd.DataFrame(data, columns=list("Tabcdefg")).rename_axis("t").reset_index()
    return bs.Panel.from_wide(frame, time="t", treated="T", start=10)


def _draws(panel: bs.Panel, seed: int, sd: float) -> xr.Dataset:
    """Posterior draws about the point of difference in differences."""
    post = slice(panel.n_pre, None)
    noise = np.random.default_rng(seed).normal(0, sd, size=(4, 200, panel.n_post))
    y0 = xr.DataArray(classical(panel, "did").counterfactual[post] + noise, dims=("chain", "draw", "time"))
    return effects.effect_draws(xr.DataArray(panel.treated_series[post], dims="time"), y0)


def _coherent(table: pd.DataFrame, observed: float) -> None:
    """The lift's row is the average's, mapped, or refused where the untreated mean crosses zero."""
    rows = table.set_index("estimand")
    average, lift = rows.loc["average"], rows.loc["lift"]
    columns = ["estimate", "lower", "upper"]
    if np.isinf(average["lower"]) and np.isinf(average["upper"]):
        assert lift[["lower", "upper"]].tolist() == [-np.inf, np.inf]
        columns = ["estimate"]
    elif pd.isna(lift["estimate"]):
        untreated = observed - average[["lower", "upper"]].to_numpy(dtype=float)
        assert untreated.min() <= 0 <= untreated.max()
        assert lift[["lower", "upper", "p", "probability_positive"]].isna().all()
        assert "untreated outcome may be zero" in effects.lift_notes(table)[0]
        return
    mapped = [average[c] / abs(observed - average[c]) for c in columns if not pd.isna(average[c])]
    assert sorted(v for v in lift[columns] if not pd.isna(v)) == pytest.approx(sorted(mapped), rel=1e-9, abs=1e-12)
    assert np.sign(lift["estimate"]) == np.sign(average["estimate"])
    if not pd.isna(average["lower"]):
        assert lift["lower"] <= lift["upper"]
        zero = [row["lower"] <= 0 <= row["upper"] for row in (average, lift)]
        assert zero[0] == zero[1]


@pytest.mark.parametrize("level", [100.0, 3.0, 0.0, -3.0, -100.0])
@pytest.mark.parametrize("name", SETS)
def test_every_set_of_effects_is_mapped_bound_by_bound(name: str, level: float) -> None:
    for seed, effect in ((0, 2.0), (1, -2.0), (2, 0.0)):
        panel = _panel(seed, level, effect)
        found, observed = SETS[name](panel), float(panel.treated_series[10:].mean())
        for probability in (0.6, 0.8, 0.9):
            table = found.effects() if name == "point" else found.effects(probability)
            _coherent(table, observed)
            if abs(level) == 100:
                assert not table["estimate"].isna().any()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), level=st.sampled_from([100.0, 5.0, 0.0, -5.0, -100.0]),
    sd=st.sampled_from([0.1, 1.0, 10.0]), probability=st.floats(0.5, 0.99),
)  # fmt: skip
def test_a_posterior_is_mapped_too(seed: int, level: float, sd: float, probability: float) -> None:
    panel = _panel(seed, level, 0.5)
    observed, draws = float(panel.treated_series[10:].mean()), _draws(panel, seed, sd)
    table = effects.posterior_table(draws, observed=observed, level=probability, interval="mean")
    rows = table.set_index("estimand")
    untreated = observed - draws["average"]
    if float(untreated.min()) <= 0 <= float(untreated.max()):
        assert rows.loc["lift", ["estimate", "lower", "upper", "median", "hdi_lower", "sd"]].isna().all()
        assert np.isnan(rows.loc["lift", "probability_positive"])
        return
    _coherent(table, observed)
    np.testing.assert_allclose(draws["lift"], draws["average"] / abs(untreated))
    assert rows.loc["lift", "probability_positive"] == rows.loc["average", "probability_positive"]


@settings(max_examples=200, deadline=None)
@given(
    low=st.floats(-50, 50), width=st.floats(0, 50), observed=st.floats(-40, 40).filter(lambda v: abs(v) > 1e-3),
    share=st.floats(0, 1),
)  # fmt: skip
def test_bounds_hold_every_effect_between(low: float, width: float, observed: float, share: float) -> None:
    lower, upper = effects.lift_bounds(low, low + width, observed)
    inside = float(effects.lift_of(low + share * width, observed))
    if np.isnan(lower):
        assert np.isnan(upper)
        assert observed - low - width <= 1e-9 * abs(observed)
        return
    assert lower <= inside * (1 + 1e-9 * np.sign(inside)) + 1e-12
    assert inside <= upper * (1 + 1e-9 * np.sign(upper)) + 1e-12


@pytest.mark.parametrize(
    ("lower", "upper", "observed", "expected"),
    [
        (-35.0, -4.0, 60.0, (-35 / 95, -4 / 64)),
        (1.0, 3.0, -46.0, (1 / 47, 3 / 49)),
        (-3.0, -1.0, -46.0, (-3 / 43, -1 / 45)),
        (-4.0, -2.0, 0.0, (-1.0, -1.0)),
        (-np.inf, np.inf, 5.0, (-np.inf, np.inf)),
        (-np.inf, 1.0, 5.0, (-1.0, 0.25)),
        (1.0, np.inf, 5.0, (np.nan, np.nan)),
        (1.0, 5.0, 5.0, (np.nan, np.nan)),
        (0.0, 1.0 - 1e-13, 1.0, (np.nan, np.nan)),
        (1.0 + 1e-13, 2.0, 1.0, (np.nan, np.nan)),
        (np.nan, np.nan, 5.0, (np.nan, np.nan)),
    ],
)
def test_bounds_by_hand(lower: float, upper: float, observed: float, expected: tuple[float, float]) -> None:
    assert effects.lift_bounds(lower, upper, observed) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("observed", [12.0, -12.0, 3.0, -3.0])
@pytest.mark.parametrize("centre", [-20.0, -1.0, 1.0, 20.0])
def test_the_calibrated_law_of_the_lift(observed: float, centre: float) -> None:
    """Against draws of the average's own law, on either side of zero and of the observed mean."""
    if abs(observed - centre) < 2.5:
        pytest.skip("the untreated mean may be zero")
    inflation = Inflation(np.array([0.8, 1.3]), np.array([0.02, 0.0]), np.array([0.4, 0.6]))
    average = Calibrated(inflation, centre, 0.05, 1.0)
    law = CalibratedLift(average, observed, sign=float(np.sign(observed - centre)))
    gaps = np.array([average.quantile(q) for q in np.linspace(0.005, 0.995, 199)])
    lifts = gaps / np.abs(observed - gaps)
    for q in (0.1, 0.5, 0.8):
        assert law.quantile(q) == pytest.approx(np.quantile(lifts, q), rel=2e-3)
        assert law.above(law.quantile(q)) == pytest.approx(1 - q, abs=1e-6)
        assert law.below(law.quantile(q)) == pytest.approx(q, abs=1e-6)
    assert law.above(0.0) == pytest.approx(average.above(0.0))
    assert (law.above(-1e9), law.above(1e9)) == pytest.approx((1.0, 0.0), abs=1e-9)


def test_a_bootstrap_refuses_and_still_has_its_average() -> None:
    found = bootstrap(_panel(0, 0.0, 0.0), "did", cluster="unit", replicates=60, progress=False)
    rows = found.effects(0.9).set_index("estimand")
    assert rows.loc["lift", ["estimate", "lower", "upper", "p"]].isna().all()
    assert rows.loc[["average", "cumulative"], ["estimate", "lower", "upper", "p"]].notna().all(axis=None)
    assert "No lift is given by did (bootstrap-percentile)" in found.notes(0.9)[-1]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_constant_is_its_own_interval() -> None:
    constant = xr.DataArray(np.full((4, 50), 2.0), dims=("chain", "draw"))
    table = effects.posterior_table(effects.of_average(constant, 12.0, 3), observed=12.0, level=0.9, interval="mean")
    for _, row in table.iterrows():
        point = {"average": 2.0, "cumulative": 6.0, "lift": 0.2}[row["estimand"]]
        names = ["estimate", "lower", "upper", "median", "hdi_lower", "hdi_upper"]
        assert row[names].tolist() == pytest.approx([point] * 6)
        assert (row["sd"], row["probability_positive"]) == (0.0, 1.0)
    none = effects.posterior_table(effects.of_average(0 * constant, 12.0, 3), observed=12.0, level=0.9, interval="mean")
    assert (none["probability_positive"] == 0.5).all()
    assert none[["estimate", "lower", "upper"]].to_numpy().tolist() == [[0.0] * 3] * 3


def _case(cases_dir: Path, name: str) -> bs.Panel:
    return bs.Panel.from_long(cases_dir / name, unit="unit", time="time", outcome="y", treated="T", start=20)


def test_negative_outcomes_have_a_lift_of_the_effects_sign(cases_dir: Path) -> None:
    panel = _case(cases_dir, "negative.csv")
    observed = float(panel.treated_series[20:].mean())
    assert observed < 0
    for name in ("point", "placebo", "conformal", "leave-two-out", "prediction", "leave-one-out"):
        table = SETS[name](panel).effects(*([] if name == "point" else [0.8]))
        _coherent(table, observed)
        assert (table["estimate"] > 0).all()
    lift = classical(panel).effects().set_index("estimand").loc["lift", "estimate"]
    assert lift == pytest.approx(0.0388, abs=5e-4)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_no_lift_over_outcomes_that_end(cases_dir: Path) -> None:
    panel = _case(cases_dir, "post_all_zero.csv")
    analysis = bs.analyse(panel, models=["none"], methods=["sc", "did", "placebo", "jackknife+"], progress=False)
    rows = analysis.effects()
    lifts = rows[rows["estimand"] == "lift"]
    assert lifts[(lifts["method"] == "sc")]["estimate"].isna().all()
    assert rows[rows["estimand"] == "average"]["estimate"].notna().all()
    assert any(note.startswith("No lift is given by sc (point)") for note in analysis.to_dict()["notes"])


def test_a_lift_of_nearly_nothing_is_said_to_say_little() -> None:
    rows = [("a", t, 0.01 * (-1) ** t + 2.0 * (t >= 8)) for t in range(10)]
    rows += [(u, t, 0.01 * (-1) ** (t + k)) for k, u in enumerate("bcd") for t in range(10)]
    frame = pd.DataFrame(rows, columns=["unit", "time", "y"])
    frame.loc[frame["unit"] != "a", "y"] += 0.002 * frame["time"]
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated="a", start=8)
    estimate = bs.classical(panel)
    assert abs(estimate.effects()["estimate"][2]) > 10
    (said,) = [sentence for sentence in estimate.sentences() if "near zero" in sentence]
    assert said.startswith("The lift by sc (point) is beyond ten times the untreated outcome")
    assert not effects.lift_notes(bs.classical(panel, "did").effects().assign(estimate=0.5))
