"""The default run on degenerate panels, through the command line and Python: the right answer, and what it lacks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bsynth as bs
from bsynth.analysis import plan_analysis
from bsynth.cli import main
from bsynth.reporting.opening import quantities

USUAL = ("--unit", "unit", "--time", "time", "--outcome", "y", "--treated", "T", "--start", "20")


def _panel(folder: Path, name: str, **settings: Any) -> bs.Panel:
    return bs.Panel.from_long(
        folder / f"{name}.csv", unit="unit", time="time", outcome="y", treated="T", start=20, **settings
    )


def _run(folder: Path, name: str, out: Path, *arguments: str) -> tuple[Result, dict[str, Any]]:
    done = CliRunner().invoke(main, ["run", str(folder / f"{name}.csv"), *USUAL, *arguments, "--out", str(out)])
    assert done.exit_code in (0, 3), done.output
    summary = json.loads((out / "summary.json").read_text())
    assert done.exit_code == (0 if summary["status"] == "ok" else 3)
    assert (out / "report.html").is_file()
    for name, reason in summary["unavailable"].items():
        # A terminal's lines are wrapped.
        assert " ".join(f"{name}: {reason}".split()) in " ".join(done.output.split())
    return done, summary


def _row(summary: dict[str, Any], method: str, interval: str) -> dict[str, Any]:
    (row,) = (
        r for r in summary["effects"] if (r["method"], r["interval"], r["estimand"]) == (method, interval, "average")
    )
    return row


def test_a_treated_unit_equal_to_a_donor(cases_dir: Path, tmp_path: Path) -> None:
    done, summary = _run(cases_dir, "aa_identical", tmp_path / "run", "--draws", "300")
    for method in ("sc", "demeaned"):
        row = _row(summary, method, "placebo")
        assert row["estimate"] == pytest.approx(0, abs=1e-9)
        assert row["p"] == 1
    assert "T equals D00 before 20" in summary["unavailable"]["posterior default"]
    assert summary["diagnostics"] == []
    assert any(note.startswith("T equals D00 before 20: where a fit has no error") for note in summary["notes"])
    assert summary["verdict"]["details"][0].startswith("The posterior default is not available: T equals D00 before 20")
    # Known before anything is fitted.
    assert done.output.index("T equals D00") < done.output.index("classical: sc")
    with pytest.raises(bs.PanelError, match="model 'default' has no posterior here: T equals D00 before 20"):
        bs.fit(_panel(cases_dir, "aa_identical"))


def test_a_plan_names_copies_and_lone_donors(cases_dir: Path) -> None:
    for name in ("identical_donors", "county_state"):
        plan = plan_analysis(_panel(cases_dir, name))
        assert len(plan.fits) == 1, "the treated unit itself is no copy"
        assert "are copies of one series before 20" in plan.notes[0]
        assert "0 donors can play the treated unit" in plan.unavailable["calibration"]
    plan = plan_analysis(_panel(cases_dir, "two_donors"))
    assert plan.unavailable["donor_audit"] == "it needs 3 donors, and there are 2"
    assert "fewer than 2 donors would be left" in plan.unavailable["calibration"]
    plan = plan_analysis(_panel(cases_dir, "constant_donors"))
    assert ": it is constant before 20)" in plan.unavailable["calibration"]
    assert "donor_audit" in plan.findings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sc", "posterior"),
    [
        ("identical_donors", -0.244, (1.0, 3.5)),
        ("county_state", -0.244, (1.0, 3.5)),
        ("two_donors", 2.51, (1.0, 4.0)),
        ("constant_donors", None, (-5.0, 0.5)),
    ],
)
def test_degenerate_donors_give_a_whole_run(
    cases_dir: Path, tmp_path: Path, name: str, sc: float | None, posterior: tuple[float, float]
) -> None:
    # As many draws as a user has: with few, some seeds miss the gate, and the words are of that.
    _, summary = _run(cases_dir, name, tmp_path / "run")
    assert (tmp_path / "run" / "fit.nc").is_file()
    base = _row(summary, "bayes", "predictive")
    assert posterior[0] < base["estimate"] < posterior[1]
    assert "calibration" in summary["unavailable"]
    assert summary["calibration"] is None
    assert "so its width is the model's word alone" in " ".join(summary["verdict"]["details"])
    if sc is not None:
        assert _row(summary, "sc", "point")["estimate"] == pytest.approx(sc, abs=0.005)
    assert {"uncertainty", "decision"} <= set(summary["findings"])


@pytest.mark.slow
def test_counts_that_are_mostly_zero(cases_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(
        main,
        ["run", str(cases_dir / "mostly_zero.csv"), "--unit", "store", "--time", "day", "--outcome", "conversions",
         "--treated", "store 7", "--start", "41", "--no-calibrate", "--draws", "300", "--out", str(out)],
    )  # fmt: skip
    assert done.exit_code in (0, 3), done.output
    summary = json.loads((out / "summary.json").read_text())
    assert set(summary["unavailable"]) <= {"bootstrap"}
    found = summary["findings"]["decision"]
    rows = pd.read_csv(cases_dir / "mostly_zero.csv").query("store == 'store 7' and day < 41")
    # More than half of the days are zero: their median absolute deviation is.
    assert (rows["conversions"] == 0).mean() > 0.5
    assert found["values"]["treated_sd"] == pytest.approx(rows["conversions"].std())
    assert found["values"]["breakdown_treated_sds"] is not None
    said = " ".join(found["sentences"])
    assert "not available" not in said
    assert "overturn it" in said


@pytest.mark.parametrize("model", ["none", "default"])
def test_covariates_that_no_model_uses_are_said(cases_dir: Path, model: str) -> None:
    panel = _panel(cases_dir, "covariates", covariates=["clicks", "cost"])
    said = "The covariates clicks, cost were read and are not used"
    plan = plan_analysis(panel, models=[model])
    assert any(note.startswith(said) and "the model 'covariates' does" in note for note in plan.notes)
    assert said in str(plan)
    if model != "none":
        assert "does not use the panel's covariates" in plan.fits[0].reason
        assert "does not use the panel's covariates" in bs.plan(panel, "level").reason
    used = plan_analysis(panel, models=["covariates"])
    assert used.notes == ()
    assert "does not use" not in used.fits[0].reason


def test_unused_covariates_are_said_everywhere(cases_dir: Path, tmp_path: Path) -> None:
    done, summary = _run(
        cases_dir, "covariates", tmp_path / "run", "--covariates", "clicks,cost", "--model", "none", "--methods", "sc"
    )
    said = "The covariates clicks, cost were read and are not used"
    assert said in done.output
    assert said in " ".join(summary["verdict"]["details"])
    assert any(said in note for note in summary["notes"])
    assert said in (tmp_path / "run" / "report.html").read_text()


def test_copies_of_a_donor_raise_no_grade() -> None:
    """Five copies say of the interval's width what one series does, which is nothing."""
    days, rng = pd.date_range("2024-01-01", periods=20), np.random.default_rng(0)
    shared = np.cumsum(rng.normal(size=20)) / 2
    series = {"u0": 10 + shared + rng.normal(0, 0.5, 20), "u1": 10 + 1.1 * shared + rng.normal(0, 0.5, 20)}
    series["u0"][14:] += 1
    wide = pd.DataFrame(series | {f"c{k}": series["u1"] for k in range(4)}, index=days)
    panel = bs.Panel.from_wide(wide, treated="u0", start="2024-01-15")
    found = bs.analyse(panel, methods=["sc", "did"], sampling=bs.Sampling(200, 200), progress=False)
    assert found.verdict.grade in ("inconclusive", "unreliable")
    if found.verdict.grade == "inconclusive":
        assert "5 donors of 1 series cannot show whether it is wide enough" in found.verdict.headline
        assert "hance" not in found.verdict.headline


def test_without_an_interval_none_is_shown_for_any_effect() -> None:
    """Too few donors for a placebo test; a conformal interval beside it may have ends."""
    days, rng = pd.date_range("2024-01-01", periods=20), np.random.default_rng(0)
    shared = np.cumsum(rng.normal(size=20)) / 2
    wide = pd.DataFrame({f"u{k}": 10 + (1 + 0.1 * k) * shared + rng.normal(0, 0.5, 20) for k in range(8)}, index=days)
    wide.loc["2024-01-15":, "u0"] += 2
    panel = bs.Panel.from_wide(wide, treated="u0", start="2024-01-15")
    found = bs.analyse(panel, models=["none"], progress=False)
    assert "without a placebo interval that has ends" in found.verdict.headline
    assert "with 7 donors no placebo test can rule anything out" in found.verdict.bullets[0]
    shown = quantities(found.to_dict())
    assert set(shown["Interval"]) == {"none"}
    assert "Lift" in " ".join(shown["Effect"])
