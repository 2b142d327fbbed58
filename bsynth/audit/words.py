"""What the results of this room share: probabilities and warnings in words, tables as plain data."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bsynth._types import Status
from bsynth.ingest import show


def chance(p: float) -> str:
    """Write a probability after its sign of relation; draws never show certainty.

    Examples
    --------
    >>> chance(0.9721), chance(1.0), chance(0.0), chance(0.0123)
    ('= 0.972', '> 0.999', '< 0.001', '= 0.012')
    """
    if p > 0.999:
        return "> 0.999"
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def mark(status: Status) -> tuple[str, ...]:
    """Return the sentence that goes before all others when the fit is unreliable, else nothing."""
    if status == "ok":
        return ()
    return ("UNRELIABLE: the fit did not pass its convergence gate, so do not use these numbers before it does.",)


def record(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row as JSON-ready data: labels shown, NaN as None, infinite numbers as text."""
    return {str(name): _plain(value) for name, value in row.items()}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON-ready rows.

    Examples
    --------
    >>> records(pd.DataFrame({"unit": ["a"], "x": [float("nan")]}))
    [{'unit': 'a', 'x': None}]
    """
    return [record(row) for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    value = show(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
