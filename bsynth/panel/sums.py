"""Cell sums: what an engine is asked of opened rows, and what it answers on the full grid of labels.

One pass over the rows for the sums that every outcome needs. What only some data need (values that are no number, or
infinite, or all 0 and 1) is asked in a second one, when the first shows that it may be so.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.errors import PanelError
from bsynth.panel.cells import Cells, Clusters, Covariates, Ratio, design_effect
from bsynth.panel.labels import numbered
from bsynth.panel.rows import PLAIN_ROWS, Rows
from bsynth.panel.sources import Opened
from bsynth.panel.spelling import Spelling
from bsynth.panel.text import advice
from bsynth.text.numbers import count

if TYPE_CHECKING:
    import ibis.expr.types as ir

NULL_TOKENS = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", ".")
"""Text that means "no outcome", compared in lower case. Units and periods have no such tokens."""
MOMENTS = 500
"""So many different times with hardly two rows each are no periods."""
COVARIATE = "covariate "
"""Start of the roles of covariate columns: they are numbered."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Cell sums on the full grid of the labels found: arrays are (T, N)."""

    units: tuple[Label, ...]
    times: pd.Index
    spelling: Spelling
    rows: FloatArray
    cells: Cells


def aggregate(opened: Opened, columns: Mapping[str, str], asked: Rows) -> Grid:
    """The sums of the outcome, and of the denominator of a ratio, by unit and period.

    Raises
    ------
    PanelError
        No rows, a label that is missing, an outcome that is text or infinite, a denominator below zero.
    """
    sums = _summed(opened, columns, asked, careful=False)
    if sums.empty:
        none = "" if asked.where is None else f" where {asked.where}"
        raise PanelError(f"{opened.name} has no rows{none}")
    whole = opened.table.outcome.type().is_integer() or opened.table.outcome.type().is_boolean()
    numbers = [name for name in sums if name not in ("unit", "time", "rows", "text")]
    # A sum over no number is null, and pandas has one sign for that and for what is no number.
    finite = np.isfinite(sums.loc[sums["n"] > 0, numbers].to_numpy(dtype=float)).all()
    zero_one = bool((sums["total"].fillna(0) == sums["total_sq"].fillna(0)).all())
    if not finite or (zero_one and not whole):
        sums = _summed(opened, columns, asked, careful=True)
    sums = sums.fillna(dict.fromkeys(set(sums) - {"unit", "time"}, 0))
    _refuse_moments(opened, columns, sums)
    for role in ("unit", "time"):
        if (blank := sums[role].isna()).any():
            raise _missing_label(opened, columns, role, int(sums["rows"][blank].sum()))
    if sums["text"].any():
        raise _text_value(opened, columns, asked, int(sums["text"].sum()))
    unit, units = pd.factorize(numbered(sums["unit"]), sort=True)
    read, spelling = opened.periods(sums["time"], columns)
    time, times = pd.factorize(read, sort=True)
    if "infinite" in sums and sums["infinite"].any():
        at = int(np.lexsort((time, unit, sums["infinite"] == 0))[0])
        raise PanelError(
            f"{opened.name}: column {columns['outcome']!r} is infinite in "
            f"{count(int(sums['infinite'].sum()), 'row')}, the first at {show(units[unit[at]])!r}, "
            f"{show(times[time[at]])}; correct or remove them"
        )
    grids = {name: np.zeros((len(times), len(units))) for name in ("rows", *_SUMS, *_RATIO) if name in sums}
    for name, grid in grids.items():
        # Two spellings of one period ("1990", "1990.0"), and the days of a month, arrive as groups and meet here.
        np.add.at(grid, (time, unit), sums[name].to_numpy(dtype=float))
    _refuse_negative(opened, asked, grids)
    binary = asked.agg in (None, "mean") and (not sums["other"].any() if "other" in sums else zero_one)
    ratio = Ratio(*(grids[name] for name in _RATIO)) if asked.agg == "ratio" else None
    n, total, total_sq = (grids[name] for name in _SUMS)
    cells = Cells(n, total, total_sq, binary=binary, agg=asked.agg or "mean", ratio=ratio)
    return Grid(tuple(pd.Index(units).tolist()), pd.Index(times), spelling, grids["rows"], cells)


_SUMS = ("n", "total", "total_sq")
_RATIO = ("size", "cross", "size_sq")


def _summed(opened: Opened, columns: Mapping[str, str], asked: Rows, *, careful: bool) -> pd.DataFrame:
    table = outcomes(opened, columns, asked, careful=careful)
    y = table.y
    found = {"rows": table.count(), "n": y.count(), "total": y.sum(), "total_sq": (y * y).sum()}
    found["text"] = table.text.sum()
    if careful:
        found |= {"other": ((y != 0) & (y != 1)).sum(), "infinite": (y.abs() > sys.float_info.max).sum()}
    if asked.agg == "ratio":
        x = table.x
        found |= {"size": x.sum(), "cross": (x * y).sum(), "size_sq": (x * x).sum()}
    return opened.run(table.group_by(["unit", "time"]).agg(**found))


def outcomes(opened: Opened, columns: Mapping[str, str], asked: Rows, *, careful: bool = True) -> "ir.Table":
    """The rows with ``y``, the number that is summed, and with ``x``, what a ratio divides by; null where missing."""
    import ibis

    if asked.agg == "count":
        raw = opened.table.outcome
        there = raw.notnull()
        if raw.type().is_string():
            there = there & ~raw.strip().lower().isin(NULL_TOKENS)
        return opened.table.mutate(y=ibis.ifelse(there, 1.0, None), text=ibis.literal(0))
    table = typed(opened, columns, careful=careful)
    if asked.agg != "ratio":
        return table
    below = typed(
        replace(opened, table=table.rename(text_above="text", above="y")), _with(columns, asked), "denominator"
    )
    both = below.above.notnull() & below.y.notnull()
    return below.mutate(
        x=ibis.ifelse(both, below.y, None), y=ibis.ifelse(both, below.above, None), text=below.text + below.text_above
    ).drop("above", "text_above")


def _with(columns: Mapping[str, str], asked: Rows) -> dict[str, str]:
    return {**columns, **asked.columns}


def _refuse_negative(opened: Opened, asked: Rows, grids: Mapping[str, FloatArray]) -> None:
    if asked.agg == "ratio" and (bad := int((grids["size"] < 0).sum())):
        raise PanelError(
            f"{opened.name}: the sum of {asked.denominator!r} is below zero in {count(bad, 'cell')}; a ratio needs a "
            "denominator that counts or measures"
        )


def _refuse_moments(opened: Opened, columns: Mapping[str, str], sums: pd.DataFrame) -> None:
    """A log whose times are moments has hardly two rows at any of them, and would be a panel of empty cells."""
    times, rows = int(sums["time"].nunique()), int(sums["rows"].sum())
    if times > MOMENTS and rows < 2 * times:
        raise PanelError(
            f"{opened.name}: column {columns['time']!r} holds {count(times, 'different time')} in "
            f"{count(rows, 'row')}: they are "
            "moments, and periods are needed; count them in days or weeks with freq='day' or 'week' (--freq)"
        )


def covariates(opened: Opened, columns: Mapping[str, str], grid: Grid) -> Covariates | None:
    """Mean of each covariate by cell, on the grid of the outcome's labels."""
    roles = [role for role in columns if role.startswith(COVARIATE)]
    means = []
    for role in roles:
        table = typed(opened, columns, role)
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
            raise _text_value(opened, columns, PLAIN_ROWS, int(sums["text"].sum()), role)
        if bad := int(sums["infinite"].sum()):
            raise PanelError(
                f"{opened.name}: column {columns[role]!r} is infinite in {count(bad, 'row')}; correct or remove them"
            )
        unit, time = places(opened, columns, grid, sums)
        n, total = np.zeros(grid.rows.shape), np.zeros(grid.rows.shape)
        np.add.at(n, (time, unit), sums["n"].to_numpy(dtype=float))
        np.add.at(total, (time, unit), sums["total"].to_numpy(dtype=float))
        means.append(np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0))
    return Covariates(tuple(str(columns[role]) for role in roles), np.array(means)) if roles else None


def typed(opened: Opened, columns: Mapping[str, str], role: str = "outcome", *, careful: bool = True) -> "ir.Table":
    """Add ``y`` (float, null where missing) and ``text`` (1 where the column of ``role`` is some other text).

    Unless ``careful``, what is no number (NaN) stays so.
    """
    import ibis

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
    if not careful or (opened.dialect not in ("duckdb", "postgres") and not _knows_nan(table)):
        return table
    return table.mutate(y=ibis.ifelse(table.y.isnan(), None, table.y))


def _knows_nan(table: "ir.Table") -> bool:
    import ibis
    import ibis.expr.operations as ops

    return bool(ibis.get_backend(table).has_operation(ops.IsNan))


def _missing_label(opened: Opened, columns: Mapping[str, str], role: str, bad: int) -> PanelError:
    column = opened.table[role]
    absent = column.isnull() | column.isnan() if column.type().is_floating() else column.isnull()
    first = opened.run(opened.table.filter(absent).limit(1)).iloc[0]
    shown = {r: opened.shown(first[r]) if r == "time" else show(first[r]) for r in columns if r != role}
    seen = ", ".join(f"{columns[r]} {text}" for r, text in shown.items())
    return PanelError(
        f"{opened.name}: {count(bad, 'row has', 'rows have')} no value in column {columns[role]!r}, one of them has "
        f"{seen}; fill the column or remove those rows"
    )


def _text_value(opened: Opened, columns: Mapping[str, str], asked: Rows, bad: int, role: str = "outcome") -> PanelError:
    table = typed(opened, columns, role)
    if asked.agg == "ratio" and not opened.run(table.aggregate(bad=table.text.sum())).iloc[0]["bad"]:
        return _text_value(opened, _with(columns, asked), PLAIN_ROWS, bad, "denominator")
    first = opened.run(table.filter(table.text == 1).order_by(["unit", "time", role]).limit(1)).iloc[0]
    at = f"{show(first['unit'])!r}, {opened.shown(first['time'])}"
    return PanelError(
        f"{opened.name}: column {columns[role]!r} must be numbers but {count(bad, 'row holds', 'rows hold')} text, the "
        "first is "
        f"{str(first[role])[:60]!r} at {at}; {advice(str(first[role]))}"
    )


def places(opened: Opened, columns: Mapping[str, str], grid: Grid, groups: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Positions of the units and times of some groups on the grid."""
    units = pd.Index(grid.units).get_indexer(pd.Index(numbered(groups["unit"])))
    times = grid.times.get_indexer(pd.Index(opened.periods(groups["time"], columns)[0]))
    return np.asarray(units, dtype=np.int64), np.asarray(times, dtype=np.int64)


def cluster_parts(opened: Opened, columns: Mapping[str, str], grid: Grid, asked: Rows) -> tuple[Clusters, float]:
    """Sums per cluster and cell, and the design effect that they show."""
    table = outcomes(opened, columns, asked)
    found = {"rows": table.count(), "n": table.y.count(), "total": table.y.sum()}
    if asked.agg == "ratio":
        found["size"] = table.x.sum()
    parts = opened.run(table.group_by(["cluster", "unit", "time"]).agg(**found))
    if (blank := parts["cluster"].isna()).any():
        raise _missing_label(opened, columns, "cluster", int(parts["rows"][blank].sum()))
    cluster, names = pd.factorize(numbered(parts["cluster"]), sort=True)
    unit, time = places(opened, columns, grid, parts)
    sums = parts[[name for name in ("n", "total", "size") if name in parts]].astype(float)
    sums = sums.assign(cluster=cluster, unit=unit, time=time)[sums["n"] > 0]
    # Periods that were put together from days have several groups.
    sums = sums.groupby(["cluster", "unit", "time"], as_index=False).sum()
    clusters = Clusters(
        count=len(names),
        cluster=sums["cluster"].to_numpy(dtype=np.int64),
        time=sums["time"].to_numpy(dtype=np.int64),
        unit=sums["unit"].to_numpy(dtype=np.int64),
        n=sums["n"].to_numpy(),
        total=sums["total"].to_numpy(),
        size=sums["size"].to_numpy() if "size" in sums else None,
        agg=asked.agg or "mean",
    )
    return clusters, design_effect(clusters, grid.cells)
