"""The classical path: point estimators, and placebo, leave-one-out and bootstrap inference beside them."""

from bsynth.frequentist.conditions import conditions
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Predictors, RidgeASCM
from bsynth.frequentist.inference import Inference
from bsynth.frequentist.inference.bootstrap import Bootstrap, bootstrap
from bsynth.frequentist.inference.conformal import Conformal, conformal
from bsynth.frequentist.inference.jackknife import JackknifePlus, jackknife_plus
from bsynth.frequentist.inference.leave_one_out import LeaveOneOut, leave_one_out
from bsynth.frequentist.inference.leave_two_out import LeaveTwoOut, leave_two_out
from bsynth.frequentist.inference.placebo_space import PlaceboSpace, placebo_space
from bsynth.frequentist.inference.placebo_time import PlaceboTime, placebo_time
from bsynth.frequentist.inference.prediction_interval import PredictionInterval, prediction_interval
from bsynth.frequentist.point import with_weights
from bsynth.frequentist.staggered import Multisynth, PlaceboWaves, StaggeredEstimate, placebo_waves
from bsynth.frequentist.verb import classical

__all__ = [
    "placebo_waves",
    "StaggeredEstimate",
    "PlaceboWaves",
    "Multisynth",
    "Bootstrap",
    "Conformal",
    "Estimate",
    "Inference",
    "JackknifePlus",
    "LeaveOneOut",
    "LeaveTwoOut",
    "PlaceboSpace",
    "PlaceboTime",
    "PredictionInterval",
    "Predictors",
    "RidgeASCM",
    "bootstrap",
    "classical",
    "conditions",
    "conformal",
    "jackknife_plus",
    "leave_one_out",
    "leave_two_out",
    "placebo_space",
    "placebo_time",
    "prediction_interval",
    "with_weights",
]
