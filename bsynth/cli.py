"""The command line: ``bsynth demo``, ``run``, ``simulate``, ``models``.

Exit codes: 0 done; 2 bad input (one line on stderr); 3 done, but a fit failed its convergence gate.
"""

import csv
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsynth.errors import BsynthError, PanelError, UnreliableWarning

if TYPE_CHECKING:
    from bsynth.analysis import Analysis, AnalysisPlan

DONE, BAD_INPUT, UNRELIABLE = 0, 2, 3


class _Group(click.Group):
    """Turns every error of the package into one line on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BsynthError as error:
            click.echo(f"bsynth: {error}", err=True)
            ctx.exit(BAD_INPUT)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bsynth")
def main() -> None:
    """Bayesian synthetic control with honest intervals, and the classical answer beside it."""


def _listed(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Split comma-separated names; quotes protect a comma inside a name."""
    names = [name.strip() for row in csv.reader(value, skipinitialspace=True) for name in row]
    return [name for name in names if name]


_out = click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
_seed = click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random draw.")
_draws = click.option("--draws", type=int, default=1000, show_default=True, help="Draws kept per chain.")
_replicates = click.option("--replicates", type=int, default=1000, show_default=True, help="Bootstrap replicates.")
_level = click.option("--level", type=float, default=0.95, show_default=True, help="Probability of intervals.")
_calibrate = click.option(
    "--calibrate/--no-calibrate", "calibrated", default=True, show_default=True,
    help="Widen the main interval by what the donors as pseudo-treated show.",
)  # fmt: skip
_quiet = click.option("--quiet", is_flag=True, help="No progress on stderr.")


@main.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--unit", required=True, help="Column of units.")
@click.option("--time", "time_", required=True, help="Column of periods.")
@click.option("--outcome", required=True, help="Column of the outcome.")
@click.option(
    "--treated", multiple=True, required=True, callback=_listed,
    help="Treated unit, or several separated by commas; they are averaged.",
)  # fmt: skip
@click.option("--start", required=True, help="First treated period.")
@click.option("--end", default=None, help="Last period used; the last in the data by default.")
@click.option("--donors", multiple=True, callback=_listed, help="Only these donors.")
@click.option("--exclude", multiple=True, callback=_listed, help="Units to leave out of the donors.")
@click.option("--cluster", default=None, help="Column of users: rows are users or events, averaged into cells.")
@click.option(
    "--covariates", multiple=True, callback=_listed,
    help="Further numeric columns, separated by commas, for a --model with a [covariates] section.",
)  # fmt: skip
@click.option(
    "--missing", type=click.Choice(["error", "interpolate", "drop-units"]), default="error", show_default=True,
    help="What to do with missing cells.",
)  # fmt: skip
@click.option(
    "--model", "models", multiple=True, show_default="default",
    help="Catalogue name, model.toml or its folder, or none; may be repeated.",
)  # fmt: skip
@click.option(
    "--methods", multiple=True, default=("standard",), show_default=True, callback=_listed,
    help="Classical methods, separated by commas; or standard, all, none.",
)  # fmt: skip
@_calibrate
@_draws
@_replicates
@_level
@_seed
@_quiet
@_out
@click.pass_context
def run(
    ctx: click.Context,
    data: Path,
    unit: str,
    time_: str,
    outcome: str,
    treated: list[str],
    start: str,
    end: str | None,
    donors: list[str],
    exclude: list[str],
    cluster: str | None,
    covariates: list[str],
    missing: Any,
    models: tuple[str, ...],
    methods: list[str],
    calibrated: bool,
    draws: int,
    replicates: int,
    level: float,
    seed: int,
    quiet: bool,
    out: Path,
) -> None:
    """Analyse DATA (CSV or Parquet) and write a run folder.

    Without --cluster DATA has one row per unit and period; with it, one row per user or event.
    """
    from bsynth.analysis import plan_analysis
    from bsynth.panel import Panel

    _check_out(out)
    described: dict[str, Any] = {
        "unit": unit, "time": time_, "outcome": outcome, "treated": treated, "start": start, "end": end,
        "donors": donors or None, "missing": missing, "exclude": exclude, "covariates": covariates,
    }  # fmt: skip
    if cluster is None:
        panel = Panel.from_long(data, **described)
    else:
        panel = Panel.from_events(data, **described, cluster=cluster)
    request = plan_analysis(
        panel,
        models=models or ("default",),
        methods=methods,
        calibrated=calibrated,
        draws=draws,
        replicates=replicates,
        level=level,
        seed=seed,
    )
    _carry_out(ctx, request, out, truth=None, quiet=quiet)


@main.command()
@click.option("--users", type=int, default=50_000, show_default=True, help="Users in the simulated log.")
@click.option("--log-seed", type=int, default=42, show_default=True, help="Seed of the log: it names one log.")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of every draw after the log.")
@_draws
@click.option("--replicates", type=int, default=500, show_default=True, help="Bootstrap replicates.")
@_level
@_quiet
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to write."
)
@click.pass_context
def demo(
    ctx: click.Context,
    users: int,
    log_seed: int,
    seed: int,
    draws: int,
    replicates: int,
    level: float,
    quiet: bool,
    out: Path,
) -> None:
    """Simulate the upgrade of a product with 50,000 users, analyse it, and compare with the truth."""
    from bsynth.analysis import plan_analysis
    from bsynth.panel import Panel
    from bsynth.simulate import ROLLOUT_EFFECT, rollout_panel_arguments, simulate_rollout

    _check_out(out)
    if not quiet:
        click.echo(f"simulating {users:,} users, true effect {ROLLOUT_EFFECT:+}", err=True)
    log = simulate_rollout(users=users, seed=log_seed)
    panel = Panel.from_events(log, **rollout_panel_arguments())
    request = plan_analysis(panel, draws=draws, replicates=replicates, level=level, seed=seed)
    _carry_out(ctx, request, out, truth=ROLLOUT_EFFECT, quiet=quiet)


@main.group()
def simulate() -> None:
    """Simulate data with a known truth."""


@simulate.command()
@click.option("--users", type=int, default=50_000, show_default=True, help="Rows of the log.")
@click.option("--seed", type=int, default=42, show_default=True, help="Seed; it names one log, bit for bit.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV file to write.")
def rollout(users: int, seed: int, out: Path) -> None:
    """A user log of a product upgraded in two waves; the true effect is +0.05."""
    from bsynth.simulate import simulate_rollout

    if not out.parent.is_dir():
        raise PanelError(f"folder {str(out.parent)!r} does not exist; create it or give another --out")
    log = simulate_rollout(users=users, seed=seed)
    part = out.with_name(out.name + ".part")
    log.to_csv(part, index=False, lineterminator="\n")
    part.replace(out)
    click.echo(f"{out}: {len(log):,} users, seed {seed}")


class _Models(click.Group):
    """``models`` lists, ``models NAME`` shows a card, ``models evidence NAME`` measures."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["evidence"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "evidence":
            from bsynth.evidence.command import evidence_command

            return evidence_command
        return click.Command("show", callback=lambda: _show_card(name), help="Show the card of a model.")


@main.group(cls=_Models, invoke_without_command=True, subcommand_metavar="[NAME | evidence NAME...]")
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the catalogue of models, show the card of one, or measure it."""
    if ctx.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    from bsynth.catalogue import list_models, load_model

    table = Table("name", "model", box=None, header_style="bold")
    for each in list_models():
        table.add_row(each, load_model(each).title)
    Console().print(table)
    click.echo("\nbsynth models NAME shows a card; bsynth models evidence NAME measures a model again.")


def _show_card(name: str) -> None:
    from bsynth.catalogue import model_card

    click.echo(model_card(name))


def _check_out(out: Path) -> None:
    """Refuse a folder that holds something else, before any work is done."""
    if out.is_file():
        raise PanelError(f"--out {str(out)!r} is a file; give a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "summary.json").is_file():
        raise PanelError(f"--out {str(out)!r} is not empty and not a run folder; give a new folder")


def _carry_out(ctx: click.Context, request: "AnalysisPlan", out: Path, *, truth: float | None, quiet: bool) -> None:
    """Run a validated plan, write its folder, print its table, and set the exit code."""
    from bsynth.analysis import run_analysis
    from bsynth.reporting import write_run

    began = time.perf_counter()

    def stage(text: str) -> None:
        if not quiet:
            click.echo(f"[{time.perf_counter() - began:5.1f} s] {text}", err=True)

    stage(str(request.panel))
    with warnings.catch_warnings():
        # The mark on every output and the exit code say it; a second voice on stderr adds nothing.
        warnings.simplefilter("ignore", UnreliableWarning)
        # Finished placebo fits wait here; a run that was killed goes on where it stopped.
        store = out.absolute().parent / f".{out.name}.calibration.jsonl"
        store.parent.mkdir(parents=True, exist_ok=True)
        analysis = run_analysis(request, truth=truth, progress=not quiet, on_stage=stage, store=store)
    stage("figures and report")
    write_run(analysis, out)
    store.unlink(missing_ok=True)
    stage("done")
    _print_table(analysis)
    click.echo(f"\n{analysis.verdict}\n\nwritten to {out}: summary.json, report.html, figures/"
               + (", fit.nc" if analysis.fits else ""))  # fmt: skip
    if analysis.status != "ok":
        click.echo("bsynth: UNRELIABLE, the convergence gate failed; see diagnostics", err=True)
        ctx.exit(UNRELIABLE)


def _print_table(analysis: "Analysis") -> None:
    """Print truth, posterior and classical rows of the average effect side by side."""
    from rich.console import Console
    from rich.table import Table

    from bsynth.verdict import number

    table = Table("method", "estimate", "interval", "kind", "p", "P(>0)", box=None, header_style="bold")
    if analysis.truth is not None:
        table.add_row("truth", number(analysis.truth), "", "", "", "", style="bold")
    for row in analysis.effects().query("estimand == 'average'").to_dict("records"):
        name = f"posterior {row['model']}" if row["method"] == "bayes" else row["method"]
        mark = " UNRELIABLE" if row.get("status") == "unreliable" else ""
        bounded = row["lower"] == row["lower"]
        level = f"{row['level']:.0%} " if row["level"] == row["level"] else ""
        table.add_row(
            name + mark,
            number(row["estimate"]),
            f"[{number(row['lower'])}, {number(row['upper'])}]".replace("[", r"\[") if bounded else "",
            f"{level}{row['interval']}",
            number(row["p"]) if row["p"] == row["p"] else "",
            number(row["probability_positive"]) if row["probability_positive"] == row["probability_positive"] else "",
        )
    click.echo()
    Console(width=None if sys.stdout.isatty() else 120).print(table)
