"""Covariates: read, carried, scaled, and in the model as movements over time or as predictors to match."""

import dataclasses
import json
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import bsynth as bs
from bsynth.bayesian.run import run
from bsynth.cli import main
from bsynth.engines import drift, predict
from bsynth.model.covariates import Movements, PredictorRows
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

PROP99 = ["lnincome", "beer", "age15to24", "retprice"]
MOVING = ModelSpec.from_toml('[covariates]\nuse = "time-varying"\nsd = 2.0', name="moving")
MATCHED = ModelSpec.from_toml('[covariates]\nuse = "predictors"\nsd = 0.8', name="matched")


def _frame(seed: int = 0, donors: int = 8, times: int = 40, start: int = 30, coefficient: float = 1.5) -> pd.DataFrame:
    """A level world in which the covariate drives the outcome; the treated unit's covariate jumps at the start."""
    rng = np.random.default_rng(seed)
    common = np.cumsum(rng.normal(size=times))
    rows = []
    for i in range(donors + 1):
        z = rng.normal(size=times) + 0.3 * i
        if i == 0:
            z[start:] += 2.0
        y = 0.5 * i + common + coefficient * z + 0.3 * rng.normal(size=times)
        rows.append(pd.DataFrame({"unit": i, "time": range(times), "y": y, "price": z, "income": 10.0 * i + z}))
    return pd.concat(rows, ignore_index=True)


def _panel(frame: pd.DataFrame, covariates: list[str], **more: object) -> bs.Panel:
    return bs.Panel.from_long(
        frame, unit="unit", time="time", outcome="y", treated=0, start=30, covariates=covariates, **more
    )


@pytest.fixture(scope="module")
def prop99(data_dir: Path) -> bs.Panel:
    return bs.Panel.from_long(
        data_dir / "california_prop99.csv", unit="unit", time="time", outcome="outcome", treated="California",
        start=1989, covariates=PROP99,
    )  # fmt: skip


def test_every_source_gives_the_same_covariates(tmp_path: Path) -> None:
    frame = _frame()
    frame.loc[3, "income"] = np.nan
    csv, parquet = tmp_path / "log.csv", tmp_path / "log.parquet"
    frame.to_csv(csv, index=False)
    frame.to_parquet(parquet)
    wide = frame.pivot(index="time", columns="unit", values="income")[[0, *range(1, 9)]]
    for data in (frame, csv, parquet, ibis.memtable(frame)):
        found = _panel(data, ["price", "income"]).covariates
        assert found is not None
        assert found.names == ("price", "income")
        assert found.values.shape == (2, 40, 9)
        np.testing.assert_allclose(found.values[1], wide.to_numpy())
        assert not found.values.flags.writeable
    assert _panel(frame, []).covariates is None
    assert _panel(frame, ["price"]).to_dict()["covariates"] == ["price"]


def test_events_give_cell_means() -> None:
    rng = np.random.default_rng(1)
    log = pd.DataFrame({"unit": np.repeat(range(4), 60), "time": np.tile(range(6), 40), "y": rng.random(240)})
    log["age"] = rng.random(240)
    log.loc[::7, "age"] = np.nan
    panel = bs.Panel.from_events(
        log, unit="unit", time="time", outcome="y", treated=[0, 1], start=4, covariates=["age"]
    )
    expected = log.pivot_table(index="time", columns="unit", values="age")
    np.testing.assert_allclose(panel.covariates.values[0], expected.to_numpy())
    rows = make_design(panel, MATCHED).predictors
    unit = expected.iloc[:4].mean().to_numpy()
    series = np.array([unit[:2].mean(), *unit[2:]])
    np.testing.assert_allclose([rows.treated[0], *rows.donors[0]], (series - series.mean()) / series.std(), rtol=1e-12)


def test_covariates_follow_the_units() -> None:
    panel = _panel(_frame(), ["price"])
    values = panel.covariates.values[0]
    np.testing.assert_array_equal(panel.as_treated(3).covariates.values[0], values[:, [3, 1, 2, 4, 5, 6, 7, 8]])
    np.testing.assert_array_equal(panel.without(1, 2).covariates.values[0], values[:, [0, *range(3, 9)]])
    np.testing.assert_array_equal(panel.backdated(20).covariates.values[0], values[:30])
    np.testing.assert_array_equal(_panel(_frame(), ["price"], end=35).covariates.values[0], values[:36])


def test_bad_columns_are_one_line(tmp_path: Path) -> None:
    frame = _frame()
    frame["word"] = np.where(frame["time"] == 4, "high", "1.5")
    frame["date"] = pd.Timestamp("2020-01-01")
    frame["huge"] = np.where(frame["time"] == 2, np.inf, 1.0)
    for covariates, message in [
        (["prise"], "no column 'prise' for covariate 1, did you mean 'price'"),
        (["price", "word"], "column 'word' must be numbers but 9 rows hold text, the first is 'high' at 0, 4"),
        (["date"], "column 'date' holds timestamp.*; the covariate 1 must be numbers"),
        (["huge"], "column 'huge' is infinite in 9 rows"),
        (["price", "price"], "column 'price' is named for covariate 1 and covariate 2"),
        (["y"], "column 'y' is named for outcome and covariate 1"),
    ]:
        with pytest.raises(bs.PanelError, match=message) as caught:
            _panel(frame, covariates)
        assert "\n" not in str(caught.value)


def test_unusable_covariates_are_one_line(prop99: bs.Panel) -> None:
    frame = _frame()
    frame["fixed"] = frame["unit"] * 2.0
    frame["same"] = frame["time"] * 1.0
    frame["partly"] = frame["price"].where((frame["unit"] != 4) | (frame["time"] >= 30))
    for covariates, spec, message in [
        ([], MOVING, "model 'moving' needs covariates, and the panel has none; name their columns"),
        (["fixed"], MOVING, "covariate 'fixed' does not move before 30"),
        (["price", "partly"], MOVING, "covariate 'partly' has no value in 30 cells: 4 at 0"),
        (["price", "partly"], MATCHED, "covariate 'partly' has no value before 30 for 4; leave out"),
        (["same"], MATCHED, "covariate 'same' is the same for every unit before 30"),
    ]:
        with pytest.raises(bs.PanelError, match=message) as caught:
            bs.plan(_panel(frame, covariates), spec)
        assert "\n" not in str(caught.value)
    with pytest.raises(bs.PanelError, match=r"'lnincome' has no value in 195 cells: California at 1970"):
        bs.plan(prop99, MOVING)
    with pytest.raises(bs.SpecError, match=r"covariates.use = 'predictors' needs cells.variance = 'exact'"):
        ModelSpec.from_toml('[covariates]\nuse = "predictors"\n[cells]\nvariance = "auto"')
    with pytest.raises(bs.SpecError, match=r"line 2: covariates.use = 'rows' is not allowed; it is one of 'none'"):
        ModelSpec.from_toml('[covariates]\nuse = "rows"')


@pytest.mark.parametrize(
    "spec", [MOVING, MATCHED, ModelSpec.from_toml('[level]\nprior = "none"\n[covariates]\nuse = "time-varying"')]
)
def test_units_of_a_covariate_do_not_matter(spec: ModelSpec) -> None:  # fmt: skip
    frame = _frame()
    one = make_design(_panel(frame, ["price", "income"]), spec)
    two = make_design(_panel(frame.assign(income=3.0 - 1000.0 * frame["income"]), ["price", "income"]), spec)
    w, beta = np.random.default_rng(0).dirichlet(np.ones(8), size=5), np.ones((5, 2))
    if one.movements is not None and two.movements is not None:
        found = two.movements.effect(w, beta * [1.0, -1.0])
        np.testing.assert_allclose(one.movements.effect(w, beta), found, rtol=1e-9)
        np.testing.assert_allclose(two.movements.scale, one.movements.scale * [1.0, 1000.0])
    else:
        np.testing.assert_allclose(two.predictors.donors, one.predictors.donors * [[1.0], [-1.0]], atol=1e-9)
        np.testing.assert_allclose(two.predictors.treated, one.predictors.treated * [1.0, -1.0], atol=1e-9)


def test_movements_are_centred_as_the_outcomes_are() -> None:
    found = make_design(_panel(_frame(), ["income"]), MOVING).movements
    np.testing.assert_allclose(found.donors[:, :30].mean(axis=1), 0.0, atol=1e-12)
    pooled = np.concatenate([found.treated[:30].T[..., None], found.donors[:, :30]], axis=2)
    np.testing.assert_allclose(pooled.std(axis=(1, 2)), 1.0)


def _small_design(rng: np.random.Generator) -> Design:
    T, J, K = 7, 3, 2
    return Design(
        y=rng.normal(size=T), X=rng.normal(size=(T, J)), n_pre=5, center=0.0, scale=1.0, donor_center=np.zeros(J),
        donor_scale=np.ones(J), donor_precision=None, treated_variance=np.zeros(T), treated_seen=np.ones(T),
        positions=np.arange(T),
        slots=J + 1,
        movements=Movements(("a", "b"), rng.normal(size=(T, K)), rng.normal(size=(K, T, J)), np.ones(K)),
    )  # fmt: skip


@pytest.mark.parametrize("use", ["time-varying", "predictors"])
def test_graph_equals_the_dense_density(use: str, rng: np.random.Generator) -> None:
    """With a spare donor slot, a drift that switches on, and either kind of covariate."""
    from bsynth.engines import graph
    from bsynth.engines.structure import PREDICTOR_ERROR

    design = _small_design(rng)
    rows = PredictorRows(("a", "b", "c"), rng.normal(size=3), rng.normal(size=(3, 3)))
    if use == "predictors":
        design = dataclasses.replace(design, movements=None, predictors=rows)
    spec = ModelSpec.from_toml(f'[drift]\nprocess = "walk"\nprobability = 0.3\n[covariates]\nuse = "{use}"\nsd = 0.8')
    model = graph.build(design, spec)
    likelihood = model.compile_fn(
        sum(model.potentials), inputs=model.free_RVs, on_unused_input="ignore", mode="FAST_COMPILE"
    )
    compiled, dense = [], []
    for _ in range(4):
        raw = {"gamma": rng.gamma(1.0, size=4), "total_z": abs(rng.normal()), "share": rng.uniform()}
        raw |= {"beta_z": rng.normal(size=2)} if use == "time-varying" else {"predictor_z": abs(rng.normal())}
        compiled.append(float(likelihood({name: np.asarray(v) for name, v in raw.items()})))
        w = raw["gamma"][:3] / raw["gamma"][:3].sum()
        residual = design.y - design.X @ w
        if use == "time-varying":
            z = design.movements
            residual -= (z.treated - np.einsum("ktj,j->tk", z.donors, w)) @ (0.8 * raw["beta_z"])
        scale, span, r = (
            spec.noise.sd * raw["total_z"],
            drift.forms(spec.drift, np.arange(5), summed=True).reach[0],
            residual[:5],
        )
        sigma, q = drift.split(scale, raw["share"], span)
        level = np.full((5, 5), spec.level.sd**2)
        without = stats.multivariate_normal(np.zeros(5), level + scale**2 * np.eye(5)).logpdf(r)
        K = q**2 * drift.walk(np.arange(5)) + sigma**2 * np.eye(5)
        with_drift = stats.multivariate_normal(np.zeros(5), level + K).logpdf(r)
        with_drift += drift.log_share_density(scale, raw["share"], span, spec.noise.sd, spec.drift.sd)
        total = np.logaddexp(np.log(0.7) + without, np.log(0.3) + with_drift)
        if use == "predictors":
            total += stats.norm.logpdf(
                rows.treated, rows.donors @ w, np.hypot(PREDICTOR_ERROR, 0.8 * raw["predictor_z"])
            ).sum()
        dense.append(total)
    np.testing.assert_allclose(np.diff(compiled), np.diff(dense), rtol=1e-8)


def test_no_covariates_no_trace_in_the_graph(rng: np.random.Generator) -> None:
    from bsynth.engines import graph
    from bsynth.engines.structure import inputs

    design = dataclasses.replace(_small_design(rng), movements=None)
    spec = ModelSpec.from_toml("")
    assert sorted(v.name for v in graph.build(design, spec).free_RVs) == ["gamma", "total_z"]
    assert not {"z_donors", "p_donors", "beta_sd"} & inputs(design, spec).keys()


def test_counterfactual_uses_the_covariates_after_the_start(rng: np.random.Generator) -> None:
    design = _small_design(rng)
    w, beta = rng.dirichlet(np.ones(3), size=6), rng.normal(size=(6, 2))
    drawn = predict.counterfactual({"weights": w, "total": np.ones(6), "beta": beta}, design, MOVING, rng)
    found = drawn.mean - drawn.level[:, None]
    z = design.movements
    gap = z.treated[None] - np.einsum("ktj,sj->stk", z.donors, w)
    np.testing.assert_allclose(found, w @ design.X.T + np.einsum("stk,sk->st", gap, beta))


def test_command_line_passes_covariates(tmp_path: Path) -> None:
    data, out = tmp_path / "panel.csv", tmp_path / "out"
    _frame().to_csv(data, index=False)
    common = ["run", str(data), "--unit", "unit", "--time", "time", "--outcome", "y", "--treated", "0", "--start", "30"]
    bad = CliRunner().invoke(main, [*common, "--covariates", "prise", "--out", str(out)])
    assert bad.exit_code == 2
    assert "did you mean 'price'" in bad.output
    done = CliRunner().invoke(
        main,
        [*common, "--covariates", "price,income", "--model", "none", "--methods", "sc", "--quiet", "--out", str(out)],
    )
    assert done.exit_code == 0, done.output
    assert json.loads((out / "summary.json").read_text())["panel"]["covariates"] == ["price", "income"]


@pytest.mark.slow
def test_a_driving_covariate_is_recovered_and_unbiases() -> None:
    """No effect in truth; the treated covariate jumps by 2 and moves the outcome by 1.5 a unit: 3 without it."""
    panel = _panel(_frame(seed=5), ["price"])
    # Room for as many donors as Prop 99 has, so that the compiled model is shared.
    without = run(bs.plan(panel, "level", draws=500, seed=1, slots=38), progress=False)
    found = bs.fit(panel, MOVING, draws=500, seed=1, progress=False)
    assert found.status == "ok"
    row = found.effects(interval="mean").iloc[0]
    assert abs(without.effects().iloc[0]["estimate"] - 3.0) < 0.8
    assert abs(row["estimate"]) < 0.35
    assert row["lower"] < 0 < row["upper"]
    beta = found.tree["posterior"]["beta"].sel(covariate="price")
    assert abs(float(beta.mean()) - 1.5) < 4 * float(beta.std()) < 0.8
    assert found.pre_rmspe < 0.5 * without.pre_rmspe
    report = bs.check(found)
    assert report["predictive"].status == "ok"
    assert report["autocorrelation"].status == "ok"
    assert "shift_covariates" in report["sensitivity"].values


@pytest.mark.slow
def test_prop99_with_its_predictors(prop99: bs.Panel, prop99_fit: bs.Fit) -> None:
    found = bs.fit(prop99, MATCHED, draws=500, seed=1, progress=False)
    assert found.status == "ok"
    rows = make_design(prop99, MATCHED).predictors
    assert rows.donors.shape == (4, 38)
    assert np.isfinite(rows.donors).all()

    def distance(fit: bs.Fit) -> float:
        weights = fit.tree["posterior"]["weights"].values.reshape(-1, 38)
        return float(np.sqrt(((rows.treated - weights @ rows.donors.T) ** 2).mean()))

    assert distance(found) < distance(prop99_fit)
    assert abs(found.effects().iloc[0]["estimate"] + 18) < 4
    # On the graph another number of predictors and one donor less have the same compiled model.
    from bsynth.engines import graph

    slow = bs.Sampling(draws=300, seed=1, engine="pymc")
    again = bs.fit(prop99, MATCHED, sampling=slow, progress=False)
    effects = [fit.effects().iloc[0]["estimate"] for fit in (found, again)]
    assert abs(effects[0] - effects[1]) < 1
    compiled = len(graph._compiled)
    fewer = run(bs.plan(_without_beer(prop99), MATCHED, slots=38, sampling=slow), progress=False)
    assert len(graph._compiled) == compiled
    assert fewer.status == "ok"
    assert bs.check(found)["sensitivity"].values["prior_predictors"] >= 0


def _without_beer(panel: bs.Panel) -> bs.Panel:
    kept = [i for i, name in enumerate(panel.covariates.names) if name != "beer"]
    fewer = dataclasses.replace(
        panel.covariates, names=tuple(panel.covariates.names[i] for i in kept), values=panel.covariates.values[kept]
    )
    return dataclasses.replace(panel, covariates=fewer).as_treated("Utah")
