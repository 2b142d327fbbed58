"""The main job: everything on one panel, a summary that holds every number, a verdict."""

import json
import re

import pytest

import bsynth as bs
from bsynth.analysis import METHODS, STANDARD, choose_methods, plan_analysis
from bsynth.verdict import number

EFFECT_KEYS = {"method", "model", "estimand", "estimate", "lower", "upper", "level", "interval", "p", "probability_positive", "seconds"}  # fmt: skip


@pytest.fixture(scope="module")
def rollout_analysis(rollout_panel: bs.Panel) -> bs.Analysis:
    return bs.analyse(
        rollout_panel, models=["rollout"], calibrated=False, replicates=100, seed=7, truth=0.05, progress=False
    )


@pytest.fixture(scope="module")
def prop99_analysis(prop99_panel: bs.Panel) -> bs.Analysis:
    return bs.analyse(prop99_panel, models=["level"], calibrated=False, seed=1, progress=False)


def test_summary_has_the_documented_shape(rollout_analysis: bs.Analysis) -> None:
    summary = json.loads(json.dumps(rollout_analysis.summary(), allow_nan=False))
    assert summary["schema"] == 1
    assert {"units", "donors", "times", "start", "treated", "rows_in", "rows_used", "sha256"} <= set(summary["panel"])
    assert all(set(row) >= EFFECT_KEYS for row in summary["effects"])
    kinds = {(row["method"], row["interval"]) for row in summary["effects"]}
    assert kinds == {
        ("bayes", "predictive"), ("bayes", "mean"), ("sc", "point"), ("sc-slsqp", "point"), ("demeaned", "point"),
        ("did", "point"), ("sc", "placebo"), ("sc", "leave-one-out-range"), ("sc", "bootstrap-percentile"),
        ("sdid", "point"), ("sc", "conformal"),
    }  # fmt: skip
    assert len(summary["path"]) == 30
    assert set(summary["path"][0]) >= {"time", "observed", "counterfactual", "lower", "upper"}
    for weights in summary["weights"].values():
        assert len(weights) == 25
        assert sum(weights.values()) == pytest.approx(1)
    assert summary["diagnostics"][0]["status"] == "ok"
    assert summary["seed"] == 7


@pytest.fixture(scope="module")
def calibrated_analysis(germany_panel: bs.Panel) -> bs.Analysis:
    few = germany_panel.without(*germany_panel.donors[8:])
    return bs.analyse(few, methods=["sc", "demeaned", "placebo"], draws=500, seed=1, progress=False)


@pytest.mark.slow
def test_calibration_and_checks_are_in_the_summary(calibrated_analysis: bs.Analysis) -> None:
    summary = json.loads(json.dumps(calibrated_analysis.summary(), allow_nan=False))
    assert summary["calibration"]["donors"] == 8
    assert summary["effects"][0]["interval"] == "calibrated"
    assert len(summary["calibration"]["path"]) == 14
    assert "after calibration on the donors" in summary["verdict"]
    assert {c["name"] for c in summary["checks"]["checks"]} >= {"hull", "autocorrelation", "sensitivity", "calibration"}


def test_both_solvers_are_reported_and_agree(prop99_analysis: bs.Analysis) -> None:
    weights = prop99_analysis.summary()["weights"]
    assert max(abs(weights["sc"][unit] - weights["sc-slsqp"][unit]) for unit in weights["sc"]) < 1e-4


def test_verdict_explains_the_disagreement_on_the_rollout_log(rollout_analysis: bs.Analysis) -> None:
    words = rollout_analysis.verdict
    assert "DISAGREE" in words
    assert "sits 0.04" in words
    assert "the posterior interval holds it" in words
    assert "the classical bootstrap interval misses it" in words


def test_verdict_on_prop99_agrees(prop99_analysis: bs.Analysis) -> None:
    assert "The two agree" in prop99_analysis.verdict


@pytest.mark.parametrize("name", ["rollout_analysis", "prop99_analysis", "calibrated_analysis"])
def test_every_number_of_the_verdict_is_in_the_summary(name: str, request: pytest.FixtureRequest) -> None:
    analysis: bs.Analysis = request.getfixturevalue(name)
    found = set(re.findall(r"−?\d+(?:\.\d+)?", analysis.verdict.replace("95%", "")))
    written: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            written.update({number(value), number(abs(value))})

    walk(analysis.summary_numbers())
    assert found
    assert found <= written


def test_methods_are_checked_before_anything_runs(prop99_panel: bs.Panel, rollout_panel: bs.Panel) -> None:
    assert choose_methods("all", rollout_panel) == METHODS
    assert set(choose_methods("standard", rollout_panel)) == set(STANDARD)
    assert "bootstrap" not in choose_methods("all", prop99_panel)
    assert choose_methods("none", prop99_panel) == ()
    with pytest.raises(bs.SpecError, match="unknown method 'placbo', did you mean 'placebo'"):
        choose_methods(["placbo"], prop99_panel)
    with pytest.raises(bs.PanelError, match="no sums per user"):
        plan_analysis(prop99_panel, methods=["bootstrap"])
    with pytest.raises(bs.SpecError, match="nothing to do"):
        plan_analysis(prop99_panel, models=["none"], methods="none")


def test_plan_can_be_read(rollout_panel: bs.Panel) -> None:
    words = str(plan_analysis(rollout_panel, seed=3))
    assert "25 donors, 20 pre and 10 post periods" in words
    assert "Calibration of default on 25 donors" in words
    assert "sampling variance of every cell is known" in words
    assert "bootstrap" in words
