"""The same question under many specifications: the curve of its answers, and one answer stacked from them."""

from bsynth.specifications.curve import SpecificationCurve, specification_curve
from bsynth.specifications.grid import CurvePlan, Specification, plan_curve
from bsynth.specifications.pools import Pool, Window
from bsynth.specifications.runs import SpecificationRun
from bsynth.specifications.stack import Stack, stack

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
