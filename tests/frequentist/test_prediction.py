"""Prediction intervals (Cattaneo, Feng and Titiunik 2021).

Reference: scpi_pkg 4.0.0 on Germany 1991, simplex, gaussian, order 1, HC1, 2000 draws; thousand USD. The published bounds
are Monte-Carlo results that two runs of the package reproduce to .1; so is the tolerance. Its .95 is of each of the two
sources of error, which is .9 of the interval.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import PanelError, SpecError
from bsynth.frequentist import prediction_interval
from bsynth.frequentist.inference._bounds import Ellipsoids, largest
from bsynth.frequentist.inference._errors import quantile_regression
from bsynth.panel.simulate import simulate_factor
from bsynth.text.numbers import bracket, numbers

TOLERANCE = 0.1
SCPI = {
    True: (
        [19.9283, 21.2930, 21.7180, 22.5615, 22.9797, 23.8668, 24.7109, 25.6713, 26.6392, 26.7998, 26.6633, 29.3544, 30.1192],
        [22.2324, 22.3633, 22.8849, 23.9178, 25.2361, 25.9671, 27.0957, 28.4162, 29.3900, 31.6882, 33.1514, 33.3614, 34.1903],
    ),
    False: (
        [20.2768, 21.0517, 21.3559, 22.2772, 22.9692, 23.6035, 24.2648, 25.4091, 26.2610, 26.7661, 27.0776, 28.4649, 29.5243],
        [22.2755, 22.9824, 23.5701, 24.6526, 25.9023, 27.1348, 27.8014, 29.0695, 30.3635, 32.1850, 33.5059, 34.1596, 34.7277],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def germany_1991(data_dir: Path) -> bs.Panel:
    return bs.Panel.from_long(
        data_dir / "germany.csv", unit="unit", time="time", outcome="outcome", treated="West Germany", start=1991
    )


@pytest.mark.parametrize("cointegrated", [True, False])
def test_germany_scpi(germany_1991: bs.Panel, cointegrated: bool) -> None:
    path = prediction_interval(germany_1991, cointegrated=cointegrated, draws=2000).path(0.9)
    lower, upper = SCPI[cointegrated]
    np.testing.assert_allclose(path["lower"] / 1000, lower, atol=TOLERANCE)
    np.testing.assert_allclose(path["upper"] / 1000, upper, atol=TOLERANCE)


@pytest.mark.parametrize(("donors", "periods"), [(6, 20), (16, 30), (12, 8)])
def test_bounds_against_slsqp(donors: int, periods: int) -> None:
    """Also with more donors than periods, where the ellipsoid is a cylinder."""
    rng = np.random.default_rng(donors)
    X = rng.normal(size=(periods, donors)) + 5
    Q, b = X.T @ X / periods, np.maximum(rng.normal(size=donors), 0)
    b /= b.sum()
    G = 0.3 * (rng.normal(size=(3, periods)) @ X) / periods
    c = rng.normal(size=(3, donors))
    found = largest(Ellipsoids(Q, b, 1.0, G), c)
    for i, g in enumerate(G):
        for k, direction in enumerate(c):
            answer = minimize(
                lambda z, a=direction: -a @ (z - b),
                0.9 * b + 0.1 / donors,
                bounds=[(0, 1)] * donors,
                constraints=[
                    {"type": "eq", "fun": lambda z: z.sum() - 1},
                    {"type": "ineq", "fun": lambda z, g=g: -100 * ((z - b) @ Q @ (z - b) - 2 * g @ (z - b))},
                ],
                method="SLSQP",
                options={"ftol": 1e-12, "maxiter": 1000},
            )
            assert not answer.success or found[i, k] == pytest.approx(-answer.fun, abs=5e-6)


def test_quantile_regression_has_the_right_share_below() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=200), np.ones(200)])
    y = 2 * X[:, 0] + rng.normal(size=200)
    for q in (0.05, 0.25, 0.9):
        fitted = X @ quantile_regression(y, X, q)
        assert (y < fitted - 1e-9).mean() <= q <= (y <= fitted + 1e-9).mean()


@pytest.mark.parametrize("errors", ["gaussian", "location-scale", "quantile"])
def test_tables(prop99_panel: bs.Panel, errors: str) -> None:
    found = prediction_interval(prop99_panel, errors=errors, draws=40)
    table = found.effects(0.9)
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
    assert (table["interval"] == f"prediction-{errors}").all()
    assert table.loc[0, "lower"] < table.loc[0, "upper"]
    assert table.loc[1, "lower"] == pytest.approx(12 * table.loc[0, "lower"])
    mean = prop99_panel.treated_series[19:].mean()
    assert table.loc[2, "lower"] == pytest.approx(table.loc[0, "lower"] / (mean - table.loc[0, "lower"]))
    assert found.draws.shape == (40, 2, 12)
    assert (found.draws.sel(side="lower") <= 1e-9).all()
    assert (found.draws.sel(side="upper") >= -1e-9).all()


def test_simultaneous_bands_are_wider_and_p_agrees(germany_1991: bs.Panel) -> None:
    found = prediction_interval(germany_1991, draws=100)
    each, joint = found.path(0.9), found.path(0.9, simultaneous=True)
    assert (joint["lower"] < each["lower"]).all()
    assert (joint["upper"] > each["upper"]).all()
    assert 2 / 101 <= found.p <= 1
    row = found.effects(1 - found.p - 1e-4).iloc[0]
    assert not row["lower"] <= 0 <= row["upper"]
    row = found.effects(1 - found.p + 1e-4).iloc[0]
    assert row["lower"] <= 0 <= row["upper"]
    again = prediction_interval(germany_1991, draws=100)
    np.testing.assert_array_equal(again.draws, found.draws)


def test_units_cancel(germany_1991: bs.Panel) -> None:
    frame = germany_1991.to_frame()
    frame["outcome"] /= 1000
    small = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated="West Germany", start=1991)
    one, two = (prediction_interval(p, draws=30).path(0.9) for p in (germany_1991, small))
    np.testing.assert_allclose(one["lower"], 1000 * two["lower"], rtol=1e-6)


def test_words_and_refusals(prop99_panel: bs.Panel) -> None:
    short = prop99_panel.backdated(1980)
    found = prediction_interval(short, draws=30)
    assert "constant alone" in found.notes()[0]
    assert "conditions on the donors" in found.sentences()[0]
    assert "Prediction interval" in found._repr_html_()
    low, high = found.effects(0.9).loc[0, ["lower", "upper"]]
    assert (
        f"90% interval {bracket(numbers(found.effects(0.9).loc[0, 'estimate'], low, high)[1:])}"
        in found.sentences(0.9)[0]
    )
    assert "95%" not in found.sentences(0.9)[0]
    pd.testing.assert_frame_equal(pd.DataFrame(found.to_dict(0.9)["table"])[["lower"]], found.path(0.9)[["lower"]])
    for arguments, message in (
        ({"estimator": "did"}, "simplex"), ({"errors": "normal"}, "errors"), ({"draws": 5}, "at least 20"),
    ):  # fmt: skip
        with pytest.raises(SpecError, match=message):
            prediction_interval(prop99_panel, **arguments)
    with pytest.raises(PanelError, match="too few"):
        prediction_interval(prop99_panel.backdated(1974))


def test_bounds_do_not_break_on_simulated_panels() -> None:
    for seed in range(6):
        frame = simulate_factor(seed=seed)
        panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)
        assert np.isfinite(
            prediction_interval(panel, draws=40).effects().loc[0, ["lower", "upper", "p"]].to_numpy(float)
        ).all()


def test_draws_that_cannot_tell_the_tails_leave_the_interval_unbounded_and_say_so(prop99_panel: bs.Panel) -> None:
    few = prediction_interval(prop99_panel, draws=30)
    assert np.isinf(few.effects(0.95).loc[0, ["lower", "upper"]].to_numpy(float)).all()
    assert "With 30 draws the 95% interval is unbounded; draw more." in few.notes(0.95)
    assert np.isfinite(few.effects(0.9).loc[0, ["lower", "upper"]].to_numpy(float)).all()
    assert not any("unbounded" in note for note in few.notes(0.9))
