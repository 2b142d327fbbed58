"""Each kind of bad input is one `PanelError` line that names the culprit and says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bsynth.errors import PanelError
from bsynth.panel import Panel
from bsynth.panel.simulate import simulate_factor

ROLES: dict[str, Any] = {"unit": "state", "time": "year", "outcome": "sales"}
OK: dict[str, Any] = {**ROLES, "treated": "Ohio", "start": 1994}


def table() -> pd.DataFrame:
    """Four states, six years, no pattern that any check could object to."""
    rng = np.random.default_rng(0)
    states = ["Iowa", "Ohio", "Texas", "Utah"]
    return pd.DataFrame(
        {
            "state": np.repeat(states, 6),
            "year": np.tile(np.arange(1990, 1996), 4),
            "sales": rng.normal(10, 1, 24).round(3),
        }
    )


def write(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index=False)
    return path


def set_cell(frame: pd.DataFrame, state: str, year: int, value: Any) -> pd.DataFrame:
    changed = frame.astype({"sales": object})
    changed.loc[(frame.state == state) & (frame.year == year), "sales"] = value
    return changed


def failure(data: Any, **arguments: Any) -> str:
    with pytest.raises(PanelError) as caught:
        Panel.from_long(data, **{**OK, **arguments})
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 420
    assert isinstance(caught.value, ValueError)
    return message


DESCRIPTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "missing column": ({"unit": "stat"}, ["'stat'", "did you mean 'state'", "t.csv"]),
    "one column for two roles": ({"outcome": "year"}, ["'year'", "time and outcome"]),
    "unknown treated unit": ({"treated": "Ohoi"}, ["'Ohoi'", "did you mean 'Ohio'", "treated unit"]),
    "treated twice": ({"treated": ["Ohio", "Ohio"]}, ["'Ohio'", "twice"]),
    "no treated unit": ({"treated": []}, ["treated is empty"]),
    "treated among the donors": ({"donors": ["Iowa", "Ohio", "Utah"]}, ["Ohio", "treated", "donors"]),
    "unknown donor": ({"donors": ["Iowa", "Utha"]}, ["'Utha'", "did you mean 'Utah'", "donor"]),
    "no donor": ({"donors": []}, ["donors is empty"]),
    "everything treated": ({"treated": ["Iowa", "Ohio", "Texas", "Utah"]}, ["2 donors", "none is left"]),
    "one donor": ({"donors": ["Iowa"]}, ["2 donors", "only 'Iowa'"]),
    "start at the first period": ({"start": 1990}, ["1990", "leaves 0 periods", "1993"]),
    "start at the third period": ({"start": 1992}, ["1992", "leaves 2 periods", "1993 or later"]),
    "start after the last period": ({"start": 2001}, ["start 2001", "after the last period 1995"]),
    "start before all periods": ({"start": 1950}, ["start 1950", "not a period", "1990"]),
    "start between periods": ({"start": 1993.5}, ["1993.5", "1992, 1993, 1994, 1995"]),
    "start that is no period at all": ({"start": "soon"}, ["'soon'", "whole numbers"]),
    "end before start": ({"end": 1993}, ["end 1993", "before start 1994"]),
    "end after the last period": ({"end": 2030}, ["end 2030", "after the last period 1995"]),
    "unknown rule for missing cells": ({"missing": "ignore"}, ["'ignore'", "'interpolate'", "'drop-units'"]),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_wrong_description(case: str, tmp_path: Path) -> None:
    arguments, words = DESCRIPTIONS[case]
    message = failure(write(tmp_path / "t.csv", table()), **arguments)
    for word in words:
        assert word in message


def test_third_pre_period_is_enough(tmp_path: Path) -> None:
    assert Panel.from_long(write(tmp_path / "t.csv", table()), **{**OK, "start": 1993}).n_pre == 3


def without(frame: pd.DataFrame, state: str, year: int) -> pd.DataFrame:
    return frame[~((frame.state == state) & (frame.year == year))]


def constant(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(sales=frame.sales.where((frame.state != "Ohio") | (frame.year >= 1994), 7.0))


VALUES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], list[str]]] = {
    "no rows": (lambda f: f.head(0), ["no rows"]),
    "duplicated cell": (
        lambda f: pd.concat([f, f.iloc[[13, 14]]]),
        ["2 cells", "Texas", "1991", "from_events"],
    ),
    "duplicate without an outcome": (
        lambda f: pd.concat([f, f.iloc[[13]].assign(sales=np.nan)]),
        ["Texas", "1991", "more than one row"],
    ),
    "missing row before start": (
        lambda f: without(f, "Utah", 1991),
        ["1 cell has", "'Utah' at 1991", "interpolate", "drop-units"],
    ),
    "missing row after start": (lambda f: without(f, "Iowa", 1995), ["'Iowa' at 1995"]),
    "missing outcome before start": (lambda f: set_cell(f, "Texas", 1990, None), ["'Texas' at 1990"]),
    "missing outcome of the treated unit": (lambda f: set_cell(f, "Ohio", 1994, None), ["'Ohio' at 1994"]),
    "infinite outcome": (lambda f: set_cell(f, "Utah", 1992, np.inf), ["'sales'", "infinite", "'Utah', 1992"]),
    "minus infinity": (lambda f: set_cell(f, "Utah", 1992, -np.inf), ["infinite", "'Utah', 1992"]),
    "text outcome": (
        lambda f: set_cell(set_cell(f, "Texas", 1991, "n.m."), "Utah", 1990, "?"),
        ["'sales'", "2 rows", "'n.m.'", "'Texas', 1991"],
    ),
    "thousands separator": (lambda f: set_cell(f, "Texas", 1991, "1,234"), ["'1,234'", "'Texas', 1991"]),
    "constant treated series": (constant, ["Ohio", "constant at 7", "before 1994"]),
    "row without a unit": (
        lambda f: f.assign(state=f.state.where(f.index != 8)),
        ["1 row has", "'state'", "year 1992"],
    ),
    "row without a period": (
        lambda f: f.assign(year=f.year.astype(object).where(f.index != 8)),
        ["1 row has", "'year'", "Ohio"],
    ),
    "periods that are words": (
        lambda f: f.assign(year="year " + f.year.astype(str)),
        ["'year'", "'year 1990'", "ISO dates"],
    ),
    "fractional periods": (lambda f: f.assign(year=f.year + 0.5), ["'year'", "1990.5", "whole numbers"]),
}


@pytest.mark.parametrize("ending", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("case", VALUES)
def test_wrong_values(case: str, ending: str, tmp_path: Path) -> None:
    change, words = VALUES[case]
    data: Any = change(table())
    if ending == "csv":
        data = write(tmp_path / "t.csv", data)
    elif ending == "parquet":
        if data.sales.dtype == object:
            kinds = {type(v) for v in data.sales.dropna()}
            data = data.assign(sales=data.sales.astype("string" if str in kinds else float))
        data.astype({"year": "float64"} if data.year.isna().any() else {}).to_parquet(tmp_path / "t.parquet")
        data = tmp_path / "t.parquet"
    message = failure(data)
    for word in words:
        assert word in message


def test_values_outside_the_window_count_only_when_they_are_wrong(tmp_path: Path) -> None:
    hole = without(table(), "Utah", 1995)
    assert Panel.from_long(write(tmp_path / "t.csv", hole), **OK, end=1994).n_post == 1
    assert Panel.from_long(hole, **OK, donors=["Iowa", "Texas"]).n_donors == 2
    assert "infinite" in failure(set_cell(table(), "Utah", 1995, np.inf), end=1994)
    assert "'x'" in failure(set_cell(table(), "Utah", 1995, "x"), donors=["Iowa", "Texas"])


def truncated_parquet(path: Path) -> None:
    table().to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])


def ragged(path: Path) -> None:
    text = table().to_csv(index=False)
    path.write_text(text + "Utah,1996\n")


FILES: dict[str, tuple[str, Callable[[Path], Any], list[str]]] = {
    "absent": (
        "sale.csv",
        lambda p: (p.parent / "sales.csv").write_text("x"),
        ["does not exist", "sales.csv"],
    ),
    "directory": ("data.csv", lambda p: p.mkdir(), ["holds no Parquet file", "a folder of Parquet files"]),
    "unknown ending": ("t.xlsx", lambda p: p.write_bytes(b"PK"), ["'t.xlsx'", "unknown ending", ".parquet"]),
    "no bytes": ("t.csv", lambda p: p.write_bytes(b""), ["'t.csv'", "empty"]),
    "no bytes in parquet": ("t.parquet", lambda p: p.write_bytes(b""), ["'t.parquet'", "empty"]),
    "header only": ("t.csv", lambda p: p.write_text("state,year,sales\n"), ["t.csv", "no rows"]),
    "binary junk": ("t.csv", lambda p: p.write_bytes(bytes(range(256)) * 9), ["'t.csv'"]),
    "binary junk with a header": (
        "t.csv",
        lambda p: p.write_bytes(b"state,year,sales\n" + bytes(range(256)) * 9),
        ["'t.csv'"],
    ),
    "zeros": ("t.csv", lambda p: p.write_bytes(bytes(400)), ["'t.csv'", "not a text file"]),
    "junk parquet": ("t.parquet", lambda p: p.write_bytes(b"PAR1" * 20), ["'t.parquet'", "cannot be read"]),
    "truncated parquet": ("t.parquet", truncated_parquet, ["'t.parquet'", "cannot be read"]),
    "not gzip": ("t.csv.gz", lambda p: p.write_text("state,year\n"), ["'t.csv.gz'", "cannot be read"]),
    "line cut off": ("t.csv", ragged, ["'t.csv'", "cannot be read", "26"]),
    "Latin-1 value": (
        "t.csv",
        lambda p: p.write_bytes(table().replace("Utah", "Québec").to_csv(index=False).encode("latin-1")),
        ["'t.csv'", "UTF-8"],
    ),
    "Latin-1 header": (
        "t.csv",
        lambda p: p.write_bytes(table().rename(columns={"sales": "café"}).to_csv(index=False).encode("latin-1")),
        ["'t.csv'", "UTF-8"],
    ),
    "UTF-16": ("t.csv", lambda p: p.write_text(table().to_csv(index=False), "utf-16"), ["'t.csv'", "UTF-8"]),
    "wide file": (
        "t.csv",
        lambda p: table().pivot(index="year", columns="state", values="sales").to_csv(p),
        ["'state'", "with a column per unit", "Iowa", "from_wide"],
    ),
    "periods as columns": (
        "t.csv",
        lambda p: table().pivot(index="state", columns="year", values="sales").to_csv(p),
        ["'year'", "look like periods", "1990", "one row per unit and period"],
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_wrong_file(case: str, tmp_path: Path) -> None:
    name, prepare, words = FILES[case]
    prepare(tmp_path / name)
    message = failure(tmp_path / name)
    for word in words:
        assert word in message


def test_wrong_frames() -> None:
    frame = table()
    assert "'sales' appears 2 times" in failure(pd.concat([frame, frame[["sales"]]], axis=1))
    mixed = frame.assign(state=[1, *frame.state[1:]])
    assert "'state' mixes int and str" in failure(mixed)
    assert "list" in failure([1, 2, 3])
    assert "complex" in failure(frame.assign(sales=1j))
    assert "['Ohio']" in failure(frame, treated=[["Ohio"]])
    assert "its columns are none" in failure(pd.DataFrame())
    dates = frame.assign(sales=pd.Timestamp("2020-01-01"))
    assert "must be numbers" in failure(dates)


def test_wrong_wide_files(tmp_path: Path) -> None:
    wide = table().pivot(index="year", columns="state", values="sales").reset_index()
    path = write(tmp_path / "wide.csv", wide)
    roles: dict[str, Any] = {"treated": "Ohio", "start": 1994}
    with pytest.raises(PanelError, match=r"wide.csv: there is no column 'yaer' for time, did you mean 'year'"):
        Panel.from_wide(path, time="yaer", **roles)
    with pytest.raises(PanelError, match="name the column of periods"):
        Panel.from_wide(path, **roles)
    with pytest.raises(PanelError, match="year 1990 has more than one row"):
        Panel.from_wide(pd.concat([wide, wide.head(1)]), time="year", **roles)
    with pytest.raises(PanelError, match=r"'high' at 'Iowa', 1990"):
        Panel.from_wide(wide.assign(Iowa=["high", *wide.Iowa[1:]]), time="year", **roles)
    with pytest.raises(PanelError, match="'Iowa' at 1990"):
        Panel.from_wide(write(tmp_path / "hole.csv", wide.assign(Iowa=[np.nan, *wide.Iowa[1:]])), time="year", **roles)


def test_wrong_events() -> None:
    log = pd.concat([table()] * 3, ignore_index=True).assign(user=range(72))
    with pytest.raises(PanelError, match="'usr' for cluster, did you mean 'user'"):
        Panel.from_events(log, **OK, cluster="usr")
    with pytest.raises(PanelError, match="2 rows have no value in column 'user'"):
        Panel.from_events(log.assign(user=log.user.where(log.user > 1)), **OK, cluster="user")
    with pytest.raises(PanelError, match="'Utah' at 1991"):
        Panel.from_events(without(log, "Utah", 1991), **OK)


def test_holes_of_the_treated_unit_cannot_be_dropped() -> None:
    assert "treated unit 'Ohio'" in failure(without(table(), "Ohio", 1991), missing="drop-units")
    empty = set_cell(table(), "Utah", 1990, None).assign(sales=lambda f: f.sales.where(f.state != "Utah").astype(float))
    assert "unit 'Utah' has no outcome" in failure(empty, missing="interpolate")
    assert "only 'Iowa'" in failure(without(table(), "Utah", 1991), missing="drop-units", donors=["Iowa", "Utah"])


@pytest.mark.parametrize("rule", ["error", "drop-units", "interpolate"])
def test_no_rule_is_advised_for_a_hole_in_the_effect(rule: str) -> None:
    said = failure(without(table(), "Ohio", 1995), missing=rule)
    assert "complete the data or end before" in said
    assert "missing=" not in said


def test_a_column_of_numbers_that_no_table_holds_is_named() -> None:
    large = set_cell(table(), "Utah", 1990, 2**70).assign(sales=lambda f: f.sales.astype(object))
    large["sales"] = [2**70] * len(large)
    assert "column 'sales'" in failure(large)


@pytest.mark.parametrize(
    ("freq", "inside", "last"), [("month", "2024-06-13", "2024-06-01"), ("week", "2024-06-26", "2024-06-24")]
)
def test_a_start_within_the_last_period_is_none_after_it(freq: str, inside: str, last: str) -> None:
    days = pd.date_range("2024-01-01", "2024-06-30")
    rng = np.random.default_rng(2)
    log = pd.DataFrame(
        [(s, d, rng.normal()) for s in ("Iowa", "Ohio", "Utah") for d in days], columns=["state", "day", "sales"]
    )
    roles = {"unit": "state", "time": "day", "outcome": "sales", "treated": "Ohio", "freq": freq}
    with pytest.raises(PanelError, match=f"start {inside} is not a period of the data; near it are .*{last}$"):
        Panel.from_events(log, **roles, start=inside)
    with pytest.raises(PanelError, match=f"start 2024-07-01 is after the last period {last}"):
        Panel.from_events(log, **roles, start="2024-07-01")


@pytest.mark.parametrize("date_format", [None, "%Y-%m-%d"])
def test_the_period_that_is_refused_is_the_first_of_the_rows(tmp_path: Path, date_format: str | None) -> None:
    frame = simulate_factor(donors=3, n_pre=6, n_post=2, seed=1)
    frame["time"] = pd.date_range("2024-01-01", periods=8)[frame["time"]].strftime("%Y-%m-%d")
    frame.loc[4, "time"], frame.loc[9, "time"], frame.loc[17, "time"] = "when?", "later", "always"
    file = tmp_path / "panel.csv"
    frame.to_csv(file, index=False)
    for data in (frame, file):
        with pytest.raises(PanelError, match="column 'time' holds 'when\\?', which"):
            Panel.from_long(data, unit="unit", time="time", outcome="outcome", treated=0, start="2024-01-07",
                            date_format=date_format)  # fmt: skip
