"""The regular calendar behind a panel's periods: its frequency, each period's place, and what is missing.

Whole numbers count themselves. Dates are held against years, quarters, months, weeks, the weekdays that occur, days
and hours, and the coarsest that fits is taken. A step that all periods share is no gap: every fourth year, or each
second week, is a calendar of its own.
"""

from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from math import gcd
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.errors import PanelError, some_of
from bsynth.panel.spelling import PLAIN, Spelling

PERIODS, MONTHS, DAYS, TICKS, EQUAL = "periods", "months", "days", "ticks", "equal"
"""How periods are counted: whole numbers as they are, months, days of a weekday mask, microseconds, one by one."""
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_EVERY_DAY = (True,) * 7
_WORKDAYS = (True,) * 5 + (False,) * 2
_MONTH_WORDS = {1: "month", 3: "quarter", 6: "half-year", 12: "year"}
_TICK_WORDS = {
    1: "microsecond", 1000: "millisecond", 10**6: "second", 60 * 10**6: "minute", 3600 * 10**6: "hour",
    86400 * 10**6: "day",
}  # fmt: skip
MOST_AHEAD = 1000
"""Periods after the last one that somebody may still mean."""


@dataclass(frozen=True)
class Calendar:
    """A regular calendar: what it counts, and how many of these make one step.

    Attributes
    ----------
    counts : str
        One of the constants above.
    step : int
        Units between neighbouring places of the calendar.
    weekdays : tuple of bool
        Monday to Sunday; only these days count when ``counts`` is ``"days"``.
    spelling : Spelling
        How the data write periods; a start or an end is read in the same way.

    Examples
    --------
    >>> calendar = Calendar.of(pd.Index([1990, 1994, 1998, 2006]))
    >>> calendar.frequency, calendar.places(pd.Index([1994, 1998, 2006])).tolist()
    ('4 periods', [0, 1, 3])
    """

    counts: str
    step: int = 1
    weekdays: tuple[bool, ...] = _EVERY_DAY
    spelling: Spelling = PLAIN

    @classmethod
    def of(cls, times: pd.Index, spelling: Spelling | None = None) -> "Calendar":
        """Return the coarsest calendar that the periods (increasing) keep to."""
        return replace(cls._recognised(times), spelling=spelling or PLAIN)

    @classmethod
    def _recognised(cls, times: pd.Index) -> "Calendar":
        if not isinstance(times, pd.DatetimeIndex):
            whole = pd.api.types.is_integer_dtype(times)
            return _regular(cls(PERIODS), times) or cls(EQUAL) if whole else cls(EQUAL)
        daily = bool((times == times.normalize()).all())
        tried = [cls(MONTHS)] if daily and _same_day_of_month(times) else []
        if daily:
            steps = np.diff(_days(times))
            if len(steps) and not (steps % 7).any():
                tried.append(cls(DAYS, 7))
            tried += [cls(DAYS, weekdays=mask) for mask in _masks(times)]
            # One a month on no fixed day, such as the last workday, is monthly all the same.
            tried.append(cls(MONTHS))
        else:
            tried.append(cls(TICKS))
        return next((found for each in tried if (found := _regular(each, times))), cls(EQUAL))

    @property
    def frequency(self) -> str:
        """What one step is, in a plain word: "day", "business day", "quarter", "2 weeks"."""
        if self.counts == EQUAL:
            return "period"
        if self.counts == DAYS and self.weekdays != _EVERY_DAY:
            return "business day" if self.weekdays == _WORKDAYS else f"day of {self._weekday_words()}"
        words = {1: "period"}
        if self.counts == MONTHS:
            words = _MONTH_WORDS
        elif self.counts == DAYS:
            words = {1: "day", 7: "week"}
        elif self.counts == TICKS:
            words = _TICK_WORDS
        unit = max(each for each in words if self.step % each == 0)
        return counted(self.step // unit, words[unit]) if self.step != unit else words[unit]

    def places(self, times: pd.Index) -> IntArray:
        """Return each period's place (T,), the first at 0."""
        return _since(self._ordinals(times)) // self.step

    def missing(self, times: pd.Index, most: int | None = None) -> list[Any]:
        """Return the places of the calendar between the first and the last period that have none, as labels.

        All of them, or the first ``most``.
        """
        absent = _holes(self.places(times), most)
        if not len(absent):
            return []
        if not isinstance(times, pd.DatetimeIndex):
            return [int(times[0]) + self.step * int(place) for place in absent]
        first = times[0]
        if self.counts == MONTHS:
            day = int(times.day.max())
            months = [first.to_period("M") + self.step * int(place) for place in absent]
            if not _same_day_of_month(times):
                return [str(month) for month in months]
            return [month.to_timestamp() + pd.Timedelta(days=min(day, month.days_in_month) - 1) for month in months]
        if self.counts == TICKS:
            return [first + pd.Timedelta(microseconds=self.step * int(place)) for place in absent]
        start = first.to_datetime64().astype("datetime64[D]")
        return list(pd.DatetimeIndex(np.busday_offset(start, absent * self.step, weekmask=list(self.weekdays))))

    def after(self, times: pd.Index) -> Any:
        """Return the period that comes after the last, as a label; off any calendar one usual distance on.

        Examples
        --------
        >>> months = pd.DatetimeIndex(["2024-01-01", "2024-02-01", "2024-03-01"])
        >>> Calendar.of(months).after(months).isoformat(), Calendar.of(pd.Index([1, 3])).after(pd.Index([1, 3]))
        ('2024-04-01T00:00:00', 5)
        """
        last = times[-1]
        if not isinstance(times, pd.DatetimeIndex):
            return (last + (self.step if self.counts == PERIODS else type(last)(np.median(np.diff(times))))).item()
        if self.counts == MONTHS:
            month_end = bool((times.days_in_month == times.day).all())
            return last + (pd.offsets.MonthEnd(self.step) if month_end else pd.DateOffset(months=self.step))
        if self.counts == TICKS:
            return last + pd.Timedelta(microseconds=self.step)
        if self.counts == DAYS:
            following = np.busday_offset(
                last.tz_localize(None).to_datetime64().astype("datetime64[D]"), self.step, weekmask=list(self.weekdays)
            )
            return pd.Timestamp(following).tz_localize(times.tz)
        return last + pd.Series(times).diff().median()

    def clock(self, times: pd.Index) -> FloatArray:
        """Return when each period is (T,), in steps of the calendar; where there is none, by the dates themselves."""
        if self.counts != EQUAL:
            return self.places(times).astype(float)
        if isinstance(times, pd.DatetimeIndex):
            return times.as_unit("s").asi8.astype(float)
        return (
            times.to_numpy(dtype=float) if pd.api.types.is_numeric_dtype(times) else np.arange(len(times), dtype=float)
        )

    def locate(self, times: pd.Index, label: Label, role: str, name: str) -> int:
        """Return the position of a period that the user named.

        Raises
        ------
        PanelError
            When it has no or two meanings, or no such period is there; the message lists the nearest ones.
        """
        if isinstance(times, pd.DatetimeIndex):
            span = self.spelling.span(label, role, name)
            if span.form == "weeks" and self.counts == MONTHS:
                # 202213 is no month, and the month that its 13th week happens to touch was not meant.
                raise PanelError(
                    f"{name}: {role} {show(label)} could only be a week, and each period is a {self.frequency}; give "
                    f"one like {show(times[0])}"
                )
            first, last = self._on(times, span.first), self._on(times, span.last)
            at, stop = int(times.searchsorted(first)), int(times.searchsorted(last, side="right"))
            # "2024-03" names the one period in that month, be it written as its first day or as its last.
            if stop - at == 1 or (at < len(times) and times[at] == first):
                return at
            wanted: Any = first
        else:
            wanted = _number(label, times, role, name)
            at = int(times.searchsorted(wanted))
            if at < len(times) and times[at] == wanted:
                return at
        said = show(label)
        # Times that came with offsets are kept in UTC, and are shown so beside a label with another one.
        zone = "+00:00" if self.spelling.clock in ("utc", "offsets") else ""
        within = isinstance(times, pd.DatetimeIndex) and self.counts != EQUAL and wanted < self.after(times)
        if at == len(times) and not within:
            raise PanelError(
                f"{name}: {role} {said} is after the last period {show(times[-1])}{zone}; "
                "give one up to it, or add later rows"
            )
        around = [f"{show(t)}{zone}" for t in times[max(at - 2, 0) : at + 2]]
        raise PanelError(f"{name}: {role} {said} is not a period of the data; near it are {some_of(around)}")

    def ahead(self, times: pd.Index, label: Label, role: str, name: str) -> Any:
        """Return the period that the user named, in the data or after them, as a label; errors as `locate`.

        Examples
        --------
        >>> months = pd.DatetimeIndex(["2024-01-01", "2024-02-01", "2024-03-01"])
        >>> Calendar.of(months).ahead(months, "2024-06", "end", "data").isoformat()
        '2024-06-01T00:00:00'
        """
        if not self.is_after(times, label, role, name):
            return times[self.locate(times, label, role, name)]
        if isinstance(times, pd.DatetimeIndex):
            span = self.spelling.span(label, role, name)
            first: Any = self._on(times, span.first)
            last: Any = self._on(times, span.last)
        else:
            first = last = _number(label, times, role, name)
        known = times
        for _ in range(MOST_AHEAD):
            period = self.after(known)
            if period >= first:
                if period <= last or self.counts == EQUAL:
                    return period if self.counts != EQUAL else first
                around = f"{show(known[-1])}, {show(period)}"
                raise PanelError(f"{name}: {role} {show(label)} is not a period; near it are {around}")
            known = known.append(pd.Index([period]))
        raise PanelError(
            f"{name}: {role} {show(label)} is more than {MOST_AHEAD} periods after the last one, {show(times[-1])}; "
            "give an earlier one"
        )

    def is_after(self, times: pd.Index, label: Label, role: str, name: str) -> bool:
        """Whether a period that the user named lies after the last one."""
        if isinstance(times, pd.DatetimeIndex):
            return bool(self._on(times, self.spelling.span(label, role, name).first) > times[-1])
        return bool(_number(label, times, role, name) > times[-1])

    def beyond(self, times: pd.Index, label: Label, role: str, name: str) -> int:
        """Return how many periods after the last one a period lies that the user named.

        One that is further away than the periods last counts as so far away: 9999-12-31 is on no calendar of theirs.

        Examples
        --------
        >>> months = pd.DatetimeIndex(["2024-01-01", "2024-02-01", "2024-03-01"])
        >>> calendar = Calendar.of(months)
        >>> [calendar.beyond(months, label, "start", "data") for label in ("2024-04-01", "9999-12-31")]
        [1, 3]
        """
        if isinstance(times, pd.DatetimeIndex):
            found: Any = self._on(times, self.spelling.span(label, role, name).first)
        else:
            found = _number(label, times, role, name)
        far = int(self.places(times)[-1]) + 1
        try:
            if found > times[-1] + (times[-1] - times[0]):
                return far
            places = self.places(times.append(pd.Index([found])))
        except (OverflowError, pd.errors.OutOfBoundsDatetime):
            return far
        return max(int(places[-1] - places[-2]), 1)

    @staticmethod
    def _on(times: pd.DatetimeIndex, stamp: pd.Timestamp) -> pd.Timestamp:
        return stamp if times.tz is None else stamp.tz_localize(times.tz)

    def gaps(self, times: pd.Index, n_pre: int) -> list[str]:
        """Say which periods no unit has a row for, or that there is no calendar; nothing where all are there."""
        if self.counts == EQUAL:
            what = "dates" if isinstance(times, pd.DatetimeIndex) else "numbers"
            return [f"The {what} of the periods keep to no regular calendar; they count as equally far apart."]
        places = self.places(times)
        count = int(places[-1]) + 1 - len(times)
        if not count:
            return []
        named = [show(label) for label in self.missing(times, most=6)]
        listed = ", ".join(map(str, named)) + (f" and {count - len(named)} more" if count > len(named) else "")
        word = "calendar day" if self.frequency == "day" else self.frequency
        covered = len(times) - n_pre
        after = int(places[-1] - places[n_pre]) + 1 if covered else 0
        said = (
            f"{count} of {counted(int(places[-1]) + 1, word)} from {show(times[0])} to {show(times[-1])} "
            f"{'has' if count == 1 else 'have'} no row: {listed}"
        )
        if covered < after:
            said += f"; the cumulative effect covers {covered} of the {counted(after, self.frequency)} after the start"
        return [f"{said}."]

    def _ordinals(self, times: pd.Index) -> NDArray[np.int64]:
        if self.counts == PERIODS:
            return times.to_numpy(dtype=np.int64)
        if not isinstance(times, pd.DatetimeIndex) or self.counts == EQUAL:
            return np.arange(len(times), dtype=np.int64)
        if self.counts == MONTHS:
            return np.asarray(times.year * 12 + times.month, dtype=np.int64)
        if self.counts == TICKS:
            return times.as_unit("us").asi8
        days = times.to_numpy().astype("datetime64[D]")
        return np.asarray(np.busday_count(days[0], days, weekmask=list(self.weekdays)), dtype=np.int64)

    def _weekday_words(self) -> str:
        off = [name for name, on in zip(_WEEKDAYS, self.weekdays, strict=True) if not on]
        on = [name for name in _WEEKDAYS if name not in off]
        return "all but " + " and ".join(off) if len(off) <= 2 else ", ".join(on)


def _number(label: Label, times: pd.Index, role: str, name: str) -> float:
    try:
        if isinstance(label, bool | np.bool) or "_" in str(label):
            raise TypeError
        wanted = float(label)
    except (TypeError, ValueError):
        wanted = np.nan
    if np.isnan(wanted):
        raise PanelError(f"{name}: {role} is {label!r} but periods are whole numbers; give one like {show(times[0])}")
    return wanted


def counted(count: int, word: str) -> str:
    """Return "1 day", "3 days", "2 days of all but Sundays".

    Examples
    --------
    >>> counted(1, "week"), counted(3, "business day"), counted(2, "2 weeks")
    ('1 week', '3 business days', '2 steps of 2 weeks')
    """
    if word[0].isdigit():
        return f"{count} {'step' if count == 1 else 'steps'} of {word}"
    head, of, tail = word.partition(" of ")
    return f"{count} {head}{'' if count == 1 else 's'}{of}{tail}"


def _since(ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(ordinals - ordinals[:1], dtype=np.int64)


def _holes(places: IntArray, most: int | None) -> IntArray:
    """The whole numbers that increasing ``places`` pass over, or the first ``most``: there may be millions."""
    found: list[int] = []
    for last, following in pairwise(places):
        room = int(following - last) - 1 if most is None else min(int(following - last) - 1, most - len(found))
        found.extend(range(int(last) + 1, int(last) + 1 + room))
    return np.array(found, dtype=np.int64)


def _regular(counting: Calendar, times: pd.Index) -> Calendar | None:
    """The calendar with the step that all periods share; None where most of its places would be empty."""
    ordinals = counting._ordinals(times)
    steps = np.diff(ordinals)
    if not len(steps):
        return counting
    if (steps <= 0).any():
        return None
    step = reduce(gcd, (int(each) for each in steps))
    if counting.step > 1 and step % counting.step:
        return None
    neighbours = 2 * int((steps == step).sum()) >= len(steps)
    full = 2 * len(times) > (ordinals[-1] - ordinals[0]) // step
    return replace(counting, step=step) if neighbours or full else None


def _days(times: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(times.to_numpy().astype("datetime64[D]").astype(np.int64))


def _same_day_of_month(times: pd.DatetimeIndex) -> bool:
    """The same day in each month, or its last where the month is shorter."""
    days, last = np.asarray(times.day), np.asarray(times.days_in_month)
    return len(times) > 1 and bool((days == np.minimum(days.max(), last)).all())


def _masks(times: pd.DatetimeIndex) -> list[tuple[bool, ...]]:
    """Weekdays that may be the calendar's: those that occur, where the others are left out for good; then all."""
    on = np.isin(np.arange(7), times.day_of_week)
    every = (np.arange(_days(times)[0], _days(times)[-1] + 1) + 3) % 7  # the first day of the epoch was a Thursday
    passed = np.bincount(every, minlength=7)
    # Nothing on any weekend is a habit; other weekdays must have been left out more than twice to be one.
    workdays = not on[5:].any() and bool((passed[5:] > 0).any())
    found = [_WORKDAYS] if workdays else []
    if not on.all() and (passed[~on] > 2).all() and on[:5].tolist() != [True] * 5:
        found.insert(0, tuple(on.tolist()))
    elif not on.all() and (passed[~on] > 2).all() and not workdays:
        found.append(tuple(on.tolist()))
    return [*found, _EVERY_DAY]
