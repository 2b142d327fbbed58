"""The arithmetic of the checks against closed forms, refits and ArviZ."""

from dataclasses import replace
from typing import Any

import arviz_stats as azs
import numpy as np
import pytest
import xarray as xr

import bsynth as bs
from bsynth.bayesian.forecast import forecast_of
from bsynth.bayesian.result import Fit
from bsynth.checks import CheckReport, LeaveFutureOut, hull, leave_future_out, sensitivity
from bsynth.checks.base import Case
from bsynth.checks.prior import draw_untreated, log_prior
from bsynth.checks.replicates import draw_departures, tail
from bsynth.engines.drift import walk
from bsynth.engines.hull import measure
from bsynth.engines.series import lag1
from bsynth.model.spec import ModelSpec
from bsynth.panel.simulate import simulate_factor


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    frame = simulate_factor(donors=6, n_pre=20, n_post=8, rho=0.8, seed=8)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=20)


@pytest.fixture(scope="module")
def case(panel: bs.Panel) -> Case:
    return Case(bs.fit(panel, model="level", draws=2000, seed=1, progress=False))


def test_lag1_and_tail() -> None:
    series = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 5.0, 5.0]])
    np.testing.assert_allclose(lag1(series), [-0.75, 0.25, 0.0])
    assert tail(np.array([1.0, 2.0, 3.0, 3.0]), np.array([2.0, 2.0, 2.0, 3.0])) == pytest.approx((1 + 0.5 * 2) / 4)


def test_prior_of_the_effect_has_its_closed_form(case: Case) -> None:
    """Var(a + w'x̄ + ε̄) = 1 + x̄'Cov(w)x̄ + E σ²/H, with Cov of Dirichlet(1) = (I/J − 11'/J²)/(J + 1)."""
    design, donors = case.design, case.panel.n_donors
    average = draw_untreated(case, np.random.default_rng(1), draws=40_000)[:, design.n_pre :].mean(axis=1)
    x = design.X[design.n_pre :].mean(axis=0)
    cov = (np.eye(donors) / donors - 1.0 / donors**2) / (donors + 1)
    expected = 1.0 + x @ cov @ x + 1.0 / case.panel.n_post
    assert average.var() == pytest.approx(expected, rel=0.04)


def test_replicated_walk_has_its_covariance() -> None:
    spec = ModelSpec.from_toml('[drift]\nprocess = "walk"\nprobability = 0.5')
    draws, places = 40_000, np.array([0, 1, 2, 5, 6])
    on = (np.arange(draws) % 2).astype(float)
    found = {"drift_sd": np.full(draws, 0.7), "drifting": on, "sigma": np.full(draws, 0.3)}
    drawn = draw_departures(found, np.zeros((draws, len(places))), places, spec, np.random.default_rng(2))
    noise = 0.09 * np.eye(len(places))
    np.testing.assert_allclose(np.cov(drawn[on == 1].T), 0.49 * walk(places) + noise, atol=0.1)
    np.testing.assert_allclose(np.cov(drawn[on == 0].T), noise, atol=0.01)


def test_power_scaling_agrees_with_refits(case: Case) -> None:
    """Doubling α from 1/√2 to √2 moves the mean effect by ``shift_weights`` posterior sd, to first order."""
    found = sensitivity.check(case)
    assert found is not None
    means, errors = [], []
    for alpha in (2**-0.5, 2**0.5):
        spec = case.spec.model_copy(update={"weights": case.spec.weights.model_copy(update={"alpha": alpha})})
        draws = bs.fit(case.panel, spec, draws=3000, seed=5, progress=False).effect_draws()["average"]
        means.append(float(draws.mean()))
        errors.append(float(azs.mcse(draws, method="mean")))
    sd = float(case.fit.effect_draws()["average"].std())
    moved = (means[1] - means[0]) / sd
    assert found.values["shift_weights"] == pytest.approx(moved, abs=4 * np.hypot(*errors) / sd + 0.05)
    assert abs(moved) > 0.3  # else the comparison says nothing


def test_log_prior_turns_dirichlet_to_a_power_into_dirichlet(case: Case) -> None:
    """Flat draws weighted by the log prior once more are Dirichlet(2): E w² = 3/(J(2J + 1))."""
    rng, donors = np.random.default_rng(3), case.panel.n_donors
    weights = rng.dirichlet(np.ones(donors), size=(2, 50_000))
    posterior = case.fit.tree["posterior"].to_dataset().isel(chain=[0, 1], draw=[0] * 50_000)
    posterior = posterior.assign_coords(draw=np.arange(50_000))
    tree = case.fit.tree.copy()
    tree["posterior"] = xr.DataTree(posterior.assign(weights=(("chain", "draw", "donor"), weights)))
    density = log_prior(Case(replace(case.fit, tree=tree)))["weights"].values
    importance = np.exp(density - density.max())
    second = np.average(weights[..., 0] ** 2, weights=importance)
    assert second == pytest.approx(3 / (donors * (2 * donors + 1)), rel=0.05)


def test_hull_is_exact(case: Case, panel: bs.Panel) -> None:
    found = hull.check(case).values
    treated, donors = panel.treated_series[:20], panel.donor_matrix[:20]
    rng = np.random.default_rng(4)
    tried = rng.dirichlet(np.full(6, 0.5), size=20_000)
    best = np.sqrt(((treated - tried @ donors.T) ** 2).mean(axis=1)).min()
    assert found["distance"] <= best
    assert found["distance"] == pytest.approx(best, rel=0.05)
    assert found["distance_centred"] <= found["distance"]
    assert found["inside"] == 0.0


def test_hull_of_made_up_positions() -> None:
    donors = np.random.default_rng(5).normal(size=(15, 4))
    inside, _ = measure(donors @ [0.5, 0.0, 0.3, 0.2], donors)
    assert (inside["inside"], inside["beyond"]) == (1.0, 0.0)
    assert inside["distance"] < 1e-8
    above, _ = measure(donors.max(axis=1) + 3.0, donors)
    assert above["beyond"] == 15
    assert above["distance"] > 3.0
    shifted, gap = measure(donors @ [0.5, 0.0, 0.3, 0.2] + 7.0, donors)
    assert shifted["offset"] == pytest.approx(7.0)
    assert shifted["p"] < 1e-6
    np.testing.assert_allclose(gap, 7.0)


class _Refit(azs.SamplingWrapper):
    """ArviZ's own leave-future-out loop around `bs.fit`, with the seeds of `leave_future_out`."""

    def __init__(self, panel: bs.Panel, draws: int, seed: int) -> None:
        super().__init__(model=None)
        self.panel, self.draws, self.seed = panel, draws, seed

    def sel_observations(self, idx: Any) -> Any:
        shorter = self.panel.backdated(self.panel.times[int(idx[0])])
        series = xr.DataArray(self.panel.treated_series[idx], dims="time")
        return shorter, series

    def sample(self, modified_observed_data: bs.Panel) -> Any:
        seed = self.seed + modified_observed_data.n_pre
        self.shorter = modified_observed_data
        return bs.fit(modified_observed_data, "level", draws=self.draws, seed=seed, progress=False)

    def get_inference_data(self, fitted_model: Fit) -> xr.DataTree:
        self.fitted = fitted_model
        return fitted_model.tree

    def log_likelihood__i(self, excluded_obs: xr.DataArray, idata__i: xr.DataTree) -> xr.DataArray:
        terms = []
        for t in range(self.shorter.n_pre, self.panel.n_pre):
            made, shape = forecast_of(self.fitted, self.shorter, t), self.fitted.counterfactual("mean").shape[:-1]
            terms.append(made.log_densities(float(self.panel.treated_series[t])).reshape(shape))
        return xr.DataArray(np.stack(terms, axis=-1), dims=("chain", "draw", "time"))


def test_leave_future_out_agrees_with_arviz(case: Case, panel: bs.Panel) -> None:
    ours = leave_future_out(panel, "level", last=3, draws=300, seed=11, progress=False)
    theirs = azs.lfo_cv(
        case.fit.tree, _Refit(panel, 300, 11), min_observations=panel.n_pre - 3, forecast_horizon=1,
        var_name="outcome", method="exact", pointwise=True,
    )  # fmt: skip
    assert ours.elpd == pytest.approx(theirs.elpd, rel=1e-9)
    assert ours.se == pytest.approx(theirs.se, rel=0.3)  # ArviZ divides by n, we by n − 1
    assert list(ours.table["time"]) == [17, 18, 19]


def test_leave_future_out_forecasts_the_next_period(panel: bs.Panel) -> None:
    found = leave_future_out(panel, "level", last=4, draws=300, seed=2, progress=False)
    assert isinstance(found, LeaveFutureOut)
    z = (found.table["observed"] - found.table["predicted"]) / found.table["sd"]
    assert np.abs(z).max() < 4
    # A normal density of that mean and sd is close to the mixture's.
    normal = -0.5 * z**2 - np.log(found.table["sd"] * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(found.table["log_density"], normal, atol=0.3)


@pytest.mark.parametrize("last", [2, 19])
def test_leave_future_out_says_how_many_periods_it_takes(panel: bs.Panel, last: int) -> None:
    with pytest.raises(bs.PanelError, match=f"last is {last}; give 3 to"):
        leave_future_out(panel, "level", last=last, progress=False)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_loo_is_arviz_on_the_stored_terms(case: Case) -> None:
    from bsynth.checks import loo

    theirs = azs.loo(case.fit.tree, var_name="outcome", pointwise=True)
    found = loo.check(case)
    ours = found.values
    assert found.status == ("ok" if ours["k_bad"] == 0 else "unclear" if ours["k_max"] <= loo.K_MAX else "warning")
    assert ours["elpd"] == pytest.approx(float(theirs.elpd), abs=0.05)
    assert ours["k_max"] == pytest.approx(float(theirs.pareto_k.max()), abs=0.1)


@pytest.mark.parametrize(
    ("k", "status", "lead"),
    [
        (0.3, "ok", "No single pre-period carries the fit: "),
        (0.9, "unclear", "Whether single pre-periods carry the fit of 'level' cannot be told from its draws: "),
        (1.2, "warning", "The fit of 'level' leans on single pre-periods: "),
    ],
)
def test_a_pareto_k_above_its_bound_is_never_ok(
    k: float, status: str, lead: str, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bsynth.checks import loo

    found = loo.pre_period_loo(case.fit.tree)
    shapes = np.full(len(found.times), 0.1)
    shapes[3] = k
    monkeypatch.setattr(loo, "pre_period_loo", lambda _: replace(found, pareto_k=shapes))
    check = loo.check(case)
    assert check.status == status
    assert check.sentence.startswith(lead)
    report = CheckReport("level", (check,))
    assert report.answer == ("warning" if status == "warning" else "ok")
    assert (check.sentence in report.sentences()) == (status != "ok")


@pytest.mark.parametrize(
    ("prior", "likelihood", "status", "lead"),
    [
        (0.03, 0.2, "ok", "The pre-period decides the effect, not the prior: "),
        (0.032, 0.030, "ok", "Neither prior nor pre-period moves the effect much"),
        (0.06, 0.2, "ok", "The pre-period decides more of the effect than the prior does: "),
        (0.2, 0.06, "warning", "The prior decides the effect of 'level': "),
        (0.06, 0.03, "warning", "The prior decides the effect of 'level': "),
    ],
)
def test_who_decides_is_who_moves_the_effect_more(
    prior: float, likelihood: float, status: str, lead: str, case: Case
) -> None:
    values = {"prior": prior, "likelihood": likelihood, "prior_level": prior, "shift_level": 0.1, "chance": 0.0}
    found = sensitivity._words(case, values, ["level"])
    assert found.status == status
    assert found.sentence.startswith(lead)
