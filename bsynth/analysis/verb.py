"""The verb `analyse`: one start or several."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from bsynth._base.request import check_flags, check_number, hinted
from bsynth.analysis.frozen import FrozenPlan, followed, frozen_plan
from bsynth.analysis.multicell import MultiCellAnalysis, compare_cells
from bsynth.analysis.outcomes import Outcomes
from bsynth.analysis.plan import plan_against
from bsynth.analysis.result import Analysis
from bsynth.analysis.run import run_analysis
from bsynth.analysis.waves.result import WavesAnalysis
from bsynth.engines.sampling import Sampling
from bsynth.errors import SpecError
from bsynth.model.spec import ModelSpec
from bsynth.panel import MultiCellPanel, Panel, StaggeredPanel
from bsynth.text.numbers import count


@overload
def analyse(
    panel: Panel,
    *,
    models: Sequence[str | Path | ModelSpec] | None = None,
    scale: str | None = None,
    methods: str | Sequence[str] | None = None,
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool | None = None,
    draws: int | None = None,
    replicates: int = 1000,
    level: float | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    truth: float | None = None,
    plan: FrozenPlan | str | Path | None = None,
    progress: bool = True,
) -> Analysis: ...
@overload
def analyse(
    panel: StaggeredPanel[Panel],
    *,
    models: Sequence[str | Path | ModelSpec] | None = None,
    scale: str | None = None,
    methods: str | Sequence[str] | None = None,
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool | None = None,
    draws: int | None = None,
    replicates: int = 1000,
    level: float | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    truth: float | None = None,
    plan: FrozenPlan | str | Path | None = None,
    progress: bool = True,
) -> WavesAnalysis: ...
@overload
def analyse(
    panel: MultiCellPanel[Panel],
    *,
    models: Sequence[str | Path | ModelSpec] | None = None,
    scale: str | None = None,
    methods: str | Sequence[str] | None = None,
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool | None = None,
    draws: int | None = None,
    replicates: int = 1000,
    level: float | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    plan: FrozenPlan | str | Path | None = None,
    progress: bool = True,
) -> MultiCellAnalysis: ...
@overload
def analyse(
    panel: Mapping[str, Panel | StaggeredPanel[Panel]],
    *,
    models: Sequence[str | Path | ModelSpec] | None = None,
    scale: str | None = None,
    methods: str | Sequence[str] | None = None,
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool | None = None,
    draws: int | None = None,
    replicates: int = 1000,
    level: float | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    plan: FrozenPlan | str | Path | None = None,
    progress: bool = True,
) -> Outcomes: ...
@hinted
def analyse(
    panel: Panel | StaggeredPanel[Panel] | MultiCellPanel[Panel] | Mapping[str, Panel | StaggeredPanel[Panel]],
    *,
    models: Sequence[str | Path | ModelSpec] | None = None,
    scale: str | None = None,
    methods: str | Sequence[str] | None = None,
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool | None = None,
    draws: int | None = None,
    replicates: int = 1000,
    level: float | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    truth: float | None = None,
    plan: FrozenPlan | str | Path | None = None,
    progress: bool = True,
) -> Analysis | WavesAnalysis | MultiCellAnalysis | Outcomes:
    """Fit the models and run the classical path on one panel, or on several that belong together.

    What cannot be had on this panel costs itself alone: it stands with its reason in ``unavailable`` of the analysis.

    Parameters
    ----------
    panel : Panel, StaggeredPanel or MultiCellPanel, or mapping of outcome to the first two
        Of one whose units start at different times a `WavesAnalysis` comes: every unit's own fit, effects pooled by
        time since the start, stacked classical estimators and ``multisynth``, and placebo waves. Of several cells a
        `MultiCellAnalysis`: each cell's analysis, and the differences of their effects. Of several outcomes, as
        ``Panel.from_long(..., outcome=["orders", "revenue"])`` gives them, `Outcomes`: an analysis each, judged
        together.
    models : sequence of str, path or ModelSpec, optional
        Bayesian models, the main one first; ``["none"]`` for none. By default that of ``plan``, or ``["default"]``.
    scale : {"treated", "each", "log", "logit", "auto"}, optional
        Of the models, in the place of their own. ``"auto"`` takes the one on which `bsynth.choose_scale` finds that the
        units move alike, and notes say so.
    methods : "standard", "all", "none" or names, optional
        By default those of ``plan``, or "standard". Of ``sc``, ``demeaned``, ``did``, ``sdid``, ``ascm``, ``sc-slsqp``
        (by name alone) and, around ``sc``, ``placebo``, ``leave-one-out``, ``bootstrap``, ``conformal``,
        ``placebo-time``, ``leave-two-out``, ``jackknife+``, ``prediction-interval``.
    findings : "standard", "all", "none" or names
        Further results of the main model, in ``findings`` of the analysis. Quick, and standard:
        ``uncertainty`` (where it comes from), ``donor_audit``, ``decision``, ``data_quality``. Quick: ``bands``
        (simultaneous, with how often they were measured to hold). Many fits: ``prior_audit``, ``certificate``,
        ``specification_curve``.
    questions : mapping, optional
        What the decision is asked: ``threshold``, ``rope``, ``cost`` and ``value_per_unit``, ``estimand``, as
        `bsynth.decide`.
    calibrated : bool, optional
        Calibrate the main model on the donors as pseudo-treated, when there are at least four; by default as ``plan``
        says, or yes.
    draws : int, optional
        Posterior draws per chain; 1000 by default.
    replicates : int
        Bootstrap replicates; of a `StaggeredPanel` placebo assignments at most.
    level : float, optional
        Probability of every interval; by default that of ``plan``, or 0.95.
    seed : int, optional
        Of every random draw, the classical ones too; 0 by default.
    sampling : Sampling, optional
        Every setting of every fit in one value; ``draws`` and ``seed`` stand above it. The specification curve has
        half the draws.
    truth : float, optional
        True average effect, in simulations.
    plan : FrozenPlan or path, optional
        What was written down beforehand (`bsynth.freeze`): settings that are not given come from it, and whatever else
        departs from it is said in words, in ``findings["frozen_plan"]`` and in the notes. Of one start.
    progress : bool

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did"], progress=False)
    >>> list(analysis.estimates)
    ['sc', 'sc-slsqp', 'did']
    """
    frozen = None if plan is None else frozen_plan(plan)
    given = {"models": models, "methods": methods, "calibrated": calibrated, "level": level}
    settings: dict[str, Any] = followed(frozen, given) | {
        "scale": scale, "findings": findings, "questions": questions, "draws": draws, "replicates": replicates,
        "seed": seed, "sampling": sampling,
    }  # fmt: skip
    check_flags(progress=progress)
    known = None if truth is None else check_number(truth, "truth")
    if isinstance(panel, MultiCellPanel) or (isinstance(panel, Mapping) and panel):
        named: Mapping[str, Any] = panel.panels if isinstance(panel, MultiCellPanel) else panel
        if known is not None:
            raise SpecError(f"truth is {truth!r}, and {count(len(named), 'panel')} came; it is of one, so leave it out")
        if len(named) < 2:
            raise SpecError(f"a mapping of one panel came, {next(iter(named))!r}; give the panel itself")
        # A mistake in the last one is not found after an hour of the others.
        plans = {str(name): plan_against(frozen, each, **settings) for name, each in named.items()}
        found: dict[str, Any] = {name: run_analysis(each, progress=progress) for name, each in plans.items()}
        return compare_cells(panel, found) if isinstance(panel, MultiCellPanel) else Outcomes(found)
    request = plan_against(frozen, panel, **settings)
    return run_analysis(request, truth=known, progress=progress)
