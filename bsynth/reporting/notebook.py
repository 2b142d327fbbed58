"""A run as a notebook: the cells that make it again from the data file, and their output."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bsynth._base.plain import show
from bsynth._base.request import check_file, writing
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import BsynthError, SpecError, some_of
from bsynth.model.catalogue import DEFAULT, list_models
from bsynth.text.labels import plain

PACKAGES = ("nbformat", "nbclient", "ipykernel")
PARAMETERS = "parameters"
"""Tag of the cell that papermill and others replace."""


def require_notebook() -> None:
    """Refuse to go on without the packages that write and execute notebooks.

    Raises
    ------
    SpecError
        Naming what is missing and how to get it.

    Examples
    --------
    >>> require_notebook()
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise SpecError(f"a notebook needs {' and '.join(missing)}, not installed; run: pip install 'bsynth[notebook]'")


def write_notebook(
    data: str | Path,
    path: str | Path = "notebook.ipynb",
    *,
    unit: str,
    time: str,
    outcome: str,
    treated: Any,
    start: Any,
    end: Any = None,
    donors: Sequence[Any] | None = None,
    exclude: Sequence[Any] = (),
    cluster: str | None = None,
    covariates: Sequence[str] = (),
    missing: str = "error",
    date_format: str | None = None,
    models: Sequence[str | Path] = (DEFAULT,),
    methods: str | Sequence[str] = "standard",
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool = True,
    draws: int | None = None,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int | None = None,
    sampling: Sampling | None = None,
    execute: bool = True,
) -> Path:
    """Write a notebook that analyses a data file, with its output.

    Its first code cell, tagged ``parameters``, holds every argument given here, so that it can be run again with
    others, by hand or by papermill. Paths in it are relative to the notebook's folder.

    Parameters
    ----------
    data : path
        CSV or Parquet file.
    path : path
        Notebook to write; one that is there is replaced.
    unit, time, outcome, treated, start, end, donors, exclude, covariates, missing, date_format
        As `Panel.from_long`.
    cluster : str, optional
        Column of users: rows are users or events, as in `Panel.from_events`.
    models : sequence of str or path
        Models, the main one first; ``["none"]`` for none.
    methods, findings, questions, calibrated, draws, replicates, level, seed, sampling
        As `bsynth.analyse`.
    execute : bool
        Run the cells, by this interpreter and in the notebook's folder; it takes as long as the analysis. Otherwise
        they come without output.

    Returns
    -------
    Path
        Of the notebook.

    Raises
    ------
    SpecError
        Packages for notebooks are missing, or data or a model is no file.
    BsynthError
        A cell failed; nothing is written.

    Examples
    --------
    >>> import tempfile
    >>> import bsynth as bs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bs.simulate_factor(donors=4, seed=1).to_csv(f"{folder}/panel.csv", index=False)
    ...     file = write_notebook(f"{folder}/panel.csv", f"{folder}/panel.ipynb", unit="unit", time="time",
    ...                           outcome="outcome", treated=0, start=30, models=["none"], execute=False)
    ...     file.name
    'panel.ipynb'
    """
    require_notebook()
    import nbformat

    path = check_file(path, "path")
    folder = path.absolute().parent
    how = resolve(sampling, draws, seed)
    parameters = {
        "data": _relative(data, folder), "unit": unit, "time": time, "outcome": outcome, "treated": treated,
        "start": start, "end": end, "donors": donors, "exclude": exclude, "cluster": cluster,
        "covariates": covariates, "missing": missing, "date_format": date_format,
        "models": [_model(each, folder) for each in models],
        "methods": methods, "findings": findings, "questions": dict(questions or {}), "calibrated": calibrated,
        "replicates": replicates, "level": level,
    } | {name: getattr(how, name) for name in _SAMPLING}  # fmt: skip
    notebook = make_notebook({name: _literal(value) for name, value in parameters.items()})
    folder.mkdir(parents=True, exist_ok=True)
    if execute:
        execute_notebook(notebook, folder)
    part = path.with_name(path.name + ".part")
    written = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    with writing(path, "path"):
        part.write_text(written + "\n", encoding="utf-8", newline="\n")
        part.replace(path)
    return path


def make_notebook(parameters: Mapping[str, Any]) -> Any:
    """Return the notebook of an analysis without output, a ``NotebookNode``; every value is plain JSON data."""
    v4: Any = importlib.import_module("nbformat.v4")
    kinds = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}
    cells = [
        kinds[kind](source, id=f"cell-{number}", metadata={"tags": [PARAMETERS]} if number == 1 else {})
        for number, (kind, source) in enumerate(_cells(parameters))
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def execute_notebook(notebook: Any, folder: Path) -> None:
    """Run the cells of a ``NotebookNode`` in place, in ``folder`` and by this interpreter.

    Raises
    ------
    BsynthError
        A cell failed.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    class ThisInterpreter(KernelSpecManager):
        """Knows one kernel: whatever is registered as python3 may lack bsynth."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    kernel = AsyncKernelManager(kernel_spec_manager=ThisInterpreter())
    client = NotebookClient(
        notebook, km=kernel, timeout=None, record_timing=False, resources={"metadata": {"path": str(folder)}}
    )
    # A backend chosen for scripts would leave the notebook without pictures.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    try:
        client.execute(env=environment, cleanup_kc=True)
    except CellExecutionError as error:
        said = str(error.evalue).strip().splitlines() or [""]
        raise BsynthError(f"a cell of the notebook failed with {error.ename}: {said[0]}") from error


def _cells(parameters: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Kind and source of each cell; the second one holds the parameters."""
    posterior = parameters["models"] != ["none"]
    classical = parameters["methods"] not in ("none", ["none"])
    treated = [parameters["treated"]] if not isinstance(parameters["treated"], list) else parameters["treated"]
    names = some_of([text(unit) for unit in treated])
    yield "markdown", f"# Effect on {text(parameters['outcome'])}: {names}\n\n{_ABOUT}"
    yield "code", "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    roles = ", ".join(f"{name}={name}" for name in _ROLES)
    build = "Panel.from_long(data, **roles)"
    if parameters["cluster"] is not None:
        build = "Panel.from_events(data, cluster=cluster, **roles)"
    yield "code", _PANEL.format(roles=roles, build=build)
    settings = ", ".join(f"{name}={name}" for name in _SETTINGS)
    yield "markdown", "## The answer"
    sampling = ", ".join(f"{name}={name}" for name in _SAMPLING)
    yield "code", _ANALYSE.format(settings=settings, sampling=sampling)
    yield "code", _EFFECTS
    yield "markdown", "## The pictures"
    yield "code", _PATHS
    yield "code", _METHODS
    if posterior:
        yield (
            "markdown",
            "## Whether to believe it\n\nWhat contradicts the model, and what the donors show as if treated.",
        )
        yield "code", "analysis.checks"
        if parameters["calibrated"]:
            yield "code", "analysis.calibration"
    if classical:
        yield "code", _PLACEBO
    if parameters["findings"] not in ("none", ["none"], []):
        yield "markdown", "## What it hangs on, and what follows"
        yield "code", _FINDINGS
    yield "markdown", "## Made with"
    yield "code", _MADE


_ROLES = (
    "unit", "time", "outcome", "treated", "start", "end", "donors", "exclude", "covariates", "missing", "date_format",
)  # fmt: skip
_SETTINGS = ("models", "methods", "findings", "questions", "calibrated", "replicates", "level")
_SAMPLING = ("draws", "tune", "chains", "target_accept", "seed", "n_jobs")
_ABOUT = (
    "This notebook makes the analysis again from the data file. Change the parameters and run every cell to ask "
    "another question; paths are relative to the notebook's folder."
)
_PANEL = """\
import warnings

import pandas as pd
from IPython.display import display

import bsynth as bs
from bsynth.reporting.findings import findings_of

# What a fit that failed its convergence gate touches is marked; a warning would say it twice.
warnings.simplefilter("ignore", bs.UnreliableWarning)
pd.set_option("display.float_format", "{{:.5g}}".format, "display.max_rows", 200, "display.max_colwidth", 70)
roles = dict(
    {roles},
)
panel = bs.{build}
panel"""
_ANALYSE = """\
analysis = bs.analyse(
    panel,
    {settings},
    sampling=bs.Sampling({sampling}),
    progress=False,
)
analysis.comparison"""
_EFFECTS = """\
effects = analysis.effects().astype(object).fillna("")
shown = ["estimate", "lower", "upper", "level", "interval", "probability_positive", "p"]
effects.set_index(["method", "model", "estimand"])[shown]"""
_PATHS = """\
main = analysis.main
bs.plot_trajectory(main, level=level)
bs.plot_gap(main, level=level);"""
_METHODS = """\
bs.plot_effects(analysis.effects())
bs.plot_weights(main, level=level);"""
_PLACEBO = """\
if "placebo" in analysis.inferences:
    bs.plot_placebo(analysis.inferences["placebo"])
if "bootstrap" in analysis.inferences:
    bs.plot_bootstrap(analysis.inferences["bootstrap"], level=level)"""
_FINDINGS = """\
for part, finding in findings_of(analysis):
    display(finding)
    if part.plot is not None:
        part.plot(finding)"""
_MADE = """\
summary = analysis.to_dict()
made = {"status": summary["status"], "seed": seed, "sha256 of the data": summary["panel"]["sha256"]}
pd.Series(made | summary["versions"]).to_frame("")"""


def text(label: object) -> str:
    """Return a label as Markdown that reads as it stands: no mark-up, no formula, no HTML.

    Examples
    --------
    >>> text("*a*"), text("Utah")
    ('&#42;a&#42;', 'Utah')
    """
    return "".join(c if c.isalnum() or c == " " or ord(c) > 127 else f"&#{ord(c)};" for c in plain(label))


def _literal(value: Any) -> Any:
    """A value that its repr makes again: numbers, text, None and lists of them; dates as ISO text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _literal(each) for name, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_literal(each) for each in value]
    return show(value)


def _relative(file: str | Path, folder: Path) -> str:
    """A file's path as seen from the notebook; addresses stay."""
    if not isinstance(file, str | Path):
        raise SpecError(
            f"data is a {type(file).__name__}; a notebook reads a file, give the path of a CSV or Parquet file"
        )
    if "://" in str(file):
        return str(file)
    return Path(os.path.relpath(Path(file).absolute(), folder)).as_posix()


def _model(model: str | Path, folder: Path) -> str:
    """A name of the catalogue as it is, a file or folder as seen from the notebook."""
    if not isinstance(model, str | Path):
        raise SpecError(f"model is a {type(model).__name__}; in a notebook give a name of the catalogue or a path")
    if model == "none" or str(model) in list_models():
        return str(model)
    relative = _relative(model, folder)
    return relative if "/" in relative or relative.endswith(".toml") else f"./{relative}"
