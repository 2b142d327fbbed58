"""How a panel's outcome and units are called in words, and which way is better."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from bsynth.errors import PanelError, nearest
from bsynth.text.labels import one_line, plural
from bsynth.text.numbers import count

DIRECTIONS = ("better", "worse")
"""What a higher outcome can be."""
LONGEST = 60
"""Characters of a label: it stands in every headline."""


@dataclass(frozen=True)
class Labels:
    """What words call the outcome and a unit, and whether more of the outcome is good.

    Attributes
    ----------
    outcome : str
        As it stands in a sentence, such as "task completion".
    unit : str
        One unit, such as "state"; words make the plural.
    higher_is : {"better", "worse"} or None
        None where neither was said; words then judge no direction.

    Examples
    --------
    >>> Labels("sales", "county", "worse").units(3)
    '3 counties'
    """

    outcome: str = "outcome"
    unit: str = "unit"
    higher_is: Literal["better", "worse"] | None = None

    @classmethod
    def given(cls, outcome: object, unit: object, higher_is: object, *, column: str) -> Self:
        """Validate what a user said; an outcome without a label is called like its column.

        Raises
        ------
        PanelError
            A label that is no text, empty or too long, or a direction that is neither better nor worse.

        Examples
        --------
        >>> Labels.given(None, None, None, column="task_completed")
        Labels(outcome='task completed', unit='unit', higher_is=None)
        """
        if higher_is is not None and higher_is not in DIRECTIONS:
            raise PanelError(
                f"higher_is is {higher_is!r}{nearest(str(higher_is), DIRECTIONS)}; it can be 'better' or 'worse', or "
                "leave it out"
            )
        known: Any = higher_is
        return cls(
            _label(outcome, "outcome_label") or one_line(str(column).replace("_", " ")).strip() or "outcome",
            _label(unit, "unit_label") or "unit",
            known,
        )

    def units(self, n: int) -> str:
        """Count units: "1 state", "25 workspaces"."""
        return count(n, self.unit, plural(self.unit))


def _label(given: object, name: str) -> str | None:
    if given is None:
        return None
    text = " ".join(one_line(given).split()) if isinstance(given, str) else ""
    if not text or len(text) > LONGEST:
        raise PanelError(
            f"{name} is {given!r}; give a few words of text, {LONGEST} characters at most, or leave it out"
        )
    return text
