"""Fits of a plan's specifications: one compilation per structure, resumable, in parallel."""

import math
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import joblib
import numpy as np

from bsynth._base.progress import progress_bar
from bsynth._base.types import FloatArray, Status
from bsynth.bayesian.plan import plan as plan_fit
from bsynth.bayesian.result import Fit
from bsynth.bayesian.run import run as run_fit
from bsynth.checks.leave_future_out import score_forecast
from bsynth.errors import UnreliableWarning
from bsynth.findings.specifications.grid import CurvePlan, Specification
from bsynth.model.design import make_design
from bsynth.panel import Panel
from bsynth.pieces import append, check_store, digest, stored

KEPT = 2000
"""Draws kept of each specification's effect."""
_FORMAT = 2


@dataclass(frozen=True, eq=False)
class SpecificationRun:
    """What a specification says, and how well it forecasts.

    Attributes
    ----------
    specification : Specification
    average : (n,) draws of the average predictive gap over the treated periods, outcome units.
    log_density : (m,) log density of each held-out pre-period under the forecast from the periods before it, in
        outcome units whatever the specification's own scale.
    status : {"ok", "unreliable"}
        Of the fit behind ``average``, after one stricter attempt.
    failures : tuple of str
        What the convergence gate found.
    unreliable_forecasts : int
        Forecasts whose refit did not pass the gate; they have no second attempt.
    pre_rmspe : float
        Of the pre-periods that were fitted, outcome units.
    effective_donors : float
    seconds : float
    """

    specification: Specification
    average: FloatArray
    log_density: FloatArray
    status: Status
    failures: tuple[str, ...]
    unreliable_forecasts: int
    pre_rmspe: float
    effective_donors: float
    seconds: float

    @property
    def elpd(self) -> float:
        """Sum of the log densities of the held-out pre-periods."""
        return float(self.log_density.sum())


def run_specifications(
    plan: CurvePlan, *, store: str | Path | None = None, progress: bool = True
) -> tuple[SpecificationRun, ...]:
    """Fit every specification of a plan and forecast its held-out pre-periods; finished ones come from ``store``."""
    file = check_store(store)
    keys = {s: _key(plan, s) for s in plan.specifications}
    records = stored(file)
    done = {s: _from_record(s, records[key]) for s, key in keys.items() if key in records}
    missing = [s for s in plan.specifications if s not in done]
    text = f"{len(plan.specifications)} specifications, {plan.fits} fits"
    with progress_bar(text, len(plan.specifications), progress) as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreliableWarning)  # counted in the result
        bar.advance(bar.task_ids[0], len(done))

        def collect(found: Iterable[SpecificationRun]) -> None:
            for result in found:
                done[result.specification] = result
                if file is not None:
                    append(file, keys[result.specification], _to_record(result))
                bar.advance(bar.task_ids[0])

        # The first fit of each structure compiles it; only then do the others start, and share it.
        first = list({_structure(plan, s): s for s in reversed(missing)}.values())
        collect(_run(plan, s) for s in first)
        rest = [joblib.delayed(_run)(plan, s) for s in missing if s not in first]
        collect(joblib.Parallel(n_jobs=plan.sampling.n_jobs, prefer="threads", return_as="generator_unordered")(rest))
    return tuple(done[s] for s in plan.specifications)


def _structure(plan: CurvePlan, specification: Specification) -> object:
    from bsynth.engines import bayes  # PyMC: seconds to import, so not before it is needed

    model = specification.model(plan.base)
    return bayes.structure(make_design(plan.panel, model), model)


def _run(plan: CurvePlan, specification: Specification) -> SpecificationRun:
    """Fit one specification for the effect, and once more before each held-out period."""
    began = time.perf_counter()
    pool, span = specification.pool, specification.window
    found = _fit(plan, specification, pool.apply(span.apply(plan.panel)), t=None)
    window = slice(plan.panel.n_pre - span.first, None)
    gaps = (found.observed - found.counterfactual("predictive")).isel(time=window).mean("time").values.ravel()
    log_density, failed = [], 0
    for t in plan.held:
        shorter = pool.apply(span.forecast(plan.panel, t))
        forecast = _fit(plan, specification, shorter, t=t)
        log_density.append(score_forecast(forecast, shorter, t - span.first)["log_density"])
        failed += forecast.status != "ok"
    return SpecificationRun(
        specification=specification,
        average=_kept(gaps),
        log_density=np.array(log_density),
        status=found.status,
        failures=found.diagnostics.failures,
        unreliable_forecasts=failed,
        pre_rmspe=found.pre_rmspe,
        effective_donors=found.effective_donors,
        seconds=time.perf_counter() - began,
    )


def _kept(draws: FloatArray) -> FloatArray:
    """At most `KEPT` draws, evenly spaced, to eight digits: a store of reasonable size."""
    chosen = draws[np.linspace(0, len(draws) - 1, min(KEPT, len(draws))).round().astype(int)]
    largest = float(np.abs(chosen).max())
    return np.asarray(chosen.round(7 - math.floor(math.log10(largest)))) if largest > 0 else chosen


def _fit(plan: CurvePlan, specification: Specification, panel: Panel, *, t: int | None) -> Fit:
    """Fit ``panel`` under a specification; the forecast of a period ``t`` has no stricter second attempt."""
    # A seed of its own: a specification gives the same draws in whatever list it stands.
    entropy = [plan.sampling.seed, crc32(str(specification).encode()), 0 if t is None else t]
    request = plan_fit(
        panel,
        specification.model(plan.base),
        sampling=replace(plan.sampling, seed=int(np.random.SeedSequence(entropy).generate_state(1)[0])),
        # Room for the whole panel: one compilation serves every pool and window.
        slots=plan.panel.n_donors,
        periods=len(plan.panel.times),
    )
    return run_fit(request, progress=False, retry=t is None)


def _key(plan: CurvePlan, specification: Specification) -> str:
    window, pool = specification.window, specification.pool
    described = [
        _FORMAT,
        plan.panel.to_dict(),
        specification.model(plan.base).to_dict(),
        [window.first, window.gap, pool.rule, pool.size, [str(u) for u in pool.donors]],
        [plan.held, plan.sampling.decides()],
    ]
    return digest(described, plan.panel.outcome.tobytes())


def _to_record(found: SpecificationRun) -> dict[str, Any]:
    plain = {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in vars(found).items()}
    return plain | {"specification": str(found.specification)}


def _from_record(specification: Specification, record: dict[str, Any]) -> SpecificationRun:
    arrays = {name: np.asarray(record[name], dtype=float) for name in ("average", "log_density")}
    return SpecificationRun(
        **(record | arrays | {"specification": specification, "failures": tuple(record["failures"])})
    )
