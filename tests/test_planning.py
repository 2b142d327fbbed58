"""Power, ranking, rehearsal and what is handed on: on panels whose errors are known."""

from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth.cli import main
from bsynth.model.link import Link
from bsynth.planning import MMMPrior, RolloutPlan
from bsynth.planning.plays import _tests, ahead, history_of, past_windows
from bsynth.planning.power import Errors, Size
from bsynth.planning.rehearsal import with_effect
from bsynth.planning.rollout import _spread

LINEAR: Link = bs.load_model("level").link


def _wide(periods: int = 60, units: int = 12, seed: int = 2, rho: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(periods, units))
    for t in range(1, periods):
        noise[t] = rho * noise[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    common = rng.normal(size=(periods, 1)).cumsum(axis=0)
    return pd.DataFrame(100 + common + noise, columns=[f"u{k:02}" for k in range(units)])


def _panel(wide: pd.DataFrame, start: int | None = None) -> bs.Panel:
    return bs.Panel.from_wide(wide, treated="u00", start=start)


@pytest.fixture(scope="module")
def plan() -> RolloutPlan:
    return bs.plan_rollout(_panel(_wide()), durations=[5, 10], model="level", windows=3, draws=300, progress=False)


def test_windows_of_the_past_do_not_overlap_and_leave_a_history() -> None:
    history = _panel(_wide())
    found = past_windows(history, 10, 9)
    assert [(w.n_pre, w.n_post) for w in found] == [(50, 10), (40, 10), (30, 10), (20, 10)]


def test_only_the_past_of_a_panel_is_used() -> None:
    wide = _wide()
    other = wide.copy()
    other.loc[50:, "u00"] += 100
    one, two = (history_of(_panel(each, 50)) for each in (wide, other))
    assert one.n_post == two.n_post == 0
    assert np.array_equal(one.outcome, two.outcome)


def test_the_future_repeats_what_donors_did_last() -> None:
    history = _panel(_wide())
    found = ahead(history, 4)
    assert (found.n_pre, found.n_post, found.start, found.end) == (60, 4, 60, 63)
    assert np.array_equal(found.outcome[60:], history.outcome[56:])


def test_power_is_the_share_of_errors_that_an_effect_carries_over_the_threshold() -> None:
    errors = Errors(np.array([0.5, -0.5, 2.0, 0.0]), np.ones(4), list("abcd"), own=2.0, one_sided=False)
    # ±z: .5, −.5, 2, 0 and their mirrors; an effect of 2 moves each by 1.
    assert errors.power(0.0) == 2 / 8
    assert errors.power(2.0) == 3 / 8
    assert errors.power(3.2) == 7 / 8
    assert errors.false_positives[0] == 1 / 4


def test_smallest_effect_of_normal_errors_is_the_textbook_one() -> None:
    z = NormalDist()
    sd = 1 / z.inv_cdf(0.975)
    error = sd * np.array([z.inv_cdf(p) for p in (np.arange(4000) + 0.5) / 4000])
    errors = Errors(error, np.ones(4000), list(range(4000)), own=3.0, one_sided=False)
    textbook = 3.0 * (1 + z.inv_cdf(0.8) * sd)
    assert errors.smallest(0.8) == pytest.approx(textbook, rel=1e-3)
    assert errors.power(errors.smallest(0.8)) == pytest.approx(0.8, abs=1e-3)
    assert errors.false_positives[0] == pytest.approx(0.05, abs=1e-3)


def test_an_effect_that_grows_must_be_larger() -> None:
    at_once, growing = Size("lift", 0, LINEAR), Size("lift", 4, LINEAR)
    assert at_once.of_shift(5.0, 100.0, 4) == pytest.approx(0.05)
    assert growing.of_shift(5.0, 100.0, 4) == pytest.approx(0.08)
    assert growing.average(0.08, 100.0, 4) == pytest.approx(5.0)


def test_on_a_log_scale_a_lift_is_a_shift() -> None:
    size = Size("lift", 0, bs.load_model("level").at_scale("log").link)
    assert size.shift(size.average(0.1, 50.0, 3), 50.0) == pytest.approx(np.log(1.1))
    assert size.of_shift(np.log(1.1), 50.0, 3) == pytest.approx(0.1)


def test_on_a_scale_with_a_bound_an_effect_is_possible_up_to_it() -> None:
    size = Size("lift", 4, bs.load_model("level").at_scale("logit").link)
    assert size.largest(0.8) == pytest.approx(0.25)
    assert size.possible(0.24, 0.8)
    assert not size.possible(0.25, 0.8)
    assert size.shift(size.average(0.24, 0.8, 4), 0.8) > 0
    assert size.shift(0.2, 0.8) == np.inf
    # An effect that is larger than can be is no harder to see.
    errors = Errors(np.array([0.5, -0.5]), np.ones(2), ["a", "b"], 1.0, one_sided=False)
    assert errors.power(size.shift(0.2, 0.8)) == 1.0


@pytest.mark.parametrize(
    ("effects", "settings", "says"),
    [
        ([0.05, -1.0], {}, "an effect is -1.0 and kind is 'lift'; give a share above -1"),
        ([-150.0], {"kind": "level", "scale": "log"}, "would become −.*; it has to stay above 0"),
    ],
)
def test_an_effect_that_cannot_be_is_refused(effects: list[float], settings: dict[str, Any], says: str) -> None:
    with pytest.raises(bs.SpecError, match=says) as refused:
        bs.plan_rollout(_panel(_wide()), effects=effects, durations=[5], model="level", progress=False, **settings)
    assert "\n" not in str(refused.value)


def test_a_share_of_rows_cannot_be_more_than_one() -> None:
    panel = _events("mean", "bought", start=None)
    says = "it has to stay between 0 and 1"
    with pytest.raises(bs.SpecError, match=f"effect is 3.0, by which .*; {says}"):
        bs.rehearse(panel, effect=3.0, kind="lift", duration=4, models=["none"], progress=False)
    with pytest.raises(bs.SpecError, match=f"effect is -0.9, by which .*; {says}"):
        bs.rehearse(panel, effect=-0.9, kind="level", duration=4, models=["none"], progress=False)
    with pytest.raises(bs.SpecError, match=f"an effect is 2.0, by which .*; {says}"):
        bs.plan_rollout(panel, effects=[2.0], kind="lift", durations=[4], progress=False)


def test_rows_are_none_too_few() -> None:
    panel, settings = _events("count", start=None), {"kind": "level", "progress": False}
    with pytest.raises(bs.SpecError, match=r"effect is -1000.0, by which .* would become −.*; .* stay at 0 or above"):
        bs.rehearse(panel, effect=-1000.0, duration=4, models=["none"], **settings)  # type: ignore[arg-type]
    with pytest.raises(
        bs.SpecError, match=r"an effect is -1000.0, by which .* would become −.*; .* stay at 0 or above"
    ):
        bs.plan_rollout(panel, effects=[-1000.0], durations=[4], **settings)  # type: ignore[arg-type]


def test_an_effect_beyond_a_scale_is_no_fault_of_the_data() -> None:
    settings = {"kind": "level", "duration": 4, "models": ["level"], "scale": "log", "progress": False}
    with pytest.raises(bs.SpecError, match=r"effect is -150.0, by which .* would become −.*; it has to stay above 0"):
        bs.rehearse(_panel(_wide()), effect=-150.0, **settings)  # type: ignore[arg-type]
    below = _wide() - 100
    with pytest.raises(bs.PanelError, match="takes the log of the outcome"):
        bs.rehearse(_panel(below), effect=1.0, **settings)  # type: ignore[arg-type]


def test_smallest_effect_is_near_that_of_the_simulated_noise(plan: RolloutPlan) -> None:
    # Independent noise of sd 1: difference in differences with 11 donors and 60 periods before.
    for duration in (5, 10):
        se = np.sqrt((1 + 1 / 11) * (1 / 60 + 1 / duration))
        average = plan.mdes.query("rule == 'interval' and duration == @duration")["average"].iloc[0]
        assert average == pytest.approx(2.8 * se, rel=0.3)
    assert plan.mde(10) < plan.mde(5)


def test_the_rule_seldom_fires_without_an_effect_and_mostly_with_a_large_one(plan: RolloutPlan) -> None:
    rows = plan.table[(plan.table["rule"] == "interval") & (plan.table["duration"] == 10)]
    assert rows["power"].is_monotonic_increasing
    assert rows["power"].iloc[0] <= 0.15
    assert rows["power"].iloc[-1] >= 0.95
    rates = plan.mdes["false_positive"]
    assert ((plan.mdes["false_positive_lower"] <= rates) & (rates <= plan.mdes["false_positive_upper"])).all()


def test_periods_needed_are_the_shortest_that_see_it(plan: RolloutPlan) -> None:
    between = (plan.mde(5) + plan.mde(10)) / 2
    assert plan.weeks_needed(between) == 10
    assert plan.weeks_needed(plan.mde(5)) == 5
    assert plan.weeks_needed(plan.mde(10) / 2) is None


@pytest.mark.parametrize(
    ("mde", "largest", "last"),
    [(0.1, np.inf, 0.2), (np.inf, np.inf, 3.0), (np.inf, 0.5, 0.475), (0.1, 0.15, 0.1425), (0.0, np.inf, 3.0)],
)
def test_a_curve_has_sizes_also_where_none_is_seen(mde: float, largest: float, last: float) -> None:
    mdes = pd.DataFrame({"rule": ["placebo", "interval"], "mde": [0.7, mde]})
    found = _spread(mdes, largest, unseen=3.0)
    assert found[0] == 0
    assert found[-1] == pytest.approx(last, rel=0.06)


@pytest.mark.parametrize("donors", [18, 19, 38, 39])
def test_the_placebo_rule_is_the_test_that_is_run_later(donors: int) -> None:
    wide = _wide(40, donors + 1)
    wide.loc[36:, "u00"] += 500
    panel = _panel(wide, 36)
    test = bs.placebo_space(panel, "did", progress=False)
    found = _tests(panel, 0, 4, "did", 0.05, 0)
    seen = test.table["mean_gap"].abs().sort_values(ascending=False).to_numpy()
    allowed = sum(rank / (donors + 1) <= 0.05 for rank in range(1, donors + 1)) - 1
    assert np.isinf(test.radius()) == np.isinf(found["threshold"]).all() == (allowed < 0)
    if allowed >= 0:
        # Who is not among so many has the threshold of the real test; leaving oneself out lowers that of the others.
        assert found["threshold"].max() == pytest.approx(seen[allowed])
        assert test.radius() == pytest.approx(seen[allowed])


def test_the_rule_in_one_direction_counts_either_direction_of_each_play(plan: RolloutPlan) -> None:
    errors = plan.errors(10, "probability")
    fired = sum((errors.error > errors.threshold).tolist() + (-errors.error > errors.threshold).tolist())
    row = plan.mdes[(plan.mdes["rule"] == "probability") & (plan.mdes["duration"] == 10)].iloc[0]
    assert row["false_positive"] == pytest.approx(fired / (2 * len(errors.error)))
    (said,) = (each for each in plan.sentences() if each.startswith("P(effect"))
    assert f"of {2 * len(errors.error)} cases, {len(errors.error)} plays of the past in either direction (" in said


def test_a_placebo_test_of_few_donors_sees_nothing(plan: RolloutPlan) -> None:
    assert plan.mde(rule="placebo") == np.inf
    assert any("cannot reject at 5%" in said for said in plan.sentences())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"durations": [55]}, "leaves fewer than 20 periods of the 60"),
        ({"durations": []}, "durations is empty"),
        ({"durations": [2.5]}, "a duration is 2.5"),
        ({"power": 1.5}, "power is 1.5"),
        ({"kind": "lfit"}, "did you mean 'lift'"),
        ({"effects": ["much"]}, "an effect is 'much'"),
        ({"ramp": -1}, "ramp is -1"),
        ({"effects": []}, "effects is empty"),
        ({"kind": "lift", "shift": -100}, "the treated series is not positive"),
    ],
)
def test_bad_requests_get_one_line(settings: dict[str, Any], says: str) -> None:
    panel = _panel(_wide() + settings.pop("shift", 0))
    with pytest.raises(bs.BsynthError, match=says) as refused:
        bs.plan_rollout(panel, **settings)
    assert "\n" not in str(refused.value)


def test_a_plan_has_the_rules_and_durations_that_were_planned(plan: RolloutPlan) -> None:
    with pytest.raises(bs.SpecError, match="rule 'intervl' is unknown, did you mean 'interval'"):
        plan.mde(rule="intervl")  # type: ignore[arg-type]
    with pytest.raises(bs.SpecError, match="duration 7 was not planned; planned are 5, 10"):
        plan.mde(7)


def test_a_plan_of_failed_fits_is_unreliable_and_names_who_could_not_play(plan: RolloutPlan) -> None:
    assert plan.status == "ok"
    failed = plan.played.table.assign(status="unreliable")
    skipped = [("u03", 40, "it does not move before 40")]
    others = replace(plan, played=replace(plan.played, table=failed, skipped=skipped))
    first = failed[failed["duration"] == 5]
    assert others.reason == f"{len(first)} of {len(first)} pseudo-treated fits did not pass the convergence gate"
    assert others.sentences()[0].startswith("UNRELIABLE")
    assert others.sentences()[-1] == "1 could not play, the first u03 at 40: it does not move before 40."
    own = replace(plan, played=replace(plan.played, own=plan.played.own.assign(status="unreliable")))
    assert own.reason.startswith("the fit of the treated unit's history")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"candidates": []}, "candidates is empty"),
        ({"candidates": [[f"u{k:02}" for k in range(11)]]}, "11 units of 12 leave fewer than 2 donors"),
        ({"duration": 25}, "60 periods leave no two windows of 25 periods in each half"),
        ({"by": "mdee"}, "did you mean 'mde'"),
        ({"size": 13}, "13 units of 12 leave fewer than 2 donors"),
        ({"size": 11, "most": 3}, "11 units of 12 leave fewer than 2 donors"),
        ({"candidates": [[]]}, "candidates holds one without units"),
        ({"candidates": ["u01", None]}, "candidates holds one without units"),
    ],
)
def test_bad_rankings_get_one_line(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(bs.BsynthError, match=says) as refused:
        bs.rank_treated(_panel(_wide()), **{"duration": 6, "progress": False} | settings)
    assert "\n" not in str(refused.value)


def test_of_many_sets_some_are_tried_and_the_ranking_says_so() -> None:
    settings = {"duration": 6, "size": 3, "most": 7, "estimator": "did", "progress": False}
    found, again, other = (bs.rank_treated(_panel(_wide()), seed=seed, **settings) for seed in (0, 0, 1))
    assert len(set(found.table["units"])) == 7
    assert all(units.count(" + ") == 2 for units in found.table["units"])
    assert found.table.equals(again.table)
    assert set(found.table["units"]) != set(other.table["units"])
    assert "7 candidates of 220 that there are were tried." in found.sentences()


def test_two_candidates_have_no_correlation_of_rankings() -> None:
    found = bs.rank_treated(_panel(_wide()), duration=6, candidates=["u01", "u02"], estimator="did", progress=False)
    assert np.isnan(found.agreement)
    assert not any("correlate" in said for said in found.sentences())


@pytest.mark.parametrize("by", ["mde", "bias", "investment"])
def test_the_correlation_of_rankings_is_that_of_what_ranks(by: Any) -> None:
    wide = _wide(80) * np.linspace(1, 9, 12)
    found = bs.rank_treated(_panel(wide), duration=6, by=by, cost_per_unit=2.0, estimator="did", progress=False)
    table = found.table
    last = wide.iloc[-6:].sum()
    first, later = (
        table[f"bias{half}"].abs() if by == "bias" else table[f"mde{half}"] for half in ("", "_later")
    )  # fmt: skip
    if by == "investment":
        first, later = (each * last[table["units"]].to_numpy() for each in (first, later))
    assert first.is_monotonic_increasing, "the ranking is by it"
    assert found.agreement == pytest.approx(first.rank().corr(later.rank()))


def test_ranking_prefers_the_quiet_unit_and_reports_the_other_half() -> None:
    wide = _wide(80)
    wide["u03"] = wide.drop(columns="u03").mean(axis=1) + 0.1 * np.random.default_rng(0).normal(size=80)
    found = bs.rank_treated(_panel(wide), duration=6, estimator="did", progress=False)
    assert found.table["units"].iloc[0] == "u03"
    # What the second half says does not enter the ranking.
    wide.loc[40:, "u03"] += 5 * np.random.default_rng(1).normal(size=40)
    again = bs.rank_treated(_panel(wide), duration=6, estimator="did", progress=False)
    assert again.table["units"].iloc[0] == "u03"
    assert again.optimism > 3


def test_ranking_puts_the_loud_unit_last() -> None:
    wide = _wide(80)
    wide["u05"] += 10 * np.random.default_rng(1).normal(size=80)
    found = bs.rank_treated(_panel(wide), duration=6, progress=False)
    assert found.table["units"].iloc[-1] == "u05"


def test_ranking_takes_sets_and_costs() -> None:
    sets = [["u00", "u01"], ["u02"]]
    found = bs.rank_treated(
        _panel(_wide()), duration=6, candidates=sets, by="investment", cost_per_unit=2.0, progress=False
    )
    assert set(found.table["units"]) == {"u00 + u01", "u02"}
    assert (found.table["investment"] > 0).all()
    with pytest.raises(bs.SpecError, match="no cost_per_unit"):
        bs.rank_treated(_panel(_wide()), duration=6, by="investment")


def test_a_rehearsed_effect_comes_back_or_is_not_seen() -> None:
    panel = _panel(_wide(units=30))
    settings = {"models": ["none"], "methods": ["did", "placebo"], "duration": 8, "kind": "level", "progress": False}
    large = bs.rehearse(panel, effect=4.0, **settings)  # type: ignore[arg-type]
    small = bs.rehearse(panel, effect=0.01, **settings)  # type: ignore[arg-type]
    nothing = bs.rehearse(panel, effect=0.0, **settings)  # type: ignore[arg-type]
    assert (large.verdict, small.verdict, nothing.verdict) == ("came back", "not seen", "nothing")
    without = large.table["estimate"] - large.injected
    assert without.iloc[0] == pytest.approx(nothing.table["estimate"].iloc[0], abs=1e-9)


def _log() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 3000
    frame = pd.DataFrame({"user": rng.integers(0, 1000, rows), "u": rng.integers(0, 8, rows)})
    frame["t"], frame["visits"] = rng.integers(0, 20, rows), rng.integers(1, 5, rows)
    return frame.assign(revenue=frame["visits"] * rng.gamma(2, 20, rows), bought=rng.integers(0, 2, rows))


def _events(agg: str, outcome: str = "revenue", **more: Any) -> bs.Panel:
    denominator = {"denominator": "visits"} if agg == "ratio" else {}
    roles = {"unit": "u", "time": "t", "outcome": outcome, "cluster": "user", "treated": 0, "start": 15}
    return bs.Panel.from_events(_log(), **roles | {"agg": agg} | denominator | more)


@pytest.mark.parametrize("agg", ["mean", "sum", "count", "ratio"])
def test_an_effect_moves_outcome_and_cells_alike_and_leaves_their_sampling_variance(agg: str) -> None:
    panel = _events(agg)
    made = with_effect(panel, 0.6, "lift", 2)
    assert made.cells is not None
    assert np.allclose(made.outcome[15, 0], 1.3 * panel.outcome[15, 0])
    assert np.allclose(made.outcome[16:, 0], 1.6 * panel.outcome[16:, 0])
    assert np.allclose(made.cells.mean, made.outcome)
    assert np.allclose(made.treated_cell_variance, panel.treated_cell_variance)
    assert np.allclose(made.donor_cell_variance, panel.donor_cell_variance)


def test_the_future_of_a_ratio_has_its_cells() -> None:
    found = ahead(_events("ratio", start=None), 4)
    assert found.cells is not None
    assert np.allclose(found.cells.mean, found.outcome)
    assert found.cells.variance.shape == found.outcome.shape


def test_a_lift_test_has_the_moments_of_the_draws() -> None:
    draws = np.random.default_rng(0).normal(200.0, 40.0, size=5000)
    prior = MMMPrior("tv", "Ohio", "sales", "calibrated", 100.0, 0.5, 10, 7.0, draws)
    (row,) = prior.table.to_dict("records")
    assert row == {
        "channel": "tv", "x": 7.0, "delta_x": 10.0, "delta_y": pytest.approx(20.0, rel=0.01),
        "sigma": pytest.approx(4.0, rel=0.05),
    }  # fmt: skip
    mu, sigma = prior.log_normal()
    mean = np.exp(mu + sigma**2 / 2)
    assert mean == pytest.approx(prior.roi.mean(), rel=1e-9)
    assert mean * np.sqrt(np.exp(sigma**2) - 1) == pytest.approx(prior.roi.std(ddof=1), rel=1e-9)
    assert prior.per_money.mean() == pytest.approx(2.0, rel=0.01)
    assert any(said.startswith("Meridian: roi_m ~ LogNormal(") for said in prior.sentences())
    assert not any("not positive" in said for said in prior.notes())
    doubtful = replace(prior, draws=draws - 150)
    assert any("10% of the draws are not positive" in said for said in doubtful.notes())


def test_a_loss_has_no_log_normal_prior() -> None:
    prior = MMMPrior("tv", "Ohio", "sales", "calibrated", 100.0, 1.0, 10, 7.0, np.array([-3.0, -2.0, -1.0]))
    with pytest.raises(bs.SpecError, match="needs a positive one"):
        prior.log_normal()
    assert prior.to_dict()["roi_m"] is None
    assert any("Meridian: none" in said for said in prior.sentences())
    assert any("refuses a lift test whose delta_y has another sign" in said for said in prior.notes())


def test_money_that_was_not_spent_buys_nothing() -> None:
    fit = bs.fit(_panel(_wide(30, 6), start=20), "level", draws=200, progress=False)
    for settings, says in (({"spend": 0}, "spend is 0"), ({"spend": 9.0, "channel": ""}, "channel is ''")):
        with pytest.raises(bs.SpecError, match=says):
            bs.mmm_prior(fit, **{"channel": "tv"} | settings)


def _counted(agg: str, treated: object = "u0", start: int | None = 12) -> bs.Panel:
    """Orders of five regions over 18 periods, some ten rows to a cell."""
    rng = np.random.default_rng(4)
    log = pd.DataFrame(
        {"unit": rng.integers(0, 5, 900), "time": rng.integers(0, 18, 900), "items": 1 + rng.poisson(2, 900)}
    )
    log["revenue"] = log["items"] * rng.gamma(20, 0.5, 900)
    below = {"denominator": "items"} if agg == "ratio" else {}
    return bs.Panel.from_events(
        log.assign(unit="u" + log["unit"].astype(str)), unit="unit", time="time", outcome="revenue", agg=agg,
        treated=treated, start=start, **below,
    )  # fmt: skip


@pytest.mark.parametrize(("agg", "what"), [("mean", "the mean of its rows"), ("ratio", "the ratio of its rows' sums")])
def test_means_of_rows_are_no_outcome_that_money_brought(agg: str, what: str) -> None:
    fit = bs.fit(_counted(agg), "level", draws=200, progress=False)
    with pytest.raises(bs.PanelError, match=f"a cell of the panel is {what}, .* agg='sum'"):
        bs.mmm_prior(fit, channel="tv", spend=100.0)


def test_what_the_money_brought_is_of_all_units_together() -> None:
    panel = _counted("sum", ["u0", "u1"])
    fit = bs.fit(panel, "level", draws=200, progress=False)
    prior = bs.mmm_prior(fit, channel="tv", spend=100.0)
    average = float(fit.effect_draws("predictive")["average"].mean())
    assert prior.per_money.mean() == pytest.approx(2 * 6 * average / 100)
    assert "of revenue in 2 units together, 95% predictive interval" in prior.sentences()[0]
    assert "mean of" not in prior.sentences()[0]


def test_an_investment_says_where_rows_do_not_count_in_it() -> None:
    settings = {"duration": 2, "by": "investment", "cost_per_unit": 1.0, "progress": False}
    said = {agg: bs.rank_treated(_counted(agg, start=None), **settings).sentences() for agg in ("mean", "sum")}  # type: ignore[arg-type]
    once = "The investment adds up cells: each is the mean of its rows and counts once"
    assert any(sentence.startswith(once) for sentence in said["mean"])
    assert not any("counts once" in sentence for sentence in said["sum"])


def test_the_command_line_writes_curve_and_picture(tmp_path: Path) -> None:
    long = _wide(40, 7).rename_axis("week").reset_index().melt("week", var_name="market", value_name="sales")
    long.to_csv(tmp_path / "sales.csv", index=False)
    columns = ["--unit", "market", "--time", "week", "--outcome", "sales", "--treated", "u00"]
    asked = ["--durations", "4,8", "--model", "level", "--windows", "1", "--draws", "300", "--quiet"]
    out = tmp_path / "power"
    done = CliRunner().invoke(main, ["power", str(tmp_path / "sales.csv"), *columns, *asked, "--out", str(out)])
    assert done.exit_code == 0, done.output
    names = {path.name for path in out.iterdir()}
    assert names == {"power.json", "power.csv", "placebos.jsonl", "figures"}
    assert (out / "figures" / "power.png").is_file()
    assert len(pd.read_csv(out / "power.csv")) == 3 * 2 * 21
