"""Carrying out an analysis."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bsynth import frequentist
from bsynth.analysis.plan import ESTIMATORS, AnalysisPlan, plan_analysis
from bsynth.analysis.result import Analysis, Inference
from bsynth.calibration import Calibration, calibrate
from bsynth.catalogue import DEFAULT
from bsynth.checks import CheckReport, check
from bsynth.fitting import run
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
    panel, methods = request.panel, request.methods
    estimates = []
    for name in (m for m in ESTIMATORS if m in methods):
        tell(f"classical: {name}")
        estimates.append(frequentist.classical(panel, name))
        if name == "sc":
            estimates.append(frequentist.classical(panel, name, solver="slsqp"))
    placebo = leave_one_out = bootstrap = None
    if "placebo" in methods:
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
    return Analysis(
        panel, tuple(fits), tuple(estimates), placebo, leave_one_out, bootstrap, request.level, request.seed, truth,
        calibration, others, _checked(fits, calibration, request),
    )  # fmt: skip


def _checked(fits: Sequence[Fit], calibration: Calibration | None, request: AnalysisPlan) -> CheckReport | None:
    return check(fits[0], request.panel, calibration=calibration, seed=request.seed) if fits else None
