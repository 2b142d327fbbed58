"""A plan carried out: draws, their gate, and what is drawn further where it fails."""

import gc
import time
from dataclasses import replace

import numpy as np

from bsynth._base.progress import status
from bsynth._base.telling import warn
from bsynth._base.versions import versions
from bsynth.bayesian import averaging
from bsynth.bayesian.plan import Plan
from bsynth.bayesian.result import Fit, Provenance
from bsynth.bayesian.tree import assemble, judge
from bsynth.engines import bayes, predict
from bsynth.engines.draws import Draws, State
from bsynth.engines.sampling import RETRIES, Sampling
from bsynth.errors import UnreliableWarning
from bsynth.pieces import run_pieces

RHAT_APART = 1.05
"""R-hat above which chains have not met, and more draws would not make up for those there are."""
SWEEP = 1 << 25
"""Bytes of draws after which fits that nobody holds any more are looked for."""
_made = [0]


def _sweep(made: int) -> None:
    """Give memory back in time: the trees of fits are cycles, and Python collects these by objects, not by bytes."""
    _made[0] += made
    if _made[0] > SWEEP:
        _made[0] = 0
        gc.collect()


def with_choice(found: Fit, chosen: str) -> Fit:
    """Return a fit that says what was found of its scale."""
    return replace(found, provenance=replace(found.provenance, chosen=chosen))


def run(request: Plan, *, progress: bool = True, rounds: int = RETRIES) -> Fit:
    """Carry out a plan; while the fit fails its gate it is sampled further, ``rounds`` times at most."""
    started = time.perf_counter()
    whole = _averaged if averaging.is_averaged(request.spec) else _gated
    result = whole(request, progress=progress, rounds=rounds)
    result = replace(result, provenance=replace(result.provenance, seconds=time.perf_counter() - started))
    _sweep(result.tree.nbytes)
    if result.status == "unreliable":
        warn(f"fit of {request.spec.name!r} is unreliable: {result.diagnostics.failed()}", UnreliableWarning)
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
            if attempt > 1:
                break
            settings = request.sampling.stricter()
            draws = _draw(request, settings, None, attempt, progress)
        else:
            strayed = result.diagnostics.strayed
            settings = request.sampling.onward(len(draws), careful=strayed, attempt=attempt)
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
        chosen=request.chosen,
    )
    # Of a log's users only cell sums enter a model; their own sums would make a fit as large as the log.
    return Fit(tree, spec, diagnostics, provenance, replace(request.panel, clusters=None))
