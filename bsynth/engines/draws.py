"""What an engine returns: draws of the graph's variables, the sampler's record, and where its chains stand."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bsynth._base.types import AnyArray, FloatArray


@dataclass(frozen=True, eq=False)
class State:
    """Where the chains of a run stand: another goes on from there instead of starting again.

    Attributes
    ----------
    position : (chain, n) last unconstrained values.
    scale : (n,) standard deviations of the run's unconstrained values.
    """

    position: FloatArray
    scale: FloatArray


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws on the design's scale.

    Attributes
    ----------
    values : dict of (chain, draw, ...) arrays, the variables of the graph by name.
    stats : dict of (chain, draw) arrays
        The sampler's record, among it ``diverging``, ``maxdepth_reached`` and ``energy``.
    state : State or None
        None where the engine cannot go on from one.
    """

    values: Mapping[str, FloatArray]
    stats: Mapping[str, AnyArray]
    state: State | None = None

    def __len__(self) -> int:
        """Draws of each chain."""
        return int(self.stats["diverging"].shape[1])

    def and_then(self, more: "Draws") -> "Draws":
        """Return these draws with later ones of the same chains after them.

        Energies of the two differ by a constant, the determinants of their metrics: each is about its own mean.
        """

        def joined(first: Mapping[str, AnyArray], second: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
            return {name: np.concatenate([first[name], second[name]], axis=1) for name in first}

        stats = joined(self.stats, more.stats)
        energies = [run.stats["energy"] for run in (self, more)]
        stats["energy"] = np.concatenate([e - e.mean(axis=1, keepdims=True) for e in energies], axis=1)
        return Draws(joined(self.values, more.values), stats, more.state)
