"""``bsynth plan``: what an analysis will do, written down before its data are there."""

from pathlib import Path

import click

from bsynth._base.request import check_file
from bsynth.cli import options
from bsynth.cli.base import PATH
from bsynth.cli.request import PanelRequest
from bsynth.cli.terminal import wrapped


@click.command()
@options.history_options
@click.option(
    "--model", default="default", show_default=True, help="Catalogue name, model.toml or its folder, or none."
)
@options.scale
@click.option(
    "--methods", multiple=True, default=("standard",), show_default=True, callback=options.listed,
    cls=options.Choosing, names=options.methods,
    help="Classical methods, separated by commas: NAMES; standard, all; or none.",
)  # fmt: skip
@click.option(
    "--calibrate/--no-calibrate", "calibrated", default=True, show_default=True,
    help="Move the main interval to what the donors as pseudo-treated show.",
)  # fmt: skip
@click.option("--last", default=None, help="Last period that will be used, where it is settled.")
@options.level
@click.option("--out", type=PATH, required=True, help="File to write, such as plan.toml.")
def plan(
    request: PanelRequest,
    model: str,
    scale: str | None,
    methods: list[str],
    calibrated: bool,
    last: str | None,
    level: float,
    out: Path,
) -> None:
    """Write down what an analysis of DATA will do: estimand, window, donors, model and rule, with a hash.

    Without --start the launch is in the period after the last of DATA.

    \b
    bsynth plan sales.csv --unit market --time week --outcome sales --treated Columbus --out plan.toml
    bsynth run sales-later.csv --plan plan.toml --out run
    """
    from bsynth.analysis import freeze

    check_file(out, "--out")
    panel = request.resolved().read_one()
    frozen = freeze(
        panel, out, model=model, scale=scale, methods=methods, calibrated=calibrated, level=level, end=last
    )  # fmt: skip
    for sentence in frozen.sentences():
        click.echo(wrapped(sentence))
    click.echo("\n" + wrapped(f"written to {out}; follow it with bsynth run DATA --plan {out} --out run"))
