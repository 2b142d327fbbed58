"""Labels of units and periods: read from the data, matched to what the user named, shown in words."""

import datetime
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._types import Label
from bsynth.errors import PanelError, nearest, some_of
from bsynth.ingest import alike
from bsynth.ingest.cells import Table

MIN_PRE = 3
"""Fewest pre-treatment periods of a panel."""


def show(label: Label) -> Any:
    """A label as JSON and messages write it: int, float or text; dates in ISO form.

    Examples
    --------
    >>> show(pd.Timestamp("2024-01-31")), show(np.int64(3)), show("a")
    ('2024-01-31', 3, 'a')
    """
    if isinstance(label, pd.Timestamp):
        text = label.isoformat()
        return text.removesuffix("T00:00:00")
    if isinstance(label, np.generic):
        return label.item()
    return label if isinstance(label, int | float | str) else str(label)


def numbered(labels: pd.Series) -> pd.Series:
    """Text labels that are all whole numbers become int; "007" keeps the whole column as text."""
    if not pd.api.types.is_string_dtype(labels):
        return labels
    text = labels.astype(str)
    if text.str.fullmatch(r"-?(0|[1-9]\d{0,17})").all():
        return text.astype("int64")
    return text.astype(object)


def periods(labels: pd.Series, name: str, column: str) -> pd.Series:
    """Whole numbers, or timestamps; text is read as ISO dates or quarters."""
    if pd.api.types.is_bool_dtype(labels) or not (
        pd.api.types.is_numeric_dtype(labels) or pd.api.types.is_string_dtype(labels)
    ):
        if pd.api.types.is_datetime64_any_dtype(labels):
            return labels
        raise PanelError(f"{name}: column {column!r} holds {labels.dtype}; periods are whole numbers or dates")
    numbers = pd.to_numeric(labels, errors="coerce")
    if numbers.notna().all() and (numbers % 1 == 0).all():
        return numbers.astype("int64")
    # "1990.5" would read as May 1990; a fraction is never meant as a date.
    stray = labels[numbers.notna() & (numbers % 1 != 0)]
    if stray.empty:
        text = labels.astype(str)
        if text.str.fullmatch(r"\d{4}-?Q[1-4]").all():
            return pd.Series(pd.PeriodIndex(text, freq="Q").to_timestamp(), index=labels.index)
        zoned = bool(text.str.contains(r"Z$|[+-]\d\d:\d\d$").any())
        dates = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=zoned)
        if dates.notna().all():
            return dates
        stray = labels[dates.isna()]
    raise PanelError(
        f"{name}: column {column!r} holds {show(stray.min())!r}, which is no period; give whole numbers, "
        f"ISO dates (2024-01-31) or quarters (2024Q1)"
    )


def as_labels(labels: Label | Iterable[Label]) -> tuple[Label, ...]:
    """One label or a collection of them as a tuple, None as an empty one; text is always one label.

    Examples
    --------
    >>> as_labels("BC"), as_labels(3), as_labels(None), as_labels(np.array(["B", "C"]))
    (('BC',), (3,), (), (np.str_('B'), np.str_('C')))
    """
    if labels is None:
        return ()
    if isinstance(labels, np.ndarray):
        labels = labels.ravel()
    if isinstance(labels, Iterable) and not isinstance(labels, str | bytes):
        return tuple(labels)
    return (labels,)


def one_label(labels: Label | Iterable[Label]) -> tuple[Label]:
    """One label, given by itself or as a collection of one; anything else stays whole, to be named as no label."""
    listed = as_labels(labels)
    return (listed[0],) if len(listed) == 1 else (labels,)


def some_labels(labels: Iterable[Label], limit: int = 6) -> str:
    """A few labels in quotes, so that a space at an end is seen, and how many more there are.

    Examples
    --------
    >>> some_labels(["T ", "B"]), some_labels([1, 2, 3], limit=2)
    ("'T ', 'B'", '1, 2 and 1 more')
    """
    return some_of((repr(show(label)) for label in labels), limit)


@dataclass(frozen=True)
class Roles:
    """What the user said of units and periods, not yet held against the data."""

    treated: Label | Iterable[Label]
    start: Label
    end: Label | None
    donors: Label | Iterable[Label] | None
    exclude: Label | Iterable[Label] | None

    def resolve(self, table: Table) -> tuple[tuple[Label, ...], tuple[Label, ...]]:
        """Treated units and donor pool as labels of the data."""
        name = table.source.name
        treated = match_units(table.units, _some(self.treated, "treated"), "treated unit", name)
        gone = match_units(table.units, as_labels(self.exclude), "excluded unit", name)
        if self.donors is None:
            pool = tuple(u for u in table.units if u not in treated and u not in gone)
        else:
            pool = match_units(table.units, _some(self.donors, "donors"), "donor", name)
        for role, units in (("treated", treated), ("excluded", gone)):
            if both := [u for u in units if u in pool]:
                raise PanelError(
                    f"{name}: {some_labels(both)} is {role} and among the donors; take it out of one of them"
                )
        if both := [u for u in gone if u in treated]:
            raise PanelError(f"{name}: {some_labels(both)} is treated and excluded; take it out of one of them")
        return treated, pool


def _some(labels: Label | Iterable[Label], role: str) -> tuple[Label, ...]:
    listed = as_labels(labels)
    if not listed:
        raise PanelError(f"{role} is {'None' if labels is None else 'empty'}; name at least one unit")
    return listed


def ordered(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Labels in increasing order."""
    return tuple(pd.Index(list(labels)).sort_values().tolist())


def match_units(units: Sequence[Label], wanted: Sequence[Label], role: str, name: str) -> tuple[Label, ...]:
    """The data's own labels for what the user named, sorted: by value, by text form, or as a date."""
    texts = {str(show(u)): u for u in units}
    values = set(units)
    found: list[Label] = []
    for label in wanted:
        text = str(show(label))
        stamp = _as_date(label) if units and isinstance(units[0], pd.Timestamp) else None
        match = (
            label
            if isinstance(label, Hashable) and label in values
            else texts.get(text, stamp if stamp in values else None)
        )
        if match is None:
            hint = alike.hint(text, texts) or nearest(text, texts)
            raise PanelError(f"{name}: there is no {role} {text!r}{hint}; units are {some_labels(units)}")
        # The data's own object, so that 5, 5.0 and numpy's 5 give the same panel.
        match = next(u for u in units if u == match)
        if match in found:
            raise PanelError(f"{name}: {role} {text!r} is given twice; name each unit once")
        found.append(match)
    return ordered(found)


def _as_date(label: Label) -> pd.Timestamp | None:
    """A label read as a date; a bare year is its first of January."""
    if isinstance(label, pd.Period):
        return label.to_timestamp()
    if not isinstance(label, str | int | np.integer | datetime.date | np.datetime64):
        return None
    try:
        if isinstance(label, str) and "Q" in label:
            stamp = pd.Period(label).to_timestamp()
        else:
            stamp = pd.Timestamp(str(label) if isinstance(label, int | np.integer) else label)
    except ValueError:
        return None
    return None if pd.isna(stamp) else stamp


def match_time(times: pd.Index, label: Label, role: str, name: str) -> int:
    """Position of a period the user named; an error lists the nearest ones."""
    if isinstance(times, pd.DatetimeIndex):
        stamp = _as_date(label)
        if stamp is None:
            raise PanelError(f"{name}: {role} is {label!r} but periods are dates; give one like {show(times[0])!r}")
        if times.tz is not None:
            stamp = stamp.tz_localize(times.tz) if stamp.tz is None else stamp.tz_convert(times.tz)
        elif stamp.tz is not None:
            stamp = stamp.tz_convert("UTC").tz_localize(None)
        wanted: Any = stamp
    else:
        try:
            wanted = float(label)
        except (TypeError, ValueError):
            raise PanelError(
                f"{name}: {role} is {label!r} but periods are whole numbers; give one like {times[0]}"
            ) from None
    position = int(times.searchsorted(wanted))
    if position < len(times) and times[position] == wanted:
        return position
    if position == len(times):
        raise PanelError(f"{name}: {role} {show(label)} is after the last period {show(times[-1])}")
    around = [show(t) for t in times[max(position - 2, 0) : position + 2]]
    raise PanelError(f"{name}: {role} {show(label)} is not a period of the data; near it are {some_of(around)}")


def window(table: Table, start: Label, end: Label | None) -> tuple[int, int]:
    """Positions of the first treated and the last used period."""
    name, times = table.source.name, table.times
    first = match_time(times, start, "start", name)
    last = len(times) - 1 if end is None else match_time(times, end, "end", name)
    if last < first:
        raise PanelError(
            f"{name}: end {show(times[last])} is before start {show(times[first])}; end is the last period used"
        )
    if first < MIN_PRE:
        later = f"; start at {show(times[MIN_PRE])} or later" if len(times) > MIN_PRE else ""
        raise PanelError(
            f"{name}: start {show(times[first])} leaves {first} periods before it and at least {MIN_PRE} "
            f"are needed{later}"
        )
    return first, last
