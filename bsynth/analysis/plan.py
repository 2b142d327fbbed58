"""What an analysis will do, decided and validated before anything is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, overload

from bsynth._base.brief import LINE
from bsynth._base.request import MOST, check_flags, check_kind, check_level, check_whole, names_in
from bsynth.analysis.findings import KINDS, NO_POSTERIOR, check_questions, choose_findings
from bsynth.analysis.frozen import FrozenPlan
from bsynth.analysis.methods import ESTIMATORS, REFERENCE, choose_methods, lacking_methods
from bsynth.analysis.review import PlanReview, review
from bsynth.analysis.waves.plan import WavesPlan, plan_waves, refuse_frozen
from bsynth.bayesian import degenerate
from bsynth.bayesian.plan import Plan, plan
from bsynth.calibration import too_few
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError, SpecError, some_of
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.inference import INFERENCES
from bsynth.model.catalogue import DEFAULT
from bsynth.model.scales import AUTO, PLAIN, choose_scale
from bsynth.model.spec import ModelSpec
from bsynth.model.terms import own_terms
from bsynth.panel import Panel, StaggeredPanel
from bsynth.panel.given import require_panel
from bsynth.text.labels import plain
from bsynth.text.numbers import count

NO_MODEL = "its questions need a posterior, and no model was named"


@dataclass(frozen=True, eq=False, repr=False)
class AnalysisPlan:
    """What an analysis will do, validated before anything is computed.

    Attributes
    ----------
    panel : Panel
    fits : tuple of Plan
        The main model first.
    estimators : tuple of str or estimator
        Classical points.
    interval : str or None
        Of `INTERVALS`: what gives each of these its interval and p.
    methods : tuple of str
        Of `METHODS` and `REFERENCE`: inference around ``sc``, and the names among the estimators.
    findings : tuple of str
        Of `bsynth.analysis.findings.FINDINGS`.
    questions : mapping
        What the decision is asked: keyword arguments of `bsynth.decide`.
    replicates, level
        As `analyse`.
    sampling : Sampling
        Of every fit; its seed is that of the classical inference too.
    calibrated : bool
        Whether the main fit is calibrated on the donors.
    unavailable : mapping of name to reason
        What was asked for and cannot be had on this panel.
    notes : tuple of str
        What should be known of the panel and of a model's scale beside the answer.
    review : PlanReview or None
        How this departs from a plan that was frozen beforehand, where there was one.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> plan_analysis(panel, models=["level"], methods=["sc", "did", "placebo"], findings="none")
    <AnalysisPlan 0: level, calibrated on 6 donors; sc, did, placebo>
    """

    panel: Panel
    fits: tuple[Plan, ...]
    methods: tuple[str, ...]
    replicates: int
    level: float
    sampling: Sampling
    calibrated: bool = False
    estimators: tuple[Method, ...] = ()
    interval: str | None = None
    findings: tuple[str, ...] = ()
    questions: Mapping[str, Any] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    review: PlanReview | None = None

    @property
    def seed(self) -> int:
        """Seed of every random draw."""
        return self.sampling.seed

    def against(self, frozen: FrozenPlan | None) -> Self:
        """The same, held against a plan that was frozen beforehand: departures are among the notes."""
        if frozen is None:
            return self
        specs = [fit.spec for fit in self.fits]
        found = review(frozen, self.panel, specs, self.methods, calibrated=self.calibrated, level=self.level)
        return replace(self, review=found, notes=(*found.remarks(), *self.notes))

    @property
    def _classical(self) -> list[str]:
        """Names of the estimators and of the inference around ``sc``."""
        names = [e if isinstance(e, str) else e.NAME for e in self.estimators]
        return names + [m for m in self.methods if m in INFERENCES]

    def __repr__(self) -> str:
        models = [fit.spec.name for fit in self.fits]
        models += [f"calibrated on {count(self.panel.n_donors, 'donor')}"] if self.calibrated else []
        parts = [", ".join(each) for each in (models, self._classical, self.findings, self.unavailable) if each]
        parts[-1] = f"not available: {parts[-1]}" if self.unavailable else parts[-1]
        return f"<AnalysisPlan {plain(f'{self.panel.treated_name}: {"; ".join(parts)}', LINE)}>"

    def __str__(self) -> str:
        lines = [str(p) for p in self.fits]
        if self.calibrated:
            lines.append(
                f"Calibration of {self.fits[0].spec.name} on {count(self.panel.n_donors, 'donor')} as pseudo-treated."
            )
        if self._classical:
            lines.append("Classical: " + ", ".join(self._classical) + ".")
        if self.interval is not None and self.estimators:
            lines.append(f"Interval and p of each estimator: {self.interval}.")
        if self.findings:
            lines.append("Besides: " + ", ".join(self.findings) + ".")
        lines += [f"Not available: {name}: {reason}." for name, reason in self.unavailable.items()]
        lines += self.notes
        return "\n".join(lines)


@overload
def plan_analysis(
    panel: Panel,
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
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
) -> AnalysisPlan: ...
@overload
def plan_analysis(
    panel: StaggeredPanel[Panel],
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
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
) -> WavesPlan: ...
def plan_analysis(
    panel: Panel | StaggeredPanel[Panel],
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
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
) -> AnalysisPlan | WavesPlan:
    """Validate a request; nothing is fitted. Parameters as `analyse`.

    What a set of methods or findings stands for and this panel cannot have, and a posterior or calibration that
    cannot be had on it, is in ``unavailable`` with its reason.
    """
    if isinstance(panel, StaggeredPanel):
        return plan_waves(
            panel, models=models, scale=scale, methods=methods, findings=findings, questions=questions,
            calibrated=calibrated, draws=draws, replicates=replicates, level=level, seed=seed, sampling=sampling,
        )  # fmt: skip
    require_panel(panel)
    check_flags(calibrated=calibrated)
    level = check_level(level)
    how = resolve(sampling, draws, seed)
    replicates = check_whole(replicates, "replicates", 2, "better 500 or more", MOST)
    if questions is not None:
        check_kind(questions, Mapping, "questions", "a mapping of names to values, as bsynth.decide takes them")
    chosen = choose_methods(methods, panel)
    unavailable = lacking_methods(methods, panel)
    wanted = _wanted(models)
    fits, lacking = plan_fits(panel, wanted, how, scale)
    if not fits and not chosen:
        if lacking:
            raise PanelError(f"nothing can be had: {'; '.join(f'{k}: {v}' for k, v in lacking.items())}")
        raise SpecError("nothing to do: neither a model nor a method was asked for")
    unavailable |= lacking
    reason = lacks_calibration(panel, fits, wanted=bool(wanted))
    if wanted and calibrated and reason is not None:
        unavailable["calibration"] = reason
    lacks = impossible_findings(panel, posterior=bool(fits) or not wanted, calibration=reason)
    besides, left_out = choose_findings(findings, has_model=bool(wanted), lacks=lacks)
    unavailable |= left_out
    if questions and "decision" not in (*besides, *unavailable):
        unavailable["decision"] = "no finding 'decision' was asked for" if wanted else NO_MODEL
    check_questions(questions or {}, calibrated=calibrated and bool(fits) and reason is None)
    return AnalysisPlan(
        panel,
        fits,
        chosen,
        replicates,
        level,
        how,
        calibrated=calibrated and bool(fits) and reason is None,
        estimators=tuple(name for name in (*ESTIMATORS, REFERENCE) if name in chosen),
        interval="placebo" if "placebo" in chosen else None,
        findings=besides,
        questions=dict(questions or {}),
        unavailable=unavailable,
        notes=notes_on(panel, fits),
    )


def plan_against(frozen: FrozenPlan | None, panel: Any, **settings: Any) -> AnalysisPlan | WavesPlan:
    """As `plan_analysis`, held against a plan that was frozen beforehand, where there is one.

    Raises
    ------
    SpecError
        A plan, and units that start at different times: before anything is said of models or methods.
    """
    if frozen is not None and isinstance(panel, StaggeredPanel):
        refuse_frozen()
    planned: AnalysisPlan | WavesPlan = plan_analysis(panel, **settings)
    return planned.against(frozen) if isinstance(planned, AnalysisPlan) else planned


def _wanted(models: Sequence[str | Path | ModelSpec]) -> list[str | Path | ModelSpec]:
    """The models that are asked for; a name is one model: its letters are none."""
    listed = [models] if isinstance(models, ModelSpec) else names_in(models, "models", "names or folders, or 'none'")
    return [model for model in listed if model != "none"]


def plan_fits(
    panel: Panel, models: Sequence[str | Path | ModelSpec], sampling: Sampling, scale: str | None = None
) -> tuple[tuple[Plan, ...], dict[str, str]]:
    """Plans of the models that have a posterior on this panel, and why the others have none.

    Raises
    ------
    SpecError, PanelError
        An unknown model, two of one name, or one that needs what the panel does not hold, such as covariates.
    """
    planned: list[Plan] = []
    lacking: dict[str, str] = {}
    for model in models:
        try:
            planned.append(plan(panel, model, scale=scale, sampling=sampling))
        except PanelError as error:
            # The default is what runs unasked, so its lack must not cost the classical answer; a scale was asked for.
            if model != DEFAULT or scale not in (None, AUTO):
                raise
            lacking[f"posterior {DEFAULT}"] = str(error)
    refuse_same_names(planned)
    lacking |= {f"posterior {p.spec.name}": reason for p in planned if (reason := p.lacks) is not None}
    return tuple(p for p in planned if f"posterior {p.spec.name}" not in lacking), lacking


def lacks_calibration(panel: Panel, fits: Sequence[Plan], *, wanted: bool) -> str | None:
    """Why the main model cannot be calibrated on the donors; None when it can, or when there is no model."""
    if not wanted:
        return None
    return too_few(panel, fits[0].spec) if fits else NO_POSTERIOR


def impossible_findings(panel: Panel, *, posterior: bool, calibration: str | None) -> dict[str, str]:
    """Findings that cannot be had on a panel, each with the reason."""
    found = {kind.name: kind.lacks(panel, posterior=posterior, calibration=calibration) for kind in KINDS}
    return {name: reason for name, reason in found.items() if reason is not None}


def notes_on(panel: Panel, fits: Sequence[Plan]) -> tuple[str, ...]:
    """What should be known beside the answer: copies, still donors, covariates nobody uses, seasons, a log scale."""
    specs = [fit.spec for fit in fits]
    said = [*dict.fromkeys(fit.chosen for fit in fits if fit.chosen), *degenerate.facts(panel)]
    said += [note for spec in specs for note in spec.notes()]
    if any(spec.scale == PLAIN for spec in specs) and (hint := choose_scale(panel)).scale != PLAIN:
        said.append(hint.hint())
    if panel.covariates is not None and all(spec.covariates.use == "none" for spec in specs):
        names = some_of(panel.covariates.names)
        said.append(
            f"The covariates {names} were read and are not used: no model of this run has a [covariates] section; "
            "the model 'covariates' does."
        )
    said += dict.fromkeys(note for spec in specs for note in own_terms(panel, spec)[1])
    return tuple(said)


def refuse_same_names(fits: Sequence[Plan]) -> None:
    """Raise `SpecError` for two models of one name, which no table could tell apart."""
    names = [fit.spec.name for fit in fits]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"two models are called {name!r}; give each its own name in its model.toml")
