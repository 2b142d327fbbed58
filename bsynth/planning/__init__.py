"""Before the launch, and after it: power, which units to treat, a rehearsal, and what lift tests hand on."""

from bsynth.planning.mmm import MMMPrior, mmm_prior
from bsynth.planning.ranking import RankedUnits, rank_treated
from bsynth.planning.rehearsal import Rehearsal, rehearse
from bsynth.planning.rollout import RolloutPlan, plan_rollout

__all__ = [
    "MMMPrior",
    "RankedUnits",
    "Rehearsal",
    "RolloutPlan",
    "mmm_prior",
    "plan_rollout",
    "rank_treated",
    "rehearse",
]
