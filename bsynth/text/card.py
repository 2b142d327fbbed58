"""Results as small cards in a notebook."""

from collections.abc import Sequence
from html import escape

import pandas as pd

from bsynth._base.plain import show
from bsynth.text.marks import UNRELIABLE


def html_card(title: str, sentences: Sequence[str], *tables: pd.DataFrame) -> str:
    """Return a small notebook card: a title, sentences and tables, all text escaped and none of it cut off."""
    words = "".join(f"<p style='margin:.3em 0;max-width:46em{_look(s)}'>{escape(s)}</p>" for s in sentences)
    bodies = "".join(map(_html_table, tables))
    return f"<div class='bsynth'><strong style='overflow-wrap:anywhere'>{escape(title)}</strong>{words}{bodies}</div>"


def _look(sentence: str) -> str:
    """A mark stands out."""
    return ";color:#b00020;font-weight:bold" if sentence.startswith(UNRELIABLE) else ""


def _html_table(table: pd.DataFrame) -> str:
    """Return a table with text to the left, numbers to the right, and nothing where a value is missing."""
    columns = [[_cell(value) for value in table.iloc[:, at]] for at in range(table.shape[1])]
    looks = []
    for at, cells in enumerate(columns):
        if any(isinstance(value, str) and value for value in table.iloc[:, at]):
            # Long names break, but no narrower than a short one is.
            least = min(max(map(len, cells)), 16)
            looks.append(f"text-align:left;min-width:{least}ch;max-width:46em;overflow-wrap:anywhere")
        else:
            looks.append("text-align:right")
    head = _row("th", [str(name) for name in table.columns], looks)
    body = "".join(_row("td", cells, looks) for cells in zip(*columns, strict=True))
    return f"<table class='dataframe'><thead>{head}</thead><tbody>{body}</tbody></table>"


def _row(kind: str, cells: Sequence[str], looks: Sequence[str]) -> str:
    pairs = zip(cells, looks, strict=True)
    return f"<tr>{''.join(f"<{kind} style='{look}'>{escape(cell, quote=False)}</{kind}>" for cell, look in pairs)}</tr>"


def _cell(value: object) -> str:
    if value is None or value != value:
        return ""
    if not isinstance(value, float):
        return str(show(value))
    return f"{value:,.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:.5g}"
