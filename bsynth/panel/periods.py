"""Periods as their calendar says them: "2024 Q3", "Jul 2024", "week of 2024-11-04", an hour on its own clock."""

import pandas as pd

from bsynth._base.plain import show
from bsynth.panel.calendar import DAYS, MONTHS, Calendar
from bsynth.text.labels import WEEK

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PARTS = {3: "Q", 6: "H", 12: ""}
"""Months of a part of the year, and its letter; a whole year needs none."""


def period_words(times: pd.Index, calendar: Calendar) -> tuple[str, ...]:
    """Return each period in words; whole numbers, days, and dates without a calendar are what they are.

    Examples
    --------
    >>> quarters = pd.date_range("2024-04-01", periods=3, freq="QS")
    >>> period_words(quarters, Calendar.of(quarters))
    ('2024 Q2', '2024 Q3', '2024 Q4')
    >>> weeks = pd.date_range("2024-11-04", periods=3, freq="7D")
    >>> period_words(weeks, Calendar.of(weeks))[0]
    'week of 2024-11-04'
    """
    if not isinstance(times, pd.DatetimeIndex):
        return tuple(str(show(time)) for time in times)
    if calendar.counts == MONTHS:
        return _by_months(times, calendar.step)
    if calendar.counts == DAYS and calendar.step == 7 and calendar.frequency == "week":
        return tuple(f"{WEEK}{show(time)}" for time in times)
    if bool((times == times.normalize()).all()) and not calendar.spelling.zone:
        return tuple(str(show(time)) for time in times)
    return _by_clock(times, calendar.spelling.zone)


def _by_months(times: pd.DatetimeIndex, step: int) -> tuple[str, ...]:
    """Years, halves and quarters where periods are named by a first or last day of one; else months."""
    months = 12 if step % 12 == 0 else step
    # A day that begins or ends each part of the year; any other month could be meant as well.
    begins = bool((times.is_month_start & ((times.month - 1) % months == 0)).all())
    ends = bool((times.is_month_end & (times.month % months == 0)).all())
    if months in _PARTS and (begins or ends):
        letter = _PARTS[months]
        return tuple(f"{t.year}{f' {letter}{(t.month - 1) // months + 1}' if letter else ''}" for t in times)
    return tuple(f"{_MONTHS[t.month - 1]} {t.year}" for t in times)


def _by_clock(times: pd.DatetimeIndex, zone: str) -> tuple[str, ...]:
    """Moments as a clock in their zone shows them, to the minute unless seconds differ."""
    local = times.tz_localize("UTC").tz_convert(zone) if zone and times.tz is None else times
    seconds = bool((local.second != 0).any())
    return tuple(f"{t:%Y-%m-%d %H:%M}{f':{t:%S}' if seconds else ''}{_zone(t)}" for t in local)


def _zone(moment: pd.Timestamp) -> str:
    name = moment.tzname() or ""
    return f" {'UTC' if name[:1] in ('+', '-') else ''}{name}" if name else ""
