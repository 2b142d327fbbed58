"""The classical path: point estimators, and placebo, leave-one-out and bootstrap inference beside them."""

from bsynth.estimate import Estimate
from bsynth.frequentist.conditions import conditions
from bsynth.frequentist.conformal import Conformal, conformal
from bsynth.frequentist.estimators import Predictors, RidgeASCM
from bsynth.frequentist.jackknife import JackknifePlus, jackknife_plus
from bsynth.frequentist.leave_out import LeaveOneOut, leave_one_out
from bsynth.frequentist.leave_two_out import LeaveTwoOut, leave_two_out
from bsynth.frequentist.placebo import PlaceboSpace, placebo_space
from bsynth.frequentist.placebo_time import PlaceboTime, placebo_time
from bsynth.frequentist.point import classical, with_weights
from bsynth.frequentist.prediction import PredictionInterval, prediction_interval
from bsynth.frequentist.resampling import Bootstrap, bootstrap, check_bootstrap

__all__ = [
    "Bootstrap",
    "Conformal",
    "Estimate",
    "JackknifePlus",
    "LeaveOneOut",
    "LeaveTwoOut",
    "PlaceboSpace",
    "PlaceboTime",
    "PredictionInterval",
    "Predictors",
    "RidgeASCM",
    "bootstrap",
    "check_bootstrap",
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
