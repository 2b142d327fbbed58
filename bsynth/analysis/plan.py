"""What an analysis will do, decided and validated before anything is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bsynth import frequentist
from bsynth._request import check_seed, check_whole
from bsynth.analysis.findings import check_questions, choose_findings
from bsynth.calibration import MIN_PLACEBOS
from bsynth.catalogue import DEFAULT
from bsynth.effects import check_level
from bsynth.errors import SpecError, nearest
from bsynth.fitting import Plan, plan
from bsynth.frequentist.estimators import Method
from bsynth.given import require_panel
from bsynth.panel import Panel
from bsynth.spec import ModelSpec

ESTIMATORS = ("sc", "demeaned", "did", "sdid", "ascm")
INFERENCE = (
    "placebo", "leave-one-out", "bootstrap", "conformal", "placebo-time", "leave-two-out", "jackknife+",
    "prediction-interval",
)  # fmt: skip
METHODS = (*ESTIMATORS, *INFERENCE)
INTERVALS = ("placebo", "conformal")
"""Procedures that give any estimator an interval and a p, both from one test."""
STANDARD = ("sc", "demeaned", "did", "sdid", "placebo", "leave-one-out", "bootstrap", "conformal")
"""What ``"standard"`` stands for: quick on every panel."""


@dataclass(frozen=True, eq=False)
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
        Of `METHODS`: inference around ``sc``, and the names among the estimators.
    findings : tuple of str
        Of `bsynth.analysis.findings.FINDINGS`.
    questions : mapping
        What the decision is asked: keyword arguments of `bsynth.decide`.
    replicates, level, seed
        As `analyse`.
    calibrated : bool
        Whether the main fit is calibrated on the donors.
    """

    panel: Panel
    fits: tuple[Plan, ...]
    methods: tuple[str, ...]
    replicates: int
    level: float
    seed: int
    calibrated: bool = False
    estimators: tuple[Method, ...] = ()
    interval: str | None = None
    findings: tuple[str, ...] = ()
    questions: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [str(p) for p in self.fits]
        if self.calibrated:
            lines.append(f"Calibration of {self.fits[0].spec.name} on {self.panel.n_donors} donors as pseudo-treated.")
        names = [e if isinstance(e, str) else e.NAME for e in self.estimators]
        names += [m for m in self.methods if m not in ESTIMATORS]
        if names:
            lines.append("Classical: " + ", ".join(names) + ".")
        if self.interval is not None and self.estimators:
            lines.append(f"Interval and p of each estimator: {self.interval}.")
        if self.findings:
            lines.append("Besides: " + ", ".join(self.findings) + ".")
        return "\n".join(lines)


def choose_methods(methods: str | Sequence[str], panel: Panel) -> tuple[str, ...]:
    """Resolve ``"standard"``, ``"all"``, ``"none"`` or a list of names; the sets leave out what a panel cannot have.

    The bootstrap needs users, leave-two-out at least three donors.
    """
    names = [methods] if isinstance(methods, str) else list(methods)
    if names == ["none"]:
        return ()
    if names in (["all"], ["standard"]):
        impossible = {"bootstrap"} if panel.clusters is None else set()
        if panel.n_donors < 3:
            impossible.add("leave-two-out")
        return tuple(m for m in METHODS if m not in impossible and (names == ["all"] or m in STANDARD))
    for name in names:
        if name not in METHODS:
            allowed = (*METHODS, "standard", "all", "none")
            raise SpecError(f"unknown method {name!r}{nearest(name, allowed)}; allowed: {', '.join(allowed)}")
    return tuple(m for m in METHODS if m in names)


def plan_analysis(
    panel: Panel,
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
    methods: str | Sequence[str] = "standard",
    findings: str | Sequence[str] = "standard",
    questions: Mapping[str, Any] | None = None,
    calibrated: bool = True,
    draws: int = 1000,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> AnalysisPlan:
    """Validate a request; nothing is computed. Parameters as `analyse`."""
    require_panel(panel)
    check_level(level)
    check_seed(seed)
    check_whole(replicates, "replicates", 2, "better 500 or more")
    chosen = choose_methods(methods, panel)
    # A name is one model: its letters are none.
    listed = [models] if isinstance(models, str | Path | ModelSpec) else models
    fits = tuple(plan(panel, model, draws=draws, seed=seed) for model in listed if model != "none")
    refuse_same_names(fits)
    if not fits and not chosen:
        raise SpecError("nothing to do: neither a model nor a method was asked for")
    calibratable = bool(fits) and can_calibrate(panel)
    besides = choose_findings(findings, has_model=bool(fits), calibratable=calibratable)
    check_questions(questions or {})
    if "bootstrap" in chosen:
        frequentist.check_bootstrap(panel, replicates=replicates)
    return AnalysisPlan(
        panel,
        fits,
        chosen,
        replicates,
        level,
        seed,
        calibrated=calibrated and calibratable,
        estimators=tuple(name for name in ESTIMATORS if name in chosen),
        interval="placebo" if "placebo" in chosen else None,
        findings=besides,
        questions=dict(questions or {}),
    )


def can_calibrate(panel: Panel) -> bool:
    """Whether enough donors can play the treated unit."""
    return panel.n_donors >= MIN_PLACEBOS


def refuse_same_names(fits: Sequence[Plan]) -> None:
    """Raise `SpecError` for two models of one name, which no table could tell apart."""
    names = [fit.spec.name for fit in fits]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"two models are called {name!r}; give each its own name in its model.toml")
