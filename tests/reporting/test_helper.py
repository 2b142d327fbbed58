"""Pictures that a second process draws are those that this one would draw, and it may break."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from bsynth.analysis import Analysis
from bsynth.reporting import helper, second
from bsynth.reporting import run as run_module
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import drawings

ROOM = second.room
"""As it is: in other tests there is none."""


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "room", lambda: True)
    monkeypatch.setattr(helper, "HELPED_FROM", 2)


def _begun(found: helper.Drawn) -> None:
    """Wait until the other process has a picture to draw, as long as any machine may take."""
    for _ in range(2400):
        if found._there:
            return
        time.sleep(0.05)
    pytest.fail("the second process did not begin")


def _end(_: str) -> Drawing:
    os._exit(1)


@pytest.mark.usefixtures("two")
def test_both_processes_draw_the_same(analysis: Analysis, pictures: dict[str, Drawing]) -> None:
    with helper.drawn_by_two(analysis, drawings(analysis)) as found:
        _begun(found)
        drawn = {key: draw() for key, draw in found}
    assert found._there.keys() < drawn.keys()
    assert drawn == pictures


def test_a_process_begun_early_draws_few_pictures_too(
    analysis: Analysis, pictures: dict[str, Drawing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second, "room", lambda: True)
    with second.second_process() as executor:
        assert executor is not None
        with helper.drawn_by_two(analysis, drawings(analysis), executor) as found:
            _begun(found)
            assert {key: draw() for key, draw in found} == pictures
        # It is whoever began it who ends it.
        assert executor.submit(os.getpid).result() != os.getpid()
    with pytest.raises(RuntimeError):
        executor.submit(os.getpid)


@pytest.mark.usefixtures("two")
def test_a_process_that_dies_costs_nothing(
    analysis: Analysis, pictures: dict[str, Drawing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "_draw", _end)
    with helper.drawn_by_two(analysis, drawings(analysis)) as found:
        _begun(found)
        assert {key: draw() for key, draw in found} == pictures


def test_one_that_never_starts_is_not_waited_for(analysis: Analysis, pictures: dict[str, Drawing]) -> None:
    class Never(Executor):
        def submit(self, *_: object) -> Future[None]:  # type: ignore[override]
            return Future()

    assert {key: draw() for key, draw in helper.Drawn(analysis, drawings(analysis), Never())} == pictures


@pytest.mark.usefixtures("two")
def test_a_machine_without_second_processes_draws_alone(
    analysis: Analysis, pictures: dict[str, Drawing], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(**_: object) -> Executor:
        raise OSError("no semaphores")

    monkeypatch.setattr(second, "ProcessPoolExecutor", none)
    with helper.drawn_by_two(analysis, drawings(analysis)) as found:
        assert {key: draw() for key, draw in found} == pictures


@pytest.mark.parametrize(("cores", "load", "room"), [(1, 0.0, False), (2, 1.9, True), (2, 4.0, False), (8, 4.0, True)])
def test_there_is_room_on_a_second_core_that_is_not_crowded(
    cores: int, load: float, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second, "cpu_count", lambda: cores)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert ROOM() is room


def test_what_cannot_be_drawn_raises_here(analysis: Analysis) -> None:
    class Poor(Executor):
        def submit(self, do: Callable[..., object], *of: object) -> Future[object]:  # type: ignore[override]
            future: Future[object] = Future()
            future.set_result(None) if of == (analysis,) else future.set_exception(ValueError("there"))
            return future

    def here() -> Drawing:
        raise ZeroDivisionError("here")

    found = helper.Drawn(analysis, {"one": here, "two": here}, Poor())
    seen: Iterator[tuple[str, Callable[[], Drawing]]] = iter(found)
    for _ in range(2):
        _, draw = next(seen)
        with pytest.raises(ZeroDivisionError):
            draw()


def test_pictures_that_cannot_even_be_listed_cost_no_answer(
    analysis: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: Analysis) -> dict[str, Callable[[], Drawing]]:
        raise ValueError("no list")

    monkeypatch.setattr(run_module, "drawings", none)
    written = run_module.write_run(analysis, tmp_path / "run")
    assert written.unavailable["pictures"] == "ValueError: no list"
    assert {"summary.json", "fit.nc", "report.html"} <= {file.name for file in (tmp_path / "run").iterdir()}
