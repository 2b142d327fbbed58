"""Rows of the comparison in words."""

from collections.abc import Sequence
from typing import Any

from bsynth.text.numbers import number, percent
from bsynth.text.numbers import probability as alone

type Row = dict[str, Any]
"""A row of a table as plain JSON data."""


def probability(p: float) -> str:
    """Say how probable a positive effect is; 0 and 1 are never claimed.

    Examples
    --------
    >>> probability(0.972), probability(1.0)
    ('the probability that it is positive is 0.972', 'a positive effect is practically certain')
    """
    if p > 0.999:
        return "a positive effect is practically certain"
    if p < 0.001:
        return "a negative effect is practically certain"
    return f"the probability that it is positive is {alone(p)}"


def interval(row: Row) -> str:
    """Write a row's interval with its level and kind, such as ``95% predictive interval [0.03, 0.07]``."""
    return f"{percent(row['level'])} {row['interval']} interval [{number(row['lower'])}, {number(row['upper'])}]"


def fell_short(found: Sequence[Row]) -> str:
    """Say how often intervals of a kind held the truth where that was measured; empty when it was not.

    Examples
    --------
    >>> fell_short([{"level": 0.95, "coverage": 0.4, "count": 30, "worlds": "simulated logs"}])
    'too narrow where it was measured: 95% intervals of this kind held the truth in 40% of 30 simulated logs'
    """
    if not found:
        return ""
    shares = " and ".join(f"in {percent(row['coverage'], 0)} of {row['count']} {row['worlds']}" for row in found)
    level = percent(found[0]["level"])
    return f"too narrow where it was measured: {level} intervals of this kind held the truth {shares}"
