"""Pictures: one function per picture, from results to axes; they never compute and never show."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes

from bsynth.analysis import Analysis, Comparison, MultiCellAnalysis, WavesAnalysis
from bsynth.bayesian.result import Fit
from bsynth.bayesian.waves.result import WavesFit
from bsynth.calibration import Calibration
from bsynth.calibration.certificate import Certificate
from bsynth.calibration.waves import WavesCalibration
from bsynth.checks import CheckReport, LeaveFutureOut
from bsynth.findings import Decision, Decomposition, DonorAudit, PathBand, PriorAudit
from bsynth.findings.specifications import SpecificationCurve, Stack
from bsynth.frequentist import (
    Bootstrap,
    Conformal,
    Estimate,
    JackknifePlus,
    LeaveOneOut,
    LeaveTwoOut,
    PlaceboSpace,
    PlaceboTime,
    PredictionInterval,
)
from bsynth.planning import Rehearsal, RolloutPlan
from bsynth.plots.answer import plot_answer
from bsynth.plots.audit import plot_donor_audit, plot_prior_audit
from bsynth.plots.bands import plot_path_band
from bsynth.plots.certificate import plot_certificate
from bsynth.plots.checks import plot_checks
from bsynth.plots.comparison import plot_comparison
from bsynth.plots.decision import plot_decision
from bsynth.plots.forest import forest, plot_effects
from bsynth.plots.further import plot_leave_two_out, plot_placebo_time
from bsynth.plots.future import plot_leave_future_out
from bsynth.plots.gap import plot_gap
from bsynth.plots.impact import plot_impact
from bsynth.plots.leave_out import plot_leave_one_out
from bsynth.plots.multicell import plot_cells
from bsynth.plots.panel import plot_panel
from bsynth.plots.placebo import plot_placebo
from bsynth.plots.power import plot_power
from bsynth.plots.resampling import plot_bootstrap
from bsynth.plots.specification_curve import plot_specification_curve
from bsynth.plots.stack import plot_stack
from bsynth.plots.study import plot_study, plot_zipper
from bsynth.plots.trajectory import plot_trajectory
from bsynth.plots.uncertainty import plot_uncertainty
from bsynth.plots.waves import plot_calendar, plot_event_study, plot_units
from bsynth.plots.waves_answer import plot_waves_answer
from bsynth.plots.weights import plot_weights
from bsynth.studies import Study
from bsynth.text.result import Pictured

if TYPE_CHECKING:
    from bsynth.plots.diagnostics import plot_energy, plot_loo_pit, plot_ppc, plot_rank, plot_trace

type Draw = Callable[..., Axes]


def _calibrated(calibration: Calibration, *, ax: Axes | None = None, level: float = 0.95) -> Axes:
    """The fit's own interval and the calibrated one, as in the card."""
    rows = pd.concat([calibration.fit.effects(level), calibration.effects(level)], ignore_index=True)
    return forest(rows, ax=ax, estimand="average", truth=None, with_p=False, say="", reason=calibration.reason)


def _plot_main(analysis: Analysis, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Draw the answer of an analysis, by default at its own level."""
    return plot_answer(analysis.reported, ax=ax, level=analysis.level if level is None else level)


def _plot_rehearsal(rehearsal: Rehearsal, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Draw the answer of its analysis."""
    return _plot_main(rehearsal.analysis, ax=ax, level=level)


PICTURES: Mapping[type, Draw] = {
    Analysis: _plot_main,
    Bootstrap: plot_bootstrap,
    Calibration: _calibrated,
    Certificate: plot_certificate,
    CheckReport: plot_checks,
    Comparison: plot_comparison,
    Conformal: plot_gap,
    Decision: plot_decision,
    Decomposition: plot_uncertainty,
    DonorAudit: plot_donor_audit,
    Estimate: plot_trajectory,
    Fit: plot_trajectory,
    JackknifePlus: plot_gap,
    LeaveFutureOut: plot_leave_future_out,
    LeaveOneOut: plot_leave_one_out,
    LeaveTwoOut: plot_leave_two_out,
    MultiCellAnalysis: plot_cells,
    PathBand: plot_path_band,
    PlaceboSpace: plot_placebo,
    PlaceboTime: plot_placebo_time,
    PredictionInterval: plot_gap,
    PriorAudit: plot_prior_audit,
    Rehearsal: _plot_rehearsal,
    RolloutPlan: plot_power,
    Study: plot_study,
    SpecificationCurve: plot_specification_curve,
    Stack: plot_stack,
    WavesAnalysis: plot_waves_answer,
    WavesCalibration: plot_event_study,
    WavesFit: plot_event_study,
}
"""Which picture is whose: what ``result.plot()`` draws."""


def picture_of(result: Pictured) -> Draw:
    """Return what draws a result."""
    return PICTURES[type(result)]


def __getattr__(name: str) -> Any:
    """The sampler's pictures, with the first of them: no run draws any, and ArviZ takes seconds to load."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("bsynth.plots.diagnostics"), name)


__all__ = [
    "plot_answer",
    "plot_bootstrap",
    "plot_calendar",
    "plot_cells",
    "plot_certificate",
    "plot_checks",
    "plot_comparison",
    "plot_decision",
    "plot_donor_audit",
    "plot_effects",
    "plot_energy",
    "plot_event_study",
    "plot_gap",
    "plot_impact",
    "plot_leave_future_out",
    "plot_leave_one_out",
    "plot_leave_two_out",
    "plot_loo_pit",
    "plot_panel",
    "plot_path_band",
    "plot_placebo",
    "plot_placebo_time",
    "plot_power",
    "plot_ppc",
    "plot_prior_audit",
    "plot_rank",
    "plot_specification_curve",
    "plot_stack",
    "plot_study",
    "plot_trace",
    "plot_trajectory",
    "plot_uncertainty",
    "plot_units",
    "plot_waves_answer",
    "plot_weights",
    "plot_zipper",
]
