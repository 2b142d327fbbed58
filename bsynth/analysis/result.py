"""Everything that was computed for one panel, and its summary."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bsynth._types import Status
from bsynth.calibration import Calibration
from bsynth.checks import CheckReport
from bsynth.effects import EFFECT_COLUMNS
from bsynth.estimate import Estimate
from bsynth.fitting import versions
from bsynth.frequentist import Bootstrap, LeaveOneOut, PlaceboSpace
from bsynth.panel import Panel
from bsynth.result import Fit
from bsynth.verdict import verdict

SCHEMA = 1


class Inference(Protocol):
    """What every classical inference result offers."""

    @property
    def table(self) -> pd.DataFrame:
        """The procedure's own table."""

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """Rows of effects with the procedure's interval and p."""

    def sentence(self) -> str:
        """What it found and what it conditions on."""


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
