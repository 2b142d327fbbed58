"""The drift: the graph's likelihood and the conditional draws, held to dense Gaussians."""

import dataclasses

import numpy as np
import pytest
from scipy import special, stats

from bsynth.design import Design
from bsynth.engines import bayes, drift, predict
from bsynth.spec import ModelSpec

PROCESSES = ("walk", "ar1", "local-trend")
THETA = {"drift_sd": 0.7, "rho": 0.6, "slope_sd": 0.3}


def _dense_covariance(process: str, n: int, rho: float = THETA["rho"]) -> np.ndarray:
    """cov(u) from the definitions, element by element."""
    q2, slope2 = THETA["drift_sd"] ** 2, THETA["slope_sd"] ** 2
    if process == "ar1":
        return np.array([[q2 * rho ** abs(t - s) for s in range(n)] for t in range(n)])
    shocks = np.tril(np.ones((n, n)))  # u = shocks @ η for the walk
    found = q2 * shocks @ shocks.T
    if process == "local-trend":
        late = np.tril(np.ones((n, n)), k=-1) @ shocks
        found = found + slope2 * late @ late.T
    return found


@pytest.mark.parametrize("process", PROCESSES)
def test_conditional_draws_follow_the_dense_gaussian(process: str, rng: np.random.Generator) -> None:
    n_pre, n = 6, 9
    residual, variance = rng.normal(size=n_pre), rng.uniform(0.2, 1.0, n_pre)
    seen = np.array([1, 1, 0, 1, 1, 1])
    S = 100_000
    parameters = {name: np.full(S, value) for name, value in THETA.items()}
    tile = np.broadcast_to
    found = drift.condition(
        drift.state_space(parameters, process), tile(residual, (S, n_pre)), tile(variance, (S, n_pre)), seen, n, rng
    )
    K, kept = _dense_covariance(process, n), np.flatnonzero(seen)
    C = K[np.ix_(kept, kept)] + np.diag(variance[kept])
    gain = np.linalg.solve(C, K[kept]).T
    np.testing.assert_allclose(found.u.mean(axis=0), gain @ residual[kept], atol=0.03)
    np.testing.assert_allclose(np.cov(found.u.T), K - gain @ K[kept], atol=0.06 * K.max())
    dense = stats.multivariate_normal(np.zeros(len(kept)), C).logpdf(residual[kept])
    assert np.nansum(found.log_predictive[0]) == pytest.approx(dense, rel=1e-10)


def _exact_design(rng: np.random.Generator) -> Design:
    T, J = 7, 3
    return Design(
        y=rng.normal(size=T),
        X=rng.normal(size=(T, J)),
        n_pre=5,
        center=0.0,
        scale=1.0,
        donor_center=np.zeros(J),
        donor_scale=np.ones(J),
        donor_precision=None,
        treated_variance=np.zeros(T),
        treated_seen=np.ones(T),
        slots=J,
    )


def _toml(process: str, probability: float) -> ModelSpec:
    return ModelSpec.from_toml(f'[drift]\nprocess = "{process}"\nprobability = {probability}')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("process", "probability"),
    [("walk", 0.3), ("walk", 0.0), ("walk", 1.0), ("ar1", 1.0), ("ar1", 0.4), ("local-trend", 0.6)],
)
def test_graph_equals_the_dense_mixture(process: str, probability: float, rng: np.random.Generator) -> None:
    design, spec = _exact_design(rng), _toml(process, probability)
    model = bayes.build(design, spec)
    likelihood = model.compile_fn(sum(model.potentials), inputs=model.free_RVs, on_unused_input="ignore")
    graph, dense = [], []
    for _ in range(4):
        raw = {
            "gamma": rng.gamma(1.0, size=3), "level_z": rng.normal(), "sigma_z": 1.0,
            "drift_z": THETA["drift_sd"] / spec.drift.sd,
        }  # fmt: skip
        if process == "local-trend":
            raw |= {"rho": THETA["rho"], "slope_z": THETA["slope_sd"] / spec.drift.slope_sd}
        graph.append(float(likelihood({name: np.asarray(v) for name, v in raw.items()})))
        residual = (design.y - raw["level_z"] - design.X @ raw["gamma"] / raw["gamma"].sum())[:5]
        without = stats.norm.logpdf(residual).sum()
        with_drift = _evidence(process, residual)
        typical = drift.typical_scale(design.y[:5], design.X[:5]) / spec.drift.sd
        without += drift.pseudo_prior_ratio(raw["drift_z"], typical)
        with np.errstate(divide="ignore"):
            dense.append(np.logaddexp(np.log1p(-probability) + without, np.log(probability) + with_drift))
    np.testing.assert_allclose(np.diff(graph), np.diff(dense), rtol=1e-8)


def _evidence(process: str, residual: np.ndarray, noise2: float = 1.0) -> float:
    """Log density with drift; that of an AR(1) is averaged over the values of its ρ."""
    values = drift.RHO_GRID if process == "ar1" else [THETA["rho"]]
    n = len(residual)
    covariances = [_dense_covariance(process, n, rho) + noise2 * np.eye(n) for rho in values]
    terms = [stats.multivariate_normal(np.zeros(n), C).logpdf(residual) for C in covariances]
    return float(special.logsumexp(terms) - np.log(len(terms)))


def test_rho_is_drawn_from_what_the_residuals_say(rng: np.random.Generator) -> None:
    residual, S = np.cumsum(rng.normal(size=8)), 60_000
    many = np.broadcast_to(residual, (S, 8))
    rho, evidence = drift.draw_rho(many, np.full(S, 0.8), np.full(S, THETA["drift_sd"]), rng)
    assert evidence[0] == pytest.approx(_evidence("ar1", residual, 0.64), rel=1e-10)
    for value in drift.RHO_GRID[[0, 7, 14]]:
        C = _dense_covariance("ar1", 8, value) + 0.64 * np.eye(8)
        share = np.exp(stats.multivariate_normal(np.zeros(8), C).logpdf(residual) - evidence[0]) / len(drift.RHO_GRID)
        assert (rho == value).mean() == pytest.approx(share, abs=0.006)


def test_an_ar1_switch_weighs_the_evidence_over_all_rho(rng: np.random.Generator) -> None:
    design, spec, S = _exact_design(rng), _toml("ar1", 0.3), 40_000
    parameters = {
        "weights": np.full((S, 3), 1 / 3), "level": np.zeros(S), "sigma": np.full(S, 0.8),
        "drift_sd": np.full(S, THETA["drift_sd"]),
    }  # fmt: skip
    found = predict.counterfactual(parameters, design, spec, rng)
    residual = (design.y - design.X.mean(axis=1))[:5]
    without = stats.norm.logpdf(residual, scale=0.8).sum()
    typical = drift.typical_scale(design.y[:5], design.X[:5]) / 0.25
    ratio = drift.pseudo_prior_ratio(np.array(THETA["drift_sd"] / 0.25), typical)
    odds = 0.3 / 0.7 * np.exp(_evidence("ar1", residual, 0.64) - without - ratio)
    assert found.drifting.mean() == pytest.approx(odds / (1 + odds), abs=0.01)
    assert set(found.rho) <= set(drift.RHO_GRID)


def test_indicator_and_pointwise_terms_belong_together(rng: np.random.Generator) -> None:
    design, spec = _exact_design(rng), _toml("walk", 0.3)
    S = 40_000
    one = {
        "weights": np.array([0.2, 0.3, 0.5]),
        "level": np.array(0.1),
        "sigma": np.array(0.8),
        "drift_sd": np.array(0.7),
    }
    many = {name: np.broadcast_to(v, (S, *np.shape(v))).copy() for name, v in one.items()}
    found = predict.counterfactual(many, design, spec, rng)
    residual = (design.y - 0.1 - design.X @ one["weights"])[:5]
    without = stats.norm.logpdf(residual, scale=0.8).sum()
    C = 0.49 * drift.walk(5) + 0.64 * np.eye(5)
    with_drift = stats.multivariate_normal(np.zeros(5), C).logpdf(residual)
    on = found.drifting
    np.testing.assert_allclose(found.log_likelihood[on].sum(axis=1), with_drift)
    np.testing.assert_allclose(found.log_likelihood[~on].sum(axis=1), without)
    typical = drift.typical_scale(design.y[:5], design.X[:5]) / 0.25
    odds = 0.3 / 0.7 * np.exp(with_drift - without - drift.pseudo_prior_ratio(np.array(0.7 / 0.25), typical))
    assert on.mean() == pytest.approx(odds / (1 + odds), abs=0.01)


def test_pseudo_prior_does_not_change_the_model() -> None:
    """It is a normalised density, so integrating the scale out leaves the evidence without drift as it was."""
    from scipy import integrate

    def density(z: float) -> float:
        return float(np.exp(drift.pseudo_prior_ratio(np.array(z), 0.2) + stats.halfnorm.logpdf(z)))

    assert integrate.quad(density, 0, np.inf, points=None)[0] == pytest.approx(1.0, rel=1e-6)


def test_switched_off_drift_leaves_the_counterfactual_alone(rng: np.random.Generator) -> None:
    design = _exact_design(rng)
    parameters = {"weights": np.full((9, 3), 1 / 3), "level": np.zeros(9), "sigma": np.ones(9), "drift_sd": np.ones(9)}
    off = predict.counterfactual(parameters, design, _toml("walk", 0.0), rng)
    assert not off.drifting.any()
    np.testing.assert_allclose(off.mean, np.tile(design.X.mean(axis=1), (9, 1)))
    on = predict.counterfactual(parameters, design, _toml("walk", 1.0), rng)
    assert on.drifting.all()


def test_a_drift_of_zero_is_no_error(rng: np.random.Generator) -> None:
    for process in PROCESSES:
        system = drift.state_space({"drift_sd": np.zeros(5), "rho": np.full(5, 0.5), "slope_sd": np.zeros(5)}, process)
        found = drift.condition(system, np.ones((5, 4)), np.ones((5, 4)), np.ones(4), 6, rng)
        np.testing.assert_allclose(found.u, 0.0, atol=1e-10)


def test_latent_cells_and_drift_share_the_diagonal(rng: np.random.Generator) -> None:
    """With known variance the dense form takes each period's own variance; an unseen period drops out."""
    design = _exact_design(rng)
    design = dataclasses.replace(
        design,
        donor_precision=rng.uniform(0.5, 3.0, design.X.shape),
        treated_variance=rng.uniform(0.1, 0.5, 7),
        treated_seen=np.array([1, 0, 1, 1, 1, 1, 1.0]),
    )
    spec = ModelSpec.from_toml('[drift]\nprocess = "walk"\nprobability = 0.4\n[cells]\nvariance = "known"')
    model = bayes.build(design, spec)
    treated = next(p for p in model.potentials if p.name == "treated")
    value = model.compile_fn(treated, inputs=model.free_RVs, on_unused_input="ignore")
    graph, array = [], []
    for _ in range(3):
        raw = {
            "gamma": rng.gamma(1.0, size=3), "level_z": rng.normal(), "sigma_z": abs(rng.normal()),
            "grand_z": rng.normal(), "donor_level_sd_z": abs(rng.normal()), "donor_z": rng.normal(size=3),
            "period_sd_z": abs(rng.normal()), "period_z": rng.normal(size=7), "period_rho": rng.uniform(),
            "donor_noise_sd_z": abs(rng.normal()), "drift_z": abs(rng.normal()), "rho": 0.5, "slope_z": 1.0,
        }  # fmt: skip
        graph.append(float(value({name: np.asarray(v) for name, v in raw.items()})))
        ratio = drift.pseudo_prior_ratio(
            np.array(raw["drift_z"]), drift.typical_scale(design.y[:5], design.X[:5]) / 0.25
        )
        posterior = {name: np.asarray(v)[None, None] for name, v in raw.items()}
        p = {k: v[0] for k, v in bayes.parameters({"posterior": posterior}, design, spec).items()}
        both = []
        for probability in (0.0, 1.0):
            sure = spec.model_copy(update={"drift": spec.drift.model_copy(update={"probability": probability})})
            both.append(np.nansum(predict.counterfactual(p, design, sure, rng).log_likelihood))
        array.append(np.logaddexp(np.log(0.6) + ratio + both[0], np.log(0.4) + both[1]))
    np.testing.assert_allclose(np.diff(graph), np.diff(array), rtol=1e-8)
