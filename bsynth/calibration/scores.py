"""Scores of intervals against a known truth, with their Monte-Carlo errors."""

import math

import numpy as np

from bsynth._base.types import FloatArray

FLOOR = 1e-12
"""Standard deviations below this, in pre-period sd, are rounding: a quantity alike in every draw has none."""


def standardised(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Return errors in units of the model's sd, both in pre-period sd; no error of a constant quantity is 0."""
    return np.asarray(mean / np.maximum(sd, FLOOR))


def interval_score(lower: FloatArray, upper: FloatArray, level: float | FloatArray, truth: FloatArray) -> FloatArray:
    """Interval score of Gneiting and Raftery (2007, eq. 43), smaller is better; arrays broadcast.

    Width plus 2/(1 − level) times the distance by which the truth is missed; infinite for an unbounded interval.
    """
    missed = np.maximum(lower - truth, 0.0) + np.maximum(truth - upper, 0.0)
    return np.asarray((upper - lower) + 2 / (1 - np.asarray(level)) * missed)


def coverage_error(covered: int, n: int) -> float:
    """Binomial standard error of a coverage, by (k + 1)/(n + 2) so that it is never zero."""
    share = (covered + 1) / (n + 2)
    return math.sqrt(share * (1 - share) / n)


def standard_error(values: FloatArray) -> float:
    """Standard error of a mean; NaN for a single value or where a value is infinite."""
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan
    return float(values.std(ddof=1) / math.sqrt(len(values)))
