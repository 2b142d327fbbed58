"""Panel of several starts × model → own fits → pooled effects."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from bsynth._base.plain import show
from bsynth._base.progress import status
from bsynth._base.telling import warn
from bsynth._base.types import IntArray, Label
from bsynth._base.versions import versions
from bsynth.bayesian.plan import Plan, plan
from bsynth.bayesian.result import Fit, Provenance
from bsynth.bayesian.run import run
from bsynth.bayesian.waves.gate import judge, pooling_alone
from bsynth.bayesian.waves.paths import innovations_of, path_of, resized, scales_of, sizes_of, untreated
from bsynth.bayesian.waves.result import WavesFit
from bsynth.engines import pooling
from bsynth.engines.correlation import Correlation, correlation_of
from bsynth.engines.pooling import Pooled
from bsynth.engines.sampling import Sampling, resolve
from bsynth.engines.stacks import Path
from bsynth.errors import PanelError, SpecError, UnreliableWarning
from bsynth.model.catalogue import DEFAULT
from bsynth.model.spec import ModelSpec
from bsynth.panel.panel import Panel
from bsynth.panel.staggered import StaggeredPanel
from bsynth.pieces import run_pieces

MODEL = "waves"
"""The default of panels whose units start at different times."""
TUNE = 500
"""Draws of pooling that are discarded; its scales are four numbers whatever the panel."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where a unit's periods stand on the calendar that all units share, and the treated ones after its start."""

    places: IntArray
    event: IntArray


def fit_waves(
    panel: StaggeredPanel[Panel],
    model: str | File | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    sampling: Sampling | None = None,
    draws: int | None = None,
    seed: int | None = None,
    progress: bool = True,
    rounds: int = 1,
) -> WavesFit:
    """Fit every treated unit and pool their effects; what `bsynth.fit` does of a panel of several starts."""
    began = time.perf_counter()
    chosen = resolve(sampling, draws, seed)
    model = MODEL if model == DEFAULT else model
    plans, skipped = _plans(panel, model, scale, chosen)
    fits = run_pieces(
        {str(k): each for k, each in enumerate(plans.values())},
        lambda each: run(each, progress=False),
        title=f"Sampling {panel.labels.units(len(plans))}",
        n_jobs=chosen.n_jobs,
        progress=progress,
    )
    places = [places_of(panel, unit, each.panel) for unit, each in plans.items()]
    cells = _cells(panel, list(plans.items()), places)
    spec = next(iter(plans.values())).spec
    with status("Pooling effects", progress):
        pooled, diagnostics = pool_fits(fits, places, cells, chosen, rounds=rounds)
    found = WavesFit(
        panel=replace(panel, whole=replace(panel.whole, clusters=None)),
        spec=spec,
        fits=tuple(fits),
        cells=cells,
        effect=pooled.effect,
        unpooled=pooled.unpooled,
        event=pooled.event,
        unit=pooled.unit,
        scales=pooled.scales,
        diagnostics=diagnostics,
        provenance=_provenance(fits[0], chosen, time.perf_counter() - began),
        skipped=skipped,
        block=pooled.block,
    )
    if found.status == "unreliable":
        warn(f"fit of {spec.name!r} is unreliable: {diagnostics.failed()}", UnreliableWarning)
    return found


def pool_fits(
    fits: Sequence[Fit], places: Sequence[Places], cells: pd.DataFrame, sampling: Sampling, *, rounds: int = 1
) -> tuple[Pooled, Any]:
    """Pool the effects of fits; once again with four times the draws where the draws alone fail the gate."""
    # Many small matrices: more threads than one cost, and on a busy machine by far.
    with threadpool_limits(limits=1):
        calendar = 1 + max(int(at.places.max()) for at in places)
        series = [innovations_of(fit, at.places, calendar) for fit, at in zip(fits, places, strict=True)]
        paths = [
            path_of(untreated(fit), fit.observed.values[fit.n_pre :], at.event, own, fit.spec.link)
            for fit, at, own in zip(fits, places, series, strict=True)
        ]
        together = correlation_of(series, sampling.seed)
        # Each unit in multiples of its own size, where these are unlike; correlations know none.
        paths = [resized(path, size) for path, size in zip(paths, sizes_of(fits), strict=True)]
        first = _draw(paths, together, fits, sampling, 1)
        found = judge(fits, cells, first, retried=False)
        if not rounds or not pooling_alone(found):
            return first, found
        more = _draw(paths, together, fits, sampling, 4)
        return more, judge(fits, cells, more, retried=True)


def _draw(paths: Sequence[Path], together: Correlation, fits: Sequence[Fit], sampling: Sampling, times: int) -> Pooled:
    """Draw the pooled effects, ``times`` as long; every so many draws are kept."""
    seed = np.random.SeedSequence([sampling.seed, 16, times]).generate_state(1)[0]
    found = pooling.pool(
        paths,
        together,
        scales_of(fits),
        draws=sampling.draws,
        tune=TUNE,
        chains=sampling.chains,
        seed=int(seed),
        every=times,
    )
    sizes = np.repeat(sizes_of(fits), [len(path.event) for path in paths])
    return replace(found, effect=found.effect * sizes, unpooled=found.unpooled * sizes)


def _plans(
    panel: StaggeredPanel[Panel], model: str | File | ModelSpec, scale: str | None, sampling: Sampling
) -> tuple[dict[Label, Plan], tuple[tuple[Label, str], ...]]:
    """A plan for each treated unit's own fit, and the units that cannot have one with the reason."""
    found: dict[Label, Plan] = {}
    skipped: list[tuple[Label, str]] = []
    seeds = np.random.SeedSequence(sampling.seed).generate_state(len(panel.starts))
    for unit, seed in zip(panel.starts, seeds, strict=True):
        try:
            own = panel.unit_panel(unit)
        except PanelError as error:
            skipped.append((unit, str(error)))
            continue
        request = plan(own, model, scale=scale, sampling=replace(sampling, seed=int(seed)))
        if request.spec.pooling.effects == "none":
            raise SpecError(
                f"model {request.spec.name!r} has one start and this panel's units start at {len(panel.waves)}; give "
                "'waves', or a model.toml with [pooling] effects = 'partial'"
            )
        if reason := request.lacks:
            skipped.append((unit, reason))
        else:
            found[unit] = request
    if not found:
        raise PanelError(f"no treated unit can be fitted; {show(skipped[0][0])}: {skipped[0][1]}")
    return found, tuple(skipped)


def places_of(panel: StaggeredPanel[Panel], unit: Label, own: Panel) -> Places:
    """Where a unit's own panel stands on the calendar of all."""
    at = panel.whole.positions[panel.times.get_indexer(own.times)]
    return Places(places=at, event=panel.event_times(unit))


def _cells(panel: StaggeredPanel[Panel], plans: Sequence[tuple[Label, Plan]], places: Sequence[Places]) -> pd.DataFrame:
    """The treated cells, units one behind the other."""
    tables = []
    for (unit, request), at in zip(plans, places, strict=True):
        own = request.panel
        tables.append(
            pd.DataFrame(
                {
                    "unit": pd.Series([unit] * own.n_post, dtype=object),
                    "time": own.times[own.n_pre :],
                    "wave": pd.Index([panel.starts[unit]] * own.n_post),
                    "event": at.event,
                    "observed": own.treated_series[own.n_pre :],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _provenance(first: Fit, sampling: Sampling, seconds: float) -> Provenance:
    reason = "Every treated unit has its own fit; their effects are pooled by periods since the start."
    return Provenance(
        **sampling.decides(), seconds=seconds, reason=reason, panel=first.provenance.panel, versions=versions()
    )
