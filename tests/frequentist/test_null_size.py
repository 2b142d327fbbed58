"""No effect: tests reject about as often as they say. The long measurement is evidence/test_classical_size.py."""

from dataclasses import replace

import numpy as np
import pytest

import bsynth as bs
from bsynth.errors import PanelError
from bsynth.frequentist import conformal, placebo_space
from bsynth.panel.simulate import simulate_factor

PANELS = 80


@pytest.fixture(scope="module")
def panels() -> list[bs.Panel]:
    """Factor panels without effect; the first is built from its frame, the others share its labels."""
    frames = [simulate_factor(seed=seed) for seed in range(PANELS)]
    first = bs.Panel.from_long(frames[0], unit="unit", time="time", outcome="outcome", treated=0, start=30)
    wide = [f.pivot(index="time", columns="unit", values="outcome").to_numpy() for f in frames]
    np.testing.assert_array_equal(first.outcome, wide[0])
    return [replace(first, outcome=values) for values in wide]


def test_placebo_ranks_are_uniform(panels: list[bs.Panel]) -> None:
    """Any of 21 units could be the treated one, so p ≤ .19 (rank 4) has probability 4/21 or a little less."""
    p = np.array([placebo_space(panel, "did", progress=False).ranks.loc["mean_gap", "p"] for panel in panels])
    assert set(np.round(21 * p)) <= set(range(1, 22))
    assert 0.08 <= (p <= 4 / 21 + 1e-9).mean() <= 0.31
    assert 0.4 <= p.mean() <= 0.65


def test_joint_conformal_test_keeps_its_level(panels: list[bs.Panel]) -> None:
    p = np.array([conformal(panel, "did").p_joint for panel in panels])
    assert p.min() >= 1 / 40
    assert 0.08 <= (p <= 0.2 + 1e-9).mean() <= 0.34


def test_factor_world() -> None:
    frame = simulate_factor(donors=200, n_pre=300, n_post=5, seed=1, effect=3.0)
    wide = frame.pivot(index="time", columns="unit", values="outcome")
    assert wide.shape == (305, 201)
    again = simulate_factor(donors=200, n_pre=300, n_post=5, seed=1)["outcome"] - frame["outcome"]
    assert again[(frame["unit"] == 0) & (frame["time"] >= 300)].unique().round(9).tolist() == [-3.0]
    assert (again[(frame["unit"] != 0) | (frame["time"] < 300)] == 0).all()
    alone = simulate_factor(donors=200, n_pre=300, n_post=5, factors=0, seed=2)
    alone = alone.pivot(index="time", columns="unit", values="outcome")
    own = alone.sub(alone.mean(axis=1), axis=0).to_numpy()
    assert own.std() == pytest.approx(0.5, rel=0.03)
    assert np.mean([np.corrcoef(e[1:], e[:-1])[0, 1] for e in own.T]) == pytest.approx(0.5, abs=0.03)
    with pytest.raises(PanelError, match="rho"):
        simulate_factor(rho=1.0)
