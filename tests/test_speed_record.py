"""The records of the speed table: what a ratio is, when a bar holds, and that README's table can be made of them."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
SHOWN = {"measure", "value", "unit", "other", "against", "ratio", "bar", "holds", "fails", "missing"}
"""What README's table reads of a line."""


@pytest.fixture(scope="module")
def record() -> ModuleType:
    spec = importlib.util.spec_from_file_location("speed_record", HERE / "benchmarks" / "speed" / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ratio_is_how_many_times_better(record: ModuleType) -> None:
    assert record.Line("seconds", 2.0, "s", 10.0, "other").ratio == 5.0
    assert record.Line("draws", 10.0, "/s", 2.0, "other", more=True).ratio == 5.0
    assert record.Line("alone", 2.0, "s").ratio is None
    assert record.Line("divergences", 0.0, "", 57.0, "other").ratio is None


@pytest.mark.parametrize(
    ("settings", "holds"),
    [
        ({}, None),
        ({"at_most": 2.0}, True),
        ({"at_most": 1.9}, False),
        ({"at_least": 2.0}, True),
        ({"at_least": 2.1}, False),
        ({"other": 10.0, "times": 5.0}, True),
        ({"other": 9.0, "times": 5.0}, False),
        ({"at_most": 1.0, "other": 10.0, "times": 5.0}, False),
        ({"at_most": 3.0, "times": 5.0, "missing": "no network"}, None),
        ({"at_most": 1.0, "times": 5.0, "missing": "no network"}, False),
        ({"at_most": 3.0, "fails": "the gate is not met"}, False),
    ],
)
def test_bar_holds(record: ModuleType, settings: dict[str, object], holds: bool | None) -> None:
    assert record.Line("a measure", 2.0, "s", **settings).holds is holds


def test_bar_no_number_meets_nothing(record: ModuleType) -> None:
    assert record.Line("a measure", float("nan"), "s", at_most=2.0).holds is False


def test_medians_of_both_sides_make_the_line(record: ModuleType) -> None:
    ours, theirs = [{"wall": w} for w in (3.0, 1.0, 2.0)], [{"wall": w} for w in (9.0, 100.0, 10.0)]
    line = record.compared("seconds", ours, theirs, "other", at_most=2.0, times=5.0)
    assert (line.value, line.other, line.ratio, line.holds) == (2.0, 10.0, 5.0, True)
    assert line.bar == "≤ 2 s, ≥ 5 times better"
    assert line.details == {"ours": ours, "theirs": theirs}
    alone = record.compared("seconds", ours, None, "other", at_most=2.0, times=5.0, missing="no network")
    assert (alone.other, alone.holds) == (None, None)


def test_a_line_has_what_the_table_reads(record: ModuleType) -> None:
    assert set(record.Line("a measure", 2.0, "s").to_dict()) >= SHOWN


def test_results_have_the_shape_that_the_table_reads() -> None:
    file = HERE / "benchmarks" / "results.json"
    if not file.is_file():
        pytest.skip("nothing is measured yet")
    results = json.loads(file.read_text(encoding="utf-8"))
    assert set(results) >= {"processor", "python", "versions", "rows"}
    assert results["quick"] is False
    for row in results["rows"].values():
        assert row["reason"] is not None or row["lines"]
        assert all(set(line) >= SHOWN for line in row["lines"])
