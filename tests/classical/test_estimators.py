"""Every estimator offers the same names and keeps the same promises."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS, ESTIMANDS
from bsynth.errors import SpecError
from bsynth.frequentist import bootstrap, classical, leave_one_out, placebo_space
from bsynth.frequentist import estimators as registry
from bsynth.frequentist.estimators import ESTIMATORS, MODULES

NAMES = sorted(ESTIMATORS)


def make_frame(seed: int, donors: int = 6, periods: int = 12) -> pd.DataFrame:
    """Two factors, a treated unit inside the donors, no effect."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(periods, 2)).cumsum(axis=0)
    outcome = factors @ rng.normal(size=(2, donors + 1)) + rng.normal(scale=0.3, size=(periods, donors + 1)) + 20
    names = ["treated", *[f"d{j}" for j in range(donors)]]
    return pd.DataFrame(
        {
            "unit": np.repeat(names, periods),
            "time": np.tile(np.arange(2000, 2000 + periods), donors + 1),
            "y": outcome.T.ravel(),
        }
    )


def make_panel(frame: pd.DataFrame, start: int = 2008) -> bs.Panel:
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated="treated", start=start)


def test_the_registry_is_the_folder() -> None:
    files = {p.stem for p in Path(registry.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert {m.__name__.rsplit(".", 1)[1] for m in MODULES} == files
    assert len(ESTIMATORS) == len(MODULES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("solver", ["exact", "slsqp"])
def test_shape(name: str, solver: str) -> None:
    module = ESTIMATORS[name]
    assert name == module.NAME
    assert module.TITLE
    assert module.CONDITIONS.endswith(".")
    rng = np.random.default_rng(1)
    y, X = rng.normal(size=(3, 10)), rng.normal(size=(3, 10, 4))
    fit = module.solve(y, X, 7, solver=solver)
    assert fit.weights.shape == (3, 4)
    assert fit.intercept.shape == fit.duality_gap.shape == fit.regularised.shape == (3,)
    assert fit.counterfactual(X).shape == (3, 10)
    np.testing.assert_allclose(fit.weights.sum(axis=1), 1, atol=1e-9)
    assert (fit.weights >= -1e-12).all()
    for b in range(3):
        alone = module.solve(y[[b]], X[[b]], 7, solver=solver)
        np.testing.assert_allclose(alone.counterfactual(X[[b]])[0], fit.counterfactual(X)[b], atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_fit_sees_the_pre_period_only(name: str) -> None:
    rng = np.random.default_rng(2)
    y, X = rng.normal(size=(1, 10)), rng.normal(size=(1, 10, 4))
    later_y, later_X = y.copy(), X.copy()
    later_y[:, 7:] += 100
    later_X[:, 7:] *= -3
    before, after = (ESTIMATORS[name].solve(a, b, 7) for a, b in ((y, X), (later_y, later_X)))
    np.testing.assert_array_equal(before.weights, after.weights)
    np.testing.assert_array_equal(before.intercept, after.intercept)


@pytest.mark.parametrize("panel_name", ["prop99_panel", "basque_panel", "germany_panel", "rollout_panel"])
@pytest.mark.parametrize("name", NAMES)
def test_slsqp_agrees_with_exact(request: pytest.FixtureRequest, panel_name: str, name: str) -> None:
    panel = request.getfixturevalue(panel_name)
    exact, slsqp = (classical(panel, name, solver=s) for s in ("exact", "slsqp"))
    np.testing.assert_allclose(slsqp.weights, exact.weights, atol=1e-4)
    assert exact.duality_gap <= 1e-10
    assert exact.regularised == 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([100.0, 1e-6, 1e9]))
def test_units_of_measure(name: str, seed: int, factor: float) -> None:
    frame = make_frame(seed)
    panel, scaled = make_panel(frame), make_panel(frame.assign(y=frame["y"] * factor))
    once, again = classical(panel, name).effects(), classical(scaled, name).effects()
    expected = once["estimate"] * [factor, factor, 1.0]
    np.testing.assert_allclose(again["estimate"], expected, rtol=1e-8, atol=1e-12 * factor)
    placebos = [placebo_space(p, name, progress=False).ranks for p in (panel, scaled)]
    assert placebos[0]["rank"].tolist() == placebos[1]["rank"].tolist()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_and_donors(name: str, seed: int) -> None:
    frame = make_frame(seed)
    panel = make_panel(frame)
    estimate = classical(panel, name)
    shuffled = classical(make_panel(frame.sample(frac=1, random_state=seed)), name)
    np.testing.assert_allclose(shuffled.gap, estimate.gap, atol=1e-9)
    # Columns in another order, past the panel's own sorting.
    order = np.random.default_rng(seed).permutation(panel.n_donors)
    y, X = panel.treated_series[None], panel.donor_matrix[None][:, :, order]
    fit = ESTIMATORS[name].solve(y, X, panel.n_pre)
    np.testing.assert_allclose(fit.weights[0], estimate.weights[order], atol=1e-9)


@pytest.mark.parametrize("name", ["sc", "demeaned"])
def test_level_shift(name: str) -> None:
    """A constant added to the treated unit moves sc's fit but not demeaned's effect."""
    frame = make_frame(5)
    shifted = frame.assign(y=frame["y"] + 3.0 * (frame["unit"] == "treated"))
    gaps = [classical(make_panel(f), name).gap for f in (frame, shifted)]
    moved = np.abs(gaps[0] - gaps[1]).max()
    assert moved < 1e-9 if name == "demeaned" else moved > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_effects_and_path(prop99_panel: bs.Panel, name: str) -> None:
    estimate = classical(prop99_panel, name)
    table = estimate.effects()
    assert tuple(table.columns) == EFFECT_COLUMNS
    assert tuple(table["estimand"]) == ESTIMANDS
    assert (table["method"] == name).all()
    assert table["model"].isna().all()
    assert table[["lower", "upper", "level", "p"]].isna().all(axis=None)
    average, cumulative, lift = table["estimate"]
    assert cumulative == pytest.approx(12 * average)
    assert lift == pytest.approx(cumulative / estimate.counterfactual[19:].sum())
    path = estimate.path()
    np.testing.assert_allclose(path["observed"] - path["counterfactual"], path["gap"])
    assert path["time"].tolist() == list(range(1970, 2001))
    assert path[["lower", "upper", "gap_lower", "gap_upper"]].isna().all(axis=None)


def test_several_optima_are_said() -> None:
    """A donor twice: the fit is that of the donor once, and a note says the weights are one of many."""
    frame = make_frame(3)
    weights = classical(make_panel(frame)).weights_table()
    twin = frame[frame["unit"] == weights.index[0]].assign(unit="twin")
    once, twice = classical(make_panel(frame)), classical(make_panel(pd.concat([frame, twin])))
    np.testing.assert_allclose(twice.gap, once.gap, atol=1e-7)
    assert twice.regularised > 0
    assert any("equally well" in note for note in twice.notes)


def test_perfect_fit_has_an_infinite_ratio() -> None:
    frame = make_frame(4)
    copy = frame[frame["unit"] == "d0"]["y"].to_numpy().copy()
    copy[8:] += 5
    frame.loc[frame["unit"] == "treated", "y"] = copy
    estimate = classical(make_panel(frame))
    assert estimate.effects()["estimate"][0] == pytest.approx(5)
    assert estimate.rmspe_ratio > 1e8
    assert placebo_space(make_panel(frame), progress=False).ranks.loc["ratio", "rank"] == 1


def test_reprs(rollout_panel: bs.Panel) -> None:
    estimate = classical(rollout_panel)
    assert repr(estimate).count("\n") == 0
    assert "mean of 25 units" in repr(estimate)
    frame = make_frame(6).replace({"unit": {"d0": "<b>&", "treated": "<i>"}})
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated="<i>", start=2008)
    for result in (
        classical(panel, "did"),
        placebo_space(panel, "did", max_pre_mspe=0.001, progress=False),
        leave_one_out(panel, "did", progress=False),
        bootstrap(rollout_panel, replicates=5, progress=False),
    ):
        page = result._repr_html_()
        assert "<b>&" not in page
        assert "<i>" not in page
        assert page.startswith("<div")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: classical(p, "demeand"), "did you mean 'demeaned'.*sc, demeaned, did"),
        (lambda p: classical(p, solver="slqsp"), "did you mean 'slsqp'"),
        (lambda p: placebo_space(p, "sdid"), "estimator 'sdid' is unknown"),
        (lambda p: placebo_space(p, pool="excluded"), "did you mean 'exclude'"),
        (lambda p: placebo_space(p, max_pre_mspe=0), "max_pre_mspe is 0"),
        (lambda p: placebo_space(p, max_pre_mspe=float("nan")), "max_pre_mspe is nan"),
        (lambda p: placebo_space(p, progress=False).effects(95), "level is 95"),
        (lambda p: leave_one_out(p, which="every"), "which is 'every'"),
        (lambda p: leave_one_out(p, threshold=1), "threshold is 1"),
        (lambda p: leave_one_out(p, threshold=0.99), "no donor has a weight above 0.99"),
        (lambda p: bootstrap(p), "from_events"),
        (lambda p: bootstrap(p, cluster="users"), "did you mean 'user'"),
        (lambda p: bootstrap(p, replicates=1), "replicates is 1"),
    ],
)
def test_bad_requests_are_named(prop99_panel: bs.Panel, call: object, words: str) -> None:
    with pytest.raises(bs.BsynthError, match=words) as caught:
        call(prop99_panel)  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, SpecError | bs.PanelError)
