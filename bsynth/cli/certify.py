"""``bsynth certify``: the certificate of a model on the user's own panel."""

import json
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bsynth._base.request import alone, check_output, whole, writing
from bsynth.cli import options
from bsynth.cli.base import UNRELIABLE, goes_on
from bsynth.cli.request import PanelRequest
from bsynth.cli.terminal import on_screen, panel_words
from bsynth.engines.sampling import Sampling
from bsynth.errors import UnreliableWarning
from bsynth.text.labels import one_line
from bsynth.text.numbers import count, fixed, number, percent

if TYPE_CHECKING:
    from bsynth.calibration.certificate import Certificate

JSON, UNITS, STORE, FIGURES = "certificate.json", "certificate.csv", "placebos.jsonl", "figures"


@click.command()
@options.one_options
@click.option(
    "--model", default="default", show_default=True, help="Catalogue name, model.toml or its folder.",
)  # fmt: skip
@click.option(
    "--windows", type=click.IntRange(0), default=1, show_default=True,
    help="Earlier windows in which all units, the treated one too, are as if treated.",
)  # fmt: skip
@click.option(
    "--levels", multiple=True, default=("0.5,0.8,0.9,0.95",), show_default=True, callback=options.numbers,
    help="Probabilities of the intervals, separated by commas.",
)  # fmt: skip
@options.sampling_options
@options.quiet
@options.out
@click.pass_context
def certify(
    ctx: click.Context,
    request: PanelRequest,
    model: str,
    windows: int,
    levels: list[float],
    sampling: Sampling,
    quiet: bool,
    out: Path,
) -> None:
    """Say how a model's intervals do on DATA, where every donor in turn is as if treated.

    Writes certificate.json, certificate.csv (one row per unit, estimand, level and kind of interval) and figures/.
    Finished fits are kept in placebos.jsonl: the same command again goes on where it stopped.

    \b
    bsynth certify sales.csv --unit market --time week --outcome sales --treated Columbus --start 2024-11-04 --out held
    """
    from bsynth.calibration import certificate as certifying

    check_output(out, "--out", STORE, (JSON, UNITS), (FIGURES,))
    goes_on(f"finished fits are in {out / STORE}, and the same command again goes on from them", out / STORE)
    panel = request.resolved().read_one()
    began = time.perf_counter()

    def stage(text: str) -> None:
        if not quiet:
            click.echo(f"[{fixed(time.perf_counter() - began, 1):>5} s] {one_line(text)}", err=True)

    stage(panel_words(panel))
    stage(f"{count(panel.n_donors, 'donor')} as if treated (the first fit on a machine compiles)")
    with warnings.catch_warnings():
        # The words, the table and the exit code say it.
        warnings.simplefilter("ignore", UnreliableWarning)
        created = not out.is_dir()
        out.mkdir(parents=True, exist_ok=True)
        try:
            with alone(out, "--out"):
                certificate = certifying.certify(
                    panel, model, sampling=sampling, windows=windows, levels=levels, store=out / STORE,
                    progress=not quiet,
                )  # fmt: skip
        finally:
            # Bad input leaves nothing behind; a run that was killed leaves its finished fits.
            if created and not any(out.iterdir()):
                out.rmdir()
    lacking = _write(certificate, out)
    stage("done")
    _print(certificate)
    for name, reason in lacking.items():
        click.echo(f"not available: {name}: {reason}")
    pictures = "" if lacking else f"{FIGURES}/, "
    click.echo(f"\nwritten to {out}: {JSON}, {UNITS}, {pictures}{STORE} (finished fits)")
    if certificate.status != "ok":
        click.echo("bsynth: UNRELIABLE, the convergence gate failed; see the first sentence", err=True)
        ctx.exit(UNRELIABLE)


def _write(certificate: "Certificate", out: Path) -> dict[str, str]:
    """Write the tables, then the picture; return what could not be had, each with its reason.

    The file that names the folder is written whole before anything is drawn.
    """
    from bsynth.analysis.steps import Steps

    steps = Steps()
    with writing(out, "--out"), whole(out / UNITS) as part:
        certificate.units.to_csv(part, index=False)
    _write_json(certificate, out, steps.unavailable)
    for kind in ("png", "svg"):
        (out / FIGURES / f"certificate.{kind}").unlink(missing_ok=True)
    steps.attempt("picture certificate", lambda: _draw(certificate, out / FIGURES))
    if steps.unavailable:
        _write_json(certificate, out, steps.unavailable)
    return steps.unavailable


def _write_json(certificate: "Certificate", out: Path, unavailable: dict[str, str]) -> None:
    found = certificate.to_dict() | {"unavailable": unavailable}
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    with writing(out, "--out"), whole(out / JSON) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _draw(certificate: "Certificate", folder: Path) -> None:
    from bsynth.plots.certificate import SIZE, plot_certificate
    from bsynth.plots.style import new_figure
    from bsynth.reporting.drawing import finished
    from bsynth.reporting.figures import save_figure

    figure, ax = new_figure(SIZE)
    plot_certificate(certificate, ax=ax)
    save_figure(finished(figure), "certificate", folder)


def _print(certificate: "Certificate") -> None:
    """Print coverage and score by kind, and what they say."""
    from rich.console import Console
    from rich.table import Table

    names = [percent(level) for level in certificate.levels]
    table = Table("interval of the average", *names, "score", "width", box=None, header_style="bold")
    for kind in ("base", "calibrated", "conformal", "demeaned-placebo", "demeaned-conformal"):
        rows = certificate.coverage(kind)
        main = certificate.row(kind)
        shares = [percent(share, 0) for share in rows.loc[list(certificate.levels), "coverage"]]
        table.add_row(kind, *shares, number(main["score"]), number(main["median_width"]))
    click.echo()
    Console(width=None if on_screen() else 120).print(table)
    click.echo(
        f"share of units whose interval held the truth, at the real start; score (smaller is better) and median width "
        f"at {percent(certificate.level)}, pre-period sd\n"
    )
    for sentence in certificate.sentences():
        click.echo(sentence)
