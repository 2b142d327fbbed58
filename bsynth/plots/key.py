"""The key of a picture: what each look means, above its axes."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.transforms import blended_transform_factory

from bsynth.plots.style import INK, KEY, right_edge

EDGE = 6.0
"""Points that the layout may take from the width of the axes afterwards."""


def key(ax: Axes, looks: Sequence[tuple[Artist, str]]) -> None:
    """Say above the axes what each look means, in as many columns as there is room for.

    It begins where the axes do, or at the figure's left edge where that makes one more column.
    """
    figure = ax.get_figure(root=True)
    if figure is not None and (engine := figure.get_layout_engine()) is not None:
        # Where the axes begin is known only once their labels have their room.
        engine.execute(figure)
    begins, ends = float(ax.get_window_extent().x0), right_edge(ax.figure) - EDGE * ax.figure.dpi / 72.0
    if _fitted(ax, looks, ends - begins, at_edge=False) == 1 and _fitted(ax, looks, ends, at_edge=True) == 1:
        _drawn(ax, looks, 1, at_edge=False)


def key_height(ax: Axes) -> float:
    """Points above the axes that their `key` takes."""
    legend = ax.get_legend()
    return 0.0 if legend is None else float(legend.get_window_extent().height * 72.0 / ax.figure.dpi)


def _fitted(ax: Axes, looks: Sequence[tuple[Artist, str]], room: float, *, at_edge: bool) -> int:
    """Draw the key in the most columns that so many pixels hold; return their number."""
    for columns in range(len(looks), 1, -1):
        if _drawn(ax, looks, columns, at_edge=at_edge).get_window_extent().width <= room:
            return columns
    _drawn(ax, looks, 1, at_edge=at_edge)
    return 1


def _drawn(ax: Axes, looks: Sequence[tuple[Artist, str]], columns: int, *, at_edge: bool) -> Legend:
    legend = ax.legend(
        [look for look, _ in looks],
        [words for _, words in looks],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        bbox_transform=blended_transform_factory(ax.figure.transFigure if at_edge else ax.transAxes, ax.transAxes),
        ncols=columns,
        frameon=False,
        fontsize=KEY,
        handlelength=1.7,
        columnspacing=1.2,
        labelspacing=0.25,
        borderaxespad=0,
        borderpad=0.2,
        labelcolor=INK,
    )
    # Not in the layout, which would give the axes no more width than their key has; `heading` leaves room above them.
    legend.set_in_layout(False)
    return legend
