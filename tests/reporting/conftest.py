"""Analyses to report on: the whole rollout, one without a posterior, one with hostile names."""

from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import bsynth as bs
from bsynth.analysis import Analysis, analyse
from bsynth.reporting import figures
from bsynth.result import Fit

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def analysis(rollout_panel: bs.Panel, rollout_fit: Fit) -> Analysis:
    classical = analyse(rollout_panel, models=["none"], replicates=60, seed=7, truth=0.05, progress=False)
    return replace(classical, fits=(rollout_fit,))


@pytest.fixture(scope="session")
def unreliable(analysis: Analysis) -> Analysis:
    (fit,) = analysis.fits
    failed = replace(fit.diagnostics, status="unreliable", failures=("3 divergences (must be 0)",), divergences=3)
    return replace(analysis, fits=(replace(fit, diagnostics=failed),))


@pytest.fixture(scope="session")
def posterior_only(analysis: Analysis) -> Analysis:
    return replace(analysis, estimates=(), placebo=None, leave_one_out=None, bootstrap=None, truth=None)


@pytest.fixture(scope="session")
def pictures(analysis: Analysis) -> dict[str, Figure]:
    return figures(analysis)


@pytest.fixture(scope="session")
def classical_only(prop99_panel: bs.Panel) -> Analysis:
    return analyse(prop99_panel, models=["none"], progress=False)


@pytest.fixture(scope="session")
def hostile() -> Analysis:
    rng = np.random.default_rng(1)
    names = (
        "<script>alert(0)</script>",
        "<script>alert(1)</script>",
        "=cmd()",
        "$x_1$",
        "\u202eevil",
        "x" * 300,
        "y&amp;",
    )
    frame = pd.DataFrame({name: np.sin(np.arange(12)) + rng.normal(0, 0.3, 12) for name in names})
    frame["week"] = np.arange(12)
    panel = bs.Panel.from_wide(frame, time="week", outcome='"><img src=x onerror=alert(2)>', treated=names[0], start=8)
    return analyse(panel, models=["none"], progress=False)
