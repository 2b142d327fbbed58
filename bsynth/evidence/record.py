"""What every measurement shares: its settings, the key of what was measured, and the run of its pieces."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bsynth.engines.sampling import Sampling
from bsynth.model.spec import ModelSpec
from bsynth.pieces import Record, Store, run_pieces

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
    there = {
        "covariates": spec.covariates.use,
        "season": spec.season.terms,
        "trend": spec.trend.slope,
        "pooling": spec.pooling.effects,
    }
    absent = {piece for piece, switch in there.items() if switch == "none"}
    plain = {name: value for name, value in spec.to_dict().items() if name not in {"name", "title"} | absent}
    return hashlib.sha256(json.dumps([plain, dict(settings)], sort_keys=True).encode()).hexdigest()[:16]


def measure(title: str, pieces: Mapping[str, Piece], store: Store, settings: Settings) -> dict[str, Record]:
    """Run the pieces that are not in the store and return all of them, by name and in order."""
    store.file.parent.mkdir(parents=True, exist_ok=True)
    records = run_pieces(pieces, _call, title=title, store=store, n_jobs=settings.n_jobs, progress=settings.progress)
    return dict(zip(pieces, records, strict=True))


def _call(piece: Piece) -> Record:
    return piece()
