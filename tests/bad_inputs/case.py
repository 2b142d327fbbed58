"""What a case of the atlas is, the plain panel that each of them spoils, and how options are made of roles."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import bsynth as bs

UNITS = ("Iowa", "Maine", "Ohio", "Texas", "Utah")
WIGGLE = (0.0, 3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0, 5.5, 3.0, 5.0)
EFFECT = 2.0
"""Of Ohio from 2010 on; all units move in parallel, so difference in differences finds it to the digit."""
FIRST, START = 2001, 2010
ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "y", "treated": "Ohio", "start": START}
COMMANDS = ("run", "certify", "power", "plan")
"""That read a panel and refuse what is wrong with it; cases of data take turns."""


def rows() -> list[tuple[str, int, float]]:
    """Rows of the plain panel."""
    return [
        (unit, FIRST + t, 10.0 * (i + 1) + WIGGLE[t] + EFFECT * (unit == "Ohio" and FIRST + t >= START))
        for i, unit in enumerate(UNITS)
        for t in range(len(WIGGLE))
    ]


def _own(place: int) -> float:
    """A movement that no other unit shares."""
    return math.sin(place * place) / 3


FRAME = pd.DataFrame(rows(), columns=["unit", "time", "y"])
TEXT = FRAME.to_csv(index=False)
LIVELY = FRAME.assign(y=FRAME.y + [_own(place) for place in range(len(FRAME))])
"""The same with noise, for what is refused of a model that could be fitted."""
LIVELY_TEXT = LIVELY.to_csv(index=False)


@dataclass(frozen=True)
class Case:
    """One input by each door, and what is right.

    Attributes
    ----------
    name : str
        Group and case.
    python : function of a folder, or None
        What Python is asked; it makes its files in the folder.
    shell : function of a folder, or None
        Words after ``bsynth``; it makes the same files.
    says : tuple of str
        Words of the one line that refuses it.
    gives : float or None
        Where it is accepted: the effect that difference in differences then finds.
    """

    name: str
    python: Callable[[Path], Any] | None
    shell: Callable[[Path], Sequence[object]] | None
    says: tuple[str, ...] = ()
    gives: float | None = None


type Content = bytes | str | pd.DataFrame | Callable[[Path], object]


@functools.cache
def lively() -> bs.Panel:
    """The panel of `LIVELY`."""
    return bs.Panel.from_long(LIVELY, **ROLES)


def put(content: Content, file: Path) -> Path:
    """Make a file of what a case has: bytes, text, a frame (by the file's ending), or a function that makes it."""
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif isinstance(content, str):
        file.write_text(content, encoding="utf-8", newline="")
    elif isinstance(content, pd.DataFrame):
        content.to_parquet(file) if file.suffix == ".parquet" else content.to_csv(file, index=False)
    else:
        content(file)
    return file


def options(roles: dict[str, Any]) -> list[str]:
    """Roles as the command line has them; a label with a comma in double quotes."""
    found: list[str] = []
    for name, value in roles.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is not None:
                text = f'"{each}"' if name in ("treated", "donors", "exclude") and "," in str(each) else str(each)
                found += [f"--{name.replace('_', '-')}", text]
    return found


def command(name: str, file: object, roles: dict[str, Any], folder: Path) -> list[object]:
    """Words that have a command read a panel and write into the folder."""
    out = folder / ("plan.toml" if name == "plan" else "out")
    return [name, file, *options(roles), *([] if name in ("plan", "check") else ["--quiet"]),
            *([] if name == "check" else ["--out", out])]  # fmt: skip


_turn = iter(range(10_000))


def data_case(
    name: str,
    content: Content,
    *says: str,
    gives: float | None = None,
    file: str = "sales.csv",
    by_frame: bool = False,
    by_file: bool = True,
    **changed: Any,
) -> Case:
    """A case of data or of their roles; with ``by_frame`` Python is given the frame itself."""
    roles = {key: value for key, value in (ROLES | changed).items() if value is not None}
    build = bs.Panel.from_events if "cluster" in roles else bs.Panel.from_long
    turn = "plan" if gives is not None else COMMANDS[next(_turn) % len(COMMANDS)]
    return Case(
        name,
        lambda folder: build(content if by_frame else put(content, folder / file), **roles),
        (lambda folder: command(turn, put(content, folder / file), roles, folder)) if by_file else None,
        says,
        gives,
    )
