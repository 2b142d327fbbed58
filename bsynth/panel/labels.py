"""Labels of units and periods: read from the data, matched to what the user named, shown in words."""

import datetime
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.errors import PanelError, nearest, some_of
from bsynth.panel import alike
from bsynth.panel.cells import CellTable
from bsynth.text.numbers import count

MIN_PRE = 3
"""Fewest pre-treatment periods of a panel."""


def numbered(labels: pd.Series) -> pd.Series:
    """Text labels that are all whole numbers become int; "007" keeps the whole column as text."""
    if not pd.api.types.is_string_dtype(labels):
        return labels
    text = labels.astype(str)
    if text.str.fullmatch(r"-?(0|[1-9]\d{0,17})").all():
        return text.astype("int64")
    return text.astype(object)


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
    start: Label | None
    end: Label | None
    donors: Label | Iterable[Label] | None
    exclude: Label | Iterable[Label] | None

    def resolve(self, table: CellTable) -> tuple[tuple[Label, ...], tuple[Label, ...]]:
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


def window(table: CellTable, start: Label | None, end: Label | None) -> tuple[int, int]:
    """Positions of the first treated and the last used period; without a start the first is the one after the last."""
    name, times = table.source.name, table.times
    last = len(times) - 1 if end is None else table.calendar.locate(times, end, "end", name)
    if start is None and last + 1 < MIN_PRE:
        raise PanelError(f"{name}: {count(last + 1, 'period')} up to its end, and at least {MIN_PRE} are needed")
    first = last + 1 if start is None else table.calendar.locate(times, start, "start", name)
    if start is not None and last < first:
        raise PanelError(
            f"{name}: end {show(times[last])} is before start {show(times[first])}; end is the last period used"
        )
    if first < MIN_PRE:
        later = f"; start at {show(times[MIN_PRE])} or later" if len(times) > MIN_PRE else ""
        raise PanelError(
            f"{name}: start {show(times[first])} leaves {count(first, 'period')} before it and at least {MIN_PRE} "
            f"are needed{later}"
        )
    return first, last
