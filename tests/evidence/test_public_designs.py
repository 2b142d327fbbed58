"""How far answers are off, and how often intervals hold the truth, on two benchmarks that others designed.

The placebo designs of the paper of synthetic difference in differences and the daily geo worlds of a public comparison;
panels, rivals and bars are those of ``PROTOCOL.md``; regions are fitted on the scale that `bsynth.choose_scale` finds. Writes ``public_designs.json``; finished panels are kept in
``.evidence/``. ``BSYNTH_PANELS`` asks for fewer than the protocol's of each: the file says how many there were, and they
are the first ones.
"""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bsynth as bs
from bsynth._base.versions import versions
from bsynth.evidence.designs import DESIGNS, autoregression, correlations, design_panel, parts
from bsynth.evidence.geo import GEO_WORLDS, geo_panel
from bsynth.evidence.grounds import LEVELS, score, summarise
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.pieces import Record, Store

FILE = Path(__file__).with_name("public_designs.json")
WORK = Path(".evidence/public_designs.jsonl")
MODEL = "default"
DRAWS, PANELS = 200, 100
CLASSICAL = ("sc", "demeaned", "did", "sdid")
SETTINGS = Settings(progress=False)


def _design(name: str, file: Path, k: int) -> Record:
    panel = design_panel(name, file, k)
    record = score(panel, np.zeros(panel.n_post), MODEL, SETTINGS.at(k), unit=1.0)
    return record | {name: float(bs.classical(panel, name).effects()["estimate"].iloc[0]) for name in CLASSICAL}


def _geo(name: str, lifted: bool, k: int) -> Record:
    panel, effect = geo_panel(name, k, lifted=lifted)
    record = score(panel, effect, MODEL, SETTINGS.at(k), scale="auto", unit=1.0)
    truth = float(effect.mean())
    return record | {name: float(bs.classical(panel, name).effects()["estimate"].iloc[0]) - truth for name in CLASSICAL}


def _rmse(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.evidence
def test_intervals_and_errors_on_public_designs(data_dir: Path) -> None:
    spec = bs.load_model(MODEL)
    most = int(os.environ.get("BSYNTH_PANELS", DRAWS))
    store = Store(WORK, key_of(spec, SETTINGS.sampler() | {"levels": list(LEVELS), "designs": 2}))
    for k in range(most):
        pieces: dict[str, Callable[[], Record]] = {}
        if k < PANELS:
            cells = [(name, lifted) for name in GEO_WORLDS for lifted in (False, True)]
            pieces |= {
                f"geo {name}, {'effect' if lifted else 'null'}/{k}": functools.partial(_geo, name, lifted, k)
                for name, lifted in cells
            }
        pieces |= {f"{name}/{k}": functools.partial(_design, name, data_dir / "cps.csv", k) for name in DESIGNS}
        measure(f"public designs: panel {k}", pieces, store, SETTINGS)
    cells_of: dict[str, list[Record]] = {}
    for piece, record in store.read().items():
        cells_of.setdefault(piece.rsplit("/", 1)[0], []).append(record)
    found: dict[str, Any] = {"model": MODEL, **SETTINGS.sampler()}
    found["cells"] = {}
    for cell, rows in sorted(cells_of.items()):
        summary = summarise(rows)
        summary["classical_rmse"] = {name: _rmse([row[name] for row in rows]) for name in CLASSICAL}
        summary["on_log_scale"] = sum(row["scale"] == "log" for row in rows)
        found["cells"][cell] = summary
    FILE.write_text(json.dumps(found | {"versions": versions()}, indent=1, ensure_ascii=False) + "\n")


def test_a_design_is_split_as_in_the_paper(data_dir: Path) -> None:
    """The coefficients that the paper's authors found, and the size of the remainder."""
    import pandas as pd

    wide = pd.read_csv(data_dir / "cps.csv").pivot(index="state", columns="year", values="log_wage").to_numpy()
    y = (wide - wide.mean()) / wide.std()
    found = parts(data_dir / "cps.csv", "log_wage", "min_wage")
    assert autoregression(y - found.mean) == (0.01, -0.06)
    covariance, seen = found.root @ found.root.T, (y - found.mean).T @ (y - found.mean) / len(y)
    assert np.linalg.norm(covariance) == pytest.approx(np.linalg.norm(seen))
    assert np.linalg.matrix_rank(found.mean) == 4
    assert ((found.chance > 0) & (found.chance < 1)).all()


def test_the_correlations_are_those_of_an_autoregression() -> None:
    rng, (first, second) = np.random.default_rng(1), (0.5, -0.3)
    x = np.zeros(200_000)
    noise = rng.normal(size=len(x))
    for t in range(2, len(x)):
        x[t] = first * x[t - 1] + second * x[t - 2] + noise[t]
    seen = [np.corrcoef(x[lag:], x[: len(x) - lag])[0, 1] for lag in range(1, 5)]
    np.testing.assert_allclose(correlations(first, second, 5)[0, 1:], seen, atol=0.01)


@pytest.mark.parametrize("name", list(DESIGNS))
def test_a_draw_is_treated_as_its_design_says(name: str, data_dir: Path) -> None:
    panel, again = (design_panel(name, data_dir / "cps.csv", 3) for _ in range(2))
    np.testing.assert_array_equal(panel.outcome, again.outcome)
    assert panel.n_post == DESIGNS[name].periods
    assert 1 <= len(panel.treated) <= DESIGNS[name].treated
    assert len(panel.treated) + panel.n_donors == 50


def test_classical_errors_are_the_papers(data_dir: Path) -> None:
    """Within three Monte-Carlo errors of the published ones, on development draws."""
    for name in ("baseline", "hours", "one unit"):
        design = DESIGNS[name]
        panels = [design_panel(name, data_dir / "cps.csv", k, entropy=1) for k in range(30)]
        for method in ("sc", "did"):
            errors = np.array([bs.classical(p, method).effects()["estimate"].iloc[0] for p in panels])
            rmse = float(np.sqrt(np.mean(errors**2)))
            error = float(np.std(errors**2) / (2 * rmse * np.sqrt(len(errors))))
            assert abs(rmse - design.published[method]) < 3 * error + 0.001, (name, method)


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize("name", list(GEO_WORLDS))
def test_a_geo_world_is_as_described(name: str, lifted: bool) -> None:
    panel, effect = geo_panel(name, 2, lifted=lifted)
    world = GEO_WORLDS[name]
    assert (panel.n_pre, panel.n_post, panel.n_donors) == (world.before, world.after, world.donors)
    after = panel.treated_series[world.before :]
    np.testing.assert_allclose(effect, after * (1 - 1 / 1.075) if lifted else 0.0)
    assert panel.times[0].day_name() == "Monday"
    # Large regions are the noisy ones.
    noise = np.log(panel.donor_matrix).std(axis=0)
    assert np.corrcoef(noise, np.log(panel.donor_matrix).mean(axis=0))[0, 1] > 0.5
