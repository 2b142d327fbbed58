"""The model as a PyMC graph: what defines it, for prior draws, any PyMC sampler, and the judge of the compiled density.

The equations are those of `bsynth.engines.bayes`. Options that only change a number are data of the graph, so a
handful of compiled structures serve every model. This is the only module that imports PyMC.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt

from bsynth.engines import densities, drift
from bsynth.engines.draws import Draws
from bsynth.engines.sampling import Sampling
from bsynth.engines.structure import PREDICTOR_ERROR, Structure, inputs, structure
from bsynth.errors import FitError
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec

_HALF, _TWO = np.float64(0.5), np.float64(2.0)
"""PyTensor takes plain numbers that single precision holds as such, and their Γ in single precision is off by 1e-8."""


def graph_data(design: Design, spec: ModelSpec) -> dict[str, Any]:
    """Return the data of the graph: those of every engine, and what this form of the drift's density needs."""
    form = structure(design, spec).drift
    data = _padded(inputs(design, spec), design)
    found = data.pop("forms", None)
    if found is None:
        return data
    data |= {"drift_sd": found.sd, "reach": found.reach, "log_form": found.log_prior}
    before = design.positions[: design.n_pre]
    if form == "rotated":
        values, vectors = drift.bases(tuple(found.rho), tuple(before.tolist()))
        rotations = np.swapaxes(vectors, 1, 2).reshape(-1, design.n_pre)
        return data | {"eigenvalues": values, "rotations": rotations, "rotated_ones": vectors.sum(axis=1)}
    if form in ("ar1", "ar1-or-walk"):
        data |= {"lags": drift.lags(before).astype(np.int64)}
    return data | ({} if form == "ar1" else {"walk": drift.walk(before)})


def _padded(data: dict[str, Any], design: Design) -> dict[str, Any]:
    """Make room for the donors and periods that the design asks for; ``taken`` and ``in_panel`` say which are there."""
    n_donors, n_times = design.X.shape[1], design.y.size
    donors = (0, design.capacity - n_donors)
    both = ((0, design.room - n_times), donors)
    widths: dict[str, Any] = {
        "X_pre": ((0, 0), donors),
        "z_donors": ((0, 0), (0, 0), donors),
        "p_donors": ((0, 0), donors),
        "X": both,
        "donor_precision": both,
        "donor_level_sd": donors,
    }
    padded = {name: np.pad(data[name], width) for name, width in widths.items() if name in data}
    masks = {"taken": (np.arange(design.capacity) < n_donors).astype(float)}
    if design.known_variance:
        masks["in_panel"] = (np.arange(design.room) < n_times).astype(float)
    return data | padded | masks


def build(design: Design, spec: ModelSpec) -> pm.Model:
    """Return the PyMC model; its data can be swapped for any panel of the same sizes.

    Dirichlet weights are normalised Gamma(α, 1) variables: the same prior, without the funnels of the
    simplex transform (Prop 99: 0 divergences against 114).
    """
    slots = design.capacity
    form = structure(design, spec)
    with pm.Model(check_bounds=False) as model:
        data = {name: pm.Data(name, value) for name, value in graph_data(design, spec).items()}
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
        if form.terms:
            centre = centre + data["own_columns"] @ pm.Normal("own_z", shape=form.terms)
        if form.predictors:
            _predictor_likelihood(data, weights)
        residual = data["y_pre"] - centre
        _treated_likelihood(data, form, residual, cells, seen, total2, design.n_pre)
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
    n_pre: int,
) -> None:
    """Add the log density of the treated pre-period, up to constants; ``cells`` is the known variance of a period."""
    if form.student:
        residual = residual - data["level_sd"] * pm.Normal("level_z")
        df = data["degrees"]
        terms = -0.5 * (df + 1) * pt.log1p(residual**2 / (df * total2)) - 0.5 * pt.log(total2)
        pm.Potential("treated", terms.sum())
        return
    kappa = 1.0
    if form.mixture:
        half = data["degrees"] / 2
        kappa = 1 / pm.Gamma("period_precision", alpha=half, beta=half, shape=n_pre)
    alone = total2 * kappa + cells
    without = densities.diagonal(residual, seen, seen, alone, data["level_sd"])
    if form.drift == "none":
        pm.Potential("treated", without)
        return
    share = pm.Beta("share", _HALF, _HALF)
    sigma2, drift2 = (1 - share) * total2, share * total2 / data["reach"]
    if form.drift == "rotated":
        spectrum = sigma2 + drift2[:, None] * data["eigenvalues"]
        rotated = (data["rotations"] @ residual).reshape(spectrum.shape)
        terms = densities.diagonal(rotated, data["rotated_ones"], pt.ones_like(spectrum), spectrum, data["level_sd"])
    else:
        terms = _dense(data, form.drift, drift2, residual, sigma2 * kappa + cells, seen)
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
        shapes.append(densities.powers(pm.Beta("rho", _TWO, _TWO), data["lags"]))
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
    rho = pm.Beta("period_rho", _TWO, _TWO)
    series = densities.persistent(rho, pm.Normal("period_z", shape=n_times), data["in_panel"])
    # Half-normal is the sd of the law that the series is from. What data pin down is the spread that it has: sampled
    # in its place, no value of the sd asks for another length of the innovations.
    spread = densities.spread(series, data["in_panel"])
    period = data["period_sd"] * pm.HalfNormal("period_spread_z", sigma=spread) * series / spread
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


_compiled: dict[tuple[Structure, int, int, int], Any] = {}
"""Compiled structures of this process, with the sizes that the parameters depend on."""


def compile_structure(design: Design, spec: ModelSpec) -> Any:
    """Return the compiled model of this structure and size, holding this design's data."""
    form = structure(design, spec)
    key = (form, design.capacity, design.room if form.known else 0, design.n_pre if form.mixture else 0)
    if key not in _compiled:
        _compiled[key] = nutpie.compile_pymc_model(build(design, spec))
    return _compiled[key].with_data(**graph_data(design, spec))


def sample(design: Design, spec: ModelSpec, sampling: Sampling, seed: int) -> Draws:
    """Draw from the posterior on the design's scale by nutpie on the graph."""
    compiled = compile_structure(design, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = nutpie.sample(
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
    stats = {str(name): np.asarray(found) for name, found in tree["sample_stats"].items()}
    return Draws(
        {str(name): np.asarray(values) for name, values in tree["posterior"].items()},
        {name: values for name, values in stats.items() if values.dtype != object},
    )
