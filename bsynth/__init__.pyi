from .analysis import Analysis, analyse
from .calibration import Calibration, calibrate
from .catalogue import list_models, load_model, model_card
from .errors import BsynthError, FitError, PanelError, SolverError, SpecError, UnreliableWarning
from .estimate import Estimate
from .fitting import fit, plan
from .frequentist import (
    Bootstrap,
    LeaveOneOut,
    PlaceboSpace,
    Predictors,
    RidgeASCM,
    bootstrap,
    classical,
    leave_one_out,
    placebo_space,
    with_weights,
)
from .panel import Panel
from .plots import (
    plot_bootstrap,
    plot_effects,
    plot_gap,
    plot_leave_one_out,
    plot_placebo,
    plot_trajectory,
    plot_weights,
)
from .reporting import report
from .result import Fit, load
from .simulate import simulate_rollout
from .spec import ModelSpec

__version__: str

__all__ = [
    "Analysis",
    "Bootstrap",
    "BsynthError",
    "Calibration",
    "Estimate",
    "Fit",
    "FitError",
    "LeaveOneOut",
    "ModelSpec",
    "Panel",
    "PanelError",
    "PlaceboSpace",
    "Predictors",
    "RidgeASCM",
    "SolverError",
    "SpecError",
    "UnreliableWarning",
    "analyse",
    "bootstrap",
    "calibrate",
    "classical",
    "fit",
    "leave_one_out",
    "list_models",
    "load",
    "load_model",
    "model_card",
    "placebo_space",
    "plan",
    "plot_bootstrap",
    "plot_effects",
    "plot_gap",
    "plot_leave_one_out",
    "plot_placebo",
    "plot_trajectory",
    "plot_weights",
    "report",
    "simulate_rollout",
    "with_weights",
]
