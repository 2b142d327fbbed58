"""Election-day registration and turnout (Xu 2017): nine states that start at four dates.

Reference: two-way effects with no factor, fect 2.4.5, recomputed: each adopting state against the mean of the 38
that never adopt, by its own pre-period; every treated cell counts the same.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.frequentist import classical

RELATIVE = 1e-6


def test_difference_in_differences_by_state(data_dir: Path) -> None:
    frame = pd.read_csv(data_dir / "turnout_edr.csv")
    starts = frame[frame["treated"] == 1].groupby("unit")["time"].min()
    never = sorted(set(frame["unit"]) - set(starts.index))
    gaps = []
    for state, start in starts.items():
        panel = bs.Panel.from_long(
            frame, unit="unit", time="time", outcome="outcome", treated=state, start=int(start), donors=never
        )
        gaps.append(classical(panel, "did").gap[panel.n_pre :])
    cells = np.concatenate(gaps)
    assert (len(starts), len(never), len(cells)) == (9, 38, 50)
    assert cells.mean() == pytest.approx(1.261389, rel=RELATIVE)
