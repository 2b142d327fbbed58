"""What of a model and a design decides the code that samples it, and the numbers that are its data."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bsynth.engines import drift, predict
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
    """Student-t noise by its own density: exact cells, no drift, the level sampled."""
    mixture: bool
    """Student-t noise as normal noise whose variance differs by period, so that level and drift integrate out."""
    drift: str
    """"none"; "rotated": walk or AR(1) where periods have one variance, diagonal in fixed bases; else the process."""
    covariates: int = 0
    """Number of time-varying covariates."""
    predictors: bool = False
    terms: int = 0
    """Number of coefficients of the treated unit's own season and slope."""


def structure(design: Design, spec: ModelSpec) -> Structure:
    """Return the structure that a design and a specification share with others."""
    process, student = spec.drift.process, spec.noise.distribution == "student-t"
    direct = student and process == "none" and not design.known_variance
    rotated = process not in ("none", "local-trend") and not design.known_variance and not student
    return Structure(
        known=design.known_variance,
        softmax=spec.weights.prior == "softmax-normal",
        student=direct,
        mixture=student and not direct,
        drift="rotated" if rotated else process,
        covariates=0 if design.movements is None else len(design.movements.names),
        predictors=design.predictors is not None,
        terms=0 if design.terms is None else design.terms.size,
    )


def inputs(design: Design, spec: ModelSpec) -> dict[str, Any]:
    """Return the data of a fit: arrays and prior scales, everything but sizes and structure."""
    form = structure(design, spec)
    pre = slice(0, design.n_pre)
    found: dict[str, Any] = {
        "y_pre": design.y[pre],
        "level_sd": predict.level_sd(design, spec),
        "noise_sd": float(spec.noise.sd),
    }
    if form.softmax:
        found["score_sd"] = float(spec.weights.sd)
    elif spec.weights.alpha == "averaged":
        raise ValueError("an averaged alpha is fitted one concentration at a time")
    else:
        found["alpha"] = float(spec.weights.alpha)
    if form.student or form.mixture:
        found["degrees"] = float(spec.noise.degrees)
    if design.terms is not None:
        found["own_columns"] = design.terms.columns[pre]
    found |= _drift_inputs(design, spec, form.drift) | _covariate_inputs(design, spec)
    if design.donor_precision is None:
        return found | {"X_pre": design.X[pre]}
    return found | {
        "X": design.X,
        "donor_precision": design.donor_precision,
        "treated_variance": design.treated_variance[pre],
        "treated_seen": design.treated_seen[pre],
        "donor_level_sd": predict.donor_level_sd(design, spec),
        "period_sd": float(spec.cells.period_sd),
        "donor_noise_sd": float(spec.cells.donor_noise_sd),
    }


def _covariate_inputs(design: Design, spec: ModelSpec) -> dict[str, Any]:
    sd = float(spec.covariates.sd)
    if design.movements is not None:
        pre, moved = slice(0, design.n_pre), design.movements
        return {"z_treated": moved.treated[pre], "z_donors": moved.donors[:, pre], "beta_sd": sd}
    if design.predictors is not None:
        rows = design.predictors
        return {"p_treated": rows.treated, "p_donors": rows.donors, "predictor_sd": sd}
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
        "forms": found,
    }
    if form == "local-trend":
        shared |= {"integrated": drift.integrated_walk(before), "slope_sd": float(spec.drift.slope_sd)}
    return shared
