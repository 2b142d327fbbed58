"""Progress on stderr: bars in a terminal and a notebook, lines now and then in a log; silent when asked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

EVERY = 20.0
"""Seconds between two lines of a log."""


class _Lines(Progress):
    """Progress where nobody watches: a line in the log when some seconds have gone by, never a bar."""

    said = 0.0

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance, and say so now and then."""
        super().advance(task_id, advance)
        task, now = self.tasks[task_id], time.monotonic()
        self.said = self.said or task.start_time or now
        if now - self.said >= EVERY:
            self.said = now
            Console(stderr=True).print(
                f"{task.description}: {int(task.completed)} of {int(task.total or 0)}", highlight=False
            )


def _console(shown: bool) -> Console:
    console = Console(stderr=True)
    console.quiet = not (shown and (console.is_terminal or console.is_jupyter))
    return console


@contextmanager
def status(text: str, shown: bool = True) -> Iterator[None]:
    """Show ``text`` with a spinner while the block runs."""
    console = _console(shown)
    if console.quiet:
        yield
        return
    with console.status(text):
        yield


@contextmanager
def progress_bar(text: str, total: int, shown: bool = True) -> Iterator[Progress]:
    """Show a bar of ``total`` steps while the block runs; advance it by ``bar.advance(bar.task_ids[0])``."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    console = _console(shown)
    watched: type[Progress] = Progress if console.is_terminal or console.is_jupyter or not shown else _Lines
    settings: dict[str, Any] = {"console": console, "transient": True, "disable": console.quiet}
    with watched(*columns, **settings) as bar:
        bar.add_task(text, total=total)
        yield bar
