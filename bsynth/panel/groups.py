"""Groups of donors, averaged to stand beside a treated series that is itself a mean of several units.

The mean of 25 units is far less noisy than one unit, so what single donors miss says little of what it will. Groups of
donors are averaged instead, each against the donors outside it. They overlap, and so do their errors: a group of g out
of J independent donors shares g²/J with another on average. K groups whose means have the correlations ρ_kl tell as
much of a scale as K² / Σ ρ_kl² separate ones would, since squares of normal deviates correlate as ρ² (Isserlis 1918).
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from bsynth._base.types import FloatArray

SHARE = 3
"""A group is at most one in so many of the donors: twice as many must be left to match it, and groups must differ."""
LEAST = 2


def group_size(treated: int, donors: int) -> int:
    """Donors in a group: as many as there are treated units, or a third of the donors if that is fewer; else 1.

    Examples
    --------
    >>> group_size(4, 20), group_size(25, 25), group_size(4, 5)
    (4, 8, 1)
    """
    size = min(treated, donors // SHARE)
    return size if size >= LEAST else 1


def cut_groups(series: FloatArray, size: int, many: int, seed: int) -> list[tuple[int, ...]]:
    """Places of the donors in each of ``many`` different groups of ``size``; of all there are where that is fewer.

    The donors in random order are cut into groups, again and again, so that each is in about as many as any other.
    ``series`` (T0, J) are the donors' own before the start: by them, not by names or places, a seed draws the same.

    Examples
    --------
    >>> series = np.random.default_rng(0).normal(size=(5, 6))
    >>> found = cut_groups(series, 2, 6, seed=1)
    >>> sorted(sum(found[:3], ())), len(found), len(cut_groups(series, 2, 500, seed=1))
    ([0, 1, 2, 3, 4, 5], 6, 15)
    """
    donors = series.shape[1]
    many, rng = min(many, math.comb(donors, size)), np.random.default_rng([seed, donors, size])
    # Two donors that are alike in all may change places.
    ranked = np.lexsort(series[::-1])
    found: dict[tuple[int, ...], None] = {}
    while len(found) < many:
        order = ranked[rng.permutation(donors)]
        cut = order[: donors // size * size].reshape(-1, size)
        found |= dict.fromkeys(tuple(sorted(row)) for row in cut.tolist())
    return list(found)[:many]


def separate(members: Sequence[Sequence[Hashable]]) -> float:
    """How many separate units tell as much of a scale as these groups, or single units without members, do.

    Examples
    --------
    >>> separate([(), (), ()]), separate([("a", "b"), ("c", "d")])
    (3.0, 2.0)
    >>> round(separate([("a", "b"), ("a", "b"), ("a", "c")]), 2)
    1.5
    """
    # A unit without members is one by itself.
    groups = [tuple(one) or ((number, "alone"),) for number, one in enumerate(members)]
    place = {unit: k for k, unit in enumerate(dict.fromkeys(unit for one in groups for unit in one))}
    holds = np.zeros((len(groups), len(place)))
    for number, one in enumerate(groups):
        holds[number, [place[unit] for unit in one]] = 1
    size = holds.sum(axis=1)
    return float(len(groups) ** 2 / ((holds @ holds.T) ** 2 / np.outer(size, size)).sum()) if groups else 0.0
