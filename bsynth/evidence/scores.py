"""Estimates and intervals against the truth → coverage, width, bias and score, with Monte-Carlo errors."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.calibration.scores import coverage_error, interval_score, standard_error

LEVELS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True, eq=False)
class Scored:
    """Answers of n repetitions: ``truth``, ``estimate`` (n,); ``lower``, ``upper`` (n, levels of `LEVELS`)."""

    truth: FloatArray
    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray

    def summary(self, digits: int = 4) -> dict[str, Any]:
        """Return coverage, interval score, widths, bias and RMSE, rounded.

        Monte-Carlo errors are standard errors over repetitions; that of a coverage p uses (k + 1)/(n + 2) so that it is
        never zero. The interval score is that of Gneiting and Raftery (2007, eq. 43): smaller is better.
        """
        n = len(self.truth)
        errors = self.estimate - self.truth
        squared = errors**2
        rmse = float(np.sqrt(squared.mean()))
        held = (self.lower <= self.truth[:, None]) & (self.truth[:, None] <= self.upper)
        width = self.upper - self.lower
        score = interval_score(self.lower, self.upper, np.array(LEVELS), self.truth[:, None])
        found: dict[str, Any] = {
            "n": n,
            "bias": float(errors.mean()),
            "bias_mcse": standard_error(errors),
            "rmse": rmse,
            "rmse_mcse": standard_error(squared) / (2 * rmse) if rmse > 0 else 0.0,
        }
        for i, level in enumerate(LEVELS):
            covered = int(held[:, i].sum())
            found[f"{level:.0%}"] = {
                "covered": covered,
                "coverage": covered / n,
                "coverage_mcse": coverage_error(covered, n),
                "mean_width": float(width[:, i].mean()),
                "median_width": float(np.median(width[:, i])),
                "interval_score": float(score[:, i].mean()),
                "interval_score_mcse": standard_error(score[:, i]),
            }
        return {name: rounded(value, digits) for name, value in found.items()}


def rounded(value: Any, digits: int = 4) -> Any:
    """Round every float of nested plain data to ``digits`` significant digits."""
    if isinstance(value, dict):
        return {name: rounded(each, digits) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each, digits) for each in value]
    if isinstance(value, float) and math.isfinite(value) and value != 0:
        return float(f"{value:.{digits}g}")
    return value
