"""The Bayesian engine: the model, and how it is sampled: by a compiled density, or on its PyMC graph.

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
Student-t noise beside a drift or known cells is a mixture of normal noise over its scale (Andrews and Mallows 1974;
West 1984): σ² is σ² κ_t in period t, 1 / κ_t ~ Gamma(ν/2, ν/2) is sampled, and the rest is as above.
All of them share the scale of the residual; the share of it that is drift is sampled, and σ and q follow.

Covariates that vary in time add (z_0t − Σ_j w_j z_jt)′β to the mean, β ~ N(0, s_β²). Static predictors are
further rows that the same weights should match, p_k0 ~ N(Σ_j w_j p_kj, .25² + s²). A season and a slope of the treated
unit alone add C z to the mean, z ~ N(0, I), by the columns C of `bsynth.model.terms`.

`bsynth.engines.graph` holds this model as a PyMC graph, which defines it; `bsynth.engines.kernels` holds its log
density and gradient as machine code for any panel. A test compares the two at random points. Nutpie draws from either.
"""

import functools
from collections.abc import Mapping

import numpy as np

from bsynth._base.telling import warn
from bsynth._base.types import FloatArray
from bsynth.engines import drift
from bsynth.engines.draws import Draws, State
from bsynth.engines.sampling import Sampling
from bsynth.engines.structure import inputs
from bsynth.errors import EngineWarning
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec


def sample(design: Design, spec: ModelSpec, sampling: Sampling, seed: int, start: State | None = None) -> Draws:
    """Draw from the posterior on the design's scale.

    ``seed`` is this attempt's own, and stands in the place of ``sampling.seed``. With ``start`` chains go on from there
    where the engine can; `bsynth.engines.graph` starts again.
    """
    if sampling.engine == "auto" and _kernel_lacks() is None:
        from bsynth.engines.kernels import nuts

        return nuts.sample(design, spec, sampling, seed, start)
    from bsynth.engines import graph

    return graph.sample(design, spec, sampling, seed)


@functools.cache
def _kernel_lacks() -> str | None:
    """Why the compiled density cannot be had in this process, said once; None when it can."""
    try:
        from bsynth.engines.kernels import nuts

        reason, note = nuts.lacks(), nuts.note()
    except Exception as error:  # noqa: BLE001  # numba or nutpie may fail to load in any way; the graph needs neither pointer
        reason, note = f"{type(error).__name__}: {error}", None
    if reason is not None:
        warn(f"the model's PyMC graph is sampled, which takes longer: {reason}", EngineWarning)
    elif note is not None:
        warn(note, EngineWarning)
    return reason


def parameters(raw: Mapping[str, FloatArray], design: Design, spec: ModelSpec) -> dict[str, FloatArray]:
    """Return the model's parameters on the design's scale, each (chain, draw, ...).

    ``raw`` holds the variables of the graph, each (chain, draw, ...). Keys: ``weights``; ``total``, the noise of a draw
    without drift; with a drift ``share`` (and ``slope_sd``, or ``rho`` where it is not summed out); ``level`` where it
    is not integrated out; ``kappa`` (n_pre), the factor of each period's noise variance where it is sampled; with known
    cell variance ``donor_level``, ``period``, ``donor_noise``; with covariates ``beta`` or ``predictor_sd``; with a
    season or a slope of the treated unit's own ``own``, their coefficients.
    """
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
    if "period_precision" in raw:
        found["kappa"] = 1 / raw["period_precision"]
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
    if design.terms is not None:
        found["own"] = raw["own_z"]
    if not design.known_variance:
        return found
    period = drift.persistent(raw["period_rho"], raw["period_z"][..., : design.y.size])
    scale = data["period_sd"] * raw["period_spread_z"]
    return found | {
        "donor_level": data["donor_level_sd"] * raw["donor_z"][..., taken],
        "period": scale[..., None] * period / drift.spread(period),
        "donor_noise": data["donor_noise_sd"] * raw["donor_noise_sd_z"],
    }
