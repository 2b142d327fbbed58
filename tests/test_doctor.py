"""`bsynth doctor`: one line for each thing, and what is slow or wrong says what to do."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth.cli import doctor as command  # the command
from bsynth.cli import main

doctor: Any = sys.modules["bsynth.cli.doctor"]
assert command is doctor.doctor


def test_a_line_for_each_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 0, done.output
    marks = [line[:6].strip() for line in done.stdout.splitlines()]
    assert set(marks) <= {"ok", "slow"}
    topics = [line[6:].split(":")[0] for line in done.stdout.splitlines()]
    assert topics == [
        "bsynth", "packages", "sampler", "machine code", "byte code", "cores", "linear algebra", "temporary files",
        "this folder",
    ]  # fmt: skip


def test_a_package_outside_of_its_range_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(doctor, "version", lambda name: "0.99.1" if name == "nutpie" else real(name))
    line = doctor.packages()
    assert line.mark == "wrong"
    assert "nutpie is 0.99.1, and bsynth takes <0.17,>=0.16" in line.words
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 1


def test_a_package_that_is_missing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: ["numpy>=2", "no-such-thing>=1", "dask; extra == 'dask'"])
    assert doctor.packages() == doctor.Line(
        "wrong", "packages", "no-such-thing is not installed. Install bsynth anew, in an environment of its own"
    )


def test_a_density_that_cannot_be_used_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    from bsynth.engines.kernels import nuts

    monkeypatch.setattr(nuts, "lacks", lambda: "nutpie 0.99 has no LogpFunc")
    assert doctor.engine().mark == "slow"
    assert doctor.engine().words.endswith("of a model: nutpie 0.99 has no LogpFunc")


def test_machine_code_says_whether_it_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BSYNTH_CACHE", str(tmp_path / "new"))
    line = doctor.machine_code()
    assert (line.mark, "bsynth warm" in line.words) == ("slow", True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("BSYNTH_CACHE", str(tmp_path / "file"))
    line = doctor.machine_code()
    assert (line.mark, "cannot be written" in line.words) == ("slow", True)


def test_machine_code_that_lies_there_need_not_be_writable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bsynth.engines.kernels.compiled import cache_folder

    monkeypatch.setenv("BSYNTH_CACHE", str(tmp_path))
    cache_folder().mkdir(parents=True)
    (cache_folder() / "density.log_density-1.py312.nbi").write_bytes(b"")
    assert doctor.machine_code().words.startswith("compiled (1 function), in ")
    monkeypatch.setattr(doctor, "check_folder", _refused)
    line = doctor.machine_code()
    assert (line.mark, "which cannot be written and need not be" in line.words) == ("ok", True)


def _refused(*_: object) -> None:
    raise bs.SpecError("it cannot be written")


def test_byte_code_is_kept_or_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert doctor.byte_code(tmp_path).words == "kept from the first import on"
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert (doctor.byte_code(tmp_path).mark, "PYTHONDONTWRITEBYTECODE" in doctor.byte_code(tmp_path).words) == (
        "slow",
        True,
    )
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"")
    assert doctor.byte_code(tmp_path).words.startswith("kept in ")


def test_warm_says_where_or_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from bsynth.engines.kernels import nuts

    monkeypatch.setattr(nuts, "lacks", lambda: None)
    monkeypatch.setattr(nuts, "note", lambda: None)
    done = CliRunner().invoke(main, ["warm"])
    assert (done.exit_code, "is compiled and kept in" in done.stdout) == (0, True)
    assert CliRunner().invoke(main, ["warm", "--quiet"]).stdout == ""
    monkeypatch.setattr(nuts, "lacks", lambda: "nutpie 0.99 has no LogpFunc")
    done = CliRunner().invoke(main, ["warm", "--quiet"])
    assert (done.exit_code != 0, done.stderr) == (True, "bsynth: nothing is kept: nutpie 0.99 has no LogpFunc\n")


@pytest.mark.parametrize(
    ("given", "mark"),
    [
        ({}, "slow"),
        ({"OMP_NUM_THREADS": "8"}, "slow"),
        ({"OMP_NUM_THREADS": "1"}, "ok"),
        ({"MKL_NUM_THREADS": "1"}, "ok"),
    ],
)
def test_threads_of_linear_algebra(given: dict[str, str], mark: str) -> None:
    assert doctor.threads(given).mark == mark


def test_what_a_command_sets_itself_is_not_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in doctor.THREADS:
        monkeypatch.delenv(name, raising=False)
    (line,) = [line for line in CliRunner().invoke(main, ["doctor"]).stdout.splitlines() if "linear algebra" in line]
    assert line.startswith("slow  linear algebra: one thread in commands, but in Python as many threads as it likes")


def test_a_crowded_machine_and_a_full_disk_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0))
    assert doctor.cores().mark == "slow"
    assert "99.0 processes wait" in doctor.cores().words
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    assert doctor.cores().mark == "ok"
    monkeypatch.setattr(doctor, "LEAST_ROOM", 1 << 60)
    assert doctor.room(tmp_path, "this folder").mark == "slow"
    assert doctor.room(Path("/proc/nowhere"), "this folder").mark == "wrong"


@pytest.mark.parametrize(("given", "seen"), [("", "1 [1]"), ("2", "2 [2]")])
def test_commands_keep_linear_algebra_to_one_thread(monkeypatch: pytest.MonkeyPatch, given: str, seen: str) -> None:
    """Also in libraries that are loaded only while the command runs; what the environment says holds."""
    script = (
        "import os, click; from bsynth.cli import main\n"
        "@main.command()\n"
        "def look():\n"
        "    import scipy.linalg, threadpoolctl\n"
        "    blas = [each['num_threads'] for each in threadpoolctl.threadpool_info() if each['user_api'] == 'blas']\n"
        "    print(os.environ['OMP_NUM_THREADS'], sorted(set(blas)))\n"
        "main(['look'])\n"
    )
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == seen or (os.cpu_count() or 1) < int(seen[0]), done.stderr
