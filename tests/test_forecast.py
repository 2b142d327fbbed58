"""Predictive distributions of single periods: mixtures whose quantiles and densities are known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bsynth as bs
from bsynth.bayesian.forecast import Forecast, check_last, forecast_of
from bsynth.model.design import make_design
from bsynth.model.link import LOG


@pytest.mark.parametrize("probability", [0.01, 0.5, 0.975])
def test_a_quantile_has_its_probability_below(probability: float) -> None:
    rng = np.random.default_rng(0)
    found = Forecast(rng.normal(size=200), rng.gamma(2.0, size=200))
    assert found.below(found.quantile(probability)) == pytest.approx(probability, abs=1e-9)
    one = Forecast(np.array([2.0]), np.array([3.0]), degrees=4.0)
    assert one.quantile(probability) == pytest.approx(2 + 3 * stats.t(4).ppf(probability))


def test_draws_that_are_all_one_have_that_quantile() -> None:
    assert Forecast(np.full(5, 2.0), np.full(5, 0.0)).quantile(0.9) == 2.0
    assert Forecast(np.full(5, 2.0), np.full(5, 0.0), link=LOG).quantile(0.1) == pytest.approx(np.exp(2.0))


def test_a_panel_without_periods_to_spare_is_one_line() -> None:
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(8, 4)), columns=list("abcd"))
    short = bs.Panel.from_wide(wide, treated="a", start=4)
    with pytest.raises(bs.PanelError, match="there are 4; use another") as refused:
        check_last(short, 3, "stacking", "use another")
    assert "\n" not in str(refused.value)


def test_heavy_tails_come_on_top_of_what_cells_are_known_to_vary_by() -> None:
    """Student-t noise beside a known variance: each draw has a variance of the period of its own."""
    rng = np.random.default_rng(0)
    cells = pd.MultiIndex.from_product([list("abcde"), range(20), range(40)], names=["shop", "week", "user"])
    frame = pd.DataFrame({"paid": rng.normal(size=len(cells))}, index=cells).reset_index()
    panel = bs.Panel.from_events(frame, unit="shop", time="week", outcome="paid", treated="a", start=15)
    spec = bs.ModelSpec.from_toml('[noise]\ndistribution = "student-t"\ndegrees = 4.0\n[cells]\nvariance = "known"')
    fit = bs.fit(panel, spec, draws=300, progress=False)
    found, design = forecast_of(fit, panel, 15), make_design(panel, fit.spec)
    cell = design.scale**2 * design.treated_variance[15]
    sigma = fit.tree["posterior"]["sigma"].values.ravel()
    assert found.degrees is None
    # With four degrees of freedom the variance is σ² times 2/Γ(2), whose median is 2/1.678.
    assert np.median((found.scale**2 - cell) / sigma**2) == pytest.approx(2 / stats.gamma(2).median(), rel=0.15)
