"""The placebo designs of Arkhangelsky et al. (2021, section 3.1.1), drawn from the CPS panel as they are there.

Each outcome of the panel is split into two-way fixed effects F, what a factor model of rank 4 adds, M, and a remainder
whose autocovariance is an AR(2)'s. A draw is F + M + N(0, Σ), treated by units that such laws were passed in, with no
effect. So the truth is zero on data whose structure was chosen by others.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize, special
from scipy.linalg import toeplitz

from bsynth._base.types import FloatArray
from bsynth.panel import Panel

RANK = 4


@dataclass(frozen=True)
class Design:
    """One of the paper's designs: the outcome, the law whose states are likely to be treated, and how many of each.

    Attributes
    ----------
    outcome, law : str
        Columns of the panel.
    treated, periods : int
        Most units treated (N₁), and periods treated (T₁).
    published : dict
        RMSE of ``sdid``, ``sc``, ``did`` and ``demeaned`` in the paper's own draws.
    """

    outcome: str
    law: str
    treated: int
    periods: int
    published: dict[str, float]


def _published(sdid: float, sc: float, did: float, demeaned: float) -> dict[str, float]:
    return {"sdid": sdid, "sc": sc, "did": did, "demeaned": demeaned}


DESIGNS: dict[str, Design] = {
    "baseline": Design("log_wage", "min_wage", 10, 10, _published(0.028, 0.037, 0.049, 0.032)),
    "gun law": Design("log_wage", "open_carry", 10, 10, _published(0.026, 0.027, 0.047, 0.030)),
    "hours": Design("hours", "min_wage", 10, 10, _published(0.190, 0.203, 0.206, 0.197)),
    "unemployment": Design("urate", "min_wage", 10, 10, _published(0.191, 0.184, 0.353, 0.187)),
    "one unit": Design("log_wage", "min_wage", 1, 10, _published(0.063, 0.072, 0.126, 0.083)),
    "one unit, one period": Design("log_wage", "min_wage", 1, 1, _published(0.112, 0.124, 0.153, 0.117)),
}


@dataclass(frozen=True, eq=False)
class Parts:
    """What a design draws from: ``mean`` F + M (N, T), ``root`` of Σ (T, T) and each unit's chance of the law (N,)."""

    mean: FloatArray
    root: FloatArray
    chance: FloatArray


def autoregression(remainder: FloatArray) -> tuple[float, float]:
    """Coefficients of an AR(2) by least squares, pooled over the rows (units) of ``remainder``, to two decimals."""
    now = remainder[:, 2:].ravel()
    before = np.column_stack([remainder[:, 1:-1].ravel(), remainder[:, :-2].ravel()])
    first, second = np.linalg.lstsq(before, now, rcond=None)[0].round(2)
    return float(first), float(second)


def correlations(first: float, second: float, periods: int) -> FloatArray:
    """Correlation matrix (periods, periods) of an AR(2), by the Yule-Walker recursion."""
    rho = np.ones(periods)
    if periods > 1:
        rho[1] = first / (1 - second)
    for lag in range(2, periods):
        rho[lag] = first * rho[lag - 1] + second * rho[lag - 2]
    return np.asarray(toeplitz(rho))


def parts(file: Path, outcome: str, law: str) -> Parts:
    """Split an outcome of the CPS panel in ``file`` as the paper does."""
    return _parts(hashlib.sha256(file.read_bytes()).hexdigest(), file, outcome, law)


@lru_cache
def _parts(_digest: str, file: Path, outcome: str, law: str) -> Parts:
    """Split it once for each content of the file: a path may come to hold other data."""
    frame = pd.read_csv(file)
    wide = frame.pivot(index="state", columns="year", values=outcome)
    y = wide.to_numpy(dtype=float)
    y = (y - y.mean()) / y.std()
    left, size, right = np.linalg.svd(y, full_matrices=False)
    low = (left[:, :RANK] * size[:RANK]) @ right[:RANK]
    remainder = y - low
    covariance = correlations(*autoregression(remainder), y.shape[1])
    norm = np.linalg.norm(remainder.T @ remainder / len(y)) / np.linalg.norm(covariance)
    indicator = frame[frame["year"] == frame["year"].max()].set_index("state")[law].loc[wide.index]
    return Parts(low, np.linalg.cholesky(norm * covariance), logit(left[:, :RANK], indicator.to_numpy(dtype=float)))


def logit(x: FloatArray, y: FloatArray) -> FloatArray:
    """Fitted probabilities (N,) of a logistic regression of ``y`` (N,) of 0 and 1 on ``x`` (N, K) and a constant."""
    design = np.column_stack([np.ones(len(x)), x])

    def loss(beta: FloatArray) -> tuple[float, FloatArray]:
        eta = design @ beta
        return float(np.logaddexp(0, eta).sum() - y @ eta), design.T @ (special.expit(eta) - y)

    found = optimize.minimize(loss, np.zeros(design.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-8})
    return np.asarray(special.expit(design @ found.x))


def design_panel(name: str, file: Path, k: int, *, entropy: int = 0) -> Panel:
    """Return draw k of a design: the true effect is zero, and in units of the outcome's sd over the whole panel."""
    return draw_design(name, file, np.random.default_rng([entropy, list(DESIGNS).index(name), k]))


def draw_design(name: str, file: Path, rng: np.random.Generator) -> Panel:
    """Draw a panel of a design."""
    design = DESIGNS[name]
    found = parts(file, design.outcome, design.law)
    units, periods = found.mean.shape
    y = found.mean + rng.normal(size=(units, periods)) @ found.root.T
    treated = np.flatnonzero(rng.random(units) < found.chance)
    if not len(treated):
        treated = rng.choice(units, design.treated, replace=False)
    elif len(treated) > design.treated:
        treated = rng.choice(treated, design.treated, replace=False)
    frame = pd.DataFrame(y.T, columns=[f"state {i}" for i in range(units)])
    return Panel.from_wide(frame, treated=[f"state {i}" for i in sorted(treated)], start=periods - design.periods)
