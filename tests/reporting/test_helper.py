"""Pictures that a second process draws are those that this one would draw, and it may break."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bsynth.analysis import Analysis
from bsynth.reporting import helper
from bsynth.reporting import run as run_module
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import drawings

ROOM = helper.room
"""As it is: in other tests there is none."""
NEVER = threading.Event()
type Makers = dict[str, Callable[[], Drawing]]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere a fork is not safe")
    monkeypatch.setattr(helper, "room", lambda: True)


def _only_there(draw: Callable[[], Drawing], do: Callable[[], object]) -> Callable[[], Drawing]:
    """Do something first where it is drawn in another process."""
    here = os.getpid()

    def drawn() -> Drawing:
        if os.getpid() != here:
            do()
        return draw()

    return drawn


@pytest.mark.usefixtures("two")
def test_both_processes_draw_the_same(analysis: Analysis, pictures: dict[str, Drawing]) -> None:
    makers = drawings(analysis)
    with helper.second_process(makers) as second:
        assert second is not None
        # Its first is the last, and comes first where it is waited for.
        key, drawing = second.next(240.0) or ("", None)
        assert (key, drawing) == (list(makers)[-1], pictures[list(makers)[-1]])
        assert {key: draw() for key, draw in helper.drawn_by_two(makers, second)} == pictures


@pytest.mark.usefixtures("two")
def test_each_picture_is_drawn_for_one_of_the_two(pictures: dict[str, Drawing]) -> None:
    one = next(iter(pictures.values()))

    def never() -> Drawing:
        raise AssertionError("the other process has drawn it")

    with helper.second_process({"a": lambda: one, "b": lambda: one}) as second:
        assert second is not None
        there = [second.next(240.0), second.next(240.0), second.next(240.0)]
        assert there == [("b", one), ("a", one), None]
        for found in there[:2]:
            second._found.put(found)
        assert {key: draw() for key, draw in helper.drawn_by_two({"a": never, "b": never}, second)} == {
            "a": one, "b": one,
        }  # fmt: skip


@pytest.mark.usefixtures("two")
def test_a_process_that_dies_costs_nothing(analysis: Analysis, pictures: dict[str, Drawing]) -> None:
    makers = {key: _only_there(draw, lambda: os._exit(1)) for key, draw in drawings(analysis).items()}
    with helper.second_process(makers) as second:
        assert {key: draw() for key, draw in helper.drawn_by_two(makers, second)} == pictures


@pytest.mark.usefixtures("two")
def test_one_that_hangs_is_not_waited_for_without_end(
    analysis: Analysis, pictures: dict[str, Drawing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "PATIENCE", 0.1)
    makers = {key: _only_there(draw, NEVER.wait) for key, draw in drawings(analysis).items()}
    with helper.second_process(makers) as second:
        assert second is not None
        assert {key: draw() for key, draw in helper.drawn_by_two(makers, second)} == pictures
        with pytest.raises(queue.Empty):
            second.next()
    assert not second._process.is_alive()


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("error", [OSError("no more processes"), AssertionError("daemons may have no children")])
def test_a_machine_without_second_processes_draws_alone(
    error: Exception, analysis: Analysis, pictures: dict[str, Drawing], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: object) -> helper.Second:
        raise error

    monkeypatch.setattr(helper, "Second", none)
    makers = drawings(analysis)
    with helper.second_process(makers) as second:
        assert second is None
        assert {key: draw() for key, draw in helper.drawn_by_two(makers, second)} == pictures


@pytest.mark.parametrize(
    ("platform", "cores", "load", "room"),
    [
        ("linux", 1, 0.0, False), ("linux", 2, 1.9, True), ("linux", 2, 4.0, False), ("linux", 8, 4.0, True),
        ("darwin", 8, 0.0, False), ("win32", 8, 0.0, False),
    ],
)  # fmt: skip
def test_there_is_room_on_a_second_core_that_is_not_crowded_where_a_fork_is_safe(
    platform: str, cores: int, load: float, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    monkeypatch.setattr(helper, "cpu_count", lambda: cores)
    monkeypatch.setattr(helper.sys, "platform", platform)
    assert ROOM() is room


@pytest.mark.usefixtures("two")
def test_what_cannot_be_drawn_raises_here() -> None:
    def here() -> Drawing:
        raise ZeroDivisionError("here")

    makers: Makers = {"one": here, "two": here}
    with helper.second_process(makers) as second:
        seen: Iterator[tuple[str, Callable[[], Drawing]]] = helper.drawn_by_two(makers, second)
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


def test_it_ends_with_the_process_that_it_helps() -> None:
    """Killed, that one cannot end it, and what it held, such as a run's folder, would stay held."""
    if sys.platform != "linux":
        pytest.skip("elsewhere a fork is not safe")
    script = (
        "import os, signal, time\n"
        "from bsynth.reporting import helper\n"
        "helper.room = lambda: True\n"
        "with helper.second_process({name: lambda: time.sleep(600) for name in 'ab'}) as second:\n"
        "    print(second._process.pid, flush=True)\n"
        "    time.sleep(1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    other = Path("/proc") / done.stdout.strip()
    until = time.monotonic() + 60
    while other.exists() and "\nState:\tZ" not in (other / "status").read_text() and time.monotonic() < until:
        time.sleep(0.05)
    assert not other.exists() or "\nState:\tZ" in (other / "status").read_text()
