"""``bsynth doctor``: whether fits can be had on this machine, how fast, and what would make them faster."""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import click

from bsynth._base.request import check_folder
from bsynth._base.versions import PACKAGES
from bsynth.cli.base import BROKEN, THREADS, given_threads
from bsynth.errors import BsynthError
from bsynth.text.numbers import count, fixed

type Mark = Literal["ok", "slow", "wrong"]
CROWDED = 2
"""Processes at work for each core from which fits wait for others."""
LEAST_ROOM = 1 << 28
"""Bytes of disk that a run with every picture, table and fit does not fill."""


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    mark: Mark
    what: str
    words: str


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Say whether fits can be had on this machine, how fast, and what is slow and why.

    One line for each thing looked at: ok, slow (with what to do), or wrong. Exit code 1 where something is wrong.

    \b
    bsynth doctor
    """
    lines = list(examined())
    for line in lines:
        click.echo(f"{line.mark:<6}{line.what}: {line.words}")
    if any(line.mark == "wrong" for line in lines):
        ctx.exit(BROKEN)


def examined() -> Iterator[Line]:
    """Look at one thing after the other."""
    yield Line("ok", "bsynth", f"{version('bsynth')} on Python {platform.python_version()}, {platform.platform()}")
    yield packages()
    yield engine()
    yield machine_code()
    yield byte_code(Path(__file__).parent.parent)
    yield cores()
    yield threads(given_threads())
    yield room(Path(tempfile.gettempdir()), "temporary files")
    yield room(Path.cwd(), "this folder")


def packages() -> Line:
    """Versions of what makes the numbers, and whichever package is outside of what bsynth takes."""
    from packaging.requirements import Requirement

    amiss = []
    for text in requires("bsynth") or ():
        needed = Requirement(text)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(needed.name)
        except PackageNotFoundError:
            amiss.append(f"{needed.name} is not installed")
            continue
        if not needed.specifier.contains(found, prereleases=True):
            amiss.append(f"{needed.name} is {found}, and bsynth takes {needed.specifier}")
    if amiss:
        return Line("wrong", "packages", f"{'; '.join(amiss)}. Install bsynth anew, in an environment of its own")
    return Line("ok", "packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES if name != "bsynth"))


def engine() -> Line:
    """Whether the compiled density can be sampled."""
    from bsynth.engines.kernels import nuts

    try:
        reason = nuts.lacks()
    except ImportError as error:
        reason = str(error).splitlines()[0]
    if reason is None:
        return Line("ok", "sampler", "the compiled density, which serves every model and panel")
    return Line("slow", "sampler", f"PyMC's graph, which compiles for each structure of a model: {reason}")


def machine_code() -> Line:
    """Where the compiled density is kept, and whether it is there already."""
    from bsynth.engines.kernels.compiled import cache_folder

    what, folder = "machine code", cache_folder()
    kept = len({re.sub(r"-\d+\.py\d+.*", "", file.name) for file in folder.rglob("*.nbi")})
    try:
        check_folder(folder, what)
    except BsynthError as error:
        if kept:
            return Line("ok", what, f"compiled, in {folder}, which cannot be written and need not be")
        return Line("slow", what, f"each process compiles for itself, since {error}, and say so with BSYNTH_CACHE")
    if kept:
        return Line("ok", what, f"compiled ({count(kept, 'function')}), in {folder}")
    return Line("slow", what, f"none in {folder} yet, so the first fit compiles; bsynth warm does it now")


def byte_code(package: Path) -> Line:
    """Whether Python keeps what it compiles of the modules that it imports."""
    what, kept = "byte code", package / "__pycache__"
    if any(kept.glob("*.pyc")):
        return Line("ok", what, f"kept in {kept}")
    where = "PYTHONDONTWRITEBYTECODE is set" if sys.dont_write_bytecode else f"{package} cannot be written"
    if not sys.dont_write_bytecode and os.access(package, os.W_OK):
        return Line("ok", what, "kept from the first import on")
    return Line("slow", what, f"each process compiles all it imports, since {where}; python -m compileall once helps")


def cores() -> Line:
    """How many cores there are for fits, and whether others have them."""
    from joblib import cpu_count

    here = int(cpu_count())
    found = f"{count(here, 'core')} for this process of {os.cpu_count()} in the machine"
    waiting = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if waiting > CROWDED * here:
        return Line("slow", "cores", f"{found}, for which {fixed(waiting, 1)} processes wait; fits take as much longer")
    return Line("ok", "cores", found)


def threads(environment: Mapping[str, str]) -> Line:
    """Whether linear algebra keeps to one thread: a panel's matrices are too small for more."""
    what = "linear algebra"
    given = {name: environment[name] for name in THREADS if environment.get(name)}
    if any(value == "1" for value in given.values()):
        return Line("ok", what, "one thread, as its small matrices need")
    said = ", ".join(f"{name}={value}" for name, value in given.items()) or f"{THREADS[0]} is not set"
    words = f"as many threads as it likes, which fits side by side pay for ({said}); set it to 1"
    return Line("slow", what, words if given else f"one thread in commands, but in Python {words}")


def room(folder: Path, what: str) -> Line:
    """Whether files can be made, and how much of the disk is free."""
    try:
        check_folder(folder, what)
        free = shutil.disk_usage(folder).free
    except (BsynthError, OSError) as error:
        return Line("wrong", what, str(error).splitlines()[0])
    words = f"{fixed(free / 2**30, 1)} GB free in {folder}"
    return Line("ok", what, words) if free >= LEAST_ROOM else Line("slow", what, f"{words}; a run may not fit")
