"""A table of effects that is written within the width of a terminal, and has every column all the same."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bsynth._base.plain import show
from bsynth.text.card import html_table
from bsynth.text.labels import plain
from bsynth.text.numbers import number, numbers, percent, percents, probability, short

WIDTH = 80
"""Characters of a line."""
_NAME, _KIND, _FIGURE = 14, 20, 9
"""Characters of a method's name, of a kind of interval, and of a number."""
_CHANCES = {"p": "p", "probability_positive": "P(> 0)", "probability_beyond_rope": "P(beyond)"}
"""What a chance is called; where a line would be too long they are left out, the first first."""
_NEEDED = ("method", "model", "estimand", "estimate", "lower", "upper", "level", "interval")


class EffectsTable(pd.DataFrame):
    """A table of effects, of which a terminal or notebook shows estimate, interval and chance; the rest is there too.

    Whatever is made of it is a plain DataFrame.

    Examples
    --------
    >>> table = EffectsTable({"method": ["bayes"], "model": ["default"], "estimand": ["average"], "estimate": [-17.9],
    ...     "lower": [-35.4], "upper": [-0.5], "level": [0.95], "interval": ["calibrated"], "p": [float("nan")],
    ...     "probability_positive": [0.022], "seconds": [1.5]})
    >>> table
    estimand  estimate    low  high    interval  P(> 0)
     average     −17.9  −35.4  −0.5  calibrated  0.0220
    95% intervals; with every column: effects(full=True)
    >>> table["seconds"].tolist(), type(table.head(1)).__name__
    ([1.5], 'DataFrame')
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __repr__(self) -> str:
        if not set(_NEEDED) <= set(self.columns):
            return pd.DataFrame(self).__repr__()
        shown = written(self)
        for name in _CHANCES.values():
            if max(map(len, in_lines(shown))) > WIDTH and name in shown:
                shown = shown.drop(columns=name)
        if (over := max(map(len, in_lines(shown))) - WIDTH) > 0 and "method" in shown:
            shown = shown.assign(method=[plain(name, _NAME - over) for name in shown["method"]])
        return "\n".join([*in_lines(shown), self._below()])

    def _repr_html_(self) -> str:
        if not set(_NEEDED) <= set(self.columns):
            return str(pd.DataFrame(self)._repr_html_())  # type: ignore[operator]
        return f"<div class='bsynth'>{html_table(written(self))}<p>{self._below()}</p></div>"

    def _below(self) -> str:
        levels = sorted({float(level) for level in self["level"].dropna()})
        named = f"{percent(levels[0])} intervals; " if len(levels) == 1 else ""
        return f"{named}with every column: effects(full=True)"


def written(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is shown of a table of effects, as text: a method's own points only where it has no interval."""
    rows = table.reset_index(drop=True)
    names = [_name(method, model) for method, model in zip(rows["method"], rows["model"], strict=True)]
    bounded = {name for name, low in zip(names, rows["lower"], strict=True) if low == low}
    kept = [at for at, name in enumerate(names) if name not in bounded or rows["lower"][at] == rows["lower"][at]]
    rows, names = rows.iloc[kept], [names[at] for at in kept]
    figures = [_figures(*each) for each in rows[["estimand", "estimate", "lower", "upper"]].itertuples(index=False)]
    columns: dict[str, Sequence[str]] = {"method": names} if len(set(names)) > 1 else {}
    # Where starts differ, an effect is one of a wave, an event time or a unit.
    columns |= {name: [plain(each, _NAME) for each in rows[name]] for name in ("scope", "of") if name in rows}
    columns |= {
        "estimand": [str(each) for each in rows["estimand"]],
        **{name: [each[at] for each in figures] for at, name in enumerate(("estimate", "low", "high"))},
        "interval": [plain(kind, _KIND) for kind in rows["interval"]],
    }
    for name, title in _CHANCES.items():
        if name in rows and rows[name].notna().any():
            columns[title] = ["" if v != v else probability(v) for v in rows[name].astype(float)]
    if "status" in rows and (rows["status"].fillna("ok") != "ok").any():
        columns["status"] = [str(show(each)) for each in rows["status"]]
    return pd.DataFrame(columns, dtype=str)


def _name(method: str, model: object) -> str:
    return plain(model if isinstance(model, str) else method, _NAME)


def _figures(estimand: str, estimate: float, lower: float, upper: float) -> list[str]:
    """Estimate and bounds with as many decimals as the headline has; a lift as a percentage; nothing for none."""
    values = (estimate, lower, upper)
    if estimand == "lift":
        shares = percents(*values, least=1)
        written = [number(v) if math.isinf(v) else text for v, text in zip(values, shares, strict=True)]
    else:
        written = numbers(*values)
    # Numbers of one row are written in one way.
    if max(map(len, written)) > _FIGURE:
        written = list(map(short, values))
    return ["" if value != value else text for value, text in zip(values, written, strict=True)]


def in_lines(shown: pd.DataFrame) -> list[str]:
    """Return a line of headings and one for each row; a first column of names stands to the left."""
    widths = [max(map(len, [name, *shown[name]])) for name in shown]
    left = shown.columns[0] in ("method", "parameter")
    rows = [list(shown.columns), *shown.itertuples(index=False)]
    return [
        "  ".join(
            f"{text:<{width}}" if left and at == 0 else f"{text:>{width}}"
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
