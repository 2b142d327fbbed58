"""A run as a notebook: the cells that make it again from the data file, and their output."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from bsynth._base.plain import show
from bsynth._base.request import check_file, check_flags, whole, writing
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import BsynthError, SpecError, some_of
from bsynth.model.catalogue import DEFAULT, list_models
from bsynth.text.labels import plain

PACKAGES = ("nbformat", "nbclient", "ipykernel", "jupytext")
TEMPLATES = Path(__file__).parent / "templates"


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
    outcome_label: str | None = None,
    unit_label: str | None = None,
    higher_is: str | None = None,
    models: Sequence[str | Path] = (DEFAULT,),
    scale: str | None = None,
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
    outcome_label, unit_label, higher_is
        As `Panel.from_long`.
    cluster : str, optional
        Column of users: rows are users or events, as in `Panel.from_events`.
    models : sequence of str or path
        Models, the main one first; ``["none"]`` for none.
    scale, methods, findings, questions, calibrated, draws, replicates, level, seed, sampling
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

    check_flags(calibrated=calibrated, execute=execute)
    path = check_file(path, "path")
    folder = path.absolute().parent
    how = resolve(sampling, draws, seed)
    parameters = {
        "data": _relative(data, folder), "unit": unit, "time": time, "outcome": outcome, "treated": treated,
        "start": start, "end": end, "donors": donors, "exclude": exclude, "cluster": cluster,
        "covariates": covariates, "missing": missing, "date_format": date_format, "outcome_label": outcome_label,
        "unit_label": unit_label, "higher_is": higher_is,
        "models": [_model(each, folder) for each in models],
        "scale": scale,
        "methods": methods, "findings": findings, "questions": dict(questions or {}), "calibrated": calibrated,
        "replicates": replicates, "level": level,
    } | {name: getattr(how, name) for name in _SAMPLING}  # fmt: skip
    notebook = make_notebook({name: _literal(value) for name, value in parameters.items()})
    folder.mkdir(parents=True, exist_ok=True)
    if execute:
        execute_notebook(notebook, folder)
    written = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    with writing(path, "path"), whole(path) as part:
        part.write_text(written + "\n", encoding="utf-8", newline="\n")
    return path


def make_notebook(parameters: Mapping[str, Any]) -> Any:
    """Return the notebook of an analysis without output, a ``NotebookNode``; every value is plain JSON data.

    Its cells are those of ``templates/notebook.py.j2``, in the percent format of jupytext.
    """
    jupytext: Any = importlib.import_module("jupytext")
    notebook = jupytext.reads(_source(parameters), fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return notebook


def _source(parameters: Mapping[str, Any]) -> str:
    """Return the notebook as text."""
    treated = parameters["treated"] if isinstance(parameters["treated"], list) else [parameters["treated"]]
    environment = jinja2.Environment(  # no page is made of it, so nothing is escaped
        loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("notebook.py.j2").render(
        parameters={name: repr(value) for name, value in parameters.items()},
        outcome=text(parameters["outcome"]),
        treated=some_of([text(unit) for unit in treated]),
        clustered=parameters["cluster"] is not None,
        posterior=parameters["models"] != ["none"],
        calibrated=parameters["calibrated"],
        classical=parameters["methods"] not in ("none", ["none"]),
        findings=parameters["findings"] not in ("none", ["none"], []),
    )


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


_SAMPLING = ("draws", "tune", "chains", "target_accept", "seed", "n_jobs")


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
