"""What a study is made of: worlds, methods, seeds; read from ``study.toml`` and checked on the way in."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator, model_validator

from bsynth._base.request import MOST, shown
from bsynth._base.toml import parse_toml, read_settings
from bsynth.engines.sampling import MOST_CHAINS
from bsynth.errors import SpecError, nearest, some_of
from bsynth.studies.methods import KINDS as METHODS
from bsynth.studies.methods import Method
from bsynth.studies.worlds import KINDS as WORLDS
from bsynth.studies.worlds import World
from bsynth.text.numbers import percent

Level = Annotated[float, Field(gt=0, lt=1)]
LEVELS = (0.5, 0.8, 0.9, 0.95)
_REFUSED = "/\\|\n"
"""What a name may not hold: it stands in names of pieces and of files."""


class StudySpec(BaseModel):
    """A study: every method answers the same panels, ``seeds`` of each world.

    Attributes
    ----------
    title : str
    seeds : int
        Panels of each world.
    seed : int
        Where all randomness comes from; panel k of a world depends on it, the world's name and k alone.
    levels : tuple of float
        Of the intervals that are scored.
    draws, tune, chains : int
        Of posteriors, where a method does not say otherwise.
    worlds, methods : dict by name

    Examples
    --------
    >>> spec = StudySpec.from_toml('''
    ... seeds = 20
    ... [worlds.factor]
    ... [worlds."geo, null"]
    ... kind = "geo"
    ... [methods.demeaned]
    ... estimator = "demeaned"
    ... inference = "placebo"
    ... ''')
    >>> list(spec.worlds), list(spec.methods), spec.levels
    (['factor', 'geo, null'], ['demeaned'], (0.5, 0.8, 0.9, 0.95))
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = "Study"
    seeds: Annotated[int, Field(ge=1, le=MOST, strict=True)] = 100
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    levels: tuple[Level, ...] = LEVELS
    draws: Annotated[int, Field(ge=100, le=MOST, strict=True)] = 500
    tune: Annotated[int, Field(ge=100, le=MOST, strict=True)] = 500
    chains: Annotated[int, Field(ge=2, le=MOST_CHAINS, strict=True)] = 4
    worlds: dict[str, SerializeAsAny[World]]
    methods: dict[str, SerializeAsAny[Method]]

    @field_validator("worlds", mode="before")
    @classmethod
    def _each_world(cls, given: Any) -> Any:
        return _each(given, "world", _world)

    @field_validator("methods", mode="before")
    @classmethod
    def _each_method(cls, given: Any) -> Any:
        return _each(given, "method", _method)

    @field_validator("levels")
    @classmethod
    def _in_order(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not levels:
            raise ValueError("levels are empty; give some, such as [0.8, 0.95]")
        ordered = tuple(sorted(set(levels)))
        for low, high in pairwise(ordered):
            # Columns are named by it: covered_95%.
            if (name := percent(low)) == percent(high):
                raise ValueError(f"levels {low} and {high} would both be called {name}; give one of them")
        return ordered

    @model_validator(mode="after")
    def _something(self) -> Self:
        for name in ("worlds", "methods"):
            if not getattr(self, name):
                raise ValueError(f"a study without {name}; give a table [{name}.NAME] for each")
        return self

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, source: str = "study") -> Self:
        """Check plain data, as ``study.toml`` has it; raise `SpecError` that names the key and what is allowed."""
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise SpecError(f"{source}: {_explain(error)}") from None

    @classmethod
    def from_toml(cls, text: str, *, source: str = "study.toml") -> Self:
        """Read a study; raise `SpecError` in one line."""
        return cls.from_dict(parse_toml(text, source), source=source)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a file; paths in it are relative to its folder."""
        return cls.from_toml(read_settings(path, "study", "a study.toml"), source=str(path))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return self.model_dump(mode="json")


def _each(given: Any, what: str, make: Any) -> Any:
    if not isinstance(given, Mapping):
        raise ValueError(f"{what}s are tables, [{what}s.NAME]")
    return {_name(name, what): make(name, settings) for name, settings in given.items()}


def _name(name: Any, what: str) -> str:
    if not isinstance(name, str) or not name.strip() or any(sign in name for sign in _REFUSED):
        raise ValueError(f"{what} {name!r} needs a name without / \\ | and line ends")
    return name


def _world(name: str, settings: Any) -> World:
    if isinstance(settings, World):
        return settings
    given = _table(settings, f"world {name!r}")
    kind = given.get("kind", name if name in WORLDS else None)
    if not isinstance(kind, str) or kind not in WORLDS:
        hint = nearest(kind, WORLDS) if kind is not None else ""
        raise ValueError(f"world {name!r} has kind {kind!r}{hint}; it can be {some_of(WORLDS, len(WORLDS))}")
    return _made(WORLDS[kind], given | {"kind": kind}, f"world {name!r}")


def _method(name: str, settings: Any) -> Method:
    if isinstance(settings, Method):
        return settings
    given = _table(settings, f"method {name!r}")
    keys = [key for key in METHODS if key in given]
    if len(keys) != 1:
        raise ValueError(
            f"method {name!r} has {' and '.join(keys) or 'none'} of {', '.join(METHODS)}; it needs exactly one of them"
        )
    return _made(METHODS[keys[0]], given, f"method {name!r}")


def _table(settings: Any, who: str) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise ValueError(f"{who} is {settings!r}; it is a table of settings")
    return dict(settings)


def _made[T: BaseModel](kind: type[T], given: dict[str, Any], who: str) -> T:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise ValueError(f"{who}: {_explain(error, kind)}") from None


def _explain(error: ValidationError, model: type[BaseModel] = StudySpec) -> str:
    """The first thing that is wrong: the key, what came, what is allowed."""
    first = error.errors()[0]
    if "error" in first.get("ctx", {}):
        return str(first["ctx"]["error"])
    # Of a setting that may be of several types the others are names of these.
    key = ".".join(str(part) for k, part in enumerate(first["loc"]) if k == 0 or isinstance(part, int))
    if first["type"] == "missing":
        return f"{key!r} is missing; give it"
    if first["type"] == "extra_forbidden":
        allowed = list(model.model_fields)
        return f"unknown key {key!r}{nearest(key, allowed)}; allowed: {', '.join(allowed)}"
    reason = first["msg"].removeprefix("Input should be ")
    return f"{key} = {shown(first['input'])} is not allowed; it should be {reason}"
