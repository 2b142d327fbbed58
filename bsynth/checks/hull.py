"""Can any weights reproduce the treated pre-period?"""

import numpy as np
from scipy import stats

from bsynth._base.types import FloatArray
from bsynth.checks.base import Case, Check
from bsynth.checks.choice import drifts, for_drift, for_level
from bsynth.checks.replicates import lag1
from bsynth.engines.simplex import SimplexSolution, solve_simplex
from bsynth.text.numbers import number

NAME = "hull"
TITLE = "Is the treated unit inside the hull of its donors?"

P_OFFSET = 0.01
"""Chance with which a treated unit inside the hull is called outside."""
FAR = 0.25
"""RMS distance, in pre-period sd, below which being outside does not matter."""
POOR = 0.5
"""RMS distance, in pre-period sd, from which even a free offset is called a poor fit."""
INSIDE = 1e-6


def check(case: Case) -> Check:
    """Distance of the treated pre-period from the convex hull of its donors, exactly (simplex least squares).

    A series with noise is never quite inside, so what is tested is whether the distance is one-sided: how much
    of it a free offset takes away, F(1, T0 − 1 − k) with k donors in use less one. ``values``, outcome units:
    ``distance`` (RMS), ``slack_max`` (largest distance of a period), ``distance_centred`` (with a free offset),
    ``offset``, ``p``; and ``inside`` (1 when some weights reproduce the series exactly), ``beyond`` (periods
    above or below every donor).
    """
    treated, donors = _pre_period(case)
    values, rest = measure(treated, donors)
    p, sd = values["p"], float(treated.std(ddof=1))
    moving = float(lag1(rest)) > 2.0 / np.sqrt(len(treated))
    if p < P_OFFSET and values["distance"] > FAR * sd and case.spec.level.prior == "none":
        return _outside(case, values, autocorrelated=moving)
    if values["distance_centred"] > POOR * sd and moving:
        ratio = number(values["distance_centred"] / sd, 2)
        sentence = (
            f"Even with a free offset no weights reproduce the treated pre-period: the best stays {ratio} pre-period "
            f"sd away (RMS {number(values['distance_centred'])}), and what is left moves slowly."
        )
        return Check(NAME, TITLE, values, "warning", sentence, None if drifts(case.spec) else for_drift(case))
    where = "inside" if values["inside"] else f"{number(values['distance'])} (RMS) from"
    offset = f", {number(values['distance_centred'])} with a free offset of {number(values['offset'])}"
    tail = offset if p < P_OFFSET else ""
    return Check(NAME, TITLE, values, "ok", f"The treated pre-period lies {where} the hull of its donors{tail}.")


def measure(treated: FloatArray, donors: FloatArray) -> tuple[dict[str, float], FloatArray]:
    """Return the ``values`` of `check` for treated (T0,) and donors (T0, J), and the gap (T0,) with a free offset."""
    plain = solve_simplex(donors, treated)
    centred = solve_simplex(donors - donors.mean(axis=0), treated - treated.mean())
    slack = treated - donors @ plain.weights
    rest = treated - donors @ centred.weights
    values = {
        "distance": _rms(slack),
        "slack_max": float(np.abs(slack).max()),
        "distance_centred": _rms(rest - rest.mean()),
        "offset": float(rest.mean()),
        "p": _offset_p(plain, centred, len(treated)),
        "inside": float(_rms(slack) <= INSIDE * treated.std(ddof=1)),
        "beyond": float(((treated > donors.max(axis=1)) | (treated < donors.min(axis=1))).sum()),
    }
    return values, rest


def _pre_period(case: Case) -> tuple[FloatArray, FloatArray]:
    """Return the treated (T0,) and donors (T0, J), on the treated unit's scale when each has its own."""
    pre, design = slice(0, case.panel.n_pre), case.design
    if case.spec.scale == "each":
        return case.panel.treated_series[pre], design.to_outcome(design.X[pre])
    return case.panel.treated_series[pre], case.panel.donor_matrix[pre]


def _outside(case: Case, values: dict[str, float], *, autocorrelated: bool) -> Check:
    offset = values["offset"]
    side = "above" if offset > 0 else "below"
    sentence = (
        f"The treated unit lies outside the hull of its donors: it sits {number(abs(offset))} {side} the best weighted "
        f"donors, which leaves {number(values['distance'])} (RMS) without an offset and "
        f"{number(values['distance_centred'])} with one, and {case.spec.name!r} has no level to take it up."
    )
    suggestion = for_level(case, autocorrelated=autocorrelated)
    return Check(NAME, TITLE, values, "warning", sentence, suggestion)


def _offset_p(plain: SimplexSolution, centred: SimplexSolution, n_times: int) -> float:
    """p of the F test of a free offset; the donors in use count as parameters, as far as periods allow."""
    in_use = int((centred.weights > 0).sum()) - 1
    freedom = max(n_times - 1 - in_use, 1)
    gained = max(plain.objective - centred.objective, 0.0)
    if centred.objective <= 0.0:
        return 1.0 if gained <= 0.0 else 0.0
    return float(stats.f.sf(gained / (centred.objective / freedom), 1, freedom))


def _rms(values: FloatArray) -> float:
    return float(np.sqrt((values**2).mean()))
