"""Everything that was computed for one panel, and its summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, Self

import pandas as pd

from bsynth._base.plain import clean, records
from bsynth._base.types import Status
from bsynth._base.versions import versions
from bsynth.analysis.comparison import Comparison, compared_rows, facts_of
from bsynth.analysis.measured import measured
from bsynth.analysis.verdict import fell_short
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.checks import CheckReport
from bsynth.effects import EFFECT_COLUMNS, lift_notes
from bsynth.frequentist import Bootstrap, Conformal, LeaveOneOut, PlaceboSpace
from bsynth.frequentist.estimate import Estimate
from bsynth.panel import Panel

SCHEMA = 1


class Inference(Protocol):
    """What every classical inference result offers."""

    @property
    def estimate(self) -> Estimate:
        """The point that it is around."""

    @property
    def table(self) -> pd.DataFrame:
        """The procedure's own table."""

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """Rows of effects with the procedure's interval and p."""

    def sentence(self) -> str:
        """What it found and what it conditions on."""


class Finding(Protocol):
    """What every further result about the panel or its fits offers: a certificate, a decision, an audit."""

    def sentences(self) -> tuple[str, ...]:
        """What it found, in plain words whose numbers are in ``to_dict``."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``summary.json``."""


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
    intervals : mapping of estimator to result
        The procedure that gives each classical estimator its interval and p in the comparison.
    findings : mapping of name to result
        Whatever else was asked of the panel or its fits: ``"certificate"``, ``"decision"`` and so on, each
        with ``sentences()`` and ``to_dict()``; `with_findings` adds to them.
    level : float
        Probability of every interval.
    seed : int
    truth : float or None
        True average effect, known only in simulations.
    unavailable : mapping of name to reason
        What was asked for and cannot be had on this panel, or broke down: methods and findings by their names,
        ``"posterior NAME"``, ``"calibration"``, ``"check NAME"``, ``"picture NAME"`` and so on.
    notes : tuple of str
        What should be known of the panel beside the answer.
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
    intervals: Mapping[str, Inference] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """``"unreliable"`` when a fit failed its convergence gate, or the calibration's placebo fits did."""
        statuses = [fit.status for fit in self.fits]
        if self.calibration is not None:
            statuses.append(self.calibration.status)
        return "unreliable" if "unreliable" in statuses else "ok"

    def effects(self) -> pd.DataFrame:
        """All methods on one estimand and window, one row per method × estimand."""
        return self._effects.copy()

    @cached_property
    def _effects(self) -> pd.DataFrame:
        tables = [] if self.calibration is None else [self.calibration.effects(self.level)]
        tables += [fit.effects(self.level) for fit in self.fits]
        tables += [fit.effects(self.level, interval="mean") for fit in self.fits]
        tables += [
            e.effects().assign(method=e.estimator if e.solver != "slsqp" else f"{e.estimator}-slsqp")
            for e in self.estimates
        ]
        for inference in self._inference():
            found = inference.effects(self.level)
            found["measured"] = [fell_short(measured(inference, kind)) or None for kind in found["interval"]]
            tables.append(found.assign(p_min=_smallest_p(inference)))
        extra = dict.fromkeys(c for table in tables for c in table.columns if c not in EFFECT_COLUMNS)
        columns = [*EFFECT_COLUMNS, *extra]
        rows = [record for table in tables for record in table.to_dict("records")]
        return pd.DataFrame(rows).reindex(columns=columns)

    def _inference(self) -> list[Inference]:
        """Every classical inference once; what gives ``sc`` its interval may be the placebo test as well."""
        found = (self.placebo, self.leave_one_out, self.bootstrap, *self.others.values(), *self.intervals.values())
        return list({id(each): each for each in found if each is not None}.values())

    @cached_property
    def comparison(self) -> Comparison:
        """Every method on the average effect, side by side, with the verdict."""
        certificate = self.findings.get("certificate")
        points: dict[str, Estimate] = {}
        for each in (*self.estimates, *(found.estimate for found in self._inference())):
            points.setdefault(each.estimator, each)
        return Comparison(
            table=compared_rows(self.effects(), self.fits, list(points.values())),
            facts=facts_of(
                self.panel,
                level=self.level,
                calibration=self.calibration,
                checks=self.checks,
                certificate=None if certificate is None else certificate.to_dict(),
                truth=self.truth,
                unavailable=self.unavailable,
                notes=self.notes,
                measured=self._measured(),
            ),
        )

    def _measured(self) -> list[dict[str, Any]]:
        """How often intervals of the procedures used held the truth, for those that were measured to fail."""
        found = []
        for inference in self._inference():
            row = inference.effects(self.level).iloc[0]
            if shares := measured(inference, str(row["interval"])):
                found.append({"method": row["method"], "interval": row["interval"], "found": shares})
        return found

    @property
    def parts(self) -> dict[str, object]:
        """Every result that has tables of its own, by name: what `bsynth.export` writes beside ``effects``."""
        found: dict[str, object] = {"panel": self.panel, "comparison": self.comparison, "calibration": self.calibration}
        found |= {f"posterior-{fit.spec.name}": fit for fit in self.fits}
        for e in self.estimates:
            found[e.estimator if e.solver != "slsqp" else f"{e.estimator}-slsqp"] = e
        found |= {"placebo": self.placebo, "leave-one-out": self.leave_one_out, "bootstrap": self.bootstrap}
        return {name: part for name, part in (found | {**self.others, **self.findings}).items() if part is not None}

    @property
    def verdict(self) -> str:
        """Plain words: what the posterior says, what the classical path says, whether they agree and why."""
        if "verdict" in self.unavailable:
            return f"The verdict in words is not available: {self.unavailable['verdict']}."
        return self.comparison.verdict

    def with_findings(self, findings: Mapping[str, Finding]) -> Self:
        """Return the analysis with further results; one of a name that is there is replaced.

        Examples
        --------
        >>> import bsynth as bs
        >>> from bsynth.panel.simulate import rollout_panel_arguments
        >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
        >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did"], progress=False)
        >>> "again" in analysis.with_findings({"again": analysis.comparison}).summary()["findings"]
        True
        """
        return replace(self, findings={**self.findings, **findings})

    def summary(self) -> dict[str, Any]:
        """Return the content of ``summary.json``, schema 1; every number that the verdict uses is in ``comparison``.

        Missing numbers are None; an unbounded interval has the strings ``"inf"`` and ``"-inf"``.
        """
        main = self.fits[0] if self.fits else None
        # Single periods have the model's own interval, also beside a calibrated average.
        path = self._point().path().assign(interval="point") if main is None else main.path(self.level)
        return {
            "schema": SCHEMA,
            "panel": self.panel.to_dict(),
            "effects": records(self.effects()),
            "path": records(path.assign(time=self.panel.period_labels())),
            "path_method": main.spec.name if main is not None else self._point().estimator,
            "calibration": self._calibration(),
            "weights": _weights(self.panel, self.fits, self.estimates, self.level),
            "pre_fit": _pre_fit(self.fits, self.estimates),
            "placebo": _placebo(self.placebo),
            "leave_one_out": None if self.leave_one_out is None else records(self.leave_one_out.table),
            "bootstrap": _bootstrap(self.bootstrap, self.level),
            "others": {
                name: {"sentence": result.sentence(), "table": records(result.table)}
                for name, result in self.others.items()
            },
            "diagnostics": [
                {"model": fit.spec.name, "reason": fit.provenance.reason} | clean(fit.diagnostics.to_dict())
                for fit in self.fits
            ],
            "checks": None if self.checks is None else self.checks.to_dict(),
            "comparison": None if "verdict" in self.unavailable else self.comparison.to_dict(),
            "findings": {
                name: clean(found.to_dict()) | {"sentences": list(found.sentences())}
                for name, found in self.findings.items()
            },
            "models": [fit.spec.to_dict() for fit in self.fits],
            # What two estimates, or panel and analysis, say alike is said once.
            "notes": list(
                dict.fromkeys(
                    [
                        *self.panel.notes(),
                        *self.notes,
                        *(n for e in self.estimates for n in e.notes),
                        *lift_notes(self.effects()),
                    ]
                )
            ),
            "unavailable": dict(self.unavailable),
            "level": self.level,
            "truth": self.truth,
            "status": self.status,
            "versions": versions(),
            "seed": self.seed,
            "verdict": self.verdict,
        }

    def _point(self) -> Estimate:
        """The classical estimate that stands for the analysis when there is no posterior."""
        return self.estimates[0] if self.estimates else self._inference()[0].estimate

    def _calibration(self) -> dict[str, Any] | None:
        if self.calibration is None:
            return None
        path = self.calibration.path(self.level)
        labels = self.panel.period_labels()[self.panel.n_pre :]
        return clean(self.calibration.to_dict()) | {
            "table": records(self.calibration.table),
            "path": records(path.assign(time=labels)),
        }


def _placebo(placebo: PlaceboSpace | None) -> dict[str, Any] | None:
    if placebo is None:
        return None
    return {
        "pool": placebo.pool,
        "ranks": records(placebo.ranks.reset_index()),
        "table": records(placebo.table),
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
        "table": records(bootstrap.table),
    }


def _smallest_p(inference: Inference) -> float | None:
    """The smallest p that a permutation test can give; None where there is no such bound."""
    if isinstance(inference, PlaceboSpace):
        return float(1 / (1 + inference.table["kept"].sum()))
    return 1 / inference.statistics.size if isinstance(inference, Conformal) else None


def _weights(
    panel: Panel, fits: Sequence[Fit], estimates: Sequence[Estimate], level: float
) -> dict[str, dict[str, float]]:
    """Weight of each donor by method."""
    found = {}
    for fit in fits:
        table = fit.weights_table(level)
        found[fit.spec.name] = dict(zip(map(str, table["donor"]), table["weight"].tolist(), strict=True))
    for estimate in estimates:
        name = estimate.estimator if estimate.solver != "slsqp" else f"{estimate.estimator}-slsqp"
        found[name] = {str(donor): float(w) for donor, w in zip(panel.donors, estimate.weights, strict=True)}
    return found


def _pre_fit(fits: Sequence[Fit], estimates: Sequence[Estimate]) -> list[dict[str, Any]]:
    """How each method fits the pre-period, and the offset it puts between treated and donors."""
    rows: list[dict[str, Any]] = []
    for fit in fits:
        intercept = fit.tree["posterior"]["intercept"]
        rows.append(
            {
                "method": "bayes",
                "model": fit.spec.name,
                "pre_rmspe": fit.pre_rmspe,
                "intercept": float(intercept.mean()),
                "effective_donors": fit.effective_donors,
            }
        )
    for e in estimates:
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
    return [clean(row) for row in rows]
