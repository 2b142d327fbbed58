"""A plan that was written down before the data: what is asked, of whom, when, with which model and by which rule.

It is a text file, ``plan.toml``, with a hash over its content. An analysis that follows it says so, and names every
departure in words; nothing keeps anybody from departing, and a re-analysis never needs a plan.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from bsynth._base.plain import show
from bsynth._base.request import (
    as_path,
    check_file,
    check_flags,
    check_kind,
    check_level,
    hinted,
    shown,
    whole,
    writing,
)
from bsynth._base.toml import parse_toml, read_settings
from bsynth.analysis.methods import choose_methods
from bsynth.errors import SpecError, some_of
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.text.numbers import count, percent

SCHEMA = 1
_LISTS = ("treated", "donors", "methods")
LEVEL = 0.95
"""Of an analysis that names none."""


@dataclass(frozen=True)
class FrozenPlan:
    """What was planned, as plain text and numbers.

    Attributes
    ----------
    outcome, unit, time, cluster : str
        Columns; ``cluster`` is empty without one.
    treated, donors : tuple of str
    first, start, end : str
        First period of the history, first treated one and last one; ``end`` is empty where it is not settled.
    estimand : str
    model : str
    spec : mapping
        The whole specification of the model; none where no posterior is planned.
    methods : tuple of str
        Of the classical path.
    calibrated : bool
    level : float
    rule : str
        What decides, in words.
    history : str
        Digest of the outcomes before the start, so that a history that was restated is noticed.
    schema : int
    frozen : str
        The hash that the file holds; `edited` when the content has another one.
    """

    outcome: str
    unit: str
    time: str
    cluster: str
    treated: tuple[str, ...]
    donors: tuple[str, ...]
    first: str
    start: str
    end: str
    estimand: str
    model: str
    spec: Mapping[str, Any]
    methods: tuple[str, ...]
    calibrated: bool
    level: float
    rule: str
    history: str
    schema: int = SCHEMA
    frozen: str = ""

    @property
    def hash(self) -> str:
        """Hash of the content as it is."""
        content = {name: value for name, value in asdict(self).items() if name != "frozen"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=list)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def edited(self) -> bool:
        """Whether the content is another than the one that was frozen."""
        return self.frozen != self.hash

    @property
    def models(self) -> tuple[ModelSpec | str, ...]:
        """The model as `bsynth.analyse` takes it."""
        return (ModelSpec.model_validate(dict(self.spec)),) if self.spec else ("none",)

    def write(self, path: str | Path) -> None:
        """Write ``plan.toml``.

        Raises
        ------
        SpecError
            When no file can be written there.
        """
        with writing(path, "the plan"), whole(Path(path)) as part:
            part.write_text(_toml(self), encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a ``plan.toml``.

        Raises
        ------
        SpecError
            A file that cannot be read, or is no plan.
        """
        text = read_settings(as_path(path, "plan"), "plan", "one that bsynth plan or bs.freeze wrote")
        data = parse_toml(text, f"plan {str(path)!r}")
        known = {each.name for each in fields(cls)}
        odd, lacking = sorted(set(data) - known), sorted(known - set(data))
        if odd or lacking:
            what = f"has no {some_of(map(repr, lacking))}" if lacking else f"holds {some_of(map(repr, odd))}"
            raise SpecError(f"plan {str(path)!r} {what}; bsynth plan or bs.freeze writes one")
        try:
            return cls(**{name: _checked(name, value) for name, value in data.items()})
        except SpecError as error:
            raise SpecError(f"plan {str(path)!r} cannot be followed: {error}") from None

    def sentences(self) -> tuple[str, ...]:
        """What is planned, in words."""
        who = some_of(self.treated, 4)
        until = f" to {self.end}" if self.end else ""
        posterior = f"model {self.model!r}" + (", calibrated on the donors" if self.calibrated else "")
        how = "; ".join(each for each in (posterior if self.spec else "", ", ".join(self.methods)) if each)
        return (
            f"Plan {self.frozen}: the {self.estimand} effect on {self.outcome} of {who} from {self.start}{until}, "
            f"against {count(len(self.donors), 'donor')}, with {how}.",
            f"Rule: {self.rule}.",
        )

    def __repr__(self) -> str:
        return f"<FrozenPlan {self.frozen}: {some_of(self.treated, 2)} from {self.start}, {self.model}>"


def _checked(name: str, value: Any) -> Any:
    """A value of the file as the plan has it; raise `SpecError` for one that no plan holds."""
    if name in _LISTS:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise SpecError(f"{name} is {shown(value)}; give a list of texts")
        return tuple(value)
    if name == "level":
        return check_level(value)
    if name == "calibrated":
        check_flags(calibrated=value)
    elif name == "schema":
        if value != SCHEMA:
            raise SpecError(f"schema is {shown(value)}, and this version of bsynth reads {SCHEMA}; freeze another")
    elif name == "spec":
        check_kind(value, Mapping, name, "a table of the model's settings")
        if value:
            ModelSpec.from_dict(value, source=name)
    else:
        check_kind(value, str, name, "a text")
    return value


def _toml(plan: FrozenPlan) -> str:
    """The file: plain keys first, the specification of the model as a table at the end."""
    lines = ["# Written before the data. bsynth run --plan follows it and names every departure; see `hash` below.", ""]
    plain = {name: value for name, value in asdict(plan).items() if name != "spec"}
    lines += [f"{name} = {_value(value)}" for name, value in plain.items()]
    return "\n".join([*lines, "", *_table("spec", plan.spec)]) + "\n"


def _table(name: str, content: Mapping[str, Any]) -> list[str]:
    inner = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    lines = [f"[{name}]"]
    lines += [f"{key} = {_value(v)}" for key, v in content.items() if key not in inner and v is not None]
    return lines + [line for key, each in inner.items() for line in ["", *_table(f"{name}.{key}", each)]]


def _value(value: Any) -> str:
    """A text, number, truth or list of texts as TOML; JSON writes them alike, but for control characters of its own."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False).replace("\x7f", "\\u007f")


def frozen_plan(plan: "FrozenPlan | str | Path") -> FrozenPlan:
    """A plan, or the one in a file."""
    return plan if isinstance(plan, FrozenPlan) else FrozenPlan.read(plan)


def followed(plan: FrozenPlan, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an analysis (``models, methods, calibrated, level``): those left at their defaults as planned."""
    given = {name: settings[name] for name in ("models", "methods", "calibrated", "level")}
    if given["models"] == (DEFAULT,):
        given["models"] = plan.models
    if given["methods"] in ("standard", ["standard"], ("standard",)):
        given["methods"] = plan.methods or "none"
    if given["calibrated"] and plan.spec:
        given["calibrated"] = plan.calibrated
    if given["level"] == LEVEL:
        given["level"] = plan.level
    return given


@hinted
def freeze(
    panel: Panel,
    path: str | Path | None = None,
    *,
    model: str | Path | ModelSpec = DEFAULT,
    scale: str | None = None,
    methods: str | Sequence[str] = "standard",
    calibrated: bool = True,
    level: float = 0.95,
    end: str | None = None,
) -> FrozenPlan:
    """Write down what an analysis will do, before its data are there.

    Parameters
    ----------
    panel : Panel
        One without a start is planned to start at its next period.
    path : path, optional
        Where ``plan.toml`` is written.
    model, scale, calibrated, level
        As `bsynth.analyse`; ``model="none"`` for the classical path alone.
    methods : "standard", "all", "none" or names
        As `bsynth.analyse`; a set stands for what this panel can have.
    end : str, optional
        Last period that will be used, where it is settled; by default that of the panel.

    Returns
    -------
    FrozenPlan

    Raises
    ------
    SpecError
        A setting outside what is allowed, or no file can be written.

    Examples
    --------
    >>> import bsynth as bs
    >>> plan = bs.freeze(bs.datasets.load_prop99(), model="level")
    >>> plan.start, len(plan.donors), plan.edited
    ('1989', 38, False)
    """
    require_panel(panel, history=True)
    check_flags(calibrated=calibrated)
    level = check_level(level)
    if end is not None:
        check_kind(end, str, "end", "the last period as a text, such as '2024-12-31', or leave it out")
    if path is not None:
        check_file(path, "path")
    chosen = choose_methods(methods, panel)
    spec = None if model == "none" else choose_model(panel, model, scale).spec
    kind = "calibrated" if calibrated else "predictive"
    rule = f"an effect is claimed where the {percent(level)} {kind} interval of the average excludes zero"
    if spec is None:
        rule = f"an effect is claimed where the placebo test rejects at {percent(1 - level)}"
    until = end if end is not None else (str(show(panel.end)) if panel.n_post else "")
    plan = FrozenPlan(
        outcome=panel.source.outcome,
        unit=panel.source.unit,
        time=panel.source.time,
        cluster=panel.source.cluster or "",
        treated=texts(panel.treated),
        donors=texts(panel.donors),
        first=str(show(panel.times[0])),
        start=str(show(panel.start)),
        end=until,
        estimand="average",
        model="none" if spec is None else spec.name,
        spec={} if spec is None else without_none(spec.to_dict()),
        methods=chosen,
        calibrated=calibrated and spec is not None,
        level=level,
        rule=rule,
        history=history_digest(panel),
    )
    plan = FrozenPlan(**{each.name: getattr(plan, each.name) for each in fields(plan)} | {"frozen": plan.hash})
    if path is not None:
        plan.write(path)
    return plan


def texts(labels: Sequence[Any]) -> tuple[str, ...]:
    """Labels as a plan has them."""
    return tuple(str(show(label)) for label in labels)


def without_none(content: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data without missing values, which TOML does not have."""
    return {
        key: without_none(value) if isinstance(value, Mapping) else value
        for key, value in content.items()
        if value is not None
    }


def history_digest(panel: Panel) -> str:
    """Digest of the outcomes before the start, to nine digits."""
    rounded = [[f"{value:.9g}" for value in row] for row in panel.outcome[: panel.n_pre].tolist()]
    return hashlib.sha256(json.dumps([texts(panel.units), rounded]).encode()).hexdigest()[:16]
