"""Results as small cards in a notebook."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any
from zlib import crc32

import pandas as pd

from bsynth._base.plain import show
from bsynth.text.labels import heading
from bsynth.text.marks import UNRELIABLE
from bsynth.text.numbers import number, p_alone, percent, probability


def html_card(title: str, sentences: Sequence[str], *tables: pd.DataFrame) -> str:
    """Return a small notebook card: a title, sentences and tables, all text escaped and none of it cut off.

    In a table text stands to the left and numbers to the right, and a missing value leaves its cell empty.

    Examples
    --------
    >>> page = html_card("A & B", ["It fell."], pd.DataFrame({"unit": ["<i>"], "gap": [-0.5]}))
    >>> "A &amp; B" in page, "&lt;i&gt;" in page, "−0.500" in page
    (True, True, True)
    """
    words = "".join(f"<p style='margin:.3em 0;max-width:46em{_mark_look(s)}'>{escape(s)}</p>" for s in sentences)
    bodies = "".join(map(html_table, tables))
    return f"<div class='bsynth'><strong style='overflow-wrap:anywhere'>{escape(title)}</strong>{words}{bodies}</div>"


def _mark_look(sentence: str) -> str:
    """A mark stands out."""
    return ";color:#b00020;font-weight:bold" if sentence.startswith(UNRELIABLE) else ""


def html_table(table: pd.DataFrame) -> str:
    """Return a table as HTML, all text escaped; its id comes from what it shows."""
    from pandas.io.formats.style import Styler

    # A styler needs unique labels, so rows and columns go by their place.
    written = [[_cell(name, value) for value in table.iloc[:, at]] for at, name in enumerate(table.columns)]
    cells = pd.DataFrame(dict(enumerate(written)), dtype=str)
    names = [heading(str(name)) for name in table.columns]
    looks = {at: [{"selector": "", "props": _look(names[at], list(table.iloc[:, at]))}] for at in range(table.shape[1])}
    # Its id in the page comes from what it shows, so that the same notebook gives the same file.
    shown = "\n".join([*names, *cells.to_numpy().ravel()])
    styler: Any = Styler(cells, uuid=f"{crc32(shown.encode()):08x}", cell_ids=False)
    styler = styler.hide(axis=0).format(escape="html").format_index(lambda at: escape(names[at]), axis=1)
    return str(styler.set_table_styles(looks).set_table_attributes("class='dataframe'").to_html())


def _look(name: str, column: Sequence[object]) -> str:
    """Text to the left, numbers to the right; long names break, but no narrower than a short one or the heading is."""
    lengths = [len(value) for value in column if isinstance(value, str)]
    if not any(lengths):
        return "text-align: right; white-space: normal"
    narrowest = max(*(len(word) for word in name.split()), min(max(lengths), 16))
    return f"text-align: left; min-width: {narrowest}ch; max-width: 46em; overflow-wrap: anywhere"


def writer(name: object) -> Callable[[float], str] | None:
    """Return how the numbers of a column are written that are no plain ones; None for plain numbers.

    Examples
    --------
    >>> writer("p")(0.0002), writer("calibrated_p")(1.0), writer("probability_positive")(1.0), writer("level")(0.95)
    ('< 0.001', '1', '> 0.999', '95%')
    >>> writer("gap") is None
    True
    """
    words = str(name).split("_")
    if name == "direction":
        return lambda value: "positive" if value > 0 else "negative"
    if name == "lift":
        return partial(percent, signed=True)
    if "p" in words:
        return p_alone
    if words[0] == "probability":
        return probability
    return percent if name == "level" else None


def quantities(table: pd.DataFrame) -> pd.DataFrame:
    """Write a table of ``quantity, value``: each row is a quantity of its own, and its number is read by itself.

    Examples
    --------
    >>> quantities(pd.DataFrame({"quantity": ["direction", "p"], "value": [1.0, 0.97]})).values.tolist()
    [['Direction', 'positive'], ['p', '0.970']]
    """
    words = [_cell(name, value) or "–" for name, value in table[["quantity", "value"]].itertuples(index=False)]
    return table.assign(quantity=table["quantity"].map(heading), value=words)


def _cell(name: object, value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    return (writer(name) or number)(value) if isinstance(value, float) else str(show(value))
