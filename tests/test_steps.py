"""One optional step never costs the run: what raises is named with its reason, and everything else is written."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bsynth as bs
from bsynth.analysis import Analysis, analyse
from bsynth.analysis.steps import Steps, reason_of
from bsynth.checks import hull
from bsynth.cli import main
from bsynth.reporting.export import export
from bsynth.reporting.run import note_written, write_run

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

# By name, since packages export functions that are called like their modules.
run_module = importlib.import_module("bsynth.analysis.run")
findings_module = importlib.import_module("bsynth.analysis.findings")
leave_one_out_module = importlib.import_module("bsynth.frequentist.inference.leave_one_out")
figures_module = importlib.import_module("bsynth.reporting.figures")
pictures_module = importlib.import_module("bsynth.reporting.pictures")
folder_module = importlib.import_module("bsynth.reporting.run")
sections_module = importlib.import_module("bsynth.reporting.sections")


def _raises(error: BaseException) -> Callable[..., Any]:
    def step(*_: object, **__: object) -> Any:
        raise error

    return step


@pytest.fixture(scope="module")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    common = rng.normal(size=14).cumsum()
    rows = [
        (name, 2001 + t, 10 + common[t] + rng.normal(0, 0.3) + (2 if name == "A" and t > 10 else 0))
        for name in "ABCDEF"
        for t in range(14)
    ]
    path = tmp_path_factory.mktemp("data") / "small.csv"
    pd.DataFrame(rows, columns=["unit", "time", "outcome"]).to_csv(path, index=False)
    return path


def _run(csv: Path, out: Path, *arguments: object) -> Result:
    fixed = ["--unit", "unit", "--time", "time", "--outcome", "outcome", "--treated", "A", "--start", 2012]
    return CliRunner().invoke(main, [str(a) for a in ("run", csv, *fixed, "--out", out, *arguments)])


def _summary(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())


def _classical(csv: Path, **settings: Any) -> Analysis:
    panel = bs.Panel.from_long(csv, unit="unit", time="time", outcome="outcome", treated="A", start=2012)
    given = {"models": ["none"], "methods": ["sc", "did"], "findings": "none"} | settings
    return analyse(panel, **given, progress=False)


def test_reasons_are_one_line() -> None:
    assert reason_of(bs.PanelError("too few donors; add some")) == "too few donors; add some"
    assert reason_of(KeyError("x")) == "KeyError: 'x'"
    assert reason_of(ValueError("first\nsecond")) == "ValueError: first"
    assert reason_of(ZeroDivisionError()) == "ZeroDivisionError"


def test_what_is_known_to_be_lacking_is_not_tried() -> None:
    steps = Steps({"bootstrap": "it needs users"})
    assert steps.attempt("bootstrap", _raises(AssertionError("tried"))) is None
    assert steps.unavailable == {"bootstrap": "it needs users"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_user_who_stops_the_run_stops_it(stop: type[BaseException]) -> None:
    steps = Steps()
    with pytest.raises(stop):
        steps.attempt("step", _raises(stop()))
    assert steps.unavailable == {}


@pytest.mark.slow
def test_steps_that_raise_cost_themselves_alone(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        findings_module, "decompose_uncertainty", _raises(TypeError("datetime is not JSON serializable"))
    )
    monkeypatch.setattr(leave_one_out_module, "run", _raises(ZeroDivisionError("division by zero")))
    monkeypatch.setattr(run_module, "calibrate", _raises(bs.PanelError("no placebo could be fitted")))
    monkeypatch.setattr(hull, "check", _raises(bs.SpecError("no distance")))
    monkeypatch.setattr(figures_module, "plot_gap", _raises(OverflowError("too large to draw")))
    monkeypatch.setattr(pictures_module, "trajectory_chart", _raises(RuntimeError("no chart")))
    monkeypatch.setattr(sections_module, "_weights", _raises(IndexError("no weights")))
    out = tmp_path / "run"
    done = _run(small_csv, out, "--draws", 200, "--methods", "sc,did,leave-one-out,placebo")
    summary = _summary(out)
    assert done.exit_code == (0 if summary["status"] == "ok" else 3), done.output
    expected = {
        "uncertainty": "TypeError: datetime is not JSON serializable",
        "leave-one-out": "ZeroDivisionError: division by zero",
        "calibration": "no placebo could be fitted",
        "check hull": "no distance",
        "picture gap": "OverflowError: too large to draw",
        "numbers of the picture trajectory": "RuntimeError: no chart",
        "section weights": "IndexError: no weights",
    }
    assert summary["unavailable"] == expected
    for name, reason in expected.items():
        assert f"{name}: {reason}" in done.output
    # Everything else is there.
    assert {"summary.json", "fit.nc", "report.html", "figures", ".written"} == {p.name for p in out.iterdir()}
    drawn = {p.stem for p in (out / "figures").glob("*.png")}
    assert {"trajectory", "weights", "effects", "placebo", "decision", "donor-audit"} <= drawn
    assert "gap" not in drawn
    assert bs.load(out / "fit.nc").n_pre == 11
    assert {check["name"] for check in summary["checks"]["checks"]} >= {"autocorrelation", "loo"}
    assert {"decision", "donor_audit"} <= set(summary["findings"])
    assert {row["method"] for row in summary["effects"]} >= {"bayes", "sc", "did"}
    assert "The interval is not calibrated" in " ".join(summary["verdict"]["details"])
    assert "no placebo could be fitted" in " ".join(summary["verdict"]["details"])
    page = (out / "report.html").read_text()
    assert "Not available on this panel" in page
    assert "This section is not available: IndexError: no weights." in page
    assert "is not available: OverflowError: too large to draw." in page


def test_a_main_posterior_that_breaks_down_leaves_the_classical_answer(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "run", _raises(bs.FitError("the sampler stopped")))
    out = tmp_path / "run"
    done = _run(small_csv, out, "--no-calibrate", "--methods", "sc,did")
    assert done.exit_code == 0, done.output
    summary = _summary(out)
    assert summary["unavailable"]["posterior default"] == "the sampler stopped"
    assert set(summary["unavailable"]) >= {"uncertainty", "decision"}
    assert summary["verdict"]["details"][0].startswith("The posterior default is not available: the sampler stopped.")
    assert not (out / "fit.nc").exists()
    assert "fit.nc" not in done.output
    assert "The posterior default is not available" in (out / "report.html").read_text()


def test_nothing_at_all_is_one_line(small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "run", _raises(bs.FitError("the sampler stopped")))
    done = _run(small_csv, tmp_path / "run", "--no-calibrate", "--methods", "none", "--quiet")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "posterior default: the sampler stopped" in done.stderr
    assert not (tmp_path / "run").exists()


def test_an_answer_stays_when_report_and_tables_break_down(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bsynth.reporting.export as exporting

    monkeypatch.setattr(folder_module, "write_report", _raises(MemoryError("no room")))
    monkeypatch.setattr(exporting, "export", _raises(OSError("disk full")))
    out = tmp_path / "run"
    done = _run(small_csv, out, "--model", "none", "--methods", "sc", "--export", "csv")
    assert done.exit_code == 0, done.output
    found = _summary(out)["unavailable"]
    assert found["report"] == "MemoryError: no room"
    assert found["tables"] == "OSError: disk full"
    assert not (out / "report.html").exists()
    assert "written to" in done.output
    assert "report.html" not in done.output.split("written to")[1]


def test_the_answer_is_on_disk_before_the_first_picture(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def look(*_: object, **__: object) -> Any:
        seen.append(_summary(tmp_path / "run"))
        raise KeyboardInterrupt

    monkeypatch.setattr(figures_module, "plot_trajectory", look)
    with pytest.raises(KeyboardInterrupt):
        write_run(_classical(small_csv), tmp_path / "run")
    assert seen[0]["effects"]
    assert _summary(tmp_path / "run") == seen[0]


def test_an_earlier_run_stays_until_the_new_answer_is_there(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis, out = _classical(small_csv), tmp_path / "run"
    write_run(analysis, out)
    before = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(Analysis, "to_dict", _raises(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            write_run(analysis, out)
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    write_run(_classical(small_csv, methods=["sc", "placebo"]), out)
    assert (out / "figures" / "placebo.png").exists()


def test_a_run_removes_what_an_earlier_one_wrote_and_nothing_else(small_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    write_run(_classical(small_csv, methods=["sc", "placebo"]), out)
    export(bs.classical(_classical(small_csv).panel), out / "tables")
    written = out / "tables" / "of-the-run.csv"
    written.write_text("x")
    note_written(out, [written])
    outside = tmp_path / "outside.txt"
    mine = [out / "fit-mine.nc", out / "notes.txt", out / "figures" / "mine.png", out / "tables" / "mine.csv", outside]
    for file in mine:
        file.write_text("mine")
    with (out / ".written").open("a") as noted:
        noted.write(f"../outside.txt\n{outside}\nfigures\n")
    assert (out / "figures" / "placebo.png").exists()
    write_run(_classical(small_csv, methods=["sc"]), out)
    assert [file.read_text() for file in mine] == ["mine"] * len(mine)
    assert not written.exists()
    assert not (out / "figures" / "placebo.png").exists()
    noted = set((out / ".written").read_text().splitlines())
    assert noted >= {"summary.json", "report.html", "figures/effects.png"}
    assert all((out / name).is_file() for name in noted)


def test_what_a_run_replaces_is_said_before_anything_is_computed(small_csv: Path, tmp_path: Path) -> None:
    """Quiet or not; the draws of the earlier run are among it, although the new run has none."""
    out = tmp_path / "run"
    args = ("--model", "none", "--methods", "sc", "--quiet")
    assert "earlier run" not in _run(small_csv, out, *args).stderr
    (out / "fit.nc").write_text("draws")
    note_written(out, [out / "fit.nc"])
    (out / "mine.txt").write_text("mine")
    drawn = len(list((out / "figures").iterdir()))
    again = _run(small_csv, out, *args)
    said = " ".join(again.stderr.split())
    assert f"report.html, summary.json, fit.nc, figures/ ({drawn} files)" in said
    assert "Another --out keeps both." in said
    assert "mine.txt" not in said
    assert not (out / "fit.nc").exists()
    # Nothing is said to be replaced by a request that is refused.
    refused = _run(small_csv, out, "--model", "nothing")
    assert refused.exit_code == 2
    assert "earlier run" not in refused.stderr


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"summary.json": "mine", "report.html": "mine"}, "is not empty and not a run folder"),
        ({".written": "", "fit.nc/": ""}, "holds a folder 'fit.nc' where a file is written"),
        ({".written": "", "figures": "mine"}, "holds a file 'figures' where a folder is written"),
    ],
)
def test_a_folder_with_files_of_the_users_is_refused(
    made: dict[str, str], said: str, small_csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name, text in made.items():
        (out / name).mkdir() if name.endswith("/") else (out / name).write_text(text)
    done = _run(small_csv, out, "--model", "none", "--methods", "sc", "--quiet")
    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1)
    assert said in done.stderr
    with pytest.raises(bs.SpecError, match=said):
        write_run(_classical(small_csv), out)
    assert {file.name for file in out.iterdir()} == {name.rstrip("/") for name in made}
    assert all((out / name).read_text() == text for name, text in made.items() if not name.endswith("/"))


def test_what_lies_beside_a_run_folder_stays(small_csv: Path, tmp_path: Path) -> None:
    """Files of the user's where unfinished fits wait, a list that is no text, and pictures behind a link."""
    out, waiting, elsewhere = tmp_path / "run", tmp_path / "run" / ".unfinished", tmp_path / "elsewhere"
    for folder in (out, waiting, elsewhere):
        folder.mkdir()
    mine = [waiting / "notes.txt", elsewhere / "old.png"]
    for file in mine:
        file.write_text("mine")
    (out / "figures").symlink_to(elsewhere)
    (out / ".written").write_bytes(b"\xff\xfe\nfigures/old.png\n")
    done = _run(small_csv, out, "--model", "none", "--methods", "sc")
    assert done.exit_code == 0, done.output
    assert [file.read_text() for file in mine] == ["mine", "mine"]
    assert _summary(out)["effects"]


def test_a_verdict_that_breaks_down_leaves_the_numbers(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bsynth.analysis.comparison as comparison

    monkeypatch.setattr(comparison, "verdict", _raises(ValueError("no words")))
    analysis = write_run(_classical(small_csv), tmp_path / "run")
    summary = _summary(tmp_path / "run")
    assert analysis.unavailable == summary["unavailable"] == {"verdict": "ValueError: no words"}
    assert summary["verdict"]["headline"] == "The verdict in words is not available: ValueError: no words."
    assert summary["effects"]
    assert "no words" in (tmp_path / "run" / "report.html").read_text()


def test_the_plan_names_what_cannot_be_had(small_csv: Path) -> None:
    panel = bs.Panel.from_long(small_csv, unit="unit", time="time", outcome="outcome", treated="A", start=2012)
    few = panel.without("D", "E", "F")
    planned = bs.analysis.plan_analysis(few, methods="all", findings="all")
    assert planned.unavailable["leave-two-out"] == "the panel has 2 donors; leaving two out needs at least 3"
    assert planned.unavailable["donor_audit"] == "it needs 3 donors, and there are 2"
    assert planned.unavailable["bootstrap"].startswith("the panel holds no sums per user")
    assert "calibration needs 4" in planned.unavailable["calibration"]
    assert planned.unavailable["certificate"] == planned.unavailable["calibration"]
    assert not planned.calibrated
    assert "Not available: leave-two-out: the panel has 2 donors; leaving two out needs at least 3." in str(planned)
    with pytest.raises(bs.PanelError, match="'leave-two-out' cannot be had on this panel: the panel has 2 donors"):
        bs.analysis.plan_analysis(few, methods=["leave-two-out"])
    with pytest.raises(bs.SpecError, match="'donor_audit' cannot be had on this panel"):
        bs.analysis.plan_analysis(few, findings=["donor_audit"])


def test_a_certificate_is_written_before_its_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bsynth.plots.certificate as plots
    from bsynth.cli.certify import _write

    class Found:
        units = pd.DataFrame({"unit": ["a"], "held": [True]})

        def to_dict(self) -> dict[str, Any]:
            return {"model": "level"}

    monkeypatch.setattr(plots, "plot_certificate", _raises(ValueError("no picture")))
    lacking = _write(Found(), tmp_path)  # type: ignore[arg-type]
    assert lacking == {"picture certificate": "ValueError: no picture"}
    found = json.loads((tmp_path / "certificate.json").read_text())
    assert found == {"model": "level", "unavailable": lacking}
    assert (tmp_path / "certificate.csv").is_file()
    assert not (tmp_path / "figures").exists()


def test_an_estimator_that_breaks_down_is_missed_in_the_comparison(
    small_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bs.frequentist.classical

    def classical(panel: bs.Panel, method: Any, **settings: Any) -> Any:
        if method == "sdid":
            raise bs.errors.SolverError("no weights")
        return real(panel, method, **settings)

    monkeypatch.setattr(run_module.frequentist, "classical", classical)
    panel = bs.Panel.from_long(small_csv, unit="unit", time="time", outcome="outcome", treated="A", start=2012)
    found = bs.compare(panel, ["sc", "sdid", "did"], progress=False)
    assert found.table["method"].tolist() == ["sc", "did"]
    assert "There is no sdid: no weights." in " ".join(found.verdict.details)
