"""Commands in processes of their own, forked from one that has loaded the package, so that they can be killed often."""

import json
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

PRELOADED = ("bsynth.cli", "bsynth.reporting.run", "bsynth.studies", "bsynth.calibration", "matplotlib.pyplot", "ibis")
PATIENCE = 540.0
"""Seconds in which any command ends on a crowded machine."""


def _command(words: Sequence[str], log: str, largest: int | None, cache: str | None) -> None:
    """In the other process: run a command with its output in a file, and files of at most ``largest`` bytes."""
    if cache is not None:
        os.environ["BSYNTH_CACHE"] = cache
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
        # What measures the suite writes files as well: of workers none, and of this process after the command.
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            del os.environ[name]
    from bsynth.cli import main

    try:
        main([str(word) for word in words])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def begun(words: Sequence[object], log: Path, largest: int | None = None, cache: Path | None = None) -> BaseProcess:
    """Begin a command."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    given = ([str(word) for word in words], str(log), largest, None if cache is None else str(cache))
    process = context.Process(target=_command, args=given)
    process.start()
    return process  # type: ignore[no-any-return]


def ended(process: BaseProcess) -> int:
    """Its exit code; below zero the signal that ended it."""
    process.join(PATIENCE)
    assert process.exitcode is not None, "a command did not end"
    return process.exitcode


def done(words: Sequence[object], log: Path, largest: int | None = None, cache: Path | None = None) -> int:
    """Carry a command out, with machine code in another ``cache``; return its exit code."""
    return ended(begun(words, log, largest, cache))


def sent(
    number: int, process: BaseProcess, when: Callable[[], bool], chance: random.Random, longest: float = 0.1
) -> int:
    """Send a signal at a random moment, ``longest`` seconds at most, after ``when`` holds; return the exit code."""
    while process.is_alive() and not when():
        time.sleep(0.005)
    time.sleep(chance.uniform(0.0, longest))
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, number)
    return ended(process)


def told(log: Path) -> int:
    """Lines that a command has written."""
    return log.read_bytes().count(b"\n") if log.is_file() else 0


def broken(folder: Path) -> list[str]:
    """Files of a folder that are neither whole nor one that goes on line by line."""
    import h5py

    found = []
    for file in folder.rglob("*"):
        if not file.is_file() or any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        content = file.read_bytes()
        if file.suffix == ".png":
            good = content.endswith(b"IEND\xaeB`\x82")
        elif file.suffix in (".svg", ".html"):
            good = content.rstrip().endswith((b"</svg>", b"</html>"))
        elif file.suffix == ".json":
            good = _parses(content)
        elif file.suffix == ".jsonl":
            lines = content.split(b"\n")
            good = all(map(_parses, filter(None, lines[:-1])))  # the last may be in flight
        elif file.suffix == ".nc":
            good = h5py.is_hdf5(file) and _opens(file)
        else:
            good = True
        if not good:
            found.append(str(file.relative_to(folder)))
    return found


def _parses(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _opens(file: Path) -> bool:
    import bsynth as bs

    try:
        bs.load(file)
    except bs.BsynthError:
        return False
    return True


def timeless(data: Any) -> Any:
    """A summary without its times."""
    if isinstance(data, dict):
        return {key: timeless(value) for key, value in data.items() if "seconds" not in key}
    return [timeless(each) for each in data] if isinstance(data, list) else data


def answer(folder: Path, name: str = "summary.json") -> str:
    """The text of a summary, times aside."""
    return json.dumps(timeless(json.loads((folder / name).read_text(encoding="utf-8"))), indent=1)
