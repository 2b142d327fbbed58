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
    found = analysis.findings["frozen_plan"]
    assert set(found.remarks()) <= set(analysis.notes()), "what departs stands with the notes"
    return found.sentences()


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


def _log() -> pd.DataFrame:
    """Orders of users, some of them tests: what they sum to by market and week."""
    rng = np.random.default_rng(1)
    weeks = pd.date_range("2024-01-01", periods=30, freq="W-MON")
    rows = 4000
    frame = pd.DataFrame({"week": weeks[np.arange(rows) % 30], "market": rng.choice(list("ABCDEFG"), rows)})
    frame["user"], frame["visits"] = rng.integers(0, 500, rows), rng.integers(1, 4, rows)
    return frame.assign(sales=rng.gamma(2.0, 10.0, rows), kind=rng.choice(["sale", "test"], rows), buyer=frame["user"])


SETTINGS = {"agg": "ratio", "denominator": "visits", "where": "kind = 'sale'", "anticipation": 1, "washout": 2}


def _events(frame: pd.DataFrame, start: str | None = LAUNCH, **more: object) -> bs.Panel:
    asked = COLUMNS | {"cluster": "user", "treated": "A", "start": start} | SETTINGS | more
    return bs.Panel.from_events(frame, **asked)  # type: ignore[arg-type]


def _invoke(*arguments: object) -> str:
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


@pytest.fixture
def log_plan(tmp_path: Path) -> Path:
    """A plan that the command line froze of the log's history, with settings of rows and time."""
    log = _log()
    log[log["week"] < LAUNCH].to_csv(tmp_path / "before.csv", index=False)
    log.to_csv(tmp_path / "after.csv", index=False)
    options = [text for name, value in (COLUMNS | SETTINGS).items() for text in (f"--{name}", value)]
    roles = ["--cluster", "user", "--treated", "A", "--model", "none", "--methods", "did", "--out"]
    _invoke("plan", tmp_path / "before.csv", *options, *roles, tmp_path / "plan.toml")
    return tmp_path / "plan.toml"


def test_settings_of_rows_and_time_are_in_the_plan_and_come_from_it(log_plan: Path) -> None:
    plan = FrozenPlan.read(log_plan)
    assert (plan.outcome, plan.start, dict(plan.settings), plan.edited) == ("sales", LAUNCH, SETTINGS, False)
    assert "The washout is 2 periods." in " ".join(plan.sentences())
    out = log_plan.parent / "run"
    said = _invoke("run", log_plan.parent / "after.csv", "--plan", log_plan, "--quiet", "--out", out)
    assert "was followed." in said
    found = json.loads((out / "summary.json").read_text())
    assert "sales per visits" in (out / "report.html").read_text()
    assert found["panel"]["start"] == "2024-06-17"
    assert found["findings"]["frozen_plan"]["plan"]["settings"] == SETTINGS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"agg": "sum", "denominator": None}, "What becomes of a cell's rows is sum; planned was ratio."),
        ({"where": None}, "The condition on rows is none; planned was kind = 'sale'."),
        ({"washout": 0}, "The washout is none; planned was 2 periods."),
        ({"anticipation": 3}, "The anticipation is 3 periods; planned was 1 period."),
        ({"cluster": "buyer"}, "The column of users (cluster) is 'buyer'; planned was 'user'."),
        ({"outcome": "visits", "denominator": "sales"}, "The outcome is 'visits'; planned was 'sales'."),
    ],
)
def test_another_setting_is_named_and_is_no_history_that_was_restated(
    log_plan: Path, change: dict[str, object], says: str
) -> None:
    said = " ".join(_review(_events(_log(), **change), log_plan))
    assert says in said
    assert "Outcomes before the start" not in said


def test_other_columns_are_named(plan: Path) -> None:
    frame = _sales().rename(columns={"market": "place", "week": "monday"})
    panel = bs.Panel.from_long(frame, unit="place", time="monday", outcome="sales", treated="Erie, PA", start=LAUNCH)
    said = " ".join(_review(panel, plan))
    assert "The column of units is 'place'; planned was 'market'." in said
    assert "The column of periods is 'monday'; planned was 'week'." in said


def test_a_plan_that_was_edited_cannot_tell_a_history_that_was_restated(plan: Path) -> None:
    plan.write_text(plan.read_text().replace('"C", ', ""))
    said = " ".join(_review(_panel(_sales(), exclude=["C"]), plan))
    assert "whether the history was restated cannot be told" in said


def _older(plan: Path) -> str:
    """The plan's file as it was before it held settings; return its hash."""
    text = plan.read_text().replace("schema = 2", "schema = 1").replace("[settings]\n", "")
    plan.write_text(text)
    frozen = FrozenPlan.read(plan)
    plan.write_text(text.replace(frozen.frozen, frozen.hash))
    return frozen.hash


def test_a_plan_without_settings_is_read_and_followed(plan: Path) -> None:
    frozen = _older(plan)
    said = _review(_panel(_sales()), plan)
    assert said[0] == f"The plan frozen beforehand (hash {frozen}) was followed."
    # Its hash is that of the content which such plans had.
    old = FrozenPlan.read(plan)
    assert not old.edited
    assert old.settings == {}
    frame = _sales()
    frame.loc[3, "sales"] += 1
    assert "or rows were counted otherwise, which this plan does not hold" in " ".join(_review(_panel(frame), plan))


@pytest.mark.parametrize("settings", ["washout = -1", "horizon = 0", "agg = 1", "key = 'a'", "wash_out = 2"])
def test_settings_that_no_plan_holds_get_one_line(plan: Path, settings: str) -> None:
    plan.write_text(plan.read_text().replace("[settings]", f"[settings]\n{settings}"))
    with pytest.raises(bs.SpecError, match="cannot be followed") as refused:
        FrozenPlan.read(plan)
    assert "\n" not in str(refused.value)


def test_nothing_that_is_left_out_is_what_a_plan_without_it_says(plan: Path) -> None:
    plan.write_text(plan.read_text().replace("[settings]", "[settings]\nwashout = 0\nanticipation = 0"))
    said = _review(_panel(_sales()), plan)
    assert "was followed" in said[0]
    assert "The anticipation is none. The washout is none." in said


def test_a_rule_names_a_test_that_is_planned(history: pd.DataFrame) -> None:
    panel = _panel(history, None)
    assert "the placebo test rejects" in bs.freeze(panel, model="none", methods=["did", "placebo"]).rule
    plan = bs.freeze(panel, model="none", methods=["sc", "did"])
    assert plan.sentences()[-1] == "Rule: none, since neither a model nor the placebo test is planned."


def test_another_estimand_is_none_that_is_followed(plan: Path) -> None:
    plan.write_text(plan.read_text().replace('estimand = "average"', 'estimand = "total"'))
    with pytest.raises(bs.SpecError, match="cannot be followed: estimand is 'total'; a plan's is 'average'"):
        FrozenPlan.read(plan)


def test_what_is_given_is_done_also_where_it_is_the_default(history: pd.DataFrame, plan: Path, tmp_path: Path) -> None:
    said = " ".join(_review(_panel(_sales()), plan, level=0.95))
    assert "Intervals are of 95%; planned were 80%." in said
    _sales().to_csv(tmp_path / "after.csv", index=False)
    run = ["run", tmp_path / "after.csv", "--plan", plan, "--quiet", "--out", tmp_path / "run"]
    assert "was followed." in _invoke(*run)
    said = _invoke(*run, "--level", "0.95", "--washout", "0", "--methods", "standard")
    assert "was not followed: 1 departure. Intervals are of 95%; planned were 80%." in said


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("banana", "end is 'banana'"),
        ("2024-02-05", "end 2024-02-05 is before start 2024-06-03"),
        ("2024-07-03", "end 2024-07-03 is not a period.*; near it are .*2024-07-01, 2024-07-08"),
        ("9999-12-31", "more than 1000 periods after the last one"),
    ],
)
def test_a_last_period_that_is_none_is_refused(history: pd.DataFrame, end: str, says: str) -> None:
    for panel in (_panel(history, None), _panel(_sales())):
        with pytest.raises(bs.PanelError, match=says) as refused:
            bs.freeze(panel, model="none", end=end)
        assert "\n" not in str(refused.value)
    assert bs.freeze(_panel(history, None), model="none", end="2024-07-08").end == "2024-07-08"


def test_units_that_start_at_different_times_have_no_plan_whatever_it_says(history: pd.DataFrame) -> None:
    plan = bs.freeze(_panel(history, None), model="level", methods=["leave-one-out"])
    waves = bs.Panel.from_long(_sales(), **COLUMNS, start={"B": "2024-05-06", "C": LAUNCH})  # type: ignore[arg-type]
    with pytest.raises(bs.SpecError, match="a plan was given and units start at different times"):
        bs.analyse(waves, plan=plan)


def test_several_outcomes_say_together_what_became_of_the_plan(plan: Path, tmp_path: Path) -> None:
    frame = _sales().assign(orders=lambda data: data["sales"] * 2)
    frame.to_csv(tmp_path / "after.csv", index=False)
    out = tmp_path / "run"
    both = ["--plan", plan, "--outcome", "sales,orders", "--quiet", "--out", out]
    said = _invoke("run", tmp_path / "after.csv", *both)
    frozen = FrozenPlan.read(plan).hash
    assert f"sales: The plan frozen beforehand (hash {frozen}) was followed." in said
    assert "The outcome is 'orders'; planned was 'sales'." in said
    assert "The outcome is &#x27;orders&#x27;" in (out / "index.html").read_text()


def test_the_command_line_follows_a_plan_for_cells(plan: Path, tmp_path: Path) -> None:
    _sales().to_csv(tmp_path / "after.csv", index=False)
    cells = ["--cell", 'A="Erie, PA"', "--cell", "B=B", "--quiet", "--out", tmp_path / "run"]
    said = _invoke("run", tmp_path / "after.csv", "--plan", plan, *cells)
    assert "A: The plan frozen beforehand" in said
    assert "The donors are others than planned: without B." in said
    assert "Treated is B; planned was Erie, PA." in said


def test_the_command_line_refuses_a_plan_for_several_starts(plan: Path, tmp_path: Path) -> None:
    frame = _sales().assign(began=lambda data: data["market"].map({"B": "2024-05-06", "C": LAUNCH}))
    frame.to_csv(tmp_path / "after.csv", index=False)
    out = tmp_path / "run"
    asked = ["run", tmp_path / "after.csv", "--plan", plan, "--start-column", "began", "--quiet", "--out", out]
    done = CliRunner().invoke(main, list(map(str, asked)))
    assert done.exit_code == 2
    assert "a plan was given and units start at different times" in " ".join(done.output.split())


def test_cells_say_together_what_became_of_the_plan(plan: Path) -> None:
    cells = _panel(_sales()).source  # the columns are those of the plan
    panel = bs.Panel.from_long(
        _sales(), unit=cells.unit, time=cells.time, outcome=cells.outcome, start=LAUNCH,
        treated={"A": ["Erie, PA"], "B": ["B"]},
    )  # fmt: skip
    said = bs.analyse(panel, plan=plan, findings="none", progress=False).sentences()
    assert any(each.startswith("A: The plan frozen beforehand") for each in said)
    assert any(each.startswith("B: The plan") and "Treated is B; planned was Erie, PA." in each for each in said)


def test_without_a_plan_the_columns_are_asked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["run", "x.csv", "--unit", "a", "--time", "b", "--out", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "Missing option '--outcome'" in done.output
