"""What a grade of the evidence is worth: how often its interval and its sign are right, and how often it claims nothing.

Worlds, effects and panels are those of ``PROTOCOL.md``. Writes ``grades.json``; finished panels are kept in
``.evidence/``, so that an interrupted run goes on where it stopped. ``BSYNTH_PANELS`` asks for fewer panels of each cell
than the protocol's: the file says how many there were, and they are the first ones.
"""

import functools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bsynth as bs
from bsynth._base.versions import versions
from bsynth.evidence.grades import DONORS, SIZES, WORLDS, graded_panel, summarise
from bsynth.evidence.grounds import GROUNDS, N_POST, N_PRE
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.pieces import Record, Store

FILE = Path(__file__).with_name("grades.json")
WORK = Path(".evidence/grades.jsonl")
MODEL = "default"
METHODS = ("sc", "demeaned", "did", "sdid", "placebo")
"""What a grade reads of the classical path."""
PANELS = 100
SETTINGS = Settings(progress=False)


def _grade(world: str, size: float, k: int) -> Record:
    """Analyse a panel as a run does."""
    how: dict[str, Any] = {"sampling": SETTINGS.at(k), "methods": METHODS, "findings": "none", "progress": False}
    analysis = bs.analyse(graded_panel(world, size, k), **how)
    answer = analysis.comparison.numbers()["answer"]
    found = {name: answer[name] for name in ("estimate", "lower", "upper")}
    return {"grade": analysis.verdict.grade, "truth": size} | found


def _summary(records: dict[str, Record]) -> dict[str, Any]:
    cells: dict[str, list[Record]] = {}
    for piece, record in records.items():
        for cell in (piece.split("/")[0], "all"):
            cells.setdefault(cell, []).append(record)
    return {cell: summarise(rows) for cell, rows in sorted(cells.items())}


# What stays unreliable is counted in the summary.
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")
@pytest.mark.evidence
def test_grades_mean_what_they_say() -> None:
    most = int(os.environ.get("BSYNTH_PANELS", PANELS))
    store = Store(WORK, key_of(bs.load_model(MODEL), SETTINGS.sampler() | {"methods": list(METHODS), "grades": 1}))
    # Panel by panel through all cells, so that a run that is cut short has as many of each.
    for k in range(min(most, PANELS)):
        pieces = {
            f"{world}/{size}/{k}": functools.partial(_grade, world, size, k) for world in WORLDS for size in SIZES
        }
        measure(f"grades: panel {k}", pieces, store, SETTINGS)
    # A round that was cut short would count some cells more than others.
    records = {piece: each for piece, each in store.read().items() if int(piece.rsplit("/", 1)[1]) < most}
    found: dict[str, Any] = {"model": MODEL, **SETTINGS.sampler(), "donors": DONORS, "n_pre": N_PRE, "n_post": N_POST}
    found |= {"cells": _summary(records), "versions": versions(), "panels": records}
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def test_panels_differ_by_their_effect_alone_in_law() -> None:
    """The world's own effect is taken out and the size put in; a panel is the same each time."""
    for world in WORLDS:
        for size in SIZES:
            panel = graded_panel(world, size, 0)
            np.testing.assert_array_equal(panel.outcome, graded_panel(world, size, 0).outcome)
            rng = np.random.default_rng([2, WORLDS.index(world), SIZES.index(size), 0])
            outcome, effect = GROUNDS[world].simulate(DONORS, rng)
            np.testing.assert_allclose(panel.treated_series[N_PRE:] - outcome[N_PRE:, 0], size - effect)
            np.testing.assert_allclose(panel.treated_series[:N_PRE], outcome[:N_PRE, 0])


def test_the_file_holds_what_it_claims() -> None:
    if not FILE.is_file():
        pytest.skip("not measured yet; run `pytest -m evidence tests/evidence/test_grades.py`")
    found = json.loads(FILE.read_text())
    assert found["cells"] == _summary(found["panels"])
    assert {piece.rsplit("/", 1)[0] for piece in found["panels"]} == {f"{w}/{s}" for w in WORLDS for s in SIZES}
