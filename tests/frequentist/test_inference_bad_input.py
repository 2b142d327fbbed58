"""Degenerate panels through every inference: a correct answer or a named error, never NaN, never a hang."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import bsynth as bs
from bsynth.errors import BsynthError
from bsynth.frequentist import bootstrap, conformal, jackknife_plus, leave_one_out, leave_two_out, prediction_interval
from bsynth.panel.simulate import simulate_factor

PROCEDURES: dict[str, Callable[[bs.Panel], object]] = {
    "conformal": lambda panel: conformal(panel),
    "conformal, fitted before": lambda panel: conformal(panel, proxy="pre"),
    "leave two out": lambda panel: leave_two_out(panel, statistic="mean_gap", progress=False),
    "cumulative": lambda panel: leave_one_out(panel, cumulative=True, progress=False),
    "jackknife+": lambda panel: jackknife_plus(panel, progress=False),
    "prediction": lambda panel: prediction_interval(panel, draws=30),
    "units": lambda panel: bootstrap(panel, cluster="unit", replicates=20, progress=False),
    "time": lambda panel: bootstrap(panel, cluster="time", replicates=20, progress=False),
}


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    frame = simulate_factor(donors=8, n_pre=12, n_post=4)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=12)


@pytest.mark.parametrize("name", PROCEDURES)
@pytest.mark.parametrize("case", ["equal", "zero", "collinear", "outlier"])
def test_degenerate_panels(panel: bs.Panel, case: str, name: str) -> None:
    outcome = panel.outcome.copy()
    if case == "equal":
        outcome[:, 1] = outcome[:, 0]
    elif case == "zero":
        outcome[:, 1] = 0.0
    elif case == "collinear":
        outcome[:, 2:4] = outcome[:, [1]]
    else:
        outcome[5, 0] = 1e12
    try:
        table = PROCEDURES[name](replace(panel, outcome=outcome)).effects(0.8)
    except BsynthError:
        return
    numbers = table.set_index("estimand")[["estimate", "lower", "upper"]]
    if numbers.loc["lift"].isna().all():  # refused, where the untreated outcome may be zero
        numbers = numbers.drop("lift")
    assert not numbers.isna().any(axis=None)
    assert (numbers["lower"] <= numbers["upper"]).all()


@pytest.mark.parametrize("name", PROCEDURES)
def test_more_donors_than_periods(name: str) -> None:
    frame = simulate_factor(donors=25, n_pre=12, n_post=4)
    wide = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=12)
    table = PROCEDURES[name](wide).effects(0.8)
    assert np.isfinite(table.loc[0, ["lower", "upper"]].to_numpy(float)).all()
