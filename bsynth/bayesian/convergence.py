"""R-hat, effective sample sizes and energy of many quantities at once: what the convergence gate asks of every fit.

Definitions are those of Vehtari et al. 2021 (rank-normalised split R-hat, bulk and tail effective sample size, with
Geyer's initial monotone sequence) and Betancourt 2016, as ArviZ has them, to whose answers the tests hold these. They
are here because a calibration asks them of thousands of quantities: all rows are sorted and transformed together, in
less than half of the time, and a run need not import ArviZ.
"""

import math

import numpy as np
from scipy import special

from bsynth._base.types import FloatArray


def rhat(draws: FloatArray) -> FloatArray:
    """Rank-normalised split R-hat (K,) of quantities (K, chain, draw): the larger of bulk and folded.

    A chain that stands still while others move has R-hat infinite or NaN.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> same = rng.normal(size=(1, 4, 500))
    >>> apart = same + np.arange(4)[:, None]
    >>> [bool(rhat(each)[0] < 1.01) for each in (same, apart)]
    [True, False]
    """
    halves = _split(draws)
    folded = np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True))
    return np.maximum(_plain_rhat(_normal_scores(halves)), _plain_rhat(_normal_scores(folded)))


def ess_bulk(draws: FloatArray) -> FloatArray:
    """Effective sample size (K,) of the rank-normalised quantities (K, chain, draw)."""
    return _ess(_normal_scores(_split(draws)))


def ess_mean(draws: FloatArray) -> FloatArray:
    """Effective sample size (K,) of the means of quantities (K, chain, draw)."""
    return _ess(_split(draws))


def ess_tail(draws: FloatArray, probabilities: tuple[float, float] = (0.05, 0.95)) -> FloatArray:
    """The smaller effective sample size (K,) of the indicators of the two quantiles of (K, chain, draw)."""
    bounds = np.quantile(draws, probabilities, axis=(1, 2))
    return np.minimum(*(_ess(_split(draws <= bound[:, None, None]).astype(float)) for bound in bounds))


def quantile_error(draws: FloatArray, probability: float) -> FloatArray:
    """Monte-Carlo standard error (K,) of the quantile of quantities (K, chain, draw): Vehtari et al. 2021, §4.3.

    Half the distance between the order statistics that bound the central 68% of where the quantile may be, by the
    effective sample size of its indicator.
    """
    ordered = np.sort(draws.reshape(len(draws), -1), axis=1)
    at = np.quantile(draws, probability, axis=(1, 2))
    ess = _ess(_split((draws <= at[:, None, None]).astype(float)))
    a, b, n = ess * probability + 1, ess * (1 - probability) + 1, ordered.shape[1]
    low, high = (special.betaincinv(a, b, p) * n - 1 for p in special.ndtr([-1.0, 1.0]))
    first = np.clip(np.floor(low), 0, n - 1).astype(int)
    last = np.clip(np.ceil(high), 0, n - 1).astype(int)
    rows = np.arange(len(draws))
    return np.asarray((ordered[rows, last] - ordered[rows, first]) / 2)


def bfmi(energy: FloatArray) -> FloatArray:
    """Bayesian fraction of missing information (chain,) of the energies (chain, draw); 0 where one never changes."""
    spread = np.var(energy, axis=1, ddof=1)
    moves = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return np.divide(moves, spread, out=np.zeros_like(spread), where=spread > 0)


def _split(draws: FloatArray) -> FloatArray:
    """(K, 2 · chain, draw // 2) the two halves of each chain; the middle draw of an odd number is left out."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[:, :, :half], draws[:, :, -half:]], axis=1)


def _normal_scores(values: FloatArray) -> FloatArray:
    """Normal scores of the ranks of each quantity (K, chain, draw), by Blom's offset of 3/8."""
    size = values[0].size if len(values) else 0
    ranks = _ranks(values.reshape(len(values), size))
    return np.asarray(special.ndtri((ranks - 0.375) / (size + 0.25)).reshape(values.shape))


def _ranks(rows: FloatArray) -> FloatArray:
    """Ranks from 1 within each row of (K, N); ties share their mean."""
    order = np.argsort(rows, axis=1)
    ordered = np.take_along_axis(rows, order, axis=1)
    place = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
    begins = np.ones(rows.shape, dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.roll(begins, -1, axis=1)
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, rows.shape[1])[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, 1 + (first + last) / 2, axis=1)
    return ranks


def _plain_rhat(halves: FloatArray) -> FloatArray:
    draws = halves.shape[2]
    within = np.var(halves, axis=2, ddof=1).mean(axis=1)
    between = draws * np.var(halves.mean(axis=2), axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((between / within + draws - 1) / draws))


def _ess(halves: FloatArray) -> FloatArray:
    """Effective sample size (K,) of (K, chain, draw), at most N log10(N); N where a quantity is constant."""
    _, chains, draws = halves.shape
    size = chains * draws
    covariance = _autocovariance(halves).mean(axis=1)
    within = covariance[:, 0] * draws / (draws - 1)
    total = covariance[:, 0] + np.var(halves.mean(axis=2), axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (within[:, None] - covariance) / total[:, None]
    rho[:, 0] = 1.0
    found = np.empty(len(halves))
    for k, each in enumerate(rho):
        time = max(_autocorrelation_time(each), 1 / math.log10(size))
        found[k] = size / time if np.isfinite(each).all() else np.nan
    constant = np.ptp(halves, axis=(1, 2)) < np.finfo(float).resolution
    return np.where(constant, float(size), found)


def _autocorrelation_time(rho: FloatArray) -> float:
    """Integrated autocorrelation time by Geyer's initial monotone sequence, of autocorrelations (draw,)."""
    last = (len(rho) - 3) // 2  # the last pair that is looked at
    even, odd = rho[: 2 * last + 1 : 2], rho[1 : 2 * last + 2 : 2]
    pairs = even + odd
    stop = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else last
    # Of the pair at which it stops a positive first half still counts.
    rest = even[stop] if even[stop] > 0 or pairs[stop] >= 0 else 0.0
    return float(-1.0 + 2.0 * np.minimum.accumulate(pairs[:stop]).sum() + rest)


def _autocovariance(values: FloatArray) -> FloatArray:
    """Autocovariances of the last axis at every lag."""
    draws = values.shape[-1]
    # NumPy's transform: SciPy's takes as long to import as a whole fit does.
    room = 1 << (2 * draws - 1).bit_length()
    spectrum = np.fft.rfft(values - values.mean(axis=-1, keepdims=True), n=room, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.fft.irfft(power, n=room, axis=-1)[..., :draws] / draws)
