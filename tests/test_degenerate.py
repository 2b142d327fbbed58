"""Panels that leave a model nothing to estimate are recognised before anything is sampled."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.degenerate import copies, facts, no_posterior
from bsynth.bayesian.plan import plan
from bsynth.calibration import MOST_PLACEBOS, players, too_few, usable_donors

SPEC = bs.load_model("level")


def _panel(series: dict[str, Any], start: int) -> bs.Panel:
    return bs.Panel.from_wide(pd.DataFrame(series), treated="T", start=start)


def _factors(rng: np.random.Generator, donors: int, periods: int) -> dict[str, np.ndarray]:
    common = rng.normal(size=(periods, 2)).cumsum(axis=0)
    return {f"D{j:02d}": 50 + common @ rng.normal(1, 0.4, 2) + rng.normal(0, 0.5, periods) for j in range(donors)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda d: d["D01"] + 0.0, "T equals D01 before 20"),
        (lambda d: (d["D01"] + d["D02"]) / 2, r"T is reproduced by D0[12] \(0.50\), D0[12] \(0.50\) before 20"),
        (lambda d: d["D03"] + 7, "T equals D03 but for a constant before 20"),
        (lambda d: np.float32(d["D00"]).astype(float), "T equals D00 before 20"),
    ],
)
def test_a_pre_period_that_donors_reproduce_has_no_posterior(
    rng: np.random.Generator, seed: int, make: Any, words: str
) -> None:
    donors = _factors(np.random.default_rng(seed), 6, 26)
    panel = _panel({"T": make(donors)} | donors, 20)
    with pytest.raises(bs.PanelError, match=f"^model 'level' has no posterior here: {words}"):
        bs.fit(panel, "level", progress=False)
    with pytest.raises(bs.PanelError, match="has no bound"):
        bs.calibrate(panel, "level", progress=False)


def test_a_constant_apart_is_no_match_for_a_model_without_level() -> None:
    donors = _factors(np.random.default_rng(0), 6, 26)
    panel = _panel({"T": donors["D03"] + 7} | donors, 20)
    assert plan(panel, "default").lacks is not None
    assert plan(panel, "dirichlet").lacks is None
    assert "but for level and scale" in str(plan(panel, "standardised").lacks)


@pytest.mark.parametrize("seed", range(5))
def test_more_weights_than_periods_fit_anything_and_are_no_fault(seed: int) -> None:
    """The treated series inside the hull of many donors: an exact fit that says nothing."""
    donors = _factors(np.random.default_rng(seed), 40, 12)
    inside = np.mean(list(donors.values()), axis=0) + 0.01 * np.random.default_rng(seed).normal(size=12)
    assert plan(_panel({"T": inside} | donors, 8), "level").lacks is None


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_units_of_measure_cancel(scale: float) -> None:
    donors = _factors(np.random.default_rng(1), 6, 26)
    noisy = donors["D01"] + np.random.default_rng(2).normal(0, 1e-3, 26)
    for series, found in ((donors["D01"], True), (noisy, False)):
        panel = _panel({name: scale * values for name, values in ({"T": series} | donors).items()}, 20)
        assert (no_posterior(panel, plan(panel, "level").design, SPEC) is not None) == found


def test_sparse_weights_are_dense_at_a_single_donor() -> None:
    """24 donors and 20 periods: with α = 1 the mass near one donor falls faster than its likelihood grows."""
    donors = _factors(np.random.default_rng(7), 24, 26)
    panel = _panel({"T": donors["D05"]} | donors, 20)
    assert plan(panel, "level").lacks is None
    assert "T equals D05" in str(plan(panel, "sparse").lacks)


def test_known_cell_variance_is_noise_enough(rollout_panel: bs.Panel) -> None:
    few = rollout_panel.without(*rollout_panel.donors[8:])
    same = few.outcome.copy()
    same[:, : few.n_treated] = same[:, [few.n_treated]]
    panel = replace(few, outcome=same)
    assert plan(panel, "default").lacks is None
    assert plan(panel, "level").lacks is not None


def test_copies_are_named_and_play_no_placebo() -> None:
    donors = _factors(np.random.default_rng(3), 7, 26)
    donors["D05"] = donors["D02"].copy()
    donors["D06"] = np.full(26, 4.0)
    own = _factors(np.random.default_rng(4), 1, 26)["D00"]
    panel = _panel({"T": own} | donors, 20)
    assert copies(panel) == (("D02", "D05"),)
    assert any("D02, D05 are copies of one series before 20" in said for said in facts(panel))
    assert any(said.startswith("D06 does not move before 20") for said in facts(panel))
    usable, skipped = usable_donors(panel, SPEC)
    assert usable == ["D00", "D01", "D03", "D04"]
    assert dict(skipped) == {
        "D02": "it equals D05 before 20",
        "D05": "it equals D02 before 20",
        "D06": "it is constant before 20",
    }
    assert too_few(panel, SPEC) is None
    said = "3 donors can play the treated unit and calibration needs 4 (donor D02: it equals D05 before 20); add donors"
    assert said in str(too_few(panel.without("D00"), SPEC))


def test_of_many_donors_some_are_drawn_as_placebos() -> None:
    donors = _factors(np.random.default_rng(5), 90, 16)
    donors["D10"] = np.full(16, 4.0)
    panel = _panel({"T": _factors(np.random.default_rng(6), 1, 16)["D00"]} | donors, 12)
    first, skipped = usable_donors(panel, SPEC, most=MOST_PLACEBOS, seed=1)
    assert len(first) == MOST_PLACEBOS
    assert first == sorted(first)
    assert "D10" not in first
    assert usable_donors(panel, SPEC, most=MOST_PLACEBOS, seed=1)[0] == first
    assert usable_donors(panel, SPEC, most=MOST_PLACEBOS, seed=2)[0] != first
    assert players(panel, SPEC, most=MOST_PLACEBOS, seed=1)[0] == first
    assert set(dict(skipped)) <= {"D10"}
    assert len(usable_donors(panel, SPEC)[0]) == 89


def test_a_usual_panel_has_nothing_to_say(prop99_panel: bs.Panel, rollout_panel: bs.Panel) -> None:
    assert facts(prop99_panel) == facts(rollout_panel) == ()
    assert plan(prop99_panel).lacks is None
    assert len(usable_donors(prop99_panel, SPEC)[0]) == prop99_panel.n_donors


def test_a_mean_of_two_donors_is_as_degenerate_as_one() -> None:
    rng = np.random.default_rng(2)
    wide = pd.DataFrame(rng.normal(size=(12, 5)), columns=list("abcde"))
    panel = bs.Panel.from_wide(wide.assign(T=0.5 * wide["a"] + 0.5 * wide["b"] + 3), treated="T", start=9)
    said = next(each for each in facts(panel) if "no error" in each)
    assert re.match(r"T is reproduced by [ab] \(0.50\), [ab] \(0.50\), but for a constant at most, before 9", said)
