"""Tables and numbers as plain JSON data."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, JSON-ready."""
    return [clean(row) for row in table.to_dict("records")]


def clean(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a mapping with its values JSON-ready."""
    return {str(key): plain(value) for key, value in row.items()}


def plain(value: Any) -> Any:
    """Make a value JSON-ready: NaN becomes None, infinities the strings "inf" and "-inf"."""
    if isinstance(value, Mapping):
        return clean(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, pd.Timestamp):
        return value.isoformat() if value != value.normalize() else value.date().isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
