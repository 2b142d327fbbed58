"""The command line as a user meets it: real files in, a run folder or one clear line out."""

import gc
import json
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bsynth as bs
from bsynth.analysis import FINDINGS, METHODS
from bsynth.cli import main, terminal
from bsynth.cli.base import SWEPT, seldom_swept

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

BASE = ["--unit", "unit", "--time", "time", "--outcome", "outcome"]


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    common = rng.normal(size=12).cumsum()
    frame = pd.DataFrame(
        [
            {
                "unit": name,
                "time": 2001 + t,
                "outcome": 10 + common[t] + rng.normal(0, 0.3) + (2 if name == "A" and t > 8 else 0),
            }
            for name in "ABCDEF"
            for t in range(12)
        ]
    )
    path = tmp_path_factory.mktemp("data") / "small.csv"
    frame.to_csv(path, index=False)
    return path


def test_run_writes_the_whole_folder(small_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = _call("run", small_csv, *BASE, "--treated", "A", "--start", 2010, "--draws", 500, "--seed", 3, "--out", out)
    assert done.exit_code == 0, done.output
    assert {p.name for p in out.iterdir()} == {"summary.json", "fit.nc", "report.html", "figures", ".written"}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["panel"]["donors"] == list("BCDEF")
    bayes = next(row for row in summary["effects"] if row["method"] == "bayes")
    assert bayes["lower"] < 2 < bayes["upper"]
    assert {p.suffix for p in (out / "figures").iterdir()} == {".png", ".svg"}
    # A second run replaces its own folder.
    again = _call("run", small_csv, *BASE, "--treated", "A", "--start", 2010, "--model", "none", "--out", out)
    assert again.exit_code == 0, again.output
    assert not (out / "fit.nc").exists()


def test_unreliable_fit_exits_3_and_says_so(small_csv: Path, tmp_path: Path) -> None:
    model = tmp_path / "sparse"
    model.mkdir()
    (model / "model.toml").write_text('title = "Sparse"\n[weights]\nalpha = 0.02\n')
    out = tmp_path / "run"
    done = _call("run", small_csv, *BASE, "--treated", "A", "--start", 2010, "--model", model, "--draws", 100,
                 "--no-calibrate", "--methods", "none", "--out", out)  # fmt: skip
    assert done.exit_code == 3, done.output
    assert "UNRELIABLE" in done.output
    assert json.loads((out / "summary.json").read_text())["status"] == "unreliable"
    assert "nreliable" in (out / "report.html").read_text()


@pytest.mark.parametrize("columns", [60, 80])
def test_the_table_keeps_to_a_narrow_window(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row is a line, with nothing cut and nothing after its end; what failed says so where its chance would stand."""
    monkeypatch.setattr(terminal, "width", lambda: columns)
    panel = bs.Panel.from_long(
        bs.simulate_factor(donors=8, n_pre=16, n_post=4, seed=1), unit="unit", time="time", outcome="outcome",
        treated=0, start=16,
    )  # fmt: skip
    few = bs.Sampling(draws=100, tune=100, chains=2, target_accept=0.6, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        analysis = bs.analyse(panel, calibrated=False, findings="none", sampling=few, progress=False)
    bad = replace(analysis.fits[0].diagnostics, status="unreliable", failures=("R-hat",))
    analysis = replace(analysis, fits=(replace(analysis.fits[0], diagnostics=bad),))
    terminal.print_table(analysis)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert max(map(len, lines)) <= columns
    assert not [line for line in lines if line != line.rstrip()]
    rows = lines[1 : 1 + len(analysis.comparison.table)]
    assert "95% interval" in lines[0]
    assert [row.split()[0] for row in rows] == ["default", *analysis.comparison.table["method"][1:]]
    assert [row.endswith(" UNRELIABLE") for row in rows] == [row.startswith("default") for row in rows]
    assert "\u2026" not in "".join(rows)
    assert "default: Bayesian model" in " ".join(lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unit", "stat", "--time", "time", "--outcome", "outcome", "--treated", "A", "--start", 2010], "stat"),
        ([*BASE, "--treated", "Z", "--start", 2010], "'Z'"),
        ([*BASE, "--treated", "A", "--start", 2002], "2002"),
        ([*BASE, "--treated", "A", "--start", 2030], "2030"),
        ([*BASE, "--treated", "A", "--start", 2010, "--donors", "A,B"], "A"),
        ([*BASE, "--treated", "A", "--start", 2010, "--model", "lvel"], "did you mean 'level'"),
        ([*BASE, "--treated", "A", "--start", 2010, "--methods", "bootstrap"], "no sums per user"),
        ([*BASE, "--treated", "A", "--start", 2010, "--level", 95], "level is 95"),
    ],
)  # fmt: skip
def test_bad_input_exits_2_with_one_line_and_writes_nothing(
    small_csv: Path, tmp_path: Path, arguments: list, message: str
) -> None:
    out = tmp_path / "run"
    done = _call("run", small_csv, *arguments, "--out", out, "--quiet")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert message in done.stderr
    assert not out.exists()


def test_the_first_line_comes_before_anything_is_loaded(small_csv: Path, tmp_path: Path) -> None:
    done = _call("run", small_csv, *BASE, "--treated", "Z", "--start", 2010, "--out", tmp_path / "run")
    first, *_, last = done.stderr.strip().splitlines()
    assert first.endswith("s] reading small.csv")
    assert last.startswith("bsynth: ")
    command = "import sys, bsynth.cli.analysis; print([m for m in ('pandas', 'ibis', 'scipy') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_a_command_looks_seldom_for_garbage_and_leaves_that_as_it_was() -> None:
    before = gc.get_threshold()
    with seldom_swept():
        assert gc.get_threshold()[0] == SWEPT > before[0]
    assert _call("models").exit_code == 0
    assert gc.get_threshold() == before


def test_labels_reach_the_words_and_text_keeps_to_eighty_columns(small_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    labels = ("--outcome-label", "weekly sales", "--unit-label", "county", "--higher-is", "better")
    done = _call("run", small_csv, *BASE, "--treated", "A,B", "--start", 2010, "--draws", 300, *labels, "--out", out)
    assert done.exit_code in (0, 3), done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["panel"]["labels"] == {"outcome": "weekly sales", "unit": "county", "higher_is": "better"}
    assert "eekly sales" in summary["verdict"]["headline"] or summary["status"] == "unreliable"
    assert "mean of 2 counties" in json.dumps(summary)
    assert [row["unit"] for row in summary["per_unit"]] == ["A", "B"]
    # A path alone on its line is as long as it is.
    assert all(len(line) <= 80 for line in done.output.splitlines() if " " in line.strip())
    # Provisional first, then the calibration; at the end what to open.
    assert "provisional: " in done.stderr
    assert done.stderr.index("provisional: ") < done.stderr.index("calibration: default on 4 donors")
    end = " ".join(done.stdout.split("written to")[1].split())
    assert f"open {out}/report.html (the page), {out}/summary.json (every number), {out}/fit.nc" in end
    assert "bootstrap" not in done.output
    bad = _call("run", small_csv, *BASE, "--treated", "A", "--start", 2010, "--outcome-label", "x" * 61, "--out", out)
    assert bad.exit_code == 2
    assert "outcome_label is" in bad.stderr


def test_out_is_not_overwritten(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = _call("run", small_csv, *BASE, "--treated", "A", "--start", 2010, "--out", tmp_path)
    assert done.exit_code == 2
    assert "not empty and not a run folder" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_simulated_log_is_the_published_file(tmp_path: Path) -> None:
    import hashlib

    out = tmp_path / "log.csv"
    assert _call("simulate", "rollout", "--out", out).exit_code == 0
    published = "4cda3829d4ffe514a7167f5ff5e3c1f1af24ea94ce192640197ac4d96c6562c6"
    assert hashlib.sha256(out.read_bytes()).hexdigest() == published
    absent = _call("simulate", "rollout", "--out", tmp_path / "no" / "log.csv")
    assert absent.exit_code == 2
    assert "does not exist" in absent.stderr


def test_models_lists_and_shows_cards() -> None:
    listed = _call("models")
    assert listed.exit_code == 0
    assert "rollout" in listed.output
    assert "Priors in words" in _call("models", "level").output
    assert _call("models", "nope").exit_code == 2


def test_installed_command_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "bsynth", "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "0.1.0" in done.stdout


def test_help_lists_every_method_and_finding() -> None:
    page = CliRunner().invoke(main, ["run", "--help"], terminal_width=1000).output
    for names in (METHODS, FINDINGS):
        assert ", ".join(names) in page


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), (["nonsense"], 2), (["check", "no-such-file.csv"], 2), (["models"], 0)]
)
def test_a_process_leaves_with_the_code_of_its_command_and_all_of_its_words(
    words: list[str], code: int, tmp_path: Path
) -> None:
    """It leaves before Python has taken everything apart, after what was to be done at its end."""
    mark = tmp_path / "ended"
    start = f"import atexit, sys; atexit.register(open, {str(mark)!r}, 'w'); sys.argv = ['bsynth', *{words!r}]; "
    done = subprocess.run(
        [sys.executable, "-c", f"{start}from bsynth.__main__ import run; run()"], capture_output=True, text=True
    )
    assert done.returncode == code
    assert (done.stderr if code else done.stdout).endswith("\n")
    assert mark.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_after_the_last_word_changes_nothing(name: str) -> None:
    """As where a thread takes a while to end."""
    thread = """
import sys, threading, time
def last():
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    print("waits", flush=True)
    time.sleep(100)
threading.Thread(target=last).start()
sys.argv = ["bsynth", "--version"]
from bsynth.__main__ import run
run()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", thread], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert [process.stdout.readline().split()[0] for _ in range(2)] == ["bsynth,", "waits"]
    process.send_signal(getattr(signal, name))
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_words_that_cannot_be_written_are_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "bsynth", "--version"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode != 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a shell and a full device")
def test_output_that_cannot_be_written_takes_no_file_with_it(small_csv: Path, tmp_path: Path) -> None:
    words = ["run", small_csv, *BASE, "--treated", "A", "--start", 2010, "--model", "none", "--methods", "did",
             "--findings", "none", "--quiet", "--out"]  # fmt: skip
    command = " ".join([sys.executable, "-m", "bsynth", *map(str, words)])
    closed = subprocess.run(f"{command} {tmp_path / 'closed'} >&-", shell=True, stderr=subprocess.PIPE, text=True)
    assert closed.returncode == 0, closed.stderr
    full = subprocess.run(f"{command} {tmp_path / 'full'} >/dev/full", shell=True, stderr=subprocess.PIPE, text=True)
    assert full.returncode != 0
    assert f"what was finished is in {tmp_path / 'full'}" in full.stderr
    assert ".unfinished" not in full.stderr
    for folder in ("closed", "full"):
        assert (tmp_path / folder / "report.html").is_file()
