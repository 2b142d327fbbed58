"""``bsynth models`` and ``bsynth simulate``."""

from pathlib import Path

import click

from bsynth._base.request import check_file, whole, writing
from bsynth.cli.base import PATH
from bsynth.errors import PanelError
from bsynth.text.numbers import count


@click.group()
def simulate() -> None:
    """Simulate data with a known truth.

    \b
    bsynth simulate rollout --out log.csv
    """


@simulate.command()
@click.option("--users", type=int, default=50_000, show_default=True, help="Rows of the log.")
@click.option("--seed", type=int, default=42, show_default=True, help="Seed; it names one log, bit for bit.")
@click.option("--out", type=PATH, required=True, help="CSV file to write.")
def rollout(users: int, seed: int, out: Path) -> None:
    """A user log of a product upgraded in two waves; the true effect is +0.05.

    \b
    bsynth simulate rollout --users 50000 --seed 42 --out log.csv
    """
    from bsynth.panel.simulate import simulate_rollout

    if not out.parent.is_dir():
        raise PanelError(f"folder {str(out.parent)!r} does not exist; create it or give another --out")
    check_file(out, "--out")
    log = simulate_rollout(users=users, seed=seed)
    with writing(out, "--out"), whole(out) as part:
        log.to_csv(part, index=False, lineterminator="\n")
    click.echo(f"{out}: {count(len(log), 'user')}, seed {seed}")


class _Models(click.Group):
    """``models`` lists, ``models NAME`` shows a card, ``models evidence NAME`` measures."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["evidence"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "evidence":
            from bsynth.evidence.command import evidence_command

            return evidence_command
        return click.Command("show", callback=lambda: _show_card(name), help="Show the card of a model.")


@click.group(cls=_Models, invoke_without_command=True, subcommand_metavar="[NAME | evidence NAME...]")
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the catalogue of models, show the card of one, or measure it.

    \b
    bsynth models
    bsynth models default
    """
    if ctx.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    from bsynth.model.catalogue import list_models, load_model

    table = Table("name", "model", box=None, header_style="bold")
    for each in list_models():
        table.add_row(each, load_model(each).title)
    Console().print(table)
    click.echo("\nbsynth models NAME shows a card; bsynth models evidence NAME measures a model again.")


def _show_card(name: str) -> None:
    from bsynth.model.catalogue import model_card

    click.echo(model_card(name))
