"""What every command shares: the group, its exit codes, and the rule about folders that hold something else."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from bsynth.errors import BsynthError, EngineWarning

DONE, BAD_INPUT, UNRELIABLE = 0, 2, 3
SWEPT = 100_000
"""New objects from which a command looks for those that nothing reaches: each look costs a command that imports and
draws as much as it makes, and takes a tenth of its time at Python's own 700."""


@contextmanager
def seldom_swept() -> Iterator[None]:
    """Look seldom for objects that nothing reaches, as long as a command lasts."""
    before = gc.get_threshold()
    gc.set_threshold(SWEPT, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Group(click.Group):
    """Turns every error of the package into one line on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a warning that fits take longer is one line, too."""
        try:
            with seldom_swept(), warnings.catch_warnings():
                shown = warnings.showwarning

                def one_line(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
                    if issubclass(category, EngineWarning):
                        click.echo(f"bsynth: {message}", err=True)
                    else:
                        shown(message, category, *where, **more)

                warnings.showwarning = one_line
                return super().invoke(ctx)
        except BsynthError as error:
            click.echo(f"bsynth: {error}", err=True)
            ctx.exit(BAD_INPUT)
