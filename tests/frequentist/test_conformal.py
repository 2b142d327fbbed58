"""Conformal inference (Chernozhukov, Wüthrich and Zhu 2021).

Reference: pysyncon's conformal intervals for Germany under its own weights, recomputed from the definition to the
printed digits; its search stops within .1. The rest is held against naive refits.
"""

import math

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import SpecError
from bsynth.frequentist import classical, conformal, with_weights
from bsynth.panel.simulate import simulate_factor
from bsynth.text.numbers import bracket, numbers, p_value

PYSYNCON = {"USA": 0.21624982, "Austria": 0.414522077, "Netherlands": 0.09841208, "Switzerland": 0.107654851,
            "Japan": 0.163161172}  # fmt: skip


def factor_panel(seed: int, **settings: float) -> bs.Panel:
    frame = simulate_factor(seed=seed, **settings)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)


def test_prop99_split_conformal(prop99_panel: bs.Panel) -> None:
    """With 19 pre-periods the 95% half-width is the largest pre gap."""
    path = conformal(prop99_panel, proxy="pre").path(0.95)
    gap = classical(prop99_panel).gap
    half = np.abs(gap[:19]).max()
    np.testing.assert_allclose(path["gap_lower"], gap[19:] - half, rtol=1e-7)
    np.testing.assert_allclose(path["gap_upper"], gap[19:] + half, rtol=1e-7)


def test_germany_pysyncon_conformal(germany_panel: bs.Panel) -> None:
    """Its interval is the gap ± the largest pre gap; its search stops within .1."""
    gap = pd.Series(with_weights(germany_panel, PYSYNCON).gap, index=germany_panel.times)
    half = float(gap.loc[:1989].abs().max())
    for year, value, lower, upper in (
        (1991, 279.10, 43.15, 515.05),
        (1995, -1205.25, -1441.20, -969.31),
        (2000, -2620.73, -2856.68, -2384.78),
    ):
        assert gap[year] == pytest.approx(value, abs=0.01)
        assert (gap[year] - half, gap[year] + half) == pytest.approx((lower, upper), abs=0.11)


def test_period_sets_invert_the_test(prop99_panel: bs.Panel) -> None:
    """A naive refit at each null, with copied arrays, agrees just inside and just outside the edges."""
    found = conformal(prop99_panel)
    path = found.path(0.9).set_index("time")
    y, X = prop99_panel.treated_series, prop99_panel.donor_matrix

    def p(effect: float, row: int) -> float:
        rows = [*range(19), row]
        frame = pd.DataFrame(X[rows], columns=list(prop99_panel.donors))
        frame["treated"] = y[rows]
        frame.loc[19, "treated"] -= effect
        # A dummy last period makes all twenty the pre-period.
        frame.loc[20] = frame.loc[19]
        whole = bs.Panel.from_wide(frame.rename_axis("t").reset_index(), time="t", treated="treated", start=20)
        u = np.abs(classical(whole).gap[:20])
        return float((u >= u[-1] - 1e-9).mean())

    for year, row in ((1989, 19), (2000, 30)):
        low, high = path.loc[year, "gap_lower"], path.loc[year, "gap_upper"]
        width = high - low
        for edge, out in ((low, -1), (high, 1)):
            assert p(edge - out * 1e-4 * width, row) > 0.1
            assert p(edge + out * 1e-4 * width, row) <= 0.1 + 1e-12
        assert found.table.set_index("time").loc[year, "p"] == pytest.approx(p(0.0, row))


def test_joint_p_is_the_share_of_cyclic_shifts(prop99_panel: bs.Panel) -> None:
    found = conformal(prop99_panel, "did")
    y, X = prop99_panel.treated_series, prop99_panel.donor_matrix
    u = y - X.mean(axis=1)
    u = np.abs(u - u.mean())
    np.testing.assert_allclose(np.abs(found.gaps), u, atol=1e-10)
    shifts = np.array([np.roll(u, -j)[19:].sum() for j in range(31)])
    assert found.p_joint == pytest.approx((shifts >= shifts[0] - 1e-9).mean())
    np.testing.assert_allclose(found.statistics, shifts)
    largest = conformal(prop99_panel, "did", q=math.inf)
    assert float(largest.statistics[0]) == pytest.approx(u[19:].max())


@pytest.mark.parametrize("permutations", ["moving-block", "iid"])
@pytest.mark.parametrize("proxy", ["all", "pre"])
def test_a_large_effect_is_found_and_p_is_never_zero(permutations: str, proxy: str) -> None:
    found = conformal(factor_panel(3, effect=50.0), permutations=permutations, proxy=proxy, replicates=199)
    floor = 1 / len(found.statistics)
    assert found.p_joint == found.p == pytest.approx(floor)
    assert len(found.statistics) == (40 if permutations == "moving-block" else 200)
    table = found.effects(0.9)
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
    assert table.loc[0, "p"] == pytest.approx(floor)
    assert 48 < table.loc[0, "lower"] < table.loc[0, "upper"] < 52
    assert table.loc[1, "lower"] == pytest.approx(10 * table.loc[0, "lower"])
    assert (found.path(0.9)["gap_lower"] > 40).all()
    assert (found.table["p"] >= 1 / 31).all()


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_average_interval_and_p_agree(seed: int, level: float) -> None:
    row = conformal(factor_panel(seed), proxy="pre").effects(level).iloc[0]
    assert (row["lower"] <= 0 <= row["upper"]) == (row["p"] > 1 - level)


def test_one_p_and_one_interval_in_words_and_numbers(germany_panel: bs.Panel, prop99_panel: bs.Panel) -> None:
    """The p is the one whose inversion is the interval; the joint statistic has its own."""
    for found in (conformal(germany_panel, "did"), conformal(prop99_panel, "demeaned")):
        row = found.effects(0.9).iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        assert found.p == row["p"] == found.to_dict()["p"]
        said = found.sentences(0.9)[0]
        assert f"is {estimate}, 90% conformal interval {bracket(bounds)}" in said
        assert p_value(found.p) in said
        assert p_value(found.p) in repr(found)
    assert found.p != found.p_joint


def test_effects_shift_with_the_treated_series() -> None:
    plain, raised = (conformal(factor_panel(5, effect=e)) for e in (0.0, 7.0))
    for column in ("gap_lower", "gap_upper"):
        np.testing.assert_allclose(raised.path(0.9)[column], plain.path(0.9)[column] + 7.0, atol=1e-6)
    bounds = [r.effects(0.9).loc[0, ["lower", "upper"]].to_numpy(float) for r in (plain, raised)]
    np.testing.assert_allclose(bounds[1], bounds[0] + 7.0, atol=1e-6)


def test_what_cannot_be_said_is_said(germany_panel: bs.Panel, basque_panel: bs.Panel) -> None:
    found = conformal(germany_panel)
    assert np.isinf(found.path(0.99)["gap_upper"]).all()
    assert "1/31" in found.notes(0.99)[0]
    assert "leaves out its own estimate" in found.notes(0.9)[0]
    did = conformal(basque_panel, "did")  # 43 shifts: at 99% nothing can be rejected
    assert np.isinf(did.effects(0.99).loc[0, ["lower", "upper"]].to_numpy(float)).all()
    assert "unbounded" in did.notes(0.99)[-1]
    assert "exchangeable in time" in conformal(germany_panel, permutations="iid").sentences()[0]
    assert "before the start" in conformal(germany_panel, proxy="pre").sentences()[0]
    assert "Conformal" in found._repr_html_()


def test_seeds_and_refusals(prop99_panel: bs.Panel) -> None:
    one, two, other = (conformal(prop99_panel, permutations="iid", seed=s, replicates=99) for s in (1, 1, 2))
    assert one.p == two.p
    assert np.abs(one.statistics.to_numpy() - other.statistics.to_numpy()).max() > 0
    for arguments, message in (
        ({"permutations": "block"}, "permutations"), ({"proxy": "post"}, "proxy"), ({"q": 0.5}, "norm"),
        ({"replicates": 5}, "at least 19"), ({"estimator": "sdid"}, "all periods"),
    ):  # fmt: skip
        with pytest.raises(SpecError, match=message):
            conformal(prop99_panel, **arguments)
