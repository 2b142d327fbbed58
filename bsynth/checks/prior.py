"""The prior of a fit: draws of it, and its log density at the posterior draws."""

from dataclasses import replace

import numpy as np
import xarray as xr

from bsynth._base.types import FloatArray
from bsynth.checks.base import Case
from bsynth.checks.replicates import cell_variance, draw_departures
from bsynth.engines import predict

DRAWS = 2000


def is_simple(case: Case) -> bool:
    """Whether the prior can be drawn here: a concentration averaged over a grid cannot."""
    return case.spec.weights.prior == "softmax-normal" or case.spec.weights.alpha != "averaged"


def draw_prior(case: Case, rng: np.random.Generator, draws: int = DRAWS) -> dict[str, FloatArray]:
    """Draw (draws, ...) parameters from the prior, on the design's scale, as the engine names them."""
    spec, n_donors = case.spec, case.panel.n_donors
    if spec.weights.prior == "softmax-normal":
        scores = spec.weights.sd * rng.standard_normal((draws, n_donors))
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
    else:
        assert spec.weights.alpha != "averaged"
        weights = rng.dirichlet(np.full(n_donors, spec.weights.alpha), size=draws)
    found = {
        "weights": weights,
        "level": predict.level_sd(case.design, spec) * rng.standard_normal(draws),
        "sigma": spec.noise.sd * np.abs(rng.standard_normal(draws)),
    }
    if (moves := case.design.movements) is not None:
        found["beta"] = spec.covariates.sd * rng.standard_normal((draws, len(moves.names)))
    if case.design.terms is not None:
        found["own"] = rng.standard_normal((draws, case.design.terms.size))
    if spec.drift.process == "none":
        return found
    rho = np.ones(draws) if spec.drift.process in ("walk", "local-trend") else rng.beta(2.0, 2.0, size=draws)
    if spec.drift.process == "ar1-or-walk":
        rho[rng.random(draws) < spec.drift.walk] = 1.0
    return found | {
        "drift_sd": spec.drift.scale_at(rho) * np.abs(rng.standard_normal(draws)),
        "slope_sd": spec.drift.slope_sd * np.abs(rng.standard_normal(draws)),
        "rho": rho,
        "drifting": (rng.random(draws) < spec.drift.probability).astype(float),
    }


def draw_untreated(case: Case, rng: np.random.Generator, draws: int = DRAWS) -> FloatArray:
    """Draw the untreated series (draws, T) of every period from the prior, through the donors as observed.

    The drift runs through from the first period. Cell variance enters the pre-period, where it is known of
    both sides; afterwards the treated cells' own variance does.
    """
    design, found = case.design, draw_prior(case, rng, draws)
    cells = np.broadcast_to(design.treated_variance, (draws, design.y.size)).copy()
    cells[:, : design.n_pre] = cell_variance(design, found["weights"])
    centre, _ = predict.linear_predictor(found, replace(design, donor_precision=None))
    departures = draw_departures(found, cells, design.positions, case.spec, rng)
    return np.asarray(centre + found["level"][:, None] + departures)


def log_prior(case: Case) -> xr.Dataset:
    """Return the log prior density (chain, draw), up to constants, one variable per piece of the model.

    The density of the weights is that of their log ratios: there Dirichlet(α) to the power κ is
    Dirichlet(κα), so that power-scaling asks how the effect moves with the concentration. On the simplex
    itself a flat prior is a constant and no power could show what it does. Likewise N(0, s²) becomes
    N(0, s²/κ). Latent donor cells and the drift switch are left as they are.
    """
    spec, scale = case.spec, case.design.scale
    posterior = case.fit.tree["posterior"].to_dataset()
    log_weights: xr.DataArray = xr.apply_ufunc(np.log, posterior["weights"].clip(min=np.finfo(float).tiny))
    if spec.weights.prior == "softmax-normal":
        scores = (log_weights - log_weights.mean("donor")) / spec.weights.sd
        weights = -0.5 * (scores**2).sum("donor")
    else:
        weights = float(spec.weights.alpha) * log_weights.sum("donor")
    pieces = {"weights": weights, "noise": _half_normal(posterior["sigma"], scale * spec.noise.sd)}
    if (sd := predict.level_sd(case.design, spec)) > 0:
        pieces["level"] = _half_normal(posterior["level_shift"], scale * sd)
    if "donor_noise" in posterior:
        pieces["donor noise"] = _half_normal(posterior["donor_noise"], scale * spec.cells.donor_noise_sd)
    if (moves := case.design.movements) is not None:
        beta = posterior["beta"] * moves.scale / scale
        pieces["covariates"] = _half_normal(beta, spec.covariates.sd).sum("covariate")
    if "predictor_sd" in posterior:
        pieces["predictors"] = _half_normal(posterior["predictor_sd"], spec.covariates.sd)
    if "season" in posterior:
        # Each phase has sd s, and P of them P − 1 directions.
        share = 1 - 1 / posterior.sizes["phase"]
        pieces["season"] = share * _half_normal(posterior["season"], scale * spec.season.sd).sum("phase")
    if "own_slope" in posterior:
        pieces["slope"] = _half_normal(posterior["own_slope"], scale * spec.trend.sd)
    if "drift_sd" in posterior:
        rho = posterior["rho"] if "rho" in posterior else xr.ones_like(posterior["drift_sd"])
        pieces["drift"] = _half_normal(posterior["drift_sd"], scale * spec.drift.scale_at(rho))
        if "slope_sd" in posterior:
            pieces["drift"] = pieces["drift"] + _half_normal(posterior["slope_sd"], scale * spec.drift.slope_sd)
        # A walk, where ρ is 1, has no ρ to which a prior applies.
        moving = rho.where(rho < 1, 0.5)
        pieces["drift"] = pieces["drift"] + (rho < 1) * np.log(moving * (1 - moving))
        # A draw without drift has no scale to which a prior applies. Half a unit a scale is what normalising
        # N(0, s²/κ) adds per log κ, so that scaling the prior does not tip the switch by itself.
        scales = 1 + ("slope_sd" in posterior)
        pieces["drift"] = posterior["drifting"] * (pieces["drift"] + 0.5 * scales)
    return xr.Dataset(pieces)


def _half_normal(values: xr.DataArray, sd: float) -> xr.DataArray:
    """Log density of N(0, sd²), or of its positive half, up to a constant."""
    return -0.5 * (values / sd) ** 2
