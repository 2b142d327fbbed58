"""Intervals and PIT values of units without effect → coverage, width, score, bias, with Monte-Carlo errors."""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.calibration.certificate.windows import PlaceboWindow
from bsynth.calibration.inflation import DEGREES
from bsynth.calibration.scores import FLOOR, coverage_error, interval_score, standard_error, standardised

REAL, EARLIER, ALL = "real start", "earlier", "all"
BANDS = 0.95
"""Probability of the bands around nominal coverage and a flat histogram, and of the interval of a coverage."""


def groups(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The units at the real start; with earlier windows also those of them, and all together."""
    real = table["window"] == 0
    yield REAL, table[real]
    if not real.all():
        yield EARLIER, table[~real]
        yield ALL, table


def coverage_table(units: pd.DataFrame) -> pd.DataFrame:
    """One row per window group, estimand, kind and level, in pre-sd units.

    ``units`` and ``intervals`` count; ``coverage_se`` treats the intervals of one unit, whatever their period
    and window, as one observation, and ``coverage_lower, coverage_upper`` is `share_interval` of it; ``score`` is the
    mean interval score.
    """
    rows = []
    for name, part in groups(units):
        for names, cell in part.groupby(["estimand", "kind", "level"], sort=False):
            estimand, kind, level = cast("tuple[str, str, float]", names)
            lower, upper = cell["lower"].to_numpy(dtype=float), cell["upper"].to_numpy(dtype=float)
            width, score = upper - lower, interval_score(lower, upper, level, np.zeros(1))
            by_unit = np.asarray(pd.Series(score).groupby(cell["unit"].to_numpy(), sort=False).mean(), dtype=np.float64)
            share = np.asarray(cell.groupby("unit", sort=False)["held"].mean(), dtype=np.float64)
            coverage = float(cell["held"].mean())
            at_least, at_most = share_interval(coverage, share, len(cell))
            rows.append(
                {
                    "windows": name,
                    "estimand": estimand,
                    "kind": kind,
                    "level": level,
                    "units": len(share),
                    "intervals": len(cell),
                    "held": int(cell["held"].sum()),
                    "coverage": coverage,
                    "coverage_se": _coverage_se(share, cell["held"].to_numpy(dtype=bool)),
                    "coverage_lower": at_least,
                    "coverage_upper": at_most,
                    "mean_width": float(width.mean()),
                    "median_width": float(np.median(width)),
                    "score": float(score.mean()),
                    "score_se": standard_error(by_unit),
                }
            )
    return pd.DataFrame(rows)


def _coverage_se(share: FloatArray, held: np.ndarray) -> float:
    """Binomial where each unit has one interval, else that of the mean of the units' shares; never zero."""
    n = len(share)
    if len(held) == n:
        return coverage_error(int(held.sum()), n)
    clustered = standard_error(share)
    # All units alike: what n binomial observations would still leave open.
    return clustered if clustered > 0 else coverage_error(round(float(share.sum())), n)


def share_interval(coverage: float, share: FloatArray, intervals: int) -> tuple[float, float]:
    """Score interval of Wilson (1927) of a coverage, with probability `BANDS` and never beyond 0 or 1.

    ``share`` (n,) is what held of each unit. It counts as many observations as would scatter like that if they were
    independent, so that the intervals of one unit do not count as several units.

    Examples
    --------
    >>> [round(bound, 3) for bound in share_interval(1.0, np.ones(20), 20)]
    [0.839, 1.0]
    >>> all(share_interval(0.0, np.zeros(n), n)[0] == 0 for n in range(2, 60))
    True
    """
    from scipy import stats

    scatter = float(share.var()) / len(share)
    alike = float(np.ptp(share)) == 0
    n = len(share) if alike else min(intervals, coverage * (1 - coverage) / scatter)
    z = float(stats.norm.ppf((1 + BANDS) / 2))
    centre, half = coverage + z**2 / (2 * n), z * np.sqrt(coverage * (1 - coverage) / n + z**2 / (4 * n**2))
    lower, upper = (float((centre + side * half) / (1 + z**2 / n)) for side in (-1, 1))
    # It holds the share itself, to the last digit.
    return max(0.0, min(lower, coverage)), min(1.0, max(upper, coverage))


def error_table(pit: pd.DataFrame) -> pd.DataFrame:
    """One row per window group: bias and RMSE of the average effect (pre-sd units), and the spread of z.

    ``factor`` is how many times larger the errors are than the model expects: the scale of a t₈ fitted to
    e/s by maximum likelihood (robust to a single wild unit). ``ks`` is the p of a flat PIT after calibrating.
    """
    rows = []
    for name, part in groups(pit):
        errors = part["estimate"].to_numpy(dtype=float)
        squared, rmse = errors**2, float(np.sqrt((errors**2).mean()))
        rows.append(
            {
                "windows": name,
                "units": len(part),
                "bias": float(errors.mean()),
                "bias_se": standard_error(errors),
                "rmse": rmse,
                "rmse_se": standard_error(squared) / (2 * rmse) if rmse > 0 else 0.0,
                "factor": error_factor(standardised(errors, part["sd"].to_numpy(dtype=float))),
                "pit_p_base": flat_p(part["base"].to_numpy(dtype=float)),
                "pit_p_calibrated": flat_p(part["calibrated"].to_numpy(dtype=float)),
            }
        )
    return pd.DataFrame(rows)


def own_table(windows: Sequence[PlaceboWindow], units: pd.DataFrame, pit: pd.DataFrame, level: float) -> pd.DataFrame:
    """The treated unit's own earlier windows, in outcome units; see `Certificate.own`."""
    rows = []
    for number, window in enumerate(windows):
        if window.treated is None:
            continue
        name, scale = window.treated.name, window.treated.scale
        at = pit[(pit["window"] == number) & (pit["unit"] == name)].to_dict("records")[0]
        chosen = units[
            (units["window"] == number) & (units["unit"] == name) & (units["estimand"] == "average")
            & (units["kind"] == "base") & (units["level"] == level)
        ]  # fmt: skip
        interval = chosen.to_dict("records")[0]
        rows.append(
            {
                "start": window.start,
                **{key: scale * interval[key] for key in ("estimate", "lower", "upper")},
                "z": at["estimate"] / max(at["sd"], FLOOR),
                "pit": at["base"],
                "p": two_sided(at["base"]),
                "p_calibrated": two_sided(at["calibrated"]),
            }
        )
    columns = ["start", "estimate", "lower", "upper", "z", "pit", "p", "p_calibrated"]
    return pd.DataFrame(rows, columns=columns)


def two_sided(pit: float) -> float:
    """P of a truth at least as far out as this."""
    return 2 * min(pit, 1 - pit)


def error_factor(z: FloatArray) -> float:
    """Scale of a t₈ around 0 fitted to z by maximum likelihood."""
    from scipy import stats

    return float(stats.t.fit(z, fdf=DEGREES, floc=0.0)[2]) if z.any() else 0.0


def flat_p(pit: FloatArray) -> float:
    """Kolmogorov-Smirnov p of PIT values coming from a uniform distribution."""
    from scipy import stats

    return float(stats.kstest(pit, "uniform").pvalue)


def coverage_band(levels: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Shares of n units between which the coverage of an honest interval lies with probability `BANDS`."""
    from scipy import stats

    tail = (1 - BANDS) / 2
    lower, upper = (stats.binom.ppf(q, n, levels) / n for q in (tail, 1 - tail))
    return np.asarray(lower), np.asarray(upper)


def pit_histogram(pit: FloatArray, bins: int = 10) -> pd.DataFrame:
    """Counts of PIT values in equal bins, with the band of each count under a flat distribution."""
    from scipy import stats

    counts, edges = np.histogram(pit, bins=bins, range=(0.0, 1.0))
    tail = (1 - BANDS) / 2
    lower, upper = (float(stats.binom.ppf(q, len(pit), 1 / bins)) for q in (tail, 1 - tail))
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "count": counts, "lower": lower, "upper": upper})


def too_narrow_p(held: int, n: int, level: float) -> float:
    """P of at most so many of n honest intervals holding the truth."""
    from scipy import stats

    return float(stats.binom.cdf(held, n, level))


def too_wide_p(held: int, n: int, level: float) -> float:
    """P of at least so many of n honest intervals holding the truth."""
    from scipy import stats

    return float(stats.binom.sf(held - 1, n, level))
