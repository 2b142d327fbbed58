import numpy as np
import pytest
import xarray as xr
from scipy import stats

from bsynth import effects


def _draws(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("chain", "draw", "time"))


def test_lift_is_a_ratio_of_sums() -> None:
    observed = xr.DataArray([10.0, 110.0], dims="time")
    found = effects.effect_draws(observed, _draws(np.array([[[5.0, 100.0]]]))).squeeze()
    assert float(found["average"]) == pytest.approx(7.5)
    assert float(found["cumulative"]) == pytest.approx(15.0)
    assert float(found["lift"]) == pytest.approx(15 / 105)


def test_table_matches_known_normal(rng: np.random.Generator) -> None:
    draws = rng.normal(2.0, 1.0, size=80_000)
    table = effects.posterior_table(
        dict.fromkeys(effects.ESTIMANDS, draws), observed=10.0, level=0.9, interval="mean", rope=1.0
    )
    row = table.iloc[0]
    lower, upper = stats.norm(2, 1).interval(0.9)
    np.testing.assert_allclose([row["lower"], row["upper"]], [lower, upper], atol=0.03)
    np.testing.assert_allclose([row["hdi_lower"], row["hdi_upper"]], [lower, upper], atol=0.08)
    assert row["probability_positive"] == pytest.approx(stats.norm(2, 1).sf(0), abs=0.005)
    beyond = stats.norm(2, 1).sf(1) + stats.norm(2, 1).cdf(-1)
    assert row["probability_beyond_rope"] == pytest.approx(beyond, abs=0.01)


def test_same_code_serves_replicates() -> None:
    observed = xr.DataArray([3.0, 4.0], dims="time", coords={"time": [2001, 2002]})
    replicates = xr.DataArray([[1.0, 1.0], [2.0, 3.0], [3.0, 5.0]], dims=("replicate", "time"))
    path = effects.path_table(observed, replicates, level=0.5, dims=("replicate",))
    assert path["counterfactual"].tolist() == [2.0, 3.0]
    assert path["gap_lower"].tolist() == [0.5, 0.0]
    assert path["gap"].tolist() == [1.0, 1.0]
    for bound in effects.equal_tailed(replicates, 0.5, ("replicate",)):
        assert set(bound.coords) <= set(replicates.coords), "a bound is an outcome like any other"


def test_effects_are_of_the_window_and_need_its_periods() -> None:
    observed = xr.DataArray([3.0, 4.0], dims="time", coords={"time": [2001, 2002]})
    replicates = xr.DataArray([[1.0, 1.0]], dims=("replicate", "time"), coords={"time": [2001, 2002]})
    assert set(effects.effect_draws(observed, replicates).coords) == set(), "no period is theirs"
    with pytest.raises(ValueError, match="align"):
        effects.effect_draws(observed, replicates.assign_coords(time=[2002, 2003]))


def test_rounding_is_measured_on_the_larger_of_the_two_series() -> None:
    """An outcome that ends, beside a counterfactual of a million: neither way round is a ten-millionth a gap."""
    ends, goes_on = np.array([1e6, 0.0]), np.array([0.0, 1e-7])
    assert effects.gap_of(ends, goes_on).tolist() == [1e6, 0.0]
    assert effects.gap_of(goes_on, ends).tolist() == [-1e6, 0.0]


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_a_lift_has_no_unit_of_measure(unit: float) -> None:
    found = effects.lift_of(unit * np.array([1.0, -1.0, 3.0]), unit * 3.0)
    np.testing.assert_allclose(found, [0.5, -0.25, np.nan])


def test_one_draw_that_leaves_nothing_untreated_refuses_every_lift() -> None:
    """Its untreated outcome is rounding, of whichever sign; the average and the sum are known as ever."""
    found = effects.of_average(np.array([0.5, 1.0 - 1e-14]), 1.0, 4)
    assert np.isnan(found["lift"]).all()
    np.testing.assert_allclose(found["cumulative"], [2.0, 4.0])
    missing = effects.of_average(np.array([0.5, np.nan]), 1.0, 4)
    np.testing.assert_allclose(missing["lift"], [1.0, np.nan])
