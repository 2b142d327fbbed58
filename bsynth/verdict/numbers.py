"""Numbers in words."""

import math
from collections.abc import Sequence
from typing import Any

type Row = dict[str, Any]
"""A row of a table as plain JSON data."""


def number(value: float | str | None, digits: int = 3) -> str:
    """Write a number to ``digits`` significant figures, with a true minus sign and no exponent.

    Examples
    --------
    >>> number(-0.0829), number(1234.567), number(None), number("-inf")
    ('−0.0829', '1235', 'not available', '−∞')
    """
    if value is None:
        return "not available"
    value = float(value)
    if math.isnan(value):
        return "not available"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}".replace("-", "−")


def probability(p: float) -> str:
    """Say how probable a positive effect is; 0 and 1 are never claimed.

    Examples
    --------
    >>> probability(0.972), probability(1.0)
    ('the probability that it is positive is 0.972', 'a positive effect is practically certain')
    """
    if p > 0.9995:
        return "a positive effect is practically certain"
    if p < 0.0005:
        return "a negative effect is practically certain"
    return f"the probability that it is positive is {number(p)}"


def interval(row: Row) -> str:
    """Write a row's interval with its level and kind, such as ``95% predictive interval [0.03, 0.07]``."""
    return f"{row['level']:.0%} {row['interval']} interval [{number(row['lower'])}, {number(row['upper'])}]"


def fell_short(found: Sequence[Row]) -> str:
    """Say how often intervals of a kind held the truth where that was measured; empty when it was not.

    Examples
    --------
    >>> fell_short([{"level": 0.95, "coverage": 0.4, "count": 30, "worlds": "simulated logs"}])
    'too narrow where it was measured: 95% intervals of this kind held the truth in 40% of 30 simulated logs'
    """
    if not found:
        return ""
    shares = " and ".join(f"in {row['coverage']:.0%} of {row['count']} {row['worlds']}" for row in found)
    return f"too narrow where it was measured: {found[0]['level']:.0%} intervals of this kind held the truth {shares}"
