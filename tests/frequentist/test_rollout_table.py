"""The published table of the simulated product rollout, seed 42 and 50,000 users, to the digits printed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.frequentist import (
    Bootstrap,
    Estimate,
    LeaveOneOut,
    PlaceboSpace,
    bootstrap,
    classical,
    leave_one_out,
    placebo_space,
)
from bsynth.panel.simulate import rollout_panel_arguments

WEIGHTS = {35: 0.2016, 40: 0.1900, 25: 0.1638, 32: 0.0872, 36: 0.0784}
GAPS = [0.0398, 0.1663, 0.1019, 0.1535, 0.1071, 0.1047, 0.0424, 0.0326, 0.0327, 0.0479]
LEFT_OUT = {
    35: 0.0945, 40: 0.0756, 25: 0.0932, 32: 0.0868, 36: 0.0739, 31: 0.0858, 29: 0.0782, 26: 0.0786,
    27: 0.0867, 46: 0.0794, 39: 0.0848, 42: 0.0839,
}  # fmt: skip


@pytest.fixture(scope="module", params=["frame", "csv"])
def panel(
    request: pytest.FixtureRequest, rollout_log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> bs.Panel:
    if request.param == "frame":
        return bs.Panel.from_events(rollout_log, **rollout_panel_arguments())
    path: Path = tmp_path_factory.mktemp("log") / "log.csv"
    rollout_log.to_csv(path, index=False)
    return bs.Panel.from_events(path, **rollout_panel_arguments())


@pytest.fixture(scope="module")
def estimate(panel: bs.Panel) -> Estimate:
    return classical(panel)


@pytest.fixture(scope="module")
def placebo(panel: bs.Panel) -> PlaceboSpace:
    return placebo_space(panel, progress=False)


@pytest.fixture(scope="module")
def left_out(panel: bs.Panel) -> LeaveOneOut:
    return leave_one_out(panel, progress=False)


@pytest.fixture(scope="module")
def resampled(panel: bs.Panel) -> Bootstrap:
    return bootstrap(panel, replicates=500, seed=7, progress=False)


def test_treated_means(panel: bs.Panel) -> None:
    assert round(panel.treated_series[:20].mean(), 4) == 0.5927
    assert round(panel.treated_series[20:].mean(), 4) == 0.6421


def test_naive_gap_of_pooled_users(panel: bs.Panel) -> None:
    assert panel.cells is not None
    n, total = panel.cells.n[:, :25], panel.cells.total[:, :25]
    pre, post = total[:20].sum() / n[:20].sum(), total[20:].sum() / n[20:].sum()
    assert (round(pre, 4), round(post, 4), round(post - pre, 4)) == (0.5916, 0.6431, 0.0515)


def test_weights(estimate: Estimate) -> None:
    table = estimate.weights_table().set_index("donor")["weight"]
    assert int((table > 0.001).sum()) == 12
    assert {k: round(v, 4) for k, v in table.head(5).items()} == WEIGHTS


def test_fit_and_gaps(estimate: Estimate) -> None:
    assert round(estimate.pre_rmspe**2, 6) == 0.001400
    assert round(estimate.pre_rmspe, 4) == 0.0374
    assert estimate.gap[20:].round(4).tolist() == GAPS
    assert round(float(estimate.effects()["estimate"][0]), 4) == 0.0829


def test_slsqp_prints_the_same_table(panel: bs.Panel, estimate: Estimate) -> None:
    reference = classical(panel, solver="slsqp")
    assert reference.solver == "slsqp"
    assert reference.estimator == classical(panel, "sc-slsqp").estimator == "sc-slsqp"
    np.testing.assert_allclose(reference.weights, estimate.weights, atol=1e-4)
    assert reference.gap[20:].round(4).tolist() == GAPS


def test_placebos(placebo: PlaceboSpace) -> None:
    gaps = placebo.table["mean_gap"]
    found = [round(float(v), 4) for v in (gaps.mean(), gaps.std(ddof=0), gaps.min(), gaps.max())]
    assert found == [-0.0008, 0.0380, -0.0748, 0.0707]
    assert placebo.ranks.loc["mean_gap", "rank"] == 1
    assert round(float(placebo.ranks.loc["mean_gap", "p"]), 4) == 0.0385
    assert "0 of 25 donors" in placebo.sentences()[0]


def test_leave_one_out(left_out: LeaveOneOut) -> None:
    table = left_out.table.set_index("dropped")
    assert {k: round(v, 4) for k, v in table["mean_gap"].items()} == LEFT_OUT
    assert tuple(round(v, 4) for v in left_out.range) == (0.0739, 0.0945)


def test_bootstrap_interval(resampled: Bootstrap) -> None:
    average = resampled.effects().iloc[0]
    assert (round(average["lower"], 4), round(average["upper"], 4)) == (0.0511, 0.1215)
    assert resampled.failed == 0
    assert len(resampled.table) == 500
