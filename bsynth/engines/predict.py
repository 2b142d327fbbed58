"""From parameters to the counterfactual: plain array code, no sampler, no names.

Shapes: S = chains × draws samples, T periods, J donors. Equations as in `bsynth.engines.bayes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bsynth._types import FloatArray
from bsynth.design import Design


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """Draws of the untreated outcome on the design's scale, each (S, T).

    Attributes
    ----------
    mean : the counterfactual mean: weights, level and latent donor cells are uncertain.
    predictive : the mean plus the noise of the periods seen and, with known cell variance, the
        sampling noise of the treated cells.
    log_likelihood : (S, n_pre) pointwise log density of the treated pre-period; NaN where a
        treated cell is empty.
    """

    mean: FloatArray
    predictive: FloatArray
    log_likelihood: FloatArray


def counterfactual(parameters: Mapping[str, FloatArray], design: Design, rng: np.random.Generator) -> Counterfactual:
    """Draw the counterfactual of every period, one draw per posterior sample."""
    weights = parameters["weights"]
    centre, latent_variance = _linear_predictor(parameters, design)
    own = np.zeros(design.y.size) if design.treated_variance is None else design.treated_variance
    noise = parameters["sigma"][:, None] ** 2 + own
    shape = (weights.shape[0], design.y.size)
    mean = centre + np.sqrt(latent_variance) * rng.standard_normal(shape)
    predictive = mean + np.sqrt(noise) * rng.standard_normal(shape)
    pre = slice(0, design.n_pre)
    variance = (noise + latent_variance)[:, pre]
    residual = design.y[pre] - centre[:, pre]
    log_likelihood = -0.5 * (residual**2 / variance + np.log(2 * np.pi * variance))
    log_likelihood -= np.log(design.scale)  # density per outcome unit
    if design.treated_seen is not None:
        log_likelihood[:, design.treated_seen[pre] == 0] = np.nan
    return Counterfactual(mean, predictive, log_likelihood)


def _linear_predictor(parameters: Mapping[str, FloatArray], design: Design) -> tuple[FloatArray, FloatArray]:
    """Return a + Σ w x̃ and Σ w² V, each (S, T); the second is zero with exact cells."""
    weights, level = parameters["weights"], parameters["level"][:, None]
    if design.donor_precision is None:
        centre = level + weights @ design.X.T
        return centre, np.zeros_like(centre)
    noise2 = parameters["donor_noise"][:, None] ** 2
    centre = np.empty((weights.shape[0], design.y.size))
    variance = np.empty_like(centre)
    # Period by period, so that memory stays at S × J.
    for t, (x, precision) in enumerate(zip(design.X, design.donor_precision, strict=True)):
        smooth = parameters["donor_level"] + parameters["period"][:, t, None]
        inflation = 1.0 + noise2 * precision
        latent = smooth + noise2 * precision / inflation * (x - smooth)
        centre[:, t] = (weights * latent).sum(axis=1)
        variance[:, t] = (weights**2 * noise2 / inflation).sum(axis=1)
    return centre + level, variance
