"""Paths of several units side by side, each in the eigenvectors of its covariances.

**Long paths are pooled in blocks.** A draw of pooled effects costs rows times squared columns: of 25 units with 200
periods each, hours. Where that exceeds `WORK`, event time is cut into blocks of b periods, as short as that allows, and
pooling sees M d with the orthonormal M that sums a block and divides by the root of its length: ν² stays the variance
of a row, and τ is one number per block, whose steps have variance b κ². What is left of the periods within their block,
(1 − M′M) d, follows given what was drawn of the blocks (`Within`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from bsynth._base.types import AnyArray, FloatArray, IntArray
from bsynth.engines.innovations import RIDGE

WORK = 5e6
"""Rows times squared columns at most: about a millisecond for each evaluation of the density."""
SMALL = 1e-2
"""Of one standardised observation, what an innovation must say of all paths to count."""


@dataclass(frozen=True, eq=False)
class Path:
    """What the own fit of a unit says of its K treated periods.

    Attributes
    ----------
    gap : (Z, K) observed less the mean untreated path, of each stratum.
    covariance : (Z, K, K) of the untreated path.
    share : (Z,) probability of each stratum.
    forms : (Z, F) share of each form of the drift among its draws.
    event : (K,) periods since the start, from 0.
    places : (K,) place of each period on the calendar of all units.
    shocks : (Z, K, P) L, what standard innovations that all units share would do to it, in each stratum.
    """

    gap: FloatArray
    covariance: FloatArray
    share: FloatArray
    forms: FloatArray
    event: IntArray
    places: IntArray
    shocks: FloatArray


@dataclass(frozen=True, eq=False)
class Stack:
    """Every unit's rotated arrays, padded to the most rows R, periods K and strata Z; padding weighs nothing.

    Attributes
    ----------
    basis, spread, moved : (n, Z, R, R), (n, Z, R), (n, Z, R) eigenvectors of each covariance, its eigenvalues, and what
        of these the innovations move.
    gap, one : (n, Z, R) d, and a constant effect.
    columns : (n, Z, R, E + P) what sums τ's E increments, then what innovations do.
    log_share, forms : (n, Z), (n, Z, F).
    seen : (n, R) whether there is such a row.
    events : E.
    length : b.
    cells, event : (n, K) whether there is such a period, and its place since the start.
    row, part : (n, K) its row, and the entry of M there.
    within : what is left of periods in their blocks; None where each is a row.
    """

    basis: FloatArray
    spread: FloatArray
    moved: FloatArray
    gap: FloatArray
    one: FloatArray
    columns: FloatArray
    log_share: FloatArray
    forms: FloatArray
    seen: AnyArray
    events: int
    length: int
    cells: AnyArray
    event: IntArray
    row: IntArray
    part: FloatArray
    within: "Within | None"


@dataclass(frozen=True, eq=False)
class _Block:
    """A unit's path in blocks: the number of each block since the start, M, and the row of each period."""

    number: IntArray
    M: FloatArray
    row: IntArray


def stack(paths: Sequence[Path]) -> Stack:
    """Stand paths side by side, in blocks as short as `WORK` allows."""
    # Innovations are about as many as blocks, at least; so many rows are not even tried.
    periods, longest = sum(len(path.event) for path in paths), 1 + max(int(path.event.max()) for path in paths)
    length = max(1, int((16 * periods * longest**2 / WORK) ** (1 / 3)))
    while True:
        blocks = [_block(path.event, length) for path in paths]
        turned = [
            [_Turned.of(path, block, z) for z in range(len(path.share))]
            for path, block in zip(paths, blocks, strict=True)
        ]
        basis = _directions(turned)
        events = 1 + max(int(block.number.max()) for block in blocks)
        work = sum(len(block.number) for block in blocks) * (events + basis.shape[1]) ** 2
        if work <= WORK or events == 1:
            return _stacked(paths, blocks, turned, basis, events, length)
        length = max(length + 1, round(length * (work / WORK) ** (1 / 3)))


def _block(event: IntArray, length: int) -> _Block:
    number, row = np.unique(event // length, return_inverse=True)
    M = np.zeros((len(number), len(event)))
    M[row, np.arange(len(event))] = 1 / np.sqrt(np.bincount(row))[row]
    return _Block(number, M, row)


@dataclass(frozen=True, eq=False)
class _Turned:
    """A path in one stratum, in the eigenvectors of its covariance: ``shocks`` (R, P) beside the eigenvalues."""

    spread: FloatArray
    basis: FloatArray
    shocks: FloatArray

    @classmethod
    def of(cls, path: Path, block: _Block, z: int) -> "_Turned":
        M = block.M
        covariance = M @ path.covariance[z] @ M.T
        safe = covariance + RIDGE * np.trace(covariance) / len(M) * np.eye(len(M))
        values, vectors = np.linalg.eigh(safe)
        return cls(np.maximum(values, RIDGE * values.max()), vectors, vectors.T @ M @ path.shocks[z])


def _directions(turned: Sequence[Sequence[_Turned]]) -> FloatArray:
    """(P, D) basis of the innovations, without those that say next to nothing of any path."""
    # In units of what is not known, whatever the units of measure.
    rows = np.concatenate([each.shocks / np.sqrt(each.spread)[:, None] for unit in turned for each in unit])
    strata = np.concatenate([np.full(len(each.spread), 1 / len(unit)) for unit in turned for each in unit])
    used = rows.any(axis=0)
    values, basis = np.linalg.eigh(rows[:, used].T @ (strata[:, None] * rows[:, used]))
    kept = np.zeros((len(used), int((values > SMALL).sum())))
    kept[used] = basis[:, values > SMALL]
    return kept


def _stacked(
    paths: Sequence[Path],
    blocks: Sequence[_Block],
    turned: Sequence[Sequence[_Turned]],
    directions: FloatArray,
    events: int,
    length: int,
) -> Stack:
    n, strata = len(paths), max(len(path.share) for path in paths)
    rows, most = max(len(block.number) for block in blocks), max(len(path.event) for path in paths)
    shape = (n, strata, rows)
    basis, columns = np.zeros((*shape, rows)), np.zeros((*shape, events + directions.shape[1]))
    spread, moved, gap, one = (np.zeros(shape) for _ in range(4))
    log_share, forms = np.full((n, strata), -np.inf), np.zeros((n, strata, paths[0].forms.shape[1]))
    seen, cells = np.zeros((n, rows), dtype=bool), np.zeros((n, most), dtype=bool)
    event, row, part = np.zeros((n, most), int), np.zeros((n, most), int), np.zeros((n, most))
    for i, (path, block) in enumerate(zip(paths, blocks, strict=True)):
        R, K, many = len(block.number), len(path.event), len(path.share)
        seen[i, :R], cells[i, :K] = True, True
        event[i, :K], row[i, :K], part[i, :K] = path.event, block.row, block.M[block.row, np.arange(K)]
        forms[i, :many], log_share[i, :many] = path.forms, np.log(np.maximum(path.share, RIDGE))
        ones = block.M.sum(axis=1)
        increments = (np.arange(events) <= block.number[:, None]) * ones[:, None]
        for z, each in enumerate(turned[i]):
            values, vectors = each.spread, each.basis
            shared = each.shocks @ directions
            by = (shared**2).sum(axis=1)
            shared *= np.sqrt(np.minimum(1.0, values / np.maximum(by, RIDGE * values)))[:, None]
            at = (i, z, slice(R))
            spread[at], moved[at], basis[i, z, :R, :R] = values, np.minimum(by, values), vectors
            gap[at], one[at] = vectors.T @ block.M @ path.gap[z], vectors.T @ ones
            columns[at] = np.concatenate([vectors.T @ increments, shared], axis=1)
    within = Within.of(paths, blocks, turned, length) if length > 1 else None
    return Stack(
        basis, spread, moved, gap, one, columns, log_share, forms, seen, events, length, cells, event, row, part, within
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Within:
    """What is left of periods in their blocks: their contrasts, b − 1 of each, in the eigenvectors of their variance
    given the blocks.

    Contrasts of different blocks are taken as independent given the blocks, and say nothing of scales and strata. Those
    of different units in one period err together as their innovations do.

    Attributes
    ----------
    turn : (n, Z, R, b − 1, b) from the periods of a block to its contrasts; orthonormal rows.
    variance, gap, common : (n, Z, R, b − 1) of contrasts: variance of the untreated path given the blocks, d, and the
        share of the variance that the innovations move.
    mean : (n, Z, R, b − 1, R) what the untreated path's error in the blocks, rotated, says of them.
    period : (n, R, b) number of each block's periods in the path; K, one beyond the last, is none.
    places : (n, K + 1) place of each period on the calendar of all units.
    calendar : how many places there are.
    """

    turn: FloatArray
    variance: FloatArray
    gap: FloatArray
    common: FloatArray
    mean: FloatArray
    period: IntArray
    places: IntArray
    calendar: int

    @classmethod
    def of(
        cls, paths: Sequence[Path], blocks: Sequence[_Block], turned: Sequence[Sequence[_Turned]], b: int
    ) -> "Within":
        """Prepare the contrasts of every path."""
        n, strata = len(paths), max(len(path.share) for path in paths)
        rows, most = max(len(block.number) for block in blocks), max(len(path.event) for path in paths)
        shape = (n, strata, rows, b - 1)
        turn, mean = np.zeros((*shape, b)), np.zeros((*shape, rows))
        variance, gap, common = (np.zeros(shape) for _ in range(3))
        period, places = np.full((n, rows, b), most), np.zeros((n, most + 1), int)
        for i, (path, block) in enumerate(zip(paths, blocks, strict=True)):
            places[i, : len(path.places)] = path.places
            R = len(block.number)
            for j in range(R):
                at = np.flatnonzero(block.row == j)
                period[i, j, : len(at)] = at
                if len(at) == 1:
                    continue
                contrasts = linalg.helmert(len(at))
                for z, each in enumerate(turned[i]):
                    covariance, L = path.covariance[z], path.shocks[z]
                    weights = (covariance[at] @ block.M.T @ each.basis) / each.spread
                    left = covariance[np.ix_(at, at)] - (weights * each.spread) @ weights.T
                    values, vectors = np.linalg.eigh(contrasts @ left @ contrasts.T)
                    own = vectors.T @ contrasts
                    here = (i, z, j, slice(len(at) - 1))
                    floor = RIDGE * np.trace(covariance) / len(covariance)
                    variance[here] = np.maximum(values, floor)
                    turn[here][:, : len(at)], mean[here][:, :R] = own, own @ weights
                    gap[here] = own @ path.gap[z][at]
                    by = ((own @ L[at]) ** 2).sum(axis=1)
                    common[here] = np.minimum(by / np.maximum(variance[here], np.finfo(float).tiny), 1.0)
        return cls(turn, variance, gap, common, mean, period, places, 1 + int(places.max()))

    def draw(self, z: IntArray, error: FloatArray, nu: float, r: float, rng: np.random.Generator) -> FloatArray:
        """(n, K) contrasts of the effects, in periods, in strata ``z``, given the (n, R) rotated ``error`` of blocks.

        An infinite ``nu`` is no prior on them.
        """
        units = np.arange(len(z))
        at = (units, z)
        turn, variance, common = self.turn[at], self.variance[at], r * self.common[at]
        kept = 1.0 if np.isinf(nu) else nu**2 / np.maximum(nu**2 + variance, np.finfo(float).tiny)
        shared = np.append(rng.normal(size=self.calendar), 0.0)
        together = shared[self.places[units[:, None, None], self.period]] * (self.period < self.places.shape[1] - 1)
        noise = np.sqrt(common) * (turn @ together[..., None])[..., 0]
        noise += np.sqrt(1 - common) * rng.normal(size=noise.shape)
        surprise = self.gap[at] - np.einsum("nrcj,nj->nrc", self.mean[at], error)
        found = kept * surprise + np.sqrt(kept * variance) * noise
        cells = np.zeros((len(z), self.places.shape[1]))
        np.add.at(cells, (units[:, None, None], self.period), np.einsum("nrcb,nrc->nrb", turn, found))
        return cells[:, :-1]
