"""How often intervals hold the truth in worlds of known effect, after calibration and before.

Worlds, panels and bars are those of ``PROTOCOL.md``. Every panel is a calibration of its own: its donors' fits, its
own, its intervals against the truth. Writes ``grounds.json``; finished panels are kept in ``.evidence/``, so that an
interrupted run goes on where it stopped. ``BSYNTH_PANELS`` asks for fewer panels of each world than the protocol's: the
file says how many there were, and they are the first ones.
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
from bsynth.evidence.grounds import GROUNDS, LEVELS, N_POST, N_PRE, ground_panel, score, summarise
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.worlds import draw_noise
from bsynth.pieces import Record, Store

FILE = Path(__file__).with_name("grounds.json")
WORK = Path(".evidence/grounds.jsonl")
MODEL = "default"
PANELS = {5: 100, 10: 100, 20: 200, 40: 100}
SETTINGS = Settings(progress=False)


def _panel(name: str, donors: int, k: int) -> Record:
    panel, effect = ground_panel(name, donors, k)
    return score(panel, effect, MODEL, SETTINGS.at(k))


@pytest.mark.evidence
def test_intervals_hold_known_truth() -> None:
    spec = bs.load_model(MODEL)
    most = int(os.environ.get("BSYNTH_PANELS", max(PANELS.values())))
    sizes = [int(j) for j in os.environ.get("BSYNTH_DONORS", ",".join(map(str, PANELS))).split(",")]
    store = Store(WORK, key_of(spec, SETTINGS.sampler() | {"levels": list(LEVELS), "grounds": 2}))
    # Panel by panel through all worlds, so that a run that is cut short has as many of each.
    for k in range(min(most, max(PANELS[j] for j in sizes))):
        pieces = {
            f"{name}/{donors}/{k}": functools.partial(_panel, name, donors, k)
            for donors in sizes
            for name in GROUNDS
            if k < PANELS[donors]
        }
        measure(f"grounds: panel {k}", pieces, store, SETTINGS)
    records = store.read()
    cells: dict[str, list[Record]] = {}
    for piece, record in records.items():
        name, donors, _ = piece.split("/")
        for cell in (f"{name}/{donors}", name, f"J={donors}", "all"):
            cells.setdefault(cell, []).append(record)
    found: dict[str, Any] = {"model": MODEL, **SETTINGS.sampler(), "n_pre": N_PRE, "n_post": N_POST}
    found |= {"cells": {cell: summarise(rows) for cell, rows in sorted(cells.items())}, "versions": versions()}
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def test_each_world_changes_one_thing() -> None:
    """Which is what its name says, against the first; a panel is the same each time."""
    for name, ground in GROUNDS.items():
        panel, effect = ground_panel(name, 6, 0)
        again, _ = ground_panel(name, 6, 0)
        np.testing.assert_array_equal(panel.outcome, again.outcome)
        assert (panel.n_pre, panel.n_post, panel.n_donors) == (N_PRE, N_POST, 6)
        changed = [field for field in ground.__dataclass_fields__ if getattr(ground, field)]
        assert len(changed) == (name != "inside")
        if not ground.logs:
            np.testing.assert_allclose(effect, 0.5)
    rng = np.random.default_rng(1)
    above, _ = GROUNDS["outside"].simulate(6, rng)
    assert (above[:N_PRE, 0] > above[:N_PRE, 1:].mean(axis=1)).all()
    noise = draw_noise(rng, (20_000, 1), GROUNDS["ar"].rho)[:, 0]
    assert np.corrcoef(noise[:-1], noise[1:])[0, 1] == pytest.approx(0.6, abs=0.03)
    assert noise.std() == pytest.approx(0.5, rel=0.05)
