"""The classical estimators, one file each, all of one shape.

A module offers ``NAME``, ``TITLE``, ``CONDITIONS`` (one sentence: what the answer presumes) and
``solve(y, X, n_pre, *, solver)`` for a batch of problems. A new estimator is a new file and a name
in ``MODULES``; the conformance test then walks it.
"""

from types import MappingProxyType
from typing import Protocol

from bsynth._types import FloatArray
from bsynth.errors import SpecError, nearest, some_of
from bsynth.frequentist.estimators import demeaned, did, sc
from bsynth.frequentist.estimators.base import SOLVERS, Solver, Weighted

__all__ = ["ESTIMATORS", "MODULES", "SOLVERS", "Estimator", "Solver", "Weighted", "find"]


class Estimator(Protocol):
    """The names that an estimator's module offers."""

    NAME: str
    TITLE: str
    CONDITIONS: str

    def solve(self, y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
        """Weights of a batch of problems (a module's function, so it takes no ``self``)."""


MODULES: tuple[Estimator, ...] = (sc, demeaned, did)
ESTIMATORS = MappingProxyType({module.NAME: module for module in MODULES})


def find(name: str) -> Estimator:
    """Return the estimator called ``name``, or raise a SpecError that lists the names there are."""
    if name not in ESTIMATORS:
        hint = nearest(name, ESTIMATORS)
        raise SpecError(f"estimator {name!r} is unknown{hint}; it can be {some_of(ESTIMATORS)}")
    return ESTIMATORS[name]
