"""The window of a picture: its periods in words, and y limits that keep the main series readable."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from bsynth._base.types import FloatArray
from bsynth.plots.labels import drawn
from bsynth.text.labels import span

LABEL = 16.0
"""Points that the label of the start line is high."""
STRETCH = 2.2
"""The background may make the y range this many times that of the main series."""


def window_words(periods: Sequence[str], n_pre: int) -> str:
    """Return the pre-period and the treated window in words, dollars escaped."""
    first, before, start, last = (drawn(periods[i]) for i in (0, n_pre - 1, n_pre, -1))
    return f"Before: {span(first, before)}; treated: {span(start, last)}"


def focus(ax: Axes, core: FloatArray, background: FloatArray | None) -> int:
    """Set y limits that show the finite ``core`` whole and as much of ``background`` (T, n) as leaves it readable.

    Returns how many background series leave the picture.
    """
    core = core[np.isfinite(core)]
    low, high = float(core.min()), float(core.max())
    span = (high - low) or abs(high) or 1.0
    if background is not None and background.size:
        room = (STRETCH - 1.0) * span / 2
        low = min(low, max(float(np.nanmin(background)), low - room))
        high = max(high, min(float(np.nanmax(background)), high + room))
    extent = high - low or 1.0
    # The start line has its label at the top, which on a phone is a larger part of the height.
    top = min(LABEL * ax.figure.dpi / 72.0 / ax.get_window_extent().height, 0.4)
    low, high = low - 0.06 * extent, high + max(0.108 * extent, top / (1 - top) * extent)
    ax.set_ylim(low, high)
    if background is None or not background.size:
        return 0
    return int(((background < low) | (background > high)).any(axis=0).sum())


def beyond(bounds: FloatArray) -> FloatArray:
    """Return bounds whose infinite ones lie far outside any picture of the finite ones, so that a band is drawn."""
    finite = bounds[np.isfinite(bounds)]
    reach = 100.0 * float(np.abs(finite).max(initial=1.0))
    return np.clip(bounds, -reach, reach)
