"""The data-quality report: each fault is found where it was put, and sound data are left in peace."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth.cli import main

pytestmark = pytest.mark.usefixtures("pictures_in_blank")


def _wide(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(40, 1)).cumsum(axis=0)
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    return pd.DataFrame(50 + common + rng.normal(0, 0.5, (40, 8)), index=days, columns=list("ABCDEFGH"))


def _panel(wide: pd.DataFrame, start: str | None = "2024-02-01", **more: object) -> bs.Panel:
    return bs.Panel.from_wide(wide, treated="A", start=start, **more)  # type: ignore[arg-type]


def _found(wide: pd.DataFrame, kind: str) -> pd.DataFrame:
    table = bs.data_quality(_panel(wide)).table
    return table[table["kind"] == kind]


def test_sound_data_are_left_in_peace() -> None:
    for seed in range(10):
        found = bs.data_quality(_panel(_wide(seed)))
        assert found.warnings.empty, found.sentences()
        assert found.sentences()[0].startswith("Nothing in the data speaks against")


def test_an_outlier_is_found_at_its_date() -> None:
    wide = _wide()
    wide.loc["2024-01-20", "C"] += 12
    found = _found(wide, "outliers")
    assert found[["unit", "time"]].values.tolist() == [["C", "2024-01-20"]]


@pytest.mark.parametrize("days", [["2024-01-31"], ["2024-01-30", "2024-01-31"], ["2024-01-16", "2024-01-17"]])
def test_what_is_far_off_before_the_start_is_found(days: list[str]) -> None:
    wide = _wide()
    wide.loc[days, "A"] += 15
    (row,) = _found(wide, "outliers").to_dict("records")
    assert (row["unit"], row["time"], row["weight"]) == ("A", days[0], "warning")
    assert ("anticipation=" in row["sentence"]) is (days[-1] == "2024-01-31")
    if len(days) > 1:
        assert f"from {days[0]} to {days[1]} is" in row["sentence"]


@pytest.mark.parametrize("day", ["2024-01-01", "2024-02-09"])
def test_the_ends_of_a_donor_are_looked_at_too(day: str) -> None:
    wide = _wide()
    wide.loc[day, "C"] += 15
    (row,) = _found(wide, "outliers").to_dict("records")
    assert (row["unit"], row["time"]) == ("C", day)
    assert "anticipation" not in row["sentence"]


def test_a_last_period_that_is_not_whole_is_one_finding() -> None:
    wide = _wide()
    wide.loc["2024-02-09"] -= 25
    (row,) = _found(wide, "outliers").to_dict("records")
    assert (row["unit"], row["time"], row["weight"]) == (None, "2024-02-09", "warning")


def test_a_donor_that_is_very_far_off_is_looked_at_first() -> None:
    wide, little = _wide(), _wide()
    wide.loc["2024-01-20", "C"] *= 10
    little.loc["2024-01-20", "C"] += 6
    far, near = (bs.data_quality(_panel(each)) for each in (wide, little))
    assert far.sentences()[0].startswith("1 thing to look at before an analysis (outliers)")
    assert near.sentences()[0].startswith("Nothing in the data speaks against")
    assert near.table["kind"].tolist().count("outliers") == 1


@pytest.mark.parametrize("memory", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("shape", ["none", "trend", "season"])
def test_sound_series_of_any_kind_are_seldom_called_far_off(memory: float, shape: str) -> None:
    """About one panel in twenty has a date beyond six robust standard deviations; here at most one in five may."""
    called = 0
    for seed in range(30):
        rng = np.random.default_rng([seed, 7])
        noise, at = rng.normal(size=(40, 9)), np.arange(40)[:, None]
        for t in range(1, 40):
            noise[t] += memory * noise[t - 1]
        beside = {"none": 0.0, "trend": at * rng.normal(0, 0.3, 9), "season": 3 * np.sin(at / 2 + rng.random(9))}[shape]
        wide = pd.DataFrame(50 + noise + beside, index=_wide().index, columns=list("ABCDEFGHI"))
        called += len(_found(wide, "outliers")) > 0
    assert called <= 6


def test_few_periods_before_the_start_are_a_warning() -> None:
    found = bs.data_quality(_panel(_wide(), "2024-01-06"))
    assert "pre-period" in found.warnings["kind"].tolist()
    assert "5 periods before the start are too few" in " ".join(found.sentences())


def test_a_date_that_is_odd_for_all_is_one_finding() -> None:
    wide = _wide()
    wide.loc["2024-01-20", list("ABCDE")] -= 12
    (row,) = _found(wide, "outliers").to_dict("records")
    assert row["time"] == "2024-01-20"
    assert row["unit"] is None
    assert row["weight"] == "warning"


@pytest.mark.parametrize(
    "days", [["2024-01-20", "2024-01-21"], ["2024-02-08", "2024-02-09"], ["2024-01-01", "2024-01-02"]]
)
def test_two_dates_that_are_odd_for_all_are_one_finding(days: list[str]) -> None:
    wide = _wide()
    wide.loc[days] -= 25
    (row,) = _found(wide, "outliers").to_dict("records")
    assert (row["unit"], row["time"], row["weight"]) == (None, days[0], "warning")
    assert row["sentence"].startswith(f"From {days[0]} to {days[1]} many units are far off at once")


def _daily(seed: int, closed: str) -> pd.DataFrame:
    """Three months of shops that are closed on Sundays, as each other, by amounts or shares; or one alone."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=84, freq="D")
    wide = 50 + 0.3 * rng.normal(size=(84, 1)).cumsum(axis=0) + rng.normal(0, 0.5, (84, 8))
    sundays = np.asarray(days.day_of_week == 6)
    if closed == "growing":
        wide = wide * np.linspace(1, 1.6, 84)[:, None] * ~sundays[:, None]
    else:
        wide[np.ix_(sundays, [2] if closed == "one" else range(8))] -= 20
    return pd.DataFrame(wide, index=days, columns=list("ABCDEFGH"))


@pytest.mark.parametrize("closed", ["all", "one", "growing"])
def test_what_comes_back_every_week_is_not_odd(closed: str) -> None:
    found = [bs.data_quality(_panel(_daily(seed, closed), "2024-03-04")).table for seed in range(10)]
    assert sum(table["kind"].isin(["outliers", "level-shifts"]).sum() for table in found) <= 1


def test_beside_a_week_what_is_odd_is_found() -> None:
    wide = _daily(3, "all")
    wide.loc["2024-02-14", "C"] += 15
    wide.loc["2024-02-20"] -= 25
    found = bs.data_quality(_panel(wide, "2024-03-04")).table
    rows = found[found["kind"] == "outliers"]
    assert rows["time"].tolist() == ["2024-02-20", "2024-02-14"]
    assert (pd.isna(rows["unit"].iloc[0]), rows["unit"].iloc[1]) == (True, "C")


def test_a_level_shift_is_found_at_its_date() -> None:
    wide = _wide()
    wide.loc["2024-01-22":, "D"] += 8
    (row,) = _found(wide, "level-shifts").to_dict("records")
    assert (row["unit"], row["time"]) == ("D", "2024-01-22")
    assert row["value"] > 0


def test_the_effect_itself_is_no_fault() -> None:
    wide = _wide()
    wide.loc["2024-02-01":, "A"] += 20
    assert bs.data_quality(_panel(wide)).warnings.empty


def test_zeros_stops_and_copies_are_named() -> None:
    wide = _wide()
    wide["B"] = 0.0
    wide.loc["2024-01-25":, "E"] = 3.0
    wide["G"] = wide["F"]
    found = bs.data_quality(_panel(wide)).table.set_index("kind")
    assert found.loc["zeros", "unit"] == "B"
    assert found.loc["stops", ["unit", "time"]].tolist() == ["E", "2024-01-25"]
    assert found.loc["duplicates", "unit"] == "G"


def test_missing_days_and_filled_cells_are_gaps() -> None:
    wide = _wide().drop(pd.Timestamp("2024-01-10"))
    wide.loc["2024-01-15", "C"] = np.nan
    found = bs.data_quality(_panel(wide, missing="interpolate")).table
    said = " ".join(found.loc[found["kind"] == "gaps", "sentence"])
    assert "2024-01-10" in said
    assert "'C' at 2024-01-15" in said


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_units_of_measure_do_not_matter(factor: float) -> None:
    wide = _wide()
    wide.loc["2024-01-20", "C"] += 12
    one, other = (bs.data_quality(_panel(each)).table for each in (wide, factor * wide))
    assert one[["kind", "unit", "time"]].equals(other[["kind", "unit", "time"]])


def test_a_treated_unit_that_leaves_its_donors_is_a_warning() -> None:
    wide = _wide()
    wide["A"] += np.linspace(0, 15, 40)
    (row,) = _found(wide, "pre-period").to_dict("records")
    assert row["weight"] == "warning"


def test_a_history_without_start_can_be_checked_and_not_analysed() -> None:
    panel = _panel(_wide(), None)
    assert (panel.n_pre, panel.n_post, panel.start) == (40, 0, pd.Timestamp("2024-02-10"))
    assert "no start yet" in repr(panel)
    assert bs.data_quality(panel).warnings.empty
    with pytest.raises(bs.PanelError, match="nothing has started in it"):
        bs.fit(panel)


@pytest.mark.parametrize(
    ("times", "after"),
    [
        (pd.Index([2001, 2003, 2005, 2007]), 2009),
        (pd.Index([1990.0, 1990.25, 1990.5, 1990.75]), pd.Timestamp("1991-01-01")),
        (pd.date_range("2024-01-31", periods=4, freq="ME"), pd.Timestamp("2024-05-31")),
        (pd.date_range("2024-01-01", periods=4, freq="W-MON"), pd.Timestamp("2024-01-29")),
        (pd.bdate_range("2024-01-01", periods=10), pd.Timestamp("2024-01-15")),
        (pd.date_range("2024-01-01", periods=4, freq="D", tz="Europe/Berlin"), pd.Timestamp("2024-01-05")),
    ],
)  # fmt: skip
def test_a_history_ends_before_the_next_period_of_its_calendar(times: pd.Index, after: object) -> None:
    wide = _wide().iloc[: len(times)].set_axis(times)
    panel = _panel(wide, None)
    assert panel.start == after
    assert panel.n_pre == len(times)


def test_check_says_what_an_analysis_would_refuse(tmp_path: Path) -> None:
    long = _wide().rename_axis("day").reset_index().melt("day", var_name="shop", value_name="sales")
    long = pd.concat([long.drop(index=90), long.iloc[[7]]])
    long.to_csv(tmp_path / "shops.csv", index=False)
    columns = ["--unit", "shop", "--time", "day", "--outcome", "sales", "--treated", "A"]
    done = CliRunner().invoke(main, ["check", str(tmp_path / "shops.csv"), *columns])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "An analysis refuses these data as they are: shops.csv: 1 cell has more than one row" in said
    assert "1 cell has more than one row where most have one" in said
    assert "1 cell had no outcome and was interpolated" in said
