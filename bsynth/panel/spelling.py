"""How periods are written: text, codes and moments to timestamps of a period's first day, or plain whole numbers.

What has two meanings is refused, never guessed: 01/04/2021 is a day in April and one in January.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import Label
from bsynth.errors import PanelError
from bsynth.panel import codes
from bsynth.panel.codes import POSIX, Span
from bsynth.panel.refusals import FLAG, NAME, SHORT, why, why_label

NUMBERS, DAYS, TIMES, FORMAT = "whole numbers", "days", "times", "format"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_Y, _M, _D = r"(?P<y>\d{4})", r"(?P<m>\d{1,2})", r"(?P<d>\d{1,2})(st|nd|rd|th)?"
_CLOCK = r"(?P<clock>[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?\s?(?P<zone>Z|UTC|[+-]\d{2}(:?\d{2})?)?"
_PATTERNS = [
    (form, re.compile(pattern, re.IGNORECASE))
    for form, pattern in (
        (DAYS, rf"{_Y}(?P<sep>[-/.]){_M}(?P=sep)(?P<d>\d{{1,2}}){_CLOCK}"),
        (DAYS, rf"{_Y}-{_M}-(?P<d>\d\d)/\d{{4}}-\d\d-\d\d"),
        ("months", rf"{_Y}[-/ ]?m{_M}"),
        ("months", rf"{_Y}[-/]{_M}"),
        ("months", rf"{NAME}[-/, ]*{_Y}"),
        ("months", rf"{_Y}[-/ ]*{NAME}"),
        ("quarters", rf"{_Y}[-/:. ]*q(?P<q>[1-4])"),
        ("quarters", rf"q(?P<q>[1-4])[-/:. ']*{_Y}"),
        ("half-years", rf"{_Y}[-/:. ]*h(?P<h>[12])"),
        ("half-years", rf"h(?P<h>[12])[-/:. ']*{_Y}"),
        ("weeks", rf"{_Y}[-/: ]*w(?P<w>\d{{1,2}})"),
        ("weeks", rf"w(?P<w>\d{{1,2}})[-/: ]*{_Y}"),
        (DAYS, rf"{_Y}-?w(?P<w>\d{{2}})-?(?P<wd>[1-7])"),
        (DAYS, rf"{_D}[-/. ]*{NAME}[-/., ]*{_Y}"),
        (DAYS, rf"{NAME}[-/ ]*{_D},? +{_Y}"),
        (DAYS, rf"{_Y}[-/ ]*{NAME}[-/ ]*{_D}"),
    )
]
_WEEKDAY = re.compile(r"(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?\.?,? +", re.IGNORECASE)
_SEASON = re.compile(r"(\d{4})[-/](\d{2})")


@dataclass(frozen=True)
class Spelling:
    """How a column of periods was written, so that a start or an end is read in the same way.

    Attributes
    ----------
    form : str
        What its labels are: whole numbers, days, times, months, quarters, weeks and so on, or read by a format.
    date_format : str or None
        The format, for `datetime.datetime.strptime`.
    clock : {"", "days", "utc", "offsets"}
        What became of time zones: there are none; local days were kept; times in UTC, or with offsets, are in UTC.
    note : str
        One sentence that says so, or nothing where nothing had to be interpreted.
    zone : str
        The zone that all times came with, in which words and pictures write them: they are kept in UTC.
    since : int
        The first of the hundred years that two digits stand for.
    short : bool
        Years have two digits after a month's name, and could be nothing else.
    """

    form: str = NUMBERS
    date_format: str | None = None
    clock: str = ""
    zone: str = ""
    note: str = ""
    since: int = POSIX
    short: bool = False

    def notes(self) -> list[str]:
        """The note, where there is one."""
        return [self.note] if self.note else []

    def span(self, label: Label, role: str, name: str) -> Span:
        """Return the first and the last moment that a label of the user means."""
        if isinstance(label, pd.Period):
            return Span(self.form, label.start_time, label.end_time)
        if isinstance(label, np.datetime64) and np.datetime_data(label)[0] in ("Y", "M") and not pd.isna(label):
            whole = pd.Period(str(label), freq=np.datetime_data(label)[0])
            return Span(self.form, whole.start_time, whole.end_time)
        if isinstance(label, np.datetime64 | datetime.date) and not pd.isna(label):
            return self._on_the_clock(Span.moment(self.form, pd.Timestamp(label)), label, role, name)
        text = "" if label is None or isinstance(label, bool | np.bool) else str(_whole(label)).strip()
        found = None
        if self.date_format is not None:
            stamp = by_format([text], self.date_format, self.since)[0]
            found = None if pd.isna(stamp) else Span.moment(self.form, stamp)
        elif (number := codes.number(text)) is not None:
            found = codes.read(number, self.form) or codes.read(number, codes.form_of([text], [number]))
        found = found or read_text(text, since=self.since, short=self.short)
        if found is None:
            raise PanelError(f"{name}: {role} is {label!r}, {why_label(text, self.date_format, self.since)}")
        return self._on_the_clock(found, label, role, name)

    def _with_offset(self, moment: pd.Timestamp) -> str:
        """The moment as it would be written with the offset that the panel's zone has then, else with that of UTC."""
        return moment.tz_localize(self.zone or "UTC", ambiguous=True, nonexistent="shift_forward").isoformat()

    def _on_the_clock(self, span: Span, label: Label, role: str, name: str) -> Span:
        """A moment on the clock of the panel."""
        if span.first.tz is None:
            if self.clock == "offsets":
                raise PanelError(
                    f"{name}: {role} is {show(label)!r} and periods have offsets from UTC; write it with one, "
                    f"such as {self._with_offset(span.first)}"
                )
            return span
        if self.clock in ("utc", "offsets"):
            return Span.moment(span.form, span.first.tz_convert("UTC").tz_localize(None))
        day = local_day(span.first)
        if day is None:
            raise PanelError(f"{name}: {role} is {show(label)!r} and periods have no zone; write it as they are")
        return Span.moment(span.form, day)


PLAIN = Spelling()
"""Whole numbers."""


def read_column(
    labels: pd.Series, name: str, column: str, date_format: str | None = None, *, as_given: bool = False
) -> tuple[pd.Series, Spelling]:
    """Return a column of periods as whole numbers or naive timestamps, and how it was written.

    Raises
    ------
    PanelError
        One line that names the first label which is no period, or has two meanings; ``as_given``, the first of the
        rows, else of the sorted labels.
    """
    at, seen = pd.factorize(labels)
    # An engine returns groups in any order; what is said of them keeps to one.
    order = np.array(sorted(range(len(seen)), key=lambda k: k if as_given else str(seen[k])), dtype=np.intp)
    unique = pd.Series(seen).iloc[order].reset_index(drop=True)
    where = f"{name}: column {column!r}"
    kind = unique.dtype
    if pd.api.types.is_bool_dtype(kind) or not (
        pd.api.types.is_numeric_dtype(kind)
        or pd.api.types.is_datetime64_any_dtype(kind)
        or pd.api.types.is_string_dtype(unique)
    ):
        what = type(unique.iloc[0]).__name__ if str(kind) == "object" else kind
        raise PanelError(f"{where} holds {what}; periods are whole numbers or dates")
    if pd.api.types.is_datetime64_any_dtype(kind):
        spans, spelling = [Span.moment(TIMES, stamp) for stamp in unique], Spelling(TIMES)
        values, spelling = _timestamps(spans, spelling, where)
    else:
        texts = [str(_whole(label)).strip() for label in unique]
        values, spelling = _formatted(texts, date_format, where) if date_format else _written(texts, where)
    return pd.Series(np.asarray(values)[np.argsort(order)[at]], index=labels.index), spelling


def in_one_type(column: pd.Series) -> pd.Series:
    """Objects that stand for moments with zones as text, which keeps each one's own; other columns as they are."""
    seen = column.dropna()
    moments = len(seen) > 0 and all(isinstance(each, datetime.datetime) for each in seen)
    if moments and any(each.tzinfo is not None for each in seen):
        return column.map(lambda each: each.isoformat(), na_action="ignore")
    return column


def read_text(text: str, *, since: int = POSIX, short: bool = False) -> Span | None:
    """Read one label that is no number; None where it is no period, or has two meanings."""
    text = _WEEKDAY.sub("", text, count=1)
    for form, pattern in _PATTERNS:
        if (found := pattern.fullmatch(text)) is not None:
            return _span(form, found.groupdict())
    if (found := SHORT.fullmatch(text)) is not None and (short or _is_no_day(found.groupdict())):
        return _span("months", found.groupdict(), since)
    return None


def by_format(texts: Sequence[str], date_format: str, since: int = POSIX) -> list[Any]:
    """Timestamps by a format, NaT where a text does not follow it; a week without its day is its Monday."""
    day = {"%V": ("%u", "1"), "%W": ("%w", "1"), "%U": ("%w", "0")}
    for week, (directive, first) in day.items():
        if week in date_format and not any(each in date_format for each in ("%u", "%w", "%a", "%A", "%d", "%j")):
            date_format, texts = f"{date_format} {directive}", [f"{text} {first}" for text in texts]
    width = codes.width_of(date_format)
    found: list[Any] = []
    for text in texts:
        # A number loses the zero that it begins with.
        padded = text.zfill(width) if width and text.split(" ")[0].isdigit() and len(text) == width - 1 else text
        try:
            moment = datetime.datetime.strptime(padded, date_format)
            moment = moment.replace(year=codes.century(moment.year, since)) if "%y" in date_format else moment
            found.append(pd.Timestamp(moment))
        except ValueError:
            found.append(pd.NaT)
    return found


def local_day(stamp: pd.Timestamp) -> pd.Timestamp | None:
    """The calendar day that begins at a moment with a zone; None for a moment within a day."""
    day = stamp.tz_localize(None).normalize()
    if stamp.tz_localize(None) == day:
        return day
    # Where clocks go forward at midnight the day begins at one.
    begins = day.tz_localize(stamp.tz, nonexistent="shift_forward", ambiguous=True)
    return day if begins == stamp else None


def _written(texts: list[str], where: str) -> tuple[Any, Spelling]:
    """Labels of one column by what they look like."""
    numbers = [codes.number(text) for text in texts]
    spans = [None if number is not None else read_text(text) for text, number in zip(texts, numbers, strict=True)]
    short = _short_months(texts)
    spans, since = (spans, POSIX) if short is None else short
    kinds = [
        NUMBERS if number is not None else "" if span is None else TIMES if span.form == DAYS else span.form
        for number, span in zip(numbers, spans, strict=True)
    ]
    common = max(dict.fromkeys(kinds), key=kinds.count)
    if odd := [text for text, kind in zip(texts, kinds, strict=True) if kind != common or not kind]:
        example = next((text for text, kind in zip(texts, kinds, strict=True) if kind == common and kind), None)
        readable = [kind for kind in set(kinds) if kind]
        if "" in kinds:
            odd = [text for text, kind in zip(texts, kinds, strict=True) if not kind]
            raise PanelError(f"{where} holds {odd[0]!r}, {why(odd[0], odd if len(odd) == len(texts) else ())}")
        raise PanelError(f"{where} holds {odd[0]!r} among {example!r}, {' and '.join(readable)}; write all in one way")
    if common == NUMBERS:
        form = codes.form_of(texts, [number for number in numbers if number is not None], where)
        if form == NUMBERS:
            return np.array([int(number) for number in numbers if number is not None], dtype=np.int64), PLAIN
        spans = [codes.read(number, form) for number in numbers if number is not None]
    known = [span for span in spans if span is not None]
    form = known[0].form
    seasons = [_SEASON.fullmatch(text) for text in texts]
    if len(texts) > 1 and all(s is not None and (int(s[1]) + 1) % 100 == int(s[2]) for s in seasons):
        raise PanelError(f"{where} holds {texts[0]!r}, which may be a season or a month; write it as {texts[0][:4]}")
    longest = max(range(len(texts)), key=lambda k: len(texts[k]))
    said = f"Periods were read as {form}: {texts[longest]} is {show(known[longest].first)}."
    note = "" if form in (DAYS, TIMES) and common != NUMBERS else said
    spelling = Spelling(form, note=note, since=since, short=short is not None)
    return _timestamps(known, spelling, where)


def _formatted(texts: list[str], date_format: str, where: str) -> tuple[Any, Spelling]:
    """Labels of one column by the user's format."""
    stamps = by_format(texts, date_format)
    since = POSIX
    if "%y" in date_format:
        since = codes.first_year([stamp.year for stamp in stamps if not pd.isna(stamp)])
        stamps = by_format(texts, date_format, since)
    if bad := [text for text, stamp in zip(texts, stamps, strict=True) if pd.isna(stamp)]:
        raise PanelError(
            f"{where} holds {bad[0]!r}, which does not follow the format {date_format!r}; {_other_format(bad)}"
        )
    note = f"Periods were read by the format {date_format}: {texts[0]} is {show(stamps[0])}."
    spelling = Spelling(FORMAT, date_format, note=note, since=since)
    return _timestamps([Span.moment(FORMAT, stamp) for stamp in stamps], spelling, where)


def _timestamps(spans: list[Span], spelling: Spelling, where: str) -> tuple[Any, Spelling]:
    """First moments without zones: local days where all are days, else UTC."""
    stamps = [span.first for span in spans]
    zoned = [stamp.tz is not None for stamp in stamps]
    clock, zone, note = "", "", spelling.note
    if any(zoned):
        if not all(zoned):
            bare, aware = stamps[zoned.index(False)], stamps[zoned.index(True)]
            raise PanelError(
                f"{where} holds {show(bare)!r} without a zone and {show(aware)!r} with one; write all alike"
            )
        days = _local_days(stamps)
        if days is not None:
            stamps, clock = days, "days"
            note = f"{note} Days are those of the local clock; zones were left out.".strip()
        else:
            clock = "utc" if all(not stamp.utcoffset() for stamp in stamps) else "offsets"
            known, stamps = stamps, [stamp.tz_convert("UTC").tz_localize(None) for stamp in stamps]
            zone = "UTC" if clock == "utc" else _common_zone(known)
            said = "in UTC" if zone == "UTC" else f"kept in UTC and written as in {zone}"
            note = f"{note} Times are {said}.".strip()
    if outside := [stamp for stamp in stamps if not pd.Timestamp.min.year < stamp.year < pd.Timestamp.max.year]:
        raise PanelError(f"{where} holds {show(outside[0])}; dates from 1678 to 2261 can be used")
    return pd.DatetimeIndex(stamps).as_unit("ns"), replace(spelling, clock=clock, zone=zone, note=note)


def _common_zone(stamps: Sequence[pd.Timestamp]) -> str:
    """The one zone of all moments, by a name that finds it again; UTC where there is none."""
    zones = {str(stamp.tz) for stamp in stamps}
    zone = zones.pop() if len(zones) == 1 else "UTC"
    try:
        pd.Timestamp(0, tz=zone)
    except (ValueError, KeyError):
        return "UTC"
    return zone


def _local_days(stamps: Sequence[pd.Timestamp]) -> list[pd.Timestamp] | None:
    """The local days that moments begin; None when one is within a day."""
    found: list[pd.Timestamp] = []
    before: pd.Timestamp | None = None
    days: dict[pd.Timestamp, pd.Timestamp] = {}
    for stamp in sorted(set(stamps)):
        day, offset = local_day(stamp), stamp.utcoffset()
        if day is None:
            # An offset alone does not tell that its clocks went forward at midnight; the one before it does.
            wall = stamp.tz_localize(None)
            early = None if before is None else before.utcoffset()
            moved = early is not None and offset is not None and offset - early == wall - wall.normalize()
            if not moved:
                return None
            day = wall.normalize()
        days[stamp], before = day, stamp
    # Two zones in one column: equal moments may begin different days.
    for stamp in stamps:
        own = local_day(stamp)
        found.append(days[stamp] if own is None else own)
    return found


def _span(form: str, parts: dict[str, str | None], since: int = POSIX) -> Span | None:
    """Build what the groups of a pattern say; None when there is no such day."""
    full = parts.get("y")
    year = codes.century(int(parts.get("yy") or 0), since) if full is None else int(full)
    name, month = parts.get("name"), int(parts.get("m") or 1)
    if name:
        month = _MONTHS.index(name[:3].lower()) + 1
    if parts.get("w"):
        return codes.week(year, int(parts["w"] or 0), form, int(parts.get("wd") or 0))
    if parts.get("q"):
        return codes.months(year, 3 * int(parts["q"] or 0) - 2, 3, form)
    if parts.get("h"):
        return codes.months(year, 6 * int(parts["h"] or 0) - 5, 6, form)
    if form == "months":
        return codes.months(year, month, 1, form)
    day = codes.day(year, month, int(parts.get("d") or 0))
    if day is None or not (parts.get("clock") or parts.get("zone")):
        return day
    try:
        clock, zone = (parts.get("clock") or "T00:00").strip(" T"), parts.get("zone") or ""
        zone = "Z" if zone.upper() in ("UTC", "Z") else zone
        return Span.moment(TIMES, pd.Timestamp(f"{show(day.first)}T{clock.zfill(5)}{zone}"))
    except ValueError:
        return None


def _short_months(texts: Sequence[str]) -> tuple[list[Span | None], int] | None:
    """Months such as Jan-22 where they can be nothing else: Jan-00 or Feb-31, or month after month without a gap.

    With the first of the hundred years that their two digits stand for.
    """
    found = [SHORT.fullmatch(text) for text in texts]
    if not texts or not all(found):
        return None
    parts = [each.groupdict() for each in found if each is not None]
    since = codes.first_year([int(each["yy"] or 0) for each in parts])
    spans = [_span("months", each, since) for each in parts]
    places = sorted(span.first.year * 12 + span.first.month for span in spans if span is not None)
    gapless = len(places) > 3 and places == list(range(places[0], places[0] + len(places)))
    return (spans, since) if gapless or any(_is_no_day(each) for each in parts) else None


def _is_no_day(parts: dict[str, str | None]) -> bool:
    """Whether the number beside a month cannot be a day of it: 00, or beyond its end (in a leap year)."""
    span, number = _span("months", {**parts, "yy": "00"}), int(parts["yy"] or 0)
    return span is not None and not 1 <= number <= span.first.days_in_month


def _whole(label: Label) -> Any:
    """A label as it is shown, whole floats without their zero."""
    shown = show(label)
    return int(shown) if isinstance(shown, float) and shown.is_integer() else shown


def _other_format(bad: Sequence[str]) -> str:
    """What to do where a column does not follow its format: it may need none."""
    return f"leave out {FLAG}, which this column does not need" if read_text(bad[0]) is not None else f"change {FLAG}"
