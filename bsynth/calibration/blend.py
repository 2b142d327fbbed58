"""What the placebos teach about the counterfactual itself: how far to go from the model's towards classical ones.

Of each pseudo-treated unit k two classical estimators answer too, on the scale of the model: demeaned synthetic control
and synthetic difference in differences. The calibrated counterfactual is a mixture of the three, with weights that the
donors' errors teach:

    π₀ e_k + Σ_r π_r e_kr ~ t₈(0, σ),   (π₀, π₁, π₂) ~ Dirichlet(2, 1, 1),   log σ flat,

where e_k is the mean of placebo k's average gap by the model and e_kr that by estimator r, in pre-period standard
deviations of unit k. π is drawn, not picked: its uncertainty is in every draw (ensembles of panel estimators: Athey,
Bayati, Imbens and Qu 2019).

A model that knows the sampling variance of each cell goes nowhere: the others take the noise of small cells for signal.

Only the place moves. The width is still set by how far the model's own errors go (c and d): donors at the border of
the others gain more from the classical estimators than a treated unit in their midst, for which a width learned from
their blended errors is too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.laws import t_logpdf
from bsynth._base.types import FloatArray
from bsynth.calibration.scores import FLOOR
from bsynth.errors import SolverError
from bsynth.frequentist.estimators import find
from bsynth.model.design import knows_cells
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.text.numbers import fixed

OTHERS = ("demeaned", "sdid")
"""Classical estimators towards which a calibrated counterfactual goes."""
OWN = 2.0
"""Of the model in the Dirichlet prior of the weights; each other has 1."""
_STEPS = 10
_SIGMA = np.geomspace(0.02, 3.0, 30)
"""In units of the root mean square of the model's own errors."""
DEGREES = 8.0


@dataclass(frozen=True, eq=False, repr=False)
class Blend(Brief):
    """Posterior of the weights of `OTHERS`, on a grid; the model has the rest.

    Attributes
    ----------
    points : (G, R)
    weight : (G,), sums to 1

    Examples
    --------
    >>> Blend(np.array([[0.5, 0.25]]), np.ones(1)).shares()
    {'model': 0.25, 'demeaned': 0.5, 'sdid': 0.25}
    """

    points: FloatArray
    weight: FloatArray

    @property
    def mean(self) -> FloatArray:
        """(R,) posterior mean of the weight of each other estimator."""
        return np.asarray(self.weight @ self.points)

    def shares(self) -> dict[str, float]:
        """Posterior mean of every weight, the model's first, by name."""
        found = self.mean.tolist()
        return {"model": 1.0 - sum(found), **dict(zip(OTHERS, found, strict=True))}

    def draw(self, size: int) -> FloatArray:
        """(size, R) values, each as often as it is probable, in an order that is random and always the same."""
        at = np.searchsorted(np.cumsum(self.weight), (np.arange(size) + 0.5) / size)
        at = np.minimum(at, len(self.weight) - 1)
        return np.asarray(self.points[np.random.default_rng(size).permutation(at)])

    def words(self) -> str:
        """How far the counterfactual goes, with a comma at the end."""
        titles = [find(name).TITLE for name in OTHERS]
        parts = [f"{fixed(share, 2)} {{}} {t[0].lower() + t[1:]}" for share, t in zip(self.mean, titles, strict=True)]
        return f"the counterfactual goes {parts[0].format('of the way to')} and {parts[1].format('to')}, "


NO_BLEND = Blend(np.zeros((1, len(OTHERS))), np.ones(1))
"""The model alone."""


def other_paths(panel: Panel, spec: ModelSpec) -> FloatArray:
    """(R, H) untreated outcomes after the start by each of `OTHERS`, on the scale of the model, or an empty array.

    It is empty where the model knows the sampling variance of cells: the others would follow the donors' noise.
    """
    if knows_cells(panel, spec):
        return np.empty((0, 0))
    link = spec.link
    y, X = link.forward(panel.treated_series), link.forward(panel.donor_matrix)
    if not (np.isfinite(y).all() and np.isfinite(X).all()):
        return np.empty((0, 0))
    try:
        found = [find(name, panel).solve(y[None], X[None], panel.n_pre) for name in OTHERS]
    except SolverError:
        return np.empty((0, 0))
    return np.array([each.counterfactual(X[None])[0, panel.n_pre :] for each in found])


def learn_blend(errors: Sequence[float], others: Sequence[FloatArray], *, each: float = 1.0) -> Blend:
    """Return the posterior of the weights given placebo errors (J,) of the model and (R,) of the others by placebo.

    A placebo whose others are not known has an empty array, and says nothing. ``each`` is what one of them counts where
    they are not separate.
    """
    known = [(error, other) for error, other in zip(errors, others, strict=True) if len(other)]
    if not known:
        return NO_BLEND
    own, rest = np.array([e for e, _ in known]), np.array([o for _, o in known])
    counts = np.array([(i, j) for i in range(_STEPS + 1) for j in range(_STEPS + 1 - i)], dtype=float)
    points = counts / _STEPS
    model = 1.0 - points.sum(axis=1)
    mixed = model[:, None] * own + points @ rest.T
    unit = max(float(np.sqrt(np.mean(own**2))), FLOOR)
    sigma = unit * _SIGMA
    found = t_logpdf(mixed[:, None, :] / sigma[:, None], DEGREES).sum(axis=2) - len(own) * np.log(sigma)
    # Where the model has no weight its density is that of the middle of the outermost cell, not 0.
    log_prior = (OWN - 1.0) * np.log(np.maximum(model, 0.25 / _STEPS))
    log_posterior = np.logaddexp.reduce(each * found, axis=1) + log_prior
    weight = np.exp(log_posterior - log_posterior.max())
    return Blend(points, weight / weight.sum())
