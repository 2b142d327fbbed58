"""Whole paths calibrated: what the donors' periods teach, against brute force and on units drawn from the law itself."""

import numpy as np
import pytest
from scipy import stats

from bsynth.calibration import Inflation, calibrated_paths, learn_inflation, learn_scatter, path_moments, path_radii
from bsynth.calibration.paths import PathMoments, Scatter, profile_of

H = 8
LEVELS = (0.5, 0.8, 0.9, 0.95)


def _draws(rng: np.random.Generator, level: float = 0.4, noise: float = 0.7, n: int = 4000) -> np.ndarray:
    """Draws of a path: an error that all periods share, a bend, and noise of each."""
    bend = 0.2 * rng.standard_normal((n, 1)) * np.linspace(-1, 1, H)
    return level * rng.standard_normal((n, 1)) + bend + noise * rng.standard_normal((n, H))


def _moments(draws: np.ndarray):
    return path_moments(draws, draws.mean(axis=1), np.ones(len(draws)))


def _units(rng: np.random.Generator, many: int, wider: float = 1.0, scatter: float = 1.0) -> np.ndarray:
    """(many, H) mean gaps of units whose true errors are so many times what draws like `_draws` say."""
    errors = _draws(rng, n=many)
    average = errors.mean(axis=1, keepdims=True)
    profile = profile_of(_draws(np.random.default_rng(0)), np.ones(4000))
    return wider * average * profile + scatter * (errors - average * profile)


def test_errors_grow_as_the_model_expects_them_to(rng: np.random.Generator) -> None:
    """Of a walk, whose first period is far surer than its last: also after donors missed by three times as much."""
    walks = np.cumsum(rng.standard_normal((4000, H)), axis=1)
    moments, errors = _moments(walks), 3 * np.cumsum(rng.standard_normal((25, H)), axis=1)
    inflation = learn_inflation(errors.mean(axis=1), np.full(25, np.sqrt(moments.average)))
    scatter = learn_scatter(errors, [moments] * 25)
    radii = path_radii([0.9], moments, inflation, scatter)[0]
    np.testing.assert_allclose(radii, 3 * 1.645 * np.sqrt(np.arange(1, H + 1)), rtol=0.35)
    assert radii[-1] > 2 * radii[0]


def test_moments_add_up_to_the_variance_of_each_period(rng: np.random.Generator) -> None:
    draws, weights = _draws(rng), rng.uniform(0.5, 2.0, 4000)
    found = path_moments(draws, draws.mean(axis=1), weights)
    np.testing.assert_allclose(found.mean, np.average(draws, axis=0, weights=weights))
    np.testing.assert_allclose(found.sd**2, np.average((draws - found.mean) ** 2, axis=0, weights=weights))
    assert found.sd.min() > np.sqrt(found.average)
    assert found.profile.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(found.profile, found.sd / found.sd.mean())


def test_scatter_matches_importance_sampling(rng: np.random.Generator) -> None:
    expected = [_moments(_draws(rng)) for _ in range(9)]
    errors = _units(rng, 9, scatter=1.6)
    found = learn_scatter(errors, expected)
    mu, tau = rng.normal(0, 0.5, 300_000), np.abs(rng.normal(0, 0.5, 300_000))
    left = errors - errors.mean(axis=1, keepdims=True) * [m.profile for m in expected]
    ratio = 0.5 * np.log((left**2).mean(axis=1) / [m.remainder.mean() for m in expected])
    scale = np.sqrt(tau**2 + 0.5 / (H - 1))[:, None]
    log_weight = (stats.t.logpdf((ratio - mu[:, None] + 0.5 / (H - 1)) / scale, 8) - np.log(scale)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    assert found.mean == pytest.approx(np.average(np.exp(mu), weights=weight), rel=0.02)
    further = np.exp(rng.choice(mu, 200_000, p=weight / weight.sum()))
    assert np.median(found.nodes()) == pytest.approx(np.median(further), rel=0.05)


@pytest.mark.parametrize("scatter", [0.5, 1.0, 3.0])
def test_scatter_finds_what_units_were_drawn_with(rng: np.random.Generator, scatter: float) -> None:
    found = learn_scatter(_units(rng, 200, scatter=scatter), [_moments(_draws(rng))] * 200)
    assert found.mean == pytest.approx(scatter, rel=0.12)


def test_a_single_period_has_no_scatter(rng: np.random.Generator) -> None:
    draws = _draws(rng)[:, :1]
    moments = _moments(draws)
    prior = learn_scatter(np.empty((0, 0)), ())
    found = learn_scatter(rng.normal(size=(6, 1)), [moments] * 6)
    np.testing.assert_allclose(found.weight, prior.weight)
    inflation = learn_inflation(rng.normal(0, 0.5, 6), np.full(6, 0.4))
    radius = path_radii([0.9], moments, inflation, found)[0, 0]
    assert radius == pytest.approx(inflation.interval(0.9, 0.0, float(draws.std()))[1], rel=1e-3)


def test_radii_are_those_of_the_paths(rng: np.random.Generator) -> None:
    """By quadrature and by drawing: each period, and the average, which is that of c and d alone."""
    donors = [_draws(rng) for _ in range(12)]
    errors = _units(rng, 12, wider=1.5, scatter=1.3)
    moments = [_moments(d) for d in donors]
    inflation = learn_inflation(errors.mean(axis=1), [np.sqrt(m.average) for m in moments])
    scatter = learn_scatter(errors, moments)
    own = _draws(rng)
    columns = np.concatenate([own, own.mean(axis=1, keepdims=True)], axis=1)
    even = np.ones(len(own))
    profile = np.append(profile_of(own, even), 1.0)
    found = path_radii(LEVELS, path_moments(columns, columns[:, -1], even, profile), inflation, scatter)
    drawn = calibrated_paths(own, np.ones(len(own)), inflation, scatter, rng, 60_000) - own.mean(axis=0)
    whole = np.concatenate([drawn, drawn.mean(axis=1, keepdims=True)], axis=1)
    np.testing.assert_allclose(found, np.quantile(np.abs(whole), LEVELS, axis=0), rtol=0.06)
    exact = [inflation.interval(level, 0.0, float(own.mean(axis=1).std()))[1] for level in LEVELS]
    np.testing.assert_allclose(found[:, -1], exact, rtol=1e-3)


def test_a_period_that_is_nearly_its_average_errs_by_the_same_law() -> None:
    """Its few equally probable scales stand for t₈ to two digits, c, d and profile included."""
    inflation = Inflation(np.array([2.0]), np.array([0.5]), np.ones(1))
    moments = PathMoments(np.zeros(2), 0.3**2, np.array([1.0, 3.0]), np.full(2, 1e-9), np.zeros(2))
    found = path_radii(LEVELS, moments, inflation, learn_scatter(np.empty((0, 0)), ()))
    expected = np.hypot(2.0 * 0.3, 0.5) * stats.t(8).interval(LEVELS)[1]
    np.testing.assert_allclose(found[:, 0], expected, rtol=0.02)
    np.testing.assert_allclose(found[:, 1], 3 * expected, rtol=0.02)


@pytest.mark.parametrize("both", [-0.25, 0.25])
def test_what_is_left_of_a_period_may_go_with_its_average_or_against_it(both: float) -> None:
    """The calibrated variance is c² p² V_A + 2 c m p V_AR + m² V_R + d² p², t₈ in the part of the average."""
    inflation = Inflation(np.array([2.0]), np.array([0.5]), np.ones(1))
    scatter = Scatter(np.array([np.log(1.5)]), np.zeros(1), np.ones(1))
    moments = PathMoments(np.zeros(1), 0.3, np.array([1.2]), np.array([0.4]), np.array([both]))
    rng = np.random.default_rng(7)
    tail = np.sqrt(8 / rng.chisquare(8, 400_000))
    left = np.linalg.cholesky([[0.3, both], [both, 0.4]]) @ rng.standard_normal((2, tail.size))
    drawn = 1.2 * tail * (2.0 * left[0] + 0.5 * rng.standard_normal(tail.size)) + 1.5 * left[1]
    (found,) = path_radii(LEVELS, moments, inflation, scatter).T
    np.testing.assert_allclose(found, np.quantile(np.abs(drawn), LEVELS), rtol=0.02)


def test_a_single_unit_scatters_as_its_ratio_and_its_few_periods_say() -> None:
    """With two periods and with many: half the log of a mean of ν squared deviates, and the prior, by quadrature."""
    for periods, times in ((2, 4.0), (30, 4.0)):
        bend = np.where(np.arange(periods) % 2, 1.0, -1.0)
        moments = PathMoments(np.zeros(periods), 1.0, np.ones(periods), np.ones(periods), np.zeros(periods))
        free = periods - 1
        mu, tau = (g.ravel() for g in np.meshgrid(np.linspace(-4, 4, 801), np.linspace(0, 4, 401)))
        scale = np.sqrt(tau**2 + 0.5 / free)
        law = stats.t.pdf((np.log(times) - mu + 0.5 / free) / scale, 8) / scale
        weight = law * stats.norm.pdf(mu, 0, 0.5) * stats.halfnorm.pdf(tau, 0, 0.5)
        found = learn_scatter(times * bend[None], [moments])
        assert found.mean == pytest.approx(np.average(np.exp(mu), weights=weight), rel=0.01)
        many = learn_scatter(np.repeat(times * bend[None], 2000, axis=0), [moments] * 2000)
        assert many.mean == pytest.approx(times * np.exp(0.5 / free), rel=0.05), "so many leave little to the prior"


@pytest.mark.parametrize(("wider", "scatter"), [(1.0, 1.0), (3.0, 0.5), (0.4, 2.0)])
def test_further_units_are_held_as_often_as_it_says(rng: np.random.Generator, wider: float, scatter: float) -> None:
    """A world in which model and truth differ in both ways: average, periods and whole paths of new units."""
    own, expected = _draws(rng), _moments(_draws(rng))
    held = []
    for _ in range(120):
        errors = _units(rng, 20, wider, scatter)
        inflation = learn_inflation(errors.mean(axis=1), np.full(20, np.sqrt(expected.average)))
        learned = learn_scatter(errors, [expected] * 20)
        drawn = calibrated_paths(own, np.ones(len(own)), inflation, learned, rng, 2000) - own.mean(axis=0)
        new = _units(rng, 20, wider, scatter)
        average, periods = np.quantile(np.abs(drawn.mean(axis=1)), 0.9), np.quantile(np.abs(drawn), 0.9, axis=0)
        sd = drawn.std(axis=0)
        band = np.quantile(np.abs(drawn / sd).max(axis=1), 0.9) * sd
        held.append([
            (np.abs(new.mean(axis=1)) <= average).mean(),
            (np.abs(new) <= periods).mean(),
            (np.abs(new) <= band).all(axis=1).mean(),
        ])  # fmt: skip
    np.testing.assert_allclose(np.mean(held, axis=0), 0.9, atol=0.04)
