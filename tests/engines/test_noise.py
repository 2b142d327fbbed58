"""Student-t noise beside a drift: its densities, what a draw's own variances make of the drift, and one wild period."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

import bsynth as bs
from bsynth.checks.base import Case
from bsynth.checks.choice import for_tails
from bsynth.engines import bayes, drift, noise, predict
from bsynth.evidence import sbc
from bsynth.evidence.record import Settings
from bsynth.evidence.worlds import WORLDS
from bsynth.model.catalogue import load_model
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec, Noise

SCALE = 0.8


def _law(degrees: float) -> Noise:
    return Noise(distribution="student-t", degrees=degrees)


@pytest.mark.parametrize("degrees", [1.0, 4.0, 30.0])
@pytest.mark.parametrize("extra", [0.0, 1e-3, 0.5, 9.0])
def test_density_of_student_t_and_normal_is_their_convolution(degrees: float, extra: float) -> None:
    at = np.array([0.0, 0.7, -4.0, 25.0])
    found = noise.log_density(at, np.array(SCALE), np.array(extra), _law(degrees))
    t = stats.t(degrees, scale=SCALE)
    if extra == 0:
        np.testing.assert_allclose(found, t.logpdf(at), rtol=1e-12)
        return
    sd = np.sqrt(extra)
    for x, value in zip(at, found, strict=True):
        # Where either factor bends.
        breaks = sorted({float(np.clip((x + c * SCALE) / sd, -12, 12)) for c in (-4, 0, 4)} | {-12.0, 0.0, 12.0})
        whole = sum(
            integrate.quad(lambda z, x=x: t.pdf(x - sd * z) * stats.norm.pdf(z), *ends, epsabs=0, limit=200)[0]
            for ends in itertools.pairwise(breaks)
        )
        assert value == pytest.approx(np.log(whole), abs=1e-4)


def test_draws_follow_the_density(rng: np.random.Generator) -> None:
    drawn = noise.draw(np.full((40_000, 1), SCALE), np.array([0.0, 0.4, 3.0]), _law(3.0), rng)
    edges = np.array([-5.0, -2.0, -0.5, 0.0, 1.0, 3.0])
    for column, extra in zip(drawn.T, (0.0, 0.4, 3.0), strict=True):
        for low, high in itertools.pairwise(edges):
            grid = np.linspace(low, high, 201)
            log_density = noise.log_density(grid, np.array(SCALE), np.array(extra), _law(3.0))
            expected = integrate.simpson(np.exp(log_density), grid)
            assert ((low < column) & (column < high)).mean() == pytest.approx(expected, abs=0.012)


def _design(rng: np.random.Generator) -> Design:
    T, J = 7, 3
    return Design(
        y=rng.normal(size=T),
        X=rng.normal(size=(T, J)),
        n_pre=5,
        center=0.0,
        scale=2.0,
        donor_center=np.zeros(J),
        donor_scale=np.ones(J),
        donor_precision=None,
        treated_variance=np.zeros(T),
        treated_seen=np.ones(T),
        positions=np.arange(T),
    )


def test_counterfactual_goes_on_from_the_drift_that_the_draws_own_variances_leave(rng: np.random.Generator) -> None:
    """Level, drift and odds of draws of one parameter, against the dense Gaussian given κ; LOO's terms without it."""
    spec = ModelSpec.model_validate(
        {"noise": _law(3.0).model_dump(), "drift": {"process": "walk", "probability": 0.99}, "level": {"sd": 0.7}}
    )
    design, S = _design(rng), 60_000
    w, total, share, kappa = np.array([0.2, 0.3, 0.5]), 0.9, 0.6, np.array([1.0, 0.4, 6.0, 0.8, 2.0])
    one = {"weights": w, "total": np.array(total), "share": np.array(share), "kappa": kappa}
    many = {name: np.broadcast_to(value, (S, *np.shape(value))).copy() for name, value in one.items()}
    found = predict.counterfactual(many, design, spec, rng)

    centre, pre = design.X @ w, slice(0, 5)
    residual = (design.y - centre)[pre]
    span = drift.forms(spec.drift, design.positions[pre], summed=False).reach[0]
    sigma, q = (float(x) for x in drift.split(np.array(total), np.array(share), span))
    K, level2 = q**2 * drift.walk(design.positions), 0.7**2
    with_drift = K[pre, pre] + np.diag(sigma**2 * kappa) + level2
    without = np.diag(total**2 * kappa) + level2
    ratio = stats.multivariate_normal(np.zeros(5), with_drift).logpdf(residual)
    ratio -= stats.multivariate_normal(np.zeros(5), without).logpdf(residual)
    ratio += drift.log_share_density(np.array(total), np.array(share), span, spec.noise.sd, spec.drift.sd)
    np.testing.assert_allclose(found.log_odds, ratio, rtol=1e-9)

    on = found.drifting
    assert on is not None
    gain = np.linalg.solve(with_drift, (K[:, pre] + level2).T).T
    expected = K + level2 - gain @ (K[:, pre] + level2).T
    error = np.sqrt(np.diag(expected) / on.sum())
    assert error.max() < 0.03
    assert (np.abs(found.mean[on].mean(axis=0) - centre - gain @ residual) < 4.5 * error).all()
    np.testing.assert_allclose(np.cov(found.mean[on].T), expected, atol=8 * expected.max() / np.sqrt(on.sum()))
    after = (found.predictive - found.mean)[on, 5:].ravel()
    t = stats.t(3.0, scale=sigma)
    assert [(after < b).mean() for b in (-2, 0, 1)] == pytest.approx(t.cdf([-2, 0, 1]), abs=2.5 / np.sqrt(after.size))

    off = ~on
    level = found.level[off, None]
    marginal = stats.t(3.0, scale=total).logpdf(residual - level) - np.log(design.scale)
    np.testing.assert_allclose(found.log_likelihood[off], marginal, rtol=1e-9)


def test_a_period_of_large_variance_says_little(rng: np.random.Generator) -> None:
    """As κ of the last period grows, the counterfactual is that without the period."""
    spec = ModelSpec.model_validate({"noise": _law(4.0).model_dump(), "drift": {"process": "walk"}})
    design, S = _design(rng), 20_000
    one = {"weights": np.full(3, 1 / 3), "total": np.array(0.8), "share": np.array(0.5)}

    def mean(own: Design, kappa: np.ndarray) -> np.ndarray:
        values = one | {"kappa": kappa}
        many = {name: np.broadcast_to(value, (S, *np.shape(value))).copy() for name, value in values.items()}
        return predict.counterfactual(many, own, spec, np.random.default_rng(3)).mean[:, 5:].mean(axis=0)

    moved = replace(design, y=design.y + 6.0 * (np.arange(7) == 4))
    plain, wide = np.ones(5), np.array([1.0, 1.0, 1.0, 1.0, 1e12])
    unseen = replace(design, treated_seen=np.where(np.arange(7) == 4, 0.0, 1.0))
    np.testing.assert_allclose(mean(moved, wide), mean(unseen, plain), atol=1e-3)
    assert (mean(moved, plain) - mean(unseen, plain) > 1.0).all()


def test_parameters_name_the_variance_of_a_period(rng: np.random.Generator) -> None:
    raw = {"gamma": np.ones((1, 2, 3)), "total_z": np.ones((1, 2)), "share": np.ones((1, 2)) / 2}
    raw |= {"period_precision": np.full((1, 2, 5), 0.25)}
    spec = ModelSpec.model_validate({"noise": _law(4.0).model_dump(), "drift": {"process": "walk"}})
    found = bayes.parameters(raw, _design(rng), spec)
    np.testing.assert_array_equal(found["kappa"], 4.0)
    assert "level" not in found


@pytest.mark.slow
def test_one_wild_period_before_the_start_does_not_carry_over() -> None:
    """The same panel with six σ added to its last pre-period: the default takes it for drift."""
    panel = WORLDS["factor"].panel(4)
    outcome = panel.outcome.copy()
    outcome[panel.n_pre - 1, 0] += 3.0
    wild = replace(panel, outcome=outcome)
    moved = {}
    for model in ("default", "robust"):
        fits = [bs.fit(each, model, draws=500, seed=1, progress=False) for each in (panel, wild)]
        assert [each.status for each in fits] == ["ok", "ok"]
        moved[model] = abs(float(np.subtract(*[each.effects().iloc[0]["estimate"] for each in fits])))
    assert moved["robust"] < 0.15
    assert moved["default"] > 2 * moved["robust"]


def test_heavy_tails_and_known_cells_have_a_likelihood(rollout_panel: bs.Panel) -> None:
    spec = load_model("robust")
    fit = bs.fit(rollout_panel, spec, draws=300, seed=2, progress=False)
    assert make_design(rollout_panel, spec).known_variance
    terms = fit.tree["log_likelihood"]["outcome"].values
    assert np.isfinite(terms[..., make_design(rollout_panel, spec).treated_seen[: fit.n_pre] > 0]).all()


def test_one_wild_period_calls_for_the_robust_model() -> None:
    """Where the model has a drift already: the check of the largest deviation names the same model with heavy tails."""
    panel = WORLDS["factor"].panel(4)
    fit = bs.fit(panel, "default", draws=200, seed=1, progress=False)
    case = Case(fit)
    assert for_tails(case) == "robust"
    assert for_tails(Case(replace(fit, spec=load_model("robust")))) is None
    assert for_tails(Case(replace(fit, spec=load_model("level")))) == "student-t"


@pytest.mark.slow
@pytest.mark.parametrize(("process", "known"), [("local-trend", False), ("ar1", False), ("none", True)])
def test_ranks_of_the_forms_outside_the_catalogue_are_uniform(process: str, known: bool) -> None:
    """A short calibration by simulation; the long one of `robust` is its evidence.

    Of dozens of quantities one strays by chance, and with it every seed of the fits, since they have one truth: what does
    is asked again, of others.
    """
    spec = ModelSpec.model_validate(
        {"name": "tails", "noise": _law(3.0).model_dump(), "drift": {"process": process, "probability": 0.5}}
        | {"cells": {"variance": "known" if known else "exact"}}
    )
    settings = Settings(draws=200, tune=300, progress=False)

    def chances(seeds: range) -> dict[str, float]:
        found = [
            sbc.rank(spec, sbc.draw(spec, np.random.default_rng([5, seed]), known=known), settings, seed)["ranks"]
            for seed in seeds
        ]
        return {name: sbc.uniformity(np.array([ranks[name] for ranks in found]))["p"] for name in found[0]}

    first = chances(range(40))
    assert {"first kappa", "mean log kappa", "effect", "sigma"} <= set(first)
    if strayed := {name for name, p in first.items() if p <= 0.01}:
        again = chances(range(40, 120))
        assert all(again[name] > 1e-3 for name in strayed), again
