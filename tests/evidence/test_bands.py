"""How often a simultaneous band holds the whole path of a unit to which nothing happened.

Every never-treated unit of four real panels plays the treated one under `default`, and its band either holds zero in
every period after the start or it does not. Writes ``bands.json`` beside this file. Finished fits are kept in
``.evidence/``, so an interrupted run goes on where it stopped.
"""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

import bsynth as bs
from bsynth._base.versions import versions
from bsynth.evidence.placebos import SOURCES, never_treated
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.findings.bands import MEASURED, MEASURED_LEVEL, MEASURED_MODEL
from bsynth.pieces import Record, Store

FILE = Path(__file__).with_name("bands.json")
WORK = Path(".evidence/bands.jsonl")
PANELS = {"germany": "Germany", "basque": "Basque", "prop99": "Prop 99", "geolift": "GeoLift"}
"""As the words call them."""
LEVELS = (0.5, 0.8, 0.9, 0.95)
SETTINGS = Settings(progress=False)


def _unit(panel: bs.Panel, unit: object) -> Record:
    if unit not in panel.treated:
        panel = panel.as_treated(unit, pool="include")
    fit = bs.fit(panel, MEASURED_MODEL, sampling=SETTINGS.at(1), progress=False)
    held = {f"{level:.0%}": not bs.path_band(fit, level=level).table["excludes_zero"].any() for level in LEVELS}
    return {"unit": str(unit), "status": fit.status, "held": held}


def _summary(rows: list[Record]) -> dict[str, Any]:
    return {
        "units": len(rows),
        "unreliable": sum(row["status"] != "ok" for row in rows),
        "held": {f"{level:.0%}": sum(row["held"][f"{level:.0%}"] for row in rows) for level in LEVELS},
    }


@pytest.mark.evidence
def test_whole_paths(data_dir: Path) -> None:
    spec = bs.load_model(MEASURED_MODEL)
    store = Store(WORK, key_of(spec, SETTINGS.sampler() | {"bands": list(LEVELS), "seed": 1}))
    found: dict[str, Any] = {"model": spec.name, "interval": "predictive", **SETTINGS.sampler(), "panels": {}}
    for name in PANELS:
        panel = never_treated(name, data_dir)
        units = [*panel.treated, *panel.donors]
        pieces = {f"{name}/{unit}": functools.partial(_unit, panel, unit) for unit in units}
        rows = list(measure(f"bands: {name}", pieces, store, SETTINGS).values())
        found["panels"][name] = (
            {"title": SOURCES[name].title, "periods": panel.n_post} | _summary(rows) | {"rows": rows}
        )
    FILE.write_text(json.dumps(found | {"versions": versions()}, indent=1, ensure_ascii=False) + "\n")


def test_the_words_are_the_measurement() -> None:
    panels = json.loads(FILE.read_text())["panels"]
    assert set(panels) == set(PANELS)
    level = f"{MEASURED_LEVEL:.0%}"
    for found in panels.values():
        rows = found["rows"]
        assert (found["held"][level], found["units"]) == (sum(row["held"][level] for row in rows), len(rows))
    assert {PANELS[name]: (p["held"][level], p["units"]) for name, p in panels.items()} == dict(MEASURED)
