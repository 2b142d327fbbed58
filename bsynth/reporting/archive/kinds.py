"""What a file of results may hold: a closed list of classes, so that reading one makes values and runs nothing else."""

from importlib import import_module

_MODULES: dict[str, tuple[str, ...]] = {
    "analysis.choice": ("Choice",),
    "analysis.comparison": ("Comparison",),
    "analysis.concluded": ("Rows",),
    "analysis.frozen": ("FrozenPlan",),
    "analysis.multicell": ("MultiCellAnalysis",),
    "analysis.outcomes": ("Outcomes",),
    "analysis.result": ("Analysis",),
    "analysis.review": ("PlanReview",),
    "analysis.waves.result": ("WavesAnalysis",),
    "bayesian.diagnostics": ("Diagnostics",),
    "bayesian.forecast": ("Forecast",),
    "bayesian.result": ("Provenance",),
    "bayesian.waves.result": ("WavesFit",),
    "calibration.certificate.certificate": ("Certificate",),
    "calibration.certificate.windows": ("PlaceboWindow",),
    "calibration.donors": ("Lesson",),
    "calibration.groups": ("Group",),
    "calibration.inflation": ("Inflation",),
    "calibration.pairs": ("CellPair",),
    "calibration.paths": ("Scatter",),
    "calibration.placebos": ("PlaceboFit",),
    "calibration.result": ("Calibration",),
    "calibration.waves": ("PlaceboPattern", "WavesCalibration"),
    "checks.base": ("Check", "CheckReport"),
    "checks.leave_future_out": ("LeaveFutureOut",),
    "engines.sampling": ("Sampling",),
    "findings.bands": ("PathBand",),
    "findings.decision": ("Decision",),
    "findings.donors": ("DonorAudit",),
    "findings.prior": ("PriorAudit",),
    "findings.specifications.curve": ("SpecificationCurve",),
    "findings.specifications.grid": ("CurvePlan", "Specification"),
    "findings.specifications.pools": ("Pool", "Window"),
    "findings.specifications.runs": ("SpecificationRun",),
    "findings.specifications.stack": ("Stack",),
    "findings.uncertainty": ("Decomposition",),
    "frequentist.estimate": ("Estimate",),
    "frequentist.estimators.ascm": ("RidgeASCM",),
    "frequentist.estimators.predictors": ("Predictors",),
    "frequentist.inference._nulls": ("NullTest",),
    "frequentist.inference.bootstrap": ("Bootstrap",),
    "frequentist.inference.conformal": ("Conformal",),
    "frequentist.inference.jackknife": ("JackknifePlus",),
    "frequentist.inference.leave_one_out": ("LeaveOneOut",),
    "frequentist.inference.leave_two_out": ("LeaveTwoOut",),
    "frequentist.inference.placebo_space": ("PlaceboSpace",),
    "frequentist.inference.placebo_time": ("PlaceboTime",),
    "frequentist.inference.prediction_interval": ("PredictionInterval",),
    "frequentist.staggered.estimate": ("StaggeredEstimate",),
    "frequentist.staggered.placebo": ("PlaceboWaves",),
    "model.scales": ("ScaleChoice",),
    "panel.multicell": ("MultiCellPanel",),
    "panel.quality": ("DataQuality",),
    "planning.mmm": ("MMMPrior",),
    "planning.plays": ("Played",),
    "planning.ranking": ("RankedUnits",),
    "planning.rehearsal": ("Rehearsal",),
    "planning.rollout": ("RolloutPlan",),
    "studies.result": ("Study",),
    "panel.staggered": ("StaggeredPanel",),
    "panel.timing": ("Timing",),
}
"""Dataclasses that stand in a file by name and fields; panels, fits and specifications have forms of their own."""
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def name_of(kind: type) -> str:
    """Return the name of a class in a file.

    Raises
    ------
    TypeError
        A class that no file holds.

    Examples
    --------
    >>> from bsynth.calibration.groups import Group
    >>> name_of(Group), class_of("Group") is Group
    ('Group', True)
    """
    if kind.__module__ != f"bsynth.{_HOMES.get(kind.__name__)}":
        raise TypeError(f"a {kind.__name__} is no part of a result that can be saved")
    return kind.__name__


def class_of(name: str) -> type:
    """Return the class of a name in a file.

    Raises
    ------
    ValueError
        Any other name.
    """
    if name not in _HOMES:
        raise ValueError(f"it holds a {name!r}, which this version does not know")
    found: type = getattr(import_module(f"bsynth.{_HOMES[name]}"), name)
    return found
