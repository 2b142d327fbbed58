"""Panels whose units start at different times: who says so, who is a donor, what is left out, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.panel.archive import pack, unpack

UNITS = "abcdefgh"
ROLES = {"unit": "unit", "time": "time", "outcome": "y"}
STARTS = {"a": 6, "b": 6, "c": 9}


def _long(times: list | pd.Index | None = None, starts: dict[str, int] = STARTS) -> pd.DataFrame:
    """Eight units over twelve periods; starts by position of the period."""
    times = list(range(12)) if times is None else list(times)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame([(u, t) for u in UNITS for t in times], columns=["unit", "time"])
    place = frame["time"].map({t: k for k, t in enumerate(times)})
    frame["y"] = rng.normal(size=len(frame)).round(3)
    frame["d"] = [int(u in starts and k >= starts[u]) for u, k in zip(frame["unit"], place, strict=True)]
    frame["since"] = [times[starts[u]] if u in starts else None for u in frame["unit"]]
    return frame


def _same(one: bs.StaggeredPanel, other: bs.StaggeredPanel) -> None:
    assert one.units == other.units
    assert one.starts == other.starts
    np.testing.assert_array_equal(one.outcome, other.outcome)


@pytest.mark.parametrize(
    "times",
    [
        list(range(1990, 2002)),
        [1990 + k / 4 for k in range(12)],
        pd.date_range("2024-01-01", periods=12, freq="W-MON"),
        pd.date_range("2024-03-25", periods=12, freq="D", tz="Europe/Berlin"),
        [f"2024-{m:02d}" for m in range(1, 13)],
    ],
    ids=["years", "decimal-years", "weeks", "zone", "text-months"],
)
def test_mapping_start_column_and_treatment_column_are_one_panel(times: list, tmp_path: Path) -> None:
    long = _long(times)
    said = {unit: list(times)[at] for unit, at in STARTS.items()}
    mapped = bs.Panel.from_long(long, **ROLES, start=said)
    assert isinstance(mapped, bs.StaggeredPanel)
    assert list(mapped.starts) == ["a", "b", "c"]
    assert [mapped.whole.locate(start) for start in mapped.starts.values()] == [6, 6, 9]
    _same(bs.Panel.from_long(long, **ROLES, treatment_column="d"), mapped)
    _same(bs.Panel.from_long(long, **ROLES, start_column="since"), mapped)
    wide = long.pivot(index="time", columns="unit", values="y")
    _same(bs.Panel.from_wide(wide, start=said), mapped)
    long.to_csv(tmp_path / "long.csv", index=False)
    _same(bs.Panel.from_long(tmp_path / "long.csv", **ROLES, treatment_column="d"), mapped)
    events = bs.Panel.from_events(pd.concat([long, long]), **ROLES, start_column="since")
    assert events.starts == mapped.starts
    assert events.cells is not None
    assert (events.cells.n == 2).all()
    assert events.unit_panel("c").cells is not None


def test_one_start_gives_the_panel_of_treated_and_start() -> None:
    long = _long(starts={"a": 6, "b": 6})
    plain = bs.Panel.from_long(long, **ROLES, treated=["a", "b"], start=6)
    for how in ({"treatment_column": "d"}, {"start_column": "since"}, {"start": {"b": 6, "a": 6}}):
        panel = bs.Panel.from_long(long, **ROLES, **how)
        assert isinstance(panel, bs.Panel)
        assert panel.treated == plain.treated
        assert panel.start == plain.start
        np.testing.assert_array_equal(panel.outcome, plain.outcome)


def test_units_that_start_after_the_end_are_untreated() -> None:
    panel = bs.Panel.from_long(_long(), **ROLES, treatment_column="d", end=8)
    assert isinstance(panel, bs.Panel)
    assert panel.treated == ("a", "b")
    assert "c" in panel.donors
    later = _long().assign(since=lambda f: f["unit"].map({"a": 6, "b": 8, "c": 2099}))
    assert list(bs.Panel.from_long(later, **ROLES, start_column="since").starts) == ["a", "b"]
    zero = later.assign(since=later["since"].fillna(np.inf))
    assert list(bs.Panel.from_long(zero, **ROLES, start_column="since").starts) == ["a", "b"]
    since_zero = later.assign(since=later["since"].fillna(0) + 1990 * later["since"].gt(0), time=later["time"] + 1990)
    assert list(bs.Panel.from_long(since_zero, **ROLES, start_column="since").starts) == ["a", "b"]


@pytest.mark.parametrize("end", [None, 8])
def test_a_start_after_the_last_period_is_said(end: int | None) -> None:
    """However it was given: a slip of a year would make a treated unit a donor without a word."""
    given = {"a": 6, "b": 8, "c": 2099}
    later = _long().assign(since=lambda f: f["unit"].map(given))
    of_column = bs.Panel.from_long(later, **ROLES, start_column="since", end=end)
    of_mapping = bs.Panel.from_long(later, **ROLES, start=given, end=end)
    last = later["time"].max()
    for panel in (of_column, of_mapping):
        said = " ".join(panel.notes())
        assert f"1 unit starts after {last if panel is of_column else end or last}, the last period" in said
        assert "is untreated until then: c (2099)." in said
    within = bs.Panel.from_long(later[later["unit"] != "c"], **ROLES, start={"a": 6, "b": 8}, end=7)
    assert "1 unit starts after 7, the last period, and is untreated until then: b (8)." in within.notes()
    assert "last period" not in " ".join(bs.Panel.from_long(later, **ROLES, start={"a": 6, "b": 8}).notes())


def test_donors_of_each_kind_and_their_windows() -> None:
    def of(**settings: object) -> bs.StaggeredPanel:
        return bs.Panel.from_long(_long(), **ROLES, treatment_column="d", **settings)

    never = of()
    assert never.donor_kind == "never"
    assert never.donors_of("a") == tuple("defgh")
    assert never.unit_panel("a").end == 11
    assert never.valid_until == {"a": 5, "b": 5, "c": 8, "d": 11, "e": 11, "f": 11, "g": 11, "h": 11}
    both = of(donor_kind="both")
    assert both.donors_of("a") == tuple("cdefgh")
    assert both.unit_panel("a").end == 8
    assert both.donors_of("c") == tuple("defgh")
    assert both.unit_panel("c").end == 11
    assert any("ends before 9" in note for note in both.notes())
    assert of(donor_kind="both", anticipation=1).unit_panel("a").end == 7
    short = of(donor_kind="both", horizon=3)
    assert short.donors_of("a") == tuple("cdefgh")
    assert short.unit_panel("a").end == 8
    longer = of(donor_kind="both", horizon=4)
    assert longer.donors_of("a") == tuple("defgh")
    assert longer.unit_panel("a").end == 9
    assert longer.unit_panel("c").end == 11
    later = {"a": 4, "b": 4, "c": 8, "d": 8, "e": 10, "f": 10}
    kinds = bs.Panel.from_long(_long(starts=later), **ROLES, treatment_column="d", donor_kind="both")
    assert kinds.donors_of("a") == tuple("cdefgh")
    assert kinds.unit_panel("a").end == 7


def test_a_donor_leaves_before_it_may_anticipate_its_own_start() -> None:
    """Also where that start comes after what is used, by ``end=`` or since the data end."""
    starts = {"a": 5, "b": 6, "c": 10}
    of_end = bs.Panel.from_long(_long(starts=starts), **ROLES, treatment_column="d", anticipation=2, end=8)
    assert "c" not in of_end.units
    assert "No donor, since its own start is within 2 periods (anticipation) of the end: 'c'." in of_end.notes()
    early = bs.Panel.from_long(_long(starts=starts), **ROLES, treatment_column="d", anticipation=2, end=7)
    assert "c" in early.never_treated
    for start, donor in ((13, False), (14, True)):
        mapped = bs.Panel.from_long(_long(), **ROLES, start={"a": 6, "b": 8, "c": start}, anticipation=2)
        column = _long().assign(since=lambda f, start=start: f["unit"].map({"a": 6, "b": 8, "c": start}))
        of_column = bs.Panel.from_long(column, **ROLES, start_column="since", anticipation=2)
        assert ("c" in mapped.units) == ("c" in of_column.units) == donor


@pytest.mark.parametrize(
    ("times", "start"),
    [
        (pd.date_range("2024-01-01", periods=12, freq="W-MON"), "9999-12-31"),
        (pd.date_range("2024-01-01", periods=12, freq="h", tz="UTC"), "9999-12-31"),
        (pd.date_range("2150-01-01", periods=12, freq="10YS"), "2261-06-01"),
        (range(1990, 2002), 1e30),
        (range(1990, 2014, 2), 2099),
    ],
    ids=["weeks", "hours", "the end of pandas", "years", "every other year"],
)
def test_a_start_at_the_end_of_all_days_is_after_the_data(times: list | pd.Index, start: object) -> None:
    """What databases write for "never"."""
    wide = pd.DataFrame(np.random.default_rng(1).normal(size=(12, 6)), columns=list("abcdef"), index=list(times))
    panel = bs.Panel.from_wide(wide, start={"a": times[6], "b": times[8], "c": start}, anticipation=1)
    assert list(panel.starts) == ["a", "b"]
    assert any("1 unit starts after" in note for note in panel.notes())


def test_one_start_keeps_to_its_horizon() -> None:
    panel = bs.Panel.from_long(_long(starts={"a": 6}), **ROLES, treatment_column="d", horizon=3)
    assert isinstance(panel, bs.Panel)
    assert (panel.n_pre, panel.n_post, panel.end) == (6, 3, 8)
    washed = bs.Panel.from_long(_long(starts={"a": 6}), **ROLES, treatment_column="d", horizon=3, washout=1)
    assert washed.times[washed.n_pre :].tolist() == [7, 8]
    assert "start 6, effect from 7" in repr(washed)


def test_what_chooses_between_starts_is_said_to_be_idle_with_one() -> None:
    one = bs.Panel.from_long(_long(starts={"a": 6}), **ROLES, treatment_column="d", donor_kind="never", settled=2)
    assert any("donor_kind and settled had nothing to choose between" in note for note in one.notes())
    several = bs.Panel.from_long(_long(), **ROLES, treatment_column="d", donor_kind="never")
    assert not any("donor_kind" in note for note in several.notes())


def test_a_mapping_may_name_units_that_are_never_treated() -> None:
    given = {"a": 6, "b": 8, "c": None, "d": float("nan"), "e": "never", "f": pd.NaT}
    panel = bs.Panel.from_long(_long(), **ROLES, start=given)
    assert list(panel.starts) == ["a", "b"]
    assert not any("last period" in note for note in panel.notes())


def test_what_a_cumulative_effect_covers_is_said_of_one_start_alone() -> None:
    holes = _long()[lambda f: f["time"] != 9]
    assert "cumulative" not in " ".join(bs.Panel.from_long(holes, **ROLES, treatment_column="d").notes())
    one = bs.Panel.from_long(holes[holes["unit"] != "c"], **ROLES, start={"a": 6})
    assert "the cumulative effect covers 5 of the 6" in " ".join(one.notes())


def test_anticipation_and_washout_leave_periods_out_and_the_calendar_counts_them() -> None:
    panel = bs.Panel.from_long(_long(), **ROLES, treatment_column="d", anticipation=2, washout=1)
    one = panel.unit_panel("a")
    assert one.times.tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 11]
    assert one.start == 7
    assert one.n_pre == 4
    assert one.positions.tolist() == one.times.tolist()
    assert one.source.anticipation == (4, 5)
    assert one.source.washout == (6,)
    assert one.gaps() == []
    assert panel.event_times("a").tolist() == [1, 2, 3, 4, 5]
    assert any("(anticipation) are left out" in note and "4, 5" in note for note in one.notes())
    assert panel.wave_panel(6).treated == ("a", "b")
    back = unpack(*pack(one))
    assert back.source == one.source
    plain = bs.Panel.from_long(_long(), **ROLES, treated="a", start=6, exclude=["b", "c"], anticipation=2, washout=1)
    np.testing.assert_array_equal(plain.outcome, one.outcome)
    assert plain.source.anticipation == (4, 5)
    assert "left out" in " ".join(plain.sentences())
    dates = pd.date_range("2024-01-01", periods=12, freq="D", tz="Europe/Berlin")
    zoned = bs.Panel.from_long(_long(dates), **ROLES, treated="a", start=dates[6], anticipation=1)
    assert zoned.gaps() == []
    assert unpack(*pack(zoned)).notes() == zoned.notes()


def test_settled_waves_serve_later_ones_that_would_have_no_donor() -> None:
    log = bs.simulate_rollout(users=50_000, seed=42)
    roles = {
        "unit": "workspace_id",
        "time": "signup_week",
        "outcome": "task_completed",
        "start_column": "treatment_week",
    }
    with pytest.raises(bs.PanelError, match=r"all units are treated in the end.* settled="):
        bs.Panel.from_events(log, **roles)
    panel = bs.Panel.from_events(log, **roles, settled=2)
    first, second = panel.waves
    assert (first.start, first.first, first.last) == (20, 0, 29)
    assert (second.start, second.first, second.last) == (30, 22, 51)
    assert first.donors == second.units
    assert second.donors == first.units
    assert "ends before 30" in panel.notes()[0]
    assert "settled" in panel.notes()[1]


def test_placebo_waves_and_what_a_panel_says() -> None:
    panel = bs.Panel.from_long(_long(), **ROLES, treatment_column="d")
    placebo = panel.as_treated({"d": 6, "e": 9})
    assert placebo.units == ("d", "e", "f", "g", "h")
    assert placebo.donors_of("d") == ("f", "g", "h")
    assert repr(panel) == "StaggeredPanel(3 treated units in 2 waves, start 6 to 9, beside 5 never treated, 0 to 11)"
    assert panel.table["post"].tolist() == [6, 6, 3]
    assert panel.to_dict()["starts"] == STARTS
    again = bs.Panel.from_long(
        panel.to_frame(), unit="unit", time="time", outcome="outcome", treatment_column="treated"
    )
    _same(again, panel)
    assert "never treated" in panel._repr_html_().lower()
    with pytest.raises(bs.PanelError, match="no never-treated unit 'a'"):
        panel.as_treated({"a": 6})


def _bad(change: str) -> pd.DataFrame:
    long = _long()
    if change == "two starts":
        long.loc[(long["unit"] == "a") & (long["time"] == 3), "since"] = 8
    if change == "some without":
        long.loc[(long["unit"] == "a") & (long["time"] == 3), "since"] = np.nan
    if change == "off":
        long.loc[(long["unit"] == "b") & (long["time"] == 8), "d"] = 0
    if change == "share":
        long["d"] = long["d"].mask((long["unit"] == "b") & (long["time"] == 8), 0.5)
    if change == "early":
        long = _long(starts={"a": 2, "b": 6})
    if change == "no period":
        long["since"] = long["since"].replace(6, 6.5)
    return long


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ("two starts", {"start_column": "since"}, "unit 'a' has two starts in column 'since', 6 and 8"),
        ("some without", {"start_column": "since"}, "unit 'a' has two starts in column 'since', 6 and none"),
        ("off", {"treatment_column": "d"}, "switches 'b' on at 6 and off again at 8"),
        ("share", {"treatment_column": "d"}, r"column 'd' must be 0 or 1 .* at 'b', 8"),
        ("early", {"treatment_column": "d"}, "unit 'a' starts at 2, which leaves 2 periods before it and at least 3"),
        ("no period", {"start_column": "since"}, "start of '[ab]' 6.5 is not a period of the data"),
        ("", {"treatment_column": "d", "start_column": "since"}, "both given"),
        ("", {"treatment_column": "d", "treated": "a"}, "treated is given beside a column"),
        ("", {"treatment_column": "d", "start": 6}, "start is given beside a column"),
        ("", {"start": {"a": 6}, "treated": "a"}, "treated is given beside a mapping"),
        ("", {"start": {}}, "empty mapping"),
        ("", {"start": {"a": 6, "x": 7}}, "no treated unit 'x'"),
        ("", {"start": 6}, "treated is None"),
        ("", {"start_column": "starts"}, "no column 'starts' for start"),
        ("", {"treatment_column": "d", "donor_kind": "later"}, "donor_kind is 'later'.*'never'"),
        ("", {"treatment_column": "d", "donor_kind": "not-yet"}, "only the donor 'c' valid through the whole window"),
        ("", {"treatment_column": "d", "anticipation": -1}, "anticipation is -1"),
        ("", {"treatment_column": "d", "anticipation": 4}, "at 6 with 2 periods to fit before that"),
        ("", {"treatment_column": "d", "washout": 3}, "no treated period is left then; make washout"),
        ("", {"treated": "a", "start": 6, "anticipation": 4}, "leave 2 periods before 6 and at least 3 are needed"),
        ("", {"treated": "a", "start": 6, "washout": 6}, "leave 0 periods from 6 and at least 1 is needed"),
        ("", {"treatment_column": "d", "donors": ["d"]}, r"start 9\) has only the donor 'd' valid"),
        ("", {"treatment_column": "d", "donors": ["c", "d"]}, "'c' is treated and among the donors"),
        ("", {"treatment_column": "d", "end": 5}, "no unit starts by 5"),
        ("", {"start": {u: 6 + k % 3 for k, u in enumerate(UNITS)}}, "all units are treated in the end"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(change: str, settings: dict, message: str) -> None:
    with pytest.raises(bs.PanelError, match=message) as raised:
        bs.Panel.from_long(_bad(change), **ROLES, **settings)
    assert "\n" not in str(raised.value)


def test_mixed_time_zones_are_refused() -> None:
    dates = pd.date_range("2024-01-01", periods=12, freq="h", tz="Europe/Berlin")
    long = _long(dates)
    naive = {"a": pd.Timestamp("2024-01-01 06:00"), "b": pd.Timestamp("2024-01-01 09:00", tz="UTC")}
    with pytest.raises(bs.PanelError, match="start"):
        bs.Panel.from_long(_long(dates.tz_localize(None)), **ROLES, start={"a": dates[6], "b": "2024-01-01 07:00"})
    mixed = long.assign(since=[naive.get(u) for u in long["unit"]])
    with pytest.raises(bs.PanelError, match=r"start of .* offsets from UTC"):
        bs.Panel.from_long(mixed, **ROLES, start_column="since")
    both = long.astype({"time": object})
    both.loc[both["unit"] == "a", "time"] = [t.tz_convert("Asia/Tokyo") for t in both.loc[both["unit"] == "a", "time"]]
    both.loc[both["unit"] == "b", "time"] = [t.tz_localize(None) for t in both.loc[both["unit"] == "b", "time"]]
    with pytest.raises(bs.PanelError, match=r"time"):
        bs.Panel.from_long(both, **ROLES, treatment_column="d")


def test_holes_of_a_treated_unit_are_filled_before_its_own_start_alone() -> None:
    long = _long()
    holes = long[~((long["unit"] == "c") & (long["time"] == 7))]
    panel = bs.Panel.from_long(holes, **ROLES, start={"a": 6, "c": 9}, missing="interpolate")
    at = panel.units.index("c")
    assert panel.outcome[7, at] == pytest.approx((panel.outcome[6, at] + panel.outcome[8, at]) / 2)
    late = long[~((long["unit"] == "c") & (long["time"] == 10))]
    with pytest.raises(bs.PanelError, match="treated unit 'c' has no y at 10"):
        bs.Panel.from_long(late, **ROLES, start={"a": 6, "c": 9}, missing="interpolate")


def test_a_group_of_only_two_never_treated_is_enough_and_names_may_be_odd() -> None:
    long = _long()
    names = dict(zip(UNITS, ["a b", "ß,", 'q"', "x" * 90, "é", "1", "007", "z\t"], strict=True))
    panel = bs.Panel.from_long(long.assign(unit=long["unit"].map(names)), **ROLES, treatment_column="d")
    assert panel.n_treated == 3
    assert all("\t" not in said for said in panel.sentences())


@pytest.mark.parametrize("unit", ["a", "h"])
def test_an_empty_cell_of_treatment_is_not_taken_for_none(unit: str) -> None:
    """Taken for 0 it would move the start of a treated unit, or make one without a record of it a donor."""
    frame = _long()
    holes = (frame["unit"] == unit) & (frame["time"] == 6)
    with pytest.raises(bs.PanelError, match=f"column 'd' is empty in 1 row, the first at '{unit}', 6; give 0 or 1"):
        bs.Panel.from_long(frame.assign(d=frame["d"].where(~holes)), **ROLES, treatment_column="d")
    whole = frame.assign(d=frame["d"].where(frame["unit"] != unit))
    with pytest.raises(bs.PanelError, match=f"column 'd' is empty in 12 rows, the first at '{unit}', 0"):
        bs.Panel.from_long(whole, **ROLES, treatment_column="d")


def test_what_is_in_use_is_not_advised() -> None:
    frame = _long(starts=dict.fromkeys("abcdefg", 3) | {"h": 6})
    with pytest.raises(bs.PanelError, match=r"\(donor_kind 'both'\)") as caught:
        bs.Panel.from_long(frame, **ROLES, treatment_column="d", donor_kind="both")
    assert "use a shorter horizon=" in str(caught.value)


def test_units_that_settle_late_leave_periods_to_those_before_them() -> None:
    """All are treated in the end: of the earlier ones the last to settle would leave nothing to fit the last wave on."""
    rng = np.random.default_rng(1)
    wide = pd.DataFrame(rng.normal(size=(36, 5)), columns=list("abcde"))
    starts = {"a": 8, "b": 10, "c": 20, "d": 24, "e": 30}
    panel = bs.Panel.from_wide(wide, start=starts, settled=6)
    last = panel.unit_panel("e")
    assert last.donors == ("a", "b", "c")
    assert last.n_pre == 4
    with pytest.raises(bs.PanelError, match=r"unit 'd' starts at 24 with 0 periods .* smaller settled= \(here 18\)"):
        bs.Panel.from_wide(wide, start=starts, settled=18)


def test_a_frame_with_columns_named_as_results_are_is_no_analysis() -> None:
    with pytest.raises(bs.PanelError, match="a Fit is needed and "):
        bs.check(pd.DataFrame({"fits": [1, 2], "fit": [3, 4]}))
