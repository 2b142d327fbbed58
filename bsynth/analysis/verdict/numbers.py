"""Rows of the comparison in words."""

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
