"""One view of a posterior fit and of a classical estimate: what a picture over time needs."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.request import check_level
from bsynth._base.types import FloatArray, IntervalKind
from bsynth.analysis import Analysis
from bsynth.bayesian.result import Fit, refuse_several
from bsynth.calibration import Calibration
from bsynth.errors import SpecError, came
from bsynth.frequentist.estimate import Estimate
from bsynth.panel.calendar import Calendar
from bsynth.panel.periods import period_words
from bsynth.text.labels import METHODS, interval_words

VISIBLE = 0.06
"""Share of the range of a picture from which a drift is seen as a layer of its own."""
ALONE, DRIFT = "weighted donors alone", "unit's own drift away from them"
"""What the two parts of a counterfactual with a drift are called."""


LEVEL = 0.95
"""Where none is asked for."""


class PathInference(Protocol):
    """Classical inference: conformal, jackknife+ and prediction intervals, with bounds by period, and placebo tests."""

    @property
    def estimate(self) -> Estimate:
        """The point that it is around."""

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """Rows of effects."""


@dataclass(frozen=True, eq=False, repr=False)
class View(Brief):
    """A result over time.

    Attributes
    ----------
    path : DataFrame
        Columns of `bsynth.effects.path_table`; bounds are NaN for a point.
    average : Series
        The row of the average effect.
    donors : (T, J) array
    n_pre : int
    treated, outcome, time, method : str
        Names, as the user gave them.
    interval : str
        Level and kind of the bounds in words; empty for a point.
    reason : str
        Why it is unreliable; empty when it is not.
    cumulative : DataFrame
        ``time, cumulative, lower, upper`` of the treated periods; bounds are NaN for a point.
    total : Series
        The row of the cumulative effect.
    drift : (T,) array or None
        What of the counterfactual is drift.
    periods : tuple of str
        Periods in words, as their calendar says them.
    zone : str
        Of their clock; empty where they have none.
    """

    path: pd.DataFrame
    average: pd.Series
    donors: FloatArray
    n_pre: int
    treated: str
    outcome: str
    time: str
    method: str
    interval: str
    reason: str
    cumulative: pd.DataFrame
    total: pd.Series
    periods: tuple[str, ...]
    zone: str
    drift: FloatArray | None = None

    @property
    def base(self) -> FloatArray:
        """(T,) the synthetic control alone: the counterfactual without its drift."""
        whole = self.path["counterfactual"].to_numpy(dtype=float)
        return whole if self.drift is None else np.asarray(whole - self.drift)

    @property
    def drifts(self) -> bool:
        """Whether the drift is large enough to be a layer of its own in a picture."""
        if self.drift is None:
            return False
        seen = np.concatenate([self.path["observed"].to_numpy(dtype=float), self.base])
        return bool(np.nanmax(np.abs(self.drift)) > VISIBLE * np.ptp(seen[np.isfinite(seen)]))

    @property
    def bounded(self) -> bool:
        """Whether its periods have bounds."""
        return bool(self.interval) and bool(self.path["lower"].iloc[self.n_pre :].notna().any())

    @property
    def short(self) -> str:
        """Level and kind of the bounds for the margin of a picture, on two lines where they are long."""
        return self.interval.replace(" interval calibrated on the donors", " calibrated").replace(
            " interval", "\ninterval", 1
        )

    @property
    def times(self) -> pd.Index:
        """Periods."""
        times: pd.Index = pd.Index(self.path["time"])
        return times


type Shown = Fit | Calibration | Estimate | PathInference | Analysis
"""What has a path."""


def view(result: Shown, *, level: float | None, interval: IntervalKind) -> View:
    """Return the view of any result over time; a point keeps NaN bounds, inference and calibration bring their own.

    Of an analysis it is what the headline reports, by default at its own level.
    """
    if isinstance(result, Analysis):
        return view(result.reported, level=result.level if level is None else level, interval=interval)
    level = check_level(LEVEL if level is None else level)
    if isinstance(result, Calibration):
        return _with_bounds(view(result.fit, level=level, interval="predictive"), result, level, result.reason)
    if isinstance(result, Fit):
        attrs = result.tree.attrs
        donors = result.tree["constant_data"].to_dataset()["donors"]
        table = result.effects(level, interval=interval)
        return View(
            path=result.path(level, interval=interval),
            average=_row(table, "average"),
            donors=np.asarray(donors.transpose("time", "donor")),
            n_pre=result.n_pre,
            treated=str(attrs["treated"]),
            outcome=str(attrs["outcome"]),
            time=str(attrs.get("time", "time")),
            method=f"{METHODS['bayes']}, {result.spec.name}",
            interval=interval_words(interval, level),
            reason=result.reason,
            cumulative=result.cumulative(level, interval=interval),
            total=_row(table, "cumulative"),
            periods=_periods(result),
            zone="" if result.panel is None else result.panel.zone,
            drift=result.drift(),
        )
    require_result(result)
    if not isinstance(result, Estimate):
        return _inferred(result, level)
    panel = result.panel
    return View(
        path=result.path(),
        average=_row(result.effects(), "average"),
        donors=panel.donor_matrix,
        n_pre=panel.n_pre,
        treated=panel.treated_name,
        outcome=panel.labels.outcome,
        time=panel.source.time,
        method=METHODS.get(result.estimator, result.estimator),
        interval="",
        reason="",
        cumulative=result.cumulative(),
        total=_row(result.effects(), "cumulative"),
        periods=panel.period_words(),
        zone=panel.zone,
    )


def _periods(fit: Fit) -> tuple[str, ...]:
    """Those of its panel, which a file of an earlier format lacks."""
    if fit.panel is not None:
        return fit.panel.period_words()
    times = pd.Index(fit.path()["time"])
    return period_words(times, Calendar.of(times))


def require_result(result: object) -> None:
    """Refuse what is no fit, estimate or inference around one, and say where these come from."""
    refuse_several(result)
    if not isinstance(result, Fit | Calibration | Estimate) and not _is_inference(result):
        raise SpecError(
            f"a fit, an estimate or an inference is needed and {came(result)} came; bsynth.fit(panel), "
            "bsynth.classical(panel) and bsynth.conformal(panel) return one each"
        )


def _is_inference(result: object) -> bool:
    return all(hasattr(result, name) for name in ("estimate", "effects"))


def _inferred(result: PathInference, level: float) -> View:
    """A classical point with the bounds of an inference around it."""
    return _with_bounds(view(result.estimate, level=level, interval="mean"), result, level, "")


def _with_bounds(seen: View, result: PathInference | Calibration, level: float, reason: str) -> View:
    """A view with a result's own bounds and average where it has them; the others stay."""
    table = result.effects(level)
    average = _row(table, "average")
    path = seen.path.set_index("time")
    if (by_period := getattr(result, "path", None)) is not None:
        path.update(by_period(level).set_index("time"))
    words = interval_words(str(average["interval"]), level)
    found = replace(
        seen,
        path=path.reset_index(),
        average=average,
        interval=words,
        reason=reason,
        total=_row(table, "cumulative"),
    )
    return replace(found, cumulative=result.cumulative(level)) if isinstance(result, Calibration) else found


def drift_words(seen: View) -> str:
    """Say what the purple layer of a picture is; nothing where there is none."""
    return f"Purple: the {ALONE} (dotted), and the {DRIFT}" if seen.drifts else ""


def of_each(seen: View) -> str:
    """Whose interval a band is, level and kind, for a key: "each period: 95% calibrated"."""
    return f"each period: {' '.join(seen.short.split())}"


def _row(table: pd.DataFrame, estimand: str) -> pd.Series:
    return table.loc[table["estimand"] == estimand].iloc[0]
