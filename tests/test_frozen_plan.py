"""A plan that was frozen beforehand: followed without a word more, and every departure from it named."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth.analysis import FrozenPlan
from bsynth.cli import main

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

LAUNCH = "2024-06-03"
COLUMNS = {"unit": "market", "time": "week", "outcome": "sales"}


def _sales(periods: int = 30, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    weeks = pd.date_range("2024-01-01", periods=periods, freq="W-MON")
    common = rng.normal(size=(periods, 1)).cumsum(axis=0)
    wide = pd.DataFrame(100 + common + rng.normal(size=(periods, 7)), index=weeks, columns=["Erie, PA", *"BCDEFG"])
    return wide.rename_axis("week").reset_index().melt("week", var_name="market", value_name="sales")


def _panel(frame: pd.DataFrame, start: str | None = LAUNCH, **more: object) -> bs.Panel:
    return bs.Panel.from_long(frame, **COLUMNS, treated=["Erie, PA"], start=start, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    frame = _sales()
    return frame[frame["week"] < LAUNCH]


@pytest.fixture
def plan(history: pd.DataFrame, tmp_path: Path) -> Path:
    bs.freeze(_panel(history, None), tmp_path / "plan.toml", model="none", methods=["did", "placebo"], level=0.8)
    return tmp_path / "plan.toml"


def _review(panel: bs.Panel, plan: Path, **more: object) -> tuple[str, ...]:
    analysis = bs.analyse(panel, plan=plan, findings="none", progress=False, **more)  # type: ignore[arg-type]
    found = analysis.findings["frozen_plan"].sentences()
    assert set(found[: len(found) - 2]) <= set(analysis.notes()), "what departs stands with the notes"
    return found


def test_a_plan_survives_its_file(history: pd.DataFrame, tmp_path: Path) -> None:
    made = bs.freeze(_panel(history, None), tmp_path / "plan.toml", model="default")
    read = FrozenPlan.read(tmp_path / "plan.toml")
    assert read == made
    assert not read.edited
    assert read.models[0] == bs.load_model("default")
    assert (read.start, read.end, read.treated) == (LAUNCH, "", ("Erie, PA",))


def test_a_plan_that_is_followed_is_said_to_be(plan: Path) -> None:
    analysis = bs.analyse(_panel(_sales()), plan=plan, findings="none", progress=False)
    found = analysis.findings["frozen_plan"]
    assert found.table.empty
    assert found.sentences()[0] == f"The plan frozen beforehand (hash {FrozenPlan.read(plan).hash}) was followed."
    assert list(analysis.estimates) == ["did", "sc-slsqp"] or "did" in analysis.estimates
    assert analysis.level == 0.8
    assert not analysis.fits


def test_other_donors_are_named(plan: Path) -> None:
    said = " ".join(_review(_panel(_sales(), exclude=["C"]), plan))
    assert "The donors are others than planned: without C." in said


def test_another_window_is_named(plan: Path) -> None:
    said = " ".join(_review(_panel(_sales(), "2024-06-10"), plan))
    assert "The start is 2024-06-10; planned was 2024-06-03." in said


def test_another_model_is_named(history: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    bs.freeze(_panel(history, None), file, model="level", methods=["did"])
    request = {"draws": 300, "calibrated": False, "models": ["dirichlet"]}
    said = " ".join(_review(_panel(_sales()), file, **request))
    assert "The model is 'dirichlet'; planned was 'level'." in said
    assert "The interval is not calibrated; planned was calibrated on the donors." in said


def test_another_outcome_unit_and_setting_are_named(history: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    bs.freeze(_panel(history, None), file, model="level", methods=["did"])
    frame = _sales().rename(columns={"sales": "orders"})
    other = bs.Panel.from_long(frame, unit="market", time="week", outcome="orders", treated=["B"], start=LAUNCH)
    mine = bs.load_model("level").model_copy(update={"weights": bs.load_model("sparse").weights})
    said = " ".join(_review(other, file, models=[mine], draws=300, calibrated=False))
    assert "The outcome is 'orders'; planned was 'sales'." in said
    assert "Treated is B; planned was Erie, PA." in said
    assert "The model 'level' has another weights.alpha than planned." in said


def test_a_history_that_was_restated_is_named(plan: Path) -> None:
    frame = _sales()
    frame.loc[3, "sales"] += 1
    assert "the history was restated" in " ".join(_review(_panel(frame), plan))


def test_other_methods_and_another_level_are_named(plan: Path) -> None:
    said = " ".join(_review(_panel(_sales()), plan, methods=["did"], level=0.9))
    assert "Planned and not done: placebo." in said
    assert "Intervals are of 90%; planned were 80%." in said


def test_an_edited_plan_is_said_to_be(plan: Path) -> None:
    plan.write_text(plan.read_text().replace("level = 0.8", "level = 0.5"))
    frozen = FrozenPlan.read(plan)
    assert frozen.edited
    said = " ".join(_review(_panel(_sales()), plan))
    assert (
        f"The plan was edited after it was frozen: it says {frozen.frozen}, and its content is {frozen.hash}." in said
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = [", "is not valid TOML"),
        ("outcome = 'sales'", "has no 'calibrated'"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_plan_gets_one_line(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "plan.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(bs.SpecError, match=says) as refused:
        bs.analyse(_panel(_sales()), plan=file)
    assert "\n" not in str(refused.value)


def test_the_command_line_freezes_and_follows(history: pd.DataFrame, tmp_path: Path) -> None:
    history.to_csv(tmp_path / "before.csv", index=False)
    _sales().to_csv(tmp_path / "after.csv", index=False)
    columns = [text for name, column in COLUMNS.items() for text in (f"--{name}", column)]
    file, out = str(tmp_path / "plan.toml"), tmp_path / "run"
    asked = ["--treated", "Erie, PA", "--model", "none", "--methods", "did,placebo", "--out", file]
    done = CliRunner().invoke(main, ["plan", str(tmp_path / "before.csv"), *columns, *asked])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(main, ["run", str(tmp_path / "after.csv"), "--plan", file, "--quiet", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "was followed." in " ".join(done.output.split())
    summary = json.loads((out / "summary.json").read_text())
    assert summary["findings"]["frozen_plan"]["hash"] == FrozenPlan.read(file).hash
    assert summary["panel"]["donors"] == list("BCDEFG")
    assert FrozenPlan.read(file).hash in (out / "report.html").read_text()
    again = ["run", str(tmp_path / "after.csv"), "--plan", file, "--exclude", "C", "--quiet", "--out", str(out)]
    done = CliRunner().invoke(main, again)
    assert done.exit_code == 0, done.output
    assert "The donors are others than planned: without C." in " ".join(done.output.split())
    assert "without C" in (out / "report.html").read_text()


def test_without_a_plan_the_columns_are_asked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["run", "x.csv", "--unit", "a", "--time", "b", "--out", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "Missing option '--outcome'" in done.output
