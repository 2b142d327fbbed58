"""What the classical path says of the same units: demeaned synthetic control with placebo quantiles, conformal."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray, Label
from bsynth.calibration.certificate.intervals import conformal_quantiles
from bsynth.calibration.certificate.windows import PlaceboWindow
from bsynth.calibration.groups import Group
from bsynth.frequentist import classical, conformal, placebo_space
from bsynth.panel import Panel

ESTIMATOR = "demeaned"
PLACEBO, CONFORMAL = "demeaned-placebo", "demeaned-conformal"
TITLES = {
    PLACEBO: "demeaned synthetic control with placebo quantiles",
    CONFORMAL: "demeaned synthetic control with conformal inference",
}


def rival_table(window: PlaceboWindow, number: int, levels: Sequence[float]) -> pd.DataFrame:
    """Intervals of the average effect of every unit of a window, pre-sd units of the unit; one row per kind and level.

    Placebo quantiles: gap ± the quantile of the other donors' |mean gap|, each in its own pre-sd units. Conformal:
    `bsynth.conformal`; where every constant effect is rejected, the interval is its estimate alone, which then
    counts as a miss.
    """
    gaps = _gaps(window)
    rows = []
    for unit, others in window.plays():
        own = gaps.get(unit.unit)
        panel = window.panel if own is None else window.panel.as_treated(unit.members or unit.unit)
        if own is None:
            own = _gap(panel) / unit.scale
        sizes = np.abs([gaps[o.unit] for o in others])[:, None]
        radius = conformal_quantiles(sizes, levels)[:, 0]
        found = {PLACEBO: (own - radius, own + radius), CONFORMAL: _conformal(panel, levels, unit.scale)}
        rows.extend(_rows(unit.name, window, number, levels, own, found))
    return pd.DataFrame(rows)


def _gaps(window: PlaceboWindow) -> dict[Label | Group, float]:
    """Mean gap of each placebo, its pre-period sd units; single donors are all refitted at once."""
    if any(p.members for p in window.placebos):
        return {p.unit: _gap(window.panel.as_treated(p.members)) / p.scale for p in window.placebos}
    placebo = placebo_space(window.panel, ESTIMATOR, progress=False)
    found = dict(zip(placebo.table["unit"], placebo.table["mean_gap"], strict=True))
    return {p.unit: float(found[p.unit]) / p.scale for p in window.placebos}


def _gap(panel: Panel) -> float:
    return float(classical(panel, ESTIMATOR).gap[panel.n_pre :].mean())


def _conformal(panel: Panel, levels: Sequence[float], scale: float) -> tuple[FloatArray, FloatArray]:
    test = conformal(panel, ESTIMATOR, progress=False)
    tables = [test.effects(level).iloc[0] for level in levels]
    bounds = np.array([[t["lower"], t["upper"]] for t in tables], dtype=float)
    empty = np.isnan(bounds).any(axis=1)
    bounds[empty] = tables[0]["estimate"]
    return bounds[:, 0] / scale, bounds[:, 1] / scale


def _rows(
    unit: Label,
    window: PlaceboWindow,
    number: int,
    levels: Sequence[float],
    estimate: float,
    found: dict[str, tuple[FloatArray, FloatArray]],
) -> list[dict[str, object]]:
    return [
        {
            "unit": unit, "start": window.start, "window": number, "estimand": "average", "time": None,
            "level": level, "kind": kind, "estimate": estimate, "lower": float(lower), "upper": float(upper),
            "held": bool(lower <= 0 <= upper),
        }
        for kind, (lows, highs) in found.items()
        for level, lower, upper in zip(levels, lows, highs, strict=True)
    ]  # fmt: skip
