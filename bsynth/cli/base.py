"""What every command shares: the group, its exit codes, and the rule about folders that hold something else."""

import warnings
from pathlib import Path
from typing import Any

import click

from bsynth._base.request import check_folder
from bsynth.errors import BsynthError, EngineWarning, PanelError

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


def check_out(out: Path, *ours: str) -> None:
    """Refuse a folder that holds something else than ``ours``, before any work is done."""
    check_folder(out, "--out")
    if out.is_dir() and any(out.iterdir()) and not any((out / name).is_file() for name in ours):
        raise PanelError(f"--out {str(out)!r} is not empty and not a run folder; give a new folder")
