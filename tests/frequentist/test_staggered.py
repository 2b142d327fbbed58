"""Classical answers where starts differ, against direct computation, published rows and an independent solver."""

import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import LinearConstraint, minimize

import bsynth as bs
from bsynth.engines.pooled import solve_pooled
from bsynth.panel.simulate import simulate_factor

DATA = Path(os.environ.get("BSYNTH_DATA", Path(__file__).parents[3] / "shared" / "data"))
ROLES = {"unit": "unit", "time": "time", "outcome": "outcome"}
needs_data = pytest.mark.skipif(not DATA.exists() and not os.environ.get("CI"), reason="no benchmark panels")


@pytest.fixture(scope="module")
def turnout() -> bs.StaggeredPanel:
    return bs.Panel.from_long(DATA / "turnout_edr.csv", **ROLES, treatment_column="treated")


@pytest.fixture(scope="module")
def germany() -> bs.StaggeredPanel:
    return bs.Panel.from_long(DATA / "germany.csv", **ROLES, start={"West Germany": 1991, "Italy": 1992})


def _direct() -> tuple[pd.DataFrame, dict[str, int]]:
    frame = pd.read_csv(DATA / "turnout_edr.csv")
    wide = frame.pivot(index="time", columns="unit", values="outcome")
    starts = frame[frame["treated"] == 1].groupby("unit")["time"].min().to_dict()
    return wide, starts


def _slsqp(y: np.ndarray, X: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    J = X.shape[1]
    scale = float(((y - X.mean(axis=1)) ** 2).sum())
    found = minimize(
        lambda w: (((y - X @ w) ** 2).sum() + ridge * (w**2).sum()) / scale,
        np.full(J, 1 / J),
        jac=lambda w: 2 * (X.T @ (X @ w - y) + ridge * w) / scale,
        bounds=[(0, 1)] * J,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda _: np.ones(J)},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 2000},
    )
    return found.x


def _gap(y: np.ndarray, X: np.ndarray, n_pre: int, estimator: str) -> np.ndarray:
    """Gaps after the start, computed here from the definitions."""
    y0, X0 = y[:n_pre], X[:n_pre]
    if estimator == "sc":
        return (y - X @ _slsqp(y0, X0))[n_pre:]
    if estimator == "did":
        gap = y - X.mean(axis=1)
        return gap[n_pre:] - gap[:n_pre].mean()
    centred = (y0 - y0.mean(), X0 - X0.mean(axis=0))
    if estimator == "demeaned":
        gap = y - X @ _slsqp(*centred)
        return gap[n_pre:] - gap[:n_pre].mean()
    zeta = (len(y) - n_pre) ** 0.25 * np.diff(X0, axis=0).std(ddof=1)
    w = _slsqp(*centred, ridge=zeta**2 * n_pre)
    ahead = X[n_pre:].mean(axis=0)
    lam = _slsqp(ahead - ahead.mean(), (X0 - X0.mean(axis=1, keepdims=True)).T)
    gap = y - X @ w
    return gap[n_pre:] - lam @ gap[:n_pre]


@needs_data
@pytest.mark.parametrize("estimator", ["sc", "demeaned", "did", "sdid"])
def test_stacked_answers_on_turnout_are_the_direct_computation(turnout: bs.StaggeredPanel, estimator: str) -> None:
    wide, starts = _direct()
    never = [u for u in wide if u not in starts]
    gaps = {
        u: _gap(wide[u].to_numpy(), wide[never].to_numpy(), int(wide.index.get_loc(start)), estimator)
        for u, start in starts.items()
    }
    found = bs.classical(turnout, estimator)
    table = found.table.set_index(["scope", "of"])["estimate"]
    close = {"rel": 1e-5, "abs": 2e-4}
    assert found.average == pytest.approx(np.concatenate(list(gaps.values())).mean(), **close)
    for unit, gap in gaps.items():
        assert table["unit", unit] == pytest.approx(gap.mean(), **close)
    for event in range(10):
        assert table["event time", str(event)] == pytest.approx(
            np.mean([gap[event] for gap in gaps.values() if len(gap) > event]), **close
        )
    for start in (1976, 1996, 2008, 2012):
        own = np.concatenate([gaps[u] for u, each in starts.items() if each == start])
        assert table["wave", str(start)] == pytest.approx(own.mean(), **close)


@needs_data
def test_difference_in_differences_on_turnout_is_the_two_way_model_of_rank_0(turnout: bs.StaggeredPanel) -> None:
    """Published.md §8 (recomputed, fect 2.4.5): two-way effects imputed, no factor, 1.261389."""
    assert bs.classical(turnout, "did").average == pytest.approx(1.261389, abs=1e-6)


@needs_data
def test_two_units_of_scpi(germany: bs.StaggeredPanel) -> None:
    """Published.md §8, marked A: simplex, thousand USD, printed to six (means) and four (event times) digits."""
    found = bs.classical(germany, "sc")
    table = found.table.set_index(["scope", "of"])["estimate"] / 1000
    assert table["unit", "West Germany"] == pytest.approx(-1.847601, abs=1e-6)
    assert table["unit", "Italy"] == pytest.approx(-1.121062, abs=1e-6)
    assert table["overall", "all"] == pytest.approx(-1.498862, abs=1e-6)
    events = [0.1310, 0.0316, -0.4255, -0.6700, -0.9013, -1.2304, -1.2529, -1.6015, -2.2758, -2.6734, -2.8457, -3.0832]
    np.testing.assert_allclose([table["event time", str(k)] for k in range(12)], events, atol=5.1e-5)


def _program(panel: bs.StaggeredPanel, nu: float | None, *, intercept: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """The paper's quadratic program written out here: H, f of ½g'Hg − f'g, and ν."""
    own = [panel.unit_panel(u) for u in panel.starts]
    y = [p.treated_series[: p.n_pre] for p in own]
    X = [p.donor_matrix[: p.n_pre] for p in own]
    if intercept:
        y, X = [t - t.mean() for t in y], [x - x.mean(axis=0) for x in X]
    J, N, L = len(own), X[0].shape[1], max(map(len, y))
    apart = [_slsqp(t, x) for t, x in zip(y, X, strict=True)]
    residual = [t - x @ w for t, x, w in zip(y, X, apart, strict=True)]
    sep = sum((r**2).mean() for r in residual) / J
    mean_gap = [sum(r[-k] for r in residual if len(r) >= k) / J for k in range(1, L + 1)]
    pool = np.mean(np.square(mean_gap))
    if nu is None:
        nu = np.sqrt(np.sum(np.square(mean_gap))) / np.mean([np.linalg.norm(r) for r in residual])
    H, f = np.zeros((J * N, J * N)), np.zeros(J * N)
    for j, (t, x) in enumerate(zip(y, X, strict=True)):
        at = slice(j * N, (j + 1) * N)
        H[at, at] += (1 - nu) / sep * x.T @ x / (J * len(t))
        f[at] += (1 - nu) / sep * x.T @ t / (J * len(t))
    for k in range(1, L + 1):
        row = np.concatenate([x[-k] / J if len(x) >= k else np.zeros(N) for x in X])
        target = sum(t[-k] / J for t in y if len(t) >= k)
        H += nu / pool * np.outer(row, row) / L
        f += nu / pool * row * target / L
    return H, f, nu


@needs_data
@pytest.mark.parametrize(("nu", "intercept"), [(None, True), (0.5, False)])
def test_pooled_weights_are_those_of_an_independent_solver(
    turnout: bs.StaggeredPanel, nu: float | None, intercept: bool
) -> None:
    found = bs.classical(turnout, bs.Multisynth(nu=nu, intercept=intercept))
    g = found.weights["weight"].to_numpy()
    H, f, used = _program(turnout, nu, intercept=intercept)
    assert found.settings["nu"] == pytest.approx(used, abs=1e-6)
    J = turnout.n_treated
    N = len(g) // J
    sums = np.kron(np.eye(J), np.ones(N))
    support = g > 1e-10
    # SciPy's interior point from equal weights, then Newton on the face that it finds: no line of ours.
    inner = minimize(
        lambda w: w @ H @ w / 2 - f @ w, np.full(J * N, 1 / N), jac=lambda w: H @ w - f, hess=lambda _: H,
        bounds=[(0, 1)] * (J * N), constraints=LinearConstraint(sums, 1, 1), method="trust-constr",
        options={"gtol": 1e-12, "xtol": 1e-14, "barrier_tol": 1e-12, "maxiter": 600},
    ).x  # fmt: skip
    objective = lambda w: w @ H @ w / 2 - f @ w  # noqa: E731
    assert objective(g) <= objective(inner) + 1e-9
    face = inner > 1e-5
    E = sums[:, face]
    kkt = np.block([[H[np.ix_(face, face)], E.T], [E, np.zeros((J, J))]])
    polished = np.zeros(J * N)
    polished[face] = np.linalg.lstsq(kkt, np.concatenate([f[face], np.ones(J)]), rcond=None)[0][: face.sum()]
    np.testing.assert_allclose(g, polished, atol=1e-6)
    assert support.sum() <= face.sum()


@needs_data
def test_pooled_weights_at_the_ends_of_nu(turnout: bs.StaggeredPanel) -> None:
    separate = bs.classical(turnout, bs.Multisynth(nu=0))
    demeaned = bs.classical(turnout, "demeaned")
    np.testing.assert_allclose(separate.gaps["gap"], demeaned.gaps["gap"], atol=1e-6)
    half, pooled = (bs.classical(turnout, bs.Multisynth(nu=nu)) for nu in (0.5, 1))
    imbalance = [e.settings["q_pooled"] for e in (separate, half, pooled)]
    assert imbalance == sorted(imbalance, reverse=True)
    assert separate.settings["q_separate"] <= half.settings["q_separate"] <= pooled.settings["q_separate"]


def test_pooled_solver_on_random_programs() -> None:
    rng, blocks = np.random.default_rng(3), np.repeat(np.arange(3), [4, 6, 5])
    for _ in range(20):
        A, b = rng.normal(size=(9, 15)), rng.normal(size=9)
        start = 1 / np.bincount(blocks)[blocks]
        found = solve_pooled(A, b, blocks, start)
        assert found.duality_gap < 1e-9
        np.testing.assert_allclose(np.bincount(blocks, found.weights), 1, atol=1e-12)
        assert found.weights.min() >= 0
        other = minimize(
            lambda w, A=A, b=b: ((A @ w - b) ** 2).sum(), start, jac=lambda w, A=A, b=b: 2 * A.T @ (A @ w - b),
            bounds=[(0, 1)] * 15, constraints=[{"type": "eq", "fun": lambda w, k=k: w[blocks == k].sum() - 1} for k in range(3)],
            method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
        ).fun  # fmt: skip
        assert found.objective <= other + 1e-8


def _null(seed: int, treated: dict[int, int], donors: int = 9) -> bs.StaggeredPanel:
    frame = simulate_factor(donors=donors, n_pre=20, n_post=6, seed=seed, effect=0.0)
    return bs.Panel.from_long(frame, **ROLES, start=treated)


def test_placebo_waves_are_every_assignment_where_they_are_few() -> None:
    panel = _null(1, {0: 18, 1: 20, 2: 20}, donors=7)
    found = bs.placebo_waves(panel, "demeaned", progress=False)
    assert (found.possible, len(found.draws), found.exact) == (5 * 6, 30, True)
    direct = []
    for one in panel.never_treated:
        for pair in itertools.combinations([u for u in panel.never_treated if u != one], 2):
            placebo = panel.as_treated({one: 18, pair[0]: 20, pair[1]: 20})
            direct.append(bs.classical(placebo, "demeaned").average)
    np.testing.assert_allclose(sorted(found.draws["overall: all"]), sorted(direct), atol=1e-9)
    own = abs(found.estimate.average)
    assert found.table["p"][0] == pytest.approx((1 + sum(np.abs(direct) >= own)) / 31)
    again = bs.placebo_waves(panel, "demeaned", seed=5, progress=False)
    pd.testing.assert_frame_equal(again.draws, found.draws)


def test_blocks_give_what_panels_give_with_donors_treated_later_and_washout() -> None:
    frame = simulate_factor(donors=9, n_pre=20, n_post=6, seed=2, effect=0.0)
    panel = bs.Panel.from_long(
        frame, **ROLES, start={0: 16, 1: 16, 2: 21}, donor_kind="both", anticipation=1, washout=1
    )
    found = bs.placebo_waves(panel, "did", progress=False)
    one, *_ = itertools.combinations(panel.never_treated, 3)
    placebo = panel.as_treated(dict(zip(one, (16, 16, 21), strict=True)))
    table = bs.classical(placebo, "did").table.set_index(["scope", "of"])["estimate"]
    for column in found.draws:
        scope, of = column.split(": ")
        assert found.draws[column][0] == pytest.approx(table[scope, of], abs=1e-9)


def test_p_is_of_the_right_size_where_nothing_happened_and_small_where_something_did() -> None:
    null = [bs.placebo_waves(_null(seed, {0: 18, 1: 21}), "did", progress=False).table["p"][0] for seed in range(40)]
    assert min(null) > 0
    assert np.mean(np.array(null) <= 0.2) < 0.45
    assert 0.3 < np.mean(null) < 0.7
    frame = simulate_factor(donors=9, n_pre=20, n_post=6, seed=3, effect=0.0)
    moved = (frame["unit"] == 0) & (frame["time"] >= 18) | (frame["unit"] == 1) & (frame["time"] >= 21)
    frame["outcome"] += 50.0 * moved
    panel = bs.Panel.from_long(frame, **ROLES, start={0: 18, 1: 21})
    found = bs.placebo_waves(panel, "did", progress=False)
    assert found.table["p"][0] == pytest.approx(1 / (1 + found.possible))
    low, high = found.table[["lower", "upper"]].iloc[0]
    assert low > 0
    assert low <= 50 <= high
    assert bool((found.table["p"] > 0).all())


def test_the_interval_inverts_the_test() -> None:
    panel = _null(4, {0: 18, 1: 21})
    found = bs.placebo_waves(panel, "did", progress=False)
    rows = found.effects(level=0.9)
    sizes = found.draws["overall: all"].abs().to_numpy()
    for tau, inside in ((rows["lower"][0] + 1e-6, True), (rows["upper"][0] + 1e-6, False)):
        p = (1 + (sizes >= abs(found.estimate.average - tau)).sum()) / (1 + len(sizes))
        assert bool(p > 0.1) is inside
    assert np.isinf(found.effects(level=0.999)["upper"][0])


@needs_data
def test_drawn_assignments_hang_on_the_seed_alone(turnout: bs.StaggeredPanel) -> None:
    found, same, other = (bs.placebo_waves(turnout, "did", assignments=60, seed=s, progress=False) for s in (1, 1, 2))
    assert not found.exact
    pd.testing.assert_frame_equal(found.draws, same.draws)
    assert not found.draws.equals(other.draws)
    assert set(found.table["scope"]) == {"overall", "wave", "event time"}
    joint = bs.placebo_waves(turnout, bs.Multisynth(), assignments=19, progress=False)
    assert list(joint.draws.columns) != []
    assert 0 < joint.table["p"][0] <= 1


@pytest.mark.parametrize("estimator", ["sc", "demeaned", "sdid", "multisynth"])
def test_each_of_several_units_with_one_start_has_its_own_effect(estimator: str) -> None:
    frame = simulate_factor(donors=9, n_pre=20, n_post=6, seed=5, effect=0.0)
    panel = bs.Panel.from_long(frame, **ROLES, treated=[0, 1, 2], start=20)
    found = bs.classical(panel.per_unit(), estimator)
    rows = found.table.set_index(["scope", "of"])["estimate"]
    if estimator != "multisynth":
        for unit in panel.treated:
            alone = bs.classical(panel.only(unit), estimator)
            assert rows["unit", str(unit)] == pytest.approx(alone.effects()["estimate"][0], abs=1e-9)
    assert rows["overall", "all"] == pytest.approx(rows["unit"].mean(), abs=1e-9)
    apart = bs.classical(panel.per_unit(), bs.Multisynth(nu=0))
    together = bs.classical(panel.per_unit(), bs.Multisynth(nu=1))
    assert together.settings["q_pooled"] <= apart.settings["q_pooled"]
    assert "start at 20" in " ".join(found.sentences())


def test_requests_that_cannot_be_met_say_so() -> None:
    panel = _null(1, {0: 18, 1: 20}, donors=5)
    with pytest.raises(bs.SpecError, match=r"'scc' is unknown.*multisynth"):
        bs.classical(panel, "scc")
    with pytest.raises(bs.SpecError, match=r"nu is 1\.5"):
        bs.Multisynth(nu=1.5)
    with pytest.raises(bs.SpecError, match="this panel has one"):
        bs.classical(panel.unit_panel(0), "multisynth")
    with pytest.raises(bs.PanelError, match=r"2 starts to re-assign and 3 units never treated; at least 4"):
        bs.placebo_waves(_null(1, {0: 18, 1: 20}, donors=4), "did")
    with pytest.raises(bs.SpecError, match="assignments is 5"):
        bs.placebo_waves(panel, "did", assignments=5)


def test_every_table_of_effects_takes_the_full_that_it_speaks_of() -> None:
    panel = _null(1, {0: 18, 1: 20}, donors=7)
    for result in (bs.classical(panel), bs.classical(panel.unit_panel(0)), bs.placebo_waves(panel, progress=False)):
        assert type(result.effects(full=True)) is pd.DataFrame
        with pytest.raises(bs.SpecError, match="full is 'no'"):
            result.effects(full="no")
