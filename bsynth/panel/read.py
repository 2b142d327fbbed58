"""From a frame, a file or a database table to cell sums: n, Σy and Σy² by unit and period.

The aggregation is an Ibis expression, so a table of any Ibis backend is reduced where it lies; frames
and files go through an embedded DuckDB. Everything that reads as text is typed here and not by the
engine: a unit called "NA" or "007" stays what it is.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, Label
from bsynth.errors import PanelError
from bsynth.panel.alike import twins
from bsynth.panel.calendar import Calendar
from bsynth.panel.cells import Cells, CellTable, Clusters, Covariates, Source, design_effect
from bsynth.panel.frames import names_of, plain
from bsynth.panel.labels import as_labels, numbered
from bsynth.panel.sources import Opened, open_data, require
from bsynth.panel.spelling import Spelling
from bsynth.panel.starts import read_starts
from bsynth.panel.text import advice
from bsynth.text.numbers import count

if TYPE_CHECKING:
    import ibis.expr.types as ir

NULL_TOKENS = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", ".")
"""Text that means "no outcome", compared in lower case. Units and periods have no such tokens."""


MOMENTS = 500
"""So many different times with hardly two rows each are no periods."""
_COVARIATE = "covariate "
"""Start of the roles of covariate columns: they are numbered."""


def read_long(
    data: Any,
    *,
    unit: str,
    time: str,
    outcome: str,
    covariates: str | Iterable[str] | None = (),
    date_format: str | None = None,
    adoption: Mapping[str, str] | None = None,
) -> CellTable:
    """Read one row per unit and period; ``date_format`` says how periods are written where they do not.

    ``adoption`` names the column of starts (``{"start": ...}``) or of treatment (``{"treatment": ...}``).

    Raises
    ------
    PanelError
        When the file, a column, a label or a value cannot be used, or a (unit, time) is there twice.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"u": ["b", "a", "a"], "t": [1, 2, 1], "y": [3.0, 4.0, 5.0]})
    >>> table = read_long(rows, unit="u", time="t", outcome="y")
    >>> table.units, table.mean.tolist()
    (('a', 'b'), [[5.0, 3.0], [4.0, nan]])
    """
    columns = {"unit": unit, "time": time, "outcome": outcome} | _covariate_roles(covariates) | dict(adoption or {})
    opened = open_data(data, columns, date_format=date_format)
    grid = _aggregate(opened, columns)
    twice = np.argwhere(grid.rows.T > 1)
    if len(twice):
        i, t = twice[0]
        raise PanelError(
            f"{opened.name}: {count(len(twice), 'cell has', 'cells have')} more than one row, the first is {unit} "
            f"{show(grid.units[i])!r}, "
            f"{time} {show(grid.times[t])} ({count(int(grid.rows[t, i]), 'row')}); from_long takes one row per unit "
            "and period, "
            f"use from_events if rows are users or events"
        )
    return _table(opened, columns, grid)


def read_events(
    data: Any,
    *,
    unit: str,
    time: str,
    outcome: str,
    cluster: str | None = None,
    covariates: str | Iterable[str] | None = (),
    date_format: str | None = None,
    adoption: Mapping[str, str] | None = None,
) -> CellTable:
    """Read one row per user or event; only sums by cell (and by cluster and cell) leave the engine.

    A row without an outcome is not counted in n; `Source.rows_without_outcome` says how many there are.
    """
    columns = {"unit": unit, "time": time, "outcome": outcome} | ({"cluster": cluster} if cluster else {})
    columns |= _covariate_roles(covariates) | dict(adoption or {})
    opened = open_data(data, columns, date_format=date_format)
    grid = _aggregate(opened, columns)
    parts, effect = (None, 1.0) if cluster is None else _cluster_parts(opened, columns, grid)
    cells = Cells(grid.n, grid.total, grid.total_sq, grid.binary, effect)
    table = _table(opened, columns, grid)
    source = replace(table.source, rows_without_outcome=int((grid.rows - grid.n).sum()))
    return replace(table, source=source, cells=cells, clusters=parts)


def read_wide(data: Any, *, time: str | None, outcome: str, date_format: str | None = None) -> CellTable:
    """Read one row per period and one column per unit; ``time=None`` takes a frame's index."""
    if isinstance(data, pd.DataFrame):
        name, sha = "DataFrame", ""
        names_of(data)
        frame = data if time is not None else data.set_axis(_index(data), axis=0).rename_axis("time").reset_index()
    else:
        if time is None:
            raise PanelError("time=None takes the index of a DataFrame; name the column of periods of a file or table")
        opened = open_data(data, {"time": time}, whole=True)
        name, sha, frame = opened.name, opened.sha256, opened.run(opened.table)
    time = "time" if time is None else time
    require(frame.columns, {"time": time}, name)
    if not frame.columns.is_unique:
        raise PanelError(
            f"{name}: column {frame.columns[frame.columns.duplicated()][0]!r} appears twice; units need one each"
        )
    stamps = plain(frame, time, "time")
    if stamps.duplicated().any():
        raise PanelError(
            f"{name}: {time} {show(stamps[stamps.duplicated()].iloc[0])} has more than one row; give one row per period"
        )
    values = frame.drop(columns=time).reset_index(drop=True)
    if nameless := [c for c in values if str(c).startswith("Unnamed: ") or c == "column0"]:
        raise PanelError(
            f"{name}: column {nameless[0]!r} has no name of its own, it may be a saved row index; "
            f"remove it or name the unit"
        )
    long = pd.concat(
        [pd.DataFrame({"unit": [c] * len(frame), "time": stamps, "outcome": values[c].astype(object)}) for c in values]
        or [pd.DataFrame({"unit": [], "time": [], "outcome": []})]
    )
    table = read_long(long, unit="unit", time="time", outcome="outcome", date_format=date_format)
    source = replace(
        table.source,
        name=name,
        unit="column",
        time=time,
        outcome=outcome,
        rows_in=len(frame) * values.shape[1],
    )
    return replace(table, source=replace(source, sha256=sha or source.sha256))


def _index(frame: pd.DataFrame) -> pd.Index:
    """The index of a frame as periods; several levels, or a unit that takes its name, are refused."""
    if frame.index.nlevels > 1:
        raise PanelError(
            f"DataFrame: its index has {frame.index.nlevels} levels; reset_index() and name the column of periods"
        )
    if "time" in frame.columns:
        raise PanelError(
            "DataFrame: a column is called 'time' and time is None; give time='time' if it holds the periods"
        )
    return frame.index


def column_names(data: Any) -> frozenset[str]:
    """The names of the columns of a file."""
    return frozenset(open_data(data, {}, whole=True).table.columns)


def unit_names(data: Any, unit: str) -> frozenset[str]:
    """The labels in the column of units, as text."""
    opened = open_data(data, {"unit": unit})
    labels = opened.run(opened.table.select("unit").distinct())["unit"].dropna()
    return frozenset(str(show(label)) for label in numbered(labels))


@dataclass(frozen=True, eq=False)
class _Grid:
    """Cell sums on the full grid of the labels found: arrays are (T, N)."""

    units: tuple[Label, ...]
    times: pd.Index
    rows: FloatArray
    n: FloatArray
    total: FloatArray
    total_sq: FloatArray
    binary: bool
    spelling: Spelling


def _aggregate(opened: Opened, columns: Mapping[str, str]) -> _Grid:
    table = _typed(opened, columns)
    y = table.y
    sums = opened.run(
        table.group_by(["unit", "time"]).agg(
            rows=table.count(),
            n=y.count(),
            total=y.sum(),
            total_sq=(y * y).sum(),
            other=((y != 0) & (y != 1)).sum(),
            infinite=(y.abs() > sys.float_info.max).sum(),
            text=table.text.sum(),
        )
    ).fillna({"total": 0.0, "total_sq": 0.0, "other": 0, "infinite": 0, "text": 0})
    if sums.empty:
        raise PanelError(f"{opened.name} has no rows")
    _refuse_moments(opened, columns, sums)
    for role in ("unit", "time"):
        if (blank := sums[role].isna()).any():
            raise _missing_label(opened, columns, role, int(sums["rows"][blank].sum()))
    if sums["text"].any():
        raise _text_value(opened, columns, table, int(sums["text"].sum()))
    unit, units = pd.factorize(numbered(sums["unit"]), sort=True)
    read, spelling = opened.periods(sums["time"], columns)
    time, times = pd.factorize(read, sort=True)
    if sums["infinite"].any():
        at = int(np.lexsort((time, unit, sums["infinite"] == 0))[0])
        raise PanelError(
            f"{opened.name}: column {columns['outcome']!r} is infinite in "
            f"{count(int(sums['infinite'].sum()), 'row')}, the first at {show(units[unit[at]])!r}, "
            f"{show(times[time[at]])}; correct or remove them"
        )
    grids = {}
    for name in ("rows", "n", "total", "total_sq"):
        grids[name] = np.zeros((len(times), len(units)))
        # Two spellings of one period ("1990", "1990.0") arrive as two groups and meet here.
        np.add.at(grids[name], (time, unit), sums[name].to_numpy(dtype=float))
    binary = not sums["other"].any()
    return _Grid(tuple(pd.Index(units).tolist()), pd.Index(times), binary=binary, spelling=spelling, **grids)


def _refuse_moments(opened: Opened, columns: Mapping[str, str], sums: pd.DataFrame) -> None:
    """A log whose times are moments has hardly two rows at any of them, and would be a panel of empty cells."""
    times, rows = int(sums["time"].nunique()), int(sums["rows"].sum())
    if times > MOMENTS and rows < 2 * times:
        raise PanelError(
            f"{opened.name}: column {columns['time']!r} holds {count(times, 'different time')} in "
            f"{count(rows, 'row')}: they are "
            "moments, and periods are needed; round them to days or weeks first, as pandas' "
            f"df[{columns['time']!r}].dt.floor('D') does"
        )


def _covariate_roles(covariates: str | Iterable[str] | None) -> dict[str, str]:
    return {f"{_COVARIATE}{k}": name for k, name in enumerate(as_labels(covariates), start=1)}


def _covariates(opened: Opened, columns: Mapping[str, str], grid: _Grid) -> Covariates | None:
    """Mean of each covariate by cell, on the grid of the outcome's labels."""
    roles = [role for role in columns if role.startswith(_COVARIATE)]
    means = []
    for role in roles:
        table = _typed(opened, columns, role)
        number = table.y
        sums = opened.run(
            table.group_by(["unit", "time"]).agg(
                n=number.count(),
                total=number.sum(),
                infinite=(number.abs() > sys.float_info.max).sum(),
                text=table.text.sum(),
            )
        ).fillna({"total": 0.0, "infinite": 0, "text": 0})
        if sums["text"].any():
            raise _text_value(opened, columns, table, int(sums["text"].sum()), role)
        if bad := int(sums["infinite"].sum()):
            raise PanelError(
                f"{opened.name}: column {columns[role]!r} is infinite in {count(bad, 'row')}; correct or remove them"
            )
        unit, _ = pd.factorize(numbered(sums["unit"]), sort=True)
        time, _ = pd.factorize(opened.periods(sums["time"], columns)[0], sort=True)
        n, total = np.zeros(grid.n.shape), np.zeros(grid.n.shape)
        np.add.at(n, (time, unit), sums["n"].to_numpy(dtype=float))
        np.add.at(total, (time, unit), sums["total"].to_numpy(dtype=float))
        means.append(_mean(n, total))
    return Covariates(tuple(str(columns[role]) for role in roles), np.array(means)) if roles else None


def _mean(n: FloatArray, total: FloatArray) -> FloatArray:
    return np.asarray(np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0))


def _typed(opened: Opened, columns: Mapping[str, str], role: str = "outcome") -> "ir.Table":
    """Add ``y`` (float, null where missing) and ``text`` (1 where the column of ``role`` is some other text)."""
    import ibis
    import ibis.expr.operations as ops

    table = opened.table
    raw = table[role]
    kind = raw.type()
    no_text = ibis.literal(0)
    if kind.is_string():
        words = raw.strip().lower()
        # Some engines read 1_000 as a number; nobody else does.
        plain = ibis.ifelse(words.contains("_"), None, words)
        number = ibis.cases((words == "true", 1.0), (words == "false", 0.0), else_=plain.try_cast("float64"))
        is_text = words.notnull() & ~words.isin(NULL_TOKENS) & number.isnull()
        table = table.mutate(y=number, text=is_text.cast("int64"))
    elif kind.is_boolean():
        table = table.mutate(y=raw.cast("int64").cast("float64"), text=no_text)
    elif kind.is_numeric() or kind.is_null() or "NULL" in str(kind):
        table = table.mutate(y=raw.cast("float64"), text=no_text)
    else:
        raise PanelError(
            f"{opened.name}: column {columns[role]!r} holds {kind}; the {role} must be numbers or true/false"
        )
    # An engine without NaN (SQLite, MySQL) stores it as null.
    knows_nan = ibis.get_backend(table).has_operation(ops.IsNan)
    return table.mutate(y=ibis.ifelse(table.y.isnan(), None, table.y)) if knows_nan else table


def _missing_label(opened: Opened, columns: Mapping[str, str], role: str, bad: int) -> PanelError:
    column = opened.table[role]
    absent = column.isnull() | column.isnan() if column.type().is_floating() else column.isnull()
    first = opened.run(opened.table.filter(absent).limit(1)).iloc[0]
    seen = ", ".join(f"{columns[r]} {show(first[r])}" for r in columns if r != role)
    return PanelError(
        f"{opened.name}: {count(bad, 'row has', 'rows have')} no value in column {columns[role]!r}, one of them has "
        f"{seen}; fill the column or remove those rows"
    )


def _text_value(
    opened: Opened, columns: Mapping[str, str], table: "ir.Table", bad: int, role: str = "outcome"
) -> PanelError:
    first = opened.run(table.filter(table.text == 1).order_by(["unit", "time", role]).limit(1)).iloc[0]
    return PanelError(
        f"{opened.name}: column {columns[role]!r} must be numbers but {count(bad, 'row holds', 'rows hold')} text, the "
        "first is "
        f"{str(first[role])[:60]!r} at {show(first['unit'])!r}, {show(first['time'])}; {advice(str(first[role]))}"
    )


def _cluster_parts(opened: Opened, columns: Mapping[str, str], grid: _Grid) -> tuple[Clusters, float]:
    table = _typed(opened, columns)
    parts = opened.run(
        table.group_by(["cluster", "unit", "time"]).agg(rows=table.count(), n=table.y.count(), total=table.y.sum())
    )
    if (blank := parts["cluster"].isna()).any():
        raise _missing_label(opened, columns, "cluster", int(parts["rows"][blank].sum()))
    cluster, names = pd.factorize(numbered(parts["cluster"]), sort=True)
    unit, _ = pd.factorize(numbered(parts["unit"]), sort=True)
    time, _ = pd.factorize(opened.periods(parts["time"], columns)[0], sort=True)
    order = np.lexsort((time, unit, cluster))
    order = order[parts["n"].to_numpy()[order] > 0]
    clusters = Clusters(
        count=len(names),
        cluster=cluster[order].astype(np.int64),
        time=time[order].astype(np.int64),
        unit=unit[order].astype(np.int64),
        n=parts["n"].to_numpy(dtype=float)[order],
        total=parts["total"].to_numpy(dtype=float)[order],
    )
    return clusters, design_effect(clusters, grid.n, grid.total, grid.total_sq)


def _table(opened: Opened, columns: Mapping[str, str], grid: _Grid) -> CellTable:
    covariates = _covariates(opened, columns, grid)
    extra = () if covariates is None else (covariates.values,)
    sums = b"".join(np.ascontiguousarray(a).tobytes() for a in (grid.n, grid.total, grid.total_sq, *extra))
    labels = repr((grid.units, [show(t) for t in grid.times])).encode()
    source = Source(
        name=opened.name,
        sha256=opened.sha256 or hashlib.sha256(labels + sums).hexdigest(),
        rows_in=int(grid.rows.sum()),
        rows_used=int(grid.n.sum()),
        unit=str(columns["unit"]),
        time=str(columns["time"]),
        outcome=str(columns["outcome"]),
        cluster=None if columns.get("cluster") is None else str(columns["cluster"]),
        alike=twins(grid.units),
    )
    mean = _mean(grid.n, grid.total)
    calendar = Calendar.of(grid.times, grid.spelling)
    starts = None
    if {"start", "treatment"} & columns.keys():
        starts = read_starts(opened, columns, grid.units, grid.times, calendar, _typed)
    return CellTable(mean, grid.units, grid.times, source, calendar, covariates=covariates, starts=starts)
