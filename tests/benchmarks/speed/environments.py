"""The other packages, each in an environment of its own, made when it is first needed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speed.bench import BUILD, OTHERS, Bench, Sample, tell
from speed.processes import timed


class Unavailable(Exception):
    """Another package cannot be had here."""


@dataclass(frozen=True)
class Other:
    """Another package: its title in tables, what is installed, the script that runs it, and the module it imports."""

    title: str
    packages: tuple[str, ...]
    script: str
    module: str


PACKAGES: Mapping[str, Other] = {
    # Its ArviZ imports what NumPy no longer has.
    "causalpy": Other("CausalPy, newest stable", ("CausalPy", "nutpie", "numpy<2.4"), "causalpy_prop99.py", "causalpy"),
    "causalpy-rc": Other("CausalPy 1.0.0rc1", ("CausalPy==1.0.0rc1", "nutpie"), "causalpy_prop99.py", "causalpy"),
    "pysyncon": Other("pysyncon", ("pysyncon>=1.7",), "pysyncon_prop99.py", "pysyncon"),
}
_failed: dict[str, str] = {}


def interpreter(name: str) -> Path:
    """Return the Python of an environment, making it if it is not there.

    Raises
    ------
    Unavailable
        With the reason; it is not tried again in this process.
    """
    folder = BUILD / name
    python, ready = folder / "bin" / "python", folder / ".ready"
    if ready.is_file():
        return python
    if name not in _failed:
        tell(f"  setting up {PACKAGES[name].title} ...")
        reason = _run(sys.executable, "-m", "venv", "--clear", str(folder))
        reason = reason or _run(*_installer(python), *PACKAGES[name].packages)
        reason = reason or _run(str(python), "-c", f"import {PACKAGES[name].module}")
        if reason is None:
            ready.touch()
            return python
        _failed[name] = f"{PACKAGES[name].title} cannot be installed: {reason}"
    raise Unavailable(_failed[name])


def _installer(python: Path) -> tuple[str, ...]:
    """The words of the installer: uv where there is one, which takes seconds for what pip takes minutes."""
    if uv := shutil.which("uv", path=os.pathsep.join([os.environ.get("PATH", ""), str(BUILD.parent / "uv" / "bin")])):
        return uv, "pip", "install", "-q", "--python", str(python)
    return str(python), "-m", "pip", "install", "-q"


def _run(*command: str) -> str | None:
    """Run a command and return None, or the last line of its complaint."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines() or ["no message"]
    return lines[-1].removeprefix("ERROR: ")


def other(bench: Bench, name: str, *arguments: object) -> Sample:
    """Run another package's script in a fresh process of its own environment."""
    # What PyTensor compiles is kept beside it, so that a second run is warm whatever else this machine has.
    compiled = {"PYTENSOR_FLAGS": f"base_compiledir={BUILD / name / 'compiled'}"}
    return timed([interpreter(name), OTHERS / PACKAGES[name].script, bench.prop99, *arguments], compiled)


def available(*names: str) -> tuple[list[str], str | None]:
    """Return which of these can be had, and why the others cannot."""
    found, reasons = [], []
    for name in names:
        try:
            interpreter(name)
        except Unavailable as reason:
            reasons.append(str(reason))
        else:
            found.append(name)
    return found, "; ".join(reasons) or None
