"""The same question under many specifications: the curve of its answers, and one answer stacked from them."""

from bsynth.findings.specifications.curve import SpecificationCurve, specification_curve
from bsynth.findings.specifications.grid import CurvePlan, Specification, plan_curve
from bsynth.findings.specifications.pools import Pool, Window
from bsynth.findings.specifications.runs import SpecificationRun
from bsynth.findings.specifications.stack import Stack, stack

__all__ = [
    "CurvePlan",
    "Pool",
    "Specification",
    "SpecificationCurve",
    "SpecificationRun",
    "Stack",
    "Window",
    "plan_curve",
    "specification_curve",
    "stack",
]
