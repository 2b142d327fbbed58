"""Decisions equal direct computation from the saved draws, or from the calibrated distribution."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration, Lesson, learn_inflation
from bsynth.errors import FitError, SpecError
from bsynth.findings import Decision, decide
from bsynth.findings.subject import _series_of
from bsynth.model.spec import ModelSpec


@pytest.fixture(scope="module")
def fit(made, world: bs.Panel) -> Fit:
    return made(world, ModelSpec())


@pytest.fixture(scope="module")
def calibration(fit: Fit) -> Calibration:
    rng = np.random.default_rng(8)
    inflation = learn_inflation(0.3 * rng.standard_normal(12), np.full(12, 0.2))
    return Calibration(fit, (), Lesson(None, np.ones(1), inflation), (), 1.0)


def _lift_of_the_mean(fit: Fit) -> float:
    average = fit.effect_draws("predictive")["average"].mean()
    return float(average / abs(fit.observed.isel(time=slice(fit.n_pre, None)).mean() - average))


@pytest.mark.parametrize("estimand", ["average", "cumulative", "lift"])
def test_numbers_are_those_of_the_draws(fit: Fit, estimand: str) -> None:
    draws = fit.effect_draws("predictive")[estimand].to_numpy().ravel()
    x, low, high = (float(np.quantile(draws, q)) for q in (0.3, 0.1, 0.4))
    found = decide(fit, rope=(low, high), threshold=x, cost=2.0, value_per_unit=0.7, estimand=estimand)
    direct = {
        "estimate": (draws.mean() if estimand != "lift" else _lift_of_the_mean(fit)),
        "probability_positive": (draws > 0).mean(),
        "probability_above": (draws > x).mean(),
        "probability_below_rope": (draws < low).mean(),
        "probability_above_rope": (draws > high).mean(),
        "probability_inside_rope": ((draws >= low) & (draws <= high)).mean(),
        "expected_value": (0.7 * draws - 2.0).mean(),
        "probability_loss": (0.7 * draws < 2.0).mean(),
    }
    for name, value in direct.items():
        assert found.values[name] == pytest.approx(value, abs=1e-12), name
    curve = found.curve
    assert {0.0, x, low, high} <= set(curve["x"])
    for row in curve.iloc[::20].to_dict("records"):
        assert row["probability"] == (draws > row["x"]).mean()
    assert curve["probability"].is_monotonic_decreasing


def test_loss_when_less_is_better(fit: Fit) -> None:
    draws = fit.effect_draws("predictive")["average"].to_numpy().ravel()
    found = decide(fit, cost=-2.0, value_per_unit=-1.0, estimand="average")
    assert found.values["probability_loss"] == ((-1.0 * draws) < -2.0).mean()


def test_breakdown_is_the_least_bias_that_overturns(fit: Fit) -> None:
    draws = fit.effect_draws("predictive")["average"].to_numpy().ravel()
    v = decide(fit).values
    assert v["direction"] == 1.0
    assert v["breakdown"] > 0
    # Two-sided, as the interval that the finding is reported with: what it takes is the way from zero to its lower end.
    assert v["breakdown"] == pytest.approx(np.quantile(draws, 0.025))
    assert v["breakdown"] == pytest.approx(float(fit.effects().iloc[0]["lower"]))
    assert decide(fit, level=0.5).values["breakdown"] == pytest.approx(float(fit.effects(0.5).iloc[0]["lower"]))
    assert "the 95% predictive interval of the average effect holds zero" in decide(fit).sentences()[-1]
    pre = slice(0, fit.n_pre)
    treated = fit.observed.values[pre]
    residual = treated - fit.synthetic().values[pre]
    for name, series in (("treated", treated), ("residual", residual)):
        mad = np.median(np.abs(series - np.median(series)))
        assert v[f"breakdown_{name}_mads"] == pytest.approx(v["breakdown"] / mad)
    assert decide(fit, estimand="cumulative").values["breakdown"] == v["breakdown"]


def mirrored(fit: Fit, shift: float) -> Fit:
    """The fit with its observed post-period moved, so that the effect moves by as much."""
    tree = fit.tree.copy(deep=True)
    observed = tree["observed_data"]["outcome"]
    tree["observed_data"]["outcome"] = observed + shift * (np.arange(observed.size) >= fit.n_pre)
    return replace(fit, tree=tree)


def test_breakdown_of_a_decrease_and_of_nothing(fit: Fit) -> None:
    mean = float(fit.effect_draws()["average"].mean())
    below = mirrored(fit, -2 * mean)
    draws = below.effect_draws()["average"].to_numpy().ravel()
    v = decide(below).values
    assert v["direction"] == -1.0
    assert v["breakdown"] == pytest.approx(-np.quantile(draws, 0.975))
    nothing = decide(mirrored(fit, -mean))
    assert nothing.values["breakdown"] == 0.0
    assert "No bias is needed" in nothing.sentences()[-1]


def test_the_calibrated_distribution_is_asked(calibration: Calibration) -> None:
    rows = calibration.effects(0.9).set_index("estimand")
    for estimand in ("average", "cumulative", "lift"):
        row = rows.loc[estimand]
        found = decide(calibration, threshold=float(row["upper"]), rope=(-0.9, float(row["lower"])), estimand=estimand)
        assert found.interval == "calibrated"
        assert found.values["probability_above"] == pytest.approx(0.05, abs=1e-6)
        assert found.values["probability_inside_rope"] == pytest.approx(0.05, abs=1e-3)
        assert found.values["probability_positive"] == pytest.approx(row["probability_positive"])
        assert found.values["estimate"] == pytest.approx(row["estimate"])
    tails = calibration.effects(0.9).iloc[0]
    assert decide(calibration, level=0.9).values["breakdown"] == pytest.approx(max(0.0, tails["lower"]))
    worth = decide(calibration, cost=1.0, value_per_unit=2.0, estimand="average")
    assert worth.values["expected_value"] == pytest.approx(2 * tails["estimate"] - 1)
    assert worth.values["probability_loss"] == pytest.approx(
        1 - decide(calibration, threshold=0.5).values["probability_above"]
    )


@pytest.fixture(scope="module")
def regions(made, world: bs.Panel) -> Fit:
    """Three treated regions over eight periods."""
    panel = bs.Panel.from_long(
        world.to_frame(), unit="unit", time="time", outcome="outcome", treated=["u0", "u1", "u2"], start=20
    )
    return made(panel, ModelSpec())


@pytest.mark.parametrize("treated", [1, 3])
def test_money_is_about_the_total_over_units_and_periods(fit: Fit, regions: Fit, treated: int) -> None:
    one = fit if treated == 1 else regions
    total = treated * 8 * one.effect_draws("predictive")["average"].to_numpy().ravel()
    found = decide(one, cost=10.0, value_per_unit=100.0)
    assert (found.estimand, found.units, found.periods) == ("total", treated, 8)
    assert found.values["estimate"] == pytest.approx(total.mean())
    assert found.values["expected_value"] == pytest.approx((100 * total - 10).mean())
    assert found.values["probability_loss"] == (100 * total < 10).mean()
    assert found.values["break_even"] == 0.1
    above = decide(one, threshold=float(np.quantile(total, 0.3)), estimand="total").values["probability_above"]
    assert above == pytest.approx(0.7, abs=1e-3)
    other = decide(one, cost=10.0, value_per_unit=100.0, estimand="cumulative").values["estimate"]
    assert found.values["estimate"] == pytest.approx(treated * other)
    words = "total over 8 periods" if treated == 1 else "total over 3 units and 8 periods"
    assert words in found.sentences()[0]
    assert found.to_dict()["units"] == treated


def test_the_calibrated_total(calibration: Calibration, regions: Fit) -> None:
    for one, units in ((calibration, 1), (replace(calibration, fit=regions), 3)):
        rows = one.effects(0.9).set_index("estimand").loc["cumulative"]
        found = decide(one, threshold=units * float(rows["upper"]), estimand="total")
        assert found.values["probability_above"] == pytest.approx(0.05, abs=1e-6)
        assert found.values["estimate"] == pytest.approx(units * rows["estimate"])
        worth = decide(one, cost=1.0, value_per_unit=2.0).values
        assert worth["expected_value"] == pytest.approx(2 * units * rows["estimate"] - 1)


@pytest.mark.parametrize(
    ("estimand", "words"),
    [
        ("average", "the average effect on outcome (mean of 3 units) is"),
        ("cumulative", "the cumulative effect on outcome (sum over 8 periods of the mean of 3 units) is"),
        ("lift", "the lift on outcome (mean of 3 units) is"),
        ("total", "the total over 3 units and 8 periods of the effect on outcome is"),
    ],
)
def test_of_several_units_it_says_what_it_is_about(regions: Fit, fit: Fit, estimand: str, words: str) -> None:
    assert words in decide(regions, estimand=estimand).sentences()[0]
    assert "units" not in decide(fit, estimand=estimand).sentences()[0]


def test_one_period(made, world: bs.Panel) -> None:
    short = bs.Panel.from_long(
        world.to_frame(), unit="unit", time="time", outcome="outcome", treated="u0", start=20, end=20
    )
    found = decide(made(short, ModelSpec()), cost=1.0, value_per_unit=1.0)
    assert "total over 1 period of the effect" in found.sentences()[0]
    assert found.values["estimate"] == pytest.approx(decide(made(short, ModelSpec())).values["estimate"])


def test_no_effect_in_any_draw(fit: Fit) -> None:
    tree = fit.tree.copy(deep=True)
    tree["posterior_predictive"]["counterfactual"][:] = fit.observed
    nothing = replace(fit, tree=tree)
    found = decide(nothing, threshold=0.0, rope=0.1)
    v = found.values
    # A draw of exactly zero counts half to either side.
    assert (v["probability_positive"], v["probability_direction"], v["breakdown"]) == (0.5, 0.5, 0.0)
    assert v["probability_inside_rope"] == 1.0
    said = found.sentences()
    assert "No bias is needed" in said[-1]
    assert decide(nothing, cost=1.0, value_per_unit=5.0).values["probability_loss"] == 1.0


def test_a_yardstick_of_zero_falls_back_and_says_so(fit: Fit) -> None:
    tree = fit.tree.copy(deep=True)
    flat = np.full(fit.n_pre, 20.0)
    flat[3] = 24.0
    tree["observed_data"]["outcome"][: fit.n_pre] = flat
    found = decide(replace(fit, tree=tree))
    assert found.values["treated_mad"] == 0
    assert math.isnan(found.values["breakdown_treated_mads"])
    assert found.values["breakdown_treated_sds"] == pytest.approx(found.values["breakdown"] / flat.std(ddof=1))
    assert "times the standard swing of the treated series before the start, whose median is 0" in found.sentences()[-1]
    tree["observed_data"]["outcome"][: fit.n_pre] = 20.0
    assert "the treated series" not in decide(replace(fit, tree=tree)).sentences()[-1]


@pytest.mark.parametrize("size", [1e-9, 1e12])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_sentence_contradicts_another_at_any_size_and_sign(fit: Fit, size: float, sign: float) -> None:
    tree = fit.tree.copy(deep=True)
    for group, name in (("observed_data", "outcome"), ("posterior", "counterfactual"),
                        ("posterior_predictive", "counterfactual")):  # fmt: skip
        tree[group][name] = sign * size * tree[group][name]
    moved = replace(fit, tree=tree)
    for estimand in ("average", "cumulative", "total"):
        v, plain = (decide(f, estimand=estimand).values for f in (moved, fit))
        assert v["direction"] == sign * plain["direction"]
        assert v["probability_direction"] == plain["probability_direction"]
        assert v["breakdown"] == pytest.approx(size * plain["breakdown"])
        assert (">" if sign > 0 else "<") + " 0)" in decide(moved, estimand=estimand).sentences()[0]


def test_draws_that_are_not_finite_are_counted_and_refused(fit: Fit) -> None:
    tree = fit.tree.copy(deep=True)
    tree["posterior_predictive"]["counterfactual"][0, :7, -1] = np.nan
    with pytest.raises(FitError, match=r"7 of 10,000 draws of the average effect are not finite, and none is dropped"):
        decide(replace(fit, tree=tree))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"estimand": "lifts"}, "did you mean 'lift'"),
        ({"cost": 1.0}, "cost is given without value_per_unit"),
        ({"value_per_unit": 1.0}, r"value_per_unit \(--value\) is given without cost"),
        ({"cost": 1.0, "value_per_unit": 0.0}, r"value_per_unit \(--value\) is 0"),
        ({"rope": (1.0, 0.0)}, "low below high"),
        ({"rope": 0.0}, "positive half-width"),
        ({"threshold": math.nan}, "threshold is nan; give a finite number"),
        ({"threshold": 1.0, "cost": 1.0, "value_per_unit": 1.0}, "threshold is in units of the estimand"),
        ({"rope": 1.0, "cost": 1.0, "value_per_unit": 1.0}, "give estimand='total' or 'average'"),
    ],
)
def test_bad_input(fit: Fit, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        decide(fit, **arguments)


def test_what_the_calibrated_lift_cannot_say(calibration: Calibration, fit: Fit) -> None:
    with pytest.raises(SpecError, match="no expected value"):
        decide(calibration, cost=1.0, value_per_unit=1.0, estimand="lift")
    tree = fit.tree.copy(deep=True)
    untreated = tree["posterior_predictive"]["counterfactual"]
    tree["posterior_predictive"]["counterfactual"] = untreated - untreated[..., fit.n_pre :].mean()
    # Just clear of zero in every draw, and not under the wider calibrated distribution.
    moved = tree["posterior_predictive"]["counterfactual"]
    least = moved[..., fit.n_pre :].mean("time").min()
    tree["posterior_predictive"]["counterfactual"] = moved - least + 0.01
    lost = replace(calibration, fit=replace(fit, tree=tree))
    with pytest.raises(SpecError, match="under the calibrated distribution"):
        decide(lost, estimand="lift")


def test_a_lift_over_nothing_is_refused(fit: Fit) -> None:
    tree = fit.tree.copy(deep=True)
    untreated = tree["posterior_predictive"]["counterfactual"]
    tree["posterior_predictive"]["counterfactual"] = untreated - untreated[..., fit.n_pre :].mean()
    with pytest.raises(SpecError, match="the lift means nothing"):
        decide(replace(fit, tree=tree), estimand="lift")


def test_words_and_data(fit: Fit) -> None:
    found = decide(fit, rope=0.1, threshold=1.0, cost=1.0, value_per_unit=3.0, estimand="average")
    assert isinstance(found, Decision)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["values"]["threshold"] == 1.0
    words = " ".join(found.sentences())
    assert "P(average effect > 1.00)" in words
    assert "times the median miss of the fit before the start" in words
    assert list(found.table["quantity"]) == list(found.values)
    assert "UNRELIABLE" not in words + repr(found) + found._repr_html_()
    failed = decide(replace(fit, diagnostics=replace(fit.diagnostics, status="unreliable", failures=("R-hat",))))
    assert failed.sentences()[0].startswith("UNRELIABLE")
    assert "UNRELIABLE" in repr(failed)
    assert "UNRELIABLE" in failed._repr_html_()


def test_lift_on_the_rollout_log(rollout_fit: Fit) -> None:
    draws = rollout_fit.effect_draws()["lift"].to_numpy()
    found = decide(rollout_fit, threshold=0.02, estimand="lift")
    assert found.values["probability_above"] == (draws > 0.02).mean()
    assert "P(lift > 2.00%)" in found.sentences()[1]


def test_a_total_of_means_says_that_rows_do_not_count_in_it(rollout_fit: Fit, fit: Fit) -> None:
    once = "The sum adds up cells: each is the mean of its rows and counts once, however many rows it has"
    for estimand, said in {"total": True, "cumulative": True, "average": False, "lift": False}.items():
        sentences = decide(rollout_fit, estimand=estimand, cost=1.0, value_per_unit=2.0).sentences()
        assert any(sentence.startswith(once) for sentence in sentences) is said
    assert not any("counts once" in sentence for sentence in decide(fit, cost=1.0, value_per_unit=2.0).sentences())


def test_it_speaks_of_one_direction_and_at_its_level(fit: Fit) -> None:
    found = decide(fit, level=0.8)
    for values in ({"direction": 1.0}, {"direction": -1.0}):
        turned = replace(found, values=dict(found.values) | values)
        said = turned.sentences()[0].rsplit("P(average effect ", 1)[1].rstrip(".")
        assert f"P({said}, " in repr(turned)
    assert found.level == found.to_dict()["level"] == 0.8
    assert "the 80% predictive interval" in found.sentences()[-1]
    wide = decide(fit, level=0.99)
    assert wide.values["breakdown"] <= found.values["breakdown"]


def test_its_card_has_the_headings_of_a_report(fit: Fit) -> None:
    card = decide(fit)._repr_html_()
    assert "probability_positive" not in card
    assert "Chance that it is above zero" in card
    assert "The same, in typical misses before the start" in card
    assert "positive" in card or "negative" in card


def test_with_few_donors_the_models_own_chance_is_not_spoken(fit: Fit) -> None:
    found = decide(fit)
    assert found.backing == fit.panel.n_donors
    few = replace(found, backing=2)
    assert "P(average effect > 0) is not known" in few.sentences()[0]
    assert "is not known" not in replace(found, interval="calibrated").sentences()[0]


def test_copies_of_a_donor_stand_behind_a_decision_once() -> None:
    """Of units that start together and of those that do not."""
    rng = np.random.default_rng(2)
    wide = pd.DataFrame(rng.normal(size=(20, 6)), columns=list("abcdef"))
    panel = bs.Panel.from_wide(wide.assign(**{f"again {k}": wide["c"] for k in range(5)}), start={"a": 12, "b": 15})
    fits = [SimpleNamespace(panel=(own := panel.unit_panel(unit)), n_pre=own.n_pre) for unit in "ab"]
    assert fits[0].panel.n_donors == 9
    assert _series_of(*fits) == _series_of(fits[0]) == 4
    assert _series_of(fits[0], SimpleNamespace(panel=None, n_pre=3)) is None
