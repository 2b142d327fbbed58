"""The density as a C function, kept on disk: compiled once on a machine, then loaded by each process.

Numba's cache notices that a file has changed, but not the files that it uses. So the machine code lies in a folder
named after all sources of the density and the versions of the compiler.
"""

import contextlib
import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import carray, cfunc, types

from bsynth.engines.kernels.density import log_density
from bsynth.engines.kernels.layout import LENGTH, UNITS

_SOURCES = (
    "common.py", "compiled.py", "density.py", "forms.py", "latent.py", "layout.py", "machine.py", "treated.py",
    "weights.py",
)  # fmt: skip
_DOUBLES = types.CPointer(types.double)
_LOG_DENSITY = types.intc(types.uintp, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr)
_EXPAND = types.intc(types.uintp, types.uintp, _DOUBLES, _DOUBLES, types.voidptr)
_FILL = "import sys; from bsynth.engines.kernels import compiled; compiled.fill(sys.argv[1])"
_NOT_FINITE = 1
"""What the sampler is told of a point without a density: it turns back from there."""


def cache_folder() -> Path:
    """Return where machine code is kept: ``BSYNTH_CACHE``, else the user's folder for caches.

    Each state of the sources, each place where they lie (the compiler does not load what another place's sources made)
    and each version of the compiler has a folder of its own.
    """
    base = os.environ.get("BSYNTH_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bsynth"
    here = Path(__file__).parent
    text = b"".join((here / name).read_bytes() for name in _SOURCES)
    made_by = f"{version('numba')} {version('llvmlite')} {np.__version__}"
    return Path(base) / f"density-{hashlib.sha256(text + f'{made_by} {here}'.encode()).hexdigest()[:12]}"


def _log_density(dim: Any, x: Any, gradient: Any, out: Any, data: Any) -> Any:
    """Log density at x (dim,) and its gradient; ``data`` points to the buffer of `layout`, which holds its length."""
    header = carray(data, (1,), np.float64)
    buffer = carray(data, (int(header[LENGTH]),), np.float64)
    at, g = carray(x, (dim,)), carray(gradient, (dim,))
    units = int(buffer[UNITS])
    if units > 0:
        at = at * buffer[units : units + dim]
    value = log_density(at, g, buffer)
    if units > 0:
        g *= buffer[units : units + dim]
    out[0] = value
    if not np.isfinite(value):
        return _NOT_FINITE
    for k in range(dim):
        if not np.isfinite(g[k]):
            return _NOT_FINITE
    return 0


def _expand(dim: Any, size: Any, x: Any, out: Any, data: Any) -> Any:
    """Keep draws as they are: variables are named and constrained afterwards, all at once."""
    for k in range(size):
        out[k] = x[k]
    return 0


@dataclass(frozen=True)
class Compiled:
    """The density's C functions.

    Attributes
    ----------
    log_density, expand : ctypes-like objects with an ``address``
    note : str or None
        Why nothing is kept on disk, if so: the next process compiles again.
    """

    log_density: Any
    expand: Any
    note: str | None = None


_lock = threading.Lock()


def compiled() -> Compiled:
    """Return the C functions, loaded from disk or compiled now; where the disk fails, in a passing folder."""
    with _lock:
        return _compiled()


@functools.cache
def _compiled() -> Compiled:
    folder: Path | None = None
    try:
        folder = cache_folder()
        return Compiled(*_kept(folder))
    except Exception as error:  # noqa: BLE001  # a cache can break in any way, and costs time alone
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
    if folder is not None and _cleared(folder):
        # What lay there may have been cut short.
        note = f"machine code in {str(folder)!r} was damaged and is made anew: {reason}"
        with contextlib.suppress(Exception):
            return Compiled(*_kept(folder), note)
    note = f"machine code cannot be kept in {str(folder)!r}, so each process makes its own: {reason}"
    with contextlib.suppress(Exception), tempfile.TemporaryDirectory(prefix="bsynth-") as passing:
        return Compiled(*_kept(Path(passing)), note)
    return Compiled(*_functions(None), note)


def _kept(folder: Path) -> tuple[Any, Any]:
    """Load both functions from ``folder``, which a process of its own fills when it is empty.

    A process that compiles calls parts of the density by themselves, one that loads calls those in the file: the same
    sums in another order, so the last digits of draws would hang on who came first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.rglob("*.nbi")):
        # Where no other process can be had, this one compiles.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            here = str(Path(__file__).parents[3])
            paths = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
            command = [sys.executable or "python", "-c", _FILL, str(folder)]
            subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": paths})
    return _functions(folder)


def fill(folder: str) -> None:
    """Compile into ``folder``."""
    _functions(Path(folder))


def _cleared(folder: Path) -> bool:
    """Take machine code away, and nothing else; whether there was any."""
    files = [file for kind in ("*.nbi", "*.nbc") for file in folder.rglob(kind)]
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()
    return bool(files)


def _functions(folder: Path | None) -> tuple[Any, Any]:
    """Compile both functions, or load them from ``folder``."""
    config: Any = numba.config
    before = config.CACHE_DIR
    try:
        config.CACHE_DIR = "" if folder is None else str(folder)
        made = [cfunc(signature, cache=folder is not None) for signature in (_LOG_DENSITY, _EXPAND)]
        return made[0](_log_density), made[1](_expand)
    finally:
        config.CACHE_DIR = before
