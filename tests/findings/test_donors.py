"""The donor audit: numbers of the procedures it rests on, and flags in worlds that have a reason for them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.errors import PanelError, SpecError
from bsynth.findings import audit_donors
from bsynth.model.spec import ModelSpec
from bsynth.text.numbers import number

J, T0, H = 12, 30, 10


def factor_panel(seed: int, *, treated_donor: float = 0.0, opposed: bool = False, lone: bool = False) -> bs.Panel:
    """Two factors; donor u5 may be treated too, donor u6 may move the other way, u1 alone may carry the unit."""
    rng = np.random.default_rng(seed)
    loadings = rng.uniform(size=(J + 1, 2))
    loadings[0] = rng.dirichlet(np.ones(J)) @ loadings[1:]
    if opposed:
        loadings[6] = -2.0
    outcome = loadings @ np.cumsum(rng.normal(size=(2, T0 + H)), axis=1) + 0.3 * rng.normal(size=(J + 1, T0 + H))
    outcome[5, T0:] += treated_donor
    if lone:
        own = np.cumsum(rng.normal(size=T0 + H))
        outcome[[0, 1]] = own + 0.1 * rng.normal(size=(2, T0 + H))
    return bs.Panel.from_wide(pd.DataFrame(outcome.T, columns=[f"u{i}" for i in range(J + 1)]), treated="u0", start=T0)


def test_numbers_are_those_of_the_procedures() -> None:
    panel = factor_panel(3)
    found = audit_donors(panel, progress=False)
    table = found.table.set_index("donor").loc[list(panel.donors)]
    loo = bs.leave_one_out(panel, which="all", progress=False).table.set_index("dropped").loc[list(panel.donors)]
    np.testing.assert_allclose(table["change"], loo["change"])
    np.testing.assert_allclose(table["weight"], bs.classical(panel).weights)
    placebo = bs.placebo_space(panel, progress=False).table.set_index("unit")
    np.testing.assert_allclose(table["placebo_gap"], placebo["mean_gap"])
    treated, donors = panel.treated_series[:T0], panel.donor_matrix[:T0]
    expected = [np.corrcoef(treated, donors[:, j])[0, 1] for j in range(J)]
    np.testing.assert_allclose(table["correlation"], expected)
    np.testing.assert_allclose(table["hull_distance"], placebo["pre_rmspe"] / donors.std(axis=0, ddof=1))
    assert sorted(table["rank"]) == list(range(1, J + 1))
    assert table["p"].min() == pytest.approx(1 / J)
    assert found.values["effective"] == pytest.approx(bs.classical(panel).effective_donors)
    assert json.dumps(found.to_dict())
    assert "<table" in found._repr_html_()


def test_a_donor_that_was_treated_too_is_found() -> None:
    flagged = sum(audit_donors(factor_panel(s, treated_donor=6.0), progress=False).flagged("looks treated") == ["u5"]
                  for s in range(10))  # fmt: skip
    false = sum(bool(audit_donors(factor_panel(s), progress=False).flagged("looks treated")) for s in range(10))
    # In one of these worlds chance has already moved u5 as far the other way.
    assert flagged >= 8
    assert false <= 1


def test_opposed_dominant_and_influential_donors_are_named() -> None:
    opposed = audit_donors(factor_panel(1, opposed=True), progress=False)
    assert "u6" in opposed.flagged("opposed")
    assert "moved against the treated unit" in " ".join(opposed.sentences())
    lone = audit_donors(factor_panel(1, lone=True), progress=False)
    assert lone.flagged("dominant") == ["u1"]
    assert lone.flagged("influential") == ["u1"]
    assert "u1 (weight" in " ".join(lone.sentences())


def test_with_a_fit_changes_are_compared_with_its_sd(made) -> None:
    panel = factor_panel(2)
    fit = made(panel, ModelSpec())
    found = audit_donors(fit, progress=False)
    assert found.estimator == "demeaned"
    assert found.values["noise"] == pytest.approx(float(fit.effect_draws()["average"].std()))
    assert found.table["posterior_weight"].sum() == pytest.approx(1.0)
    assert found.table["posterior_weight"].is_monotonic_decreasing
    assert "in the posterior" in found.sentences()[0]


def test_a_donor_that_is_noisier_after_the_start_does_not_look_treated() -> None:
    """More noise raises a post/pre ratio as a shift does; only a shift is what a treatment leaves."""
    panel, rng = factor_panel(3), np.random.default_rng(0)
    at = panel.units.index("u5")
    found = {}
    for name, shift in (("noise", 0.0), ("shift", 6.0)):
        outcome = panel.outcome.copy()
        wild = rng.normal(0, 6.0, panel.n_post)
        outcome[panel.n_pre :, at] += wild - wild.mean() if name == "noise" else shift
        audit = audit_donors(replace(panel, outcome=outcome), progress=False)
        row = audit.table.set_index("donor").loc["u5"]
        assert row["outlier"] > 4
        found[name] = audit.flagged("looks treated")
    assert found == {"noise": [], "shift": ["u5"]}


def test_constant_donors_and_perfect_fits_do_not_look_treated() -> None:
    panel = factor_panel(4)
    frame = panel.to_frame().pivot(index="time", columns="unit", values="outcome")
    frame["u7"] = 1.0
    frame["u8"] = 0.5 * frame["u3"] + 0.5 * frame["u4"]
    found = audit_donors(bs.Panel.from_wide(frame, treated="u0", start=T0), progress=False)
    table = found.table.set_index("donor")
    assert table.loc["u7", "correlation"] == 0.0
    assert np.isnan(table.loc["u7", "hull_distance"])
    assert table.loc["u8", "hull_distance"] == pytest.approx(0.0, abs=1e-6)
    assert "looks treated" not in table.loc["u8", "flags"]
    assert json.dumps(found.to_dict())


def test_the_rollout_log_lies_outside_the_hull(rollout_panel: bs.Panel, rollout_fit: Fit) -> None:
    found = audit_donors(rollout_fit, progress=False)
    assert found.values["distance"] == pytest.approx(0.037, abs=0.002)
    v = found.values
    assert f"the best weighted donors miss it by {number(v['distance'])} (root mean square)" in found.sentences()[1]
    assert f"with a free offset ({number(v['offset'], signed=True)}, other weights)" in found.sentences()[1]


@pytest.mark.slow
def test_bayesian_refits_leave_the_heaviest_out(prop99_fit: Fit, prop99_panel: bs.Panel) -> None:
    found = audit_donors(prop99_fit, refit=2, draws=500, progress=False)
    changes = found.table["posterior_change"]
    assert changes.notna().tolist() == [True, True] + [False] * 36
    assert found.table["donor"].tolist()[:2] == prop99_fit.weights_table()["donor"].tolist()[:2]
    full = float(prop99_fit.effect_draws()["average"].mean())
    for donor, change in zip(found.table["donor"][:2], changes[:2], strict=True):
        alone = bs.fit(prop99_panel.without(donor), prop99_fit.spec, draws=500, seed=9, progress=False)
        moved = float(alone.effect_draws()["average"].mean()) - full
        assert change == pytest.approx(moved, abs=0.8)  # about four Monte-Carlo errors
        if donor == "New Hampshire":  # the effect is 2.5 packs larger in size without it
            assert change == pytest.approx(-2.5, abs=0.9)


def test_bad_input() -> None:
    panel = factor_panel(2)
    with pytest.raises(PanelError, match="give at least three"):
        audit_donors(panel.without(*panel.donors[2:]), progress=False)
    with pytest.raises(PanelError, match="there is no fit to do again"):
        audit_donors(panel, refit=3, progress=False)
    with pytest.raises(PanelError, match=r"give calibration\.fit in the place of the panel"):
        audit_donors(panel, calibration=object(), progress=False)  # type: ignore[arg-type]
    with pytest.raises(PanelError, match="a Panel is needed and a numpy ndarray came"):
        audit_donors(panel.outcome)
    with pytest.raises(SpecError, match="did you mean"):
        audit_donors(panel, estimator="demeand", progress=False)
