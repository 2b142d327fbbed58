"""The verdict read aloud: right on every panel, and no number in it that is not in ``summary.json``."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import bsynth as bs
from bsynth.analysis import Analysis, plan_comparison, run_analysis
from bsynth.analysis.verdict import verdict
from bsynth.bayesian.plan import plan
from bsynth.bayesian.result import Fit
from bsynth.bayesian.run import run
from bsynth.calibration import Calibration
from bsynth.checks import check

PANELS = ("rollout", "prop99", "basque", "nothing", "few", "textbook", "classical_only")
type Unexplained = Callable[[str, dict[str, Any]], set[str]]
NUMBER = re.compile(r"−?\d+(?:,\d{3})*(?:\.\d+)?%?")


def side_by_side(
    panel: bs.Panel, *fits: Fit, calibration: Calibration | None = None, truth: float | None = None
) -> Analysis:
    """An analysis with the usual estimators around fits that are there already."""
    analysis = run_analysis(plan_comparison(panel, ["sc", "demeaned", "did", "sdid"]), truth=truth, progress=False)
    checks = check(fits[0], calibration=calibration) if fits else None
    return replace(analysis, fits=fits, calibration=calibration, checks=checks)


def factor_panel(donors: int, seed: int) -> bs.Panel:
    frame = bs.simulate_factor(donors=donors, seed=seed)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)


def level_fit(panel: bs.Panel) -> Fit:
    """A quick fit; with room for as many donors as California has, all panels share its compiled model."""
    return run(plan(panel, "level", draws=400, seed=1, slots=38), progress=False)


@pytest.fixture(scope="module")
def rollout(rollout_panel: bs.Panel, rollout_fit: Fit) -> Analysis:
    """The whole main job, bootstrap and conformal test included."""
    analysis = bs.analyse(rollout_panel, models=["none"], replicates=60, seed=7, truth=0.05, progress=False)
    return replace(analysis, fits=(rollout_fit,), checks=check(rollout_fit))


@pytest.fixture(scope="module")
def prop99(prop99_panel: bs.Panel, prop99_fit: Fit) -> Analysis:
    return side_by_side(prop99_panel, prop99_fit)


@pytest.fixture(scope="module")
def basque(basque_panel: bs.Panel) -> Analysis:
    return side_by_side(basque_panel, level_fit(basque_panel))


@pytest.fixture(scope="module")
def nothing() -> Analysis:
    panel = factor_panel(20, 5)
    return side_by_side(panel, level_fit(panel), truth=0.0)


@pytest.fixture(scope="module")
def few() -> Analysis:
    panel = factor_panel(3, 2)
    return side_by_side(panel, level_fit(panel), truth=0.0)


@pytest.fixture(scope="module")
def textbook(rollout_panel: bs.Panel) -> Analysis:
    """The model without a level, where a level is needed."""
    return side_by_side(rollout_panel, bs.fit(rollout_panel, "dirichlet", seed=1, progress=False), truth=0.05)


@pytest.fixture(scope="module")
def classical_only(rollout_panel: bs.Panel) -> Analysis:
    return side_by_side(rollout_panel)


@pytest.fixture(scope="module")
def germany(germany_panel: bs.Panel) -> Analysis:
    calibration = bs.calibrate(germany_panel, draws=500, seed=1, progress=False)
    return side_by_side(germany_panel, calibration.fit, calibration=calibration)


@pytest.mark.parametrize("name", PANELS)
def test_every_number_of_the_verdict_is_in_the_summary(
    name: str, request: pytest.FixtureRequest, unexplained: Unexplained
) -> None:
    analysis: Analysis = request.getfixturevalue(name)
    words = " ".join((str(analysis.verdict), *analysis.verdict.details))
    assert len(NUMBER.findall(words)) > 8
    assert not unexplained(words, analysis.to_dict())


@pytest.mark.slow
def test_every_number_of_a_calibrated_verdict_is_in_the_summary(germany: Analysis, unexplained: Unexplained) -> None:
    assert not unexplained(" ".join(germany.verdict.sentences()), germany.to_dict())


def test_the_check_of_numbers_can_fail(rollout: Analysis, unexplained: Unexplained) -> None:
    said = str(rollout.verdict) + " It is 7.7777 at 91.37%."
    assert unexplained(said, rollout.to_dict()) == {"7.7777", "91.37%"}


@pytest.mark.parametrize("name", PANELS)
def test_it_does_not_contradict_itself(name: str, request: pytest.FixtureRequest) -> None:
    analysis: Analysis = request.getfixturevalue(name)
    words = " ".join(analysis.verdict.details)
    assert not ("excludes zero" in words and "Zero lies inside" in words)
    assert "contradict each other" not in words
    assert words.count("Trust ") <= 1
    for sentence in analysis.comparison.sentences():
        assert sentence.endswith(".")
        assert ".." not in sentence
        assert "  " not in sentence


def test_rollout_names_the_hull_and_whom_to_trust(rollout: Analysis) -> None:
    words = " ".join(rollout.verdict.details)
    assert "sc DISAGREES with the posterior: its estimate lies above its whole predictive interval" in words
    assert (
        "outside the hull of its donors: before the start the best weighted donors miss it by 0.0374 (root mean square)"
        in words
    )
    assert "with a free offset (+0.0449, other weights)" in words
    assert "That is why it disagrees with the posterior" in words
    assert "Trust the posterior, with which demeaned, did and sdid agree, rather than sc." in words
    assert "single donors, noisier than a mean of 25 workspaces" in words
    assert "bootstrap-percentile interval [0.0" in words
    assert "The true effect of this simulation is 0.0500: held by the predictive interval" in words
    assert re.search(r"missed by [^.]*bootstrap-percentile interval of sc", words)


def test_textbook_model_is_not_trusted_on_the_rollout(textbook: Analysis) -> None:
    words = " ".join(textbook.verdict.details)
    assert "sc and the model dirichlet have no level" in words
    assert "Trust demeaned, did and sdid" in words
    assert "rather than sc and the model dirichlet" in words
    assert "Trust the posterior" not in words


def test_prop99_blames_the_fit_of_did_and_no_hull(prop99: Analysis) -> None:
    words = " ".join(prop99.verdict.details)
    assert "outside the hull" not in words
    assert "did follows the treated series less closely before the start (root mean square error 7.16)" in words
    assert "autocorrelated" in words
    assert "was not calibrated" in words
    assert "do not rely on its interval alone" in words


@pytest.mark.slow
def test_germany_holds_zero_after_calibration(germany: Analysis) -> None:
    words = " ".join(germany.verdict.details)
    assert "Zero lies inside the calibrated interval" in words
    assert "The model alone would exclude it" in words
    # Its estimate, +604, lies about where the calibrated interval ends: which side is up to the draws.
    inside = "did has the other sign, though inside the calibrated interval" in words
    assert inside or "did DISAGREES with the posterior: its estimate lies above its whole calibrated interval" in words
    assert "at 95% the placebo test can rule nothing out" in words
    assert "Report the calibrated interval" in words
    assert "excludes zero" not in words


def test_no_effect_is_left_open(nothing: Analysis, few: Analysis) -> None:
    assert "one rejection among several tests is what chance alone produces now and then" in " ".join(
        nothing.verdict.details
    )
    for analysis in (nothing, few):
        assert "no effect remains a possibility" in " ".join(analysis.verdict.details)
        assert "excludes zero" not in " ".join(analysis.verdict.details)
    assert "With 3 donors the interval cannot be calibrated (4 are needed)" in " ".join(few.verdict.details)
    assert "p cannot fall below 0.250" in " ".join(few.verdict.details)


def test_without_a_posterior_the_hull_still_decides(classical_only: Analysis) -> None:
    words = " ".join(classical_only.verdict.details)
    assert words.startswith("The classical estimates with 95% placebo intervals: sc 0.083 [0.008,")
    assert "They agree on the sign" in words
    assert "Zero is rejected by the placebo test around sc (p = 0.0385), not by" in words
    assert "Trust demeaned, did and sdid, whose free level takes the offset up, rather than sc." in words


@pytest.fixture
def numbers(prop99: Analysis) -> dict[str, Any]:
    """The numbers of a real comparison, to be changed by a test: 0 is the posterior, 1 to 4 are classical."""
    return copy.deepcopy(prop99.comparison.numbers())


def test_p_against_its_own_interval_is_said(numbers: dict[str, Any]) -> None:
    numbers["table"][1]["p"] = 0.01
    assert "The placebo interval of sc and its p = 0.0100 contradict each other about zero." in verdict(numbers).details


def test_intervals_that_leave_out_or_lose_their_estimate_are_said(numbers: dict[str, Any]) -> None:
    numbers["table"][1] |= {"lower": 2.0, "upper": 3.0, "p": 0.01}
    numbers["table"][2] |= {"lower": None, "upper": None}
    words = verdict(numbers).details
    assert "The placebo interval of sc leaves out its own estimate, so do not rely on it." in words
    assert any(sentence.startswith("The placebo interval of demeaned is empty") for sentence in words)


def test_a_closer_fit_outside_the_interval_counts_against_the_posterior(numbers: dict[str, Any]) -> None:
    numbers |= {"donors": 10}
    for row in numbers["table"][1:]:
        row |= {"estimate": -1.0, "pre_rmspe": 0.5}
    words = verdict(numbers).details
    assert "Trust sc, demeaned, did and sdid rather than the posterior." in words
    numbers |= {"donors": 38}
    assert any("that may be chance, so report both" in sentence for sentence in verdict(numbers).details)
    assert not any(sentence.startswith("Trust") for sentence in verdict(numbers).details)


def test_a_sign_change_and_intervals_apart_are_said(numbers: dict[str, Any]) -> None:
    numbers["table"][0] |= {"lower": -30.0, "upper": 5.0}
    numbers["table"][1] |= {"estimate": 3.0, "lower": 1.0, "upper": 4.0, "p": 0.026}
    numbers["table"][2] |= {"lower": -12.0, "upper": -10.0, "p": 0.026}
    words = " ".join(verdict(numbers).details)
    assert "sc has the other sign" in words
    assert "The intervals of sc and demeaned do not meet." in words


@pytest.mark.parametrize(
    ("finding", "said"),
    [("overconfident", "OVERCONFIDENT"), ("too wide", "wider than it needs"), ("borne out", "nothing against")],
)
def test_a_certificate_is_weighed(numbers: dict[str, Any], finding: str, said: str) -> None:
    numbers["certificate"] = {"model": "level", "finding": finding, "factor": 2.66, "status": "ok", "reason": ""}
    (sentence,) = [s for s in verdict(numbers).details if s.startswith("The certificate")]
    assert said in sentence
    assert "2.66 times" in sentence
    numbers["certificate"]["model"] = "another"
    assert not any(s.startswith("The certificate") for s in verdict(numbers).details)


def test_two_solvers_of_one_estimator_do_not_agree_with_each_other(rollout_panel: bs.Panel) -> None:
    def said(*methods: str) -> str:
        return " ".join(bs.compare(rollout_panel, methods, calibrated=False, progress=False).verdict.details)

    assert "They agree on the sign" not in said("sc", "sc-slsqp")
    assert "They agree on the sign" in said("sc", "sc-slsqp", "demeaned")


def test_an_interval_without_bounds_does_not_overlap(prop99: Analysis) -> None:
    comparison = json.loads(json.dumps(prop99.comparison.to_dict()))
    rows = comparison["table"]
    main = next(row for row in rows if row["method"] == "bayes")
    other = next(row for row in rows if row["method"] != "bayes")
    other |= {
        "estimate": main["upper"] + 1.0,
        "lower": main["upper"] - 1.0,
        "upper": main["upper"] + 3.0,
        "level": 0.95,
    }
    assert "although the intervals overlap" in " ".join(verdict(comparison).details)
    other |= {"lower": "-inf", "upper": "inf"}
    said = "sc DISAGREES with the posterior: its estimate lies above its whole predictive interval, while an interval "
    assert said + "without bounds of its own says nothing of that." in " ".join(verdict(comparison).details)
