"""Everything that was computed for one panel, and its summary."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import pandas as pd

from bsynth._base.plain import clean, records
from bsynth.analysis import gathered, units
from bsynth.analysis.choice import Choice
from bsynth.analysis.comparison import Comparison, compared_rows, facts_of, key_of, of_estimate, of_fit
from bsynth.analysis.concluded import Concluded, Finding, Rows, findings_data
from bsynth.analysis.pre_fit import drift_carries, pre_fit
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.checks import CheckReport
from bsynth.effects import EFFECT_COLUMNS, lift_notes
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import sc_slsqp
from bsynth.frequentist.inference import INFERENCES, Inference
from bsynth.frequentist.inference.measured import measured
from bsynth.panel import Panel
from bsynth.text.marks import OF_FIT, mark, marked, of_posteriors


@dataclass(frozen=True, eq=False, repr=False)
class Analysis(Concluded):
    """Everything that was computed for one panel.

    Attributes
    ----------
    panel : Panel
    fits : tuple of Fit
        Bayesian fits; the first is the main one. Empty when none was asked for.
    estimates : mapping of name to Estimate
        Classical points, ``"sc"`` first; ``"sc-slsqp"`` are the same weights by SciPy's solver.
    inferences : mapping of name to result
        Classical inference: around the estimator that ``choice`` keeps by the names that ``methods=`` takes, such as
        ``"placebo"``; what gives the other estimators their interval and p is ``"placebo of did"`` and so on.
    calibration : Calibration or None
        Of the main fit, on the donors as pseudo-treated; ``fits[0]`` is then its base fit.
    checks : CheckReport or None
        What contradicts the main fit's model.
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
    remarks : tuple of str
        What should be known of the panel beside the answer.
    beside : tuple of str
        Estimates that are the weights of another again and no further answer, since nobody asked for them.
    choice : Choice
        The classical estimator that the verdict keeps, and why ``sc`` is set aside where it is another one.
    per_unit : DataFrame or None
        The effect on each treated unit by that estimator (`bsynth.analysis.units`); None for a single one.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did"], progress=False)
    >>> list(analysis.estimates), analysis.status
    (['sc', 'sc-slsqp', 'did'], 'ok')
    """

    panel: Panel
    fits: tuple[Fit, ...]
    estimates: Mapping[str, Estimate]
    inferences: Mapping[str, Inference]
    level: float
    seed: int
    truth: float | None = None
    calibration: Calibration | None = None
    checks: CheckReport | None = None
    findings: Mapping[str, Finding] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    beside: tuple[str, ...] = (sc_slsqp.NAME,)
    choice: Choice = field(default_factory=Choice)
    per_unit: pd.DataFrame | None = None

    @property
    def reason(self) -> str:
        """What of it failed its convergence gate: fits, the calibration's placebo fits, findings."""
        return "; ".join([reason for reason in (self.effects_reason, *self._of_findings.values()) if reason])

    @property
    def effects_reason(self) -> str:
        """Why the effects themselves are unreliable."""
        failed = [fit.spec.name for fit in self.fits if fit.status != "ok"]
        # A calibration whose own fit failed has nothing to add to that.
        own = self.calibration is not None and self.calibration.fit.status == "ok"
        reasons = [self.calibration.reason] if self.calibration is not None and own else []
        if failed and len(self.fits) > 1:
            reasons.insert(0, of_posteriors(failed))
        elif failed:
            reasons.insert(0, OF_FIT)
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason))

    @property
    def _of_findings(self) -> dict[str, str]:
        """Why findings are unreliable for a reason of their own, by name."""
        inherited = {each.reason for each in (*self.fits, *filter(None, [self.calibration]))}
        found = {name: str(getattr(each, "reason", "")) for name, each in self.findings.items()}
        words = {name: reason for name, reason in found.items() if reason not in inherited | {""}}
        return {name: f"in the {name.replace('_', ' ')} {reason}" for name, reason in words.items()}

    @property
    def main(self) -> Fit | Estimate:
        """What the analysis is about: the first fit, else the classical point that is kept, else the first."""
        if self.fits:
            return self.fits[0]
        if self.choice.kept in self.estimates:
            return self.estimates[self.choice.kept]
        found = [*self.estimates.values(), *(each.estimate for each in self.inferences.values())]
        if not found:
            raise ValueError("the analysis is empty: it has no fit, no estimate and no inference to report")
        return found[0]

    @property
    def reported(self) -> Fit | Calibration | Inference | Estimate:
        """What the headline reports: the calibration, else the first fit, else the classical answer that is kept."""
        if self.fits:
            return self.calibration or self.fits[0]
        if "verdict" in self.unavailable:
            return self.main
        kept = self.comparison.numbers()["answer"]
        around = {name: each for name, each in self.inferences.items() if each.estimate.estimator == kept["method"]}
        kinds = self._kinds()
        points = [self.estimates[kept["method"]]] if kept["method"] in self.estimates else []
        points += [each.estimate for each in around.values()]
        return next((each for name, each in around.items() if kinds[name] == kept["interval"]), points[0])

    @property
    def _main_name(self) -> str:
        return self.main.spec.name if isinstance(self.main, Fit) else self.main.estimator

    @property
    def asked(self) -> dict[str, Inference]:
        """The inferences that bear the names of ``methods=``: those around the estimator that is kept."""
        return {name: each for name, each in self.inferences.items() if name in INFERENCES}

    @property
    def aside(self) -> dict[str, Inference]:
        """The inferences around an estimator that is set aside; `choice` says why."""
        ends = tuple(f" of {name}" for name in self.choice.rejected)
        return {name: each for name, each in self.inferences.items() if name.endswith(ends)} if ends else {}

    @property
    def whose(self) -> str:
        """The treated unit, or the mean of several."""
        return self.panel.treated_name

    @property
    def title(self) -> str:
        """The outcome, whose it is, and the window."""
        return f"{self.panel.labels.outcome} of {self.whose}, {self.panel.window}"

    def _effects_at(self, level: float) -> pd.DataFrame:
        tables = [] if self.calibration is None else [self.calibration.effects(level)]
        tables += [fit.effects(level) for fit in self.fits]
        tables += [fit.effects(level, interval="mean") for fit in self.fits]
        tables += [each.effects() for each in self.estimates.values()]
        for each in self.inferences.values():
            tables.append(each.effects(level).assign(measured=each.fell_short or None, p_min=each.p_min))
        extra = dict.fromkeys(c for table in tables for c in table.columns if c not in EFFECT_COLUMNS)
        columns = [*EFFECT_COLUMNS, *extra]
        rows = [record for table in tables for record in table.to_dict("records")]
        return pd.DataFrame(rows).reindex(columns=columns)

    @cached_property
    def comparison(self) -> Comparison:
        """Every method on the average effect, side by side, with the verdict."""
        certificate = self.findings.get("certificate")
        kinds = self._kinds()
        return Comparison(
            table=self._compared(self.level),
            rows=Rows(self),
            facts=facts_of(
                self.panel,
                level=self.level,
                calibration=self.calibration,
                checks=self.checks,
                certificate=None if certificate is None else certificate.to_dict(),
                truth=self.truth,
                unavailable=self.unavailable,
                notes=self.remarks,
                reason=self.effects_reason,
                # How often intervals of the procedures used held the truth, for those that were measured to fail.
                measured=[
                    {"method": each.estimate.estimator, "interval": kinds[name], "found": shares}
                    for name, each in self.inferences.items()
                    if (shares := measured(each.procedure))
                ],
                kept=self.choice.kept,
                lifts=gathered.lifts(self.effects()),
                main_donors=gathered.main_donors(self._weights()[self._main_name]),
                flagged=gathered.flagged(self.findings.get("donor_audit")),
                drift_carries=isinstance(self.main, Fit) and drift_carries(self.main),
            ),
        )

    def _kinds(self) -> dict[str, str]:
        """Kind of interval of each inference."""
        return {name: str(each.effects(self.level)["interval"].iloc[0]) for name, each in self.inferences.items()}

    def _compared(self, level: float) -> pd.DataFrame:
        """The table of `comparison` at a level."""
        around = {each.estimate.estimator: each.estimate for each in self.inferences.values()}
        kinds = self._kinds()
        return compared_rows(
            self.effects(level),
            {key_of("bayes", fit.spec.name): of_fit(fit) for fit in self.fits}
            | {k: of_estimate(each) for k, each in {**self.estimates, **around}.items() if k not in self.beside},
            {kinds[name]: each.conditions for name, each in self.inferences.items()},
        )

    @property
    def parts(self) -> dict[str, object]:
        """Every result that has tables of its own, by name: what `bsynth.export` writes beside ``effects``."""
        found: dict[str, object] = {"panel": self.panel, "comparison": self.comparison, "calibration": self.calibration}
        found |= {f"posterior-{fit.spec.name}": fit for fit in self.fits}
        found |= {**self.estimates, **self.asked, **self.findings}
        return {name: part for name, part in found.items() if part is not None}

    def sentences(self) -> tuple[str, ...]:
        """Return the verdict, sentence by sentence, behind the marks of what is unreliable."""
        of_findings = [f"{marked(reason)}, so do not use what it says." for reason in self._of_findings.values()]
        said = super().sentences()
        marks = mark(self.effects_reason) if "verdict" in self.unavailable else ()
        return (*marks, *of_findings, *said[len(marks) :])

    def notes(self) -> tuple[str, ...]:
        """What should be known of the panel, of the methods on it, and of the lift."""
        by_method = [note for each in self.estimates.values() for note in each.notes()]
        by_method += [] if self.per_unit is None else [units.note(self.panel, self.choice.kept)]
        # What two estimates, or panel and analysis, say alike is said once.
        return tuple(dict.fromkeys([*self.panel.notes(), *self.remarks, *by_method, *lift_notes(self.effects())]))

    def with_findings(self, findings: Mapping[str, Finding]) -> Self:
        """Return the analysis with further results; one of a name that is there is replaced.

        Examples
        --------
        >>> import bsynth as bs
        >>> from bsynth.panel.simulate import rollout_panel_arguments
        >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
        >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did"], progress=False)
        >>> "again" in analysis.with_findings({"again": analysis.comparison}).to_dict()["findings"]
        True
        """
        return replace(self, findings={**self.findings, **findings})

    def _own(self) -> dict[str, Any]:
        main = self.main
        # Single periods have the model's own interval, also beside a calibrated average.
        path = main.path(self.level) if isinstance(main, Fit) else main.path().assign(interval="point")
        return {
            "panel": self.panel.to_dict(),
            "path": records(path.assign(time=self.panel.period_labels())),
            "path_method": self._main_name,
            "calibration": self._calibration(),
            "per_unit": None if self.per_unit is None else records(self.per_unit),
            "weights": self._weights(),
            "pre_fit": pre_fit(self.fits, self.estimates),
            "inferences": {name: each.to_dict(self.level) for name, each in self.inferences.items()},
            "checks": None if self.checks is None else self.checks.to_dict(),
            "findings": findings_data(self.findings),
        }

    def _calibration(self) -> dict[str, Any] | None:
        if self.calibration is None:
            return None
        path = self.calibration.path(self.level)
        labels = self.panel.period_labels()[self.panel.n_pre :]
        return clean(self.calibration.to_dict(self.level)) | {
            "table": records(self.calibration.table),
            "path": records(path.assign(time=labels)),
        }

    def _weights(self) -> dict[str, dict[str, float]]:
        """Weight of each donor by method."""
        tables = {fit.spec.name: fit.weights_table(self.level) for fit in self.fits}
        found = {name: zip(table["donor"], table["weight"], strict=True) for name, table in tables.items()}
        found |= {name: zip(self.panel.donors, each.weights, strict=True) for name, each in self.estimates.items()}
        return {name: {str(donor): float(weight) for donor, weight in rows} for name, rows in found.items()}
