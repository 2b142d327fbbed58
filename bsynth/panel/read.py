"""From a frame, a file or a database table to cell sums: n, Σy and Σy² by unit and period.

The aggregation is an Ibis expression, so a table of any Ibis backend is reduced where it lies; frames
and files go through an embedded DuckDB. Everything that reads as text is typed here and not by the
engine: a unit called "NA" or "007" stays what it is.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth.errors import PanelError
from bsynth.panel.alike import twins
from bsynth.panel.calendar import Calendar
from bsynth.panel.cells import CellTable, Clusters, Resamples
from bsynth.panel.frames import names_of, plain
from bsynth.panel.labels import as_labels, numbered
from bsynth.panel.prepare import open_rows
from bsynth.panel.provenance import Source
from bsynth.panel.resample import Resampling, resampled
from bsynth.panel.rows import PLAIN_ROWS, Rows
from bsynth.panel.sources import Opened, open_data, require
from bsynth.panel.starts import read_starts
from bsynth.panel.sums import COVARIATE, Grid, aggregate, cluster_parts, covariates
from bsynth.text.numbers import count


def read_long(
    data: Any,
    *,
    unit: str,
    time: str,
    outcome: str,
    covariates: str | Iterable[str] | None = (),
    date_format: str | None = None,
    adoption: Mapping[str, str] | None = None,
    rows: Rows = PLAIN_ROWS,
) -> CellTable:
    """Read one row per unit and period; ``date_format`` says how periods are written where they do not.

    ``adoption`` names the column of starts (``{"start": ...}``) or of treatment (``{"treatment": ...}``).
    With ``rows.agg`` there may be several, and their sum, mean, count or ratio is the outcome.

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
    opened = open_rows(data, columns, rows, date_format)
    grid = aggregate(opened, columns, rows)
    twice = np.argwhere(grid.rows.T > 1)
    if len(twice) and rows.agg is None:
        i, t = twice[0]
        raise PanelError(
            f"{opened.name}: {count(len(twice), 'cell has', 'cells have')} more than one row, the first is {unit} "
            f"{show(grid.units[i])!r}, "
            f"{time} {show(grid.times[t])} ({count(int(grid.rows[t, i]), 'row')}); from_long takes one row per unit "
            "and period, "
            f"use from_events if rows are users or events, or say what becomes of them: agg='sum' or 'mean'"
        )
    return _table(opened, columns, grid, rows)


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
    rows: Rows = PLAIN_ROWS,
    resampling: Resampling | None = None,
) -> CellTable:
    """Read one row per user or event; only sums by cell (and by cluster and cell) leave the engine.

    With ``resampling`` sums per cluster stay there too, and what leaves is the cell sums of each resample.
    A row without an outcome is not counted in n; `Source.rows_without_outcome` says how many there are.
    """
    columns = {"unit": unit, "time": time, "outcome": outcome} | ({"cluster": cluster} if cluster else {})
    columns |= _covariate_roles(covariates) | dict(adoption or {})
    if resampling is not None and cluster is None:
        raise PanelError("resamples are of users, and cluster is None; name the column of users")
    opened = open_rows(data, columns, rows, date_format)
    grid = aggregate(opened, columns, rows)
    table = _table(opened, columns, grid, rows)
    parts: Clusters | Resamples | None = None
    effect = 1.0
    if resampling is not None:
        parts, effect = resampled(opened, columns, grid, rows, resampling)
    elif cluster is not None:
        parts, effect = cluster_parts(opened, columns, grid, rows)
    source = replace(table.source, rows_without_outcome=int((grid.rows - grid.cells.n).sum()))
    return replace(table, source=source, cells=replace(grid.cells, design_effect=effect), clusters=parts)


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


def _covariate_roles(names: str | Iterable[str] | None) -> dict[str, str]:
    return {f"{COVARIATE}{k}": name for k, name in enumerate(as_labels(names), start=1)}


def _table(opened: Opened, columns: Mapping[str, str], grid: Grid, rows: Rows) -> CellTable:
    further = covariates(opened, columns, grid)
    extra = () if further is None else (further.values,)
    cells = grid.cells
    sums = b"".join(np.ascontiguousarray(a).tobytes() for a in (cells.n, cells.total, cells.total_sq, *extra))
    labels = repr((grid.units, [show(t) for t in grid.times])).encode()
    source = Source(
        name=opened.name,
        sha256=opened.sha256 or hashlib.sha256(labels + sums).hexdigest(),
        rows_in=int(grid.rows.sum()),
        rows_used=int(cells.n.sum()),
        unit=str(columns["unit"]),
        time=str(columns["time"]),
        outcome=rows.named(str(columns["outcome"])),
        cluster=None if columns.get("cluster") is None else str(columns["cluster"]),
        alike=twins(grid.units),
        said=(*opened.said, *_zeros(grid, rows)),
        asked=rows.asked(str(columns["outcome"])),
    )
    mean = cells.mean
    if rows.additive:
        # No row at all is a sum of zero; rows without an outcome are not.
        mean = np.where((cells.n == 0) & (grid.rows > 0), np.nan, mean)
    calendar = Calendar.of(grid.times, grid.spelling)
    ragged = () if opened.clock is None else opened.clock.ragged
    table = CellTable(mean, grid.units, grid.times, source, calendar, covariates=further, ragged=ragged)
    if not {"start", "treatment"} & columns.keys():
        return table
    starts, said = read_starts(opened, columns, grid, calendar)
    return replace(table, starts=starts, source=replace(source, said=(*source.said, *said)))


def _zeros(grid: Grid, rows: Rows) -> tuple[str, ...]:
    """A sentence on the cells of a sum that have no row."""
    if not rows.additive or not (none := int((grid.rows == 0).sum())):
        return ()
    return (f"{count(none, 'cell')} without a row {'counts' if none == 1 else 'count'} as zero.",)
