"""Carrying out an analysis."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bsynth import frequentist
from bsynth.analysis.findings import make
from bsynth.analysis.plan import AnalysisPlan, plan_analysis
from bsynth.analysis.result import Analysis, Inference
from bsynth.calibration import Calibration, calibrate
from bsynth.catalogue import DEFAULT
from bsynth.checks import CheckReport, check
from bsynth.estimate import Estimate
from bsynth.fitting import run
from bsynth.frequentist import Conformal, PlaceboSpace
from bsynth.frequentist.conformal import NEEDS_POST, Proxy
from bsynth.frequentist.estimators import Method, find
from bsynth.panel import Panel
from bsynth.result import Fit
from bsynth.spec import ModelSpec

_VERBS: dict[str, Callable[..., Inference]] = {
    "conformal": frequentist.conformal,
    "placebo-time": frequentist.placebo_time,
    "leave-two-out": frequentist.leave_two_out,
    "jackknife+": frequentist.jackknife_plus,
    "prediction-interval": frequentist.prediction_interval,
}


def analyse(
    panel: Panel,
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
    methods: str | Sequence[str] = "standard",
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool = True,
    draws: int = 1000,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    truth: float | None = None,
    progress: bool = True,
) -> Analysis:
    """Fit the models and run the classical path on one panel.

    Parameters
    ----------
    panel : Panel
    models : sequence of str, path or ModelSpec
        Bayesian models, the main one first; ``["none"]`` for none.
    methods : "standard", "all", "none" or names
        Of ``sc``, ``demeaned``, ``did``, ``sdid``, ``ascm`` and, around ``sc``, ``placebo``,
        ``leave-one-out``, ``bootstrap``, ``conformal``, ``placebo-time``, ``leave-two-out``,
        ``jackknife+``, ``prediction-interval``.
    findings : "standard", "all", "none" or names
        Further results of the main model, in ``findings`` of the analysis. Quick, and standard: ``sources``
        (of the uncertainty), ``donor_audit``, ``decision``. Quick: ``bands`` (simultaneous, with how often they were
        measured to hold). Many fits: ``prior_audit``, ``certificate``, ``specification_curve``.
    questions : mapping, optional
        What the decision is asked: ``threshold``, ``rope``, ``cost`` and ``value_per_unit``, ``estimand``, as
        `bsynth.decide`.
    calibrated : bool
        Calibrate the main model on the donors as pseudo-treated, when there are at least four.
    draws : int
        Posterior draws per chain.
    replicates : int
        Bootstrap replicates.
    level : float
        Probability of every interval.
    seed : int
    truth : float, optional
        True average effect, in simulations.
    progress : bool

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did"], progress=False)
    >>> [estimate.estimator for estimate in analysis.estimates]
    ['sc', 'sc', 'did']
    """
    request = plan_analysis(
        panel,
        models=models,
        methods=methods,
        findings=findings,
        questions=questions,
        calibrated=calibrated,
        draws=draws,
        replicates=replicates,
        level=level,
        seed=seed,
    )
    return run_analysis(request, truth=truth, progress=progress)


def run_analysis(
    request: AnalysisPlan,
    *,
    truth: float | None = None,
    progress: bool = True,
    on_stage: Callable[[str], None] | None = None,
    store: str | Path | None = None,
) -> Analysis:
    """Carry out a plan; ``on_stage`` is told what begins, ``store`` keeps finished placebo fits for a resume."""
    tell = on_stage or (lambda _: None)
    with tempfile.TemporaryDirectory(prefix="bsynth-") as folder:
        # Calibration and certificate share their placebo fits through the store.
        kept = Path(folder) / "calibration.jsonl" if store is None else Path(store)
        return _run(request, truth, tell, kept, progress=progress)


def _run(
    request: AnalysisPlan, truth: float | None, tell: Callable[[str], None], store: Path, *, progress: bool
) -> Analysis:
    panel, methods = request.panel, request.methods
    estimates, intervals = _classical(request, tell, progress=progress)
    placebo = leave_one_out = bootstrap = None
    if "placebo" in methods:
        found = intervals.get("sc")
        if isinstance(found, PlaceboSpace):
            placebo = found
        else:
            tell(f"placebo in space: {panel.n_donors} donors")
            placebo = frequentist.placebo_space(panel, progress=progress)
    if "leave-one-out" in methods:
        tell("leave one out")
        leave_one_out = frequentist.leave_one_out(panel, progress=progress)
    if "bootstrap" in methods:
        tell(f"user-level bootstrap: {request.replicates} replicates")
        bootstrap = frequentist.bootstrap(panel, replicates=request.replicates, seed=request.seed, progress=progress)
    others = {}
    for name in (m for m in _VERBS if m in methods):
        tell(name)
        others[name] = _VERBS[name](panel, seed=request.seed, progress=progress)
    fits, calibration = [], None
    for fit_plan in request.fits:
        if request.calibrated and calibration is None:
            tell(f"posterior and calibration: {fit_plan.spec.name} on {panel.n_donors} donors (the first fit compiles)")
            calibration = calibrate(
                panel, fit_plan.spec, draws=fit_plan.draws, seed=request.seed, store=store, progress=progress
            )
            fits.append(calibration.fit)
            continue
        tell(f"posterior: {fit_plan.spec.name} (the first fit loads PyMC and compiles)")
        fits.append(run(fit_plan, progress=progress))
    analysis = Analysis(
        panel, tuple(fits), tuple(estimates), placebo, leave_one_out, bootstrap, request.level, request.seed, truth,
        calibration, others, _checked(fits, calibration, request), intervals,
    )  # fmt: skip
    for name in request.findings:
        tell(name.replace("_", " "))
        analysis = analysis.with_findings({name: make(name, analysis, request, store, progress=progress)})
    return analysis


def _classical(
    request: AnalysisPlan, tell: Callable[[str], None], *, progress: bool
) -> tuple[list[Estimate], dict[str, Inference]]:
    """The points, and around each the procedure that gives it an interval and a p."""
    panel = request.panel
    estimates: list[Estimate] = []
    intervals: dict[str, Inference] = {}
    for method in request.estimators:
        estimate = frequentist.classical(panel, method)
        # Two estimators that differ only by their settings have one name; the second gets a number.
        same = sum(e.estimator.split("-")[0] == estimate.estimator for e in estimates)
        name = f"{estimate.estimator}-{same + 1}" if same else estimate.estimator
        tell(f"classical: {name}" + ("" if request.interval is None else f", {request.interval}"))
        estimates.append(replace(estimate, estimator=name))
        if request.interval is not None:
            found = _interval(request, method, progress=progress)
            intervals[name] = replace(found, estimate=replace(found.estimate, estimator=name))
    if "sc" in request.methods:
        estimates.insert(1, frequentist.classical(panel, "sc", solver="slsqp"))
    return estimates, intervals


def _interval(request: AnalysisPlan, method: Method, *, progress: bool) -> PlaceboSpace | Conformal:
    if request.interval == "conformal":
        # These read periods outside the fit, so their weights stay those fitted before the start.
        proxy: Proxy = "pre" if find(method).NAME in NEEDS_POST else "all"
        return frequentist.conformal(request.panel, method, proxy=proxy, seed=request.seed, progress=progress)
    return frequentist.placebo_space(request.panel, method, seed=request.seed, progress=progress)


def _checked(fits: Sequence[Fit], calibration: Calibration | None, request: AnalysisPlan) -> CheckReport | None:
    return check(fits[0], request.panel, calibration=calibration, seed=request.seed) if fits else None
