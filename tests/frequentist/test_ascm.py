"""Ridge-augmented synthetic control (Ben-Michael, Feller and Rothstein 2021).

Reference: R augsynth's own tests on the Basque panel (ridge 8; recomputed to six digits), and GeoLift's "best"
model of its walkthrough, ridge with unit fixed effects and augsynth's choice of λ (printed to three decimals).
"""

from pathlib import Path

import numpy as np
import pytest

import bsynth as bs
from bsynth.frequentist import RidgeASCM, classical, leave_one_out, placebo_space
from bsynth.frequentist.estimators.base import simplex_weights

RELATIVE = 1e-6
PRINTED = 5.1e-4
"""Half of GeoLift's third decimal."""


def test_basque(basque_panel: bs.Panel) -> None:
    estimate = classical(basque_panel, RidgeASCM(ridge=8.0))
    assert estimate.gap.mean() == pytest.approx(-0.369646, abs=5.1e-7)
    assert estimate.gap[20:].mean() == pytest.approx(-0.692320, abs=5.1e-7)
    assert np.linalg.norm(estimate.gap[:20]) == pytest.approx(0.373, abs=PRINTED)
    assert estimate.settings == {"ridge": 8.0}
    assert estimate.weights.sum() == pytest.approx(1)


@pytest.fixture(scope="module")
def geolift(data_dir: Path) -> bs.Panel:
    return bs.Panel.from_long(
        data_dir / "geolift_test.csv",
        unit="unit",
        time="time",
        outcome="outcome",
        treated=["chicago", "portland"],
        start="2021-04-01",
    )


def test_geolift_best(geolift: bs.Panel) -> None:
    """ATT 156.805, incremental 4704, lift 5.5%, L2 903.525, bias -1.249 against the fit without ridge."""
    estimate = classical(geolift, RidgeASCM(intercept=True))
    att = float(estimate.gap[90:].mean())
    assert att == pytest.approx(156.805, abs=PRINTED)
    assert 2 * 15 * att == pytest.approx(4704, abs=0.5)
    assert estimate.effects()["estimate"][2] == pytest.approx(0.055, abs=5.1e-4)
    assert np.linalg.norm(estimate.gap[:90]) == pytest.approx(903.525, abs=PRINTED)
    assert classical(geolift, "demeaned").gap[90:].mean() - att == pytest.approx(-1.249, abs=1e-3)


def test_geolift_without_ridge(geolift: bs.Panel) -> None:
    """ATT 155.555687, L2 909.488539 (both recomputed), which uniform weights scale by 5557.8817."""
    estimate = classical(geolift, "demeaned")
    l2 = float(np.linalg.norm(estimate.gap[:90]))
    assert estimate.gap[90:].mean() == pytest.approx(155.555687, rel=RELATIVE)
    assert l2 == pytest.approx(909.488539, rel=RELATIVE)
    assert l2 / np.linalg.norm(classical(geolift, "did").gap[:90]) == pytest.approx(0.1636, abs=5.1e-5)
    assert 2 * estimate.effects()["estimate"][1] == pytest.approx(4666.67, abs=5.1e-3)


@pytest.mark.parametrize(
    ("market", "demeaned", "plain"), [("chicago", -186.980, -243.065), ("portland", 516.470, 517.450)]
)
def test_geolift_each_market(data_dir: Path, market: str, demeaned: float, plain: float) -> None:
    panel = bs.Panel.from_long(
        data_dir / "geolift_test.csv",
        unit="unit",
        time="time",
        outcome="outcome",
        treated=market,
        start="2021-04-01",
        exclude=[{"chicago": "portland", "portland": "chicago"}[market]],
    )
    assert classical(panel, "demeaned").gap[90:].mean() == pytest.approx(demeaned, abs=PRINTED)
    assert classical(panel).gap[90:].mean() == pytest.approx(plain, abs=PRINTED)


def test_ridge_between_its_limits(basque_panel: bs.Panel) -> None:
    """A huge ridge leaves the simplex weights; a small one drives the pre-period gap towards zero."""
    plain = classical(basque_panel)
    np.testing.assert_allclose(classical(basque_panel, RidgeASCM(ridge=1e12)).gap, plain.gap, atol=1e-9)
    fits = [classical(basque_panel, RidgeASCM(ridge=r)).pre_rmspe for r in (100.0, 1.0, 1e-2, 1e-4)]
    assert plain.pre_rmspe > fits[0] > fits[1] > fits[2] > fits[3]


def test_the_formula(basque_panel: bs.Panel) -> None:
    """w + X (X'X + λI)⁻¹ (x₁ − X'w), written out."""
    w = classical(basque_panel).weights
    y, donors = basque_panel.treated_series[:20], basque_panel.donor_matrix[:20]
    level = donors.mean(axis=1)
    X, x1 = (donors - level[:, None]).T, y - level
    expected = w + X @ np.linalg.solve(X.T @ X + 2.5 * np.eye(20), x1 - X.T @ w)
    np.testing.assert_allclose(classical(basque_panel, RidgeASCM(ridge=2.5)).weights, expected, atol=1e-10)


def test_the_chosen_ridge(basque_panel: bs.Panel) -> None:
    """The largest λ within one standard error of the least leave-one-period-out error, refitted by hand."""
    y, donors = basque_panel.treated_series[:20], basque_panel.donor_matrix[:20]
    level = donors.mean(axis=1)
    X, x1 = (donors - level[:, None]).T, y - level
    ridges = np.linalg.norm(X, 2) ** 2 * 10.0 ** (-8 * np.arange(21) / 20)
    errors = np.empty((20, 21))
    for t in range(20):
        keep = np.arange(20) != t
        w = simplex_weights(y[None, keep], donors[None, keep], "exact").weights[0]
        for i, ridge in enumerate(ridges):
            system = X[:, keep].T @ X[:, keep] + ridge * np.eye(19)
            full = w + X[:, keep] @ np.linalg.solve(system, (x1[keep] - X[:, keep].T @ w))
            errors[t, i] = (x1[t] - full @ X[:, t]) ** 2
    mean, se = errors.mean(axis=0), errors.std(axis=0, ddof=1) / np.sqrt(20)
    expected = ridges[mean <= mean.min() + se[mean.argmin()]].max()
    assert classical(basque_panel, "ascm").settings["ridge"] == pytest.approx(expected, rel=1e-9)


def test_inference_takes_the_object(basque_panel: bs.Panel) -> None:
    method = RidgeASCM(ridge=8.0)
    placebo = placebo_space(basque_panel, method, progress=False)
    alone = classical(basque_panel.as_treated("Cataluna"), method)
    np.testing.assert_allclose(placebo.gaps.sel(replicate="Cataluna"), alone.gap, atol=1e-9)
    left = leave_one_out(basque_panel, method, progress=False).table
    assert (left["weight"] < 0).any()
    again = classical(basque_panel.without(left["dropped"][0]), method)
    assert left["mean_gap"][0] == pytest.approx(again.gap[20:].mean(), rel=1e-9)


@pytest.mark.parametrize("ridge", [0.0, -1.0, float("nan"), float("inf")])
def test_a_ridge_that_is_none(ridge: float) -> None:
    with pytest.raises(bs.SpecError, match=r"ridge is .*positive number"):
        RidgeASCM(ridge=ridge)
