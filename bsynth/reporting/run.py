"""The run folder: ``summary.json``, ``fit.nc``, ``report.html``, ``figures/``."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from bsynth._base.request import UNFINISHED, check_file, check_output, whole, writing
from bsynth.analysis import AnyAnalysis, MultiCellAnalysis, Outcomes
from bsynth.analysis.concluded import Concluded
from bsynth.analysis.steps import Steps
from bsynth.bayesian.result import Fit
from bsynth.bayesian.waves.result import WavesFit
from bsynth.errors import BsynthError, SpecError, came
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import drawings, picture_name, save_figure
from bsynth.reporting.helper import drawn_by_two, second_process
from bsynth.reporting.html import write_report
from bsynth.reporting.slide import FILES as SLIDES
from bsynth.reporting.together import Together, render_together

SUMMARY, FIT, REPORT, FIGURES, NOTEBOOK = "summary.json", "fit.nc", "report.html", "figures", "notebook.ipynb"
TABLES = "tables"
WRITTEN = ".written"
"""Lists what a run wrote, one path a line: this, and nothing else, is what the next run of the folder removes."""

STAGED = "run-"
"""How the names of folders begin in which files wait until all are there."""
_PART = re.compile(r"\..+\.(?:json|nc|html|ipynb|png|svg|pdf|csv|parquet|tex|md)\.\d+")
"""What `whole` calls a file that is not."""


def check_run_folder(out: str | Path, what: str = "out") -> Path:
    """Refuse a folder that no run has written, or where something of the user's is in the way."""
    return check_output(out, what, WRITTEN, (SUMMARY, FIT, REPORT, NOTEBOOK, *SLIDES), (FIGURES, TABLES))


def write_run(
    analysis: AnyAnalysis,
    out: str | Path,
    *,
    tell: Callable[[str], None] | None = None,
) -> AnyAnalysis:
    """Write the run folder of an analysis; what an earlier run wrote there is replaced once the answer is there.

    ``summary.json`` and ``fit.nc`` (the main fit; further fits are ``fit-NAME.nc``) come first and whole, then the
    pictures one by one, then the report. A picture or a report that cannot be had costs itself alone.

    Returns
    -------
    Analysis
        With what could not be drawn or written in ``unavailable``, as the rewritten ``summary.json`` has it.

    Raises
    ------
    BsynthError
        When there is no summary to write; finished fits are in the folder all the same.
    SpecError
        The folder is not empty and no run wrote it, or what is in it is in the way.
    """
    out, say = check_run_folder(out), tell or (lambda _: None)
    steps = Steps(analysis.unavailable)
    makers = steps.attempt("pictures", lambda: drawings(analysis)) or {}
    with second_process(makers) as second:
        analysis = _answer(analysis, out, steps)
        say("figures")
        found = _pictures(drawn_by_two(makers, second), out / FIGURES, steps)
    drawn = {key: found[key] for key in makers if key in found}
    say("report")
    note_written(out, [out / REPORT])
    steps.attempt("report", lambda: write_report(analysis, out / REPORT, drawn=drawn, steps=steps))
    return note_unavailable(analysis, out, steps)


def _answer(analysis: AnyAnalysis, out: Path, steps: Steps) -> AnyAnalysis:
    """Write the fits and the summary, all or none, in place of an earlier run."""
    fits: tuple[Fit | WavesFit, ...] = analysis.fits
    with _waiting(out) as part:
        for number, fit in enumerate(fits):
            file = FIT if number == 0 else f"fit-{number + 1}-{fit.spec.name}.nc"
            if steps.attempt(file, partial(_saved, fit, part / file)) is None:
                (part / file).unlink(missing_ok=True)
        analysis = replace(analysis, unavailable=dict(steps.unavailable))
        steps.attempt("summary", lambda: write_summary(analysis, part))
        items = sorted(part.iterdir())
        if taken := [item.name for item in items if (out / item.name).is_dir()]:
            raise SpecError(f"out {str(out)!r} holds a folder {taken[0]!r} where a file is written; give a new folder")
        _remove_earlier(out)
        note_written(out, (out / item.name for item in items))
        for item in items:
            item.replace(out / item.name)
    if "summary" in steps.unavailable:
        kept = f"; finished fits are in {str(out)!r}" if analysis.fits else ""
        raise BsynthError(f"the answer cannot be written as {SUMMARY}: {steps.unavailable['summary']}{kept}")
    return analysis


@contextmanager
def _waiting(out: Path) -> Iterator[Path]:
    """Where files wait until all of them are there: within the folder, so that no disk lies between."""
    before, waiting = out.is_dir(), out / UNFINISHED
    waiting.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=waiting, prefix=STAGED) as part:
            yield Path(part)
    finally:
        with suppress(OSError):  # finished fits wait there, too
            waiting.rmdir()
            if not before:
                out.rmdir()


@contextmanager
def begun(out: Path) -> Iterator[None]:
    """Have a folder of several runs be their own from the beginning, so that what is stopped goes on in it."""
    before = out.is_dir()
    out.mkdir(parents=True, exist_ok=True)
    note_written(out, ())
    try:
        yield
    finally:
        if not before and [file.name for file in out.iterdir()] == [WRITTEN]:
            (out / WRITTEN).unlink()
            out.rmdir()


def clear_left(out: Path) -> None:
    """Remove what a run that was killed had not finished writing; for whoever is alone in the folder."""
    for folder in (out / UNFINISHED).glob(f"{STAGED}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (out, out / FIGURES, out / TABLES):
        for file in folder.glob(".*.*.*"):
            if _PART.fullmatch(file.name) and file.is_file():
                file.unlink(missing_ok=True)


def written_in(out: Path) -> list[Path]:
    """Return what the last run wrote and is still there, as paths within the folder."""
    noted = out / WRITTEN
    lines = noted.read_text(encoding="utf-8", errors="replace").splitlines() if noted.is_file() else []
    whole = out.resolve()
    # A list that was changed by hand, or a link, reaches nothing outside of the folder.
    inside = [Path(line) for line in lines if line and (out / line).parent.resolve().is_relative_to(whole)]
    return [path for path in inside if not path.is_absolute() and ".." not in path.parts and (out / path).is_file()]


def note_written(out: Path, files: Iterable[Path]) -> None:
    """Add files to the list of what this run wrote into its folder."""
    with (out / WRITTEN).open("a", encoding="utf-8") as noted:
        noted.writelines(f"{file.relative_to(out).as_posix()}\n" for file in files)


def note_unavailable(analysis: AnyAnalysis, out: str | Path, steps: Steps) -> AnyAnalysis:
    """Return the analysis with what ``steps`` found to be unavailable; a summary that lacks it is written again."""
    if steps.unavailable == analysis.unavailable:
        return analysis
    analysis = replace(analysis, unavailable=dict(steps.unavailable))
    write_summary(analysis, Path(out))
    return analysis


def write_summary(analysis: AnyAnalysis, folder: Path) -> Path:
    """Write ``summary.json``, whole or not at all."""
    text = json.dumps(analysis.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    with whole(folder / SUMMARY) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return folder / SUMMARY


def _saved(fit: Fit | WavesFit, file: Path) -> Path:
    fit.save(file)
    return file


def _pictures(pictures: Iterator[tuple[str, Callable[[], Drawing]]], folder: Path, steps: Steps) -> dict[str, Drawing]:
    """Save the pictures one by one as they are drawn."""
    found: dict[str, Drawing] = {}
    for key, draw in pictures:
        drawing = steps.attempt(picture_name(key), draw)
        if drawing is None:
            continue
        saved = steps.attempt(picture_name(key), partial(save_figure, drawing, key, folder))
        if saved is not None:
            note_written(folder.parent, saved)
            found[key] = drawing
    return found


def _remove_earlier(out: Path) -> None:
    """Remove what an earlier run wrote, and nothing else."""
    for file in written_in(out):
        (out / file).unlink(missing_ok=True)
    (out / WRITTEN).unlink(missing_ok=True)
    for folder in (out / FIGURES, out / TABLES):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def report(analysis: AnyAnalysis | Together, path: str | Path = "report.html") -> Path:
    """Write a self-contained HTML report and return its path.

    Parameters
    ----------
    analysis : Analysis
        Of several outcomes or cells the page has one table and a section of each.
    path : path
        File to write.

    Raises
    ------
    SpecError
        Something else than an analysis, or no file can be written there.

    Examples
    --------
    >>> import bsynth as bs, tempfile
    >>> from bsynth.panel.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc"], progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = bs.report(analysis, f"{folder}/report.html")
    ...     page.read_text(encoding="utf-8").startswith("<!doctype html>")
    True
    """
    if not isinstance(analysis, Concluded | Outcomes | MultiCellAnalysis):
        raise SpecError(f"an Analysis is needed and {came(analysis)} came; bsynth.analyse(panel) returns one")
    file = check_file(path, "path")
    with writing(file, "path"):
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(analysis, Outcomes | MultiCellAnalysis):
            file.write_text(render_together(analysis), encoding="utf-8", newline="\n")
        else:
            write_report(analysis, file)
    return file
