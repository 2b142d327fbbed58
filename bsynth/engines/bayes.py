"""The Bayesian engine: one PyMC builder, compiled once per structure, sampled by nutpie.

The model of the treated series over the pre-period, all on the scale of `bsynth.model.design`::

    y_t = a + Σ_j w_j x_jt + u_t + ε_t,    w on the simplex,  a ~ N(0, s_a²),  ε_t ~ N(0, σ²) or Student-t

With known cell variance the donors are latent (x_jt = c_j + d_t + e_jt, about their own pre-period means, so that a
treated unit far from all of them costs the level nothing) and integrate out exactly: with precision ρ_jt of an observed
cell and reliability λ_jt = σ_e² ρ_jt / (1 + σ_e² ρ_jt) ::

    x̃_jt = c_j + d_t + λ_jt (X_jt − c_j − d_t),    V_jt = σ_e² / (1 + σ_e² ρ_jt)
    y_t ~ N(a + Σ_j w_j x̃_jt,  σ² + Σ_j w_j² V_jt + v0_t)

Level and drift integrate out too: given the rest, r = y − Σ w x̃ is N(0, s_a² 11' + D) without a drift and
N(0, s_a² 11' + D + K) with it, and a switch of prior probability π mixes the two,

    p(y) = (1 − π) N(r; 0, s_a² 11' + D) + π N(r; 0, s_a² 11' + D + K(q, ρ)).

A drift that may be an AR(1) or a walk is a mixture of its forms in the place of the second density.
All of them share the scale of the residual; the share of it that is drift is sampled, and σ and q follow.

Covariates that vary in time add (z_0t − Σ_j w_j z_jt)′β to the mean, β ~ N(0, s_β²). Static predictors are
further rows that the same weights should match, p_k0 ~ N(Σ_j w_j p_kj, .25² + s²).

Options that only change a number are data of the graph, so a handful of compiled structures serve every
model. This is the only module that imports PyMC.
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

from bsynth._base.types import FloatArray
from bsynth.engines import densities, drift, predict
from bsynth.engines.sampling import Sampling
from bsynth.errors import FitError
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec

PREDICTOR_ERROR = 0.25
"""Least sd of a predictor row, in sd over units. Were s free to vanish, an exact match would be a spike of the
density that chains cannot cross."""

_MAX_LOGIT = 690.0
"""exp(690) is still finite: π = 0 is exact in double precision and the gradient stays defined."""


@dataclass(frozen=True)
class Structure:
    """What decides the graph; everything else is data."""

    known: bool
    softmax: bool
    student: bool
    drift: str
    """"none"; "rotated": walk or AR(1) over exact cells, diagonal in fixed bases; else the process, by Cholesky."""
    covariates: int = 0
    """Number of time-varying covariates."""
    predictors: bool = False


def structure(design: Design, spec: ModelSpec) -> Structure:
    """Return the structure that a design and a specification share with others."""
    process = spec.drift.process
    rotated = process not in ("none", "local-trend") and not design.known_variance
    return Structure(
        known=design.known_variance,
        softmax=spec.weights.prior == "softmax-normal",
        student=spec.noise.distribution == "student-t",
        drift="rotated" if rotated else process,
        covariates=0 if design.movements is None else len(design.movements.names),
        predictors=design.predictors is not None,
    )


def inputs(design: Design, spec: ModelSpec) -> dict[str, Any]:
    """Return the data of the graph: arrays and prior scales, everything but sizes and structure."""
    form = structure(design, spec)
    pre = slice(0, design.n_pre)
    n_donors = design.X.shape[1]
    empty = ((0, 0), (0, design.capacity - n_donors))
    shared: dict[str, Any] = {
        "y_pre": design.y[pre],
        "level_sd": predict.level_sd(design, spec),
        "noise_sd": float(spec.noise.sd),
        "taken": (np.arange(design.capacity) < n_donors).astype(float),
    }
    if form.softmax:
        shared["score_sd"] = float(spec.weights.sd)
    elif spec.weights.alpha == "averaged":
        raise ValueError("an averaged alpha is fitted one concentration at a time")
    else:
        shared["alpha"] = float(spec.weights.alpha)
    if form.student:
        shared["degrees"] = float(spec.noise.degrees)
    shared |= _drift_inputs(design, spec, form.drift) | _covariate_inputs(design, spec)
    if design.donor_precision is None:
        return shared | {"X_pre": np.pad(design.X[pre], empty)}
    beyond = ((0, design.room - design.y.size), empty[1])
    return shared | {
        "X": np.pad(design.X, beyond),
        "in_panel": (np.arange(design.room) < design.y.size).astype(float),
        "donor_precision": np.pad(design.donor_precision, beyond),
        "treated_variance": design.treated_variance[pre],
        "treated_seen": design.treated_seen[pre],
        "donor_level_sd": np.pad(predict.donor_level_sd(design, spec), empty[1]),
        "period_sd": float(spec.cells.period_sd),
        "donor_noise_sd": float(spec.cells.donor_noise_sd),
    }


def _covariate_inputs(design: Design, spec: ModelSpec) -> dict[str, Any]:
    empty, sd = (0, design.capacity - design.X.shape[1]), float(spec.covariates.sd)
    if design.movements is not None:
        pre, found = slice(0, design.n_pre), design.movements
        donors = np.pad(found.donors[:, pre], ((0, 0), (0, 0), empty))
        return {"z_treated": found.treated[pre], "z_donors": donors, "beta_sd": sd}
    if design.predictors is not None:
        rows = design.predictors
        donors = np.pad(rows.donors, ((0, 0), empty))
        return {"p_treated": rows.treated, "p_donors": donors, "predictor_sd": sd}
    return {}


def _drift_inputs(design: Design, spec: ModelSpec, form: str) -> dict[str, Any]:
    if form == "none":
        return {}
    with np.errstate(divide="ignore"):
        logit = np.log(spec.drift.probability) - np.log1p(-spec.drift.probability)
    before = design.positions[: design.n_pre]
    found = drift.forms(spec.drift, before, summed=form == "rotated")
    shared: dict[str, Any] = {
        "logit_pi": float(np.clip(logit, -_MAX_LOGIT, _MAX_LOGIT)),
        "always": float(spec.drift.probability == 1.0),
        "drift_sd": found.sd,
        "reach": found.reach,
        "log_form": found.log_prior,
    }
    if form == "rotated":
        values, vectors = drift.bases(tuple(found.rho), tuple(before.tolist()))
        rotations = np.swapaxes(vectors, 1, 2).reshape(-1, design.n_pre)
        return shared | {"eigenvalues": values, "rotations": rotations, "rotated_ones": vectors.sum(axis=1)}
    if form == "local-trend":
        shared |= {"integrated": drift.integrated_walk(before), "slope_sd": float(spec.drift.slope_sd)}
    if form in ("ar1", "ar1-or-walk"):
        shared |= {"lags": drift.lags(before).astype(np.int64)}
    return shared | ({} if form == "ar1" else {"walk": drift.walk(before)})


def build(design: Design, spec: ModelSpec) -> pm.Model:
    """Return the PyMC model; its data can be swapped for any panel of the same sizes.

    Dirichlet weights are normalised Gamma(α, 1) variables: the same prior, without the funnels of the
    simplex transform (Prop 99: 0 divergences against 114).
    """
    slots = design.capacity
    form = structure(design, spec)
    with pm.Model(check_bounds=False) as model:
        data = {name: pm.Data(name, value) for name, value in inputs(design, spec).items()}
        if form.softmax:
            scores = data["score_sd"] * pm.Normal("score_z", shape=slots)
            positive = pt.exp(scores - scores.max()) * data["taken"]
        else:
            positive = pm.Gamma("gamma", alpha=data["alpha"], beta=1.0, shape=slots) * data["taken"]
        weights = positive / positive.sum()
        total2 = (data["noise_sd"] * pm.HalfNormal("total_z")) ** 2
        if form.known:
            centre, cells = _latent_donors(data, weights, (design.room, slots))
            seen = data["treated_seen"]
        else:
            centre, cells = data["X_pre"] @ weights, pt.zeros_like(data["y_pre"])
            seen = pt.ones_like(data["y_pre"])
        if form.covariates:
            beta = data["beta_sd"] * pm.Normal("beta_z", shape=form.covariates)
            moved = data["z_treated"] - pt.dot(data["z_donors"], weights).T
            centre = centre + moved @ beta
        if form.predictors:
            _predictor_likelihood(data, weights)
        residual = data["y_pre"] - centre
        _treated_likelihood(data, form, residual, cells, seen, total2)
    return model


def _predictor_likelihood(data: Mapping[str, Any], weights: pt.TensorVariable) -> None:
    """Add the log density of the predictor rows, up to constants."""
    gap = data["p_treated"] - data["p_donors"] @ weights
    scale2 = PREDICTOR_ERROR**2 + (data["predictor_sd"] * pm.HalfNormal("predictor_z")) ** 2
    pm.Potential("predictors", -0.5 * (gap**2 / scale2 + pt.log(scale2)).sum())


def _treated_likelihood(
    data: Mapping[str, Any],
    form: Structure,
    residual: pt.TensorVariable,
    cells: pt.TensorVariable,
    seen: pt.TensorVariable,
    total2: pt.TensorVariable,
) -> None:
    """Add the log density of the treated pre-period, up to constants; ``cells`` is the known variance of a period."""
    if form.student:
        residual = residual - data["level_sd"] * pm.Normal("level_z")
        df = data["degrees"]
        terms = -0.5 * (df + 1) * pt.log1p(residual**2 / (df * total2)) - 0.5 * pt.log(total2)
        pm.Potential("treated", terms.sum())
        return
    alone = total2 + cells
    without = densities.diagonal(residual, seen, seen, alone, data["level_sd"])
    if form.drift == "none":
        pm.Potential("treated", without)
        return
    share = pm.Beta("share", 0.5, 0.5)
    sigma2, drift2 = (1 - share) * total2, share * total2 / data["reach"]
    if form.drift == "rotated":
        spectrum = sigma2 + drift2[:, None] * data["eigenvalues"]
        rotated = (data["rotations"] @ residual).reshape(spectrum.shape)
        terms = densities.diagonal(rotated, data["rotated_ones"], pt.ones_like(spectrum), spectrum, data["level_sd"])
    else:
        terms = _dense(data, form.drift, drift2, residual, sigma2 + cells, seen)
    terms = terms + densities.share_density(total2, sigma2, drift2, data) + data["log_form"]
    with_drift = pt.logsumexp(terms)
    logit = data["logit_pi"]
    mixed = without + pt.softplus(with_drift - without + logit) - pt.softplus(logit)
    # π = 1 needs its own branch: far from the mode the mixture would fall back on the component without drift.
    pm.Potential("treated", pt.switch(pt.gt(data["always"], 0.5), with_drift, mixed))


def _dense(
    data: Mapping[str, Any],
    process: str,
    drift2: pt.TensorVariable,
    residual: pt.TensorVariable,
    variance: pt.TensorVariable,
    seen: pt.TensorVariable,
) -> pt.TensorVariable:
    """Log density of N(0, level_sd² 1 1' + D + K) of each form, in the order of `bsynth.engines.drift.forms`."""
    shapes = []
    if process in ("ar1", "ar1-or-walk"):
        shapes.append(densities.powers(pm.Beta("rho", 2.0, 2.0), data["lags"]))
    if process != "ar1":
        shapes.append(data["walk"])
    slopes = 0.0
    if process == "local-trend":
        slopes = (data["slope_sd"] * pm.HalfNormal("slope_z")) ** 2 * data["integrated"]
    return pt.stack(
        [
            densities.normal(data["level_sd"] ** 2 + drift2[g] * shape + slopes, residual, variance, seen)
            for g, shape in enumerate(shapes)
        ]
    )


def _latent_donors(
    data: Mapping[str, Any], weights: pt.TensorVariable, shape: tuple[int, ...]
) -> tuple[pt.TensorVariable, pt.TensorVariable]:
    """Add the donors' likelihood; return Σ w x̃ and Σ w² V + v0, the variance known of each pre-period."""
    n_times, n_donors = shape
    X, precision = data["X"], data["donor_precision"]
    donor_level = data["donor_level_sd"] * pm.Normal("donor_z", shape=n_donors)
    rho = pm.Beta("period_rho", 2.0, 2.0)
    period = (
        data["period_sd"]
        * pm.HalfNormal("period_sd_z")
        * densities.persistent(rho, pm.Normal("period_z", shape=n_times), data["in_panel"])
    )
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
    return latent @ weights, latent_variance @ weights**2 + data["treated_variance"]


_compiled: dict[tuple[Structure, int, int], Any] = {}
"""Compiled structures of this process, with the sizes that the parameters depend on."""


def compile_structure(design: Design, spec: ModelSpec) -> Any:
    """Return the compiled model of this structure and size, holding this design's data."""
    key = (structure(design, spec), design.capacity, design.room if design.known_variance else 0)
    if key not in _compiled:
        _compiled[key] = nutpie.compile_pymc_model(build(design, spec))
    return _compiled[key].with_data(**inputs(design, spec))


def sample(design: Design, spec: ModelSpec, sampling: Sampling, seed: int) -> xr.DataTree:
    """Draw from the posterior on the design's scale; the tree holds the raw variables of the graph.

    ``seed`` is this attempt's own, and stands in the place of ``sampling.seed``.
    """
    compiled = compile_structure(design, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree: xr.DataTree = nutpie.sample(
                compiled,
                draws=sampling.draws,
                tune=sampling.tune,
                chains=sampling.chains,
                cores=None,
                target_accept=sampling.target_accept,
                seed=seed,
                progress_bar=False,
                save_warmup=False,
            )
        except RuntimeError as error:
            raise FitError(f"the sampler stopped: {error}; check the panel for extreme values") from error
    return tree


def parameters(tree: xr.DataTree, design: Design, spec: ModelSpec) -> dict[str, FloatArray]:
    """Return the model's parameters on the design's scale, each (chain, draw, ...).

    Keys: ``weights``; ``total``, the noise of a draw without drift; with a drift ``share`` (and ``slope_sd``, or
    ``rho`` where it is not summed out); ``level`` where it is not integrated out; with known cell variance
    ``donor_level``, ``period``, ``donor_noise``; with covariates ``beta`` or ``predictor_sd``.
    """
    raw = {str(name): np.asarray(values) for name, values in tree["posterior"].items()}
    data = inputs(design, spec)
    taken = slice(0, design.X.shape[1])
    if "gamma" in raw:
        weights = raw["gamma"][..., taken]
    else:
        scores = data["score_sd"] * raw["score_z"][..., taken]
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    found = {
        "weights": weights,
        "total": data["noise_sd"] * raw["total_z"],
    }
    if "level_z" in raw:
        found["level"] = data["level_sd"] * raw["level_z"]
    if "share" in raw:
        found["share"] = raw["share"]
    if "rho" in raw:
        found["rho"] = raw["rho"]
    if spec.drift.process == "local-trend":
        found["slope_sd"] = data["slope_sd"] * raw["slope_z"]
    if design.movements is not None:
        found["beta"] = data["beta_sd"] * raw["beta_z"]
    if design.predictors is not None:
        found["predictor_sd"] = data["predictor_sd"] * raw["predictor_z"]
    if not design.known_variance:
        return found
    period = drift.persistent(raw["period_rho"], raw["period_z"][..., : design.y.size])
    return found | {
        "donor_level": (data["donor_level_sd"] * raw["donor_z"])[..., taken],
        "period": data["period_sd"] * raw["period_sd_z"][..., None] * period,
        "donor_noise": data["donor_noise_sd"] * raw["donor_noise_sd_z"],
    }
