"""Progress on stderr and in notebooks, through rich; silent when asked or when nobody watches."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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
    with Progress(*columns, console=console, transient=True, disable=console.quiet) as bar:
        bar.add_task(text, total=total)
        yield bar
