"""The exact engine on data of every shape and scale: never refused, never worse than another solver."""

import contextlib
from collections.abc import Callable

import numpy as np
import pytest
import quadprog
from numpy.typing import NDArray

from bsynth.engines import simplex
from bsynth.engines.fallback import improved, starts
from bsynth.engines.minnorm import Problem, active_set
from bsynth.engines.simplex import duality_gap, solve_many, solve_simplex
from bsynth.engines.slsqp import solve_slsqp
from bsynth.errors import SolverError

Floats = NDArray[np.float64]
type Generator = np.random.Generator

UNIT = 2.0**-53


def _world(periods: int, donors: int, rng: Generator) -> tuple[Floats, Floats]:
    factors = rng.normal(size=(periods, 2)).cumsum(axis=0)
    data = float(rng.choice([0, 1, 50, 1e3, 1e6])) + factors @ rng.normal(size=(2, donors + 1))
    data = data + 10.0 ** rng.uniform(-3, 1) * rng.normal(size=data.shape)
    return data[:, 1:], data[:, 0]


def _duplicates(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return X[:, rng.integers(0, X.shape[1], X.shape[1])], y


def _near_copies(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return X[:, :1] + 10.0 ** rng.uniform(-12, -3) * rng.normal(size=X.shape), y


def _near_copies_of_the_treated(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    X = np.where(rng.random(X.shape[1]) < 0.3, y[:, None], X)
    return X + 10.0 ** rng.uniform(-14, -6) * rng.normal(size=X.shape), y


def _constant_columns(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return np.where(rng.random(X.shape[1]) < 0.5, float(rng.choice([0, 4, 50, 1e6])), X), y


def _collinear(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return np.column_stack([X, X @ rng.dirichlet(np.ones(X.shape[1]), size=X.shape[1]).T]), y


def _zero_rows(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    rows = rng.random(len(y)) < 0.6
    return np.where(rows[:, None], 0.0, X), np.where(rows, 0.0, y)


def _perfect(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return X, X @ rng.dirichlet(np.full(X.shape[1], 0.5))


def _nearly_perfect(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return X, _perfect(X, y, rng)[1] + 10.0 ** rng.uniform(-14, -4) * rng.normal(size=len(y))


def _far_treated(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return X, y + 10.0 ** rng.uniform(0, 8)


def _far_level(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return 1e6 + rng.normal(size=X.shape), 1e6 + 10.0 ** rng.uniform(-3, 3) * rng.normal(size=len(y))


def _any_unit(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    unit = 10.0 ** rng.uniform(-6, 9)
    return unit * X, unit * y


def _donors_of_any_unit(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    return X * 10.0 ** rng.integers(-6, 9, X.shape[1]), y


def _one_huge_cell(X: Floats, y: Floats, rng: Generator) -> tuple[Floats, Floats]:
    X = X.copy()
    X[rng.integers(len(y)), rng.integers(X.shape[1])] = 1e12
    return X, y


KINDS: dict[str, Callable[[Floats, Floats, Generator], tuple[Floats, Floats]]] = {
    "plain": lambda X, y, _: (X, y),
    **{
        made.__name__.strip("_").replace("_", " "): made
        for made in (
            _duplicates, _near_copies, _near_copies_of_the_treated, _constant_columns, _collinear, _zero_rows,
            _perfect, _nearly_perfect, _far_treated, _far_level, _any_unit, _donors_of_any_unit, _one_huge_cell,
        )
    },
}  # fmt: skip
SHAPES = [(6, 20), (20, 445), (1, 7), (60, 1), (3, 2)]


def _problems(kind: str, count: int) -> list[tuple[Floats, Floats]]:
    found = []
    for seed in range(count):
        rng = np.random.default_rng([sorted(KINDS).index(kind), seed])
        random = int(rng.integers(1, 61)), int(np.exp(rng.uniform(0, np.log(500))))
        periods, donors = SHAPES[seed] if seed < len(SHAPES) else random
        found.append(KINDS[kind](*_world(periods, donors, rng), rng))
    return found


def _rounding(X: Floats, y: Floats, w: Floats) -> float:
    """What double precision leaves of the residual's length: a few roundings of its terms, in differences."""
    best = int(((X - y[:, None]) ** 2).sum(axis=0).argmin())
    terms = np.abs(X - X[:, best, None]) @ w + np.abs(y - X[:, best])
    return 20 * UNIT * float(np.linalg.norm(terms))


def _distance(X: Floats, y: Floats, w: Floats) -> float:
    """Length of the residual, in differences to one donor, so that a common level costs no digits."""
    best = int(((X - y[:, None]) ** 2).sum(axis=0).argmin())
    return float(np.linalg.norm((X - X[:, best, None]) @ w - (y - X[:, best]) * w.sum()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_panel_has_weights_and_none_are_better(kind: str) -> None:
    for X, y in _problems(kind, 15):
        found = solve_simplex(X, y)
        assert (found.weights >= 0).all()
        assert found.weights.sum() == pytest.approx(1, abs=1e-12)
        assert found.duality_gap == pytest.approx(duality_gap(X, y, found.weights), rel=1e-6, abs=1e-12)
        problem = Problem(X, y)
        assert problem.state(found.weights).certified, (X.shape, found.duality_gap)
        own = _distance(X, y, found.weights)
        # Any other point is at least as far from the treated series, up to rounding and what is a perfect fit.
        for other in _rivals(X, y):
            room = _rounding(X, y, found.weights) + _rounding(X, y, other) + 1e-5 * np.sqrt(problem.floor)
            assert own <= _distance(X, y, other) * (1 + 1e-9) + room, X.shape


def _rivals(X: Floats, y: Floats) -> list[Floats]:
    """Weights of SLSQP and of Goldfarb and Idnani's dual method, where these have an answer."""
    rivals = []
    if X.shape[1] <= 30:
        with contextlib.suppress(SolverError):  # it says so where it stops short, as on the harder of these
            rivals.append(solve_slsqp(X, y, max_iterations=200).weights)
    A = X - y[:, None]
    scale = float(np.abs(A).max()) or 1.0
    G = (A / scale).T @ (A / scale)
    donors = len(G)
    G[np.diag_indices(donors)] += 1e-10 * np.trace(G) / donors + 1e-300
    try:
        C = np.column_stack([np.ones(donors), np.eye(donors)])
        w = quadprog.solve_qp(G, np.zeros(donors), C, np.r_[1.0, np.zeros(donors)], 1)[0]
    except ValueError:  # not positive definite in floating point
        return rivals
    w = np.maximum(w, 0.0)
    return [*rivals, w / w.sum()] if np.isfinite(w).all() and w.sum() > 0 else rivals


@pytest.mark.parametrize("kind", ["plain", "duplicates", "far level", "perfect", "nearly perfect"])
def test_each_start_leads_to_the_optimum(kind: str) -> None:
    """What follows when the first method stops short, each on its own."""
    for X, y in _problems(kind, 8):
        problem = Problem(X, y)
        best = solve_simplex(X, y)
        for w in starts(problem):
            state, _ = active_set(problem, problem.state(w))
            room = _rounding(X, y, best.weights)
            assert _distance(X, y, state.w) <= _distance(X, y, best.weights) * (1 + 1e-9) + room


def test_a_first_method_that_fails_is_followed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    panels = _problems("plain", 8)
    right = [solve_simplex(X, y) for X, y in panels]
    monkeypatch.setattr(simplex, "start", lambda problem: np.full(problem.A.shape[1], 1 / problem.A.shape[1]))
    monkeypatch.setattr(simplex, "active_set", lambda problem, state: (state, 1))
    for (X, y), expected in zip(panels, right, strict=True):
        np.testing.assert_allclose(solve_simplex(X, y).weights, expected.weights, atol=1e-9)


def test_what_is_not_certified_is_still_returned_with_its_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were every method to stop short, the best point comes back and its gap says how far it may be."""
    X, y = _world(20, 30, np.random.default_rng(0))
    even = np.full(30, 1 / 30)
    monkeypatch.setattr(simplex, "start", lambda _: even)
    monkeypatch.setattr(simplex, "active_set", lambda _, state: (state, 1))
    monkeypatch.setattr(simplex, "improved", lambda _, state, steps: (state, steps))
    found = solve_simplex(X, y)
    np.testing.assert_allclose(found.weights, even)
    assert found.duality_gap == pytest.approx(duality_gap(X, y, even))
    assert found.duality_gap > 0.1


def test_improved_keeps_the_better_point() -> None:
    X, y = _world(12, 40, np.random.default_rng(3))
    problem = Problem(X, y)
    worst = np.zeros(40)
    worst[int(problem.lengths.argmax())] = 1.0
    state, steps = improved(problem, problem.state(worst), 5)
    assert state.certified
    assert steps > 5
    assert state.ssr == pytest.approx(solve_simplex(X, y).objective, rel=1e-9)


def test_a_common_level_costs_no_digits() -> None:
    """Levels far from zero, which whole numbers hold exactly: the weights are those without the level."""
    rng = np.random.default_rng(4)
    X, y = rng.integers(-50, 50, (20, 30)).astype(float), rng.integers(-50, 50, 20).astype(float)
    near = solve_simplex(X, y)
    for level in (1e6, 1e12):
        np.testing.assert_allclose(solve_simplex(X + level, y + level).weights, near.weights, atol=1e-9)


def test_a_batch_of_hard_problems_is_solved() -> None:
    rng = np.random.default_rng(5)
    X, _ = _world(6, 20, rng)
    donors = ~np.eye(20, dtype=bool)
    found = solve_many(X, X.T, donors=donors)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-12)
    assert (found.duality_gap <= 1e-9).all()
