"""What every row is given: how much to do, where finished pieces are kept, and a voice."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bsynth.pieces import Store

type Sample = dict[str, Any]
ROOT = Path(__file__).parents[3]
BUILD = ROOT / ".build" / "bench"
JOBS = Path(__file__).parent / "jobs"
OTHERS = Path(__file__).parents[1] / "others"


def tell(text: str) -> None:
    """Say on stderr what happens."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks.

    Attributes
    ----------
    data : Path
        Folder of the real panels.
    quick : bool
        Few repetitions and small panels, to see that everything runs.
    store : Store
        Finished pieces: an interrupted bench goes on from them.
    """

    data: Path
    quick: bool
    store: Store
    _seen: dict[str, Sample] = field(default_factory=dict)

    @property
    def prop99(self) -> Path:
        """The panel of Proposition 99."""
        return self.data / "california_prop99.csv"

    def rounds(self, full: int) -> int:
        """How often something is measured."""
        return 1 if self.quick else full

    def piece(self, name: str, work: Callable[[], Sample]) -> Sample:
        """Return a finished piece, or do it now and keep it."""
        if not self._seen:
            self._seen.update(self.store.read())
        if name not in self._seen:
            tell(f"  {name} ...")
            sample = work()
            self.store.add(name, sample)
            self._seen[name] = sample
            tell(f"  {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in _numbers(sample).items()))
        return self._seen[name]

    def alternate(
        self, name: str, sides: Mapping[str, Callable[[int], Sample]], rounds: int, *, warm: bool = True
    ) -> dict[str, list[Sample]]:
        """Measure the sides in turn, A B A B, so that what slows the machine down slows all of them.

        With ``warm`` each goes once before, uncounted and not in a quick bench: caches on disk are then as they are for
        everyone but the first.
        """
        found: dict[str, list[Sample]] = {side: [] for side in sides}
        for k in range(-1 if warm and not self.quick else 0, self.rounds(rounds)):
            for side, work in sides.items():
                which = "warming up" if k < 0 else f"{k + 1}"
                sample = self.piece(f"{name}, {side}, {which}", lambda k=k, work=work: work(k))
                if k >= 0:
                    found[side].append(sample)
        return found


def _numbers(sample: Sample) -> Sample:
    return {key: value for key, value in sample.items() if isinstance(value, int | float)}
