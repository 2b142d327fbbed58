"""The simplex engines against published optima, other solvers, invariances and hostile input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import nnls

from bsynth.engines.minnorm import Problem, active_set
from bsynth.engines.simplex import LARGEST, SMALLEST, SimplexSolution, duality_gap, solve_many, solve_simplex
from bsynth.engines.slsqp import solve_slsqp
from bsynth.errors import BsynthError, SolverError

Floats = NDArray[np.float64]

#: Relative tolerance for quantities printed with seven or more digits.
PRINTED = 1e-6
#: Weights are published to six decimals.
SIX_DECIMALS = 6e-7
BASQUE, SPAIN = "Basque Country (Pais Vasco)", "Spain (Espana)"

# file, treated, first treated period, dropped, pre SSR, pre RMSPE (recomputed optima of the published panels)
PANELS = {
    "prop99": ("california_prop99.csv", ["California"], 1989, [], 52.129583, 1.656400),
    "basque1975": ("basque.csv", [BASQUE], 1975, [SPAIN], 0.141898, 0.084231),
    "basque1970": ("basque.csv", [BASQUE], 1970, [SPAIN], 0.085636, 0.075558),
    "basque1971": ("basque.csv", [BASQUE], 1971, [SPAIN], 0.094983, 0.077048),
    "germany1990": ("germany.csv", ["West Germany"], 1990, [], 111061.0573, 60.844353),
    "germany1991": ("germany.csv", ["West Germany"], 1991, [], 162052.4670, 72.301445),
    "geolift": ("geolift_test.csv", ["chicago", "portland"], "2021-04-01", [], 859796.6136, 97.740962),
}
MADRID, ASTURIAS, RIOJA = "Madrid (Comunidad De)", "Principado De Asturias", "Rioja (La)"
BALEARES = "Baleares (Islas)"
WEIGHTS = {
    "prop99": {"Utah": 0.393908, "Montana": 0.231840, "Nevada": 0.204923, "Connecticut": 0.109090,
               "New Hampshire": 0.045429, "Colorado": 0.014811},
    "basque1975": {"Cataluna": 0.826418, MADRID: 0.168347, ASTURIAS: 0.005235},
    "basque1970": {MADRID: 0.483128, BALEARES: 0.311075, RIOJA: 0.205797},
    "basque1971": {MADRID: 0.484365, BALEARES: 0.267249, RIOJA: 0.212322, "Cataluna": 0.036064},
    "germany1990": {"USA": 0.342610, "Austria": 0.323170, "Switzerland": 0.107882, "Greece": 0.098815,
                    "Italy": 0.061248, "France": 0.038543, "Norway": 0.027731},
    "germany1991": {"Austria": 0.291117, "USA": 0.272824, "Italy": 0.191367, "Netherlands": 0.133029,
                    "Switzerland": 0.081360, "France": 0.030303},
    "geolift": {"miami": 0.211417, "cincinnati": 0.210228, "baton rouge": 0.160739, "dallas": 0.112905,
                "honolulu": 0.087029, "nashville": 0.074415, "austin": 0.069592, "minneapolis": 0.061493,
                "reno": 0.012182},
}  # fmt: skip
# pre RMSPE and intercept of the demeaned problem
DEMEANED = {
    "prop99": (0.955356, -23.186862),
    "basque1975": (0.074559, 0.592228),
    "basque1970": (0.067705, 0.694873),
    "germany1990": (54.345065, 153.952224),
    "germany1991": (66.999148, 157.995008),
    "geolift": (95.868510, -84.756440),
}
DEMEANED_WEIGHTS = {
    "prop99": {"Connecticut": 0.265976, "Nevada": 0.227635, "Illinois": 0.154108, "Colorado": 0.095875,
               "Nebraska": 0.092588, "Montana": 0.080958, "New Hampshire": 0.058733, "Kansas": 0.013776,
               "North Carolina": 0.010352},
    "basque1975": {"Cataluna": 0.560502, RIOJA: 0.279202, ASTURIAS: 0.106352, MADRID: 0.053944},
    "germany1990": {"Austria": 0.454248, "USA": 0.312430, "Italy": 0.106890, "Greece": 0.055758,
                    "Switzerland": 0.047664, "Norway": 0.023010},
}  # fmt: skip


def pre_period(data_dir: Path, name: str) -> tuple[Floats, Floats, list[str]]:
    """Return donors, treated series and donor names of a panel before its first treated period."""
    file, treated, start, dropped, *_ = PANELS[name]
    wide = pd.read_csv(data_dir / file).pivot(index="time", columns="unit", values="outcome")
    pre = wide.drop(columns=dropped)[wide.index < start]
    donors = pre.drop(columns=treated)
    return donors.to_numpy(), pre[treated].mean(axis=1).to_numpy(), list(donors.columns)


def named(weights: Floats, names: list[str]) -> dict[str, float]:
    return {n: float(w) for n, w in zip(names, weights, strict=True) if w > 0.001}


def walk_panel(periods: int, donors: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    X = 50 + rng.normal(size=(periods, 3)).cumsum(0) @ rng.normal(size=(3, donors))
    X += rng.normal(size=X.shape)
    return X, X[:, :4].mean(axis=1) + 0.7 * rng.normal(size=periods)


def assert_optimal(X: Floats, y: Floats, s: SimplexSolution) -> None:
    """Feasible, certified, and KKT on its own terms (multipliers computed here)."""
    assert (s.weights >= 0).all()
    assert s.weights.sum() == pytest.approx(1, abs=1e-12)
    assert 0 <= s.duality_gap <= 1e-10
    assert s.duality_gap == pytest.approx(duality_gap(X, y, s.weights), abs=1e-12)
    residual = X @ s.weights - y
    assert s.objective == pytest.approx(residual @ residual, rel=1e-9, abs=1e-18 * (X * X).sum())
    multipliers = (X - (X @ s.weights)[:, None]).T @ residual
    reach = np.linalg.norm(X - y[:, None], axis=0).max()
    size = np.abs(X).max() + np.abs(y).max()
    assert multipliers.min() >= -1e-9 * reach * np.linalg.norm(residual) - 1e-14 * len(y) * size**2


@pytest.mark.parametrize("name", PANELS)
def test_published_optimum(data_dir: Path, name: str) -> None:
    X, y, names = pre_period(data_dir, name)
    *_, ssr, rmspe = PANELS[name]
    s = solve_simplex(X, y)
    assert named(s.weights, names) == pytest.approx(WEIGHTS[name], abs=SIX_DECIMALS)
    assert s.objective == pytest.approx(ssr, rel=PRINTED, abs=6e-7)
    assert np.sqrt(s.objective / len(y)) == pytest.approx(rmspe, rel=PRINTED, abs=6e-7)
    assert s.unique
    assert s.regularised == 0
    assert_optimal(X, y, s)


@pytest.mark.parametrize("name", DEMEANED)
def test_published_demeaned_optimum(data_dir: Path, name: str) -> None:
    X, y, names = pre_period(data_dir, name)
    s = solve_simplex(X - X.mean(axis=0), y - y.mean())
    rmspe, intercept = DEMEANED[name]
    assert np.sqrt(s.objective / len(y)) == pytest.approx(rmspe, rel=PRINTED, abs=6e-7)
    assert y.mean() - X.mean(axis=0) @ s.weights == pytest.approx(intercept, rel=PRINTED, abs=6e-7)
    if name in DEMEANED_WEIGHTS:
        assert named(s.weights, names) == pytest.approx(DEMEANED_WEIGHTS[name], abs=SIX_DECIMALS)


@pytest.mark.parametrize("name", PANELS)
def test_other_solvers_agree(data_dir: Path, name: str) -> None:
    X, y, _ = pre_period(data_dir, name)
    s, reference = solve_simplex(X, y), solve_slsqp(X, y)
    assert np.abs(reference.weights - s.weights).max() <= 1e-6  # the bar is 1e-4
    assert (reference.method, reference.unique) == ("slsqp", None)
    assert reference.objective == pytest.approx(s.objective, rel=1e-8)
    assert reference.duality_gap == duality_gap(X, y, reference.weights)
    heavy = 1e4 * np.abs(X).max()
    w, _ = nnls(np.vstack([X, np.full(X.shape[1], heavy)]), np.r_[y, heavy], maxiter=1000)
    assert np.abs(w - s.weights).max() <= 1e-6
    assert s.objective <= reference.objective * (1 + 1e-12)


@pytest.mark.parametrize("factor", [1e-6, 100.0, 1e9, -1.0])
def test_units_do_not_matter(factor: float) -> None:
    X, y = walk_panel(20, 30, 0)
    s, t = solve_simplex(X, y), solve_simplex(factor * X + 7 * factor, factor * y + 7 * factor)
    assert np.abs(s.weights - t.weights).max() <= 1e-9
    assert t.objective == pytest.approx(factor**2 * s.objective, rel=1e-9)


def small_panels() -> st.SearchStrategy[Floats]:
    """Panels (T0, 1 + J) with many ties on integers, or general ones; the first column is treated."""
    shapes = st.tuples(st.integers(1, 8), st.integers(2, 12))
    values = st.integers(-2, 2).map(float) | st.floats(-100, 100, width=16)
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=values))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(panel=small_panels(), seed=st.integers(0, 9))
def test_any_panel_is_solved_whatever_the_donor_order(panel: Floats, seed: int) -> None:
    y, X = panel[:, 0], panel[:, 1:]
    s = solve_simplex(X, y)
    assert_optimal(X, y, s)
    order = np.random.default_rng(seed).permutation(X.shape[1])
    t = solve_simplex(X[:, order], y)
    level = max(float(np.abs(X - y[:, None]).max()), 1e-300)
    assert t.objective == pytest.approx(s.objective, rel=1e-9, abs=1e-16 * level**2)
    if s.unique or (s.regularised and t.regularised):
        # Rounding of a nearly flat direction may move weights along it; the fit stays.
        assert np.abs(X @ s.weights - X[:, order] @ t.weights).max() <= 1e-7 * level


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("periods", "donors"), [(19, 38), (90, 38), (12, 200)])
def test_donor_order_to_1e9(periods: int, donors: int, seed: int) -> None:
    X, y = walk_panel(periods, donors, seed)
    order = np.random.default_rng(seed).permutation(donors)
    assert np.abs(solve_simplex(X[:, order], y).weights - solve_simplex(X, y).weights[order]).max() <= 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_integer_ties_do_not_depend_on_donor_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(50):
        X = rng.integers(-2, 3, (int(rng.integers(1, 12)), int(rng.integers(2, 18)))).astype(float)
        y, order = rng.integers(-2, 3, len(X)).astype(float), rng.permutation(X.shape[1])
        s = solve_simplex(X, y)
        assert np.abs(solve_simplex(X[:, order], y).weights - s.weights[order]).max() <= 1e-9


def test_duplicate_donor_leaves_the_fit_and_shares_its_weight() -> None:
    X, y = walk_panel(20, 15, 1)
    s = solve_simplex(X, y)
    used = int(s.weights.argmax())
    t = solve_simplex(np.c_[X, X[:, used]], y)
    assert t.objective == pytest.approx(s.objective, rel=1e-10)
    assert t.weights[[used, -1]] == pytest.approx([s.weights[used] / 2] * 2, abs=1e-9)
    assert not t.unique
    assert t.regularised > 0


@pytest.mark.parametrize(("periods", "donors"), [(10, 60), (20, 500), (60, 2000)])
def test_least_norm_weights_of_a_perfect_fit(periods: int, donors: int) -> None:
    rng = np.random.default_rng(donors)
    X = rng.normal(size=(periods, donors))
    y = X.mean(axis=1) + 0.01 * rng.normal(size=periods)
    s = solve_simplex(X, y)
    assert_optimal(X, y, s)
    assert s.objective <= 1e-25
    assert s.regularised > 0
    # The pseudo-inverse answer is non-negative here, so it is the least norm of all.
    least = np.linalg.lstsq(np.vstack([X, np.ones(donors)]), np.r_[y, 1.0])[0]
    assert least.min() > 0
    assert np.abs(s.weights - least).max() <= 1e-10


def hostile(kind: str) -> tuple[Floats, Floats]:
    X, y = walk_panel(20, 30, 2)
    match kind:
        case "constant donor":
            X[:, 3] = 4.0
        case "all-zero donor":
            X[:, 3] = 0.0
        case "donor equal to treated":
            X[:, 3] = y
        case "two donors equal to treated":
            X[:, 3] = X[:, 8] = y
        case "collinear donors":
            X = np.c_[X, X[:, :5] @ np.full(5, 0.2), 2 * X - 50]
        case "every donor the same":
            X[:] = X[:, :1]
        case "everything zero":
            X, y = 0 * X, 0 * y
        case "constant treated":
            y[:] = 55.0
        case "one period":
            X, y = X[:1], y[:1]
        case "one donor":
            X = X[:, :1]
        case "huge common period":
            X[4], y[4] = 1e12, 1e12
        case "huge level":
            X, y = X + 1e9, y + 1e9
        case "donors on different scales":
            X = X * 10.0 ** np.random.default_rng(0).integers(-6, 9, 30)
        case "periods on different scales":
            rows = 10.0 ** np.random.default_rng(0).integers(-6, 9, 20)
            X, y = X * rows[:, None], y * rows
        case "many donors":
            X, y = walk_panel(60, 2000, 3)
    return X, y


@pytest.mark.parametrize(
    "kind",
    ["constant donor", "all-zero donor", "donor equal to treated", "two donors equal to treated",
     "collinear donors", "every donor the same", "everything zero", "constant treated", "one period",
     "one donor", "huge common period", "huge level", "donors on different scales",
     "periods on different scales", "many donors"],
)  # fmt: skip
def test_hostile_panel(kind: str) -> None:
    X, y = hostile(kind)
    s = solve_simplex(X, y)
    assert (s.weights >= 0).all()
    assert s.weights.sum() == pytest.approx(1, abs=1e-12)
    assert s.duality_gap <= 1e-10
    if "equal to treated" in kind:
        assert s.objective == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("donor", range(0, 30, 3))
@pytest.mark.parametrize("sign", [1, -1])
def test_one_huge_donor_cell(donor: int, sign: int) -> None:
    X, y = walk_panel(20, 30, 2)
    spoiled = X.copy()
    spoiled[3, donor] = sign * 1e12
    s = solve_simplex(spoiled, y)
    assert s.duality_gap <= 1e-10
    assert s.weights[donor] < 1e-9
    # The huge cell can only help period 3, at no cost elsewhere.
    rest, cut = np.delete(X, donor, axis=1), np.delete(np.arange(20), 3)
    assert s.objective <= solve_simplex(rest, y).objective * (1 + 1e-9)
    assert s.objective >= solve_simplex(rest[cut], y[cut]).objective * (1 - 1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_one_huge_treated_cell_picks_the_nearest_donor_there(sign: int) -> None:
    X, y = walk_panel(20, 30, 2)
    y[4] = sign * 1e12
    w = solve_simplex(X, y).weights
    assert w[int((sign * X[4]).argmax())] == 1


def test_ridge_rows_solve_the_ridge_problem() -> None:
    X, y = walk_panel(20, 12, 5)
    ridge = 3.0
    s = solve_simplex(np.vstack([X, ridge * np.eye(12)]), np.r_[y, np.zeros(12)])
    support = s.weights > 0
    gradient = X.T @ (X @ s.weights - y) + ridge**2 * s.weights
    assert np.ptp(gradient[support]) <= 1e-9 * np.abs(gradient).max()
    assert (gradient[~support] >= gradient[support].mean() - 1e-9).all()


BAD: dict[str, tuple[object, object, str]] = {
    "NaN": (np.array([[1.0, np.nan], [1.0, 2.0]]), np.ones(2), r"nan at \(0, 1\)"),
    "infinite": (np.ones((2, 2)), np.array([1.0, np.inf]), r"inf at \(1,\)"),
    "both infinities": (np.array([[np.inf, -np.inf]]), np.ones(1), "missing and infinite"),
    "no donor": (np.ones((3, 0)), np.ones(3), "at least one"),
    "no period": (np.ones((0, 3)), np.ones(0), "at least one"),
    "lengths": (np.ones((3, 2)), np.ones(4), "same T0"),
    "text": (np.array([["a", "b"]]), np.ones(1), "not numeric"),
    "ragged": ([[1.0], [1.0, 2.0]], np.ones(2), "not numeric"),
    "scalar": (np.float64(3), np.ones(1), "need"),
    "overflow": (np.full((2, 2), 1e200), np.ones(2), "rescale"),
    "overflow below zero": (np.array([[-1e200, 1.0], [1.0, 2.0]]), np.ones(2), "rescale"),
}


@pytest.mark.parametrize("solve", [solve_simplex, solve_slsqp, solve_many])
@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_named(kind: str, solve: Callable[[object, object], object]) -> None:
    X, y, message = BAD[kind]
    with pytest.raises(SolverError, match="need" if kind == "lengths" else message) as caught:
        solve(X, y)
    assert isinstance(caught.value, BsynthError)
    assert isinstance(caught.value, ValueError)


def test_bad_weights_and_donors_are_named() -> None:
    X = np.ones((3, 2))
    with pytest.raises(SolverError, match="one per donor"):
        duality_gap(X, np.ones(3), np.ones(3))
    with pytest.raises(SolverError, match="NaN"):
        duality_gap(X, np.ones(3), np.array([np.nan, 1.0]))
    with pytest.raises(SolverError, match="problem 1 has no donor"):
        solve_many(X, X.T, donors=np.array([[True, False], [False, False]]))
    with pytest.raises(SolverError, match="bool"):
        solve_many(X, X.T, donors=np.ones((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(SolverError, match="with one B"):
        solve_many(np.ones((4, 3, 2)), np.ones((5, 3)))


@pytest.mark.parametrize("size", [SMALLEST, 1.0, LARGEST])
def test_both_ends_of_what_can_be_squared_are_taken(size: float) -> None:
    found = solve_simplex(size * np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), size * np.array([0.25, 0.75, 1.0]))
    np.testing.assert_allclose(found.weights, [0.75, 0.25])


def test_weights_may_be_a_list_of_whole_numbers() -> None:
    X, y = np.array([[0.0, 2.0], [2.0, 0.0]]), np.ones(2)
    assert duality_gap(X, y, [1, 0]) == duality_gap(X, y, np.array([1.0, 0.0])) == 1.0  # type: ignore[arg-type]


def test_steps_are_counted_from_the_compiled_start() -> None:
    """None where its answer is optimal and the only one; some where one of many has to be chosen."""
    only = solve_simplex(np.array([[0.0, 2.0, 9.0], [2.0, 0.0, 9.0]]), np.array([0.5, 1.5]))
    many = solve_simplex(np.array([[0.0, 2.0, 1.0], [2.0, 0.0, 1.0]]), np.array([0.5, 1.5]))
    assert (only.unique, only.iterations) == (True, 0)
    assert many.unique is False
    assert many.iterations > 0


@pytest.mark.parametrize(("periods", "donors"), [(19, 38), (60, 25), (30, 150)])
def test_active_set_alone_reaches_the_optimum(periods: int, donors: int) -> None:
    """The fall-back from the compiled start, from the worst start there is."""
    X, y = walk_panel(periods, donors, 6)
    problem = Problem(X, y)
    start = np.zeros(donors)
    start[int(problem.lengths.argmax())] = 1.0
    state, steps = active_set(problem, problem.state(start))
    assert state.optimal
    assert steps > 2
    assert np.abs(state.w - solve_simplex(X, y).weights).max() <= 1e-9


def test_gap_bounds_the_distance_to_the_optimum() -> None:
    X, y = walk_panel(20, 30, 4)
    best = solve_simplex(X, y).objective
    for seed in range(20):
        w = np.random.default_rng(seed).dirichlet(np.full(30, 0.2))
        objective = float(((X @ w - y) ** 2).sum())
        assert objective - best <= duality_gap(X, y, w) * objective * (1 + 1e-12)
        assert duality_gap(X, y, w) > 1e-3


def test_batch_equals_single() -> None:
    panels = [walk_panel(19, 25, seed) for seed in range(6)]
    batch = solve_many(np.stack([X for X, _ in panels]), np.stack([y for _, y in panels]))
    for b, (X, y) in enumerate(panels):
        s = solve_simplex(X, y)
        assert np.array_equal(batch.weights[b], s.weights)
        assert (batch.objective[b], batch.duality_gap[b]) == (s.objective, s.duality_gap)
        assert (batch.regularised[b], batch.unique[b]) == (s.regularised, s.unique)


def test_each_panel_of_a_batch_has_donors_of_its_own() -> None:
    panels, may = [walk_panel(19, 7, seed) for seed in range(3)], ~np.eye(3, 7, dtype=bool)
    batch = solve_many(np.stack([X for X, _ in panels]), np.stack([y for _, y in panels]), donors=may)
    for b, (X, y) in enumerate(panels):
        assert np.array_equal(batch.weights[b, may[b]], solve_simplex(X[:, may[b]], y).weights)
        assert batch.weights[b, b] == 0


def test_batch_serves_placebos_and_leave_one_out(data_dir: Path) -> None:
    X, y, _ = pre_period(data_dir, "germany1990")
    donors = ~np.eye(X.shape[1], dtype=bool)
    placebo, left_out = solve_many(X, X.T, donors=donors), solve_many(X, y, donors=donors)
    whole = solve_simplex(X, y)
    for j in range(X.shape[1]):
        rest = np.delete(X, j, axis=1)
        assert placebo.weights[j, j] == left_out.weights[j, j] == 0
        assert np.array_equal(placebo.weights[j, donors[j]], solve_simplex(rest, X[:, j]).weights)
        assert np.array_equal(left_out.weights[j, donors[j]], solve_simplex(rest, y).weights)
        if whole.weights[j] == 0:
            assert left_out.weights[j] == pytest.approx(whole.weights, abs=1e-9)
    assert (left_out.objective >= whole.objective * (1 - 1e-12)).all()


def test_slsqp_on_hard_panels_is_right_or_says_so() -> None:
    for seed, shape in enumerate([(5, 1), (20, 25), (12, 60)] * 3):
        X, y = walk_panel(*shape, seed)
        s = solve_simplex(X, y)
        assert np.abs(solve_slsqp(X, y).weights - s.weights).max() <= 1e-4 or not s.unique
    X, y = walk_panel(20, 30, 2)
    with pytest.raises(SolverError, match="relative duality gap"):
        solve_slsqp(X, y, max_iterations=1)
