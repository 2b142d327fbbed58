"""Jackknife+ (Barber, Candès, Ramdas and Tibshirani 2021)."""

from dataclasses import replace

import numpy as np
import pytest

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import PanelError
from bsynth.frequentist import jackknife_plus
from bsynth.panel.simulate import simulate_factor


def factor_panel(seed: int, **settings: float) -> bs.Panel:
    frame = simulate_factor(seed=seed, **settings)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)


def test_did_by_hand(prop99_panel: bs.Panel) -> None:
    """With uniform weights the fit without period i is a mean over the other 18."""
    found = jackknife_plus(prop99_panel, "did", progress=False)
    d = prop99_panel.treated_series - prop99_panel.donor_matrix.mean(axis=1)
    level_without = (d[:19].sum() - d[:19]) / 18
    np.testing.assert_allclose(found.table["residual"], d[:19] - level_without)
    np.testing.assert_allclose(found.gaps, d - level_without[:, None], atol=1e-10)
    counterfactual = prop99_panel.treated_series[19:] - (d[19:] - level_without[:, None])
    size = np.abs(found.table["residual"].to_numpy())[:, None]
    path = found.path(0.8)  # ⌊.2 · 20⌋ = 4
    np.testing.assert_allclose(path["lower"], np.sort(counterfactual - size, axis=0)[3])
    np.testing.assert_allclose(path["upper"], np.sort(counterfactual + size, axis=0)[-4])


def test_left_out_runs(prop99_panel: bs.Panel) -> None:
    found = jackknife_plus(prop99_panel, "did", progress=False)
    d = prop99_panel.treated_series - prop99_panel.donor_matrix.mean(axis=1)
    assert found.block == 6
    assert found.blocks["first"].tolist() == list(range(1970, 1984))
    for i, row in found.blocks.iterrows():
        kept = np.delete(d[:19], range(i, i + 6)).mean()
        assert row["residual"] == pytest.approx(d[i : i + 6].mean() - kept)
        assert row["mean_gap"] == pytest.approx(d[19:].mean() - kept)


@pytest.mark.parametrize("name", ["sc", "demeaned", "did", "sdid", "ascm"])
def test_interval_and_p_agree(name: str) -> None:
    found = jackknife_plus(factor_panel(1, effect=0.4), name, progress=False)
    for level in (0.5, 0.8, 0.9, 0.95):
        row = found.effects(level).iloc[0]
        assert (row["lower"] <= 0 <= row["upper"]) == (row["p"] > 1 - level + 1e-12)
        path = found.path(level)
        inside = (path["gap_lower"] <= 0) & (path["gap_upper"] >= 0)
        assert (inside == (path["p"] > 1 - level + 1e-12)).all()


def test_effect_table_and_words(germany_panel: bs.Panel) -> None:
    found = jackknife_plus(germany_panel, progress=False)
    table = found.effects(0.9)
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
    low, high = table.loc[0, "lower"], table.loc[0, "upper"]
    assert low < table.loc[0, "estimate"] < high
    assert table.loc[1, "lower"] == pytest.approx(14 * low)
    mean = germany_panel.treated_series[30:].mean()
    assert table.loc[2, "lower"] == pytest.approx(low / (mean - low))
    assert "no drift" in found.sentences()[0]
    assert "Jackknife+" in found._repr_html_()
    assert np.isinf(found.path(0.99)["lower"]).all()
    assert found.gaps.shape == (30, 44)


def test_periods_are_covered_when_nothing_depends_on_time() -> None:
    """White noise, no factors: the 90% interval of one period holds it in at least 80% and about 90% of panels."""
    covered = []
    frame = simulate_factor(donors=6, n_pre=24, n_post=1)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=24)
    rng = np.random.default_rng(8)
    for _ in range(200):
        panel = replace(panel, outcome=rng.normal(size=(25, 7)))
        row = jackknife_plus(panel, "demeaned", progress=False).path(0.9).iloc[0]
        covered.append(row["lower"] <= row["observed"] <= row["upper"])
    assert 0.84 <= np.mean(covered) <= 0.97


def test_too_few_pre_periods(prop99_panel: bs.Panel) -> None:
    with pytest.raises(PanelError, match="fewer than 3"):
        jackknife_plus(prop99_panel, block=17, progress=False)
    with pytest.raises(PanelError, match="fewer than 3"):
        jackknife_plus(prop99_panel.backdated(1973), progress=False)
