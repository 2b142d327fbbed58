"""Pooled effects of simulated waves: coverage, error and width, by the protocol beside this file.

Writes the part ``worlds`` of ``models/waves/evidence.json``, and the table in its card. Finished seeds are kept in
``.evidence/waves/waves.jsonl``, so an interrupted run goes on where it stopped.
"""

import os
from pathlib import Path

import pytest

from bsynth.evidence.record import Settings
from bsynth.evidence.run import Request, measure_model

SEEDS = 200
SETTINGS = Settings(progress=False, n_jobs=1)


@pytest.mark.evidence
def test_pooled_effects_of_simulated_waves() -> None:
    minutes = os.environ.get("BSYNTH_EVIDENCE_MINUTES")
    budget = None if minutes is None else float(minutes)
    request = Request(parts=("worlds",), work=Path(".evidence"), seeds=SEEDS, settings=SETTINGS, minutes=budget)
    found = measure_model("waves", request)["worlds"]
    pooled, unpooled = found["kinds"]["pooled"], found["kinds"]["unpooled"]
    for over in ("overall", "unit"):
        assert abs(pooled[over]["coverage"] - 0.95) <= 0.03
    assert pooled["unit"]["rmse"] <= 0.8 * unpooled["unit"]["rmse"]
    assert pooled["overall"]["width"] <= found["reassigned_width"]
