"""Frames of other libraries, by narwhals, and DuckDB relations."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bsynth.errors import PanelError

if TYPE_CHECKING:
    import ibis.expr.types as ir

_ROWS = "bsynth_rows"


def is_relation(data: Any) -> bool:
    """Whether it is a DuckDB relation: a query on a connection of the user's, which nothing has run yet."""
    return type(data).__name__ == "DuckDBPyRelation"


def relation_table(data: Any) -> tuple["ir.Table", Callable[[Any], pd.DataFrame]]:
    """A relation as an Ibis table, and what carries out an expression on it: on the relation's own connection."""
    import ibis
    from ibis.backends.sql.datatypes import DuckDBType

    kinds = {name: DuckDBType.from_string(str(kind)) for name, kind in zip(data.columns, data.types, strict=True)}

    def run(expression: Any) -> pd.DataFrame:
        found: pd.DataFrame = data.query(_ROWS, ibis.to_sql(expression, dialect="duckdb")).df()
        return found

    return ibis.table(kinds, name=_ROWS), run


def native_frame(data: Any) -> Any:
    """A frame of any library that narwhals knows; None for anything else."""
    import narwhals as nw

    frame = nw.from_native(data, pass_through=True)
    return frame if isinstance(frame, nw.DataFrame | nw.LazyFrame) else None


def frame_name(frame: Any) -> str:
    """What words call it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> frame_name(native_frame(pa.table({"y": [1.0]})))
    'pyarrow table'
    """
    return f"{frame.implementation} {'table' if str(frame.implementation) == 'pyarrow' else 'frame'}"


def as_arrow(frame: Any, names: Sequence[str]) -> Any:
    """Some columns of a frame as an Arrow table; what is lazy is carried out, for these columns alone.

    Raises
    ------
    PanelError
        A frame of a cluster, whose rows would all come here.
    """
    import narwhals as nw

    if isinstance(frame, nw.LazyFrame):
        if not frame.implementation.is_polars():
            raise PanelError(
                f"data is a frame of {frame.implementation}, whose rows would all come here; give it as an Ibis "
                "table, which is reduced to sums where it lies"
            )
        frame = frame.select(list(names)).collect()
    return frame.select(list(names)).to_arrow()
