"""Matching on predictors (Abadie, Diamond and Hainmueller 2010): Prop 99 with the paper's seven.

Reference: the nested search recomputed globally (two seeds agree), predictors over their sd over 39 states;
V itself is not unique. The paper prints Utah .334, Nevada .234, Montana .199, Colorado .164, Connecticut .069,
a pre MSPE of about 3 and p = 1/39.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.frequentist import Predictors, classical, leave_one_out, placebo_space
from bsynth.frequentist.estimators import find
from bsynth.frequentist.estimators.predictors import Matching

WEIGHT = 0.002
MSPE = 1e-4
"""On 3.07666; the infimum is approached as some v go to zero."""
ATT = 1e-3
WEIGHTS = {"Utah": 0.3351, "Nevada": 0.2356, "Montana": 0.2019, "Colorado": 0.1595, "Connecticut": 0.0679}


@pytest.fixture(scope="module")
def table(data_dir: Path) -> pd.DataFrame:
    return pd.read_csv(data_dir / "california_prop99_predictors.csv", index_col="unit")


@pytest.fixture(scope="module")
def california(prop99_panel: bs.Panel, table: pd.DataFrame) -> bs.Estimate:
    return classical(prop99_panel, Predictors(table))


def test_prop99(california: bs.Estimate) -> None:
    assert california.settings["loss"] == pytest.approx(3.07666, abs=MSPE)
    assert california.pre_rmspe == pytest.approx(1.75404, abs=MSPE)
    assert california.gap[19:].mean() == pytest.approx(-18.9816, abs=ATT)
    assert california.gap[-1] == pytest.approx(-25.7326, abs=ATT)
    weights = california.weights_table().set_index("donor")["weight"]
    assert set(weights[weights > 0.001].index) == set(WEIGHTS)
    np.testing.assert_allclose(weights[list(WEIGHTS)], list(WEIGHTS.values()), atol=WEIGHT)
    assert california.duality_gap <= 1e-10


def test_windows_of_the_long_file(data_dir: Path, prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    """The authors' seven averages from tidy data; they agree with their file to 7e-6."""
    windows = [
        ("lnincome", 1980, 1988), ("retprice", 1980, 1988), ("age15to24", 1980, 1988), ("beer", 1984, 1988),
        ("outcome", 1975, 1975), ("outcome", 1980, 1980), ("outcome", 1988, 1988),
    ]  # fmt: skip
    frame = pd.read_csv(data_dir / "california_prop99.csv")
    method = Predictors.from_long(frame, unit="unit", time="time", windows=windows, starts=1)
    assert list(method.table)[3:5] == ["beer_1984_1988", "outcome_1975"]
    np.testing.assert_allclose(method.table.to_numpy(), table.to_numpy(), atol=7.1e-6)
    assert classical(prop99_panel, method).gap[19:].mean() == pytest.approx(-18.9816, abs=0.01)
    for wrong, words in (("beers", "did you mean 'beer'"), ("beer", "no value from 1970 to 1980")):
        with pytest.raises(bs.SpecError, match=words):
            Predictors.from_long(frame, unit="unit", time="time", windows=[(wrong, 1970, 1980)])


def test_v_is_told_apart_from_the_weights(california: bs.Estimate, prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    """V is not unique and a note says so; another V inside the stated ranges gives the same donor weights."""
    matched = california.predictors
    assert matched is not None
    assert matched["v"].sum() == pytest.approx(1)
    assert ((matched["v_low"] <= matched["v"]) & (matched["v"] <= matched["v_high"])).all()
    assert any("V is not unique" in note and "retprice_1980_88" in note for note in california.notes())
    again = classical(prop99_panel, Predictors(table, v=matched["v"].to_dict()))
    np.testing.assert_allclose(again.weights, california.weights, atol=1e-7)
    tight = matched["v"] * [1, 1, 1, 1, 1, 1, 100]
    assert tight["cigsale_1988"] / tight.sum() > matched["v_high"]["cigsale_1988"]
    other = classical(prop99_panel, Predictors(table, v=tight.to_dict()))
    assert np.abs(other.weights - california.weights).max() > 1e-3


def test_balance_table(california: bs.Estimate, table: pd.DataFrame) -> None:
    """Table 1 of the paper: treated, synthetic, and the mean of the donors."""
    matched = california.predictors
    assert matched is not None
    np.testing.assert_allclose(matched["treated"], table.loc["California"])
    np.testing.assert_allclose(matched["donors_mean"], table.drop("California").mean())
    donors = table.loc[list(california.panel.donors)].to_numpy()
    np.testing.assert_allclose(matched["synthetic"], california.weights @ donors)
    assert matched.loc["retprice_1980_88", "synthetic"] == pytest.approx(89.42, abs=0.01)


def test_the_seed_decides(prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    fits = [classical(prop99_panel, Predictors(table, starts=1, seed=s)) for s in (3, 3, 4)]
    np.testing.assert_array_equal(fits[0].weights, fits[1].weights)
    assert fits[2].settings["loss"] == pytest.approx(fits[0].settings["loss"], rel=1e-3)


@pytest.mark.slow
def test_prop99_placebos(prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    """California has the largest RMSPE ratio of 39, p = 1/39, as the paper prints."""
    placebo = placebo_space(prop99_panel, Predictors(table, starts=1), progress=False)
    assert placebo.ranks.loc["ratio", "rank"] == 1
    assert placebo.ranks.loc["ratio", "p"] == pytest.approx(1 / 39)
    assert placebo.table.set_index("unit").loc["New Hampshire", "pre_rmspe"] ** 2 == pytest.approx(3436.6, abs=0.1)


def small(table: pd.DataFrame, panel: bs.Panel) -> tuple[bs.Panel, pd.DataFrame]:
    kept = ["Utah", "Nevada", "Montana", "Colorado", "Connecticut", "Kansas"]
    return panel.without(*(d for d in panel.donors if d not in kept)), table[["retprice_1980_88", "cigsale_1975"]]


def test_inference_by_unit(prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    """Placebos and leave-one-out search again for each panel; whole panels say the same."""
    panel, few = small(table, prop99_panel)
    method = Predictors(few, starts=1)
    placebo = placebo_space(panel, method, progress=False)
    alone = classical(panel.as_treated("Utah"), method)
    np.testing.assert_array_equal(placebo.gaps.sel(replicate="Utah"), alone.gap)
    joined = placebo_space(panel, method, pool="include", progress=False)
    alone = classical(panel.as_treated("Colorado", pool="include"), method)
    np.testing.assert_array_equal(joined.gaps.sel(replicate="Colorado"), alone.gap)
    assert np.abs(joined.gaps - placebo.gaps).max() > 1, "California is like some of them"
    left = leave_one_out(panel, method, progress=False)
    first = left.table["dropped"][0]
    np.testing.assert_array_equal(left.gaps.sel(replicate=first), classical(panel.without(first), method).gap)


def test_outcomes_decide_between_exact_matches() -> None:
    """Two predictors, four donors around the treated: every V matches exactly, and the pre-period picks."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1, 8, 4)).cumsum(axis=1)
    y = X @ np.array([0.1, 0.4, 0.2, 0.3])
    predictors = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
    matching = Matching(predictors @ np.array([0.1, 0.4, 0.2, 0.3]), predictors, ("one", "two"))
    fit = matching.solve(y, X, 6)
    np.testing.assert_allclose(fit.weights[0], [0.1, 0.4, 0.2, 0.3], atol=1e-6)
    assert fit.predictors[0]["v_low"].tolist() == pytest.approx([0, 0])
    assert fit.predictors[0]["v_high"].tolist() == pytest.approx([1, 1])


def test_several_treated_units_are_averaged(prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    frame = prop99_panel.to_frame()[["unit", "time", "outcome"]]
    both = ["California", "Utah"]
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=both, start=1989)
    matched = classical(panel, Predictors(table, v=dict.fromkeys(table, 1.0))).predictors
    assert matched is not None
    np.testing.assert_allclose(matched["treated"], table.loc[both].mean())


@pytest.mark.parametrize("spoiled", ["treated", "donor", "predictor", "all alike"])
def test_the_search_ends_on_bad_data(prop99_panel: bs.Panel, table: pd.DataFrame, spoiled: str) -> None:
    """A huge pre-period value, a huge predictor, or predictors that never vary: a finite, certified answer."""
    panel, few = small(table, prop99_panel)
    frame = panel.to_frame()[["unit", "time", "outcome"]]
    if spoiled in {"treated", "donor"}:
        unit = {"treated": "California", "donor": "Utah"}[spoiled]
        frame.loc[(frame["unit"] == unit) & (frame["time"] == 1980), "outcome"] = 1e12
    if spoiled == "predictor":
        few = few.mask(few == few.loc["Utah", "cigsale_1975"], 1e12)
    if spoiled == "all alike":
        few = few * 0 + 0.1
    again = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated="California", start=1989)
    estimate = classical(again, Predictors(few, starts=1))
    assert np.isfinite(estimate.gap).all()
    assert estimate.weights.sum() == pytest.approx(1)
    # Beside an outcome of 1e12 double precision certifies no more.
    assert estimate.duality_gap <= 1e-6
    if spoiled == "all alike":
        np.testing.assert_allclose(estimate.weights, classical(again).weights, atol=1e-8)


def test_units_and_constants_do_not_matter(prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    """Other units of measure, extra rows, another order of rows, and a predictor that never varies."""
    v = {"lnincome_1980_88": 1.0, "beer_1984_88": 2.0, "cigsale_1988": 5.0, "flat": 1.0}
    few = table[["lnincome_1980_88", "beer_1984_88", "cigsale_1988"]].assign(flat=0.1)
    once = classical(prop99_panel, Predictors(few, v=v))
    moved = (few * [1e6, 1e-6, 3, 1]).sample(frac=1, random_state=1)
    moved.loc["Atlantis"] = np.nan
    again = classical(prop99_panel, Predictors(moved, v=v))
    np.testing.assert_allclose(again.weights, once.weights, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop("Utah"), "no row for Utah"),
        (lambda t: t.rename(index={"Utah": "Utha"}), "no row for Utah, did you mean 'Utha'"),
        (lambda t: t.mask(t == t.loc["Utah", "beer_1984_88"]), "'beer_1984_88' is missing or infinite for 'Utah'"),
        (lambda t: t.reset_index(), "'unit' is not numeric"),
        (lambda t: pd.concat([t, t.tail(1)]), "'Wyoming' twice"),
        (lambda t: t[[]], "at least one column"),
    ],
)
def test_bad_tables_are_named(prop99_panel: bs.Panel, table: pd.DataFrame, change: object, words: str) -> None:
    with pytest.raises(bs.SpecError, match=words):
        classical(prop99_panel, Predictors(change(table)))  # type: ignore[operator]


def test_bad_requests_are_named(prop99_panel: bs.Panel, table: pd.DataFrame) -> None:
    for v, words in (
        ({"beer_1984_88": 1.0}, "v names beer_1984_88"),
        (dict.fromkeys(table, 0.0), "at least one positive"),
        (dict.fromkeys(table, float("nan")), "finite"),
    ):
        with pytest.raises(bs.SpecError, match=words):
            Predictors(table, v=v)
    with pytest.raises(bs.SpecError, match="starts is 0"):
        Predictors(table, starts=0)
    for call in (classical, placebo_space, leave_one_out):
        with pytest.raises(bs.SpecError, match=r"give Predictors\(table\)"):
            call(prop99_panel, "predictors")
    y, X = prop99_panel.treated_series[None], prop99_panel.donor_matrix[None]
    with pytest.raises(bs.SpecError, match="series alone"):
        find(Predictors(table)).solve(y, X, 19)
    with pytest.raises(bs.SpecError, match="38 donors and there are 37"):
        find(Predictors(table), prop99_panel).solve(y, X[:, :, :37], 19)
