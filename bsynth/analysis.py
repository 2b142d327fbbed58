"""The main job: one panel, a posterior, the classical answer beside it, and a verdict."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bsynth import frequentist
from bsynth._types import Status
from bsynth.calibration import MIN_PLACEBOS, Calibration, calibrate
from bsynth.catalogue import DEFAULT
from bsynth.checks import CheckReport, check
from bsynth.effects import EFFECT_COLUMNS, check_level
from bsynth.errors import SpecError, nearest
from bsynth.estimate import Estimate
from bsynth.fitting import Plan, plan, run, versions
from bsynth.frequentist import Bootstrap, LeaveOneOut, PlaceboSpace
from bsynth.panel import Panel
from bsynth.result import Fit
from bsynth.spec import ModelSpec
from bsynth.verdict import verdict

SCHEMA = 1
ESTIMATORS = ("sc", "demeaned", "did", "sdid", "ascm")
INFERENCE = (
    "placebo", "leave-one-out", "bootstrap", "conformal", "placebo-time", "leave-two-out", "jackknife+",
    "prediction-interval",
)  # fmt: skip
METHODS = (*ESTIMATORS, *INFERENCE)
STANDARD = ("sc", "demeaned", "did", "sdid", "placebo", "leave-one-out", "bootstrap", "conformal")
"""What ``"standard"`` stands for: quick on every panel."""


class Inference(Protocol):
    """What every classical inference result offers."""

    @property
    def table(self) -> pd.DataFrame:
        """The procedure's own table."""

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """Rows of effects with the procedure's interval and p."""

    def sentence(self) -> str:
        """What it found and what it conditions on."""


_VERBS: dict[str, Callable[..., Inference]] = {
    "conformal": frequentist.conformal,
    "placebo-time": frequentist.placebo_time,
    "leave-two-out": frequentist.leave_two_out,
    "jackknife+": frequentist.jackknife_plus,
    "prediction-interval": frequentist.prediction_interval,
}


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything that was computed for one panel.

    Attributes
    ----------
    panel : Panel
    fits : tuple of Fit
        Bayesian fits; the first is the main one. Empty when none was asked for.
    estimates : tuple of Estimate
        Classical points, ``sc`` first; ``sc`` comes twice, by the exact solver and by SLSQP.
    calibration : Calibration or None
        Of the main fit, on the donors as pseudo-treated; ``fits[0]`` is then its base fit.
    placebo, leave_one_out, bootstrap : results of classical inference around ``sc``, or None
    others : mapping of name to result
        Further classical inference around ``sc``: conformal, jackknife+, and so on.
    checks : CheckReport or None
        What contradicts the main fit's model.
    level : float
        Probability of every interval.
    seed : int
    truth : float or None
        True average effect, known only in simulations.
    """

    panel: Panel
    fits: tuple[Fit, ...]
    estimates: tuple[Estimate, ...]
    placebo: PlaceboSpace | None
    leave_one_out: LeaveOneOut | None
    bootstrap: Bootstrap | None
    level: float
    seed: int
    truth: float | None = None
    calibration: Calibration | None = None
    others: Mapping[str, Inference] = field(default_factory=dict)
    checks: CheckReport | None = None

    @property
    def status(self) -> Status:
        """``"unreliable"`` when a fit failed its convergence gate, or the calibration's placebo fits did."""
        statuses = [fit.status for fit in self.fits]
        if self.calibration is not None:
            statuses.append(self.calibration.status)
        return "unreliable" if "unreliable" in statuses else "ok"

    def effects(self) -> pd.DataFrame:
        """All methods on one estimand and window, one row per method × estimand."""
        tables = [] if self.calibration is None else [self.calibration.effects(self.level)]
        tables += [fit.effects(self.level) for fit in self.fits]
        tables += [fit.effects(self.level, interval="mean") for fit in self.fits]
        tables += [
            e.effects().assign(method=e.estimator if e.solver != "slsqp" else f"{e.estimator}-slsqp")
            for e in self.estimates
        ]
        for inference in (self.placebo, self.leave_one_out, self.bootstrap, *self.others.values()):
            if inference is not None:
                tables.append(inference.effects(self.level))
        extra = dict.fromkeys(c for table in tables for c in table.columns if c not in EFFECT_COLUMNS)
        columns = [*EFFECT_COLUMNS, *extra]
        rows = [record for table in tables for record in table.to_dict("records")]
        return pd.DataFrame(rows).reindex(columns=columns)

    @cached_property
    def verdict(self) -> str:
        """Plain words: what the posterior says, what the classical path says, whether they agree and why."""
        return verdict(self.summary_numbers())

    def summary_numbers(self) -> dict[str, Any]:
        """Return ``summary.json`` without its verdict: every number that words may use."""
        main = self.fits[0] if self.fits else None
        path = main.path(self.level) if main is not None else self._point().path()
        return {
            "schema": SCHEMA,
            "panel": self.panel.summary(),
            "effects": _records(self.effects()),
            "path": _records(path.assign(time=self.panel.period_labels())),
            "path_method": main.spec.name if main is not None else self._point().estimator,
            "calibration": self._calibration(),
            "weights": self._weights(),
            "pre_fit": self._pre_fit(),
            "placebo": _placebo(self.placebo),
            "leave_one_out": None if self.leave_one_out is None else _records(self.leave_one_out.table),
            "bootstrap": _bootstrap(self.bootstrap, self.level),
            "others": {
                name: {"sentence": result.sentence(), "table": _records(result.table)}
                for name, result in self.others.items()
            },
            "diagnostics": [
                {"model": fit.spec.name, "reason": fit.provenance.reason} | _clean(fit.diagnostics.to_dict())
                for fit in self.fits
            ],
            "checks": None if self.checks is None else self.checks.to_dict(),
            "models": [fit.spec.to_dict() for fit in self.fits],
            "notes": [*self.panel.source.notes(), *(n for e in self.estimates for n in e.notes)],
            "level": self.level,
            "truth": self.truth,
            "status": self.status,
            "versions": versions(),
            "seed": self.seed,
        }

    def summary(self) -> dict[str, Any]:
        """Return the content of ``summary.json``, schema 1.

        Missing numbers are None; an unbounded interval has the strings ``"inf"`` and ``"-inf"``.
        """
        numbers = self.summary_numbers()
        return numbers | {"verdict": self.verdict}

    def _point(self) -> Estimate:
        """The classical estimate that stands for the analysis when there is no posterior."""
        if self.estimates:
            return self.estimates[0]
        inference = self.placebo or self.leave_one_out or self.bootstrap
        assert inference is not None
        return inference.estimate

    def _calibration(self) -> dict[str, Any] | None:
        if self.calibration is None:
            return None
        path = self.calibration.path(self.level)
        labels = self.panel.period_labels()[self.panel.n_pre :]
        return _clean(self.calibration.to_dict()) | {
            "table": _records(self.calibration.table),
            "path": _records(path.assign(time=labels)),
        }

    def _weights(self) -> dict[str, dict[str, float]]:
        found = {}
        for fit in self.fits:
            table = fit.weights(self.level)
            found[fit.spec.name] = dict(zip(map(str, table["donor"]), table["weight"].tolist(), strict=True))
        for estimate in self.estimates:
            name = estimate.estimator if estimate.solver != "slsqp" else f"{estimate.estimator}-slsqp"
            found[name] = {str(donor): float(w) for donor, w in zip(self.panel.donors, estimate.weights, strict=True)}
        return found

    def _pre_fit(self) -> list[dict[str, Any]]:
        """How each method fits the pre-period, and the offset it puts between treated and donors."""
        rows: list[dict[str, Any]] = []
        for fit in self.fits:
            intercept = fit.tree["posterior"]["intercept"]
            rows.append(
                {
                    "method": "bayes",
                    "model": fit.spec.name,
                    "pre_rmspe": fit.pre_rmse,
                    "intercept": float(intercept.mean()),
                    "effective_donors": fit.effective_donors,
                }
            )
        for e in self.estimates:
            rows.append(
                {
                    "method": e.estimator if e.solver != "slsqp" else f"{e.estimator}-slsqp",
                    "model": None,
                    "pre_rmspe": e.pre_rmspe,
                    "post_rmspe": e.post_rmspe,
                    "rmspe_ratio": e.rmspe_ratio,
                    "intercept": e.intercept,
                    "effective_donors": e.effective_donors,
                    "solver": e.solver,
                    "duality_gap": e.duality_gap,
                }
            )
        return [_clean(row) for row in rows]


@dataclass(frozen=True, eq=False)
class AnalysisPlan:
    """What an analysis will do, validated before anything is computed."""

    panel: Panel
    fits: tuple[Plan, ...]
    methods: tuple[str, ...]
    replicates: int
    level: float
    seed: int
    calibrated: bool = False

    def __str__(self) -> str:
        lines = [str(p) for p in self.fits]
        if self.calibrated:
            lines.append(f"Calibration of {self.fits[0].spec.name} on {self.panel.n_donors} donors as pseudo-treated.")
        if self.methods:
            lines.append("Classical: " + ", ".join(self.methods) + ".")
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
    calibrated: bool = True,
    draws: int = 1000,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> AnalysisPlan:
    """Validate a request; nothing is computed. Parameters as `analyse`."""
    check_level(level)
    chosen = choose_methods(methods, panel)
    fits = tuple(plan(panel, model, draws=draws, seed=seed) for model in models if model != "none")
    if not fits and not chosen:
        raise SpecError("nothing to do: neither a model nor a method was asked for")
    if "bootstrap" in chosen:
        frequentist.check_bootstrap(panel, replicates=replicates)
    # The donors stand in for each other, so one more is needed than there are placebos.
    possible = bool(fits) and panel.n_donors >= MIN_PLACEBOS
    return AnalysisPlan(panel, fits, chosen, replicates, level, seed, calibrated and possible)


def analyse(
    panel: Panel,
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
    methods: str | Sequence[str] = "standard",
    calibrated: bool = True,
    draws: int = 1000,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    truth: float | None = None,
    progress: bool = True,
) -> Analysis:
    """Fit the models and run the classical path on one panel.

    Parameters
    ----------
    panel : Panel
    models : sequence of str, path or ModelSpec
        Bayesian models, the main one first; ``["none"]`` for none.
    methods : "standard", "all", "none" or names
        Of ``sc``, ``demeaned``, ``did``, ``sdid``, ``ascm`` and, around ``sc``, ``placebo``,
        ``leave-one-out``, ``bootstrap``, ``conformal``, ``placebo-time``, ``leave-two-out``,
        ``jackknife+``, ``prediction-interval``.
    calibrated : bool
        Calibrate the main model on the donors as pseudo-treated, when there are at least four.
    draws : int
        Posterior draws per chain.
    replicates : int
        Bootstrap replicates.
    level : float
        Probability of every interval.
    seed : int
    truth : float, optional
        True average effect, in simulations.
    progress : bool

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did"], progress=False)
    >>> [estimate.estimator for estimate in analysis.estimates]
    ['sc', 'sc', 'did']
    """
    request = plan_analysis(
        panel,
        models=models,
        methods=methods,
        calibrated=calibrated,
        draws=draws,
        replicates=replicates,
        level=level,
        seed=seed,
    )
    return run_analysis(request, truth=truth, progress=progress)


def run_analysis(
    request: AnalysisPlan,
    *,
    truth: float | None = None,
    progress: bool = True,
    on_stage: Callable[[str], None] | None = None,
    store: str | Path | None = None,
) -> Analysis:
    """Carry out a plan; ``on_stage`` is told what begins, ``store`` keeps finished placebo fits for a resume."""
    tell = on_stage or (lambda _: None)
    panel, methods = request.panel, request.methods
    estimates = []
    for name in (m for m in ESTIMATORS if m in methods):
        tell(f"classical: {name}")
        estimates.append(frequentist.classical(panel, name))
        if name == "sc":
            estimates.append(frequentist.classical(panel, name, solver="slsqp"))
    placebo = leave_one_out = bootstrap = None
    if "placebo" in methods:
        tell(f"placebo in space: {panel.n_donors} donors")
        placebo = frequentist.placebo_space(panel, progress=progress)
    if "leave-one-out" in methods:
        tell("leave one out")
        leave_one_out = frequentist.leave_one_out(panel, progress=progress)
    if "bootstrap" in methods:
        tell(f"user-level bootstrap: {request.replicates} replicates")
        bootstrap = frequentist.bootstrap(panel, replicates=request.replicates, seed=request.seed, progress=progress)
    others = {}
    for name in (m for m in _VERBS if m in methods):
        tell(name)
        others[name] = _VERBS[name](panel, seed=request.seed, progress=progress)
    fits, calibration = [], None
    for fit_plan in request.fits:
        if request.calibrated and calibration is None:
            tell(f"posterior and calibration: {fit_plan.spec.name} on {panel.n_donors} donors (the first fit compiles)")
            calibration = calibrate(
                panel, fit_plan.spec, draws=fit_plan.draws, seed=request.seed, store=store, progress=progress
            )
            fits.append(calibration.fit)
            continue
        tell(f"posterior: {fit_plan.spec.name} (the first fit loads PyMC and compiles)")
        fits.append(run(fit_plan, progress=progress))
    return Analysis(
        panel, tuple(fits), tuple(estimates), placebo, leave_one_out, bootstrap, request.level, request.seed, truth,
        calibration, others, _checked(fits, calibration, request),
    )  # fmt: skip


def _checked(fits: Sequence[Fit], calibration: Calibration | None, request: AnalysisPlan) -> CheckReport | None:
    return check(fits[0], request.panel, calibration=calibration, seed=request.seed) if fits else None


def _placebo(placebo: PlaceboSpace | None) -> dict[str, Any] | None:
    if placebo is None:
        return None
    return {
        "pool": placebo.pool,
        "ranks": _records(placebo.ranks.reset_index()),
        "table": _records(placebo.table),
    }


def _bootstrap(bootstrap: Bootstrap | None, level: float) -> dict[str, Any] | None:
    if bootstrap is None:
        return None
    return {
        "cluster": bootstrap.cluster,
        "replicates": len(bootstrap.table),
        "failed": bootstrap.failed,
        "seed": bootstrap.seed,
        "level": level,
        "table": _records(bootstrap.table),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [_clean(row) for row in table.to_dict("records")]


def _clean(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    """Make a value JSON-ready: NaN becomes None, infinities the strings "inf" and "-inf"."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, pd.Timestamp):
        return value.isoformat() if value != value.normalize() else value.date().isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
