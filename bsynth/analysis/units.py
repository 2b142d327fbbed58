"""The effect on each treated unit by itself, where the answer is about the mean of several."""

from typing import Any

import numpy as np
import pandas as pd

from bsynth import frequentist
from bsynth._base.plain import show
from bsynth._base.types import FloatArray
from bsynth.effects import at_least, lift_of
from bsynth.frequentist.inference.base import Inference
from bsynth.panel import Panel
from bsynth.text.labels import SPOKEN


def per_unit(panel: Panel, estimator: str, placebo: Inference | None) -> pd.DataFrame:
    """Estimate the effect on each treated unit against the same donors.

    Parameters
    ----------
    panel : Panel
        With several treated units.
    estimator : str
        The classical estimator that the verdict keeps.
    placebo : Inference or None
        Placebos in space around it; without them there is no p.

    Returns
    -------
    DataFrame
        One row per treated unit: ``unit, method, estimate`` (average effect, outcome units), ``cumulative, lift,
        pre_rmspe`` and ``p`` (of no effect: the share of units, donors and itself, whose mean gap is as large).

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=8, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=[0, 1], start=30)
    >>> per_unit(panel, "did", None)[["unit", "method"]].values.tolist()
    [[0, 'did'], [1, 'did']]
    """
    others = None if placebo is None or "mean_gap" not in placebo.table else np.abs(placebo.table["mean_gap"])
    rows: list[dict[str, Any]] = []
    for unit in panel.treated:
        estimate = frequentist.classical(panel.only(unit), estimator)
        gap = estimate.gap[panel.n_pre :]
        observed = float(estimate.panel.treated_series[panel.n_pre :].mean())
        p = np.nan if others is None else _p(float(gap.mean()), others.to_numpy())
        rows.append(
            {
                "unit": show(unit),
                "method": estimator,
                "estimate": float(gap.mean()),
                "cumulative": float(gap.sum()),
                "lift": float(lift_of(float(gap.mean()), observed)),
                "pre_rmspe": estimate.pre_rmspe,
                "p": p,
            }
        )
    return pd.DataFrame(rows)


def _p(gap: float, others: FloatArray) -> float:
    """Share of units, the one itself among them, whose mean gap is as large."""
    return (1 + int(at_least(others, abs(gap)).sum())) / (1 + len(others))


def note(panel: Panel, estimator: str) -> str:
    """Say what the table of single units holds, and what it does not."""
    how = SPOKEN.get(estimator, estimator)
    return (
        f"For each {panel.labels.unit} by itself there is the estimate by {how} and the p of its placebo test, against "
        "the same donors. Weights are fitted anew for each, so that the mean of these effects need not be the effect "
        "on the mean. There is no posterior of a single one: bs.fit(panel.only(unit)) makes it; "
        "bs.classical(panel.per_unit(), 'multisynth') finds weights that match their average too."
    )
