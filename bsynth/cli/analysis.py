"""``bsynth run`` and ``bsynth demo``: the main job, into a run folder."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsynth._base.request import UNFINISHED, alone, writing
from bsynth.cli import options
from bsynth.cli.base import PATH, UNRELIABLE, goes_on
from bsynth.cli.request import PanelRequest
from bsynth.cli.terminal import (
    Stages,
    panel_words,
    print_table,
    tell_files,
    tell_notes,
    tell_replaced,
    tell_verdict,
    wrapped,
)
from bsynth.engines.sampling import Sampling
from bsynth.errors import PanelError, SpecError, UnreliableWarning, some_of
from bsynth.text.marks import marked
from bsynth.text.numbers import count, exact

if TYPE_CHECKING:
    from bsynth.analysis import AnalysisPlan, AnyAnalysis, FrozenPlan, WavesPlan
    from bsynth.panel import MultiCellPanel, Panel


@click.command()
@options.planned_options
@click.option(
    "--plan", "frozen", type=PATH, default=None,
    help="A plan.toml that bsynth plan wrote: what is not given comes from it, and departures are said.",
)  # fmt: skip
@click.option(
    "--model", "models", multiple=True, show_default="default",
    help="Catalogue name, model.toml or its folder, or none; may be repeated.",
)  # fmt: skip
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
@click.option(
    "--findings", multiple=True, default=("standard",), show_default=True, callback=options.listed,
    cls=options.Choosing, names=options.findings,
    help="What to find out besides, separated by commas: NAMES; or standard (what fits nothing again), all, none.",
)  # fmt: skip
@options.decision_options
@options.sampling_options
@options.replicates
@options.level
@click.option(
    "--export", "formats", multiple=True, callback=options.listed,
    help="Also write every table to tables/, as csv, parquet, latex or markdown.",
)  # fmt: skip
@click.option("--notebook", is_flag=True, help="Also write notebook.ipynb, which makes this run again, with output.")
@click.option("--slide", "slides", is_flag=True, help="Also write the answer as one slide: slide.png and slide.pdf.")
@options.quiet
@options.out
@click.pass_context
def run(
    ctx: click.Context,
    request: PanelRequest,
    frozen: Path | None,
    models: tuple[str, ...],
    scale: str | None,
    methods: list[str],
    calibrated: bool,
    findings: list[str],
    questions: dict[str, Any],
    sampling: Sampling,
    replicates: int,
    level: float,
    formats: list[str],
    notebook: bool,
    slides: bool,
    quiet: bool,
    out: Path,
) -> None:
    """Analyse DATA (CSV or Parquet) and write a run folder.

    Without --cluster DATA has one row per unit and period; with it, one row per user or event. Where a column says
    that units start at different times, each is fitted by itself and their effects are pooled.

    \b
    bsynth run sales.csv --unit market --time week --outcome sales --treated Columbus --start 2024-11-04 --out run
    """
    stage = Stages(quiet=quiet)
    stage(f"reading {request.data.name}")
    from bsynth.analysis import followed, frozen_plan
    from bsynth.reporting.export import check_formats
    from bsynth.reporting.notebook import require_notebook
    from bsynth.reporting.run import check_run_folder

    check_run_folder(out, "--out")
    check_formats(formats)
    if notebook:
        require_notebook()
        if request.rows():
            raise SpecError(
                f"--notebook reads rows as they are; leave out {some_of(request.rows(), 9)}, or the notebook"
            )
    plan = None if frozen is None else frozen_plan(frozen)
    chosen = {"models": models, "methods": methods, "calibrated": calibrated, "level": level}
    settings: dict[str, Any] = followed(plan, {n: v if options.given(n) else None for n, v in chosen.items()}) | {
        "scale": scale, "findings": findings, "questions": questions, "sampling": sampling, "replicates": replicates,
    }  # fmt: skip
    beside = Beside(formats, slides, notebook)
    names = request.outcomes()
    if len(names) > 1 and request.cell:
        raise SpecError(f"--outcome names {len(names)} outcomes and --cell several cells; run one outcome at a time")
    asked = {name: replace(request, outcome=name).resolved() for name in names}
    # A mistake in the last one is not found after an hour of the others.
    panels: dict[str, Any] = {name: each.read() for name, each in asked.items()}
    one = partial(_run, settings=settings, beside=beside, stage=stage, plan=plan)
    if len(names) > 1:
        _run_several(ctx, panels, lambda name, at: one(panels[name], asked[name], out=at), out, stage)
    elif request.cell:
        whole, own = panels[names[0]], asked[names[0]]
        _run_several(ctx, whole, lambda name, at: one(whole.panels[name], own, out=at), out, stage)
    else:
        _finish(ctx, one(panels[names[0]], asked[names[0]], out=out), out, stage)


@dataclass(frozen=True)
class Beside:
    """What a run writes beside its folder's usual files."""

    formats: list[str]
    slides: bool
    notebook: bool


def _run(
    panel: Any,
    request: PanelRequest,
    settings: dict[str, Any],
    beside: Beside,
    out: Path,
    stage: Stages,
    plan: "FrozenPlan | None" = None,
) -> "AnyAnalysis":
    """Analyse and write one panel, which ``request`` has read."""
    from bsynth.analysis import plan_against
    from bsynth.analysis.steps import Steps
    from bsynth.reporting.export import export
    from bsynth.reporting.notebook import write_notebook
    from bsynth.reporting.run import NOTEBOOK, TABLES, note_unavailable, note_written
    from bsynth.reporting.slide import FILES as SLIDES
    from bsynth.reporting.slide import slide

    planned = plan_against(plan, panel, **settings)
    analysis = _carry_out(planned, out, stage, truth=None)
    steps = Steps(analysis.unavailable)
    if beside.formats:
        stage("tables")
        note_written(out, steps.attempt(TABLES, lambda: export(analysis, out / TABLES, formats=beside.formats)) or ())
    if beside.slides:
        stage("slide")
        note_written(out, [out / name for name in SLIDES])
        for name in SLIDES:
            steps.attempt(name, partial(slide, analysis, out / name))
    if beside.notebook:
        stage("notebook: the same once more, cell by cell")
        note_written(out, [out / NOTEBOOK])
        steps.attempt(NOTEBOOK, lambda: write_notebook(request.data, out / NOTEBOOK, **request.again(), **settings))
    return note_unavailable(analysis, out, steps)


def _run_several(
    ctx: click.Context,
    panels: "dict[str, Any] | MultiCellPanel[Panel]",
    one: Callable[[str, Path], Any],
    out: Path,
    stage: Stages,
) -> None:
    """Each outcome or cell in its own folder, and one page about all of them."""
    from bsynth.analysis import Outcomes, compare_cells
    from bsynth.reporting.run import begun, note_written
    from bsynth.reporting.together import folders, write_together

    cells = None if isinstance(panels, dict) else panels
    at = folders(list(panels if isinstance(panels, dict) else panels.panels))
    with begun(out):
        analyses = {name: one(name, out / folder) for name, folder in at.items()}
    found = Outcomes(analyses) if cells is None else compare_cells(cells, analyses)
    note_written(out, write_together(found, out))
    stage("done")
    for sentence in found.sentences():
        click.echo("\n" + wrapped(sentence))
    each = "cell" if cells is not None else "outcome"
    click.echo("\n" + wrapped(f"written to {out}; open {out / 'index.html'}, and a folder for each {each}"))
    if found.status != "ok":
        ctx.exit(UNRELIABLE)


@click.command()
@click.option("--users", type=int, default=50_000, show_default=True, help="Users in the simulated log.")
@click.option("--log-seed", type=int, default=42, show_default=True, help="Seed of the log: it names one log.")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of every draw after the log.")
@options.draws
@click.option("--replicates", type=int, default=500, show_default=True, help="Bootstrap replicates.")
@options.level
@options.quiet
@click.option("--out", type=PATH, default=Path("demo"), show_default=True, help="Folder to write.")
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
    """Simulate the upgrade of a product with 50,000 users, analyse it, and compare with the truth.

    \b
    bsynth demo --out demo
    """
    stage = Stages(quiet=quiet)
    stage(f"simulating {count(users, 'user')}")
    from bsynth.analysis import plan_analysis
    from bsynth.panel import Panel
    from bsynth.panel.simulate import ROLLOUT_EFFECT, rollout_panel_arguments, simulate_rollout
    from bsynth.reporting.run import check_run_folder

    check_run_folder(out, "--out")
    sampling = Sampling(draws=draws, seed=seed)
    stage(f"true effect {exact(ROLLOUT_EFFECT)}")
    log = simulate_rollout(users=users, seed=log_seed)
    try:
        panel = Panel.from_events(log, **rollout_panel_arguments())
    except PanelError:
        raise SpecError(f"--users {users} leaves workspaces and weeks without anybody; give 50000 or more") from None
    request = plan_analysis(panel, sampling=sampling, replicates=replicates, level=level)
    _finish(ctx, _carry_out(request, out, stage, truth=ROLLOUT_EFFECT), out, stage)


def _carry_out(request: "AnalysisPlan | WavesPlan", out: Path, stage: Stages, *, truth: float | None) -> "AnyAnalysis":
    """Run a validated plan and write its folder."""
    from bsynth.analysis import run_analysis
    from bsynth.reporting.run import clear_left, write_run, written_in

    tell_replaced(out, written_in(out))
    stage(panel_words(request.panel))
    for name, reason in request.unavailable.items():
        stage(f"not available: {name}: {reason}")
    for note in dict.fromkeys([*request.panel.notes(), *request.notes]):
        stage(note)
    with warnings.catch_warnings():
        # The mark on every output and the exit code say it; a second voice on stderr adds nothing.
        warnings.simplefilter("ignore", UnreliableWarning)
        # Finished fits wait here; a run that was killed goes on where it stopped.
        new, waiting = not out.is_dir(), out.absolute() / UNFINISHED
        with writing(out, "--out"):
            waiting.mkdir(parents=True, exist_ok=True)
        store = waiting / "calibration.jsonl"
        goes_on(f"finished fits are in {waiting}, and the same command again goes on from them", waiting)
        before = _made(out)
        try:
            with alone(waiting, "the folder of finished fits"):
                clear_left(out)
                analysis: AnyAnalysis = run_analysis(
                    request, truth=truth, progress=not stage.quiet, on_stage=stage, store=store
                )
                stage("writing")
                analysis = write_run(analysis, out, tell=stage)
                store.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # it holds finished fits, or files of the user's
                waiting.rmdir()
                if new:
                    out.rmdir()
            if not waiting.is_dir():
                goes_on("nothing was written" if _made(out) == before else f"what was finished is in {out}")
    return analysis


def _made(out: Path) -> int:
    """When the numbers of a run folder were written; 0 where there are none."""
    file = out / "summary.json"
    return file.stat().st_mtime_ns if file.is_file() else 0


def _finish(ctx: click.Context, analysis: "AnyAnalysis", out: Path, stage: Stages) -> None:
    """Print the table, the verdict, what is not available and the files to open, and set the exit code."""
    from bsynth.analysis import LONGER, Analysis
    from bsynth.reporting.run import written_in

    stage("done")
    print_table(analysis)
    tell_verdict(analysis)
    if stage.quiet:
        # Else they stood at the beginning; what was left out of the data is never passed over.
        tell_notes(analysis)
    if isinstance(analysis, Analysis) and (review := analysis.findings.get("frozen_plan")) is not None:
        click.echo("\n" + "\n".join(map(wrapped, review.sentences())))
    tell_files(out, written_in(out))
    if analysis.status != "ok":
        longer = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in LONGER.items())
        said = f"bsynth: {marked(analysis.reason)}. Sample longer, such as {longer}."
        click.echo(wrapped(said), err=True)
        ctx.exit(UNRELIABLE)
