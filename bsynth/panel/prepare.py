"""What is opened, made ready to be summed: rows that meet the condition, one per key, periods counted."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from bsynth._base.plain import show
from bsynth.errors import PanelError
from bsynth.panel.clock import MOMENT, by_clock
from bsynth.panel.conditions import columns_in, filtered
from bsynth.panel.frames import brief
from bsynth.panel.rows import Rows
from bsynth.panel.sources import Opened, foreign, open_data
from bsynth.text.numbers import count

_WHERE, _KEY = "where ", "key "


def open_rows(data: Any, columns: Mapping[str, str], rows: Rows, date_format: str | None) -> Opened:
    """Open ``data``, and make of its rows what ``rows`` says: what follows sees only the rows that count.

    Raises
    ------
    PanelError
        What cannot be read, a condition that cannot be used, two rows of one key without a rule, no moments.
    """
    named = () if rows.where is None else columns_in(rows.where)
    further = {f"{_WHERE}{k}": name for k, name in enumerate(named, start=1)}
    opened = open_data(data, {**columns, **rows.columns, **further}, date_format=date_format)
    if rows.where is not None:
        places = {name: role for role, name in further.items()}
        with foreign(lambda error: PanelError(f"{opened.name}: where is {rows.where!r}, which fails: {brief(error)}")):
            opened = replace(opened, table=filtered(opened.table, rows.where, places).drop(*further))
            kept = len(opened.run(opened.table.limit(1)))
        if not kept:
            raise PanelError(f"{opened.name} has no rows where {rows.where}; correct the condition")
    if rows.freq is not None:
        with foreign(lambda error: PanelError(f"{opened.name}: freq cannot be had of its engine: {brief(error)}")):
            table, clock = by_clock(
                opened.table, opened.run, rows, columns, name=opened.name, dialect=opened.dialect, zone=opened.zone,
                date_format=date_format,
            )  # fmt: skip
        opened = replace(opened, table=table, clock=clock, said=clock.said)
    if rows.key:
        opened = _by_key(opened, rows)
    return replace(opened, table=opened.table.drop(MOMENT)) if rows.freq is not None else opened


def _by_key(opened: Opened, rows: Rows) -> Opened:
    """One row per key by the rule, or the error that names a key with several."""
    table = opened.table
    keys = [role for role in table.columns if role.startswith(_KEY)]
    named = " and ".join(repr(rows.columns[role]) for role in keys)
    blank = reduce(or_, (table[role].isnull() for role in keys))
    before = opened.run(table.aggregate(rows=table.count(), blank=blank.sum())).iloc[0]
    if before["blank"]:
        raise PanelError(f"{opened.name}: {count(int(before['blank']), 'row has', 'rows have')} no key in {named}")
    rule = rows.duplicates or "error"
    kept = table if rule == "error" else table.distinct()
    if rule in ("first", "last"):
        kept = _earliest(opened, kept, keys, rule)
    twice = kept.group_by(keys).agg(rows=kept.count()).filter(lambda found: found.rows > 1)
    many = int(opened.run(twice.aggregate(keys=twice.count())).iloc[0]["keys"])
    if many:
        first = opened.run(twice.order_by(keys).limit(1)).iloc[0]
        one = " and ".join(f"{rows.columns[role]!r} {show(first[role])!r}" for role in keys)
        raise PanelError(
            f"{opened.name}: {count(many, 'key has', 'keys have')} more than one row{_AFTER[rule]}, one is {one}; "
            f"{_ADVICE[rule]}"
        )
    left = int(before["rows"]) - int(opened.run(kept.aggregate(rows=kept.count())).iloc[0]["rows"])
    were = count(left, "row of a key that another row has was", "rows of a key that another row has were")
    said = (f"{were} left out (duplicates: {rule}).",) if left else ()
    return replace(opened, table=kept.drop(*keys), said=(*opened.said, *said))


_AFTER = {"error": "", "identical": " and they differ", "first": " at its first time", "last": " at its last time"}
_OTHERS = "duplicates='identical' (drops copies), 'first' or 'last' (by time)"
_ADVICE = {
    "error": f"correct the data, or give a rule: {_OTHERS}",
    "identical": "correct the data, or keep one by time: duplicates='first' or 'last'",
    "first": "correct the data, or name a finer column of time",
    "last": "correct the data, or name a finer column of time",
}


def _earliest(opened: Opened, table: Any, keys: list[str], rule: str) -> Any:
    """The rows of each key at its first or its last time."""
    if table.time.type().is_string():
        raise PanelError(
            f"{opened.name}: duplicates is {rule!r} and times are text, which has no order; give freq= so that they "
            "are read as moments"
        )
    column = MOMENT if MOMENT in table.columns else "time"
    ends = table.group_by(keys).agg(end=table[column].min() if rule == "first" else table[column].max())
    ends = ends.rename({f"of {role}": role for role in keys})
    joined = table.join(ends, [table[role] == ends[f"of {role}"] for role in keys])
    kept = joined.filter(joined[column] == joined.end).select(table.columns)
    return kept.distinct()
