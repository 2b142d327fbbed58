"""Every never-treated unit of five real panels as pseudo-treated, where the truth is no effect.

Coverage, width and error of the average effect in pre-period standard deviations of the pseudo-treated unit, for the
model as it is (``base``), for a switched drift with the share of each of its forms learned from the other units
(``learned``), and after donor calibration on the other units (``calibrated``).
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray, Label
from bsynth.bayesian.fit import fit
from bsynth.calibration import (
    Lesson,
    PlaceboFit,
    learn,
    learn_inflation,
    summarise_placebo,
    switch_prior,
)
from bsynth.errors import PanelError
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.scores import LEVELS, Scored, rounded
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.pieces import Record, Store


@dataclass(frozen=True)
class PlaceboPanel:
    """A real panel without its treated units: file, units to leave out, first pseudo-treated period, last one used.

    ``covariates`` are the predictors of the publication that every unit has before that period.
    """

    title: str
    file: str
    leave_out: tuple[str, ...]
    start: int
    periods: int | None = None
    covariates: tuple[str, ...] = ()


_SECTORS = tuple(
    f"sec_{name}"
    for name in ("agriculture", "energy", "industry", "construction", "services_venta", "services_nonventa")
)
_SCHOOLING = tuple(f"school_{name}" for name in ("illit", "prim", "med", "high", "post_high"))
SOURCES: Mapping[str, PlaceboPanel] = {
    "geolift": PlaceboPanel("GeoLift, first 90 days", "geolift_test.csv", (), 75, 90),
    "prop99": PlaceboPanel(
        "Prop 99",
        "california_prop99.csv",
        ("California",),
        19,
        covariates=("lnincome", "beer", "age15to24", "retprice"),
    ),
    "germany": PlaceboPanel(
        "Germany",
        "germany.csv",
        ("West Germany",),
        30,
        covariates=("infrate", "trade", "schooling", "invest80", "industry"),
    ),
    "basque": PlaceboPanel(
        "Basque, 1975",
        "basque.csv",
        ("Basque Country (Pais Vasco)", "Spain (Espana)"),
        20,
        covariates=(*_SECTORS, *_SCHOOLING, "popdens", "invest"),
    ),
    "turnout": PlaceboPanel("Turnout", "turnout_edr.csv", (), 14),
}


def sources_of(spec: ModelSpec) -> tuple[str, ...]:
    """Return the real panels that a model can be fitted to: one with covariates needs a panel that has them."""
    return tuple(name for name, source in SOURCES.items() if spec.covariates.use == "none" or source.covariates)


def never_treated(name: str, data: Path, *, covariates: bool = False) -> Panel:
    """Return the never-treated units of a real panel, the first of them in the treated role.

    Raises
    ------
    PanelError
        When the file is not in ``data``.
    """
    source = SOURCES[name]
    file = data / source.file
    if not file.is_file():
        raise PanelError(f"{str(file)!r} is missing; give the folder of the real panels as --data")
    frame = pd.read_csv(file)
    frame = frame[~frame["unit"].isin(source.leave_out)]
    times = sorted(frame["time"].unique())[: source.periods]
    frame = frame[frame["time"].isin(times)]
    if name == "turnout":
        frame = frame[~frame["unit"].isin(frame.loc[frame["treated"] > 0, "unit"].unique())]
    units = sorted(frame["unit"].unique())
    panel: Panel = Panel.from_long(
        frame,
        unit="unit",
        time="time",
        outcome="outcome",
        treated=units[0],
        start=times[source.start],
        covariates=source.covariates if covariates else (),
    )
    return panel


def run(spec: ModelSpec, data: Path, work: Path, settings: Settings, *, seed: int = 1, quick: bool = False) -> Record:
    """Measure the model on every unit of the five panels and return the summary.

    Parameters
    ----------
    spec : ModelSpec
        One that needs no cell counts.
    data : Path
        Folder of the real panels.
    work : Path
        Folder for finished pieces.
    settings : Settings
    seed : int
    quick : bool
        Only the first six units of each panel: a trial run.
    """
    store = Store(work / "placebos.jsonl", key_of(spec, settings.sampler() | {"seed": seed}))
    panels = {}
    for name in sources_of(spec):
        panel = never_treated(name, data, covariates=spec.covariates.use != "none")
        units = sorted((*panel.treated, *panel.donors))[: 6 if quick else None]
        seeds = np.random.SeedSequence(seed).generate_state(len(units))
        pieces = {
            f"{name}/{unit}": functools.partial(_piece, panel, unit, spec, settings, int(own))
            for unit, own in zip(units, seeds, strict=True)
        }
        found = measure(f"{spec.name}: {name}", pieces, store, settings)
        panels[name] = summarise(spec, [_read(record) for record in found.values()])
    summary: Record = {"seed": seed, **settings.sampler(), "panels": panels, "pooled": _pool(panels)}
    for one in panels.values():
        one.pop("held")
    return {name: rounded(value) for name, value in summary.items()}


def _piece(panel: Panel, unit: Label, spec: ModelSpec, settings: Settings, seed: int) -> Record:
    if unit not in panel.treated:
        panel = panel.as_treated(unit, pool="include")
    result = fit(panel, spec, sampling=settings.at(seed), progress=False)
    kept = summarise_placebo(result, unit)
    return {
        "unit": str(unit),
        "average": [float(f"{x:.5g}") for x in kept.average],
        "component": "".join(str(int(form)) for form in kept.component),
        "support": kept.support.tolist(),
        "scale": kept.scale,
        "status": kept.status,
        "failures": list(result.diagnostics.failures),
        "retried": result.diagnostics.retried,
        "ess_min": result.diagnostics.ess_min,
        "seconds": kept.seconds,
    }


def _read(record: Record) -> tuple[PlaceboFit, Record]:
    fit_ = PlaceboFit(
        unit=record["unit"],
        average=np.asarray(record["average"], dtype=float),
        component=np.array([int(c) for c in record["component"]]),
        path_mean=np.empty(0),
        path_sd=np.empty(0),
        support=np.asarray(record["support"], dtype=float),
        scale=record["scale"],
        status=record["status"],
        seconds=record["seconds"],
    )
    return fit_, record


def summarise(spec: ModelSpec, found: list[tuple[PlaceboFit, Record]]) -> Record:
    """Score the fits of one panel: base, learned and calibrated, each unit by what the others teach."""
    placebos = [placebo for placebo, _ in found]
    prior = switch_prior(spec)
    lessons = [learn([*placebos[:k], *placebos[k + 1 :]], prior) for k in range(len(placebos))]
    kinds: dict[str, Callable[[int], tuple[float, list[tuple[float, float]]]]] = {
        "base": lambda k: _weighted(placebos[k], np.ones(len(spec.drift.components))),
        "calibrated": lambda k: _calibrated(placebos[k], lessons[k]),
    }
    if prior is not None:
        kinds["learned"] = lambda k: _weighted(placebos[k], lessons[k].factors)
    record: Record = {
        "units": len(placebos),
        "unreliable": sum(p.status != "ok" for p in placebos),
        "retried": sum(r["retried"] for _, r in found),
        "ess_min": min(r["ess_min"] for _, r in found),
        "seconds_per_fit": float(np.median([p.seconds for p in placebos])),
    }
    if prior is not None:
        taught = learn(placebos, prior)
        record |= {"pi": taught.drifting, "shares": taught.shares}
    held: dict[str, Any] = {}
    for kind, answer in kinds.items():
        answers = [answer(k) for k in range(len(placebos))]
        bounds = np.array([b for _, b in answers])
        scored = Scored(np.zeros(len(answers)), np.array([m for m, _ in answers]), bounds[..., 0], bounds[..., 1])
        record[kind] = scored.summary()
        held[kind] = scored
    # The inflation learned from all units, as a user's calibration reports it.
    moments = [p.reweighted(taught.factors) for p, taught in zip(placebos, lessons, strict=True)]
    inflation = learn_inflation([e for e, _ in moments], [s for _, s in moments])
    return record | {"c": inflation.c_mean, "d": inflation.d_mean, "held": held}


def _weighted(placebo: PlaceboFit, weights: FloatArray) -> tuple[float, list[tuple[float, float]]]:
    return placebo.reweighted(weights)[0], [placebo.interval(level, weights) for level in LEVELS]


def _calibrated(placebo: PlaceboFit, lesson: Lesson) -> tuple[float, list[tuple[float, float]]]:
    mean, sd = placebo.reweighted(lesson.factors)
    return mean, [lesson.inflation.interval(level, mean, sd) for level in LEVELS]


def _pool(panels: Mapping[str, Record]) -> Record:
    kinds = next(iter(panels.values()))["held"]
    pooled = {}
    for kind in kinds:
        parts = [one["held"][kind] for one in panels.values()]
        joined = (np.concatenate([getattr(p, name) for p in parts]) for name in ("truth", "estimate", "lower", "upper"))
        pooled[kind] = Scored(*joined).summary()
    return pooled
