"""The drift: the graph's likelihood and the conditional draws, held to dense Gaussians."""

import dataclasses

import numpy as np
import pytest
from scipy import special, stats

from bsynth.engines import bayes, drift, graph, predict
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec

PROCESSES = ("walk", "ar1", "local-trend")
THETA = {"drift_sd": 0.7, "rho": 0.6, "slope_sd": 0.3}
SPEC = ModelSpec.from_toml("")
LEVEL_SD = SPEC.level.sd
PLACES = np.array([0, 1, 2, 4, 5, 8, 9])
"""Places of the seven periods of `_exact_design` on the calendar: two gaps, one of them after the start."""
PRE = PLACES[:5]


def _dense_covariance(
    process: str, places: np.ndarray, rho: float = THETA["rho"], q: float = THETA["drift_sd"]
) -> np.ndarray:
    """cov(u) at ``places`` from the definitions on the whole calendar, element by element."""
    every = _on_calendar(process, int(places[-1]) + 1, rho, q)
    return every[np.ix_(places, places)]


def _on_calendar(process: str, n: int, rho: float, q: float) -> np.ndarray:
    q2, slope2 = q**2, THETA["slope_sd"] ** 2
    if process == "ar1":
        return np.array([[q2 * rho ** abs(t - s) for s in range(n)] for t in range(n)])
    shocks = np.tril(np.ones((n, n)))  # u = shocks @ η for the walk
    found = q2 * shocks @ shocks.T
    if process == "local-trend":
        late = np.tril(np.ones((n, n)), k=-1) @ shocks
        found = found + slope2 * late @ late.T
    return found


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize(
    ("level_sd", "places"), [(0.0, range(9)), (0.8, range(9)), (0.8, [0, 1, 4, 5, 6, 7, 10, 11, 13])]
)
def test_conditional_draws_follow_the_dense_gaussian(
    process: str, level_sd: float, places: list, rng: np.random.Generator
) -> None:
    n_pre, n, places = 6, 9, np.array(places)
    residual, variance = rng.normal(size=n_pre), rng.uniform(0.2, 1.0, n_pre)
    seen = np.array([1, 1, 0, 1, 1, 1])
    S = 100_000
    parameters = {name: np.full(S, value) for name, value in THETA.items()}
    many, noise = (np.broadcast_to(v, (S, n_pre)) for v in (residual, variance))
    found = drift.condition(drift.state_space(parameters, process), many, noise, seen, places, level_sd, rng)
    K, kept = _dense_covariance(process, places), np.flatnonzero(seen)
    C = K[np.ix_(kept, kept)] + np.diag(variance[kept]) + level_sd**2
    joint = np.block([[K, np.zeros((n, 1))], [np.zeros((1, n)), np.full((1, 1), level_sd**2)]])  # drift, then level
    cross = np.vstack([K[:, kept], np.full((1, len(kept)), level_sd**2)])
    gain = np.linalg.solve(C, cross.T).T
    drawn = np.column_stack([found.u, found.level])
    np.testing.assert_allclose(drawn.mean(axis=0), gain @ residual[kept], atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), joint - gain @ cross.T, atol=0.06 * joint.max())
    dense = stats.multivariate_normal(np.zeros(len(kept)), C).logpdf(residual[kept])
    np.testing.assert_allclose(found.log_evidence, dense, rtol=1e-10)
    given = stats.multivariate_normal(np.zeros(len(kept)), C - level_sd**2)
    for draw in range(3):
        expected = given.logpdf(residual[kept] - found.level[draw])
        terms = stats.norm(0, np.sqrt(found.spread[draw] + variance)).logpdf(found.error[draw])
        assert terms[kept].sum() == pytest.approx(expected, rel=1e-10)


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
        positions=PLACES,
        slots=J,
    )


def _toml(process: str, probability: float) -> ModelSpec:
    return ModelSpec.from_toml(f'[drift]\nprocess = "{process}"\nprobability = {probability}')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("process", "probability"),
    [
        ("walk", 0.3),
        ("walk", 0.0),
        ("walk", 1.0),
        ("ar1", 1.0),
        ("ar1", 0.4),
        ("local-trend", 0.6),
        ("ar1-or-walk", 0.5),
    ],
)
def test_graph_equals_the_dense_mixture(process: str, probability: float, rng: np.random.Generator) -> None:
    design, spec = _exact_design(rng), _toml(process, probability)
    model = graph.build(design, spec)
    likelihood = model.compile_fn(sum(model.potentials), inputs=model.free_RVs, on_unused_input="ignore")
    compiled, dense = [], []
    for _ in range(4):
        raw = {"gamma": rng.gamma(1.0, size=3), "total_z": abs(rng.normal()), "share": rng.uniform()}
        if process == "local-trend":
            raw |= {"slope_z": THETA["slope_sd"] / spec.drift.slope_sd}
        compiled.append(float(likelihood({name: np.asarray(v) for name, v in raw.items()})))
        residual = (design.y - design.X @ raw["gamma"] / raw["gamma"].sum())[:5]
        total = spec.noise.sd * raw["total_z"]
        without = stats.multivariate_normal(np.zeros(5), total**2 * np.eye(5) + LEVEL_SD**2).logpdf(residual)
        with_drift = special.logsumexp(_evidence(spec, residual, total, raw["share"]))
        with np.errstate(divide="ignore"):
            dense.append(np.logaddexp(np.log1p(-probability) + without, np.log(probability) + with_drift))
    np.testing.assert_allclose(np.diff(compiled), np.diff(dense), rtol=1e-8)


def _evidence(
    spec: ModelSpec, residual: np.ndarray, total: float, share: float, cells: np.ndarray | float = 0.0,
    rho: float | None = None,
) -> np.ndarray:  # fmt: skip
    """(G,) log density of each form with its prior and that of (total, share), from dense Gaussians."""
    n = len(residual)
    found = drift.forms(spec.drift, PRE, summed=rho is None and spec.drift.process != "local-trend")
    terms = []
    for at, log_prior, sd, span in zip(found.rho, found.log_prior, found.sd, found.reach, strict=True):
        sigma, q = drift.split(np.array(total), np.array(share), span)
        process = spec.drift.process if spec.drift.process == "local-trend" else "walk" if at == 1 else "ar1"
        C = _dense_covariance(process, PRE, at if rho is None else rho, q) + sigma**2 * np.eye(n) + LEVEL_SD**2
        dense = stats.multivariate_normal(np.zeros(n), C + cells).logpdf(residual)
        ratio = drift.log_share_density(np.array(total), np.array(share), span, spec.noise.sd, sd)
        terms.append(log_prior + dense + ratio)
    return np.array(terms)


@pytest.mark.parametrize(("process", "grid"), [("ar1", drift.RHO_GRID), ("ar1-or-walk", [*drift.SHORT_GRID, 1.0])])
def test_the_switch_weighs_the_evidence_over_all_forms(process: str, grid: list, rng: np.random.Generator) -> None:
    design, spec, S = _exact_design(rng), _toml(process, 0.3), 60_000
    parameters = {"weights": np.full((S, 3), 1 / 3), "total": np.full(S, 0.8), "share": np.full(S, 0.6)}
    found = predict.counterfactual(parameters, design, spec, rng)
    residual = (design.y - design.X.mean(axis=1))[:5]
    without = stats.multivariate_normal(np.zeros(5), 0.64 * np.eye(5) + LEVEL_SD**2).logpdf(residual)
    terms = _evidence(spec, residual, 0.8, 0.6)
    np.testing.assert_allclose(found.log_odds, special.logsumexp(terms) - without)
    odds = 0.3 / 0.7 * np.exp(special.logsumexp(terms) - without)
    assert found.drifting.mean() == pytest.approx(odds / (1 + odds), abs=0.01)
    shares = [(found.form.rho == rho).mean() for rho in grid]
    np.testing.assert_allclose(shares, special.softmax(terms), atol=0.008)
    if process == "ar1-or-walk":
        forms = drift.forms(spec.drift, PRE, summed=True)
        even = terms - forms.log_prior
        log_odds = even[-1] - special.logsumexp(even[:-1]) + np.log(5)
        np.testing.assert_allclose(found.form.walk_log_odds, log_odds)
        walks = found.form.rho == 1
        np.testing.assert_allclose(found.form.q[walks], drift.split(0.8, 0.6, forms.reach[-1])[1])
    else:
        assert found.form.walk_log_odds is None


def test_indicator_and_pointwise_terms_belong_together(rng: np.random.Generator) -> None:
    design, spec = _exact_design(rng), _toml("walk", 0.3)
    S, weights = 40_000, np.array([0.2, 0.3, 0.5])
    parameters = {"weights": np.tile(weights, (S, 1)), "total": np.full(S, 0.8), "share": np.full(S, 0.7)}
    found = predict.counterfactual(parameters, design, spec, rng)
    forms = drift.forms(spec.drift, PRE, summed=True)
    sigma, q = drift.split(0.8, 0.7, forms.reach[0])
    K = q**2 * drift.walk(PRE)
    residual, on = (design.y - design.X @ weights)[:5], found.drifting
    np.testing.assert_allclose(found.sigma[on], sigma)
    np.testing.assert_allclose(found.sigma[~on], 0.8)
    given = residual - found.level[:, None]
    with_drift = stats.multivariate_normal(np.zeros(5), K + sigma**2 * np.eye(5)).logpdf(given[on])
    np.testing.assert_allclose(found.log_likelihood[on].sum(axis=1), with_drift)
    without = stats.norm.logpdf(given[~on], scale=0.8).sum(axis=1)
    np.testing.assert_allclose(found.log_likelihood[~on].sum(axis=1), without)
    # The level of draws without drift: a normal mean with a normal prior.
    variance = 1 / (5 / 0.64 + 1 / LEVEL_SD**2)
    assert found.level[~on].mean() == pytest.approx(variance * residual.sum() / 0.64, abs=0.02)
    assert found.level[~on].var() == pytest.approx(variance, rel=0.05)
    evidence = [
        stats.multivariate_normal(np.zeros(5), C + LEVEL_SD**2).logpdf(residual)
        for C in (K + sigma**2 * np.eye(5), 0.64 * np.eye(5))
    ]
    ratio = drift.log_share_density(0.8, 0.7, forms.reach[0], SPEC.noise.sd, SPEC.drift.sd)
    odds = 0.3 / 0.7 * np.exp(evidence[0] - evidence[1] + ratio)
    assert on.mean() == pytest.approx(odds / (1 + odds), abs=0.01)


def test_scale_and_share_hold_the_prior_of_noise_and_drift() -> None:
    """With drift, (total, share) has the density that σ and q have by their priors; without, one that integrates to one."""
    from scipy import integrate

    span = drift.forms(_toml("walk", 1.0).drift, np.arange(19), summed=True).reach[0]

    # P(σ ≤ .4, q ≤ .2); in angles, since the share's density has poles at both ends.
    noise, q = 0.4, 0.2
    angles, totals = (np.arange(400) + 0.5) / 400 * np.pi / 2, (np.arange(600) + 0.5) / 600 * 1.2
    total, share = totals[:, None], np.sin(angles) ** 2
    scales = drift.split(total, share, span)
    ratio = drift.log_share_density(total, share, span, noise_sd=0.5, drift_sd=0.25)
    density = np.exp(ratio + stats.halfnorm.logpdf(total, scale=0.5) + stats.beta.logpdf(share, 0.5, 0.5))
    inside = (scales[0] <= noise) & (scales[1] <= q)
    mass = (density * inside * np.sin(2 * angles)).sum() * (np.pi / 2 / 400) * (1.2 / 600)
    expected = (2 * stats.norm.cdf(noise / 0.5) - 1) * (2 * stats.norm.cdf(q / 0.25) - 1)
    assert mass == pytest.approx(expected, rel=0.02)
    assert integrate.quad(lambda a: stats.beta.pdf(np.sin(a) ** 2, 0.5, 0.5) * np.sin(2 * a), 0, np.pi / 2)[
        0
    ] == pytest.approx(1.0)


def test_switched_off_drift_leaves_the_counterfactual_alone(rng: np.random.Generator) -> None:
    design = _exact_design(rng)
    parameters = {"weights": np.full((9, 3), 1 / 3), "total": np.ones(9), "share": np.full(9, 0.5)}
    off = predict.counterfactual(parameters, design, _toml("walk", 0.0), rng)
    assert not off.drifting.any()
    np.testing.assert_allclose(off.mean, design.X.mean(axis=1) + off.level[:, None])
    on = predict.counterfactual(parameters, design, _toml("walk", 1.0), rng)
    assert on.drifting.all()


def test_a_drift_of_zero_is_no_error(rng: np.random.Generator) -> None:
    for process in PROCESSES:
        system = drift.state_space({"drift_sd": np.zeros(5), "rho": np.full(5, 0.5), "slope_sd": np.zeros(5)}, process)
        found = drift.condition(system, np.ones((5, 4)), np.ones((5, 4)), np.ones(4), np.arange(6), LEVEL_SD, rng)
        np.testing.assert_allclose(found.u, 0.0, atol=1e-10)


@pytest.mark.parametrize("process", ["walk", "ar1", "ar1-or-walk"])
def test_latent_cells_and_drift_share_the_diagonal(process: str, rng: np.random.Generator) -> None:
    """With known variance the dense form takes each period's own variance; an unseen period drops out."""
    design = _exact_design(rng)
    design = dataclasses.replace(
        design,
        donor_precision=rng.uniform(0.5, 3.0, design.X.shape),
        treated_variance=rng.uniform(0.1, 0.5, 7),
        treated_seen=np.array([1, 0, 1, 1, 1, 1, 1.0]),
    )
    spec = ModelSpec.from_toml(f'[drift]\nprocess = "{process}"\nprobability = 0.4\n[cells]\nvariance = "known"')
    model = graph.build(design, spec)
    treated = next(p for p in model.potentials if p.name == "treated")
    value = model.compile_fn(treated, inputs=model.free_RVs, on_unused_input="ignore")
    compiled, dense = [], []
    seen = design.treated_seen[:5] > 0
    kinds = drift.forms(spec.drift, PRE, summed=False)
    for _ in range(3):
        raw = {
            "gamma": rng.gamma(1.0, size=3), "total_z": abs(rng.normal()), "share": rng.uniform(),
            "donor_z": rng.normal(size=3),
            "period_spread_z": abs(rng.normal()), "period_z": rng.normal(size=7), "period_rho": rng.uniform(),
            "donor_noise_sd_z": abs(rng.normal()),
        } | ({} if process == "walk" else {"rho": rng.uniform()})  # fmt: skip
        compiled.append(float(value({name: np.asarray(v) for name, v in raw.items()})))
        values = {name: np.asarray(v)[None, None] for name, v in raw.items()}
        p = {k: v[0] for k, v in bayes.parameters(values, design, spec).items()}
        centre, latent = (v[0, :5] for v in predict.linear_predictor(p, design))
        known = np.diag((latent + design.treated_variance[:5])[seen]) + predict.level_sd(design, spec) ** 2
        residual, total, share = (design.y[:5] - centre)[seen], p["total"][0], p["share"][0]

        def logpdf(C: np.ndarray, known: np.ndarray = known, residual: np.ndarray = residual) -> float:
            return float(stats.multivariate_normal(np.zeros(4), known + C).logpdf(residual))

        terms = []
        for g, rho in enumerate(kinds.rho):
            sigma, q = drift.split(total, share, kinds.reach[g])
            kernel = drift.kernels(np.array([1.0 if rho == 1 else raw["rho"]]), PRE)[0]
            ratio = drift.log_share_density(total, share, kinds.reach[g], spec.noise.sd, kinds.sd[g])
            own = logpdf(q**2 * kernel[np.ix_(seen, seen)] + sigma**2 * np.eye(4))
            terms.append(kinds.log_prior[g] + ratio + own)
        without, with_drift = logpdf(total**2 * np.eye(4)), special.logsumexp(terms)
        dense.append(np.logaddexp(np.log(0.6) + without, np.log(0.4) + with_drift))
        found = predict.counterfactual(p, design, spec, rng)
        np.testing.assert_allclose(found.log_odds, with_drift - without, rtol=1e-8)
    np.testing.assert_allclose(np.diff(compiled), np.diff(dense), rtol=1e-8)
