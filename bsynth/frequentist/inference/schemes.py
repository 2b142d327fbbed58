"""Bootstrap schemes without users: resampled units, and residuals resampled in blocks of periods."""

import math
from collections.abc import Iterator

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.refit import Block, batches, block_size
from bsynth.panel import Panel


def resampled_units(panel: Panel, replicates: int, rng: np.random.Generator) -> Iterator[Block]:
    """Panels of donors drawn with replacement, and of treated units too when there are several.

    A donor drawn k times stands k times in the pool: it counts k times in an average of donors, and does not
    enlarge the hull of a convex combination. The treated series is the mean of the treated units by counts.
    """
    y, donors = panel.treated_series, panel.donor_matrix
    n_treated, n_donors = panel.n_treated, panel.n_donors
    chosen = rng.integers(0, n_donors, size=(replicates, n_donors))
    counts = rng.multinomial(n_treated, np.full(n_treated, 1 / n_treated), size=replicates)
    for rows in batches(range(replicates), block_size(*donors.shape)):
        series = np.tile(y, (len(rows), 1))
        if n_treated > 1:
            series = counts[rows] @ panel.outcome[:, :n_treated].T / n_treated
        yield series, np.ascontiguousarray(np.moveaxis(donors[:, chosen[rows]], 1, 0))


def resampled_residuals(estimate: Estimate, replicates: int, block: int, rng: np.random.Generator) -> Iterator[Block]:
    """Treated series rebuilt from the fit and pre-period residuals drawn in moving blocks (Künsch 1989).

    Before the start: fit + drawn residual, so that the weights are refitted to other noise. After it: observed +
    drawn residual, so that the gap also carries the noise of the periods it is averaged over.
    """
    panel = estimate.panel
    X, n_pre = panel.donor_matrix, panel.n_pre
    base = np.where(np.arange(len(X)) < n_pre, estimate.counterfactual, panel.treated_series)
    residuals = estimate.gap[:n_pre] - estimate.gap[:n_pre].mean()
    drawn = _moving_blocks(residuals, len(X), replicates, block, rng)
    for rows in batches(range(replicates), block_size(*X.shape)):
        yield base + drawn[rows], np.broadcast_to(X, (len(rows), *X.shape))


def default_block(n_pre: int) -> int:
    """Length of a block of periods, ⌈n_pre^⅓⌉ (Hall, Horowitz and Jing 1995, the rate for variances)."""
    return int(np.ceil(round(float(np.cbrt(n_pre)), 9)))


def _moving_blocks(
    values: FloatArray, length: int, replicates: int, block: int, rng: np.random.Generator
) -> FloatArray:
    """(replicates, length) series of mean 0 glued from overlapping blocks of ``values`` (n,)."""
    blocks = np.lib.stride_tricks.sliding_window_view(values, block)
    # Periods near both ends are in fewer blocks; what a block has on average is taken off.
    centred = blocks - blocks.mean(axis=0)
    firsts = rng.integers(0, len(blocks), size=(replicates, math.ceil(length / block)))
    return np.asarray(centred[firsts].reshape(replicates, -1)[:, :length])
