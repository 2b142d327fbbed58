"""What the words of a verdict name beside the table of a comparison."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bsynth._base.plain import records
from bsynth.findings.donors import DonorAudit
from bsynth.text.labels import plain

MAIN_DONORS, HEAVY, NAME = 3, 1.5, 60
"""Donors that a verdict names, how many times the even share one of them weighs, and characters of its name."""
FLAGS = ("looks treated", "influential", "dominant", "opposed")
"""Flags of a donor audit, the gravest for the answer first."""


def lifts(effects: pd.DataFrame) -> list[dict[str, Any]]:
    """The lift of every row of effects, with its interval."""
    rows = effects.loc[effects["estimand"] == "lift", ["method", "model", "interval", "estimate", "lower", "upper"]]
    return records(rows.rename(columns={"estimate": "lift"}))


def main_donors(weights: Mapping[str, float]) -> list[str]:
    """The donors that weigh most, the heaviest first; none where all weigh alike.

    Examples
    --------
    >>> main_donors({"A": 0.1, "B": 0.6, "C": 0.3, "D": 0.0}), main_donors({"A": 0.5, "B": 0.5})
    (['B'], [])
    """
    heaviest = sorted(weights, key=lambda donor: -weights[donor])[:MAIN_DONORS]
    return [plain(donor, NAME) for donor in heaviest if weights[donor] >= HEAVY / len(weights)]


def flagged(audit: object) -> list[dict[str, str]]:
    """Donors that an audit flags, each with its gravest flag, the gravest and then the heaviest first."""
    if not isinstance(audit, DonorAudit):
        return []
    found: dict[str, str] = {}
    for flag in FLAGS:
        found = {plain(donor, NAME): flag for donor in audit.flagged(flag)} | found
    return [{"donor": donor, "flag": flag} for flag in FLAGS for donor, own in found.items() if own == flag]
