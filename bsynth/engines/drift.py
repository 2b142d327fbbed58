"""The drift u_t as a state-space model: exact conditioning on the pre-period, and its evidence. Arrays only.

The residual r_t = y_t − a − Σ w x of the pre-period is u_t + e_t with e_t ~ N(0, v_t) independent.

- ``walk``: u_t = u_{t−1} + N(0, q²), u_0 = 0, so that cov(u_t, u_s) = q² min(t, s).
- ``ar1``: stationary, cov(u_t, u_s) = q² ρ^|t−s|.
- ``local-trend``: a walk to which a slope is added each period; the slope is itself a walk.

Forward filtering and backward sampling (Carter and Kohn 1994; Frühwirth-Schnatter 1994), vectorised over
posterior draws, gives draws of u over all periods from their exact joint conditional, and the
one-step-ahead log densities whose sum is the log likelihood.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from bsynth._types import FloatArray
from bsynth.engines.simplex import solve_simplex


def walk(n_times: int) -> FloatArray:
    """(T, T) covariance of a random walk with unit steps, min(t, s) for t, s = 1…T."""
    steps = np.arange(1, n_times + 1, dtype=float)
    return np.asarray(np.minimum.outer(steps, steps))


def integrated_walk(n_times: int) -> FloatArray:
    """(T, T) covariance of the running sum of a random walk, one period late."""
    total = np.tril(np.ones((n_times, n_times)), k=-1)
    return np.asarray(total @ walk(n_times) @ total.T)


def lags(n_times: int) -> FloatArray:
    """(T, T) absolute lags |t − s|."""
    index = np.arange(n_times, dtype=float)
    return np.asarray(np.abs(np.subtract.outer(index, index)))


RHO_GRID: FloatArray = stats.beta.ppf((np.arange(15) + 0.5) / 15, 2, 2)
"""ρ ~ Beta(2, 2) as 15 equally probable values: for each of them the covariance is diagonal in a fixed basis,
so that summing ρ out costs a few rotations and no Cholesky factor in the gradient."""


def kernels(process: str, n_times: int) -> FloatArray:
    """(G, T, T) covariances at q = 1 of the values of ρ, for ``ar1``; of the walk, G = 1."""
    if process == "walk":
        return walk(n_times)[None]
    return np.asarray(RHO_GRID[:, None, None] ** lags(n_times))


def draw_rho(
    residual: FloatArray, sigma: FloatArray, drift_sd: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw ρ of an AR(1) drift given residuals (S, n_pre) of noise σ (S,); return it and the log evidence, (S,).

    The evidence is the log density of the residuals with drift, summed over `RHO_GRID`.
    """
    values, vectors = np.linalg.eigh(kernels("ar1", residual.shape[1]))
    terms = np.empty((len(RHO_GRID), len(residual)))
    for g, (spectrum, basis) in enumerate(zip(values, vectors, strict=True)):
        variance = sigma[:, None] ** 2 + drift_sd[:, None] ** 2 * spectrum
        terms[g] = stats.norm.logpdf(residual @ basis, scale=np.sqrt(variance)).sum(axis=1)
    chosen = (terms + rng.gumbel(size=terms.shape)).argmax(axis=0)
    return RHO_GRID[chosen], special.logsumexp(terms, axis=0) - np.log(len(terms))


def persistent(rho: FloatArray, z: FloatArray) -> FloatArray:
    """Return the stationary AR(1) series of unit variance with innovations z (..., T), ρ (...), less its own mean."""
    series = np.array(z, dtype=float)
    innovation = np.sqrt(1 - rho**2)
    for t in range(1, series.shape[-1]):
        series[..., t] = rho * series[..., t - 1] + innovation * z[..., t]
    return np.asarray(series - series.mean(axis=-1, keepdims=True))


PSEUDO_SPREAD = 0.8
TINY = 1e-30


def typical_scale(y: FloatArray, X: FloatArray) -> float:
    """Scale of the steps that the pre-period residual of least-squares weights would need, at least .01.

    ``y`` (n_pre,) and ``X`` (n_pre, J); both are centred first.
    """
    y, X = y - y.mean(), X - X.mean(axis=0)
    residual = y - X @ solve_simplex(X, y).weights
    return max(float(np.diff(residual).std() / np.sqrt(2.0)), 0.01)


def pseudo_prior_ratio(z: FloatArray, typical: float) -> FloatArray:
    """Log ratio of a pseudo-prior of the drift's scale z = q / sd to its half-normal prior.

    Without drift, q is in no likelihood; under its prior it would wander far from where the component with
    drift has it, and chains could not cross. Any normalised density may stand in for the prior in that
    component without changing the model (Carlin and Chib 1995); a log-normal about the ``typical`` scale
    lets them cross.
    """
    off = stats.lognorm.logpdf(z, PSEUDO_SPREAD, scale=typical)
    return np.asarray(off - stats.halfnorm.logpdf(z))


@dataclass(frozen=True, eq=False)
class StateSpace:
    """x_{t+1} = F x_t + N(0, Q), x_1 ~ N(0, P1), u_t = x_t[0]; each (S, d, d)."""

    F: FloatArray
    Q: FloatArray
    P1: FloatArray


def state_space(parameters: Mapping[str, FloatArray], process: str) -> StateSpace:
    """Return the state-space form of a process for draws (S,) of its parameters."""
    q2 = parameters["drift_sd"] ** 2
    if process == "local-trend":
        Q = np.zeros((len(q2), 2, 2))
        Q[:, 0, 0], Q[:, 1, 1] = q2, parameters["slope_sd"] ** 2
        F = np.broadcast_to(np.array([[1.0, 1.0], [0.0, 1.0]]), Q.shape)
        return StateSpace(F, Q, Q)
    phi = parameters["rho"] if process == "ar1" else np.ones_like(q2)
    step = q2 * (1 - phi**2) if process == "ar1" else q2
    F, Q, P1 = (values[:, None, None] for values in (phi, step, q2))
    return StateSpace(F, Q, P1)


@dataclass(frozen=True, eq=False)
class Conditioned:
    """What the pre-period says of the drift.

    Attributes
    ----------
    u : (S, T) draws of the drift given the pre-period residuals.
    log_predictive : (S, n_pre) log density of each residual given the earlier ones; NaN where unseen.
    """

    u: FloatArray
    log_predictive: FloatArray


def condition(
    system: StateSpace,
    residual: FloatArray,
    variance: FloatArray,
    seen: FloatArray,
    n_times: int,
    rng: np.random.Generator,
) -> Conditioned:
    """Draw the drift of ``n_times`` periods given residuals (S, n_pre) of noise ``variance`` (S, n_pre).

    ``seen`` (n_pre,) is 0 for periods that carry no information.
    """
    n_draws, n_pre = residual.shape
    d = system.F.shape[1]
    mean, cov = np.zeros((n_draws, d)), system.P1.copy()
    filtered: list[tuple[FloatArray, FloatArray]] = []
    log_predictive = np.full(residual.shape, np.nan)
    for t in range(n_pre):
        if t:
            mean, cov = _step(system, mean, cov)
        if seen[t]:
            total = cov[:, 0, 0] + variance[:, t]
            error = residual[:, t] - mean[:, 0]
            log_predictive[:, t] = -0.5 * (error**2 / total + np.log(2 * np.pi * total))
            gain = cov[:, :, 0] / total[:, None]
            mean = mean + gain * error[:, None]
            cov = cov - gain[:, :, None] * cov[:, None, 0, :]
        filtered.append((mean, cov))
    states = np.empty((n_draws, n_times, d))
    states[:, n_pre - 1] = _draw(mean, cov, rng)
    for t in range(n_pre, n_times):
        ahead = np.einsum("sij,sj->si", system.F, states[:, t - 1])
        states[:, t] = _draw(ahead, system.Q, rng)
    for t in range(n_pre - 2, -1, -1):
        mean, cov = filtered[t]
        ahead_mean, ahead_cov = _step(system, mean, cov)
        # A draw whose drift is zero to machine precision has no covariance to invert, and no gain either.
        gain = np.swapaxes(np.linalg.solve(ahead_cov + TINY * np.eye(d), system.F @ cov), 1, 2)
        back = mean + np.einsum("sij,sj->si", gain, states[:, t + 1] - ahead_mean)
        states[:, t] = _draw(back, cov - gain @ system.F @ cov, rng)
    return Conditioned(states[:, :, 0], log_predictive)


def _step(system: StateSpace, mean: FloatArray, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Predict the next state."""
    return np.einsum("sij,sj->si", system.F, mean), system.F @ cov @ np.swapaxes(system.F, 1, 2) + system.Q


def _draw(mean: FloatArray, cov: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw from N(mean, cov) for each sample; symmetric square root, since cov may be singular."""
    shocks = rng.standard_normal(mean.shape)
    if mean.shape[1] == 1:
        return mean + np.sqrt(np.maximum(cov[:, :, 0], 0.0)) * shocks
    values, vectors = np.linalg.eigh(0.5 * (cov + np.swapaxes(cov, 1, 2)))
    scaled = np.sqrt(np.maximum(values, 0.0)) * shocks
    return np.asarray(mean + np.einsum("sij,sj->si", vectors, scaled))
