"""Errors of the classical estimators on the placebo designs of a paper, beside those that its authors published.

By the protocol beside this file. Writes ``classical_designs.json``; finished draws are kept in ``.evidence/``.
"""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import bsynth as bs
from bsynth._base.versions import versions
from bsynth.evidence.designs import DESIGNS, design_panel
from bsynth.evidence.record import Settings, measure
from bsynth.pieces import Record, Store

FILE = Path(__file__).with_name("classical_designs.json")
WORK = Path(".evidence/classical_designs.jsonl")
DRAWS, DRAWS_OF_PAPER = 400, 1000
HALF_A_DIGIT = 0.0005
"""Of the published errors, which have three decimals."""
METHODS = ("sdid", "sc", "did", "demeaned")


def _errors(name: str, file: Path, k: int) -> Record:
    panel = design_panel(name, file, k)
    return {method: float(bs.classical(panel, method).effects()["estimate"].iloc[0]) for method in METHODS}


def _against(errors: list[float], published: float) -> dict[str, float]:
    """The root mean square, its Monte-Carlo error (delta method), and by how many errors of both it is off."""
    squares = np.square(errors)
    rmse = float(np.sqrt(squares.mean()))
    own = float(squares.std(ddof=1) / (2 * rmse * np.sqrt(len(squares))))
    both = own * np.sqrt(1 + len(squares) / DRAWS_OF_PAPER)
    off = max(abs(rmse - published) - HALF_A_DIGIT, 0.0)
    return {"rmse": rmse, "monte_carlo_error": own, "published": published, "off_in_errors": off / both}


@pytest.mark.evidence
def test_errors_are_those_of_the_paper(data_dir: Path) -> None:
    store, settings = Store(WORK, "1"), Settings(progress=False)
    pieces = {
        f"{name}/{k}": functools.partial(_errors, name, data_dir / "cps.csv", k)
        for name in DESIGNS
        for k in range(DRAWS)
    }
    measure("classical errors on placebo designs", pieces, store, settings)
    rows = store.read()
    found = {
        name: {
            method: _against([rows[f"{name}/{k}"][method] for k in range(DRAWS)], design.published[method])
            for method in METHODS
        }
        for name, design in DESIGNS.items()
    }
    text = {"draws": DRAWS, "designs": found, "versions": versions()}
    FILE.write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n")
    off = {f"{name}, {m}": cell[m]["off_in_errors"] for name, cell in found.items() for m in METHODS}
    assert max(off.values()) <= 2, off
