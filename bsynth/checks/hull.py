"""Can any weights reproduce the treated pre-period?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bsynth._base.types import FloatArray
from bsynth.checks.base import Case, Check
from bsynth.checks.choice import drifts, for_drift, for_level
from bsynth.engines.hull import FAR, P_OFFSET, measure
from bsynth.engines.series import lag1
from bsynth.text.numbers import number

NAME = "hull"
TITLE = "Is the treated unit inside the hull of its donors?"

POOR = 0.5
"""RMS distance, in pre-period sd, from which even a free offset is called a poor fit."""


def check(case: Case) -> Check:
    """Distance of the treated pre-period from the convex hull of its donors, exactly (simplex least squares).

    A series with noise is never quite inside, so what is tested is whether the distance is one-sided: how much
    of it a free offset takes away, F(1, T0 − 1 − k) with k donors in use less one. ``values``, outcome units or those
    of its log or logit: ``distance`` (RMS), ``slack_max`` (largest distance of a period), ``distance_centred`` (with a
    free offset), ``offset``, ``p``; and ``inside`` (1 when some weights reproduce the series exactly), ``beyond``
    (periods above or below every donor).
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
            f"sd away (root mean square {number(values['distance_centred'])}{case.spec.on_scale}), and what is left "
            "moves slowly."
        )
        return Check(NAME, TITLE, values, "warning", sentence, None if drifts(case.spec) else for_drift(case))
    where = (
        "inside" if values["inside"] else f"{number(values['distance'])} (root mean square{case.spec.on_scale}) from"
    )
    offset = f", {number(values['distance_centred'])} with a free offset of {number(values['offset'])}"
    tail = offset if p < P_OFFSET else ""
    return Check(NAME, TITLE, values, "ok", f"The treated pre-period lies {where} the hull of its donors{tail}.")


def misses(values: Mapping[str, Any]) -> str:
    """Say how far the best weighted donors stay from the treated pre-period, and the best with a free offset.

    ``values`` are those of `bsynth.engines.hull.measure`. The offset belongs to the second weights alone.

    Examples
    --------
    >>> misses({"distance": 371.2, "distance_centred": 187.1, "offset": -8120.0})
    'the best weighted donors miss it by 371 (root mean square), and by 187 with a free offset (−8,120, other weights)'
    """
    return (
        f"the best weighted donors miss it by {number(values['distance'])} (root mean square), and by "
        f"{number(values['distance_centred'])} with a free offset ({number(values['offset'], signed=True)}, other "
        "weights)"
    )


def _pre_period(case: Case) -> tuple[FloatArray, FloatArray]:
    """Return the treated (T0,) and donors (T0, J) as the model weighs them, each on the treated unit's scale."""
    pre, design, forward = slice(0, case.panel.n_pre), case.design, case.spec.link.forward
    if case.spec.scale == "each":
        return case.panel.treated_series[pre], design.to_outcome(design.X[pre])
    return forward(case.panel.treated_series[pre]), forward(case.panel.donor_matrix[pre])


def _outside(case: Case, values: dict[str, float], *, autocorrelated: bool) -> Check:
    sentence = (
        f"The treated unit lies outside the hull of its donors{case.spec.on_scale}: {misses(values)}; "
        f"{case.spec.name!r} has no level to take that up."
    )
    suggestion = for_level(case, autocorrelated=autocorrelated)
    return Check(NAME, TITLE, values, "warning", sentence, suggestion)
