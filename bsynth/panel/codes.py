"""Numbers that stand for periods: 202201, 20220131, 202253, 1990.25; and numbers that are just numbers."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd, isfinite
from typing import Self

import numpy as np
import pandas as pd

from bsynth.errors import PanelError

NUMBERS = "whole numbers"
QUARTER_SHARES, MONTH_SHARES = "quarters of years", "months of years"
"""Fractions of years, as in 1990.25 and 1990.0833."""
POSIX = 1969
"""The first of the hundred years that two digits stand for where nothing else is known."""
_YEARS = (1800, 2099)
"""Years that a code of six or eight digits may begin with."""
_WIDTHS = {"%Y": 4, "%G": 4, "%j": 3} | dict.fromkeys(("%m", "%d", "%y", "%H", "%M", "%S", "%V", "%W", "%U"), 2)
_FURTHER = (
    "%Y%W",
    "%y%m%d",
    "%d%m%y",
    "%m%d%y",
    "%y%m",
    "%m%y",
    "%Y%j",
    "%Y%m%d%H",
    "%Y%m%d%H%M",
    "%Y%m%d%H%M%S",
    "%Y%d%m",
)
"""Ways of writing dates as digits that are not read without being told."""


@dataclass(frozen=True)
class Span:
    """A period that a label names: its form, and its first and last moment."""

    form: str
    first: pd.Timestamp
    last: pd.Timestamp

    @classmethod
    def moment(cls, form: str, stamp: pd.Timestamp) -> Self:
        """A period that is one moment, or begins at it."""
        return cls(form, stamp, stamp)


def day(year: int, month: int, number: int) -> Span | None:
    """A day as a span, None when there is none such."""
    try:
        return Span.moment("days", pd.Timestamp(datetime.datetime(year, month, number)))
    except ValueError:
        return None


def months(year: int, month: int, count: int, form: str) -> Span | None:
    """Months from one on."""
    first, last = day(year, month, 1), day(year + (month + count - 2) // 12, (month + count - 2) % 12 + 1, 1)
    if first is None or last is None:
        return None
    days = pd.Timedelta(days=last.first.days_in_month, seconds=-1)
    return Span(form, first.first, last.first + days)


def week(year: int, number: int, form: str = "weeks", weekday: int = 0) -> Span | None:
    """An ISO week from its Monday, or one day of it."""
    try:
        first = pd.Timestamp(datetime.datetime.fromisocalendar(year, number, weekday or 1))
    except ValueError:
        return None
    return Span(form, first, first if weekday else first + pd.Timedelta(days=7, seconds=-1))


def century(year: int, since: int) -> int:
    """The year that two digits stand for, in the hundred years from one on."""
    return since + (year - since) % 100


def first_year(years: Sequence[int]) -> int:
    """The first of the hundred years that make a series with years of two digits the shortest; that of POSIX at best.

    By POSIX alone Dec-68 is a century after Jan-69.
    """
    seen = sorted({century(year, POSIX) for year in years})
    if not seen:
        return POSIX
    gaps = np.diff([*seen, seen[0] + 100])
    widest = int(np.argmax(gaps))
    return POSIX if gaps[-1] == gaps[widest] else 1900 + seen[widest + 1] % 100


def number(text: str) -> float | None:
    """The number that a text is, None for other text."""
    if text[-1:].isdigit() or text[-1:] == ".":
        try:
            value = float(text)
        except ValueError:
            return None
        return value if isfinite(value) and "_" not in text else None
    return None


def read(value: float, form: str) -> Span | None:
    """A number by what its column's numbers stand for; None when it is none of these."""
    if form in (QUARTER_SHARES, MONTH_SHARES):
        year, months_a_year = int(value // 1), 4 if form == QUARTER_SHARES else 12
        place = round((value - year) * months_a_year)
        count = 12 // months_a_year
        return months(year + place // months_a_year, place % months_a_year * count + 1, count, form)
    if value % 1:
        return None
    whole = int(value)
    digits = len(str(whole))
    if form == "years" and digits == 4:
        return months(whole, 1, 12, form)
    if form == "months" and digits == 6:
        return months(whole // 100, whole % 100, 1, form)
    if form == "weeks" and digits == 6:
        return week(whole // 100, whole % 100)
    if form == "quarters" and digits == 5 and whole % 10 < 5:
        return months(whole // 10, whole % 10 * 3 - 2, 3, form)
    if form == "days" and digits == 8:
        return day(whole // 10000, whole // 100 % 100, whole % 100)
    return None


def form_of(texts: Sequence[str], values: Sequence[float], where: str = "") -> str:
    """What the numbers of a column stand for; without ``where`` one number is asked about, and none is refused."""
    whole = [int(value) for value in values if value % 1 == 0]
    if len(whole) < len(values):
        return _decimal(values, where)
    sizes = {len(str(each)) for each in whole}
    if not where and sizes == {4}:
        return "years"
    if where and len(sizes) > 1 and (mixed := _mixed(whole)):
        raise PanelError(f"{where} holds {mixed[0]} among {mixed[1]}, codes of different periods; write all in one way")
    if sizes == {8} and _all_read(whole, "days", 10000):
        return "days"
    if sizes == {6} and _all_read(whole, "months", 100):
        return "months"
    if sizes == {6} and _all_read(whole, "weeks", 100):
        if where and _follows(texts, "%y%m%d") is not None:
            raise PanelError(_refusal(where, texts[0], "a week or a day", "'%G%V' or '%y%m%d'"))
        return "weeks"
    if sizes == {5} and len(whole) > 4 and _all_read(whole, "quarters", 10) and len({v // 10 for v in whole}) > 1:
        return "quarters"
    if where and (fit := _unordered(texts, whole)) is not None:
        raise PanelError(_refusal(where, texts[0], "a date rather than a number", fit))
    return NUMBERS


def width_of(date_format: str) -> int:
    """Digits of a format that is digits alone, 0 for any other."""
    head, *rest = date_format.split(" ")
    parts = [f"%{part}" for part in head.split("%")[1:]]
    fixed = head.startswith("%") and all(part in _WIDTHS for part in parts) and all(r in ("%u", "%w") for r in rest)
    return sum(_WIDTHS[part] for part in parts) + sum(1 + len(r) // 2 for r in rest) if fixed else 0


def _decimal(values: Sequence[float], where: str) -> str:
    """Years with fractions: quarters or months of a year."""
    shares = np.asarray(values) % 1
    # One fraction in all years, such as 1990.5, does not tell what it is.
    if all(1500 <= value <= 2200 for value in values) and (not where or np.ptp(shares) > 0):
        if np.allclose(4 * shares, np.round(4 * shares), atol=1e-6):
            return QUARTER_SHARES
        # Two decimals are as few as people write: .08 is February.
        if np.allclose(12 * shares, np.round(12 * shares), rtol=0, atol=0.06):
            return MONTH_SHARES
    if not where:
        return NUMBERS
    odd = next(value for value in values if value % 1)
    raise PanelError(
        f"{where} holds {odd:.12g}, which is no period; give whole numbers, ISO dates (2024-01-31), or years with "
        "quarters (1990.25) or months (1990.0833) as fractions"
    )


def _all_read(values: Sequence[int], form: str, base: int) -> bool:
    return all(_YEARS[0] <= v // base <= _YEARS[1] and read(v, form) is not None for v in values)


def _mixed(values: Sequence[int]) -> tuple[int, int] | None:
    """A rare and a common one of numbers that are years, months and days of codes all at once; None for others."""
    forms = [{4: "years", 6: "months", 8: "days"}.get(len(str(value)), "") for value in values]
    bases = {"years": 1, "months": 100, "days": 10000}
    if not all(form and _all_read([value], form, bases[form]) for form, value in zip(forms, values, strict=True)):
        return None
    rare, common = min(set(forms), key=forms.count), max(set(forms), key=forms.count)
    return (values[forms.index(rare)], values[forms.index(common)]) if rare != common else (min(values), max(values))


def _unordered(texts: Sequence[str], values: Sequence[int]) -> str | None:
    """The formats by which numbers are dates though their order is not that of time, None for plain numbers."""
    lead = [value // 10000 for value in values]
    if min(lead) >= 1 and len(set(lead)) > 1 and all(1900 <= value % 10000 <= 2099 for value in values):
        if max(lead) <= 12:
            return "'%m%Y'"
        if max(lead) <= 53:
            return "'%V%G'"
        fits = [f for f in ("%d%m%Y", "%m%d%Y") if _follows(texts, f) is not None]
        return " or ".join(map(repr, fits)) or "such as '%d%m%Y'"
    if all(1500 <= value <= 2100 for value in values) or not _absent(values):
        return None
    fits = [
        each
        for each in _FURTHER
        if (days := _follows(texts, each)) is not None and _absent(days) < _absent(values) and len(set(days)) > 3
    ]
    return " or ".join(map(repr, fits)) or None


def _follows(texts: Sequence[str], date_format: str) -> list[int] | None:
    """Months or seconds of numbers that all follow a format of digits; None when one does not."""
    width = width_of(date_format)
    found = []
    for text in texts:
        if not text.isdigit() or len(text) not in (width - 1, width):
            return None
        try:
            # A week is no date without its day.
            monday, directive = ("1", "%w") if "%W" in date_format else ("", "")
            stamp = datetime.datetime.strptime(text.zfill(width) + monday, date_format + directive)
        except ValueError:
            return None
        if not _YEARS[0] <= stamp.year <= _YEARS[1]:
            return None
        by_month = date_format in ("%y%m", "%m%y")
        seconds = stamp.toordinal() * 86400 + stamp.hour * 3600 + stamp.minute * 60 + stamp.second
        found.append(12 * stamp.year + stamp.month if by_month else seconds)
    return found


def _absent(values: Sequence[int]) -> int:
    """How many values a series with the step that all share would have besides."""
    steps = [int(step) for step in np.diff(np.unique(values))]
    return 0 if not steps else (max(values) - min(values)) // reduce(gcd, steps) - len(steps)


def _refusal(where: str, text: str, meaning: str, formats: str) -> str:
    return (
        f"{where} holds {text}, which may be {meaning}; write dates as 2021-04-01, or give "
        f"date_format= (--date-format) {formats}"
    )
