"""``bsynth study``: methods against panels of known truth, at any size."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bsynth._base.request import check_output
from bsynth.cli import options
from bsynth.cli.base import PATH, UNRELIABLE, goes_on
from bsynth.cli.terminal import Stages, width, wrapped
from bsynth.errors import SpecError
from bsynth.text.numbers import count, number, percent

if TYPE_CHECKING:
    from bsynth.studies import Study

FIGURES = "figures"


@click.command()
@click.argument("specification", metavar="STUDY.toml", type=PATH)
@options.out
@click.option("--resume", is_flag=True, help="Go on with what an earlier, interrupted run has finished in --out.")
@click.option("--jobs", type=int, default=None, help="Fits side by side; all cores by default.")
@click.option(
    "--backend", type=click.Choice(["processes", "threads", "dask"]), default=None,
    help="Where fits run; dask with --scheduler.",
)  # fmt: skip
@click.option(
    "--scheduler", default=None, metavar="ADDRESS", help="Of a Dask cluster that runs, such as tcp://10.0.0.1:8786."
)
@options.quiet
@click.pass_context
def study(
    ctx: click.Context,
    specification: Path,
    out: Path,
    resume: bool,
    jobs: int | None,
    backend: str | None,
    scheduler: str | None,
    quiet: bool,
) -> None:
    """Hold methods against panels whose true effect is known: worlds x methods x seeds of STUDY.toml.

    Writes fits.parquet (one row per fit), measures.csv (bias, error, coverage, width, scores, size and power with their
    Monte-Carlo errors), seconds.csv, summary.json and figures/. Finished fits are kept in fits.jsonl, one by one: what
    is killed goes on with --resume, and its tables are the same to the byte whatever the workers and their number.

    \b
    bsynth study study.toml --out study
    """
    from bsynth.studies import study as run_study
    from bsynth.studies.result import MEASURES, SPEC, STORE
    from bsynth.studies.run import read_spec

    stage = Stages(quiet=quiet)
    spec, _ = read_spec(specification)
    check_output(out, "--out", SPEC, (MEASURES, STORE), (FIGURES,))
    if (out / STORE).is_file() and not resume:
        raise SpecError(f"--out {str(out)!r} has finished fits of a study; give --resume to go on, or a new folder")
    goes_on(f"finished fits are in {out / STORE}, and the same command with --resume goes on from them", out / STORE)
    total = spec.seeds * len(spec.worlds) * len(spec.methods)
    stage(f"{spec.title}: {count(total, 'fit')}")
    chosen = backend or ("dask" if scheduler else "processes")
    found = run_study(specification, out, n_jobs=jobs, backend=chosen, scheduler=scheduler, progress=not quiet)
    found.write(out)
    stage("tables written; drawing")
    lacking = _draw(found, out / FIGURES)
    stage("done")
    _print(found)
    for name, reason in lacking.items():
        click.echo(f"not available: {name}: {reason}")
    click.echo("\n" + wrapped(f"written to {out}; open {out / MEASURES} (every measure) and {out / FIGURES}"))
    if found.status != "ok":
        click.echo(f"bsynth: UNRELIABLE: {found.reason}", err=True)
        ctx.exit(UNRELIABLE)


def _draw(found: "Study", folder: Path) -> dict[str, str]:
    """Draw the picture of all methods, and each method's intervals in the first world; return what cannot be had."""
    from bsynth.analysis.steps import Steps
    from bsynth.plots.study import plot_study, plot_zipper
    from bsynth.plots.style import new_figure
    from bsynth.reporting.drawing import finished
    from bsynth.reporting.figures import save_figure

    steps = Steps()

    def draw(name: str, picture: object, *arguments: str) -> None:
        figure, ax = new_figure()
        picture(found, *arguments, ax=ax)  # type: ignore[operator]
        save_figure(finished(figure), name, folder)

    steps.attempt("picture coverage", lambda: draw("coverage", plot_study))
    column = f"lower_{percent(found.level)}"
    answered = found.fits[found.fits[column].notna()]
    pairs = answered[["world", "method"]].drop_duplicates().itertuples(index=False)
    for i, (world, method) in enumerate(pairs):
        draw_it = partial(draw, f"zipper-{i:03d}", plot_zipper, str(world), str(method))
        steps.attempt(f"zipper of {method} in {world}", draw_it)
    return steps.unavailable


def _print(found: "Study") -> None:
    """Print error, coverage and width of every method in every world."""
    from rich.console import Console
    from rich.table import Table

    name = percent(found.level)
    table = Table("world", "method", "RMSE", f"{name} held", "width", "claims", "failed", box=None, header_style="bold")
    last = None
    for row in found.measures().to_dict("records"):
        error = number(row["rmse"]) if row["panels"] else ""
        held, claims = (percent(row[key]) if row[key] == row[key] else "" for key in (f"covered_{name}", "claims"))
        wide = number(row[f"width_{name}"]) if row[f"width_{name}"] == row[f"width_{name}"] else "no interval"
        table.add_row(
            str(row["world"]) if row["world"] != last else "", str(row["method"]), error, held, wide, claims,
            str(row["failed"] or ""),
        )  # fmt: skip
        last = row["world"]
    click.echo()
    Console(width=width()).print(table)
    click.echo()
    for sentence in found.sentences():
        click.echo(wrapped(sentence, head="- "))
