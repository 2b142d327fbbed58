"""What a study measures, each with its Monte-Carlo error: one row per world and method."""

import math
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.calibration.scores import coverage_error, interval_score, standard_error
from bsynth.text.numbers import percent

REPORTED = 0.95
"""The level at which a rule claims an effect, where it is among the study's levels; else the highest."""
UNITS = ("outcome", "sd")


def measures(fits: pd.DataFrame, levels: tuple[float, ...], units: str = "outcome") -> pd.DataFrame:
    """One row per world × method.

    Parameters
    ----------
    fits : DataFrame
        One row per unit, as `bsynth.studies.result.Study.fits`.
    levels : tuple of float
    units : {"outcome", "sd"}
        Of errors, widths and scores: the outcome's, or the treated series' sd before the start.

    Returns
    -------
    DataFrame
        ``world, method, panels, failed, unreliable``; ``bias, rmse``; at each level ``covered`` and ``width`` and
        ``score`` (interval score); ``claims``: how often the interval excludes zero (at 95%, or the highest level),
        which is size where there is no effect and power where there is one, as ``effect`` says, and ``rejects``, the
        same of the method's own p; ``crps``; ``pit_p``, of a Kolmogorov-Smirnov test that places of the truth are
        uniform. A column ends with ``_se`` where it is the Monte-Carlo error of the one before it.
    """
    rows = [
        {"world": world, "method": method} | _row(rows, levels, units)
        for (world, method), rows in fits.groupby(["world", "method"], sort=False, observed=True)
    ]
    return pd.DataFrame(rows)


def claimed_at(levels: tuple[float, ...]) -> float:
    """The level at which an interval that excludes zero is a claim.

    Examples
    --------
    >>> claimed_at((0.5, 0.95, 0.99)), claimed_at((0.5, 0.99))
    (0.95, 0.99)
    """
    return REPORTED if REPORTED in levels else max(levels)


def _row(fits: pd.DataFrame, levels: tuple[float, ...], units: str) -> dict[str, Any]:
    answered = fits[fits["status"] != "failed"]
    row: dict[str, Any] = {
        "panels": len(answered),
        "failed": int((fits["status"] == "failed").sum()),
        "unreliable": int((fits["status"] == "unreliable").sum()),
        "effect": bool((answered["truth"] != 0).any()),
    }
    unit: FloatArray = answered["sd"].to_numpy(float) if units == "sd" else np.ones(len(answered))
    truth = answered["truth"].to_numpy(float)
    error = (answered["estimate"].to_numpy(float) - truth) / unit
    row |= {"bias": _mean(error), "bias_se": standard_error(error)}
    squares = error**2
    rmse = math.sqrt(_mean(squares)) if len(error) else math.nan
    row |= {"rmse": rmse, "rmse_se": standard_error(squares) / (2 * rmse) if rmse > 0 else math.nan}
    for level in levels:
        row |= _of_level(answered, truth, unit, level)
    row |= _claims(answered, claimed_at(levels))
    crps = (answered["crps"].to_numpy(float) / unit)[answered["crps"].notna()]
    row |= {"crps": _mean(crps), "crps_se": standard_error(crps)}
    places = answered["pit"].dropna().to_numpy(float)
    row["pit_p"] = _uniform_p(places) if len(places) >= 2 else math.nan
    return row


def _of_level(fits: pd.DataFrame, truth: FloatArray, unit: FloatArray, level: float) -> dict[str, Any]:
    """Coverage, width and interval score; of those that have an interval."""
    name = percent(level)
    lower, upper = (fits[f"{side}_{name}"].to_numpy(float) for side in ("lower", "upper"))
    there = ~np.isnan(lower)
    lower, upper, truth, unit = lower[there], upper[there], truth[there], unit[there]
    covered = int(((lower <= truth) & (truth <= upper)).sum())
    # What has no bound is stored as the largest number there is.
    bounded = np.abs(np.stack([lower, upper])).max(axis=0, initial=0) < np.finfo(float).max
    width = (upper - lower) / unit if bounded.all() else np.full(len(lower), math.inf)
    scores = interval_score(lower, upper, level, truth) / unit if bounded.all() else width
    n = len(lower)
    return {
        f"covered_{name}": covered / n if n else math.nan,
        f"covered_{name}_se": coverage_error(covered, n) if n else math.nan,
        f"width_{name}": _mean(width),
        f"width_{name}_se": standard_error(width),
        f"score_{name}": _mean(scores),
        f"score_{name}_se": standard_error(scores),
    }


def _uniform_p(places: FloatArray) -> float:
    """P of a Kolmogorov-Smirnov test of values that should be uniform."""
    from scipy import stats  # a third of a second that no run has use for

    return float(stats.kstest(places, "uniform").pvalue)


def _claims(fits: pd.DataFrame, level: float) -> dict[str, Any]:
    name = percent(level)
    lower, upper = (fits[f"{side}_{name}"] for side in ("lower", "upper"))
    claims = ((lower > 0) | (upper < 0))[lower.notna()]
    p = fits["p"].dropna()
    # Whole thousandths of what ranks give: 1 − .95 is not .05 in doubles.
    rejects = p <= 1 - level + 1e-9
    found: dict[str, Any] = {}
    for key, held in (("claims", claims), ("rejects", rejects)):
        n = len(held)
        found[key] = float(held.mean()) if n else math.nan
        found[f"{key}_se"] = coverage_error(int(held.sum()), n) if n else math.nan
    return found


def _mean(values: FloatArray) -> float:
    return float(np.mean(values)) if len(values) else math.nan
