"""Other packages as methods of a study, each run by an interpreter of its own environment.

A peer is a script of this folder that knows nothing of bsynth: for each line of JSON on standard input it answers with
a line on standard output. It stays alive from fit to fit, since importing a package may take longer than fitting.
"""

import atexit
import json
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from bsynth.engines.sampling import Sampling
from bsynth.errors import FitError, SpecError
from bsynth.panel import Panel

type Peer = Literal["causalpy", "pysyncon", "scpi"]


@dataclass(frozen=True)
class Package:
    """Another package: its distribution's name, the script that runs it, and what its interval is."""

    distribution: str
    script: str
    interval: str

    def version(self, python: str) -> str:
        """Return the version that an interpreter has; raise `SpecError` when it is not there, or has none."""
        return _version(self.distribution, python)


PEERS: dict[str, Package] = {
    "causalpy": Package("CausalPy", "causalpy_peer.py", "posterior predictive, of the average"),
    "pysyncon": Package("pysyncon", "pysyncon_peer.py", "none: a point"),
    "scpi": Package("scpi_pkg", "scpi_peer.py", "prediction interval, of the average"),
}


@lru_cache
def _version(distribution: str, python: str) -> str:
    ask_it = f"from importlib.metadata import version; print(version({distribution!r}))"
    try:
        done = subprocess.run([python, "-c", ask_it], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpecError(
            f"python {python!r} cannot be run ({error}); give an interpreter that has {distribution}"
        ) from None
    if done.returncode:
        raise SpecError(f"{python} has no {distribution}; install it there, or give another interpreter as python")
    return done.stdout.strip()


_running: dict[tuple[str, str], "subprocess.Popen[str]"] = {}
_one_at_a_time = threading.Lock()
"""Threads of this process share its peers, and an answer belongs to the question before it."""


def ask(
    peer: str, python: str, panel: Panel, levels: Sequence[float], sampling: Sampling, settings: dict[str, Any]
) -> dict[str, Any]:
    """Give a panel to a peer and return its answer: ``estimate``, ``bounds`` by level, ``draws`` or None.

    Raises
    ------
    FitError
        What the peer complains of, or that it ended.
    """
    request = {
        "treated": panel.treated_series.tolist(), "donors": panel.donor_matrix.tolist(), "n_pre": panel.n_pre,
        "levels": list(levels), "draws": sampling.draws, "tune": sampling.tune, "chains": sampling.chains,
        "seed": sampling.seed, "settings": settings,
    }  # fmt: skip
    with _one_at_a_time:
        process = _process(peer, python)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            _running.pop((peer, python), None)
            raise FitError(f"{peer} ended without an answer (exit code {process.wait(timeout=10)})")
    found: dict[str, Any] = json.loads(line)
    if "error" in found:
        raise FitError(f"{peer}: {found['error']}")
    return found


def _process(peer: str, python: str) -> "subprocess.Popen[str]":
    """The peer of this process, started when it is first asked."""
    key = (peer, python)
    if key not in _running or _running[key].poll() is not None:
        script = Path(__file__).parent / PEERS[peer].script
        _running[key] = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        atexit.register(_running[key].kill)
    return _running[key]
