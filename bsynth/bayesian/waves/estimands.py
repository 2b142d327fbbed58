"""Which treated cells an estimand of several waves averages, and the rows of its table."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bsynth import effects
from bsynth._base.plain import show
from bsynth._base.types import AnyArray, FloatArray, Label
from bsynth.text.labels import plain
from bsynth.text.numbers import count

OVER = ("overall", "wave", "event time", "unit")
"""Over what effects are averaged, in the order of a table's rows."""
_LONG = 24
"""Characters of a unit's name in a table."""


@dataclass(frozen=True)
class Group:
    """Treated cells that are averaged: over what, the label of which, its name in a table, and which cells (n,)."""

    over: str
    label: Label
    name: str
    cells: AnyArray


def groups(cells: pd.DataFrame) -> Iterator[Group]:
    """All averages of a table of treated cells with the columns ``unit, wave, event``.

    Examples
    --------
    >>> cells = pd.DataFrame({"unit": ["a", "a", "b"], "wave": [3, 3, 4], "event": [0, 1, 0]})
    >>> [(group.name, int(group.cells.sum())) for group in groups(cells)]
    [('overall', 3), ('wave 3', 2), ('wave 4', 1), ('period 0', 2), ('period 1', 1), ('a', 2), ('b', 1)]
    """
    yield Group("overall", None, "overall", np.ones(len(cells), dtype=bool))
    for over, column, word in (("wave", "wave", "wave "), ("event time", "event", "period "), ("unit", "unit", "")):
        values = cells[column].unique().tolist() if column == "unit" else sorted(cells[column].unique())
        for value in values:
            name = f"{word}{plain(show(value), _LONG)}"
            yield Group(over, value, name, (cells[column] == value).to_numpy())


def table(
    cells: pd.DataFrame, draws: FloatArray, *, level: float, interval: str, over: str | None, lift: bool = True
) -> pd.DataFrame:
    """Rows of effects from draws (S, n) of every cell: the averages, and overall also the total and the lift."""
    rows = []
    for group in groups(cells):
        if over not in (None, group.over):
            continue
        chosen = cells[group.cells]
        observed = float(chosen["observed"].mean())
        found = effects.of_average(draws[:, group.cells].mean(axis=1), observed, len(chosen))
        three = effects.posterior_table(found, observed=observed, level=level, interval=interval)
        kept = three if group.over == "overall" and lift else three[three["estimand"] == "average"]
        names = {"average": group.name, "cumulative": "overall total", "lift": "lift"}
        label = pd.Series([group.label] * len(kept), index=kept.index, dtype=object)
        rows.append(
            kept.assign(
                estimand=[names[name] for name in kept["estimand"]],
                over=group.over,
                label=label,
                units=chosen["unit"].nunique(),
                cells=len(chosen),
            )
        )
    return pd.concat(rows, ignore_index=True)


def composition(cells: pd.DataFrame) -> str:
    """Say how many units each wave has, and until which period since the start all of them are seen; a sentence."""
    last = cells.groupby("unit", sort=False)["event"].max()
    whole, longest = int(last.min()), int(last.max())
    if whole == longest:
        return ""
    seen = int((last == longest).sum())
    return (
        f"All {count(len(last), 'unit')} are seen up to period {whole} since their start, and {seen} up to "
        f"{longest}: later rows by event time are of fewer units."
    )
