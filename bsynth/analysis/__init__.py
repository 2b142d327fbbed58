"""The main job: one panel, a posterior, the classical answer beside it, and a verdict."""

from bsynth.analysis.compare import compare, plan_comparison
from bsynth.analysis.comparison import Comparison
from bsynth.analysis.findings import FINDINGS
from bsynth.analysis.plan import METHODS, REFERENCE, STANDARD, AnalysisPlan, choose_methods, plan_analysis
from bsynth.analysis.result import Analysis, Finding
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
    "Verdict",
    "WavesAnalysis",
    "WavesPlan",
    "analyse",
    "choose_methods",
    "compare",
    "plan_analysis",
    "plan_comparison",
    "run_analysis",
]
