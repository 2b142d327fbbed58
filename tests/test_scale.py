"""Models on the log and logit of the outcome: the same model of transformed data, and every answer in outcome units."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bsynth as bs
from bsynth.bayesian.forecast import Forecast, forecast_of, score_forecast
from bsynth.engines.hull import measure
from bsynth.evidence.geo import GEO_WORLDS
from bsynth.model.design import make_design
from bsynth.model.link import IDENTITY, LINKS, LOG, LOGIT, Link
from bsynth.model.spec import ModelSpec


def geo_world(seed: int, growth: float) -> bs.Panel:
    """A daily geo panel, multiplicative by construction and without an effect, with a large treated geo: cell A2."""
    world = replace(GEO_WORLDS["A2"], growth=growth)
    outcome, _, treated = world.simulate(np.random.default_rng([1, seed]), lifted=False)
    wide = pd.DataFrame(outcome, columns=[f"u{i}" for i in range(outcome.shape[1])])
    return bs.Panel.from_wide(wide, treated=f"u{treated}", start=world.before)


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    size, t = np.exp(rng.normal(8.0, 0.5, 7)), np.arange(40)
    values = size * (1 + 0.01 * t)[:, None] * np.exp(0.05 * rng.standard_normal((40, 7)))
    return pd.DataFrame(values, columns=list("abcdefg"))


@pytest.fixture(scope="module")
def panel(wide: pd.DataFrame) -> bs.Panel:
    return bs.Panel.from_wide(wide, treated="a", start=30)


@pytest.fixture(scope="module")
def fitted(panel: bs.Panel) -> bs.Fit:
    return bs.fit(panel, "level", scale="log", draws=300, progress=False)


def _shares(wide: pd.DataFrame) -> pd.DataFrame:
    return wide / (2 * wide.to_numpy().max())


# The maps.


@pytest.mark.parametrize("link", [IDENTITY, LOG, LOGIT], ids=lambda link: link.name)
def test_a_link_goes_back_and_knows_its_slope(link: Link) -> None:
    y = np.array([0.01, 0.3, 0.5, 0.97])
    z = link.forward(y)
    np.testing.assert_allclose(link.back(z), y, rtol=1e-12)
    slope = (link.back(z + 1e-6) - link.back(z - 1e-6)) / 2e-6
    np.testing.assert_allclose(np.exp(link.log_slope(z)), slope, rtol=1e-6)
    assert link.takes(y).all()


def test_values_beyond_a_scale_are_infinitely_far() -> None:
    assert LOG.reach(0.0) == LOG.reach(-1.0) == -np.inf
    assert LOGIT.reach(1.0) == LOGIT.reach(2.0) == np.inf
    assert LOGIT.reach(0.5) == 0.0


# The posterior.


@pytest.mark.parametrize("model", ["level", "default"])
@pytest.mark.parametrize("scale", ["log", "logit"])
def test_the_posterior_is_that_of_data_transformed_by_hand(wide: pd.DataFrame, model: str, scale: str) -> None:
    data, link = wide if scale == "log" else _shares(wide), LINKS[scale]
    ours = bs.fit(bs.Panel.from_wide(data, treated="a", start=30), model, scale=scale, draws=300, progress=False)
    by_hand = bs.Panel.from_wide(link.forward(data), treated="a", start=30)
    theirs = bs.fit(by_hand, model, scale="treated", draws=300, progress=False)
    np.testing.assert_array_equal(ours.weights, theirs.weights)
    for kind in ("predictive", "mean"):
        drawn = theirs.counterfactual(kind).values  # type: ignore[arg-type]
        np.testing.assert_array_equal(ours.counterfactual(kind).values, link.back(drawn))  # type: ignore[arg-type]
    # The density of an outcome is that of its log, by the change of variables.
    y = data["a"].to_numpy()[:30]
    jacobian = -np.log(y) if scale == "log" else -np.log(y) - np.log1p(-y)
    mine, plain = (each.tree["log_likelihood"]["outcome"].values for each in (ours, theirs))
    np.testing.assert_allclose(mine, plain + jacobian, atol=1e-9)


def test_effects_are_those_of_the_draws(fitted: bs.Fit, wide: pd.DataFrame) -> None:
    y, y0 = wide["a"].to_numpy()[30:], fitted.counterfactual().values.reshape(-1, 40)[:, 30:]
    lift, average = y.sum() / y0.sum(axis=1) - 1, (y - y0).mean(axis=1)
    table = fitted.effects(0.9).set_index("estimand")
    for name, draws in (("lift", lift), ("average", average), ("cumulative", 10 * average)):
        assert table.at[name, "estimate"] == pytest.approx(draws.mean(), rel=1e-9)
        assert table.at[name, "lower"] == pytest.approx(np.quantile(draws, 0.05), rel=1e-9)
        assert table.at[name, "upper"] == pytest.approx(np.quantile(draws, 0.95), rel=1e-9)
    assert list(fitted.effects().columns) == list(bs.fit(fitted.panel, "level", draws=300, progress=False).effects())  # type: ignore[arg-type]


def test_a_result_says_that_the_model_is_multiplicative(fitted: bs.Fit) -> None:
    assert fitted.spec.name == "level-log"
    assert "multiplicative" in " ".join(fitted.notes())
    assert any("multiplicative" in said for said in fitted.sentences())
    assert fitted.intercept is None
    # A constant of the log is no offset in outcome units, but the fit is one.
    assert fitted.pre_rmspe < 0.1 * float(fitted.observed.mean())


def test_units_of_measure_change_nothing_but_the_units(wide: pd.DataFrame, fitted: bs.Fit) -> None:
    spec = ModelSpec(scale="log")
    one, other = (make_design(bs.Panel.from_wide(k * wide, treated="a", start=30), spec) for k in (1.0, 1000.0))
    np.testing.assert_allclose(one.y, other.y, atol=1e-9)
    np.testing.assert_allclose(one.X, other.X, atol=1e-9)
    np.testing.assert_allclose(other.to_outcome(other.y), 1000 * one.to_outcome(one.y), rtol=1e-9)
    # The data differ by rounding, so the chains do, and the answer by their error.
    panel = bs.Panel.from_wide(1000 * wide, treated="a", start=30)
    large = bs.fit(panel, "level", scale="log", draws=300, progress=False).effects().iloc[0]
    small = fitted.effects().iloc[0]
    assert large["estimate"] / 1000 == pytest.approx(small["estimate"], abs=0.3 * small["sd"])
    assert large["sd"] / 1000 == pytest.approx(small["sd"], rel=0.3)


def test_the_order_of_donors_is_of_no_account(wide: pd.DataFrame, fitted: bs.Fit) -> None:
    turned = bs.Panel.from_wide(wide[list("agfedcb")], treated="a", start=30)
    other = bs.fit(turned, "level", scale="log", draws=300, progress=False)
    here, there = fitted.effects().iloc[0], other.effects().iloc[0]
    assert there["estimate"] == pytest.approx(here["estimate"], abs=0.3 * here["sd"])
    weights = dict(zip(turned.donors, other.weights, strict=True))
    np.testing.assert_allclose([weights[d] for d in "bcdefg"], fitted.weights, atol=0.05)


def test_a_multiplicative_world_is_answered_better_on_the_log_scale() -> None:
    found = {"treated": [], "log": []}  # type: dict[str, list[tuple[float, bool]]]
    for seed in range(8):
        # With this growth a tenfold donor and a tenth of it part ways in units, and nowhere in shares.
        world = geo_world(seed, growth=0.005)
        for scale, answers in found.items():
            row = bs.fit(world, "level", scale=scale, draws=300, progress=False).effects(0.9).iloc[0]
            answers.append((row["estimate"], row["lower"] <= 0 <= row["upper"]))
    rmse = {scale: float(np.sqrt(np.mean([e**2 for e, _ in answers]))) for scale, answers in found.items()}
    held = {scale: sum(held for _, held in answers) for scale, answers in found.items()}
    assert rmse["log"] < rmse["treated"]
    assert held["log"] >= held["treated"]


# Forecasts.


def test_a_forecast_on_the_log_scale_is_a_lognormal_mixture() -> None:
    location, scale = np.array([1.0, 1.5]), np.array([0.3, 0.5])
    made = Forecast(location, scale, link=LOG)
    parts = [stats.lognorm(s, scale=np.exp(m)) for m, s in zip(location, scale, strict=True)]
    assert made.mean == pytest.approx(np.mean([p.mean() for p in parts]), rel=1e-9)
    second = np.mean([p.var() + p.mean() ** 2 for p in parts])
    assert made.sd == pytest.approx(np.sqrt(second - made.mean**2), rel=1e-9)
    np.testing.assert_allclose(made.log_densities(2.5), [p.logpdf(2.5) for p in parts], rtol=1e-9)
    assert made.below(2.5) == pytest.approx(np.mean([p.cdf(2.5) for p in parts]), rel=1e-9)
    assert made.below(made.quantile(0.2)) == pytest.approx(0.2, abs=1e-9)
    assert np.isneginf(made.log_densities(-1.0)).all()
    assert made.below(-1.0) == 0.0


@pytest.mark.parametrize(("degrees", "link"), [(None, LOGIT), (4.0, LOGIT), (None, IDENTITY), (4.0, IDENTITY)])
def test_a_forecast_agrees_with_draws_of_it(degrees: float | None, link: Link) -> None:
    made, rng = Forecast(np.array([-0.4, 0.2]), np.array([0.3, 0.6]), degrees, link), np.random.default_rng(1)
    noise = rng.standard_normal((200_000, 2)) if degrees is None else rng.standard_t(degrees, (200_000, 2))
    drawn = link.back(made.location + made.scale * noise).ravel()
    assert made.mean == pytest.approx(drawn.mean(), abs=0.01)
    assert made.sd == pytest.approx(drawn.std(), rel=0.03)
    assert made.below(0.4) == pytest.approx((drawn < 0.4).mean(), abs=0.01)
    assert made.quantile(0.9) == pytest.approx(np.quantile(drawn, 0.9), abs=0.02)
    # A density integrates to one.
    grid = np.linspace(1e-6, 1 - 1e-6, 1_001) if link is LOGIT else np.linspace(-40, 40, 1_601)
    density = np.array([np.exp(made.log_densities(y)).mean() for y in grid])
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=0.01)


def test_forecasts_of_a_fit_are_in_outcome_units(wide: pd.DataFrame, panel: bs.Panel, fitted: bs.Fit) -> None:
    y = float(wide["a"].iloc[30])
    score = score_forecast(forecast_of(fitted, panel, 30), y)
    drawn = fitted.counterfactual().values[..., 30].ravel()
    assert score["predicted"] == pytest.approx(drawn.mean(), rel=0.01)
    assert score["sd"] == pytest.approx(drawn.std(), rel=0.15)
    assert score["pit"] == pytest.approx((drawn < y).mean(), abs=0.05)
    found = bs.leave_future_out(panel, "level", scale="log", last=3, draws=300, progress=False)
    assert found.model == "level-log"
    assert (np.abs(found.table["predicted"] / found.table["observed"] - 1) < 0.3).all()
    low, high = found.intervals(0.9).T
    assert ((low > 0) & (low < found.table["predicted"]) & (found.table["predicted"] < high)).all()


# Checks and findings.


def test_checks_and_findings_are_on_one_scale_or_the_other(fitted: bs.Fit) -> None:
    report = bs.check(fitted)
    assert 0 < report["contraction"].values["contraction"] < 1
    before = [np.log(series[:30]) for series in (fitted.panel.treated_series, fitted.panel.donor_matrix)]  # type: ignore[union-attr]
    assert report["hull"].values["distance"] == pytest.approx(measure(*before)[0]["distance"])
    assert "on the log scale" in report["hull"].sentence
    sources = bs.decompose_uncertainty(fitted)
    # To first order the parts add up to the variance of the draws, in outcome units.
    assert float(sources.whole["sd"]) == pytest.approx(float(fitted.effect_draws()["average"].std()), rel=0.15)
    assert float(sources.whole[list(sources.names)].sum()) == pytest.approx(1.0)
    assert (sources.table[list(sources.names)] > -0.5).all(axis=None)
    assert any("first order" in said for said in sources.sentences())


def test_a_fit_is_saved_with_its_scale(fitted: bs.Fit, tmp_path: Path) -> None:
    fitted.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.spec == fitted.spec
    assert again.effects().equals(fitted.effects())
    assert again.pre_rmspe == pytest.approx(fitted.pre_rmspe)
    assert again.notes() == fitted.notes()
    json.dumps(again.to_dict(), allow_nan=False)


def test_a_curve_keeps_the_log_scale_of_its_base(panel: bs.Panel) -> None:
    from bsynth.findings.specifications.grid import plan_curve

    base = bs.load_model("level").at_scale("log")
    found = plan_curve(panel, base=base, drifts=["none"], alphas=[1.0, 3.0], pools=[], starts=[], since=[], last=3)
    assert {each.scale for each in found.specifications} == {"log"}
    both = plan_curve(panel, base="level", scales=["treated", "log"], drifts=["none"], alphas=[1.0], pools=[],
                      starts=[], since=[], last=3)  # fmt: skip
    assert {each.scale for each in both.specifications} == {"treated", "log"}


# What cannot be had.


@pytest.mark.parametrize(
    ("scale", "unit", "t", "value", "said"),
    [
        (
            "log",
            "c",
            5,
            0.0,
            "takes the log of the outcome, and c has 0 at 5; give values above 0, or use scale = 'trea",
        ),
        ("log", "a", 7, -2.0, "and a has −2 at 7; give values above 0, or use scale = 'treated'"),
        ("logit", "d", 35, 1.5, "and d has 1.5 at 35; give values between 0 and 1, or use scale = 'treated' or 'log'"),
    ],
)
def test_an_outcome_without_a_log_is_refused(
    wide: pd.DataFrame, scale: str, unit: str, t: int, value: float, said: str
) -> None:
    data = wide.copy() if scale == "log" else _shares(wide)
    data.loc[t, unit] = value
    panel = bs.Panel.from_wide(data, treated="a", start=30)
    with pytest.raises(bs.PanelError) as error:
        bs.plan(panel, "level", scale=scale)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(bs.PanelError):
        bs.analyse(panel, scale=scale, methods="none", progress=False)


def test_a_treated_outcome_of_zero_after_the_start_is_an_effect(wide: pd.DataFrame) -> None:
    data = wide.copy()
    data.loc[30:, "a"] = 0.0
    found = bs.fit(bs.Panel.from_wide(data, treated="a", start=30), "level", scale="log", draws=300, progress=False)
    assert found.effects().set_index("estimand").at["lift", "estimate"] == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("model", "scale", "said"),
    [
        ("rollout", "log", "needs cells.variance = 'exact'"),
        ("student-t", "log", "the outcome would have no mean"),
        ("level", "lgo", "scale is the text 'lgo'; allowed: treated, each, log, logit, auto"),
        ("level", 1, "scale is an int"),
    ],
)
def test_pieces_without_a_common_scale_are_refused(panel: bs.Panel, model: str, scale: str, said: str) -> None:
    with pytest.raises(bs.SpecError, match=said):
        bs.plan(panel, model, scale=scale)


def test_cells_of_rows_have_no_log_scale() -> None:
    from bsynth.panel.simulate import rollout_panel_arguments

    panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    with pytest.raises(bs.PanelError, match="sampling variance of cells that are means of rows is not known"):
        bs.plan(panel, scale="logit")


# The choice of a scale.


def _proportional(units: int, *, seed: int = 5, spread: float = 1.0, noise: float = 0.1) -> pd.DataFrame:
    """Series that grow by the same shares, from sizes that differ, with noise in proportion."""
    rng, t = np.random.default_rng(seed), np.arange(36)
    size = np.exp(spread * rng.normal(3, 1, units))
    values = size * np.exp(0.03 * t + 0.2 * np.sin(t))[:, None] * np.exp(noise * rng.standard_normal((36, units)))
    return pd.DataFrame(values, columns=[f"u{j}" for j in range(units)])


def test_the_density_of_a_forecast_is_that_of_the_outcome() -> None:
    """By hand: own mean plus the others' movement, a normal error of the size seen, and the slope of the log."""
    wide = _proportional(5)
    found = bs.choose_scale(bs.Panel.from_wide(wide, treated="u0", start=30), last=6)
    y, others = np.log(wide["u1"].to_numpy()[:30]), np.log(wide.drop(columns="u1").to_numpy()[:30]).mean(axis=1)
    error = (y - others)[24:] - (y - others)[:24].mean()
    rms = np.sqrt(np.mean(error**2))
    expected = stats.norm.logpdf(error, scale=rms) - y[24:]
    assert found.units.at["u1", "log"] == pytest.approx(expected.mean(), rel=1e-12)
    assert found.table["log_density"].tolist() == pytest.approx(found.units.mean().tolist())
    apart = found.units["log"] - found.units["treated"]
    assert found.table.at[1, "se"] == pytest.approx(apart.std(ddof=1) / np.sqrt(5))


@pytest.mark.parametrize("units", [8, 30])
def test_units_that_move_by_shares_are_put_on_the_log_scale(units: int) -> None:
    found = bs.choose_scale(bs.Panel.from_wide(_proportional(units), treated="u0", start=30))
    assert found.scale == "log"
    assert "'log' was chosen" in found.verdict()
    assert "scale = 'auto'" in found.hint()


@pytest.mark.parametrize("seed", range(6))
def test_units_that_move_by_amounts_stay_on_their_own(seed: int) -> None:
    """Common movements and noise of one size in units that differ tenfold: in logs the small ones would be wild."""
    rng = np.random.default_rng(seed)
    values = 100 * np.arange(1, 11) + 10 * rng.normal(size=(36, 1)) + 5 * rng.normal(size=(36, 10))
    panel = bs.Panel.from_wide(pd.DataFrame(values, columns=[f"u{j}" for j in range(10)]), treated="u3", start=30)
    assert bs.choose_scale(panel).scale == "treated"


def test_what_happens_after_the_start_chooses_nothing() -> None:
    wide = _proportional(8)
    changed = wide.copy()
    changed.loc[30:, "u0"] *= 3
    one, other = (bs.choose_scale(bs.Panel.from_wide(w, treated="u0", start=30)) for w in (wide, changed))
    pd.testing.assert_frame_equal(one.table, other.table)


@pytest.mark.parametrize("times", [1e-9, 1e9])
def test_the_unit_of_measure_chooses_nothing(times: float) -> None:
    wide = _proportional(8)
    one, other = (bs.choose_scale(bs.Panel.from_wide(k * wide, treated="u0", start=30)) for k in (1.0, times))
    assert one.scale == other.scale == "log"
    each = (found.table.set_index("scale").loc["log", ["difference", "se"]].astype(float) for found in (one, other))
    np.testing.assert_allclose(*each, rtol=1e-6)


def test_proportions_may_be_put_on_the_logit_scale() -> None:
    rng, t = np.random.default_rng(2), np.arange(40)
    logits = rng.normal(-1, 2, 12) + (0.05 * t + 0.5 * np.sin(t))[:, None] + 0.1 * rng.normal(size=(40, 12))
    shares = pd.DataFrame(1 / (1 + np.exp(-logits)), columns=[f"u{j}" for j in range(12)])
    found = bs.choose_scale(bs.Panel.from_wide(shares, treated="u0", start=30))
    assert found.table["scale"].tolist() == ["treated", "log", "logit"]
    assert found.scale == "logit"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w - w.to_numpy().mean(), "zero or negative, which have no log"),
        (lambda w: w[["u0", "u1", "u2"]], "3 units are too few to tell scales apart"),
        (lambda w: w.iloc[26:], "4 pre-periods are too few"),
    ],
    ids=["negative", "units", "periods"],
)
def test_without_a_choice_the_outcome_stays_as_it_is(change: Any, said: str) -> None:
    found = bs.choose_scale(bs.Panel.from_wide(change(_proportional(8)), treated="u0", start=30))
    assert found.scale == "treated"
    assert said in found.verdict()
    json.dumps(found.to_dict(), allow_nan=False)


def test_forecasts_without_error_tie() -> None:
    t = np.arange(36.0)
    wide = pd.DataFrame({name: 5 + np.sin(t) for name in "abcde"})
    assert bs.choose_scale(bs.Panel.from_wide(wide, treated="a", start=30)).scale == "treated"


@pytest.mark.parametrize("last", [2, 28, 0])
def test_periods_that_leave_too_few_are_refused(last: int) -> None:
    with pytest.raises(bs.PanelError, match=f"last is {last}; give 3 to 27, a whole number"):
        bs.choose_scale(bs.Panel.from_wide(_proportional(8), treated="u0", start=30), last=last)


def test_every_verb_takes_the_scale_that_is_found() -> None:
    panel = bs.Panel.from_wide(_proportional(8), treated="u0", start=30)
    few = bs.Sampling(300, 300, seed=2)
    found = bs.fit(panel, "level", scale="auto", sampling=few, progress=False)
    assert found.spec.name == "level-log"
    assert "The scale 'log' was chosen" in found.notes()[0]
    assert bs.plan(panel, "level", scale="treated").spec.scale == "treated"
    assert bs.plan(panel, "level").spec.scale == "treated"
    calibration = bs.calibrate(panel, "level", scale="auto", sampling=few, progress=False)
    assert calibration.fit.spec.scale == "log"
    assert any("The scale 'log' was chosen" in note for note in calibration.fit.notes())
    settings = {"models": ["level"], "methods": "none", "findings": "none", "calibrated": False, "progress": False}
    analysis = bs.analyse(panel, scale="auto", sampling=few, **settings)  # type: ignore[arg-type]
    assert analysis.fits[0].spec.name == "level-log"
    assert any("The scale 'log' was chosen" in note for note in analysis.notes())
    plain = bs.analyse(panel, sampling=few, **settings)  # type: ignore[arg-type]
    assert plain.fits[0].spec.name == "level"
    assert any("scale = 'auto' puts the models there" in note for note in plain.notes())


def test_a_scale_that_was_asked_for_is_taken_or_its_lack_is_said() -> None:
    panel = bs.Panel.from_wide(_proportional(8), treated="u0", start=30)
    assert bs.plan(panel, bs.ModelSpec(name="mine"), scale="auto").spec.scale == "log"
    each = bs.plan(panel, "standardised", scale="auto")
    assert (each.spec.scale, "keeps it" in each.chosen) == ("each", True)
    heavy = bs.plan(panel, "student-t", scale="auto")
    assert heavy.spec.scale == "treated"
    assert "'log' was chosen" in heavy.chosen
    assert "the outcome would have no mean" in heavy.chosen
    centred = bs.Panel.from_wide(_proportional(8) - 20, treated="u0", start=30)
    assert "have no log" in bs.plan(centred, "level", scale="auto").chosen


def test_an_outcome_that_turns_negative_after_the_start_keeps_its_scale() -> None:
    wide = _proportional(8)
    wide.loc[33, "u0"] = -1.0
    assert bs.plan(bs.Panel.from_wide(wide, treated="u0", start=30), "level", scale="auto").spec.scale == "treated"


@pytest.mark.slow
def test_a_calibration_learns_on_the_scale_of_the_model() -> None:
    """The donors' errors are those of logs, as if logs had been taken by hand; effects are of the outcome."""
    rng = np.random.default_rng(5)
    periods, units = 26, 8
    logs = 3 + np.cumsum(0.05 * rng.normal(size=(periods, 1)), axis=0) + 0.1 * rng.normal(size=(periods, units))
    names = [f"u{k}" for k in range(units)]
    by_hand = bs.Panel.from_wide(pd.DataFrame(logs, columns=names), treated="u0", start=20)
    raw = bs.Panel.from_wide(pd.DataFrame(np.exp(logs), columns=names), treated="u0", start=20)
    fast = bs.Sampling(300, 300, seed=2)
    expected = bs.calibrate(by_hand, "level", sampling=fast, progress=False)
    found = bs.calibrate(raw, "level", scale="log", sampling=fast, progress=False)
    assert found.fit.spec.scale == "log"
    np.testing.assert_allclose(found.table["error"], expected.table["error"], atol=1e-6)
    assert found.inflation.d_mean == pytest.approx(expected.inflation.d_mean)
    path, logged = found.path(0.9), expected.path(0.9)
    np.testing.assert_allclose(np.log(path["lower"]), logged["lower"], rtol=1e-9)
    np.testing.assert_allclose(np.log(path["upper"]), logged["upper"], rtol=1e-9)
    np.testing.assert_allclose(path["gap_upper"], path["observed"] - path["lower"])
    untreated = raw.treated_series[20:] - found.paths()
    np.testing.assert_allclose(np.log(untreated), expected.untreated_paths(), rtol=1e-9)
    table = found.effects(0.9).set_index("estimand")
    lift = raw.treated_series[20:].sum() / untreated.sum(axis=1) - 1
    np.testing.assert_allclose(table.loc["lift", ["lower", "upper"]].astype(float), np.quantile(lift, [0.05, 0.95]))
    band = bs.path_band(found, level=0.9).table
    assert (band["lower"] < path["gap_lower"]).all()
    inside = ((found.paths() >= band["lower"].to_numpy()) & (found.paths() <= band["upper"].to_numpy())).all(axis=1)
    assert inside.mean() == pytest.approx(0.9, abs=2e-3)
    worth = bs.decide(found, cost=0.0, value_per_unit=1.0, estimand="cumulative").values["expected_value"]
    assert worth == pytest.approx(float(table.loc["cumulative", "estimate"])), "t tails of a log have no mean"


@pytest.mark.parametrize(("scale", "value"), [("log", -5.0), ("logit", 1.5)])
def test_a_treated_outcome_beyond_the_bounds_is_refused_after_the_start_too(scale: str, value: float) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.uniform(0.2, 0.8, size=(14, 5)), columns=list("abcde"))
    frame.loc[12, "a"] = value
    with pytest.raises(bs.PanelError, match="at 12"):
        bs.fit(bs.Panel.from_wide(frame, treated="a", start=10), "level", scale=scale, progress=False)


def test_a_treated_series_that_donors_reproduce_is_not_hidden_by_a_log() -> None:
    wide = _proportional(8)
    panel = bs.Panel.from_wide(wide.assign(u0=0.5 * (wide["u1"] + wide["u2"])), treated="u0", start=30)
    assert bs.choose_scale(panel).scale == "log"
    assert bs.plan(panel, "level", scale="auto").lacks is not None
