"""Every method on one estimand and window, side by side, and what the numbers say together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import clean, plain, records
from bsynth._base.request import check_level
from bsynth._base.types import Status
from bsynth.analysis import conditions
from bsynth.analysis.choice import place
from bsynth.analysis.verdict import LONGER, Verdict, answer_of, interval, take_apart, verdict, written
from bsynth.bayesian.degenerate import copies
from bsynth.bayesian.result import Fit
from bsynth.calibration import MIN_PLACEBOS, Backing, Calibration
from bsynth.checks import CheckReport
from bsynth.checks.choice import drifts
from bsynth.effects import EFFECT_COLUMNS
from bsynth.engines.series import lag1
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import ESTIMATORS
from bsynth.panel import Panel
from bsynth.panel.calendar import counted
from bsynth.text.marks import mark, status_of
from bsynth.text.result import Pictured

COLUMNS = (
    "method", "model", "estimand", "estimate", "lower", "upper", "level", "interval", "p", "probability_positive",
    "p_min", "conditions", "pre_rmspe", "drift", "intercept", "free_level", "lag1", "effective_donors",
    "seconds", "status",
)  # fmt: skip
SHORT = (
    "method",
    "model",
    "estimate",
    "lower",
    "upper",
    "interval",
    "p",
    "probability_positive",
    "pre_rmspe",
    "status",
)
_LEFT_OUT = ("mean", "leave-one-out-range", "placebo-time")
"""Rows of effects that are no interval for what was observed."""
_CERTIFIED = ("model", "finding", "factor", "status", "reason", "donors", "resolution")
"""What the words use of a certificate."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Pictured):
    """Methods side by side on the average effect over the treated window, and a verdict in words.

    Attributes
    ----------
    table : DataFrame
        One row per method and interval, the main posterior first: ``method, model, estimand, estimate, lower, upper,
        level, interval`` (its kind), ``p`` or ``probability_positive``, ``p_min`` (the smallest p there can be),
        ``conditions`` (what it presumes), ``pre_rmspe`` (where there is a ``drift``, without it), ``intercept``
        (offset between the treated series and its weighted donors), ``free_level`` (whether the method has one),
        ``lag1`` (autocorrelation of its pre-period gaps), ``effective_donors, seconds, status``. Outcome units.
    facts : mapping
        What the words use besides: the window, the distance from the hull, calibration, checks, the truth, and how
        often intervals of procedures that fail were ``measured`` to hold it.
    rows : callable
        The table at another level.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> comparison = bs.analyse(panel, models=["none"], methods=["sc", "did", "placebo"], progress=False).comparison
    >>> comparison.table[["method", "interval"]].values.tolist()
    [['sc', 'placebo'], ['did', 'placebo']]
    """

    table: pd.DataFrame
    facts: Mapping[str, Any]
    rows: Callable[[float], pd.DataFrame]

    def effects(self, level: float | None = None) -> pd.DataFrame:
        """The rows of ``table`` at a level, by default the comparison's own, in the columns of every effects table."""
        table = self.table if level is None else self.rows(check_level(level))
        return table[[*EFFECT_COLUMNS, *(c for c in COLUMNS if c not in EFFECT_COLUMNS)]]

    @property
    def status(self) -> Status:
        """``"unreliable"`` when a row or the calibration comes from a fit that failed its convergence gate."""
        return status_of(self.reason)

    @property
    def reason(self) -> str:
        """Whose gate failed, as the analysis knows it."""
        return str(self.facts["reason"])

    def sentences(self) -> tuple[str, ...]:
        """What each side says, whether they agree and where they do not, and which to trust."""
        return self._sentences

    @cached_property
    def _sentences(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*mark(self.reason), *self.verdict.sentences())))

    @cached_property
    def verdict(self) -> Verdict:
        """What was found: headline, bullets, details, grade and facts."""
        return verdict(self.numbers())

    def numbers(self) -> dict[str, Any]:
        """Return every number that the words may use, as plain data; ``answer`` is what the headline reports."""
        found = {"status": self.status, **clean(dict(self.facts)), "table": records(self.table)}
        return found | {"answer": clean(answer_of(take_apart(found)).to_dict())}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``: the numbers and the words."""
        return self.numbers() | {"sentences": list(self.sentences())}

    @property
    def title(self) -> str:
        """The estimand, whose it is, and the window."""
        return f"Average effect on {self.facts['treated']}, {self.facts['window']}"

    @property
    def headline(self) -> str:
        """The main row: method, estimate and interval."""
        row = records(self.table.head(1))[0]
        bounds = "" if row["lower"] is None else f", {interval(row)}"
        return f"{row['model'] or row['method']} {written(row)[0]}{bounds}"

    def _gist(self) -> str:
        return self.headline

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        shown = [c for c in SHORT if self.table[c].notna().any()]
        return (self.table[shown].astype(object).fillna(""),)


def compared_rows(
    effects: pd.DataFrame, methods: Mapping[str, Mapping[str, Any]], presumed: Mapping[str, str]
) -> pd.DataFrame:
    """Join the rows on the average effect with how each method fits and what it presumes, method by method.

    ``methods`` are the facts of each by its `key_of`, in the order of the table; others are left out. ``presumed`` is
    what a kind of interval presumes beyond its estimator or model.
    """
    rows = effects.loc[(effects["estimand"] == "average") & ~effects["interval"].isin(_LEFT_OUT)].copy()
    rows["name"] = [key_of(method, model) for method, model in zip(rows["method"], rows["model"], strict=True)]
    rows = rows.loc[rows["name"].isin(methods)]
    has_interval = set(rows.loc[rows["interval"] != "point", "name"])
    rows = rows.loc[(rows["interval"] != "point") | ~rows["name"].isin(has_interval)]
    order = {name: place for place, name in enumerate(methods)}
    rows = rows.sort_values("name", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
    rows = rows.join(pd.DataFrame([methods[name] for name in rows["name"]], index=rows.index))
    said = {"calibrated": conditions.OF_CALIBRATION, "point": conditions.OF_POINT, **presumed}
    kinds = [said.get(kind, "") for kind in rows["interval"]]
    rows["conditions"] = [f"{method} {kind}".strip() for method, kind in zip(rows["presumes"], kinds, strict=True)]
    status = rows["status"] if "status" in rows else pd.Series("ok", index=rows.index)
    rows["status"] = status.fillna("ok")
    return rows.reindex(columns=list(COLUMNS))


def key_of(method: str, model: object) -> str:
    """One name for a model or a classical method; a model may be called like one of these."""
    return f"{method} {model}" if isinstance(model, str) else method


def of_estimate(estimate: Estimate) -> dict[str, Any]:
    """How a classical point fits the pre-period."""
    return {
        "presumes": estimate.remarks[0],
        "pre_rmspe": estimate.pre_rmspe,
        "drift": False,
        "intercept": estimate.intercept,
        "free_level": estimate.intercept != 0,
        "lag1": float(lag1(estimate.gap[: estimate.panel.n_pre])),
        "effective_donors": estimate.effective_donors,
    }


def of_fit(fit: Fit) -> dict[str, Any]:
    """How the mean counterfactual of a posterior, without its drift, fits the pre-period."""
    gap = (fit.observed - fit.synthetic()).values[: fit.n_pre]
    return {
        "presumes": conditions.of_model(fit.spec),
        "pre_rmspe": fit.pre_rmspe,
        "drift": drifts(fit.spec),
        "intercept": fit.intercept,
        "free_level": conditions.has_level(fit.spec),
        "lag1": float(lag1(np.asarray(gap))),
        "effective_donors": fit.effective_donors,
    }


def _donors(panel: Panel) -> dict[str, int]:
    """How many donors there are, with copies of one series as one too, and how many a calibration needs."""
    different = panel.n_donors - sum(len(group) - 1 for group in copies(panel))
    return {"donors": panel.n_donors, "donors_different": different, "donors_needed": MIN_PLACEBOS}


def facts_of(
    panel: Panel,
    *,
    level: float,
    calibration: Calibration | None,
    checks: CheckReport | None,
    certificate: Mapping[str, Any] | None,
    truth: float | None,
    unavailable: Mapping[str, str],
    notes: Sequence[str],
    reason: str,
    measured: Sequence[Mapping[str, Any]] = (),
    lifts: Sequence[Mapping[str, Any]] = (),
    main_donors: Sequence[str] = (),
    flagged: Sequence[Mapping[str, str]] = (),
    drift_carries: bool = False,
    kept: str = "sc",
) -> dict[str, Any]:
    """Return what the words use beside the table: window, hull, calibration, checks, certificate, truth, lacks."""
    labels = panel.period_labels()
    return {
        "estimand": "average",
        "outcome": panel.source.outcome,
        "labels": asdict(panel.labels),
        "treated": panel.treated_name,
        "n_treated": panel.n_treated,
        "additive": panel.additive,
        "units_words": panel.labels.units(panel.n_treated),
        "periods_words": counted(panel.n_post, panel.frequency),
        **_donors(panel),
        "backing": None if calibration is None else said_of(calibration.backing),
        "start": plain(labels[panel.n_pre]),
        "end": plain(labels[-1]),
        "start_words": panel.period_words()[panel.n_pre],
        "window": panel.window,
        "n_pre": panel.n_pre,
        "n_post": panel.n_post,
        "gaps": [*panel.gaps(), *panel.source.changed()],
        "level": level,
        "observed": _observed(panel),
        "hull": place(panel),
        "calibrated": calibration is not None,
        "checks": None if checks is None else {
            "status": checks.answer,
            "suggestion": checks.suggestion,
            "warnings": [check.name for check in checks.warnings],
        },
        "certificate": None if certificate is None else {key: certificate[key] for key in _CERTIFIED},
        "truth": truth,
        "unavailable": {name: reason for name, reason in unavailable.items() if _compared(name)},
        "notes": list(notes),
        "reason": reason,
        "measured": list(measured),
        "lifts": list(lifts),
        "main_donors": list(main_donors),
        "flagged": [dict(each) for each in flagged],
        "drift_carries": drift_carries,
        "longer": LONGER,
        "kept": kept,
    }  # fmt: skip


def said_of(found: Backing) -> dict[str, Any]:
    """What the words say of the placebos behind a calibrated interval."""
    words = {"words": found.placebo_words("untreated "), "worth": found.worth() if found.overlap else ""}
    return found.to_dict() | words | {"brief": found.brief(), "one": found.one()}


def _observed(panel: Panel) -> dict[str, float]:
    """Means of the treated series in the treated periods, and in as many before the start."""
    n_pre, periods = panel.n_pre, min(panel.n_pre, panel.n_post)
    series = panel.treated_series
    before, after = series[n_pre - periods : n_pre], series[n_pre:]
    return {"before": float(before.mean()), "after": float(after.mean()), "periods": periods}


def _compared(name: str) -> bool:
    """Whether the comparison lacks a row, or the main one its calibration, when ``name`` is not available."""
    first, _, about = name.partition(" of ")
    return (
        name.startswith("posterior") or first in ("calibration", *ESTIMATORS) or about.partition("-")[0] in ESTIMATORS
    )
