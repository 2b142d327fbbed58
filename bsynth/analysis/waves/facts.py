"""How methods fit units that start at different times, and what the words of a verdict use beside the table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bsynth._base.plain import plain, show
from bsynth.analysis import conditions
from bsynth.analysis.choice import place
from bsynth.analysis.comparison import said_of
from bsynth.analysis.verdict import LONGER
from bsynth.analysis.waves.path import WavesResult, gaps_before
from bsynth.bayesian.waves.result import WavesFit
from bsynth.calibration import MIN_PLACEBOS, Backing
from bsynth.calibration.waves import WavesCalibration
from bsynth.checks.choice import drifts
from bsynth.engines.series import lag1
from bsynth.frequentist.staggered import PlaceboWaves, StaggeredEstimate
from bsynth.panel import Panel, StaggeredPanel
from bsynth.text.numbers import count

POOLS = "Effects of units are taken to scatter around a common one by time since the start, as widely as they show."
EXCHANGED = "It also presumes that who was treated when is exchangeable with other assignments of these starts."


def of_waves_fit(fit: WavesFit) -> dict[str, Any]:
    """How the units' own posteriors, without drift, fit their pre-periods; means over units."""
    gaps = [gaps_before(own) for own in fit.fits]
    levels = [own.intercept for own in fit.fits if own.intercept is not None]
    return {
        "presumes": f"{conditions.of_model(fit.spec)} {POOLS}",
        "pre_rmspe": float(np.sqrt(np.mean(np.concatenate(gaps) ** 2))),
        "drift": drifts(fit.spec),
        # On another scale than the outcome's own a level is a factor, and no number of its units.
        "intercept": float(np.mean(levels)) if levels else None,
        "free_level": conditions.has_level(fit.spec),
        "lag1": float(np.mean([lag1(gap) for gap in gaps])),
        "effective_donors": float(np.mean([own.effective_donors for own in fit.fits])),
    }


def of_staggered(estimate: StaggeredEstimate) -> dict[str, Any]:
    """How classical points fit the units' pre-periods; means over units."""
    before = estimate.gaps[estimate.gaps["event"] < 0].groupby("unit", sort=False)["gap"]
    weights = estimate.weights.groupby("unit", sort=False)["weight"]
    levels = np.array(list(estimate.intercepts.values()))
    return {
        "presumes": estimate.remarks[0],
        "pre_rmspe": estimate.pre_rmspe,
        "drift": False,
        "intercept": float(levels.mean()),
        "free_level": bool((levels != 0).any()),
        "lag1": float(np.mean([lag1(gap.to_numpy()) for _, gap in before])),
        "effective_donors": float(np.mean([1 / float((w**2).sum()) for _, w in weights])),
    }


def hull_of(panel: StaggeredPanel[Panel]) -> dict[str, Any]:
    """How many units lie outside the hull of their donors before their starts; outside as a whole when most do."""
    each = [place(panel.unit_panel(unit)) for unit in panel.starts]
    out = [found for found in each if found["outside"]]
    return {
        "outside": 2 * len(out) > len(each),
        "units": len(out),
        "offset": float(np.mean([found["offset"] for found in out])) if out else 0.0,
        "sd": float(np.mean([found["sd"] for found in each])),
    }


def mean_weights(result: WavesFit | StaggeredEstimate) -> dict[str, float]:
    """Weight of each donor, averaged over treated units; none of a unit that it does not serve."""
    if isinstance(result, WavesFit):
        table = result.weights_table().fillna(0.0)
        return {str(show(donor)): float(w) for donor, w in table.mean(axis=1).items()}
    many = result.weights["unit"].nunique()
    sums = result.weights.groupby("donor", sort=False)["weight"].sum() / many
    return {str(show(donor)): float(w) for donor, w in sums.items()}


def facts_of_waves(
    panel: StaggeredPanel[Panel],
    reported: WavesResult,
    *,
    hull: Mapping[str, Any],
    level: float,
    truth: float | None,
    unavailable: Mapping[str, str],
    notes: Sequence[str],
    reason: str,
    lifts: Sequence[Mapping[str, Any]],
    main_donors: Sequence[str],
    kept: str,
    backing: Backing | None,
) -> dict[str, Any]:
    """Return what `bsynth.analysis.comparison.facts_of` does of one start; ``cells`` are treated units × periods."""
    whole, table = panel.whole, panel.table
    table = table[table["unit"].isin(_units(reported))]
    cells = int(table["post"].sum())
    donors = {donor for wave in panel.waves for donor in wave.donors}
    return {
        "estimand": "average",
        "outcome": panel.source.outcome,
        "labels": asdict(panel.labels),
        "treated": whole.treated_name,
        "n_treated": len(table),
        "units_words": panel.labels.units(len(table)),
        "periods_words": count(cells, f"treated {panel.labels.unit}-period"),
        "donors": len(donors),
        "donors_needed": MIN_PLACEBOS,
        "backing": None if backing is None else said_of(backing),
        "start": plain(show(panel.waves[0].start)),
        "end": plain(show(panel.end)),
        "start_words": whole.period_words()[whole.n_pre],
        "window": whole.window,
        "n_pre": int(table["pre"].min()),
        "n_post": int(table["post"].max()),
        "cells": cells,
        "placebos": "waves",
        "additive": whole.additive,
        "gaps": [*whole.gaps(starts=len(panel.waves)), *panel.source.changed()],
        "level": level,
        "observed": _observed(panel, table["unit"].tolist()),
        "hull": dict(hull),
        "calibrated": backing is not None,
        "checks": None,
        "certificate": None,
        "truth": truth,
        "unavailable": dict(unavailable),
        "notes": list(notes),
        "reason": reason,
        "measured": [],
        "lifts": list(lifts),
        "main_donors": list(main_donors),
        "flagged": [],
        "drift_carries": False,
        "longer": LONGER,
        "kept": kept,
    }


def _units(reported: WavesResult) -> Sequence[Any]:
    if isinstance(reported, WavesCalibration):
        reported = reported.fit
    if isinstance(reported, PlaceboWaves):
        reported = reported.estimate
    return reported.units if isinstance(reported, WavesFit) else tuple(reported.panel.starts)


def _observed(panel: StaggeredPanel[Panel], units: Sequence[Any]) -> dict[str, float]:
    """Means over units of what was observed from their starts on, and in as many periods before."""
    own = [panel.unit_panel(unit) for unit in units]
    periods = min(min(p.n_pre for p in own), max(p.n_post for p in own))
    before = [p.treated_series[p.n_pre - periods : p.n_pre].mean() for p in own]
    after = np.concatenate([p.treated_series[p.n_pre :] for p in own])
    return {"before": float(np.mean(before)), "after": float(after.mean()), "periods": periods}
