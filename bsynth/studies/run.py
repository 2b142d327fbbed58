"""The verb: run a study, or what is left of it."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bsynth._base.request import alone, check_flags, check_folder, check_jobs, hinted, whole, writing
from bsynth.errors import BsynthError, SpecError, came
from bsynth.pieces import Record, Store, run_pieces
from bsynth.studies.result import SPEC, STORE, STORE_KEY, Study
from bsynth.studies.spec import StudySpec
from bsynth.studies.units import Unit, check_backend, drawn, key_of, units_of, work
from bsynth.studies.units import backend as running


@hinted
def study(
    spec: StudySpec | Mapping[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    n_jobs: int | None = None,
    backend: str = "processes",
    scheduler: str | None = None,
    progress: bool = True,
) -> Study:
    """Hold methods against panels whose true effect is known: worlds × methods × seeds.

    Parameters
    ----------
    spec : StudySpec, dict or path of a ``study.toml``
        Worlds, methods and how many panels of each; paths in it are relative to the file's folder.
    out : path, optional
        Folder in which finished fits are kept (``fits.jsonl``, appended one by one): the same study again goes on
        where it stopped, and one with more seeds, worlds or methods computes only what is new.
    n_jobs : int, optional
        Fits side by side; all cores by default. Changes no number.
    backend : {"processes", "threads", "dask", "joblib"}
        ``"joblib"`` takes whatever ``joblib.parallel_config`` is set around the call: Ray's and Spark's own joblib
        backends (``ray.util.joblib.register_ray()``, ``joblibspark.register_spark()``) among them.
    scheduler : str, optional
        Address of a running Dask cluster, with ``backend="dask"``.
    progress : bool

    Returns
    -------
    Study
        ``.fits``, ``.measures()``, pictures, words.

    Raises
    ------
    SpecError
        A key, name or setting outside what is allowed, in one line; before anything runs.

    Examples
    --------
    >>> import bsynth as bs
    >>> found = bs.study({"seeds": 3, "worlds": {"factor": {}}, "methods": {
    ...     "demeaned": {"estimator": "demeaned", "inference": "placebo"}, "did": {"estimator": "did"}}},
    ...     backend="threads", n_jobs=1, progress=False)
    >>> found.measures()[["world", "method", "panels", "failed"]].values.tolist()
    [['factor', 'demeaned', 3, 0], ['factor', 'did', 3, 0]]
    """
    check_flags(progress=progress)
    check_jobs(n_jobs)
    check_backend(backend, scheduler)
    where = None if out is None else check_folder(out, "out")
    chosen, folder = read_spec(spec)
    for name, method in chosen.methods.items():
        try:
            method.check(folder)
        except BsynthError as error:
            raise SpecError(f"method {name!r}: {error}") from None
    jobs = units_of(chosen, folder)
    if not jobs:
        raise SpecError("no method of the study goes with any of its worlds: waves are for models that pool effects")
    # What is wrong with a world's data is said before a folder is made.
    for unit in {unit.world_name: unit for unit in jobs.values() if unit.k == 0}.values():
        drawn(unit)
    with ExitStack() as held:
        held.enter_context(running(backend, n_jobs, scheduler))
        if where is not None:
            where.mkdir(parents=True, exist_ok=True)
            held.enter_context(alone(where, "out"))
        store = None if where is None else _store(where, chosen, jobs)
        found: list[Record] = run_pieces(jobs, work, title=chosen.title, store=store, n_jobs=n_jobs, progress=progress)
    return Study.from_records(chosen, dict(zip(jobs, found, strict=True)))


def _store(where: Path, spec: StudySpec, jobs: Mapping[str, Unit]) -> Store:
    """The folder's finished fits, beside which stands of what study they are and what they depend on."""
    told = {"spec": spec.to_dict(), "keys": sorted({key_of(name) for name in jobs})}
    with writing(where / SPEC, "study"), whole(where / SPEC) as part:
        part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return Store(where / STORE, STORE_KEY)


def read_spec(spec: Any) -> tuple[StudySpec, Path]:
    """The specification, and the folder that its paths are relative to."""
    if isinstance(spec, StudySpec):
        return spec, Path.cwd()
    if isinstance(spec, Mapping):
        return StudySpec.from_dict(spec), Path.cwd()
    if isinstance(spec, str | Path):
        file = Path(spec)
        return StudySpec.from_file(file), file.resolve().parent
    raise SpecError(f"study is {came(spec)}; give a StudySpec, a dict, or the path of a study.toml")
