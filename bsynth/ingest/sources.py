"""Opening what the user gave: a frame, a CSV or Parquet file, or an Ibis table of any backend."""

import csv
import gzip
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bsynth.errors import PanelError, nearest, some_of
from bsynth.ingest.spelling import Spelling, in_one_type, read_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
LABELS = ("unit", "time", "cluster")
"""Roles of columns that hold labels; the others hold numbers."""


@dataclass(frozen=True)
class Opened:
    """An Ibis table with columns unit, time, outcome (cluster), and how to run an expression on it."""

    table: "ir.Table"
    name: str
    sha256: str
    run: Callable[[Any], pd.DataFrame]
    date_format: str | None = None
    zone: str = ""

    def periods(self, labels: pd.Series, columns: Mapping[str, str]) -> tuple[pd.Series, Spelling]:
        """Return labels of the column of periods as numbers or timestamps, and how they are written."""
        if self.zone and isinstance(labels.dtype, pd.DatetimeTZDtype):
            labels = labels.dt.tz_convert(self.zone)
        return read_column(labels, self.name, columns["time"], self.date_format)


def open_data(data: Any, columns: Mapping[str, str], *, whole: bool = False, date_format: str | None = None) -> Opened:
    """Find the engine for ``data`` and name its columns by role (``whole`` keeps them all as they are)."""
    return replace(_open_data(data, columns, whole=whole), date_format=date_format)


def _open_data(data: Any, columns: Mapping[str, str], *, whole: bool) -> Opened:
    import ibis
    import ibis.expr.types as ir

    repeated = [c for c in columns.values() if list(columns.values()).count(c) > 1]
    if repeated:
        roles = " and ".join(r for r, c in columns.items() if c == repeated[0])
        raise PanelError(f"column {repeated[0]!r} is named for {roles}; each needs a column of its own")
    if isinstance(data, pd.DataFrame):
        require(data.columns, columns, "DataFrame")
        frame = pd.DataFrame({role: _plain(data, name, role) for role, name in columns.items()})
        try:
            table = ibis.memtable(frame)
        except (TypeError, ValueError) as error:
            raise PanelError(f"DataFrame: a column has a type that cannot be read: {error}") from error
        sha = _frame_hash(frame, columns)
        return Opened(table, "DataFrame", sha, ibis.duckdb.connect().execute)
    if isinstance(data, ir.Table):
        require(data.columns, columns, "table")
        table = data if whole else data.select(**{role: data[name] for role, name in columns.items()})
        return Opened(table, "table", "", lambda expression: expression.execute())
    if isinstance(data, str | os.PathLike):
        return _open_file(Path(data), columns, whole=whole)
    raise PanelError(
        f"data is a {type(data).__name__}; give a DataFrame, the path of a CSV or Parquet file, or an Ibis table"
    )


def _open_file(path: Path, columns: Mapping[str, str], *, whole: bool) -> Opened:
    import duckdb
    import ibis

    name = path.name
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise PanelError(f"file {str(path)!r} does not exist{nearest(name, siblings)}")
    if path.is_dir():
        raise PanelError(f"{str(path)!r} is a directory; give the path of one CSV or Parquet file")
    is_csv = name.lower().endswith(CSV_ENDINGS)
    if not is_csv and not name.lower().endswith(PARQUET_ENDINGS):
        raise PanelError(f"file {name!r} has an unknown ending; {', '.join(CSV_ENDINGS + PARQUET_ENDINGS)} can be read")
    if path.stat().st_size == 0:
        raise PanelError(f"file {name!r} is empty")

    def run(expression: Any) -> pd.DataFrame:
        try:
            frame: pd.DataFrame = engine.execute(expression)
        except duckdb.Error as error:
            raise _unreadable(name, error) from error
        return frame

    engine = ibis.duckdb.connect()
    try:
        table = _csv(engine, path) if is_csv else engine.read_parquet(_literal(path))
    except duckdb.Error as error:
        raise _unreadable(name, error) from error
    require(table.columns, columns, name)
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    chosen = table if whole else table.select(**{role: table[column] for role, column in columns.items()})
    return Opened(chosen, name, sha, run, zone="" if is_csv else _zone(path, columns))


def _zone(path: Path, columns: Mapping[str, str]) -> str:
    """The zone in which a Parquet file's times were local: the engine knows their moments alone."""
    from pyarrow import parquet

    schema, time = parquet.read_schema(path), columns.get("time")
    kind = schema.field(time).type if time in schema.names else None
    if "period" in str(getattr(kind, "extension_name", "")):
        raise PanelError(
            f"{path.name}: column {time!r} holds pandas periods as bare numbers; save them as dates or text"
        )
    return str(getattr(kind, "tz", None) or "")


def _unreadable(name: str, error: Exception) -> PanelError:
    text = str(error)
    if re.search("invalid unicode|not utf-8 encoded", text, re.IGNORECASE):
        return PanelError(f"file {name!r} is not UTF-8 text; save it as UTF-8 and try again")
    reason = " ".join(text.split("Possible fixes")[0].split())
    return PanelError(f"file {name!r} cannot be read, it may be damaged or cut off: {reason[:160]}")


def _literal(path: Path) -> str:
    """The path with * ? [ escaped: the engine would read every file that such a name matches."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _csv(engine: Any, path: Path) -> "ir.Table":
    """All columns as text: what is a number, a date or a missing value is decided in this module.

    Separator and names come from the header line, because guessing from all lines hides which line is
    broken. The separator is the one that the header uses most.
    """
    opener: Callable[..., Any] = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            header = file.readline(1 << 20).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PanelError(f"file {path.name!r} is not UTF-8 text; save it as UTF-8 and try again") from error
    except (OSError, EOFError) as error:
        raise _unreadable(path.name, error) from error
    if "\0" in header:
        raise PanelError(f"file {path.name!r} is not a text file; give a CSV or Parquet file")
    bare = re.sub(r'"[^"]*"', "", header)
    delimiter = max(",;\t|", key=bare.count)
    names = [n or f"column{i}" for i, n in enumerate(next(csv.reader([header], delimiter=delimiter), []))]
    if twice := [n for n in names if names.count(n) > 1]:
        raise PanelError(f"{path.name}: column {twice[0]!r} appears {names.count(twice[0])} times; keep one")
    return engine.read_csv(
        _literal(path),
        columns=dict.fromkeys(names, "VARCHAR"),
        auto_detect=False,
        header=True,
        delim=delimiter,
        quote='"',
        escape='"',
        nullstr="",
    )


def require(present: Any, columns: Mapping[str, str], name: str) -> None:
    """Each named column must be there; a table of another shape gets the hint that helps."""
    absent = {role: column for role, column in columns.items() if column not in present}
    if not absent:
        return
    others = [c for c in present if c not in columns.values()]
    role, column = next(iter(absent.items()))
    problem = f"{name}: there is no column {column!r} for {role}{nearest(column, present)}"
    if {"unit", "outcome"} <= absent.keys() and "time" not in absent and len(others) > 1:
        raise PanelError(f"{problem}; the columns look like units ({some_of(others)}), from_wide reads that shape")
    if {"time", "outcome"} <= absent.keys() and "unit" not in absent and len(others) > 1:
        raise PanelError(
            f"{problem}; the columns look like periods ({some_of(others)}), give one row per unit and period"
        )
    raise PanelError(f"{problem}; its columns are {some_of(present, 12) or 'none'}")


def _plain(frame: pd.DataFrame, name: str, role: str) -> pd.Series:
    """One column of a frame in a type every engine knows."""
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise PanelError(f"DataFrame: column {name!r} appears {column.shape[1]} times; keep one")
    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if isinstance(column.dtype, pd.PeriodDtype):
        return pd.Series(pd.PeriodIndex(column).to_timestamp())
    if column.dtype != object:
        return column
    if role == "time":
        column = in_one_type(column)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in ("date", "datetime", "datetime64"):
        return pd.to_datetime(column)
    if kind == "period":
        return pd.Series(pd.PeriodIndex(column).to_timestamp())
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        return pd.to_numeric(column)
    if role not in LABELS or kind in ("string", "empty"):
        return column.map(str, na_action="ignore").astype("string")
    types = sorted({type(v).__name__ for v in column.dropna()})
    raise PanelError(f"DataFrame: column {name!r} mixes {' and '.join(types)}; make it all text or all numbers")


def _frame_hash(frame: pd.DataFrame, columns: Mapping[str, str]) -> str:
    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(repr(sorted(columns.items())).encode() + rows.tobytes()).hexdigest()
