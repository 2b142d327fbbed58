"""California's Proposition 99 (Abadie, Diamond and Hainmueller 2010), outcome-only.

Reference: recomputed optima of the raw and the demeaned simplex problem (two independent solvers); the
difference in differences is that of Arkhangelsky et al. 2021, Table 1, and of R synthdid.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.frequentist import Predictors, classical, leave_one_out, placebo_space, with_weights

GAPS = [
    -8.4405, -9.2070, -12.6343, -13.7287, -17.5336, -22.0491, -22.8576, -23.9974, -26.2608, -23.3378,
    -27.5203, -26.5966,
]  # fmt: skip


def test_synthetic_control(prop99_panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    estimate = classical(prop99_panel)
    check_estimate(
        estimate,
        {
            "pre_ssr": 52.129583, "pre_rmspe": 1.656400, "mean_gap": -19.513631, "last_gap": -26.596643,
            "post_rmspe": 20.605568, "ratio": 12.439968,
        },
        {
            "Utah": 0.393908, "Montana": 0.231840, "Nevada": 0.204923, "Connecticut": 0.109090,
            "New Hampshire": 0.045429, "Colorado": 0.014811,
        },
    )  # fmt: skip
    np.testing.assert_allclose(estimate.gap[19:], GAPS, atol=5.1e-5)
    assert estimate.duality_gap <= 1e-10
    assert estimate.pre_rmspe**2 == pytest.approx(2.743663, abs=2e-6)  # the bilevel optimum of scm.corner too


def test_demeaned(prop99_panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    check_estimate(
        classical(prop99_panel, "demeaned"),
        {
            "intercept": -23.186862, "pre_rmspe": 0.955356, "mean_gap": -11.109049, "last_gap": -17.381980,
            "ratio": 12.556483,
        },
        {
            "Connecticut": 0.265976, "Nevada": 0.227635, "Illinois": 0.154108, "Colorado": 0.095875,
            "Nebraska": 0.092588, "Montana": 0.080958, "New Hampshire": 0.058733, "Kansas": 0.013776,
            "North Carolina": 0.010352,
        },
    )  # fmt: skip


def test_difference_in_differences(prop99_panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    estimate = classical(prop99_panel, "did")
    check_estimate(estimate, {"mean_gap": -27.349111})
    assert estimate.effective_donors == pytest.approx(38)


def test_published_weights(prop99_panel: bs.Panel) -> None:
    """Table 2 of the paper, applied: mean gap -18.970, 2000 gap -25.726, pre MSPE 3.0892, MSPE ratio 128.38."""
    table = {"Utah": 0.334, "Nevada": 0.234, "Montana": 0.199, "Colorado": 0.164, "Connecticut": 0.069}
    estimate = with_weights(prop99_panel, table)
    assert estimate.gap[19:].mean() == pytest.approx(-18.970, abs=5.1e-4)
    assert estimate.gap[-1] == pytest.approx(-25.726, abs=5.1e-4)
    assert estimate.pre_rmspe**2 == pytest.approx(3.0892, abs=5.1e-5)
    assert estimate.rmspe_ratio**2 == pytest.approx(128.38, abs=5.1e-3)
    assert estimate.weights_table().set_index("donor")["weight"].head(5).to_dict() == table


def test_simplex_on_standardised_rows(prop99_panel: bs.Panel) -> None:
    """Each pre year over its sd over 39 states, what R Synth does with V = I: the years as predictors."""
    series = np.column_stack([prop99_panel.treated_series, prop99_panel.donor_matrix])[:19]
    years = pd.DataFrame(series.T, index=list(prop99_panel.units), columns=list(range(1970, 1989)))
    estimate = classical(prop99_panel, Predictors(years, v=dict.fromkeys(years, 1.0)))
    assert estimate.gap[19:].mean() == pytest.approx(-19.7472, abs=5.1e-5)
    assert (estimate.gap[:19] ** 2).sum() == pytest.approx(54.6411, abs=5.1e-5)
    expected = {
        "Utah": 0.3853, "Montana": 0.2707, "Nevada": 0.1858, "Connecticut": 0.0797, "New Hampshire": 0.0490,
        "Colorado": 0.0296,
    }  # fmt: skip
    weights = estimate.weights_table().set_index("donor")["weight"]
    assert set(weights[weights > 0.001].index) == set(expected)
    np.testing.assert_allclose(weights[list(expected)], list(expected.values()), atol=5.1e-5)


@pytest.mark.parametrize("pool", ["exclude", "include"])
@pytest.mark.parametrize(("estimator", "ranks"), [("sc", [3, 3, 3]), ("demeaned", [11, 11, 3])])
def test_placebo_ranks(prop99_panel: bs.Panel, pool: str, estimator: str, ranks: list[int]) -> None:
    placebo = placebo_space(prop99_panel, estimator, pool=pool, progress=False)
    assert placebo.ranks["rank"].tolist() == ranks
    assert placebo.ranks["p"].tolist() == pytest.approx([rank / 39 for rank in ranks])


def test_placebos_above_california(prop99_panel: bs.Panel) -> None:
    placebo = placebo_space(prop99_panel, progress=False)
    table = placebo.table.set_index("unit")
    top = table["ratio"].nlargest(2)
    assert top.index.tolist() == ["Missouri", "Virginia"]
    assert top.tolist() == pytest.approx([23.9244, 19.8276], abs=5.1e-5)
    assert table.loc["New Hampshire", "pre_rmspe"] ** 2 == pytest.approx(3436.59, abs=0.0051)


@pytest.mark.parametrize(("limit", "left", "mean_rank"), [(20, 34, 2), (5, 31, 1), (2, 21, 1)])
def test_pre_fit_filter(prop99_panel: bs.Panel, limit: float, left: int, mean_rank: int) -> None:
    placebo = placebo_space(prop99_panel, max_pre_mspe=limit, progress=False)
    assert int(placebo.table["kept"].sum()) == left
    assert placebo.ranks.loc["mean_gap", "rank"] == mean_rank
    assert placebo.ranks.loc["ratio", "rank"] == 3
    assert f"{38 - left} of 38 placebos were left out" in placebo.notes()[0]


@pytest.mark.parametrize(("estimator", "spread"), [("sc", 10.6330), ("demeaned", 10.0692), ("did", 17.2868)])
def test_spread_of_the_placebos(prop99_panel: bs.Panel, estimator: str, spread: float) -> None:
    """The exhaustive placebo standard error (ddof 0), the limit of the random one."""
    gaps = placebo_space(prop99_panel, estimator, progress=False).table["mean_gap"]
    assert gaps.std(ddof=0) == pytest.approx(spread, abs=5.1e-5)


def test_leave_one_out(prop99_panel: bs.Panel) -> None:
    result = leave_one_out(prop99_panel, progress=False)
    assert result.table["dropped"].tolist() == [
        "Utah", "Montana", "Nevada", "Connecticut", "New Hampshire", "Colorado",
    ]  # fmt: skip
    for row in result.table.to_dict("records"):
        again = classical(prop99_panel.without(row["dropped"]))
        assert row["mean_gap"] == pytest.approx(again.gap[19:].mean(), rel=1e-9)
        assert row["pre_rmspe"] == pytest.approx(again.pre_rmspe, rel=1e-9)


def test_placebo_equals_the_panel_with_that_donor_treated(prop99_panel: bs.Panel) -> None:
    # In a mean of all donors California counts wherever it is one of them; weights may leave it out.
    for pool, estimator in product(("exclude", "include"), ("demeaned", "did")):
        placebo = placebo_space(prop99_panel, estimator, pool=pool, progress=False)
        for unit in ("Alabama", "Virginia"):
            alone = classical(prop99_panel.as_treated(unit, pool=pool), estimator)
            np.testing.assert_allclose(placebo.gaps.sel(replicate=unit), alone.gap, rtol=1e-8, atol=1e-8)


# R Synth 1.2.0 `synth_inference`, alpha .05: 6.113436, the largest pre gap. Its printed weights leave .00195 of the
# weight on donors that are not printed, which at 1970 (where the gap is largest) is worth .1 to .4 packs.
R_SYNTH_WEIGHTS = {"Utah": 0.343224, "Nevada": 0.235752, "Montana": 0.181971, "Colorado": 0.174685, "Connecticut": 0.062420}  # fmt: skip
R_SYNTH_HALF_WIDTH = 6.113436


def test_split_conformal_half_width_of_r_synth(prop99_panel: bs.Panel) -> None:
    donors = dict(zip(prop99_panel.donors, prop99_panel.donor_matrix.T, strict=True))
    printed = sum(weight * donors[name] for name, weight in R_SYNTH_WEIGHTS.items())
    gap = (prop99_panel.treated_series - printed)[: prop99_panel.n_pre]
    largest = int(np.argmax(np.abs(gap)))
    rest = 1 - sum(R_SYNTH_WEIGHTS.values())
    others = [series[largest] for name, series in donors.items() if name not in R_SYNTH_WEIGHTS]
    assert prop99_panel.times[largest] == 1970
    assert gap[largest] - rest * max(others) <= R_SYNTH_HALF_WIDTH <= gap[largest] - rest * min(others)
    # With 19 pre-periods the 95% quantile of the split-conformal scores is the largest of them.
    assert np.ceil((prop99_panel.n_pre + 1) * 0.95) == prop99_panel.n_pre
