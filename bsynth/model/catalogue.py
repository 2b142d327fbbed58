"""The catalogue: every folder of ``models/`` is a model, as data."""

from dataclasses import dataclass
from pathlib import Path

from bsynth._base.request import check_kind
from bsynth.errors import SpecError, came, nearest
from bsynth.model.link import LINKS
from bsynth.model.scales import AUTO, PLAIN, choose_scale
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel

DEFAULT = "default"


def models_folder() -> Path:
    """Return the folder of the catalogue: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parents[1]
    installed = here / "_models"
    return installed if installed.is_dir() else here.parent / "models"


def list_models() -> list[str]:
    """Return the names of the catalogue's models, sorted.

    Examples
    --------
    >>> "level" in list_models()
    True
    """
    return sorted(path.parent.name for path in models_folder().glob("*/model.toml"))


def load_model(model: str | Path | ModelSpec) -> ModelSpec:
    """Return a specification: from the catalogue by name, or from a file or folder.

    Parameters
    ----------
    model : str, path or ModelSpec
        A name of the catalogue, a ``model.toml`` or its folder; a specification is returned as it is.

    Raises
    ------
    SpecError
        Unknown name (with the nearest one), unreadable file, or a key outside the vocabulary.

    Examples
    --------
    >>> load_model("level").level.prior
    'shift'
    """
    if isinstance(model, ModelSpec):
        return model
    check_kind(model, (str, Path), "model", f"a name ({', '.join(list_models())}), a path or a ModelSpec")
    text = str(model)
    if text in list_models():
        return ModelSpec.from_file(models_folder() / text)
    if isinstance(model, Path) or "/" in text or text.endswith(".toml"):
        return ModelSpec.from_file(Path(model))
    allowed = list_models()
    raise SpecError(
        f"unknown model {text!r}{nearest(text, allowed)}; allowed: {', '.join(allowed)}, "
        "or the path of a model.toml or its folder"
    )


def model_card(name: str) -> str:
    """Return the card of a catalogue model, Markdown.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> model_card("level").startswith("#")
    True
    """
    load_model(name)
    return (models_folder() / name / "card.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Choice:
    """A specification, why it was chosen, and in ``scale`` what was found of its scale where asked; a sentence each."""

    spec: ModelSpec
    reason: str
    scale: str = ""


def choose_model(panel: Panel, model: str | Path | ModelSpec = DEFAULT, scale: str | None = None) -> Choice:
    """Resolve ``model`` for ``panel``, on another ``scale`` where one is given or, with ``"auto"``, found.

    ``default`` looks at what is known of the cells.
    """
    spec, why = load_model(model), ""
    if scale == AUTO:
        spec, why = _at_found_scale(panel, spec)
    elif scale is not None:
        if not isinstance(scale, str) or scale not in LINKS:
            raise SpecError(f"scale is {came(scale)}; allowed: {', '.join([*LINKS, AUTO])}")
        spec = spec.at_scale(scale)
    unused = "" if spec.link.is_linear else f" It works on the {spec.scale} of the outcome."
    if panel.covariates is not None and spec.covariates.use == "none":
        unused += " It does not use the panel's covariates; a model with a [covariates] section does."
    if model != DEFAULT:
        return Choice(spec, f"The model {spec.name!r} was asked for.{unused}", why)
    cells = (
        "the panel was built from rows, so the sampling variance of every cell is known and is part of the model"
        if panel.cells is not None
        else "the panel holds one value per unit and period, so cells are taken as exact"
    )
    return Choice(
        spec,
        "The default model: a level shift lets the treated unit sit above or below its donors, and a drift "
        f"switches on where the pre-period shows one; {cells}." + unused,
        why,
    )


def _at_found_scale(panel: Panel, spec: ModelSpec) -> tuple[ModelSpec, str]:
    """A model on the scale that `choose_scale` finds, and what was found; one with a scale of its own keeps it."""
    if spec.scale != PLAIN:
        return spec, f"The model {spec.name!r} has a scale of its own, {spec.scale!r}, and keeps it."
    choice = choose_scale(panel)
    link, after = LINKS[choice.scale], panel.treated_series[panel.n_pre :]
    keeps = f"{choice.verdict()} The model {spec.name!r} keeps the outcome as it is all the same: "
    if ((after < link.lower) | (after > link.upper)).any():
        return spec, f"{keeps}after the start the treated outcome leaves what a {choice.scale} can take."
    try:
        return spec.at_scale(choice.scale), choice.verdict()
    except SpecError as error:
        return spec, f"{keeps}{error}."
