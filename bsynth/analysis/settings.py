"""How rows became a panel and what is left out around its start, as a plan keeps it and as words compare it."""

from collections.abc import Iterator, Mapping
from typing import Any

from bsynth._base.request import check_kind, check_whole, shown
from bsynth.errors import SpecError, some_of
from bsynth.panel import Panel
from bsynth.text.labels import one_line
from bsynth.text.numbers import count

DEFAULTS: dict[str, Any] = {
    "where": None, "freq": None, "time_zone": None, "week_start": "monday", "agg": "mean", "denominator": None,
    "key": [], "duplicates": "error", "missing": "error", "covariates": [], "anticipation": 0, "washout": 0,
    "horizon": None,
}  # fmt: skip
"""What each setting is where it was not given."""
_WORDS = {
    "where": "The condition on rows",
    "freq": "The period in which moments are counted",
    "time_zone": "The time zone",
    "week_start": "The weekday on which weeks begin",
    "agg": "What becomes of a cell's rows",
    "denominator": "The denominator",
    "key": "The key of rows",
    "duplicates": "The rule for rows of one key",
    "missing": "The rule for missing cells",
    "covariates": "The choice of covariates",
    "anticipation": "The anticipation",
    "washout": "The washout",
    "horizon": "The horizon",
}
_LISTS = ("key", "covariates")
_PERIODS = ("anticipation", "washout", "horizon")


def settings_of(panel: Panel) -> dict[str, Any]:
    """The settings that were given when a panel was made, as plain data."""
    found = {name: value for name, value in panel.source.asked.items() if name in DEFAULTS}
    return found if panel.covariates is None else found | {"covariates": list(panel.covariates.names)}


def outcome_of(panel: Panel) -> str:
    """The column of the outcome: that of a count or a ratio is called otherwise in words."""
    return str(panel.source.asked.get("outcome", panel.source.outcome))


def check_settings(settings: Any) -> Mapping[str, Any]:
    """Return settings that a file holds; raise `SpecError` for what no plan holds.

    Examples
    --------
    >>> check_settings({"washout": "two"})
    Traceback (most recent call last):
    bsynth.errors.SpecError: washout is 'two'; give at least 0, the periods; whole numbers only
    """
    check_kind(settings, Mapping, "settings", "a table of settings")
    found: Mapping[str, Any] = settings
    for name, value in found.items():
        if name not in DEFAULTS:
            raise SpecError(f"settings holds {name!r}; it can hold {some_of(DEFAULTS, len(DEFAULTS))}")
        if name in _PERIODS:
            check_whole(value, name, 1 if DEFAULTS[name] is None else 0, "the periods")
        elif name not in _LISTS:
            check_kind(value, str, name, "a text")
        elif not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise SpecError(f"{name} is {shown(value)}; give a list of texts")
    return found


def said_of(settings: Mapping[str, Any]) -> str:
    """Settings in words, in their order above; nothing where none was given.

    Examples
    --------
    >>> said_of({"washout": 2, "agg": "sum"})
    "What becomes of a cell's rows is sum. The washout is 2 periods."
    """
    return " ".join(f"{_WORDS[name]} is {_value(name, settings[name])}." for name in DEFAULTS if name in settings)


def departures(planned: Mapping[str, Any], done: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """What, as planned, as done, and a sentence, for each setting that is another one.

    Examples
    --------
    >>> [sentence for *_, sentence in departures({"washout": 2}, {"agg": "mean"})]
    ['The washout is none; planned was 2 periods.']
    """
    for name, default in DEFAULTS.items():
        one, other = planned.get(name, default), done.get(name, default)
        if one != other:
            words = _value(name, one), _value(name, other)
            yield name, *words, f"{_WORDS[name]} is {words[1]}; planned was {words[0]}."


def _value(name: str, value: Any) -> str:
    if not value:
        return "none"
    if name in _PERIODS:
        return count(value, "period")
    return one_line(some_of(value, 9) if name in _LISTS else str(value))
