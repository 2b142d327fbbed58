"""Which rows count, of which period each is, and what is made of the rows of a cell: what the user asked for."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bsynth.errors import PanelError, nearest, some_of
from bsynth.panel.labels import as_labels

type Freq = Literal["day", "week", "month", "quarter", "year"]
type Agg = Literal["mean", "sum", "count", "ratio"]
type Duplicates = Literal["error", "identical", "first", "last"]
type Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday.__value__)
_QUANTILES = ("median", "quantile", "percentile", "max", "min", "mode")


@dataclass(frozen=True)
class Rows:
    """What is made of the rows of a log or table before they are cells; validated when it is made.

    Attributes
    ----------
    where : str or None
        Condition in SQL that a row must meet.
    freq : {"day", "week", "month", "quarter", "year"} or None
        Period that each moment is counted in.
    time_zone : str or None
        Whose days these are, such as ``"America/New_York"``.
    week_start : str
        Weekday on which weeks begin.
    agg : {"mean", "sum", "count", "ratio"} or None
        What becomes of a cell's rows; None is the mean, where one row per cell may be presumed.
    denominator : str or None
        Column that the outcome's sum is divided by, with ``agg="ratio"``.
    key : tuple of str
        Columns that name a row; no two rows may share them.
    duplicates : {"error", "identical", "first", "last"}
        Rule for rows that do.

    Examples
    --------
    >>> Rows(freq="week", agg="median")
    Traceback (most recent call last):
    bsynth.errors.PanelError: agg is 'median', and a quantile cannot be put together from the sums of ...
    """

    where: str | None = None
    freq: str | None = None
    time_zone: str | None = None
    week_start: str | None = None
    agg: str | None = None
    denominator: str | None = None
    key: str | Iterable[str] | None = field(default=())
    duplicates: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", as_labels(self.key))
        if self.where is not None and not (isinstance(self.where, str) and self.where.strip()):
            raise PanelError(f"where is {self.where!r}; give a condition in SQL, such as \"country = 'US'\"")
        _one_of(self.freq, "freq", get_args(Freq.__value__))
        _one_of(self.week_start, "week_start", WEEKDAYS)
        _one_of(self.duplicates, "duplicates", get_args(Duplicates.__value__))
        self._check_agg()
        if self.duplicates not in (None, "error") and not self.key:
            raise PanelError(f"duplicates is {self.duplicates!r} and no key is given; key= names the columns of one")
        if self.week_start is not None and self.freq != "week":
            raise PanelError(f"week_start is {self.week_start!r} and freq is {self.freq!r}; it goes with freq='week'")
        if self.time_zone is not None:
            self._check_zone()

    def _check_agg(self) -> None:
        text = str(self.agg).lower()
        if text.startswith(_QUANTILES) or (text[:1] in "pq" and text[1:].isdigit()):
            raise PanelError(
                f"agg is {self.agg!r}, and a quantile cannot be put together from the sums of cells, which are all "
                "that leaves the engine, nor has it a variance that they tell; take the share of rows above a limit, "
                "as a column of 0 and 1, with agg='mean'"
            )
        _one_of(self.agg, "agg", get_args(Agg.__value__))
        if self.agg == "ratio" and self.denominator is None:
            raise PanelError("agg is 'ratio' and denominator is None; name the column that the outcome is divided by")
        if self.agg != "ratio" and self.denominator is not None:
            raise PanelError(f"denominator is {self.denominator!r} and agg is {self.agg!r}; it goes with agg='ratio'")

    def _check_zone(self) -> None:
        if self.freq is None:
            raise PanelError(f"time_zone is {self.time_zone!r} and freq is None; it goes with freq='day' or coarser")
        try:
            ZoneInfo(str(self.time_zone))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise PanelError(
                f"time_zone {self.time_zone!r} is unknown; give a name such as 'UTC' or 'America/New_York'"
            ) from error

    @property
    def columns(self) -> dict[str, str]:
        """Further columns by role."""
        found = {f"key {k}": name for k, name in enumerate(as_labels(self.key), start=1)}
        return found if self.denominator is None else found | {"denominator": self.denominator}

    @property
    def additive(self) -> bool:
        """Whether a cell's outcome is a sum, so that no row at all is zero."""
        return self.agg in ("sum", "count")

    def asked(self, outcome: str) -> dict[str, Any]:
        """The settings that were given, as plain data, and the column of the outcome where that is called otherwise.

        Examples
        --------
        >>> Rows(agg="count", where="x > 0").asked("x")
        {'where': 'x > 0', 'agg': 'count', 'outcome': 'x'}
        """
        given = asdict(self) | {"key": list(as_labels(self.key))}
        found = {name: value for name, value in given.items() if value not in (None, [])}
        return found if self.named(outcome) == outcome else found | {"outcome": outcome}

    def named(self, outcome: str) -> str:
        """What the outcome of a cell is called."""
        if self.agg == "ratio":
            return f"{outcome} per {self.denominator}"
        return f"count of {outcome}" if self.agg == "count" else outcome


def _one_of(value: object, role: str, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise PanelError(f"{role} is {value!r}{nearest(value, allowed)}; it can be {some_of(allowed, 9)}")


PLAIN_ROWS = Rows()
"""Rows as they are."""
