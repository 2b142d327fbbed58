"""Placebo in time: move the start back to when nothing had happened yet, and see what is found.

Abadie, Diamond and Hainmueller 2015, section 4.3. Each backdated start is a full refit on the periods before it;
its window ends with the last period before the real start.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.request import check_flags, check_level, check_seed
from bsynth._base.types import IntArray, Label
from bsynth.effects import at_least
from bsynth.errors import PanelError
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import gap_statistics, interval_rows, labelled
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.labels import MIN_PRE, as_labels
from bsynth.text.numbers import count, numbers

NAME = "placebo-time"
TITLE = "Placebo in time"
CONDITIONS = ""
STANDARD = False

DEFAULT_STARTS = 5


@dataclass(frozen=True, eq=False, repr=False)
class PlaceboTime(Inference):
    """The estimate at starts at which nothing happened.

    Attributes
    ----------
    estimate : Estimate
        At the real start.
    gaps : DataArray (replicate, time)
        Gap of each backdated fit over the periods before the real start, by backdated start, outcome units.
    counterfactual : DataArray (replicate, time)
        The counterfactual behind each gap, outcome units.
    table : DataFrame
        One row per backdated start: ``start, n_pre, n_window, mean_gap, last_gap, pre_rmspe, window_rmspe,
        ratio``; the gaps are those of the window, from the backdated start until the real one.
    seconds : float
    """

    kind, conditions = TITLE, CONDITIONS

    estimate: Estimate
    gaps: xr.DataArray
    counterfactual: xr.DataArray
    table: pd.DataFrame
    seconds: float

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand of the real start, for tables beside other methods.

        Backdated windows overlap and are no sample of anything, so there are no bounds and no p: they are NaN,
        whatever ``level`` is asked for.
        """
        check_level(level)
        nothing = dict.fromkeys(("average", "cumulative", "lift"), (np.nan, np.nan))
        p = dict.fromkeys(nothing, np.nan)
        return interval_rows(self.estimate, nothing, level=np.nan, interval="placebo-time", p=p, seconds=self.seconds)

    def _sentence(self, level: float) -> str:
        real, largest, larger = self._compared()
        shown = "shows" if larger == 1 else "show"
        return (
            f"Placebo in time: of {count(len(self.table), 'backdated start')} {larger} {shown} a mean gap at least as "
            f"large in size as the real one, {real}, the largest in size {largest}; it conditions on the donors and "
            "presumes that nothing happened before the real start. Later starts leave shorter windows, and the windows "
            "overlap: no p."
        )

    def _compared(self) -> tuple[str, str, int]:
        """The real mean gap and the largest backdated one, each with its sign, and how many are as large in size."""
        real = float(self.estimate.gap[self.estimate.panel.n_pre :].mean())
        gaps = self.table["mean_gap"].to_numpy()
        shown, largest = numbers(real, float(gaps[np.abs(gaps).argmax()]))
        return shown, largest, int(at_least(np.abs(gaps), abs(real)).sum())

    def _gist(self) -> str:
        real, largest, _ = self._compared()
        return f"average effect {real}, largest in size of {count(len(self.table), 'backdated start')} {largest}"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.table,)


def placebo_time(
    panel: Panel,
    estimator: Method = "sc",
    *,
    starts: Sequence[Label] | None = None,
    seed: int | None = None,
    progress: bool = True,
) -> PlaceboTime:
    """Answer what would have been found had the treatment been dated earlier.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), outcome units, with at least four pre-periods.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm"}
    starts : sequence of labels, optional
        Backdated first treated periods, each with at least three periods before it and before the real
        start; by default up to five, spread evenly over the second half of the pre-period.
    seed : int, optional
        Every verb takes it; nothing here is random.
    progress : bool
        Every verb takes it; this one takes milliseconds.

    Raises
    ------
    SpecError
        Unknown estimator.
    PanelError
        A start outside the pre-period, or too few pre-periods for any.

    References
    ----------
    Abadie, Diamond and Hainmueller 2015; Abadie 2021, section 7.

    Examples
    --------
    >>> df = pd.DataFrame({"state": list("aaaaaabbbbbbcccccc"), "year": [1, 2, 3, 4, 5, 6] * 3,
    ...                    "sales": [1., 2, 3, 4, 5, 9, 0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=6)
    >>> placebo_time(panel).table[["start", "mean_gap"]].round(6).abs().values.tolist()
    [[4.0, 0.0], [5.0, 0.0]]
    """
    require_panel(panel)
    check_flags(progress=progress)
    if seed is not None:
        check_seed(seed)
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    chosen = default_starts(panel) if starts is None else [panel.locate(start) for start in as_labels(starts)]
    if not chosen:
        raise PanelError("starts is empty; give at least one backdated first period, or None")
    fits = [classical(panel.backdated_to(position), estimator) for position in chosen]
    gaps = np.stack([fit.gap for fit in fits])
    statistics = [gap_statistics(fit.gap[None, :], fit.panel.n_pre).iloc[0] for fit in fits]
    table = pd.DataFrame(
        {
            "start": [panel.times[position] for position in chosen],
            "n_pre": [fit.panel.n_pre for fit in fits],
            "n_window": [fit.panel.n_post for fit in fits],
            **{name: [float(s[name]) for s in statistics] for name in ("mean_gap", "last_gap", "pre_rmspe")},
            "window_rmspe": [float(s["post_rmspe"]) for s in statistics],
            "ratio": [float(s["ratio"]) for s in statistics],
        }
    )
    times = panel.times[: panel.n_pre]
    return PlaceboTime(
        estimate=estimate,
        gaps=labelled(gaps, table["start"], times),
        counterfactual=labelled(np.stack([fit.counterfactual for fit in fits]), table["start"], times),
        table=table,
        seconds=time.perf_counter() - began,
    )


def check(panel: Panel) -> None:
    """Raise `PanelError` when the pre-period leaves no earlier start."""
    default_starts(panel)


def run(panel: Panel, settings: Settings) -> PlaceboTime:
    """Carry it out as a plan asks for it."""
    return placebo_time(panel, settings.estimator, seed=settings.seed, progress=settings.progress)


def default_starts(panel: Panel) -> list[int]:
    """Positions of up to five starts over the second half of the pre-period; `PanelError` when it is too short."""
    if panel.n_pre <= MIN_PRE:
        raise PanelError(
            f"{count(panel.n_pre, 'pre-period')} leave no earlier start with {MIN_PRE} periods before it; "
            "a placebo in time needs a longer pre-period"
        )
    first, last = max(MIN_PRE, panel.n_pre // 2), panel.n_pre - 1
    positions: IntArray = np.unique(np.linspace(first, last, DEFAULT_STARTS).round().astype(np.int64))
    return [int(position) for position in positions]
