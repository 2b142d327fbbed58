"""``bsynth models evidence``: regenerate the evidence of model folders."""

from pathlib import Path

import click

from bsynth.evidence.run import PARTS, Request, folder_of, measure_model


@click.command("evidence")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    default=PARTS,
    show_default=True,
    help="What to measure.",
)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True, file_okay=False), envvar="BSYNTH_DATA", default=None,
    help="Folder of the real panels; $BSYNTH_DATA by default.",
)  # fmt: skip
@click.option(
    "--work", type=click.Path(path_type=Path), default=Path(".evidence"), show_default=True,
    help="Folder of finished pieces; an interrupted run goes on from them.",
)  # fmt: skip
@click.option("--seeds", type=click.IntRange(2), default=100, show_default=True, help="Repetitions in each world.")
@click.option("--world", "only", multiple=True, help="Only this simulated world; may be repeated.")
@click.option("--simulations", type=click.IntRange(20), default=300, show_default=True, help="Draws from the prior.")
@click.option(
    "--minutes", type=float, default=None, help="Of simulated waves as many as begin within so many CPU minutes."
)
@click.option("--quick", is_flag=True, help="Six repetitions of each, and nothing written: does it run?")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def evidence_command(
    names: tuple[str, ...],
    parts: tuple[str, ...],
    data: Path | None,
    work: Path,
    seeds: int,
    only: tuple[str, ...],
    simulations: int,
    minutes: float | None,
    quick: bool,
    quiet: bool,
) -> None:
    """Measure models (catalogue NAMES or folders): evidence.json and the tables of card.md.

    Hours for the whole catalogue; every finished fit is kept, so it may be stopped at any time.

    \b
    bsynth models evidence level --part sbc --quick
    """
    from bsynth.evidence.card import render
    from bsynth.evidence.record import Settings

    for name in names:
        request = Request(
            parts=parts,
            data=data,
            work=work,
            seeds=seeds,
            simulations=simulations,
            minutes=minutes,
            only=only or None,
            quick=quick,
            settings=Settings(progress=not quiet),
        )
        found = measure_model(name, request)
        click.echo(f"\n{name}\n\n{render(found)}\n")
        if not quick:
            click.echo(f"written to {folder_of(name) / 'evidence.json'}")
