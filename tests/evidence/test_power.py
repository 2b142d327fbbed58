"""The planner's smallest effect: whether it is seen as often as it says, on windows that the planner never saw.

Writes ``power.json`` beside this file; ``PROTOCOL.md`` says what is asked. Finished fits are kept in ``.evidence/power``,
so an interrupted run goes on where it stopped.
"""

import json
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth._base.versions import versions
from bsynth.calibration import players
from bsynth.calibration.certificate.windows import fit_window
from bsynth.engines.sampling import Sampling
from bsynth.panel.simulate import rollout_panel_arguments
from bsynth.planning.plays import window_rows
from bsynth.planning.rollout import RolloutPlan

FILE = Path(__file__).with_name("power.json")
KEPT = Path(".evidence") / "power"
SAMPLING = Sampling(draws=300, n_jobs=2)
LENGTH, WINDOWS = 10, 3
KNOWN = {"geolift": 60, "geolift_into_campaign": 75}
"""Days that the planner sees; the second was the first run, whose last windows the campaign overlaps."""
TARGET = 0.8
SEEDS = (2000, 2001, 2002)


def _geolift(data_dir: Path, last: int, start: int | None) -> bs.Panel:
    table = pd.read_csv(data_dir / "geolift_test.csv")
    days = sorted(table["time"].unique())
    return bs.Panel.from_long(
        table[table["time"].isin(days[:last])], unit="unit", time="time", outcome="outcome", treated="atlanta",
        exclude=["chicago", "portland"], start=None if start is None else days[start],
    )  # fmt: skip


def _smallest(plan: RolloutPlan) -> "pd.Series[float]":
    """Each market's smallest effect, outcome units: the half width of its own interval, and the same errors."""
    found = plan.errors(LENGTH)
    own = plan.played.own.set_index("unit")
    size: pd.Series[float] = own["radius"] * own["scale"] * found.smallest(TARGET) / found.own
    return size


def _measure_geolift(data_dir: Path, known: int) -> dict[str, Any]:
    plan = bs.plan_rollout(
        _geolift(data_dir, known, None), durations=[LENGTH], windows=WINDOWS, kind="level", sampling=SAMPLING,
        store=KEPT / "plan.jsonl", progress=False,
    )  # fmt: skip
    smallest, tables = _smallest(plan), []
    for number in range(WINDOWS):
        start = known + LENGTH * number
        panel = _geolift(data_dir, start + LENGTH, start)
        units, _ = players(panel, plan.spec, most=50, seed=0)
        window = fit_window(panel, plan.spec, units, SAMPLING, store=KEPT / "test.jsonl", progress=False, periods=115)
        tables.append(window_rows(window, number, LENGTH, plan.spec, 0.95)[0])
    table = pd.concat(tables, ignore_index=True)
    size = smallest.reindex(table["unit"]).to_numpy() / table["scale"].to_numpy()
    error, radius = table["error"].to_numpy(), table["radius"].to_numpy()
    seen = ((np.abs(error + size) > radius) + 0.0 + (np.abs(error - size) > radius)) / 2
    each = pd.Series(seen).groupby(table["unit"]).mean()
    return {
        "markets": len(each),
        "realised": float(seen.mean()),
        "rms_error": [_rms(rows) for rows in (plan.played.table, table)],
        "standard_error": float(each.std(ddof=1) / np.sqrt(len(each))),
        "by_window": [float(seen[table["window"] == k].mean()) for k in range(WINDOWS)],
        "fires_without_effect": float((np.abs(error) > radius).mean()),
        "planned_fires_without_effect": plan.errors(LENGTH).false_positives[0],
        "median_lift": float((smallest / plan.played.own.set_index("unit")["base"]).median()),
        "quantile": plan.errors(LENGTH).smallest(TARGET) / plan.errors(LENGTH).own,
    }


def _rms(rows: pd.DataFrame) -> list[float]:
    """Root mean square of the errors of each window, as shares of the outcome."""
    share = (rows["error"] * rows["scale"] / rows["base"]) ** 2
    return [float(np.sqrt(each)) for each in share.groupby(rows["window"]).mean()]


def _measure_rollout(seed: int) -> dict[str, float]:
    panel = bs.Panel.from_events(bs.simulate_rollout(seed=seed), **rollout_panel_arguments())
    plan = bs.plan_rollout(
        panel, durations=[LENGTH], kind="level", windows=1, sampling=SAMPLING, store=KEPT / f"rollout-{seed}.jsonl",
        progress=False,
    )  # fmt: skip
    cells = plan.panel.cells
    assert cells is not None
    treated = plan.panel.n_treated
    variance = cells.variance[:, :treated].mean() / treated + cells.variance[:, treated:].mean() / plan.panel.n_donors
    z = NormalDist()
    closed = (z.inv_cdf(0.975) + z.inv_cdf(TARGET)) * np.sqrt(variance * (1 / plan.panel.n_pre + 1 / LENGTH))
    return {"seed": seed, "mde": plan.mde(), "closed_form": float(closed), "ratio": float(plan.mde() / closed)}


@pytest.mark.evidence
def test_power_is_measured(data_dir: Path) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    geolift = {name: _measure_geolift(data_dir, known) for name, known in KNOWN.items()}
    found = geolift | {"rollout": [_measure_rollout(seed) for seed in SEEDS]}
    FILE.write_text(json.dumps(found | {"versions": versions()}, indent=1) + "\n")


@pytest.mark.skipif(not FILE.is_file(), reason="not yet measured")
def test_what_was_measured_meets_its_bars() -> None:
    found = json.loads(FILE.read_text())
    geolift = found["geolift"]
    assert abs(geolift["realised"] - TARGET) <= 0.05, geolift
    assert abs(np.mean([row["ratio"] for row in found["rollout"]]) - 1) <= 0.1
