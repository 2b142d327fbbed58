"""The classical estimators, one file each, all of one shape.

A module offers ``NAME``, ``TITLE``, ``CONDITIONS`` (one sentence: what the answer presumes) and
``solve(y, X, n_pre, *, solver)`` for a batch of problems. A new estimator is a new file and a name
in ``MODULES``; the conformance test then walks it.

An estimator with settings (`RidgeASCM`, `Predictors`) is a frozen object that offers the same four names and
goes wherever a name goes. One that reads more of the panel than its series (the number of treated units,
predictors by unit) offers ``bind(panel)``, which returns the estimator for that panel.
"""

from types import MappingProxyType
from typing import Protocol, runtime_checkable

from bsynth._base.types import FloatArray
from bsynth.errors import SpecError, nearest, some_of
from bsynth.frequentist.estimators import ascm, demeaned, did, predictors, sc, sc_slsqp, sdid
from bsynth.frequentist.estimators.ascm import RidgeASCM
from bsynth.frequentist.estimators.base import SOLVERS, Solver, Weighted
from bsynth.frequentist.estimators.predictors import Predictors
from bsynth.panel import Panel

__all__ = [
    "ESTIMATORS",
    "MODULES",
    "SOLVERS",
    "Estimator",
    "Method",
    "Predictors",
    "RidgeASCM",
    "Solver",
    "Weighted",
    "find",
]


class Estimator(Protocol):
    """The names that an estimator's module, or an estimator with settings, offers."""

    @property
    def NAME(self) -> str:
        """What it is called in a request and in tables."""

    @property
    def TITLE(self) -> str:
        """What it is called in prose."""

    @property
    def CONDITIONS(self) -> str:
        """What its answer presumes, one sentence."""

    def solve(self, y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
        """Weights of a batch of problems (a module's function, so it takes no ``self``)."""


@runtime_checkable
class Binding(Protocol):
    """An estimator that reads more of the panel than its series."""

    def bind(self, panel: Panel) -> Estimator:
        """The estimator for ``panel``."""


type Method = str | Estimator
"""A name, or an estimator with settings."""

MODULES: tuple[Estimator, ...] = (sc, demeaned, did, sdid, ascm, predictors, sc_slsqp)
ESTIMATORS = MappingProxyType({module.NAME: module for module in MODULES})


def find(method: Method, panel: Panel | None = None) -> Estimator:
    """Return the estimator that ``method`` names or is, for ``panel`` where one is given.

    Raises a SpecError that lists the names there are.
    """
    if isinstance(method, str):
        if method not in ESTIMATORS:
            hint = nearest(method, ESTIMATORS)
            raise SpecError(f"estimator {method!r} is unknown{hint}; it can be {some_of(ESTIMATORS, 7)}")
        estimator = ESTIMATORS[method]
    elif hasattr(method, "solve") and hasattr(method, "NAME"):
        estimator = method
    else:
        raise SpecError(f"estimator is {method!r}; give a name ({some_of(ESTIMATORS, 7)}) or one with settings")
    return estimator.bind(panel) if panel is not None and isinstance(estimator, Binding) else estimator
