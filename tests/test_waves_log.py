"""Starts read from a log whose moments are counted in periods, and what its cells are when units start apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.errors import PanelError
from bsynth.panel.archive import pack, unpack
from bsynth.panel.cells import Resamples

STARTS = {"a": "2024-02-07", "b": "2024-02-19"}
WEEKS = {"a": pd.Timestamp("2024-02-05"), "b": pd.Timestamp("2024-02-19")}
WITHIN = "1 unit starts within a week, which counts as treated: a in the week from 2024-02-05."
ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "y", "freq": "week"}


def _log() -> pd.DataFrame:
    """Six units over ten weeks from a Monday on, four rows a day; ``a`` starts on a Wednesday and ``b`` on a Monday."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=70, freq="D")
    rows = pd.DataFrame([(u, d) for u in "abcdef" for d in days for _ in range(4)], columns=["unit", "day"])
    since = rows["unit"].map(STARTS)
    return rows.assign(
        time=rows["day"] + pd.to_timedelta(rng.integers(0, 86400, len(rows)), unit="s"),
        y=rng.poisson(3, len(rows)),
        x=rng.integers(1, 4, len(rows)),
        user=rng.integers(0, 50, len(rows)),
        on=(rows["day"] >= pd.to_datetime(since)).astype(int),
        since=since,
    )


@pytest.mark.parametrize("column", [{"treatment_column": "on"}, {"start_column": "since"}])
@pytest.mark.parametrize("kind", ["frame", "csv", "dates"])
def test_a_unit_that_starts_within_a_week_is_treated_from_it_on(column: dict, kind: str, tmp_path: Path) -> None:
    log: Any = _log()
    if kind == "dates":
        log["since"] = pd.to_datetime(log["since"])
    if kind == "csv":
        log.to_csv(tmp_path / "log.csv", index=False)
        log = tmp_path / "log.csv"
    panel = bs.Panel.from_long(log, **ROLES, **column, agg="sum", where="x < 3")
    assert panel.starts == WEEKS
    assert panel.source.said == (WITHIN,)
    frame = _log().query("x < 3 and unit == 'b'")
    weekly = frame.groupby((frame["day"] - pd.Timestamp("2024-01-01")).dt.days // 7)["y"].sum()
    np.testing.assert_array_equal(panel.whole.outcome[:, panel.units.index("b")], weekly)


def test_starts_with_a_zone_are_those_of_the_clock() -> None:
    log = _log()
    log["time"] = log["time"].dt.tz_localize("Asia/Tokyo")
    # Sunday evening in UTC is Monday in Tokyo.
    moments = {"a": "2024-02-06T20:00Z", "b": "2024-02-18T16:00Z"}
    log["since"] = pd.to_datetime(log["unit"].map(moments), utc=True)
    panel = bs.Panel.from_long(log, **ROLES, start_column="since", agg="mean", time_zone="Asia/Tokyo")
    assert panel.starts == WEEKS


def test_cells_of_ratios_and_users_follow_the_periods_of_a_unit() -> None:
    panel = bs.Panel.from_events(
        _log(), **ROLES, treatment_column="on", cluster="user", agg="ratio", denominator="x", anticipation=1, washout=1
    )
    log = _log()
    week = (log["day"] - pd.Timestamp("2024-01-01")).dt.days // 7
    for unit, start in (("a", 5), ("b", 7)):
        own = panel.unit_panel(unit)
        kept = [k for k in range(10) if k not in (start - 1, start)]
        rows = log[log["unit"] == unit].groupby(week)
        cells = own.cells
        assert cells is not None
        assert cells.ratio is not None
        np.testing.assert_array_equal(cells.ratio.size[:, 0], rows["x"].sum()[kept])
        np.testing.assert_allclose(cells.mean, own.outcome)
        clusters = own.clusters
        assert clusters is not None
        assert not isinstance(clusters, Resamples)
        assert clusters.size is not None
        np.testing.assert_array_equal(np.bincount(clusters.time[clusters.unit == 0]), rows["user"].nunique()[kept])
        again = unpack(*pack(own))
        assert again.cells is not None
        assert again.cells.ratio is not None
        np.testing.assert_array_equal(again.cells.ratio.cross, cells.ratio.cross)
        assert again.source == own.source


def test_resamples_follow_the_periods_of_a_unit() -> None:
    panel = bs.Panel.from_events(_log(), **ROLES, start_column="since", cluster="user", resamples=400, washout=1)
    own = panel.unit_panel("a")
    assert isinstance(own.clusters, Resamples)
    assert own.clusters.means.shape == (400, *own.outcome.shape)
    # Drawn means scatter around those of the panel, cell by cell: a wrong place would be off by far more.
    error = own.clusters.means.std(axis=0) / np.sqrt(400)
    assert (np.abs(own.clusters.means.mean(axis=0) - own.outcome) < 6 * error).all()


@pytest.mark.parametrize("agg", ["mean", None])
def test_a_treatment_that_goes_off_again_is_refused_when_counted_too(agg: str | None) -> None:
    log = _log()
    log.loc[(log["unit"] == "a") & (log["day"] >= "2024-02-28"), "on"] = 0
    with pytest.raises(PanelError, match="switches 'a' on at 2024-02-05 and off again at 2024-02-26"):
        bs.Panel.from_events(log, **ROLES, treatment_column="on", agg=agg)


@pytest.mark.parametrize(("agg", "additive"), [("mean", False), ("sum", True), ("ratio", False)])
def test_an_analysis_of_a_log_with_several_starts_has_a_verdict(agg: str, additive: bool) -> None:
    below = {"denominator": "x"} if agg == "ratio" else {}
    panel = bs.Panel.from_events(_log(), **ROLES, treatment_column="on", agg=agg, **below)
    analysis = bs.analyse(panel, models=["none"], methods=["did"], replicates=20, progress=False)
    assert analysis.unavailable == {}
    assert analysis.comparison.facts["additive"] is additive
    assert WITHIN in analysis.notes()
