"""The Basque Country (Abadie and Gardeazabal 2003), outcome-only, Spain left out of the pool.

Reference: recomputed optima; the demeaned fit equals Ferman and Pinto's own code. The date of the
start changes the answer completely, so each is held.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.frequentist import classical, placebo_space, with_weights

TREATED = "Basque Country (Pais Vasco)"
FIGURES = {
    1975: {
        "pre_ssr": 0.141898, "pre_rmspe": 0.084231, "mean_gap": -0.691528, "last_gap": -0.803410,
        "post_rmspe": 0.764470, "ratio": 9.075841,
    },
    1970: {
        "pre_ssr": 0.085636, "pre_rmspe": 0.075558, "mean_gap": -0.894589, "last_gap": -1.012356,
        "post_rmspe": 1.013310, "ratio": 13.410961,
    },
    1971: {
        "pre_ssr": 0.094983, "pre_rmspe": 0.077048, "mean_gap": -0.855329, "last_gap": -0.951079,
        "post_rmspe": 0.964550, "ratio": 12.518790,
    },
}  # fmt: skip
WEIGHTS = {
    1975: {"Cataluna": 0.826418, "Madrid (Comunidad De)": 0.168347, "Principado De Asturias": 0.005235},
    1970: {"Madrid (Comunidad De)": 0.483128, "Baleares (Islas)": 0.311075, "Rioja (La)": 0.205797},
    1971: {
        "Madrid (Comunidad De)": 0.484365,
        "Baleares (Islas)": 0.267249,
        "Rioja (La)": 0.212322,
        "Cataluna": 0.036064,
    },
}
DEMEANED = {
    1975: {
        "intercept": 0.592228, "pre_rmspe": 0.074559, "mean_gap": -0.796612, "last_gap": -0.911563,
        "ratio": 11.676026,
    },
    1970: {
        "intercept": 0.694873, "pre_rmspe": 0.067705, "mean_gap": -0.939352, "last_gap": -1.406742,
        "ratio": 16.100441,
    },
}  # fmt: skip
GAPS_1975 = [
    0.1443, 0.0094, -0.1217, -0.2877, -0.4166, -0.5662, -0.7338, -0.7777, -0.8211, -0.7506, -0.6700, -0.7813,
    -0.8748, -0.9577, -1.0247, -0.9972, -0.9950, -0.9491, -0.9078, -0.9514, -0.8415, -0.8295, -0.8034,
]  # fmt: skip


@pytest.fixture(scope="module")
def regions(data_dir: Path) -> pd.DataFrame:
    frame = pd.read_csv(data_dir / "basque.csv")
    return frame[frame["unit"] != "Spain (Espana)"]


def _panel(regions: pd.DataFrame, start: int) -> bs.Panel:
    return bs.Panel.from_long(regions, unit="unit", time="time", outcome="outcome", treated=TREATED, start=start)


@pytest.mark.parametrize("start", [1975, 1970, 1971])
def test_synthetic_control(regions: pd.DataFrame, start: int, check_estimate: Callable[..., None]) -> None:
    check_estimate(classical(_panel(regions, start)), FIGURES[start], WEIGHTS[start])


def test_gaps_by_year(regions: pd.DataFrame) -> None:
    estimate = classical(_panel(regions, 1975))
    np.testing.assert_allclose(estimate.gap[20:], GAPS_1975, atol=5.1e-5)


def test_mean_over_all_years(regions: pd.DataFrame) -> None:
    """R augsynth's average over all 43 years, -.3686, and its L2 imbalance, .377."""
    estimate = classical(_panel(regions, 1975))
    assert estimate.gap.mean() == pytest.approx(-0.3686, abs=5.1e-5)
    assert np.linalg.norm(estimate.gap[:20]) == pytest.approx(0.376694, abs=5.1e-7)


def test_demeaned(regions: pd.DataFrame, check_estimate: Callable[..., None]) -> None:
    weights = {
        "Cataluna": 0.560502,
        "Rioja (La)": 0.279202,
        "Principado De Asturias": 0.106352,
        "Madrid (Comunidad De)": 0.053944,
    }
    check_estimate(classical(_panel(regions, 1975), "demeaned"), DEMEANED[1975], weights)
    check_estimate(classical(_panel(regions, 1970), "demeaned"), DEMEANED[1970])


def test_published_weights(regions: pd.DataFrame) -> None:
    """Cataluna .8508, Madrid .1492 (Abadie and Gardeazabal 2003), applied; then with the digits of pysyncon's tests."""
    printed = {"Cataluna": 0.8508, "Madrid (Comunidad De)": 0.1492}
    late, early = (with_weights(_panel(regions, start), printed) for start in (1975, 1970))
    assert late.gap[20:].mean() == pytest.approx(-0.699568, abs=5.1e-7)
    assert early.gap[15:].mean() == pytest.approx(-0.579928, abs=5.1e-7)
    assert late.gap[-1] == pytest.approx(-0.828085, abs=5.1e-7)
    assert (late.gap[5:15] ** 2).mean() == pytest.approx(0.00886455, abs=5.1e-9)
    assert (late.gap[25:] / late.counterfactual[25:]).mean() == pytest.approx(-0.096, abs=5.1e-4)
    full = with_weights(_panel(regions, 1975), {"Cataluna": 0.850816306, "Madrid (Comunidad De)": 0.149183694})
    assert full.gap[20:].mean() == pytest.approx(-0.6995648, abs=5.1e-8)
    assert (full.gap[5:15] ** 2).mean() == pytest.approx(0.0088645450, abs=5.1e-10)


def test_fit_on_the_sixties_alone(regions: pd.DataFrame) -> None:
    """Pre-period 1960-1969: equals scm.corner to 5e-5."""
    estimate = classical(_panel(regions[regions["time"] >= 1960], 1970))
    expected = {"Madrid (Comunidad De)": 0.440491, "Baleares (Islas)": 0.370037, "Rioja (La)": 0.189472}
    np.testing.assert_allclose(
        estimate.weights_table().set_index("donor")["weight"].head(3)[list(expected)],
        list(expected.values()),
        atol=1e-6,
    )
    assert estimate.pre_rmspe**2 == pytest.approx(0.00412635, abs=5.1e-9)
    assert estimate.gap[10:31].mean() == pytest.approx(-0.879312, abs=5.1e-7)


@pytest.mark.parametrize(("start", "mean_gap"), [(1975, -0.532997), (1970, -0.430804)])
def test_difference_in_differences(
    regions: pd.DataFrame, start: int, mean_gap: float, check_estimate: Callable[..., None]
) -> None:
    check_estimate(classical(_panel(regions, start), "did"), {"mean_gap": mean_gap})


@pytest.mark.parametrize(
    ("start", "estimator", "pool", "ranks"),
    [
        (1975, "sc", "exclude", {"mean_gap": 4, "last_gap": 5, "ratio": 7}),
        (1975, "sc", "include", {"mean_gap": 5, "last_gap": 5, "ratio": 7}),
        (1970, "sc", "exclude", {"mean_gap": 2, "last_gap": 3, "ratio": 7}),
        (1970, "sc", "include", {"mean_gap": 2, "last_gap": 3, "ratio": 7}),
        (1975, "demeaned", "exclude", {"mean_gap": 2, "ratio": 7}),
        (1975, "demeaned", "include", {"mean_gap": 3, "ratio": 9}),
        (1970, "demeaned", "exclude", {"mean_gap": 2, "ratio": 6}),
        (1970, "demeaned", "include", {"mean_gap": 2, "ratio": 8}),
    ],
)
def test_placebo_ranks(regions: pd.DataFrame, start: int, estimator: str, pool: str, ranks: dict[str, int]) -> None:
    placebo = placebo_space(_panel(regions, start), estimator, pool=pool, progress=False)
    found = placebo.ranks["rank"].to_dict()
    assert {name: found[name] for name in ranks} == ranks
    assert placebo.ranks["placebos"].tolist() == [16, 16, 16]


@pytest.mark.parametrize(("start", "unit", "ratio"), [(1975, "Andalucia", 36.426), (1970, "Cantabria", 55.682)])
def test_first_on_the_ratio(regions: pd.DataFrame, start: int, unit: str, ratio: float) -> None:
    ratios = placebo_space(_panel(regions, start), progress=False).table.set_index("unit")["ratio"]
    assert ratios.idxmax() == unit
    assert ratios.max() == pytest.approx(ratio, abs=5.1e-4)
