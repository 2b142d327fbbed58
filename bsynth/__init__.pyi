from .analysis import Analysis, analyse
from .calibration import Calibration, calibrate
from .catalogue import list_models, load_model, model_card
from .checks import Check, CheckReport, LeaveFutureOut, check, lfo
from .errors import BsynthError, FitError, PanelError, SolverError, SpecError, UnreliableWarning
from .estimate import Estimate
from .exporting import export, tables, to_xarray
from .fitting import fit, plan
from .frequentist import (
    Bootstrap,
    Conformal,
    JackknifePlus,
    LeaveOneOut,
    LeaveTwoOut,
    PlaceboSpace,
    PlaceboTime,
    PredictionInterval,
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
    prediction_interval,
    with_weights,
)
from .panel import Panel
from .plots import (
    plot_bootstrap,
    plot_effects,
    plot_gap,
    plot_leave_one_out,
    plot_leave_two_out,
    plot_placebo,
    plot_placebo_time,
    plot_trajectory,
    plot_weights,
)
from .reporting import report
from .result import Fit, load
from .simulate import simulate_factor, simulate_rollout
from .spec import ModelSpec

__version__: str

__all__ = [
    "Analysis",
    "Bootstrap",
    "BsynthError",
    "Calibration",
    "Check",
    "CheckReport",
    "Conformal",
    "Estimate",
    "Fit",
    "FitError",
    "JackknifePlus",
    "LeaveFutureOut",
    "LeaveOneOut",
    "LeaveTwoOut",
    "ModelSpec",
    "Panel",
    "PanelError",
    "PlaceboSpace",
    "PlaceboTime",
    "PredictionInterval",
    "Predictors",
    "RidgeASCM",
    "SolverError",
    "SpecError",
    "UnreliableWarning",
    "analyse",
    "bootstrap",
    "calibrate",
    "check",
    "classical",
    "conformal",
    "export",
    "fit",
    "jackknife_plus",
    "leave_one_out",
    "leave_two_out",
    "lfo",
    "list_models",
    "load",
    "load_model",
    "model_card",
    "placebo_space",
    "placebo_time",
    "plan",
    "plot_bootstrap",
    "plot_effects",
    "plot_gap",
    "plot_leave_one_out",
    "plot_leave_two_out",
    "plot_placebo",
    "plot_placebo_time",
    "plot_trajectory",
    "plot_weights",
    "prediction_interval",
    "report",
    "simulate_factor",
    "simulate_rollout",
    "tables",
    "to_xarray",
    "with_weights",
]
