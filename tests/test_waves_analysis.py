"""The main job where units start at different times: one analysis, one page, one command."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bsynth as bs
from bsynth.analysis import plan_analysis
from bsynth.analysis.waves.result import WavesAnalysis
from bsynth.calibration.waves import calibrate_waves
from bsynth.cli import main
from bsynth.errors import PanelError, SpecError
from bsynth.plots import plot_calendar, plot_decision, plot_event_study, plot_placebo, plot_units, plot_waves_answer
from bsynth.reporting.html import render
from bsynth.reporting.sections import sections
from bsynth.text.numbers import bracket, numbers

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

ROLES = {"unit": "unit", "time": "time", "outcome": "outcome"}
BASE = ["--unit", "unit", "--time", "time", "--outcome", "outcome"]
FEW = bs.Sampling(draws=200, tune=200, chains=2)
STARTS = {"A": 2010, "B": 2010, "C": 2013}
EFFECT = 2.0


def _frame() -> pd.DataFrame:
    """Three units of sixteen treated in two waves, whose effect is `EFFECT` in every treated period."""
    rng = np.random.default_rng(5)
    common, years = rng.normal(size=16).cumsum(), 2001 + np.arange(16)
    rows = []
    for unit in "ABCDEFGHIJKLMNOP":
        start = STARTS.get(unit)
        treated = np.zeros(16, dtype=int) if start is None else (years >= start).astype(int)
        outcome = 10 + common + 0.3 * rng.normal(size=16) + EFFECT * treated
        rows.append(pd.DataFrame({"unit": unit, "time": years, "outcome": outcome, "treated": treated, "since": start}))
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "waves.csv"
    _frame().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def panel() -> bs.StaggeredPanel:
    return bs.Panel.from_long(_frame(), **ROLES, treatment_column="treated", unit_label="shop", higher_is="better")


@pytest.fixture(scope="module")
def classical(panel: bs.StaggeredPanel) -> WavesAnalysis:
    return bs.analyse(panel, models=["none"], replicates=49, progress=False)


@pytest.fixture(scope="module")
def whole(panel: bs.StaggeredPanel, classical: WavesAnalysis) -> WavesAnalysis:
    """With a posterior, calibrated on a few patterns; whatever few draws leave of a gate was passed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        found = calibrate_waves(panel, "waves", scale=None, sampling=FEW, store=None, progress=False, patterns=4)
    passed = replace(found.fit.diagnostics, status="ok", failures=())
    placebos = tuple(replace(each, status="ok") for each in found.placebos)
    found = replace(found, fit=replace(found.fit, diagnostics=passed), placebos=placebos)
    return replace(classical, fits=(found.fit,), calibration=found, findings={"decision": bs.decide(found)})


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_effects_are_those_of_the_results_it_holds(panel: bs.StaggeredPanel, classical: WavesAnalysis) -> None:
    table = classical.effects(full=True)
    assert list(dict.fromkeys(table["over"])) == ["overall", "wave", "event time", "unit"]
    own = bs.classical(panel, "demeaned").gaps
    treated = own[own["event"] >= 0]
    mine = table[(table["method"] == "demeaned") & (table["interval"] == "point")].set_index("estimand")["estimate"]
    assert mine["overall"] == pytest.approx(treated["gap"].mean(), rel=1e-12)
    assert mine["overall total"] == pytest.approx(treated["gap"].sum(), rel=1e-12)
    assert mine["wave 2013"] == pytest.approx(treated.loc[treated["unit"] == "C", "gap"].mean(), rel=1e-12)
    assert mine["period 2"] == pytest.approx(treated.loc[treated["event"] == 2, "gap"].mean(), rel=1e-12)
    assert mine["B"] == pytest.approx(treated.loc[treated["unit"] == "B", "gap"].mean(), rel=1e-12)
    assert classical.effects(over="unit", full=True)["label"].unique().tolist() == ["A", "B", "C"]
    with pytest.raises(SpecError, match=r"over is .*'waves', did you mean 'wave'"):
        classical.effects(over="waves")


def test_the_verdict_has_the_shape_of_every_verdict(whole: WavesAnalysis, classical: WavesAnalysis) -> None:
    for analysis in (whole, classical):
        verdict = analysis.verdict
        assert len(verdict.bullets) == 3
        assert len(verdict.facts) == 4
        assert len(str(verdict).split()) <= 80
        assert "rose by" in verdict.headline
        assert "an improvement" in verdict.headline
        assert "mean of 3 shops" in verdict.bullets[0].lower()
        # 7 + 7 + 4 treated periods.
        assert analysis.comparison.facts["cells"] == 18
        assert "18 treated shop-periods" in " ".join(verdict.details)
    row = whole.effects(over="overall", full=True).iloc[0]
    assert (row["interval"], whole.answer()["interval"]) == ("calibrated", "calibrated")
    assert row["lower"] < EFFECT < row["upper"]
    answer = whole.comparison.numbers()["answer"]
    assert answer["total"] == pytest.approx(18 * row["estimate"])
    assert answer["lift"] is not None
    assert whole.verdict.grade in ("strong", "moderate", "weak")


def test_summary_is_the_analysis(whole: WavesAnalysis) -> None:
    found = json.loads(json.dumps(whole.to_dict(), allow_nan=False))
    assert found["kind"] == "waves"
    assert found["panel"]["treated"] == ["A", "B", "C"]
    assert found["panel"]["starts"] == STARTS
    assert [row["event"] for row in found["path"]] == list(range(-12, 7))
    assert len(found["effects"]) == len(whole.effects())
    assert found["verdict"]["headline"] == whole.verdict.headline
    assert found["calibration"]["status"] == "ok"
    pooled = {row["unit"]: row for row in found["per_unit"]}
    assert set(pooled) == {"A", "B", "C"}
    assert all(0 < row["own"] < 1 for row in pooled.values())


def test_it_is_saved_and_read_again(whole: WavesAnalysis, tmp_path: Path) -> None:
    whole.save(tmp_path / "waves.nc")
    again = bs.load(tmp_path / "waves.nc")
    assert isinstance(again, WavesAnalysis)
    assert again.effects(full=True).equals(whole.effects(full=True))
    assert again.sentences() == whole.sentences()


def test_the_page_opens_with_the_answer_and_five_blocks(whole: WavesAnalysis, classical: WavesAnalysis) -> None:
    for analysis in (whole, classical):
        found = {section.slug: section for section in sections(analysis)}
        opened = [slug for slug, section in found.items() if section.opened]
        assert opened == ["answer", "by-wave", "by-unit", "calendar", "methods-beside", "acting"]
        assert not any("not available" in " ".join(section.sentences) for section in found.values())
        assert [row.name for row in found["by-wave"].forest.rows] == ["wave 2010", "wave 2013"]
        assert [row.name for row in found["by-unit"].forest.rows] == ["A", "B", "C"]
        donors = " ".join(found["calendar"].sentences)
        assert "The 2 shops that start at 2010 have 13 donors from 2001 to 2016." in donors
    assert all(row.under is not None for row in sections(whole)[2].forest.rows)
    page = render(whole)
    assert "Effect on outcome: 3 shops in 2 waves, 2010 to 2015" in page or "3 shops in 2 waves" in page
    for key in ("answer", "units", "calendar", "event-study"):
        assert f'data-key="{key}"' in page
    assert "is not available" not in page


def test_later_waves_that_serve_as_donors_end_the_window_of_earlier_ones() -> None:
    panel = bs.Panel.from_long(_frame(), **ROLES, start_column="since", donor_kind="both")
    analysis = bs.analyse(panel, models=["none"], methods=["did"], progress=False)
    said = " ".join(next(s for s in sections(analysis) if s.slug == "calendar").sentences)
    assert "from 2001 to 2012: it ends before 2013, when the first of the donors starts" in said


def test_the_picture_of_the_answer(whole: WavesAnalysis) -> None:
    ax = plot_waves_answer(whole)
    lines = {line.get_gid(): line for line in ax.get_lines()}
    path = whole.path()
    assert lines["effect"].get_xdata().tolist() == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(lines["effect"].get_ydata(), path.loc[path["event"] >= 0, "gap"])
    bar = next(each for each in ax.figure.axes if each.get_label() == "average")
    assert {"estimate", "interval", "zero"} <= {line.get_gid() for line in bar.get_lines()}
    assert bar.get_ylim() == ax.get_ylim()  # both are effects
    plt.close(ax.figure)


def test_small_multiples_show_the_intervals_of_the_list_beside_them(whole: WavesAnalysis) -> None:
    figure = plot_units(whole.calibration)
    rows = whole.calibration.effects(over="unit", full=True).to_dict("records")
    for ax, row in zip(figure.axes, rows, strict=True):
        said = bracket(numbers(row["estimate"], row["lower"], row["upper"], signed=True)[1:])
        assert said in ax.get_title(loc="left")
    assert "pooled and calibrated" in figure.get_suptitle()
    bad = tuple(replace(each, status="unreliable") for each in whole.calibration.placebos)
    marked = plot_units(replace(whole.calibration, placebos=bad))
    assert marked.get_suptitle().startswith("UNRELIABLE: 4 of 4 placebo patterns")
    plt.close(figure)
    plt.close(marked)


def test_the_calendar_tells_periods_beyond_the_horizon_apart() -> None:
    short = bs.Panel.from_long(_frame(), **ROLES, treatment_column="treated", horizon=2)
    ax = plot_calendar(short)
    pale = [bar for bar in ax.patches if bar.get_alpha() is not None]
    # Of 2010 to 2016 two years are used, and of 2013 to 2016 two.
    assert sorted(bar.get_width() for bar in pale if bar.get_width()) == [2, 5, 5]
    assert "Pale" in " ".join(text.get_text() for text in ax.texts + ax.figure.texts)
    plt.close(ax.figure)


def test_its_decision_stands_on_the_page(whole: WavesAnalysis, classical: WavesAnalysis) -> None:
    acting = next(section for section in sections(whole) if section.slug == "acting")
    assert acting.title == "Decision and assumptions"
    assert any("overturn" in words for words in acting.paragraphs)
    assert next(section for section in sections(whole) if section.slug == "decision").figures == ("decision",)
    assert plot_decision(whole).get_ylabel() == "P(average effect > x)"
    assert next(section for section in sections(classical) if section.slug == "acting").title == "Assumptions"


def test_a_picture_of_one_start_says_which_draw_several(classical: WavesAnalysis) -> None:
    with pytest.raises(
        bs.SpecError, match=r"draws one PlaceboSpace, .* plot_event_study, plot_units and plot_calendar"
    ):
        plot_placebo(classical)


def test_the_calendar_is_of_whatever_holds_the_panel(whole: WavesAnalysis) -> None:
    bars = [len(plot_calendar(each).patches) for each in (whole.panel, whole, whole.calibration, whole.fits[0])]
    assert len(set(bars)) == 1
    assert plot_units(whole).get_suptitle() == plot_units(whole.calibration).get_suptitle()
    assert "calibrated" in " ".join(text.get_text() for text in plot_event_study(whole).texts)
    plt.close("all")


def test_on_another_scale_there_is_a_verdict_too(panel: bs.StaggeredPanel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        found = bs.analyse(panel, scale="log", methods=["did"], calibrated=False, sampling=FEW, progress=False)
    assert found.unavailable == {}
    assert "not available" not in render(found)


def test_a_command_of_one_start_says_what_to_give(csv: Path) -> None:
    done = _call("check", csv, *BASE, "--start-column", "since")
    assert done.exit_code == 2
    assert "3 units start at different times, and this command takes one start; give --treated and" in done.output


def test_a_failed_gate_is_seen_everywhere(whole: WavesAnalysis) -> None:
    fit = whole.fits[0]
    bad = replace(fit, diagnostics=replace(fit.diagnostics, status="unreliable", failures=("R-hat is 1.2",)))
    failed = replace(whole, fits=(bad,), calibration=replace(whole.calibration, fit=bad))
    assert failed.status == "unreliable"
    assert failed.verdict.headline.startswith("UNRELIABLE")
    page = render(failed)
    assert 'role="alert"' in page
    assert "R-hat is 1.2" in page
    assert "UNRELIABLE" in failed._repr_html_()


def test_what_cannot_be_had_is_named_and_costs_itself_alone() -> None:
    frame = _frame()
    few = frame[frame["unit"].isin(list("ABCDEF"))]
    panel = bs.Panel.from_long(few, **ROLES, treatment_column="treated")
    plan = plan_analysis(panel, findings="all", questions={"threshold": 1.0})
    assert "placebo waves need 4 units that are never treated, and there are 3 units" in plan.unavailable["calibration"]
    assert plan.unavailable["placebo waves"].startswith("3 starts to re-assign need 5 units")
    assert "asked of one start" in plan.unavailable["findings"]
    assert "decision" not in plan.unavailable["findings"]
    assert plan.questions == {"threshold": 1.0}
    assert plan_analysis(panel, findings="none").questions is None
    asked = bs.analyse(panel, models=["none"], methods=["did"], questions={"threshold": 1.0}, progress=False)
    assert "needs a posterior" in asked.unavailable["decision"]
    analysis = bs.analyse(panel, models=["none"], findings="none", progress=False)
    assert set(analysis.estimates) == {"sc", "demeaned", "did", "sdid", "multisynth"}
    assert not analysis.inferences


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"methods": ["conformal"]}, PanelError, "method 'conformal' cannot be had where units start at different"),
        ({"methods": ["nope"]}, SpecError, "unknown method 'nope'"),
        ({"models": ["level"]}, SpecError, "model 'level' has one start and this panel's units start at 2"),
        ({"models": ["none"], "methods": "none"}, SpecError, "nothing to do"),
        ({"models": ["waves", "default"]}, SpecError, "two models are called 'waves'"),
        ({"findings": ["nope"]}, SpecError, "unknown finding"),
        ({"questions": {"estimand": "cumulative"}}, SpecError, "no one cumulative effect; ask for 'total'"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_fitted(
    panel: bs.StaggeredPanel, options: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        plan_analysis(panel, **options)


@pytest.mark.parametrize("column", ["--treatment-column treated", "--start-column since"])
def test_the_command_writes_the_whole_folder(csv: Path, tmp_path: Path, column: str) -> None:
    out = tmp_path / "run"
    done = _call("run", csv, *BASE, *column.split(), "--unit-label", "shop", "--model", "none", "--replicates", 49,
                 "--export", "csv", "--slide", "--notebook", "--quiet", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.output
    files = {path.name for path in out.iterdir()}
    assert files == {"summary.json", "report.html", "figures", "tables", "slide.png", "slide.pdf", ".written"}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["panel"]["starts"] == STARTS
    assert "a notebook takes --treated and --start" in summary["unavailable"]["notebook.ipynb"]
    assert set(summary["unavailable"]) == {"notebook.ipynb"}
    assert {path.stem for path in (out / "figures").iterdir()} == {"answer", "calendar"}
    assert "The 2 shops that start at 2010 have 13 donors" in done.output.replace("\n", " ")
    assert summary["verdict"]["headline"].split()[0] in done.output


def test_a_column_with_one_start_is_the_analysis_of_one(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = _call("run", csv, *BASE, "--treatment-column", "treated", "--exclude", "C", "--anticipation", 1, "--model",
                 "none", "--methods", "did", "--quiet", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.output
    panel = json.loads((out / "summary.json").read_text())["panel"]
    assert (panel["treated"], panel["start"], panel["n_pre"]) == (["A", "B"], 2010, 8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "who is treated from when must be said and nothing came; give --treated with --start, --cell "),
        ("--treated A", "only --treated came"),
        ("--treatment-column treated --start 2010", "--start and --treatment-column say who is treated when"),
        ("--treatment-column nope", "there is no column 'nope'"),
        ("--treatment-column since", "must be 0 or 1"),
        ("--treatment-column treated --washout -1", "washout is -1"),
        ("--treatment-column treated --methods conformal", "cannot be had where units start at different times"),
        ("--treatment-column treated --model level", "model 'level' has one start"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(csv: Path, tmp_path: Path, options: str, said: str) -> None:
    done = _call("run", csv, *BASE, *options.split(), "--quiet", "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_certify_asks_for_one_start(csv: Path, tmp_path: Path) -> None:
    done = _call("certify", csv, *BASE, "--treatment-column", "treated", "--quiet", "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert "this command takes one start" in done.output
