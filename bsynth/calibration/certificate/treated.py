"""The treated unit's own intervals: the two that the report prints, and the conformal one beside them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.calibration import Calibration

COLUMNS = ("estimand", "time", "level", "kind", "estimate", "lower", "upper")


def treated_table(calibration: Calibration, quantiles: FloatArray, levels: Sequence[float]) -> pd.DataFrame:
    """One row per estimand (average, cumulative, each period), level and kind, outcome units.

    ``quantiles`` (levels, 2H) are those of the donors' |mean|/sd, by period and then by mean to date.
    """
    fit = calibration.fit
    gaps = (fit.observed - fit.counterfactual("predictive")).isel(time=slice(fit.n_pre, None))
    draws = gaps.stack(sample=("chain", "draw")).transpose("sample", "time").values
    horizon = draws.shape[1]
    average, average_sd = draws.mean(), draws.mean(axis=1).std()
    period, period_sd = draws.mean(axis=0), draws.std(axis=0)
    tables = []
    for row, level in enumerate(levels):
        for kind, effects in (("base", fit.effects(level)), ("calibrated", calibration.effects(level))):
            whole = effects[effects["estimand"] != "lift"].assign(time=None)
            tables.append(whole.assign(level=level, kind=kind))
        for kind, path in (("base", fit.path(level).iloc[fit.n_pre :]), ("calibrated", calibration.path(level))):
            by_period = pd.DataFrame(
                {
                    "estimand": "period",
                    "time": path["time"].to_numpy(dtype=object),
                    "estimate": period,
                    "lower": path["gap_lower"].to_numpy(),
                    "upper": path["gap_upper"].to_numpy(),
                }
            )
            tables.append(by_period.assign(level=level, kind=kind))
        # On a log or logit scale to first order: errors of the outcome in units of its own sd.
        radius = np.concatenate([quantiles[row, :horizon] * period_sd, [quantiles[row, -1] * average_sd] * 2])
        factor = np.concatenate([np.ones(horizon + 1), [float(horizon)]])
        centre = np.concatenate([period, [average, average]])
        tables.append(
            pd.DataFrame(
                {
                    "estimand": [*["period"] * horizon, "average", "cumulative"],
                    "time": [*gaps["time"].to_index(), None, None],
                    "estimate": factor * centre,
                    "lower": factor * (centre - radius),
                    "upper": factor * (centre + radius),
                }
            ).assign(level=level, kind="conformal")
        )
    return pd.concat([t.reindex(columns=list(COLUMNS)).astype({"time": object}) for t in tables], ignore_index=True)
