"""Fresh processes, timed from outside: wall and CPU seconds with those of their children, and their memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from speed.bench import JOBS, ROOT, Sample

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Of linear algebra: chains and fits share the cores already."""
BSYNTH = Path(sys.executable).parent / "bsynth"


class Failed(Exception):
    """A process ended in an error."""


def timed(command: Sequence[object], environment: Mapping[str, str] | None = None) -> Sample:
    """Run a command and return its ``wall``, ``cpu``, ``megabytes`` (greatest resident size) and what it printed.

    Where the last line that it prints is a JSON object, its items are in the sample.
    """
    arguments = [str(part) for part in command]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            arguments, stdout=out, stderr=errors, stdin=subprocess.DEVNULL, cwd=ROOT,
            env=os.environ | THREADS | (environment or {}),
        )  # fmt: skip
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        wall = time.perf_counter() - began
        # The process has been waited for: Popen shall not do it again.
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        printed, complaints = out.read(), errors.read().strip().splitlines()
    if process.returncode != 0:
        raise Failed(
            f"{Path(arguments[0]).name} exited with {process.returncode}: {(complaints or ['no message'])[-1]}"
        )
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        # Kilobytes on Linux, bytes on macOS.
        "megabytes": usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3),
        **_object(printed),
    }


def job(name: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Sample:
    """Run one of the scripts in ``jobs`` in a fresh process of this interpreter."""
    return timed([sys.executable, JOBS / f"{name}.py", *arguments], environment)


def empty_caches(folder: str) -> dict[str, str]:
    """Settings under which a process finds every cache empty."""
    return {
        "BSYNTH_CACHE": f"{folder}/bsynth", "XDG_CACHE_HOME": f"{folder}/cache", "MPLCONFIGDIR": f"{folder}/matplotlib",
        "NUMBA_CACHE_DIR": f"{folder}/numba", "PYTENSOR_FLAGS": f"base_compiledir={folder}/pytensor",
    }  # fmt: skip


def _object(printed: str) -> Sample:
    lines = printed.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
