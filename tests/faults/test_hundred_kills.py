"""A hundred kills over run, certify and study, at moments of chance: nothing is lost beyond the piece in flight."""

import random
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from bad_inputs.case import LIVELY, ROLES, options
from faults.commands import answer, begun, broken, done, sent

KILLS = 34
"""Of each command."""
FEW = ["--draws", 100, "--tune", 100, "--chains", 2, "--seed", 1, "--quiet"]

pytestmark = pytest.mark.evidence


def _run(folder: Path, out: Path) -> list[object]:
    return ["run", _csv(folder), *options(ROLES), *FEW, "--methods", "did,placebo", "--findings", "none", "--out", out]


def _certify(folder: Path, out: Path) -> list[object]:
    return ["certify", _csv(folder), *options(ROLES), *FEW, "--windows", 0, "--out", out]


def _study(folder: Path, out: Path) -> list[object]:
    file = folder / "study.toml"
    text = 'seeds = 30\n[worlds.factor]\n[methods.d]\nestimator = "demeaned"\ninference = "placebo"\n'
    file.write_text(text, encoding="utf-8")
    return ["study", file, "--jobs", 1, "--backend", "threads", "--quiet", "--resume", "--out", out]


def _csv(folder: Path) -> Path:
    file = folder / "sales.csv"
    LIVELY.to_csv(file, index=False)
    return file


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return text[: text.rfind("\n") + 1].splitlines()


@pytest.mark.parametrize(
    ("words", "store", "summary"),
    [
        (_run, ".unfinished/calibration.jsonl", "summary.json"),
        (_certify, "placebos.jsonl", "certificate.json"),
        (_study, "fits.jsonl", "summary.json"),
    ],
)
def test_killed_at_any_moment(
    words: Callable[[Path, Path], Sequence[object]], store: str, summary: str, tmp_path: Path
) -> None:
    chance, log = random.Random(18), tmp_path / "log"
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert done(words(tmp_path, whole), log) in (0, 3), log.read_text()
    kept: list[str] = []
    killed = 0
    while killed < KILLS:
        process = begun(words(tmp_path, out), log)
        # After some further fits; or at any time, be it while tables are written or pictures drawn.
        wanted = len(kept) + chance.randint(0, 2)
        after = chance.random() < 0.6
        code = sent(
            signal.SIGKILL,
            process,
            lambda wanted=wanted, after=after: not after or len(_lines(out / store)) > wanted,
            chance,
            longest=0.1 if after else 3.0,
        )
        assert code in (-signal.SIGKILL, 0, 3), log.read_text()
        assert not out.is_dir() or broken(out) == []
        now = _lines(out / store)
        if code == -signal.SIGKILL:
            killed += 1
            assert now[: len(kept)] == kept or (out / summary).is_file(), "what was finished stays"
            kept = now
        else:
            shutil.rmtree(out)
            kept = []
    assert done(words(tmp_path, out), log) in (0, 3)
    assert broken(out) == []
    assert answer(out, summary) == answer(whole, summary)
    print(f"{killed} kills of {words.__name__.strip('_')}: every file whole, the same answer")
