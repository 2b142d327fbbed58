"""What an analysis of several waves will do, decided and validated before anything is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never

from bsynth._base.brief import LINE
from bsynth._base.request import MOST, check_flags, check_level, check_whole, choose_names, names_in
from bsynth.analysis.findings import FINDINGS, NO_POSTERIOR, check_questions
from bsynth.bayesian.plan import plan
from bsynth.bayesian.waves.run import MODEL
from bsynth.calibration.waves import LEAST as LEAST_UNITS
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError, SpecError
from bsynth.findings.subject import NO_CUMULATIVE
from bsynth.frequentist.inference import INFERENCES
from bsynth.frequentist.staggered import multisynth
from bsynth.model.catalogue import DEFAULT
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel, StaggeredPanel
from bsynth.text.labels import plain
from bsynth.text.numbers import count

ESTIMATORS = ("sc", "demeaned", "did", "sdid", multisynth.NAME)
PLACEBO = "placebo"
STANDARD = (*ESTIMATORS, PLACEBO)
ALL = (*ESTIMATORS, "ascm", PLACEBO)
TOGETHER = 99
"""Placebo assignments at most around an estimator that fits all units together, each of which takes long."""
DECISION = "decision"
"""What can be asked besides."""
LEAST = 19
"""Placebo assignments at least, so that 95% can be reached."""
ONE_START = "it is made for one start; analyse panel.unit_panel(unit) or panel.wave_panel(start)"


@dataclass(frozen=True, eq=False, repr=False)
class WavesPlan:
    """What an analysis of several waves will do, validated before anything is computed.

    Attributes
    ----------
    panel : StaggeredPanel
    models : tuple of ModelSpec
        The main model first, on the scale that is asked for.
    estimators : tuple of str
        Classical points.
    placebo : bool
        Whether placebo waves are made around each of them.
    assignments : int
        Of starts to untreated units, at most.
    level : float
    sampling : Sampling
    calibrated : bool
        Whether the main fit is calibrated on placebo waves.
    scale : str or None
        Of the models, in the place of their own.
    questions : mapping or None
        Keyword arguments of `bsynth.decide`; None where no decision is made.
    unavailable : mapping of name to reason
    notes : tuple of str
    """

    panel: StaggeredPanel[Panel]
    models: tuple[ModelSpec | str | Path, ...]
    estimators: tuple[str, ...]
    placebo: bool
    assignments: int
    level: float
    sampling: Sampling
    scale: str | None = None
    calibrated: bool = False
    questions: Mapping[str, Any] | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Seed of every random draw."""
        return self.sampling.seed

    def __repr__(self) -> str:
        names = [each.name if isinstance(each, ModelSpec) else str(each) for each in self.models]
        asked = "; ".join(", ".join(part) for part in (names, self.estimators, self.unavailable) if part)
        who = f"{self.panel.labels.units(self.panel.n_treated)} in {count(len(self.panel.waves), 'wave')}"
        return f"<WavesPlan {plain(f'{who}: {asked}', LINE)}>"


def refuse_frozen() -> Never:
    """Refuse a plan that was frozen beforehand, which is of one start."""
    raise SpecError(f"a plan was given and units start at different times; {ONE_START}")


def plan_waves(
    panel: StaggeredPanel[Panel],
    *,
    models: Sequence[str | Path | ModelSpec],
    scale: str | None,
    methods: str | Sequence[str],
    findings: str | Sequence[str],
    questions: Mapping[str, Any] | None,
    calibrated: bool,
    draws: int | None,
    replicates: int,
    level: float,
    seed: int | None,
    sampling: Sampling | None,
) -> WavesPlan:
    """Validate a request, as `analyse` takes it; nothing is fitted. ``replicates`` are placebo assignments at most."""
    check_flags(calibrated=calibrated)
    level, how = check_level(level), resolve(sampling, draws, seed)
    replicates = check_whole(replicates, "replicates", 2, "better 500 or more", MOST)
    chosen = _methods(methods)
    listed = [models] if isinstance(models, ModelSpec) else names_in(models, "models", "names or folders, or 'none'")
    wanted = [MODEL if each == DEFAULT else each for each in listed if each != "none"]
    estimators = tuple(name for name in chosen if name != PLACEBO)
    if not wanted and not estimators:
        raise SpecError("nothing to do: neither a model nor a classical estimator was asked for")
    _check_models(panel, wanted, scale, how)
    few = calibrated and wanted and len(panel.never_treated) < LEAST_UNITS
    unavailable: dict[str, str] = {}
    if few:
        have = count(len(panel.never_treated), "unit")
        unavailable["calibration"] = (
            f"placebo waves need {LEAST_UNITS} units that are never treated, and there are {have}"
        )
    besides, lacking = _findings(findings, questions, posterior=bool(wanted))
    if besides:
        check_questions(questions or {}, calibrated=calibrated and not few)
        if (questions or {}).get("estimand") == "cumulative":
            raise SpecError(NO_CUMULATIVE)
    unavailable |= lacking
    placebo = PLACEBO in chosen and bool(estimators)
    short = panel.n_treated + 2 - len(panel.never_treated)
    if placebo and short > 0:
        unavailable["placebo waves"] = (
            f"{count(panel.n_treated, 'start')} to re-assign need {panel.n_treated + 2} units that are never treated, "
            f"and there are {len(panel.never_treated)}"
        )
    return WavesPlan(
        panel,
        tuple(wanted),
        estimators,
        placebo and short <= 0,
        max(replicates, LEAST),
        level,
        how,
        scale,
        calibrated and bool(wanted) and not few,
        (questions or {}) if besides else None,
        unavailable,
    )


def _methods(methods: str | Sequence[str]) -> tuple[str, ...]:
    """Classical methods that a request stands for.

    Raises
    ------
    SpecError
        An unknown name.
    PanelError
        One that is made for a single start.
    """
    sets = {"standard": STANDARD, "all": ALL, "none": ()}
    asked, _ = choose_names(methods, "methods", (*ALL, *(n for n in INFERENCES if n not in ALL)), sets, {})
    for name in asked:
        if name not in ALL:
            raise PanelError(f"method {name!r} cannot be had where units start at different times: {ONE_START}")
    return asked


def _check_models(
    panel: StaggeredPanel[Panel], models: Sequence[str | Path | ModelSpec], scale: str | None, sampling: Sampling
) -> None:
    """Refuse a model that does not pool, two of one name, and what the first unit's panel already refuses."""
    first = panel.unit_panel(next(iter(panel.starts)))
    names: list[str] = []
    for model in models:
        spec = plan(first, model, scale=scale, sampling=sampling).spec
        if spec.pooling.effects == "none":
            raise SpecError(
                f"model {spec.name!r} has one start and this panel's units start at {len(panel.waves)}; give 'waves', "
                "or a model.toml with [pooling] effects = 'partial'"
            )
        if spec.name in names:
            raise SpecError(f"two models are called {spec.name!r}; give each its own name in its model.toml")
        names.append(spec.name)


def _findings(
    findings: str | Sequence[str], questions: Mapping[str, Any] | None, *, posterior: bool
) -> tuple[bool, dict[str, str]]:
    """Whether a decision is made, and why what else was asked for, by name or as all, cannot be had.

    The standard findings nobody asked for are not worth a word.
    """
    sets = {"standard": (DECISION,), "all": tuple(FINDINGS), "none": ()}
    asked, named = choose_names(findings, "findings", tuple(FINDINGS), sets, {})
    wanted = dict.fromkeys([*asked, *([DECISION] if questions else [])])
    lacking: dict[str, str] = {}
    if others := [name for name in wanted if name != DECISION]:
        lacking["findings"] = f"{', '.join(others)}: asked of one start; bs.analyse(panel.unit_panel(unit)) has them"
    if DECISION in wanted and not posterior and (questions or DECISION in named or findings == "all"):
        lacking[DECISION] = NO_POSTERIOR
    return DECISION in wanted and posterior, lacking
