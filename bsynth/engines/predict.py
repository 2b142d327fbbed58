"""From parameters to the counterfactual: plain array code, no sampler, no names.

Shapes: S = chains × draws samples, T periods, J donors. Equations as in `bsynth.engines.bayes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from bsynth._types import FloatArray
from bsynth.design import Design
from bsynth.engines import drift
from bsynth.spec import ModelSpec


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """Draws of the untreated outcome on the design's scale.

    Attributes
    ----------
    mean : (S, T)
        The counterfactual mean: weights, level, drift and latent donor cells are uncertain.
    predictive : (S, T)
        The mean plus the noise of the periods seen and, with known cell variance, the sampling noise
        of the treated cells.
    log_likelihood : (S, n_pre)
        Log density of each treated pre-period in outcome units: given the parameters, and where the draw
        drifts given also the earlier periods, so that it sums to the log likelihood. NaN where a treated
        cell is empty.
    log_odds : (S,) or None
        With a drift: log odds that the draw drifts, at even prior odds.
    drifting : (S,) of bool or None
        Whether the draw has its drift switched on.
    drift : (S, T) or None
        The drift of each draw, part of ``mean``; zero where it is off.
    rho : (S,) or None
        Where the graph sums ρ out: its draws.
    """

    mean: FloatArray
    predictive: FloatArray
    log_likelihood: FloatArray
    log_odds: FloatArray | None = None
    drifting: NDArray[np.bool_] | None = None
    drift: FloatArray | None = None
    rho: FloatArray | None = None


def counterfactual(
    parameters: Mapping[str, FloatArray], design: Design, spec: ModelSpec, rng: np.random.Generator
) -> Counterfactual:
    """Draw the counterfactual of every period, one draw per posterior sample."""
    centre, latent_variance = linear_predictor(parameters, design)
    noise = parameters["sigma"][:, None] ** 2 + design.treated_variance
    mean = centre + np.sqrt(latent_variance) * rng.standard_normal(centre.shape)
    pre = slice(0, design.n_pre)
    residual = (design.y - centre)[:, pre]
    variance = (noise + latent_variance)[:, pre]
    log_likelihood = _independent(residual, variance, spec)
    log_likelihood[:, design.treated_seen[pre] == 0] = np.nan
    log_odds = drifting = u = rho = evidence = None
    if spec.drift.process != "none":
        if spec.drift.process == "ar1" and "rho" not in parameters:
            rho, evidence = drift.draw_rho(residual, parameters["sigma"], parameters["drift_sd"], rng)
            parameters = {**parameters, "rho": rho}
        system = drift.state_space(parameters, spec.drift.process)
        found = drift.condition(system, residual, variance, design.treated_seen[pre], design.y.size, rng)
        log_odds = np.nansum(found.log_predictive, axis=1) if evidence is None else evidence
        log_odds = log_odds - np.nansum(log_likelihood, axis=1)
        typical = drift.typical_scale(design.y[pre], design.X[pre]) / spec.drift.sd
        log_odds -= drift.pseudo_prior_ratio(parameters["drift_sd"] / spec.drift.sd, typical)
        on = special.expit(log_odds + special.logit(spec.drift.probability))
        drifting = rng.random(len(on)) < on
        u = np.where(drifting[:, None], found.u, 0.0)
        mean += u
        log_likelihood = np.where(drifting[:, None], found.log_predictive, log_likelihood)
    predictive = mean + _period_noise(noise, spec, rng)
    return Counterfactual(mean, predictive, log_likelihood - np.log(design.scale), log_odds, drifting, u, rho)


def linear_predictor(parameters: Mapping[str, FloatArray], design: Design) -> tuple[FloatArray, FloatArray]:
    """Return a + Σ w x̃ + (z_0 − Σ w z)′β and Σ w² V, each (S, T); the second is zero with exact cells."""
    weights, level = parameters["weights"], parameters["level"][:, None]
    if design.donor_precision is None:
        centre = level + weights @ design.X.T
        if design.movements is not None:
            centre += design.movements.effect(weights, parameters["beta"])
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


def _independent(residual: FloatArray, variance: FloatArray, spec: ModelSpec) -> FloatArray:
    """Log density of residuals (S, n_pre) without drift."""
    scale = np.sqrt(variance)
    if spec.noise.distribution == "student-t":
        return np.asarray(stats.t.logpdf(residual, spec.noise.degrees, scale=scale))
    return np.asarray(stats.norm.logpdf(residual, scale=scale))


def _period_noise(variance: FloatArray, spec: ModelSpec, rng: np.random.Generator) -> FloatArray:
    """Noise of the periods, one draw each."""
    if spec.noise.distribution == "student-t":
        return np.sqrt(variance) * rng.standard_t(spec.noise.degrees, size=variance.shape)
    return np.sqrt(variance) * rng.standard_normal(variance.shape)
