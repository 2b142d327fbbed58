"""Labels, tables and numbers as plain JSON data."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

_MIDNIGHT = "T00:00:00"


def show(label: Any) -> Any:
    """Return a label as JSON and messages write it: int, float, text or None; dates in ISO form.

    Every label of a unit or period becomes text here and nowhere else.

    Examples
    --------
    >>> show(pd.Timestamp("2024-01-31")), show(np.datetime64("2024-01-31T06:00")), show(np.int64(3)), show("a")
    ('2024-01-31', '2024-01-31T06:00:00', 3, 'a')
    >>> show(pd.NaT), show(pd.Period("2024Q1"))
    (None, '2024-01-01')
    """
    if isinstance(label, pd.Period):
        label = label.to_timestamp()
    if isinstance(label, np.datetime64 | datetime.datetime):
        # NaT is a datetime too.
        return None if pd.isna(label) else _iso(pd.Timestamp(label))
    if isinstance(label, datetime.date):
        return label.isoformat()
    if isinstance(label, np.generic):
        return label.item()
    return label if label is None or isinstance(label, int | float | str) else str(label)


def _iso(stamp: pd.Timestamp) -> str:
    text = stamp.isoformat()
    return text.removesuffix(_MIDNIGHT) if stamp.tz is None else text


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, JSON-ready."""
    return [clean(row) for row in table.to_dict("records")]


def clean(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a mapping with its keys as text and its values JSON-ready."""
    return {str(show(key)): plain(value) for key, value in row.items()}


def plain(value: Any) -> Any:
    """Make a value JSON-ready: NaN and NaT become None, infinities the strings "inf" and "-inf".

    Examples
    --------
    >>> plain({pd.Timestamp("2024-01-31"): (np.float64("nan"), pd.NaT, np.datetime64("2024-02-01"))})
    {'2024-01-31': [None, None, '2024-02-01']}
    """
    if isinstance(value, Mapping):
        return clean(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is pd.NA:
        return None
    value = show(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
