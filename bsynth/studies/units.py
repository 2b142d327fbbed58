"""One unit of a study: one method on one panel of one world; and how all of them are run."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from bsynth._base.types import FloatArray
from bsynth.engines.sampling import Sampling
from bsynth.errors import BsynthError, FitError, PanelError, SpecError, came, nearest, some_of
from bsynth.pieces import WORKER_LOST, Record, digest
from bsynth.studies.methods import Answer, Method
from bsynth.studies.spec import StudySpec
from bsynth.studies.worlds import Drawn, World

BACKENDS = ("processes", "threads", "dask", "joblib")
SIGNIFICANT = 12
"""Digits that are kept of a number: all that a table needs, and the same whichever way it came back."""


@dataclass(frozen=True)
class Unit:
    """What a worker is given: plain settings, from which it draws the panel and answers it by itself."""

    world_name: str
    method_name: str
    k: int
    world: World
    method: Method
    levels: tuple[float, ...]
    sampling: tuple[int, int, int]
    seed: int
    folder: Path

    @property
    def sequence(self) -> np.random.SeedSequence:
        """Of panel k of the world: the same whatever else is in the study."""
        name = int.from_bytes(hashlib.sha256(self.world_name.encode()).digest()[:4])
        return np.random.SeedSequence(self.seed, spawn_key=(name, self.k))


def units_of(spec: StudySpec, folder: Path) -> dict[str, Unit]:
    """Every unit by its name in the store, which says all that its answer depends on.

    Panels are outermost, so that an interrupted study has all methods on its first ones. Methods are not asked about
    worlds that they do not go with.
    """
    hashes = {
        (w, m): digest(
            [
                world.model_dump(mode="json"), world.fingerprint(folder), method.model_dump(mode="json"),
                method.fingerprint(folder), spec.levels, [spec.draws, spec.tune, spec.chains], spec.seed,
            ]
        )
        for w, world in spec.worlds.items()
        for m, method in spec.methods.items()
        if method.goes_with(world.several, folder)
    }  # fmt: skip
    return {
        f"{w}|{m}|{k}|{hashes[w, m]}": Unit(
            w, m, k, world, method, spec.levels, (spec.draws, spec.tune, spec.chains), spec.seed, folder
        )
        for k in range(spec.seeds)
        for w, m in hashes
        for world, method in [(spec.worlds[w], spec.methods[m])]
    }


def parts(name: str) -> tuple[str, str, int]:
    """World, method and panel of a unit, by its name in the store."""
    world, method, k, _ = name.split("|")
    return world, method, int(k)


def key_of(name: str) -> str:
    """World, method and what they depend on, of a unit's name in the store: the same for all panels."""
    world, method, _, depends = name.split("|")
    return f"{world}|{method}|{depends}"


def drawn(unit: Unit) -> Drawn:
    """Draw the panel; raise `PanelError` with the world's name when it cannot be had."""
    panel_seed, _ = unit.sequence.spawn(2)
    try:
        return unit.world.draw(np.random.default_rng(panel_seed), unit.folder)
    except BsynthError as error:
        raise PanelError(f"world {unit.world_name!r}, panel {unit.k}: {error}") from None


def work(unit: Unit) -> Record:
    """Draw the panel and answer it; what fails is a record with its reason, and the study goes on."""
    found = drawn(unit)
    _, method_seed = unit.sequence.spawn(2)
    draws, tune, chains = unit.sampling
    sampling = Sampling(draws, tune, chains, seed=int(method_seed.generate_state(1)[0]), n_jobs=1)
    begun = time.process_time()
    try:
        answer = unit.method.answer(found.panel, unit.levels, sampling, unit.folder)
    except BsynthError as error:
        reason = f"{error}"
        return _record(found.truth, found.sd, None, len(unit.levels), time.process_time() - begun, reason)
    seconds = time.process_time() - begun + answer.seconds
    return _record(found.truth, found.sd, answer, len(unit.levels), seconds, "")


def _record(truth: float, sd: float, answer: Answer | None, levels: int, seconds: float, failure: str) -> Record:
    nothing = [None] * levels
    record: Record = {"truth": kept(truth), "sd": kept(sd), "seconds": round(seconds, 3), "failure": failure}
    if answer is None:
        return (
            record
            | {"estimate": None, "lower": nothing, "upper": nothing, "p": None, "crps": None, "pit": None}
            | {"status": "failed"}
        )
    crps, pit = (None, None) if answer.draws is None else (score(answer.draws, truth), place(answer.draws, truth))
    return record | {
        "estimate": kept(answer.estimate),
        "lower": [kept(low) for low, _ in answer.bounds.values()],
        "upper": [kept(high) for _, high in answer.bounds.values()],
        "p": kept(answer.p), "crps": kept(crps), "pit": kept(pit), "status": answer.status,
    }  # fmt: skip


def kept(value: Any) -> float | None:
    """A number as it is stored: NaN is nothing, and infinity a number that JSON can hold."""
    if value is None or np.isnan(value):
        return None
    return float(np.clip(float(f"{float(value):.{SIGNIFICANT}g}"), -np.finfo(float).max, np.finfo(float).max))


def score(draws: FloatArray, truth: float) -> float:
    """CRPS of an ensemble: E|X − y| − ½ E|X − X′| (Gneiting and Raftery 2007, eq. 21), outcome units.

    Examples
    --------
    >>> score(np.array([0.0, 2.0]), 1.0)
    0.5
    """
    x = np.sort(draws)
    n = len(x)
    spread = float(((2 * np.arange(1, n + 1) - n - 1) * x).sum()) / n**2
    return float(np.abs(x - truth).mean()) - spread


def place(draws: FloatArray, truth: float) -> float:
    """Where the truth lies in the predictive distribution, 0 to 1 (PIT)."""
    return float((draws < truth).mean() + 0.5 * (draws == truth).mean())


def check_backend(name: object, scheduler: object) -> None:
    """Refuse an unknown backend, and an address without the cluster's backend or the other way round."""
    if not isinstance(name, str) or name not in BACKENDS:
        raise SpecError(f"backend is {came(name)}{nearest(name, BACKENDS)}; it can be {some_of(BACKENDS)}")
    if scheduler is not None and not isinstance(scheduler, str):
        raise SpecError(f"scheduler is {came(scheduler)}; give an address, such as tcp://10.0.0.1:8786")
    if (name == "dask") != (scheduler is not None):
        raise SpecError("backend 'dask' and a scheduler's address go together, such as tcp://10.0.0.1:8786")


@contextmanager
def backend(name: str, n_jobs: int | None, scheduler: str | None) -> Iterator[None]:
    """Where units run: processes of this machine, its threads, a Dask cluster, or what joblib is set to already."""
    if name == "joblib":
        yield
        return
    if name != "dask":
        with joblib.parallel_config(backend="loky" if name == "processes" else "threading", n_jobs=n_jobs or -1):
            yield
        return
    try:
        from dask.distributed import Client, KilledWorker
    except ImportError:
        raise SpecError("backend 'dask' needs dask.distributed; install bsynth[dask]") from None
    try:
        client = Client(scheduler, timeout="20s")
    except OSError as error:
        raise SpecError(
            f"no Dask scheduler answers at {scheduler} ({error}); start one, and give its address"
        ) from None
    with client, joblib.parallel_config(backend="dask", n_jobs=n_jobs or -1):
        try:
            yield
        except KilledWorker:
            raise FitError(WORKER_LOST) from None
