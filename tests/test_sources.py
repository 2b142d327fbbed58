"""One panel out of every library, file and engine; what rows are made of; users resampled where the data lie."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import bsynth as bs
from bsynth._base.plain import show
from bsynth.errors import PanelError
from bsynth.panel.cells import Cells, Clusters, Resamples
from bsynth.panel.read import read_events, read_long
from bsynth.panel.resample import Resampling
from bsynth.panel.rows import Rows

ROLES: dict[str, Any] = {"unit": "shop", "time": "at", "outcome": "paid", "cluster": "buyer"}
PANEL: dict[str, Any] = ROLES | {
    "treated": ["a", "007"], "start": "2024-03-11", "freq": "week", "time_zone": "America/New_York",
    "where": "country IN ('US', 'CA') AND paid >= 0", "key": "id", "duplicates": "identical",
}  # fmt: skip


def log(rows: int = 6000) -> pd.DataFrame:
    """Orders over ten weeks around the day on which New York's clocks go forward; copies, nulls, other countries."""
    rng = np.random.default_rng(11)
    seconds = rng.integers(0, 70 * 86400 - 3600, rows)
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "shop": rng.choice(["a", "007", "NA", "d", "e"], rows),
            "at": pd.Timestamp("2024-01-29 05:00") + pd.to_timedelta(seconds, unit="s"),
            "paid": np.round(rng.gamma(2.0, 10.0, rows), 2),
            "visits": rng.integers(1, 5, rows),
            "buyer": rng.integers(0, 900, rows),
            "country": rng.choice(["US", "CA", "MX"], rows, p=[0.6, 0.3, 0.1]),
        }
    )
    frame.loc[rng.choice(rows, 40, replace=False), "paid"] = np.nan
    return pd.concat([frame, frame.iloc[:25]], ignore_index=True)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL of the test's own, from Debian's package."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries or find_spec("psycopg") is None:
        reason = "no PostgreSQL: Debian's package postgresql, and psycopg, are needed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder, place = Path(tempfile.mkdtemp(prefix="bsynth-pg-")), binaries[-1].parent
    # PostgreSQL refuses to run as root.
    other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder.chmod(0o777)

    def call(*command: str) -> None:
        subprocess.run([*other, *command], check=True, capture_output=True, cwd="/")

    data = str(folder / "data")
    call(str(place / "initdb"), "-D", data, "-A", "trust", "-U", "bsynth", "--no-sync")
    options = f"-c listen_addresses='' -k {folder} -c fsync=off -c timezone=Asia/Tokyo"
    call(str(place / "pg_ctl"), "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://bsynth@/postgres?host={folder}"
    finally:
        call(str(place / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def postgres_table(address: str, frame: pd.DataFrame, zoned: bool = False) -> None:
    import psycopg

    kind = "timestamptz" if zoned else "timestamp"
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("set timezone to 'UTC'")
        cursor.execute("drop table if exists orders")
        cursor.execute(
            f"create table orders (id bigint, shop text, at {kind}, paid double precision, visits int, buyer bigint, "
            "country text)"
        )
        with cursor.copy("copy orders from stdin") as copy:
            for row in frame.itertuples(index=False):
                copy.write_row([None if v != v else (v.isoformat() if hasattr(v, "isoformat") else v) for v in row])


@pytest.fixture
def database(postgres: str) -> Iterator[Any]:
    connection = ibis.postgres.connect(host=postgres.split("host=")[1], user="bsynth", database="postgres")
    yield connection
    connection.disconnect()


def forms(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    polars = pytest.importorskip("polars")
    frame.to_csv(folder / "log.csv", index=False)
    frame.to_parquet(folder / "log.parquet")
    (folder / "many").mkdir()
    for k in range(3):
        frame.iloc[k::3].to_parquet(folder / "many" / f"part-{k}.parquet")
    for country, part in frame.groupby("country"):
        (folder / "hive" / f"country={country}").mkdir(parents=True)
        part.drop(columns="country").to_parquet(folder / "hive" / f"country={country}" / "x.parquet")
    connection = duckdb.connect()
    connection.execute("set timezone = 'Asia/Tokyo'")
    connection.register("orders", frame)
    database = ibis.duckdb.connect()
    database.raw_sql(f"create table log as from '{folder / 'log.parquet'}'")
    return {
        "shuffled": frame.sample(frac=1, random_state=1),
        "polars": polars.from_pandas(frame),
        "polars lazy": polars.from_pandas(frame).lazy(),
        "polars categories": polars.from_pandas(frame).with_columns(polars.col("shop").cast(polars.Categorical)),
        "arrow": pa.Table.from_pandas(frame),
        "csv": folder / "log.csv",
        "parquet": folder / "log.parquet",
        "folder": folder / "many",
        "pattern": str(folder / "many" / "part-*.parquet"),
        "hive": folder / "hive",
        "relation": connection.sql("select * from orders"),
        "duckdb table": database.table("log"),
        "zoned": frame.assign(at=frame["at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")),
        "zoned polars": polars.from_pandas(frame.assign(at=frame["at"].dt.tz_localize("UTC"))),
    }


def by_hand(frame: pd.DataFrame) -> pd.DataFrame:
    """The cells in plain pandas."""
    kept = frame.drop_duplicates("id")
    kept = kept[kept["country"].isin(["US", "CA"]) & (kept["paid"] >= 0)]
    local = kept["at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York").dt.tz_localize(None)
    week = local.dt.to_period("W").dt.start_time
    return kept.groupby([week, kept["shop"]])["paid"].agg(["count", "sum", "mean", lambda y: (y**2).sum()])


def same(one: bs.Panel, other: bs.Panel) -> None:
    assert one.units == other.units
    assert one.times.tolist() == other.times.tolist()
    np.testing.assert_allclose(one.outcome, other.outcome, rtol=1e-12)
    for name in ("n", "total", "total_sq"):
        np.testing.assert_allclose(getattr(one.cells, name), getattr(other.cells, name), rtol=1e-12)
    assert one.cells is not None
    assert other.cells is not None
    assert one.cells.design_effect == pytest.approx(other.cells.design_effect, rel=1e-12)
    assert isinstance(one.clusters, Clusters)
    assert isinstance(other.clusters, Clusters)
    for name in ("cluster", "time", "unit", "n"):
        np.testing.assert_array_equal(getattr(one.clusters, name), getattr(other.clusters, name))
    np.testing.assert_allclose(one.clusters.total, other.clusters.total, rtol=1e-12)


def test_every_source_gives_one_panel(tmp_path: Path) -> None:
    frame = log()
    expected = bs.Panel.from_events(frame, **PANEL)
    hand = by_hand(frame)
    mean = hand["mean"].unstack()[list(expected.units)]
    np.testing.assert_allclose(expected.outcome, mean.to_numpy(), rtol=1e-12)
    assert expected.times.tolist() == mean.index.tolist()
    assert expected.cells is not None
    np.testing.assert_allclose(expected.cells.total_sq, hand.iloc[:, 3].unstack()[list(expected.units)], rtol=1e-12)
    for form, data in forms(frame, tmp_path).items():
        try:
            same(bs.Panel.from_events(data, **PANEL), expected)
        except AssertionError as error:
            raise AssertionError(form) from error


@pytest.mark.parametrize("zoned", [False, True])
def test_postgres_gives_the_same_panel(postgres: str, database: Any, zoned: bool) -> None:
    """Its session is in Tokyo, which must not matter."""
    frame = log()
    postgres_table(postgres, frame, zoned)
    same(bs.Panel.from_events(database.table("orders"), **PANEL), bs.Panel.from_events(frame, **PANEL))


def test_the_clocks_change_and_weeks_begin_where_they_are_told() -> None:
    """Days by hand: New York's 10th of March 2024 has 23 hours, its 3rd of November 25; weeks from Sunday on."""
    for day in ("2024-03-10", "2024-11-03"):
        moments = pd.date_range(f"{day} 00:00", periods=72, freq="h", tz="UTC") - pd.Timedelta(days=1)
        frame = pd.DataFrame({"shop": "a", "at": moments, "paid": 1.0})
        local = moments.tz_convert("America/New_York")
        for freq, start, expected in (
            ("day", None, local.tz_localize(None).normalize()),
            ("week", "sunday", local.tz_localize(None).to_period("W-SAT").start_time),
            ("week", "wednesday", local.tz_localize(None).to_period("W-TUE").start_time),
            ("month", None, local.tz_localize(None).to_period("M").start_time),
            ("quarter", None, local.tz_localize(None).to_period("Q").start_time),
            ("year", None, local.tz_localize(None).to_period("Y").start_time),
        ):
            rows = Rows(freq=freq, week_start=start, time_zone="America/New_York", agg="count")
            for data in (frame, frame.assign(at=frame["at"].map(lambda t: t.isoformat()))):
                table = read_long(data, unit="shop", time="at", outcome="paid", rows=rows)
                counts = pd.Series(expected).value_counts().sort_index()
                assert table.times.tolist() == counts.index.tolist(), (day, freq, start)
                assert table.mean[:, 0].tolist() == counts.tolist(), (day, freq, start)


def test_moments_before_1970_and_partial_weeks_are_said() -> None:
    frame = pd.DataFrame({"shop": "a", "at": pd.date_range("1969-12-24", "1970-01-08", freq="D"), "paid": 1.0})
    table = read_long(frame, unit="shop", time="at", outcome="paid", rows=Rows(freq="week", agg="sum"))
    assert [show(t) for t in table.times] == ["1969-12-22", "1969-12-29", "1970-01-05"]
    assert table.mean[:, 0].tolist() == [5, 7, 4]
    assert table.source.notes() == [
        "The first week, from 1969-12-22, holds 5 of its 7 days.",
    ]
    assert table.ragged == ("The last week, from 1970-01-05, holds 4 of its 7 days.",)


def test_of_the_last_week_is_spoken_where_it_is_used() -> None:
    days = pd.date_range("2024-01-01", "2024-03-06", freq="D")
    frame = pd.concat([pd.DataFrame({"shop": s, "at": days, "paid": np.arange(len(days)) % 5 + k}) for k, s in
                       enumerate("abc")])  # fmt: skip
    roles = {"unit": "shop", "time": "at", "outcome": "paid", "freq": "week", "treated": "a", "start": "2024-02-05"}
    said = "The last week, from 2024-03-04, holds 3 of its 7 days."
    assert said in bs.Panel.from_events(frame, **roles).notes()
    assert said not in bs.Panel.from_events(frame, **roles, end="2024-02-26").notes()


def test_a_ratio_of_sums_has_the_variance_of_the_delta_method() -> None:
    """Against the spread of the ratio over fresh samples of the same world."""
    rng = np.random.default_rng(3)
    n, worlds = 400, 1500

    def sample() -> pd.DataFrame:
        visits = rng.poisson(3, n) + 1
        return pd.DataFrame({"visits": visits, "paid": rng.gamma(2.0, 1.0, n) * visits + rng.normal(0, 1, n)})

    ratios = []
    for _ in range(worlds):
        drawn = sample()
        ratios.append(drawn["paid"].sum() / drawn["visits"].sum())
    frame = pd.concat([sample() for _ in range(60)]).assign(shop="a", at=np.repeat(np.arange(60), n))
    rows = Rows(agg="ratio", denominator="visits")
    cells = read_events(frame, unit="shop", time="at", outcome="paid", rows=rows).cells
    assert cells is not None
    np.testing.assert_allclose(
        cells.mean[:, 0], frame.groupby("at").paid.sum() / frame.groupby("at").visits.sum(), rtol=1e-12
    )
    assert cells.variance.mean() == pytest.approx(np.var(ratios), rel=0.1)


def test_a_sum_varies_as_a_poisson_number_of_rows_does() -> None:
    rng = np.random.default_rng(4)
    cells = 800
    rows = rng.poisson(30, cells)
    frame = pd.DataFrame({"shop": "a", "at": np.repeat(np.arange(cells), rows), "paid": rng.gamma(2, 5, rows.sum())})
    for agg in ("sum", "count"):
        table = read_events(frame, unit="shop", time="at", outcome="paid", rows=Rows(agg=agg))
        assert table.cells is not None
        assert table.cells.variance.mean() == pytest.approx(table.mean.var(), rel=0.15)


def test_no_row_is_zero_in_a_sum_and_rows_without_an_outcome_are_not() -> None:
    frame = pd.DataFrame({"shop": list("aabb"), "at": [1, 2, 1, 3], "paid": [1.0, 2.0, 4.0, np.nan]})
    table = read_long(frame, unit="shop", time="at", outcome="paid", rows=Rows(agg="sum"))
    np.testing.assert_array_equal(table.mean, [[1, 4], [2, 0], [0, np.nan]])
    assert table.source.notes() == ["2 cells without a row count as zero."]


def test_rules_for_rows_of_one_key() -> None:
    frame = pd.DataFrame(
        {
            "id": [1, 1, 2, 2, 3],
            "shop": "a",
            "at": pd.to_datetime(["2024-01-01 09", "2024-01-02 10", "2024-01-03 00", "2024-01-03 00", "2024-01-04 00"]),
            "paid": [1.0, 10.0, 5.0, 5.0, 7.0],
        }
    )

    def total(**rule: Any) -> float:
        rows = Rows(freq="day", agg="sum", key="id", **rule)
        table = read_long(frame, unit="shop", time="at", outcome="paid", rows=rows)
        return float(np.nansum(table.mean))

    assert total(duplicates="first") == 13.0
    assert total(duplicates="last") == 22.0
    with pytest.raises(PanelError, match=r"2 keys have more than one row, one is 'id' 1; .*duplicates='identical'"):
        total()
    with pytest.raises(PanelError, match=r"1 key has more than one row and they differ, one is 'id' 1"):
        total(duplicates="identical")
    frame.loc[3, "paid"] = 6.0
    with pytest.raises(PanelError, match=r"1 key has more than one row at its last time, one is 'id' 2"):
        total(duplicates="last")


WHERE = {
    "country = 'US'": [1, 2],
    "country <> 'US' AND NOT paid > 5": [3],
    "paid BETWEEN 2 AND 6": [2, 3, 4],
    "country IN ('US', 'MX') OR paid * 2 >= 12": [1, 2, 4],
    "paid IS NOT NULL AND country LIKE 'M%'": [4],
    "paid / 2 = 1.5 AND (TRUE)": [3],
    "paid > -1 AND id <= 2": [1, 2],
}


@pytest.mark.parametrize("where", WHERE)
def test_conditions_mean_the_same_on_a_frame_and_on_text(where: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": [1, 2, 3, 4, 5], "country": ["US", "US", "CA", "MX", None], "paid": [10.0, 2, 3, 6, np.nan], "shop": "a"}
    )
    frame.to_csv(tmp_path / "f.csv", index=False)
    for data in (frame, tmp_path / "f.csv"):
        table = read_long(data, unit="shop", time="id", outcome="paid", rows=Rows(where=where))
        assert table.times.tolist() == WHERE[where]


def bad(**given: Any) -> None:
    frame = pd.DataFrame(
        {"shop": "a", "at": ["2024-01-01T00:00", "2024-01-02T00:00+01:00"], "paid": 1.0, "k": [1, None]}
    )
    frame = frame.assign(**given.pop("columns", {}))
    read_events(frame, unit="shop", time="at", outcome="paid", rows=Rows(**given))


BAD: dict[str, dict[str, Any]] = {
    r"agg is 'p95', and a quantile cannot be put together from the sums of cells": {"agg": "p95"},
    r"agg is 'median', and a quantile": {"agg": "median"},
    r"agg is 'total'.*it can be mean, sum, count, ratio": {"agg": "total"},
    r"agg is 'ratio' and denominator is None": {"agg": "ratio"},
    r"denominator is 'k' and agg is 'sum'": {"agg": "sum", "denominator": "k"},
    r"no column 'visits' for denominator": {"agg": "ratio", "denominator": "visits"},
    r"freq is 'weekly', did you mean 'week'\?": {"freq": "weekly"},
    r"time_zone 'Mars/Base' is unknown": {"freq": "day", "time_zone": "Mars/Base"},
    r"time_zone is 'UTC' and freq is None": {"time_zone": "UTC"},
    r"week_start is 'sunday' and freq is 'day'": {"freq": "day", "week_start": "sunday"},
    r"mixes '2024-01-01T00:00' without a zone and '2024-01-02T00:00\+01:00' with one": {"freq": "day"},
    r"holds moments with offsets; time_zone=": {"freq": "day", "columns": {"at": "2024-01-02T00:00+01:00"}},
    r"holds 'soon', which is no date or moment": {"freq": "day", "columns": {"at": ["soon", "2024-01-01"]}},
    r"holds int64, and freq needs dates or moments": {"freq": "day", "columns": {"at": [1, 2]}},
    r"1 row has no key in 'k'": {"key": "k"},
    r"duplicates is 'last' and no key is given": {"duplicates": "last"},
    r"duplicates is 'last' and times are text": {"key": "paid", "duplicates": "last"},
    r"no column 'pade' for where, did you mean 'paid'": {"where": "pade > 1"},
    r"which cannot be read": {"where": "paid >"},
    r"'COUNT\(paid\)' in it cannot be used": {"where": "count(paid) > 1"},
    r"which is no condition": {"where": "paid + 1"},
    r"has no rows where paid > 5": {"where": "paid > 5"},
    r"has no rows where paid > 6": {"where": "paid > 6", "freq": "day"},
    r"\"paid = 'abc'\", which does not go with the types of its columns \('paid' holds numbers\)": {
        "where": "paid = 'abc'"
    },
    r"does not go with the types": {"where": "paid IN ('a', 'b')"},
    r"LIKE 'a%'\", which does not go": {"where": "paid LIKE 'a%'"},
    r"'shop' holds text": {"where": "-shop > 2"},
    r"does not go with .*'shop' holds text": {"where": "shop = 'a' OR shop"},
    r"9999', which does not go": {"where": "paid > 99999999999999999999999999"},
    r"one is 'shop' 'a' and 'at' '2024-01-01'": {"key": ["shop", "at"], "columns": {"at": "2024-01-01"}},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_requests_get_one_line(message: str) -> None:
    with pytest.raises(PanelError, match=message) as caught:
        bad(**BAD[message])
    assert "\n" not in str(caught.value)


def users(count: int = 1500, seed: int = 8) -> pd.DataFrame:
    """Users of several rows whose outcomes resemble each other, over 5 shops and 8 weeks."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(count), rng.integers(1, 6, count))
    own = rng.normal(0, 1, count)[user]
    shop = rng.integers(0, 5, count)[user]
    week = rng.integers(0, 8, len(user))
    trend = np.array([0.0, 0.3, 0.6, 0.1, 0.5])[shop] + 0.2 * np.sin(week + shop)
    return pd.DataFrame(
        {"buyer": user, "shop": shop, "at": week, "paid": 5 + trend + own + rng.normal(0, 1, len(user))}
    )


USERS: dict[str, Any] = ROLES | {"treated": 0, "start": 5}


def test_resamples_in_the_engine_have_the_law_of_those_in_memory() -> None:
    """Means and standard deviations of the average effect agree within four Monte-Carlo errors."""
    replicates = 600
    frame = users()
    inside = bs.Panel.from_events(frame, **USERS, resamples=replicates)
    memory = bs.Panel.from_events(frame, **USERS)
    assert isinstance(inside.clusters, Resamples)
    found = [bs.bootstrap(p, "did", replicates=replicates, progress=False).table["mean_gap"] for p in (inside, memory)]
    deviation = float(np.mean([each.std() for each in found]))
    assert abs(found[0].mean() - found[1].mean()) < 4 * deviation * np.sqrt(2 / replicates)
    assert found[0].std() / found[1].std() == pytest.approx(1, abs=4 / np.sqrt(replicates))
    assert inside.cells is not None
    assert memory.cells is not None
    assert memory.cells.design_effect > 1.1
    assert inside.cells.design_effect == pytest.approx(memory.cells.design_effect, rel=0.05)
    # Replicates are as good as independent of each other, and so are users.
    ordered = found[0].to_numpy()
    assert abs(np.corrcoef(ordered[:-1], ordered[1:])[0, 1]) < 4 / np.sqrt(replicates)


def test_counts_are_poisson_and_hang_on_user_and_seed_alone(tmp_path: Path) -> None:
    """One row a user and cell: its total is then its count."""
    n = 300
    frame = pd.DataFrame({"buyer": range(n), "shop": np.arange(n) % 5, "at": np.arange(n) // 5, "paid": 1})

    def drawn(data: Any, seed: int = 1) -> np.ndarray:
        found = read_events(data, **ROLES, resampling=Resampling(400, seed)).clusters
        assert isinstance(found, Resamples)
        return found.total.reshape(400, -1)

    counts = drawn(frame)
    assert counts.mean() == pytest.approx(1, abs=4 / np.sqrt(counts.size))
    assert counts.var() == pytest.approx(1, abs=4 * np.sqrt(3 / counts.size))
    share = [(counts == k).mean() for k in range(4)]
    np.testing.assert_allclose(share, np.exp(-1) / np.array([1, 1, 2, 6]), atol=0.006)
    between = np.corrcoef(counts.T)[np.triu_indices(n, 1)]
    assert np.abs(between).max() < 0.3
    assert between.std() == pytest.approx(1 / np.sqrt(400), rel=0.1)
    (tmp_path / "p").mkdir()
    for k in range(4):
        frame.iloc[k::4].to_parquet(tmp_path / "p" / f"{k}.parquet")
    frame.to_csv(tmp_path / "f.csv", index=False)
    for other in (frame.sample(frac=1, random_state=3), tmp_path / "p", tmp_path / "f.csv"):
        np.testing.assert_array_equal(drawn(other), counts)
    assert (drawn(frame, seed=2) != counts).any()


def test_resamples_of_ratios_and_sums_agree_with_those_in_memory() -> None:
    frame = users().assign(visits=lambda f: 1 + f["buyer"] % 3)
    for agg, below in (("ratio", "visits"), ("sum", None)):
        how: dict[str, Any] = {"agg": agg, "denominator": below}
        inside = bs.Panel.from_events(frame, **USERS, **how, resamples=300)
        memory = bs.Panel.from_events(frame, **USERS, **how)
        sd = [bs.bootstrap(p, "did", replicates=300, progress=False).table["mean_gap"].std() for p in (inside, memory)]
        assert sd[0] / sd[1] == pytest.approx(1, abs=4 / np.sqrt(300))


def test_a_bootstrap_says_how_many_of_the_resamples_it_used() -> None:
    panel = bs.Panel.from_events(users(), **USERS, resamples=30)
    some = bs.bootstrap(panel, "did", replicates=20, progress=False)
    assert "over 20 resamples of users" in some.sentences()[0]
    assert any("30 resamples of which the first 20 were used, seed 0" in note for note in some.notes())
    every = bs.bootstrap(panel, "did", progress=False)
    assert any("Poisson counts: 30 resamples, seed 0" in note for note in every.notes())


def test_only_duckdb_draws_resamples(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "log.db") as connection:
        users(50).to_sql("log", connection, index=False)
    connection.close()
    table = ibis.sqlite.connect(tmp_path / "log.db").table("log")
    with pytest.raises(PanelError, match=r"resamples are drawn by DuckDB and the table is in sqlite"):
        read_events(table, **ROLES, resampling=Resampling(10))
    with pytest.raises(PanelError, match=r"resamples are of users, and cluster is None"):
        read_events(users(50), unit="shop", time="at", outcome="paid", resampling=Resampling(10))


def test_cells_of_a_ratio_survive_a_file(tmp_path: Path) -> None:
    from bsynth.panel.archive import fingerprint, pack, unpack

    panel = bs.Panel.from_events(users().assign(visits=2.0), **USERS, agg="ratio", denominator="visits")
    back = unpack(*pack(panel))
    assert isinstance(back.cells, Cells)
    np.testing.assert_array_equal(back.cells.variance, panel.cells.variance if panel.cells else 0)
    assert fingerprint(back) == fingerprint(panel)
