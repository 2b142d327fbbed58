"""Synthetic difference in differences (Arkhangelsky et al. 2021) on the published panels.

Reference: exact optima recomputed (SLSQP agrees to 3e-10); R synthdid and Stata sdid stop early and print
-15.604 on Prop 99. Standard errors are exhaustive over donors, the limit of the paper's random placebo draws.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.frequentist import classical, leave_one_out, placebo_space, with_weights
from bsynth.frequentist.estimators.base import simplex_weights
from bsynth.frequentist.estimators.sdid import noise_level

RELATIVE = 1e-6
DIGITS = 5.1e-7
"""Half of the last printed digit of weights, with a little room."""


def mean_gap(estimate: bs.Estimate) -> float:
    return float(estimate.gap[estimate.panel.n_pre :].mean())


def test_prop99(prop99_panel: bs.Panel) -> None:
    estimate = classical(prop99_panel, "sdid")
    assert mean_gap(estimate) == pytest.approx(-15.605399, rel=RELATIVE)
    assert estimate.settings["sigma"] == pytest.approx(5.494401, rel=RELATIVE)
    assert estimate.settings["zeta"] == pytest.approx(10.226233, rel=RELATIVE)
    assert estimate.duality_gap <= 1e-10
    times = pd.Series(estimate.time_weights, index=prop99_panel.times[:19])
    expected = {1986: 0.366470, 1987: 0.206454, 1988: 0.427076}
    assert set(times[times > 0].index) == set(expected)
    np.testing.assert_allclose(times[list(expected)], list(expected.values()), atol=DIGITS)
    units = estimate.weights_table().set_index("donor")["weight"]
    expected = {
        "Nevada": 0.124194, "New Hampshire": 0.104568, "Connecticut": 0.078362, "Delaware": 0.070434,
        "Colorado": 0.057420, "Illinois": 0.053461,
    }  # fmt: skip
    assert units.index[:6].tolist() == list(expected)
    np.testing.assert_allclose(units[list(expected)], list(expected.values()), atol=DIGITS)
    assert int((units > 0.001).sum()) == 27


def test_prop99_placebos(prop99_panel: bs.Panel) -> None:
    """Second of 39, in size and signed; the placebo standard error over all 38 donors."""
    placebo = placebo_space(prop99_panel, "sdid", progress=False)
    gaps = placebo.table.set_index("unit")["mean_gap"]
    assert placebo.ranks.loc["mean_gap", "rank"] == 2
    assert int((gaps < -15.605).sum()) == 1
    assert gaps["Rhode Island"] == pytest.approx(-31.764, abs=5.1e-4)
    assert gaps.std(ddof=0) == pytest.approx(9.3684, abs=5.1e-5)


def test_its_ridge_on_synthetic_control(prop99_panel: bs.Panel) -> None:
    """SC and DIFP with SDID's ridge: -21.715243 and -16.115160."""
    n_pre = prop99_panel.n_pre
    y, X = prop99_panel.treated_series[None, :n_pre], prop99_panel.donor_matrix[None, :n_pre]
    ridge = np.sqrt(prop99_panel.n_post) * noise_level(X) ** 2 * n_pre
    plain = simplex_weights(y, X, "exact", ridge=ridge).weights[0]
    assert mean_gap(with_weights(prop99_panel, dict(zip(prop99_panel.donors, plain, strict=True)))) == pytest.approx(
        -21.715243, rel=RELATIVE
    )
    sdid = classical(prop99_panel, "sdid")
    level = float(np.mean(y[0] - X[0] @ sdid.weights))
    free = with_weights(prop99_panel, sdid.weights_table().set_index("donor")["weight"], intercept=level)
    assert mean_gap(free) == pytest.approx(-16.115160, rel=RELATIVE)


@pytest.mark.parametrize(("start", "effect"), [(1975, -0.770114), (1970, -0.793415)])
def test_basque(data_dir: Path, start: int, effect: float) -> None:
    """All time weight falls on the last year before the start."""
    frame = pd.read_csv(data_dir / "basque.csv")
    panel = bs.Panel.from_long(
        frame[frame["unit"] != "Spain (Espana)"],
        unit="unit",
        time="time",
        outcome="outcome",
        treated="Basque Country (Pais Vasco)",
        start=start,
    )
    estimate = classical(panel, "sdid")
    assert mean_gap(estimate) == pytest.approx(effect, rel=RELATIVE)
    assert estimate.time_weights is not None
    assert estimate.time_weights[-1] == pytest.approx(1)


@pytest.mark.parametrize(("start", "effect"), [(1990, -1472.696751), (1991, -1823.156416)])
def test_germany(data_dir: Path, start: int, effect: float) -> None:
    panel = bs.Panel.from_long(
        data_dir / "germany.csv", unit="unit", time="time", outcome="outcome", treated="West Germany", start=start
    )
    assert mean_gap(classical(panel, "sdid")) == pytest.approx(effect, rel=RELATIVE)


def test_geolift(data_dir: Path) -> None:
    """Two treated markets: ζ counts both, in the estimate and in each leave-one-out refit."""
    panel = bs.Panel.from_long(
        data_dir / "geolift_test.csv",
        unit="unit",
        time="time",
        outcome="outcome",
        treated=["chicago", "portland"],
        start="2021-04-01",
    )
    estimate = classical(panel, "sdid")
    assert mean_gap(estimate) == pytest.approx(236.185192, rel=RELATIVE)
    assert estimate.settings["zeta"] == pytest.approx(30**0.25 * estimate.settings["sigma"])
    row = leave_one_out(panel, "sdid", progress=False).table.iloc[0]
    assert row["mean_gap"] == pytest.approx(mean_gap(classical(panel.without(row["dropped"]), "sdid")), rel=1e-9)


def test_double_difference(prop99_panel: bs.Panel) -> None:
    """The mean of the gaps is the weighted double difference, and the weighted pre-period gap is zero."""
    estimate = classical(prop99_panel, "sdid")
    y, X, n_pre = prop99_panel.treated_series, prop99_panel.donor_matrix, prop99_panel.n_pre
    assert estimate.time_weights is not None
    after = y[n_pre:].mean() - X[n_pre:].mean(axis=0) @ estimate.weights
    before = estimate.time_weights @ (y[:n_pre] - X[:n_pre] @ estimate.weights)
    assert mean_gap(estimate) == pytest.approx(after - before, rel=1e-12)
    assert estimate.time_weights @ estimate.gap[:n_pre] == pytest.approx(0, abs=1e-9)


def test_level_shifts_cancel(prop99_panel: bs.Panel) -> None:
    frame = prop99_panel.to_frame()[["unit", "time", "outcome"]]
    moved = frame.assign(outcome=frame["outcome"] + 50 * (frame["unit"] == "California"))
    again = bs.Panel.from_long(moved, unit="unit", time="time", outcome="outcome", treated="California", start=1989)
    np.testing.assert_allclose(classical(again, "sdid").gap, classical(prop99_panel, "sdid").gap, atol=1e-9)
