"""Opening what the user gave: a frame, a CSV or Parquet file, or an Ibis table of any backend."""

import functools
import hashlib
import os
import re
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth.errors import BsynthError, PanelError, came, nearest, some_of
from bsynth.panel import alike
from bsynth.panel.clock import Begun, Clock
from bsynth.panel.frames import LABELS, brief, names_of, plain, refused
from bsynth.panel.natives import as_arrow, frame_name, is_relation, native_frame, relation_table
from bsynth.panel.spelling import Spelling, read_column
from bsynth.panel.text import read_header, unreadable

if TYPE_CHECKING:
    import ibis.expr.types as ir

CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
SHARED = ("where ", "key ")
"""Start of the roles of columns that may have another role too."""
INTERRUPTED = ("Query interrupted", "Interrupted")
"""What DuckDB says where a signal has stopped it."""
HASHED = 1 << 28
"""Bytes up to which a file's own digest is taken; of more, and of many files, the digest is of the cell sums."""


@dataclass(frozen=True)
class Opened:
    """An Ibis table with columns unit, time, outcome (cluster), and how to run an expression on it."""

    table: "ir.Table"
    name: str
    sha256: str
    run: Callable[[Any], pd.DataFrame]
    date_format: str | None = None
    zone: str = ""
    in_rows: bool = True
    dialect: str = "duckdb"
    clock: Clock | None = None
    said: tuple[str, ...] = ()

    def periods(self, labels: pd.Series, columns: Mapping[str, str]) -> tuple[pd.Series, Spelling]:
        """Return labels of the column of periods as numbers or timestamps, and how they are written."""
        if self.clock is not None:
            return read_column(self.clock.stamps(labels), self.name, columns["time"])
        try:
            return read_column(self.local(labels), self.name, columns["time"], self.date_format)
        except PanelError:
            if not self.in_rows:
                raise
            # Groups come in any order; what is refused is named as whoever looks at the rows finds it first.
            rows = self.run(self.table.select("time"))["time"].dropna().drop_duplicates()
            read_column(self.local(rows), self.name, columns["time"], self.date_format, as_given=True)
            raise

    def shown(self, label: Any) -> Any:
        """A label of the column of periods, for words."""
        return show(label if self.clock is None else self.clock.stamps(pd.Series([label])).iloc[0])

    def begun(self, labels: pd.Series) -> Begun:
        """Labels of another column of periods, on the clock of the first; of a moment the period that holds it."""
        if self.clock is not None:
            return self.clock.begun(labels, self.date_format)
        return Begun(self.local(labels), np.zeros(len(labels), dtype=bool))

    def local(self, labels: pd.Series) -> pd.Series:
        """Return labels of periods on the clock on which a file had them."""
        if self.zone and isinstance(labels.dtype, pd.DatetimeTZDtype):
            labels = labels.dt.tz_convert(self.zone)
        return labels


def open_data(data: Any, columns: Mapping[str, str], *, whole: bool = False, date_format: str | None = None) -> Opened:
    """Find the engine for ``data`` and name its columns by role (``whole`` keeps them all as they are)."""
    if date_format is not None and not isinstance(date_format, str):
        raise PanelError(f"date_format is {date_format!r}; give a text such as '%d/%m/%Y'")
    return replace(_open_data(data, columns, whole=whole), date_format=date_format)


def _open_data(data: Any, columns: Mapping[str, str], *, whole: bool) -> Opened:
    import ibis
    import ibis.expr.types as ir

    _check_names(columns)
    own = {role: column for role, column in columns.items() if not role.startswith(SHARED)}
    repeated = [c for c in own.values() if list(own.values()).count(c) > 1]
    if repeated:
        roles = " and ".join(r for r, c in own.items() if c == repeated[0])
        raise PanelError(f"column {repeated[0]!r} is named for {roles}; each needs a column of its own")
    if isinstance(data, pd.DataFrame):
        require(names_of(data), columns, "DataFrame", index=data.index.names)
        frame = pd.DataFrame({role: plain(data, name, role) for role, name in columns.items()})
        with foreign(lambda error: _unread(frame, columns, error)):
            table = ibis.memtable(frame)
        sha = _frame_hash(frame, columns)
        return Opened(table, "DataFrame", sha, _runner(ibis.duckdb.connect().execute, "DataFrame"))
    if isinstance(data, ir.Table):
        require(data.columns, columns, "table")
        table = data if whole else _labelled(data, columns, "table")
        run = _runner(lambda expression: expression.execute(), "table")
        return Opened(table, "table", "", run, in_rows=False, dialect=_dialect(table))
    if (isinstance(data, str) and not data) or _is_address(data):
        raise PanelError(
            f"data is {os.fspath(data)!r}; give the path of a CSV or Parquet file on this machine, not an address"
        )
    if isinstance(data, str | os.PathLike):
        return _open_file(Path(data), columns, whole=whole)
    if is_relation(data):
        require(data.columns, columns, "relation")
        with foreign(lambda error: PanelError(f"relation cannot be read: {brief(error)}")):
            table, execute = relation_table(data)
        table = table if whole else _labelled(table, columns, "relation")
        return Opened(table, "relation", "", _runner(execute, "relation"), in_rows=False)
    frame = native_frame(data)
    if frame is None:
        raise PanelError(
            f"data is {came(data)}; give a frame (pandas, polars, Arrow, modin), a DuckDB relation, the path of a CSV "
            "or Parquet file, or an Ibis table"
        )
    return _open_native(frame, columns, whole=whole)


def _unread(frame: pd.DataFrame, columns: Mapping[str, str], error: Exception) -> PanelError:
    """Name the column of which no table can be made; where each by itself can, say what all of them met."""
    import pyarrow as pa

    def named(role: str, found: Exception) -> PanelError:
        return PanelError(f"DataFrame: column {columns[role]!r} has values that cannot be read: {brief(found)}")

    try:
        for role in map(str, frame):
            with foreign(functools.partial(named, role)):
                pa.Table.from_pandas(frame[[role]])
    except PanelError as first:
        return first
    return PanelError(f"DataFrame: a column has a type that cannot be read: {brief(error)}")


def _is_address(data: Any) -> bool:
    """Whether a text or path is an address; as a path it has lost one of its slashes."""
    text = os.fspath(data) if isinstance(data, str | os.PathLike) else ""
    return isinstance(text, str) and re.match(r"[a-z][a-z0-9+.-]+:/", text) is not None and not os.path.exists(text)


def _open_native(frame: Any, columns: Mapping[str, str], *, whole: bool) -> Opened:
    """A frame of another library, through Arrow: the columns that are used, uncopied where the library can."""
    import ibis

    name = frame_name(frame)
    present = frame.collect_schema().names()
    require(present, columns, name)
    with foreign(lambda error: PanelError(f"{name}: a column has a type that cannot be read: {brief(error)}")):
        arrow = as_arrow(frame, present if whole else list(dict.fromkeys(columns.values())))
        _refuse_durations(arrow.schema, columns, name)
        table = ibis.memtable(arrow)
    chosen = table if whole else _labelled(table, columns, name)
    zone = _zone_in(arrow.schema, columns, name)
    return Opened(chosen, name, "", _runner(ibis.duckdb.connect().execute, name), zone=zone)


def _dialect(table: "ir.Table") -> str:
    import ibis

    with foreign(lambda error: PanelError(f"table has no engine that can be asked: {brief(error)}")):
        return str(ibis.get_backend(table).name)


@contextmanager
def foreign(told: Callable[[Exception], PanelError]) -> Iterator[None]:
    """Say in our words what an engine raises: each backend of Ibis has exceptions of its own.

    What engines say to each other of their deprecated parts is nothing to the user, whose filter may make errors of it;
    any other warning that became one is no fault of the data, and stays what it is.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    except (BsynthError, MemoryError, Warning):
        raise
    except Exception as error:
        if re.sub(r"^INTERRUPT Error: |!$", "", str(error)) in INTERRUPTED:
            raise KeyboardInterrupt from error
        raise told(error) from error


def _runner(execute: Callable[[Any], pd.DataFrame], name: str) -> Callable[[Any], pd.DataFrame]:
    def run(expression: Any) -> pd.DataFrame:
        with foreign(lambda error: PanelError(f"{name} cannot be read by its engine: {brief(error)}")):
            return execute(expression)

    return run


def _open_file(path: Path, columns: Mapping[str, str], *, whole: bool) -> Opened:
    import ibis

    name = path.name
    if os.path.isdir(path) or (re.search(r"[*?\[]", str(path)) and not os.path.exists(path)):
        return _open_files(path, columns, whole=whole)
    if not os.path.exists(path):
        siblings = [p.name for p in path.parent.iterdir()] if os.path.isdir(path.parent) else []
        raise PanelError(f"file {str(path)!r} does not exist{nearest(name, siblings)}")
    is_csv = name.lower().endswith(CSV_ENDINGS)
    if not is_csv and not name.lower().endswith(PARQUET_ENDINGS):
        raise PanelError(f"file {name!r} has an unknown ending; {', '.join(CSV_ENDINGS + PARQUET_ENDINGS)} can be read")
    if path.stat().st_size == 0:
        raise PanelError(f"file {name!r} is empty")

    def run(expression: Any) -> pd.DataFrame:
        with foreign(lambda error: unreadable(path, error)):
            frame: pd.DataFrame = engine.execute(expression)
        return frame

    engine = ibis.duckdb.connect()
    with foreign(lambda error: unreadable(path, error)):
        table = _csv(engine, path, columns) if is_csv else _parquet(engine, path, columns)
        sha = _digest(path) if path.stat().st_size <= HASHED else ""
    require(table.columns, columns, name)
    chosen = table if whole else _labelled(table, columns, name)
    return Opened(chosen, name, sha, run, zone="" if is_csv else _zone(path, columns))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_files(path: Path, columns: Mapping[str, str], *, whole: bool) -> Opened:
    """Parquet files of a folder, or of a pattern, as one table; hive partitions are columns of text."""
    import glob

    import ibis

    name = path.name
    if path.is_dir():
        found = sorted(str(each) for end in PARQUET_ENDINGS for each in path.rglob(f"*{end}"))
    else:
        found = sorted(each for each in glob.glob(str(path), recursive=True) if each.lower().endswith(PARQUET_ENDINGS))
    if not found:
        what = "holds" if path.is_dir() else "matches"
        raise PanelError(f"{str(path)!r} {what} no Parquet file; give a file, a folder of Parquet files, or a pattern")
    zones = {_zone(Path(each), columns): each for each in found}
    if len(zones) > 1:
        (one, first), (other, second) = list(zones.items())[:2]
        raise PanelError(
            f"{name}: column {columns['time']!r} is in {one or 'no zone'} in {Path(first).name!r} and in "
            f"{other or 'no zone'} in {Path(second).name!r}; write all files in one zone"
        )
    engine = ibis.duckdb.connect()
    unread = _runner(engine.execute, name)
    with foreign(lambda error: PanelError(f"{name} cannot be read by its engine: {brief(error)}")):
        for each in found:
            _check_durations(Path(each), columns)
        table = engine.read_parquet(
            [_literal(Path(each)) for each in found], hive_partitioning=True, hive_types_autocast=False,
            union_by_name=True,
        )  # fmt: skip
    require(table.columns, columns, name)
    chosen = table if whole else _labelled(table, columns, name)
    return Opened(chosen, name, "", unread, zone=next(iter(zones)))


def _zone(path: Path, columns: Mapping[str, str]) -> str:
    """The zone in which a Parquet file's times were local: the engine knows their moments alone."""
    from pyarrow import parquet

    return _zone_in(parquet.read_schema(path), columns, path.name)


def _zone_in(schema: Any, columns: Mapping[str, str], name: str) -> str:
    time = columns.get("time")
    kind = schema.field(time).type if time in schema.names else None
    if "period" in str(getattr(kind, "extension_name", "")):
        raise PanelError(f"{name}: column {time!r} holds pandas periods as bare numbers; save them as dates or text")
    return str(getattr(kind, "tz", None) or "")


def _labelled(table: "ir.Table", columns: Mapping[str, str], name: str) -> "ir.Table":
    """The columns by role; those of labels in a type that can be one."""
    return table.select(**{role: _label(table[column], role, name) for role, column in columns.items()})


def _label(column: "ir.Value", role: str, name: str) -> "ir.Value":
    """A column that holds labels in a type that pandas knows: warehouses count in decimals."""
    kind = column.type()
    if role not in LABELS:
        return column
    if kind.is_decimal():
        return column.cast("float64" if kind.scale else "int64")
    if kind.is_uuid():
        return column.cast("string")
    known = kind.is_string() or kind.is_numeric() or kind.is_date() or kind.is_timestamp()
    # A column without values has the type null, which older Ibis does not know of a file.
    known = known or kind.is_null() or "NULL" in str(kind)
    if not known:
        raise refused(name, column.get_name(), role, str(kind))
    return column


def _literal(path: Path) -> str:
    """The path with * ? [ escaped: the engine would read every file that such a name matches."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _parquet(engine: Any, path: Path, columns: Mapping[str, str]) -> "ir.Table":
    """The file as a table; durations are refused here, as the engine takes them for whole numbers."""
    _check_durations(path, columns)
    return engine.read_parquet(_literal(path))


def _check_durations(path: Path, columns: Mapping[str, str]) -> None:
    import pyarrow.parquet as pq

    _refuse_durations(pq.read_schema(path), columns, path.name)


def _refuse_durations(stored: Any, columns: Mapping[str, str], name: str) -> None:
    import pyarrow as pa

    for role, column in columns.items():
        at = stored.get_field_index(column) if isinstance(column, str) else -1
        if at >= 0 and pa.types.is_duration(stored.field(at).type):
            raise refused(name, column, role, str(stored.field(at).type))


def _csv(engine: Any, path: Path, columns: Mapping[str, str]) -> "ir.Table":
    """All columns as text: what is a number, a date or a missing value is decided in this package."""
    header = read_header(path)
    if (line := header.below(columns.values())) is not None:
        raise PanelError(f"{path.name}: the names of the columns are in line {line}; remove the lines above it")
    table = engine.read_csv(
        _literal(path),
        columns=dict.fromkeys(header.names, "VARCHAR"),
        auto_detect=False,
        header=True,
        skip=header.before,
        delim=header.delimiter,
        quote='"',
        escape='"',
        nullstr="",
    )
    # Spreadsheets write rows of separators alone; a row without any value says nothing.
    return table.drop_null(how="all")


def _check_names(columns: Mapping[str, str]) -> None:
    for role, column in columns.items():
        if column is None or not isinstance(column, Hashable):
            raise PanelError(f"{role} is {column!r}; give the name of one column")


def require(present: Any, columns: Mapping[str, str], name: str, *, index: Sequence[Any] = ()) -> None:
    """Each named column must be there; a table of another shape gets the hint that helps."""
    _check_names(columns)
    absent = {role: column for role, column in columns.items() if column not in present}
    if not absent:
        return
    if hidden := [column for column in absent.values() if column in index]:
        raise PanelError(f"{name}: {hidden[0]!r} is a level of the index and no column; give frame.reset_index()")
    others = [c for c in present if c not in columns.values()]
    role, column = next(iter(absent.items()))
    hint = alike.hint(column, present) or nearest(column, present)
    for_what = role if role.startswith("covariate") else role.split(" ")[0]
    problem = f"{name}: there is no column {column!r} for {for_what}{hint}"
    shown = some_of(map(repr, others))
    if {"unit", "outcome"} <= absent.keys() and "time" not in absent and len(others) > 1:
        raise PanelError(f"{problem}; its columns are {shown}; with a column per unit, Panel.from_wide reads it")
    if {"time", "outcome"} <= absent.keys() and "unit" not in absent and _periods(others):
        raise PanelError(f"{problem}; the columns look like periods ({shown}), give one row per unit and period")
    raise PanelError(f"{problem}; its columns are {some_of(map(repr, present), 12) or 'none'}")


def _periods(names: Sequence[Any]) -> bool:
    """Whether most names of columns could be periods, such as 1988, "2024-03" or "Q1 2020": they have a digit."""
    dated = [not isinstance(name, str) or any(c.isdigit() for c in name) for name in names]
    return len(dated) > 1 and 2 * sum(dated) > len(dated)


def _frame_hash(frame: pd.DataFrame, columns: Mapping[str, str]) -> str:
    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(repr(sorted(columns.items())).encode() + rows.tobytes()).hexdigest()
