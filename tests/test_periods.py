"""Periods of every kind: places on their calendar, how they are read, named, shown and kept."""

import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import bsynth as bs
from bsynth._base.plain import plain
from bsynth.cli import main
from bsynth.errors import PanelError
from bsynth.panel.calendar import Calendar
from bsynth.panel.spelling import read_column
from bsynth.reporting.export import to_xarray

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

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
ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "y", "treated": "a"}


def frame(labels: Any, units: str = "abcde") -> pd.DataFrame:
    """A panel of random walks whose periods have these labels, in order of time; rows come shuffled."""
    rng = np.random.default_rng(4)
    common = rng.normal(size=len(labels)).cumsum()
    parts = [
        pd.DataFrame({"unit": unit, "time": labels, "y": 50 + common * (i + 1) + rng.normal(size=len(labels))})
        for i, unit in enumerate(units)
    ]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=1)


def failure(labels: Any, start: Any, **further: Any) -> str:
    with pytest.raises(PanelError) as caught:
        bs.Panel.from_long(frame(labels), **ROLES, start=start, **further)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 320
    return message


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
        absent = [str(times[i])[:7] if name == "last workdays" else times[i] for i in gone]
        assert found.missing(kept) == absent


@pytest.mark.parametrize(
    "times",
    [
        pd.Index([1, 17, 21, 400, 1000, 1001]),
        pd.DatetimeIndex(["2024-01-01", "2024-02-17", "2024-02-18", "2024-08-01", "2025-03-03", "2025-03-09"]),
    ],
)
def test_what_keeps_to_no_calendar_is_counted_one_by_one(times: Any) -> None:
    assert Calendar.of(times).frequency == "period"
    panel = bs.Panel.from_long(frame(times), **ROLES, start=times[3])
    assert panel.positions.tolist() == list(range(6))
    assert "keep to no regular calendar" in panel.notes()[0]


@pytest.mark.parametrize(
    ("times", "following"),
    [
        (pd.date_range("2024-01-01 06:00", periods=5, freq="6h"), pd.Timestamp("2024-01-02 12:00")),
        (pd.date_range("2024-03-08", periods=6, freq="B"), pd.Timestamp("2024-03-18")),
        (pd.date_range("2024-01-31", periods=3, freq="ME"), pd.Timestamp("2024-04-30")),
        (pd.DatetimeIndex(["2024-01-01", "2024-02-17", "2024-02-18", "2024-08-01", "2025-03-03"]), None),
        (pd.Index([1, 17, 21, 400]), 416),
    ],
)
def test_the_period_after_the_last(times: Any, following: Any) -> None:
    """Irregular dates go on by their median distance."""
    expected = times[-1] + pd.Series(times).diff().median() if following is None else following
    assert Calendar.of(times).after(times) == expected


def test_places_survive_every_way_a_panel_is_derived() -> None:
    panel = bs.Panel.from_long(frame([1, 2, 3, 6, 7, 8, 10, 11]), **ROLES, start=10)
    assert panel.positions.tolist() == [0, 1, 2, 5, 6, 7, 9, 10]
    assert panel.positions.dtype == np.int64
    assert panel.as_treated("b").positions.tolist() == panel.without("c").positions.tolist() == panel.positions.tolist()
    assert panel.backdated(7).positions.tolist() == [0, 1, 2, 5, 6, 7]
    # Workdays stay workdays in a piece that no weekend falls into.
    days = pd.bdate_range("2024-01-01", periods=10)
    assert bs.Panel.from_long(frame(days), **ROLES, start=days[5]).backdated(days[4]).frequency == "business day"
    bare = bs.Panel(panel.outcome, panel.units, panel.times, panel.treated, panel.start, panel.end, panel.source)
    assert bare.positions.tolist() == panel.positions.tolist()


MONTHS = pd.period_range("2022-01", periods=14, freq="M")
QUARTERS = pd.period_range("2019Q3", periods=14, freq="Q")
WEEKS = pd.period_range("2020-12-14", periods=14, freq="W")
"""Over the 53rd week of 2020."""


def _month(pattern: str) -> Callable[[pd.Period], Any]:
    return lambda month: month.strftime(pattern)


def _iso(pattern: str) -> Callable[[pd.Period], str]:
    def write(week: pd.Period) -> str:
        year, number, _ = week.start_time.isocalendar()
        return pattern.format(year, number)

    return write


SPELLINGS: dict[str, tuple[pd.PeriodIndex, Callable[[pd.Period], Any], str]] = {
    **{pattern: (MONTHS, _month(pattern), "month") for pattern in (
        "%Y%m", "%Y-%m", "%Y/%m", "%Ym%m", "%YM%m", "%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%b%Y", "%Y %b",
    )},
    "202201": (MONTHS, lambda m: m.year * 100 + m.month, "month"),
    "2022m1": (MONTHS, lambda m: f"{m.year}m{m.month}", "month"),
    "1990.0833": (MONTHS, lambda m: round(m.year + (m.month - 1) / 12, 4), "month"),
    "1990.08": (MONTHS, lambda m: round(m.year + (m.month - 1) / 12, 2), "month"),
    "month periods": (MONTHS, lambda m: m, "month"),
    **{pattern: (QUARTERS, lambda q, pattern=pattern: pattern.format(q.year, q.quarter), "quarter") for pattern in (
        "{} Q{}", "{}Q{}", "{}-Q{}", "{}q{}", "Q{1} {0}", "q{1}-{0}", "{}:Q{}",
    )},
    "20191": (QUARTERS, lambda q: q.year * 10 + q.quarter, "quarter"),
    "1990.25": (QUARTERS, lambda q: q.year + (q.quarter - 1) / 4, "quarter"),
    "2022H1": (QUARTERS[1:8:2], lambda q: f"{q.year}H{(q.quarter + 1) // 2}", "half-year"),
    "202201 weeks": (WEEKS, lambda w: int(_iso("{}{:02}")(w)), "week"),
    "2022-W05": (WEEKS, _iso("{}-W{:02}"), "week"),
    "2022w5": (WEEKS, _iso("{}w{}"), "week"),
    "week periods": (WEEKS, lambda w: w, "week"),
    **{pattern: (pd.period_range("2024-02-20", periods=14), _month(pattern), "day") for pattern in (
        "%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y", "%d%b%Y", "%B %d, %Y", "%A, %d %B %Y",
        "%Y-%m-%dT00:00:00", "%Y-%m-%dT00:00:00Z", "%Y-%m-%d 00:00:00+02:00",
    )},
    "20220131": (pd.period_range("2024-02-20", periods=14), lambda d: int(d.strftime("%Y%m%d")), "day"),
}  # fmt: skip


@pytest.mark.parametrize("how", ["frame", "csv"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_periods_are_read_and_named_as_they_are_written(spelling: str, how: str, tmp_path: Path) -> None:
    periods, write, frequency = SPELLINGS[spelling]
    labels = [write(period) for period in periods]
    first = len(periods) // 2 + 1
    data: Any = frame(pd.Index(labels))
    if how == "csv":
        data.to_csv(tmp_path / "d.csv", index=False)
        data = tmp_path / "d.csv"
    stamps = periods.to_timestamp()
    if "H1" in spelling:
        stamps = pd.DatetimeIndex([f"{p.year}-{1 if p.quarter < 3 else 7:02}-01" for p in periods])
    named = [labels[first], str(labels[first]), stamps[first], stamps[first].date(), str(stamps[first].date())]
    panel = bs.Panel.from_long(data, **ROLES, start=labels[first])
    for start in (*named, stamps[first].to_datetime64(), stamps[first].to_pydatetime()):
        assert panel.locate(start) == panel.n_pre == first
    assert panel.times.equals(stamps.rename(None))
    assert panel.frequency == frequency
    assert panel.positions.tolist() == list(range(len(periods)))
    # The same outcomes in the same order as by whole numbers.
    numbered = bs.Panel.from_long(frame(range(len(periods))), **ROLES, start=first)
    np.testing.assert_allclose(panel.outcome, numbered.outcome)
    json.dumps(panel.to_dict())


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        ([m.year * 100 + m.month for m in MONTHS], "Periods were read as months: 202201 is 2022-01-01."),
        ([q.year + (q.quarter - 1) / 4 for q in QUARTERS], "quarters of years: 2019.75 is 2019-10-01"),
        ([_iso("{}-W{:02}")(w) for w in WEEKS], "weeks: 2020-W51 is 2020-12-14"),
        ([f"2024-03-{d}T00:00:00Z" for d in range(10, 20)], "Days are those of the local clock"),
    ],
)
def test_a_note_says_how_codes_were_read(labels: list[Any], note: str) -> None:
    panel = bs.Panel.from_long(frame(labels), **ROLES, start=labels[6])
    assert note in panel.notes()[0]
    assert note in " ".join(bs.classical(panel).notes())
    assert note in panel._repr_html_()


@pytest.mark.parametrize(
    "labels", [range(1, 31), range(1970, 2001), range(100, 141), [1990.0 + i for i in range(9)], range(99990, 100010)]
)
def test_plain_whole_numbers_stay_whole_numbers(labels: Any) -> None:
    labels = list(labels)
    panel = bs.Panel.from_long(frame(labels), **ROLES, start=labels[5])
    assert panel.period_labels() == labels
    assert panel.frequency == "period"
    assert panel.notes() == ()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([int(m.strftime("%m%Y")) for m in MONTHS], "'%m%Y'"),
        ([m.strftime("%m%Y") for m in MONTHS], "'%m%Y'"),
        ([int(d.strftime("%d%m%Y")) for d in DAYS], "'%d%m%Y'"),
        ([int(d.strftime("%m%d%Y")) for d in DAYS], "'%m%d%Y'"),
        ([int(d.strftime("%y%m%d")) for d in DAYS], "'%y%m%d'"),
        ([int(_iso("{1}{0}")(w)) for w in WEEKS], "'%V%G'"),
        ([100 * year + week for year in (2022, 2023) for week in range(53)], "'%Y%W'"),
        ([f"{year}/{year - 1999:02}" for year in range(2000, 2011)], "a season or a month"),
        ([f"{m.month}/{m.year}" for m in MONTHS], "'%m/%Y'"),
        ([d.strftime("%d/%m/%Y") for d in DAYS[:10]], "'%d/%m/%Y' or '%m/%d/%Y'"),
        ([d.strftime("%d.%m.%y") for d in DAYS], "'%d.%m.%y'"),
        ([d.strftime("%m-%d-%Y") for d in DAYS], "'%m-%d-%Y'"),
        ([d.strftime("%b-%d") for d in DAYS], "a day or a year"),
        ([1990.1, 1990.2, 1990.3, 1990.4, 1991.1, 1991.2], ", which is no period; give whole numbers"),
        ([*range(25), "25p"], "mixes int and str"),
        ([*map(str, range(25)), "25p"], "'25p'"),
        (["2021-04", "2021-04-15", "2021-05"], "write all in one way"),
        (["2021-04-01", "2021-04-02T00:00:00Z"], "write all alike"),
        ([datetime.datetime(2021, 4, 1), datetime.datetime(2021, 4, 2, tzinfo=datetime.UTC)], "write all alike"),
        (["1600-01-01", *DAYS.strftime("%Y-%m-%d")], "1600-01-01; dates from 1678 to 2261"),
        ([*DAYS.strftime("%Y-%m-%d"), "2300-01-01"], "2300-01-01; dates from 1678 to 2261"),
        ([*DAYS[:9], pd.NaT], "5 rows have no value in column 'time'"),
        ([*map(float, range(9)), np.nan], "5 rows have no value in column 'time'"),
        ([True, False], "bool"),
    ],
)
def test_what_has_two_meanings_or_none_is_refused(labels: list[Any], words: str) -> None:
    assert words in failure(labels, 5)


@pytest.mark.parametrize("label", ["01/04/2024", "1.4.2024", "04-01-2024", "01/04/24", "13/01/2024"])
@pytest.mark.parametrize("role", ["start", "end"])
def test_ambiguous_dates_are_refused_as_start_and_end(label: str, role: str) -> None:
    roles = {"start": "2024-01-21", role: label}
    message = failure(DAYS, roles.pop("start"), **roles)
    assert f"{role} is {label!r}" in message
    # What it says to write is read, the same in any panel, and the format of a column is no way out.
    assert "date_format" not in message
    days = message.split("; write ")[1].split(" or ")
    assert len(days) == (1 if label.startswith("13") else 2)
    for day in days:
        assert Calendar.of(pd.DatetimeIndex([day])).spelling.span(day, role, "data").first == pd.Timestamp(day)


@pytest.mark.parametrize("label", ["13.01.2024", "13.1.24", "01/13/2024"])
def test_what_is_said_of_a_start_that_cannot_be_read_leads_somewhere(label: str, tmp_path: Path) -> None:
    """In the shell as well: the start that the message gives runs, and so does the column without a format."""
    file = tmp_path / "d.csv"
    data = frame([d.strftime("%Y-%m-%d") for d in DAYS], "Tbcde")
    data.to_csv(file, index=False)
    done = _run(file, tmp_path / "run", "--start", label, *CLASSICAL)
    assert done.exit_code == 2
    day = done.output.strip().split("; write ")[1]
    assert bs.Panel.from_long(data, **{**ROLES, "treated": "T"}, start=day).start == pd.Timestamp("2024-01-13")
    astray = _run(file, tmp_path / "run", "--start", label, "--date-format", "%d.%m.%Y", *CLASSICAL)
    assert "leave out --date-format" in astray.output
    assert _run(file, tmp_path / "run", "--start", day, *CLASSICAL).exit_code == 0


@pytest.mark.parametrize("label", [True, np.nan, pd.NaT, "soon", "2024-02-30", "Jan-22", "0000-01", "9999-12-32"])
def test_what_is_no_period_is_no_start(label: Any) -> None:
    assert "start is" in failure(DAYS, label)
    if "-" not in str(label):
        assert "start is" in failure(range(30), label)


@pytest.mark.parametrize(
    ("date_format", "labels", "start"),
    [
        ("%d/%m/%Y", [d.strftime("%d/%m/%Y") for d in DAYS], "01/02/2024"),
        ("%m/%d/%y", [d.strftime("%m/%d/%y") for d in DAYS], "02/01/24"),
        ("%d%m%Y", [int(d.strftime("%d%m%Y")) for d in DAYS], 1022024),
        ("%d/%m/%Y", [d.strftime("%d/%m/%Y") for d in DAYS], "2024-02-01"),
        ("%d/%m/%Y", [d.strftime("%d/%m/%Y") for d in DAYS], datetime.date(2024, 2, 1)),
    ],
)
def test_a_format_says_how_periods_are_written(date_format: str, labels: list[Any], start: Any) -> None:
    panel = bs.Panel.from_long(frame(labels), **ROLES, start=start, date_format=date_format)
    assert panel.times.equals(DAYS.rename(None))
    assert panel.n_pre == 31
    assert date_format in panel.notes()[0]
    wide = frame(labels).pivot(index="time", columns="unit", values="y")
    assert bs.Panel.from_wide(wide, treated="a", start=start, date_format=date_format).times.equals(panel.times)
    log = pd.concat([frame(labels)] * 2)
    assert bs.Panel.from_events(log, **ROLES, start=start, date_format=date_format).times.equals(panel.times)
    assert "does not follow the format" in failure(DAYS.strftime("%Y-%m-%d"), start, date_format=date_format)


def test_weeks_by_a_format_begin_on_their_first_day() -> None:
    labels = [_iso("{1}/{0}")(week) for week in WEEKS]
    panel = bs.Panel.from_long(frame(labels), **ROLES, start=labels[8], date_format="%V/%G")
    assert panel.times.equals(WEEKS.to_timestamp().rename(None))


BERLIN = pd.date_range("2024-03-20", periods=20, tz="Europe/Berlin")
"""Clocks go forward on 31 March."""


@pytest.mark.parametrize("how", ["frame", "csv", "parquet", "objects", "offsets", "wide"])
def test_local_days_are_kept_across_clock_changes(how: str, tmp_path: Path) -> None:
    data: Any = frame(BERLIN)
    if how in ("csv", "parquet"):
        getattr(data, f"to_{how}")(tmp_path / f"d.{how}", index=False)
        data = tmp_path / f"d.{how}"
    elif how == "objects":
        fixed = [datetime.datetime.fromisoformat(day.isoformat()) for day in BERLIN]
        data = frame(pd.Index(fixed, dtype=object))
    elif how == "offsets":
        data = frame([day.isoformat() for day in BERLIN])
    for start in ("2024-04-01", "2024-04-01T00:00:00+02:00", BERLIN[12], datetime.date(2024, 4, 1)):
        if how == "wide":
            wide = data.pivot(index="time", columns="unit", values="y")
            panel = bs.Panel.from_wide(wide, treated="a", start=start)
        else:
            panel = bs.Panel.from_long(data, **ROLES, start=start)
        assert panel.period_labels() == [str(day.date()) for day in BERLIN]
        assert (panel.n_pre, panel.frequency, panel.positions.tolist()) == (12, "day", list(range(20)))


@pytest.mark.parametrize("how", ["frame", "text"])
def test_days_begin_at_one_where_clocks_go_forward_at_midnight(how: str) -> None:
    days = pd.date_range("2018-10-28", periods=14).tz_localize("America/Sao_Paulo", nonexistent="shift_forward")
    labels = days if how == "frame" else [day.isoformat() for day in days]
    panel = bs.Panel.from_long(frame(labels), **ROLES, start="2018-11-06")
    assert panel.period_labels() == [f"2018-{d:%m-%d}" for d in pd.date_range("2018-10-28", periods=14)]


@pytest.mark.parametrize("since", ["2024-03-30 12:00", "2024-10-26 12:00"])
def test_hours_stay_apart_and_even_across_clock_changes(since: str) -> None:
    hours = pd.date_range(since, periods=40, freq="h", tz="Europe/Berlin")
    for labels in (hours, [hour.isoformat() for hour in hours]):
        panel = bs.Panel.from_long(frame(labels), **ROLES, start=hours[30].isoformat())
        assert (panel.n_pre, panel.frequency, panel.positions.tolist()) == (30, "hour", list(range(40)))
        assert panel.period_labels()[0] == hours[0].tz_convert("UTC").tz_localize(None).isoformat()
        if labels is hours:
            assert panel.notes() == ("Times are kept in UTC and written as in Europe/Berlin.",)
            ends = (f"{hours[at]:%Y-%m-%d %H:%M %Z}" for at in (30, 39))
            assert panel.window == " to ".join(ends)
        else:
            assert panel.zone == "UTC", "two offsets are no zone"
        wall = hours[30].tz_localize(None)
        such = hours[30] if labels is hours else wall.tz_localize("UTC")
        with pytest.raises(PanelError, match=re.escape(f"write it with one, such as {such.isoformat()}")):
            bs.Panel.from_long(frame(labels), **ROLES, start=hours[30].tz_localize(None).isoformat())


@pytest.mark.parametrize(
    ("times", "first", "window"),
    [
        (pd.date_range("2020-01-01", periods=14, freq="QS"), "2020 Q1", "2022 Q3 to 2023 Q2"),
        (pd.date_range("2020-03-31", periods=14, freq="QE"), "2020 Q1", "2022 Q3 to 2023 Q2"),
        (pd.date_range("2020-02-28", periods=14, freq="QE-FEB"), "Feb 2020", "Aug 2022 to May 2023"),
        (pd.date_range("2020-01-01", periods=14, freq="6MS"), "2020 H1", "2025 H1 to 2026 H2"),
        (pd.date_range("2023-01-31", periods=14, freq="ME"), "Jan 2023", "Nov 2023 to Feb 2024"),
        (pd.date_range("2000-12-31", periods=14, freq="YE"), "2000", "2010 to 2013"),
        (pd.date_range("2000-07-01", periods=14, freq="YS-JUL"), "Jul 2000", "Jul 2010 to Jul 2013"),
        (pd.date_range("2024-01-01", periods=14, freq="7D"), "week of 2024-01-01", "weeks of 2024-03-11 to 2024-04-01"),
        (pd.date_range("2024-01-02", periods=14, freq="14D"), "2024-01-02", "2024-05-21 to 2024-07-02"),
        (DAYS[:14], "2024-01-01", "2024-01-11 to 2024-01-14"),
        (pd.date_range("2024-01-01", periods=14, freq="h"), "2024-01-01 00:00", "2024-01-01 10:00 to 2024-01-01 13:00"),
        (
            pd.date_range("2024-07-01", periods=14, freq="h", tz="America/New_York"),
            "2024-07-01 00:00 EDT", "2024-07-01 10:00 EDT to 2024-07-01 13:00 EDT",
        ),
        (
            [f"2024-07-01T{hour:02d}:00-03:00" for hour in range(14)],
            "2024-07-01 00:00 UTC-03:00", "2024-07-01 10:00 UTC-03:00 to 2024-07-01 13:00 UTC-03:00",
        ),
        (range(1990, 2004), "1990", "2000 to 2003"),
    ],
)  # fmt: skip
def test_words_say_periods_as_their_calendar_does(times: Any, first: str, window: str) -> None:
    panel = bs.Panel.from_long(frame(times), **ROLES, start=list(times)[10])
    assert (panel.period_words()[0], panel.window) == (first, window)
    ax = panel.plot()
    said = " ".join(" ".join(text.get_text() for text in ax.texts).split())
    assert f"treated: {window}." in said
    assert panel.to_dict()["window"] == window


def test_the_one_period_in_a_named_month_or_quarter_is_meant() -> None:
    ends = pd.date_range("2023-03-31", periods=12, freq="QE")
    for start in ("2024Q3", "2024-09", "2024-09-30", pd.Period("2024Q3"), 202409):
        assert bs.Panel.from_long(frame(ends), **ROLES, start=start).n_pre == 6
    assert "near it are" in failure(DAYS, "2023")


GAPS = [
    (DAYS[:31].delete([5, 30 - 2]), "2024-01-21", "2 of 31 calendar days from 2024-01-01 to 2024-01-31 have no row: "
     "2024-01-06, 2024-01-29; the cumulative effect covers 10 of the 11 days after the start."),
    (pd.Index([*range(5), *range(6, 12)]), 8, "1 of 12 periods from 0 to 11 has no row: 5."),
    (MONTHS.to_timestamp().delete([3]), "2022-11", "1 of 14 months from 2022-01-01 to 2023-02-01 has no row: 2022-04-01."),
    (pd.bdate_range("2024-01-01", periods=20), "2024-01-22", None),
    (pd.Index(range(1920, 1990, 4)), 1960, None),
]  # fmt: skip


@pytest.mark.parametrize(("times", "start", "said"), GAPS)
def test_gaps_are_said_in_panel_summary_and_verdict(times: pd.Index, start: Any, said: str | None) -> None:
    panel = bs.Panel.from_long(frame(times), **ROLES, start=start)
    analysis = bs.analyse(panel, models=["none"], methods=["sc"], findings="none", progress=False)
    expected = [] if said is None else [said]
    assert list(panel.notes()) == panel.gaps() == panel.to_dict()["notes"] == expected
    assert [note for note in analysis.to_dict()["notes"] if "no row" in note] == expected
    assert [sentence for sentence in analysis.comparison.sentences() if "no row" in sentence] == expected
    json.dumps(analysis.to_dict(), allow_nan=False)


def test_holes_are_filled_by_the_calendar_and_not_by_rows() -> None:
    days = DAYS[:20].delete([4, 5])
    data = frame(days).set_index(["unit", "time"])
    # The fourth day and the seventh are three days apart, and the hole is at the seventh: between days 4 and 8.
    data.loc[("b", days[4]), "y"] = np.nan
    panel = bs.Panel.from_long(data.reset_index(), **ROLES, start=days[12], missing="interpolate")
    before, after = data.y["b", days[3]], data.y["b", days[5]]
    assert panel.outcome[4, 1] == pytest.approx(before + (after - before) * 3 / 4)
    assert panel.source.notes() == ["1 missing cell was interpolated linearly in time: b at 2024-01-07."]


def _may_be_a_day(label: str) -> bool:
    """Whether Feb-29 and its like are days of a leap year."""
    try:
        return bool(datetime.datetime.strptime(f"2000-{label}", "%Y-%b-%d"))
    except ValueError:
        return False


@pytest.mark.parametrize("asked", [None, "%b-%y"])
def test_years_of_two_digits_make_one_series(asked: str | None) -> None:
    cases = [("1968-06", 14), ("1999-06", 14), ("2067-06", 24), ("1950-01", 660), ("1969-01", 1200), ("1905-01", 900)]
    for since, count in cases:
        months = pd.period_range(since, periods=count, freq="M")
        labels = months.strftime("%b-%y")
        panel = bs.Panel.from_long(frame(labels), **ROLES, start=labels[8], date_format=asked)
        assert panel.n_pre == 8
        assert panel.locate(labels[-1]) == count - 1
        assert panel.positions.tolist() == list(range(count))


@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(sorted(kind for kind in SPELLINGS if "periods" not in kind)),
    since=st.dates(datetime.date(1905, 1, 1), datetime.date(2090, 1, 1)),
    gone=st.sets(st.integers(1, 18), max_size=3),
)
def test_any_label_finds_its_own_period(kind: str, since: datetime.date, gone: set[int]) -> None:
    periods, write, _ = SPELLINGS[kind]
    step = 2 if kind == "2022H1" else 1
    first = pd.Period(since, freq=periods.freq)
    places = [i for i in range(20) if i not in gone]
    labels = [write(first + step * i) for i in places]
    if kind == "%b-%y" and gone and all(_may_be_a_day(label) for label in labels):
        # With a hole these may as well be days of some year.
        with pytest.raises(PanelError, match="could be a day or a year"):
            read_column(pd.Series(labels), "data", "time")
        return
    read, spelling = read_column(pd.Series(labels[::-1]), "data", "time")
    times = pd.Index(read[::-1])
    calendar = Calendar.of(times, spelling)
    assert times.is_monotonic_increasing
    assert calendar.places(times).tolist() == places
    shown = json.loads(json.dumps(plain(list(times))))
    for named in (labels, shown, list(times)):
        assert [calendar.locate(times, label, "start", "data") for label in named] == list(range(len(places)))


def _run(file: Path, out: Path, *arguments: str) -> Any:
    roles = ["--unit", "unit", "--time", "time", "--outcome", "y", "--treated", "T", "--quiet", "--out", str(out)]
    return CliRunner().invoke(main, ["run", str(file), *roles, *arguments])


CLASSICAL = ("--model", "none", "--methods", "sc", "--findings", "none")


@pytest.mark.parametrize(
    ("case", "start", "frequency", "first", "others"),
    [
        ("dates", "2024-01-21", "day", "2024-01-01", ["20240121", "21 Jan 2024"]),
        ("utc", "2024-01-21", "day", "2024-01-01", ["2024-01-21T00:00:00Z"]),
        ("missing_days", "2024-01-21", "day", "2024-01-01", []),
        ("yyyymm", "202309", "month", "2022-01-01", ["2023-09", "2023-09-01", "Sep 2023"]),
    ],
)
def test_cases_give_what_whole_numbers_give(
    case: str, start: str, frequency: str, first: str, others: list[str], cases_dir: Path, tmp_path: Path
) -> None:
    file = cases_dir / f"{case}.csv"
    named = {"unit": "unit", "time": "time", "outcome": "y", "treated": "T"}
    panel = bs.Panel.from_long(file, **named, start=start)
    data = pd.read_csv(file)
    numbered = data.assign(time=pd.factorize(data.time, sort=True)[0])
    same = bs.Panel.from_long(numbered, **named, start=panel.n_pre)
    assert (panel.frequency, panel.period_labels()[0]) == (frequency, first)
    effect = bs.classical(panel).effects().estimate
    np.testing.assert_allclose(effect, bs.classical(same).effects().estimate)
    for label in others:
        assert bs.Panel.from_long(file, **named, start=label).start == panel.start
    done = _run(file, tmp_path / "run", "--start", start, *CLASSICAL)
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [row["time"] for row in summary["path"]] == panel.period_labels()
    assert summary["effects"][0]["estimate"] == pytest.approx(effect[0])
    report = (tmp_path / "run" / "report.html").read_text()
    for note in panel.notes():
        assert note in report
        assert note in summary["notes"]
    assert ("no row" in done.output) == (case == "missing_days")


@pytest.mark.parametrize(
    ("case", "arguments", "words"),
    [
        ("treated_no_post", ["--start", "20", "--missing", "interpolate"], "treated unit 'T' has no y at 20, 21, 22"),
        ("bad_period_25p", ["--start", "20"], "'25p'"),
        ("dates", ["--start", "01/04/2024"], "could be day 1 of month 4 or day 4 of month 1"),
    ],
)
def test_cases_that_are_refused(case: str, arguments: list[str], words: str, cases_dir: Path, tmp_path: Path) -> None:
    done = _run(cases_dir / f"{case}.csv", tmp_path / "run", *arguments, *CLASSICAL)
    assert done.exit_code == 2
    assert words in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_a_format_on_the_command_line(tmp_path: Path) -> None:
    data = frame([d.strftime("%d/%m/%Y") for d in DAYS], "Tbcde")
    data.to_csv(tmp_path / "d.csv", index=False)
    asked = ("--start", "01/02/2024", "--date-format", "%d/%m/%Y", *CLASSICAL, "--export", "csv,markdown")
    done = _run(tmp_path / "d.csv", tmp_path / "run", *asked)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["panel"]["start"] == "2024-02-01"
    for file in ("sc-path.csv", "sc-path.md", "panel-panel.csv"):
        text = (tmp_path / "run" / "tables" / file).read_text()
        assert "2024-02-01" in text
        assert "00:00:00" not in text


def test_a_fit_of_zoned_hours_is_kept_checked_and_drawn(tmp_path: Path) -> None:
    hours = pd.date_range("2024-03-30 12:00", periods=26, freq="h", tz="Europe/Berlin")
    panel = bs.Panel.from_long(frame(hours), **ROLES, start=hours[20])
    fit = bs.fit(panel, model="level", draws=200, seed=1, progress=False)
    fit.save(tmp_path / "fit.nc")
    kept = bs.load(tmp_path / "fit.nc")
    pd.testing.assert_frame_equal(kept.path(), fit.path())
    assert plain(list(kept.path()["time"])) == panel.period_labels()
    assert to_xarray(panel)["time"].to_index().equals(panel.times.rename("time"))
    assert to_xarray(panel).attrs["start"] == "2024-03-31T07:00:00"
    to_xarray(panel).to_netcdf(tmp_path / "panel.nc", engine="h5netcdf")
    json.dumps(plain(bs.check(fit).to_dict()), allow_nan=False)
    bs.plots.plot_ppc(fit, samples=10)
    names = {file.name for file in bs.export(fit, tmp_path, formats=["csv", "parquet", "latex", "markdown"])}
    assert {"path.csv", "path.parquet", "path.tex", "path.md"} <= names


def test_a_clock_with_offsets_is_no_hindrance_to_earlier_starts() -> None:
    """The panel's own periods are known by position; a user's moment without a zone stays refused."""
    hours = pd.date_range("2024-03-30 20:00", periods=18, freq="h", tz="Europe/Berlin")
    rng = np.random.default_rng(4)
    rows = [(u, t, 5 + np.sin(i) + rng.normal(0, 0.3)) for u in "abcdef" for i, t in enumerate(hours)]
    frame = pd.DataFrame(rows, columns=["u", "t", "y"])
    panel = bs.Panel.from_long(frame, unit="u", time="t", outcome="y", treated="a", start=hours[13])
    assert len(bs.placebo_time(panel).table) == 5
    assert len(bs.leave_future_out(panel, "level", last=3, draws=300, progress=False).table) == 3
    assert panel.backdated(hours[8]).n_pre == panel.backdated_to(8).n_pre == 8
    with pytest.raises(bs.PanelError, match="offsets from UTC"):
        panel.backdated("2024-03-31T04:00")
