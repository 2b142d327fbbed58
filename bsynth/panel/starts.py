"""When each unit's treatment starts: from a mapping, from a column of starts, or from a column of 0 and 1."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import BoolArray, FloatArray, Label
from bsynth.errors import PanelError, some_of
from bsynth.panel.calendar import Calendar
from bsynth.panel.labels import match_units, numbered, ordered
from bsynth.panel.sources import Opened
from bsynth.panel.sums import Grid, places, typed
from bsynth.text.numbers import count

if TYPE_CHECKING:
    import ibis.expr.types as ir

NEVER = ("", "na", "n/a", "nan", "nat", "null", "none", "never", "inf")
"""Text that means "not treated", compared in lower case."""

type Starts = dict[Label, int | None]
"""Position of each unit's first treated period, beyond the last one where it comes later; None where there is none."""


def given_starts(
    starts: Mapping[Label, Label], units: tuple[Label, ...], times: pd.Index, calendar: Calendar, name: str
) -> Starts:
    """Starts that the user named by unit, as positions; whoever is not named is not treated.

    Raises
    ------
    PanelError
        An empty mapping, a name that is no unit or stands there twice, or a start that is no period.
    """
    if not starts:
        raise PanelError(f"{name}: start is an empty mapping; give {{unit: first treated period}}")
    match_units(units, list(starts), "treated unit", name)
    found: Starts = dict.fromkeys(units)
    for label, start in starts.items():
        unit = match_units(units, (label,), "treated unit", name)[0]
        given = None if is_never(start, times) else start
        found[unit] = _position(given, times, calendar, f"start of {show(unit)!r}", name)
    return found


def column_starts(rows: pd.DataFrame, column: str, times: pd.Index, calendar: Calendar, name: str) -> Starts:
    """Starts from the different pairs of ``unit`` and ``start`` in the data: an empty cell is a unit never treated.

    Raises
    ------
    PanelError
        A unit with two starts, or a start that is no period of the data.
    """
    units = numbered(rows["unit"])
    found: dict[Label, Label] = {}
    for unit, start in zip(units.tolist(), rows["start"].tolist(), strict=True):
        label = None if is_never(start, times) else start
        if unit in found and found[unit] != label:
            first, other = sorted((_said(found[unit]), _said(label)))
            raise PanelError(
                f"{name}: unit {show(unit)!r} has two starts in column {column!r}, {first} and {other}; give each unit "
                "one, in all of its rows, or leave the cells of a unit that is never treated empty"
            )
        found[unit] = label
    said = ((unit, found[unit]) for unit in ordered(found))
    return {unit: _position(start, times, calendar, f"start of {show(unit)!r}", name) for unit, start in said}


def started_after(starts: Mapping[Label, Label], end: Label) -> tuple[str, ...]:
    """A sentence on units whose start lies after the last period, which are untreated as far as the data reach.

    Examples
    --------
    >>> started_after({"b": 9.0}, 7)
    ('1 unit starts after 7, the last period, and is untreated until then: b (9).',)
    """
    if not starts:
        return ()
    who = some_of(f"{show(unit)} ({_said(start)})" for unit, start in starts.items())
    units = count(len(starts), "unit starts", "units start")
    verb = "is" if len(starts) == 1 else "are"
    return (f"{units} after {show(end)}, the last period, and {verb} untreated until then: {who}.",)


def treatment_starts(
    low: FloatArray,
    high: FloatArray,
    filled: BoolArray,
    units: tuple[Label, ...],
    times: pd.Index,
    column: str,
    name: str,
    *,
    counted: bool = False,
) -> Starts:
    """Starts from a 0/1 column: (T, N) its least and largest value in each cell, where ``filled`` says it has any.

    Where periods are ``counted`` from moments a unit may start within one.

    Raises
    ------
    PanelError
        A cell that is both, or a treatment that is switched off again.
    """
    both = filled & (low != high)
    for i, t in [] if counted else np.argwhere(both.T):
        raise PanelError(
            f"{name}: column {column!r} is both 0 and 1 for {show(units[i])!r} at {show(times[t])}; a unit is treated "
            "in a whole period or not"
        )
    found: Starts = {}
    for i, unit in enumerate(units):
        on = np.flatnonzero(filled[:, i] & (high[:, i] > 0))
        found[unit] = int(on[0]) if len(on) else None
        off = np.flatnonzero(filled[:, i] & (low[:, i] == 0))
        if len(on) and (late := off[off > on[0]]).size:
            raise PanelError(
                f"{name}: column {column!r} switches {show(unit)!r} on at {show(times[on[0]])} and off again at "
                f"{show(times[late[0]])}; a treatment that ends is not modelled, end before it with end=, or leave the "
                "unit out with exclude="
            )
    return found


def read_starts(
    opened: Opened, columns: Mapping[str, str], grid: Grid, calendar: Calendar
) -> tuple[Starts, tuple[str, ...]]:
    """Starts from the data's column of role ``start``, or of role ``treatment``, and what is to be said of them.

    Where periods are counted from moments, the one in which a unit starts is its first treated one. Errors as
    `column_starts` and `treatment_starts`.
    """
    name, units, times = opened.name, grid.units, grid.times
    if "start" in columns:
        pairs = opened.run(opened.table.select("unit", "start").distinct())
        read = opened.begun(pairs["start"])
        found = column_starts(pairs.assign(start=read.labels), columns["start"], times, calendar, name)
        numbers, late = numbered(pairs["unit"]), set(numbered(pairs["unit"])[read.inside])
        inside = {unit: at for unit, at in found.items() if unit in late and at is not None and at < len(times)}
        within = _within(opened, inside, times)
        given = {u: s for u, s in zip(numbers.tolist(), read.labels.tolist(), strict=True) if not is_never(s, times)}
        beyond = {unit: given[unit] for unit in ordered(given) if (found[unit] or 0) >= len(times)}
        return found, (*within, *started_after(beyond, times[-1]))
    sums = _treatment(typed(opened, columns, "treatment"), opened, columns["treatment"])
    sums = sums[sums["n"] > 0]
    unit, time = places(opened, columns, grid, sums)
    low, high = np.ones(grid.rows.shape), np.zeros(grid.rows.shape)
    # Two spellings of one period meet here, as in the cells.
    np.minimum.at(low, (time, unit), sums["low"].to_numpy(dtype=float))
    np.maximum.at(high, (time, unit), sums["high"].to_numpy(dtype=float))
    filled = np.zeros(low.shape, dtype=bool)
    filled[time, unit] = True
    column, counted = columns["treatment"], opened.clock is not None
    found = treatment_starts(low, high, filled, units, times, column, name, counted=counted)
    inside = {unit: at for i, (unit, at) in enumerate(found.items()) if at is not None and low[at, i] == 0}
    return found, _within(opened, inside, times)


def _within(opened: Opened, starts: Mapping[Label, int | None], times: pd.Index) -> tuple[str, ...]:
    """A sentence on the units that start within a period, which is in part untreated."""
    if opened.clock is None:
        return ()
    freq = opened.clock.freq
    late = [f"{show(unit)} in the {freq} from {show(times[at])}" for unit, at in starts.items() if at is not None]
    units = count(len(late), "unit starts", "units start")
    return (f"{units} within a {freq}, which counts as treated: {some_of(late)}.",) if late else ()


def _treatment(table: "ir.Table", opened: Opened, column: str) -> pd.DataFrame:
    """The least and largest value of a 0/1 column by unit and time; what is neither, or empty, is refused."""
    y = table.y
    sums: pd.DataFrame = opened.run(
        table.group_by(["unit", "time"]).agg(
            n=y.count(), low=y.min(), high=y.max(), other=((y != 0) & (y != 1)).sum(), text=table.text.sum(),
            empty=y.isnull().sum(),
        )
    ).fillna({"other": 0, "text": 0, "empty": 0, "low": 0.0, "high": 0.0})  # fmt: skip
    wrong = sums[(sums["other"] > 0) | (sums["text"] > 0)].sort_values(["unit", "time"])
    if len(wrong):
        first = wrong.iloc[0]
        raise PanelError(
            f"{opened.name}: column {column!r} must be 0 or 1 (true or false) and is neither at "
            f"{show(first['unit'])!r}, {opened.shown(first['time'])}; periods of starts go into start_column="
        )
    # Where 0 is written, what is empty is unknown: taken for 0 it would move a start, or make a donor of one.
    # Where nothing but 1 is written, it is the 0.
    empty = sums[sums["empty"] > 0].sort_values(["unit", "time"])
    if len(empty) and bool(((sums["n"] > 0) & (sums["low"] == 0)).any()):
        first = empty.iloc[0]
        raise PanelError(
            f"{opened.name}: column {column!r} is empty in {count(int(empty['empty'].sum()), 'row')}, the first at "
            f"{show(first['unit'])!r}, {opened.shown(first['time'])}; give 0 or 1 (true or false) in every row"
        )
    return sums


def is_never(start: Label, times: pd.Index) -> bool:
    """Whether a start says that its unit is never treated."""
    if start is None or start is pd.NaT or (isinstance(start, str) and start.strip().lower() in NEVER):
        return True
    if isinstance(start, float | np.floating):
        # Beside infinity, 0 where periods are larger numbers: what packages for staggered adoption write.
        return math.isnan(start) or math.isinf(start) or (start == 0 and not _holds(times, 0))
    return isinstance(start, int | np.integer) and start == 0 and not _holds(times, 0)


def _holds(times: pd.Index, number: int) -> bool:
    return pd.api.types.is_numeric_dtype(times) and bool(times[0] <= number)


def _said(start: Label) -> str:
    return "none" if start is None else str(show(_whole(start)))


def _whole(start: Label) -> Label:
    """A number read as a float because other units have none."""
    return int(start) if isinstance(start, float) and start.is_integer() else start


def _position(start: Label, times: pd.Index, calendar: Calendar, role: str, name: str) -> int | None:
    """Position of a start; one after the data is counted on, and that unit is untreated as far as they reach."""
    if start is None:
        return None
    label = _whole(start)
    if calendar.is_after(times, label, role, name):
        return len(times) - 1 + calendar.beyond(times, label, role, name)
    return calendar.locate(times, label, role, name)
