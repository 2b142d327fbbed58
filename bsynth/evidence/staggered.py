"""Worlds of units that start at different times, with known effects; `tests/evidence/PROTOCOL.md` says why these."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray, IntArray

UNITS, PERIODS = 40, 40
STARTS = (20, 20, 20, 20, 25, 25, 25, 30, 30, 30)
RHO = 0.5
FACTORS, FACTOR_SD, NOISE_SD = 2, 0.1, 0.05
EFFECT, SPREAD = 0.05, 0.02


@dataclass(frozen=True, eq=False)
class World:
    """``outcome`` (T, N), treated units first; ``starts`` (n,) and true ``effect`` (n,) of the treated."""

    outcome: FloatArray
    starts: IntArray
    effect: FloatArray

    @property
    def overall(self) -> float:
        """True mean effect over treated cells."""
        return float(np.average(self.effect, weights=len(self.outcome) - self.starts))

    def frame(self) -> pd.DataFrame:
        """One row per unit and period: ``unit, time, outcome``."""
        periods, units = self.outcome.shape
        unit, time = np.meshgrid(np.arange(units), np.arange(periods))
        return pd.DataFrame({"unit": unit.ravel(), "time": time.ravel(), "outcome": self.outcome.ravel()})


def simulate(rng: np.random.Generator) -> World:
    """Draw a world of exchangeable units, of which the first ten are treated in three waves.

    Examples
    --------
    >>> world = simulate(np.random.default_rng(1))
    >>> world.outcome.shape, world.starts.tolist()[::4]
    ((40, 40), [20, 25, 30])
    """
    level = rng.normal(size=UNITS)
    loadings = rng.uniform(size=(UNITS, FACTORS))
    movements = FACTOR_SD * _autoregression(rng, 1 + FACTORS)
    outcome = level + movements[:, [0]] + movements[:, 1:] @ loadings.T + NOISE_SD * _autoregression(rng, UNITS)
    starts, effect = np.array(STARTS), EFFECT + SPREAD * rng.normal(size=len(STARTS))
    outcome[:, : len(starts)] += effect * (np.arange(PERIODS)[:, None] >= starts)
    return World(outcome, starts, effect)


def _autoregression(rng: np.random.Generator, series: int) -> FloatArray:
    """(PERIODS, series) stationary AR(1) of variance 1."""
    found = rng.normal(size=(PERIODS, series))
    for t in range(1, PERIODS):
        found[t] = RHO * found[t - 1] + np.sqrt(1 - RHO**2) * found[t]
    return found
