"""Many fits: order, resuming, failures, parallel jobs, silence."""

import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import rich.console

import bsynth as bs
from bsynth import pieces
from bsynth._base import progress
from bsynth._base.telling import warn
from bsynth.pieces import Store, check_store, digest, run_pieces

JOBS = {f"piece {k}": k for k in range(8)}


def square(k: int) -> dict[str, Any]:
    return {"square": k * k}


def slow_first(k: int) -> dict[str, Any]:
    """Later jobs finish sooner, so that results come out of order."""
    time.sleep(0.02 * (len(JOBS) - k))
    return square(k)


def run(work: Callable[[int], Any], **settings: Any) -> list[Any]:
    return run_pieces(JOBS, work, title="test", **({"progress": False} | settings))


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
def test_results_come_in_the_order_of_the_jobs(n_jobs: int, tmp_path: Path) -> None:
    store = Store(tmp_path / "pieces.jsonl", "k")
    found = run(slow_first, n_jobs=n_jobs, store=store)
    assert found == [square(k) for k in JOBS.values()]
    assert run(slow_first, n_jobs=n_jobs) == found
    assert store.read() == dict(zip(JOBS, found, strict=True))


def test_seeded_work_does_not_depend_on_the_number_of_jobs() -> None:
    def mean(k: int) -> float:
        return float(np.random.default_rng([7, k]).normal(size=1000).mean())

    assert run(mean, n_jobs=1) == run(mean, n_jobs=2)
    assert len(set(run(mean, n_jobs=2))) == len(JOBS)


def test_only_what_is_missing_is_computed(tmp_path: Path) -> None:
    store, calls = Store(tmp_path / "pieces.jsonl", "k"), []
    store.add("piece 3", {"square": -9})
    Store(store.file, "other settings").add("piece 4", {"square": -16})

    def counted(k: int) -> dict[str, Any]:
        calls.append(k)
        return square(k)

    found = run(counted, n_jobs=2, store=store)
    assert sorted(calls) == [0, 1, 2, 4, 5, 6, 7]
    assert [each["square"] for each in found] == [0, 1, 4, -9, 16, 25, 36, 49]
    assert run(counted, store=store) == found
    assert len(calls) == 7


def test_a_cut_line_costs_its_own_piece_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "pieces.jsonl", "k")
    for name, x in (("one", 1), ("zwei é", 2)):
        store.add(name, {"x": x})
    whole = store.file.read_bytes()
    last = whole.index(b"\n") + 1
    for length in range(last, len(whole) + 1):
        store.file.write_bytes(whole[:length])
        store.add("three", {"x": 3})
        # With nothing but its newline cut off the second piece is whole.
        kept = {"zwei é": {"x": 2}} if length >= len(whole) - 1 else {}
        assert store.read() == {"one": {"x": 1}, **kept, "three": {"x": 3}}, length


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    store = Store(tmp_path / "pieces.jsonl", "k", frozenset({"square"}))
    store.add("piece 1", square(1))
    with store.file.open("ab") as out:
        out.write(
            b'\xff\xfe\x00\n[1, 2]\n3\n{"key": "k"}\n{"key": "k", "piece": [1], "square": 1}\n{"piece": "piece 2"}\n'
        )
    Store(store.file, "k").add("piece 2", {})
    Store(store.file, "k").add("piece 3", square(3) | {"more": 1})
    store.add("piece 4", square(4))
    assert store.read() == {"piece 1": square(1), "piece 4": square(4)}
    calls: list[int] = []
    found = run(lambda k: (calls.append(k), square(k))[1], n_jobs=1, store=store)
    assert calls == [0, 2, 3, 5, 6, 7]
    assert found == [square(k) for k in JOBS.values()]
    assert list(store.read().values()) == [square(k) for k in (1, 4, *calls)]


@pytest.mark.parametrize(
    "content",
    [
        b"unit,time\na,1\n",
        b"\n",
        b"\x89HDF\r\n\x1a\n\xff",
        b'{"key": "a", "value": 1}\n',
        b'[{"key": "k", "piece": "p"}]',
        b"{}",
        b"3",
    ],
)
def test_a_file_of_something_else_is_no_store(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(content)
    with pytest.raises(bs.SpecError, match=r"data\.csv' is a file of something else; give a new path") as caught:
        check_store(file)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content


def test_a_store_is_one_empty_or_cut_anywhere(tmp_path: Path) -> None:
    store = Store(tmp_path / "pieces.jsonl", "k")
    assert check_store(store.file) == store.file
    store.add("one", {"x": 1})
    whole = store.file.read_bytes()
    for length in range(len(whole) + 1):
        store.file.write_bytes(whole[:length])
        assert check_store(store.file) == store.file
        store.add("two", {"x": 2})
        assert check_store(store.file) == store.file, length


def test_a_run_goes_on_after_a_kill(tmp_path: Path) -> None:
    store = Store(tmp_path / "pieces.jsonl", "k")
    found = run(square, store=store)
    lines = store.file.read_text().splitlines()
    store.file.write_text("\n".join(lines[:5]) + "\n" + lines[5][:20])
    calls: list[int] = []
    assert run(lambda k: (calls.append(k), square(k))[1], n_jobs=1, store=store) == found
    assert calls == [5, 6, 7]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_in_one_piece_keeps_the_finished_ones(n_jobs: int, tmp_path: Path) -> None:
    store = Store(tmp_path / "pieces.jsonl", "k")

    def fails_at_three(k: int) -> dict[str, Any]:
        if k == 3:
            until = time.monotonic() + 20
            while len(store.read()) < 3 and time.monotonic() < until:
                time.sleep(0.01)
            raise bs.FitError("the sampler stopped")
        return square(k)

    with pytest.raises(bs.FitError, match="the sampler stopped"):
        run(fails_at_three, n_jobs=n_jobs, store=store)
    kept = store.read()
    assert kept.keys() >= {"piece 0", "piece 1", "piece 2"}
    assert "piece 3" not in kept
    assert run(square, n_jobs=n_jobs, store=store) == [square(k) for k in JOBS.values()]


def test_the_first_of_each_compilation_runs_alone() -> None:
    running, most, lock = 0, {}, threading.Lock()

    def watched(k: int) -> int:
        nonlocal running
        with lock:
            running += 1
            most[k] = running
        time.sleep(0.03)
        with lock:
            running -= 1
        return k

    run(watched, n_jobs=4, compiled=lambda k: k % 2)
    assert list(most)[:2] in ([0, 1], [1, 0])
    assert (most[0], most[1]) == (1, 1)
    assert max(most.values()) > 1, "the others run side by side"


def test_unreliable_pieces_are_quiet_and_other_warnings_are_not() -> None:
    def warns(k: int) -> int:
        time.sleep(0.01 * (k % 3))
        warn("a fit is unreliable", bs.UnreliableWarning)
        if k == 5:
            warnings.warn("something else", RuntimeWarning, stacklevel=2)
        return k

    before = warnings.filters[:]
    with pytest.warns(RuntimeWarning, match="something else") as seen:
        run(warns, n_jobs=4)
    assert [w.category for w in seen] == [RuntimeWarning]
    assert warnings.filters == before, "filters are as they were, whatever the order in which threads ended"


def test_progress_is_silent_when_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = rich.console.Console
    monkeypatch.setattr(progress, "Console", lambda **k: terminal(**k, force_terminal=True))
    run(square, progress=False)
    assert capsys.readouterr() == ("", "")
    run(square, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "test" in shown.err


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "all"])
def test_what_is_no_number_of_jobs_is_refused(n_jobs: Any) -> None:
    with pytest.raises(bs.SpecError, match="n_jobs"):
        run(square, n_jobs=n_jobs)


def test_nothing_to_do_is_nothing_done() -> None:
    assert run_pieces({}, square, title="none", progress=False) == []


def test_a_digest_names_description_and_data() -> None:
    assert digest(["a", 1], b"x") == digest(["a", 1], b"x")
    assert len({digest(["a", 1], b"x"), digest(["a", 2], b"x"), digest(["a", 1], b"y")}) == 3


@pytest.mark.parametrize(("cores", "found"), [(1, 1), (2, 2), (4, 3), (64, 18)])
def test_all_cores_are_kept_at_work_unless_joblib_was_told_otherwise(
    cores: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces.joblib, "cpu_count", lambda: cores)
    assert pieces.side_by_side(None) == found
    assert pieces.side_by_side(1) == 1
    assert pieces.side_by_side(-1) == -1
    with joblib.parallel_config(n_jobs=5):
        assert pieces.side_by_side(None) is None


def test_two_pieces_run_at_once_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces.joblib, "cpu_count", lambda: 2)
    both = threading.Barrier(2)

    def waits(k: int) -> int:
        # The first of all runs alone.
        if k in (1, 2):
            both.wait(timeout=60)
        return k

    assert run(waits) == list(JOBS.values())
