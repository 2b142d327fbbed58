"""Paths of several units side by side, each in the eigenvectors of its covariances.

**Long paths are pooled in blocks.** A draw of pooled effects costs rows times squared columns: of 25 units with 200
periods each, hours. Where that exceeds `WORK`, event time is cut into blocks of b periods, as short as that allows, and
pooling sees M d with the orthonormal M that sums a block and divides by the root of its length: ν² stays the variance
of a row, and τ is one number per block, whose steps are those of means of b steps of a walk, of variance
κ² (2 b² + 1) / (3 b). What is left of the periods within their block, (1 − M′M) d, is pooled beside it (`Within`).
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
    within = Within.of(paths, blocks, length) if length > 1 else None
    return Stack(
        basis, spread, moved, gap, one, columns, log_share, forms, seen, events, length, cells, event, row, part, within
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Within:
    """What is left of periods in their blocks: b − 1 contrasts of each, in the eigenvectors of their variance.

    Contrasts of the untreated path are taken as independent of the blocks' means and of those of other blocks. In their
    effects each block has τ's own, those of its walk, and every unit its v. Units that start together share what
    innovations do to a period, which stands beside τ's contrasts; those of other starts err apart here.

    Attributes
    ----------
    turn : (n, Z, E, b − 1, b) from the periods of a block to its contrasts; orthonormal rows.
    variance, moved, gap : (n, Z, E, b − 1) of the untreated path's contrasts: variance, what of it innovations move
        that other units share in the same period since the start, and d.
    design : (n, Z, E, b − 1, b − 1) what the walk's own contrasts are there.
    seen : (n, E, b − 1) whether there is such a contrast.
    cell : (n, E, b) number of each period of the block in the path; K, one beyond the last, is none.
    periods : K.
    walk : (b − 1,) variances of the walk's own contrasts, for steps of variance 1.
    basis : (b, b − 1) their directions.
    together : (E,) mean of ``moved`` over units.
    """

    turn: FloatArray
    variance: FloatArray
    moved: FloatArray
    gap: FloatArray
    design: FloatArray
    seen: AnyArray
    cell: IntArray
    periods: int
    walk: FloatArray
    basis: FloatArray
    together: FloatArray

    @classmethod
    def of(cls, paths: Sequence[Path], blocks: Sequence[_Block], b: int) -> "Within":
        """Prepare the contrasts of every path."""
        n, strata, E = len(paths), max(len(path.share) for path in paths), 1 + max(x.number.max() for x in blocks)
        most = max(len(path.event) for path in paths)
        shape = (n, strata, E, b - 1)
        turn, (variance, moved, gap) = np.zeros((*shape, b)), np.zeros((3, *shape))
        seen, cell = np.zeros((n, E, b - 1), dtype=bool), np.full((n, E, b), most)
        full = linalg.helmert(b)
        walk, rotation = np.linalg.eigh(full @ np.minimum.outer(np.arange(b), np.arange(b)) @ full.T)
        basis = full.T @ rotation
        starts = np.array([path.places[0] - path.event[0] for path in paths])
        alike = (starts[:, None] == starts).sum(axis=1) - 1
        shared = alike.sum() / max(n * (n - 1), 1)
        for i, (path, block) in enumerate(zip(paths, blocks, strict=True)):
            for j, number in enumerate(block.number):
                at = np.flatnonzero(block.row == j)
                where = path.event[at] % b
                cell[i, number, where] = at
                if len(at) == 1:
                    continue
                contrasts, many = linalg.helmert(len(at)), len(at) - 1
                seen[i, number, :many] = True
                for z in range(len(path.share)):
                    C, L = path.covariance[z], contrasts @ path.shocks[z][at]
                    values, vectors = np.linalg.eigh(contrasts @ C[np.ix_(at, at)] @ contrasts.T)
                    here = (i, z, number, slice(many))
                    variance[here] = np.maximum(values, RIDGE * np.trace(C) / len(C))
                    moved[here] = shared * np.minimum(((vectors.T @ L) ** 2).sum(axis=1), variance[here])
                    gap[here] = vectors.T @ contrasts @ path.gap[z][at]
                    turn[i, z, number, :many, where] = (vectors.T @ contrasts).T
        count = np.maximum(seen.sum(axis=(0, 2)), 1)
        first = moved[:, 0] * seen
        return cls(
            turn, variance, moved, gap, turn @ basis, seen, cell, most, np.maximum(walk, 0.0), basis,
            first.sum(axis=(0, 2)) / count,
        )  # fmt: skip

    def scores(self, common: FloatArray, nu: float, r: float) -> FloatArray:
        """(n, Z) log density of contrasts in each stratum given what units have in common (E, b − 1)."""
        seen = self.seen[:, None]
        own = np.where(seen, np.maximum(nu**2 + self.variance - r * self.moved, 1e-300), 1.0)
        rest = self.gap - (self.design @ common[..., None])[..., 0]
        return np.asarray(-0.5 * (seen * rest**2 / own + np.log(own)).sum(axis=(2, 3)))

    def at(self, z: IntArray) -> "Contrasts":
        """Contrasts in strata ``z``."""
        at = (np.arange(len(z)), z)
        return Contrasts(self, self.variance[at], self.moved[at], self.gap[at], self.design[at], self.turn[at])


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Those of one choice of strata; arrays as in `Within` without Z."""

    of: Within
    variance: FloatArray
    moved: FloatArray
    gap: FloatArray
    design: FloatArray
    turn: FloatArray

    def prior(self, kappa: float, r: float) -> tuple[FloatArray, FloatArray]:
        """(E, b − 1) variances of what units have in common: of τ's contrasts, and of innovations'."""
        walk = np.broadcast_to(kappa**2 * self.of.walk, (len(self.of.together), len(self.of.walk)))
        return walk, np.broadcast_to(r * self.of.together[:, None], walk.shape)

    def weight(self, nu: float, r: float) -> FloatArray:
        """(n, E, b − 1) precision of a contrast given what units have in common."""
        own = np.maximum(nu**2 + self.variance - r * self.moved, 1e-300)
        return np.asarray(np.where(self.of.seen, 1 / np.where(self.of.seen, own, 1.0), 0.0))

    def evaluate(self, nu: float, kappa: float, r: float) -> tuple[float, FloatArray, FloatArray]:
        """Log density with what units have in common integrated out; Cholesky factor and half of its draw."""
        w, size = self.weight(nu, r), np.sqrt(sum(self.prior(kappa, r)))
        E, many = size.shape
        X = np.moveaxis(self.design, 0, 1).reshape(E, -1, many) * size[:, None, :]
        root = np.sqrt(np.moveaxis(w, 0, 1).reshape(E, -1, 1))
        rows = root * X
        y = root * np.moveaxis(self.gap, 0, 1).reshape(E, -1, 1)
        turned = np.swapaxes(rows, 1, 2)
        factor = np.linalg.cholesky(np.eye(many) + turned @ rows)
        half = np.linalg.solve(factor, turned @ y)
        squares, logs = (y**2).sum() - (half**2).sum(), np.log(w[w > 0]).sum()
        logs -= 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum()
        return float(0.5 * (logs - squares)), factor, half

    def draw(self, nu: float, kappa: float, r: float, rng: np.random.Generator) -> tuple[FloatArray, ...]:
        """Draw τ's contrasts (E b,) in periods, those of effects (n, K), and (E, b − 1) what units have in common."""
        _, factor, half = self.evaluate(nu, kappa, r)
        walk, noise = self.prior(kappa, r)
        both = walk + noise
        common = np.sqrt(both) * np.linalg.solve(np.swapaxes(factor, 1, 2), half + rng.normal(size=half.shape))[..., 0]
        part = np.divide(walk, both, out=np.zeros_like(both), where=both > 0)
        tau = part * common + np.sqrt(part * noise) * rng.normal(size=common.shape)
        kept = nu**2 * self.weight(nu, r)
        rest = self.gap - (self.design @ common[..., None])[..., 0]
        own = kept * rest + np.sqrt(nu**2 * np.maximum(1 - kept, 0.0)) * self.of.seen * rng.normal(size=rest.shape)
        own += (self.design @ tau[..., None])[..., 0]
        # A block that ends with the panel has its mean over the periods there are.
        there = (self.of.cell < self.of.periods).any(axis=0)
        periods = tau @ self.of.basis.T
        periods -= (periods * there).sum(axis=1, keepdims=True) / np.maximum(there.sum(axis=1, keepdims=True), 1)
        return periods.ravel(), self.cells(own), common

    def alone(self, r: float, rng: np.random.Generator) -> FloatArray:
        """Draw (n, K) contrasts of effects from the units' own fits alone."""
        common = rng.normal(size=(*self.of.cell.shape[1:], 1))
        noise = np.sqrt(r * self.moved) * (self.turn @ common)[..., 0]
        noise += np.sqrt(np.maximum(self.variance - r * self.moved, 0.0)) * rng.normal(size=noise.shape)
        return self.cells(self.gap - self.of.seen * noise)

    def cells(self, contrasts: FloatArray) -> FloatArray:
        """(n, K) of contrasts (n, E, b − 1) in periods."""
        n = len(contrasts)
        found, periods = np.zeros((n, self.of.periods + 1)), np.swapaxes(self.turn, 2, 3) @ contrasts[..., None]
        np.put_along_axis(found, self.of.cell.reshape(n, -1), periods.reshape(n, -1), axis=1)
        return found[:, :-1]
