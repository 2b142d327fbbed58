"""A comparison taken apart into its sides: the main posterior, other models, classical estimators."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bsynth.analysis.verdict.numbers import Row
from bsynth.frequentist.estimators import sc, sc_slsqp

BY_USERS = "bootstrap"
"""Kinds of interval that start so hold the sampling of users alone, and so judge no method."""
LIKE = 2.0
"""Times as large or as small an estimate may be and still agree on the size."""


@dataclass(frozen=True, eq=False)
class Sides:
    """A comparison taken apart.

    Attributes
    ----------
    facts : the comparison without its table
    main : the main posterior's calibrated row, else its predictive one; None without a posterior
    base : its predictive row
    models, classical : one row of every other model and of every classical estimator
    extra : further rows of classical estimators
    """

    facts: Row
    main: Row | None
    base: Row | None
    models: tuple[Row, ...]
    classical: tuple[Row, ...]
    extra: tuple[Row, ...]

    @property
    def others(self) -> tuple[Row, ...]:
        """Whatever is held against the main posterior."""
        return (*self.models, *self.classical)

    @property
    def tests(self) -> tuple[Row, ...]:
        """Classical rows with a p of no effect."""
        return tuple(row for row in self.classical if row["p"] is not None)

    def kind(self) -> str:
        """What to call the main interval."""
        return f"{self.main['interval']} interval" if self.main else "interval"

    def apart(self) -> tuple[Row, ...]:
        """Rows whose estimate lies outside the main interval."""
        return tuple(row for row in self.others if self.main is not None and not holds(self.main, row["estimate"]))

    def opposed(self) -> tuple[Row, ...]:
        """Rows inside the main interval whose estimate has the other sign."""
        main = self.main
        return tuple(r for r in self.others if main and holds(main, r["estimate"]) and sign(r) * sign(main) < 0)

    def agreeing(self) -> tuple[Row, ...]:
        """Rows inside the main interval without the other sign."""
        out = (*self.apart(), *self.opposed())
        return tuple(row for row in self.others if not among(row, out)) if self.main else ()

    def unlevelled(self) -> tuple[Row, ...]:
        """Rows, the main one first, of methods that cannot take up an offset."""
        rows = (self.main, *self.others) if self.main else self.others
        return tuple(row for row in rows if row["free_level"] is False)


def of_like_size(rows: Sequence[Row], estimate: float) -> bool:
    """Whether rows that agree do so on the size too: far smaller or larger ones may lie inside a wide interval.

    Examples
    --------
    >>> of_like_size([{"estimate": 3.0}], 4.0), of_like_size([{"estimate": 0.5}], 4.0)
    (True, False)
    """
    return all(abs(estimate) / LIKE <= abs(float(row["estimate"])) <= LIKE * abs(estimate) for row in rows)


def take_apart(comparison: Row) -> Sides:
    """Sort the rows of a comparison by what the words do with them."""
    bayes = [row for row in comparison["table"] if row["method"] == "bayes"]
    main = bayes[0] if bayes else None
    base = next((r for r in bayes if r["model"] == bayes[0]["model"] and r["interval"] != "calibrated"), None)
    models = tuple(row for row in bayes if base is not None and row["model"] != base["model"])
    classical: dict[str, Row] = {}
    extra = []
    # The first interval that judges an estimator is its own; what comes after stands beside it.
    rows = [row for row in comparison["table"] if row["method"] != "bayes"]
    for row in sorted(rows, key=lambda row: row["interval"].startswith(BY_USERS)):
        name = _estimator(row)
        if name in classical:
            extra.append(row)
        else:
            classical[name] = row
    order = list(dict.fromkeys(map(_estimator, rows)))
    ordered = tuple(classical[name] for name in order)
    return Sides(comparison, main, base, models, ordered, tuple(extra))


def _estimator(row: Row) -> str:
    """The estimator of a row, whichever solver found its weights: it is no second opinion on itself."""
    return sc.NAME if row["method"] == sc_slsqp.NAME else str(row["method"])


def among(row: Row, rows: Iterable[Row]) -> bool:
    """Whether a row is one of some, itself and not merely one like it."""
    return any(row is each for each in rows)


def sign(row: Row) -> int:
    """Return −1, 0 or 1, as the estimate is negative, nothing or positive."""
    estimate = float(row["estimate"])
    return (estimate > 0) - (estimate < 0)


def holds(row: Row, value: float) -> bool:
    """Whether the row's interval holds a value."""
    return float(row["lower"]) <= value <= float(row["upper"])


def bounded(row: Row) -> bool:
    """Whether the row has an interval with two ends."""
    return row["lower"] is not None and math.isfinite(float(row["lower"])) and math.isfinite(float(row["upper"]))


def overlap(one: Row, other: Row) -> bool:
    """Whether two intervals meet."""
    return float(one["lower"]) <= float(other["upper"]) and float(other["lower"]) <= float(one["upper"])


def mute(row: Row) -> bool:
    """Whether not even the smallest p that there can be rejects anything at the row's level."""
    return row["p_min"] is not None and row["level"] is not None and row["p_min"] > 1 - row["level"] + 1e-9


def rejects(row: Row) -> bool:
    """Whether the row's test rejects zero at its level."""
    return bool(row["p"] <= 1 - row["level"] + 1e-9)


def noisier(s: Sides) -> bool:
    """Whether placebos are single donors where the effect is a mean of units; placebo waves are means of as many."""
    return bool(s.facts["n_treated"] > 1 and s.facts.get("placebos") != "waves")
