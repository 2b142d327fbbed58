"""Columns and types: names that are missing, alike or there twice, and columns of every type that tables have."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from bad_inputs.case import EFFECT, FRAME, TEXT, Case, data_case


def column(name: str, of: str, values: Any, *says: str, gives: float | None = None, by_file: bool = True) -> Case:
    """A frame with another column, given to Python as it is and to the shell as Parquet."""
    frame = FRAME.assign(**{of: values})
    return data_case(name, frame, *says, gives=gives, file="sales.parquet", by_frame=True, by_file=by_file)


y, time, unit = FRAME.y, FRAME.time, FRAME.unit

CASES: list[Case] = [
    # Names.
    data_case("no such column", TEXT, "'stat'", "sales.csv", unit="stat"),
    data_case("nearly a column", TEXT, "'uint'", "did you mean 'unit'", unit="uint"),
    data_case("in other case", TEXT, "'Y'", "'y'", outcome="Y"),
    data_case("with a space", TEXT.replace("time", "time ", 1), "'time '"),
    data_case("there twice", TEXT.replace("unit,time,y", "unit,y,y", 1), "'y' appears 2 times"),
    data_case("one for two roles", TEXT, "'time'", "time and outcome", outcome="time"),
    data_case("no name", TEXT, "''", unit=""),
    data_case("a number as a name", TEXT, "'1'", outcome="1"),
    data_case("no such column of users", TEXT, "'usr' for cluster", cluster="usr"),
    data_case("no such covariate", TEXT, "'price'", covariates=["price"]),
    data_case("the outcome as covariate", TEXT, "'y'", covariates=["y"]),
    data_case("the outcome as users", TEXT, "'y'", cluster="y"),
    data_case("no such column of starts", TEXT, "'starts'", start_column="starts", treated=None, start=None),
    data_case("a covariate of text", FRAME.assign(p="high"), "'p'", "'high'", covariates=["p"]),
    data_case("a covariate with a hole", FRAME.assign(p=y.where(y.index != 7)), gives=EFFECT, covariates=["p"]),
    data_case("periods as columns", FRAME.pivot(index="unit", columns="time", values="y").reset_index(), "look like periods"),
    data_case("units as columns", FRAME.pivot(index="time", columns="unit", values="y").reset_index(), "from_wide"),
    # Types of the outcome that are numbers.
    column("Decimal", "y", [Decimal(str(v)) for v in y], gives=EFFECT),
    column("Float64", "y", y.astype("Float64"), gives=EFFECT),
    column("Arrow double", "y", y.astype("double[pyarrow]"), gives=EFFECT),
    column("category of numbers", "y", y.astype("category"), gives=EFFECT),
    column("numbers as objects", "y", y.astype(object), gives=EFFECT),
    column("numbers as text", "y", y.astype(str), gives=EFFECT),
    column("float32", "y", y.astype("float32"), gives=EFFECT),
    column("whole numbers", "y", (y * 2).astype(int), gives=2 * EFFECT),
    column("sparse", "y", pd.arrays.SparseArray(y), gives=EFFECT, by_file=False),
    column("long doubles", "y", y.astype("longdouble"), gives=EFFECT, by_file=False),
    column("true and false", "y", y > 25, "Ohio", "constant"),
    # Types of labels.
    column("category of units", "unit", unit.astype("category"), gives=EFFECT),
    column("Arrow text of units", "unit", unit.astype("string[pyarrow]"), gives=EFFECT),
    column("Int64 periods", "time", time.astype("Int64"), gives=EFFECT),
    column("periods as floats", "time", time.astype(float), gives=EFFECT),
    column("periods as text", "time", time.astype(str), gives=EFFECT),
    column("category of periods", "time", time.astype("category"), gives=EFFECT),
    # Refused.
    column("nullable with a hole", "y", y.astype("Float64").where(y.index != 15), "1 cell", "'Maine' at 2004"),
    column("object with None", "y", y.astype(object).where(y.index != 15, None), "1 cell", "'Maine' at 2004"),
    column("object of kinds", "y", [str(v) if i % 2 else {} for i, v in enumerate(y)], "'y'", by_file=False),
    column("complex", "y", y + 1j, "complex", by_file=False),
    column("timedelta", "y", pd.to_timedelta(y, unit="D"), "timedelta", by_file=False),
    column("durations in a file", "y", pd.to_timedelta(y, unit="D"), "'y'"),
    column("dates", "y", pd.Timestamp("2020-01-01"), "'y'", "must be numbers"),
    column("lists", "y", [[v] for v in y], "'y'", "must be numbers"),
    column("dicts", "y", [{"a": v} for v in y], "'y'", "must be numbers"),
    column("bytes", "y", [str(v).encode() for v in y], "'y'", "must be numbers"),
    column("all missing", "y", np.nan, "60 cells have no y"),
    column("units that are lists", "unit", [[u] for u in unit], "'unit'"),
    column("units that are bytes", "unit", [u.encode() for u in unit], "'unit'"),
    column("units that are intervals", "unit", pd.cut(np.arange(len(y)), 9), "interval", by_file=False),
    column("units of two kinds", "unit", [3 if u == "Utah" else u for u in unit], "mixes", by_file=False),
    column("periods that are complex", "time", time * 1j, "complex", by_file=False),
    column("periods that are durations", "time", pd.to_timedelta(time, unit="D"), "'time'"),
    column("periods that are times of day", "time", pd.Timestamp("2020-01-01 10:00").time(), "'time'"),
    column("an integer beyond all numbers", "y", pd.Series([10**400] * len(y), dtype=object), "cannot be read", by_file=False),
    Case("two levels of names", lambda f: _panel(pd.concat({"a": FRAME}, axis=1)), None, ("2 levels of names",)),
    Case("columns in the index", lambda f: _panel(FRAME.set_index(["unit", "time"])), None, ("level of the index",)),
    Case("no columns", lambda f: _panel(pd.DataFrame()), None, ("its columns are none",)),
    Case("a list", lambda f: _panel([1, 2, 3]), None, ("data is a list", "give a frame")),
    Case("nothing", lambda f: _panel(None), None, ("data is None",)),
    Case("a series", lambda f: _panel(FRAME.y), None, ("Series",)),
    Case("an array", lambda f: _panel(FRAME.to_numpy()), None, ("ndarray",)),
    Case("an address", lambda f: _panel("https://example.org/sales.csv"),
         lambda f: ["run", "https://example.org/sales.csv", "--unit", "unit", "--time", "time", "--outcome", "y",
                    "--treated", "Ohio", "--start", "2010", "--quiet", "--out", f / "out"], ("on this machine",)),
    Case("a unit there twice, wide", lambda f: _wide(_twice()), None, ("'Ohio' appears twice",)),
    Case("a period there twice, wide", lambda f: _wide(pd.concat([_across(), _across().head(1)])), None, ("more than one row",)),
    Case("text in a wide table", lambda f: _wide(_across().assign(Utah="high")), None, ("'high'", "'Utah'")),
    Case("wide, as it should be", lambda f: _wide(_across()), None, gives=EFFECT),
]  # fmt: skip


def _panel(data: Any) -> Any:
    import bsynth as bs

    return bs.Panel.from_long(data, unit="unit", time="time", outcome="y", treated="Ohio", start=2010)


def _across() -> pd.DataFrame:
    return FRAME.pivot(index="time", columns="unit", values="y")


def _twice() -> pd.DataFrame:
    return pd.concat([_across(), _across()[["Ohio"]]], axis=1)


def _wide(frame: pd.DataFrame) -> Any:
    import bsynth as bs

    return bs.Panel.from_wide(frame, treated="Ohio", start=2010)
