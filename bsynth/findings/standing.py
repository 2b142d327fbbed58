"""Does a donor's own gap stand out, as if something had happened to it too?"""

from collections.abc import Sequence

import numpy as np

from bsynth._base.laws import t_cdf
from bsynth._base.types import BoolArray, FloatArray, Label
from bsynth.calibration import Calibration
from bsynth.frequentist import PlaceboSpace, placebo_space
from bsynth.frequentist.estimators import Method
from bsynth.panel import Panel

CHANCE = 0.01
"""Chance with which an audit without any treated donor flags one."""
MOST = 5
"""Donors that can be found treated, at most a quarter of them."""
TINY = 1e-300
NOTHING = 1e-9
"""Share of the largest RMSPE of all donors below which one is zero but for rounding."""
BEYOND = 1.96
"""Standard errors, of its own periods' noise, from which a donor's mean gap after the start is a shift."""
FEW_DONORS = 3
"""Donors needed: one is left out and two must remain."""


def outliers(panel: Panel, placebo: PlaceboSpace, estimator: Method) -> tuple[FloatArray, list[Label]]:
    """How far each donor's post/pre ratio (J,) stands out from the others', and the donors that look treated.

    A donor that was treated spoils the placebos of those that lean on it. So the most extreme one is compared with
    the others refitted without it, leaves the pool, and the next is looked at; the last that stands out and all
    before it stand out (generalised extreme studentised deviate, Rosner 1983, one-sided), so that several do not
    hide each other. A ratio grows with the noise of a donor too, which is no treatment and does not move an average:
    of those that stand out, the ones whose gaps shift look treated.
    """
    found: dict[Label, float] = {}
    own, treated = _log_ratios(placebo), 0
    for step in range(1, min(MOST, panel.n_donors // 4) + 1):
        top = max(own, key=lambda unit: own[unit])
        panel = panel.without(top)
        others = _log_ratios(placebo_space(panel, estimator, progress=False))
        found[top] = _studentised(own[top], list(others.values()))
        if t_cdf(-found[top], len(others) - 1) * len(own) < CHANCE:
            treated = step
        own = others
    values = own
    scores = {u: _studentised(x, [v for w, v in values.items() if w != u]) for u, x in values.items()} | found
    moved = shifted(np.asarray(placebo.gaps.transpose("time", "replicate"))[panel.n_pre :])
    shifts = dict(zip(placebo.table["unit"], moved.tolist(), strict=True))
    return np.array([scores[unit] for unit in shifts]), [unit for unit in list(found)[:treated] if shifts[unit]]


def shifted(gaps: FloatArray) -> BoolArray:
    """Whether the mean of each column of gaps (H, J) is away from zero beyond the noise of its own periods.

    A single period has no noise of its own and passes.

    Examples
    --------
    >>> shifted(np.array([[1.0, -1.0], [1.2, 1.1], [0.8, 0.2]])).tolist()
    [True, False]
    """
    if len(gaps) == 1:
        return np.ones(gaps.shape[1], dtype=bool)
    return np.asarray(np.abs(gaps.mean(axis=0)) > BEYOND * gaps.std(axis=0, ddof=1) / np.sqrt(len(gaps)))


def _log_ratios(placebo: PlaceboSpace) -> dict[Label, float]:
    """Log post/pre RMSPE of each donor; a pre-period fit better than the median's says nothing more."""
    table = placebo.table
    before, after = table["pre_rmspe"].to_numpy(), table["post_rmspe"].to_numpy()
    # What is zero but for rounding has no logarithm of its own, and must not outweigh every other.
    least = max(NOTHING * float(max(before.max(), after.max())), TINY)
    pre = np.maximum(before, max(float(np.median(before)), least))
    ratio = np.log(np.maximum(after, least) / pre)
    return dict(zip(table["unit"], ratio.tolist(), strict=True))


def _studentised(value: float, others: Sequence[float]) -> float:
    """Distance from the others' mean in their standard errors of a further one; 0 when they are all alike."""
    spread = float(np.std(others, ddof=1)) * np.sqrt(1 + 1 / len(others))
    return float((value - np.mean(others)) / spread) if spread > 0 else 0.0


def calibrated_p(calibration: Calibration, panel: Panel) -> list[float]:
    """Two-sided p of each donor's gap under the calibrated distribution; NaN for donors that could not play."""
    found = {}
    for row in calibration.table.to_dict("records"):
        below = calibration.lesson.inflation.cdf(row["error"], 0.0, row["sd"])
        found[str(row["unit"])] = 2 * min(below, 1 - below)
    return [found.get(str(unit), np.nan) for unit in panel.donors]
