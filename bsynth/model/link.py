"""The scale on which a model works: the outcome itself, its log, or its logit.

A model is a location-scale model of z = g(y). Densities go back by the change of variables,
log p(y) = log p(z) − log |dy/dz|, quantiles and draws by y = g⁻¹(z). So posteriors on different scales can be compared
on the outcome, whose density each of them gives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from bsynth._base.types import BoolArray, FloatArray


def _same(values: Any) -> Any:
    return values


def _flat(values: Any) -> FloatArray:
    return np.zeros(np.shape(values))


def _log_slope_of_expit(values: Any) -> FloatArray:
    return np.asarray(special.log_expit(values) + special.log_expit(-np.asarray(values)))


@dataclass(frozen=True)
class Link:
    """A monotone map g of outcomes to the scale of a model, elementwise on arrays of any shape and on named ones.

    Attributes
    ----------
    name : str
        ``"identity"``, ``"log"`` or ``"logit"``.
    lower, upper : float
        Outcomes strictly between them have a finite value.
    forward, back : callable
        g and its inverse.
    log_slope : callable
        log dy/dz at z.

    Examples
    --------
    >>> float(LOG.forward(1.0)), float(LOGIT.back(0.0)), float(LOG.log_slope(2.0))
    (0.0, 0.5, 2.0)
    """

    name: str
    lower: float
    upper: float
    forward: Callable[[Any], Any]
    back: Callable[[Any], Any]
    log_slope: Callable[[Any], FloatArray]

    @property
    def is_linear(self) -> bool:
        """Whether the scale is the outcome's own."""
        return self.name == "identity"

    def takes(self, outcome: FloatArray) -> BoolArray:
        """Whether each outcome lies where the scale is defined."""
        return np.asarray((outcome > self.lower) & (outcome < self.upper))

    def reach(self, outcome: float) -> float:
        """g of any outcome, with −∞ and ∞ for those at or beyond the bounds."""
        if outcome <= self.lower:
            return -np.inf
        return np.inf if outcome >= self.upper else float(self.forward(outcome))


IDENTITY = Link("identity", -np.inf, np.inf, _same, _same, _flat)
LOG = Link("log", 0.0, np.inf, np.log, np.exp, np.asarray)
LOGIT = Link("logit", 0.0, 1.0, special.logit, special.expit, _log_slope_of_expit)

LINKS = {"treated": IDENTITY, "each": IDENTITY, "log": LOG, "logit": LOGIT}
"""The link of each ``scale`` of a specification."""
