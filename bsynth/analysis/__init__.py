"""The main job: one panel, a posterior, the classical answer beside it, and a verdict."""

from bsynth.analysis.compare import compare, plan_comparison
from bsynth.analysis.comparison import Comparison
from bsynth.analysis.concluded import Finding
from bsynth.analysis.findings import FINDINGS
from bsynth.analysis.frozen import FrozenPlan, followed, freeze, frozen_plan
from bsynth.analysis.methods import METHODS, REFERENCE, STANDARD, choose_methods
from bsynth.analysis.multicell import MultiCellAnalysis, compare_cells
from bsynth.analysis.outcomes import Outcomes
from bsynth.analysis.plan import AnalysisPlan, plan_against, plan_analysis
from bsynth.analysis.result import Analysis
from bsynth.analysis.review import PlanReview
from bsynth.analysis.run import run_analysis
from bsynth.analysis.verb import analyse
from bsynth.analysis.verdict import LONGER, Fact, Verdict
from bsynth.analysis.waves.plan import WavesPlan
from bsynth.analysis.waves.result import WavesAnalysis

type AnyAnalysis = Analysis | WavesAnalysis
"""Of one start, or of several."""

__all__ = [
    "FINDINGS",
    "LONGER",
    "METHODS",
    "REFERENCE",
    "STANDARD",
    "Analysis",
    "AnalysisPlan",
    "AnyAnalysis",
    "Comparison",
    "Fact",
    "Finding",
    "FrozenPlan",
    "MultiCellAnalysis",
    "Outcomes",
    "PlanReview",
    "Verdict",
    "WavesAnalysis",
    "WavesPlan",
    "analyse",
    "choose_methods",
    "compare",
    "compare_cells",
    "followed",
    "freeze",
    "frozen_plan",
    "plan_against",
    "plan_analysis",
    "plan_comparison",
    "run_analysis",
]
