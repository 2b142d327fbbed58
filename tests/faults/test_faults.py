"""A night's job that breaks: killed, interrupted, out of disk, or twice in one folder. Files are whole or absent."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from bad_inputs.case import LIVELY, ROLES, options
from click.testing import CliRunner, Result
from faults.commands import answer, begun, broken, done, ended, sent, told

import bsynth as bs
import bsynth.analysis as analysis_module
from bsynth.cli import main
from bsynth.cli.base import BAD_INPUT, BROKEN, INTERRUPTED, TERMINATED, TRACEBACK, Terminated, heeding_terminate

KILLS = 3


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("faults") / "sales.csv"
    LIVELY.to_csv(file, index=False)
    return file


def run(csv: Path, out: Path) -> list[object]:
    """A classical run: half a minute less than a posterior, by the same road."""
    return [
        "run",
        csv,
        *options(ROLES),
        "--model",
        "none",
        "--methods",
        "did,placebo",
        "--findings",
        "none",
        "--out",
        out,
    ]


def study(folder: Path, out: Path, seeds: int = 40) -> list[object]:
    file = folder / "study.toml"
    file.write_text(
        f'seeds = {seeds}\n[worlds.factor]\n[methods.did]\nestimator = "did"\ninference = "placebo"\n', encoding="utf-8"
    )
    return ["study", file, "--jobs", 1, "--backend", "threads", "--out", out]


@pytest.fixture(scope="module")
def undisturbed(csv: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    assert done(run(csv, out), out.with_name("log")) == 0
    assert broken(out) == []
    return answer(out)


def test_a_run_that_was_killed_leaves_whole_files_and_comes_to_the_same_answer(
    csv: Path, undisturbed: str, tmp_path: Path
) -> None:
    chance, out, log = random.Random(3), tmp_path / "run", tmp_path / "log"
    for _ in range(KILLS):
        log.unlink(missing_ok=True)
        stage = chance.randint(1, 6)
        code = sent(signal.SIGKILL, begun(run(csv, out), log), lambda stage=stage: told(log) >= stage, chance)
        assert code in (-signal.SIGKILL, 0)
        if out.is_dir():
            assert broken(out) == []
            assert not (out / "summary.json").is_file() or answer(out) == undisturbed
    assert done(run(csv, out), log) == 0
    assert broken(out) == []
    assert answer(out) == undisturbed


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)])
def test_a_study_that_is_stopped_says_how_it_goes_on(number: int, code: int, tmp_path: Path) -> None:
    out, log = tmp_path / "study", tmp_path / "log"
    words = study(tmp_path, out)
    begins = lambda: (out / "fits.jsonl").is_file() and told(out / "fits.jsonl") > 2  # noqa: E731
    assert sent(number, begun(words, log), begins, random.Random(number)) in (code, 0)
    if "--resume" in (said := log.read_text()):
        assert f"finished fits are in {out / 'fits.jsonl'}, and the same command with --resume goes on" in said
    assert "Traceback" not in said
    before = (out / "fits.jsonl").read_text().splitlines()
    assert done([*words, "--resume"], log) == 0
    assert (out / "fits.jsonl").read_text().splitlines()[: len(before)] == before
    whole = tmp_path / "whole"
    assert done(study(tmp_path, whole), log) == 0
    for name in ("measures.csv", "fits.parquet", "summary.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_worker_that_the_system_ends_costs_what_is_in_flight(tmp_path: Path) -> None:
    """As where memory runs out: the kernel's way to end a process is this signal."""
    out, log = tmp_path / "study", tmp_path / "log"
    alone = study(tmp_path, out, seeds=200)
    process = begun([*alone[:2], "--jobs", 2, "--backend", "processes", "--out", out], log)
    while process.is_alive() and told(out / "fits.jsonl") < 3:
        time.sleep(0.005)
    os.kill(next(iter(_workers(process.pid))), signal.SIGKILL)
    assert ended(process) == BROKEN
    told_last = log.read_text().splitlines()[-1]
    assert told_last.startswith(
        "bsynth: a worker process was ended from outside, as systems do where memory runs out; let"
    )
    assert f"finished fits are in {out / 'fits.jsonl'}, and the same command with --resume goes on" in told_last
    assert "Traceback" not in log.read_text()
    before = (out / "fits.jsonl").read_bytes().splitlines()
    assert broken(out) == []
    assert done([*alone, "--resume"], log) == 0
    after = (out / "fits.jsonl").read_bytes().splitlines()
    assert after[: len(before)] == before
    assert len(after) == 200


def test_a_study_whose_store_is_full_is_said_in_one_line(tmp_path: Path) -> None:
    out, log = tmp_path / "study", tmp_path / "log"
    words = [*study(tmp_path, out, seeds=60)[:2], "--jobs", 2, "--backend", "processes", "--quiet", "--out", out]
    assert done(words, log, largest=3_000) == BAD_INPUT
    said = log.read_text().splitlines()
    assert len(said) == 1, said
    assert "cannot be written (file too large)" in said[0]
    assert told(out / "fits.jsonl") > 0


def _workers(pid: int | None) -> Iterator[int]:
    """Worker processes that a process has begun."""
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        if b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes():
            yield child


def test_two_runs_into_one_folder_leave_one_whole_answer(csv: Path, undisturbed: str, tmp_path: Path) -> None:
    out, logs = tmp_path / "run", [tmp_path / "one", tmp_path / "other"]
    codes = [ended(each) for each in [begun(run(csv, out), log) for log in logs]]
    assert 0 in codes
    assert set(codes) <= {0, BAD_INPUT}
    assert all("Traceback" not in log.read_text() for log in logs)
    assert broken(out) == []
    assert answer(out) == undisturbed


def test_a_full_disk_costs_the_page_and_not_the_answer(csv: Path, undisturbed: str, tmp_path: Path) -> None:
    """No file may have more bytes than the summary needs: as on a disk that is full after it."""
    out, log = tmp_path / "run", tmp_path / "log"
    assert done(run(csv, out), log, largest=60_000) == 0, log.read_text()
    summary = json.loads((out / "summary.json").read_text())
    assert "report" in summary["unavailable"]
    assert not (out / "report.html").exists()
    assert broken(out) == []
    assert [file for file in out.rglob(".*") if file.name != ".written"] == []
    expected = json.loads(undisturbed)
    assert summary["verdict"] == expected["verdict"]


def test_a_disk_that_holds_no_answer_is_said_in_one_line(csv: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "run", tmp_path / "log"
    assert done([*run(csv, out), "--quiet"], log, largest=2_000) == BAD_INPUT
    assert len(log.read_text().splitlines()) == 1
    assert "file too large" in log.read_text().lower()
    assert not out.exists() or broken(out) == []


# Where the folder is another disk than the one it lies on.


def test_a_folder_that_is_a_disk_of_its_own_is_filled_anew(csv: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "disk", tmp_path / "log"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(out)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk cannot be mounted here")
    try:
        for _ in range(2):
            assert done(run(csv, out), log) == 0, log.read_text()
            assert (out / "summary.json").is_file()
            assert not (out / ".unfinished").exists()
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_nothing_crosses_from_one_disk_to_another(csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a folder that is a disk of its own: what is put in place comes from within it, and it alone is written."""
    out, rename = tmp_path / "run", Path.replace

    def on_one_disk(self: Path, target: Path) -> Path:
        if self.is_relative_to(out) != target.is_relative_to(out):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", on_one_disk)
    monkeypatch.setattr(analysis_module, "run_analysis", _watched(lambda: sorted(tmp_path.iterdir()) == [out]))
    words = [str(word) for word in [*run(csv, out), "--quiet"]]
    for _ in range(2):
        found = CliRunner().invoke(main, words)
        assert found.exit_code == 0, found.output
    assert broken(out) == []
    assert [file.name for file in out.iterdir() if file.name.startswith(".")] == [".written"]


def _watched(holds: Callable[[], bool]) -> Callable[..., Any]:
    carried_out = analysis_module.run_analysis

    def watched(*given: Any, **named: Any) -> Any:
        assert holds()
        return carried_out(*given, **named)

    return watched


def test_a_folder_in_one_that_cannot_be_written_is_filled(csv: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    out, log = tmp_path / "kept" / "run", tmp_path / "log"
    out.mkdir(parents=True)
    out.parent.chmod(0o555)
    try:
        assert done(run(csv, out), log) == 0, log.read_text()
    finally:
        out.parent.chmod(0o755)
    assert broken(out) == []


def test_what_a_kill_left_is_cleared_by_the_next_run_and_nothing_else(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    left = [out / ".unfinished" / "run-ab12" / "fit.nc", out / ".report.html.77", out / "figures" / ".path.png.77"]
    mine = [out / ".notes", out / ".summary.json.old", out / "figures" / "mine.png.1"]
    for file in [*left, *mine]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("some")
    (out / ".written").write_text("")
    found = CliRunner().invoke(main, [str(word) for word in [*run(csv, out), "--quiet"]])
    assert found.exit_code == 0, found.output
    assert [file for file in left if file.exists()] == []
    assert [file for file in mine if not file.exists()] == []
    assert not (out / ".unfinished").exists()


def test_several_outcomes_that_were_stopped_go_on(csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    table, out = pd.read_csv(csv), tmp_path / "run"
    outcome = str(ROLES["outcome"])
    table.assign(again=table[outcome]).to_csv(tmp_path / "two.csv", index=False)
    words = [str(word) for word in [*run(tmp_path / "two.csv", out), "--outcome", f"{outcome},again", "--quiet"]]
    carried_out, asked = analysis_module.run_analysis, []

    def stopped(*given: Any, **named: Any) -> Any:
        asked.append(given)
        if len(asked) > 1:
            raise KeyboardInterrupt
        return carried_out(*given, **named)

    monkeypatch.setattr(analysis_module, "run_analysis", stopped)
    broken_off = CliRunner().invoke(main, words)
    assert broken_off.exit_code == INTERRUPTED, broken_off.output
    monkeypatch.setattr(analysis_module, "run_analysis", carried_out)
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 0, found.output
    assert (out / "index.html").is_file()


# What ends a command from within, in this process.


@pytest.fixture
def breaking(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Callable[[], Any]], Result]]:
    """Has a run do something else where it would analyse."""

    def broken_by(what: Callable[[], Any]) -> Result:
        monkeypatch.setattr("bsynth.analysis.run_analysis", lambda *_, **__: what())
        return CliRunner().invoke(main, [str(word) for word in [*run(csv, tmp_path / "run"), "--quiet"]])

    yield broken_by
    assert list(tmp_path.iterdir()) == []


def _raises(error: BaseException) -> Callable[..., Any]:
    def broken_off(*_: object, **__: object) -> Any:
        raise error

    return broken_off


def _lost(number: int, raises: type[Exception] | None = None) -> Callable[[], Any]:
    """Asks the command to end, where the exception of that is lost or turns into another."""

    def asked() -> None:
        with suppress(Terminated):
            os.kill(os.getpid(), number)
        if raises is not None:
            raise raises("cannot join thread before it is started")

    return asked


@pytest.mark.parametrize(
    ("what", "code", "says"),
    [
        (_raises(KeyboardInterrupt()), INTERRUPTED, "interrupted; nothing was written"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), TERMINATED, "asked to end; nothing was written"),
        (lambda: os.kill(os.getpid(), signal.SIGHUP), 129, "asked to end; nothing was written"),
        (_lost(signal.SIGTERM), TERMINATED, "asked to end; nothing was written"),
        (_lost(signal.SIGTERM, RuntimeError), TERMINATED, "asked to end; nothing was written"),
        (_lost(signal.SIGTERM, bs.FitError), TERMINATED, "asked to end; nothing was written"),
        (_raises(OSError(errno.ENOSPC, "No space left on device", "fit.nc")), BAD_INPUT, "'fit.nc' cannot be used (no space"),
        (_raises(MemoryError()), BROKEN, "out of memory; give fewer"),
        (_raises(RuntimeError("odd\nand long")), BROKEN, "a fault of bsynth and not of your data: RuntimeError: odd;"),
        (_raises(bs.PanelError("no good")), BAD_INPUT, "no good"),
    ],
)  # fmt: skip
def test_whatever_ends_a_command_is_one_line(what: Callable[[], Any], code: int, says: str, breaking: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)
    found = breaking(what)
    assert (found.exit_code, len(found.stderr.splitlines()), found.stdout) == (code, 1, "")
    assert found.stderr.startswith("bsynth: ")
    assert says in found.stderr
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_loses_no_word_of_what_was_kept(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the first one is told of."""
    told_by, signals = click.echo, [signal.SIGTERM]

    def stopped(*_: object, store: Path, **__: object) -> None:
        store.write_text("a fit\n")
        os.kill(os.getpid(), signal.SIGTERM)

    def told_again(*given: Any, **named: Any) -> None:
        if signals:
            os.kill(os.getpid(), signals.pop())
        told_by(*given, **named)

    monkeypatch.setattr(analysis_module, "run_analysis", stopped)
    monkeypatch.setattr("bsynth.cli.base.click.echo", told_again)
    found = CliRunner().invoke(main, [str(word) for word in [*run(csv, tmp_path / "run"), "--quiet"]])
    waiting = tmp_path / "run" / ".unfinished"
    assert (found.exit_code, len(found.stderr.splitlines())) == (TERMINATED, 1)
    assert f"asked to end; finished fits are in {waiting}, and the same command again goes on" in found.stderr
    assert (waiting / "calibration.jsonl").is_file()


@pytest.mark.parametrize(("number", "raises"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_that_falls_into_a_finaliser_is_not_lost(
    number: int, raises: type[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    """Python prints what is raised there, and goes on."""

    class Left:
        def __del__(self) -> None:
            if falls:
                os.kill(os.getpid(), falls.pop())
                time.sleep(0)

    def works() -> None:
        began = time.monotonic()
        while time.monotonic() - began < 60:
            Left()

    falls = [number]
    # What began the suite may have told it to ignore them, as a shell does with Ctrl-C of what it begins beside itself.
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)
    try:
        with heeding_terminate(), pytest.raises(raises):
            works()
    finally:
        signal.signal(number, before)
    assert not falls
    assert capfd.readouterr() == ("", "")


def test_what_else_falls_into_a_finaliser_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    class Left:
        def __del__(self) -> None:
            raise RuntimeError("odd")

    shown: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda found: shown.append(str(found.exc_value))
    try:
        with heeding_terminate():
            Left()
    finally:
        sys.unraisablehook = before
    assert shown == ["odd"]


def test_what_is_to_be_ignored_is_ignored() -> None:
    """As of nohup: a terminal that is closed ends nothing."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heeding_terminate():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_window_that_is_not_there_is_none_of_a_commands(csv: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bsynth", *map(str, run(csv, tmp_path / "run")), "--quiet"]
    environment = os.environ | {"MPLBACKEND": "nowhere"}
    found = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "run" / "figures" / "effects.png").is_file()


def test_whoever_looks_for_a_fault_is_shown_where(breaking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACEBACK, "1")
    assert "broken_off" in breaking(_raises(RuntimeError("odd"))).stderr


@pytest.mark.parametrize("said", ["Query interrupted", "INTERRUPT Error: Interrupted!"])
def test_a_query_that_was_interrupted_is_no_damaged_file(
    said: str, csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB answers a signal with an error of its own."""
    monkeypatch.setattr("bsynth.panel.sources._csv", _raises(RuntimeError(said)))
    with pytest.raises(KeyboardInterrupt):
        bs.Panel.from_long(csv, **ROLES)
    found = CliRunner().invoke(main, [str(word) for word in [*run(csv, tmp_path / "run"), "--quiet"]])
    assert (found.exit_code, found.stderr) == (INTERRUPTED, "bsynth: interrupted; nothing was written\n")
