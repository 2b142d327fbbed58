"""Panels of known truth on which the grade of the evidence is held against what it should mean.

Worlds are those of `bsynth.evidence.grounds`; the effect is nothing, or one of several sizes.
"""

import math

import numpy as np
import pandas as pd

from bsynth.evidence.grounds import GROUNDS, N_PRE
from bsynth.panel import Panel
from bsynth.pieces import Record

WORLDS = ("inside", "ar", "walk", "contaminated")
SIZES = (0.0, 0.25, 0.5, 1.0)
"""True effects; the noise of a cell has an sd of .5."""
DONORS = 20
"""The least that can back 95% without a doubt of the grade is 19."""
GRADES = ("strong", "moderate", "weak", "inconclusive", "unreliable")
CLAIMS = GRADES[:3]
"""Grades that say that there is an effect."""
_ENTROPY = 2


def graded_panel(world: str, size: float, k: int) -> Panel:
    """Return panel k of a world, with an effect of this size in each of its treated periods."""
    rng = np.random.default_rng([_ENTROPY, WORLDS.index(world), SIZES.index(size), k])
    outcome, effect = GROUNDS[world].simulate(DONORS, rng)
    outcome[N_PRE:, 0] += size - effect
    frame = pd.DataFrame(outcome, columns=["treated", *(f"donor {j}" for j in range(1, DONORS + 1))])
    return Panel.from_wide(frame, treated="treated", start=N_PRE)


def summarise(records: list[Record]) -> Record:
    """Say of each grade how many panels had it, whose interval held the truth, whose sign was right; and of the null.

    A share comes with its standard error; None where no panel had the grade, or none of them an effect.

    Examples
    --------
    >>> rows = [{"grade": "strong", "truth": 0.5, "estimate": 0.6, "lower": 0.2, "upper": 1.0},
    ...     {"grade": "strong", "truth": 0.0, "estimate": -0.6, "lower": -1.0, "upper": -0.2},
    ...     {"grade": "inconclusive", "truth": 0.0, "estimate": 0.1, "lower": -0.2, "upper": 0.4}]
    >>> found = summarise(rows)
    >>> found["grades"]["strong"] == {"panels": 2, "held": [0.5, 0.354], "with_effect": 1, "right_sign": [1.0, 0.0]}
    True
    >>> found["null"]["panels"], found["null"]["grades"]["strong"], found["null"]["claimed"]
    (2, [0.5, 0.354], [0.5, 0.354])
    """
    null = [row for row in records if row["truth"] == 0]
    return {
        "panels": len(records),
        "grades": {name: _of_grade([row for row in records if row["grade"] == name]) for name in GRADES},
        "null": {
            "panels": len(null),
            "grades": {name: _share([row["grade"] == name for row in null]) for name in GRADES},
            "claimed": _share([row["grade"] in CLAIMS for row in null]),
        },
        "found": {
            str(size): _share([row["grade"] in CLAIMS for row in records if row["truth"] == size])
            for size in sorted({row["truth"] for row in records} - {0.0})
        },
    }


def _of_grade(rows: list[Record]) -> Record:
    there = [row for row in rows if row["truth"] != 0]
    bounded = [row for row in rows if row["lower"] is not None]
    return {
        "panels": len(rows),
        "held": _share([row["lower"] <= row["truth"] <= row["upper"] for row in bounded]),
        "with_effect": len(there),
        "right_sign": _share([row["estimate"] * row["truth"] > 0 for row in there]),
    }


def _share(held: list[bool]) -> list[float] | None:
    """A share with its standard error."""
    if not held:
        return None
    share = sum(held) / len(held)
    return [round(share, 3), round(math.sqrt(share * (1 - share) / len(held)), 3)]
