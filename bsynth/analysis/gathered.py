"""What the words of a verdict name beside the table of a comparison."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bsynth._base.plain import records
from bsynth.findings.donors import DonorAudit
from bsynth.text.labels import plain

MAIN_DONORS, HEAVY, NAME = 3, 1.5, 60
"""Donors that a verdict names, how many times the even share one of them weighs, and characters of its name."""


def lifts(effects: pd.DataFrame) -> list[dict[str, Any]]:
    """The lift of every row of effects, without its interval."""
    rows = effects.loc[effects["estimand"] == "lift", ["method", "model", "interval", "estimate"]]
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


def suspects(audit: object) -> list[str]:
    """Donors that look treated themselves, where they were audited."""
    found = audit.flagged("looks treated") if isinstance(audit, DonorAudit) else []
    return [plain(donor, NAME) for donor in found[:MAIN_DONORS]]
