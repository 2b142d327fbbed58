"""Every case of the atlas by every door: one clear line and the right exit code, or the value it should give.

The tables beside this file are the atlas. A case that is refused leaves no file behind, whatever was asked of it.
"""

import importlib
from pathlib import Path

import pytest
from bad_inputs.case import Case
from click.testing import CliRunner

import bsynth as bs
from bsynth.analysis import frozen_plan
from bsynth.cli import main
from bsynth.cli.base import BAD_INPUT, DONE

TABLES = ("files", "columns", "labels", "settings", "specs", "stored", "outputs")
CASES = {f"{table}: {c.name}": c for table in TABLES for c in importlib.import_module(f"bad_inputs.{table}").CASES}
LONGEST = 420
"""Characters of a line that somebody still reads."""


def there(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*")}


def one_line(text: str, case: Case) -> None:
    assert "\n" not in text
    assert len(text) <= LONGEST
    assert "Traceback" not in text
    for word in case.says:
        assert word in text


@pytest.fixture(autouse=True)
def stays_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is given without a folder is written where it is seen."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    assert bool(case.says) != (case.gives is not None), "a case is refused in words, or gives a value"
    by_shell, by_python = tmp_path / "shell", tmp_path / "python"
    by_shell.mkdir()
    by_python.mkdir()
    made = set() if case.shell is None else asked(case, by_shell)
    if case.python is None:
        return
    if case.gives is None:
        with pytest.raises(bs.BsynthError) as refused:
            case.python(by_python)
        one_line(str(refused.value), case)
        assert case.shell is None or there(by_python) <= made
        return
    panel = case.python(by_python)
    found = bs.classical(panel, "did").effects().set_index("estimand").estimate
    assert found["average"] == pytest.approx(case.gives, abs=1e-9)
    assert case.shell is None or frozen_plan(by_shell / "plan.toml") == bs.freeze(panel), "both doors, one panel"


def asked(case: Case, folder: Path) -> set[str]:
    """Ask the command line; return the files of the case itself, beside which a refusal leaves none."""
    assert case.shell is not None
    words = case.shell(folder)
    before = there(folder)
    done = CliRunner().invoke(main, [str(word) for word in words])
    if case.gives is None:
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (BAD_INPUT, "", 1), done.output
        one_line(done.stderr.removeprefix("bsynth: ").rstrip("\n"), case)
        assert there(folder) == before
    else:
        assert done.exit_code == DONE, done.output
    return before
