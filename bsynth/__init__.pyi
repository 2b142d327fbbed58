from . import datasets, plots
from .analysis import Analysis, Comparison, analyse, compare, freeze
from .bayesian.fit import fit
from .bayesian.plan import plan, pymc_model
from .bayesian.result import Fit
from .bayesian.waves.result import WavesFit
from .calibration import Calibration, calibrate
from .calibration.certificate import Certificate, certify
from .calibration.waves import WavesCalibration
from .checks import check, leave_future_out
from .engines.sampling import Sampling
from .errors import BsynthError, FitError, PanelError, SolverError, SpecError, UnreliableWarning
from .findings import audit_donors, audit_prior, decide, decompose_uncertainty, path_band
from .findings.specifications import specification_curve, stack
from .frequentist import (
    Multisynth,
    Predictors,
    RidgeASCM,
    bootstrap,
    classical,
    conformal,
    jackknife_plus,
    leave_one_out,
    leave_two_out,
    placebo_space,
    placebo_time,
    placebo_waves,
    prediction_interval,
)
from .frequentist.estimate import Estimate
from .model.catalogue import list_models, load_model, model_card
from .model.scales import choose_scale
from .model.spec import ModelSpec
from .panel import Panel, StaggeredPanel
from .panel.quality import data_quality
from .panel.simulate import simulate_factor, simulate_rollout
from .planning import mmm_prior, plan_rollout, rank_treated, rehearse
from .plots import plot_effects, plot_gap, plot_impact, plot_placebo, plot_trajectory, plot_weights
from .reporting.archive import load
from .reporting.export import export
from .reporting.run import report
from .reporting.slide import slide
from .studies import study

__version__: str

__all__ = [
    "Analysis",
    "BsynthError",
    "Calibration",
    "Certificate",
    "Comparison",
    "Estimate",
    "Fit",
    "FitError",
    "ModelSpec",
    "Multisynth",
    "Panel",
    "PanelError",
    "Predictors",
    "RidgeASCM",
    "Sampling",
    "SolverError",
    "SpecError",
    "StaggeredPanel",
    "UnreliableWarning",
    "WavesCalibration",
    "WavesFit",
    "analyse",
    "audit_donors",
    "audit_prior",
    "bootstrap",
    "calibrate",
    "certify",
    "check",
    "choose_scale",
    "classical",
    "compare",
    "conformal",
    "data_quality",
    "datasets",
    "decide",
    "decompose_uncertainty",
    "export",
    "fit",
    "freeze",
    "jackknife_plus",
    "leave_future_out",
    "leave_one_out",
    "leave_two_out",
    "list_models",
    "load",
    "load_model",
    "mmm_prior",
    "model_card",
    "path_band",
    "placebo_space",
    "placebo_time",
    "placebo_waves",
    "plan",
    "plan_rollout",
    "plot_effects",
    "plot_gap",
    "plot_impact",
    "plot_placebo",
    "plot_trajectory",
    "plot_weights",
    "plots",
    "prediction_interval",
    "pymc_model",
    "rank_treated",
    "rehearse",
    "report",
    "simulate_factor",
    "simulate_rollout",
    "slide",
    "specification_curve",
    "stack",
    "study",
]
