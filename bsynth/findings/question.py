"""What a decision is asked, validated before anything is computed."""

from dataclasses import dataclass

from bsynth._base.request import check_number
from bsynth.effects import ESTIMANDS
from bsynth.errors import SpecError, nearest, some_of

ANSWERED = (*ESTIMANDS, "total")
"""What a decision can be about: the estimands, and the total over units and periods."""


@dataclass(frozen=True)
class Question:
    """A question about an effect, in units of its estimand.

    Attributes
    ----------
    estimand : {"average", "cumulative", "lift", "total"}
    region : (low, high) or None
        Region of practical equivalence.
    threshold, cost, value : float or None
    """

    estimand: str
    region: tuple[float, float] | None = None
    threshold: float | None = None
    cost: float | None = None
    value: float | None = None


def ask(
    *,
    calibrated: bool,
    rope: float | tuple[float, float] | None = None,
    threshold: float | None = None,
    cost: float | None = None,
    value_per_unit: float | None = None,
    estimand: str | None = None,
) -> Question:
    """Validate a question; parameters as `bsynth.decide`, ``calibrated`` where its result will be a calibration.

    Raises
    ------
    SpecError
        Unknown estimand, a region or worth that is incomplete, or a question that the calibrated lift cannot answer.

    Examples
    --------
    >>> ask(calibrated=True, cost=10.0, value_per_unit=2.0).estimand, ask(calibrated=True, threshold=0.5).estimand
    ('total', 'average')
    """
    if estimand is not None and estimand not in ANSWERED:
        raise SpecError(f"estimand {estimand!r}{nearest(estimand, ANSWERED)}; it can be {some_of(ANSWERED)}")
    if (cost is None) != (value_per_unit is None):
        worth = "value_per_unit (--value)"
        one, other = ("cost", worth) if value_per_unit is None else (worth, "cost")
        raise SpecError(f"{one} is given without {other}; give both, or neither")
    for name, value in (("threshold", threshold), ("cost", cost), ("value_per_unit", value_per_unit)):
        if value is not None:
            check_number(value, name)
    if value_per_unit == 0:
        raise SpecError(
            "value_per_unit (--value) is 0, so nothing is at stake; give a number, negative where less is better"
        )
    if cost is not None and estimand == "lift" and calibrated:
        raise SpecError("the calibrated lift has no expected value; ask for 'average' or 'total', or give the fit")
    if cost is not None and estimand is None:
        for name, given in (("threshold", threshold is not None), ("rope", rope is not None)):
            if given:
                raise SpecError(
                    f"{name} is in units of the estimand, which with cost and value is the total over units and "
                    "periods unless you name another; give estimand='total' or 'average'"
                )
    return Question(
        estimand=estimand or ("average" if cost is None else "total"),
        region=None if rope is None else _region(rope),
        threshold=None if threshold is None else float(threshold),
        cost=None if cost is None else float(cost),
        value=None if value_per_unit is None else float(value_per_unit),
    )


def _region(rope: float | tuple[float, float]) -> tuple[float, float]:
    bounds = tuple(rope) if isinstance(rope, tuple | list) else (rope, rope)
    bounds = tuple(check_number(bound, "rope") for bound in bounds)
    low, high = bounds if isinstance(rope, tuple | list) and len(bounds) == 2 else (-bounds[0], bounds[0])
    if len(bounds) != 2 or low >= high:
        raise SpecError(f"rope is {rope!r}; give a positive half-width, or (low, high) with low below high")
    return low, high
