"""The gap with a band for the whole path."""

from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.findings import PathBand
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, BLUE, EndLabel
from bsynth.plots.view import view
from bsynth.plots.window import focus, window_words
from bsynth.text.numbers import count, percent


def plot_path_band(band: PathBand | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show the effect by period between bounds for the whole path, and those of each period by itself.

    Parameters
    ----------
    band : PathBand or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With collections of gid ``simultaneous`` and ``band`` (each period) and lines of gid ``gap``, ``zero`` and
        ``start``.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> from bsynth.findings import path_band
    >>> len(plot_path_band(path_band(fit)).get_lines())
    3
    """
    band = part_of(band, PathBand)
    check_kind(band, PathBand, "band", "what bsynth.path_band(fit) returns")
    seen = view(band.fit, level=band.level, interval="mean" if band.interval == "mean" else "predictive")
    table, path = band.table, seen.path.copy()
    path.loc[path.index[seen.n_pre :], ["gap_lower", "gap_upper"]] = table[["period_lower", "period_upper"]].to_numpy()
    with style.house():
        ax = style.new_axes(ax)
        x = style.positions(seen.times)
        after = x[seen.n_pre :]
        ax.fill_between(after, table["lower"], table["upper"], color=BLUE, alpha=0.14, linewidth=0, gid="simultaneous")
        for edge in ("lower", "upper"):
            ax.fill_between(after, table[edge], table[edge], color=BLUE, linewidth=1.0, alpha=0.6)
        ax.fill_between(x, path["gap_lower"], path["gap_upper"], color=BLUE, alpha=0.22, linewidth=0, gid="band")
        ax.axhline(0, color=style.INK, linewidth=0.9, zorder=2, gid="zero")
        ax.plot(x, path["gap"], color=BLACK, linewidth=1.7, marker="o", markersize=3, zorder=4, gid="gap")
        style.time_axis(ax, seen.times, seen.time, seen.zone)
        ax.set_ylabel(f"gap in {drawn(seen.outcome)}", color=style.INK)
        core = path[["gap", "gap_lower", "gap_upper"]].assign(zero=0.0)
        core.loc[core.index[seen.n_pre :], ["gap_lower", "gap_upper"]] = table[["lower", "upper"]].to_numpy()
        focus(ax, core.to_numpy(dtype=float), None)
        style.start_line(ax, x[seen.n_pre])
        last = table.iloc[-1]
        style.end_labels(
            ax,
            [
                EndLabel(x[-1], float(path["gap"].iloc[-1]), "gap", BLACK),
                EndLabel(x[-1], float(last["upper"]), "whole path", BLUE),
                EndLabel(x[-1], float(last["period_lower"]), "each period", BLUE),
            ],
        )
        away = int(table["excludes_zero"].sum())
        style.heading(
            ax,
            f"Gap in {drawn(seen.outcome)} with a band for the whole path: {drawn(seen.treated, 40)}",
            [
                f"{seen.method}. {window_words(seen.periods, seen.n_pre)}.",
                f"Light: {percent(band.level)} of whole {band.interval} paths, which leave zero out in {away} of "
                f"{count(len(table), 'period')}. Dark: each period's own, {percent(band.level)} {band.interval}",
                " ".join(band.measured()),
            ],
            reason=band.reason,
        )
    return ax
