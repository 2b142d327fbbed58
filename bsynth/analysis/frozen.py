"""A plan that was written down before the data: what is asked, of whom, when, with which model and by which rule.

It is a text file, ``plan.toml``, with a hash over its content. An analysis that follows it says so, and names every
departure in words; nothing keeps anybody from departing, and a re-analysis never needs a plan.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
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
from bsynth.analysis.settings import check_settings, outcome_of, said_of, settings_of
from bsynth.errors import PanelError, SpecError, some_of
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.calendar import Calendar
from bsynth.panel.given import require_panel
from bsynth.text.numbers import count, percent

SCHEMA = 2
BEFORE_SETTINGS = 1
"""Of plans that do not hold the settings of rows and time."""
AVERAGE = "average"
"""The estimand of every plan: the mean effect over treated units and periods."""
_LISTS = ("treated", "donors", "methods")
LEVEL = 0.95
"""Of an analysis that names none, and that follows no plan."""


@dataclass(frozen=True)
class FrozenPlan:
    """What was planned, as plain text and numbers.

    Attributes
    ----------
    outcome, unit, time, cluster : str
        Columns; ``cluster`` is empty without one.
    treated, donors : tuple of str
    first, start, end : str
        First period of the history, that in which treatment starts, which a washout may leave out, and the last one;
        ``end`` is empty where it is not settled.
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
    settings : mapping
        Of rows and time, as they were given: ``where``, ``agg``, ``washout`` and the like.
    schema : int
        1 of plans that do not hold these settings.
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
    settings: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA
    frozen: str = ""

    @property
    def hash(self) -> str:
        """Hash of the content as it is."""
        without = ("frozen", "settings") if self.schema == BEFORE_SETTINGS else ("frozen",)
        content = {name: value for name, value in asdict(self).items() if name not in without}
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
        known -= {"settings"} if data.get("schema") == BEFORE_SETTINGS else set()
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
            *([said] if (said := said_of(self.settings)) else []),
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
        if isinstance(value, bool) or value not in (BEFORE_SETTINGS, SCHEMA):
            raise SpecError(f"schema is {shown(value)}, and this version of bsynth reads {SCHEMA}; freeze another")
    elif name == "settings":
        check_settings(value)
    elif name == "estimand":
        if value != AVERAGE:
            raise SpecError(f"estimand is {shown(value)}; a plan's is {AVERAGE!r}")
    elif name == "spec":
        check_kind(value, Mapping, name, "a table of the model's settings")
        if value:
            ModelSpec.from_dict(value, source=name)
    else:
        check_kind(value, str, name, "a text")
    return value


def _toml(plan: FrozenPlan) -> str:
    """The file: plain keys first, settings and the specification of the model as tables at the end."""
    lines = ["# Written before the data. bsynth run --plan follows it and names every departure; see `hash` below.", ""]
    plain = {name: value for name, value in asdict(plan).items() if name not in ("spec", "settings")}
    lines += [f"{name} = {_value(value)}" for name, value in plain.items()]
    lines += [] if plan.schema == BEFORE_SETTINGS else ["", *_table("settings", plan.settings)]
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


def followed(plan: FrozenPlan | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an analysis (``models, methods, calibrated, level``): those that are None as planned, or by default.

    Examples
    --------
    >>> followed(None, {"models": None, "methods": ["did"], "calibrated": None, "level": 0.9})
    {'models': ('default',), 'methods': ['did'], 'calibrated': True, 'level': 0.9}
    """
    settled: dict[str, Any] = {"models": (DEFAULT,), "methods": "standard", "calibrated": True, "level": LEVEL}
    if plan is not None:
        # A plan without a model says nothing of how one would be calibrated.
        calibrated = plan.calibrated or not plan.spec
        settled = {
            "models": plan.models, "methods": plan.methods or "none", "calibrated": calibrated, "level": plan.level
        }  # fmt: skip
    return {name: value if given[name] is None else given[name] for name, value in settled.items()}


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
    model, scale
        As `bsynth.analyse`; ``model="none"`` for the classical path alone.
    methods : "standard", "all", "none" or names
        As `bsynth.analyse`; a set stands for what this panel can have.
    calibrated, level
        As `bsynth.analyse`.
    end : str, optional
        Last period that will be used, where it is settled: one from the start on, in the data or after them. By default
        that of the panel.

    Returns
    -------
    FrozenPlan

    Raises
    ------
    PanelError
        An ``end`` that is no period, or one before the start.
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
    until = _until(panel, end)
    if path is not None:
        check_file(path, "path")
    chosen = choose_methods(methods, panel)
    spec = None if model == "none" else choose_model(panel, model, scale).spec
    kind = "calibrated" if calibrated else "predictive"
    rule = f"an effect is claimed where the {percent(level)} {kind} interval of the average excludes zero"
    if spec is None:
        rule = f"an effect is claimed where the placebo test rejects at {percent(1 - level)}"
        rule = rule if "placebo" in chosen else "none, since neither a model nor the placebo test is planned"
    plan = FrozenPlan(
        outcome=outcome_of(panel),
        unit=panel.source.unit,
        time=panel.source.time,
        cluster=panel.source.cluster or "",
        treated=texts(panel.treated),
        donors=texts(panel.donors),
        first=str(show(panel.times[0])),
        start=start_of(panel),
        end=until,
        estimand=AVERAGE,
        model="none" if spec is None else spec.name,
        spec={} if spec is None else without_none(spec.to_dict()),
        methods=chosen,
        calibrated=calibrated and spec is not None,
        level=level,
        rule=rule,
        history=history_digest(panel),
        settings=settings_of(panel),
    )
    plan = FrozenPlan(**{each.name: getattr(plan, each.name) for each in fields(plan)} | {"frozen": plan.hash})
    if path is not None:
        plan.write(path)
    return plan


def _until(panel: Panel, end: str | None) -> str:
    """The last period that will be used, as a plan has it; empty where it is not settled."""
    if end is None:
        return str(show(panel.end)) if panel.n_post else ""
    check_kind(end, str, "end", "the last period as a text, such as '2024-12-31', or leave it out")
    name, calendar = panel.source.name, panel.calendar or Calendar.of(panel.times)
    found = calendar.ahead(panel.times, end, "end", name)
    if found < panel.start:
        raise PanelError(
            f"{name}: end {show(found)} is before start {show(panel.start)}; end is the last period that will be used"
        )
    return str(show(found))


def start_of(panel: Panel) -> str:
    """The period in which treatment starts, as a plan has it, also where a washout leaves it out."""
    return str(show((*panel.source.washout, panel.start)[0] if panel.n_post else panel.start))


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
    """Digest of the outcomes before the start, to nine digits, without the periods that anticipation leaves out."""
    n_pre = panel.n_pre
    if not panel.n_post:
        # Before anything has started the panel still has the periods that will then be left out.
        left = panel.positions[-1] + 1 - panel.positions
        n_pre = int((left > settings_of(panel).get("anticipation", 0)).sum())
    rounded = [[f"{value:.9g}" for value in row] for row in panel.outcome[:n_pre].tolist()]
    return hashlib.sha256(json.dumps([texts(panel.units), rounded]).encode()).hexdigest()[:16]
