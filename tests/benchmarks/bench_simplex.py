"""How fast the exact simplex engine is, beside SLSQP and quadprog.

Run ``python tests/benchmarks/bench_simplex.py [--quick]``. Every ratio compares medians from this one run.
SLSQP runs at the loosest tolerance at which its weights come within 1e-4 of the exact ones (1e-9); the row at
SciPy's default (1e-6) is for information, its weights are off in the third digit.
Bars: J=38 at least 100 times SLSQP with numerical gradient, J=200 at least 500 times; 1,000 bootstrap refits
at J=38 in at most 1/50 of SLSQP with analytic gradient; never slower than quadprog; relative duality gap at
most 1e-10.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from bsynth.engines.simplex import duality_gap, solve_many, solve_simplex

try:
    import quadprog
except ModuleNotFoundError:
    quadprog = None

Floats = NDArray[np.float64]


#: The loosest power of ten at which SLSQP's weights come within 1e-4 of the exact ones on all these panels.
ACCURATE = 1e-9
#: SciPy's default, at which they do not.
DEFAULT = 1e-6


def factor_panel(periods: int, donors: int, seed: int) -> tuple[Floats, Floats]:
    """Return donors and treated series of a four-factor random-walk world."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(periods, 4)).cumsum(axis=0)
    X = 50 + factors @ rng.normal(size=(4, donors)) + rng.normal(size=(periods, donors))
    return X, X[:, :5].mean(axis=1) + 0.7 * rng.normal(size=periods)


def prop99() -> tuple[Floats, Floats]:
    """Return the pre-period of Prop 99."""
    path = Path(os.environ.get("BSYNTH_DATA", "../shared/data")) / "california_prop99.csv"
    wide = pd.read_csv(path).pivot(index="time", columns="unit", values="outcome")
    pre = wide[wide.index < 1989]
    return pre.drop(columns="California").to_numpy(), pre["California"].to_numpy()


def race(mine: Callable[[], object], other: Callable[[], object], repeats: int, own: int = 5) -> tuple[float, float]:
    """Return median wall times of two calls in turns, so that a busy machine slows both alike.

    ``own`` calls of ``mine`` surround each call of ``other``.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for call, taken in [(mine, times[0])] * own + [(other, times[1])]:
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
    return float(np.median(times[0])), float(np.median(times[1]))


def slsqp(X: Floats, y: Floats, analytic: bool, tolerance: float = ACCURATE) -> Floats:
    """Return weights of one SLSQP run from uniform weights."""
    donors = X.shape[1]
    scale = float(np.var(y)) * len(y)

    def value(w: Floats) -> float:
        residual = X @ w - y
        return float(residual @ residual) / scale

    def gradient(w: Floats) -> Floats:
        return 2 * X.T @ (X @ w - y) / scale

    weights: Floats = minimize(
        value,
        np.full(donors, 1 / donors),
        jac=gradient if analytic else None,
        method="SLSQP",
        bounds=[(0, 1)] * donors,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"maxiter": 1000, "ftol": tolerance},
    ).x
    return weights


def with_quadprog(X: Floats, y: Floats) -> Floats:
    """Return weights by Goldfarb-Idnani, with the least ridge that makes the matrix definite."""
    donors = X.shape[1]
    G = X.T @ X
    G[np.diag_indices(donors)] += 1e-10 * np.trace(G) / donors
    C = np.column_stack([np.ones(donors), np.eye(donors)])
    weights: Floats = quadprog.solve_qp(G, X.T @ y, C, np.r_[1.0, np.zeros(donors)], 1)[0]
    return weights


def row(name: str, times: tuple[float, float], other: str, bar: float | None = None) -> bool:
    """Print one comparison and return whether its bar is met."""
    ratio = times[1] / times[0]
    met = bar is None or ratio >= bar
    wanted = "" if bar is None else f"bar {bar:g}x: " + ("ok" if met else "MISSED")
    print(f"{name:30s}{times[0] * 1e3:10.3f} ms  {other:26s}{times[1] * 1e3:11.3f} ms {ratio:9.1f}x  {wanted}")
    return met


def compare(name: str, X: Floats, y: Floats) -> bool:
    """Print the rows of one panel and return whether every bar is met."""
    donors, solution = X.shape[1], solve_simplex(X, y)
    gap = duality_gap(X, y, solution.weights)
    print(f"{name}: relative duality gap {gap:.1e}, {np.count_nonzero(solution.weights)} donors used")
    met = [gap <= 1e-10]

    def exact() -> object:
        return solve_simplex(X, y)

    if quadprog is not None:
        repeats = 3 if donors == 1000 else 20 if donors == 200 else 300
        met.append(row(name, race(exact, lambda: with_quadprog(X, y), repeats, 1), "quadprog", 1))
    if donors in (38, 200):
        repeats, bar = (9, 100) if donors == 38 else (5, 500)
        times = race(exact, lambda: slsqp(X, y, False), repeats)
        met.append(row(name, times, "SLSQP, numerical gradient", bar))
        row(name, race(exact, lambda: slsqp(X, y, True), repeats), "SLSQP, analytic gradient")
        off = float(np.abs(slsqp(X, y, False, DEFAULT) - solution.weights).max())
        times = race(exact, lambda: slsqp(X, y, False, DEFAULT), repeats)
        row(name, times, f"numerical, 1e-6: off {off:.0e}")
    return all(met)


def bootstrap(replicates: int) -> bool:
    """Print refits of noisy copies of Prop 99 and return whether the bar is met; both run on every panel."""
    X, y = prop99()
    rng = np.random.default_rng(0)
    Xs, ys = X + rng.normal(size=(replicates, *X.shape)), y + rng.normal(size=(replicates, *y.shape))
    times = race(lambda: solve_many(Xs, ys), lambda: [slsqp(Xs[b], ys[b], True) for b in range(replicates)], 1)
    print(f"bootstrap: largest relative duality gap {solve_many(Xs, ys).duality_gap.max():.1e}")
    return row(f"{replicates} refits (J=38)", times, "SLSQP, analytic gradient", 50)


def main() -> int:
    """Print the table; exit status 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description="Time the exact simplex engine.")
    parser.add_argument("--quick", action="store_true", help="only J up to 38, and 100 bootstrap refits")
    quick = parser.parse_args().quick
    if quadprog is None:
        print("quadprog is not installed, so that comparison is left out: pip install quadprog")
    met = [compare("Prop 99 (J=38, T0=19)", *prop99())]
    for donors, periods in ((25, 20), (38, 90), (200, 50), (1000, 100)):
        if not quick or donors <= 38:
            name = f"factors (J={donors}, T0={periods})"
            met.append(compare(name, *factor_panel(periods, donors, donors)))
    met.append(bootstrap(100 if quick else 1000))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
