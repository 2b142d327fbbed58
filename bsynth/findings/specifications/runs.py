"""Fits of a plan's specifications: one compilation per structure, resumable, in parallel."""

import math
import time
from collections.abc import Hashable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from zlib import crc32

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray, Status
from bsynth.bayesian.forecast import forecast_of, score_forecast
from bsynth.bayesian.plan import plan as plan_fit
from bsynth.bayesian.result import Fit
from bsynth.bayesian.run import run as run_fit
from bsynth.engines.sampling import RETRIES
from bsynth.engines.structure import structure
from bsynth.findings.specifications.grid import CurvePlan, Specification
from bsynth.model.design import make_design
from bsynth.panel import Panel
from bsynth.panel.archive import fingerprint
from bsynth.pieces import Record, Store, check_store, digest, run_pieces
from bsynth.text.numbers import count

KEPT = 2000
"""Draws kept of each specification's effect."""
_FORMAT = 2


@dataclass(frozen=True, eq=False, repr=False)
class SpecificationRun(Brief):
    """What a specification says, and how well it forecasts.

    Attributes
    ----------
    specification : Specification
    average : (n,) draws of the average predictive gap over the treated periods, outcome units.
    log_density : (m,) log density of each held-out pre-period under the forecast from the periods before it, in
        outcome units whatever the specification's own scale.
    status : {"ok", "unreliable"}
        Of the fit behind ``average``, sampled further where it was not met.
    failures : tuple of str
        What the convergence gate found.
    unreliable_forecasts : int
        Forecasts whose refit did not pass the gate; they are not sampled further.
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


_FIELDS = frozenset(each.name for each in fields(SpecificationRun)) - {"specification"}
"""Of a record in a store: everything but the specification, which is the name of the piece."""


def run_specifications(
    plan: CurvePlan, *, store: str | Path | None = None, progress: bool = True
) -> tuple[SpecificationRun, ...]:
    """Fit every specification of a plan and forecast its held-out pre-periods; finished ones come from ``store``."""
    file = check_store(store)
    records = run_pieces(
        {_name(plan, each): each for each in plan.specifications},
        lambda each: _to_record(_run(plan, each)),
        title=f"{count(len(plan.specifications), 'specification')}, {count(plan.fits, 'fit')}",
        store=None if file is None else Store(file, _key(plan), _FIELDS),
        n_jobs=plan.sampling.n_jobs,
        progress=progress,
        compiled=lambda each: _structure(plan, each),
    )
    return tuple(_from_record(each, record) for each, record in zip(plan.specifications, records, strict=True))


def _structure(plan: CurvePlan, specification: Specification) -> Hashable:
    model = specification.model(plan.base)
    return structure(make_design(plan.panel, model), model)


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
        at = t - span.first
        observed = float(shorter.treated_series[at])
        log_density.append(score_forecast(forecast_of(forecast, shorter, at), observed)["log_density"])
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
    """Fit ``panel`` under a specification; the forecast of a period ``t`` is not sampled further."""
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
    return run_fit(request, progress=False, rounds=RETRIES if t is None else 0)


def _key(plan: CurvePlan) -> str:
    """Name what all pieces of a plan have in common."""
    return digest([_FORMAT, fingerprint(plan.panel), plan.held, plan.sampling.decides()])


def _name(plan: CurvePlan, specification: Specification) -> str:
    """Name the piece, by what its words stand for on this panel."""
    window, pool = specification.window, specification.pool
    described = [window.first, window.gap, pool.rule, pool.size, [str(u) for u in pool.donors]]
    return f"{specification} {digest([specification.model(plan.base).to_dict(), described])}"


def _to_record(found: SpecificationRun) -> Record:
    plain = {name: getattr(found, name) for name in sorted(_FIELDS)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in plain.items()}


def _from_record(specification: Specification, record: Record) -> SpecificationRun:
    arrays = {name: np.asarray(record[name], dtype=float) for name in ("average", "log_density")}
    failures = tuple(record["failures"])
    return SpecificationRun(specification, **(record | arrays | {"failures": failures}))
