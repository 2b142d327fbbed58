"""Size of the classical tests and coverage of the classical intervals where nothing happened.

Two worlds: 200 simulated factor panels (20 donors, 30 + 10 periods, everything AR(1) with .5) with no effect, and
rollout logs with a known one. Writes ``classical.json`` beside this file, also where a method fails. Finished seeds
are kept in it, so an interrupted run goes on where it stopped.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth._base.versions import versions
from bsynth.frequentist import bootstrap, placebo_space
from bsynth.frequentist.inference.conformal import conformal
from bsynth.frequentist.inference.jackknife import jackknife_plus
from bsynth.frequentist.inference.leave_two_out import leave_two_out
from bsynth.frequentist.inference.prediction_interval import prediction_interval
from bsynth.panel.simulate import ROLLOUT_EFFECT, rollout_panel_arguments, simulate_factor

FILE = Path(__file__).with_name("classical.json")
SEEDS = range(200)
LOGS = range(100, 130)
LEVELS = (0.8, 0.9, 0.95)
REPLICATES = 200
KINDS = ("percentile", "basic", "studentised")
DESIGN = {"donors": 20, "n_pre": 30, "n_post": 10, "factors": 2, "rho": 0.5, "noise": 0.5}

type Rows = dict[str, list[float]]
"""By name: p, then lower and upper bound at each level; or p alone."""


def _bounds(tables: Iterator[pd.DataFrame]) -> list[float]:
    return [round(float(t.iloc[0][side]), 6) for t in tables for side in ("lower", "upper")]


def _average(result: object, **options: str) -> list[float]:
    """p of no average effect, and its interval at each level."""
    tables = [result.effects(level, **options) for level in LEVELS]
    return [round(float(tables[0].iloc[0]["p"]), 6), *_bounds(iter(tables))]


def _periods(result: object) -> Rows:
    """The same for the first and the last treated period."""
    paths = [result.path(level) for level in LEVELS]
    named: Rows = {}
    for name, row in (("first period", 0), ("last period", -1)):
        p = float(paths[0].iloc[row]["p"]) if "p" in paths[0] else math.nan
        bounds = [round(float(t.iloc[row][c]), 6) for t in paths for c in ("gap_lower", "gap_upper")]
        named[name] = [round(p, 6), *bounds]
    return named


def _estimator(panel: bs.Panel, name: str) -> Rows:
    rows: Rows = {}
    placebo = placebo_space(panel, name, progress=False)
    rows["placebo, mean gap"] = _average(placebo)
    rows["placebo, RMSPE ratio"] = [float(placebo.ranks["p"]["ratio"])]
    for statistic in ("ratio", "mean_gap"):
        pairs = leave_two_out(panel, name, statistic=statistic, progress=False)
        rows[f"leave two out, {statistic}"] = _average(pairs)
        rows[f"leave two out, {statistic}, p without the data"] = [pairs.p_uncounted]
    for permutations in ("moving-block", "iid"):
        for proxy in ("all", "pre"):
            test = conformal(panel, name, permutations=permutations, proxy=proxy, replicates=999, progress=False)
            label = f"conformal {permutations}, fitted on {proxy}"
            rows[f"{label}, joint"] = [test.p_joint]
            rows[f"{label}, average"] = _average(test)
            if permutations == "moving-block" and name == "sc":
                rows |= {f"conformal, fitted on {proxy}, {k}": v for k, v in _periods(test).items()}
    jackknife = jackknife_plus(panel, name, progress=False)
    rows["jackknife+, average"] = _average(jackknife)
    rows |= {f"jackknife+, {k}": v for k, v in _periods(jackknife).items()}
    for cluster in ("unit", "time"):
        if cluster == "time" or name == "sc":
            drawn = bootstrap(panel, name, cluster=cluster, replicates=REPLICATES, seed=1, progress=False)
            rows |= {f"bootstrap {cluster}, {kind}": _average(drawn, kind=kind) for kind in KINDS}
    return rows


def _measure(seed: int) -> dict[str, object]:
    frame = simulate_factor(**DESIGN, seed=seed)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=DESIGN["n_pre"])
    row: dict[str, object] = {"seed": seed}
    for name in ("sc", "demeaned"):
        row |= {f"{name}: {k}": v for k, v in _estimator(panel, name).items()}
    for errors in ("gaussian", "location-scale", "quantile"):
        found = prediction_interval(panel, errors=errors, draws=REPLICATES, progress=False)
        row[f"sc: prediction interval {errors}, average"] = _average(found)
        row |= {f"sc: prediction interval {errors}, {k}": v for k, v in _periods(found).items()}
    return row


def _log(seed: int) -> dict[str, object]:
    panel = bs.Panel.from_events(bs.simulate_rollout(seed=seed), **rollout_panel_arguments())
    row: dict[str, object] = {"seed": seed}
    for name in ("sc", "demeaned", "did"):
        for cluster in ("user", "unit", "time"):
            drawn = bootstrap(panel, name, cluster=cluster, replicates=REPLICATES, seed=1, progress=False)
            row |= {f"{name}: bootstrap {cluster}, {kind}": _average(drawn, kind=kind) for kind in KINDS}
        row[f"{name}: jackknife+, average"] = _average(jackknife_plus(panel, name, progress=False))
        row[f"{name}: placebo, mean gap"] = _average(placebo_space(panel, name, progress=False))
    return row


def _summary(rows: list[dict], truth: float) -> dict[str, dict[str, object]]:
    """Per procedure: share of p at most 5%, and per level coverage, median width, shares unbounded and empty."""
    table: dict[str, dict[str, object]] = {}
    for name in (k for k in rows[0] if k != "seed"):
        found = np.array([r[name] for r in rows], dtype=float)
        entry: dict[str, object] = {}
        if np.isfinite(found[:, 0]).all():
            entry["rejected at 5%"] = round(float((found[:, 0] <= 0.05 + 1e-9).mean()), 4)
        for k, level in enumerate(LEVELS if found.shape[1] > 1 else ()):
            lower, upper = found[:, 1 + 2 * k], found[:, 2 + 2 * k]
            width = upper - lower
            entry[f"{level:.0%}"] = {
                "coverage": round(float(((lower <= truth) & (truth <= upper)).mean()), 4),
                "median width": round(float(np.nanmedian(width)), 4) if not np.isnan(width).all() else None,
                "unbounded": round(float(np.isinf(width).mean()), 4),
                "empty": round(float(np.isnan(width).mean()), 4),
            }
        table[name] = entry
    return table


def _plain(value: object) -> object:
    """JSON has neither infinity nor NaN: both are written as text, which NumPy reads back."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else str(value)
    return value


def _write(panels: dict[int, dict], logs: dict[int, dict], current: dict[str, object]) -> None:
    worlds = {"factor panels, no effect": (panels, 0.0), "rollout logs": (logs, ROLLOUT_EFFECT)}
    written: dict[str, object] = {"levels": list(LEVELS), "replicates": REPLICATES} | current
    for name, (rows, truth) in worlds.items():
        kept = [rows[s] for s in sorted(rows)]
        summary = _summary(kept, truth) if kept else {}
        written[name] = {"truth": truth, "seeds": len(kept), "summary": summary}
    written["rows"] = {n: [rows[s] for s in sorted(rows)] for n, (rows, _) in worlds.items()}
    text = json.dumps(_plain(written), indent=1)
    # One line per procedure and seed: the file stays readable and its differences small.
    FILE.write_text(_compact(text) + "\n")


def _compact(text: str) -> str:
    lines: list[str] = []
    open_list = False
    for line in text.splitlines():
        if open_list:
            lines[-1] += line.strip() + (" " if line.rstrip().endswith(",") else "")
            open_list = not line.strip().startswith("]")
        else:
            lines.append(line)
            open_list = line.rstrip().endswith("[") and not line.strip().startswith(('"factor', '"rollout', "["))
    return "\n".join(line.rstrip() for line in lines)


@pytest.mark.evidence
def test_classical_size() -> None:
    current = {"design": DESIGN, "versions": versions()}
    stored = json.loads(FILE.read_text()) if FILE.is_file() else {}
    same = {key: stored.get(key) for key in current} == current
    rows = stored.get("rows", {}) if same else {}
    panels = {r["seed"]: r for r in rows.get("factor panels, no effect", [])}
    logs = {r["seed"]: r for r in rows.get("rollout logs", [])}
    for seeds, done, measure in ((SEEDS, panels, _measure), (LOGS, logs, _log)):
        for seed in seeds:
            if seed not in done:
                done[seed] = measure(seed)
                if seed % 10 == 9:
                    _write(panels, logs, current)
    _write(panels, logs, current)
    found = json.loads(FILE.read_text())["factor panels, no effect"]["summary"]
    for name, entry in found.items():
        print(f"{name:<60} {entry}")
    for name in ("sc", "demeaned"):
        tests = ["placebo, mean gap", "placebo, RMSPE ratio", "conformal moving-block, fitted on all, joint"]
        for test in tests:
            assert 0.02 <= found[f"{name}: {test}"]["rejected at 5%"] <= 0.08, (name, test)
