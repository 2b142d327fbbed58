"""Leave one out: refit without each donor that matters and see how far the answer moves (Abadie 2021)."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.plain import show
from bsynth._base.request import check_flags, check_level, check_number, check_seed
from bsynth._base.types import IntArray
from bsynth.effects import ESTIMANDS
from bsynth.errors import PanelError, SpecError, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method, find
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import (
    Block,
    Refits,
    batches,
    block_size,
    estimand_draws,
    gap_statistics,
    interval_rows,
    labelled,
    refit_units,
    without_each,
)
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.text.numbers import count, numbers

NAME = "leave-one-out"
TITLE = "Leave one out"
CONDITIONS = ""
STANDARD = True

type Which = Literal["weighted", "all"]
WHICH: tuple[str, ...] = get_args(Which.__value__)


@dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut(Inference):
    """The estimate without each donor in turn.

    Attributes
    ----------
    estimate : Estimate
        With every donor.
    gaps : DataArray (replicate, time)
        Gap without the donor that names the replicate, outcome units.
    counterfactual : DataArray (replicate, time)
        The counterfactual behind each gap, outcome units.
    table : DataFrame
        One row per dropped donor, largest weight first: ``dropped, weight, mean_gap, change, pre_rmspe``;
        ``change`` is the mean gap less the full estimate's.
    seconds : float
    cumulative : bool
        Whether each row also leaves out the donors of the rows above it; its weight is then that of the fit before.
    """

    conditions = CONDITIONS

    estimate: Estimate
    gaps: xr.DataArray
    counterfactual: xr.DataArray
    table: pd.DataFrame
    seconds: float
    cumulative: bool = False

    @property
    def kind(self) -> str:
        """What it is called in titles."""
        return "Cumulative leave-out" if self.cumulative else TITLE

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest mean gap of the refits, outcome units."""
        return float(self.table["mean_gap"].min()), float(self.table["mean_gap"].max())

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand with the range of the refits as bounds.

        A range, not a confidence interval: its ``level`` is NaN whatever ``level`` is asked for.
        """
        check_level(level)
        observed = (self.gaps + self.counterfactual).to_numpy()
        draws = estimand_draws(
            Refits(observed, self.counterfactual.to_numpy(), np.empty((0, 0))), self.estimate.panel.n_pre
        )
        bounds = {name: (float(draws[name].min()), float(draws[name].max())) for name in ESTIMANDS}
        return interval_rows(
            self.estimate,
            bounds,
            level=np.nan,
            interval="leave-out-cumulative-range" if self.cumulative else "leave-one-out-range",
            p=dict.fromkeys(bounds, np.nan),
            seconds=self.seconds,
        )

    def _sentence(self, level: float) -> str:
        low, high = numbers(*self.range)
        only, dropped = self._only(), count(len(self.table), "donor")
        if self.cumulative:
            found = (
                f"dropping {dropped} one after the other, always the one with the largest weight left, the mean gap "
                + (f"stays at {low}" if low == high else f"runs from {low} to {high}")
            )
            rest = "on the donors that remain"
        else:
            found = f"without each of {dropped} in turn the mean gap "
            found += f"is {low}" if low == high else f"lies between {low} and {high}"
            rest = "on all other donors"
        if only:
            found = f"without {only}, the only donor left out, the mean gap is {low}"
        what = "no confidence interval" if only else "a range, not a confidence interval"
        return f"{self.kind}: {found}; it conditions on the data and {rest}, and is {what}."

    def _only(self) -> str:
        """The donor that is left out, where it is one alone."""
        return str(show(self.table["dropped"].iloc[0])) if len(self.table) == 1 else ""

    def _gist(self) -> str:
        estimate, low, high = numbers(float(self.effects()["estimate"].iloc[0]), *self.range)
        if only := self._only():
            return f"average effect {estimate}, without {only} {low}"
        dropped = count(len(self.table), "donor")
        how = f"without {dropped} one after the other" if self.cumulative else f"without each of {dropped} in turn"
        return f"average effect {estimate}, {how} from {low} to {high}"

    def _facts(self) -> dict[str, Any]:
        return {"cumulative": self.cumulative}

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.table,)


def leave_one_out(
    panel: Panel,
    estimator: Method = "sc",
    *,
    threshold: float = 0.001,
    which: Which = "weighted",
    cumulative: bool = False,
    seed: int | None = None,
    progress: bool = True,
) -> LeaveOneOut:
    """Answer how much of the estimate hangs on a single donor.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), J ≥ 2, outcome units.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm"}, RidgeASCM or Predictors
        With predictors every refit is a search of its own.
    threshold : float
        Donors with a larger weight (in size) are dropped in turn, 0 ≤ threshold < 1.
    which : {"weighted", "all"}
        Drop the weighted donors only, or every donor.
    cumulative : bool
        Drop donors one after the other, always the one that carries the largest weight in the fit so far, as often
        as there are donors to drop and two remain.
    seed : int, optional
        Every verb takes it; nothing here is random.
    progress : bool
        Show a bar when it takes more than about two seconds.

    Raises
    ------
    SpecError
        Unknown estimator or ``which``, or a threshold outside [0, 1).
    PanelError
        No donor to drop, or only one donor.

    References
    ----------
    Abadie, Diamond and Hainmueller 2015; Abadie 2021.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> sorted(leave_one_out(panel).table["mean_gap"].round(6).tolist())
    [3.0, 5.0]
    """
    require_panel(panel)
    check_flags(cumulative=cumulative, progress=progress)
    if seed is not None:
        check_seed(seed)
    chosen = find(estimator, panel)
    _check(which, threshold)
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    dropped = _to_drop(estimate, which, threshold)
    if cumulative:
        return _cumulative(estimate, estimator, min(len(dropped), panel.n_donors - 2), began)
    names = [panel.donors[j] for j in dropped]
    refits = refit_units(
        estimator,
        chosen,
        blocks=_left_out(panel, dropped),
        panels=(panel.without(name) for name in names),
        n_pre=panel.n_pre,
        total=len(names),
        label="leave one out",
        progress=progress,
    )
    return LeaveOneOut(
        estimate=estimate,
        gaps=labelled(refits.gaps, names, panel.times),
        counterfactual=labelled(refits.counterfactual, names, panel.times),
        table=_table(estimate, refits, dropped),
        seconds=time.perf_counter() - began,
    )


def check(panel: Panel) -> None:
    """Every panel can have it."""


def run(panel: Panel, settings: Settings) -> LeaveOneOut:
    """Carry it out as a plan asks for it."""
    return leave_one_out(panel, settings.estimator, seed=settings.seed, progress=settings.progress)


def _cumulative(estimate: Estimate, estimator: Method, steps: int, began: float) -> LeaveOneOut:
    """Drop the donor with the largest weight, refit, and go on."""
    panel, full = estimate.panel, float(estimate.gap[estimate.panel.n_pre :].mean())
    if steps < 1:
        raise PanelError(f"{count(panel.n_donors, 'donor')}: none can be dropped with two left; give at least three")
    fits, rows = [estimate], []
    for _ in range(steps):
        before = fits[-1]
        heaviest = int(np.argmax(np.abs(before.weights)))
        name = before.panel.donors[heaviest]
        fits.append(classical(before.panel.without(name), estimator))
        gap = float(fits[-1].gap[panel.n_pre :].mean())
        rows.append((name, float(before.weights[heaviest]), gap, gap - full, fits[-1].pre_rmspe))
    names = [row[0] for row in rows]
    return LeaveOneOut(
        estimate=estimate,
        gaps=labelled(np.stack([fit.gap for fit in fits[1:]]), names, panel.times),
        counterfactual=labelled(np.stack([fit.counterfactual for fit in fits[1:]]), names, panel.times),
        table=pd.DataFrame(rows, columns=["dropped", "weight", "mean_gap", "change", "pre_rmspe"]),
        seconds=time.perf_counter() - began,
        cumulative=True,
    )


def _check(which: str, threshold: float) -> None:
    if which not in WHICH:
        raise SpecError(f"which is {which!r}{nearest(which, WHICH)}; it can be {some_of(WHICH)}")
    if not 0 <= check_number(threshold, "threshold") < 1:
        raise SpecError(f"threshold is {threshold}; give a weight of at least 0 and under 1, such as .001")


def _to_drop(estimate: Estimate, which: str, threshold: float) -> IntArray:
    """Positions of the donors to drop, largest weight first."""
    if len(estimate.weights) < 2:
        raise PanelError("the panel has one donor, so none can be left out; give at least two")
    size = np.abs(estimate.weights)  # those of a ridge-augmented fit may be negative
    order = np.argsort(-size, kind="stable")
    dropped = order if which == "all" else order[size[order] > threshold]
    if len(dropped) == 0:
        raise PanelError(f"no donor has a weight above {threshold}; lower threshold or give which='all'")
    return dropped


def _table(estimate: Estimate, refits: Refits, dropped: IntArray) -> pd.DataFrame:
    panel, statistics = estimate.panel, gap_statistics(refits.gaps, estimate.panel.n_pre)
    full = float(estimate.gap[panel.n_pre :].mean())
    return pd.DataFrame(
        {
            "dropped": [panel.donors[j] for j in dropped],
            "weight": estimate.weights[dropped],
            "mean_gap": statistics["mean_gap"],
            "change": statistics["mean_gap"] - full,
            "pre_rmspe": statistics["pre_rmspe"],
        }
    )


def _left_out(panel: Panel, dropped: IntArray) -> Iterator[Block]:
    """The treated series with the donors less one, for each donor to drop."""
    y, donors = panel.treated_series, panel.donor_matrix
    for columns in batches(dropped.tolist(), block_size(*donors.shape)):
        yield np.broadcast_to(y, (len(columns), len(y))).copy(), without_each(donors, columns)
