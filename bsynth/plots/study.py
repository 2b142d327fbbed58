"""What a study found: coverage against width, and the zipper of one method's intervals."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

from bsynth._base.request import check_kind, check_level
from bsynth.errors import SpecError, came, nearest, some_of
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, RED, VERMILION
from bsynth.studies import Study
from bsynth.text.numbers import count, percent, tick

COLORS = (BLUE, VERMILION, GREEN, ORANGE, BLACK, GREY)
UNBOUNDED = 1e300
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
"""Colours and marks go round with different lengths, so that many methods stay apart."""


def plot_study(study: Study, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Show each method's coverage against the width of its intervals: up to the line, and then left, is better.

    Parameters
    ----------
    study : Study
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float, optional
        One of the study's; 95% if it is one of them, else the highest.

    Returns
    -------
    Axes
        With one series of gid ``method-I`` for each method that has an interval, a point a world, and a line
        ``nominal``. Widths are relative to the median of all methods in their world, on a log axis.

    Examples
    --------
    >>> import bsynth as bs
    >>> study = bs.study({"seeds": 3, "worlds": {"factor": {}}, "methods": {"sc": {"estimator": "sc",
    ...     "inference": "placebo"}}}, backend="threads", n_jobs=1, progress=False)
    >>> plot_study(study).get_ylabel()
    'intervals that held the truth'
    """
    check_kind(study, Study, "study", "what bsynth.study(...) returns")
    style.check_axes(ax)
    chosen = _level(study, level)
    name = percent(chosen)
    table = study.measures()
    table = table[np.isfinite(table[f"width_{name}"]) & (table[f"width_{name}"] > 0)]
    with style.house():
        ax = style.new_axes(ax)
        ax.axhline(chosen, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), gid="nominal")
        if len(table):
            usual = table.groupby("world")[f"width_{name}"].transform("median")
            table = table.assign(relative=table[f"width_{name}"] / usual)
        for i, (method, rows) in enumerate(table.groupby("method", sort=False)):
            color, mark = COLORS[i % len(COLORS)], MARKS[i % len(MARKS)]
            ax.errorbar(
                rows["relative"], rows[f"covered_{name}"], yerr=rows[f"covered_{name}_se"], fmt="none", ecolor=PALE,
                elinewidth=0.9, zorder=2,
            )  # fmt: skip
            ax.plot(
                rows["relative"], rows[f"covered_{name}"], mark, color=color, markersize=6, gid=f"method-{i}",
                label=drawn(method), zorder=3, markeredgecolor="white", markeredgewidth=0.6,
            )  # fmt: skip
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(lambda x, _: f"×{tick(x)}")
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_xlabel("width of the interval, over the median of methods in the same world", color=style.INK)
        ax.set_ylabel("intervals that held the truth", color=style.INK)
        if len(table):
            ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8.5, borderaxespad=0)
        style.heading(
            ax,
            f"Coverage and width of {name} intervals",
            [f"{study.title}, {count(study.spec.seeds, 'panel')} each; one point a world, with its Monte-Carlo error."],
            reason=study.reason,
        )
    return ax


def plot_zipper(study: Study, world: str, method: str, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Show a method's intervals in one world, from the best centred to the worst, and which miss the truth.

    With honest intervals those that miss begin where the nominal share of panels ends (Morris, White and Crowther 2019,
    section 6).

    Parameters
    ----------
    study : Study
    world, method : str
        Names of the study.
    ax : Axes, optional
        Draw here instead of in a new figure.
    level : float, optional
        One of the study's.

    Returns
    -------
    Axes
        With collections of gid ``held`` and ``missed``, and a line ``nominal``.

    Raises
    ------
    SpecError
        A name that is not the study's, or a method without intervals there.

    Examples
    --------
    >>> import bsynth as bs
    >>> study = bs.study({"seeds": 3, "worlds": {"factor": {}}, "methods": {"sc": {"estimator": "sc",
    ...     "inference": "placebo"}}}, backend="threads", n_jobs=1, progress=False)
    >>> plot_zipper(study, "factor", "sc").get_ylabel()
    'panels, best centred first'
    """
    check_kind(study, Study, "study", "what bsynth.study(...) returns")
    style.check_axes(ax)
    chosen = _level(study, level)
    name = percent(chosen)
    for what, given, known in (("world", world, study.spec.worlds), ("method", method, study.spec.methods)):
        if not isinstance(given, str) or given not in known:
            raise SpecError(f"{what} is {came(given)}{nearest(given, known)}; it can be {some_of(known)}")
    fits = study.fits
    rows = fits[(fits["world"] == world) & (fits["method"] == method)].dropna(subset=[f"lower_{name}"])
    if not len(rows):
        raise SpecError(f"{method!r} has no {name} interval in {world!r}; choose another")
    lower, upper = ((rows[f"{side}_{name}"] - rows["truth"]) for side in ("lower", "upper"))
    half = ((upper - lower) / 2).replace(0, np.nan)
    off = ((rows["estimate"] - rows["truth"]).abs() / half).fillna(np.inf)
    order = np.argsort(off.to_numpy(), kind="stable")
    place = (np.arange(len(rows)) + 0.5) / len(rows)
    held = ((lower <= 0) & (upper >= 0)).to_numpy()[order]
    low, high = lower.to_numpy()[order], upper.to_numpy()[order]
    # An interval without a bound ends where the widest other one does, and a bit further.
    ends = np.abs(np.concatenate([low, high]))
    most = 1.1 * float(ends[ends < UNBOUNDED].max(initial=1e-9))
    low, high = np.maximum(low, -most), np.minimum(high, most)
    with style.house():
        ax = style.new_axes(ax)
        for gid, which, color in (("held", held, BLUE), ("missed", ~held, RED)):
            ax.hlines(
                place[which],
                low[which],
                high[which],
                color=color,
                linewidth=min(4.0, max(0.5, 150 / len(rows))),
                gid=gid,
            )
        ax.axvline(0, color=style.INK, linewidth=0.9)
        ax.axhline(chosen, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), gid="nominal")
        ax.set_ylim(0, 1)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_xlabel("interval less the true effect, outcome units", color=style.INK)
        ax.set_ylabel("panels, best centred first", color=style.INK)
        style.heading(
            ax,
            f"{drawn(method, 40)} in {drawn(world, 40)}",
            [
                f"{name} intervals of {count(len(rows), 'panel')}: {percent(float(held.mean()))} held the truth "
                "(blue); the others (red) should begin at the dashed line."
            ],
            reason=study.reason,
        )
    return ax


def _level(study: Study, level: float | None) -> float:
    if level is None:
        return study.level
    if check_level(level) not in study.spec.levels:
        shown = ", ".join(percent(each) for each in study.spec.levels)
        raise SpecError(f"level is {came(level)}; the study's are {shown}")
    return level
