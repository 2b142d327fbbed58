"""Cells without an outcome: refused, interpolated inside their series, or dropped with their unit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, Label, Missing
from bsynth.errors import PanelError, some_of
from bsynth.panel.alike import pair
from bsynth.panel.cells import CellTable
from bsynth.text.numbers import count

LARGEST = 1e100
"""Size of an outcome, or one over it, from which its squares leave the range of double precision."""


@dataclass(frozen=True, eq=False)
class Filled:
    """Outcomes after a rule for missing cells: what was filled, and which units are to be left out."""

    outcome: FloatArray
    filled: tuple[tuple[Label, Label], ...] = ()
    dropped: tuple[Label, ...] = ()


def complete(table: CellTable, n_pre: Sequence[int], missing: Missing) -> Filled:
    """Apply the rule ``missing`` to a table of a panel's units, treated ones first, and periods.

    ``n_pre`` holds the periods before the start of each treated unit.
    """
    if missing not in ("error", "interpolate", "drop-units"):
        raise PanelError(f"missing is {missing!r}; it must be 'error', 'interpolate' or 'drop-units'")
    _require_size(table)
    holes = np.isnan(table.mean)
    if not holes.any():
        return Filled(table.mean.copy())
    if missing == "error":
        raise missing_cells(table, holes, n_pre)
    if missing == "interpolate":
        filled = tuple((table.units[i], table.times[t]) for i, t in np.argwhere(holes.T))
        return Filled(interpolated(table, n_pre), filled=filled)
    return Filled(table.mean.copy(), dropped=droppable(table, n_pre, holes))


def _require_size(table: CellTable) -> None:
    """Refuse outcomes whose squares double precision cannot hold."""
    size = np.abs(table.mean[~np.isnan(table.mean)]).max(initial=0.0)
    if size > LARGEST or 0 < size < 1 / LARGEST:
        raise PanelError(
            f"{table.source.name}: {table.source.outcome} is up to {size:.3g} in size, and its squares cannot be held; "
            "give it in another unit"
        )


_NO_EFFECT = "complete the data or end before it, since nothing is filled in a treated unit from its start on"


def missing_cells(table: CellTable, holes: NDArray[np.bool_], n_pre: Sequence[int]) -> PanelError:
    """The error that names the cells without an outcome and the ways on."""
    cells = [f"{show(table.units[i])!r} at {show(table.times[t])}" for i, t in np.argwhere(holes.T)]
    twins = "".join(f"; units {pair(*both)}" for both in table.source.alike[:1])
    rules = (
        "complete the data, or pass missing='interpolate' (linear in time) or missing='drop-units' (leaves out donors "
        "with holes)"
    )
    return PanelError(
        f"{table.source.name}: {count(len(cells), 'cell has', 'cells have')} no {table.source.outcome}: "
        f"{some_of(cells)}{twins}; {_NO_EFFECT if _of_effect(holes, n_pre) else rules}"
    )


def _of_effect(holes: NDArray[np.bool_], n_pre: Sequence[int]) -> bool:
    """Whether a treated unit has a hole from its start on."""
    return any(bool(holes[before:, i].any()) for i, before in enumerate(n_pre))


def interpolated(table: CellTable, n_pre: Sequence[int]) -> FloatArray:
    """Fill holes linearly in time between two outcomes of the same unit.

    A treated unit is filled from its outcomes before the start alone, and not at all from there on: what was filled
    would be read as its effect.

    Raises
    ------
    PanelError
        A hole of a treated unit from the start on, or one at an end of a series.
    """
    filled, clock, name = table.mean.copy(), table.calendar.clock(table.times), table.source.name
    for i, unit in enumerate(table.units):
        seen = ~np.isnan(filled[:, i])
        if not seen.any():
            raise PanelError(f"{name}: unit {show(unit)!r} has no outcome in the whole window; leave it out")
        treated = i < len(n_pre)
        before = n_pre[i] if treated else None
        if before is not None and not seen[before:].all():
            raise PanelError(
                f"{name}: treated unit {show(unit)!r} has no {table.source.outcome} at "
                f"{_periods(table, ~seen, before)}, "
                "from the start on, where nothing is filled; complete the data or end before"
            )
        own = slice(0, before)
        inside = seen[own].nonzero()[0]
        ends = ~seen[own]
        ends[inside[0] if len(inside) else 0 : inside[-1] + 1 if len(inside) else 0] = False
        if ends.any():
            where = "before the start" if treated else "in the window"
            advice = "complete the data or choose another window" if treated else "complete the data or leave it out"
            raise PanelError(
                f"{name}: unit {show(unit)!r} has no {table.source.outcome} at {_periods(table, ends)}, at an end of "
                f"its series {where}, and holes are filled between two outcomes only; {advice}"
            )
        filled[own, i] = np.interp(clock[own], clock[own][inside], filled[own, i][inside])
    return filled


def _periods(table: CellTable, holes: NDArray[np.bool_], since: int = 0) -> str:
    return some_of(show(table.times[t]) for t in map(int, np.flatnonzero(holes)) if t >= since)


def droppable(table: CellTable, n_pre: Sequence[int], holes: NDArray[np.bool_]) -> tuple[Label, ...]:
    """Donors with holes; a treated unit with a hole cannot be dropped."""
    gone = [i for i in range(len(table.units)) if holes[:, i].any()]
    if gone[0] < len(n_pre):
        advice = _NO_EFFECT if _of_effect(holes, n_pre) else "complete it or pass missing='interpolate'"
        raise PanelError(
            f"{table.source.name}: treated unit {show(table.units[gone[0]])!r} has missing cells and cannot be "
            f"dropped; {advice}"
        )
    return tuple(table.units[i] for i in gone)
