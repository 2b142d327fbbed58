"""Files and frames as people have them: read with the same numbers, or refused in one line that says what to do."""

import datetime
import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth.cli import main

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "y"}
EFFECT = 2.0
"""Of the treated unit of `two_factors` from period 20 on."""


def two_factors(seed: int = 3) -> pd.DataFrame:
    """Treated T and eight donors over 26 periods, two common factors, +2 from period 20."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(26, 2)).cumsum(axis=0)
    donors = rng.uniform(0.2, 1.0, size=(8, 2))
    loads = {f"D{k:02}": donors[k] for k in range(8)} | {"T": donors[:4].mean(axis=0)}
    rows = [
        (name, t, round(50 + float(factors[t] @ load) + rng.normal(0, 0.2) + EFFECT * (name == "T" and t >= 20), 4))
        for name, load in loads.items()
        for t in range(26)
    ]
    return pd.DataFrame(rows, columns=["unit", "time", "y"])


FRAME = two_factors()
TEXT = FRAME.to_csv(index=False)
BODY = TEXT.removeprefix("unit,time,y\n")


def panel(data: Any, **changed: Any) -> bs.Panel:
    return bs.Panel.from_long(data, **{**ROLES, "treated": "T", "start": 20, **changed})


PLAIN = panel(FRAME)


def refusal(data: Any, **changed: Any) -> str:
    with pytest.raises(bs.PanelError) as caught:
        panel(data, **changed)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 420
    return message


def effect(found: bs.Panel) -> float:
    return float(bs.classical(found).effects().query("estimand == 'average'").estimate.iloc[0])


def test_the_plain_form_has_the_effect_that_was_put_in() -> None:
    assert effect(PLAIN) == pytest.approx(EFFECT, abs=0.3)


@pytest.mark.parametrize("file", ["cr_only", "blank_first_line"])
def test_line_ends_and_blank_lines_change_nothing(file: str, cases_dir: Path, tmp_path: Path) -> None:
    path = cases_dir / f"{file}.csv"
    lines = [line for line in path.read_text().splitlines() if line]
    plain = tmp_path / "plain.csv"
    plain.write_text("\n".join(lines) + "\n")
    found, same = panel(path), panel(plain)
    assert np.array_equal(found.outcome, same.outcome)
    assert effect(found) == pytest.approx(EFFECT, abs=0.2)
    done = CliRunner().invoke(
        main,
        ["run", str(path), *_flags(), "--treated", "T", "--start", "20", "--model", "none", "--methods", "sc",
         "--findings", "none", "--quiet", "--out", str(tmp_path / "run")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"{effect(same):.2f}" in done.output


def _flags() -> list[str]:
    return ["--unit", "unit", "--time", "time", "--outcome", "y"]


def cr(text: str) -> str:
    return text.replace("\n", "\r")


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


READ: dict[str, bytes] = {
    "CRLF": crlf(TEXT).encode(),
    "CR": cr(TEXT).encode(),
    "byte order mark": TEXT.encode("utf-8-sig"),
    "byte order mark and CR": cr(TEXT).encode("utf-8-sig"),
    "byte order mark and blank lines": ("\n\n" + TEXT).encode("utf-8-sig"),
    "blank lines of CR": ("\r,,\r \r" + cr(TEXT)).encode(),
    "blank lines of CRLF": ("\r\n ,,\r\n\t\r\n" + crlf(TEXT)).encode(),
    "blank lines in quotes": ('"","",""\n' + TEXT).encode(),
    "separator named in a first line": crlf("sep=;\n" + TEXT.replace(",", ";")).encode(),
    "rows of separators below": (TEXT + ",,\n,,\n").encode(),
    "blank rows between": TEXT.replace("\nD03,7,", "\n\n,,\nD03,7,").encode(),
    "separator at the end of each line": TEXT.replace("\n", ",\n").encode(),
    "separator at the end of each row": ("unit,time,y\n" + BODY.replace("\n", ",\n")).encode(),
    "no end of the last line": TEXT.rstrip("\n").encode(),
    "line feed in a label": BODY.replace("D03,", '"D\n3",').join(["unit,time,y\n", ""]).encode(),
    "nameless column": (",unit,time,y\n" + "".join(f"{i},{line}\n" for i, line in enumerate(BODY.split()))).encode(),
    "tabs": TEXT.replace(",", "\t").encode(),
    "spaces around numbers": TEXT.replace(",5", ", 5").encode(),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_read_as_the_plain_file(case: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(READ[case]) if packed else READ[case])
    found = panel(path)
    assert found.outcome.shape == PLAIN.outcome.shape
    assert np.allclose(np.sort(found.outcome, axis=1), np.sort(PLAIN.outcome, axis=1), rtol=1e-12)
    assert np.allclose(found.treated_series, PLAIN.treated_series, rtol=1e-12)
    assert found.source.rows_in == len(FRAME)


ROW = BODY.splitlines()[33]
REFUSED: dict[str, tuple[bytes, list[str]]] = {
    "UTF-16": (TEXT.encode("utf-16"), ["UTF-16", "UTF-8"]),
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), ["not a text file"]),
    "too many values": (TEXT.replace(ROW, ROW + ",7").encode(), ["line 35", "4 values", "3 names"]),
    "too many values with CR": (cr(TEXT.replace(ROW, ROW + ",7")).encode(), ["line 35", "4 values"]),
    "too many values below blank lines": (("\n\n" + TEXT.replace(ROW, ROW + ",7")).encode(), ["line 37"]),
    "too few values": (TEXT.replace(ROW, ROW.rsplit(",", 1)[0]).encode(), ["line 35", "2 values"]),
    "open quote": (TEXT.replace(ROW, '"' + ROW).encode(), ["line 35", "double quote", "not closed"]),
    "two kinds of line ends": (TEXT.replace("\n", "\r\n", 20).encode(), ["end in different ways"]),
    "NUL in a label": (TEXT.replace(ROW, ROW.replace(",", "\0,", 1)).encode(), [r"'D01\x00'", "invisible"]),
    "NUL in a number": (TEXT.replace(ROW, ROW + "\0").encode(), [r"\x00'", "'y' must be numbers"]),
    "NUL in the header": (TEXT.replace("unit", "un\0it").encode(), ["not a text file"]),
    "a title above": (("Sales, 2024\n\n" + TEXT).encode(), ["line 3", "remove the lines above"]),
    "blank lines alone": (b"\n,,\n \n", ["every line is blank"]),
    "decimal commas": (TEXT.replace(",", ";").replace(".", ",").encode(), ["'y' must be numbers", "decimal"]),
    "thousands": (TEXT.replace(ROW, ROW.rsplit(",", 1)[0] + ',"1,234.5"').encode(), ["'1,234.5'", "thousands"]),
    "a currency": (TEXT.replace(ROW, ROW.rsplit(",", 1)[0] + ",€52.1").encode(), ["'€52.1'", "currency"]),
    "a name twice": (TEXT.replace("unit,time,y", "unit,y,y").encode(), ["'y' appears 2 times"]),
    "a name with a space": (TEXT.replace("time", " time", 1).encode(), ["' time'", "only in spaces"]),
    "a broken header": ((f"unit,time,{'y' * 200_000}\n" + BODY).encode(), ["header in line 1", "correct"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_line_and_the_way_out(case: str, tmp_path: Path) -> None:
    content, words = REFUSED[case]
    path = tmp_path / "sales.csv"
    path.write_bytes(content)
    message = refusal(path)
    for word in ["sales.csv", *words]:
        assert word in message


@pytest.mark.parametrize("content", [TEXT.encode(), gzip.compress(TEXT.encode())[:-30], b"\x1f\x8b" + b"x" * 90])
def test_gz_that_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(content)
    assert "'t.csv.gz' cannot be read" in refusal(path)


N = len(FRAME)
TIMES = [datetime.timedelta(days=int(t)) for t in FRAME.time]
PARQUET: dict[str, tuple[str, Any]] = {
    "list": ("y", pa.array([[v] for v in FRAME.y])),
    "struct": ("y", pa.array([{"a": v} for v in FRAME.y])),
    "bytes": ("y", pa.array([str(v).encode() for v in FRAME.y])),
    "duration": ("y", pa.array(TIMES)),
    "list of units": ("unit", pa.array([[u] for u in FRAME.unit])),
    "struct of units": ("unit", pa.array([{"a": u} for u in FRAME.unit])),
    "bytes of units": ("unit", pa.array([u.encode() for u in FRAME.unit])),
    "duration of periods": ("time", pa.array(TIMES)),
    "time of day": ("time", pa.array([datetime.time(t % 24) for t in FRAME.time])),
}
PARQUET_READ: dict[str, tuple[str, Any]] = {
    "decimal": ("y", pa.array([Decimal(str(v)) for v in FRAME.y])),
    "decimal periods": ("time", pa.array([Decimal(int(t)) for t in FRAME.time])),
    "float32": ("y", pa.array(FRAME.y.astype("float32"))),
    "dictionary": ("unit", pa.array(FRAME.unit).dictionary_encode()),
    "unsigned": ("time", pa.array(FRAME.time.astype("uint64"))),
    "a nested column that is not used": ("z", pa.array([[{"a": 1}]] * N)),
}


def parquet(path: Path, column: str, values: Any) -> Path:
    pq.write_table(pa.table({name: pa.array(FRAME[name]) for name in FRAME} | {column: values}), path)
    return path


@pytest.mark.parametrize("case", PARQUET)
def test_parquet_columns_that_are_refused(case: str, tmp_path: Path) -> None:
    column, values = PARQUET[case]
    message = refusal(parquet(tmp_path / "t.parquet", column, values))
    assert f"t.parquet: column {column!r} holds" in message
    assert "must be" in message


@pytest.mark.parametrize("case", PARQUET_READ)
def test_parquet_columns_that_are_read(case: str, tmp_path: Path) -> None:
    found = panel(parquet(tmp_path / "t.parquet", *PARQUET_READ[case]))
    assert np.allclose(found.outcome, PLAIN.outcome, rtol=1e-6)


def arrow(kind: Any) -> Callable[[pd.Series], pd.Series]:
    return lambda column: column.astype(pd.ArrowDtype(kind))


def each(make: Callable[[Any], Any]) -> Callable[[pd.Series], Any]:
    return lambda column: [make(v) for v in column]


COLUMNS: dict[str, tuple[str, Callable[[pd.Series], Any]]] = {
    "float16": ("y", lambda c: c.astype("float16")),
    "longdouble": ("y", lambda c: c.astype("longdouble")),
    "Float64": ("y", lambda c: c.astype("Float64")),
    "Decimal": ("y", each(lambda v: Decimal(str(v)))),
    "Decimal and float": ("y", lambda c: [Decimal(str(v)) if i % 2 else v for i, v in enumerate(c)]),
    "Arrow double": ("y", arrow(pa.float64())),
    "Arrow decimal": ("y", arrow(pa.decimal128(12, 4))),
    "category of numbers": ("y", lambda c: c.astype("category")),
    "sparse": ("y", pd.arrays.SparseArray),
    "Int64 periods": ("time", lambda c: c.astype("Int64")),
    "float16 periods": ("time", lambda c: c.astype("float16")),
    "category of periods": ("time", lambda c: c.astype("category")),
    "Decimal periods": ("time", each(Decimal)),
    "Arrow integers": ("time", arrow(pa.int32())),
    "category of units": ("unit", lambda c: c.astype("category")),
    "Arrow text": ("unit", arrow(pa.string())),
    "Arrow large text": ("unit", arrow(pa.large_string())),
    "Arrow dictionary": ("unit", arrow(pa.dictionary(pa.int32(), pa.string()))),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_frame_columns_that_are_read(case: str) -> None:
    column, change = COLUMNS[case]
    found = panel(FRAME.assign(**{column: change(FRAME[column])}))
    assert np.allclose(found.outcome, PLAIN.outcome, atol=0.05 if case == "float16" else 1e-9)


def test_true_and_false_are_one_and_zero() -> None:
    high = FRAME.y > FRAME.groupby("unit").y.transform("median")
    wanted = panel(FRAME.assign(y=high.astype(float))).outcome
    for kind in ("bool", "boolean", "bool[pyarrow]", "object"):
        assert np.array_equal(panel(FRAME.assign(y=high.astype(kind))).outcome, wanted)


COLUMNS_REFUSED: dict[str, tuple[str, Callable[[pd.Series], Any], str]] = {
    "complex": ("y", lambda c: c + 1j, "complex"),
    "list": ("y", each(lambda v: [v]), "list"),
    "dict": ("y", each(lambda v: {"a": v}), "dict"),
    "bytes": ("y", each(lambda v: str(v).encode()), "bytes"),
    "array": ("y", each(lambda v: np.array([v, v])), "ndarray"),
    "timedelta": ("y", lambda c: pd.to_timedelta(c, unit="D"), "timedelta"),
    "Arrow list": ("y", lambda c: arrow(pa.list_(pa.float64()))(pd.Series([[v] for v in c])), "ndarray"),
    "huge integer": ("y", each(lambda v: 10**400), "cannot be read"),
    "list of units": ("unit", each(lambda v: [v]), "list"),
    "tuple of units": ("unit", each(lambda v: (v, 1)), "tuple"),
    "bytes of units": ("unit", each(lambda v: v.encode()), "bytes"),
    "complex units": ("unit", lambda c: np.arange(len(c)) * 1j, "complex"),
    "interval of units": ("unit", lambda c: pd.cut(np.arange(len(c)), 9), "interval"),
    "array of periods": ("time", each(lambda v: np.array([v, v])), "ndarray"),
    "timedelta of periods": ("time", lambda c: pd.to_timedelta(c, unit="D"), "timedelta"),
    "Arrow duration of periods": (
        "time",
        lambda c: arrow(pa.duration("ns"))(pd.to_timedelta(c, unit="D")),
        "Timedelta",
    ),
}


@pytest.mark.parametrize("case", COLUMNS_REFUSED)
def test_frame_columns_that_are_refused(case: str) -> None:
    column, change, word = COLUMNS_REFUSED[case]
    message = refusal(FRAME.assign(**{column: change(FRAME[column])}))
    assert message.startswith(f"DataFrame: column {column!r}")
    assert word in message


def test_names_and_indexes_of_frames() -> None:
    numbered = FRAME.set_axis([0, 1, 2], axis=1)
    found = panel(numbered, unit=0, time=1, outcome=2)
    assert np.array_equal(found.outcome, PLAIN.outcome)
    assert found.source.outcome == "2"
    message = refusal(numbered, unit="0", time=1, outcome=2)
    assert "'0'" in message
    assert "did you mean" not in message
    assert "2 levels of names" in refusal(pd.concat({"a": FRAME}, axis=1))
    assert "'unit' is a level of the index" in refusal(FRAME.set_index(["unit", "time"]))
    assert "'y' appears 2 times" in refusal(pd.concat([FRAME, FRAME[["y"]]], axis=1))
    assert "unit is None" in refusal(FRAME, unit=None)
    assert "unit is ['unit']" in refusal(FRAME, unit=["unit"])
    repeated = FRAME.set_index(pd.Index([0] * N))
    assert np.array_equal(panel(repeated).outcome, PLAIN.outcome)


def test_wide_frames() -> None:
    wide = FRAME.pivot(index="time", columns="unit", values="y")
    roles: dict[str, Any] = {"treated": "T", "start": 20}
    for same in (wide, wide.astype(object), wide.convert_dtypes(dtype_backend="pyarrow"), wide.astype("Float64")):
        assert np.allclose(bs.Panel.from_wide(same, **roles).outcome, PLAIN.outcome, rtol=1e-12)
    refused = {
        "2 levels of names": pd.concat({"y": wide}, axis=1),
        "its index has 2 levels": wide.set_index("D00", append=True),
        "complex": wide.astype(complex),
        "a column is called 'time'": wide.rename(columns={"D00": "time"}),
        "'D00' appears twice": pd.concat([wide, wide[["D00"]]], axis=1),
        "mixes int and str": wide.rename(columns={"D00": 3}),
    }
    for words, frame in refused.items():
        with pytest.raises(bs.PanelError, match=words):
            bs.Panel.from_wide(frame, **roles)


def test_data_of_another_library() -> None:
    assert "pyarrow table: there is no column 'unit' for unit; its columns are 'a'" in refusal(pa.table({"a": [1]}))
    assert "data is None" in refusal(None)
    assert "does not exist" in refusal("a\0b.csv")
    assert "does not exist" in refusal("a" * 300 + ".csv")
