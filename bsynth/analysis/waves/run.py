"""Carrying out an analysis of several waves."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bsynth import frequentist
from bsynth.analysis.choice import Choice, chosen
from bsynth.analysis.findings import NO_POSTERIOR
from bsynth.analysis.steps import Steps
from bsynth.analysis.waves.facts import hull_of
from bsynth.analysis.waves.plan import DECISION, PLACEBO, TOGETHER, WavesPlan
from bsynth.analysis.waves.result import WavesAnalysis
from bsynth.bayesian.waves.result import WavesFit
from bsynth.bayesian.waves.run import fit_waves
from bsynth.calibration import calibrate
from bsynth.calibration.waves import WavesCalibration
from bsynth.errors import BsynthError
from bsynth.findings import Decision, decide
from bsynth.frequentist.staggered import PlaceboWaves, StaggeredEstimate, multisynth, placebo_waves
from bsynth.model.spec import ModelSpec


def run_waves(
    request: WavesPlan, store: Path, *, truth: float | None, progress: bool, on_stage: Callable[[str], None] | None
) -> WavesAnalysis:
    """Carry out a plan; a step that cannot be had costs itself alone. ``store`` keeps finished placebo waves."""
    tell, panel, steps = on_stage or (lambda _: None), request.panel, Steps(request.unavailable)
    hull = steps.attempt("hull", lambda: hull_of(panel))
    choice = chosen(request.estimators, lambda: bool(hull and hull["outside"])) if request.estimators else Choice()
    estimates: dict[str, StaggeredEstimate] = {}
    inferences: dict[str, PlaceboWaves] = {}
    for name in request.estimators:
        tell(f"classical: {name}" + (", placebo waves" if request.placebo else ""))
        point = steps.attempt(name, partial(_point, request, name))
        if point is None:
            continue
        estimates[name] = point
        about = PLACEBO if name == choice.kept else f"{PLACEBO} of {name}"
        made = steps.attempt(about, partial(_placebo, request, name, progress)) if request.placebo else None
        inferences |= {} if made is None else {about: made}
    fits, calibration = _fits(request, steps, tell, store, progress=progress)
    if not (fits or estimates):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in steps.unavailable.items())
        raise BsynthError(f"nothing that was asked for can be had on this panel: {reasons}")
    analysis = WavesAnalysis(
        panel, fits, estimates, inferences, request.level, request.seed, truth=truth, remarks=request.notes,
        unavailable=dict(steps.unavailable), calibration=calibration, choice=choice,
    )  # fmt: skip
    if request.questions is not None:
        tell(DECISION)
        questions = request.questions
        decision = steps.attempt(DECISION, lambda: _decision(analysis, questions)) if fits else None
        if decision is None:
            steps.unavailable.setdefault(DECISION, NO_POSTERIOR)
        else:
            analysis = replace(analysis, findings={DECISION: decision})
    # A verdict that raises must not take the numbers with it.
    steps.attempt("verdict", lambda: analysis.comparison.sentences())
    return replace(analysis, unavailable=dict(steps.unavailable))


def _decision(analysis: WavesAnalysis, questions: Mapping[str, Any]) -> Decision:
    found = decide(analysis, **questions)
    found.sentences()
    return found


def _fits(
    request: WavesPlan, steps: Steps, tell: Callable[[str], None], store: Path, *, progress: bool
) -> tuple[tuple[WavesFit, ...], WavesCalibration | None]:
    """The posteriors, the main one first and calibrated; without a calibration it stands by itself."""
    fits: list[WavesFit] = []
    calibration = None
    units = request.panel.labels.units(request.panel.n_treated)
    for at, model in enumerate(request.models):
        title = model.name if isinstance(model, ModelSpec) else Path(model).name
        if request.calibrated and at == 0:
            tell(f"calibration: {title} on {units}, then on placebo waves: units never treated with the same starts")
            calibration = steps.attempt("calibration", partial(_calibration, request, model, store, progress))
            if calibration is not None:
                fits.append(calibration.fit)
                continue
        tell(f"posterior: {title} on {units}, one by one, then pooled")
        fit = steps.attempt(f"posterior {title}", partial(_posterior, request, model, progress))
        fits += [] if fit is None else [fit]
    return tuple(fits), calibration


def _calibration(request: WavesPlan, model: str | Path | ModelSpec, store: Path, progress: bool) -> WavesCalibration:
    found = calibrate(
        request.panel, model, scale=request.scale, sampling=request.sampling, store=store, progress=progress
    )
    found.effects(request.level)
    found.sentences(request.level)
    return found


def _point(request: WavesPlan, name: str) -> StaggeredEstimate:
    found = frequentist.classical(request.panel, name)
    found.effects()
    return found


def _placebo(request: WavesPlan, name: str, progress: bool) -> PlaceboWaves:
    many = min(request.assignments, TOGETHER) if name == multisynth.NAME else request.assignments
    found = placebo_waves(
        request.panel,
        name,
        assignments=many,
        seed=request.seed,
        progress=progress,
    )
    found.effects(request.level)
    return found


def _posterior(request: WavesPlan, model: str | Path | ModelSpec, progress: bool) -> WavesFit:
    found = fit_waves(request.panel, model, scale=request.scale, sampling=request.sampling, progress=progress)
    found.effects(request.level)
    found.sentences()
    return found
