"""Residuals of the pre-period and what the model expects of them: arrays on the design's scale.

The residual leaves the drift in: r_t = y_t − a − Σ w_j x_jt, less what covariates and own terms explain. Its replicates
add a drift drawn from its own process, where the draw has it switched on, to the noise. With known cell variance the
latent donor cells are not part of a fit's file and are not needed: x_jt = X_jt − N(0, v_jt), so that the residual
around the observed donors has variance σ² + Σ w_j² v_jt + v0_t whatever the latent cells are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray, IntArray
from bsynth.checks.base import Case
from bsynth.engines import drift, noise, predict
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec

KEPT = 1000
"""Posterior draws that enter a predictive check."""

SCALARS = ("drift_sd", "slope_sd", "rho")
"""Parameters of the drift, one number per draw."""


@dataclass(frozen=True, eq=False, repr=False)
class Residuals(Brief):
    """Realised and replicated residuals of the pre-periods whose treated cell was seen.

    Attributes
    ----------
    realised, replicated : (S, n) residual of each draw, and one drawn from the model at the same parameters.
    sd : (S, n) scale of the noise, cells included: of normal noise its standard deviation.
    """

    realised: FloatArray
    replicated: FloatArray
    sd: FloatArray


def parameters(case: Case, kept: int = KEPT) -> dict[str, FloatArray]:
    """Return evenly thinned posterior draws (S, ...) on the design's scale, as the engine names them."""
    posterior = case.fit.tree["posterior"].to_dataset()
    flat = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    every = max(1, flat.sizes["sample"] // kept)
    scale = case.design.scale
    names = [n for n in ("sigma", *SCALARS) if n in posterior]
    found = {n: flat[n].values[::every] / (1.0 if n == "rho" else scale) for n in names}
    found |= {"weights": flat["weights"].values[::every], "level": flat["level_shift"].values[::every] / scale}
    if case.design.movements is not None:
        found["beta"] = flat["beta"].values[::every] * case.design.movements.scale / scale
    if (terms := case.design.terms) is not None:
        named = {name: flat[name].values[::every] / scale for name in ("season", "own_slope") if name in posterior}
        found["own"] = terms.coefficients(named)
    if "drifting" in posterior:
        found["drifting"] = flat["drifting"].values[::every]
    return found


def cell_variance(design: Design, weights: FloatArray) -> FloatArray:
    """Return Σ w_j² v_jt + v0_t of the pre-period, (S, n_pre); an empty donor cell counts as its donor's others."""
    pre = slice(0, design.n_pre)
    if design.donor_precision is None:
        return np.zeros((len(weights), design.n_pre))
    precision = design.donor_precision[pre]
    seen = precision > 0
    usual = np.where(seen, precision, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    variance = 1.0 / np.where(seen, precision, np.where(usual > 0, usual, 1.0))
    return np.asarray(weights**2 @ variance.T + design.treated_variance[pre])


def draw_departures(
    found: Mapping[str, FloatArray], cells: FloatArray, positions: IntArray, spec: ModelSpec, rng: np.random.Generator
) -> FloatArray:
    """Draw drift plus noise (S, n) at ``positions`` (n,); the drift from its own process, unconditioned.

    ``cells`` (S, n) is the variance that the cells add to the noise.
    """
    departures = noise.draw(found["sigma"][:, None], cells, spec.noise, rng)
    if spec.drift.process == "none":
        return departures
    system, nothing = drift.state_space(found, spec.drift.process), np.zeros(departures.shape)
    # Nothing seen: the conditional is the prior.
    prior = drift.condition(system, nothing, nothing, np.zeros(len(positions)), positions, 0.0, rng)
    return np.asarray(departures + found["drifting"][:, None] * prior.u)


def residuals(case: Case, name: str) -> Residuals:
    """Return residuals of the pre-period and their replicates, for the check ``name``."""
    design, pre = case.design, slice(0, case.design.n_pre)
    found = parameters(case)
    centre, _ = predict.linear_predictor(found, replace(design, donor_precision=None))
    realised = (design.y - found["level"][:, None] - centre)[:, pre]
    cells = cell_variance(design, found["weights"])
    replicated = draw_departures(found, cells, design.positions[pre], case.spec, case.rng(name))
    sd, seen = np.sqrt(found["sigma"][:, None] ** 2 + cells), design.treated_seen[pre] > 0
    return Residuals(realised[:, seen], replicated[:, seen], sd[:, seen])


def tail(replicated: FloatArray, realised: FloatArray) -> float:
    """P(T(replicated) ≥ T(realised)); ties count half, so that a discrete statistic is not extreme by itself."""
    return float(np.mean(replicated > realised) + 0.5 * np.mean(replicated == realised))


def two_sided(p: float) -> float:
    """Twice the smaller tail."""
    return 2.0 * min(p, 1.0 - p)
