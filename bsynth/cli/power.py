"""``bsynth power``: how large an effect could be seen, before anything has started."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsynth._base.request import alone, check_output, whole, writing
from bsynth.cli import options
from bsynth.cli.base import UNRELIABLE, goes_on
from bsynth.cli.request import PanelRequest
from bsynth.cli.terminal import Stages, width, wrapped
from bsynth.engines.sampling import Sampling
from bsynth.errors import UnreliableWarning
from bsynth.text.numbers import percent

if TYPE_CHECKING:
    from bsynth.planning import RolloutPlan

JSON, CURVE, STORE, FIGURES = "power.json", "power.csv", "placebos.jsonl", "figures"


def _wholes(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> list[Any] | None:
    """Whole numbers as such; anything else goes on to be refused by name."""
    found = options.numbers(ctx, parameter, value)
    return [int(each) if each.is_integer() else each for each in found] or None


@click.command()
@options.history_options
@click.option(
    "--durations", multiple=True, callback=_wholes,
    help="Periods after the start, separated by commas; by default four, up to a quarter of the history.",
)  # fmt: skip
@click.option(
    "--effects", multiple=True, callback=options.numbers,
    help="Sizes for the curve, separated by commas, such as 0.02,0.05 for +2% and +5%.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(["lift", "level"]), default=None,
    help="Effects as shares of the outcome or in its units; shares where all outcomes are positive.",
)  # fmt: skip
@click.option(
    "--ramp", type=int, default=0, show_default=True, help="Periods in which an effect grows to its full size.",
)  # fmt: skip
@click.option("--power", "target", type=float, default=0.8, show_default=True, help="Of the smallest effect.")
@options.level
@click.option(
    "--windows", type=int, default=3, show_default=True, help="Windows of the past in which every unit plays.",
)  # fmt: skip
@click.option("--model", default="default", show_default=True, help="Catalogue name, model.toml or its folder.")
@options.scale
@options.sampling_options
@options.quiet
@options.out
@click.pass_context
def power(
    ctx: click.Context,
    request: PanelRequest,
    durations: list[Any] | None,
    effects: list[float],
    kind: Any,
    ramp: int,
    target: float,
    level: float,
    windows: int,
    model: str,
    scale: str | None,
    sampling: Sampling,
    quiet: bool,
    out: Path,
) -> None:
    """Say how large an effect could be seen on DATA, and after how long, before anything starts.

    Effects are put into windows of the past, where nothing happened, and the rule that a run reports is asked whether
    it sees them. Without --start all of DATA is the past. Writes power.json, power.csv (one row per rule, duration and
    size) and figures/. Finished fits are kept in placebos.jsonl: the same command again goes on where it stopped.

    \b
    bsynth power sales.csv --unit market --time week --outcome sales --treated Columbus --out power
    """
    from bsynth.planning import plan_rollout

    stage = Stages(quiet=quiet)
    check_output(out, "--out", STORE, (JSON, CURVE), (FIGURES,))
    goes_on(f"finished fits are in {out / STORE}, and the same command again goes on from them", out / STORE)
    panel = request.resolved().read_one()
    stage(str(panel))
    stage("every unit plays the treated one in windows of the past (the first fit on a machine compiles)")
    created = not out.is_dir()
    out.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The words and the exit code say it.
        warnings.simplefilter("ignore", UnreliableWarning)
        try:
            with alone(out, "--out"):
                found = plan_rollout(
                    panel, durations=durations, effects=effects or None, kind=kind, ramp=ramp, power=target,
                    level=level, windows=windows, model=model, scale=scale, sampling=sampling, store=out / STORE,
                    progress=not quiet,
                )  # fmt: skip
        finally:
            # Bad input leaves nothing behind; a run that was killed leaves its finished fits.
            if created and not any(out.iterdir()):
                out.rmdir()
    lacking = _write(found, out)
    stage("done")
    _print(found)
    for name, reason in lacking.items():
        click.echo(f"not available: {name}: {reason}")
    pictures = "" if lacking else f"{FIGURES}/, "
    click.echo("\n" + wrapped(f"written to {out}: {JSON}, {CURVE}, {pictures}{STORE} (finished fits)"))
    if found.status != "ok":
        click.echo(f"bsynth: UNRELIABLE: {found.reason}", err=True)
        ctx.exit(UNRELIABLE)


def _write(found: "RolloutPlan", out: Path) -> dict[str, str]:
    """Write the tables, then the picture; return what could not be had, each with its reason."""
    from bsynth.analysis.steps import Steps

    text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    with writing(out, "--out"):
        with whole(out / CURVE) as part:
            found.table.to_csv(part, index=False)
        with whole(out / JSON) as part:
            part.write_text(text + "\n", encoding="utf-8")
    steps = Steps()
    steps.attempt("picture power", lambda: _draw(found, out / FIGURES))
    return steps.unavailable


def _draw(found: "RolloutPlan", folder: Path) -> None:
    from bsynth.plots.power import plot_power
    from bsynth.plots.style import new_figure
    from bsynth.reporting.drawing import finished
    from bsynth.reporting.figures import save_figure

    figure, ax = new_figure()
    plot_power(found, ax=ax)
    save_figure(finished(figure), "power", folder)


def _print(found: "RolloutPlan") -> None:
    """Print the smallest effect by rule and duration, and what it says."""
    from rich.console import Console
    from rich.table import Table

    from bsynth.planning.power import RULES, TITLES

    unit = found.panel.frequency
    table = Table("rule", *(f"{d} {unit}" for d in found.durations), "without effect", box=None, header_style="bold")
    for rule in RULES:
        rows = found.mdes[found.mdes["rule"] == rule]
        sizes = [found.size_words(mde) if mde < float("inf") else "none" for mde in rows["mde"]]
        table.add_row(TITLES[rule], *sizes, percent(rows["false_positive"].iloc[-1]))
    click.echo()
    Console(width=width()).print(table)
    click.echo(wrapped(f"smallest effect with a power of {percent(found.target)}; how often it fires without one\n"))
    click.echo()
    for sentence in found.sentences():
        click.echo(wrapped(sentence, head="- "))
