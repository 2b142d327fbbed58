"""Bootstrap schemes: resampled users, resampled units, and residuals resampled in blocks of periods.

Cells of resampled users are re-averaged by counts: a user drawn k times counts k times (a multinomial weight), so
no row is ever copied and a replicate costs one sparse product of users' sums with users' counts.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bsynth._base.types import FloatArray, IntArray
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.refit import Block, batches, block_size
from bsynth.panel import Clusters, Panel, Resamples


def resampled_users(
    panel: Panel, clusters: Clusters | Resamples, seed: int, filled: IntArray, failed: NDArray[np.bool_]
) -> Iterator[Block]:
    """Panels of resampled users in blocks; ``filled`` and ``failed`` (R,) are written on the way.

    Draws follow one stream, replicate by replicate, so the answer does not depend on the block size. What an engine
    drew is taken as it is.
    """
    shape, n_treated = panel.outcome.shape, len(panel.treated)
    size = block_size(shape[0], shape[1])
    means = clusters.means if isinstance(clusters, Resamples) else _drawn(clusters, shape, seed)
    following = iter(means)
    for first in range(0, len(filled), size):
        rows = np.arange(first, min(first + size, len(filled)))
        outcome = np.stack([next(following) for _ in rows])
        empty = np.isnan(outcome)
        filled[rows] = empty.sum(axis=(1, 2))
        lost = empty.all(axis=1)
        failed[rows] = lost.any(axis=1)
        # A failed replicate is blanked afterwards; the observed panel only keeps the batch solvable.
        outcome[failed[rows]] = panel.outcome
        for r, unit in np.argwhere(np.isnan(outcome).any(axis=1)):
            outcome[r, :, unit] = filled_in_time(outcome[r, :, unit])
        yield outcome[:, :, :n_treated].mean(axis=2), np.ascontiguousarray(outcome[:, :, n_treated:])


def _drawn(clusters: Clusters, shape: tuple[int, ...], seed: int) -> Iterator[FloatArray]:
    rng, sums = np.random.default_rng(seed), cell_sums(clusters, shape)
    while True:
        yield resampled_means(sums, shape, rng, divided=clusters.agg not in ("sum", "count"))


def cell_sums(clusters: Clusters, shape: tuple[int, ...]) -> csr_matrix:
    """(2·T·N, users) matrix that turns how often each user was drawn into n (Σx of a ratio), then Σy, of each cell."""
    cell, cells = clusters.time * shape[1] + clusters.unit, shape[0] * shape[1]
    values = np.concatenate([clusters.n if clusters.size is None else clusters.size, clusters.total])
    position = np.concatenate([cell, cell + cells]), np.concatenate([clusters.cluster, clusters.cluster])
    sums = csr_matrix((values, position), shape=(2 * cells, clusters.count))
    sums.eliminate_zeros()
    return sums


def resampled_means(
    sums: csr_matrix, shape: tuple[int, ...], rng: np.random.Generator, *, divided: bool = True
) -> FloatArray:
    """(T, N) cell means of one resample of users with replacement, NaN where no user was drawn; or sums."""
    users = sums.shape[1]
    times = np.bincount(rng.integers(0, users, size=users), minlength=users)
    n, total = (sums @ times).reshape(2, *shape)
    if not divided:
        return np.asarray(total)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / n)


def filled_in_time(series: FloatArray) -> FloatArray:
    """Fill NaN linearly between the nearest periods seen, and flat beyond the first and last of them."""
    known = np.flatnonzero(~np.isnan(series))
    return np.interp(np.arange(len(series)), known, series[known])


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
