"""How far a series lies from the convex hull of others, exactly (simplex least squares)."""

import numpy as np
from scipy import special

from bsynth._base.types import FloatArray
from bsynth.engines.simplex import SimplexSolution, solve_simplex

P_OFFSET = 0.01
"""Chance with which a treated unit inside the hull is called outside."""
FAR = 0.25
"""RMS distance, in pre-period sd, below which being outside does not matter."""
INSIDE = 1e-6
"""RMS distance, in sd, within which a series counts as reproduced."""


def measure(treated: FloatArray, donors: FloatArray) -> tuple[dict[str, float], FloatArray]:
    """Return where treated (T0,) lies beside donors (T0, J) before the start, and the gap (T0,) with a free offset.

    In outcome units ``distance`` (RMS), ``slack_max`` (largest distance of a period), ``distance_centred`` (with a
    free offset) and ``offset``; ``p`` of the F test of that offset; ``inside`` (1 when some weights reproduce the
    series exactly) and ``beyond`` (periods above or below every donor).

    Examples
    --------
    >>> donors = np.array([[0.0, 2.0], [1.0, 3.0], [0.0, 4.0], [2.0, 3.0]])
    >>> values, gap = measure(donors.mean(axis=1) + 5.0, donors)
    >>> values["inside"], values["beyond"], round(values["offset"], 6), gap.round(6).tolist()
    (0.0, 4.0, 5.0, [5.0, 5.0, 5.0, 5.0])
    """
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


def _offset_p(plain: SimplexSolution, centred: SimplexSolution, n_times: int) -> float:
    """p of the F test of a free offset; the donors in use count as parameters, as far as periods allow."""
    in_use = int((centred.weights > 0).sum()) - 1
    freedom = max(n_times - 1 - in_use, 1)
    gained = max(plain.objective - centred.objective, 0.0)
    if centred.objective <= 0.0:
        return 1.0 if gained <= 0.0 else 0.0
    return float(special.fdtrc(1, freedom, gained / (centred.objective / freedom)))


def _rms(values: FloatArray) -> float:
    return float(np.sqrt((values**2).mean()))
