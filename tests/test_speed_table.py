"""The speed table: what a ratio is, when a bar holds, how rows are carried out, and that README can be made of them."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bsynth.pieces import Store

HERE = Path(__file__).parent
SHOWN = {
    "measure", "value", "unit", "cpu", "other", "other_cpu", "against", "ratio", "bar", "holds", "fails", "missing"
}  # fmt: skip
"""What README's table reads of a line."""


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE / "benchmarks"))


@pytest.fixture
def record() -> ModuleType:
    return importlib.import_module("speed.record")


@pytest.fixture
def engine() -> ModuleType:
    return importlib.import_module("bench_engine")


@pytest.fixture
def bench(engine: ModuleType, tmp_path: Path) -> object:
    return engine.Bench(tmp_path, False, Store(tmp_path / "pieces.jsonl", "key"))


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
    assert (line.cpu, line.other_cpu) == (None, None)
    alone = record.compared("seconds", ours, None, "other", at_most=2.0, times=5.0, missing="no network")
    assert (alone.other, alone.holds) == (None, None)


def test_cpu_seconds_stand_beside_those_that_went_by(record: ModuleType) -> None:
    ours, theirs = [{"wall": 3.0, "cpu": 5.0}], [{"wall": 9.0, "cpu": 17.0}]
    line = record.compared("seconds", ours, theirs, "other")
    assert (line.value, line.cpu, line.other, line.other_cpu) == (3.0, 5.0, 9.0, 17.0)
    fits = record.compared(
        "seconds of a fit", [{"wall": 3.0, "fit_wall": 1.0, "fit_cpu": 2.0}], None, "", by="fit_wall"
    )
    assert (fits.value, fits.cpu) == (1.0, 2.0)


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


def test_sides_take_turns_and_an_interrupted_bench_goes_on(engine: ModuleType, bench: object, tmp_path: Path) -> None:
    done: list[str] = []

    def side(name: str, stops_at: int | None = None) -> object:
        def work(k: int) -> dict[str, float]:
            if k == stops_at:
                raise KeyboardInterrupt
            done.append(f"{name}{k}")
            return {"wall": float(k)}

        return work

    with pytest.raises(KeyboardInterrupt):
        bench.alternate("row", {"a": side("a"), "b": side("b", stops_at=1)}, 2)
    assert done == ["a-1", "b-1", "a0", "b0", "a1"]
    again = engine.Bench(tmp_path, False, Store(tmp_path / "pieces.jsonl", "key"))
    found = again.alternate("row", {"a": side("a"), "b": side("b")}, 2)
    assert done[5:] == ["b1"]
    assert found == {"a": [{"wall": 0.0}, {"wall": 1.0}], "b": [{"wall": 0.0}, {"wall": 1.0}]}


def test_a_process_is_timed_with_what_it_printed_last() -> None:
    processes = importlib.import_module("speed.processes")
    sample = processes.timed([sys.executable, "-c", "print('words'); print('{\"ess\": 3}')"])
    assert sample["ess"] == 3
    assert min(sample[name] for name in ("wall", "cpu", "megabytes")) > 0
    with pytest.raises(processes.Failed, match="exited with 1: ZeroDivisionError"):
        processes.timed([sys.executable, "-c", "1 / 0"])


def test_a_row_that_fails_has_its_reason(
    engine: ModuleType, bench: object, monkeypatch: pytest.MonkeyPatch, record: ModuleType
) -> None:
    def broken(bench: object) -> list[object]:
        """Break."""
        raise ValueError("no such file")

    def whole(bench: object) -> list[object]:
        """Work."""
        return [record.Line("a measure", 2.0, "s", at_most=3.0)]

    monkeypatch.setattr(engine, "ROWS", {"broken": broken, "whole": whole})
    assert engine.measured("broken", bench)["reason"] == "ValueError: no such file"
    found = engine.measured("whole", bench)
    assert found["reason"] is None
    assert [line["holds"] for line in found["lines"]] == [True]


def test_a_package_that_cannot_be_installed_is_missing_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environments = importlib.import_module("speed.environments")
    monkeypatch.setattr(environments, "BUILD", tmp_path)
    monkeypatch.setattr(environments, "_failed", {})
    monkeypatch.setattr(environments, "_run", lambda *command: "no network" if "pip" in command else None)
    found, reason = environments.available("pysyncon")
    assert (found, reason) == ([], "pysyncon cannot be installed: no network")
