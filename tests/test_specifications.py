"""The specification curve and its stack: plans, arithmetic, and a small real curve on Prop 99."""

import json
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.findings.specifications import (
    SpecificationCurve,
    SpecificationRun,
    Stack,
    plan_curve,
    specification_curve,
    stack,
)
from bsynth.findings.specifications.pools import distances, ranking
from bsynth.findings.specifications.stack import stacking_weights
from bsynth.panel.simulate import simulate_factor
from bsynth.plots.specification_curve import plot_specification_curve

mpl.use("Agg")
SMALL = {"drifts": ["none"], "alphas": [1.0], "pools": ["pre-fit"], "starts": [1987], "since": [], "last": 3}


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    frame = simulate_factor(donors=12, seed=4)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)


@pytest.fixture(scope="module")
def prop99_curve(prop99_panel: bs.Panel, tmp_path_factory: pytest.TempPathFactory) -> tuple[SpecificationCurve, Path]:
    store = tmp_path_factory.mktemp("curve") / "runs.jsonl"
    curve = specification_curve(
        prop99_panel,
        base="level",
        **SMALL,
        sampling=bs.Sampling(draws=300, seed=1, n_jobs=2),
        store=store,
        progress=False,
    )
    return curve, store


def invented(panel: bs.Panel, rng: np.random.Generator, **lists: object) -> SpecificationCurve:
    """A curve whose effects are known sums of what its switches do, without sampling."""
    plan = plan_curve(panel, **lists)
    runs = []
    for k, s in enumerate(plan.specifications):
        shift = -4.0 * (s.scale == "each") + 1.0 * (s.level == "none") + {"none": 0.5, "walk": -0.5}.get(s.drift, 0.0)
        noise = rng.normal(size=400)
        scores = rng.normal(-1.0, 0.3, len(plan.held))
        runs.append(
            SpecificationRun(s, 10 + shift + noise - noise.mean(), scores, "ok", (), int(k == 1), 0.5, 4.0, 0.1)
        )
    return SpecificationCurve(plan, tuple(runs))


def test_default_plan_is_counted_before_anything_is_sampled(germany_panel: bs.Panel) -> None:
    plan = plan_curve(germany_panel)
    assert len(plan.specifications) == len(set(plan.specifications)) == 36 + 8 + 2 + 2
    assert plan.fits == 48 * 6
    assert plan.held == (25, 26, 27, 28, 29)
    assert "48 specifications of 'default' on West Germany: 36 of scale ['treated', 'each'] × level" in str(plan)
    assert "288 fits" in str(plan)
    assert repr(plan).startswith("<CurvePlan 48 specifications of 'default' on West Germany")
    assert "\n" not in repr(plan)
    assert plan.values("pool")[:4] == ["all", "top-5", "top-10", "pre-fit"]
    assert (plan.values("start"), plan.values("since")) == ([1990, 1987, 1984], [1960, 1967, 1975])
    own = plan.reference.model(plan.base)
    default = bs.load_model("default")
    assert (own.scale, own.level, own.drift, own.weights) == (
        default.scale,
        default.level,
        default.drift,
        default.weights,
    )


def test_switches_make_the_models_of_the_catalogue(germany_panel: bs.Panel) -> None:
    plan = plan_curve(germany_panel, base="level")
    made = [s.model(plan.base).to_dict() | {"name": "", "title": ""} for s in plan.specifications[:36]]
    for name in ("level", "dirichlet", "standardised", "sparse"):
        assert bs.load_model(name).to_dict() | {"name": "", "title": ""} in made


def test_pools_keep_the_donors_they_say(panel: bs.Panel) -> None:
    order = [panel.donors[j] for j in ranking(panel)]
    weights = bs.classical(panel, "demeaned").weights
    assert weights[panel.donors.index(order[0])] == weights.max()
    found = plan_curve(panel, pools=["top-4", "pre-fit", "leave-one-out"], starts=[], since=[])
    pools = {str(s.pool): set(s.pool.apply(panel).donors) for s in found.specifications}
    assert pools["all"] == set(panel.donors)
    assert pools["top-4"] == set(order[:4])
    near = distances(panel)
    assert pools["pre-fit"] == {u for u, d in zip(panel.donors, near, strict=True) if d <= np.median(near)}
    assert pools[f"without {order[0]}"] == set(panel.donors) - {order[0]}
    given = plan_curve(panel, pools={"mine": [3, 5, 7]}, starts=[], since=[]).specifications[-1].pool
    assert (str(given), given.apply(panel).donors) == ("mine", (3, 5, 7))


def test_windows_leave_periods_out_but_keep_the_effect(panel: bs.Panel) -> None:
    plan = plan_curve(panel, pools=[], starts=[27], since=[10])
    earlier, later = (s.window for s in plan.specifications[-2:])
    fitted = earlier.apply(panel)
    assert (fitted.n_pre, len(fitted.times)) == (27, len(panel.times))
    fitted = later.apply(panel)
    assert (fitted.times[0], fitted.n_pre, fitted.n_post) == (10, 20, panel.n_post)
    np.testing.assert_array_equal(fitted.donor_matrix, panel.donor_matrix[10:])
    # A forecast of period 28 leaves out as many periods before it, and nothing of the real window is there.
    ahead = earlier.forecast(panel, 28)
    assert (ahead.n_pre, ahead.times[-1]) == (25, 29)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"scales": ["trated"]}, "scales has 'trated', did you mean 'treated'\\?; allowed: treated, each"),
        ({"level_shifts": "shift"}, "level_shifts is 'shift'; give a list"),
        ({"drifts": []}, "drifts is \\[\\]; give a list with at least one of none, walk"),
        ({"alphas": [1.0, -1]}, "alphas has −1; give positive numbers"),
        ({"alphas": []}, "alphas is empty"),
        ({"pools": ["top-40"]}, "pool 'top-40' of 12 donors; give top-2 to top-11"),
        ({"pools": ["nearest"]}, "unknown pool 'nearest'; it can be all, top-5"),
        ({"pools": "top-5"}, "pools is 'top-5'; give a list"),
        ({"pools": {"few": [3]}}, "pool 'few' has 1 donor; give at least 2"),
        ({"pools": {"mine": [3, 99]}}, "there is no donor '99'"),
        ({"starts": [30]}, "starts has 30; give periods from 8 to 29"),
        ({"since": [0]}, "since has 0; give periods from 1 to 22"),
        ({"last": 2}, "last is 2; give 3 to 27"),
        ({"draws": 10}, "draws is 10; give at least 100"),
        (
            {
                "scales": ["each"],
                "level_shifts": ["none"],
                "drifts": ["none"],
                "alphas": [1.0],
                "pools": [],
                "starts": [],
                "since": [],
            },
            "the lists leave 1 specification",
        ),
        ({"base": "unheard-of"}, "unknown model 'unheard-of'"),
    ],
)
def test_bad_requests_stop_before_the_first_draw(panel: bs.Panel, request_: dict, message: str) -> None:
    with pytest.raises(bs.BsynthError, match=message) as caught:
        specification_curve(panel, **request_, progress=False)
    assert "\n" not in str(caught.value)


def test_store_that_cannot_be_written_is_an_error(panel: bs.Panel, tmp_path: Path) -> None:
    with pytest.raises(bs.SpecError, match="it is a folder"):
        specification_curve(panel, store=tmp_path, progress=False)


def test_known_cells_keep_one_scale(rollout_panel: bs.Panel) -> None:
    plan = plan_curve(rollout_panel)
    assert plan.values("scale") == ["treated"]
    with pytest.raises(bs.SpecError, match=r"scale = 'each' needs cells\.variance = 'exact'"):
        plan_curve(rollout_panel, scales=["treated", "each"])
    assert plan_curve(rollout_panel, base="level").values("scale") == ["treated", "each"]


def test_contrasts_change_one_switch_alone(panel: bs.Panel, rng: np.random.Generator) -> None:
    curve = invented(panel, rng, pools=["pre-fit"], starts=[28], since=[5])
    assert curve.median == pytest.approx(np.median([r.average.mean() for r in curve.runs]))
    assert curve.range == pytest.approx((10 - 4 - 0.5, 10 + 1 + 0.5))
    scale = curve.pairs("scale")
    assert len(scale) == 18
    np.testing.assert_allclose(scale["change"], -4.0)
    found = curve.contrasts.set_index(["switch", "to"])
    top = curve.contrasts.iloc[0]
    assert (top["switch"], top["from"], top["to"], top["pairs"]) == ("scale", "treated", "each", 18)
    assert (top["reference_from"], top["reference_to"]) == pytest.approx((10.0, 6.0))
    assert found.loc[("level_shift", "none"), "mean_change"] == pytest.approx(1.0)
    assert found.loc[("drift", "walk"), ["least", "most"]].tolist() == pytest.approx([-0.5, -0.5])
    assert found.loc[("pool", "pre-fit"), "pairs"] == 1
    words = " ".join(curve.sentences())
    assert "What matters most is the scale: from treated to each the effect moves by −4.00 on average" in words
    assert "1 of 195 refits" in words
    with pytest.raises(bs.SpecError, match="unknown switch 'scales', did you mean 'scale'"):
        curve.pairs("scales")


def test_unreliable_fits_are_marked_and_told_apart(panel: bs.Panel, rng: np.random.Generator) -> None:
    curve = invented(panel, rng, pools=[], starts=[], since=[])
    lowest = int(curve.estimates.argmin())
    runs = [replace(r, status="unreliable") if k == lowest else r for k, r in enumerate(curve.runs)]
    marked = SpecificationCurve(curve.plan, tuple(runs))
    assert marked.range == curve.range
    assert (marked.table["status"] == "unreliable").sum() == 1
    assert marked.sentences()[0].startswith("UNRELIABLE: 1 of 36 fits")
    assert "UNRELIABLE" in repr(marked)
    found = stack(marked)
    assert any("1 unreliable fit with" in s for s in found.sentences())
    # What it was chosen from was not all there, whether or not the failed fit has weight.
    assert found.weights[lowest] == 0
    assert (found.status, found.reason) == ("unreliable", marked.reason)
    assert found.sentences()[0].startswith("UNRELIABLE: 1 unreliable fit with 0")
    kept = marked.reliable
    scores = np.stack([r.log_density for r in marked.runs], axis=1)[:, kept]
    assert found.reliable_estimate == pytest.approx(stacking_weights(scores) @ marked.estimates[kept])
    ax = plot_specification_curve(marked)
    assert any("UNRELIABLE" in t.get_text() for t in ax.texts)
    plt.close("all")


def shortfall(log_density: np.ndarray, weights: np.ndarray) -> float:
    """Bound how far the mean log score of ``weights`` is below its maximum (the score is concave in them)."""
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    return float((density / (density @ weights)[:, None]).mean(axis=0).max() - 1)


def test_stacking_reaches_the_best_mixture(rng: np.random.Generator) -> None:
    scores = rng.normal(0, 1.5, (40, 3))
    weights = stacking_weights(scores)
    grid = np.array([(a, b, 1 - a - b) for a in np.linspace(0, 1, 201) for b in np.linspace(0, 1, 201) if a + b <= 1])
    best = np.log(np.exp(scores) @ grid.T).mean(axis=0)
    assert np.log(np.exp(scores) @ weights).mean() >= best.max() - 1e-5
    np.testing.assert_allclose(weights, grid[best.argmax()], atol=0.01)
    assert shortfall(scores, weights) < 1e-3


@pytest.mark.parametrize("shape", [(3, 60), (5, 48), (8, 100), (50, 30)])
def test_stacking_is_certified_and_sparse(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    scores = rng.normal(0, 1, shape) - 1000.0  # densities that underflow
    weights = stacking_weights(scores)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert shortfall(scores, weights) < 2e-3
    assert (weights > 0.005).sum() <= shape[0]


def test_stacking_is_what_em_settles_on(rng: np.random.Generator) -> None:
    """The proportions of a mixture by expectation and maximisation: slow, and nothing of a library in it."""
    for shape in ((5, 2), (10, 6), (60, 4)):
        scores = rng.normal(-3, 1, shape)
        density, expected = np.exp(scores), np.full(shape[1], 1 / shape[1])
        for _ in range(20_000):
            expected = expected * (density / (density @ expected)[:, None]).mean(axis=0)
        np.testing.assert_allclose(stacking_weights(scores), expected, atol=1e-3)


def test_stacking_follows_what_dominates() -> None:
    scores = np.array([[-1.0, -5.0, -9.0], [-2.0, -3.0, -2.5]])
    np.testing.assert_allclose(stacking_weights(scores), [1.0, 0.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(stacking_weights(scores[:, [0, 0]]), [0.5, 0.5], atol=1e-6)


def test_stack_is_the_mixture_of_its_members(panel: bs.Panel, rng: np.random.Generator) -> None:
    curve = invented(panel, rng)
    found = stack(curve)
    table = found.effects(0.9)
    assert found.effects(0.9)["interval"].tolist() == ["stacked"] * 3
    assert table.loc[0, "estimate"] == pytest.approx(found.weights @ curve.estimates, abs=0.25)
    observed = float(panel.treated_series[panel.n_pre :].mean())
    average = table.loc[0, "lower"]
    assert table.loc[1, "lower"] == pytest.approx(panel.n_post * average)
    # Where the counterfactual is negative the largest effect is the smallest lift.
    mapped = sorted(tau / abs(observed - tau) for tau in table.loc[0, ["lower", "upper"]])
    assert table.loc[2, ["lower", "upper"]].tolist() == pytest.approx(mapped, rel=1e-3)
    low, high = curve.estimates.min(), curve.estimates.max()
    assert ((found.leave_one_out >= low) & (found.leave_one_out <= high)).all()
    broken = replace(curve.runs[0], log_density=np.full(5, -np.inf))
    with pytest.raises(bs.SpecError, match="no finite density"):
        stack(SpecificationCurve(curve.plan, (broken, *curve.runs[1:])))
    json.dumps([curve.to_dict(), found.to_dict()], allow_nan=False)
    assert "Stacked effect" in found._repr_html_()
    assert "Specification curve" in curve._repr_html_()


@pytest.mark.slow
def test_rows_are_the_fits_of_the_models(prop99_curve: tuple[SpecificationCurve, Path], prop99_fit: Fit) -> None:
    curve, _ = prop99_curve
    assert curve.status == "ok"
    assert len(curve.table) == 4 + 1 + 1
    reference = curve.table[curve.table["reference"]].iloc[0]
    own = prop99_fit.effects().iloc[0]
    error = 4 * own["sd"] / np.sqrt(300)
    assert reference["estimate"] == pytest.approx(own["estimate"], abs=error)
    assert reference["lower"] == pytest.approx(own["lower"], abs=3 * error)
    assert reference["pre_rmspe"] == pytest.approx(prop99_fit.pre_rmspe, rel=0.1)
    # The model of R's bsynth, by a Gibbs sampler of its own: −21.8.
    each = curve.table[(curve.table["scale"] == "each") & (curve.table["level_shift"] == "none")].iloc[0]
    assert each["estimate"] == pytest.approx(-21.8, abs=0.6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["level", "standardised"])
def test_scores_are_leave_future_out_on_one_outcome_scale(
    prop99_curve: tuple[SpecificationCurve, Path], prop99_panel: bs.Panel, model: str
) -> None:
    curve, _ = prop99_curve
    spec = bs.load_model(model)
    run = next(
        r
        for r in curve.runs
        if (r.specification.scale, r.specification.level) == (spec.scale, spec.level.prior)
        and curve.plan.values("pool")[0] == str(r.specification.pool)
        and r.specification.window == curve.plan.reference.window
    )
    exact = bs.leave_future_out(prop99_panel, model, last=3, draws=300, seed=5, progress=False)
    np.testing.assert_allclose(run.log_density, exact.table["log_density"], atol=0.12)
    assert run.elpd == pytest.approx(exact.elpd, abs=0.25)


@pytest.mark.slow
def test_finished_specifications_are_read_not_fitted(
    prop99_curve: tuple[SpecificationCurve, Path], prop99_panel: bs.Panel, tmp_path: Path
) -> None:
    curve, store = prop99_curve
    lines = store.read_text().splitlines()
    assert len(lines) == len(curve.runs)
    killed = tmp_path / "killed.jsonl"
    killed.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:80])  # the last piece was cut short
    again = specification_curve(prop99_panel, base="level", **SMALL, draws=300, seed=1, store=killed, progress=False)
    for old, new in zip(curve.runs, again.runs, strict=True):
        np.testing.assert_array_equal(old.average, new.average)
    assert len(killed.read_text().splitlines()) == len(lines) + 1
    # A shorter list takes what it needs from the same file.
    size = killed.stat().st_size
    fewer = specification_curve(
        prop99_panel, base="level", **(SMALL | {"pools": [], "scales": ["treated"]}), draws=300, seed=1, store=killed,
        progress=False,
    )  # fmt: skip
    assert killed.stat().st_size == size
    assert len(fewer.runs) == 2 + 1


@pytest.mark.slow
def test_picture_has_every_specification(prop99_curve: tuple[SpecificationCurve, Path]) -> None:
    curve, _ = prop99_curve
    _, axes = plt.subplots(1, 2, figsize=(14, 6), layout="constrained")
    for ax in (plot_specification_curve(curve), plot_specification_curve(curve, ax=axes[1], level=0.8)):
        dots = next(c for c in ax.collections if c.get_gid() == "estimate").get_offsets()
        np.testing.assert_allclose(dots[:, 1], np.sort(curve.estimates))
        below = next(a for a in ax.figure.axes if a.get_label() == "switches")
        on = next(c for c in below.collections if c.get_gid() == "scale=each").get_offsets()
        order = curve.table.sort_values("estimate", kind="stable", ignore_index=True)
        assert on[:, 0].tolist() == np.flatnonzero(order["scale"] == "each").tolist()
    free = plt.figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(bs.PanelError, match="no place in a grid"):
        plot_specification_curve(curve, ax=free)
    plt.close("all")


def test_picture_of_a_stack_has_who_carries_it(panel: bs.Panel, rng: np.random.Generator) -> None:
    curve = invented(panel, rng)
    ax = (found := stack(curve)).plot(level=0.8)
    carriers = found.table[found.table["weight"] >= 0.005]
    drawn = [line for line in ax.get_lines() if line.get_gid() == "specification"]
    assert [line.get_xdata()[0] for line in drawn] == carriers["estimate"].tolist()
    bars = [line.get_xdata() for line in ax.get_lines() if line.get_gid() == "interval"]
    assert list(bars[0]) == found.effects(0.8).loc[0, ["lower", "upper"]].tolist()
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[0] == "stacked"
    assert names[1].replace("\n", " ") == curve.describe(carriers.iloc[0])
    failed = replace(curve, runs=tuple(replace(run, status="unreliable") for run in curve.runs))
    ax = stack(failed).plot()
    assert len([line for line in ax.get_lines() if line.get_gid() == "unreliable"]) == len(drawn)
    assert any(failed.reason in " ".join(text.get_text().split()) for text in ax.texts)
    plt.close("all")


@pytest.mark.slow
def test_stack_of_real_fits(prop99_curve: tuple[SpecificationCurve, Path]) -> None:
    curve, _ = prop99_curve
    found = stack(curve)
    assert isinstance(found, Stack)
    row, low, high = found.effects().iloc[0], *curve.range
    assert low <= found.weights @ curve.estimates <= high
    # The draws of a mixture are drawn again from those of its fits.
    error = 4 * found.average.std() / len(found.average) ** 0.5
    assert low - error <= row["estimate"] <= high + error
    assert row["status"] == "ok"
    assert found.table["weight"].is_monotonic_decreasing
    json.dumps([curve.to_dict(), found.to_dict()], allow_nan=False)
