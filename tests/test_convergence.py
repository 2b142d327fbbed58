"""R-hat, effective sample sizes, BFMI and PSIS-LOO against ArviZ, which defines them."""

from contextlib import nullcontext

import arviz_stats as azs
import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from scipy import special, stats

from bsynth import effects
from bsynth._base import laws
from bsynth.bayesian import averaging, convergence, power_scaling, psis

SHAPES = [(30, 4, 1000), (7, 4, 300), (5, 2, 101), (3, 3, 100), (6, 4, 7)]


def chains(shape: tuple[int, int, int]) -> np.ndarray:
    """Autocorrelated quantities: one rounded, one in chains apart, one that a chain leaves still, one of two values."""
    rng = np.random.default_rng(shape)
    noise, found = rng.normal(size=shape), np.empty(shape)
    persistence = rng.uniform(-0.9, 0.99, size=shape[0])[:, None]
    found[..., 0] = noise[..., 0]
    for t in range(1, shape[2]):
        found[..., t] = persistence * found[..., t - 1] + noise[..., t]
    found[0] = np.round(found[0])
    found[1] += 3 * np.arange(shape[1])[:, None]
    found[2, 0] = 1.0
    return np.concatenate([found, found[-1:] > 0, np.full((1, *shape[1:]), 2.0)])


@pytest.mark.parametrize("shape", SHAPES)
def test_convergence_is_as_arviz_has_it(shape: tuple[int, int, int]) -> None:
    draws = chains(shape)
    moving = draws[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_allclose(convergence.rhat(moving), array_stats.rhat(moving), rtol=1e-12)
    np.testing.assert_allclose(convergence.ess_bulk(draws), array_stats.ess(draws), rtol=1e-9)
    np.testing.assert_allclose(convergence.ess_mean(draws), array_stats.ess(draws, method="mean"), rtol=1e-9)
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95))
    np.testing.assert_allclose(convergence.ess_tail(draws), tail, rtol=1e-9)
    np.testing.assert_allclose(convergence.bfmi(draws[1]), azs.bfmi(draws[1]), rtol=1e-12)


@pytest.mark.parametrize("probability", [0.025, 0.3, 0.975])
def test_errors_of_quantiles_are_as_arviz_has_them(probability: float) -> None:
    draws = chains((30, 4, 1000))[3:-2]
    expected = [array_stats.mcse(each, method="quantile", prob=probability) for each in draws]
    np.testing.assert_allclose(convergence.quantile_error(draws, probability), expected, rtol=1e-9)


def test_nothing_to_judge_is_no_error() -> None:
    nothing = np.empty((0, 2, 4))
    assert convergence.rhat(nothing).shape == convergence.ess_bulk(nothing).shape == (0,)
    assert convergence.ess_tail(nothing).shape == (0,)


def test_a_chain_without_energy_has_no_bfmi() -> None:
    energy = np.random.default_rng(1).normal(size=(3, 50))
    energy[1] = 4.0
    assert convergence.bfmi(energy)[1] == 0.0


@pytest.mark.parametrize(("draws", "scale"), [(4000, 0.3), (4000, 1.5), (1200, 0.7), (400, 3.0), (200, 0.1)])
@pytest.mark.parametrize("efficiency", [1.0, 0.3])
def test_psis_is_as_arviz_has_it(draws: int, scale: float, efficiency: float) -> None:
    rng = np.random.default_rng([draws, int(10 * scale)])
    mu, y = rng.normal(0, scale, size=(draws, 1)), 2 * rng.normal(size=12)
    log_likelihood = -0.5 * (y - mu) ** 2
    found = psis.loo(log_likelihood, efficiency)
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"mu": (("chain", "draw"), mu.reshape(2, -1))}),
            "log_likelihood": xr.Dataset({"y": (("chain", "draw", "n"), log_likelihood.reshape(2, -1, 12))}),
        }
    )
    with pytest.warns(UserWarning, match="Pareto") if (found.pareto_k > found.good_k).any() else nullcontext():
        theirs = azs.loo(tree, var_name="y", pointwise=True, reff=efficiency)
    np.testing.assert_allclose(found.elpd_i, theirs.elpd_i, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.pareto_k, theirs.pareto_k, rtol=1e-9)
    for ours, other in ((found.elpd, theirs.elpd), (found.se, theirs.se), (found.p, theirs.p)):
        assert ours == pytest.approx(float(other), rel=1e-9)
    assert found.good_k == pytest.approx(float(theirs.good_k))


def test_ratios_that_are_alike_weigh_alike() -> None:
    weights, k = psis.smoothed(np.zeros(500), 60)
    np.testing.assert_allclose(weights, -np.log(500))
    assert k == 0.0


def test_the_shape_of_a_pareto_tail_is_found() -> None:
    for shape in (-0.3, 0.2, 0.9):
        values = np.sort(stats.genpareto.rvs(shape, scale=2.0, size=20_000, random_state=3))
        k, scale = psis.pareto_fit(values)
        assert k == pytest.approx(shape, abs=0.03)
        assert scale == pytest.approx(2.0, rel=0.05)


def test_pseudo_bma_is_the_mean_over_resampled_periods() -> None:
    rng = np.random.default_rng(4)
    trees = []
    for shift in (0.0, 0.3, 2.0):
        log_likelihood = -0.5 * (rng.normal(shift, 1, size=20) - rng.normal(0, 0.1, size=(4, 500, 1))) ** 2
        trees.append(
            xr.DataTree.from_dict(
                {"log_likelihood": xr.Dataset({"outcome": (("chain", "draw", "time"), log_likelihood)})}
            )
        )
    weights = averaging.pseudo_bma(trees, np.random.default_rng(1))
    scores = np.array([psis.pre_period_loo(tree).elpd_i for tree in trees])
    shares = np.random.default_rng(2).dirichlet(np.ones(20), 20_000)
    expected = special.softmax(20 * shares @ scores.T, axis=1).mean(axis=0)
    np.testing.assert_allclose(weights, expected, atol=0.03)
    assert weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_shortest_interval_is_as_arviz_has_it(level: float) -> None:
    draws = np.random.default_rng(5).gamma(2.0, size=997)
    assert effects.hdi(draws, level) == pytest.approx(tuple(array_stats.hdi(draws, level)))


def test_laws_are_as_scipy_has_them() -> None:
    x = np.linspace(-40, 40, 201)
    np.testing.assert_allclose(laws.normal_logpdf(x, 2.0), stats.norm.logpdf(x, scale=2.0), rtol=1e-12)
    half = stats.halfnorm.logpdf(np.abs(x), scale=3.0)
    np.testing.assert_allclose(laws.half_normal_logpdf(np.abs(x), 3.0), half, rtol=1e-12)
    np.testing.assert_allclose(laws.t_logpdf(x, 4.0, 0.5), stats.t.logpdf(x, 4.0, scale=0.5), rtol=1e-12)
    np.testing.assert_allclose(laws.t_cdf(x, 8.0), stats.t.cdf(x, 8.0), rtol=1e-12)
    p = np.linspace(0.01, 0.99, 21)
    np.testing.assert_allclose(laws.beta_quantile(p, 2.0, 3.0), stats.beta.ppf(p, 2, 3), rtol=1e-10)
    k = np.arange(12)
    np.testing.assert_allclose(laws.binomial_tail(k, 11, 0.3), stats.binom.sf(k - 1, 11, 0.3), rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_sensitivity_is_as_arviz_has_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=(4, 500 + seed)).cumsum(axis=1) * 0.1 + rng.normal(size=(4, 500 + seed))
    for log_density in (-0.5 * effect**2, rng.gamma(0.3, 3.0, size=effect.shape), 0.2 * effect):
        dims = ("chain", "draw")
        tree = xr.DataTree.from_dict(
            {
                "posterior": xr.Dataset({"effect": (dims, effect)}),
                "log_prior": xr.Dataset({"prior": (dims, log_density)}),
            }
        )
        theirs = float(azs.psense(tree, var_names=["effect"], group="prior")["effect"])
        # ArviZ takes all chains for one where it decides how long the tail is.
        assert power_scaling.sensitivity(effect, log_density) == pytest.approx(theirs, rel=0.02)


def test_what_is_flat_moves_nothing() -> None:
    effect = np.random.default_rng(1).normal(size=(4, 200))
    assert power_scaling.sensitivity(effect, np.zeros((4, 200))) == 0.0
    assert power_scaling.sensitivity(np.ones((4, 200)), effect) == 0.0
