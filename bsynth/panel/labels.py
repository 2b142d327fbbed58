"""Labels of units and periods: read from the data, matched to what the user named, shown in words."""

import datetime
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.errors import PanelError, nearest, some_of
from bsynth.panel import alike

MIN_DONORS = 2
"""Fewest donors of a panel."""
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
