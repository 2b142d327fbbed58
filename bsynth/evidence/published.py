"""Numbers that others have published for the same model on the same data."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bsynth.bayesian.fit import fit
from bsynth.errors import PanelError
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.scores import rounded
from bsynth.model.catalogue import load_model
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.pieces import Record, Store

DRAWS, TUNE = 1000, 1000
R_BSYNTH = "model of R's bsynth, Gibbs sampler"
CAUSALPY = "CausalPy's WeightedSumFitter, Gibbs sampler"


@dataclass(frozen=True)
class Study:
    """A real panel with its treated unit. ``divisor`` takes the outcome to the units of the publication."""

    file: str
    treated: str
    start: int
    exclude: tuple[str, ...] = ()
    divisor: float = 1.0

    def panel(self, data: Path) -> Panel:
        """Return the panel; raise PanelError when its file is missing."""
        if not (data / self.file).is_file():
            raise PanelError(f"{str(data / self.file)!r} is missing; give the folder of the real panels as --data")
        frame = pd.read_csv(data / self.file)
        frame["outcome"] = frame["outcome"] / self.divisor
        return Panel.from_long(
            frame,
            unit="unit",
            time="time",
            outcome="outcome",
            treated=self.treated,
            start=self.start,
            exclude=self.exclude,
        )


@dataclass(frozen=True)
class Published:
    """A published posterior mean of the average effect; ``bounds`` of its 95% predictive interval ± ``margin``."""

    study: str
    source: str
    value: float
    tolerance: float
    bounds: tuple[float, float] | None = None
    margin: float = 0.0


_BASQUE = ("Spain (Espana)",)
STUDIES: Mapping[str, Study] = {
    "Prop 99": Study("california_prop99.csv", "California", 1989),
    "Basque, 1975": Study("basque.csv", "Basque Country (Pais Vasco)", 1975, _BASQUE),
    "Germany": Study("germany.csv", "West Germany", 1990),
    "Germany, thousand USD": Study("germany.csv", "West Germany", 1990, divisor=1000.0),
}
REFERENCES: Mapping[str, tuple[Published, ...]] = {
    "standardised": (
        Published("Prop 99", R_BSYNTH, -21.8, 0.015),
        Published("Basque, 1975", R_BSYNTH, -0.815, 0.015),
        Published("Germany", R_BSYNTH, -2073.0, 0.015, (-2578.0, -1615.0), 60.0),
    ),
    # Its σ ~ HalfNormal(1) is in units of the outcome.
    "dirichlet": (
        Published("Prop 99", CAUSALPY, -26.2, 0.015),
        Published("Basque, 1975", CAUSALPY, -0.591, 0.015),
        Published("Germany, thousand USD", CAUSALPY, -1.485, 0.015),
    ),
}


def references(spec: ModelSpec) -> tuple[Published, ...]:
    """Return what is published for this model: that of the catalogue model with the same specification."""
    for name, found in REFERENCES.items():
        if key_of(load_model(name), {}) == key_of(spec, {}):
            return found
    return ()


def run(spec: ModelSpec, data: Path, work: Path, settings: Settings, *, seed: int = 1) -> Record:
    """Fit the published studies and compare; empty ``studies`` when nothing is published for this model."""
    wanted = references(spec)
    settings = Settings(DRAWS, TUNE, settings.chains, settings.n_jobs, settings.progress)
    store = Store(work / "published.jsonl", key_of(spec, settings.sampler() | {"seed": seed}))
    rows = []
    for one in wanted:
        piece = functools.partial(_piece, spec, one, data, settings, seed)
        found = measure(f"{spec.name}: {one.study}", {f"{one.source}/{one.study}": piece}, store, settings)
        (record,) = found.values()
        rows.append(rounded(compare(one, record), 5))
    return {"seed": seed, **settings.sampler(), "studies": rows}


def _piece(spec: ModelSpec, one: Published, data: Path, settings: Settings, seed: int) -> Record:
    panel = STUDIES[one.study].panel(data)
    if one.source == CAUSALPY:
        scale = float(np.std(panel.treated_series[: panel.n_pre], ddof=1))
        spec = spec.model_copy(update={"noise": spec.noise.model_copy(update={"sd": 1 / scale})})
    result = fit(panel, spec, sampling=settings.at(seed), progress=False)
    row = result.effects(0.95).query("estimand == 'average'").iloc[0]
    return {name: float(row[name]) for name in ("estimate", "lower", "upper")} | {"status": result.status}


def compare(one: Published, record: Record) -> Record:
    """Set a fit beside what is published; ``agrees`` when the mean, and the bounds if any, are within tolerance."""
    away = record["estimate"] / one.value - 1
    agrees = abs(away) <= one.tolerance
    row = {"study": one.study, "source": one.source, "published": one.value, **record, "relative_difference": away}
    row |= {"tolerance": one.tolerance}
    if one.bounds is not None:
        agrees &= all(
            abs(record[side] - bound) <= one.margin for side, bound in zip(("lower", "upper"), one.bounds, strict=True)
        )
        row |= {"published_bounds": list(one.bounds), "margin": one.margin}
    return row | {"agrees": agrees}
