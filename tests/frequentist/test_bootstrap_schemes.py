"""Bootstraps of units and of blocks of periods, and the three kinds of interval."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import PanelError, SpecError
from bsynth.frequentist import bootstrap, classical
from bsynth.frequentist.inference.schemes import default_block
from bsynth.panel.simulate import simulate_factor
from bsynth.text.numbers import bracket, numbers


def factor_panel(seed: int, treated: object = 0, **settings: float) -> bs.Panel:
    frame = simulate_factor(seed=seed, donors=12, **settings)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=treated, start=30)


def test_resampled_donors_are_their_distinct_donors() -> None:
    """Weights on copies add up: a resample has the gap of the panel of its distinct donors."""
    panel = factor_panel(1)
    found = bootstrap(panel, cluster="unit", replicates=8, seed=5, progress=False)
    drawn = np.random.default_rng(5).integers(0, 12, size=(8, 12))
    for r, row in enumerate(drawn):
        kept = [panel.donors[j] for j in np.unique(row)]
        alone = classical(panel.without(*[d for d in panel.donors if d not in kept]))
        assert found.table["mean_gap"][r] == pytest.approx(alone.gap[30:].mean(), abs=1e-6)
    assert found.table["failed"].sum() == found.table["filled"].sum() == 0


def test_copies_count_in_an_average() -> None:
    panel = factor_panel(2)
    found = bootstrap(panel, "did", cluster="unit", replicates=50, seed=5, progress=False)
    drawn = np.random.default_rng(5).integers(0, 12, size=(50, 12))
    mean = panel.donor_matrix[:, drawn].mean(axis=2).T
    gap = panel.treated_series - mean
    expected = gap[:, 30:].mean(axis=1) - gap[:, :30].mean(axis=1)
    np.testing.assert_allclose(found.table["mean_gap"], expected)


def test_several_treated_units_are_resampled_too() -> None:
    panel = factor_panel(3, treated=[0, 1, 2])
    found = bootstrap(panel, "did", cluster="unit", replicates=400, seed=5, progress=False)
    observed = (found.gaps + found.counterfactual).to_numpy()
    weights = np.linalg.lstsq(panel.outcome[:, :3], observed.T, rcond=None)[0].T
    counts = 3 * weights
    np.testing.assert_allclose(counts, counts.round(), atol=1e-6)
    np.testing.assert_allclose(counts.sum(axis=1), 3)
    assert counts.var(axis=0).mean() == pytest.approx(3 * (1 / 3) * (2 / 3), rel=0.15)
    single = bootstrap(factor_panel(3), "did", cluster="unit", replicates=5, progress=False)
    np.testing.assert_allclose(np.ptp((single.gaps + single.counterfactual).to_numpy(), axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("block", [1, 4, 30])
def test_blocks_are_runs_of_residuals(block: int) -> None:
    panel = factor_panel(4)
    found = bootstrap(panel, "demeaned", cluster="time", block=block, replicates=60, seed=2, progress=False)
    estimate = found.estimate
    residuals = estimate.gap[:30] - estimate.gap[:30].mean()
    windows = np.lib.stride_tricks.sliding_window_view(residuals, block)
    base = np.where(np.arange(40) < 30, estimate.counterfactual, panel.treated_series)
    noise = (found.gaps + found.counterfactual).to_numpy() - base
    centred = windows - windows.mean(axis=0)
    for row in noise:
        for first in range(0, 40 - block + 1, block):
            assert np.abs(centred - row[first : first + block]).sum(axis=1).min() < 1e-8
    refitted = bs.Panel.from_wide(
        pd.DataFrame(np.column_stack([base + noise[0], panel.donor_matrix]), columns=[f"u{i}" for i in range(13)])
        .rename_axis("t").reset_index(), time="t", treated="u0", start=30,
    )  # fmt: skip
    np.testing.assert_allclose(found.gaps[0], classical(refitted, "demeaned").gap, atol=1e-6)


def test_time_blocks_cover_under_white_noise() -> None:
    """Without serial correlation the middle 90% of did's replicates is about as wide as theory says."""
    panel = factor_panel(5, rho=0.0, factors=0)
    found = bootstrap(panel, "did", cluster="time", block=1, replicates=2000, progress=False)
    residuals = found.estimate.gap[:30]
    expected = residuals.std() * np.sqrt(1 / 30 + 1 / 10)
    assert found.table["mean_gap"].std() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("cluster", ["unit", "time"])
def test_kinds_of_interval(cluster: str) -> None:
    found = bootstrap(factor_panel(6), "demeaned", cluster=cluster, replicates=300, seed=1, progress=False)
    estimate, draws = float(found.estimate.gap[30:].mean()), found.table["mean_gap"].to_numpy()
    low, high = np.quantile(draws, [0.05, 0.95])
    scale = found.table["pre_rmspe"].to_numpy()
    t = np.quantile((draws - estimate) / scale, [0.05, 0.95]) * found.estimate.pre_rmspe
    expected = {
        "percentile": (low, high),
        "basic": (2 * estimate - high, 2 * estimate - low),
        "studentised": (estimate - t[1], estimate - t[0]),
    }
    for kind, bounds in expected.items():
        table = found.effects(0.9, kind=kind)
        assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
        assert (table["interval"] == f"bootstrap-{kind}").all()
        assert table.loc[0, ["lower", "upper"]].tolist() == pytest.approx(list(bounds))
        assert table.loc[1, "upper"] == pytest.approx(10 * table.loc[0, "upper"])
        for level in (0.5, 0.8, 0.95):
            row = found.effects(level, kind=kind).iloc[0]
            assert (row["lower"] <= 0 <= row["upper"]) == (row["p"] >= 1 - level)


def test_words_and_refusals(prop99_panel: bs.Panel) -> None:
    time = bootstrap(prop99_panel, cluster="time", replicates=20, progress=False)
    unit = bootstrap(prop99_panel, "did", cluster="unit", replicates=20, progress=False)
    assert "neither drift" in time.sentences()[0]
    assert "Time-block bootstrap" in time._repr_html_()
    assert "only the donors vary" in unit.sentences()[0]
    assert [default_block(n) for n in (3, 8, 19, 27, 30, 90)] == [2, 2, 3, 3, 4, 5]
    with pytest.raises(SpecError, match="kind"):
        time.effects(kind="bca")
    with pytest.raises(SpecError, match="cluster"):
        bootstrap(prop99_panel, cluster="units")
    with pytest.raises(SpecError, match="19 pre-periods"):
        bootstrap(prop99_panel, cluster="time", block=20)
    with pytest.raises(SpecError, match="goes with"):
        bootstrap(prop99_panel, cluster="unit", block=3)
    with pytest.raises(PanelError, match="cluster='unit' or 'time'"):
        bootstrap(prop99_panel)


def test_a_perfect_fit_has_nothing_to_studentise_by() -> None:
    """Also where the resampled fits are not perfect: their scale is a share of one that is nothing."""
    panel = factor_panel(7)
    outcome = panel.outcome.copy()
    outcome[:, 0] = outcome[:, 1:].mean(axis=1)
    outcome[30:, 0] += 1.0
    exact = bs.Panel.from_wide(pd.DataFrame(outcome, columns=panel.units), treated=panel.units[0], start=30)
    found = bootstrap(exact, "did", cluster="unit", replicates=20, progress=False)
    assert found.estimate.pre_rmspe == 0.0
    assert (found.table["pre_rmspe"] > 0).all()
    with pytest.raises(SpecError, match="nothing studentises; give kind='basic'"):
        found.effects(kind="studentised")
    usual = bootstrap(panel, "did", cluster="unit", replicates=20, progress=False)
    perfect = replace(
        usual, table=usual.table.assign(pre_rmspe=usual.table["pre_rmspe"].where(usual.table.index > 0, 0))
    )
    with pytest.raises(SpecError, match="nothing studentises; give kind='basic'"):
        perfect.effects(kind="studentised")


def test_its_sentence_is_about_the_average_effect() -> None:
    found = bootstrap(factor_panel(6), "did", cluster="unit", replicates=100, seed=1, progress=False)
    average = found.effects(0.9).iloc[0]
    assert f"average effect is {bracket(numbers(average['lower'], average['upper']))};" in found.sentences(0.9)[0]
    few = bootstrap(factor_panel(6), "did", cluster="unit", replicates=20, progress=False)
    assert "With 20 replicates p cannot fall below 0.095, so the 95% interval is unbounded" in few.notes()[0]
