"""Who plays the treated unit: single donors, or groups of them where the treated series is itself a mean of several.

The mean of 25 units is far less noisy than one unit, so what single donors miss says little of what it will. Groups of
donors are averaged instead, each against the donors outside it. They overlap, and so do their errors: a group of g out
of J independent donors shares g²/J with another on average. K groups whose means have the correlations ρ_kl tell as
much of a scale as K² / Σ ρ_kl² separate ones would, since squares of normal deviates correlate as ρ² (Isserlis 1918).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.bayesian.degenerate import group_lacks
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel

SHARE = 3
"""A group is at most one in so many of the donors: as many again must be left to match it, and groups to differ."""
LEAST = 2


@dataclass(frozen=True)
class Group:
    """Donors that play the treated unit together, as their mean."""

    number: int
    members: tuple[Label, ...]

    def __str__(self) -> str:
        return f"group {self.number} ({', '.join(str(show(m)) for m in self.members)})"


def group_size(panel: Panel, usable: int) -> int:
    """Donors in a group: as many as there are treated units, or a third of the usable ones if that is fewer; else 1."""
    size = min(panel.n_treated, usable // SHARE)
    return size if size >= LEAST else 1


def draw_groups(
    panel: Panel, spec: ModelSpec | None, usable: Sequence[Label], *, most: int, seed: int
) -> tuple[list[Group], tuple[tuple[Label, str], ...]]:
    """Draw up to ``most`` groups of the usable donors, and those with the reason that cannot play the treated series.

    The donors in random order are cut into groups, again and again, so that each donor is in as many as any other.
    """
    size, rng = group_size(panel, len(usable)), np.random.default_rng([seed, panel.n_donors, panel.n_treated])
    wanted, found, skipped = min(most, len(usable)), [], []
    for number in range(1, wanted + 1):
        place = (number - 1) % (len(usable) // size)
        if place == 0:
            order = rng.permutation(len(usable))
        members = tuple(usable[k] for k in sorted(order[place * size : (place + 1) * size].tolist()))
        group = Group(number, members)
        if (reason := group_lacks(panel, members, spec)) is None:
            found.append(group)
        else:
            skipped.append((str(group), reason))
    return found, tuple(skipped)


def separate(members: Sequence[tuple[Label, ...]]) -> float:
    """How many separate units tell as much of a scale as these groups, or single units without members, do.

    Examples
    --------
    >>> separate([(), (), ()]), separate([("a", "b"), ("c", "d")])
    (3.0, 2.0)
    >>> round(separate([("a", "b"), ("a", "b"), ("a", "c")]), 2)
    1.64
    """
    total = 0.0
    for i, one in enumerate(members):
        for j, other in enumerate(members):
            shared = len(set(one) & set(other)) / np.sqrt(len(one) * len(other)) if one and other else float(i == j)
            total += shared**2
    return len(members) ** 2 / total if members else 0.0
