"""The Bayesian verb on real input: invariances, the gate, the file format."""

import gc
import json
import warnings
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.plan import plan
from bsynth.bayesian.run import _judged, run
from bsynth.panel.simulate import rollout_panel_arguments

MCSE_UNITS = 4
TINY = {"draws": 500, "progress": False}
"""Sampler settings small enough for a quick suite and large enough for the convergence gate."""


def _mean_and_error(fit: bs.Fit) -> tuple[float, float]:
    draws = fit.effect_draws("predictive")["average"]
    return float(draws.mean()), float(azs.mcse(draws))


def _assert_same(a: bs.Fit, b: bs.Fit, factor: float = 1.0) -> None:
    (m1, e1), (m2, e2) = _mean_and_error(a), _mean_and_error(b)
    assert abs(m1 * factor - m2) <= MCSE_UNITS * np.hypot(e1 * factor, e2)


def test_rollout_posterior_holds_the_truth_and_is_narrow(rollout_fit: bs.Fit) -> None:
    row = rollout_fit.effects(level=0.95).iloc[0]
    assert rollout_fit.status == "ok"
    assert row["lower"] <= 0.05 <= row["upper"]
    assert row["upper"] - row["lower"] <= 0.055


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # as draws have it
def test_tree_is_arviz_shaped(rollout_fit: bs.Fit) -> None:
    tree = rollout_fit.tree
    for group in (
        "posterior",
        "posterior_predictive",
        "log_likelihood",
        "sample_stats",
        "observed_data",
        "constant_data",
    ):
        assert group in tree.children
    assert azs.loo(tree, var_name="outcome").elpd < 1e6
    weights = tree["posterior"]["weights"]
    np.testing.assert_allclose(weights.sum("donor"), 1.0)


def test_mean_interval_is_inside_the_predictive(rollout_fit: bs.Fit) -> None:
    mean, predictive = rollout_fit.effects(interval="mean"), rollout_fit.effects()
    assert (mean["upper"] - mean["lower"] < predictive["upper"] - predictive["lower"]).all()
    assert set(predictive["interval"]) == {"predictive"}


def test_lift_and_cumulative_are_consistent(rollout_fit: bs.Fit) -> None:
    table = rollout_fit.effects().set_index("estimand")
    assert table.loc["cumulative", "estimate"] == pytest.approx(10 * table.loc["average", "estimate"])
    y0 = rollout_fit.counterfactual().isel(time=slice(20, None)).sum("time")
    gap = rollout_fit.observed.isel(time=slice(20, None)).sum() - y0
    assert table.loc["lift", "estimate"] == pytest.approx(float(gap.mean() / y0.mean()))
    assert table.loc["lift", "median"] == pytest.approx(float((gap / y0).median()))


def test_saves_and_loads_without_loss(rollout_fit: bs.Fit, tmp_path: Path) -> None:
    rollout_fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.effects().equals(rollout_fit.effects())
    assert (again.spec, again.diagnostics, again.provenance) == (
        rollout_fit.spec, rollout_fit.diagnostics, rollout_fit.provenance,
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == [tmp_path / "fit.nc"]
    (tmp_path / "junk.nc").write_text("junk")
    with pytest.raises(bs.PanelError, match="cannot be read as a result"):
        bs.load(tmp_path / "junk.nc")


def test_seed_gives_the_same_draws(prop99_panel: bs.Panel) -> None:
    a, b = (bs.fit(prop99_panel, "level", seed=5, **TINY) for _ in range(2))
    assert a.effects().drop(columns="seconds").equals(b.effects().drop(columns="seconds"))


def test_fits_that_nobody_holds_give_their_memory_back(prop99_panel: bs.Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop over many fits is as large as a few of them, also where Python sees too few objects to collect."""
    monkeypatch.setattr("bsynth.bayesian.run.SWEEP", 1 << 20)
    gc.disable()
    try:
        alive = []
        for seed in range(4):
            fit = bs.fit(prop99_panel, "level", draws=300, seed=seed, progress=False)
            alive.append(weakref.ref(fit.tree))
        assert fit.tree is alive[-1]()
        assert [each() for each in alive[:2]] == [None, None]
    finally:
        gc.enable()


def test_units_of_measure(prop99_panel: bs.Panel, prop99_fit: bs.Fit) -> None:
    frame = prop99_panel.to_frame()
    frame["outcome"] *= 100
    hundred = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated="California", start=1989)
    _assert_same(prop99_fit, bs.fit(hundred, "level", seed=2, progress=False), factor=100)


def test_donor_and_row_order(rollout_log: pd.DataFrame, rollout_fit: bs.Fit) -> None:
    arguments = rollout_panel_arguments() | {"donors": [*range(49, 24, -1)]}
    shuffled = bs.Panel.from_events(rollout_log.sample(frac=1.0, random_state=1), **arguments)
    _assert_same(rollout_fit, bs.fit(shuffled, "rollout", seed=3, progress=False))


def test_failed_gate_is_marked_everywhere(prop99_panel: bs.Panel) -> None:
    """Weights that all but forbid sharing are multimodal: chains disagree, and the fit must say so."""
    spec = bs.ModelSpec.from_toml('title = "Very sparse"\n[weights]\nalpha = 0.02')
    with pytest.warns(bs.UnreliableWarning, match=r"unreliable: .*(R-hat|ESS|divergences|tree depth)"):
        fit = bs.fit(prop99_panel, spec, sampling=bs.Sampling(100, 100, seed=1), progress=False)
    assert fit.status == "unreliable"
    assert fit.diagnostics.retried
    assert fit.provenance.draws == fit.tree["posterior"].sizes["draw"]
    assert "UNRELIABLE" in repr(fit)
    assert "UNRELIABLE" in fit._repr_html_()
    assert set(fit.effects()["status"]) == {"unreliable"}
    json.dumps(fit.diagnostics.to_dict(), allow_nan=False)


@pytest.mark.parametrize(("failures", "asked"), [(0, [0]), (1, [0, 1]), (2, [0, 1, 2]), (9, [0, 1, 2])])
def test_a_fit_is_sampled_further_while_its_gate_fails(
    prop99_panel: bs.Panel, monkeypatch: pytest.MonkeyPatch, failures: int, asked: list[int]
) -> None:
    seen = []

    def judge(*given: Any, attempt: int) -> bs.Fit:
        found = _judged(*given, attempt=attempt)
        seen.append(attempt)
        status = "unreliable" if attempt < failures else "ok"
        return replace(found, diagnostics=replace(found.diagnostics, status=status))

    monkeypatch.setattr("bsynth.bayesian.run._judged", judge)
    sampling = bs.Sampling(draws=200, tune=200, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        fit = bs.fit(prop99_panel, "level", sampling=sampling, progress=False)
    assert (seen, fit.status) == (asked, "ok" if failures < 3 else "unreliable")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 10}, "draws is 10; give at least 100"),
        ({"sampling": {"draws": 500}}, "sampling is a dict; give bs.Sampling"),
        ({"model": "lvel"}, "did you mean 'level'"),
    ],
)
def test_bad_request_fails_before_sampling(prop99_panel: bs.Panel, arguments: dict, message: str) -> None:
    with pytest.raises(bs.BsynthError, match=message):
        bs.plan(prop99_panel, **arguments)


def test_level_of_an_interval_is_checked(rollout_fit: bs.Fit) -> None:
    with pytest.raises(bs.SpecError, match="level is 95"):
        rollout_fit.effects(level=95)


def test_clean_fit_warns_of_nothing(prop99_panel: bs.Panel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bs.fit(prop99_panel, "level", seed=4, **TINY).status == "ok"


@pytest.mark.slow
def test_a_donor_that_is_there_twice_does_not_move_the_effect(prop99_panel: bs.Panel) -> None:
    """Its weight is shared between the copies; the flat prior over one donor more moves nothing that can be told."""
    frame = prop99_panel.to_frame()
    twice = pd.concat([frame, frame[frame["unit"] == "Maine"].assign(unit="Maine again")])
    panel = bs.Panel.from_long(twice, unit="unit", time="time", outcome="outcome", treated="California", start=1989)
    fits = [run(plan(p, "level", seed=1, slots=panel.n_donors), progress=False) for p in (prop99_panel, panel)]
    draws = [fit.effect_draws("mean")["average"] for fit in fits]
    error = 4 * np.hypot(*(float(azs.mcse(d.values)) for d in draws))
    assert abs(float(draws[0].mean() - draws[1].mean())) <= error
    weights = fits[1].weights_table().set_index("donor")["weight"]
    assert weights["Maine"] == pytest.approx(weights["Maine again"], abs=0.01)
