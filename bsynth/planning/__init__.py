"""Before the launch and after it: how large an effect could be seen, a rehearsal, and what the answer is handed on to."""

from bsynth.planning.rollout import RolloutPlan, plan_rollout

__all__ = ["RolloutPlan", "plan_rollout"]
