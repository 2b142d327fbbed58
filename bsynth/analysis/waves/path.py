"""The effect by time since the start, and the gaps before it: what the first picture of several waves shows."""

import numpy as np
import pandas as pd

from bsynth import effects
from bsynth._base.types import FloatArray
from bsynth.bayesian.result import Fit
from bsynth.bayesian.waves.result import WavesFit
from bsynth.calibration.waves import WavesCalibration
from bsynth.frequentist.staggered import PlaceboWaves, StaggeredEstimate

type WavesResult = WavesFit | WavesCalibration | StaggeredEstimate | PlaceboWaves
"""What says an effect of several waves: a pooled posterior, calibrated or not, a point, or one with placebo waves."""


def event_path(result: WavesResult, level: float) -> pd.DataFrame:
    """One row per period since the start, ``event``: ``units`` seen there, mean ``gap``, and from 0 on its bounds.

    Before the start the gap is observed less fitted, drift and all; its bounds are NaN, as are those of a point.
    """
    if isinstance(result, WavesFit | WavesCalibration):
        rows = result.effects(level, over="event time", full=True)
        after = pd.DataFrame({"event": rows["label"].astype(int), "units": rows["units"], "gap": rows["estimate"]})
        after = after.assign(lower=rows["lower"], upper=rows["upper"])
        return pd.concat(
            [_before(result.fit if isinstance(result, WavesCalibration) else result), after], ignore_index=True
        )
    estimate = result.estimate if isinstance(result, PlaceboWaves) else result
    found = estimate.path()[["event", "units", "gap"]].assign(lower=np.nan, upper=np.nan)
    if isinstance(result, PlaceboWaves):
        rows = pd.DataFrame(result.effects(level))
        rows = rows[(rows["scope"] == "event time") & (rows["estimand"] == "average")]
        bounds = rows.set_index(rows["of"].astype(int))[["lower", "upper"]]
        found[["lower", "upper"]] = bounds.reindex(found["event"]).to_numpy()
    return found


def _before(fit: WavesFit) -> pd.DataFrame:
    """Mean over units of what their own fits leave in each period before their starts."""
    places, times = fit.panel.whole.positions, fit.panel.times
    parts = []
    for unit, own in zip(fit.units, fit.fits, strict=True):
        at = places[times.get_indexer(own.observed["time"].to_index())][: own.n_pre]
        start = places[times.get_loc(fit.panel.starts[unit])]
        # Beyond the drift, as the effect after the start is: the two sides of the line are one picture.
        fitted = own.counterfactual("mean").mean(effects.POSTERIOR_DIMS)
        parts.append(pd.DataFrame({"event": at - start, "gap": (own.observed - fitted).values[: own.n_pre]}))
    grouped = pd.concat(parts).groupby("event")["gap"]
    return (
        pd.DataFrame({"units": grouped.size(), "gap": grouped.mean()}).reset_index().assign(lower=np.nan, upper=np.nan)
    )


def gaps_before(own: Fit) -> FloatArray:
    """Observed less weighted donors and level, without the drift, in each period before the start (n_pre,)."""
    return np.asarray((own.observed - own.synthetic()).values[: own.n_pre], dtype=float)
