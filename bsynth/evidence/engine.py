"""One posterior without names, outcome units and the full gate: what thousands of repetitions can afford."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsynth._base.types import FloatArray
from bsynth.bayesian.diagnostics import RHAT_MAX
from bsynth.calibration import component_of
from bsynth.engines import bayes, predict
from bsynth.evidence.record import Settings
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws on the design's scale.

    Attributes
    ----------
    parameters : dict of (S, ...) arrays
    mean, predictive : (S,) counterfactual averaged over the post-period.
    drifting : (S,) of bool or None
        Whether each draw has its drift on; None without a drift.
    component : (S,) of int or None
        Form of each draw, its place among the components of the model's drift.
    divergences : int
    healthy : bool
        No divergence, and R-hat of the predictive average below the gate's limit.
    """

    parameters: dict[str, FloatArray]
    mean: FloatArray
    predictive: FloatArray
    drifting: NDArray[np.bool_] | None
    component: NDArray[np.intp] | None
    divergences: int
    healthy: bool


def posterior(design: Design, spec: ModelSpec, settings: Settings, seed: int) -> Posterior:
    """Sample the model on a design and predict its post-period."""
    sampler_seed, predictive_seed = np.random.SeedSequence(seed).spawn(2)
    sampled = bayes.sample(design, spec, settings.at(seed), int(sampler_seed.generate_state(1)[0]))
    raw = bayes.parameters(sampled.values, design, spec)
    shape = raw["total"].shape
    parameters = {name: values.reshape(-1, *values.shape[2:]) for name, values in raw.items()}
    drawn = predict.counterfactual(parameters, design, spec, np.random.default_rng(predictive_seed))
    parameters |= {"level": drawn.level, "sigma": drawn.sigma}
    component = None
    if drawn.form is not None and drawn.drifting is not None:
        parameters["drift_sd"] = drawn.form.q
        if drawn.form.rho is not None:
            parameters["rho"] = drawn.form.rho
        component = component_of(drawn.drifting, drawn.form.rho, tuple(spec.drift.components))
    mean, predictive = (values[:, design.n_pre :].mean(axis=1) for values in (drawn.mean, drawn.predictive))
    divergences = int(sampled.stats["diverging"].sum())
    import arviz_stats as azs  # half a second that no run has use for

    rhat = float(azs.rhat(predictive.reshape(shape)))
    healthy = divergences == 0 and rhat < RHAT_MAX
    return Posterior(parameters, mean, predictive, drawn.drifting, component, divergences, healthy)
