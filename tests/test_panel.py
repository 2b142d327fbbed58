"""The panel: roles, window, missing cells, derived panels and what it says of itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bsynth.errors import PanelError
from bsynth.panel import Panel

LONG: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "outcome"}
EVENTS: dict[str, Any] = {"unit": "workspace_id", "time": "signup_week", "outcome": "task_completed"}
WINDOW: dict[str, Any] = {"treated": range(25), "start": 20, "end": 29}


def long(units: str = "abcde", periods: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    size = len(units) * periods
    return pd.DataFrame(
        {
            "unit": np.repeat(list(units), periods),
            "time": np.tile(np.arange(periods), len(units)),
            "outcome": rng.normal(size=size),
        }
    )


def panel(frame: pd.DataFrame | None = None, **arguments: Any) -> Panel:
    return Panel.from_long(long() if frame is None else frame, **{**LONG, "treated": "c", "start": 5, **arguments})


@pytest.fixture(scope="module")
def rollout(rollout_log: pd.DataFrame) -> Panel:
    return Panel.from_events(rollout_log, **EVENTS, **WINDOW, cluster="user_id")


def equal(a: Panel, b: Panel) -> None:
    np.testing.assert_allclose(a.outcome, b.outcome, rtol=1e-14)
    assert (a.units, a.treated, a.times.tolist(), a.start, a.end) == (
        (b.units, b.treated, b.times.tolist(), b.start, b.end)
    )


def test_roles_window_and_shapes() -> None:
    p = panel(treated=["d", "b"], end=6)
    table = long().pivot(index="time", columns="unit", values="outcome").loc[:6]
    assert p.units == ("b", "d", "a", "c", "e")
    assert (p.treated, p.donors) == (("b", "d"), ("a", "c", "e"))
    assert (p.n_pre, p.n_post, p.n_treated, p.n_donors) == (5, 2, 2, 3)
    np.testing.assert_allclose(p.treated_series, table[["b", "d"]].mean(axis=1))
    np.testing.assert_array_equal(p.donor_matrix, table[["a", "c", "e"]])
    assert (p.treated_cell_variance, p.donor_cell_variance) == (None, None)
    assert panel(donors=["e", "a"]).units == ("c", "a", "e")


def test_order_of_rows_changes_nothing() -> None:
    equal(panel(), panel(long().sample(frac=1, random_state=0)))
    assert panel(long().sample(frac=1, random_state=0)).source.rows_used == 40


def test_the_arrays_are_frozen() -> None:
    with pytest.raises(ValueError, match="read-only"):
        panel().outcome[0, 0] = 1.0
    with pytest.raises(AttributeError):
        panel().start = 3  # type: ignore[misc]


PUBLISHED = {
    "california_prop99": ("California", 1989, (1209, 38, 19, 12)),
    "basque": ("Basque Country (Pais Vasco)", 1975, (774, 17, 20, 23)),
    "germany": ("West Germany", "1990", (748, 16, 30, 14)),
    "geolift_test": (["chicago", "portland"], "2021-04-01", (4200, 38, 90, 15)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_panels_load(name: str, data_dir: Path) -> None:
    treated, start, expected = PUBLISHED[name]
    p = Panel.from_long(data_dir / f"{name}.csv", **LONG, treated=treated, start=start)
    assert (p.source.rows_used, p.n_donors, p.n_pre, p.n_post) == expected
    # Read by pandas to the last digit: the outcome is not rounded on its way through the engine.
    frame = pd.read_csv(data_dir / f"{name}.csv")
    table = frame.pivot(index="time", columns="unit", values="outcome")
    np.testing.assert_array_equal(p.outcome, table[list(p.units)].to_numpy())
    equal(p, Panel.from_long(frame, **LONG, treated=treated, start=start))


@pytest.mark.parametrize("start", ["2021-01-06", "20210106", pd.Timestamp("2021-01-06"), np.datetime64("2021-01-06")])
def test_dates_as_a_user_writes_them(start: Any) -> None:
    frame = long().assign(time=lambda f: pd.Timestamp("2021-01-01") + pd.to_timedelta(f.time, unit="D"))
    p = panel(frame, start=start, end="2021-01-07")
    assert (p.n_pre, p.n_post) == (5, 2)
    assert p.period_labels()[0] == "2021-01-01"
    assert p.to_dict()["start"] == "2021-01-06"
    quarters = long().assign(time=lambda f: "20" + (10 + f.time // 4).astype(str) + "Q" + (f.time % 4 + 1).astype(str))
    assert panel(quarters, start="2011Q2").n_pre == 5


def test_labels_from_a_command_line_are_text() -> None:
    frame = long().assign(unit=lambda f: f.unit.map(ord))
    p = panel(frame, treated=["99"], start="5", end="6", donors=["97", "98", np.int64(100)])
    assert p.units == (99, 97, 98, 100)
    assert (p.start, p.end) == (5, 6)
    assert all(type(u) is int for u in p.units)
    assert panel(frame, treated=99.0).treated == (99,)


def test_interpolation_is_that_of_pandas_inside_a_series() -> None:
    frame = long().set_index(["unit", "time"])
    frame.loc[[("a", 1), ("a", 3), ("a", 4), ("c", 2), ("e", 6), ("e", 5)], "outcome"] = np.nan
    p = panel(frame.reset_index(), missing="interpolate")
    pivot = frame.outcome.unstack("unit").interpolate()
    np.testing.assert_allclose(p.outcome, pivot[list(p.units)].to_numpy())
    assert p.source.filled == (("c", 2), ("a", 1), ("a", 3), ("a", 4), ("e", 5), ("e", 6))
    assert p.source.rows_used == 34
    assert p.to_dict()["notes"] == [
        "6 missing cells were interpolated linearly in time: c at 2, a at 1, a at 3, a at 4, e at 5, e at 6."
    ]
    assert p.without("e").source.filled == (("c", 2), ("a", 1), ("a", 3), ("a", 4))
    assert p.backdated(4).source.filled == (("c", 2), ("a", 1), ("a", 3), ("a", 4))
    assert p.backdated(4).source.rows_used == 21


@pytest.mark.parametrize(
    ("unit", "times", "words"),
    [
        ("a", [0], ["unit 'a'", "at 0,", "end of its series", "leave it out"]),
        ("e", [6, 7], ["unit 'e'", "at 6, 7,", "end of its series", "leave it out"]),
        ("c", [4], ["unit 'c'", "at 4,", "before the start"]),
        ("c", [6], ["treated unit 'c'", "at 6,", "from the start on", "nothing is filled"]),
        ("c", [2, 5, 7], ["treated unit 'c'", "at 5, 7,", "from the start on"]),
    ],
)
def test_nothing_is_filled_at_the_ends_and_after_the_start_of_the_treated(
    unit: str, times: list[int], words: list[str]
) -> None:
    frame = long().set_index(["unit", "time"])
    frame.loc[[(unit, t) for t in times], "outcome"] = np.nan
    with pytest.raises(PanelError) as caught:
        panel(frame.reset_index(), missing="interpolate")
    for word in words:
        assert word in str(caught.value)


def test_interpolation_uses_the_window_only() -> None:
    frame = long().set_index(["unit", "time"])
    frame.loc[("a", 6), "outcome"] = np.nan
    assert panel(frame.reset_index(), missing="interpolate").source.filled == (("a", 6),)
    with pytest.raises(PanelError, match="unit 'a' has no outcome at 6, at an end of its series in the window"):
        panel(frame.reset_index(), missing="interpolate", end=6)


def test_units_with_holes_can_be_dropped() -> None:
    frame = long().set_index(["unit", "time"])
    frame.loc[[("a", 0), ("e", 7)], "outcome"] = np.nan
    p = panel(frame.reset_index(), missing="drop-units")
    assert p.units == ("c", "b", "d")
    assert p.source.dropped == ("a", "e")
    assert p.source.notes() == ["2 units with missing cells were dropped: a, e."]
    assert p.source.rows_used == 24
    # A hole after the window, or in a unit that is not asked for, drops nothing.
    assert panel(frame.reset_index(), missing="drop-units", end=6).source.dropped == ("a",)


def test_rollout_panel_is_the_published_one(rollout: Panel, rollout_log: pd.DataFrame) -> None:
    """Wave-1 means before and after, and cell means as a pandas group-by gives them."""
    assert (rollout.n_pre, rollout.n_post, rollout.n_treated, rollout.n_donors) == (20, 10, 25, 25)
    series = rollout.treated_series
    assert (round(series[:20].mean(), 4), round(series[20:].mean(), 4)) == (0.5927, 0.6421)
    used = rollout_log[rollout_log.signup_week < 30]
    means = used.groupby(["signup_week", "workspace_id"]).task_completed.mean().unstack()
    np.testing.assert_allclose(rollout.outcome, means.to_numpy(), rtol=1e-14)
    assert (rollout.source.rows_in, rollout.source.rows_used) == (50_000, len(used))


def test_rollout_cells_and_clusters(rollout: Panel, rollout_log: pd.DataFrame) -> None:
    cells, clusters = rollout.cells, rollout.clusters
    assert cells is not None
    assert clusters is not None
    assert cells.binary
    assert cells.design_effect == 1.0
    used = rollout_log[rollout_log.signup_week < 30]
    rows = used.groupby("workspace_id").task_completed.agg(["sum", "count"])
    p = ((rows["sum"] + 0.5) / (rows["count"] + 1)).to_numpy()
    np.testing.assert_allclose(cells.row_variance, p * (1 - p))
    assert rollout.treated_cell_variance is not None
    assert rollout.donor_cell_variance is not None
    assert rollout.donor_cell_variance.shape == (30, 25)
    # Every user is a cluster, also those who signed up after the window.
    assert clusters.count == 50_000
    np.testing.assert_array_equal(clusters.cluster, used.user_id)
    np.testing.assert_array_equal(clusters.unit, used.workspace_id)
    np.testing.assert_array_equal(clusters.time, used.signup_week)
    np.testing.assert_array_equal(clusters.total, used.task_completed)


def test_rollout_from_csv_is_the_same(rollout: Panel, rollout_log: pd.DataFrame, tmp_path: Path) -> None:
    rollout_log.to_csv(tmp_path / "log.csv", index=False)
    window = {**WINDOW, "treated": [str(u) for u in range(25)], "start": "20"}
    p = Panel.from_events(tmp_path / "log.csv", **EVENTS, **window, cluster="user_id")
    equal(p, rollout)
    assert p.clusters is not None
    assert rollout.clusters is not None
    np.testing.assert_array_equal(p.clusters.cluster, rollout.clusters.cluster)


def test_empty_cells_of_events_have_infinite_variance(rollout_log: pd.DataFrame) -> None:
    log = rollout_log
    hole = log[~((log.workspace_id == 30) & (log.signup_week == 4))]
    p = Panel.from_events(hole, **EVENTS, **WINDOW, missing="interpolate")
    assert p.cells is not None
    assert p.donor_cell_variance is not None
    assert p.source.filled == ((30, 4),)
    assert p.cells.n[4, 30] == 0
    assert p.donor_cell_variance[4, 5] == np.inf
    assert p.outcome[4, 30] == pytest.approx((p.outcome[3, 30] + p.outcome[5, 30]) / 2)
    assert p.source.rows_used == int(p.cells.n.sum())


def test_a_donor_plays_the_treated_unit(rollout: Panel) -> None:
    p = panel(treated=["b", "c"])
    alone = p.as_treated("d")
    assert (alone.treated, alone.donors) == (("d",), ("a", "e"))
    np.testing.assert_array_equal(alone.treated_series, p.outcome[:, p.units.index("d")])
    joined = p.as_treated("d", pool="include")
    assert (joined.treated, joined.donors) == (("d",), ("a", "b", "c", "e"))
    np.testing.assert_array_equal(joined.donor_matrix[:, 1], p.outcome[:, 0])
    big = rollout.as_treated(30)
    assert big.cells is not None
    assert big.clusters is not None
    assert rollout.cells is not None
    np.testing.assert_array_equal(big.cells.n[:, 0], rollout.cells.n[:, 30])
    at_30 = big.clusters.unit == 0
    assert big.clusters.n[at_30].sum() == big.cells.n[:, 0].sum()
    assert big.clusters.count == 50_000
    for unit, message in (("c", "no donor 'c'"), ("zz", "no donor 'zz'")):
        with pytest.raises(PanelError, match=message):
            p.as_treated(unit)


def test_donors_can_be_left_out() -> None:
    p = panel()
    assert p.without("a", "e").donors == ("b", "d")
    assert p.without().donors == p.donors
    with pytest.raises(PanelError, match="only 'b' is left"):
        p.without("a", "d", "e")
    with pytest.raises(PanelError, match="no donor 'c'"):
        p.without("c")


def test_backdating_ends_before_the_real_start(rollout: Panel) -> None:
    p = panel().backdated(3)
    assert (p.start, p.end, p.n_pre, p.n_post) == (3, 4, 3, 2)
    np.testing.assert_array_equal(p.outcome, panel().outcome[:5])
    earlier = rollout.backdated("15")
    assert earlier.clusters is not None
    assert (earlier.n_pre, earlier.n_post) == (15, 5)
    assert earlier.clusters.time.max() == 19
    for start in (2, 5, 7):
        with pytest.raises(PanelError, match=r"before 5 .*\(3 or later\)"):
            panel().backdated(start)


def test_tidy_frame_round_trip(rollout: Panel) -> None:
    frame = panel().to_frame()
    assert list(frame.columns) == ["unit", "time", "outcome", "treated", "post"]
    equal(panel(), panel(frame))
    assert frame[frame.treated].unit.unique().tolist() == ["c"]
    assert rollout.to_frame().n.sum() == rollout.source.rows_used


def test_summary_is_json(rollout: Panel) -> None:
    summary = json.loads(json.dumps(rollout.to_dict()))
    assert set(summary) == {
        "units", "donors", "times", "start", "end", "treated", "covariates", "n_pre", "n_post",
        "rows_in", "rows_used", "sha256", "missing", "labels", "notes", "start_words", "window",
    }  # fmt: skip
    assert (summary["units"], summary["times"], summary["start"], summary["end"]) == (50, 30, 20, 29)
    assert (summary["donors"], summary["treated"]) == (list(range(25, 50)), list(range(25)))
    assert len(summary["sha256"]) == 64


def test_how_it_presents_itself(rollout: Panel) -> None:
    assert rollout.treated_name == "mean of 25 units"
    assert panel().treated_name == "c"
    assert repr(panel()) == "Panel(c against 4 donors, 0 to 7, start 5: 5 pre + 3 post)"
    page = rollout._repr_html_()
    for words in ("mean of 25 units", "25 (25, 26", "0 to 29, treated from 20", "median 19 rows", "50,000"):
        assert words in page
    nasty = long().replace({"unit": {"c": "<script>"}})
    assert "<script>" not in panel(nasty, treated="<script>")._repr_html_()


def test_wide_is_the_same_panel() -> None:
    wide = long().pivot(index="time", columns="unit", values="outcome")
    equal(panel(), Panel.from_wide(wide, treated="c", start=5))
    equal(panel(), Panel.from_wide(wide.reset_index(), time="time", treated="c", start=5))


def test_series_that_are_all_the_same_are_fine() -> None:
    frame = long().assign(outcome=lambda f: np.sin(f.time))
    assert np.ptp(panel(frame).outcome, axis=1).max() == 0


def test_a_constant_donor_is_kept_and_cannot_play_the_treated_unit() -> None:
    frame = long().assign(outcome=lambda f: f.outcome.where(f.unit != "a", 2.0))
    with pytest.raises(PanelError, match="constant at 2"):
        panel(frame).as_treated("a")
