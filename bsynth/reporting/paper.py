"""How a table stands on a sheet of paper: which cells may break, how small its type is, where it is split."""

import re
from dataclasses import replace

from bsynth.reporting.tables import Table

WIDTH = 505.0
"""Points between the margins of the narrower of A4 and Letter."""
CHARACTER = 0.62
"""Mean width of a character of a wide typeface, in its size."""
TYPES = (("", 8.0, 7.1), ("fine", 7.0, 7.1), ("finer", 6.3, 4.6))
"""Classes of the stylesheet: size of the type and room after a column, in points."""
BRIEF, LONG = 16, 24
"""Characters of a cell that stays on one line, and of a word that has to break."""
_NUMBER = re.compile(r"[<>]? ?[+−-]?[\d.,∞]+%?|\[.*\]|–|")


def numeric(value: object) -> bool:
    """Whether a cell reads as a number, an interval or a dash: it is set to the right.

    Examples
    --------
    >>> numeric("+0.05"), numeric("[−1.2, 3]"), numeric("Utah")
    (True, True, False)
    """
    return _NUMBER.fullmatch(str(value)) is not None


def columns(table: Table) -> list[tuple[str, bool]]:
    """Return the headings of a table, each with whether its column is set to the right."""
    frame = table.frame
    return [(str(name), at > 0 and all(map(numeric, frame.iloc[:, at]))) for at, name in enumerate(frame.columns)]


def broken(cell: object) -> str:
    """Return how the words of a cell break: never where they are few, anywhere where one is too long for a column.

    Examples
    --------
    >>> broken("2024-11-18"), broken("95% inverted placebo test"), broken("x" * 64)
    ('brief', '', 'long')
    """
    text = str(cell)
    if len(text) <= BRIEF:
        return "brief"
    return "long" if max(map(len, text.split()), default=0) > LONG else ""


def type_of(table: Table) -> str:
    """Return the class of the largest type in which the table fits a sheet with no word broken; else the smallest."""
    stiff = _stiff(table)
    return next((name for name, size, gap in TYPES if _points(stiff, size, gap) <= WIDTH), TYPES[-1][0])


def on_paper(table: Table) -> tuple[Table, ...]:
    """Return the tables into which one is split by columns on paper, its first column in each; none where it fits."""
    stiff = _stiff(table)
    _, size, gap = TYPES[-1]
    if _points(stiff, size, gap) <= WIDTH:
        return ()
    groups: list[list[int]] = [[]]
    for at in range(1, len(stiff)):
        if groups[-1] and _points([stiff[k] for k in (0, *groups[-1], at)], size, gap) > WIDTH:
            groups.append([])
        groups[-1].append(at)
    return tuple(
        replace(
            table,
            frame=table.frame.iloc[:, [0, *group]],
            caption=table.caption if number == 1 else f"{table.caption}, further columns",
        )
        for number, group in enumerate(groups, start=1)
    )


def _points(stiff: list[int], size: float, gap: float) -> float:
    return CHARACTER * size * sum(stiff) + gap * len(stiff)


def _stiff(table: Table) -> list[int]:
    """Characters that each column needs so that no word breaks."""
    found = []
    for at, (name, right) in enumerate(columns(table)):
        cells = [str(cell) for cell in table.frame.iloc[:, at]]
        whole = [len(cell) for cell in cells if right or broken(cell) == "brief"]
        words = [min(len(word), LONG) for text in (name, *cells) for word in text.split()]
        found.append(max([*whole, *words], default=1))
    return found
