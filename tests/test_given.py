"""Wrong objects, settings and paths given to public verbs: one line of ours, before anything is computed."""

import inspect
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner

import bsynth as bs
from bsynth._base.request import check_level
from bsynth.analysis import plan_analysis
from bsynth.bayesian.forecast import Forecast
from bsynth.checks import CheckReport, LeaveFutureOut
from bsynth.cli import main
from bsynth.findings.question import ask
from bsynth.findings.specifications import plan_curve
from bsynth.frequentist import with_weights
from bsynth.planning import RolloutPlan
from bsynth.reporting.notebook import write_notebook

FRAME = bs.simulate_factor(donors=8, seed=1)
ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "outcome", "treated": 0, "start": 30}
PANEL = bs.Panel.from_long(FRAME, **ROLES)
STUB: Any = bs.Fit(None, None, None, None, PANEL)  # type: ignore[arg-type]
"""Of the right type, and of a panel."""
WAVES = bs.Panel.from_long(FRAME, unit="unit", time="time", outcome="outcome", start={0: 30, 1: 32})
CELLS: Any = bs.Panel.from_long(FRAME, unit="unit", time="time", outcome="outcome", treated={"A": 0, "B": 1}, start=30)
WAVES_STUB: Any = bs.WavesFit(WAVES, *[None] * 10)  # type: ignore[arg-type]
"""Of the right type: what is wrong beside it is refused before it is looked at."""

STUDIED: Any = bs.study(
    {"seeds": 2, "worlds": {"factor": {}}, "methods": {"did": {"estimator": "did"}}},
    n_jobs=1, backend="threads", progress=False,
)  # fmt: skip

WRONG: dict[str, Any] = {
    "DataFrame": FRAME,
    "None": None,
    "text": "sales.csv",
    "path": Path("sales.csv"),
    "class": bs.Panel,
    "Fit": STUB,
    "array": np.zeros(3),
}


def verbs() -> list[str]:
    """Public functions that take a panel."""
    functions = {name: getattr(bs, name) for name in bs.__all__ if inspect.isfunction(getattr(bs, name))}
    taking = [name for name, verb in functions.items() if "panel" in inspect.signature(verb).parameters]
    return [*taking, "audit_donors"]


def test_the_walk_finds_the_verbs() -> None:
    expected = {"fit", "plan", "analyse", "calibrate", "certify", "classical", "compare"}
    expected |= {"specification_curve", "bootstrap", "conformal", "placebo_space", "leave_future_out"}
    assert expected <= set(verbs())


def test_whoever_waits_is_shown_how_far_it_is() -> None:
    """Unless it is told not to."""
    asked = {name: inspect.signature(getattr(bs, name)).parameters.get("progress") for name in verbs()[:-1]}
    shown = {name: each.default for name, each in asked.items() if each is not None}
    assert {"calibrate", "bootstrap", "placebo_space", "placebo_time"} <= set(shown)
    assert set(shown.values()) == {True}


def one_line(error: bs.BsynthError) -> str:
    message = str(error)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", verbs())
def test_a_wrong_object_where_a_panel_belongs(name: str, wrong: str) -> None:
    verb = getattr(bs, name)
    given = BESIDE.get(name, {}) | {"data" if name == "audit_donors" else "panel": WRONG[wrong]}
    if (name, wrong) == ("audit_donors", "Fit"):
        pytest.skip("a fit may stand there")
    if name == "with_weights":
        given["weights"] = {1: 1.0}
    with pytest.raises(bs.PanelError, match="a Panel is needed and") as caught:
        verb(**given)
    message = one_line(caught.value)
    assert {"class": "the class Panel", "None": "None came", "DataFrame": "a DataFrame", "Fit": "a Fit came",
            "text": "'sales.csv'", "path": "'sales.csv'", "array": "a numpy ndarray"}[wrong] in message  # fmt: skip
    assert ("give its panel, which is .panel" if wrong == "Fit" else "Panel.from_long(") in message


@pytest.mark.parametrize("name", ["check", "audit_prior", "decompose_uncertainty", "path_band", "decide"])
def test_a_wrong_object_where_a_fit_belongs(name: str) -> None:
    verb = getattr(bs, name)
    for wrong in (PANEL, None, "fit.nc", FRAME):
        with pytest.raises(bs.PanelError, match="a Fit is needed and"):
            verb(wrong)


def test_what_is_given_beside_a_fit_is_of_its_panel() -> None:
    other = PANEL.without(3)
    fit: Any = bs.Fit(None, None, None, None, other)  # type: ignore[arg-type]
    calibration: Any = bs.Calibration(fit, (), None, (), 0.0)  # type: ignore[arg-type]
    future = LeaveFutureOut("level", pd.DataFrame(), other, ())
    for call in (
        lambda: bs.check(STUB, calibration=calibration),
        lambda: bs.check(STUB, future=future),
        lambda: bs.audit_donors(STUB, calibration=calibration),
    ):
        with pytest.raises(
            bs.PanelError, match=r"is of another panel, Panel\(0 against 7 donors.*, or leave it out"
        ) as caught:
            call()
        one_line(caught.value)
    for call in (
        lambda: bs.check(STUB, calibration=STUB),
        lambda: bs.check(STUB, future=STUB),
        lambda: bs.audit_donors(STUB, calibration=STUB),
        lambda: bs.compare(PANEL, ["sc"], certificate=STUB),
    ):
        with pytest.raises(
            bs.SpecError, match=r"(calibration|future|certificate) is a Fit; give what bsynth\."
        ) as caught:
            call()
        one_line(caught.value)


def test_a_report_is_of_an_analysis(tmp_path: Path) -> None:
    with pytest.raises(bs.SpecError, match=r"an Analysis is needed and a Panel came; bsynth.analyse\(panel\)"):
        bs.report(PANEL, tmp_path / "report.html")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


LAST = pd.DataFrame({"time": [27, 28, 29], "observed": 0.0, "predicted": 0.0, "sd": 1.0, "log_density": -1.0,
                     "pit": 0.5, "status": "ok"})  # fmt: skip
"""Forecasts of the last three periods before the start."""
ANALYSIS = bs.analyse(PANEL, models=["none"], methods=["sc"], findings="none", progress=False)
BESIDE: dict[str, dict[str, Any]] = {
    "bootstrap": {"cluster": "time"},
    "export": {"result": bs.classical(PANEL), "folder": "folder"},
    "plot_effects": {"effects": bs.classical(PANEL).effects()},
    "report": {"analysis": ANALYSIS},
    "slide": {"analysis": ANALYSIS},
    "mmm_prior": {"channel": "tv", "spend": 50.0},
    "placebo_waves": {"panel": WAVES},
    "rank_treated": {"duration": 4},
    "rehearse": {"effect": 1.0},
    "decide": {"cost": 1.0, "value_per_unit": 1.0, "estimand": "total"},
    "plot_bootstrap": {"boot": bs.bootstrap(PANEL, cluster="time", replicates=20, progress=False)},
    "plot_calendar": {"panel": WAVES},
    "plot_cells": {"analysis": bs.analyse(CELLS, models=["none"], methods=["did"], progress=False)},
    "plot_checks": {"report": CheckReport("level", ())},
    "plot_comparison": {"comparison": bs.compare(PANEL, ["sc", "did"], progress=False)},
    "plot_donor_audit": {"audit": bs.audit_donors(PANEL, progress=False)},
    "plot_event_study": {"result": WAVES_STUB},
    "plot_leave_future_out": {"future": LeaveFutureOut("level", LAST, PANEL, (Forecast(np.zeros(1), np.ones(1)),) * 3)},
    "plot_leave_one_out": {"loo": bs.leave_one_out(PANEL, progress=False)},
    "plot_leave_two_out": {"result": bs.leave_two_out(PANEL, progress=False)},
    "plot_placebo": {"placebo": bs.placebo_space(PANEL, progress=False)},
    "plot_placebo_time": {"placebo": bs.placebo_time(PANEL)},
    "plot_power": {"plan": RolloutPlan(*[None] * 12)},  # type: ignore[arg-type]
    "plot_study": {"study": STUDIED},
    "plot_units": {"result": WAVES_STUB},
    "plot_zipper": {"study": STUDIED, "world": "factor", "method": "did"},
    "study": {"spec": STUDIED.spec},
    "plot_waves_answer": {"analysis": bs.analyse(WAVES, models=["none"], methods=["did"], progress=False)},
}
"""What else a verb is given that is not wrong."""
SAMPLED = {"curve": "stack plot_specification_curve", "certificate": "plot_certificate", "audit": "plot_prior_audit",
           "result": "plot_stack", "found": "plot_uncertainty"}  # fmt: skip
"""These take what many fits make: of them the first parameter alone is walked here."""


def parameters() -> list[Any]:
    """Each public verb and picture with each of its parameters."""
    public = {name: getattr(room, name) for room in (bs, bs.plots) for name in room.__all__}
    functions = {name: each for name, each in public.items() if inspect.isfunction(each)}
    found = [(each, name) for each in functions.values() for name in inspect.signature(each).parameters]
    left_out = {(each, name) for each, name in found for first, verbs in SAMPLED.items()
              if each.__name__ in verbs.split() and name != first}  # fmt: skip
    return [
        pytest.param(each, name, id=f"{each.__name__}-{name}") for each, name in found if (each, name) not in left_out
    ]


@pytest.mark.parametrize(("verb", "name"), parameters())
def test_every_parameter_of_every_verb_and_picture_refuses_another_kind(verb: Any, name: str, sampled: bs.Fit) -> None:
    usual = {"panel": PANEL, "data": sampled, "fit": sampled, "result": sampled}
    if verb in (bs.plots.plot_decision, bs.plots.plot_path_band):
        usual |= {"decision": bs.decide(sampled), "band": bs.path_band(sampled)}
    known = {key: usual[key] for key in inspect.signature(verb).parameters if key in usual}
    given = known | BESIDE.get(verb.__name__, {}) | {name: object()}
    with pytest.raises(bs.BsynthError) as caught:
        verb(**given)
    message = one_line(caught.value)
    assert "object" in message


def test_yes_and_no_are_no_texts(tmp_path: Path) -> None:
    csv = tmp_path / "data.csv"
    FRAME.to_csv(csv, index=False)
    interval = bs.prediction_interval(PANEL, progress=False)
    for name, call in {
        "progress": lambda: bs.fit(PANEL, progress="no"),  # type: ignore[arg-type]
        "calibrated": lambda: plan_analysis(PANEL, calibrated="no"),  # type: ignore[arg-type]
        "simultaneous": lambda: interval.path(simultaneous="no"),  # type: ignore[arg-type]
        "intercept": lambda: bs.RidgeASCM(intercept="no"),  # type: ignore[arg-type]
        "execute": lambda: write_notebook(csv, tmp_path / "x.ipynb", **ROLES, execute="no"),  # type: ignore[arg-type]
    }.items():
        with pytest.raises(bs.SpecError, match=f"^{name} is 'no'; give True or False$"):
            call()
    assert bs.RidgeASCM(intercept=np.bool(True)).intercept  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sampled() -> bs.Fit:
    """A fit that was sampled once, with the panel of another: refused before that is looked at."""
    fit = bs.load(Path(__file__).parent / "data" / "fit-format-1.nc")
    return replace(fit, panel=PANEL)


@pytest.mark.parametrize("verb", [bs.leave_future_out, plan_curve])
def test_how_many_periods_to_forecast_is_refused_in_one_way(verb: Any) -> None:
    most = PANEL.n_pre - 3
    for last in (True, "no", 2.5, 2, most + 1, None):
        with pytest.raises(
            (bs.SpecError, bs.PanelError), match=f"^last is {last!r}; give 3 to {most}, a whole number$"
        ):
            verb(PANEL, last=last)


def test_estimators_with_settings_refuse_in_one_line() -> None:
    table = pd.DataFrame({"income": range(8)}, index=range(8))
    for call, message in {
        lambda: bs.RidgeASCM("no"): "ridge is 'no'; give a positive number",  # type: ignore[arg-type]
        lambda: bs.RidgeASCM([1]): "ridge is [1]; give a positive number",  # type: ignore[arg-type]
        lambda: bs.RidgeASCM(True): "ridge is True; give a positive number",
        lambda: bs.Predictors("no"): "predictors must be a DataFrame",  # type: ignore[arg-type]
        lambda: bs.Predictors(table, starts="no"): "starts is 'no'; give at least 1",  # type: ignore[arg-type]
        lambda: bs.Predictors(table, seed="no"): "seed is 'no'",  # type: ignore[arg-type]
        lambda: bs.Predictors(table, v="no"): "v is the text 'no'; give a mapping",  # type: ignore[arg-type]
        lambda: bs.Predictors(table, v={"income": "no"}): "v is 'no'; give finite numbers",  # type: ignore[dict-item]
    }.items():
        with pytest.raises(bs.SpecError) as caught:
            call()
        assert one_line(caught.value).startswith(message)


def test_numbers_of_numpy_are_kept_as_plain_ones() -> None:
    how = bs.Sampling(np.int64(200), np.int32(200), np.int8(3), np.float32(0.5), np.uint8(1), np.int64(2))  # type: ignore[arg-type]
    assert [type(value) for value in vars(how).values()] == [int, int, int, float, int, int, str]
    assert json.loads(json.dumps(how.decides()))["target_accept"] == 0.5
    request = plan_analysis(PANEL, level=np.float32(0.5), replicates=np.int64(50), seed=np.int64(1))  # type: ignore[arg-type]
    assert [type(x) for x in (request.level, request.replicates, request.seed)] == [float, int, int]
    for level in (np.float64(0.75), np.float32(0.75), Fraction(3, 4)):
        assert type(check_level(level)) is float
        assert check_level(level) == 0.75
        assert bs.placebo_space(PANEL, progress=False).effects(level)["level"].tolist() == [0.75] * 3  # type: ignore[arg-type]
    asked = ask(calibrated=False, rope=np.float32(0.5), threshold=np.int64(1))  # type: ignore[arg-type]
    assert (asked.region, asked.threshold) == ((-0.5, 0.5), 1.0)
    assert {type(x) for x in (*asked.region, asked.threshold)} == {float}
    for wrong in (np.float64(1.0), -1.0, 1.5, True, "1"):
        with pytest.raises(bs.SpecError, match="n_jobs is"):
            bs.Sampling(n_jobs=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [95, "x", None, 0, 1.0, float("nan"), np.array([0.5, 0.6]), True])
def test_a_level_is_checked_where_it_changes_nothing(level: Any) -> None:
    analysis = BESIDE["report"]["analysis"]
    for result in (bs.classical(PANEL), bs.leave_one_out(PANEL, progress=False), bs.placebo_time(PANEL), analysis):
        if result is analysis and level is None:
            continue
        with pytest.raises(bs.SpecError, match=r"level is .*give a probability between 0 and 1") as caught:
            result.effects(level)
        one_line(caught.value)


def test_a_half_width_is_a_number_of_at_least_0(sampled: bs.Fit) -> None:
    for wrong in ("x", -1, float("nan")):
        with pytest.raises(bs.SpecError, match="rope is"):
            sampled.effects(rope=wrong)  # type: ignore[arg-type]


IMPOSSIBLE = ["below a file", "proc", "name too long", "nothing", "NUL", "none", "number"]


def impossible(case: str, folder: Path) -> Any:
    (folder / "file").write_text("mine")
    return {
        "below a file": folder / "file" / "x",
        "proc": "/proc/nowhere/x",
        "name too long": folder / ("a" * 300),
        "nothing": "",
        "NUL": "a\0b",
        "none": None,
        "number": 3,
    }[case]


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_paths_that_cannot_be_written(case: str, tmp_path: Path) -> None:
    path = impossible(case, tmp_path)
    estimate = bs.classical(PANEL)
    fit = bs.Fit(xr.DataTree(), bs.load_model("level"), None, None)  # type: ignore[arg-type]
    analysis = bs.analyse(PANEL, models=["none"], methods=["sc"], findings="none", progress=False)
    csv = tmp_path / "data.csv"
    FRAME.to_csv(csv, index=False)
    calls = [
        lambda: bs.export(estimate, path),
        lambda: fit.save(path),
        lambda: bs.report(analysis, path),
        lambda: write_notebook(csv, path, **ROLES, execute=False),
    ]
    if path is not None:
        calls += [lambda: bs.calibrate(PANEL, store=path), lambda: bs.specification_curve(PANEL, store=path)]
    for call in calls:
        with pytest.raises(bs.SpecError, match=r"cannot be written|give a path|is a folder") as caught:
            call()
        one_line(caught.value)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["data.csv", "file"]


def test_a_folder_where_a_file_belongs_and_the_other_way_round(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(bs.SpecError, match="is a folder"):
        bs.report(bs.analyse(PANEL, models=["none"], methods=["sc"], findings="none", progress=False), tmp_path)
    with pytest.raises(bs.SpecError, match="it is a folder"):
        bs.calibrate(PANEL, store=tmp_path)
    with pytest.raises(bs.SpecError, match="is a file"):
        bs.export(bs.classical(PANEL), file)
    assert file.read_text() == "mine"


def test_tables_go_into_a_new_folder_deep_down(tmp_path: Path) -> None:
    written = bs.export(bs.classical(PANEL), tmp_path / "a" / "b")
    assert {file.parent for file in written} == {tmp_path / "a" / "b"}
    with pytest.raises(bs.SpecError, match="cannot be written"):
        bs.export(bs.classical(PANEL), tmp_path, prefix="no/such/")


def test_load_of_something_else(tmp_path: Path) -> None:
    text, other, half = tmp_path / "t.nc", tmp_path / "other.nc", tmp_path / "half.nc"
    text.write_text("not a fit")
    xr.Dataset({"a": 1}).to_netcdf(other, engine="h5netcdf")
    xr.Dataset({"a": 1}, attrs={"bsynth_format": 1, "bsynth_spec": "[]"}).to_netcdf(half, engine="h5netcdf")
    cut = tmp_path / "cut.nc"
    cut.write_bytes(other.read_bytes()[:1500])
    for path, words in {
        text: "cannot be read as a result",
        other: "not a bsynth result",
        half: "cannot be read as a result",
        cut: "cannot be read as a result",
        tmp_path: "is a folder",
        tmp_path / "no.nc": "does not exist",
        text / "x": "does not exist",
        tmp_path / ("a" * 300): "does not exist",
    }.items():
        with pytest.raises(bs.PanelError, match=words):
            bs.load(path)
    for wrong in (None, 3, FRAME, ""):
        with pytest.raises(bs.SpecError, match="give a path"):
            bs.load(wrong)  # type: ignore[arg-type]


SETTINGS: dict[str, Any] = {
    "seed is -1": lambda: bs.plan(PANEL, seed=-1),
    "seed is 1.5": lambda: bs.plan(PANEL, seed=1.5),  # type: ignore[arg-type]
    "seed is True": lambda: bs.calibrate(PANEL, seed=True),
    "draws is 0": lambda: bs.plan(PANEL, draws=0),
    "draws is 'x'": lambda: bs.plan(PANEL, draws="x"),  # type: ignore[arg-type]
    "draws is 500.5": lambda: bs.plan(PANEL, draws=500.5),  # type: ignore[arg-type]
    "chains is None": lambda: bs.Sampling(chains=None),  # type: ignore[arg-type]
    "sampling is a dict; give bs.Sampling": lambda: bs.certify(PANEL, sampling={"tune": 9}),  # type: ignore[arg-type]
    "level is 95": lambda: bs.analyse(PANEL, level=95),
    "level is 'x'": lambda: bs.analyse(PANEL, level="x"),  # type: ignore[arg-type]
    "replicates is 1": lambda: bs.analyse(PANEL, replicates=1),
    "weights is a list": lambda: with_weights(PANEL, [1]),  # type: ignore[arg-type]
    "the weight of 1 is 'x'": lambda: with_weights(PANEL, {1: "x"}),  # type: ignore[dict-item]
    "unknown model 'lvel', did you mean 'level'": lambda: bs.analyse(PANEL, models="lvel"),
    "seed is -2": lambda: bs.conformal(PANEL, seed=-2),
    "seed is -3": lambda: bs.prediction_interval(PANEL, seed=-3),
    "seed is -4": lambda: bs.bootstrap(PANEL, cluster="unit", seed=-4),
    "seed is -5": lambda: bs.certify(PANEL, seed=-5),
    "seed is -6": lambda: bs.simulate_factor(seed=-6),
    "seed is -7": lambda: plan_curve(PANEL, seed=-7),
    "seed is -8": lambda: bs.compare(PANEL, seed=-8),
}


@pytest.mark.parametrize("words", SETTINGS)
def test_settings_outside_what_is_allowed(words: str) -> None:
    with pytest.raises(bs.SpecError, match=words) as caught:
        SETTINGS[words]()
    one_line(caught.value)


BAD_OPTIONS = [
    ["--draws", "0"], ["--draws", "-5"], ["--level", "95"], ["--level", "nan"], ["--seed", "-1"],
    ["--replicates", "1"], ["--methods", "placeb"], ["--findings", "foo"], ["--export", "foo"], ["--model", "lvel"],
    ["--tune", "10"], ["--chains", "1"], ["--target-accept", "1"], ["--jobs", "0"],
]  # fmt: skip


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("given") / "data.csv"
    FRAME.to_csv(path, index=False)
    return path


def _run(command: str, csv: Path, out: object, *options: str) -> Any:
    base = [command, str(csv), "--unit", "unit", "--time", "time", "--outcome", "outcome", "--treated", "0"]
    return CliRunner().invoke(main, [*base, "--start", "30", "--quiet", *options, "--out", str(out)])


@pytest.mark.parametrize("options", BAD_OPTIONS, ids=" ".join)
def test_bad_options_by_the_command_line(options: list[str], csv: Path, tmp_path: Path) -> None:
    done = _run("run", csv, tmp_path / "run", *options)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
    assert list(tmp_path.iterdir()) == []
    if options[0] in ("--draws", "--seed", "--tune", "--chains", "--target-accept", "--jobs"):
        done = _run("certify", csv, tmp_path / "run", *options)
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", ["below a file", "proc", "name too long"])
@pytest.mark.parametrize("command", ["run", "certify", "demo", "simulate"])
def test_impossible_out_is_said_before_any_work(command: str, case: str, csv: Path, tmp_path: Path) -> None:
    out = impossible(case, tmp_path)
    if command in ("run", "certify"):
        done = _run(command, csv, out)
    else:
        words = ["demo"] if command == "demo" else ["simulate", "rollout"]
        quiet = ["--quiet"] if command == "demo" else []
        done = CliRunner().invoke(main, [*words, *quiet, "--out", str(out)])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
    assert "--out" in done.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_pandas_frame_of_weights_is_refused() -> None:
    with pytest.raises(bs.SpecError, match="weights is a DataFrame"):
        with_weights(PANEL, pd.DataFrame({"w": [1.0]}))  # type: ignore[arg-type]
