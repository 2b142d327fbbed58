"""The specification curve on West Germany and Proposition 99: which choice moves the answer, and how far.

Writes ``specification_curve.json`` beside this file. Finished specifications are kept in pytest's cache, so an
interrupted run goes on where it stopped.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bsynth as bs
from bsynth._base.versions import versions
from bsynth.findings.specifications import SpecificationCurve, specification_curve, stack

FILE = Path(__file__).with_name("specification_curve.json")
SEED = 1
KEPT = (
    "scale", "level_shift", "drift", "alpha", "pool", "start", "since", "estimate", "lower", "upper", "elpd", "status",
    "unreliable_forecasts",
)  # fmt: skip


def _curve(panel: bs.Panel, request: pytest.FixtureRequest, name: str) -> SpecificationCurve:
    store = request.config.cache.mkdir("specification_curve") / f"{name}.jsonl"
    return specification_curve(panel, sampling=bs.Sampling(draws=500, seed=SEED, n_jobs=2), store=store, progress=False)


def _write(name: str, curve: SpecificationCurve, stacked: dict[str, Any]) -> None:
    found = curve.to_dict()
    rows = [{key: row[key] for key in KEPT} for row in found["table"]]
    entry = {name: value for name, value in found.items() if name != "table"} | {
        "specifications": rows,
        "stack": stacked,
        "fits": curve.plan.fits,
    }
    written = json.loads(FILE.read_text()) if FILE.is_file() else {}
    written |= {"seed": SEED, "versions": versions(), name: entry}
    FILE.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")


@pytest.mark.evidence
def test_germany_the_scale_alone_moves_the_effect_by_600(
    germany_panel: bs.Panel, request: pytest.FixtureRequest
) -> None:
    curve = _curve(germany_panel, request, "germany")
    stacked = stack(curve)
    _write("germany", curve, stacked.to_dict())
    pairs = curve.pairs("scale")
    iid = pairs[(pairs["level_shift"] == "none") & (pairs["drift"] == "none") & (pairs["alpha"] == 1.0)].iloc[0]
    # One scale for all series, and each series on its own (the model of R's bsynth): −1479 and −2070.
    assert iid["estimate_from"] == pytest.approx(-1479, abs=15)
    assert iid["estimate_to"] == pytest.approx(-2070, abs=15)
    assert curve.contrasts.iloc[0]["switch"] == "scale"
    assert (pairs["change"] < 0).all()
    assert "What matters most is the scale: from treated to each" in " ".join(curve.sentences())
    assert (curve.estimates < 0).all()
    # Forecasts of one period tell a drift from none, and do not tell the scales apart.
    table = curve.table
    table = table[(table["pool"] == "all") & (table["start"] == 1990) & (table["since"] == 1960)]
    by_drift = table.groupby("drift")["elpd"].mean()
    assert by_drift["walk"] > by_drift["none"] + 1
    by_scale = table.groupby("scale")["elpd"].mean()
    assert abs(by_scale["each"] - by_scale["treated"]) < 1
    assert curve.range[0] <= stacked.effects()["estimate"].iloc[0] <= curve.range[1]


@pytest.mark.evidence
def test_prop99(prop99_panel: bs.Panel, request: pytest.FixtureRequest) -> None:
    curve = _curve(prop99_panel, request, "prop99")
    _write("prop99", curve, stack(curve).to_dict())
    table = curve.table
    each = table[(table["scale"] == "each") & (table["level_shift"] == "none") & (table["drift"] == "none")]
    # The model of R's bsynth, by a Gibbs sampler of its own.
    assert float(each.loc[each["alpha"] == 1.0, "estimate"].iloc[0]) == pytest.approx(-21.8, abs=0.5)
    # A flat Dirichlet over 38 donors is a strong prior: the effect moves with its concentration.
    level = table[
        (table["scale"] == "treated") & (table["level_shift"] == "shift") & (table["drift"] == "none")
    ].set_index("alpha")
    assert level.loc[0.3, "estimate"] > level.loc[1.0, "estimate"] + 2
    assert np.isfinite(table["elpd"]).all()
