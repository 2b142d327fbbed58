"""Columns of a frame in one of the few types that every engine knows; the others are refused by name."""

import numpy as np
import pandas as pd

from bsynth.errors import PanelError
from bsynth.panel.spelling import in_one_type

LABELS = ("unit", "time", "cluster", "start")
"""Roles of columns that hold labels; the others hold numbers."""


def names_of(frame: pd.DataFrame) -> pd.Index:
    """The names of the columns; several levels of them are refused."""
    if frame.columns.nlevels > 1:
        first = frame.columns[0]
        raise PanelError(
            f"DataFrame: its columns have {frame.columns.nlevels} levels of names, the first is {first!r}; give them "
            "one level, such as frame.columns = frame.columns.map('_'.join)"
        )
    return frame.columns


def plain(frame: pd.DataFrame, name: object, role: str) -> pd.Series:
    """One column of a frame as text, numbers, true/false or timestamps, with an index of its own.

    Raises
    ------
    PanelError
        A name that is there twice, or values that are neither.
    """
    chosen = frame[name]
    if isinstance(chosen, pd.DataFrame):
        raise PanelError(f"DataFrame: column {name!r} appears {chosen.shape[1]} times; keep one")
    column = _unpacked(chosen.reset_index(drop=True), name)
    if column.dtype == object:
        column = _inferred(in_one_type(column) if role in ("time", "start") else column, name, role)
    kind = column.dtype
    if pd.api.types.is_datetime64_any_dtype(kind) and column.dropna().dt.nanosecond.any():
        raise PanelError(
            f"DataFrame: column {name!r} holds times finer than a microsecond, which no engine keeps; round them, "
            "such as .dt.round('us')"
        )
    if pd.api.types.is_complex_dtype(kind):
        raise PanelError(f"DataFrame: column {name!r} holds complex numbers; give real ones")
    if pd.api.types.is_float_dtype(kind):
        # Neither half nor extended precision is known outside numpy.
        return column.astype("float64") if str(kind) in ("float16", "float128", "longdouble") else column
    if (
        pd.api.types.is_numeric_dtype(kind)
        or pd.api.types.is_bool_dtype(kind)
        or pd.api.types.is_string_dtype(kind)
        or pd.api.types.is_datetime64_any_dtype(kind)
    ):
        return column
    raise refused("DataFrame", name, role, str(kind))


def _unpacked(column: pd.Series, name: object) -> pd.Series:
    """Values out of what merely stores them: categories, sparse arrays, periods, Arrow types without a numpy twin."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if isinstance(column.dtype, pd.SparseDtype):
        column = pd.Series(np.asarray(column))
    if isinstance(column.dtype, pd.PeriodDtype):
        column = _first_days(column, name)
    if isinstance(column.dtype, pd.ArrowDtype):
        kind = column.dtype.kind
        if str(column.dtype).startswith(("date32", "date64")):
            return column.astype("datetime64[s]")
        if kind == "f":
            return column.astype("float64")
        column = column.astype("string") if str(column.dtype).endswith("string[pyarrow]") else column
        if kind not in "biufM":
            column = column.astype(object)
    return column


def _first_days(column: pd.Series, name: object) -> pd.Series:
    """Periods as the first moment of each; years that do not begin in January are refused, their names mislead."""
    periods = pd.PeriodIndex(column)
    kind = periods.freqstr
    if kind.startswith(("Q-", "Y-", "A-")) and not kind.endswith("-DEC"):
        raise PanelError(
            f"DataFrame: column {name!r} holds periods of a fiscal year ({kind}), whose names are not the calendar's; "
            f"give their dates, such as df[{name!r}].dt.to_timestamp()"
        )
    return pd.Series(periods.to_timestamp())


def _inferred(column: pd.Series, name: object, role: str) -> pd.Series:
    """A column of Python objects, by what they are."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in ("date", "datetime", "datetime64"):
        return _dates(column, name)
    if kind == "period":
        return _first_days(column, name)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        try:
            return pd.to_numeric(column)
        except (TypeError, ValueError, OverflowError) as error:
            raise PanelError(f"DataFrame: column {name!r} holds numbers that cannot be read: {brief(error)}") from error
    if kind in ("boolean", "complex"):
        return column.astype("boolean" if kind == "boolean" else "complex128")
    if kind in ("string", "empty"):
        return column.map(str, na_action="ignore").astype("string")
    types = sorted({type(v).__name__ for v in column.dropna()})
    if len(types) == 1:
        raise refused("DataFrame", name, role, types[0])
    if role not in LABELS:
        # What is no number among them is named with its row later.
        return column.map(str, na_action="ignore").astype("string")
    raise PanelError(f"DataFrame: column {name!r} mixes {' and '.join(types)}; make it all text or all numbers")


def _dates(column: pd.Series, name: object) -> pd.Series:
    try:
        return pd.to_datetime(column)
    except (TypeError, ValueError, OverflowError) as error:
        raise PanelError(f"DataFrame: column {name!r} holds dates that cannot be read: {brief(error)}") from error


def refused(source: str, column: object, role: str, kind: str) -> PanelError:
    """The error for a column that can neither be a number nor say which unit, period or cluster a row belongs to."""
    allowed = "numbers or true/false"
    if role in LABELS:
        allowed = "whole numbers or dates" if role in ("time", "start") else "text or numbers"
    return PanelError(f"{source}: column {column!r} holds {kind}; the {role} must be {allowed}")


def brief(error: Exception) -> str:
    """What another library said, on one line and not at length."""
    text = " ".join(str(error).split())
    return text[:160] or type(error).__name__
