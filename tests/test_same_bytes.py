"""One seed, one machine: the same summary to the byte, whatever process, number of workers or state of the caches."""

from pathlib import Path

import pytest
from bad_inputs.case import LIVELY, ROLES, options
from faults.commands import answer, done

pytestmark = pytest.mark.slow
FEW = ["--draws", 100, "--tune", 100, "--chains", 2, "--seed", 4, "--methods", "did,placebo", "--findings", "none"]


def _answer(folder: Path, name: str, *more: object) -> str:
    file, out = folder / "sales.csv", folder / name
    LIVELY.to_csv(file, index=False)
    code = done(["run", file, *options(ROLES), *FEW, *more, "--quiet", "--out", out], folder / f"{name}.log")
    assert code in (0, 3), (folder / f"{name}.log").read_text()
    return answer(out)


def test_neither_process_nor_workers_change_a_byte(tmp_path: Path) -> None:
    one = _answer(tmp_path, "one", "--jobs", 1)
    assert _answer(tmp_path, "two", "--jobs", 2) == one
    assert '"calibrated"' in one, "the donors' fits, which run side by side, are in it"


@pytest.mark.evidence
def test_a_cold_cache_changes_no_byte(tmp_path: Path) -> None:
    """The density is compiled anew: minutes on a slow machine."""
    warm = _answer(tmp_path, "warm")
    words = ["run", tmp_path / "sales.csv", *options(ROLES), *FEW, "--quiet", "--out", tmp_path / "cold"]
    assert done(words, tmp_path / "log", cache=tmp_path / "cache") in (0, 3)
    assert any((tmp_path / "cache").rglob("*.nbi"))
    assert answer(tmp_path / "cold") == warm
