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
from bsynth.frequentist import Predictors, bootstrap, classical, leave_one_out, placebo_space, with_weights
from bsynth.frequentist import estimators as registry
from bsynth.frequentist.estimators import ESTIMATORS, MODULES, Estimator, Method
from bsynth.frequentist.estimators.predictors import Matching

NAMES = sorted(ESTIMATORS)
CERTIFIED = [name for name in NAMES if name != "sc-slsqp"]
"""SciPy's solver certifies no optimum, and says so where it finds none."""
EXTRAPOLATES = "ascm"
"""The one estimator whose weights may be negative."""


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


def request_for(name: str, panel: bs.Panel) -> Method:
    """The name; or, for `predictors`, the pre-period outcomes as predictors that count the same."""
    if name != "predictors":
        return name
    table = pd.DataFrame(panel.outcome[: panel.n_pre].T, index=list(panel.units)).add_prefix("t")
    return Predictors(table, v=dict.fromkeys(table, 1.0))


def on_arrays(name: str, y: np.ndarray, X: np.ndarray, n_pre: int) -> Estimator:
    """An estimator that solves plain arrays; `predictors` gets the first problem's pre-period to match."""
    if name != "predictors":
        return ESTIMATORS[name]
    return Matching(y[0, :n_pre], X[0, :n_pre], tuple(range(n_pre)), np.ones(n_pre))


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
    estimator = on_arrays(name, y, X, 7)
    for word in ("NAME", "TITLE", "CONDITIONS"):
        assert getattr(estimator, word) == getattr(module, word)
    fit = estimator.solve(y, X, 7, solver=solver)
    assert fit.weights.shape == (3, 4)
    assert fit.intercept.shape == fit.duality_gap.shape == fit.regularised.shape == (3,)
    assert fit.counterfactual(X).shape == (3, 10)
    assert all(values.shape == (3,) for values in fit.settings.values())
    np.testing.assert_allclose(fit.weights.sum(axis=1), 1, atol=1e-9)
    assert (fit.weights >= -1e-12).all() or name == EXTRAPOLATES
    if fit.time_weights is not None:
        assert fit.time_weights.shape == (3, 7)
        np.testing.assert_allclose(fit.time_weights.sum(axis=1), 1, atol=1e-9)
    for b in range(3):
        alone = estimator.solve(y[[b]], X[[b]], 7, solver=solver)
        np.testing.assert_allclose(alone.counterfactual(X[[b]])[0], fit.counterfactual(X)[b], atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_fit_sees_the_pre_period_only(name: str) -> None:
    """Of the treated series by every estimator; of the donors too, except by the time weights."""
    rng = np.random.default_rng(2)
    y, X = rng.normal(size=(1, 10)), rng.normal(size=(1, 10, 4))
    later_y, later_X = y.copy(), X.copy()
    later_y[:, 7:] += 100
    later_X[:, 7:] *= -3
    estimator = on_arrays(name, y, X, 7)
    before, treated, donors = (estimator.solve(a, b, 7) for a, b in ((y, X), (later_y, X), (y, later_X)))
    np.testing.assert_array_equal(before.weights, treated.weights)
    np.testing.assert_array_equal(before.intercept, treated.intercept)
    np.testing.assert_array_equal(before.weights, donors.weights)
    if before.time_weights is None:
        np.testing.assert_array_equal(before.intercept, donors.intercept)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_period_after_the_start(name: str) -> None:
    """Conformal inference fits on every period."""
    rng = np.random.default_rng(3)
    y, X = rng.normal(size=(1, 10)), rng.normal(size=(1, 10, 4))
    fit = on_arrays(name, y, X, 10).solve(y, X, 10)
    assert np.isfinite(fit.counterfactual(X)).all()


@pytest.mark.parametrize("panel_name", ["prop99_panel", "basque_panel", "germany_panel", "rollout_panel"])
@pytest.mark.parametrize("name", CERTIFIED)
def test_slsqp_agrees_with_exact(request: pytest.FixtureRequest, panel_name: str, name: str) -> None:
    panel = request.getfixturevalue(panel_name)
    exact, slsqp = (classical(panel, request_for(name, panel), solver=s) for s in ("exact", "slsqp"))
    np.testing.assert_allclose(slsqp.weights, exact.weights, atol=1e-4)
    assert exact.duality_gap <= 1e-10
    assert exact.regularised == 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([100.0, 1e-6, 1e9]))
def test_units_of_measure(name: str, seed: int, factor: float) -> None:
    frame = make_frame(seed)
    panel, scaled = make_panel(frame), make_panel(frame.assign(y=frame["y"] * factor))
    once, again = (classical(p, request_for(name, p)).effects() for p in (panel, scaled))
    expected = once["estimate"] * [factor, factor, 1.0]
    # SLSQP stops where SciPy's tolerance lets it, the others at the optimum.
    np.testing.assert_allclose(
        again["estimate"], expected, rtol=1e-5 if name == "sc-slsqp" else 1e-8, atol=1e-12 * factor
    )
    placebos = [placebo_space(p, request_for(name, p), progress=False).ranks for p in (panel, scaled)]
    assert placebos[0]["rank"].tolist() == placebos[1]["rank"].tolist()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_and_donors(name: str, seed: int) -> None:
    frame = make_frame(seed)
    panel = make_panel(frame)
    method = request_for(name, panel)
    estimate = classical(panel, method)
    shuffled = classical(make_panel(frame.sample(frac=1, random_state=seed)), method)
    np.testing.assert_allclose(shuffled.gap, estimate.gap, atol=1e-9)
    # Columns in another order, past the panel's own sorting.
    order = np.random.default_rng(seed).permutation(panel.n_donors)
    y, X = panel.treated_series[None], panel.donor_matrix[None][:, :, order]
    fit = on_arrays(name, y, X, panel.n_pre).solve(y, X, panel.n_pre)
    # SLSQP stops where SciPy's tolerance lets it, the others at the optimum.
    np.testing.assert_allclose(fit.weights[0], estimate.weights[order], atol=1e-4 if name == "sc-slsqp" else 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_level_shift(name: str) -> None:
    """A constant added to the treated unit moves the effect where there is no intercept, and nowhere else."""
    frame = make_frame(5)
    shifted = frame.assign(y=frame["y"] + 3.0 * (frame["unit"] == "treated"))
    panels = [make_panel(f) for f in (frame, shifted)]
    gaps = [classical(p, request_for(name, p)).gap for p in panels]
    moved = np.abs(gaps[0] - gaps[1]).max()
    assert moved < 1e-9 if name in {"demeaned", "did", "sdid"} else moved > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_effects_and_path(prop99_panel: bs.Panel, name: str) -> None:
    estimate = classical(prop99_panel, request_for(name, prop99_panel))
    table = estimate.effects()
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
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
    weights = classical(make_panel(frame)).weights_table().set_index("donor")["weight"]
    twin = frame[frame["unit"] == weights.index[0]].assign(unit="twin")
    once, twice = classical(make_panel(frame)), classical(make_panel(pd.concat([frame, twin])))
    np.testing.assert_allclose(twice.gap, once.gap, atol=1e-7)
    assert twice.regularised > 0
    assert any("equally well" in note for note in twice.notes())


@pytest.mark.parametrize("name", NAMES)
def test_user_bootstrap(rollout_panel: bs.Panel, name: str) -> None:
    """Every estimator of series refits on resampled users; predictors belong to units and are refused in one line."""
    method = request_for(name, rollout_panel)
    if isinstance(method, Predictors):
        with pytest.raises(SpecError, match="predictors belong to units"):
            bootstrap(rollout_panel, method, replicates=20, progress=False)
        return
    result = bootstrap(rollout_panel, method, replicates=20, seed=1, progress=False)
    assert result.estimate.gap.tolist() == classical(rollout_panel, method).gap.tolist()
    assert np.isfinite(result.gaps).all()
    row = result.effects().iloc[0]
    assert row["lower"] < row["estimate"] < row["upper"]


def worst(case: str) -> pd.DataFrame:
    """A panel that breaks careless code: 6 donors, 8 pre-periods unless said otherwise."""
    frame = make_frame(7, donors=30 if case == "more donors than periods" else 6)
    wide = frame.pivot(index="time", columns="unit", values="y")
    match case:
        case "collinear":
            wide["d1"], wide["d2"], wide["d3"] = wide["d0"], 2 * wide["d0"] - 7, wide["d4"]
        case "treated twice":
            wide["d1"] = wide["treated"]
        case "zero donor":
            wide["d1"] = 0.0
        case "outlier":
            wide.loc[2003, "treated"] = 1e12
        case "outlier in a donor":
            wide.loc[2003, "d1"] = 1e12
        case "constant donors":
            wide.loc[:, "d0":"d5"] = [3.0, 4.0, 5.0, 3.0, 8.0, 30.0]
    return wide.melt(ignore_index=False, value_name="y").reset_index()


WORST = (
    "collinear", "more donors than periods", "treated twice", "zero donor", "outlier", "outlier in a donor",
    "constant donors",
)  # fmt: skip


@pytest.mark.parametrize("case", WORST)
@pytest.mark.parametrize("name", CERTIFIED)
def test_bad_panels_have_an_answer(name: str, case: str) -> None:
    """A certified answer on each of them: finite, weights that sum to one, the optimum where one is known."""
    panel = make_panel(worst(case))
    estimate = classical(panel, request_for(name, panel))
    assert np.isfinite(estimate.counterfactual).all()
    assert estimate.weights.sum() == pytest.approx(1, abs=1e-9 + 1e-14 * np.abs(estimate.weights).sum())
    assert estimate.duality_gap <= 1e-10
    if case == "treated twice" and name in {"sc", "demeaned", "ascm", "predictors"}:
        np.testing.assert_allclose(estimate.gap, 0, atol=1e-6)
    if case == "outlier in a donor" and name in {"sc", "demeaned"}:
        np.testing.assert_allclose(estimate.gap, classical(panel.without("d1"), name).gap, atol=1e-4)


@pytest.mark.parametrize("case", WORST)
@pytest.mark.parametrize("name", NAMES)
def test_bad_panels_in_inference(name: str, case: str) -> None:
    """Placebos and leave-one-out give numbers or one line that names the fault, never NaN gaps."""
    panel = make_panel(worst(case))
    for verb in (placebo_space, leave_one_out):
        said = ""
        try:
            gaps = verb(panel, request_for(name, panel), progress=False).gaps.to_numpy()
        except bs.BsynthError as error:
            gaps, said = np.zeros(1), str(error)
        assert np.isfinite(gaps).all()
        assert "\n" not in said


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
    assert "mean of 25 workspaces" in repr(estimate)
    frame = make_frame(6).replace({"unit": {"d0": "<b>&", "treated": "<i>"}})
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated="<i>", start=2008)
    for result in (
        classical(panel, "did"),
        placebo_space(panel, "did", max_pre_mspe=0.001, progress=False),
        leave_one_out(panel, "did", progress=False),
        bootstrap(rollout_panel, replicates=5, progress=False),
        classical(panel, request_for("predictors", panel)),
    ):
        page = result._repr_html_()
        assert "<b>&" not in page
        assert "<i>" not in page
        assert page.startswith("<div")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: classical(p, "demeand"), "did you mean 'demeaned'.*sc, demeaned, did, sdid, ascm, predictors"),
        (lambda p: classical(p, 3), "estimator is 3; give a name"),
        (lambda p: classical(p, solver="slqsp"), "did you mean 'slsqp'"),
        (lambda p: placebo_space(p, "mcnnm"), "estimator 'mcnnm' is unknown"),
        (lambda p: with_weights(p, {}), "weights are empty"),
        (lambda p: with_weights(p, {"Utha": 1}), "'Utha', which is no donor, did you mean 'Utah'"),
        (lambda p: with_weights(p, {"Utah": np.nan}), "the weight of 'Utah' is nan"),
        (lambda p: with_weights(p, {"Utah": 1}, intercept=np.inf), "intercept is inf"),
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
