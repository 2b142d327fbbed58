"""Synthetic control by SciPy's solver: what the exact weights can be held against."""

from bsynth._base.types import FloatArray
from bsynth.frequentist.estimators import sc
from bsynth.frequentist.estimators.base import Solver, Weighted

NAME = "sc-slsqp"
TITLE = "Synthetic control by SLSQP"
CONDITIONS = sc.CONDITIONS


def solve(y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
    """The weights of ``sc`` by SLSQP, whatever ``solver`` says: it is in the name."""
    return sc.solve(y, X, n_pre, solver="slsqp")
