"""Copies, constants, zeros, perfect fits and many donors: a sensible answer or one clear refusal, never a stumble."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth import frequentist
from bsynth.cli import main
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import PanelError
from bsynth.frequentist import RidgeASCM, classical, conditions, prediction_interval
from bsynth.frequentist.estimators.predictors import Predictors

ESTIMATORS = ("sc", "demeaned", "did", "sdid", "ascm")
VERBS: dict[str, Callable[[bs.Panel], Any]] = {
    "placebo": lambda p: frequentist.placebo_space(p, progress=False),
    "leave-one-out": lambda p: frequentist.leave_one_out(p, progress=False),
    "conformal": lambda p: frequentist.conformal(p, progress=False),
    "placebo-time": lambda p: frequentist.placebo_time(p),
    "leave-two-out": lambda p: frequentist.leave_two_out(p, progress=False),
    "jackknife+": lambda p: frequentist.jackknife_plus(p, progress=False),
    "prediction-interval": lambda p: prediction_interval(p, draws=30),
}


def _case(cases_dir: Path, name: str) -> bs.Panel:
    frame = pd.read_csv(cases_dir / f"{name}.csv")
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated="T", start=20)


def _panel(data: np.ndarray, n_pre: int) -> bs.Panel:
    frame = pd.DataFrame(data, columns=["T", *(f"d{j}" for j in range(1, data.shape[1]))])
    return bs.Panel.from_wide(frame.rename_axis("t").reset_index(), time="t", treated="T", start=n_pre)


def _world(donors: int, periods: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(periods, 2)).cumsum(axis=0)
    return 50 + factors @ rng.normal(size=(2, donors + 1)) + 0.5 * rng.normal(size=(periods, donors + 1))


def _everything(panel: bs.Panel) -> dict[str, Any]:
    """Every method that the panel can have, each with finite points and interval beside p."""
    found: dict[str, Any] = {}
    for name in ESTIMATORS:
        estimate = classical(panel, name)
        assert np.isfinite(estimate.gap).all(), name
        assert estimate.weights.sum() == pytest.approx(1, abs=1e-9), name
        found[name] = estimate
    refused = conditions(panel)
    for name, verb in VERBS.items():
        if name in refused:
            continue
        answer = verb(panel)
        assert answer.sentences()
        if name not in ("leave-one-out", "placebo-time"):
            row = answer.effects(0.8).iloc[0]
            assert 0 < row["p"] <= 1, name
            assert not row["lower"] > row["upper"], name
        found[name] = answer
    return found


@pytest.mark.parametrize("name", ["county_state", "identical_donors"])
def test_donors_that_are_copies_leave_nothing_to_augment(cases_dir: Path, name: str) -> None:
    panel = _case(cases_dir, name)
    found = _everything(panel)
    for estimator in ("sc", "ascm"):
        assert found[estimator].effects()["estimate"][0] == pytest.approx(-0.244, abs=5e-4)
    assert np.abs(found["ascm"].weights).max() <= 1 + 1e-6


@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-9, 1e-6, 1e-4])
@pytest.mark.parametrize(("donors", "n_pre"), [(2, 3), (8, 20), (60, 5)])
def test_near_copies_are_not_extrapolated_from(donors: int, n_pre: int, noise: float) -> None:
    """Donors are far closer to each other than to the treated unit: their differences cannot tell what it does."""
    for seed in range(3):
        data = _world(1, n_pre + 4, seed)
        rng = np.random.default_rng(seed)
        copies = data[:, 1:] + noise * rng.normal(size=(n_pre + 4, donors))
        panel = _panel(np.column_stack([data[:, 0] + 3, copies]), n_pre)
        plain, augmented = classical(panel), classical(panel, "ascm")
        assert augmented.weights.sum() == pytest.approx(1, abs=1e-9)
        size = float(np.linalg.norm(plain.gap[:n_pre]))
        np.testing.assert_allclose(augmented.gap, plain.gap, atol=100 * noise + 1e-3 * noise * size + 1e-9)


def test_a_given_ridge_of_nearly_nothing_keeps_the_sum() -> None:
    data = _world(3, 24, 0)
    copies = _panel(np.column_stack([data[:, :2], data[:, [1]], data[:, [1]]]), 20)
    estimate = classical(copies, RidgeASCM(ridge=1e-200))
    assert estimate.weights.sum() == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(estimate.gap, classical(copies).gap, atol=1e-9)


def test_identical_treated_and_donor(cases_dir: Path) -> None:
    found = _everything(_case(cases_dir, "aa_identical"))
    for name in ("sc", "demeaned", "ascm"):
        assert found[name].effects()["estimate"].tolist() == [0.0, 0.0, 0.0]
    for name in ("placebo", "conformal", "leave-two-out", "jackknife+", "prediction-interval"):
        row = found[name].effects().iloc[0]
        assert row["p"] == 1, name
        assert row["lower"] <= 0 <= row["upper"], name


def test_two_donors(cases_dir: Path) -> None:
    panel = _case(cases_dir, "two_donors")
    found = _everything(panel)
    assert found["sc"].effects()["estimate"][0] == pytest.approx(2.5086, abs=1e-4)
    assert set(conditions(panel)) == {"bootstrap", "leave-two-out"}


def test_constant_donors(cases_dir: Path) -> None:
    found = _everything(_case(cases_dir, "constant_donors"))
    assert found["did"].effects()["estimate"][0] == pytest.approx(-2.8172, abs=1e-4)
    assert found["demeaned"].effects()["estimate"][0] == pytest.approx(-2.8172, abs=1e-4)
    assert np.abs(found["ascm"].weights).max() < 10


@pytest.mark.parametrize("errors", ["gaussian", "location-scale", "quantile"])
@pytest.mark.parametrize("name", ["post_all_zero", "constant_donors", "county_state", "two_donors"])
def test_a_prediction_is_one_procedure(cases_dir: Path, name: str, errors: Any) -> None:
    """The point lies inside its own interval at every level, by period as on average, and p is of the same."""
    found = prediction_interval(_case(cases_dir, name), errors=errors, draws=40)
    for level in (0.5, 0.8, 0.95):
        table = found.effects(level)
        assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
        row = table.iloc[0]
        assert row["lower"] <= row["estimate"] + 1e-9
        assert row["upper"] >= row["estimate"] - 1e-9
        if abs(row["p"] - (1 - level)) > 1e-6:
            assert (row["lower"] <= 0 <= row["upper"]) == (row["p"] > 1 - level)
        path = found.path(level)
        assert (path["lower"] <= path["counterfactual"] + 1e-9).all()
        assert (path["upper"] >= path["counterfactual"] - 1e-9).all()


def test_outcomes_that_end(cases_dir: Path) -> None:
    """All outcomes are zero after the start: the effect is none, and no regression reaches from 50 down to it."""
    found = _everything(_case(cases_dir, "post_all_zero"))
    assert found["sc"].effects()["estimate"][0] == 0
    row = found["prediction-interval"].effects().iloc[0]
    assert row["estimate"] == pytest.approx(0, abs=0.1)
    assert row["lower"] < -0.1 < 0.1 < row["upper"]
    assert row["p"] > 0.5
    assert "a constant alone" in found["prediction-interval"].notes()[0]


def _copies(data: np.ndarray, n_pre: int) -> np.ndarray:
    return data[:, [0, *np.random.default_rng(0).integers(1, 3, data.shape[1] - 1)]]


def _collinear(data: np.ndarray, n_pre: int) -> np.ndarray:
    return np.column_stack([data[:, 0], np.outer(data[:, 1], np.linspace(0.5, 2, data.shape[1] - 1))])


def _zeros(data: np.ndarray, n_pre: int) -> np.ndarray:
    return np.column_stack([data[:, 0], 0 * data[:, 1:]])


def _zero_before(data: np.ndarray, n_pre: int) -> np.ndarray:
    data[:n_pre, 1:] = 0
    return data


def _zero_after(data: np.ndarray, n_pre: int) -> np.ndarray:
    data[n_pre:] = 0
    return data


def _perfect(data: np.ndarray, n_pre: int) -> np.ndarray:
    return np.column_stack([data[:, 1:] @ np.full(data.shape[1] - 1, 1 / (data.shape[1] - 1)), data[:, 1:]])


def _far(data: np.ndarray, n_pre: int) -> np.ndarray:
    return np.column_stack([data[:, 0] + 1e6, data[:, 1:]])


def _spike(data: np.ndarray, n_pre: int) -> np.ndarray:
    data[1, 1] = 1e7
    return data


def _two_levels(data: np.ndarray, n_pre: int) -> np.ndarray:
    data[:, 1::2] += 1e6
    return data


def _few_values(data: np.ndarray, n_pre: int) -> np.ndarray:
    return (data > 51).astype(float)


KINDS = (
    _copies, _collinear, _zeros, _zero_before, _zero_after, _perfect, _far, _spike, _two_levels, _few_values,
)  # fmt: skip


@pytest.mark.parametrize(("donors", "n_pre", "n_post"), [(3, 3, 1), (6, 12, 3), (20, 6, 2)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda made: made.__name__.strip("_"))
def test_any_degenerate_panel(
    kind: Callable[[np.ndarray, int], np.ndarray], donors: int, n_pre: int, n_post: int
) -> None:
    try:
        panel = _panel(kind(_world(donors, n_pre + n_post, donors + n_pre), n_pre), n_pre)
    except PanelError:
        pytest.skip("a treated unit that does not move is refused by the panel")
    _everything(panel)


def test_predictors_that_tell_nothing(cases_dir: Path) -> None:
    panel = _case(cases_dir, "county_state")
    table = pd.DataFrame({"constant": 4.0, "copy": [1.0] + [2.0] * 8, "zero": 0.0}, index=list(panel.units))
    estimate = classical(panel, Predictors(table, starts=1))
    assert estimate.weights.sum() == pytest.approx(1, abs=1e-9)
    assert estimate.effects()["estimate"][0] == pytest.approx(-0.244, abs=5e-4)


def test_more_donors_than_anyone_needs() -> None:
    data = _world(445, 26, 1)
    data[20:, 0] += 2
    panel = _panel(data, 20)
    for name in ESTIMATORS:
        estimate = classical(panel, name)
        assert estimate.weights.sum() == pytest.approx(1, abs=1e-9)
        if name != "did":
            assert estimate.effects()["estimate"][0] == pytest.approx(2, abs=1.5)
    placebo = frequentist.placebo_space(panel, progress=False)
    assert placebo.ranks.loc["mean_gap", "placebos"] == 445
    row = prediction_interval(panel, draws=20).effects(0.9).iloc[0]
    assert row["lower"] < row["estimate"] < row["upper"]


@pytest.mark.parametrize("name", ["county_state", "two_donors", "post_all_zero", "aa_identical"])
def test_command_line(cases_dir: Path, tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(
        main,
        ["run", str(cases_dir / f"{name}.csv"), "--unit", "unit", "--time", "time", "--outcome", "y", "--treated", "T",
         "--start", "20", "--model", "none", "--methods", "all", "--out", str(tmp_path / "run")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "run" / "summary.json").read_text())["effects"]
    points = {r["method"]: r["estimate"] for r in rows if r["estimand"] == "average" and r["interval"] == "point"}
    expected = {"county_state": -0.244, "two_donors": 2.509, "post_all_zero": 0.0, "aa_identical": 0.0}[name]
    assert points["sc"] == pytest.approx(expected, abs=1e-3)
    assert points["ascm"] == pytest.approx(expected, abs=1e-3)
