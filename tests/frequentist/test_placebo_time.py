"""Placebo in time, and donors dropped one after the other."""

import re
from dataclasses import replace

import numpy as np
import pytest

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import PanelError
from bsynth.frequentist import classical, leave_one_out, placebo_time


@pytest.mark.parametrize("name", ["sc", "demeaned", "did", "sdid"])
def test_each_start_is_a_full_refit(germany_panel: bs.Panel, name: str) -> None:
    found = placebo_time(germany_panel, name, starts=[1975, 1982])
    for start, row in found.table.set_index("start").iterrows():
        alone = classical(germany_panel.backdated(start), name)
        window = alone.gap[start - 1960 :]
        assert (row["n_pre"], row["n_window"]) == (start - 1960, 1990 - start)
        assert row["mean_gap"] == pytest.approx(window.mean())
        assert row["last_gap"] == pytest.approx(window[-1])
        assert row["ratio"] == pytest.approx(np.sqrt((window**2).mean()) / alone.pre_rmspe)
        np.testing.assert_allclose(found.gaps.sel(replicate=start), alone.gap)
        np.testing.assert_allclose(found.gaps + found.counterfactual, np.tile(alone.panel.treated_series, (2, 1)))
    assert found.gaps.shape == (2, 30)


def test_default_starts(prop99_panel: bs.Panel) -> None:
    found = placebo_time(prop99_panel)
    assert found.table["start"].tolist() == [1979, 1981, 1984, 1986, 1988]
    assert (found.table["n_pre"] >= 3).all()
    table = found.effects()
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
    assert table[["lower", "upper", "level", "p"]].isna().all(axis=None)
    assert "0 show a mean gap at least as large in size as the real one, −" in found.sentences()[0]
    gaps = found.table["mean_gap"].to_numpy()
    # A size is compared with a size, and each is said with its sign.
    signed = "−" if gaps[np.abs(gaps).argmax()] < 0 else ""
    assert re.search(rf"the largest in size {signed}\d", found.sentences()[0])
    assert re.search(rf"largest in size of 5 backdated starts {signed}\d", repr(found))
    assert "Placebo in time" in found._repr_html_()
    short = prop99_panel.backdated(1975).backdated(1974)
    assert placebo_time(short).table["start"].tolist() == [1973]


@pytest.mark.parametrize(("larger", "said"), [(0, "0 show"), (1, "1 shows"), (2, "2 show")])
def test_its_sentence_counts_the_starts_that_found_as_much(prop99_panel: bs.Panel, larger: int, said: str) -> None:
    found = placebo_time(prop99_panel)
    gaps = np.where(np.arange(len(found.table)) < larger, -1000.0, 0.0)
    words = replace(found, table=found.table.assign(mean_gap=gaps)).sentences()[0]
    assert f"of 5 backdated starts {said} a mean gap at least as large" in words


def test_starts_that_do_not_fit(prop99_panel: bs.Panel) -> None:
    for start in (1971, 1989, 1995, 1850):
        with pytest.raises(PanelError):
            placebo_time(prop99_panel, starts=[start])
    with pytest.raises(PanelError, match="empty"):
        placebo_time(prop99_panel, starts=[])
    with pytest.raises(PanelError, match="longer pre-period"):
        placebo_time(prop99_panel.backdated(1973))


def test_donors_dropped_one_after_the_other(prop99_panel: bs.Panel) -> None:
    found = leave_one_out(prop99_panel, cumulative=True, progress=False)
    assert len(found.table) == 6
    gone: list[str] = []
    for _, row in found.table.iterrows():
        before = classical(prop99_panel.without(*gone) if gone else prop99_panel)
        assert row["dropped"] == before.weights_table().set_index("donor")["weight"].index[0]
        assert row["weight"] == pytest.approx(before.weights_table().set_index("donor")["weight"].iloc[0])
        gone.append(row["dropped"])
        after = classical(prop99_panel.without(*gone))
        assert row["mean_gap"] == pytest.approx(after.gap[19:].mean())
        np.testing.assert_allclose(found.gaps.sel(replicate=row["dropped"]), after.gap)
    assert (found.table["pre_rmspe"].diff().dropna() >= -1e-9).all()
    assert set(found.effects()["interval"]) == {"leave-out-cumulative-range"}
    assert "one after the other" in found.sentences()[0]
    single = leave_one_out(prop99_panel, progress=False)
    assert found.table["mean_gap"][0] == pytest.approx(single.table["mean_gap"][0])


def test_two_donors_remain(prop99_panel: bs.Panel) -> None:
    few = prop99_panel.without(*[d for d in prop99_panel.donors if d not in ("Utah", "Nevada", "Iowa", "Ohio")])
    assert len(leave_one_out(few, "did", which="all", cumulative=True, progress=False).table) == 2
    pair = few.without("Iowa", "Ohio")
    with pytest.raises(PanelError, match="at least three"):
        leave_one_out(pair, cumulative=True, progress=False)
