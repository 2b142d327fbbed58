"""How each result of an analysis fits the pre-period, as ``summary.json`` has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bsynth._base.plain import clean
from bsynth.bayesian.result import Fit
from bsynth.frequentist.estimate import Estimate

MOSTLY = 0.5
"""Share of the fit before the start from which the drift carries most of it."""


def drift_carries(fit: Fit) -> bool:
    """Whether the drift of a model, rather than its donors, carries most of the fit before the start."""
    if fit.drift() is None:
        return False
    alone, whole = fit.line_rmspe(drift=False), fit.line_rmspe(drift=True)
    return bool(alone > 0 and 1 - (whole / alone) ** 2 > MOSTLY)


def pre_fit(fits: Sequence[Fit], estimates: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    """How each method fits the pre-period, and the offset it puts between treated and donors.

    ``line_rmspe`` is of the line that pictures draw, ``line_rmspe_with_drift`` of the same with the model's drift.
    """
    rows: list[dict[str, Any]] = [
        {
            "method": "bayes",
            "model": fit.spec.name,
            "pre_rmspe": fit.pre_rmspe,
            "line_rmspe": fit.line_rmspe(drift=False),
            "line_rmspe_with_drift": None if fit.drift() is None else fit.line_rmspe(drift=True),
            "drift_carries": drift_carries(fit),
            "intercept": fit.intercept,
            "effective_donors": fit.effective_donors,
        }
        for fit in fits
    ]
    rows += [
        {
            "method": name,
            "model": None,
            "pre_rmspe": each.pre_rmspe,
            "line_rmspe": each.pre_rmspe,
            "line_rmspe_with_drift": None,
            "drift_carries": False,
            "post_rmspe": each.post_rmspe,
            "rmspe_ratio": each.rmspe_ratio,
            "intercept": each.intercept,
            "effective_donors": each.effective_donors,
            "solver": each.solver,
            "duality_gap": each.duality_gap,
        }
        for name, each in estimates.items()
    ]
    return [clean(row) for row in rows]
