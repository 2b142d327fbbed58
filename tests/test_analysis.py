"""The main job: everything on one panel, a summary that holds every number, a verdict."""

import json
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.analysis import FINDINGS, METHODS, STANDARD, Comparison, choose_methods, plan_analysis
from bsynth.analysis.findings import Kind, choose_findings
from bsynth.checks import check
from bsynth.reporting.sections import sections

matplotlib.use("Agg")
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
    summary = json.loads(json.dumps(rollout_analysis.to_dict(), allow_nan=False))
    assert summary["schema"] == 3
    assert {"units", "donors", "times", "start", "treated", "rows_in", "rows_used", "sha256"} <= set(summary["panel"])
    assert all(set(row) >= EFFECT_KEYS for row in summary["effects"])
    kinds = {(row["method"], row["interval"]) for row in summary["effects"]}
    assert kinds == {
        ("bayes", "predictive"), ("bayes", "mean"), ("sc", "point"), ("sc-slsqp", "point"), ("demeaned", "point"),
        ("did", "point"), ("sc", "placebo"), ("sc", "leave-one-out-range"), ("sc", "bootstrap-percentile"),
        ("sdid", "point"), ("sc", "conformal"), ("demeaned", "placebo"), ("did", "placebo"), ("sdid", "placebo"),
        ("demeaned", "leave-one-out-range"), ("demeaned", "bootstrap-percentile"), ("demeaned", "conformal"),
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
    summary = json.loads(json.dumps(calibrated_analysis.to_dict(), allow_nan=False))
    assert summary["calibration"]["donors"] == 8
    assert summary["effects"][0]["interval"] == "calibrated"
    assert len(summary["calibration"]["path"]) == 14
    assert {row["interval"] for row in summary["path"]} == {"predictive"}
    assert {row["interval"] for row in summary["calibration"]["path"]} == {"calibrated"}
    path = calibrated_analysis.calibration.path(calibrated_analysis.level)
    assert [row["gap_lower"] for row in summary["calibration"]["path"]] == pytest.approx(path["gap_lower"].tolist())
    assert "after calibration on the donors" in " ".join(summary["verdict"]["details"])
    assert {c["name"] for c in summary["checks"]["checks"]} >= {"hull", "autocorrelation", "sensitivity", "calibration"}


def test_both_solvers_are_reported_and_agree(prop99_analysis: bs.Analysis) -> None:
    weights = prop99_analysis.to_dict()["weights"]
    assert max(abs(weights["sc"][unit] - weights["sc-slsqp"][unit]) for unit in weights["sc"]) < 1e-4


def test_the_other_solver_is_a_row_of_its_own_when_it_is_named(rollout_panel: bs.Panel) -> None:
    beside = bs.analyse(rollout_panel, models=["none"], methods=["sc", "placebo"], progress=False)
    assert "sc-slsqp" in beside.estimates
    assert set(beside.comparison.table["method"]) == {"sc"}
    named = bs.analyse(rollout_panel, models=["none"], methods=["sc", "sc-slsqp", "placebo"], progress=False)
    rows = named.comparison.table.set_index("method")
    assert rows["interval"].to_dict() == {"sc": "placebo", "sc-slsqp": "placebo"}
    assert rows.loc["sc-slsqp", "estimate"] == pytest.approx(rows.loc["sc", "estimate"], abs=1e-4)
    assert list(named.estimates) == ["sc", "sc-slsqp"]
    alone = bs.compare(rollout_panel, ["sc-slsqp"], progress=False)
    assert alone.table["method"].tolist() == ["sc-slsqp"]
    assert "sc-slsqp" not in choose_methods("all", rollout_panel)


def test_what_is_asked_for_where_nothing_is_said_is_quick_and_common() -> None:
    """One of each kind; what needs a choice, or answers a further question, is asked for by name."""
    by_name = {"ascm", "placebo-time", "leave-two-out", "jackknife+", "prediction-interval"}
    assert set(METHODS) - set(STANDARD) == by_name
    assert set(STANDARD) < set(METHODS)


def test_methods_are_checked_before_anything_runs(prop99_panel: bs.Panel, rollout_panel: bs.Panel) -> None:
    assert choose_methods("all", rollout_panel) == METHODS
    assert set(choose_methods("standard", rollout_panel)) == set(STANDARD)
    assert "bootstrap" not in choose_methods("all", prop99_panel)
    assert choose_methods("none", prop99_panel) == ()
    with pytest.raises(bs.SpecError, match="unknown method 'placbo', did you mean 'placebo'"):
        choose_methods(["placbo"], prop99_panel)
    both = choose_methods(["standard", "jackknife+"], prop99_panel)
    assert set(both) == {*choose_methods("standard", prop99_panel), "jackknife+"}
    with pytest.raises(bs.SpecError, match="methods has 'none' beside other names; 'none' stands alone"):
        choose_methods(["all", "none"], prop99_panel)
    with pytest.raises(bs.PanelError, match="'bootstrap' cannot be had"):
        choose_methods(["standard", "bootstrap"], prop99_panel)
    with pytest.raises(bs.PanelError, match="no sums per user"):
        plan_analysis(prop99_panel, methods=["bootstrap"])
    with pytest.raises(bs.SpecError, match="nothing to do"):
        plan_analysis(prop99_panel, models=["none"], methods="none")


@pytest.mark.parametrize("kind", FINDINGS.values(), ids=lambda kind: kind.name)
def test_the_name_of_a_verb_hints_at_its_finding(kind: Kind) -> None:
    assert callable(getattr(bs, kind.verb))
    if kind.verb == kind.name:
        return
    with pytest.raises(bs.SpecError, match=f"unknown finding '{kind.verb}', did you mean '{kind.name}'"):
        choose_findings([kind.verb], has_model=True, lacks={})


def test_sets_of_findings_and_names_combine() -> None:
    standard, _ = choose_findings("standard", has_model=True, lacks={})
    both, _ = choose_findings(["bands", "standard"], has_model=True, lacks={})
    assert both == tuple(name for name in FINDINGS if name in {*standard, "bands"})
    assert "bands" not in standard
    with pytest.raises(bs.SpecError, match="findings has 'none' beside other names; 'none' stands alone"):
        choose_findings(["none", "bands"], has_model=True, lacks={})
    # Of a set it is left out with the reason, by name it is refused.
    lacks = {"decision": "no question"}
    assert choose_findings(["standard", "bands"], has_model=True, lacks=lacks)[1] == lacks
    with pytest.raises(bs.SpecError, match="'decision' cannot be had on this panel: no question"):
        choose_findings(["standard", "decision"], has_model=True, lacks=lacks)


def test_plan_can_be_read(rollout_panel: bs.Panel) -> None:
    planned = plan_analysis(rollout_panel, seed=3)
    words = str(planned)
    for each in (planned, planned.fits[0]):
        line = repr(each)
        assert line.startswith(f"<{type(each).__name__} ")
        assert "default" in line
        assert "\n" not in line
        assert len(line) <= 320
    assert "25 donors, 20 pre and 10 post periods" in words
    assert "Calibration of default on 25 donors" in words
    assert "sampling variance of every cell is known" in words
    assert "bootstrap" in words


def test_the_comparison_is_made_of_the_analysis(rollout_analysis: bs.Analysis) -> None:
    summary = rollout_analysis.to_dict()
    found = rollout_analysis.comparison
    assert isinstance(found, Comparison)
    assert summary["comparison"] == found.to_dict()
    assert summary["verdict"] == found.verdict.to_dict()
    assert summary["comparison"]["sentences"] == list(found.verdict.sentences())
    kinds = {(row["method"], row["interval"]) for row in summary["comparison"]["table"]}
    assert ("sc", "bootstrap-percentile") in kinds
    assert not kinds & {("sc", "point"), ("sc-slsqp", "point"), ("bayes", "mean"), ("sc", "leave-one-out-range")}
    # The placebo test around sc is run once, and stands in the effects once.
    assert [name for name in rollout_analysis.inferences if name.startswith("placebo")] == [
        "placebo of sc", "placebo", "placebo of did", "placebo of sdid",
    ]  # fmt: skip
    assert list(rollout_analysis.asked) == ["placebo", "leave-one-out", "bootstrap", "conformal"]
    rows = [
        r for r in summary["effects"] if (r["method"], r["interval"], r["estimand"]) == ("sc", "placebo", "average")
    ]
    assert len(rows) == 1
    assert rows[0]["p_min"] == pytest.approx(1 / 26)


def test_points_stay_where_no_interval_was_asked_for(prop99_panel: bs.Panel) -> None:
    analysis = bs.analyse(prop99_panel, models=["none"], methods=["sc", "did"], progress=False)
    assert list(analysis.comparison.table["interval"]) == ["point", "point"]
    assert analysis.verdict.details[0].startswith("The classical estimates: sc −19.5; did −27.3.")


def test_findings_join_the_analysis_and_its_summary(rollout_analysis: bs.Analysis, rollout_panel: bs.Panel) -> None:
    (fit,) = rollout_analysis.fits
    report = check(fit)
    more = rollout_analysis.with_findings({"audit": report})
    found = json.loads(json.dumps(more.to_dict(), allow_nan=False))["findings"]["audit"]
    assert found["sentences"] == list(report.sentences())
    assert found["model"] == "rollout"
    assert list(rollout_analysis.findings) == ["uncertainty", "donor_audit", "decision", "data_quality"]
    again = more.with_findings({"audit": rollout_analysis.comparison})
    assert again.findings["audit"] is rollout_analysis.comparison


def test_unknown_findings_are_refused(prop99_panel: bs.Panel) -> None:
    with pytest.raises(bs.SpecError, match="unknown finding 'horoscope'"):
        plan_analysis(prop99_panel, findings=["horoscope"])
    assert len(set(FINDINGS)) == len(FINDINGS)


def test_a_posterior_alone_and_inference_without_its_point_are_compared(rollout_analysis: bs.Analysis) -> None:
    alone = replace(rollout_analysis, estimates={}, inferences={})
    assert list(alone.comparison.table["method"]) == ["bayes"]
    assert "The predictive interval excludes zero." in " ".join(alone.verdict.details)
    pointless = replace(rollout_analysis, estimates={})
    row = pointless.comparison.table.set_index(["method", "interval"]).loc[("sc", "bootstrap-percentile")]
    assert row["pre_rmspe"] == pytest.approx(0.0374, abs=1e-4)
    assert row["conditions"].endswith("Its interval holds the sampling of users alone.")


@pytest.mark.parametrize(
    ("questions", "words"),
    [
        ({"estimand": "totals"}, "did you mean 'total'"),
        ({"cost": 1.0}, "cost is given without value_per_unit"),
        ({"cost": 1.0, "value_per_unit": 1.0, "threshold": 0.1}, "give estimand='total' or 'average'"),
        ({"cost": 1.0, "value_per_unit": 1.0, "estimand": "lift"}, "the calibrated lift has no expected value"),
        ({"rope": (1.0, 0.0)}, "low below high"),
        ({"price": 1.0}, "decision has no 'price'"),
    ],
)
def test_a_question_without_an_answer_is_refused_before_any_draw(
    prop99_panel: bs.Panel, questions: dict[str, object], words: str
) -> None:
    with pytest.raises(bs.SpecError, match=words):
        plan_analysis(prop99_panel, questions=questions)
    assert "decision" in plan_analysis(prop99_panel, questions={"cost": 1.0, "value_per_unit": 2.0}).findings


def test_bands_come_only_when_asked_for(prop99_panel: bs.Panel) -> None:
    assert "bands" not in plan_analysis(prop99_panel).findings
    assert "bands" in plan_analysis(prop99_panel, findings="all").findings
    assert plan_analysis(prop99_panel, findings=["bands"]).findings == ("bands",)


def test_an_analysis_has_the_face_of_every_result(prop99_panel: bs.Panel) -> None:
    found = bs.analyse(prop99_panel, models=["none"], methods=["sc", "did", "placebo"], progress=False)
    assert found.status == "ok"
    assert found.main is found.estimates["sc"]
    assert repr(found).startswith(
        "<Analysis outcome of California, 1989 to 2000: Inconclusive: −20 (−24%), 95% placebo"
    )
    pd.testing.assert_frame_equal(pd.DataFrame(found.table), pd.DataFrame(found.effects(0.95)))
    wide, narrow = (found.effects(level).query("interval == 'placebo'").iloc[0] for level in (0.95, 0.8))
    assert wide["lower"] < narrow["lower"] < narrow["upper"] < wide["upper"]
    card = found._repr_html_()
    assert all(words in card for words in str(found.verdict).splitlines())
    counterfactual = found.estimates["sc"].counterfactual
    assert any(np.array_equal(line.get_ydata(), counterfactual) for line in found.plot().get_lines())


def test_one_level_in_one_analysis() -> None:
    frame = bs.simulate_factor(donors=8, n_pre=24, n_post=5, seed=3)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=24)
    found = bs.analyse(panel, models=["none"], methods="all", findings="none", replicates=50, level=0.9, progress=False)
    summary = found.to_dict()
    said = [*summary["sentences"], *(text for each in summary["inferences"].values() for text in each["sentences"])]
    said += [text for section in sections(found) for text in (*section.paragraphs, *section.points)]
    # What was measured of a kind of interval was measured at 95%.
    words = " ".join(text for text in said if "where it was measured" not in text)
    assert "90% jackknife+ interval" in words
    assert "95%" not in words
    assert all(row["level"] in (0.9, None) for row in summary["effects"])
