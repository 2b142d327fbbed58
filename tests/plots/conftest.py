"""Real classical results to draw, and figures closed after each test."""

from collections.abc import Iterator
from dataclasses import replace

import matplotlib
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.frequentist import Bootstrap, LeaveOneOut, PlaceboSpace

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="session")
def rollout_sc(rollout_panel: bs.Panel) -> bs.Estimate:
    return bs.classical(rollout_panel)


@pytest.fixture(scope="session")
def rollout_placebo(rollout_panel: bs.Panel) -> PlaceboSpace:
    return bs.placebo_space(rollout_panel, progress=False)


@pytest.fixture(scope="session")
def rollout_leave_one_out(rollout_panel: bs.Panel) -> LeaveOneOut:
    return bs.leave_one_out(rollout_panel, progress=False)


@pytest.fixture(scope="session")
def rollout_bootstrap(rollout_panel: bs.Panel) -> Bootstrap:
    return bs.bootstrap(rollout_panel, replicates=60, seed=7, progress=False)


@pytest.fixture(scope="session")
def prop99_placebo(prop99_panel: bs.Panel) -> PlaceboSpace:
    return bs.placebo_space(prop99_panel, max_pre_mspe=20, progress=False)


@pytest.fixture(scope="session")
def unreliable_fit(rollout_fit: Fit) -> Fit:
    """The real fit with a gate that failed."""
    failed = replace(rollout_fit.diagnostics, status="unreliable", failures=("3 divergences (must be 0)",))
    return replace(rollout_fit, diagnostics=failed)
