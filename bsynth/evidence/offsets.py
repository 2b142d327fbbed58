"""Null logs whose treated unit starts anywhere between its donors and two hundred standard deviations from them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.panel import Cells, Panel, Source

LOWEST, HIGHEST = 0.01, 0.99
MOST_DONORS, MOST_PERIODS = 25, 40


@dataclass(frozen=True)
class Log:
    """One log: proportions of about ``n`` users a cell, movements that all units share, no effect."""

    donors: int
    n_pre: int
    n_post: int
    n: int
    p: float
    donor_p: FloatArray
    movement: float

    @property
    def offset(self) -> float:
        """Distance of the treated unit from the mean of its donors, in sampling sds of its cells."""
        return abs(self.p - float(self.donor_p.mean())) / float(np.sqrt(self.p * (1 - self.p) / self.n))


def draw(rng: np.random.Generator) -> Log:
    """Draw sizes, shares and movements; nothing is drawn again but a treated unit over 200 sds away."""
    donors, n_pre, n_post = int(rng.integers(8, MOST_DONORS + 1)), int(rng.integers(6, 31)), int(rng.integers(3, 11))
    n = int(np.exp(rng.uniform(np.log(50), np.log(5000))))
    centre, width = rng.uniform(0.1, 0.9), rng.uniform(0.0, 0.1)
    donor_p = np.clip(rng.uniform(centre - width, centre + width, donors), LOWEST, HIGHEST)
    movement = float(rng.uniform(0.0, 1.0))
    while True:
        found = Log(donors, n_pre, n_post, n, float(rng.uniform(LOWEST, HIGHEST)), donor_p, movement)
        if found.offset <= 200:
            return found


def simulate(log: Log, rng: np.random.Generator) -> Panel:
    """Draw the successes of every cell and return the panel; unit 0 is treated."""
    share = np.array([log.p, *log.donor_p])
    # Movements that every unit shares, up to one sampling sd of the smallest unit, so that no share leaves (0, 1).
    sd = log.movement * float(np.sqrt(share * (1 - share) / log.n).min())
    periods = log.n_pre + log.n_post
    signal = rng.normal(size=periods)
    for t in range(1, periods):
        signal[t] = 0.7 * signal[t - 1] + np.sqrt(1 - 0.7**2) * signal[t]
    signal = sd * np.clip(signal, -2, 2)
    p = np.clip(share + signal[:, None], 1e-4, 1 - 1e-4)
    n = np.maximum(rng.poisson(log.n, size=p.shape), 1)
    return panel(rng.binomial(n, p).astype(float), n.astype(float), log.n_pre)


def panel(successes: FloatArray, n: FloatArray, n_pre: int) -> Panel:
    """Return the panel that the rows of such a log would give."""
    source = Source("simulated", "", int(n.sum()), int(n.sum()), "unit", "time", "done")
    return Panel(
        outcome=successes / n,
        units=tuple(range(n.shape[1])),
        times=pd.RangeIndex(len(n)),
        treated=(0,),
        start=n_pre,
        end=len(n) - 1,
        source=source,
        cells=Cells(n, successes, successes, binary=True),
    )
