"""Which units to treat: where the smallest effect is small, ranked on one half of the history, reported on the other.

Whoever searches for the smallest number finds one that is too small. So candidates are ranked by windows of the first
half of the history, and what the chosen one really does is read off windows of the second half, which had no say.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.progress import progress_bar
from bsynth._base.request import check_flags, check_level, check_number, check_seed, check_whole, hinted
from bsynth._base.types import FloatArray, Label, Status
from bsynth.errors import PanelError, SpecError, nearest, some_of
from bsynth.frequentist import classical
from bsynth.frequentist.estimators import Method, find
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.labels import MIN_PRE, as_labels, match_units, ordered
from bsynth.planning.plays import history_of
from bsynth.planning.rollout import check_power
from bsynth.text.labels import one_line, plain
from bsynth.text.numbers import count, fixed, lift_words, number, percent
from bsynth.text.result import Result

BY = ("mde", "bias", "investment")
MOST = 200
"""Sets of units that are tried where there are more."""


@dataclass(frozen=True, eq=False, repr=False)
class RankedUnits(Result):
    """Candidates for treatment, the best first.

    Attributes
    ----------
    name : str
        Of the panel.
    duration : int
    estimator : str
    by : {"mde", "bias", "investment"}
    power, level : float
    table : DataFrame
        One row per candidate: ``units``, ``rank``; ``mde`` and ``bias`` (shares of the untreated outcome where that is
        positive, else outcome units) in windows of the first half, by which they are ranked, and ``mde_later,
        bias_later`` in those of the second; ``investment``, what an effect as small as ``mde_later`` costs, where the
        cost of a unit of outcome was given.
    lifts : bool
    windows : tuple of int
        Of the first half and of the second.
    candidates : int
        Sets of units that there are.
    once : str
        Of an investment, that it adds up cells that are means or ratios of rows; else empty.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, n_pre=40, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=None)
    >>> bs.rank_treated(panel, duration=4, progress=False).table["rank"].tolist()
    [1, 2, 3, 4, 5, 6, 7]
    """

    name: str
    duration: int
    estimator: str
    by: str
    power: float
    level: float
    table: pd.DataFrame
    lifts: bool
    windows: tuple[int, int]
    candidates: int
    once: str = ""

    @property
    def status(self) -> Status:
        """Always ok: nothing here was sampled."""
        return "ok"

    @property
    def title(self) -> str:
        """What it is, and over how long."""
        return f"Which units to treat: {self.name}"

    @property
    def optimism(self) -> float:
        """By how much the best candidate's smallest effect grows from the half that chose it to the other."""
        best = self.table.iloc[0]
        return float(best["mde_later"] / best["mde"])

    @property
    def agreement(self) -> float:
        """Rank correlation of the two halves in what ranks; not a number with fewer than three candidates."""
        if len(self.table) < 3:
            return math.nan
        table = self.table
        first, later = {
            "mde": (table["mde"], table["mde_later"]),
            "bias": (table["bias"].abs(), table["bias_later"].abs()),
            # It is what ``mde_later`` costs, in proportion to its size.
            "investment": (table["investment"] * table["mde"] / table["mde_later"], table["investment"]),
        }[self.by]
        return float(first.rank().corr(later.rank()))

    def _size(self, value: float) -> str:
        return lift_words(value) if self.lifts else number(value, signed=True)

    def sentences(self) -> tuple[str, ...]:
        """The best candidate as both halves see it, how much to believe the ranking, and what it rests on."""
        best = self.table.iloc[0]
        said = [
            f"Ranked first by {self.by} of {count(len(self.table), 'candidate')}: {best['units']}. In the half of the "
            f"history that ranked it, {self._size(best['mde'])} would be seen with a probability of "
            f"{percent(self.power)} after {count(self.duration, 'period')}; in the other half it takes "
            f"{self._size(best['mde_later'])}: count on that one.",
            f"Its bias, the mean error of windows without effect, is {self._size(best['bias_later'])} in that half.",
        ]
        if not math.isnan(self.agreement):
            judged = "it means little" if self.agreement < 0.3 else "it half holds"
            judged = "it holds" if self.agreement > 0.6 else judged
            said.append(f"The rankings of the two halves correlate by {fixed(self.agreement, 2)}: {judged}.")
        if self.candidates > len(self.table):
            said.append(f"{count(len(self.table), 'candidate')} of {self.candidates:,} that there are were tried.")
        if self.once:
            said.append(self.once)
        first, second = self.windows
        said.append(
            f"Errors of {self.estimator} in {count(first, 'window')} of the first half and {second} of the second, "
            "which overlap; the smallest effect is that of a normal error of their size, at a level of "
            f"{percent(1 - self.level)}. Ask plan_rollout for the one you choose."
        )
        return tuple(said)


@hinted
def rank_treated(
    panel: Panel,
    *,
    duration: int,
    candidates: Iterable[Any] | None = None,
    size: int = 1,
    by: Literal["mde", "bias", "investment"] = "mde",
    cost_per_unit: float | None = None,
    estimator: Method = "demeaned",
    power: float = 0.8,
    level: float = 0.95,
    most: int = MOST,
    seed: int = 0,
    progress: bool = True,
) -> RankedUnits:
    """Answer which units to treat where that is free: those on which a small effect would be seen.

    Every candidate is compared with all units outside it, in windows of the history in which nothing happened.

    Parameters
    ----------
    panel : Panel
        Of all units, treated or not: its history alone is used, and who is named as treated plays no part.
    duration : int
        Periods after the start.
    candidates : iterable of labels, or of collections of labels, optional
        Units, or sets of them that would be treated together and averaged; by default all sets of ``size``.
    size : int
    by : {"mde", "bias", "investment"}
        What the first half ranks by.
    cost_per_unit : float, optional
        Money for one more unit of outcome: what an effect as small as the smallest one that is seen would cost. A cell
        that is a mean or a ratio of rows counts once, which the sentences then say.
    estimator : str or estimator
    power, level : float
    most : int
        Sets that are tried at most; of more of them so many are drawn by ``seed``.
    seed : int
    progress : bool

    Returns
    -------
    RankedUnits

    Raises
    ------
    PanelError
        A history too short for two halves, a unit that is not there, or too few units outside a candidate.
    SpecError
        Another setting outside what is allowed.
    """
    require_panel(panel, history=True)
    check_flags(progress=progress)
    find(estimator)
    duration = check_whole(duration, "duration", 1, "the periods after the start")
    if by not in BY:
        raise SpecError(f"by {by!r} is unknown{nearest(str(by), BY)}; it can be {some_of(BY)}")
    if by == "investment" and cost_per_unit is None:
        raise SpecError("by is 'investment' and there is no cost_per_unit; give the money for one more unit of outcome")
    cost = None if cost_per_unit is None else check_number(cost_per_unit, "cost_per_unit")
    level, power, seed = check_level(level), check_power(power), check_seed(seed)
    size = check_whole(size, "size", 1, "units that are treated together")
    most = check_whole(most, "most", 1, "sets to try")
    history = history_of(panel)
    chosen, there = _candidates(history, candidates, size, most, seed)
    starts = _starts(history, duration)
    lifts = bool((history.outcome > 0).all())
    factor = NormalDist().inv_cdf((1 + level) / 2) + NormalDist().inv_cdf(power)
    rows = []
    with progress_bar("candidate", len(chosen), progress) as bar:
        for units in chosen:
            found = [_errors(history, units, each, duration, estimator, lifts) for each in starts]
            rows.append(_row(history, units, found, duration, factor, cost, by, lifts))
            bar.advance(bar.task_ids[0])
    table = pd.DataFrame(rows).sort_values("_key", kind="stable", ignore_index=True).drop(columns="_key")
    once = history.cells.counted_once("The investment") if cost is not None and history.cells is not None else ""
    table.insert(1, "rank", np.arange(1, len(table) + 1))
    return RankedUnits(
        name=plain(history.source.name), duration=duration,
        estimator=estimator if isinstance(estimator, str) else estimator.NAME, by=by, power=power, level=level,
        table=table, lifts=lifts, windows=(len(starts[0]), len(starts[1])), candidates=there, once=once,
    )  # fmt: skip


def _row(
    history: Panel,
    units: tuple[Label, ...],
    errors: Sequence[FloatArray],
    duration: int,
    factor: float,
    cost: float | None,
    by: str,
    lifts: bool,
) -> dict[str, Any]:
    """One candidate: what either half says of it, and by what it is ranked."""
    (mde, bias), (mde_later, bias_later) = ((factor * float(np.sqrt((e**2).mean())), float(e.mean())) for e in errors)
    last = float(history.outcome[-duration:, [history.units.index(u) for u in units]].sum())
    base = last if lifts else float(duration * len(units))
    return {
        "units": one_line(" + ".join(str(show(u)) for u in units)), "mde": mde, "bias": bias, "mde_later": mde_later,
        "bias_later": bias_later, "investment": math.nan if cost is None else cost * mde_later * base,
        # The half that ranks knows nothing of the other.
        "_key": {"mde": mde, "bias": abs(bias), "investment": mde * base}[by],
    }  # fmt: skip


def _candidates(
    history: Panel, given: Iterable[Any] | None, size: int, most: int, seed: int
) -> tuple[list[tuple[Label, ...]], int]:
    """Sets of units to try, and how many there are."""
    name, units = history.source.name, ordered(history.units)
    if given is not None:
        found = [match_units(units, as_labels(each), "unit", name) for each in as_labels(given)]
        if not all(found):
            raise SpecError("candidates holds one without units; name units, or sets of them")
        if not found:
            raise SpecError("candidates is empty; name units, or sets of them")
    else:
        _check_left(name, size, len(units))
        there = math.comb(len(units), size)
        if there > most:
            rng = np.random.default_rng([seed, len(units), size])
            drawn: set[tuple[int, ...]] = set()
            while len(drawn) < most:
                drawn.add(tuple(sorted(rng.choice(len(units), size, replace=False).tolist())))
            return [tuple(units[k] for k in each) for each in sorted(drawn)], there
        found = list(itertools.combinations(units, size))
    for each in found:
        _check_left(name, len(each), len(units))
    return found, len(found)


def _check_left(name: str, size: int, units: int) -> None:
    """Refuse sets of so many units that leave nobody to compare them with."""
    if units - size < 2:
        raise PanelError(f"{name}: {count(size, 'unit')} of {units} leave fewer than 2 donors; name fewer")


def _starts(history: Panel, duration: int) -> tuple[list[int], list[int]]:
    """Starts of the windows that end in the first half of the history, and of those that begin in the second."""
    half, step = history.n_pre // 2, max(duration // 2, 1)
    least = max(MIN_PRE, half // 3)
    first, second = list(range(least, half - duration + 1, step)), list(range(half, history.n_pre - duration + 1, step))
    if len(first) < 2 or len(second) < 2:
        raise PanelError(
            f"{history.source.name}: {count(history.n_pre, 'period')} leave no two windows of "
            f"{count(duration, 'period')} in each half of the history; give a shorter duration"
        )
    return first, second


def _errors(
    history: Panel, units: tuple[Label, ...], starts: Sequence[int], duration: int, estimator: Method, lifts: bool
) -> FloatArray:
    """Mean gap of each window, as a share of the outcome or in its units."""
    others = tuple(u for u in ordered(history.units) if u not in units)
    found = []
    for start in starts:
        panel = history._take(units, others, slice(start + duration), history.times[start])
        gap = float(classical(panel, estimator).gap[start:].mean())
        found.append(gap / float(panel.treated_series[start:].mean()) if lifts else gap)
    return np.array(found)
