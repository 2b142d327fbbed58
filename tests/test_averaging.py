"""Concentrations averaged over a grid: the weights, the mixture, and the gate of every member."""

from pathlib import Path

import numpy as np
import pytest

import bsynth as bs
from bsynth.bayesian import averaging
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.bayesian.run import run
from bsynth.model.spec import ModelSpec

AVERAGED = ModelSpec.from_toml('[weights]\nalpha = "averaged"', name="averaged")


def test_every_chain_has_each_member_in_proportion(rng: np.random.Generator) -> None:
    weights = np.array([0.2, 0.5, 0.3])
    labels = averaging.allot(weights, (4, 500), rng)
    assert labels.shape == (4, 500)
    for chain in labels:
        np.testing.assert_allclose(np.bincount(chain, minlength=3) / 500, weights, atol=1.5 / 500)
        assert np.count_nonzero(np.diff(chain)) > 200  # in random order
    assert (averaging.allot(np.array([0.0, 1.0, 0.0]), (2, 100), rng) == 1).all()


def test_one_failing_member_fails_the_average() -> None:
    good = Diagnostics("ok", (), 1.001, 900.0, 1.002, 0, 0, 0.9)
    bad = Diagnostics("unreliable", ("3 divergences (must be 0)",), 1.03, 150.0, 1.01, 3, 0, 0.8, retried=True)
    assert averaging.joint([good, good, good]).status == "ok"
    found = averaging.joint([bad, good, good])
    assert found.status == "unreliable"
    assert found.failures == ("alpha = 0.3: 3 divergences (must be 0)",)
    assert (found.rhat_max, found.ess_min, found.divergences, found.retried) == (1.03, 150.0, 3, True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")  # at α = 0.3 a draw or two diverge by some seeds
def test_prop99_lies_between_its_members(prop99_panel: bs.Panel, tmp_path: Path) -> None:
    found = bs.fit(prop99_panel, AVERAGED, draws=500, seed=1, progress=False)
    weights = np.asarray(found.tree.attrs["alpha_weights"])
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert len(weights) == len(averaging.GRID)
    members = [bs.fit(prop99_panel, spec, draws=500, seed=1, progress=False) for spec in averaging.members(AVERAGED)]
    each = np.array([m.effects().iloc[0]["estimate"] for m in members])
    estimate = found.effects().iloc[0]["estimate"]
    # A weight may be near one; and at α = 0.3 a mean of so few draws has an error of a quarter of a pack.
    assert each.min() - 1.0 < estimate < each.max() + 1.0
    assert estimate == pytest.approx(weights @ each, abs=1.0)
    alpha = found.tree["posterior"]["alpha"]
    assert alpha.dims == ("chain", "draw")
    shares = [float((alpha == a).mean()) for a in averaging.GRID]
    np.testing.assert_allclose(shares, weights, atol=0.01)
    assert "averaged; leave-one-out weights: 0.3 (" in found.provenance.reason
    names = [check.name for check in bs.check(found).checks]
    assert "hull" in names
    assert "sensitivity" not in names
    assert "contraction" not in names
    found.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    np.testing.assert_allclose(again.tree.attrs["alpha_weights"], weights)
    assert again.spec == AVERAGED


@pytest.mark.slow
def test_scores_favour_the_concentration_that_made_the_data() -> None:
    """One donor is the treated unit but for noise: few donors, so the smallest concentration weighs most."""
    from bsynth.panel.simulate import simulate_factor

    frame = simulate_factor(donors=12, seed=3)
    rng = np.random.default_rng(0)
    twin = frame.loc[frame["unit"] == 5, "outcome"].to_numpy()
    frame.loc[frame["unit"] == 0, "outcome"] = twin + 0.05 * twin.std() * rng.normal(size=len(twin))
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)
    # Room for as many donors as Prop 99 has, so that the compiled model is shared.
    found = run(bs.plan(panel, AVERAGED, draws=500, seed=1, slots=38), progress=False)
    weights = found.tree.attrs["alpha_weights"]
    assert weights[0] == max(weights)
