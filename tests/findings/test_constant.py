"""Quantities that are the same in every draw, and donors that never move: said, and no library warns about them."""

import json
import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bsynth as bs
from bsynth.bayesian.diagnostics import gate
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration, Lesson, learn_inflation, summarise_placebo
from bsynth.checks import check
from bsynth.findings import audit_donors, decide, decompose_uncertainty, path_band
from bsynth.model.spec import ModelSpec


@pytest.fixture(scope="module")
def fit(made, world: bs.Panel) -> Fit:
    return made(world, ModelSpec())


def with_gap(fit: Fit, gap: float) -> Fit:
    """The fit with the same counterfactual in every draw, ``gap`` below what was observed."""
    tree = fit.tree.copy(deep=True)
    for group in ("posterior", "posterior_predictive"):
        tree[group]["counterfactual"][:] = fit.observed - gap
    return replace(fit, tree=tree)


@pytest.mark.parametrize("gap", [0.0, 2.0, -2.0])
def test_an_effect_without_spread(fit: Fit, world: bs.Panel, gap: float) -> None:
    constant = with_gap(fit, gap)
    found = [decide(constant), decompose_uncertainty(constant), path_band(constant), check(constant)]
    found.append(audit_donors(constant, progress=False))
    for each in found:
        assert json.dumps(each.to_dict(), allow_nan=False)
        assert all(sentence.endswith(".") for sentence in each.sentences())
        assert "nan" not in " ".join(each.sentences()).lower().split()
    assert found[0].values["estimate"] == pytest.approx(gap)
    assert (found[2].table["upper"] - found[2].table["lower"]).abs().max() == pytest.approx(0, abs=1e-9)
    for draw in (bs.plot_trajectory, bs.plot_gap):
        draw(constant).figure.savefig("/dev/null", format="svg")
    bs.plots.plot_decision(found[0]).figure.savefig("/dev/null", format="svg")
    plt.close("all")


def test_donors_whose_errors_have_no_spread(fit: Fit, world: bs.Panel) -> None:
    placebo = summarise_placebo(with_gap(fit, 0.0), "u1")
    moments = [placebo.reweighted(np.ones(1)) for _ in range(5)]
    lesson = Lesson(None, np.ones(1), learn_inflation([e for e, _ in moments], [s for _, s in moments]))
    placebos = tuple(replace(placebo, unit=unit) for unit in world.donors)
    for gap in (0.0, 2.0):
        calibration = Calibration(with_gap(fit, gap), placebos, lesson, (), 1.0)
        row = calibration.effects(0.9).iloc[0]
        assert row["lower"] <= row["estimate"] <= row["upper"]
        assert row["estimate"] == pytest.approx(gap)
        assert np.isfinite(row[["lower", "upper"]].to_numpy(dtype=float)).all()
        assert calibration.table["z"].eq(0).all()
        assert decide(calibration).values["estimate"] == pytest.approx(gap)


@pytest.mark.parametrize("value", [0.1, 1e4, 0.0, -3.0])
def test_donors_that_never_move(value: float) -> None:
    rng = np.random.default_rng(3)
    rows = [(f"d{u}", t, value if u < 5 else rng.normal()) for u in range(6) for t in range(24)]
    rows += [("T", t, rng.normal() + 2.0 * (t >= 18)) for t in range(24)]
    frame = pd.DataFrame(rows, columns=["unit", "time", "y"])
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated="T", start=18)
    found = audit_donors(panel, progress=False)
    still = found.table.set_index("donor").loc[[f"d{u}" for u in range(5)]]
    assert still["correlation"].eq(0).all()
    assert found.table["rank"].between(1, 6).all()
    assert "looks treated" not in " ".join(still["flags"])


def test_the_gate_of_a_weight_that_never_moves_and_a_chain_that_is_stuck() -> None:
    rng = np.random.default_rng(1)
    dims = ("chain", "draw")
    quantity = {"average": xr.DataArray(rng.normal(size=(4, 500)), dims=dims)}
    weights = xr.DataArray(rng.dirichlet([2.0, 2.0, 2.0], size=(4, 500)), dims=(*dims, "donor"))
    weights[..., 1] = 0.0
    energy = rng.normal(size=(4, 500))
    nothing = np.zeros((4, 500), dtype=int)

    def judged(energies: np.ndarray) -> tuple[float, float]:
        stats = xr.Dataset({n: (dims, v) for n, v in
                            (("diverging", nothing), ("maxdepth_reached", nothing), ("energy", energies))})  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = gate(quantity, weights, stats)
        return found.rhat_max_weight, found.bfmi_min

    rhat, bfmi = judged(energy)
    assert 0.99 < rhat < 1.01
    assert bfmi > 0.5
    energy[2] = 7.0
    assert judged(energy)[1] == 0.0
