"""Units that start at different times: stacked and pooled estimators, and placebo waves."""

from bsynth.frequentist.staggered.estimate import StaggeredEstimate
from bsynth.frequentist.staggered.multisynth import Multisynth
from bsynth.frequentist.staggered.placebo import PlaceboWaves, placebo_waves

__all__ = ["Multisynth", "PlaceboWaves", "StaggeredEstimate", "placebo_waves"]
