"""Who plays the treated unit: single donors, or groups of them where the treated series is a mean of several."""

from collections.abc import Sequence
from dataclasses import dataclass

from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.bayesian.degenerate import group_lacks
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.groups import cut_groups, group_size

FEW = 30
"""Groups that are drawn at least."""


@dataclass(frozen=True)
class Group:
    """Donors that play the treated unit together, as their mean."""

    number: int
    members: tuple[Label, ...]

    def __str__(self) -> str:
        return f"group {self.number} ({', '.join(str(show(m)) for m in self.members)})"


def draw_groups(
    panel: Panel, spec: ModelSpec | None, usable: Sequence[Label], *, most: int, seed: int
) -> tuple[list[Group], tuple[tuple[Label, str], ...]]:
    """Draw up to ``most`` groups of the usable donors, and those with the reason that cannot play the treated series.

    As many as there are usable donors, and `FEW` at least where there are so many: they overlap, so that a few more
    than that tell little, but fewer would leave much to the draw (`bsynth.panel.groups.cut_groups`).
    """
    size = group_size(panel.n_treated, len(usable))
    series = panel.donor_matrix[: panel.n_pre, [panel.donors.index(unit) for unit in usable]]
    found: list[Group] = []
    skipped: list[tuple[Label, str]] = []
    for number, places in enumerate(cut_groups(series, size, min(most, max(len(usable), FEW)), seed), start=1):
        group = Group(number, tuple(usable[k] for k in places))
        if (reason := group_lacks(panel, group.members, spec)) is None:
            found.append(group)
        else:
            skipped.append((str(group), reason))
    return found, tuple(skipped)
