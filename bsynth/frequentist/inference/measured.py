"""How often intervals of procedures that fail did hold the truth, where it was known: said beside their rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from bsynth.text.numbers import percent

LEVEL, FAILING = 0.95, 0.9
"""A procedure fails whose intervals of this level held the truth in a smaller share of worlds."""
WORLDS = {
    "factor panels, no effect": (200, "simulated panels without effect"),
    "rollout logs": (30, "simulated rollout logs with a known effect"),
}
"""How many of each there were, and what to call them."""
MEASURED: Mapping[str, Mapping[str, float]] = {
    "factor panels, no effect": {
        "sc: conformal moving-block, fitted on pre, average": 0.845,
        "sc: conformal iid, fitted on all, average": 0.835,
        "sc: conformal iid, fitted on pre, average": 0.665,
        "sc: jackknife+, average": 0.875,
        "sc: bootstrap unit, percentile": 0.38,
        "sc: bootstrap unit, basic": 0.34,
        "sc: bootstrap unit, studentised": 0.315,
        "sc: bootstrap time, percentile": 0.71,
        "sc: bootstrap time, basic": 0.66,
        "sc: bootstrap time, studentised": 0.77,
        "demeaned: conformal moving-block, fitted on pre, average": 0.805,
        "demeaned: conformal iid, fitted on all, average": 0.83,
        "demeaned: conformal iid, fitted on pre, average": 0.59,
        "demeaned: bootstrap time, percentile": 0.695,
        "demeaned: bootstrap time, basic": 0.665,
        "demeaned: bootstrap time, studentised": 0.79,
    },
    "rollout logs": {
        "sc: bootstrap user, percentile": 0.4,
        "sc: bootstrap user, basic": 0.5333,
        "sc: bootstrap user, studentised": 0.5333,
        "sc: bootstrap unit, percentile": 0.1667,
        "sc: bootstrap unit, basic": 0.3,
        "sc: bootstrap unit, studentised": 0.1,
        "sc: bootstrap time, percentile": 0.1,
        "sc: bootstrap time, basic": 0.1333,
        "sc: bootstrap time, studentised": 0.6667,
        "demeaned: bootstrap user, basic": 0.8667,
        "demeaned: bootstrap user, studentised": 0.8,
        "demeaned: bootstrap unit, basic": 0.8,
        "demeaned: bootstrap unit, studentised": 0.5,
        "demeaned: bootstrap time, percentile": 0.6,
        "demeaned: bootstrap time, basic": 0.5,
        "did: bootstrap unit, studentised": 0.8667,
    },
}
"""Coverage of every such interval of the average effect, by world (``tests/evidence/classical.json``)."""


def measured(procedure: str) -> list[dict[str, Any]]:
    """Return how often intervals of a procedure held the truth where that was measured to fail.

    Returns
    -------
    list of ``level, coverage, count, worlds``
        Empty for other procedures; `fell_short` says it in words.
    """
    return [
        {"level": LEVEL, "coverage": shares[procedure], "count": WORLDS[world][0], "worlds": WORLDS[world][1]}
        for world, shares in MEASURED.items()
        if procedure in shares
    ]


def fell_short(found: Sequence[Mapping[str, Any]]) -> str:
    """Say how often intervals of a kind held the truth where that was measured; empty when it was not.

    Examples
    --------
    >>> fell_short([{"level": 0.95, "coverage": 0.4, "count": 30, "worlds": "simulated logs"}])
    'too narrow where it was measured: 95% intervals of this kind held the truth in 40% of 30 simulated logs'
    """
    if not found:
        return ""
    shares = " and ".join(f"in {percent(row['coverage'], 0)} of {row['count']} {row['worlds']}" for row in found)
    level = percent(found[0]["level"])
    return f"too narrow where it was measured: {level} intervals of this kind held the truth {shares}"
