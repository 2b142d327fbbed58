"""Pictures of units that start at different times: the effect by event time, unit by unit, and the calendar."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bsynth._base.plain import show
from bsynth._base.request import check_level, check_whole
from bsynth.analysis import WavesAnalysis
from bsynth.analysis.waves.path import event_path
from bsynth.bayesian.waves.result import WavesFit
from bsynth.calibration.waves import WavesCalibration
from bsynth.errors import PanelError, came, some_of
from bsynth.panel import Panel
from bsynth.panel.staggered import StaggeredPanel
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLUE, GREEN, ORANGE, PALE, PURPLE, VERMILION
from bsynth.plots.trajectory import draw_band
from bsynth.text.labels import plain
from bsynth.text.numbers import bracket, count, numbers, percent

BEFORE = 12
"""Periods before the start that are drawn."""
_WAVES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE)
_NAMED = 12
"""Units never treated that have a row each in a calendar."""
_FEW = 3
"""Units below which an event time is drawn pale."""
_PALE = 0.25
_LEFT, _WIDTH, _HEIGHT = 4, 2.6, 1.9


def plot_event_study(
    result: WavesFit | WavesCalibration | WavesAnalysis,
    *,
    ax: Axes | None = None,
    level: float = 0.95,
    before: int = BEFORE,
) -> Axes:
    """Show the pooled effect by periods since the start, and before it the gaps that the units' own fits leave.

    Parameters
    ----------
    result : WavesFit, WavesCalibration or WavesAnalysis
        Of a calibration the band is the calibrated one; of an analysis what it reports is drawn.
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float
        Probability inside the intervals of each event time.
    before : int
        Periods before the start that are drawn, at most.

    Returns
    -------
    Axes
        With lines of gid ``pooled``, ``unpooled``, ``before``, ``zero`` and ``start``.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import warnings
    >>> import bsynth as bs
    >>> wide = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 8)), columns=list("abcdefgh"))
    >>> panel = bs.Panel.from_wide(wide, start={"a": 12, "b": 15})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # so few draws would be marked unreliable
    ...     fit = bs.fit(panel, draws=200, progress=False)
    >>> {line.get_gid() for line in plot_event_study(fit).lines} >= {"pooled", "zero", "start"}
    True
    """
    shown, fit = _posterior(result)
    level, before = check_level(level), check_whole(before, "before", 0, "so many periods are drawn")
    style.check_axes(ax)
    rows = shown.effects(level, over="event time", full=True)
    alone = fit.effects(level, over="event time", pooled=False, full=True)
    overall = shown.effects(level, over="overall", full=True).iloc[0]
    kind = str(overall["interval"])
    k = rows["label"].to_numpy(dtype=float)
    with style.house():
        ax = style.new_axes(ax)
        ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
        draw_band(ax, k, rows[["lower", "upper"]].to_numpy(dtype=float))
        few = (rows["units"] < min(_FEW, len(fit.units))).to_numpy()
        ax.plot(k, alone["estimate"], color=style.GREY, marker="x", markersize=4, linewidth=0, zorder=3, gid="unpooled")
        ax.plot(k, rows["estimate"], color=BLUE, linewidth=1.8, zorder=5, gid="pooled")
        ax.plot(k[~few], rows["estimate"][~few], color=BLUE, marker="o", markersize=4, linewidth=0, zorder=6)
        ax.plot(k[few], rows["estimate"][few], color=BLUE, marker="o", markersize=4, linewidth=0, mfc="white", zorder=6)
        path = event_path(fit, level)
        gaps = path.loc[(path["event"] < 0) & (path["event"] >= -before)].set_index("event")["gap"]
        ax.plot(gaps.index, gaps, color=style.INK, marker=".", linewidth=0.9, zorder=3, gid="before")
        style.start_line(ax, 0.0)
        ax.set_xlabel(f"periods since the start ({fit.panel.whole.frequency}s)", color=style.INK)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylabel(f"effect on {drawn(fit.panel.labels.outcome)}", color=style.INK)
        estimate, *bounds = numbers(overall["estimate"], overall["lower"], overall["upper"])
        hollow = f" Hollow: fewer than {_FEW} units." if few.any() else ""
        style.heading(
            ax,
            f"Effect by time since the start: {drawn(fit.title, 60)}",
            [
                f"Overall {estimate}, {percent(level)} {kind} interval {bracket(bounds)}. Band: {percent(level)} "
                f"{kind}, of each period; crosses: own fits alone.{hollow} Before 0: mean gap that own fits leave."
            ],
            reason=shown.reason,
        )
    return ax


def plot_units(result: WavesFit | WavesCalibration | WavesAnalysis, *, level: float = 0.95, most: int = 24) -> Figure:
    """Show every treated unit by itself, observed and untreated, with its pooled effect: small multiples.

    Parameters
    ----------
    result : WavesFit, WavesCalibration or WavesAnalysis
        Of a calibration the intervals of effects are the calibrated ones; of an analysis what it reports is drawn.
    level : float
        Probability inside the band of each period and the interval of each unit's effect.
    most : int
        Units that are drawn, the first in order of start.

    Returns
    -------
    Figure
        Whose axes are one per unit, with lines of gid ``observed``, ``counterfactual`` and ``start``.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import warnings
    >>> import bsynth as bs
    >>> wide = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 8)), columns=list("abcdefgh"))
    >>> panel = bs.Panel.from_wide(wide, start={"a": 12, "b": 15})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # so few draws would be marked unreliable
    ...     fit = bs.fit(panel, draws=200, progress=False)
    >>> len(plot_units(fit).axes)
    2
    """
    shown, fit = _posterior(result)
    level, most = check_level(level), check_whole(most, "most", 1, "so many units are drawn")
    units = fit.units[:most]
    rows = shown.effects(level, over="unit", full=True)
    kind = "pooled" if shown is fit else "pooled and calibrated"
    across = min(_LEFT, len(units))
    down = math.ceil(len(units) / across)
    with style.house():
        figure = plt.figure(figsize=(max(across * _WIDTH, 5.2), down * _HEIGHT + 0.8), layout="constrained")
        found = np.atleast_1d(figure.subplots(down, across)).ravel()
        for ax, unit in zip(found, units, strict=False):
            style.new_axes(ax)
            own = fit.fit_of(unit)
            path = own.path(level)
            x = style.positions(own.observed["time"].to_index())
            draw_band(ax, x, path[["lower", "upper"]].to_numpy(dtype=float))
            ax.plot(x, path["counterfactual"], color=BLUE, linewidth=1.2, linestyle=(0, (5, 1.5)), gid="counterfactual")
            ax.plot(x, path["observed"], color=style.BLACK, linewidth=1.1, gid="observed")
            ax.axvline(x[own.n_pre], color=style.GREY, linewidth=0.9, linestyle=":", gid="start")
            row = rows.iloc[fit.units.index(unit)]
            estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"], signed=True)
            ax.set_title(f"{drawn(plain(show(unit)), 22)}\n{estimate} {bracket(bounds)}", loc="left", fontsize=8.5)
            style.time_axis(ax, own.observed["time"].to_index(), "")
            ax.tick_params(labelsize=7)
        for ax in found[len(units) :]:
            ax.set_axis_off()
        left = len(fit.units) - len(units)
        more = f"; {count(left, 'more unit')} not drawn" if left else ""
        warned = f"UNRELIABLE: {shown.reason}. " if shown.reason else ""
        figure.suptitle(
            f"{warned}{drawn(fit.panel.labels.outcome)}: observed (black) and untreated (blue, {percent(level)} "
            f"predictive band of its own fit); above each its effect, {kind}{more}",
            x=0.01,
            ha="left",
            fontsize=9.5,
            fontweight="bold",
            color=style.RED if warned else style.BLACK,
            wrap=True,
        )
    return figure


def plot_calendar(
    panel: StaggeredPanel[Panel] | WavesFit | WavesCalibration | WavesAnalysis, *, ax: Axes | None = None
) -> Axes:
    """Show who is treated when: a row per unit, waves in colours, donors grey while they may serve.

    Parameters
    ----------
    panel : StaggeredPanel, WavesFit, WavesCalibration or WavesAnalysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With bars for each unit's treated periods, those that are used and those beyond, and one for those before.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import bsynth as bs
    >>> wide = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 8)), columns=list("abcdefgh"))
    >>> panel = bs.Panel.from_wide(wide, start={"a": 12, "b": 15})
    >>> len(plot_calendar(panel).patches) > 2
    True
    """
    of = panel.fit if isinstance(panel, WavesCalibration) else panel
    found = of.panel if isinstance(of, WavesFit | WavesAnalysis) else of
    if not isinstance(found, StaggeredPanel):
        raise PanelError(
            f"a StaggeredPanel is needed and {came(panel)} came; Panel.from_long(..., start={{unit: period}}) makes one"
        )
    style.check_axes(ax)
    # Units that are never treated look all alike: of many there is one row for all.
    many = len(found.never_treated) > _NAMED
    units = [*found.starts, *(() if many else found.never_treated)]
    names = [drawn(plain(show(unit)), 24) for unit in units]
    names += [f"{found.labels.units(len(found.never_treated))} not treated"] if many else []
    x = np.arange(len(found.times))
    waves = [wave.start for wave in found.waves]
    part = found.washout > 0 or any(wave.last != found.end for wave in found.waves)
    with style.house():
        ax = style.new_axes(ax, (8.0, calendar_height(found)))
        ax.grid(False)
        if many:
            ax.barh(len(units), len(x), left=-0.5, height=0.8, color="#E8E8E8", linewidth=0)
        for y, unit in enumerate(units):
            at = int(found.times.searchsorted(found.starts[unit])) if unit in found.starts else len(x)
            ax.barh(y, at, left=-0.5, height=0.8, color="#E8E8E8", linewidth=0)
            if unit in found.starts:
                color = _WAVES[waves.index(found.starts[unit]) % len(_WAVES)]
                used = found.unit_panel(unit)
                first, last = (int(found.times.searchsorted(label)) for label in (used.start, used.end))
                for begin, end, alpha in ((at, first, _PALE), (first, last + 1, None), (last + 1, len(x), _PALE)):
                    ax.barh(y, end - begin, left=begin - 0.5, height=0.8, color=color, alpha=alpha, linewidth=0)
        _unit_ticks(ax, names)
        ticks = np.unique(np.linspace(0, len(x) - 1, min(6, len(x))).round().astype(int))
        ax.set_xticks(ticks, [str(show(found.times[t])) for t in ticks])
        ax.set_xlabel(drawn(found.source.time), color=style.INK)
        ax.set_xlim(-0.5, len(x) - 0.5)
        ax.set_ylim(len(names) - 0.5, -0.5)
        said = some_of([f"{len(wave.units)} from {show(wave.start)}" for wave in found.waves])
        never = found.labels.units(len(found.never_treated))
        pale = " Pale: treated, in no effect." if part else ""
        style.heading(ax, "Who is treated when", [f"Treated: {said}; {never} not at all. Grey: not treated.{pale}"])
    return ax


def calendar_height(panel: StaggeredPanel[Panel]) -> float:
    """Inches that the calendar of a panel needs."""
    never = len(panel.never_treated)
    return min(1.9 + 0.17 * (panel.n_treated + (1 if never > _NAMED else never)), 9.0)


def _unit_ticks(ax: Axes, names: Sequence[str]) -> None:
    """Name the units, or where there are many every so many of them."""
    at = range(0, len(names), math.ceil(len(names) / 45))
    ax.set_yticks(list(at), [names[k] for k in at])
    ax.tick_params(axis="y", labelsize=7, length=0)
    ax.spines["left"].set_color(PALE)


def _posterior(result: object) -> tuple[WavesFit | WavesCalibration, WavesFit]:
    """What is drawn, calibrated or not, and the fit in it."""
    shown = result.reported if isinstance(result, WavesAnalysis) else result
    fit = shown.fit if isinstance(shown, WavesCalibration) else shown
    if not isinstance(fit, WavesFit):
        has = ", of an analysis without a posterior," if isinstance(result, WavesAnalysis) else ""
        raise PanelError(
            f"a WavesFit is needed and {came(result)}{has} came; bs.fit(panel) of several starts returns one"
        )
    assert isinstance(shown, WavesFit | WavesCalibration)
    return shown, fit
