"""A posterior as a tree of named arrays in outcome units, and its convergence gate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth import effects
from bsynth._base.types import AnyArray, FloatArray
from bsynth.bayesian.diagnostics import Diagnostics, gate
from bsynth.engines import predict
from bsynth.model.design import Design
from bsynth.panel import Panel


def assemble(
    panel: Panel,
    design: Design,
    stats: Mapping[str, AnyArray],
    parameters: Mapping[str, FloatArray],
    draws: predict.Counterfactual,
) -> xr.DataTree:
    """Give names and outcome units to the engine's arrays."""
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
    sample_stats = xr.Dataset(
        {name: xr.DataArray(v, dims=("chain", "draw"), coords=coords) for name, v in stats.items()}
    )
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "posterior_predictive": xr.Dataset({"counterfactual": predictive}),
            "log_likelihood": xr.Dataset({"outcome": named(draws.log_likelihood, slice(0, panel.n_pre))}),
            "sample_stats": sample_stats,
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
