"""How often intervals of procedures that fail did hold the truth, where it was known: said beside their rows."""

from collections.abc import Mapping

from bsynth.analysis.verdict import Row
from bsynth.frequentist.inference import Inference

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


def measured(result: Inference) -> list[Row]:
    """Return how often intervals of a result's procedure held the truth where that was measured to fail.

    Returns
    -------
    list of ``level, coverage, count, worlds``
        Empty for other procedures; `bsynth.analysis.verdict.fell_short` says it in words.
    """
    return [
        {"level": LEVEL, "coverage": shares[result.procedure], "count": WORLDS[world][0], "worlds": WORLDS[world][1]}
        for world, shares in MEASURED.items()
        if result.procedure in shares
    ]
