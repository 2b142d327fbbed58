"""Daily geo worlds of a public comparison of geo tools (Recast 2026): multiplicative outcomes, one treated region."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.panel import Panel

LIFT = 1.075
WEEK = np.array([-1.0, -0.5, 0.0, 0.2, 0.8, 1.0, 0.5])
"""Monday to Sunday, in tenths of the baseline."""
FIRST_DAY = "2024-01-01"
"""A Monday."""


@dataclass(frozen=True)
class GeoWorld:
    """One cell's panel: donors, days before and after the start, and how far the treated baseline is moved.

    Attributes
    ----------
    donors, before, after : int
    factor : float
        Of the treated region's baseline, once its noise is settled.
    oracle_rmse : float
        Of difference in differences of logs with equal weights, in the comparison's own panels.
    growth : float
        A day, of the first day's size.
    """

    donors: int
    before: int
    after: int
    factor: float
    oracle_rmse: float
    growth: float = 0.001

    def simulate(self, rng: np.random.Generator, *, lifted: bool) -> tuple[FloatArray, FloatArray, int]:
        """Return outcomes (days, regions), the effect of each treated day, and the treated region's column."""
        regions, days = self.donors + 1, self.before + self.after
        sigma = 0.6
        baseline = rng.lognormal(np.log(4000) - sigma**2 / 2, sigma, size=regions)
        treated = int(np.abs(baseline - np.median(baseline)).argmin())
        spread = np.sqrt(baseline / baseline.mean())
        baseline[treated] *= self.factor
        noise = rng.normal(size=(days, regions))
        for t in range(1, days):
            noise[t] += 0.3 * noise[t - 1]
        day = np.arange(1, days + 1)[:, None]
        pattern = 1 + 0.1 * WEEK[(day - 1) % 7]
        outcome = baseline * (1 + self.growth * day) * pattern * np.exp(0.2 * spread * noise)
        effect = (LIFT - 1 if lifted else 0.0) * outcome[self.before :, treated]
        outcome[self.before :, treated] += effect
        return np.asarray(outcome), np.asarray(effect), treated


GEO_WORLDS: dict[str, GeoWorld] = {
    "A1": GeoWorld(20, 90, 15, 1.0, 296.0),
    "A2": GeoWorld(20, 90, 15, 5.0, 1448.0),
    "A3": GeoWorld(9, 90, 15, 1.0, 279.0),
    "A4": GeoWorld(20, 30, 15, 1.0, 316.0),
}


def geo_panel(name: str, k: int, *, lifted: bool, entropy: int = 0) -> tuple[Panel, FloatArray]:
    """Return panel k of a world, with or without the lift of 7.5%, and the true effect of each treated day."""
    rng = np.random.default_rng([entropy, list(GEO_WORLDS).index(name), int(lifted), k])
    return draw_geo(GEO_WORLDS[name], rng, lifted=lifted)


def draw_geo(world: GeoWorld, rng: np.random.Generator, *, lifted: bool) -> tuple[Panel, FloatArray]:
    """Draw a panel of a world, and the true effect of each treated day."""
    outcome, effect, treated = world.simulate(rng, lifted=lifted)
    days = pd.date_range(FIRST_DAY, periods=len(outcome), freq="D")
    frame = pd.DataFrame(outcome, index=days, columns=[f"geo {i}" for i in range(outcome.shape[1])])
    return Panel.from_wide(frame, treated=f"geo {treated}", start=days[world.before]), effect
