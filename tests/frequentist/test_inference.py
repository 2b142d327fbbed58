"""Placebo, leave-one-out and bootstrap: what each promises, on small panels with known answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import UnreliableWarning
from bsynth.frequentist import bootstrap, classical, leave_one_out, placebo_space, refit, with_weights
from bsynth.frequentist.inference.schemes import filled_in_time
from bsynth.text.numbers import numbers


def make_log(users: int, seed: int, *, rows: int = 1, units: int = 6, weeks: int = 8) -> pd.DataFrame:
    """Users with one or several events; unit 0 is treated from week 6, the window ends at week 7."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), rows)
    unit = np.repeat(rng.integers(0, units, users), rows)
    week = rng.integers(0, weeks + 2, len(user))
    y = 0.5 + 0.1 * unit + 0.05 * week + np.repeat(rng.normal(size=users), rows) + rng.normal(size=len(user))
    return pd.DataFrame({"user": user, "unit": unit, "week": week, "y": y})


def log_panel(log: pd.DataFrame, **arguments: object) -> bs.Panel:
    return bs.Panel.from_events(
        log, unit="unit", time="week", outcome="y", treated=0, start=6, end=7, cluster="user", **arguments
    )


def _naive_gap(sample: pd.DataFrame) -> float:
    """Mean post gap by copied rows, pandas and SLSQP: the definition, written out."""
    wide = sample[sample["week"] <= 7].groupby(["week", "unit"])["y"].mean().unstack()
    wide = wide.interpolate(limit_direction="both")
    y, X = wide[0].to_numpy(), wide.drop(columns=0).to_numpy()
    J = X.shape[1]
    fit = minimize(
        lambda w: ((y[:6] - X[:6] @ w) ** 2).sum(),
        np.full(J, 1 / J),
        jac=lambda w: 2 * X[:6].T @ (X[:6] @ w - y[:6]),
        bounds=[(0, 1)] * J,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    return float((y[6:] - X[6:] @ fit.x).mean())


@pytest.mark.parametrize(("users", "rows"), [(1500, 1), (400, 4), (600, 1)])
def test_bootstrap_equals_copied_rows(users: int, rows: int) -> None:
    """Same users drawn, whole log: also with several rows a user, and with cells that come out empty."""
    log = make_log(users, seed=3, rows=rows)
    panel = log_panel(log, missing="interpolate")
    result = bootstrap(panel, replicates=12, seed=11, progress=False)
    rng = np.random.default_rng(11)
    by_user = [group for _, group in log.groupby("user")]
    expected = []
    for _ in range(12):
        draw = rng.integers(0, users, size=users)
        expected.append(_naive_gap(pd.concat([by_user[i] for i in draw])))
    np.testing.assert_allclose(result.table["mean_gap"], expected, atol=1e-5)
    if users == 250:
        assert result.table["filled"].sum() > 0
        assert "interpolated linearly" in result.notes()[0]


def test_two_users_can_be_resampled_and_one_cannot() -> None:
    everywhere = make_log(400, seed=1).assign(user=lambda log: np.arange(len(log)) % 2)
    found = bootstrap(log_panel(everywhere), "did", replicates=40, seed=1, progress=False)
    assert len(set(found.table["mean_gap"].round(9))) == 3, "the one twice, the other twice, or both"
    with pytest.raises(bs.PanelError, match="one user"):
        bootstrap(log_panel(everywhere.assign(user=0)), "did", replicates=40, progress=False)


def test_bootstrap_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = log_panel(make_log(1500, seed=1))
    whole = bootstrap(panel, "demeaned", replicates=25, seed=4, progress=False)
    monkeypatch.setattr(refit, "BLOCK_PROBLEMS", 4)
    pieces = bootstrap(panel, "demeaned", replicates=25, seed=4, progress=False)
    np.testing.assert_allclose(pieces.gaps, whole.gaps, atol=1e-10)
    longer = bootstrap(panel, "demeaned", replicates=40, seed=4, progress=False)
    np.testing.assert_allclose(longer.gaps[:25], whole.gaps, atol=1e-10)
    other = bootstrap(panel, "demeaned", replicates=25, seed=5, progress=False)
    assert np.abs(other.gaps - whole.gaps).max() > 0.01


def test_bootstrap_effects() -> None:
    result = bootstrap(log_panel(make_log(1500, seed=2)), "did", replicates=60, seed=1, progress=False)
    table = result.effects(0.9)
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
    lower, upper = np.quantile(result.table["mean_gap"], [0.05, 0.95])
    assert table.loc[0, ["lower", "upper"]].tolist() == pytest.approx([lower, upper])
    assert (table["interval"] == "bootstrap-percentile").all()
    assert table["estimate"].tolist() == result.estimate.effects()["estimate"].tolist()
    assert table.loc[1, "lower"] == pytest.approx(2 * lower)
    panel = result.estimate.panel
    treated = panel.treated_series[panel.n_pre :].mean()
    assert table.loc[2, ["lower", "upper"]].tolist() == pytest.approx([x / (treated - x) for x in (lower, upper)])


def test_bootstrap_interval_and_p_agree() -> None:
    result = bootstrap(log_panel(make_log(1500, seed=2)), "did", replicates=200, seed=1, progress=False)
    p = result.effects()["p"][0]
    assert 0 < p <= 1
    for level in (0.5, 0.8, 0.9, 0.95):
        row = result.effects(level).iloc[0]
        assert (row["lower"] <= 0 <= row["upper"]) == (p >= 1 - level)


def test_p_is_never_zero() -> None:
    log = make_log(1500, seed=2)
    log.loc[(log["unit"] == 0) & (log["week"] >= 6), "y"] += 1000
    panel = log_panel(log)
    assert (bootstrap(panel, replicates=30, progress=False).effects()["p"] == 2 / 31).all()
    ranks = placebo_space(panel, progress=False).ranks
    assert ranks["rank"].tolist() == [1, 1, 1]
    assert ranks["p"].tolist() == pytest.approx([1 / 6] * 3)


def test_replicates_that_lose_a_unit_are_counted() -> None:
    """A donor with one user is drawn in about 63% of the replicates; the others have no answer."""
    log = make_log(1200, seed=6, units=5)
    lone = pd.DataFrame({"user": [5000] * 8, "unit": [9] * 8, "week": range(8), "y": np.linspace(1, 2, 8)})
    panel = log_panel(pd.concat([log, lone]))
    with pytest.warns(UnreliableWarning, match="drew no user of some unit"):
        result = bootstrap(panel, replicates=60, seed=0, progress=False)
    rng = np.random.default_rng(0)
    lost = [not (rng.integers(0, 1201, size=1201) == 1200).any() for _ in range(60)]
    assert result.table["failed"].tolist() == lost
    assert result.failed == sum(lost) > 5
    assert result.table.loc[result.table["failed"], "mean_gap"].isna().all()
    assert np.isfinite(result.effects(0.9)[["lower", "upper", "p"]].to_numpy()).all()
    # Those that are left cannot tell a p under 5%, so no effect is ruled out at 95%.
    assert np.isinf(result.effects()[["lower", "upper"]].to_numpy()).all()
    assert f"{60 - result.failed} replicates p cannot fall below" in result.notes()[1]
    assert f"{result.failed} of 60 replicates" in result.notes()[-1]
    assert f"{60 - result.failed} resamples" in result.sentences()[0]


@pytest.mark.parametrize(
    "series",
    [[np.nan, 1.0, np.nan, np.nan, 4.0, np.nan], [2.0, np.nan, 3.0, 3.0, np.nan, 1.0], [np.nan, np.nan, 5.0]],
)
def test_filling_is_that_of_pandas(series: list[float]) -> None:
    expected = pd.Series(series).interpolate(limit_direction="both")
    np.testing.assert_allclose(filled_in_time(np.array(series)), expected)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.974, 0.975])
@pytest.mark.parametrize("name", ["sc", "demeaned", "did"])
def test_placebo_interval_is_the_inverted_test(prop99_panel: bs.Panel, name: str, level: float) -> None:
    placebo = placebo_space(prop99_panel, name, progress=False)
    table = placebo.effects(level)
    low, high, estimate = (float(table.loc[0, c]) for c in ("lower", "upper", "estimate"))
    sizes = placebo.table["mean_gap"].abs()

    def p(tau: float) -> float:
        return (1 + int((sizes >= abs(estimate - tau)).sum())) / (1 + len(sizes))

    if np.isinf(low):
        assert 1 - level < 1 / 39
        return
    width = high - low
    assert p(low + 1e-9 * width) > 1 - level
    assert p(high - 1e-9 * width) > 1 - level
    assert p(low - 1e-9 * width) <= 1 - level + 1e-12
    assert p(high + 1e-9 * width) <= 1 - level + 1e-12
    # One procedure: zero is inside exactly when its p is above 1 − level.
    assert (low <= 0 <= high) == (table.loc[0, "p"] > 1 - level)
    assert table.loc[1, ["lower", "upper"]].tolist() == pytest.approx([12 * low, 12 * high])
    observed = prop99_panel.treated_series[19:].mean()
    if observed > high:
        expected = [low / (observed - low), high / (observed - high)]
        assert table.loc[2, ["lower", "upper"]].tolist() == pytest.approx(expected)


def test_californias_lift(prop99_panel: bs.Panel) -> None:
    """What the 90% placebo interval of the average means for sales of 60.35 packs that were seen."""
    table = placebo_space(prop99_panel, progress=False).effects(0.9).set_index("estimand")
    assert table.loc["lift", ["lower", "upper"]].tolist() == pytest.approx([-0.367, -0.062], abs=5e-4)


def test_resolution_of_ten_units_at_ninety_percent() -> None:
    """Nine donors: 1 − .9 equals 1/10 but for rounding, and a p of 1/10 is not above it: bounded."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(12, 10)), columns=list("abcdefghij"))
    panel = bs.Panel.from_wide(frame.rename_axis("t").reset_index(), time="t", treated="a", start=8)
    placebo = placebo_space(panel, "did", progress=False)
    assert placebo.radius(0.9) == placebo.table["mean_gap"].abs().max()
    assert np.isinf(placebo.radius(0.91))


def test_placebo_shapes(prop99_panel: bs.Panel) -> None:
    placebo = placebo_space(prop99_panel, progress=False)
    assert list(placebo.table.columns) == [
        "unit", "mean_gap", "last_gap", "pre_rmspe", "post_rmspe", "ratio", "kept",
    ]  # fmt: skip
    assert placebo.gaps.dims == ("replicate", "time")
    assert placebo.gaps.shape == (38, 31)
    assert placebo.gaps.sel(replicate="Utah", time=2000) == placebo.table.set_index("unit").loc["Utah", "last_gap"]
    assert tuple(placebo.effects().columns) == (*EFFECT_COLUMNS, "status")
    assert "exchangeable" in placebo.sentences()[0]


def test_the_words_of_a_placebo_test_are_its_ranks(prop99_panel: bs.Panel) -> None:
    found = placebo_space(prop99_panel, max_pre_mspe=20, progress=False)
    kept = found.table[found.table["kept"]]
    larger = int((kept["mean_gap"].abs() >= abs(found.effects()["estimate"].iloc[0])).sum())
    assert found.sentences()[0].startswith(f"Placebo in space: {larger} of {len(kept)} donors, given")
    assert (
        f"{38 - len(kept)} of 38 placebos were left out because their pre MSPE is above 20 times" in found.notes()[-1]
    )
    assert "mean_gap" not in found._repr_html_(), "a statistic is named in words"


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_filter_must_let_something_through(prop99_panel: bs.Panel, limit: float) -> None:
    with pytest.raises(bs.SpecError, match="max_pre_mspe"):
        placebo_space(prop99_panel, max_pre_mspe=limit, progress=False)


def test_a_filter_that_leaves_nothing_says_so(prop99_panel: bs.Panel) -> None:
    placebo = placebo_space(prop99_panel, max_pre_mspe=1e-6, progress=False)
    assert placebo.ranks["p"].tolist() == [1.0, 1.0, 1.0]
    assert np.isinf(placebo.radius(0.5))
    assert len(placebo.notes()) == 2


def test_leave_one_out_effects(prop99_panel: bs.Panel) -> None:
    result = leave_one_out(prop99_panel, progress=False)
    table = result.effects()
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
    assert table["level"].isna().all()
    assert table["p"].isna().all()
    assert (table["interval"] == "leave-one-out-range").all()
    assert (table.loc[0, "lower"], table.loc[0, "upper"]) == pytest.approx(result.range)
    assert "not a confidence interval" in result.sentences()[0]
    full = classical(prop99_panel).effects()["estimate"][0]
    np.testing.assert_allclose(result.table["mean_gap"] - result.table["change"], full)


def test_leave_out_all_and_two_donors(prop99_panel: bs.Panel) -> None:
    every = leave_one_out(prop99_panel, which="all", progress=False)
    assert sorted(every.table["dropped"]) == list(prop99_panel.donors)
    idle = every.table[every.table["weight"] == 0]
    np.testing.assert_allclose(idle["change"], 0, atol=1e-8)
    frame = prop99_panel.to_frame()
    pair = bs.Panel.from_long(
        frame[frame["unit"].isin(["California", "Utah", "Nevada"])],
        unit="unit", time="time", outcome="outcome", treated="California", start=1989,
    )  # fmt: skip
    assert len(leave_one_out(pair, which="all", progress=False).table) == 2


def test_the_line_of_a_robustness_check_holds_what_it_found(prop99_panel: bs.Panel) -> None:
    dropped, earlier = bs.leave_one_out(prop99_panel, progress=False), bs.placebo_time(prop99_panel)
    low, high = dropped.range
    estimate = float(dropped.effects()["estimate"].iloc[0])
    shown = numbers(estimate, low, high)
    assert (
        f"average effect {shown[0]}, without each of {len(dropped.table)} donors in turn from {shown[1]} to {shown[2]}"
        in repr(dropped)
    )
    largest = numbers(estimate, float(earlier.table.loc[earlier.table["mean_gap"].abs().idxmax(), "mean_gap"]))[1]
    assert f"largest in size of {len(earlier.table)} backdated starts {largest}>" in repr(earlier)


def test_one_donor_is_no_range_and_donors_in_turn_are_not_dropped_together(prop99_panel: bs.Panel) -> None:
    pair = prop99_panel.without(*[donor for donor in prop99_panel.donors if donor not in ("Utah", "Nevada")])
    both = bs.leave_one_out(pair, which="all", progress=False)
    one = replace(both, table=both.table.iloc[:1])
    name = one.table["dropped"].iloc[0]
    assert f"without {name}, the only donor left out, the mean gap is " in one.sentences()[0]
    assert "no confidence interval" in one.sentences()[0]
    assert f", without {name} " in repr(one)
    assert "without each of 2 donors in turn the mean gap lies between " in both.sentences()[0]
    alike = replace(both, table=both.table.assign(mean_gap=5.35))
    assert "in turn the mean gap is 5.35; " in alike.sentences()[0]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ((1.0, 0.0), "Utah of 2 donors carries practically all of the weight."),
        ((0.5, 0.5), "the weight is shared as by 2.00 of 2 donors with equal weights."),
    ],
)
def test_a_weight_on_one_donor_is_not_shared(weights: tuple[float, float], said: str, prop99_panel: bs.Panel) -> None:
    pair = prop99_panel.without(*[donor for donor in prop99_panel.donors if donor not in ("Utah", "Nevada")])
    found = with_weights(pair, dict(zip(("Utah", "Nevada"), weights, strict=True)))
    assert found.sentences()[1].endswith(said)
