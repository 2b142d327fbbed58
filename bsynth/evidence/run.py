"""Measure a model folder and write its ``evidence.json`` and the tables of its card."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bsynth._base.versions import versions
from bsynth.errors import SpecError
from bsynth.evidence import card, placebos, published, sbc, waves, waves_sbc, worlds
from bsynth.evidence.record import Settings, key_of
from bsynth.model.catalogue import list_models, load_model, models_folder
from bsynth.model.spec import ModelSpec
from bsynth.pieces import Record

PARTS = ("placebos", "worlds", "sbc", "published")
QUICK = 6
"""Repetitions of a trial run."""


@dataclass(frozen=True)
class Request:
    """What to measure, and how much of it.

    Attributes
    ----------
    parts : sequence of str
        Of `PARTS`.
    data : Path or None
        Folder of the real panels, for ``placebos`` and ``published``.
    work : Path
        Folder of finished pieces.
    seeds, simulations : int
        Repetitions in each world; draws from the prior.
    only : tuple of str or None
        Worlds to measure; all by default.
    minutes : float or None
        Of simulated waves as many as begin within so many CPU minutes; None for all.
    quick : bool
        A trial run of six repetitions each, which writes nothing into the model's folder.
    settings : Settings
    """

    parts: Sequence[str] = PARTS
    data: Path | None = None
    work: Path = Path(".evidence")
    seeds: int = 100
    simulations: int = 300
    only: tuple[str, ...] | None = None
    minutes: float | None = None
    quick: bool = False
    settings: Settings = field(default_factory=Settings)


def measure_model(model: str | Path, request: Request) -> Record:
    """Measure the parts asked for and return the evidence; written to the model's folder unless it is a trial.

    Raises
    ------
    SpecError, PanelError
        Unknown model or part, or no folder of real panels where one is needed.
    """
    spec, folder = load_model(model), folder_of(model)
    needing = {"placebos", "published"} & set(request.parts)
    if needing and request.data is None:
        raise SpecError(f"{' and '.join(sorted(needing))} need the folder of the real panels; give --data")
    found = {} if request.quick else read(folder, spec)
    found |= {"schema": 1, "model": spec.name, "specification": key_of(spec, {}), "versions": versions()}
    for part in request.parts:
        result = _measure_part(part, spec, request)
        if result is not None and part == "worlds" and request.only:
            # The worlds that were not asked for keep what was measured of them.
            result["worlds"] = found.get(part, {}).get("worlds", {}) | result["worlds"]
        if result is not None:
            found[part] = result
        if not request.quick:
            write(folder, found)
    return found


def folder_of(model: str | Path) -> Path:
    """Return the folder that holds a model's files."""
    if str(model) in list_models():
        return models_folder() / str(model)
    path = Path(model)
    return path if path.is_dir() else path.parent


def read(folder: Path, spec: ModelSpec) -> Record:
    """Return the evidence of a folder; empty when there is none, or when it is of another specification."""
    file = folder / "evidence.json"
    if not file.is_file():
        return {}
    found: Record = json.loads(file.read_text(encoding="utf-8"))
    return found if found.get("specification") == key_of(spec, {}) else {}


def write(folder: Path, evidence: Record) -> None:
    """Write ``evidence.json``, and the tables of ``card.md`` when there is one."""
    file = folder / "evidence.json"
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    part.replace(file)
    text = folder / "card.md"
    if text.is_file():
        text.write_text(card.update(text.read_text(encoding="utf-8"), evidence), encoding="utf-8")


def _measure_part(part: str, spec: ModelSpec, request: Request) -> Record | None:
    """Return one part's summary, or None when the model cannot be asked that."""
    work, settings = request.work / spec.name, request.settings
    if spec.pooling.effects != "none":
        return _measure_waves(part, spec, request)
    counts = spec.cells.variance == "known"
    if part == "placebos":
        if counts or request.data is None:
            return None
        return placebos.run(spec, request.data, work, settings, quick=request.quick)
    if part == "published":
        return None if counts or request.data is None else published.run(spec, request.data, work, settings)
    # Thousands of repetitions, each of which only has to be unbiased.
    lighter = replace(settings, draws=min(settings.draws, 300), tune=min(settings.tune, 400))
    lightest = replace(settings, draws=min(settings.draws, 250), tune=min(settings.tune, 350))
    if part == "worlds":
        seeds = QUICK if request.quick else request.seeds
        return worlds.run(spec, work, lighter, seeds=seeds, worlds=request.only)
    if part == "sbc":
        simulations = QUICK if request.quick else request.simulations
        kinds = {"exact": (False,), "known": (True,), "auto": (False, True)}[spec.cells.variance]
        return {
            "runs": [sbc.run(spec, request.work, lightest, simulations=simulations, known=known) for known in kinds]
        }
    raise SpecError(f"part {part!r} is not known; allowed: {', '.join(PARTS)}")


def _measure_waves(part: str, spec: ModelSpec, request: Request) -> Record | None:
    """The same of a model of several starts, which has worlds and a simulator of its own."""
    work, settings = request.work / spec.name, request.settings
    if part == "worlds":
        seeds = QUICK if request.quick else request.seeds
        return waves.run(spec, work, settings, seeds=seeds, minutes=request.minutes)
    if part == "sbc":
        simulations = QUICK if request.quick else request.simulations
        return {"runs": [waves_sbc.run(spec, work, settings, simulations=simulations, minutes=request.minutes)]}
    return None
