"""Progress on stderr: bars in a terminal and a notebook, lines now and then in a log; silent when asked."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 10.0
"""Seconds between two lines of a log."""


@contextmanager
def _lines(say: Callable[[float], str]) -> Iterator[None]:
    """While the block runs, write a line in the log every few seconds: ``say`` of the seconds gone by."""
    began, over = time.monotonic(), threading.Event()
    console = Console(stderr=True)

    def speak() -> None:
        pause = min(1.0, EVERY)
        while not over.wait(pause):
            pause = EVERY
            console.print(say(time.monotonic() - began), highlight=False, markup=False, soft_wrap=True)
            console.file.flush()

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        over.set()
        speaker.join()


def _so_far(text: str, done: int, total: int, seconds: float) -> str:
    """How far it is, and how long it will take: "placebo 10/38, 60 s left"."""
    left = f"{round(seconds * (total - done) / done)} s left" if done else f"{round(seconds)} s so far"
    return f"{text} {done}/{total}, {left}"


def _console(shown: bool) -> Console:
    console = Console(stderr=True)
    console.quiet = not (shown and (console.is_terminal or console.is_jupyter))
    return console


@contextmanager
def status(text: str, shown: bool = True) -> Iterator[None]:
    """Show ``text`` with a spinner while the block runs."""
    console = _console(shown)
    if not shown:
        yield
    elif console.quiet:
        with _lines(lambda seconds: f"{text}: {round(seconds)} s"):
            yield
    else:
        with console.status(text):
            yield


@contextmanager
def progress_bar(text: str, total: int, shown: bool = True) -> Iterator[Progress]:
    """Show a bar of ``total`` steps while the block runs; advance it by ``bar.advance(bar.task_ids[0])``."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    console = _console(shown)
    with Progress(*columns, console=console, transient=True, disable=console.quiet) as bar:
        task = bar.add_task(text, total=total)

        def said(seconds: float) -> str:
            return _so_far(text, int(bar.tasks[task].completed), total, seconds)

        with _lines(said) if shown and console.quiet else nullcontext():
            yield bar
