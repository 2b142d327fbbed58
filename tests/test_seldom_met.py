"""Sentences, refusals and turns that few panels lead to."""

import datetime
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth._base.plain import plain, show
from bsynth.cli import main
from bsynth.cli.base import heeding_terminate
from bsynth.evidence import grounds, offsets
from bsynth.evidence.record import Settings
from bsynth.findings.specifications import plan_curve
from bsynth.panel.codes import form_of, read
from bsynth.panel.labels import _as_date
from bsynth.planning.rehearsal import with_effect
from bsynth.plots.study import plot_study
from bsynth.studies.spec import StudySpec

ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "y"}
STUDY = {"seeds": 2, "worlds": {"factor": {}}, "methods": {"d": {"estimator": "did"}}}


def _wide(periods: int = 20, units: int = 6, seed: int = 0) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(size=(periods, units))
    return pd.DataFrame(10 + noise, columns=list("abcdefghij")[:units])


def _panel(periods: int = 20, units: int = 6, start: int = 15) -> bs.Panel:
    return bs.Panel.from_wide(_wide(periods, units), treated="a", start=start)


def _waves() -> Any:
    long = _wide(24, 10).rename_axis("time").reset_index().melt("time", var_name="unit", value_name="y")
    return bs.Panel.from_long(long, **ROLES, start={"a": 16, "b": 18})


# Labels.


def test_labels_of_every_kind_are_plain() -> None:
    assert show(datetime.date(2024, 1, 31)) == "2024-01-31"
    assert plain([pd.NA, float("inf"), {"a": float("nan")}]) == [None, "inf", {"a": None}]
    assert _as_date(pd.Period("2024Q2")) == _as_date("2024Q2") == pd.Timestamp("2024-04-01")
    assert _as_date(3.5) is None


def test_numbers_that_are_no_code_of_a_period() -> None:
    assert read(1990.5, "years") is None
    assert form_of(["1990.37"], [1990.37]) == "whole numbers"


# What the data look like.


def test_data_quality_says_what_left_and_what_is_nearly_alike() -> None:
    frame = _wide(7).rename_axis("time").reset_index().melt("time", var_name="unit", value_name="y")
    frame["unit"] = frame["unit"].replace({"e": "Paris", "f": "paris"})
    frame.loc[(frame["unit"] == "b") & (frame["time"] == 3), "y"] = np.nan
    panel = bs.Panel.from_long(frame, **ROLES, treated="a", start=5, missing="drop-units")
    said = " ".join(bs.data_quality(panel).table["sentence"])
    assert "1 donor with holes left the panel: b." in said
    assert "Units 'Paris' and 'paris' are spelled almost alike." in said
    assert "5 periods before the start are too few to tell whether they are stable." in said


# Planning.


def test_an_effect_that_comes_back_with_the_other_sign() -> None:
    panel = bs.Panel.from_wide(_wide(40, 10), treated="a")
    wide = panel.to_frame()
    found = bs.rehearse(panel, effect=0.01, models=["none"], methods=["did", "placebo"], kind="level", progress=False)
    assert found.verdict in ("not seen", "missed")
    wide.loc[(wide["unit"] == "a") & (wide["time"] >= 30), "outcome"] += 9
    other = bs.Panel.from_long(wide, unit="unit", time="time", outcome="outcome", treated="a")
    wrong = bs.rehearse(other, effect=-0.5, models=["none"], methods=["did", "placebo"], kind="level", level=0.8,
                        progress=False)  # fmt: skip
    assert wrong.verdict == "wrong way"
    with pytest.raises(bs.SpecError, match="give a share above -1"):
        bs.rehearse(panel, effect=-1.0, kind="lift", progress=False)


def test_an_effect_moves_the_sums_of_cells_too() -> None:
    rng = np.random.default_rng(0)
    cells = pd.MultiIndex.from_product([list("abcd"), range(8), range(5)], names=["unit", "time", "user"])
    frame = pd.DataFrame({"y": rng.normal(size=len(cells))}, index=cells).reset_index()
    moved = frame.assign(y=frame["y"] + 2.0 * ((frame["unit"] == "a") & (frame["time"] >= 6)))
    once, again = (bs.Panel.from_events(each, **ROLES, treated="a", start=6) for each in (frame, moved))
    made = with_effect(once, 2.0, "level")
    np.testing.assert_allclose(made.outcome, again.outcome)
    np.testing.assert_allclose(made.cells.total_sq, again.cells.total_sq)


# Studies.


def test_what_a_study_refuses_and_says_of_itself() -> None:
    found = bs.study(StudySpec.from_dict(STUDY), progress=False)
    with pytest.raises(bs.SpecError, match="units are the text 'metres'"):
        found.measures("metres")
    with pytest.raises(bs.SpecError, match="the study's are"):
        plot_study(found, level=0.37)
    waves_alone = STUDY | {"worlds": {"waves": {}}, "methods": {"m": {"model": "level"}}}
    with pytest.raises(bs.SpecError, match="no method of the study goes with any of its worlds"):
        bs.study(waves_alone, progress=False)


# The specification curve.


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"base": bs.ModelSpec.from_toml('[weights]\nprior = "softmax-normal"')}, "give a base with dirichlet weights"),
        ({"pools": ["leave-one-out"], "few": 3}, "needs more than"),
        ({"starts": [5]}, "give starts="),
    ],
)
def test_what_no_curve_can_be_made_of(settings: dict[str, Any], says: str) -> None:
    units, periods = settings.pop("few", 6), 30
    with pytest.raises(bs.BsynthError, match=says) as refused:
        plan_curve(_panel(periods, units, start=6 if "starts" in settings else 20), last=3, **settings)
    assert "\n" not in str(refused.value)


def test_a_pool_of_all_is_the_panel_itself() -> None:
    found = plan_curve(_panel(30, 6, 20), pools=["all", "top-3"], last=3)
    assert sorted(set(found.values("pool"))) == ["all", "top-3"]


# Several cells.


def test_cells_with_windows_of_their_own_say_so() -> None:
    long = _wide(24, 10).rename_axis("time").reset_index().melt("time", var_name="unit", value_name="y")
    panel = bs.Panel.from_long(long, **ROLES, treated={"A": ["a"], "B": ["b"]}, start={"A": 16, "B": 18})
    found = bs.analyse(panel, models="none", methods=["did"], findings="none", progress=False)
    assert any("Cells have windows of their own" in note for note in found.notes())


# The command line.


def test_from_within_python_errors_are_those_of_click() -> None:
    assert main(["--version"], standalone_mode=False) in (None, 0)


def test_in_a_thread_signals_are_left_alone() -> None:
    found: list[str] = []

    def work() -> None:
        with heeding_terminate():
            found.append("ran")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["ran"]


# Models.


@pytest.mark.parametrize("scale", ["log", "logit"])
def test_a_scale_is_explained(scale: str) -> None:
    assert scale in bs.ModelSpec(scale=scale).notes()[0]
    with pytest.raises(bs.SpecError, match="scale is the text 'lgo'"):
        bs.ModelSpec().at_scale("lgo")


# Waves.


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")
def test_an_analysis_of_waves_has_a_posterior_of_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    panel = _waves()
    found = bs.analyse(panel, models=["waves"], methods=["did"], calibrated=False, draws=200)
    assert [fit.spec.name for fit in found.fits] == ["waves"]
    assert found.estimates
    assert "Pooling effects" in capsys.readouterr().err


# The evidence.


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")
def test_grounds_are_scored() -> None:
    small = Settings(draws=150, tune=200, chains=2, n_jobs=1, progress=False)
    records = []
    for k in range(2):
        panel, effect = grounds.ground_panel("inside", 5, k, entropy=9)
        records.append(grounds.score(panel, effect, "level", small.at(k)))
    found = grounds.summarise(records)
    assert found["panels"] == 2
    for kind in ("base", "calibrated", "conformal", "base-periods", "calibrated-periods"):
        assert set(found[kind]) == {"80%", "90%", "95%"}
        assert all(0 <= row["coverage"] <= 1 for row in found[kind].values())
    assert found["calibrated"]["80%"]["width"] < found["calibrated"]["95%"]["width"]
    assert 0 <= found["calibrated-band"]["coverage"] <= 1


@pytest.mark.parametrize("k", range(3))
def test_logs_far_from_their_donors_are_what_they_say(k: int) -> None:
    log = offsets.draw(np.random.default_rng(k))
    assert log.offset <= 200
    panel = offsets.simulate(log, np.random.default_rng(k))
    assert panel.cells is not None
    again = offsets.simulate(log, np.random.default_rng(k))
    np.testing.assert_array_equal(panel.outcome, again.outcome)
