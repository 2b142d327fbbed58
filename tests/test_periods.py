"""Periods of every kind: places on their calendar, how they are read, named, shown and kept."""

from typing import Any

import pandas as pd
import pytest

from bsynth.ingest.calendar import Calendar

DAYS = pd.date_range("2024-01-01", periods=60)
CALENDARS: dict[str, tuple[pd.Index, str]] = {
    "whole numbers": (pd.Index(range(14)), "period"),
    "elections": (pd.Index(range(1920, 1980, 4)), "4 periods"),
    "days": (DAYS[:14], "day"),
    "workdays": (pd.bdate_range("2024-01-01", periods=14), "business day"),
    "all but Sundays": (DAYS[DAYS.day_of_week != 6], "day of all but Sundays"),
    "weeks": (pd.date_range("2024-01-02", periods=14, freq="W-TUE"), "week"),
    "second weeks": (pd.date_range("2024-01-02", periods=14, freq="2W-TUE"), "2 weeks"),
    "month starts": (pd.date_range("2023-01-01", periods=14, freq="MS"), "month"),
    "month ends": (pd.date_range("2023-01-31", periods=14, freq="ME"), "month"),
    "last workdays": (pd.date_range("2023-01-31", periods=14, freq="BME"), "month"),
    "quarter starts": (pd.date_range("2020-01-01", periods=14, freq="QS"), "quarter"),
    "quarter ends": (pd.date_range("2020-02-28", periods=14, freq="QE-FEB"), "quarter"),
    "year starts": (pd.date_range("2000-01-01", periods=14, freq="YS"), "year"),
    "year ends": (pd.date_range("2000-12-31", periods=14, freq="YE"), "year"),
    "hours": (pd.date_range("2024-01-01", periods=40, freq="h"), "hour"),
    "quarters of an hour": (pd.date_range("2024-01-01", periods=14, freq="15min"), "15 minutes"),
}


@pytest.mark.parametrize("name", CALENDARS)
def test_a_missing_period_is_a_place_without_one(name: str) -> None:
    times, word = CALENDARS[name]
    whole = Calendar.of(times)
    assert whole.frequency == word
    assert whole.places(times).tolist() == list(range(len(times)))
    assert whole.missing(times) == []
    for gone in ([4], [4, 5], [3, 8]):
        kept = times.delete(gone)
        found = Calendar.of(kept)
        assert found.frequency == word
        assert found.places(kept).tolist() == [i for i in range(len(times)) if i not in gone]
        if name != "last workdays":
            assert found.missing(kept) == [times[i] for i in gone]


@pytest.mark.parametrize(
    "times",
    [
        pd.Index([1, 17, 21, 400, 1000, 1001]),
        pd.DatetimeIndex(["2024-01-01", "2024-02-17", "2024-02-18", "2024-08-01", "2025-03-03", "2025-03-09"]),
    ],
)
def test_what_keeps_to_no_calendar_is_counted_one_by_one(times: Any) -> None:
    assert Calendar.of(times).frequency == "period"
    assert Calendar.of(times).places(times).tolist() == list(range(6))
    assert Calendar.of(times).missing(times) == []
