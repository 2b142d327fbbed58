"""The Bayesian verb: panel × model → plan → `Fit`."""

import importlib.metadata
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth import averaging, effects
from bsynth._progress import status
from bsynth._request import check_seed, check_whole
from bsynth._types import FloatArray
from bsynth.catalogue import DEFAULT, choose_model
from bsynth.degenerate import no_posterior
from bsynth.design import Design, make_design
from bsynth.diagnostics import Diagnostics, gate
from bsynth.engines import predict
from bsynth.errors import PanelError, SpecError, UnreliableWarning
from bsynth.given import require_panel
from bsynth.panel import Panel
from bsynth.result import Fit, Provenance
from bsynth.spec import ModelSpec

if TYPE_CHECKING:
    from bsynth.engines.bayes import Sampler

PACKAGES = ("bsynth", "pymc", "nutpie", "arviz", "numpy", "scipy", "pandas", "xarray")


@dataclass(frozen=True, eq=False)
class Plan:
    """What a fit will do, decided and validated before the first draw."""

    panel: Panel
    spec: ModelSpec
    reason: str
    design: Design
    draws: int
    tune: int
    chains: int
    target_accept: float
    seed: int

    @property
    def lacks(self) -> str | None:
        """Why there is no posterior to sample, in words; None when there is one."""
        return no_posterior(self.panel, self.design, self.spec)

    def __str__(self) -> str:
        panel = self.panel
        return (
            f"{self.spec.title} ({self.spec.name}) on {panel.treated_name}: {panel.n_donors} donors, "
            f"{panel.n_pre} pre and {panel.n_post} post periods; "
            f"{self.chains} chains × {self.draws} draws after {self.tune} of tuning, seed {self.seed}. {self.reason}"
        )


def plan(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    draws: int = 1000,
    tune: int = 600,
    chains: int = 4,
    target_accept: float = 0.9,
    seed: int = 0,
    slots: int = 0,
    periods: int = 0,
) -> Plan:
    """Validate a request and return what `fit` would do; nothing is sampled.

    Parameters as `fit`; ``slots`` and ``periods`` make room for more donors and periods than the panel has,
    so that plans for panels that differ by a few share one compiled model.
    """
    require_panel(panel)
    for name, value, least in (("draws", draws, 100), ("tune", tune, 100), ("chains", chains, 2)):
        check_whole(value, name, least, "the convergence gate needs them")
    if not 0.5 <= target_accept < 1:
        raise SpecError(f"target_accept is {target_accept}; give a number from 0.5 to below 1, such as 0.9")
    check_seed(seed)
    choice = choose_model(panel, model)
    design = make_design(panel, choice.spec, slots=slots, periods=periods)
    return Plan(panel, choice.spec, choice.reason, design, draws, tune, chains, target_accept, seed)


def fit(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    draws: int = 1000,
    tune: int = 600,
    chains: int = 4,
    target_accept: float = 0.9,
    seed: int = 0,
    progress: bool = True,
) -> Fit:
    """Fit a Bayesian synthetic control and return the posterior counterfactual.

    Parameters
    ----------
    panel : Panel
    model : str, path or ModelSpec
        A name of the catalogue, a ``model.toml`` or its folder. Where a model's cells are ``auto``, as the
        default's, a panel built from rows is fitted with known cell variance; ``fit.provenance.reason`` says so.
    draws, tune, chains : int
        Draws kept and discarded per chain.
    target_accept : float
        Acceptance rate that step-size adaptation aims at.
    seed : int
        The same seed gives the same draws.
    progress : bool
        Show a status line while compiling and sampling.

    Returns
    -------
    Fit
        With ``status`` ``"unreliable"``, and an `UnreliableWarning`, when the convergence gate
        failed twice (the second time with more tuning and a higher acceptance target).

    Raises
    ------
    PanelError, SpecError
        Before any sampling; also when donors reproduce the treated pre-period exactly, so that there is no posterior.
    FitError
        When the sampler itself stops.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> result = bs.fit(panel, model="level", draws=500, seed=1, progress=False)
    >>> result.status
    'ok'
    """
    request = plan(panel, model, draws=draws, tune=tune, chains=chains, target_accept=target_accept, seed=seed)
    if reason := request.lacks:
        raise PanelError(f"model {request.spec.name!r} has no posterior here: {reason}; use a classical estimator")
    return run(request, progress=progress)


def run(request: Plan, *, progress: bool = True, retry: bool = True) -> Fit:
    """Carry out a plan; without ``retry`` a fit that fails its gate is not sampled again more strictly."""
    with status("Loading the sampler", progress):
        from bsynth.engines import bayes  # PyMC: seconds to import, so not before it is needed
    started = time.perf_counter()
    sampler = bayes.Sampler(request.draws, request.tune, request.chains, request.target_accept)
    whole = _averaged if averaging.is_averaged(request.spec) else _gated
    result = whole(request, sampler, progress=progress, retry=retry)
    result = replace(result, provenance=replace(result.provenance, seconds=time.perf_counter() - started))
    if result.status == "unreliable":
        warnings.warn(
            f"fit of {request.spec.name!r} is unreliable: {result.diagnostics.failed()}",
            UnreliableWarning,
            stacklevel=3,
        )
    return result


def _gated(request: Plan, sampler: "Sampler", *, progress: bool, retry: bool) -> Fit:
    """Fit, and once more with stricter settings when the convergence gate fails."""
    result = _attempt(request, sampler, retried=False, progress=progress)
    if retry and result.status == "unreliable":
        result = _attempt(request, sampler.stricter(), retried=True, progress=progress)
    return result


def _averaged(request: Plan, sampler: "Sampler", *, progress: bool, retry: bool) -> Fit:
    """Fit each concentration of the grid, all by one compiled model, and mix them."""
    specs = averaging.members(request.spec)
    *seeds, mixing = np.random.SeedSequence(request.seed).generate_state(len(specs) + 1)
    fits = [
        _gated(replace(request, spec=spec, seed=int(seed)), sampler, progress=progress, retry=retry)
        for spec, seed in zip(specs, seeds, strict=True)
    ]
    trees = [found.tree for found in fits]
    weights = averaging.pseudo_bma(trees)
    tree = averaging.mix(trees, weights, np.random.default_rng(mixing))
    reason = f"{request.reason} {averaging.note(weights)}"
    provenance = replace(fits[0].provenance, seed=request.seed, reason=reason)
    return Fit(tree, request.spec, averaging.joint([found.diagnostics for found in fits]), provenance)


def _attempt(request: Plan, sampler: "Sampler", *, retried: bool, progress: bool) -> Fit:
    from bsynth.engines import bayes

    design, spec = request.design, request.spec
    sampler_seed, predictive_seed = np.random.SeedSequence([request.seed, int(retried)]).spawn(2)
    with status(f"Compiling and sampling {spec.name}" + (" again, stricter" if retried else ""), progress):
        raw = bayes.sample(design, spec, sampler, int(sampler_seed.generate_state(1)[0]))
    parameters = bayes.parameters(raw, design, spec)
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in parameters.items()}
    draws = predict.counterfactual(flat, design, spec, np.random.default_rng(predictive_seed))
    tree = _assemble(request, raw, parameters, draws)
    diagnostics = judge(tree, request.panel.n_pre, retried=retried)
    provenance = Provenance(
        seed=request.seed,
        draws=sampler.draws,
        tune=sampler.tune,
        chains=sampler.chains,
        target_accept=sampler.target_accept,
        seconds=0.0,
        reason=request.reason,
        panel=request.panel.summary(),
        versions=versions(),
    )
    return Fit(tree, spec, diagnostics, provenance)


def _assemble(
    request: Plan,
    raw: xr.DataTree,
    parameters: Mapping[str, FloatArray],
    draws: predict.Counterfactual,
) -> xr.DataTree:
    """Give names and outcome units to the engine's arrays."""
    panel, design = request.panel, request.design
    time_index = panel.times.rename("time")
    shape = parameters["total"].shape
    coords = {"chain": np.arange(shape[0]), "draw": np.arange(shape[1])}
    by_time = ("chain", "draw", "time")

    def named(values: FloatArray, periods: slice) -> xr.DataArray:
        block = values.reshape(*shape, -1)
        return xr.DataArray(block, dims=by_time, coords=coords | {"time": time_index[periods]})

    weights = xr.DataArray(
        parameters["weights"],
        dims=("chain", "draw", "donor"),
        coords=coords | {"donor": list(panel.donors)},
    )
    scalars = _scalars(design, parameters, draws)
    posterior = xr.Dataset(
        {"weights": weights}
        | {name: xr.DataArray(v, dims=("chain", "draw"), coords=coords) for name, v in scalars.items()}
        | {"counterfactual": named(design.to_outcome(draws.mean), slice(None))}
        | ({} if draws.drift is None else {"drift": named(design.scale * draws.drift, slice(None))})
        | _covariate_variables(design, parameters, coords, time_index)
    )
    predictive = named(design.to_outcome(draws.predictive), slice(None))
    slope = xr.DataArray(design.scale / design.donor_scale, dims="donor", coords={"donor": list(panel.donors)})
    observed = xr.DataArray(panel.treated_series, dims="time", coords={"time": time_index})
    donors = xr.DataArray(
        panel.donor_matrix, dims=("time", "donor"), coords={"time": time_index, "donor": list(panel.donors)}
    )
    sample_stats = raw["sample_stats"].to_dataset()
    numeric = [name for name, v in sample_stats.items() if v.dtype != object]
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "posterior_predictive": xr.Dataset({"counterfactual": predictive}),
            "log_likelihood": xr.Dataset({"outcome": named(draws.log_likelihood, slice(0, panel.n_pre))}),
            "sample_stats": sample_stats[numeric],
            "observed_data": xr.Dataset({"outcome": observed}),
            "constant_data": xr.Dataset({"donors": donors, "slope": slope}),
        }
    )
    tree.attrs = {
        "n_pre": panel.n_pre,
        "treated": panel.treated_name,
        "outcome": panel.source.outcome,
        "time": panel.source.time,
    }
    return tree


def _covariate_variables(
    design: Design, parameters: Mapping[str, FloatArray], coords: Mapping[str, Any], times: pd.Index
) -> dict[str, xr.DataArray]:
    """``beta``, outcome units per unit of the covariate, and what the covariates add to each period."""
    found = design.movements
    if found is None:
        return {}
    weights, beta = parameters["weights"], parameters["beta"]
    flat = found.effect(weights.reshape(-1, weights.shape[-1]), beta.reshape(-1, beta.shape[-1]))
    dims = ("chain", "draw")
    return {
        "beta": xr.DataArray(
            design.scale * beta / found.scale,
            dims=(*dims, "covariate"),
            coords={**coords, "covariate": list(found.names)},
        ),
        "covariate_effect": xr.DataArray(
            design.scale * flat.reshape(*beta.shape[:2], -1), dims=(*dims, "time"), coords={**coords, "time": times}
        ),
    }


def _scalars(
    design: Design, parameters: Mapping[str, FloatArray], draws: predict.Counterfactual
) -> dict[str, FloatArray]:
    """Parameters of one number per draw, (chain, draw), in outcome units."""
    shape = parameters["total"].shape
    level = draws.level.reshape(shape)
    found = {
        "level_shift": design.scale * level,
        "intercept": design.intercept(parameters["weights"], level),
        "sigma": design.scale * draws.sigma.reshape(shape),
    }
    for name in ("donor_noise", "slope_sd"):
        if name in parameters:
            found[name] = design.scale * parameters[name]
    if "predictor_sd" in parameters:
        found["predictor_sd"] = parameters["predictor_sd"]
    if draws.form is not None and draws.log_odds is not None and draws.drifting is not None:
        found["drift_sd"] = design.scale * draws.form.q.reshape(shape)
        found["drift_log_odds"] = draws.log_odds.reshape(shape)
        found["drifting"] = draws.drifting.astype(float).reshape(shape)
        if draws.form.rho is not None:
            found["rho"] = draws.form.rho.reshape(shape)
        if draws.form.walk_log_odds is not None:
            found["walk_log_odds"] = draws.form.walk_log_odds.reshape(shape)
    return found


def judge(tree: xr.DataTree, n_pre: int, *, retried: bool) -> Diagnostics:
    """Apply the convergence gate to a fit's tree: both kinds of effect, and the scalar parameters."""
    posterior = tree["posterior"].to_dataset()
    post = slice(n_pre, None)
    observed = effects.variable(tree, "observed_data", "outcome").isel(time=post)
    quantities: dict[str, xr.DataArray] = {}
    for kind, group in (("mean", "posterior"), ("predictive", "posterior_predictive")):
        window = effects.variable(tree, group, "counterfactual").isel(time=post)
        for name, draws in effects.effect_draws(observed, window).items():
            quantities[f"{name} effect ({kind})"] = draws
    for name in ("level_shift", "sigma", "donor_noise", "drift_sd", "slope_sd", "rho", "predictor_sd"):
        if name in posterior:
            quantities[name] = posterior[name]
    if "beta" in posterior:
        quantities |= {f"beta of {k}": posterior["beta"].sel(covariate=k) for k in posterior["covariate"].values}
    return gate(quantities, posterior["weights"], tree["sample_stats"].to_dataset(), retried=retried)


def versions() -> dict[str, str]:
    """Return the versions of bsynth and of the packages that make its numbers."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}
