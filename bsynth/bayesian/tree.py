"""A posterior as a tree of named arrays in outcome units, and its convergence gate."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bsynth import effects
from bsynth._base.types import AnyArray, FloatArray
from bsynth.bayesian.diagnostics import Diagnostics, bound_error, gate
from bsynth.engines import predict
from bsynth.model.design import Design
from bsynth.panel import Panel

SAMPLE = ("chain", "draw")
type Named = tuple[tuple[str, ...], FloatArray]
"""A variable: its dimensions and values."""


def assemble(
    panel: Panel,
    design: Design,
    stats: Mapping[str, AnyArray],
    parameters: Mapping[str, FloatArray],
    draws: predict.Counterfactual,
) -> xr.DataTree:
    """Give names to the engine's arrays, and the units of the outcome, or of its log or logit, to parameters."""
    time_index = panel.times.rename("time")
    shape = parameters["total"].shape
    # Made once and shared: each variable would else make, and compare with all others, coordinates of its own.
    coords = xr.Coordinates({"chain": np.arange(shape[0]), "draw": np.arange(shape[1])})
    whole = xr.Coordinates({"time": time_index})
    donor = xr.Coordinates({"donor": pd.Index(list(panel.donors))})

    def by_time(values: FloatArray) -> Named:
        return (*SAMPLE, "time"), values.reshape(*shape, -1)

    variables: dict[str, Named] = {"weights": ((*SAMPLE, "donor"), parameters["weights"])}
    variables |= {name: (SAMPLE, values) for name, values in _scalars(design, parameters, draws).items()}
    variables["counterfactual"] = by_time(design.to_outcome(draws.mean))
    if draws.drift is not None:
        variables["drift"] = by_time(design.scale * draws.drift)
    variables |= _covariate_variables(design, parameters) | _own_variables(design, parameters)
    names = {"donor": donor["donor"], "time": whole["time"]}
    if design.movements is not None:
        names["covariate"] = xr.Coordinates({"covariate": pd.Index(list(design.movements.names))})["covariate"]
    if design.terms is not None and design.terms.phases:
        names["phase"] = xr.Coordinates({"phase": pd.Index(list(design.terms.phases))})["phase"]
    before = xr.Coordinates({"time": time_index[: panel.n_pre]})
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(variables, coords.assign(names)),
            "posterior_predictive": xr.Dataset(
                {"counterfactual": by_time(design.to_outcome(draws.predictive))}, coords.assign(whole)
            ),
            "log_likelihood": xr.Dataset({"outcome": by_time(draws.log_likelihood)}, coords.assign(before)),
            "sample_stats": xr.Dataset({name: (SAMPLE, values) for name, values in stats.items()}, coords),
            "observed_data": xr.Dataset({"outcome": ("time", panel.treated_series)}, whole),
            "constant_data": xr.Dataset(
                {
                    "donors": (("time", "donor"), panel.donor_matrix),
                    "slope": ("donor", np.broadcast_to(design.scale / design.donor_scale, (panel.n_donors,))),
                },
                whole.assign(donor),
            ),
        }
    )
    tree.attrs = {
        "n_pre": panel.n_pre,
        "treated": panel.treated_name,
        "outcome": panel.labels.outcome,
        "time": panel.source.time,
    }
    return tree


def _covariate_variables(design: Design, parameters: Mapping[str, FloatArray]) -> dict[str, Named]:
    """``beta`` per unit of the covariate, and what the covariates add to each period, on the scale of the model."""
    found = design.movements
    if found is None:
        return {}
    weights, beta = parameters["weights"], parameters["beta"]
    flat = found.effect(weights.reshape(-1, weights.shape[-1]), beta.reshape(-1, beta.shape[-1]))
    return {
        "beta": ((*SAMPLE, "covariate"), design.scale * beta / found.scale),
        "covariate_effect": ((*SAMPLE, "time"), design.scale * flat.reshape(*beta.shape[:2], -1)),
    }


def _own_variables(design: Design, parameters: Mapping[str, FloatArray]) -> dict[str, Named]:
    """Season by phase and slope per step of the treated unit alone, and what each adds to each period."""
    terms = design.terms
    if terms is None:
        return {}
    z = parameters["own"]
    dims = {"season": (*SAMPLE, "phase"), "own_slope": SAMPLE}
    found: dict[str, Named] = {name: (dims[name], design.scale * v) for name, v in terms.named(z).items()}
    return found | {f"{k}_effect": ((*SAMPLE, "time"), design.scale * v) for k, v in terms.effects(z).items()}


def _scalars(
    design: Design, parameters: Mapping[str, FloatArray], draws: predict.Counterfactual
) -> dict[str, FloatArray]:
    """Parameters of one number per draw, (chain, draw), in units of the outcome or of its log or logit."""
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
    groups = {name: tree[name].to_dataset() for name in ("posterior", "posterior_predictive", "sample_stats")}
    posterior = groups["posterior"]
    observed = effects.variable(tree, "observed_data", "outcome").values[n_pre:]
    quantities: dict[str, FloatArray] = {}
    for kind, group in (("mean", "posterior"), ("predictive", "posterior_predictive")):
        window = groups[group]["counterfactual"].transpose(*SAMPLE, "time").values[..., n_pre:]
        for name, draws in effects.estimands(observed, window).items():
            quantities[f"{name} effect ({kind})"] = draws
    for name in ("level_shift", "sigma", "donor_noise", "drift_sd", "slope_sd", "rho", "predictor_sd", "own_slope"):
        if name in posterior:
            quantities[name] = posterior[name].values
    if "beta" in posterior:
        quantities |= {f"beta of {k}": posterior["beta"].sel(covariate=k).values for k in posterior["covariate"].values}
    if "season" in posterior:
        quantities |= {f"season of {p}": posterior["season"].sel(phase=p).values for p in posterior["phase"].values}
    record = {str(name): values.values for name, values in groups["sample_stats"].items()}
    found = gate(quantities, posterior["weights"].values, record, retried=retried)
    return replace(found, bound_error=bound_error(quantities["average effect (predictive)"]))
