"""Donors that are one series play the treated unit once, and one that does not move not at all."""

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.degenerate import copies, facts
from bsynth.frequentist import PlaceboSpace
from bsynth.panel.copies import first_alike
from bsynth.plots import plot_placebo
from bsynth.text.numbers import percents


def _wide(seed: int = 3, donors: int = 7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=24).cumsum()
    return pd.DataFrame({name: common + rng.normal(size=24) for name in ["T", *(f"d{j}" for j in range(donors))]})


def _placebo(wide: pd.DataFrame, estimator: str = "demeaned") -> PlaceboSpace:
    return bs.placebo_space(bs.Panel.from_wide(wide, treated="T", start=18), estimator, progress=False)


@pytest.mark.parametrize("estimator", ["sc", "demeaned", "sdid"])
def test_a_copy_changes_neither_p_nor_interval(estimator: str) -> None:
    wide = _wide()
    alone = _placebo(wide, estimator)
    doubled = _placebo(
        wide.assign(**{f"again {name}": wide[name] * (1 + 1e-13) for name in ("d1", "d2", "d4")}), estimator
    )
    pd.testing.assert_series_equal(doubled.ranks["placebos"], alone.ranks["placebos"])
    assert doubled.p_min == alone.p_min == 1 / 8
    sizes = doubled.table.set_index("unit")["mean_gap"]
    np.testing.assert_allclose(sizes[["d1", "d2", "d4"]], sizes[["again d1", "again d2", "again d4"]])
    assert (sizes.abs() > 1e-6).all(), "a copy would be fitted by its twin"
    assert doubled.idle == ("d1", "d2", "d4"), "the first in order stands for both"
    note = next(note for note in doubled.notes() if "no placebos of their own" in note)
    assert note.startswith("d1, d2, d4 are")
    np.testing.assert_allclose(
        sizes[[name if f"again {name}" not in sizes else f"again {name}" for name in alone.table["unit"]]],
        alone.table["mean_gap"],
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_donor_that_does_not_move_is_no_placebo() -> None:
    found = _placebo(_wide().assign(still=5.0, other=9.0))
    assert found.idle == ("other", "still")
    assert int(found.ranks.loc["mean_gap", "placebos"]) == 7
    assert "2 dotted ones are copies or do not move" in " ".join(text.get_text() for text in plot_placebo(found).texts)
    assert found.to_dict()["idle"] == ["other", "still"]


def test_small_donors_beside_a_large_one_are_no_copies() -> None:
    wide = _wide()
    found = _placebo(wide.assign(**{name: 1e-6 * wide[name] for name in ("d1", "d2")}, d3=1e9 * wide["d3"]))
    assert found.idle == ()


@pytest.mark.parametrize("level", [0.0, 1e6])
def test_a_copy_that_differs_by_rounding_is_one_wherever_rounding_falls(level: float) -> None:
    rng = np.random.default_rng(0)
    series = level + rng.normal(size=(24, 200)) * rng.lognormal(sigma=3, size=200)
    both = np.hstack([series, series * (1 + 1e-15 * rng.normal(size=series.shape))])
    assert first_alike(both).tolist() == [*range(200), *range(200)]


def test_small_donors_of_a_large_unit_are_no_copies() -> None:
    """A fit counts them as it does placebos."""
    wide = _wide() * ([1e9] + [1.0] * 7)
    panel = bs.Panel.from_wide(wide, treated="T", start=18)
    assert copies(panel) == ()
    assert not any("do not move" in fact or "copies" in fact for fact in facts(panel))
    again = bs.Panel.from_wide(wide.assign(again=wide["d2"]), treated="T", start=18)
    assert copies(again) == (("again", "d2"),)


@pytest.mark.parametrize("estimator", ["sc", "did", "sdid"])
@pytest.mark.parametrize(("wide", "placebos"), [({}, 1), ({"d0": 5.0}, 0)])
def test_where_all_are_alike_one_or_none_counts(wide: dict[str, float], placebos: int, estimator: str) -> None:
    alone = _wide(donors=1).assign(**wide)
    found = _placebo(alone.assign(again=alone["d0"], more=alone["d0"]), estimator)
    assert int(found.ranks.loc["mean_gap", "placebos"]) == placebos
    assert float(found.ranks.loc["mean_gap", "p"]) >= found.p_min == 1 / (1 + placebos)
    assert np.isinf(found.radius(0.9))
    assert len(found.idle) == 3 - placebos
    assert any("no placebos of their own" in note for note in found.notes())
    assert np.isfinite(found.plot().get_figure().get_figwidth())


def test_a_narrow_lift_keeps_its_width() -> None:
    assert percents(0.004553, 0.005132, signed=True) == ["+0.46%", "+0.51%"]
    assert percents(0.00052, 0.00093, signed=True) == ["+0.05%", "+0.09%"]
    assert percents(0.5, 0.25) == ["50%", "25%"]
    assert percents(0.25, 0.25) == ["25%", "25%"]
