"""The PyMC graph and the array code behind it, held to dense formulas and to other people's posteriors."""

import numpy as np
import pytest
from scipy import stats

import bsynth as bs
from bsynth.engines import bayes, densities, drift, predict
from bsynth.model.catalogue import load_model
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec

graph = pytest.importorskip("bsynth.engines.graph")
pt = pytest.importorskip("pytensor.tensor")


def _small_known_design(rng: np.random.Generator) -> Design:
    T, J, n_pre = 6, 3, 4
    precision = rng.uniform(0.5, 3.0, (T, J))
    precision[1, 2] = 0.0  # an empty donor cell
    return Design(
        y=rng.normal(size=T),
        X=rng.normal(size=(T, J)),
        n_pre=n_pre,
        center=0.0,
        scale=1.0,
        donor_center=np.zeros(J),
        donor_scale=np.ones(J),
        donor_precision=precision,
        treated_variance=rng.uniform(0.1, 0.5, T),
        treated_seen=np.array([1, 1, 0, 1, 1, 1], dtype=float),
        positions=np.arange(T),
        slots=J + 1,
    )


def _dense_log_likelihood(design: Design, p: dict[str, np.ndarray]) -> float:
    """Joint Gaussian density of observed donor cells and treated periods, latent cells integrated densely."""
    T, J = design.X.shape
    cells = [(t, j) for t in range(T) for j in range(J) if design.donor_precision[t, j] > 0]
    periods = [t for t in range(design.n_pre) if design.treated_seen[t]]
    smooth = p["period"][:, None] + p["donor_level"][None, :]
    noise2, w = p["donor_noise"] ** 2, p["weights"]
    n = len(cells) + len(periods)
    mean, cov = np.zeros(n), np.zeros((n, n))
    for a, (t, j) in enumerate(cells):
        mean[a] = smooth[t, j]
        cov[a, a] = noise2 + 1 / design.donor_precision[t, j]
    for b, t in enumerate(periods, start=len(cells)):
        mean[b] = w @ smooth[t]
        cov[b, b] = p["total"] ** 2 + design.treated_variance[t] + noise2 * (w @ w)
        for a, (s, j) in enumerate(cells):
            if s == t:
                cov[a, b] = cov[b, a] = w[j] * noise2
    cov[len(cells) :, len(cells) :] += predict.level_sd(design, load_model("rollout")) ** 2
    data = np.array([design.X[c] for c in cells] + [design.y[t] for t in periods])
    return float(stats.multivariate_normal(mean, cov).logpdf(data))


def test_latent_cells_integrate_out_exactly(rng: np.random.Generator) -> None:
    """Differences of the graph's log likelihood between two points equal the dense Gaussian's."""
    design, spec = _small_known_design(rng), load_model("rollout")
    model = graph.build(design, spec)
    likelihood = model.compile_fn(sum(model.potentials), inputs=model.free_RVs, on_unused_input="ignore")
    dense, compiled = [], []
    for _ in range(4):
        raw = {
            "gamma": rng.gamma(1.0, size=4), "total_z": abs(rng.normal()),
            "donor_z": rng.normal(size=4),
            "period_spread_z": abs(rng.normal()), "period_z": rng.normal(size=6), "period_rho": rng.uniform(),
            "donor_noise_sd_z": abs(rng.normal()),
        }  # fmt: skip
        compiled.append(float(likelihood({name: np.asarray(v) for name, v in raw.items()})))
        values = {name: np.asarray(v)[None, None] for name, v in raw.items()}
        p = bayes.parameters(values, design, spec)
        dense.append(_dense_log_likelihood(design, {name: v[0, 0] for name, v in p.items()}))
    np.testing.assert_allclose(np.diff(compiled), np.diff(dense), rtol=1e-9)


def test_period_effects_of_the_graph_are_those_of_the_arrays(rng: np.random.Generator) -> None:
    rho, z = 0.8, rng.normal(size=(50_000, 9))
    found = drift.persistent(np.full(len(z), rho), z)
    np.testing.assert_allclose(found.mean(axis=1), 0.0, atol=1e-12)
    centring = np.eye(9) - 1 / 9
    expected = centring @ rho ** np.abs(np.subtract.outer(np.arange(9), np.arange(9))) @ centring
    # The graph may have room for more periods than there are.
    longer, in_panel = np.append(z[0], 7.0), np.append(np.ones(9), 0.0)
    compiled = densities.persistent(pt.as_tensor(rho), pt.as_tensor(longer), pt.as_tensor(in_panel)).eval()[:9]
    np.testing.assert_allclose(np.cov(found.T), expected, atol=0.02)
    np.testing.assert_allclose(compiled, found[0], rtol=1e-12)


def test_counterfactual_has_the_stated_moments(rng: np.random.Generator) -> None:
    design = _small_known_design(rng)
    S = 200_000
    one = {
        "weights": np.array([0.2, 0.3, 0.5]), "level": np.array(0.4), "total": np.array(0.7),
        "donor_level": rng.normal(size=3), "period": rng.normal(size=6), "donor_noise": np.array(0.9),
    }  # fmt: skip
    many = {name: np.broadcast_to(v, (S, *np.shape(v))).copy() for name, v in one.items()}
    found = predict.counterfactual(many, design, load_model("rollout"), rng)
    w, noise2 = one["weights"], 0.9**2
    for t in range(6):
        smooth = one["donor_level"] + one["period"][t]
        rho = design.donor_precision[t]
        reliability = noise2 * rho / (1 + noise2 * rho)
        centre = 0.4 + w @ (smooth + reliability * (design.X[t] - smooth))
        latent = (w**2) @ (noise2 / (1 + noise2 * rho))
        assert found.mean[:, t].mean() == pytest.approx(centre, abs=0.01)
        assert found.mean[:, t].var() == pytest.approx(latent, rel=0.02)
        total = latent + 0.49 + design.treated_variance[t]
        assert found.predictive[:, t].var() == pytest.approx(total, rel=0.02)
    assert np.isnan(found.log_likelihood[:, 2]).all()
    assert np.isfinite(found.log_likelihood[:, [0, 1, 3]]).all()


# CausalPy's default model: raw levels, flat Dirichlet, sigma ~ HalfNormal(1) in outcome units. Posterior means
# and sds from an independent Gibbs sampler (3,500 draws a seed, Monte Carlo error about .5% of the effect).
CAUSALPY = {"prop99": (-26.2, 1.75, 4.87), "basque": (-0.591, 0.079, 0.106), "germany": (-1485.0, 140.0, 72.0)}
HALF_NORMAL_UNIT = {"prop99": 1.0, "basque": 1.0, "germany": 1000.0}  # Germany is in thousand USD there


@pytest.mark.slow
@pytest.mark.parametrize("study", list(CAUSALPY))
def test_textbook_model_against_an_independent_gibbs_sampler(study: str, request: pytest.FixtureRequest) -> None:
    panel: bs.Panel = request.getfixturevalue(f"{study}_panel")
    scale = make_design(panel, load_model("dirichlet")).scale
    spec = ModelSpec.from_toml(f'[level]\nprior = "none"\n[noise]\nsd = {HALF_NORMAL_UNIT[study] / scale}')
    fit = bs.fit(panel, spec, draws=2000, seed=3, progress=False)
    assert fit.status == "ok"
    effect, sd, rmse = CAUSALPY[study]
    row = fit.effects(interval="mean").iloc[0]
    assert row["estimate"] == pytest.approx(effect, rel=0.01)
    assert row["sd"] == pytest.approx(sd, rel=0.05)
    assert fit.pre_rmspe == pytest.approx(rmse, rel=0.02)
