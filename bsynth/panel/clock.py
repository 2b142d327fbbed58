"""Moments to periods within an engine: whole days or weeks since 1970 on the clock of a time zone.

A zone's offsets are computed here and go into the expression as numbers, so that no engine's own table of time zones,
session zone or week counts: all have the same days. Months, quarters and years are put together from days afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import BoolArray
from bsynth.errors import PanelError
from bsynth.panel.rows import WEEKDAYS, Rows
from bsynth.text.numbers import count

if TYPE_CHECKING:
    import ibis.expr.types as ir

MOMENT = "moment of the row"
DAY = 86400
"""Seconds."""
_CODES = {"month": "M", "quarter": "Q", "year": "Y"}
_ZONED_TEXT = r"\d:?\d\d(:?\d\d(\.\d+)?)?\s?([zZ]|UTC|[+-]\d\d(:?\d\d)?)\s*$"


@dataclass(frozen=True, eq=False)
class Begun:
    """Labels that name periods, and for each whether it was a day or moment after that period's first day."""

    labels: pd.Series
    inside: BoolArray


@dataclass(frozen=True)
class Clock:
    """How a number that an engine counted is a period, and what is to be said of it; ``ragged`` is of the last one."""

    freq: str
    week_start: int = 0
    zone: str = ""
    said: tuple[str, ...] = ()
    ragged: tuple[str, ...] = ()

    @property
    def step(self) -> int:
        """Days in what the engine counts."""
        return 7 if self.freq == "week" else 1

    @property
    def shift(self) -> int:
        """Days from the beginning of the week that holds the first of January 1970, a Thursday, to that day."""
        return (3 - self.week_start) % 7 if self.freq == "week" else 0

    def stamps(self, numbers: pd.Series) -> pd.Series:
        """The first day of each period, as timestamps without a zone; missing where there is no number."""
        known = numbers.notna().to_numpy()
        days = numbers.fillna(0).to_numpy(dtype=np.int64) * self.step - self.shift
        found = days.astype("datetime64[D]")
        if self.freq in _CODES:
            months = found.astype("datetime64[M]").astype(np.int64)
            width = {"month": 1, "quarter": 3, "year": 12}[self.freq]
            found = (months // width * width).astype("datetime64[M]").astype("datetime64[D]")
        stamps = pd.Series(found.astype("datetime64[s]"), index=numbers.index)
        return stamps.where(known)

    def begun(self, labels: pd.Series, date_format: str | None) -> Begun:
        """The period that holds each day or moment of another column; what is neither stays as it is."""
        found, inside = labels.astype(object), np.zeros(len(labels), dtype=bool)
        for at, label in enumerate(labels.tolist()):
            if (moment := _moment(label, date_format)) is None:
                continue
            if self.zone and moment.tz is None and moment != moment.normalize():
                # As those in the column of times are; without a time of day it is a day of the zone.
                moment = moment.tz_localize("UTC")
            if self.zone and moment.tz is not None:
                moment = moment.tz_convert(self.zone)
            day = moment.tz_localize(None).normalize()
            whole = ((day - pd.Timestamp(0)).days + self.shift) // self.step
            found.iloc[at] = self.stamps(pd.Series([whole])).iloc[0]
            inside[at] = moment.tz_localize(None) != found.iloc[at]
        return Begun(found, inside)

    def partial(self, first: float, last: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is to be said of the first and the last period where not all days are in the data: days since 1970."""
        if self.freq == "day":
            return (), ()
        ends = pd.Series([int(first), int(last)])
        begins = self.stamps((ends + self.shift) // self.step)
        code = _CODES.get(self.freq)
        found: list[tuple[str, ...]] = []
        for which, day, begin in zip(("first", "last"), ends, begins, strict=True):
            following = begin + pd.Timedelta(days=7) if code is None else (begin.to_period(code) + 1).start_time
            place, whole = day - (begin - pd.Timestamp(0)).days, (following - begin).days
            held = whole - place if which == "first" else place + 1
            words = f"The {which} {self.freq}, from {show(begin)}, holds {held} of its {count(whole, 'day')}."
            found.append((words,) if held < whole else ())
        return found[0], found[1]


def _moment(label: Any, date_format: str | None) -> pd.Timestamp | None:
    if isinstance(label, str):
        try:
            text = label.strip()
            label = datetime.fromisoformat(text) if date_format is None else datetime.strptime(text, date_format)
        except ValueError:
            return None
    return pd.Timestamp(label) if isinstance(label, date | np.datetime64) and not pd.isna(label) else None


def by_clock(
    table: "ir.Table", run: Any, rows: Rows, columns: Mapping[str, str], *, name: str, dialect: str, zone: str,
    date_format: str | None,
) -> tuple["ir.Table", Clock]:  # fmt: skip
    """The table with its column ``time`` as whole numbers of periods, and the clock that reads them.

    A column `MOMENT` keeps the moments themselves.

    Raises
    ------
    PanelError
        A column that holds no moments, or some with a zone and some without.
    """
    where = f"{name}: column {columns['time']!r}"
    moment, zone, said = _moments(table, run, rows, zone, where, date_format)
    seconds, unit = _since_1970(moment, dialect)
    table = table.mutate(**{MOMENT: seconds})
    ends = run(table.aggregate(first=table[MOMENT].min(), last=table[MOMENT].max())).iloc[0]
    if pd.isna(ends["first"]):
        raise PanelError(f"{where} holds no moment")
    first, last = (int(float(end) // unit) for end in ends)
    offsets = _offsets(zone, first, last, where) if zone else [(first, 0)]
    clock = Clock(str(rows.freq), WEEKDAYS.index(rows.week_start or "monday"), zone)
    local = table[MOMENT] + _stepwise(table[MOMENT], offsets, unit) + clock.shift * DAY * unit
    table = table.mutate(time=(local / (clock.step * DAY * unit)).floor().cast("int64"))
    days = ((end + offset) // DAY for end, offset in ((first, offsets[0][1]), (last, offsets[-1][1])))
    first_words, last_words = clock.partial(*days)
    return table, replace(clock, said=(*said, *first_words), ragged=last_words)


def _moments(
    table: "ir.Table", run: Any, rows: Rows, zone: str, where: str, date_format: str | None
) -> tuple["ir.Value", str, tuple[str, ...]]:
    """The column as timestamps or dates, the zone whose days are counted, and what is to be said of it."""
    raw = table.time
    kind = raw.type()
    zoned = bool(kind.is_timestamp() and kind.timezone)
    zone = zone or (str(kind.timezone) if zoned else "")
    if kind.is_string():
        raw, zoned = _from_text(table, run, where, date_format)
        if zoned and rows.time_zone is None:
            raise PanelError(f"{where} holds moments with offsets; time_zone= says whose {rows.freq}s are meant")
    elif kind.is_date():
        if rows.time_zone is not None:
            raise PanelError(f"{where} holds days, which are the same in every zone; leave time_zone out")
        return raw.cast("timestamp"), "", ()
    elif not kind.is_timestamp():
        raise PanelError(f"{where} holds {kind}, and freq needs dates or moments; convert it, or leave freq out")
    said = rows.time_zone or zone
    if rows.time_zone is None and not zoned:
        return raw, "", ()
    words = f"{str(rows.freq).capitalize()}s are those of {said}."
    return raw, said, (words if zoned else f"{words} Times without a zone were taken as UTC.",)


def _from_text(table: "ir.Table", run: Any, where: str, date_format: str | None) -> tuple["ir.Value", bool]:
    """Text as moments, and whether it names offsets; each must be one, all with an offset or none."""
    import ibis

    text = table.time.strip()
    if date_format is not None:
        return text.as_timestamp(date_format), "%z" in date_format
    offset = text.re_search(_ZONED_TEXT)
    moment = ibis.ifelse(offset, text.try_cast("timestamp('UTC')"), text.try_cast("timestamp").cast("timestamp('UTC')"))
    seen = run(
        table.aggregate(
            zoned=offset.sum(), rows=text.count(), bad=(text.notnull() & moment.isnull()).sum(),
            example=ibis.ifelse(moment.isnull(), text, None).min(),
            bare=ibis.ifelse(offset, None, text).min(), aware=ibis.ifelse(offset, text, None).min(),
        )
    ).iloc[0]  # fmt: skip
    if seen["bad"]:
        raise PanelError(
            f"{where} holds {seen['example']!r}, which is no date or moment ({count(int(seen['bad']), 'row')}); write "
            "2024-01-31 or 2024-01-31T13:30:00, or name the format with date_format= (--date-format)"
        )
    if 0 < (seen["zoned"] or 0) < seen["rows"]:
        raise PanelError(
            f"{where} mixes {seen['bare']!r} without a zone and {seen['aware']!r} with one; write all alike"
        )
    if seen["zoned"]:
        return text.try_cast("timestamp('UTC')"), True
    return text.try_cast("timestamp"), False


def _since_1970(moment: "ir.Value", dialect: str) -> tuple["ir.Value", int]:
    """Time since 1970 in UTC, and how much of it is a second."""
    import ibis
    import ibis.expr.datatypes as dt

    if dialect != "duckdb":
        return moment.epoch_seconds().floor(), 1

    # The engine's own: a cast would go by the zone of the session, and a count of seconds is no whole number there.
    epoch_us = ibis.udf.scalar.builtin(lambda moment: None, name="epoch_us", signature=((dt.timestamp,), dt.int64))
    return epoch_us(moment), 10**6


def _offsets(zone: str, first: int, last: int, where: str) -> list[tuple[int, int]]:
    """From when (seconds since 1970) a zone is how far from UTC (seconds), to the quarter of an hour."""
    try:
        ticks = np.arange(first // 900 * 900, last + 901, 900)
        moments = pd.DatetimeIndex(ticks.astype("datetime64[s]")).tz_localize("UTC").tz_convert(zone)
    except Exception as error:
        raise PanelError(f"{where} has times in the zone {zone!r}, which is unknown; give time_zone=") from error
    wall = moments.tz_localize(None).as_unit("s").asi8
    offset = wall - ticks
    changes = np.flatnonzero(np.diff(offset)) + 1
    return [(first, int(offset[0])), *((int(ticks[k]), int(offset[k])) for k in changes)]


def _stepwise(moment: "ir.Value", offsets: list[tuple[int, int]], unit: int) -> Any:
    """The offset at each moment."""
    import ibis

    if len(offsets) == 1:
        return offsets[0][1] * unit
    until = [(moment < following[0] * unit, own[1] * unit) for own, following in pairwise(offsets)]
    return ibis.cases(*until, else_=offsets[-1][1] * unit)
