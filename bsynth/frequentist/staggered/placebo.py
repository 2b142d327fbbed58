"""Placebo waves: the pattern of starts re-assigned to units that were never treated."""

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth import effects
from bsynth._base.plain import show
from bsynth._base.progress import progress_bar
from bsynth._base.request import MOST, check_flags, check_level, check_seed, check_whole, hinted
from bsynth._base.types import FloatArray, Label, Status
from bsynth.effects import at_least
from bsynth.errors import PanelError, SpecError
from bsynth.frequentist.estimators import Method, find
from bsynth.frequentist.refit import batches, block_size, by_name
from bsynth.frequentist.staggered.estimate import StaggeredEstimate, parts
from bsynth.frequentist.staggered.multisynth import Multisynth
from bsynth.frequentist.staggered.stacked import WaveMethod, chosen, stacked
from bsynth.panel import Panel, StaggeredPanel
from bsynth.panel.given import require_staggered
from bsynth.text.numbers import count, number, p_value, percent
from bsynth.text.result import Result

NAME = "placebo"
GROUPED = ("overall", "wave", "event time")
"""Scopes that a pattern of starts has whoever is in it."""

type Pattern = tuple[int, ...]
"""Place of the donor that takes each treated unit's start, in the order of the panel's starts."""


@dataclass(frozen=True, eq=False, repr=False)
class PlaceboWaves(Result):
    """The answer beside those of placebo patterns.

    Attributes
    ----------
    estimate : StaggeredEstimate
    draws : DataFrame
        One row per assignment of starts to never-treated units, one column for each group, such as ``"overall: all"``
        and ``"event time: 2"``: the average gap there, outcome units.
    possible : int
        How many assignments there are; all of them were made where `draws` has as many rows.
    seconds : float
    """

    estimate: StaggeredEstimate
    draws: pd.DataFrame
    possible: int
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether every assignment was made, so that p hangs on no seed."""
        return len(self.draws) == self.possible

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """Average, cumulative effect and lift with p and the interval that inverts the test, by ``scope`` and ``of``.

        p = (1 + #{|placebo| ≥ |gap|}) / (1 + N), and τ is in the interval while its p is above 1 − level; it is
        infinite where N is too small. Columns as `StaggeredEstimate.effects`.
        """
        level = check_level(level)
        points, tables = pd.DataFrame(self.estimate.effects()), []
        for scope, of, cells in parts(self.estimate.gaps):
            if scope not in GROUPED:
                continue
            rows = points[(points["scope"] == scope) & (points["of"] == of)].reset_index(drop=True)
            sizes, value = self.draws[f"{scope}: {of}"].abs().to_numpy(), float(cells["gap"].mean())
            reach = _radius(sizes, abs(value), level)
            observed = float(cells["observed"].mean())
            bounds = effects.estimand_bounds(value - reach, value + reach, observed=observed, periods=len(cells))
            lower, upper = zip(*(bounds[name] for name in rows["estimand"]), strict=True)
            p = (1 + int(at_least(sizes, abs(value)).sum())) / (1 + len(sizes))
            tables.append(effects.refuse_lift(rows.assign(lower=lower, upper=upper, p=p)))
        return pd.concat(tables, ignore_index=True).assign(level=level, interval=NAME, seconds=self.seconds)

    @property
    def status(self) -> Status:
        """``"ok"``: nothing was sampled that could fail to converge."""
        return "ok"

    @property
    def table(self) -> pd.DataFrame:
        """``scope, of, estimate, lower, upper, p, cells`` at 95%."""
        rows = pd.DataFrame(self.effects())
        rows = rows[rows["estimand"] == "average"].reset_index(drop=True)
        return rows[["scope", "of", "estimate", "lower", "upper", "p", "cells"]]

    @property
    def title(self) -> str:
        """Placebo waves, and the estimator."""
        return f"placebo waves around {self.estimate.title}"

    def sentences(self, level: float = 0.95) -> tuple[str, ...]:
        """How many placebo patterns have as large an overall effect, and the notes."""
        row = self.effects(level).to_dict("records")[0]
        sizes = self.draws["overall: all"].abs().to_numpy()
        larger = int(at_least(sizes, abs(row["estimate"])).sum())
        how = "all assignments that there are" if self.exact else f"drawn from {number(float(self.possible))}"
        return (
            f"Placebo waves: {larger} of {count(len(sizes), 'assignment')} of the starts to units never treated "
            f"({how}) have an overall effect at least as large, {p_value(row['p'])}; {percent(level)} interval "
            f"{number(row['lower'])} to {number(row['upper'])}. It presumes that who was treated when is exchangeable "
            "with such assignments, and its interval that the effect is constant.",
            *self.notes(level),
        )

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """The resolution of p, where it matters, and that assignments overlap."""
        many = len(self.draws)
        notes = ["The assignments overlap in their units: they tell as much as fewer separate ones would."]
        if math.floor(round((1 - level) * (1 + many), 9)) == 0:
            notes.append(
                f"With {count(many, 'assignment')} p cannot fall below 1/{many + 1}: the interval is unbounded."
            )
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result how many assignments there were."""
        return super().to_dict() | {"assignments": len(self.draws), "possible": self.possible, "exact": self.exact}


@hinted
def placebo_waves(
    panel: StaggeredPanel[Panel],
    estimator: WaveMethod = "sc",
    *,
    assignments: int = 500,
    seed: int = 0,
    progress: bool = True,
) -> PlaceboWaves:
    """Answer how often the same starts, given to units that were never treated, show effects as large.

    Each assignment gives every start of the panel to another never-treated unit; the truly treated leave, and the other
    never-treated units are donors. All assignments are made where there are no more than ``assignments``, else so many
    are drawn, no two alike.

    Parameters
    ----------
    panel : StaggeredPanel
        With at least two never-treated units more than treated ones.
    estimator : as for `classical`
    assignments : int
        At least 19, so that 95% can be reached.
    seed : int
        Of the assignments, where they are drawn.
    progress : bool
        Show a bar when it takes more than about two seconds.

    Raises
    ------
    SpecError
        An unknown estimator, or one that reads predictors.
    PanelError
        Too few units that are never treated.

    Examples
    --------
    >>> import bsynth as bs
    >>> wide = pd.DataFrame({name: np.random.default_rng(k).normal(size=9) for k, name in enumerate("abcdef")})
    >>> found = placebo_waves(bs.Panel.from_wide(wide, start={"a": 4, "b": 6}), "did")
    >>> found.possible, found.exact, round(float(found.table["p"][0]), 4)
    (12, True, 0.7692)
    """
    require_staggered(panel)
    check_flags(progress=progress)
    seed, many = check_seed(seed), check_whole(assignments, "assignments", 19, "so that 95% can be reached", MOST)
    began = time.perf_counter()
    estimate = stacked(panel, estimator)
    donors, treated = len(panel.never_treated), panel.n_treated
    if donors < treated + 2:
        raise PanelError(
            f"{panel.source.name}: {count(treated, 'start')} to re-assign and {count(donors, 'unit')} never treated; "
            f"at least {treated + 2} are needed, so that two are left as donors"
        )
    sizes = [len(wave.units) for wave in panel.waves]
    possible = math.perm(donors, treated) // math.prod(map(math.factorial, sizes))
    patterns = list(_all(donors, sizes)) if possible <= many else _drawn(donors, sizes, many, seed)
    asked = chosen(estimator)
    if isinstance(asked, Multisynth):
        draws = pd.DataFrame(_joint(panel, asked, patterns, progress))
    else:
        draws = _stacked(panel, asked, patterns, progress)
    return PlaceboWaves(estimate, draws, possible, time.perf_counter() - began)


def _radius(sizes: FloatArray, own: float, level: float) -> float:
    """Half-width of the set of constant effects that are not rejected, as for placebos in space."""
    tied = at_least(sizes, own) & (sizes < own)
    ranked = np.sort(np.where(tied, own, sizes))[::-1]
    needed = math.floor(round((1 - level) * (1 + len(ranked)), 9))
    return math.inf if needed == 0 else float(ranked[needed - 1])


def _all(donors: int, sizes: Sequence[int]) -> Iterator[Pattern]:
    """Every assignment; units of one wave are in no order."""

    def rest(left: tuple[int, ...], waves: Sequence[int]) -> Iterator[Pattern]:
        if not waves:
            yield ()
            return
        for taken in itertools.combinations(left, waves[0]):
            for others in rest(tuple(d for d in left if d not in taken), waves[1:]):
                yield (*taken, *others)

    yield from rest(tuple(range(donors)), sizes)


def _drawn(donors: int, sizes: Sequence[int], many: int, seed: int) -> list[Pattern]:
    """Random assignments, no two alike."""
    rng, cuts = np.random.default_rng([seed, donors, *sizes]), np.cumsum(sizes)[:-1]
    found: dict[Pattern, None] = {}
    while len(found) < many:
        order = rng.permutation(donors)[: sum(sizes)]
        found[tuple(int(d) for wave in np.split(order, cuts) for d in np.sort(wave))] = None
    return list(found)


def _joint(
    panel: StaggeredPanel[Panel], estimator: Multisynth, patterns: Sequence[Pattern], progress: bool
) -> list[dict[str, float]]:
    """Averages of each assignment where all units are fitted together."""
    starts, names, rows = list(panel.starts.values()), panel.never_treated, []
    with progress_bar("placebo waves", len(patterns), progress) as bar:
        for pattern in patterns:
            given: dict[Label, Label] = {names[d]: start for d, start in zip(pattern, starts, strict=True)}
            gaps = stacked(panel.as_treated(given), estimator).gaps
            rows.append({f"{s}: {of}": float(c["gap"].mean()) for s, of, c in parts(gaps) if s in GROUPED})
            bar.advance(bar.task_ids[0])
    return rows


def _stacked(
    panel: StaggeredPanel[Panel], estimator: Method, patterns: Sequence[Pattern], progress: bool
) -> pd.DataFrame:
    """Averages of each assignment where units are fitted one by one: blocks of problems, wave by wave."""
    solver = find(estimator)
    if by_name(estimator):
        raise SpecError("placebo waves have no predictors for their donors; use 'sc', 'demeaned', 'did' or 'sdid'")
    picks, donors = np.array(patterns), panel.outcome[:, panel.n_treated :]
    rest = np.array([[d for d in range(donors.shape[1]) if d not in set(p)] for p in patterns])
    unit_at = {unit: k for k, unit in enumerate(panel.starts)}
    sums: dict[str, FloatArray] = {}
    sizes: dict[str, int] = {}
    with progress_bar("placebo waves", len(patterns) * panel.n_treated, progress) as bar:
        for wave in panel.waves:
            one = panel.unit_panel(wave.units[0])
            rows, events = one.times, panel.events(wave.units[0])
            outcome = donors[panel.times.get_indexer(rows)]
            also = [unit_at[u] for u in wave.donors if u in unit_at]
            pool = np.hstack([rest, picks[:, also]]) if set(wave.donors) - set(unit_at) else picks[:, also]
            for unit in wave.units:
                gaps = np.empty((len(patterns), len(rows)))
                for some in batches(range(len(patterns)), block_size(len(rows), pool.shape[1])):
                    y = np.ascontiguousarray(outcome[:, picks[some, unit_at[unit]]].T)
                    X = np.ascontiguousarray(np.moveaxis(outcome[:, pool[some]], 0, 1))
                    gaps[some] = effects.gap_of(y, solver.solve(y, X, one.n_pre).counterfactual(X))
                    bar.advance(bar.task_ids[0], len(some))
                for event, column in zip(events, gaps.T, strict=True):
                    if event >= 0:
                        for key in ("overall: all", f"wave: {show(wave.start)}", f"event time: {event}"):
                            sums[key] = sums.get(key, 0.0) + column
                            sizes[key] = sizes.get(key, 0) + 1
    return pd.DataFrame({key: total / sizes[key] for key, total in sums.items()})
