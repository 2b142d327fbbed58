"""The intervals of units whose truth is known to be no effect, each by what the other units teach.

Everything is in pre-period standard deviations of the unit. Quantities of one unit with H treated periods are
held as 2H columns on the scale of a mean: the gap of each period, then the mean gap from the start to each
period. The last column is the average effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray
from bsynth.calibration import Lesson, PlaceboFit, learn, weighted_quantiles
from bsynth.calibration.certificate.windows import PlaceboWindow
from bsynth.calibration.paths import PathMoments, path_moments, path_radii, profile_of
from bsynth.calibration.scores import standardised

KINDS = ("base", "calibrated", "conformal")
ESTIMANDS = ("average", "cumulative", "period", "cumulative-path")


@dataclass(frozen=True, eq=False, repr=False)
class Moments(Brief):
    """A unit's columns: their weighted draws (n, 2H), and what these come to."""

    columns: FloatArray
    weights: FloatArray
    path: PathMoments

    @property
    def mean(self) -> FloatArray:
        """(2H,) mean of each column."""
        return self.path.mean

    @cached_property
    def sd(self) -> FloatArray:
        """(2H,) the model's own sd of each column."""
        return self.path.sd


def columns_of(placebo: PlaceboFit) -> FloatArray:
    """(n, 2H) draws of the gap of each period and of the mean gap up to it."""
    horizon = np.arange(1, placebo.path.shape[1] + 1)
    return np.concatenate([placebo.path, placebo.path.cumsum(axis=1) / horizon], axis=1)


def moments(columns: FloatArray, weights: FloatArray) -> Moments:
    """Weighted moments of each column; the last is the average."""
    horizon = columns.shape[1] // 2
    profile = profile_of(columns[:, :horizon], weights)
    to_date = profile.cumsum() / np.arange(1, horizon + 1)
    both = np.concatenate([profile, to_date])
    return Moments(columns, weights, path_moments(columns, columns[:, -1], weights, both))


def conformal_quantiles(scores: FloatArray, levels: Sequence[float]) -> FloatArray:
    """(len(levels), K) the ⌈level (m + 1)⌉-th smallest of m scores (m, K) of other units; infinite beyond the m-th."""
    ordered = np.sort(scores, axis=0)
    found = np.full((len(levels), scores.shape[1]), np.inf)
    for row, level in enumerate(levels):
        # Rounded, since .9 · 10 may be a hair above 9 in floating point.
        rank = int(np.ceil(round(level * (len(scores) + 1), 9)))
        if rank <= len(scores):
            found[row] = ordered[rank - 1]
    return found


def window_tables(
    window: PlaceboWindow, number: int, prior: Mapping[str, float] | None, levels: Sequence[float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the intervals and the PIT values of every unit of a window; ``number`` 0 is the real start."""
    draws = {id(p): columns_of(p) for p, _ in window.plays()}
    tables, pits = [], []
    for placebo, others in window.plays():
        lesson = window.lesson if placebo is window.treated else learn(others, prior)
        own = moments(draws[id(placebo)], placebo.weights(lesson.factors))
        taught = [moments(draws[id(o)], o.weights(lesson.factors)) for o in others]
        scores = np.abs([standardised(m.mean, m.sd) for m in taught])
        bounds = unit_bounds(own, lesson, scores, levels)
        names = {"unit": placebo.name, "start": window.start, "window": number}
        tables.append(_long(own, bounds, window, levels).assign(**names))
        pits.append(names | _pit(own, lesson) | {"estimate": own.mean[-1], "sd": own.sd[-1], "status": placebo.status})
    first = ["unit", "start", "window"]
    table = pd.concat(tables, ignore_index=True)
    return table[[*first, *(c for c in table if c not in first)]], pd.DataFrame(pits)


def unit_bounds(
    own: Moments, lesson: Lesson, scores: FloatArray, levels: Sequence[float]
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Lower and upper (levels, 2H) of each kind of interval; ``scores`` (m, 2H) are |mean|/sd of the other units."""
    tails = [(1 - level) / 2 for level in levels]
    found = weighted_quantiles(own.columns, own.weights, [*tails, *(1 - t for t in tails)])
    calibrated = path_radii(levels, own.path, lesson.inflation, lesson.scatter)
    conformal = conformal_quantiles(scores, levels) * own.sd
    return {
        "base": (found[: len(tails)], found[len(tails) :]),
        "calibrated": (own.mean - calibrated, own.mean + calibrated),
        "conformal": (own.mean - conformal, own.mean + conformal),
    }


def _pit(own: Moments, lesson: Lesson) -> dict[str, float]:
    """Where the truth falls in each predictive distribution of the average effect."""
    below = float(own.weights[own.columns[:, -1] <= 0].sum() / own.weights.sum())
    return {"base": below, "calibrated": lesson.inflation.cdf(0.0, float(own.mean[-1]), float(own.sd[-1]))}


def _long(
    own: Moments, bounds: dict[str, tuple[FloatArray, FloatArray]], window: PlaceboWindow, levels: Sequence[float]
) -> pd.DataFrame:
    """One row per estimand, period, level and kind."""
    horizon = window.panel.n_post
    times = window.panel.period_labels()[window.panel.n_pre :]
    to_date = np.arange(1, horizon + 1)
    # Name, columns, what turns a mean into the estimand, and the period each column stands for.
    parts = (
        ("average", slice(-1, None), np.ones(1), [None]),
        ("cumulative", slice(-1, None), np.array([float(horizon)]), [None]),
        ("period", slice(0, horizon), np.ones(horizon), times),
        ("cumulative-path", slice(horizon, None), to_date.astype(float), times),
    )
    tables = []
    for estimand, at, factor, labels in parts:
        for kind, (lower, upper) in bounds.items():
            for row, level in enumerate(levels):
                tables.append(
                    pd.DataFrame(
                        {
                            "estimand": estimand,
                            "time": pd.Series(labels, dtype=object),
                            "level": level,
                            "kind": kind,
                            "estimate": factor * own.mean[at],
                            "lower": factor * lower[row, at],
                            "upper": factor * upper[row, at],
                        }
                    )
                )
    found = pd.concat(tables, ignore_index=True)
    return found.assign(held=(found["lower"] <= 0) & (found["upper"] >= 0))
