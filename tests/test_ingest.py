"""The same cells come out of a frame, a CSV, a Parquet file and a database table."""

import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from bsynth._base.plain import show
from bsynth.errors import PanelError
from bsynth.panel.cells import Cells, CellTable, Clusters, design_effect
from bsynth.panel.read import read_events, read_long, read_wide

LONG = {"unit": "unit", "time": "time", "outcome": "y"}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame({"unit": np.repeat(["b", "a", "c"], 4), "time": [3, 1, 2, 4] * 3, "y": rng.normal(size=12)})


def events(users: int = 400) -> pd.DataFrame:
    """Users with 1 to 4 rows each over 3 units and 5 weeks; ids with gaps and not in order."""
    rng = np.random.default_rng(5)
    ids = rng.permutation(10 * np.arange(users))
    log = pd.DataFrame({"user": np.repeat(ids, rng.integers(1, 5, users))})
    return log.assign(
        unit=rng.choice(["x", "y", "z"], len(log)),
        time=rng.integers(0, 5, len(log)),
        y=rng.integers(0, 2, len(log)),
    )


def same(a: CellTable, b: CellTable) -> None:
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-14)
    assert a.units == b.units
    assert a.times.tolist() == b.times.tolist()
    for name in ("n", "total", "total_sq") if a.cells else ():
        np.testing.assert_allclose(getattr(a.cells, name), getattr(b.cells, name))
    for name in ("cluster", "time", "unit", "n", "total") if a.clusters else ():
        np.testing.assert_array_equal(getattr(a.clusters, name), getattr(b.clusters, name))


def forms(data: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """The same rows in each shape that the readers take."""
    data.to_csv(folder / "d.csv", index=False)
    data.to_csv(folder / "d.csv.gz", index=False)
    data.to_csv(folder / "d.tsv", index=False, sep="\t")
    data.to_csv(folder / "semicolon.csv", index=False, sep=";", lineterminator="\r\n")
    data.to_csv(folder / "bom.csv", index=False, encoding="utf-8-sig")
    data.to_parquet(folder / "d.parquet")
    database = ibis.duckdb.connect()
    database.raw_sql(f"create table d as from '{folder / 'd.parquet'}'")
    return {
        "shuffled": data.sample(frac=1, random_state=1),
        "text path": str(folder / "d.csv"),
        **{p.name: p for p in folder.iterdir()},
        "memtable": ibis.memtable(data),
        "database": database.table("d"),
        "expression": database.table("d").filter(ibis._.time >= 0),
        "object columns": data.astype(object),
        "categories": data.astype({"unit": "category"}),
    }


def test_every_form_of_long_data_gives_the_same_table(tmp_path: Path) -> None:
    expected = read_long(frame(), **LONG)
    pivot = frame().pivot(index="time", columns="unit", values="y")
    np.testing.assert_array_equal(expected.mean, pivot.to_numpy())
    assert (expected.units, expected.times.tolist()) == (("a", "b", "c"), [1, 2, 3, 4])
    for data in forms(frame(), tmp_path).values():
        same(read_long(data, **LONG), expected)


def test_every_form_of_events_gives_the_same_table(tmp_path: Path) -> None:
    log = events()
    expected = read_events(log, **LONG, cluster="user")
    groups = log.groupby(["time", "unit"]).y.agg(["count", "sum", "mean"]).unstack()
    assert expected.cells is not None
    np.testing.assert_array_equal(expected.cells.n, groups["count"])
    np.testing.assert_array_equal(expected.cells.total, groups["sum"])
    np.testing.assert_allclose(expected.mean, groups["mean"])
    assert expected.cells.binary
    for data in forms(log, tmp_path).values():
        same(read_events(data, **LONG, cluster="user"), expected)


def test_sums_of_squares_give_each_units_own_variance_of_a_row() -> None:
    rng = np.random.default_rng(0)
    log = events().assign(y=lambda f: rng.normal(3, 2 * (1 + (f.unit == "b")), len(f)))
    cells = read_events(log, **LONG).cells
    assert cells is not None
    assert not cells.binary
    cell = log.groupby(["time", "unit"]).y
    squares = ((log.y - cell.transform("mean")) ** 2).groupby(log.unit).sum()
    freedom = cell.count().groupby("unit").sum() - cell.count().groupby("unit").size()
    pooled = squares.sum() / freedom.sum()
    np.testing.assert_allclose(cells.row_variance, (squares + pooled) / (freedom + 1))
    np.testing.assert_allclose(cells.variance, cells.row_variance / cells.n)


@pytest.mark.parametrize("name", ["d[1].csv", "d*.csv", "d?.parquet", "it's.csv", "with space.CSV"])
def test_a_file_name_is_no_pattern(name: str, tmp_path: Path) -> None:
    """Files beside it that the name would match as a pattern stay unread."""
    for other in (name, "d1.csv", "d1.parquet"):
        path = tmp_path / other
        data = frame() if other == name else frame().assign(y=0.0)
        if other.endswith("parquet"):
            data.to_parquet(path)
        else:
            data.to_csv(path, index=False)
    same(read_long(tmp_path / name, **LONG), read_long(frame(), **LONG))


def test_a_database_of_another_kind_is_aggregated_where_it_lies(tmp_path: Path) -> None:
    log = events()
    log.loc[3, "y"] = np.nan
    with sqlite3.connect(tmp_path / "log.db") as connection:
        log.to_sql("log", connection, index=False)
    connection.close()
    table = ibis.sqlite.connect(tmp_path / "log.db").table("log")
    same(read_events(table, **LONG, cluster="user"), read_events(log, **LONG, cluster="user"))


def test_cluster_codes_reproduce_row_resampling() -> None:
    """Counts over cluster codes weigh the cells as copying the rows of the drawn users does."""
    log = events().sort_values("user").drop_duplicates("user").reset_index(drop=True)
    parts = read_events(log.sample(frac=1, random_state=2), **LONG, cluster="user").clusters
    assert parts is not None
    assert parts.count == len(log)
    draw = np.random.default_rng(7).integers(0, parts.count, size=parts.count)
    weight = np.bincount(draw, minlength=parts.count)[parts.cluster]
    n, total = np.zeros((5, 3)), np.zeros((5, 3))
    np.add.at(n, (parts.time, parts.unit), weight * parts.n)
    np.add.at(total, (parts.time, parts.unit), weight * parts.total)
    copied = log.iloc[draw].groupby(["time", "unit"]).y.mean().unstack()
    np.testing.assert_allclose(total / n, copied.to_numpy())


def test_cluster_identifiers_in_text_files_sort_as_numbers(tmp_path: Path) -> None:
    log = pd.DataFrame({"user": [10, 9, 100], "unit": "x", "time": [1, 2, 3], "y": [1, 0, 1]})
    log.to_csv(tmp_path / "log.csv", index=False)
    parts = read_events(tmp_path / "log.csv", **LONG, cluster="user").clusters
    assert parts is not None
    assert dict(zip(parts.time.tolist(), parts.cluster.tolist(), strict=True)) == {0: 1, 1: 0, 2: 2}


def test_design_effect_is_one_with_one_row_per_cluster_and_cell() -> None:
    log = events().drop_duplicates(["user", "unit", "time"])
    cells = read_events(log, **LONG, cluster="user").cells
    assert cells is not None
    assert cells.design_effect == 1.0


def test_design_effect_of_copied_rows_is_their_number() -> None:
    """Each row given m times by its user: the mean is as uncertain as with one copy."""
    base = events().drop_duplicates(["user", "unit", "time"])
    log = pd.concat([base] * 3)
    once, thrice = (read_events(x, **LONG, cluster="user").cells for x in (base, log))
    assert once is not None
    assert thrice is not None
    assert thrice.design_effect == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(thrice.variance, once.variance, rtol=0.05)


def test_design_effect_estimates_the_variance_of_a_cell_mean() -> None:
    """Users of 5 rows, variance 1, intra-class correlation .3: a row counts 1 + (5 − 1)·.3 = 2.2, else 1.

    Four users a cell: without the degrees of freedom the estimate would be a quarter too small.
    """
    rng = np.random.default_rng(11)
    users = 6000
    user = np.repeat(np.arange(users), 5)
    log = pd.DataFrame({"user": user, "unit": np.array(["x", "y", "z"])[user % 3], "time": user // 12})
    own = np.sqrt(0.3) * rng.normal(size=users)[user] + np.sqrt(0.7) * rng.normal(size=len(user))
    for y, expected in ((own, 2.2), (rng.normal(size=len(user)), 1.0)):
        cells = read_events(log.assign(y=y), **LONG, cluster="user").cells
        assert cells is not None
        assert cells.design_effect * cells.row_variance.mean() == pytest.approx(expected, rel=0.06)


def test_design_effect_is_never_below_one() -> None:
    """Two rows per user that cancel out would give zero variance."""
    codes = np.repeat(np.arange(4), 1)
    zero = np.zeros(4, dtype=np.int64)
    parts = Clusters(4, codes, zero, zero, np.full(4, 2.0), np.zeros(4))
    cells = Cells(np.full((1, 1), 8.0), np.zeros((1, 1)), np.full((1, 1), 8.0), binary=False)
    assert design_effect(parts, cells) == 1.0


def test_rows_without_an_outcome_are_counted_apart(tmp_path: Path) -> None:
    log = events().astype({"y": float})
    log.loc[[1, 5, 9], "y"] = np.nan
    log.to_csv(tmp_path / "log.csv", index=False)
    for data in (log, tmp_path / "log.csv"):
        table = read_events(data, **LONG, cluster="user")
        assert table.cells is not None
        assert table.clusters is not None
        assert table.cells.n.sum() == len(log) - 3 == table.clusters.n.sum()
        assert table.source.rows_in == len(log)
        assert table.source.rows_without_outcome == 3
        assert table.source.notes() == [f"3 of {len(log)} rows have no y; not counted."]


@pytest.mark.parametrize("token", ["", "NA", "NaN", "nan", "null", "NULL", "None", "n/a", "#N/A", " NA ", "."])
def test_null_tokens_are_missing_outcomes_and_never_units(token: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"unit,time,y\nNA,1,2.5\nNA,2,{token}\nnull,1,4\nnull,2, 5 \n")
    table = read_long(path, **LONG)
    assert table.units == ("NA", "null")
    np.testing.assert_array_equal(table.mean, [[2.5, 4], [np.nan, 5]])


@pytest.mark.parametrize("values", [[True, False, True], ["True", "False", "TRUE"], [1, 0, 1]])
def test_true_and_false_are_one_and_zero(values: list[Any], tmp_path: Path) -> None:
    data = pd.DataFrame({"unit": ["a", "a", "a"], "time": 1, "y": values})
    data.to_csv(tmp_path / "d.csv", index=False)
    for source in (data, tmp_path / "d.csv"):
        table = read_events(source, **LONG)
        assert table.cells is not None
        assert table.cells.binary
        assert table.mean[0, 0] == pytest.approx(2 / 3)


def test_units_keep_their_own_labels(tmp_path: Path) -> None:
    def units(labels: list[Any]) -> tuple[Any, ...]:
        data = pd.DataFrame({"unit": labels, "time": 1, "y": 1.0})
        data.to_csv(tmp_path / "d.csv", index=False)
        from_frame, from_file = read_long(data, **LONG).units, read_long(tmp_path / "d.csv", **LONG).units
        assert from_frame == from_file
        return from_file

    assert units([10, 9, 100]) == (9, 10, 100)
    assert units(["007", "7", "70"]) == ("007", "7", "70")
    assert units(["b", "B", "ä"]) == ("B", "b", "ä")


TIMES: dict[str, tuple[list[Any], list[Any]]] = {
    "int": ([2001, 1999], [1999, 2001]),
    "whole floats": ([2001.0, 1999.0], [1999, 2001]),
    "numbers as text": (["10", "9"], [9, 10]),
    "whole floats as text": (["10.0", "9.0"], [9, 10]),
    "ISO dates": (["2021-04-02", "2021-04-01"], ["2021-04-01", "2021-04-02"]),
    "ISO moments": (["2021-04-01T12:00", "2021-04-01"], ["2021-04-01", "2021-04-01T12:00:00"]),
    "months": (["2021-04", "2021-03"], ["2021-03-01", "2021-04-01"]),
    "quarters": (["2020Q2", "2020Q1"], ["2020-01-01", "2020-04-01"]),
    "timestamps": ([pd.Timestamp("2021-02-01"), pd.Timestamp("2021-01-01")], ["2021-01-01", "2021-02-01"]),
    "dates": (
        [pd.Timestamp("2021-02-01").date(), pd.Timestamp("2021-01-01").date()],
        ["2021-01-01", "2021-02-01"],
    ),
    "periods": ([pd.Period("2021-02"), pd.Period("2021-01")], ["2021-01-01", "2021-02-01"]),
    "zoned": (
        ["2021-02-01T00:00:00+00:00", "2021-01-01T02:00:00+02:00"],
        ["2021-01-01", "2021-02-01"],
    ),
}


@pytest.mark.parametrize("case", TIMES)
def test_times(case: str, tmp_path: Path) -> None:
    given, expected = TIMES[case]
    data = pd.DataFrame({"unit": "a", "time": given, "y": [2.0, 1.0]})
    data.to_csv(tmp_path / "d.csv", index=False)
    for source in (data, tmp_path / "d.csv"):
        table = read_long(source, **LONG)
        assert [show(t) for t in table.times] == expected
        assert table.times.is_monotonic_increasing


@pytest.mark.parametrize("text", ["week 3", "1990.5", "2021-13", "2021-02-30", "2021W60", "25p", "NaT", "inf", "true"])
def test_what_is_no_period_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(f"unit,time,y\na,{text},1\n")
    with pytest.raises(PanelError, match=f"'?{text}'?.*ISO dates"):
        read_long(tmp_path / "d.csv", **LONG)


def test_wide_and_long_are_the_same_table(tmp_path: Path) -> None:
    expected = read_long(frame(), **LONG)
    wide = frame().pivot(index="time", columns="unit", values="y")
    wide.to_csv(tmp_path / "wide.csv")
    wide.reset_index().to_parquet(tmp_path / "wide.parquet")
    same(read_wide(wide, time=None, outcome="y"), expected)
    for data in (
        wide.reset_index(),
        tmp_path / "wide.csv",
        tmp_path / "wide.parquet",
        ibis.memtable(wide.reset_index()),
    ):
        table = read_wide(data, time="time", outcome="y")
        same(table, expected)
        assert table.source.rows_in == 12
    numbered = wide.set_axis([7, 10, 9], axis=1)
    assert read_wide(numbered, time=None, outcome="y").units == (7, 9, 10)


def test_a_saved_row_index_is_no_unit(tmp_path: Path) -> None:
    frame().pivot(index="time", columns="unit", values="y").reset_index().to_csv(tmp_path / "wide.csv")
    with pytest.raises(PanelError, match="saved row index"):
        read_wide(tmp_path / "wide.csv", time="time", outcome="y")


def test_source_says_where_the_numbers_came_from(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    frame().to_csv(path, index=False)
    source = read_long(path, **LONG).source
    assert (source.name, source.rows_in, source.unit, source.outcome) == ("d.csv", 12, "unit", "y")
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    a, b = (read_long(f, **LONG).source.sha256 for f in (frame(), frame().assign(other=1)))
    assert a == b
    assert a != read_long(frame().assign(y=0.0), **LONG).source.sha256
    assert len(read_long(ibis.memtable(frame()), **LONG).source.sha256) == 64


def test_importing_the_panel_loads_no_engine() -> None:
    heavy = ("ibis", "duckdb", "pymc", "matplotlib")
    code = f"import sys, bsynth.panel; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
