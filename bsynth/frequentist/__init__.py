"""The classical path: point estimators, and placebo, leave-one-out and bootstrap inference beside them."""

from bsynth.estimate import Estimate
from bsynth.frequentist.leave_out import LeaveOneOut, leave_one_out
from bsynth.frequentist.placebo import PlaceboSpace, placebo_space
from bsynth.frequentist.point import classical
from bsynth.frequentist.resampling import Bootstrap, bootstrap, check_bootstrap

__all__ = [
    "Bootstrap",
    "Estimate",
    "LeaveOneOut",
    "PlaceboSpace",
    "bootstrap",
    "check_bootstrap",
    "classical",
    "leave_one_out",
    "placebo_space",
]
