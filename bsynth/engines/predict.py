"""From parameters to the counterfactual: plain array code, no sampler, no names.

Shapes: S = chains × draws samples, T periods, J donors. Equations as in `bsynth.engines.bayes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bsynth._base.laws import normal_logpdf, t_logpdf
from bsynth._base.types import FloatArray
from bsynth.engines import drift, noise
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec


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
        drifts given also the earlier periods, so that it sums to the log likelihood. Of Student-t noise the
        period's own ``kappa`` is integrated out, given those of earlier periods. NaN where a treated cell is empty.
    level : (S,)
        The level shift.
    sigma : (S,)
        Scale of the period noise, of normal noise its sd: of the draw's residual, or where it drifts of what the
        drift leaves.
    form : Drawn or None
        With a drift: its form and scale, drawn as if it were on; they mean something only where it is.
    log_odds : (S,) or None
        With a drift: log odds that the draw drifts, at even prior odds.
    drifting : (S,) of bool or None
        Whether the draw has its drift switched on.
    drift : (S, T) or None
        The drift of each draw, part of ``mean``; zero where it is off.
    """

    mean: FloatArray
    predictive: FloatArray
    log_likelihood: FloatArray
    level: FloatArray
    sigma: FloatArray
    form: drift.Drawn | None = None
    log_odds: FloatArray | None = None
    drifting: NDArray[np.bool_] | None = None
    drift: FloatArray | None = None


def counterfactual(
    parameters: Mapping[str, FloatArray], design: Design, spec: ModelSpec, rng: np.random.Generator
) -> Counterfactual:
    """Draw the counterfactual of every period, one draw per posterior sample."""
    centre, latent_variance = linear_predictor(parameters, design)
    pre, seen = slice(0, design.n_pre), design.treated_seen[: design.n_pre]
    residual = (design.y - centre)[:, pre]
    cells = design.treated_variance + latent_variance
    sigma, sd = parameters["total"], level_sd(design, spec)
    variance = sigma[:, None] ** 2 * parameters.get("kappa", 1.0) + cells[:, pre]
    level, evidence = _level(parameters, residual, variance, seen, spec, sd, rng)
    error, spread = residual - level[:, None], cells[:, pre]
    found = drifting = log_odds = u = None
    if spec.drift.process != "none":
        found = drift.draw(parameters, residual, cells[:, pre], seen, design.positions, spec, sd, rng)
        log_odds = found.log_evidence - evidence
        drifting = rng.random(len(sigma)) < special.expit(log_odds + special.logit(spec.drift.probability))
        sigma, level = np.where(drifting, found.sigma, sigma), np.where(drifting, found.state.level, level)
        u = np.where(drifting[:, None], found.state.u, 0.0)
        error = np.where(drifting[:, None], found.state.error, error)
        spread = spread + np.where(drifting[:, None], found.state.spread, 0.0)
    mean = centre + level[:, None] + np.sqrt(latent_variance) * rng.standard_normal(centre.shape)
    if u is not None:
        mean += u
    predictive = mean + noise.draw(sigma[:, None], design.treated_variance, spec.noise, rng)
    log_likelihood = noise.log_density(error, sigma[:, None], spread, spec.noise) + design.log_density_factor()
    log_likelihood[:, seen == 0] = np.nan
    return Counterfactual(mean, predictive, log_likelihood, level, sigma, found, log_odds, drifting, u)


def level_sd(design: Design, spec: ModelSpec) -> float:
    """Prior sd of the level on the design's scale; a model without a level has one of scale zero."""
    if spec.level.prior == "none":
        return 0.0
    return float(spec.cells.level_sd if design.known_variance else spec.level.sd)


def donor_level_sd(design: Design, spec: ModelSpec) -> FloatArray:
    """(J,) prior sd of each donor's true level about its observed pre-period mean, on the design's scale.

    A mean that is itself uncertain by more than one pre-period sd has a wider prior, so that small cells bind nothing.
    """
    if design.donor_precision is None:
        return np.zeros(design.X.shape[1])
    seen = design.donor_precision[: design.n_pre].sum(axis=0)
    error = 1 / np.sqrt(np.where(seen > 0, seen, 1.0))
    return np.asarray(spec.cells.donor_level_sd * np.maximum(error, 1.0))


def _level(
    parameters: Mapping[str, FloatArray],
    residual: FloatArray,
    variance: FloatArray,
    seen: FloatArray,
    spec: ModelSpec,
    sd: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return the level of draws without drift (S,), and the log density of their residuals with it integrated out."""
    if "level" in parameters:  # sampled, because the noise is not normal
        level = parameters["level"]
        return level, t_logpdf(residual - level[:, None], spec.noise.degrees, np.sqrt(variance)).sum(axis=1)
    squares, products = (seen / variance).sum(axis=1), (seen * residual / variance).sum(axis=1)
    mean, spread, ratio = drift.level_given(sd, squares, products)
    level = mean + spread * rng.standard_normal(mean.shape)
    return level, (seen * normal_logpdf(residual, np.sqrt(variance))).sum(axis=1) + ratio


def linear_predictor(parameters: Mapping[str, FloatArray], design: Design) -> tuple[FloatArray, FloatArray]:
    """Return Σ w x̃ + (z_0 − Σ w z)′β + C z and Σ w² V, each (S, T); the second is zero with exact cells."""
    centre, variance = _weighted_donors(parameters, design)
    if design.movements is not None:
        centre += design.movements.effect(parameters["weights"], parameters["beta"])
    if design.terms is not None:
        centre += parameters["own"] @ design.terms.columns.T
    return centre, variance


def _weighted_donors(parameters: Mapping[str, FloatArray], design: Design) -> tuple[FloatArray, FloatArray]:
    """Return Σ w x̃ and Σ w² V."""
    weights = parameters["weights"]
    if design.donor_precision is None:
        centre = weights @ design.X.T
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
    return centre, variance
