"""Does the model forecast the last pre-periods?"""

from bsynth._base.laws import binomial_tail
from bsynth.checks.base import Case, Check
from bsynth.checks.choice import for_drift
from bsynth.text.numbers import count, number, percent

NAME = "leave-future-out"
TITLE = "Are the last pre-periods forecast?"

LEVEL = 0.9
P_MIN = 0.01


def check(case: Case) -> Check | None:
    """Judge one-step forecasts of `bsynth.leave_future_out`, when they were made: how many miss the 90% interval.

    ``values``: ``elpd``, ``se``, ``periods``, ``outside`` and ``p``, the binomial probability of at least so
    many misses.
    """
    found = case.future
    if found is None:
        return None
    n, outside = len(found.table), found.outside(LEVEL)
    p = float(binomial_tail(outside, n, 1 - LEVEL))
    values = {"elpd": found.elpd, "se": found.se, "periods": float(n), "outside": float(outside), "p": p}
    figures = (
        f"{outside} of the last {count(n, 'pre-period')} {'falls' if outside == 1 else 'fall'} outside the "
        f"{percent(LEVEL)} interval of a forecast from the "
        f"periods before (elpd {number(found.elpd)}, s.e. {number(found.se, 2)})"
    )
    if p >= P_MIN:
        return Check(NAME, TITLE, values, "ok", f"The model forecasts the pre-period as it promises: {figures}.")
    sentence = f"The model {found.model!r} forecasts the pre-period worse than it promises: {figures}."
    return Check(NAME, TITLE, values, "warning", sentence, for_drift(case))
