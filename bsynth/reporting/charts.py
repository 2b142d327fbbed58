"""Pictures over time that answer pointer and keyboard: their numbers, and how the page is to draw them.

The page draws them with uPlot (Leon Sorokin, MIT), which stands in ``vendor``: 51 kB in the page, against
0.9 MB for a Vega bundle and 1.4 MB for Bokeh's, and no code made from text, so that the page can forbid it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.frequentist import PlaceboSpace
from bsynth.frequentist.estimate import Estimate
from bsynth.plots.style import positions
from bsynth.plots.view import ALONE, PathInference, View, view
from bsynth.plots.window import STRETCH, window_words
from bsynth.text.labels import METHODS, plain
from bsynth.text.numbers import decimals_of

DIGITS = 9
"""Significant digits of the numbers in the page; ``summary.json`` and ``fit.nc`` have them all."""
PATH = ("observed", "counterfactual", "lower", "upper", "gap", "gap_lower", "gap_upper")
OBSERVED, COUNTERFACTUAL, LOWER, UPPER, GAP, GAP_LOWER, GAP_UPPER = range(1, len(PATH) + 1)
"""Positions in a frame by period; the period itself is the first column."""


@dataclass(frozen=True)
class Line:
    """A line in front: position of its column in the frame, its name, and its role: its colour and dash."""

    column: int
    label: str
    role: str


@dataclass(frozen=True, eq=False)
class Chart:
    """A picture over time as data.

    Attributes
    ----------
    frame : DataFrame
        The period first, then every number; what the CSV file holds.
    times : Index
        Periods, as the panel has them.
    periods : tuple of str
        These in words.
    zone : str
        Of their clock; empty where they have none.
    start : int
        Position of the first treated period.
    y, subtitle : str
        Name of the axis, and the line below the title: method and window.
    lines : tuple of Line
    band : (lower, upper, words) or None
        Positions of two columns, and what they bound.
    background : tuple of str
        Names of the thin lines that the reader may pick: the last columns of the frame.
    beside : tuple of (column, label)
        Further numbers told with each period and not drawn.
    zero : bool
        Whether zero is marked.
    """

    frame: pd.DataFrame
    times: pd.Index
    periods: tuple[str, ...]
    zone: str
    start: int
    y: str
    subtitle: str
    lines: tuple[Line, ...]
    band: tuple[int, int, str] | None = None
    background: tuple[str, ...] = ()
    beside: tuple[tuple[int, str], ...] = ()
    zero: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what the page's script reads, beside `numbers_of` of the frame."""
        core = self.frame.iloc[:, [line.column for line in self.lines]].to_numpy(dtype=float)
        first = self.frame.shape[1] - len(self.background)
        x = positions(self.times)
        dates = bool(np.issubdtype(x.dtype, np.datetime64))
        return {
            "x": plain(self.frame.columns[0]),
            "y": self.y,
            "subtitle": self.subtitle,
            "positions": (x.astype("datetime64[s]").astype(float) if dates else x.astype(float)).tolist(),
            "periods": list(self.periods),
            "dates": dates,
            "zone": _named_zone(self.zone),
            "ranks": not dates and not pd.api.types.is_numeric_dtype(self.times),
            "start": self.start,
            "decimals": decimals_of([float(v) for v in core[np.isfinite(core)]]),
            "stretch": STRETCH,
            "zero": self.zero,
            "lines": [asdict(line) for line in self.lines],
            "band": None if self.band is None else dict(zip(("lower", "upper", "label"), self.band, strict=True)),
            "background": [{"column": i, "label": label} for i, label in enumerate(self.background, first)],
            "beside": [{"column": i, "label": label} for i, label in self.beside],
        }


def numbers_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame by columns as plain JSON data, with nine significant digits.

    Examples
    --------
    >>> numbers_of(pd.DataFrame({"a": [1 / 3, float("nan")], "b": ["x", "y"]}))
    {'columns': ['a', 'b'], 'data': [[0.333333333, None], ['x', 'y']]}
    """
    return {
        "columns": [str(name) for name in frame.columns],
        "data": [[_plain(v) for v in frame.iloc[:, i].to_numpy()] for i in range(frame.shape[1])],
    }


def trajectory_chart(
    result: Fit | Calibration | Estimate | PathInference, donors: Sequence[Any], *, level: float, time: str
) -> Chart:
    """Observed and counterfactual series with every donor behind them, named by ``donors``."""
    seen = view(result, level=level, interval="predictive")
    behind = pd.DataFrame(seen.donors, columns=[f"donor {donor}" for donor in donors])
    alone = pd.Series(seen.base, name=ALONE)
    return Chart(
        frame=pd.concat([_path(seen, time), *([alone] if seen.drifts else []), behind], axis=1),
        times=seen.times,
        periods=seen.periods,
        zone=seen.zone,
        start=seen.n_pre,
        y=plain(seen.outcome),
        subtitle=_subtitle(seen.method, seen.periods, seen.n_pre),
        lines=(
            *([Line(len(PATH) + 1, ALONE, "synthetic")] if seen.drifts else []),
            Line(OBSERVED, "observed", "observed"),
            Line(COUNTERFACTUAL, "counterfactual", "counterfactual"),
        ),
        band=(LOWER, UPPER, f"each period's {seen.interval}") if seen.bounded else None,
        background=tuple(plain(donor) for donor in donors),
        beside=((GAP, "gap"),),
    )


def gap_chart(result: Fit | Calibration | Estimate | PathInference, *, level: float, time: str) -> Chart:
    """Observed less counterfactual by period, and its average over the treated window."""
    seen = view(result, level=level, interval="predictive")
    after = np.arange(len(seen.times)) >= seen.n_pre
    average = np.where(after, float(seen.average["estimate"]), np.nan)
    alone = pd.Series(seen.path["observed"].to_numpy() - seen.base, name=f"gap to the {ALONE}")
    own = [alone] if seen.drifts else []
    return Chart(
        frame=pd.concat([_path(seen, time), pd.Series(average, name="average"), *own], axis=1),
        times=seen.times,
        periods=seen.periods,
        zone=seen.zone,
        start=seen.n_pre,
        y=f"gap in {plain(seen.outcome)}",
        subtitle=_subtitle(seen.method, seen.periods, seen.n_pre),
        lines=(
            *([Line(len(PATH) + 2, f"gap to the {ALONE}", "synthetic")] if own else []),
            Line(GAP, "gap", "gap"),
            Line(len(PATH) + 1, "average from the start", "average"),
        ),
        band=(GAP_LOWER, GAP_UPPER, f"each period's {seen.interval}") if seen.bounded else None,
        zero=True,
    )


def placebo_chart(placebo: PlaceboSpace) -> Chart:
    """Gap of the treated unit among the gaps of its donors as if treated."""
    panel, name, units = placebo.estimate.panel, placebo.estimate.estimator, placebo.table["unit"].tolist()
    gaps, idle = np.asarray(placebo.gaps.transpose("time", "replicate")), set(placebo.idle)
    behind = pd.DataFrame(gaps, columns=[f"placebo {unit}" for unit in units])
    own = pd.Series(placebo.estimate.gap, name="treated")
    return Chart(
        frame=pd.concat([_periods(panel.times, panel.source.time), own, behind], axis=1),
        times=panel.times,
        periods=panel.period_words(),
        zone=panel.zone,
        start=panel.n_pre,
        y=f"gap in {plain(panel.labels.outcome)}",
        subtitle=_subtitle(METHODS.get(name, name), panel.period_words(), panel.n_pre),
        lines=(Line(1, plain(panel.treated_name), "treated"),),
        background=tuple(
            plain(unit)
            if kept
            else f"{plain(unit)} ({'a copy, or still' if unit in idle else 'fits too badly to count'})"
            for unit, kept in zip(units, placebo.table["kept"], strict=True)
        ),
        zero=True,
    )


def _subtitle(method: str, periods: Sequence[str], n_pre: int) -> str:
    return f"{method}. {window_words(periods, n_pre)}.".replace(r"\$", "$")


def _periods(times: pd.Index, name: str) -> pd.Series:
    return pd.Series([show(t) for t in times], name=name, dtype=object)


def _path(seen: View, time: str) -> pd.DataFrame:
    """The path, with bounds of the treated periods alone: those before the start are of another kind."""
    path = seen.path[list(PATH)].copy()
    path.iloc[: seen.n_pre, [LOWER - 1, UPPER - 1, GAP_LOWER - 1, GAP_UPPER - 1]] = np.nan
    return pd.concat([_periods(seen.times, time), path], axis=1)


def _named_zone(zone: str) -> str:
    """A zone as browsers know it: an offset is none of their names, though "-04:00" is."""
    return zone.removeprefix("UTC") or "Etc/UTC"


def _plain(value: Any) -> Any:
    """A number of nine digits, None for a missing one, "inf" as text, anything else as its label."""
    value = show(value)
    if not isinstance(value, float):
        return value
    if np.isnan(value):
        return None
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else str(value)
