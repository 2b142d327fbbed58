"""West Germany's reunification (Abadie, Diamond and Hainmueller 2015), outcome-only.

Reference: recomputed optima; scpi_pkg 4.0.0 gives the same weights to 1e-5 for both dates.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.frequentist import Predictors, classical, placebo_space, with_weights

FIGURES = {
    1990: {
        "pre_ssr": 111061.0573, "pre_rmspe": 60.844353, "mean_gap": -1297.477046, "last_gap": -3446.367009,
        "post_rmspe": 1847.892308, "ratio": 30.370811,
    },
    1991: {
        "pre_ssr": 162052.4670, "pre_rmspe": 72.301445, "mean_gap": -1668.437096, "last_gap": -3465.176907,
        "post_rmspe": 2088.302442, "ratio": 28.883274,
    },
}  # fmt: skip
WEIGHTS = {
    1990: {
        "USA": 0.342610, "Austria": 0.323170, "Switzerland": 0.107882, "Greece": 0.098815, "Italy": 0.061248,
        "France": 0.038543, "Norway": 0.027731,
    },
    1991: {
        "Austria": 0.291117, "USA": 0.272824, "Italy": 0.191367, "Netherlands": 0.133029,
        "Switzerland": 0.081360, "France": 0.030303,
    },
}  # fmt: skip
DEMEANED = {
    1990: {
        "intercept": 153.952224, "pre_rmspe": 54.345065, "mean_gap": -1474.451117,
        "last_gap": -3558.905572, "ratio": 36.696486,
    },
    1991: {
        "intercept": 157.995008, "pre_rmspe": 66.999148, "mean_gap": -1727.614763,
        "last_gap": -3487.187113, "ratio": 31.709064,
    },
}  # fmt: skip
GAPS = {
    1990: [
        326.53, 746.45, 558.69, -194.29, -653.91, -789.51, -1011.18, -1589.25, -1766.33, -2057.82, -2583.54,
        -2757.76, -2946.38, -3446.37,
    ],
    1991: [
        501.80, 325.13, -439.83, -904.85, -1109.22, -1316.45, -1848.30, -2119.05, -2313.99, -2756.77,
        -3075.53, -3167.45, -3465.18,
    ],
}  # fmt: skip


@pytest.fixture(scope="module", params=[1990, 1991])
def panel(request: pytest.FixtureRequest, data_dir: Path) -> bs.Panel:
    return bs.Panel.from_long(
        data_dir / "germany.csv",
        unit="unit",
        time="time",
        outcome="outcome",
        treated="West Germany",
        start=request.param,
    )


def test_synthetic_control(panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    estimate = classical(panel)
    check_estimate(estimate, FIGURES[panel.start], WEIGHTS[panel.start])
    np.testing.assert_allclose(estimate.gap[panel.n_pre :], GAPS[panel.start], atol=0.0051)


def test_demeaned(panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    estimate = classical(panel, "demeaned")
    check_estimate(estimate, DEMEANED[panel.start])
    if panel.start == 1990:
        weights = {
            "Austria": 0.454248, "USA": 0.312430, "Italy": 0.106890, "Greece": 0.055758,
            "Switzerland": 0.047664, "Norway": 0.023010,
        }  # fmt: skip
        check_estimate(estimate, {}, weights)


def test_difference_in_differences(panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    mean_gap = {1990: 603.983631, 1991: 436.427264}[panel.start]
    check_estimate(classical(panel, "did"), {"mean_gap": mean_gap})


@pytest.mark.parametrize("pool", ["exclude", "include"])
def test_placebo_ranks(panel: bs.Panel, pool: str) -> None:
    placebo = placebo_space(panel, pool=pool, progress=False)
    last = 4 if (panel.start, pool) == (1991, "include") else 3
    assert placebo.ranks["rank"].to_dict() == {"mean_gap": 7, "last_gap": last, "ratio": 1}
    assert placebo.ranks.loc["ratio", "p"] == pytest.approx(1 / 17)
    demeaned = placebo_space(panel, "demeaned", pool=pool, progress=False).ranks["rank"]
    assert demeaned["ratio"] == 1
    assert demeaned["mean_gap"] == {1990: 7, 1991: 6}[panel.start]


def test_next_on_the_ratio(panel: bs.Panel) -> None:
    ratios = placebo_space(panel, progress=False).table.set_index("unit")["ratio"]
    assert ratios.idxmax() == "Italy"
    assert ratios.max() == pytest.approx({1990: 20.540, 1991: 21.894}[panel.start], abs=5.1e-4)


def test_interval_is_unbounded_where_the_placebos_cannot_reject(panel: bs.Panel) -> None:
    """Sixteen donors: p cannot fall below 1/17, so no 95% set is bounded; the 90% one is."""
    placebo = placebo_space(panel, progress=False)
    assert np.isinf(placebo.effects(0.95)[["lower", "upper"]].to_numpy()).all()
    assert "1/17" in placebo.notes(0.95)[0]
    assert np.isfinite(placebo.effects(0.90)[["lower", "upper"]].to_numpy()).all()


def test_published_weights(panel: bs.Panel) -> None:
    """Table 1 of the 2015 paper, applied with its date, 1990."""
    weights = {"Austria": 0.42, "USA": 0.22, "Japan": 0.16, "Switzerland": 0.11, "Netherlands": 0.09}
    estimate = with_weights(panel, weights)
    assert estimate.gap[-14:].mean() == pytest.approx(-1585.27, abs=0.0051)
    assert estimate.gap[-1] == pytest.approx(-3379.28, abs=0.0051)
    assert -estimate.gap[-1] / panel.treated_series[-1] == pytest.approx(0.117, abs=5.1e-4)
    if panel.start == 1990:
        assert estimate.pre_rmspe == pytest.approx(122.292, abs=5.1e-4)
        assert estimate.rmspe_ratio == pytest.approx(15.991, abs=5.1e-4)


def test_simplex_on_standardised_rows(panel: bs.Panel) -> None:
    """Each pre year over its sd over the 17 countries: the years as predictors of equal importance."""
    series = np.column_stack([panel.treated_series, panel.donor_matrix])[: panel.n_pre]
    years = pd.DataFrame(series.T, index=list(panel.units), columns=list(panel.times[: panel.n_pre]))
    estimate = classical(panel, Predictors(years, v=dict.fromkeys(years, 1.0)))
    expected = {1990: -1843.397, 1991: -2016.985}[panel.start]
    assert estimate.gap[panel.n_pre :].mean() == pytest.approx(expected, abs=5.1e-4)


def test_two_countries_that_start_apart(data_dir: Path) -> None:
    """West Germany 1991 and Italy 1992, 15 donors each (scpi's multi example, thousand USD)."""
    frame = pd.read_csv(data_dir / "germany.csv").assign(outcome=lambda f: f["outcome"] / 1000)
    gaps = []
    for treated, start, other in (("West Germany", 1991, "Italy"), ("Italy", 1992, "West Germany")):
        panel = bs.Panel.from_long(
            frame, unit="unit", time="time", outcome="outcome", treated=treated, start=start, exclude=[other]
        )
        assert panel.n_donors == 15
        gaps.append(classical(panel).gap[panel.n_pre :])
    assert gaps[0].mean() == pytest.approx(-1.847601, rel=1e-6)
    assert gaps[1].mean() == pytest.approx(-1.121062, rel=1e-6)
    assert np.concatenate(gaps).mean() == pytest.approx(-1.498862, rel=1e-6)
    by_event_time = [
        0.1310, 0.0316, -0.4255, -0.6700, -0.9013, -1.2304, -1.2529, -1.6015, -2.2758, -2.6734, -2.8457, -3.0832,
    ]  # fmt: skip
    np.testing.assert_allclose((gaps[0][:12] + gaps[1]) / 2, by_event_time, atol=5.1e-5)
