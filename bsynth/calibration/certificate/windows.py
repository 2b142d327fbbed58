"""Which units play the treated one, and when: at the real start, and earlier where the pre-period allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bsynth._base.brief import Brief
from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.calibration import Lesson, PlaceboFit, donor_fits, placebo_fits, renew
from bsynth.calibration.groups import Group
from bsynth.engines.sampling import Sampling
from bsynth.errors import PanelError
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.labels import MIN_PRE

SHARE = 3
"""An earlier window keeps at least one in so many of the pre-periods before it: fewer would be another problem."""


@dataclass(frozen=True, eq=False, repr=False)
class PlaceboWindow(Brief):
    """Units as if treated from one start, each without effect.

    Attributes
    ----------
    panel : Panel
        As it was then: it ends with the window.
    placebos : tuple of PlaceboFit
        One per donor that could play the treated unit, at the model's own prior of drift.
    treated : PlaceboFit or None
        The treated unit's own, in an earlier window; at the real start it has no known truth.
    lesson : Lesson
        What all the donors teach.
    """

    panel: Panel
    placebos: tuple[PlaceboFit, ...]
    treated: PlaceboFit | None
    lesson: Lesson

    @property
    def start(self) -> Label:
        """First period of the window, as the data show it."""
        return show(self.panel.start)

    def plays(self) -> list[tuple[PlaceboFit, list[PlaceboFit]]]:
        """Each pseudo-treated unit with the donors that it may learn from: all but itself."""
        found = [(p, [*self.placebos[:k], *self.placebos[k + 1 :]]) for k, p in enumerate(self.placebos)]
        return found if self.treated is None else [*found, (self.treated, list(self.placebos))]


def earlier_panels(panel: Panel, windows: int) -> list[Panel]:
    """Return the panel as it stood before its start, up to ``windows`` times, with windows of the same length.

    The windows do not overlap. An earlier one needs a third of the real pre-periods before it, and at least three.
    """
    found: list[Panel] = []
    latest, length, least = panel, panel.n_post, max(MIN_PRE, -(-panel.n_pre // SHARE))
    while len(found) < windows and latest.n_pre - length >= least:
        try:
            latest = latest.backdated_to(latest.n_pre - length)
        except PanelError:  # the treated series does not vary in so short a pre-period
            break
        found.append(latest)
    return found


def fit_window(
    panel: Panel,
    spec: ModelSpec,
    units: Sequence[Label | Group],
    sampling: Sampling,
    *,
    store: str | Path | None,
    progress: bool,
    periods: int,
) -> PlaceboWindow:
    """Fit ``units``, and the treated unit, as if the start had been that of ``panel``; see `placebo_fits`."""
    donors = donor_fits(panel, spec, units, sampling, store=store, progress=progress, periods=periods)
    treated = [panel.treated_name]
    (own,) = placebo_fits(panel, spec, treated, sampling, store=store, progress=False, periods=periods)
    own = renew(panel, spec, own, donors.lesson, sampling, store=store, periods=periods)
    return PlaceboWindow(panel, donors.placebos, own, donors.lesson)
