"""Ties count for both tails, and p and interval of one row never contradict each other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bsynth as bs
from bsynth.effects import gap_of, positive_share
from bsynth.errors import PanelError, SpecError
from bsynth.frequentist import (
    bootstrap,
    classical,
    conformal,
    jackknife_plus,
    leave_two_out,
    placebo_space,
    placebo_time,
    prediction_interval,
)

TESTS: dict[str, Callable[[bs.Panel], Any]] = {
    "placebo": lambda p: placebo_space(p, progress=False),
    "placebo-did": lambda p: placebo_space(p, "did", progress=False),
    "conformal": lambda p: conformal(p, progress=False),
    "conformal-pre": lambda p: conformal(p, proxy="pre", progress=False),
    "conformal-iid": lambda p: conformal(p, "did", permutations="iid", replicates=49, progress=False),
    "leave-two-out": lambda p: leave_two_out(p, progress=False),
    "leave-two-out-gap": lambda p: leave_two_out(p, statistic="mean_gap", progress=False),
    "jackknife+": lambda p: jackknife_plus(p, progress=False),
    "prediction": lambda p: prediction_interval(p, draws=40, progress=False),
    "bootstrap-unit": lambda p: bootstrap(p, cluster="unit", replicates=60, progress=False),
    "bootstrap-time": lambda p: bootstrap(p, cluster="time", replicates=60, progress=False),
}
LEVELS = (0.5, 0.6, 0.75, 0.8, 0.9, 0.95, 0.99)
LIMITED = ("placebo", "conformal", "leave-two-out", "jackknife+")
"""Kinds whose p can only be certain shares: at level 1 − p zero is outside."""


def _agree(table: pd.DataFrame, level: float) -> None:
    for row in table.to_dict("records"):
        if np.isnan(row["p"]):
            continue
        assert 0 < row["p"] <= 1, row
        if abs(row["p"] - (1 - level)) < 1e-9 and row["interval"] not in LIMITED:
            continue  # the bound is zero itself, but for rounding
        inside = bool(row["lower"] <= 0 <= row["upper"])
        assert inside == (row["p"] > 1 - level + 1e-12), row


def _random(donors: int, n_pre: int, n_post: int, seed: int, effect: float, offset: float) -> bs.Panel:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_pre + n_post, 2)).cumsum(axis=0)
    data = common @ rng.normal(size=(2, donors + 1)) + 0.5 * rng.normal(size=(n_pre + n_post, donors + 1)) + offset
    data[n_pre:, 0] += effect
    frame = pd.DataFrame(data, columns=[f"u{j}" for j in range(donors + 1)]).rename_axis("t").reset_index()
    return bs.Panel.from_wide(frame, time="t", treated="u0", start=n_pre)


@pytest.mark.parametrize("name", TESTS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    donors=st.integers(2, 12), n_pre=st.integers(3, 10), n_post=st.integers(1, 4), seed=st.integers(0, 10**6),
    effect=st.sampled_from([0.0, 1.0, 5.0]), offset=st.sampled_from([0.0, 50.0]),
)  # fmt: skip
def test_p_and_interval_agree(
    name: str, donors: int, n_pre: int, n_post: int, seed: int, effect: float, offset: float
) -> None:
    try:
        found = TESTS[name](_random(donors, n_pre, n_post, seed, effect, offset))
    except (PanelError, SpecError):
        return  # too few donors or periods for this one, and it says so
    for level in LEVELS:
        _agree(found.effects(level), level)
        if hasattr(found, "path") and not name.startswith("prediction"):
            path = found.path(level).drop(columns=["lower", "upper"])
            _agree(
                path.rename(columns={"gap_lower": "lower", "gap_upper": "upper"}).assign(interval="conformal"), level
            )


@pytest.mark.parametrize("kind", ["percentile", "basic", "studentised"])
@pytest.mark.parametrize("cluster", ["unit", "time"])
def test_every_kind_of_bootstrap_agrees_at_any_level(cluster: str, kind: str) -> None:
    for seed in range(4):
        found = bootstrap(_random(5, 8, 3, seed, 1.0, 20.0), "demeaned", cluster=cluster, replicates=45, progress=False)
        for level in (*LEVELS, 0.956, 0.957):
            _agree(found.effects(level, kind=kind), level)


@pytest.fixture(scope="module", params=[False, True], ids=["exact", "last bits differ"])
def twins(request: pytest.FixtureRequest) -> bs.Panel:
    """The treated unit is a donor over again, or but for the rounding of its outcomes."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(50 + rng.normal(size=(14, 7)).cumsum(axis=0), columns=list("Tabcdef"))
    frame["T"] = frame["a"] * (1 + 3e-16 * rng.integers(-1, 2, size=14)) if request.param else frame["a"]
    return bs.Panel.from_wide(frame.rename_axis("t").reset_index(), time="t", treated="T", start=10)


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_copy_of_a_donor_has_p_1(twins: bs.Panel, name: str) -> None:
    found = TESTS[name](twins)
    table = found.effects(0.8)
    if name != "placebo-did" and name != "conformal-iid":
        np.testing.assert_allclose(table["estimate"], 0, atol=1e-12)
        assert (table["p"] == 1).all()
    assert ((table["lower"] <= 0) & (table["upper"] >= 0))[table["p"] > 0.2].all()
    if name in ("conformal", "conformal-pre"):
        assert found.p == 1
        assert (found.table["p"] == 1).all()
    if name == "placebo":
        assert (found.ranks["p"] == 1).all()
    if name.startswith("leave-two-out"):
        assert found.p == 1


@pytest.mark.parametrize("kind", ["percentile", "basic", "studentised"])
def test_bootstraps_of_a_copy_have_p_1(twins: bs.Panel, kind: str) -> None:
    found = bootstrap(twins, cluster="time", replicates=60, progress=False).effects(kind=kind)
    assert found[["lower", "upper"]].abs().to_numpy().max() < 1e-12
    assert (found["p"] == 1).all()


def test_backdated_starts_of_a_copy_are_all_at_least_as_large(twins: bs.Panel) -> None:
    found = placebo_time(twins)
    assert f"of {len(found.table)} backdated starts {len(found.table)} show" in found.sentences()[0]


def test_a_log_of_one_arm_twice(cases_dir: Path) -> None:
    panel = bs.Panel.from_events(
        cases_dir / "log_aa.csv", unit="unit", time="time", outcome="y", treated="T", start=9, cluster="user"
    )
    found = bootstrap(panel, replicates=200, progress=False)
    for kind in ("percentile", "basic", "studentised"):
        table = found.effects(kind=kind).set_index("estimand")
        assert table.loc[["average", "cumulative"], "p"].tolist() == [1.0, 1.0]
        assert table.loc["average", ["estimate", "lower", "upper"]].tolist() == [0.0, 0.0, 0.0]


def test_identical_treated_and_donor(cases_dir: Path) -> None:
    panel = bs.Panel.from_long(
        cases_dir / "aa_identical.csv", unit="unit", time="time", outcome="y", treated="T", start=20
    )
    assert classical(panel).effects()["estimate"].tolist() == [0.0, 0.0, 0.0]
    for name in (
        "placebo",
        "conformal",
        "conformal-pre",
        "leave-two-out",
        "jackknife+",
        "prediction",
        "bootstrap-time",
    ):
        table = TESTS[name](panel).effects()
        assert (table["p"] == 1).all(), name
        assert ((table["lower"] <= 0) & (table["upper"] >= 0)).all(), name


def test_outcomes_that_end_do_not_contradict(cases_dir: Path) -> None:
    panel = bs.Panel.from_long(
        cases_dir / "post_all_zero.csv", unit="unit", time="time", outcome="y", treated="T", start=20
    )
    found = prediction_interval(panel)
    row = found.effects().iloc[0]
    assert abs(row["estimate"]) < 0.1
    assert row["lower"] <= 0 <= row["upper"]
    assert row["p"] > 0.05
    assert "a constant alone" in found.notes()[0]


def test_draws_of_zero_count_half() -> None:
    assert positive_share(np.zeros(5)) == 0.5
    assert positive_share(np.array([0.0, 1.0])) == 0.75


def test_rounding_is_no_gap() -> None:
    observed = np.array([1e6 + 0.1 + 0.2, 1e6, 5.0])
    assert gap_of(observed, np.array([1e6 + 0.3, 1e6 - 1e-3, 5.0])).tolist() == [0.0, pytest.approx(1e-3), 0.0]
