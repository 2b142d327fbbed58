"""What should be known of a panel's data before anything is fitted: holes, copies, zeros, odd dates, breaks, drift.

Every series is read beside the others. (y − median) / scale, with a robust standard deviation of its steps as scale,
less the median of all units at that date, is what a unit does alone; what all do together is no fault of one. A treated
unit is judged by its periods before the start: what comes after may be the effect.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntArray, Label, Status
from bsynth.errors import some_of
from bsynth.panel.given import require_panel
from bsynth.panel.outliers import FAR, NEAR, Run, ends, pairs, spread, unseasoned
from bsynth.panel.panel import Panel
from bsynth.text.numbers import count, fixed, number, percent
from bsynth.text.result import Result

TITLES = {
    "gaps": "Periods and cells without an outcome",
    "duplicates": "Rows and units that are there twice",
    "zeros": "Units of zeros, or of one value",
    "outliers": "Single dates far off",
    "level-shifts": "Levels that shift",
    "stops": "Series that stop",
    "pre-period": "Stability of the pre-period",
}
"""What is looked for, in the order of the table."""
SHIFT = 4
"""Periods on either side of a level shift."""
MOST_ZERO = 0.5
SHARED = 0.25
"""An odd date of so many units is one of the calendar's, not of each unit."""
WANDERS = 0.9
"""Autocorrelation from which a distance is no noise about a level."""
VERY_FAR = 20.0
"""Robust standard deviations from which a donor's date is a warning: t₃ noise gets there in a tenth of panels."""

type Weight = Literal["note", "warning"]


@dataclass(frozen=True)
class Remark:
    """One thing found: of which kind, whose and when it is, how large, and in words."""

    kind: str
    weight: Weight
    sentence: str
    unit: Label | None = None
    time: Label | None = None
    value: float = float("nan")


@dataclass(frozen=True, eq=False, repr=False)
class DataQuality(Result):
    """What was found in a panel's data.

    Attributes
    ----------
    name : str
        Of the panel: who is compared with whom and when.
    table : DataFrame
        One row per thing found: ``kind`` (a key of `TITLES`), ``weight`` (``"warning"`` or ``"note"``), ``unit``,
        ``time``, ``value`` (robust standard deviations, periods or a share, as the sentence says) and ``sentence``.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=4, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> bs.data_quality(panel).sentences()[0]
    'Nothing in the data speaks against an analysis; looked at: gaps, duplicates, zeros, outliers, level-shifts, stops, pre-period.'
    """  # noqa: E501

    name: str
    table: pd.DataFrame

    @property
    def status(self) -> Status:
        """Always ok: nothing here was sampled."""
        return "ok"

    @property
    def title(self) -> str:
        """What it is, and of which panel."""
        return f"Data quality: {self.name}"

    @property
    def warnings(self) -> pd.DataFrame:
        """The rows that should be looked at before an analysis."""
        return self.table[self.table["weight"] == "warning"].reset_index(drop=True)

    def sentences(self) -> tuple[str, ...]:
        """How much was found, then each warning, then each note."""
        looked = f"looked at: {', '.join(TITLES)}."
        odd = self.warnings
        kinds = list(dict.fromkeys(odd["kind"]))
        first = f"Nothing in the data speaks against an analysis; {looked}"
        if len(odd):
            first = f"{count(len(odd), 'thing')} to look at before an analysis ({', '.join(kinds)}); {looked}"
        rest = self.table[self.table["weight"] == "note"]
        return (first, *odd["sentence"], *rest["sentence"])


def data_quality(panel: Panel) -> DataQuality:
    """Answer what is odd in the data, before anything is fitted: `TITLES` says what is looked for.

    Parameters
    ----------
    panel : Panel
        One without a start will do.

    Returns
    -------
    DataQuality

    Raises
    ------
    PanelError
        What came is no panel.
    """
    require_panel(panel, history=True)
    found = [*_gaps(panel), *_duplicates(panel), *_zeros(panel), *_odd(panel), *_stops(panel), *_stability(panel)]
    order = {kind: place for place, kind in enumerate(TITLES)}
    found.sort(key=lambda each: order[each.kind])
    columns = ["kind", "weight", "unit", "time", "value", "sentence"]
    rows: list[dict[str, Any]] = [
        {**{name: getattr(each, name) for name in columns}, "unit": show(each.unit), "time": show(each.time)}
        for each in found
    ]
    return DataQuality(repr(panel).removeprefix("Panel(").removesuffix(")"), pd.DataFrame(rows, columns=columns))


def _gaps(panel: Panel) -> Iterator[Remark]:
    for sentence in panel.gaps():
        yield Remark("gaps", "warning", sentence)
    if filled := panel.source.filled:
        share = len(filled) / panel.outcome.size
        cells = some_of(f"{show(unit)!r} at {show(time)}" for unit, time in filled)
        said = f"{count(len(filled), 'cell')} had no outcome and {'was' if len(filled) == 1 else 'were'} interpolated"
        yield Remark("gaps", "warning", f"{said}, {percent(share)} of all: {cells}.", value=share)
    if dropped := panel.source.dropped:
        said = f"{count(len(dropped), 'donor')} with holes left the panel: {some_of(map(show, dropped))}."
        yield Remark("gaps", "note", said, value=float(len(dropped)))


def _duplicates(panel: Panel) -> Iterator[Remark]:
    if panel.cells is not None and np.median(panel.cells.n) == 1 and (panel.cells.n > 1).any():
        twice = np.argwhere(panel.cells.n.T > 1)
        unit, time = panel.units[twice[0][0]], panel.times[twice[0][1]]
        said = (
            f"{count(len(twice), 'cell has', 'cells have')} more than one row where most have one, the first is "
            f"{show(unit)!r} at {show(time)}; their mean was taken."
        )
        yield Remark("duplicates", "warning", said, unit, time, float(len(twice)))
    for one, other in panel.source.alike:
        yield Remark("duplicates", "warning", f"Units {show(one)!r} and {show(other)!r} are spelled almost alike.", one)
    columns: dict[bytes, Label] = {}
    for unit, series in zip(panel.units, panel.outcome.T, strict=True):
        first = columns.setdefault(np.ascontiguousarray(series).tobytes(), unit)
        if first is not unit and np.ptp(series) > 0:
            yield Remark("duplicates", "warning", f"{show(unit)!r} is {show(first)!r} in every period.", unit)


def _seen(panel: Panel, column: int) -> int:
    """Periods by which a unit is judged: a treated one by those before the start."""
    return panel.n_pre if column < panel.n_treated else len(panel.times)


def _zeros(panel: Panel) -> Iterator[Remark]:
    for k, unit in enumerate(panel.units):
        series = panel.outcome[: _seen(panel, k), k]
        share = float((series == 0).mean())
        if np.ptp(series) == 0:
            said = f"{show(unit)!r} is {number(float(series[0]))} in every period: it can tell nothing."
            yield Remark("zeros", "warning", said, unit, value=share)
        elif share >= MOST_ZERO:
            said = f"{show(unit)!r} is zero in {percent(share, 0)} of its periods."
            yield Remark("zeros", "warning", said, unit, value=share)


def _alone(panel: Panel) -> tuple[FloatArray, FloatArray]:
    """(T, N) what each unit does alone, in robust standard deviations of its noise, and (T,) what all do together.

    A treated unit is not a number from the start on.
    """
    y = panel.outcome.copy()
    y[panel.n_pre :, : panel.n_treated] = np.nan
    if (phase := _phase(panel)) is not None:
        y = unseasoned(y, phase)
    z = (y - np.nanmedian(y, axis=0)) / spread(np.diff(y, axis=0))
    common = np.nanmedian(z, axis=1)
    own = z - common[:, None]
    # Of its steps, which a level that shifts does not widen; independent noise has √2 times its own.
    return np.sqrt(2) * (own - np.nanmedian(own, axis=0)) / spread(np.diff(own, axis=0)), common


def _phase(panel: Panel) -> IntArray | None:
    """(T,) where in its week or year each period is; None where its calendar has no such cycle."""
    cycle = {"day": "day_of_week", "business day": "day_of_week", "month": "month", "quarter": "quarter"}
    if not isinstance(panel.times, pd.DatetimeIndex) or (name := cycle.get(panel.frequency)) is None:
        return None
    return np.unique(getattr(panel.times, name), return_inverse=True)[1]


def _odd(panel: Panel) -> Iterator[Remark]:
    """Single dates far off, of one unit or of many, and levels that shift."""
    own, common = _alone(panel)
    # Beside its neighbours, so that a trend of its own or a drift is no outlier.
    steps = own[1:-1] - 0.5 * (own[:-2] + own[2:])
    steps = steps / spread(steps)
    calm = np.abs(own[2:] - own[:-2]) <= NEAR * spread(own[2:] - own[:-2])
    outlying = np.nan_to_num(np.abs(steps)) > FAR
    shared = outlying.mean(axis=1) >= SHARED
    together = common[1:-1] - 0.5 * (common[:-2] + common[2:])
    together = together / spread(together[:, None])[0]
    shared |= np.abs(together) > FAR
    # Beside an end that is far off, or two dates that are, stand others that only have these for neighbours.
    whole = {(run.first, run.last): run.size for run in [*ends(common[:, None]), *pairs(common[:, None])]}
    taken = np.zeros(len(shared), dtype=bool)
    for first, last in whole:
        taken[max(first - 2, 0) : last + 1] = True
    shared &= ~taken
    strength = np.concatenate([[0.0], np.maximum(np.abs(together), 1.0) * (outlying.mean(axis=1) + 1), [0.0]])
    for t in map(int, np.flatnonzero(shared & (strength[1:-1] >= np.maximum(strength[:-2], strength[2:])))):
        time = panel.times[t + 1]
        said = f"At {show(time)} many units are far off at once: a holiday, an outage or a change of measurement?"
        yield Remark("outliers", "warning", said, None, time, float(together[t]))
    for t, k in np.argwhere(outlying & calm & ~(shared | taken)[:, None]):
        yield _far_off(panel, Run(int(k), int(t) + 1, int(t) + 1, float(steps[t, k])))
    yield from _runs(panel, own, whole, set((np.flatnonzero(shared) + 1).tolist()))
    yield from _shifts(panel, own)


def _runs(panel: Panel, own: FloatArray, whole: dict[tuple[int, int], float], known: set[int]) -> Iterator[Remark]:
    """Two periods far off, and those at an end of a series.

    ``whole`` has those, first and last, at which all units are, with their size; ``known`` are other dates that are odd
    for many.
    """
    treated, before = panel.n_treated, panel.n_pre
    found = [
        *pairs(own), *ends(own[:before, :treated]),
        *(replace(run, column=run.column + treated) for run in ends(own[:, treated:])),
    ]  # fmt: skip
    many = Counter((run.first, run.last) for run in found)
    shared = {at: float("nan") for at, units in many.items() if units >= max(2, SHARED * len(panel.units))}
    shared |= whole
    for (first, last), size in sorted(shared.items()):
        if not known & {first, last}:
            when = _when(panel, first, last)
            said = (
                f"{when[0].upper()}{when[1:]} many units are far off at once: an outage, or a period that is not whole?"
            )
            yield Remark("outliers", "warning", said, None, panel.times[first], size)
    known = known.union(*shared)
    for run in found:
        if not known & {run.first, run.last}:
            yield _far_off(panel, run)


def _when(panel: Panel, first: int, last: int) -> str:
    start, end = show(panel.times[first]), show(panel.times[last])
    return f"at {start}" if first == last else f"from {start} to {end}"


def _far_off(panel: Panel, run: Run) -> Remark:
    """The remark on periods of one unit that are far from those beside them."""
    unit, of_treated = panel.units[run.column], run.column < panel.n_treated
    beside = {"first": "the periods after", "last": "the periods before"}.get(run.end, "its neighbours")
    said = f"{show(unit)!r} {_when(panel, run.first, run.last)} is {number(abs(run.size), 2)} robust sd from {beside}."
    if of_treated and run.end == "last" and panel.n_post:
        said += " That is just before the start: what anticipates it is left out with anticipation=."
    weight: Weight = "warning" if of_treated or abs(run.size) > VERY_FAR else "note"
    return Remark("outliers", weight, said, unit, panel.times[run.first], run.size)


def _shifts(panel: Panel, own: FloatArray) -> Iterator[Remark]:
    periods = len(own)
    if periods < 4 * SHIFT:
        return
    sums = np.vstack([np.zeros(own.shape[1]), np.nancumsum(own, axis=0)])
    means = (sums[SHIFT:] - sums[:-SHIFT]) / SHIFT
    step = means[SHIFT:] - means[:-SHIFT]
    for k, unit in enumerate(panel.units):
        use = _seen(panel, k) - 2 * SHIFT + 1
        if use < 2 * SHIFT:
            continue
        moves = step[:use, k]
        size = moves / (spread(moves[:, None])[0])
        at = int(np.argmax(np.abs(size)))
        last = at + SHIFT
        before, after = own[:last, k], own[last : _seen(panel, k), k]
        stays = float(np.median(after) - np.median(before))
        # At once, not little by little: that would be a drift.
        abrupt = abs(own[last, k] - own[last - 1, k]) > 0.5 * abs(moves[at])
        if abs(size[at]) > FAR and abrupt and abs(stays) > 0.5 * abs(moves[at]) and abs(moves[at]) > NEAR:
            time = panel.times[last]
            said = (
                f"The level of {show(unit)!r} shifts at {show(time)} by {number(abs(stays), 2)} of its own robust sd, "
                f"{'up' if stays > 0 else 'down'}, and stays there."
            )
            yield Remark("level-shifts", "warning", said, unit, time, stays)


def _stops(panel: Panel) -> Iterator[Remark]:
    for k, unit in enumerate(panel.units):
        series = panel.outcome[: _seen(panel, k), k]
        still = np.flatnonzero(np.diff(series) != 0)
        tail = len(series) - 1 - (int(still[-1]) if len(still) else -1)
        if len(still) and tail > max(3, len(series) // 10) and tail > 2 * (len(series) - 1) / (len(still) + 1):
            time = panel.times[len(series) - tail]
            said = f"{show(unit)!r} stays at {number(float(series[-1]))} from {show(time)} on: does it go on?"
            yield Remark("stops", "warning", said, unit, time, float(tail))
        if panel.cells is not None and (empty := int((panel.cells.n[:, k] == 0).sum())):
            said = f"{show(unit)!r} has no rows in {count(empty, 'period')}."
            yield Remark("gaps", "note", said, unit, value=float(empty))


def _stability(panel: Panel) -> Iterator[Remark]:
    """Whether the treated series kept to the mean of its donors before the start."""
    treated, donors = panel.treated_series[: panel.n_pre], panel.donor_matrix[: panel.n_pre]
    if panel.n_pre < 8:
        said = f"{count(panel.n_pre, 'period')} before the start are too few to tell whether they are stable."
        yield Remark("pre-period", "warning", said, value=float(panel.n_pre))
        return
    gap = treated - donors.mean(axis=1)
    half = panel.n_pre // 2
    first, second = gap[:half], gap[half:]
    own = float(np.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / 2))
    unit = float(treated.std(ddof=1))
    moved = float(second.mean() - first.mean()) / unit
    still = np.ptp(gap[:-1]) == 0 or np.ptp(gap[1:]) == 0
    same = 0.0 if still else float(np.corrcoef(gap[:-1], gap[1:])[0, 1])
    # A mean of n periods of an AR(1) is worth n (1 − ρ)/(1 + ρ) separate ones.
    worth = half * max(1 - max(same, 0.0), 0.05) / (1 + max(same, 0.0))
    far = abs(moved) * unit > 3 * own * np.sqrt(2 / max(worth, 1.0)) + 1e-12 * unit
    verdict = "no more than its noise."
    far |= same > WANDERS and abs(moved) > 1
    if far or same > WANDERS:
        verdict = "more than its noise explains, so weights or a drift must carry it."
    said = (
        f"Between the two halves of the pre-period {panel.treated_name} moved by {number(moved, 2, signed=True)} "
        f"pre-period sd against the mean of its donors (autocorrelation of the distance {fixed(same, 2)}): {verdict}"
    )
    yield Remark("pre-period", "warning" if far else "note", said, value=moved)
