"""Finished pieces on disk: a long measurement that is killed goes on where it stopped."""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib

from bsynth._base.progress import progress_bar
from bsynth.engines.sampling import Sampling
from bsynth.errors import UnreliableWarning
from bsynth.model.spec import ModelSpec
from bsynth.pieces import append, finished

type Record = dict[str, Any]
type Piece = Callable[[], Record]


@dataclass(frozen=True)
class Settings:
    """Sampler settings of every fit of a measurement, and what does not change its numbers.

    Attributes
    ----------
    draws, tune, chains : int
        As `bsynth.Sampling`.
    n_jobs : int
        Fits that run side by side.
    progress : bool
    """

    draws: int = 500
    tune: int = 500
    chains: int = 4
    n_jobs: int = 2
    progress: bool = True

    def sampler(self) -> dict[str, int]:
        """Return what changes the numbers."""
        return {"draws": self.draws, "tune": self.tune, "chains": self.chains}

    def at(self, seed: int) -> Sampling:
        """Return the settings of a fit with this seed."""
        return Sampling(self.draws, self.tune, self.chains, seed=seed)


def key_of(spec: ModelSpec, settings: Mapping[str, Any]) -> str:
    """Return the name of a specification (its title left out) with these settings."""
    # A piece that is not there is no part of the specification: a larger vocabulary keeps old evidence.
    absent = {"covariates"} if spec.covariates.use == "none" else set()
    plain = {name: value for name, value in spec.to_dict().items() if name not in {"name", "title"} | absent}
    return hashlib.sha256(json.dumps([plain, dict(settings)], sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Store:
    """A JSON-lines file of finished pieces of one model with one set of settings."""

    file: Path
    key: str
    done: dict[str, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.done.update({record.pop("piece"): record for key, record in finished(self.file) if key == self.key})

    def add(self, piece: str, record: Record) -> None:
        """Keep a finished piece, on disk first."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        append(self.file, self.key, {"piece": piece} | record)
        self.done[piece] = record


def measure(title: str, pieces: Mapping[str, Piece], store: Store, settings: Settings) -> dict[str, Record]:
    """Run the pieces that are not in the store, side by side in threads, and return all of them in order.

    The first one runs alone: it compiles the model that the others share.
    """
    missing = [name for name in pieces if name not in store.done]
    parallel = joblib.Parallel(n_jobs=settings.n_jobs, prefer="threads", return_as="generator_unordered")
    with progress_bar(title, len(pieces), settings.progress) as bar, warnings.catch_warnings():
        # Failed gates are counted in the evidence.
        warnings.simplefilter("ignore", UnreliableWarning)
        bar.advance(bar.task_ids[0], len(pieces) - len(missing))
        for name in missing[:1]:
            store.add(name, pieces[name]())
            bar.advance(bar.task_ids[0])
        # Not before the first is done: joblib starts work when it is called, not when its results are read.
        for name, record in parallel(joblib.delayed(_named)(name, pieces[name]) for name in missing[1:]):
            store.add(name, record)
            bar.advance(bar.task_ids[0])
    return {name: store.done[name] for name in pieces}


def _named(name: str, piece: Piece) -> tuple[str, Record]:
    return name, piece()
