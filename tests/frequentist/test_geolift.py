"""Meta's GeoLift test markets, the mean of two treated ones.

Reference: recomputed optima; the demeaned fit is GeoLift's own with unit fixed effects (its walkthrough
prints ATT 155.556).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

import bsynth as bs
from bsynth.frequentist import classical, placebo_space


@pytest.fixture(scope="module")
def panel(data_dir: Path) -> bs.Panel:
    return bs.Panel.from_long(
        data_dir / "geolift_test.csv",
        unit="unit",
        time="time",
        outcome="outcome",
        treated=["chicago", "portland"],
        start="2021-04-01",
    )


def test_synthetic_control(panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    check_estimate(
        classical(panel),
        {
            "pre_ssr": 859796.6136, "pre_rmspe": 97.740962, "mean_gap": 122.725848, "last_gap": -24.507456,
            "post_rmspe": 234.388737, "ratio": 2.398060,
        },
        {
            "miami": 0.211417, "cincinnati": 0.210228, "baton rouge": 0.160739, "dallas": 0.112905,
            "honolulu": 0.087029, "nashville": 0.074415, "austin": 0.069592, "minneapolis": 0.061493,
            "reno": 0.012182,
        },
    )  # fmt: skip


def test_demeaned(panel: bs.Panel, check_estimate: Callable[..., None]) -> None:
    check_estimate(
        classical(panel, "demeaned"),
        {
            "intercept": -84.756440, "pre_rmspe": 95.868510, "mean_gap": 155.555687, "last_gap": 18.071608,
            "ratio": 2.579725,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("estimator", "pool", "ranks"),
    [
        ("sc", "exclude", {"mean_gap": 25, "last_gap": 38, "ratio": 9}),
        ("sc", "include", {"mean_gap": 24, "last_gap": 38, "ratio": 9}),
        ("demeaned", "exclude", {"mean_gap": 21, "ratio": 8}),
        ("demeaned", "include", {"mean_gap": 21, "ratio": 8}),
    ],
)
def test_placebo_ranks(panel: bs.Panel, estimator: str, pool: str, ranks: dict[str, int]) -> None:
    """With ``include`` the treated markets join the pools as their one averaged series."""
    placebo = placebo_space(panel, estimator, pool=pool, progress=False)
    found = placebo.ranks["rank"].to_dict()
    assert {name: found[name] for name in ranks} == ranks


def test_first_on_the_ratio(panel: bs.Panel) -> None:
    ratios = placebo_space(panel, progress=False).table.set_index("unit")["ratio"]
    assert ratios.idxmax() == "las vegas"
    assert ratios.max() == pytest.approx(7.084, abs=5.1e-4)
