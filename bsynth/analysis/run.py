"""Carrying out the plan of an analysis."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import overload

import pandas as pd

from bsynth import frequentist
from bsynth._base.plain import clean
from bsynth.analysis.choice import Choice, choose
from bsynth.analysis.concluded import Finding
from bsynth.analysis.findings import FINDINGS, NO_POSTERIOR, Basis, Kind
from bsynth.analysis.methods import REFERENCE
from bsynth.analysis.plan import AnalysisPlan
from bsynth.analysis.result import Analysis
from bsynth.analysis.steps import Steps
from bsynth.analysis.units import per_unit
from bsynth.analysis.waves.plan import WavesPlan
from bsynth.analysis.waves.result import WavesAnalysis
from bsynth.analysis.waves.run import run_waves
from bsynth.bayesian.plan import Plan
from bsynth.bayesian.result import Fit
from bsynth.bayesian.run import run, with_choice
from bsynth.calibration import Calibration, calibrate
from bsynth.checks import REGISTRY, CheckReport
from bsynth.checks.base import Case
from bsynth.errors import BsynthError
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method, sc
from bsynth.frequentist.inference import INFERENCES, Inference, Settings, placebo_space, prediction_interval
from bsynth.panel import Panel
from bsynth.text.labels import decapitalised
from bsynth.text.numbers import count, numbers, percent


@overload
def run_analysis(
    request: AnalysisPlan,
    *,
    truth: float | None = None,
    progress: bool = True,
    on_stage: Callable[[str], None] | None = None,
    store: str | Path | None = None,
) -> Analysis: ...
@overload
def run_analysis(
    request: WavesPlan,
    *,
    truth: float | None = None,
    progress: bool = True,
    on_stage: Callable[[str], None] | None = None,
    store: str | Path | None = None,
) -> WavesAnalysis: ...
def run_analysis(
    request: AnalysisPlan | WavesPlan,
    *,
    truth: float | None = None,
    progress: bool = True,
    on_stage: Callable[[str], None] | None = None,
    store: str | Path | None = None,
) -> Analysis | WavesAnalysis:
    """Carry out a plan; ``store`` keeps finished placebo fits for a resume.

    ``on_stage`` is told what begins and, where ``progress`` is shown, the provisional answer of the model alone.
    """
    tell = on_stage or (lambda _: None)
    with tempfile.TemporaryDirectory(prefix="bsynth-") as folder:
        # Calibration and certificate share their placebo fits through the store.
        kept = Path(folder) / "calibration.jsonl" if store is None else Path(store)
        if isinstance(request, WavesPlan):
            return run_waves(request, kept, truth=truth, progress=progress, on_stage=on_stage)
        return _run(request, truth, tell, kept, progress=progress, announced=on_stage is not None and progress)


def _run(
    request: AnalysisPlan,
    truth: float | None,
    tell: Callable[[str], None],
    store: Path,
    *,
    progress: bool,
    announced: bool,
) -> Analysis:
    panel, steps = request.panel, Steps(request.unavailable)
    choice = choose(panel, [method for method in _names(request) if method != REFERENCE])
    estimates, intervals = _classical(request, choice.kept, steps, tell, progress=progress)
    inferences = _inferences(request, choice, steps, tell, intervals, progress=progress)
    singly = _singly(panel, choice.kept, inferences, steps)
    first = tell if announced else None
    fits, calibration = _fits(request, steps, tell, store, progress=progress, on_first=first)
    if not (fits or estimates or inferences):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in steps.unavailable.items())
        raise BsynthError(f"nothing that was asked for can be had on this panel: {reasons}")
    analysis = Analysis(
        panel, fits, estimates, inferences, request.level, request.seed, truth=truth, calibration=calibration,
        checks=_checked(fits, calibration, request, steps), remarks=request.notes,
        beside=() if REFERENCE in _names(request) else (REFERENCE,), choice=choice, per_unit=singly,
    )  # fmt: skip
    basis = Basis(
        panel, fits, request.fits, calibration, request.level, request.sampling, store, request.questions, progress
    )
    if request.review is not None:
        analysis = analysis.with_findings({"frozen_plan": request.review})
    for name in request.findings:
        kind = FINDINGS[name]
        if not fits and kind.needs_model:
            steps.unavailable.setdefault(name, NO_POSTERIOR)
            continue
        tell(name.replace("_", " "))
        made = steps.attempt(name, partial(_finding, kind, basis))
        if made is not None:
            analysis = analysis.with_findings({name: made})
    analysis = replace(analysis, unavailable=dict(steps.unavailable))
    # A verdict that raises must not take the numbers with it.
    steps.attempt("verdict", lambda: analysis.comparison.sentences())
    return replace(analysis, unavailable=dict(steps.unavailable))


def _classical(
    request: AnalysisPlan, kept: str, steps: Steps, tell: Callable[[str], None], *, progress: bool
) -> tuple[dict[str, Estimate], dict[str, Inference]]:
    """The points by name, and around each the procedure that gives it an interval and a p."""
    panel = request.panel
    estimates: dict[str, Estimate] = {}
    intervals: dict[str, Inference] = {}
    titles: list[str] = []
    for method in request.estimators:
        title = method if isinstance(method, str) else method.NAME
        # Two estimators that differ only by their settings have one name; the second gets a number.
        name = f"{title}-{titles.count(title) + 1}" if title in titles else title
        titles.append(title)
        tell(f"classical: {name}" + ("" if request.interval is None else f", {request.interval}"))
        estimate = steps.attempt(name, partial(_point, panel, method, name))
        if estimate is None:
            continue
        estimates[name] = estimate
        if name == "sc" and REFERENCE not in _names(request):
            other = steps.attempt(REFERENCE, partial(_point, panel, REFERENCE, REFERENCE))
            estimates |= {} if other is None else {REFERENCE: other}
        if request.interval is not None:
            # Around the estimator that is kept it may be a method that was asked for by its own name.
            own = name == kept and request.interval in request.methods
            about = request.interval if own else f"{request.interval} of {name}"
            found = steps.attempt(about, partial(_carried_out, request.interval, request, progress, method))
            if found is not None:
                intervals[about] = replace(found, estimate=replace(found.estimate, estimator=name))
    return estimates, intervals


def _names(request: AnalysisPlan) -> list[str]:
    """Estimators that were asked for by a name."""
    return [method for method in request.estimators if isinstance(method, str)]


def _point(panel: Panel, method: Method, name: str) -> Estimate:
    estimate = frequentist.classical(panel, method)
    estimate.effects()
    return replace(estimate, estimator=name)


def _inferences(
    request: AnalysisPlan,
    choice: Choice,
    steps: Steps,
    tell: Callable[[str], None],
    intervals: Mapping[str, Inference],
    *,
    progress: bool,
) -> dict[str, Inference]:
    """The inference that was asked for around the estimator kept, the intervals of the others, what is set aside."""
    # What gives every estimator its interval comes first, so that it is what judges each.
    found: dict[str, Inference] = dict(intervals)
    asked = [name for name in INFERENCES if name in request.methods]
    for name in (each for each in asked if each not in found):
        tell(decapitalised(INFERENCES[name].TITLE))
        made = steps.attempt(name, partial(_carried_out, name, request, progress, _about(name, choice.kept)))
        if made is not None:
            found[name] = made
    for estimator in choice.rejected:
        others = [name for name in asked if f"{name} of {estimator}" not in found and _about(name, "") == ""]
        for name in others:
            about = f"{name} of {estimator}"
            made = steps.attempt(about, partial(_carried_out, name, request, progress, estimator))
            found |= {} if made is None else {about: made}
    return found


def _singly(panel: Panel, kept: str, inferences: Mapping[str, Inference], steps: Steps) -> pd.DataFrame | None:
    """The effect on each of several treated units, by the estimator kept."""
    if panel.n_treated == 1 or not inferences:
        return None
    around = (inferences.get(name) for name in (placebo_space.NAME, f"{placebo_space.NAME} of {kept}"))
    placebo = next((each for each in around if each is not None and each.estimate.estimator == kept), None)
    return steps.attempt("effect per treated unit", partial(per_unit, panel, kept, placebo))


def _about(name: str, kept: str) -> str:
    """The estimator that an inference is around: prediction intervals are built on the weights of ``sc`` alone."""
    return sc.NAME if name == prediction_interval.NAME else kept


def _carried_out(name: str, request: AnalysisPlan, progress: bool, estimator: Method) -> Inference:
    """Return a result that can say what it found: a procedure whose numbers cannot be had is not available."""
    found = INFERENCES[name].run(request.panel, Settings(estimator, request.seed, request.replicates, progress))
    found.effects(request.level)
    found.sentences()
    return found


def _fits(
    request: AnalysisPlan,
    steps: Steps,
    tell: Callable[[str], None],
    store: Path,
    *,
    progress: bool,
    on_first: Callable[[str], None] | None,
) -> tuple[tuple[Fit, ...], Calibration | None]:
    """The posteriors, the main one first and calibrated; without a calibration it stands by itself."""
    fits: list[Fit] = []
    calibration = None
    for each in request.fits:
        name = each.spec.name
        if request.calibrated and each is request.fits[0]:
            if on_first is not None:
                Steps().attempt("provisional answer", partial(_provisional, each, request.level, on_first, progress))
            tell(f"calibration: {name} on {count(request.panel.n_donors, 'donor')} as if treated")
            calibration = steps.attempt("calibration", partial(_calibration, each, request.level, store, progress))
            if calibration is not None:
                fits.append(calibration.fit)
                continue
        tell(f"posterior: {name} (the first fit on a machine compiles)")
        found = steps.attempt(f"posterior {name}", partial(_posterior, each, request.level, progress))
        fits += [] if found is None else [found]
    return tuple(fits), calibration


def _provisional(each: Plan, level: float, tell: Callable[[str], None], progress: bool) -> None:
    """Tell what the model says by itself, long before its calibration ends."""
    tell(f"posterior: {each.spec.name} (the first fit on a machine compiles)")
    found = _posterior(each, level, progress)
    row = found.effects(level).iloc[0]
    estimate, lower, upper = numbers(row["estimate"], row["lower"], row["upper"], signed=True)
    said = f"effect {estimate}, {percent(level)} interval {lower} to {upper} by the model alone"
    tell(f"provisional: {said if found.status == 'ok' else 'the fit did not converge'}; calibration follows")


def _posterior(each: Plan, level: float, progress: bool) -> Fit:
    found = run(each, progress=progress)
    found.effects(level)
    found.path(level)
    return found


def _calibration(each: Plan, level: float, store: Path, progress: bool) -> Calibration:
    found = calibrate(each.panel, each.spec, sampling=each.sampling, store=store, progress=progress)
    # The plan settled the scale; the calibration was given the model that came of it.
    found = replace(found, fit=with_choice(found.fit, each.chosen))
    found.effects(level)
    found.path(level)
    found.to_dict()
    return found


def _checked(
    fits: Sequence[Fit], calibration: Calibration | None, request: AnalysisPlan, steps: Steps
) -> CheckReport | None:
    """The checks of the main fit, one by one."""
    if not fits:
        return None
    case = steps.attempt("checks", lambda: Case(fits[0], calibration, None, request.seed))
    if case is None:
        return None
    found = [steps.attempt(f"check {part.NAME}", partial(part.check, case)) for part in REGISTRY]
    return CheckReport(
        fits[0].spec.name, tuple(answer for answer in found if answer is not None), (calibration or fits[0]).reason
    )


def _finding(kind: Kind, basis: Basis) -> Finding:
    """Make a finding, and see that it can be written."""
    found = kind.make(basis)
    found.sentences()
    json.dumps(clean(found.to_dict()), allow_nan=False)
    return found
