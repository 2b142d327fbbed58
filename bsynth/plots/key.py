"""The key of a picture: what each look means, above its axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from bsynth.plots.labels import text_width
from bsynth.plots.style import INK, KEY, right_edge

LOOK, EDGE = 34.0, 10.0
"""Points of a look and the room around it; what the layout may take from the width afterwards."""


def key(ax: Axes, looks: Sequence[tuple[Artist, str]]) -> None:
    """Say above the axes what each look means, in as many columns as there is room for.

    It begins where the axes do, or at the figure's left edge where that makes one more column.
    """
    figure, widths = ax.figure, [text_width(words, KEY) + LOOK for _, words in looks]

    def points(pixels: float) -> float:
        return float(pixels * 72.0 / figure.dpi)

    begins, ends = float(ax.get_window_extent().x0), right_edge(figure)
    columns, wider = (
        next(
            n
            for n in range(len(looks), 0, -1)
            if n == 1 or _columns_width(widths, n) <= room * 72.0 / figure.dpi - EDGE
        )
        for room in (ends - begins, ends)
    )
    at_edge = wider > columns == 1
    # Not in the layout, which would give the axes no more width than their key has; `heading` leaves room above them.
    legend = ax.legend(
        [look for look, _ in looks],
        [words for _, words in looks],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        bbox_transform=blended_transform_factory(figure.transFigure if at_edge else ax.transAxes, ax.transAxes),
        ncols=wider if at_edge else columns,
        frameon=False,
        fontsize=KEY,
        handlelength=1.7,
        columnspacing=1.2,
        labelspacing=0.25,
        borderaxespad=0,
        borderpad=0.2,
        labelcolor=INK,
    )
    legend.set_in_layout(False)


def _columns_width(widths: Sequence[float], columns: int) -> float:
    """Points that a key of so many columns, filled one after the other, takes."""
    return float(sum(column.max() for column in np.array_split(np.asarray(widths), columns)))


def key_height(ax: Axes) -> float:
    """Points above the axes that their `key` takes."""
    legend = ax.get_legend()
    return 0.0 if legend is None else float(legend.get_window_extent().height * 72.0 / ax.figure.dpi)
