"""The face that every result has, so that whoever knows one knows all."""

import copy
import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bsynth._base.brief import LINE
from bsynth._base.plain import records
from bsynth._base.request import check_flags, check_level
from bsynth._base.types import Status
from bsynth.errors import SpecError, nearest, some_of
from bsynth.text.card import html_card
from bsynth.text.effects_table import EffectsTable
from bsynth.text.labels import one_line, plain
from bsynth.text.marks import OF_FIT, UNRELIABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Result(ABC):
    """What a verb returns: ``status``, ``table``, `sentences`, `to_dict`, one line, and a card in a notebook.

    A subclass is a frozen dataclass, with ``repr=False`` so that it keeps the one line of this class. It has

    - ``status``: ``"ok"``, or ``"unreliable"`` when a fit behind it failed its convergence gate;
    - ``reason``: whose gate that was, in words; whatever rests on a result hands its reason on;
    - ``table``: its numbers, tidy, one row per thing;
    - `sentences`: its words, the most important first; when it is unreliable, that it is (`bsynth.text.marks`);
    - `title`: what it is and of what, a few words;

    none of which can be changed through what they hand out: tables and dicts are the caller's own;

    and, where it speaks of effects, ``effects(level=0.95)``: rows that begin with `bsynth.effects.EFFECT_COLUMNS`,
    written within 80 columns (`bsynth.text.effects_table`).
    Whose words hold an interval of its own has ``sentences(level=0.95)``; an analysis, its comparison and a certificate
    were made at a level and speak at that one, and an estimate is a point.
    `_gist` and `_card_tables` may be made shorter than what they are here.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=4, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> result = bs.classical(panel)
    >>> result.status, result.title, repr(result)[:30]
    ('ok', 'sc: 0', '<Estimate sc: 0: average effec')
    >>> [row["estimand"] for row in result.to_dict()["table"]]
    ['average', 'cumulative', 'lift']
    """

    def __init_subclass__(cls) -> None:
        """Make what `to_dict` of a subclass returns the caller's own, and its words safe for one line each."""
        super().__init_subclass__()
        for name, made in vars(cls).copy().items():
            if name == "title":
                setattr(cls, name, property(_then(made.fget, one_line), doc=made.__doc__))
            elif name in _HANDED_OUT and inspect.isfunction(made):
                setattr(cls, name, _then(made, _HANDED_OUT[name]))
            elif name == "effects":
                setattr(cls, name, _then(made, _brief, _whole))

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields: what was worked out from them is not pickled."""
        return {name: value for name, value in self.__dict__.items() if name != _MEMORY}

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        # Whoever changes a table that was handed out changes no result.
        return value.copy() if isinstance(value, pd.DataFrame) else value

    if TYPE_CHECKING:

        @property
        def status(self) -> Status:
            """Whether a fit behind it failed its convergence gate."""

        @property
        def table(self) -> pd.DataFrame:
            """Its numbers, tidy."""

    @property
    def reason(self) -> str:
        """Why it is unreliable, as a clause that says whose gate failed; empty when it is not."""
        return "" if self.status == "ok" else OF_FIT

    @property
    @abstractmethod
    def title(self) -> str:
        """What this is and of what, a few words."""

    @abstractmethod
    def sentences(self) -> tuple[str, ...]:
        """Return what it says, the most important first."""

    def notes(self) -> tuple[str, ...]:
        """Return sentences that belong beside the numbers; often none."""
        return ()

    def save(self, path: str | Path) -> None:
        """Write it to a NetCDF file that `bsynth.load` reads, in a folder that is made if need be.

        All that it rests on goes with it, fits and panel included, but sums per user. The format is versioned, and told
        in `bsynth.reporting.archive`.

        Raises
        ------
        SpecError
            When no file can be written there.
        """
        # As with pictures: what is saved finds what saves it, and results know no files.
        importlib.import_module("bsynth.reporting.archive").save(self, path)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data: ``status``, its ``reason`` (empty when ok), ``sentences`` and ``table``."""
        return {
            "status": self.status,
            "reason": self.reason,
            "sentences": list(self.sentences()),
            "table": records(self.table),
        }

    def __repr__(self) -> str:
        mark = "" if self.status == "ok" else f" {UNRELIABLE}"
        kind = f"{type(self).__name__}{mark}"
        return f"<{kind} {plain(f'{self.title}: {self._gist()}', LINE - len(kind) - 3)}>"

    def _repr_html_(self) -> str:
        return self._card()

    def _card(self) -> str:
        """The card: title, words and tables."""
        return html_card(self.title, self._card_sentences(), *self._card_tables())

    def _gist(self) -> str:
        """What the one line says: the first sentence that is no mark."""
        return next((said for said in self.sentences() if not said.startswith(UNRELIABLE)), "")

    def _card_sentences(self) -> tuple[str, ...]:
        """The words of the card."""
        return self.sentences()

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        """The tables of the card."""
        return (self.table,)


def _in_lines(sentences: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(one_line, sentences))


def _brief(table: pd.DataFrame) -> pd.DataFrame:
    return EffectsTable(table.copy())


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(table.copy())


_HANDED_OUT: dict[str, Callable[[Any], Any]] = {
    "to_dict": copy.deepcopy,
    "sentences": _in_lines,
    "notes": _in_lines,
    "path": pd.DataFrame.copy,
    "cumulative": pd.DataFrame.copy,
}
"""What is done to what these methods of a result return, whatever class defines them."""
_MEMORY = "_remembered"


def _then(
    method: Callable[..., Any], last: Callable[[Any], Any], full: Callable[[Any], Any] | None = None
) -> Callable[..., Any]:
    """Work out once what a frozen result says, and hand out the caller's own of it each time; ``full`` where asked."""

    takes = inspect.signature(method)

    @wraps(method)
    def both(self: Any, *given: Any, **named: Any) -> Any:
        # Every table of effects says `full=True`, and so every one takes it.
        whole = named.pop("full", False) if full is not None and "full" not in takes.parameters else False
        asked = takes.bind(self, *given, **named)
        asked.apply_defaults()
        whole = asked.arguments.get("full", whole)
        if "level" in takes.parameters and (level := asked.arguments["level"]) is not takes.parameters["level"].default:
            check_level(level)
        if full is not None:
            check_flags(full=whole)
        hand_out = full if full is not None and whole else last
        # By type, too: 1 is no True where a method asks for one.
        key = (
            method,
            *((name, type(value), value) for name, value in asked.arguments.items() if name not in ("self", "full")),
        )
        try:
            hash(key)
        except TypeError:
            return hand_out(method(self, *given, **named))
        memory = self.__dict__.setdefault(_MEMORY, {})
        if key not in memory:
            memory[key] = method(self, *given, **named)
        return hand_out(memory[key])

    return both


class Pictured(Result):
    """A result that has a picture."""

    def plot(self, ax: "Axes | None" = None, **settings: Any) -> "Axes":
        """Draw its picture, the first that `bsynth.plots` has of it, and return the axes.

        ``settings`` are those of that picture, such as ``level``.

        Raises
        ------
        SpecError
            A setting that the picture does not have.
        """
        # The one place where what is drawn finds what draws it: results know no plotting, and matplotlib is
        # loaded with the first picture.
        draw = importlib.import_module("bsynth.plots").picture_of(self)
        allowed = [name for name in inspect.signature(draw).parameters if name != "ax"][1:]
        for name in settings:
            if name not in allowed:
                has = f"it can be {some_of(allowed)}" if allowed else "it has none"
                raise SpecError(f"the picture has no setting {name!r}{nearest(name, allowed)}; {has}")
        axes: Axes = draw(self, ax=ax, **settings)
        return axes
