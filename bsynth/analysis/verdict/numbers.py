"""Rows of the comparison in words."""

import math
from collections.abc import Mapping
from typing import Any

from bsynth.analysis.verdict.chance import spoken
from bsynth.text.numbers import numbers, percent

type Row = dict[str, Any]
"""A row of a table as plain JSON data."""


def chance(row: Row, facts: Mapping[str, Any]) -> str:
    """Say how probable an effect in the direction of the estimate is, as far as the placebos of ``facts`` go.

    Examples
    --------
    >>> chance({"estimate": -17.7, "probability_positive": 0.06}, {"backing": {"independent": 38}, "donors": 38})
    'the chance of a decrease is 94%'
    """
    fell = float(row["estimate"]) < 0
    positive = float(row["probability_positive"])
    said = spoken(1 - positive if fell else positive, facts)
    return f"the chance of {'a decrease' if fell else 'an increase'} is {said}"


def written(row: Row, *, signed: bool = False) -> list[str]:
    """Write a row's estimate and the ends of its interval with the same decimals; without ends the estimate alone.

    Examples
    --------
    >>> written({"estimate": 0.0514, "lower": 0.02137, "upper": 0.0813}), written({"estimate": -0.66, "lower": None})
    (['0.051', '0.021', '0.081'], ['−0.660'])
    """
    ends = [] if row["lower"] is None else [float(row["lower"]), float(row["upper"])]
    return numbers(float(row["estimate"]), *ends, signed=signed)


def estimate(row: Row) -> str:
    """Write a row's estimate as it stands beside its interval."""
    return written(row)[0]


def interval(row: Row) -> str:
    """Write a row's interval with its level and kind, such as ``95% predictive interval [0.03, 0.07]``."""
    kind = f"{percent(row['level'])} {row['interval']} interval"
    _, lower, upper = written(row)
    if math.isinf(float(row["lower"])) and math.isinf(float(row["upper"])):
        return f"{kind} without ends, which rules nothing out"
    return f"{kind} [{lower}, {upper}]"
