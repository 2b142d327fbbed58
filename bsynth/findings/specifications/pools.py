"""Donor pools and pre-period windows: which part of the panel a specification is fitted to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.plain import show
from bsynth._base.request import names_in
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.errors import SpecError, some_of
from bsynth.frequentist import classical
from bsynth.panel import MIN_DONORS, Panel
from bsynth.panel.labels import as_labels, match_units
from bsynth.text.numbers import count

LEAVE_OUT = 5
"""Donors that ``"leave-one-out"`` drops in turn: the heaviest, those with more than `SMALL` weight."""
SMALL = 0.001


@dataclass(frozen=True, repr=False)
class Pool(Brief):
    """A rule that picks donors.

    Attributes
    ----------
    name : str
        As it stands in tables: ``"all"``, ``"top-5"``, ``"pre-fit"``, ``"without Utah"`` or the user's own.
    rule : {"all", "top", "pre-fit", "without", "given"}
    donors : tuple of labels
        Those that ``"without"`` drops or ``"given"`` keeps.
    size : int
        How many ``"top"`` keeps.
    """

    name: str
    rule: Literal["all", "top", "pre-fit", "without", "given"] = "all"
    donors: tuple[Label, ...] = ()
    size: int = 0

    def __str__(self) -> str:
        return self.name

    def apply(self, panel: Panel) -> Panel:
        """Return the panel with the donors of this pool; rules look at the panel's own pre-period alone."""
        if self.rule == "all":
            return panel
        if self.rule == "without":
            return panel.without(*self.donors)
        if self.rule == "given":
            kept = set(self.donors)
        elif self.rule == "top":
            kept = {panel.donors[j] for j in ranking(panel)[: self.size]}
        else:
            distance = distances(panel)
            kept = {u for u, d in zip(panel.donors, distance, strict=True) if d <= np.median(distance)}
        return panel.without(*(u for u in panel.donors if u not in kept))


ALL = Pool("all")


def distances(panel: Panel) -> FloatArray:
    """(J,) RMS distance of each donor's pre-period from the treated one's, each less its own mean."""
    pre = slice(0, panel.n_pre)
    y, X = panel.treated_series[pre], panel.donor_matrix[pre]
    return np.asarray(np.sqrt((((X - X.mean(axis=0)) - (y - y.mean())[:, None]) ** 2).mean(axis=0)))


def ranking(panel: Panel) -> IntArray:
    """(J,) positions of the donors by weight in the demeaned synthetic control, then by `distances`."""
    return np.lexsort((distances(panel), -classical(panel, "demeaned").weights)).astype(np.int64)


def read_pools(panel: Panel, pools: Sequence[str] | Mapping[str, Sequence[Label]] | None) -> tuple[Pool, ...]:
    """Return the pools asked for, ``"all"`` not among them; by default those the panel is large enough for."""
    if pools is None:
        pools = [f"top-{k}" for k in (5, 10) if k < panel.n_donors]
        pools += ["pre-fit"] if panel.n_donors >= 2 * MIN_DONORS else []
        pools += ["leave-one-out"] if panel.n_donors > MIN_DONORS else []
    if isinstance(pools, str):
        raise SpecError(f"pools is {pools!r}; give a list such as ['top-5', 'leave-one-out'] or {{name: donors}}")
    if isinstance(pools, Mapping):
        found = []
        for name, donors in pools.items():
            given = match_units(panel.donors, as_labels(donors), "donor", panel.source.name)
            if len(given) < MIN_DONORS:
                raise SpecError(f"pool {name!r} has {count(len(given), 'donor')}; give at least {MIN_DONORS}")
            found.append(Pool(str(name), "given", given))
        return tuple(found)
    kinds = "a list such as ['top-5', 'leave-one-out'] or {name: donors}"
    return tuple(pool for name in names_in(pools, "pools", kinds) for pool in _read(panel, name) if pool != ALL)


def _read(panel: Panel, name: str) -> list[Pool]:
    if name == "all":
        return [ALL]
    if name == "pre-fit":
        return [Pool(name, "pre-fit")]
    if name == "leave-one-out":
        if panel.n_donors <= MIN_DONORS:
            raise SpecError(f"pool 'leave-one-out' needs more than {MIN_DONORS} donors; leave it out")
        weights = classical(panel, "demeaned").weights
        heaviest = [panel.donors[j] for j in np.argsort(-weights, kind="stable")[:LEAVE_OUT] if weights[j] > SMALL]
        return [Pool(f"without {show(u)}", "without", (u,)) for u in heaviest]
    if match := re.fullmatch(r"top-(\d+)", str(name)):
        size = int(match[1])
        if MIN_DONORS <= size < panel.n_donors:
            return [Pool(str(name), "top", size=size)]
        raise SpecError(
            f"pool {name!r} of {count(panel.n_donors, 'donor')}; give top-{MIN_DONORS} to top-{panel.n_donors - 1}"
        )
    allowed = ("all", "top-5 (any number)", "pre-fit", "leave-one-out")
    raise SpecError(f"unknown pool {name!r}; it can be {some_of(allowed)}, or give {{name: donors}}")


@dataclass(frozen=True)
class Window:
    """Which pre-periods are fitted, as positions in the whole panel.

    ``first`` is the first period used; ``gap`` the number of last pre-periods left out of the fit, as a start
    that is dated earlier does while the effect stays that of the real one.
    """

    first: int = 0
    gap: int = 0

    def apply(self, panel: Panel) -> Panel:
        """Return the panel that is fitted for the effect."""
        return _cut(panel, self.first, len(panel.times), panel.n_pre - self.gap)

    def forecast(self, panel: Panel, t: int) -> Panel:
        """Return the panel that is fitted to forecast pre-period ``t``: ``gap`` periods before it are left out too."""
        return _cut(panel, self.first, panel.n_pre, t - self.gap)


WHOLE = Window()


def forecast_from(windows: Iterable[Window]) -> str:
    """Say from which periods pre-periods are forecast over these windows.

    Examples
    --------
    >>> forecast_from([WHOLE])
    'the periods before it'
    >>> forecast_from([WHOLE, Window(first=4)])
    'the periods before it (in their own windows without those before a later first period)'
    """
    used, less = set(windows), []
    if any(window.first for window in used):
        less.append("without those before a later first period")
    if any(window.gap for window in used):
        less.append("without as many just before it as an earlier start leaves out")
    return "the periods before it" + (f" (in their own windows {' or '.join(less)})" if less else "")


def _cut(panel: Panel, first: int, stop: int, start: int) -> Panel:
    """Periods ``first`` to ``stop`` (not included) of a panel with another start, all as positions."""
    rows = slice(first, stop)
    cells, covariates = panel.cells, panel.covariates
    if cells is not None:
        cells = replace(cells, n=cells.n[rows], total=cells.total[rows], total_sq=cells.total_sq[rows])
    if covariates is not None:
        covariates = replace(covariates, values=covariates.values[:, rows])
    found = replace(
        panel,
        outcome=panel.outcome[rows],
        times=panel.times[rows],
        start=panel.times[start],
        end=panel.times[stop - 1],
        cells=cells,
        clusters=None,
        covariates=covariates,
    )
    return found.without()  # where a panel is checked
