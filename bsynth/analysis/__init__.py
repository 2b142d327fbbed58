"""The main job: one panel, a posterior, the classical answer beside it, and a verdict."""

from bsynth.analysis.plan import METHODS, STANDARD, AnalysisPlan, choose_methods, plan_analysis
from bsynth.analysis.result import Analysis, Inference
from bsynth.analysis.run import analyse, run_analysis

__all__ = [
    "METHODS",
    "STANDARD",
    "Analysis",
    "AnalysisPlan",
    "Inference",
    "analyse",
    "choose_methods",
    "plan_analysis",
    "run_analysis",
]
