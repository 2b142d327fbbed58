"""The Bayesian engine: one PyMC builder, compiled once per structure, sampled by nutpie.

The model of the treated series over the pre-period, all on the scale of `bsynth.design`::

    y_t = a + Σ_j w_j x_jt + ε_t,    w ~ Dirichlet(α),  a ~ N(0, s_a²),  ε_t ~ N(0, σ²)

With known cell variance the donors are latent (x_jt = c_j + d_t + e_jt) and integrate out exactly:
with precision ρ_jt of an observed cell and reliability λ_jt = σ_e² ρ_jt / (1 + σ_e² ρ_jt) ::

    x̃_jt = c_j + d_t + λ_jt (X_jt − c_j − d_t),    V_jt = σ_e² / (1 + σ_e² ρ_jt)
    y_t ~ N(a + Σ_j w_j x̃_jt,  σ² + Σ_j w_j² V_jt + v0_t)

This is the only module that imports PyMC.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from bsynth._types import FloatArray
from bsynth.design import Design
from bsynth.errors import FitError
from bsynth.spec import ModelSpec

_compiled: dict[tuple[str, int, int], Any] = {}
"""Compiled structures of this process, by name and the sizes that the parameters depend on."""


@dataclass(frozen=True)
class Sampler:
    """Settings of the sampler: ``draws`` kept and ``tune`` discarded per chain."""

    draws: int = 1000
    tune: int = 600
    chains: int = 4
    target_accept: float = 0.9
    cores: int | None = None

    def stricter(self) -> "Sampler":
        """Return the settings of the one retry after a failed convergence gate."""
        return Sampler(self.draws * 2, self.tune * 3, self.chains, 0.99, self.cores)


def inputs(design: Design, spec: ModelSpec) -> dict[str, Any]:
    """Return the data of the graph: arrays and prior scales, everything but sizes and structure.

    Options that only change a number (no level is a level with scale zero) live here, so they
    share one compiled structure.
    """
    pre = slice(0, design.n_pre)
    shared: dict[str, Any] = {
        "y_pre": design.y[pre],
        "alpha": float(spec.weights.alpha),
        "level_sd": float(spec.level.sd) if spec.level.prior == "shift" else 0.0,
        "noise_sd": float(spec.noise.sd),
    }
    if design.donor_precision is None:
        return shared | {"X_pre": design.X[pre]}
    assert design.treated_variance is not None
    assert design.treated_seen is not None
    return shared | {
        "X": design.X,
        "donor_precision": design.donor_precision,
        "treated_variance": design.treated_variance[pre],
        "treated_seen": design.treated_seen[pre],
        "donor_level_sd": float(spec.cells.donor_level_sd),
        "period_sd": float(spec.cells.period_sd),
        "donor_noise_sd": float(spec.cells.donor_noise_sd),
        "grand_mean_sd": 5.0 * float(spec.cells.donor_level_sd),
    }


def build(design: Design, spec: ModelSpec) -> pm.Model:
    """Return the PyMC model; its data can be swapped for any panel of the same sizes.

    Weights are normalised Gamma(α, 1) variables: the same Dirichlet, without the funnels of the
    simplex transform (Prop 99: 0 divergences against 114).
    """
    n_donors = design.X.shape[1]
    with pm.Model(check_bounds=False) as model:
        data = {name: pm.Data(name, value) for name, value in inputs(design, spec).items()}
        gamma = pm.Gamma("gamma", alpha=data["alpha"], beta=1.0, shape=n_donors)
        level_z = pm.Normal("level_z")
        sigma_z = pm.HalfNormal("sigma_z")
        weights = gamma / gamma.sum()
        level = data["level_sd"] * level_z
        sigma2 = (data["noise_sd"] * sigma_z) ** 2
        if design.known_variance:
            _known_variance(data, weights, level, sigma2, design.X.shape)
        else:
            mean = level + data["X_pre"] @ weights
            pm.Potential("treated", _normal(data["y_pre"] - mean, sigma2).sum())
    return model


def _normal(residual: pt.TensorVariable, variance: pt.TensorVariable) -> pt.TensorVariable:
    """Log density of N(0, variance) up to the constant −½ log 2π."""
    return -0.5 * (residual**2 / variance + pt.log(variance))


def _known_variance(
    data: Mapping[str, Any],
    weights: pt.TensorVariable,
    level: pt.TensorVariable,
    sigma2: pt.TensorVariable,
    shape: tuple[int, ...],
) -> None:
    """Add the donors' latent cells and both likelihoods, cells integrated out."""
    n_times, n_donors = shape
    X, precision = data["X"], data["donor_precision"]
    grand = data["grand_mean_sd"] * pm.Normal("grand_z")
    donor_level = grand + data["donor_level_sd"] * pm.HalfNormal("donor_level_sd_z") * pm.Normal(
        "donor_z", shape=n_donors
    )
    period = data["period_sd"] * pm.HalfNormal("period_sd_z") * pm.Normal("period_z", shape=n_times)
    noise2 = (data["donor_noise_sd"] * pm.HalfNormal("donor_noise_sd_z")) ** 2
    smooth = donor_level[None, :] + period[:, None]
    residual = X - smooth
    inflation = 1.0 + noise2 * precision
    # Variance of an observed cell is σ_e² + 1/ρ = inflation/ρ; an empty cell (ρ = 0) drops out.
    seen = pt.gt(precision, 0)
    donors = -0.5 * (precision * residual**2 / inflation + pt.log(inflation) * seen)
    pm.Potential("donors", donors.sum())
    n_pre = data["y_pre"].shape[0]
    latent = (smooth + noise2 * precision / inflation * residual)[:n_pre]
    latent_variance = (noise2 / inflation)[:n_pre]
    variance = sigma2 + latent_variance @ weights**2 + data["treated_variance"]
    treated = _normal(data["y_pre"] - level - latent @ weights, variance)
    pm.Potential("treated", (treated * data["treated_seen"]).sum())


def compile_structure(design: Design, spec: ModelSpec) -> Any:
    """Return the compiled model of this structure and size, holding this design's data."""
    n_times, n_donors = design.X.shape
    key = ("known", n_donors, n_times) if design.known_variance else ("exact", n_donors, 0)
    if key not in _compiled:
        _compiled[key] = nutpie.compile_pymc_model(build(design, spec))
    return _compiled[key].with_data(**inputs(design, spec))


def sample(design: Design, spec: ModelSpec, sampler: Sampler, seed: int) -> xr.DataTree:
    """Draw from the posterior on the design's scale; the tree holds the raw variables of the graph."""
    compiled = compile_structure(design, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree: xr.DataTree = nutpie.sample(
                compiled,
                draws=sampler.draws,
                tune=sampler.tune,
                chains=sampler.chains,
                cores=sampler.cores,
                target_accept=sampler.target_accept,
                seed=seed,
                progress_bar=False,
                save_warmup=False,
            )
        except RuntimeError as error:
            raise FitError(f"the sampler stopped: {error}; check the panel for extreme values") from error
    return tree


def parameters(tree: xr.DataTree, design: Design, spec: ModelSpec) -> dict[str, FloatArray]:
    """Return the model's parameters on the design's scale, each (chain, draw, ...).

    Keys: ``weights``, ``level``, ``sigma`` and, with known cell variance, ``donor_level``,
    ``period``, ``donor_noise``.
    """
    raw = {str(name): np.asarray(values) for name, values in tree["posterior"].items()}
    data = inputs(design, spec)
    gamma = raw["gamma"]
    found = {
        "weights": gamma / gamma.sum(axis=-1, keepdims=True),
        "level": data["level_sd"] * raw["level_z"],
        "sigma": data["noise_sd"] * raw["sigma_z"],
    }
    if not design.known_variance:
        return found
    grand = data["grand_mean_sd"] * raw["grand_z"][..., None]
    return found | {
        "donor_level": grand + data["donor_level_sd"] * raw["donor_level_sd_z"][..., None] * raw["donor_z"],
        "period": data["period_sd"] * raw["period_sd_z"][..., None] * raw["period_z"],
        "donor_noise": data["donor_noise_sd"] * raw["donor_noise_sd_z"],
    }
