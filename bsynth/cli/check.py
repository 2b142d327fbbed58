"""``bsynth check``: what should be known of the data before anything is fitted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bsynth._base.request import check_file, whole, writing
from bsynth.cli import options
from bsynth.cli.base import PATH
from bsynth.cli.request import PanelRequest
from bsynth.cli.terminal import wrapped
from bsynth.errors import PanelError

if TYPE_CHECKING:
    from bsynth.panel import Panel


@click.command()
@options.history_options
@click.option("--json", "written", type=PATH, default=None, help="Also write it as JSON there.")
def check(request: PanelRequest, written: Path | None) -> None:
    """Say what is odd in DATA before anything is fitted.

    Holes, rows that are there twice, units of zeros, dates far off, levels that shift, donors that stop, and whether
    the treated unit kept to its donors before the start. What an analysis would refuse is said first, and the rest is
    read with means of rows that are there twice and with holes filled.

    \b
    bsynth check sales.csv --unit market --time week --outcome sales --treated Columbus --start 2024-11-04
    """
    from bsynth.panel.quality import data_quality

    if written is not None:
        check_file(written, "--json")
    panel, refused = _read(request.resolved())
    found = data_quality(panel)
    if refused:
        click.echo(wrapped(f"An analysis refuses these data as they are: {refused}") + "\n")
    click.echo(f"{wrapped(str(panel))}\n")
    first, *rest = found.sentences()
    click.echo(wrapped(first))
    for sentence in rest:
        click.echo(wrapped(sentence, head="- "))
    if written is not None:
        text = json.dumps(found.to_dict() | {"refused": refused}, indent=1, ensure_ascii=False, allow_nan=False)
        with writing(written, "--json"), whole(written) as part:
            part.write_text(text + "\n", encoding="utf-8")


def _read(request: PanelRequest) -> "tuple[Panel, str]":
    """The panel, and why it is refused as it is; then it is the first of its mended forms that can be had."""
    from bsynth.panel import Panel

    try:
        return request.read_one(), ""
    except PanelError as error:
        for missing in ("interpolate", "drop-units"):
            try:
                return Panel.from_events(request.data, **replace(request, missing=missing).roles()), str(error)
            except PanelError:
                continue
        raise
