"""The Bayesian verb: panel × model → plan → `Fit`; and the scale on which a model forecasts best."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bsynth._base.progress import status
from bsynth._base.request import check_flags, hinted
from bsynth._base.versions import versions
from bsynth.bayesian import averaging
from bsynth.bayesian.forecast import MIN_LAST, check_last, forecast_of, score_forecast
from bsynth.bayesian.plan import Plan, plan
from bsynth.bayesian.result import Fit, Provenance
from bsynth.bayesian.scales import AUTO, ScaleChoice, compared
from bsynth.bayesian.tree import assemble, judge
from bsynth.engines import bayes, predict
from bsynth.engines.draws import Draws, State
from bsynth.engines.sampling import ROUNDS, Sampling, resolve
from bsynth.errors import PanelError, SpecError, UnreliableWarning
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.design import possible_scales
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.labels import MIN_PRE
from bsynth.pieces import run_pieces
from bsynth.text.numbers import count

RHAT_APART = 1.05
"""R-hat above which chains have not met, and more draws would not make up for those there are."""
LAST = 10
"""Pre-periods that are forecast to choose a scale, where there are as many."""


@hinted
def fit(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> Fit:
    """Fit a Bayesian synthetic control and return the posterior counterfactual.

    Parameters
    ----------
    panel : Panel
    model : str, path or ModelSpec
        A name of the catalogue, a ``model.toml`` or its folder. Where a model's cells are ``auto``, as the
        default's, a panel built from rows is fitted with known cell variance; ``fit.provenance.reason`` says so.
    scale : {"treated", "each", "log", "logit", "auto"}, optional
        In the place of the model's own: ``"log"`` for positive outcomes that grow and vary in proportion to their size,
        ``"logit"`` for proportions. ``"auto"`` asks `choose_scale`, which takes some more fits; ``fit.notes()`` says
        what it chose. Effects are in outcome units whatever the scale.
    draws : int, optional
        Draws kept per chain; 1000 by default.
    seed : int, optional
        The same seed gives the same draws; 0 by default.
    sampling : Sampling, optional
        Every setting of the sampler in one value; ``draws`` and ``seed`` stand above it.
    progress : bool
        Show a status line while compiling and sampling.

    Returns
    -------
    Fit
        With ``status`` ``"unreliable"``, and an `UnreliableWarning`, when the convergence gate
        failed twice (the second time with more tuning and a higher acceptance target).

    Raises
    ------
    PanelError, SpecError
        Before any sampling; also when donors reproduce the treated pre-period exactly, so that there is no posterior,
        and when an outcome has no log or logit.
    FitError
        When the sampler itself stops.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> result = bs.fit(panel, model="level", draws=500, seed=1, progress=False)
    >>> result.status
    'ok'
    """
    check_flags(progress=progress)
    scale, chosen = settle_scale(panel, model, scale, resolve(sampling, draws, seed), progress=progress)
    request = plan(panel, model, scale=scale, draws=draws, seed=seed, sampling=sampling)
    if reason := request.lacks:
        raise PanelError(f"model {request.spec.name!r} has no posterior here: {reason}; use a classical estimator")
    return with_choice(run(request, progress=progress), chosen)


def settle_scale(
    panel: Panel, model: str | Path | ModelSpec, scale: str | None, sampling: Sampling, *, progress: bool
) -> tuple[str | None, str]:
    """Return the scale that was asked for, and how forecasts chose it where ``"auto"`` was; else no words."""
    if scale != AUTO:
        return scale, ""
    choice = choose_scale(panel, model, sampling=sampling, progress=progress)
    return choice.scale, choice.verdict()


def scaled_model(
    panel: Panel, model: str | Path | ModelSpec, scale: str | None, sampling: Sampling, *, progress: bool
) -> tuple[str | Path | ModelSpec, str]:
    """Return a model on the scale that was asked for, and how forecasts chose it."""
    if scale is None:
        return model, ""
    settled, choice = settle_scale(panel, model, scale, sampling, progress=progress)
    return plan(panel, model, scale=settled, sampling=sampling).spec, choice


def with_choice(found: Fit, chosen: str) -> Fit:
    """Return a fit that says how forecasts chose its scale."""
    return replace(found, provenance=replace(found.provenance, chosen=chosen))


def choose_scale(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    last: int | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> ScaleChoice:
    """Ask on which scale a model forecasts the last pre-periods best: the outcome's own, its log or its logit.

    Each of these periods is forecast from those before it, with a refit each and on each scale. The densities are those
    of the outcome whatever the scale, so that their sums compare. The plain scale, which is the model's own if that is
    ``"treated"`` or ``"each"``, stays unless another is better by more than two standard errors.

    Parameters
    ----------
    panel : Panel
    model : str, path or ModelSpec
    last : int, optional
        How many pre-periods, at least 3; 10 by default, or as many as there are. More tell scales apart more surely.
    draws, seed : int, optional
    sampling : Sampling, optional
        Of the refits, as far as the calibration's: each is sampled until it passes its gate, from 300 draws on.
    progress : bool

    Returns
    -------
    ScaleChoice
        ``.scale``, ``.table``, ``.sentences()``.

    Raises
    ------
    PanelError
        Too few pre-periods to forecast, or a panel on which the model has no posterior.

    References
    ----------
    Bürkner, Gabry and Vehtari 2020 (leave-future-out, exact); the change of variables as in `bsynth.model.link`.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> found = choose_scale(panel, "level", progress=False)
    >>> found.scale, found.table["scale"].tolist()
    ('treated', ['treated'])
    """
    require_panel(panel)
    check_flags(progress=progress)
    chosen = resolve(sampling, draws, seed).as_needed()
    most = max(MIN_LAST, min(LAST, panel.n_pre - MIN_PRE))
    last = check_last(panel, most if last is None else last, "a choice of scale", "name one, such as scale = 'log'")
    spec = choose_model(panel, model).spec
    spec = spec if spec.link.is_linear else spec.at_scale("treated")
    specs: dict[str, ModelSpec] = {spec.scale: spec}
    left_out: dict[str, str] = {}
    if reason := plan(panel, spec, sampling=chosen).lacks:
        raise PanelError(f"model {spec.name!r} has no posterior here: {reason}; use a classical estimator")
    # Of an outcome that is no proportion nobody asks the logit.
    for name in ("log", *(["logit"] if "logit" in possible_scales(panel) else [])):
        try:
            if reason := plan(panel, spec, scale=name, sampling=chosen).lacks:
                left_out[name] = reason
            else:
                specs[name] = spec.at_scale(name)
        except (PanelError, SpecError) as error:
            left_out[name] = str(error)
    densities, failed = _forecasts(panel, specs, last if len(specs) > 1 else 0, chosen, progress=progress)
    return ScaleChoice(compared(densities, failed), densities, spec.name, panel.treated_name, tuple(left_out.items()))


def _forecasts(
    panel: Panel, specs: Mapping[str, ModelSpec], last: int, sampling: Sampling, *, progress: bool
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Log density (m, K) of each of the last pre-periods on each scale, and how many refits failed their gate."""

    def score(at: tuple[str, int]) -> tuple[float, bool]:
        name, t = at
        shorter, own = panel.backdated(panel.times[t]), replace(sampling, seed=sampling.seed + t)
        found = run(plan(shorter, specs[name], sampling=own, periods=len(panel.times)), progress=False, rounds=ROUNDS)
        made = forecast_of(found, shorter, t)
        return score_forecast(made, float(panel.treated_series[t]))["log_density"], found.status != "ok"

    held = range(panel.n_pre - last, panel.n_pre)
    jobs = {f"{name} {t}": (name, t) for name in specs for t in held}
    title = f"Forecasts on {count(len(specs), 'scale')}"
    rows = run_pieces(jobs, score, title=title, n_jobs=sampling.n_jobs, progress=progress)
    scores = dict(zip(jobs.values(), rows, strict=True))
    densities = pd.DataFrame(
        {name: [scores[name, t][0] for t in held] for name in specs}, index=panel.times[held], dtype=float
    )
    return densities, {name: sum(scores[name, t][1] for t in held) for name in specs}


def run(request: Plan, *, progress: bool = True, rounds: int = 1) -> Fit:
    """Carry out a plan; while the fit fails its gate it is sampled further, ``rounds`` times at most."""
    started = time.perf_counter()
    whole = _averaged if averaging.is_averaged(request.spec) else _gated
    result = whole(request, progress=progress, rounds=rounds)
    result = replace(result, provenance=replace(result.provenance, seconds=time.perf_counter() - started))
    if result.status == "unreliable":
        warnings.warn(
            f"fit of {request.spec.name!r} is unreliable: {result.diagnostics.failed()}",
            UnreliableWarning,
            stacklevel=3,
        )
    return result


def _gated(request: Plan, *, progress: bool, rounds: int) -> Fit:
    """Fit; while the convergence gate fails go on from the state reached, or start again more strictly.

    A fit that passes goes on once where its bounds are not precise, unless fewer draws than usual were asked for.
    """
    draws = _draw(request, request.sampling, None, 0, progress)
    result = _judged(request, request.sampling, draws, attempt=0)
    wanting = result.diagnostics.imprecise and request.sampling.draws >= Sampling().draws
    if result.status == "ok" and wanting and draws.state is not None and rounds:
        settings = request.sampling.onward(len(draws), careful=False)
        more = draws.and_then(_draw(request, settings, draws.state, 1, progress))
        further = _judged(request, settings, more, attempt=1)
        return further if further.status == "ok" else result
    for attempt in range(1, rounds + 1):
        if result.status == "ok":
            break
        if draws.state is None:
            settings = request.sampling.stricter()
            draws = _draw(request, settings, None, attempt, progress)
        else:
            strayed = result.diagnostics.strayed
            settings = request.sampling.onward(len(draws), careful=strayed)
            more = _draw(request, settings, draws.state, attempt, progress)
            # Draws among which some diverged are left out: around them is what the sampler did not reach. So are those
            # of chains apart: some of them were still on their way.
            draws = more if strayed or result.diagnostics.rhat_max > RHAT_APART else draws.and_then(more)
        result = _judged(request, settings, draws, attempt=attempt)
    return result


def _averaged(request: Plan, *, progress: bool, rounds: int) -> Fit:
    """Fit each concentration of the grid, all by one compiled model, and mix them."""
    specs = averaging.members(request.spec)
    *seeds, mixing = np.random.SeedSequence(request.sampling.seed).generate_state(len(specs) + 1)
    rng = np.random.default_rng(mixing)
    jobs = {
        f"{spec.weights.alpha}": replace(request, spec=spec, sampling=replace(request.sampling, seed=int(seed)))
        for spec, seed in zip(specs, seeds, strict=True)
    }
    fits = run_pieces(
        jobs,
        lambda each: _gated(each, progress=False, rounds=rounds),
        title=f"Compiling and sampling {request.spec.name} at each concentration",
        n_jobs=1,
        progress=progress,
    )
    trees = [found.tree for found in fits]
    weights = averaging.pseudo_bma(trees, rng)
    tree = averaging.mix(trees, weights, rng)
    reason = f"{request.reason} {averaging.note(weights)}"
    provenance = replace(fits[0].provenance, seed=request.sampling.seed, reason=reason)
    diagnostics = averaging.joint([found.diagnostics for found in fits])
    return Fit(tree, request.spec, diagnostics, provenance, fits[0].panel)


def _draw(request: Plan, sampling: Sampling, start: State | None, attempt: int, progress: bool) -> Draws:
    """Sample once, by a seed of this attempt's own."""
    (seed,) = np.random.SeedSequence([request.sampling.seed, attempt]).spawn(2)[0].generate_state(1)
    with status(f"Sampling {request.spec.name}" + (" further" if attempt else ""), progress):
        return bayes.sample(request.design, request.spec, sampling, int(seed), start)


def _judged(request: Plan, sampling: Sampling, drawn: Draws, *, attempt: int) -> Fit:
    """Predict the counterfactual from draws and put them through the convergence gate; ``sampling`` drew the last."""
    design, spec = request.design, request.spec
    parameters = bayes.parameters(drawn.values, design, spec)
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in parameters.items()}
    predictive_seed = np.random.SeedSequence([sampling.seed, attempt]).spawn(2)[1]
    draws = predict.counterfactual(flat, design, spec, np.random.default_rng(predictive_seed))
    tree = assemble(request.panel, design, drawn.stats, parameters, draws)
    diagnostics = judge(tree, request.panel.n_pre, retried=attempt > 0)
    provenance = Provenance(
        **replace(sampling, draws=len(drawn)).decides(),
        seconds=0.0,
        reason=request.reason,
        panel=request.panel.to_dict(),
        versions=versions(),
    )
    # Of a log's users only cell sums enter a model; their own sums would make a fit as large as the log.
    return Fit(tree, spec, diagnostics, provenance, replace(request.panel, clusters=None))
