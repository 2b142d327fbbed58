"""Cells without an outcome: refused, interpolated, or dropped with their unit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bsynth._types import FloatArray, Label, Missing
from bsynth.errors import PanelError, some_of
from bsynth.ingest.alike import pair
from bsynth.ingest.cells import Table
from bsynth.ingest.labels import show


@dataclass(frozen=True, eq=False)
class Filled:
    """Outcomes after a rule for missing cells: what was filled, and which units are to be left out."""

    outcome: FloatArray
    filled: tuple[tuple[Label, Label], ...] = ()
    dropped: tuple[Label, ...] = ()


def complete(
    table: Table, outcome: FloatArray, units: Sequence[Label], times: pd.Index, n_treated: int, missing: Missing
) -> Filled:
    """Apply the rule ``missing`` to outcomes (T, N) of ``units``, treated ones first."""
    if missing not in ("error", "interpolate", "drop-units"):
        raise PanelError(f"missing is {missing!r}; it must be 'error', 'interpolate' or 'drop-units'")
    holes = np.isnan(outcome)
    if not holes.any():
        return Filled(outcome)
    if missing == "error":
        raise missing_cells(table, units, times, holes)
    if missing == "interpolate":
        filled = tuple((units[i], times[t]) for i, t in np.argwhere(holes.T))
        return Filled(interpolated(outcome, units, table.source.name), filled=filled)
    return Filled(outcome, dropped=droppable(units, n_treated, holes, table.source.name))


def missing_cells(table: Table, units: Sequence[Label], times: pd.Index, holes: NDArray[np.bool_]) -> PanelError:
    """The error that names the cells without an outcome and the two ways on."""
    cells = [f"{show(units[i])!r} at {show(times[t])}" for i, t in np.argwhere(holes.T)]
    twins = "".join(f"; units {pair(*both)}" for both in table.source.alike[:1])
    return PanelError(
        f"{table.source.name}: {len(cells)} cells have no {table.source.outcome}: {some_of(cells)}{twins}; "
        "complete the data, or pass "
        f"missing='interpolate' (linear in time) or missing='drop-units' (leaves out donors with holes)"
    )


def interpolated(outcome: FloatArray, units: Sequence[Label], name: str) -> FloatArray:
    """Fill holes linearly in time positions and the ends with the nearest value, as pandas does."""
    filled = outcome.copy()
    positions = np.arange(len(outcome))
    for i in range(outcome.shape[1]):
        seen = ~np.isnan(outcome[:, i])
        if not seen.any():
            raise PanelError(f"{name}: unit {show(units[i])!r} has no outcome in the whole window; leave it out")
        filled[:, i] = np.interp(positions, positions[seen], outcome[seen, i])
    return filled


def droppable(units: Sequence[Label], n_treated: int, holes: NDArray[np.bool_], name: str) -> tuple[Label, ...]:
    """Donors with holes; a treated unit with a hole cannot be dropped."""
    gone = [i for i in range(len(units)) if holes[:, i].any()]
    if gone[0] < n_treated:
        raise PanelError(
            f"{name}: treated unit {show(units[gone[0]])!r} has missing cells and cannot be dropped; "
            f"complete it or pass missing='interpolate'"
        )
    return tuple(units[i] for i in gone)
