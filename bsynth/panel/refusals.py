"""Why a label is no period, and what to do about it: in a column, and in a start or an end of the user's."""

import re
from collections.abc import Sequence

from bsynth._base.plain import show
from bsynth.panel import codes

NAME = (
    r"(?P<name>jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?"
    r"|nov(ember)?|dec(ember)?)\.?"
)
SHORT = re.compile(rf"{NAME}[-/ ']*(?P<yy>\d{{2}})", re.IGNORECASE)
FLAG = "date_format="
_ALLOWED = "give whole numbers, ISO dates (2024-01-31), months (2024-01), quarters (2024Q1) or weeks (2024-W05)"
_DAY_MONTH = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})\b.*")
_PART_YEAR = re.compile(r"\d{1,2}([-/ ])\d{4}")
_MAY_BE_PART = "which may be a month, a quarter or a week"
_MAY_BE_YEAR = "which could be a day or a year"


def why(text: str, column: Sequence[str] = ()) -> str:
    """Say why a label is no period, and what to do."""
    listed = list(column) or [text]
    if (found := _DAY_MONTH.fullmatch(text)) is not None:
        sep, year = found[2], "%Y" if len(found[4]) == 4 else "%y"
        parts = [each for each in map(_DAY_MONTH.fullmatch, listed) if each is not None]
        orders = ["%d{0}%m{0}{1}", "%m{0}%d{0}{1}"]
        possible = [o for o, at in zip(orders, (3, 1), strict=True) if all(int(each[at]) <= 12 for each in parts)]
        formats = " or ".join(repr(order.format(sep, year)) for order in possible or orders)
        if len(possible) == 1 and len(parts) > 1:
            return f"and the column's other dates can only be {formats}; give {FLAG} {formats} to read them so"
        return f"{_two_ways(found)}; write dates as year-month-day, or give {FLAG} {formats}"
    if _PART_YEAR.fullmatch(text):
        return f"{_MAY_BE_PART}; write it as 2022-01, or give {FLAG} such as '%m/%Y'"
    if SHORT.fullmatch(text):
        return f"{_MAY_BE_YEAR}; write it as 2022-01, or give {FLAG} such as '%b-%y'"
    return f"which is no period; {_ALLOWED}, or name how they are written with {FLAG}"


def why_label(text: str, date_format: str | None, since: int) -> str:
    """Say why a start or an end is no period, and how to write it: the format of a column would not change that.

    Examples
    --------
    >>> why_label("17.06.2024", None, 1969)
    'whose order of day and month is not said; write 2024-06-17'
    >>> why_label("04.11.24", None, 1969)
    'which could be day 4 of month 11 or day 11 of month 4; write 2024-11-04 or 2024-04-11'
    >>> why_label("17.6.2024", "%m/%d/%Y", 1969)
    "which does not follow the format '%m/%d/%Y'; write 2024-06-17"
    """
    found = _DAY_MONTH.fullmatch(text)
    days = [] if found is None else _days(found, since)
    instead = f"write {' or '.join(days)}" if days else "write it as year-month-day"
    if date_format is not None:
        return f"which does not follow the format {date_format!r}; {instead}"
    if found is not None:
        return f"{_two_ways(found)}; {instead}"
    if _PART_YEAR.fullmatch(text):
        return f"{_MAY_BE_PART}; write it as 2022-01"
    if SHORT.fullmatch(text):
        return f"{_MAY_BE_YEAR}; write it as 2022-01"
    return f"which is no period; {_ALLOWED}"


def _two_ways(found: re.Match[str]) -> str:
    """Why two numbers and a year are no day."""
    first, second = int(found[1]), int(found[3])
    if first <= 12 and second <= 12 and first != second:
        return f"which could be day {first} of month {second} or day {second} of month {first}"
    return "whose order of day and month is not said"


def _days(found: re.Match[str], since: int) -> list[str]:
    """The days that two numbers and a year can be, as year-month-day."""
    year = int(found[4]) if len(found[4]) == 4 else codes.century(int(found[4]), since)
    orders = ((int(found[3]), int(found[1])), (int(found[1]), int(found[3])))
    days = [codes.day(year, month, day) for month, day in orders]
    return list(dict.fromkeys(str(show(day.first)) for day in days if day is not None))
