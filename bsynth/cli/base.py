"""What every command shares: the group, its exit codes, and the rule about folders that hold something else."""

import warnings
from typing import Any

import click

from bsynth.errors import BsynthError, EngineWarning

DONE, BAD_INPUT, UNRELIABLE = 0, 2, 3


class Group(click.Group):
    """Turns every error of the package into one line on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a warning that fits take longer is one line, too."""
        try:
            with warnings.catch_warnings():
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
