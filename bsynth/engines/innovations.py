"""The innovations of a unit's series: noise of each period, and the steps of a drift, as its own fit drew their sizes.

y = μ + B ε with ε iid standard normal, one of each kind in each period of the calendar that all units share. Of the
drift's forms see `bsynth.engines.drift`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bsynth._base.types import FloatArray, IntArray

RIDGE = 1e-9
"""Of the mean variance, what is added to keep a matrix of variances invertible."""
KINDS = 3
"""Noise, steps of the drift, steps of its slope."""


@dataclass(frozen=True, eq=False)
class Innovations:
    """What a unit's own fit says of its series: S draws of T periods, those before the start first.

    Attributes
    ----------
    places : (T,) place of each period on the calendar of all units.
    observed : (n_pre,) outcomes before the start, on the scale of the model.
    fitted : (S, T) μ: level, weighted donors and all else but the drift.
    noise : (S, T) sd of each period's noise.
    drift : (S,) scale q of the drift, zero where there is none.
    rho : (S,) AR(1) coefficient of the drift; 1 is a walk.
    slope : (S,) step of the slope of a local trend, zero otherwise.
    strata : places of the draws in each stratum.
    calendar : how many periods the calendar of all units has.
    """

    places: IntArray
    observed: FloatArray
    fitted: FloatArray
    noise: FloatArray
    drift: FloatArray
    rho: FloatArray
    slope: FloatArray
    strata: Sequence[IntArray]
    calendar: int

    @property
    def n_pre(self) -> int:
        """Periods before the start."""
        return len(self.observed)

    @property
    def stratum(self) -> IntArray:
        """(S,) number of each draw's stratum."""
        found = np.empty(len(self.drift), dtype=int)
        for k, at in enumerate(self.strata):
            found[at] = k
        return found

    @property
    def kinds(self) -> int:
        """1 with noise alone, 2 with a drift, 3 with a slope that moves."""
        return 1 + int(self.drift.any()) + int(self.slope.any())

    @property
    def typical(self) -> "Sizes":
        """(Z,) mean size in each stratum."""
        means = [[values[at].mean(axis=0) for at in self.strata] for values in self._drawn]
        return Sizes(*map(np.stack, means))

    @property
    def _drawn(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        return self.noise, self.drift, self.rho, self.slope

    def ahead(self) -> FloatArray:
        """(Z, K, KINDS × calendar) errors of forecasts in standard innovations, in each stratum at its mean size.

        With S the variance of μ in the stratum, C = B B′ and W⁻¹ = C⁻¹ − C⁻¹ S C⁻¹ (`bsynth.engines.correlation`), the
        forecast from the pre-period has gain Γ = S₁₀ C⁻¹ + B₁ B₀′ W⁻¹, and errs by (B₁ − Γ B₀) ε beside what no
        innovation moves; 0 is before the start and 1 after it.
        """
        n, found = self.n_pre, []
        for at, shocks in zip(self.strata, self.typical.shocks(self.places, self.places, self.calendar), strict=True):
            before, after = shocks[:n], shocks[n:]
            spread = np.cov(self.fitted[at].T)
            own = before @ before.T
            inverse = np.linalg.inv(own + RIDGE * np.trace(own) / n * np.eye(n))
            gain = spread[n:, :n] @ inverse + after @ before.T @ (inverse - inverse @ spread[:n, :n] @ inverse)
            found.append(after - gain @ before)
        return np.stack(found)


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of noise (m, n) of each period, and of a drift (m,) as in `Innovations`."""

    noise: FloatArray
    drift: FloatArray
    rho: FloatArray
    slope: FloatArray

    def shocks(self, places: IntArray, columns: IntArray, many: int, *, age: int = 1, kinds: int = KINDS) -> FloatArray:
        """(m, n, kinds × many) B of periods at ``places``, each of whose innovations has its column.

        ``age`` is how many steps a walk has taken up to the first of them: one innovation stands for all. ``kinds`` is
        how many of noise, drift and slope there are.
        """
        m, n = self.noise.shape
        found = np.zeros((m, kinds, n, many))
        found[:, 0, np.arange(n), columns] = self.noise
        since = np.subtract.outer(places, places)
        rho, steps = self.rho[:, None], np.diff(places)
        if kinds > 1:
            carried = np.where(since >= 0, rho[:, None] ** np.maximum(since, 0), 0.0) * self.drift[:, None, None]
            scale = np.where(rho < 1, 1 - rho ** (2 * np.append(np.inf, steps)), np.append(age, steps))
            found[:, 1][:, :, columns] = carried * np.sqrt(scale)[:, None]
        if kinds > 2:
            sloped = np.maximum(since, 0) * np.sqrt(np.append(age, steps))
            found[:, 2][:, :, columns] = self.slope[:, None, None] * sloped
        return np.concatenate([found[:, k] for k in range(kinds)], axis=-1)
