"""Many small convex programs at once: a linear function over a simplex cut by one ellipsoid.

    maximise c'z  over  z ≥ 0,  Σz = m,  (z − b)'Q(z − b) − 2G'(z − b) ≤ 0

With a multiplier 1/(2s) for the ellipsoid, z(s) minimises (z − b)'Q(z − b) − 2(G + s c)'(z − b) on the simplex.
The path z(s) is piecewise linear (Markowitz's critical line), the ellipsoid's left side rises along it, and its
zero is the answer. All problems walk their paths together, one kink at a time.
"""

from dataclasses import dataclass

import numpy as np

from bsynth._base.types import FloatArray, IntArray
from bsynth.engines.simplex import solve_many
from bsynth.errors import SolverError
from bsynth.text.numbers import count

RIDGE = 1e-9
"""Added to Q, relative to its largest eigenvalue: with more donors than periods Q is singular."""

KINKS = 40
"""Kinks allowed per donor before a path counts as cycling."""


STILL = 1e-12
"""Relative speed below which a coordinate does not move."""


@dataclass(frozen=True, eq=False)
class Ellipsoids:
    """The constraint sets: ``Q`` (J, J), ``centre`` b (J,), total ``mass`` m, and ``G`` (S, J), one row a set."""

    Q: FloatArray
    centre: FloatArray
    mass: float
    G: FloatArray


def largest(sets: Ellipsoids, c: FloatArray) -> FloatArray:
    """(S, K) largest c'(z − b) over each of the S sets for the K directions ``c`` (K, J).

    Raises
    ------
    SolverError
        When a path does not come to its end.
    """
    values, vectors = np.linalg.eigh(sets.Q)
    if sets.mass <= 0:
        return np.zeros((len(sets.G), len(c)))
    # Donors that were zero throughout rule out no weights: any scale is as good as another.
    scale = float(values[-1]) if values[-1] > 0 else 1.0
    values = np.maximum(values, 0.0) + RIDGE * scale
    Q = (vectors * values) @ vectors.T
    n_sets, n_directions = len(sets.G), len(c)
    start = _start(values, vectors, sets)
    which = np.repeat(np.arange(n_sets), n_directions)
    directions = np.tile(c, (n_sets, 1))
    z = _walk(Q, sets, sets.G[which], directions, start[which] > 0)
    return np.asarray(np.einsum("bj,bj->b", directions, z - sets.centre).reshape(n_sets, n_directions))


def _start(values: FloatArray, vectors: FloatArray, sets: Ellipsoids) -> FloatArray:
    """(S, J) z(0): the point of each simplex deepest inside its ellipsoid."""
    root = np.sqrt(values)[:, None] * vectors.T
    target = root @ sets.centre + (sets.G @ vectors) / np.sqrt(values)
    return np.asarray(solve_many(root, target / sets.mass).weights)


def _walk(Q: FloatArray, sets: Ellipsoids, G: FloatArray, c: FloatArray, free: np.ndarray) -> FloatArray:
    """(B, J) end of each path; ``free`` (B, J) are the positive coordinates where it starts."""
    n, donors = c.shape
    ends, s = np.empty((n, donors)), np.zeros(n)
    going: IntArray = np.arange(n)
    free = free.copy()
    for _ in range(KINKS * donors):
        if len(going) == 0:
            return ends
        F, position = free[going], s[going]
        base, slope, price, price_slope = _segment(Q, sets, G[going], c[going], F)
        # What is only rounding must not end a segment: a vertex has slope 0 and its one coordinate stays.
        steep = STILL * np.maximum(np.abs(slope).max(axis=1), np.abs(c[going]).max(axis=1) / Q.max())[:, None]
        dear = STILL * np.abs(c[going]).max(axis=1)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            leaves = np.where(F & (slope < -steep), -base / slope, np.inf)
            enters = np.where(~F & (price_slope < -dear), -price / price_slope, np.inf)
        events = np.minimum(leaves, enters)
        next_s = np.maximum(events.min(axis=1), position)
        stop = _crossing(Q, sets, G[going], base, slope, position, next_s)
        done = stop <= next_s
        at = np.where(np.isfinite(stop), stop, position)
        ends[going[done]] = (base + at[:, None] * slope)[done]
        kept = ~done
        row, column = going[kept], events[kept].argmin(axis=1)
        free[row, column] = ~free[row, column]
        s[row] = next_s[kept]
        going = row
    raise SolverError(
        f"{len(going)} of {count(n, 'bound')} were not found; look for donors that are copies of each other"
    )


def _segment(
    Q: FloatArray, sets: Ellipsoids, G: FloatArray, c: FloatArray, free: np.ndarray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """z(s) = base + s slope on the face ``free``, and the multipliers price + s price_slope of the others."""
    # Faces are small beside the donors, so only as many columns are solved for as the largest face has.
    k = int(free.sum(axis=1).max())
    columns = np.argsort(~free, axis=1, kind="stable")[:, :k]
    on = np.take_along_axis(free, columns, axis=1)
    system = np.zeros((len(c), k + 1, k + 1))
    system[:, :k, :k] = np.where(on[:, :, None] & on[:, None, :], Q[columns[:, :, None], columns[:, None, :]], 0.0)
    diagonal = np.arange(k)
    system[:, diagonal, diagonal] += ~on
    system[:, :k, k] = system[:, k, :k] = on
    g = Q @ sets.centre + G
    sides = np.zeros((len(c), k + 1, 2))
    for side, values in enumerate((g, c)):
        sides[:, :k, side] = np.where(on, np.take_along_axis(values, columns, axis=1), 0.0)
    sides[:, k, 0] = sets.mass
    found = np.linalg.solve(system, sides)
    base, slope, level = np.zeros(c.shape), np.zeros(c.shape), found[:, k]
    np.put_along_axis(base, columns, found[:, :k, 0], axis=1)
    np.put_along_axis(slope, columns, found[:, :k, 1], axis=1)
    price = base @ Q + level[:, :1] - g
    price_slope = slope @ Q + level[:, 1:] - c
    return base, slope, price, price_slope


def _crossing(
    Q: FloatArray,
    sets: Ellipsoids,
    G: FloatArray,
    base: FloatArray,
    slope: FloatArray,
    s: FloatArray,
    next_s: FloatArray,
) -> FloatArray:
    """(B,) where the ellipsoid's left side reaches zero on this segment; beyond ``next_s`` when it does not.

    At a vertex, where nothing moves any more, the path ends: infinity, which the last segment allows.
    """
    offset = base - sets.centre
    pull = slope @ Q
    a2 = np.einsum("bj,bj->b", pull, slope)
    a1 = 2 * (np.einsum("bj,bj->b", pull, offset) - np.einsum("bj,bj->b", G, slope))
    a0 = np.einsum("bj,bj->b", offset @ Q, offset) - 2 * np.einsum("bj,bj->b", G, offset)
    discriminant = np.maximum(a1**2 - 4 * a2 * a0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = (-a1 + np.sqrt(discriminant)) / (2 * a2)
    moving = a2 > 1e-14 * np.abs(Q).max() * np.maximum((slope**2).sum(axis=1), np.finfo(float).tiny)
    root = np.where(moving & np.isfinite(root), np.maximum(root, s), np.inf)
    return np.asarray(root)
