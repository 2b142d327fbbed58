"""Users resampled within the engine: each counts Poisson(1) times in each resample, and only cell sums leave.

How often a user counts is a function of its identifier, the seed and the number of the resample, so the answer does not
hang on the order or the partition of the rows, and no user is ever copied or collected.
Source: Chamandy, Muralidharan, Najmi and Naidu 2012, Estimating uncertainty for massive data streams.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.errors import PanelError
from bsynth.panel.cells import Cells, Resamples
from bsynth.panel.rows import Rows
from bsynth.panel.sources import Opened
from bsynth.panel.sums import Grid, outcomes, places
from bsynth.text.numbers import count

if TYPE_CHECKING:
    import ibis.expr.types as ir

BLOCK = 200
"""Resamples in one query."""
_HASHES = 2.0**64
_MOST = 12
"""A Poisson(1) count above it has a chance of 6e-11."""


@dataclass(frozen=True)
class Resampling:
    """How many resamples of users an engine draws, and from which seed."""

    replicates: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.replicates, int) and not isinstance(self.replicates, bool) and self.replicates >= 2):
            raise PanelError(f"resamples is {self.replicates!r}; give a whole number of at least 2, better 500 or more")
        if not (isinstance(self.seed, int) and not isinstance(self.seed, bool) and self.seed >= 0):
            raise PanelError(f"resample_seed is {self.seed!r}; give a whole number from 0 on")


def resampled(
    opened: Opened, columns: Mapping[str, str], grid: Grid, asked: Rows, request: Resampling
) -> tuple[Resamples, float]:
    """Cell sums of every resample, and the design effect that they show.

    Raises
    ------
    PanelError
        An engine other than DuckDB, a row without a user, or a single user.
    """
    if opened.dialect != "duckdb":
        raise PanelError(
            f"{opened.name}: resamples are drawn by DuckDB and the table is in {opened.dialect}; export it to Parquet, "
            "attach it to DuckDB, or leave resamples out, which brings sums per user here"
        )
    table = outcomes(opened, columns, asked)
    ends = opened.run(
        table.aggregate(blank=table.cluster.isnull().sum(), first=table.cluster.min(), last=table.cluster.max())
    ).iloc[0]
    if ends["blank"]:
        rows = count(int(ends["blank"]), "row")
        raise PanelError(f"{opened.name}: column {columns['cluster']!r} has no value in {rows}")
    if ends["first"] == ends["last"]:
        raise PanelError(f"{opened.name}: there is one user, and resampling one user makes the same panel again")
    keys = np.random.default_rng(request.seed).integers(0, 2**62, size=request.replicates)
    totals, sizes = [], []
    for first in range(0, request.replicates, BLOCK):
        total, divided_by = _block(opened, columns, grid, table, keys[first : first + BLOCK])
        totals.append(total)
        sizes.append(divided_by)
    size = None if grid.cells.is_sum else np.concatenate(sizes)
    found = Resamples(request.seed, np.concatenate(totals), size)
    return found, _design_effect(found, grid.cells)


def _block(
    opened: Opened, columns: Mapping[str, str], grid: Grid, table: "ir.Table", keys: Any
) -> tuple[FloatArray, FloatArray]:
    """(R, T, N) totals, and what they are divided by, of some resamples, in one pass over the rows."""
    import ibis

    divisor = table.x if grid.cells.ratio is not None else table.y.notnull().cast("float64")
    hash_text, hash_bits, xor = _engine()
    # As text, so that user 7 of a file and of a table is one. The hash of a hash: a sum or an exclusive or of two alone
    # would give users whose hashes are near each other the same counts in every resample.
    table = table.mutate(base=hash_text(table.cluster.cast("string")), divisor=divisor)
    listed = ibis.array([ibis.literal(int(key), type="uint64") for key in keys])
    table = table.mutate(key=listed.unnest())
    table = table.mutate(bits=hash_bits(xor(table.base, table.key)))
    table = table.mutate(times=_poisson(table.bits)).filter(lambda drawn: drawn.times > 0)
    found = opened.run(
        table.group_by(["unit", "time", "key"]).agg(
            total=(table.times * table.y).sum(), size=(table.times * table.divisor).sum()
        )
    ).fillna({"total": 0.0, "size": 0.0})
    order = np.argsort(keys)
    replicate = order[np.searchsorted(keys[order], found["key"].to_numpy(dtype=np.int64))]
    unit, time = places(opened, columns, grid, found)
    sums = np.zeros((2, len(keys), *grid.rows.shape))
    for array, name in zip(sums, ("total", "size"), strict=True):
        np.add.at(array, (replicate, time, unit), found[name].to_numpy(dtype=float))
    return sums[0], sums[1]


def _engine() -> tuple[Any, Any, Any]:
    """The engine's own hash of a text, hash of 64 bits, and exclusive or."""
    import ibis
    import ibis.expr.datatypes as dt

    def function(name: str, *kinds: Any) -> Any:
        return ibis.udf.scalar.builtin(_nothing(len(kinds)), name=name, signature=(kinds, dt.uint64))

    return function("hash", dt.string), function("hash", dt.uint64), function("xor", dt.uint64, dt.uint64)


def _nothing(arguments: int) -> Any:
    """A function of so many arguments: the engine has the body."""
    return (lambda first: None) if arguments == 1 else (lambda first, second: None)


def _poisson(bits: Any) -> Any:
    """A Poisson(1) count from uniform bits: how many of its upper tails they are in."""
    import ibis

    below = [math.exp(-1.0) * sum(1.0 / math.factorial(j) for j in range(k)) for k in range(1, _MOST + 1)]
    limits = (ibis.literal(int(share * _HASHES), type="uint64") for share in below)
    return sum((bits >= limit).cast("int8") for limit in limits)


def _design_effect(found: Resamples, cells: Cells) -> float:
    """As `bsynth.panel.cells.design_effect`, from resamples: a cluster's square is what its Poisson count varies by.

    The variance over resamples of Σ w_c (S_c − ȳ n_c) in a cell is Σ (S_c − ȳ n_c)², and of Σ w_c n_c it is Σ n_c².
    """
    filled = cells.n > 0
    within = float(np.where(filled, cells.squares, 0.0).sum())
    if within <= 0:
        return 1.0
    if cells.is_sum or found.size is None:
        return max(1.0, float(found.total.var(axis=0).sum()) / within)
    moved = found.total - np.nan_to_num(cells.mean) * found.size
    between = float((moved**2).mean(axis=0).sum())
    own = found.size.var(axis=0)[filled]
    rows = cells.n[filled]
    scale = cells.size[filled] / rows
    between_freedom = float((rows - own / scale**2 / rows).sum())
    within_freedom = float((rows - 1).sum())
    if between_freedom <= 0:
        return 1.0
    return max(1.0, (between / between_freedom) / (within / within_freedom))
