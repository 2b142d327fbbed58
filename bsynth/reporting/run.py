"""The run folder: ``summary.json``, ``fit.nc``, ``report.html``, ``figures/``."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bsynth._request import check_file, writing
from bsynth.analysis import Analysis, analyse
from bsynth.catalogue import DEFAULT
from bsynth.given import require_panel
from bsynth.panel import Panel
from bsynth.reporting.figures import figures, save_figures
from bsynth.reporting.html import write_report
from bsynth.spec import ModelSpec

SUMMARY, FIT, REPORT, FIGURES, NOTEBOOK = "summary.json", "fit.nc", "report.html", "figures", "notebook.ipynb"
TABLES = "tables"


def write_run(analysis: Analysis, out: str | Path) -> None:
    """Write the run folder of an analysis, whole or not at all; an earlier run of the same folder is replaced.

    ``fit.nc`` is the main fit; further fits are ``fit-NAME.nc``.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as name:
        part = Path(name) / "run"
        part.mkdir()
        drawn = figures(analysis)
        save_figures(analysis, part / FIGURES, drawn=drawn)
        write_report(analysis, part / REPORT, drawn=drawn)
        for number, fit in enumerate(analysis.fits):
            fit.save(part / (FIT if number == 0 else f"fit-{number + 1}-{fit.spec.name}.nc"))
        text = json.dumps(analysis.summary(), indent=1, ensure_ascii=False, allow_nan=False)
        (part / SUMMARY).write_text(text + "\n", encoding="utf-8")
        if out.is_dir():
            _remove_earlier(out)
        out.mkdir(exist_ok=True)
        for item in sorted(part.iterdir()):
            item.replace(out / item.name)


def _remove_earlier(out: Path) -> None:
    """Remove what an earlier run wrote, and nothing else."""
    for item in [out / SUMMARY, out / REPORT, out / NOTEBOOK, *out.glob("fit*.nc")]:
        item.unlink(missing_ok=True)
    for folder in (FIGURES, TABLES):
        shutil.rmtree(out / folder, ignore_errors=True)


def report(
    data: Panel | Analysis,
    path: str | Path = "report.html",
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
    methods: str | Sequence[str] = "standard",
    level: float = 0.95,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Write a self-contained HTML report and return its path.

    Parameters
    ----------
    data : Panel or Analysis
        A panel is analysed first, with the other parameters as in `bsynth.analyse`; an analysis is
        reported as it is.
    path : path
        File to write.

    Examples
    --------
    >>> import bsynth as bs, tempfile
    >>> from bsynth.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = bs.report(panel, f"{folder}/report.html", models=["none"], methods=["sc"], progress=False)
    ...     page.read_text(encoding="utf-8").startswith("<!doctype html>")
    True
    """
    file = check_file(path, "path")
    if not isinstance(data, Analysis):
        require_panel(data)
        data = analyse(data, models=models, methods=methods, level=level, seed=seed, progress=progress)
    with writing(file, "path"):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_report(data, file)
    return file
