"""Rules on time: what is left out around a start, and who is a donor for how long."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from bsynth._base.types import IntArray
from bsynth.errors import PanelError, nearest

type DonorKind = Literal["never", "not-yet", "both"]
KINDS = ("never", "not-yet", "both")
"""Donors that are never treated, that are treated later, or both."""


@dataclass(frozen=True)
class Timing:
    """Rules on time, in steps of the panel's calendar.

    Attributes
    ----------
    anticipation : int
        Periods before a start that are left out of fit and effect.
    washout : int
        Periods from a start on that are left out of the effect.
    donor_kind : {"never", "not-yet", "both"} or None
        Which units are donors where starts differ; None: those never treated where there are two, else both.
    horizon : int or None
        Periods from a start on that are used at most, and through which a donor must stay untreated; None: until the
        first donor starts, or the end.
    settled : int or None
        Periods after which the effect on a unit is taken not to change any more, so that it may be a donor of later
        waves that have no other; None: it never may.

    Examples
    --------
    >>> kept, before, after = Timing(anticipation=1, washout=2).split(np.arange(-3, 4))
    >>> kept.tolist(), before.tolist(), after.tolist()
    ([0, 1, 5, 6], [2], [3, 4])
    """

    anticipation: int = 0
    washout: int = 0
    donor_kind: DonorKind | None = None
    horizon: int | None = None
    settled: int | None = None

    @classmethod
    def given(cls, anticipation: object, washout: object, donor_kind: object, horizon: object, settled: object) -> Self:
        """Validate what a user said.

        Raises
        ------
        PanelError
            A number that is not whole or too small, or an unknown kind.
        """
        if donor_kind is not None and donor_kind not in KINDS:
            raise PanelError(
                f"donor_kind is {donor_kind!r}{nearest(str(donor_kind), KINDS)}; it can be 'never' (units never "
                "treated), 'not-yet' (treated later) or 'both'"
            )
        known: Any = donor_kind
        return cls(
            _whole(anticipation, "anticipation", 0),
            _whole(washout, "washout", 0),
            known,
            None if horizon is None else _whole(horizon, "horizon", 1),
            None if settled is None else _whole(settled, "settled", 0),
        )

    def asked(self) -> dict[str, int]:
        """The rules that were given and hold with one start, as plain data."""
        given = {"anticipation": self.anticipation, "washout": self.washout, "horizon": self.horizon}
        return {name: value for name, value in given.items() if value}

    def split(self, since: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Positions that are kept, left out as anticipation, and left out as washout, by steps since the start."""
        before = (since < 0) & (since >= -self.anticipation)
        after = (since >= 0) & (since < self.washout)
        return np.flatnonzero(~before & ~after), np.flatnonzero(before), np.flatnonzero(after)


def _whole(value: object, name: str, least: int) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise PanelError(f"{name} is {value!r}; give a whole number of periods, at least {least}")
    return int(value)
