"""The drift u_t as a state-space model: exact conditioning on the pre-period, and its evidence. Arrays only.

The residual r_t = y_t − Σ w x of the pre-period is a + u_t + e_t with a level a ~ N(0, s_a²) and e_t ~ N(0, v_t)
independent.

- ``walk``: u_t = u_{t−1} + N(0, q²), u_0 = 0, so that cov(u_t, u_s) = q² min(t, s).
- ``ar1``: stationary, cov(u_t, u_s) = q² ρ^|t−s|.
- ``local-trend``: a walk to which a slope is added each period; the slope is itself a walk.

Periods need not be neighbours: ``positions`` are their places on the calendar, and a walk takes a step for each place.

Forward filtering and backward sampling (Carter and Kohn 1994; Frühwirth-Schnatter 1994), vectorised over
posterior draws, gives draws of a and of u over all periods from their exact joint conditional, and the
one-step-ahead log densities whose sum is the log likelihood.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bsynth._base.laws import beta_quantile, half_normal_logpdf, normal_logpdf
from bsynth._base.types import FloatArray, IntArray
from bsynth.model.spec import Drift, ModelSpec

TINY = 1e-300
RIDGE = 1e-30


def walk(positions: IntArray) -> FloatArray:
    """(T, T) covariance of a random walk with unit steps, min(t, s) + 1 at places t, s (T,) from 0."""
    steps = np.asarray(positions, dtype=float) + 1
    return np.asarray(np.minimum.outer(steps, steps))


def integrated_walk(positions: IntArray) -> FloatArray:
    """(T, T) covariance of the running sum of a random walk, one period late."""
    n_times = int(positions[-1]) + 1
    total = np.tril(np.ones((n_times, n_times)), k=-1)
    every = total @ walk(np.arange(n_times)) @ total.T
    return np.asarray(every[np.ix_(positions, positions)])


def lags(positions: IntArray) -> FloatArray:
    """(T, T) absolute lags |t − s|."""
    index = np.asarray(positions, dtype=float)
    return np.asarray(np.abs(np.subtract.outer(index, index)))


RHO_GRID: FloatArray = beta_quantile((np.arange(15) + 0.5) / 15, 2, 2)
"""ρ ~ Beta(2, 2) as 15 equally probable values: for each of them the covariance is diagonal in a fixed basis,
so that summing ρ out costs a few rotations and no Cholesky factor in the gradient."""
SHORT_GRID: FloatArray = beta_quantile((np.arange(5) + 0.5) / 5, 2, 2)
"""The same in five, beside a walk, which takes what is slower."""
SAMPLED = 0.5
"""Stands for a ρ that the graph samples."""


@dataclass(frozen=True, eq=False)
class Forms:
    """The forms that a drift may take, (G,) each: an AR(1) of one ρ, or with ρ = 1 a walk.

    Attributes
    ----------
    rho : ρ of each.
    log_prior : log prior probability of each, given that there is a drift.
    sd : scale of the half-normal prior of q.
    reach : variance that q = 1 adds to a residual of the pre-period about its own mean.
    """

    rho: FloatArray
    log_prior: FloatArray
    sd: FloatArray
    reach: FloatArray

    @property
    def walks(self) -> NDArray[np.bool_]:
        """(G,) which of them is a walk."""
        return np.asarray(self.rho == 1)


def forms(spec: Drift, positions: IntArray, *, summed: bool) -> Forms:
    """Return the forms of a drift over a pre-period (n_pre,); of a local trend the walk at its heart.

    ``summed`` : an AR(1) is a grid of ρ, else one form whose ρ is sampled.
    """
    found: list[tuple[float, float, float]] = []
    either = spec.process == "ar1-or-walk"
    if spec.process == "ar1" or either:
        grid = (SHORT_GRID if either else RHO_GRID) if summed else np.array([SAMPLED])
        share, sd = (1 - spec.walk, spec.ar1_sd) if either else (1.0, spec.sd)
        found += [(rho, share / len(grid), sd) for rho in grid]
    if spec.process != "ar1":
        found.append((1.0, spec.walk if either else 1.0, spec.sd))
    rho, prior, sds = (np.array(column) for column in zip(*found, strict=True))
    K = kernels(rho, positions)
    reach = np.trace(K, axis1=1, axis2=2) / len(positions) - K.mean(axis=(1, 2))
    # A probability of zero is one that the density cannot tell from it, so that gradients stay defined.
    return Forms(rho, np.log(np.maximum(prior, TINY)), sds, np.maximum(reach, 0.1))


def kernels(rho: FloatArray, positions: IntArray) -> FloatArray:
    """(G, T, T) covariances at q = 1 of an AR(1) with each ρ (G,); where it is 1, of the walk."""
    at = np.asarray(rho)[:, None, None]
    return np.asarray(np.where(at < 1, at ** lags(positions), walk(positions)))


@functools.lru_cache(maxsize=16)
def bases(rho: tuple[float, ...], positions: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (G, T) and eigenvectors (G, T, T) of `kernels`; fits of one panel share them."""
    values, vectors = np.linalg.eigh(kernels(np.array(rho), np.array(positions)))
    return np.asarray(values), np.asarray(vectors)


def level_given(
    level_sd: float, squares: FloatArray, products: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and sd of a ~ N(0, level_sd²) given residuals r that hold it, r ~ N(a 1, Σ); (S,) each.

    ``squares`` is 1'Σ⁻¹1 and ``products`` 1'Σ⁻¹r. Third is the log ratio of the density of r with a integrated
    out to that of r at a = 0.
    """
    variance = level_sd**2 / (1 + level_sd**2 * squares)
    mean = variance * products
    return mean, np.sqrt(variance), 0.5 * (mean * products - np.log1p(level_sd**2 * squares))


def persistent(rho: FloatArray, z: FloatArray) -> FloatArray:
    """Return the stationary AR(1) series of unit variance with innovations z (..., T), ρ (...), less its own mean."""
    series = np.array(z, dtype=float)
    innovation = np.sqrt(1 - rho**2)
    for t in range(1, series.shape[-1]):
        series[..., t] = rho * series[..., t - 1] + innovation * z[..., t]
    return np.asarray(series - series.mean(axis=-1, keepdims=True))


def spread(series: FloatArray) -> FloatArray:
    """Root mean square of a series (..., T), what data tell of its scale; (..., 1)."""
    return np.asarray(np.sqrt((series**2).mean(axis=-1, keepdims=True)))


def split(total: FloatArray, share: FloatArray, span: float) -> tuple[FloatArray, FloatArray]:
    """Return σ and q of draws that drift, from the residual's scale and the share of its variance that is drift.

    The data tell the scale of the residual, drift or not, far better than they tell σ from q; and a draw without
    drift has the same scale, all of it noise. ``span`` is `reach`.
    """
    return total * np.sqrt(1 - share), total * np.sqrt(share / span)


def log_share_density(
    total: FloatArray, share: FloatArray, span: float, noise_sd: float, drift_sd: float
) -> FloatArray:
    """Log ratio of the prior of (total, share) with drift to that without.

    With drift it is p(σ) p(q) and the Jacobian of `split`, total / (2 √(span share (1 − share))). Without drift it
    is p(σ = total) and Beta(½, ½) for the share, which is then in no likelihood: any normalised density may stand
    there without changing the model (Carlin and Chib 1995), and this one cancels the Jacobian's ends.
    """
    sigma, q = split(total, share, span)
    density = half_normal_logpdf(sigma, noise_sd) - half_normal_logpdf(total, noise_sd)
    density += half_normal_logpdf(q, drift_sd)
    return np.asarray(density + np.log(np.pi * total / (2 * np.sqrt(span))))


@dataclass(frozen=True, eq=False)
class StateSpace:
    """x_{t+1} = F x_t + N(0, Q), x_1 ~ N(0, P1), u_t = x_t[0]; each (S, d, d)."""

    F: FloatArray
    Q: FloatArray
    P1: FloatArray

    def over(self, steps: int) -> tuple[FloatArray, FloatArray]:
        """F and Q of that many steps taken at once."""
        F, Q = self.F, self.Q
        for _ in range(steps - 1):
            F, Q = self.F @ F, self.F @ Q @ np.swapaxes(self.F, 1, 2) + self.Q
        return F, Q


def state_space(parameters: Mapping[str, FloatArray], process: str) -> StateSpace:
    """Return the state-space form of a process for draws (S,) of its parameters."""
    q2 = parameters["drift_sd"] ** 2
    if process == "local-trend":
        Q = np.zeros((len(q2), 2, 2))
        Q[:, 0, 0], Q[:, 1, 1] = q2, parameters["slope_sd"] ** 2
        F = np.broadcast_to(np.array([[1.0, 1.0], [0.0, 1.0]]), Q.shape)
        return StateSpace(F, Q, Q)
    phi = parameters["rho"] if process in ("ar1", "ar1-or-walk") else np.ones_like(q2)
    step = np.where(phi < 1, q2 * (1 - phi**2), q2)
    F, Q, P1 = (values[:, None, None] for values in (phi, step, q2))
    return StateSpace(F, Q, P1)


@dataclass(frozen=True, eq=False)
class Conditioned:
    """What the pre-period says of the drift.

    Attributes
    ----------
    level : (S,) draws of the level a.
    u : (S, T) draws of the drift given the pre-period residuals and the level.
    error : (S, n_pre) each residual less its forecast from the level and the earlier ones.
    spread : (S, n_pre) variance of that forecast, without the period's own noise.
    log_evidence : (S,) log density of all residuals, level integrated out.
    """

    level: FloatArray
    u: FloatArray
    error: FloatArray
    spread: FloatArray
    log_evidence: FloatArray


def condition(
    system: StateSpace,
    residual: FloatArray,
    variance: FloatArray,
    seen: FloatArray,
    positions: IntArray,
    level_sd: float,
    rng: np.random.Generator,
) -> Conditioned:
    """Draw level and drift at ``positions`` (T,) given residuals (S, n_pre) of noise ``variance`` (S, n_pre).

    ``seen`` (n_pre,) is 0 for periods that carry no information. The filter is linear in what it filters: one pass
    over the residuals and over a row of ones gives the terms for every level.
    """
    n_draws, n_pre = residual.shape
    n_times, d = len(positions), system.F.shape[1]
    taken = np.diff(positions, prepend=-1)  # the first state has its own law, so its step is not used
    over = {steps: system.over(steps) for steps in set(taken.tolist())}
    moves = [over[steps] for steps in taken.tolist()]
    series = np.stack([residual, np.ones_like(residual)], axis=1)
    mean, cov = np.zeros((n_draws, 2, d)), system.P1.copy()
    filtered: list[tuple[FloatArray, FloatArray]] = []
    errors, spread, total = np.zeros(series.shape), np.zeros(residual.shape), np.ones(residual.shape)
    for t in range(n_pre):
        if t:
            mean, cov = _step(*moves[t], mean, cov)
        if seen[t]:
            spread[:, t] = cov[:, 0, 0]
            total[:, t] = spread[:, t] + variance[:, t]
            errors[:, :, t] = series[:, :, t] - mean[:, :, 0]
            gain = cov[:, :, 0] / total[:, t, None]
            mean = mean + errors[:, :, t, None] * gain[:, None, :]
            cov = cov - gain[:, :, None] * cov[:, None, 0, :]
        filtered.append((mean, cov))
    of_residual, of_ones = errors[:, 0], errors[:, 1]
    squares, products = (of_ones**2 / total).sum(axis=1), (of_ones * of_residual / total).sum(axis=1)
    centre, sd, ratio = level_given(level_sd, squares, products)
    level = centre + sd * rng.standard_normal(n_draws)
    log_evidence = _log_normal(of_residual, total, seen).sum(axis=1) + ratio
    states = np.empty((n_draws, n_times, d))
    states[:, n_pre - 1] = _draw(_about(level, mean), cov, rng)
    for t in range(n_pre, n_times):
        F, Q = moves[t]
        states[:, t] = _draw(np.einsum("sij,sj->si", F, states[:, t - 1]), Q, rng)
    for t in range(n_pre - 2, -1, -1):
        mean, cov = filtered[t]
        mean = _about(level, mean)
        F, Q = moves[t + 1]
        ahead_mean, ahead_cov = _step(F, Q, mean[:, None], cov)
        # A draw whose drift is zero to machine precision has no covariance to invert, and no gain either.
        gain = np.swapaxes(np.linalg.solve(ahead_cov + RIDGE * np.eye(d), F @ cov), 1, 2)
        back = mean + np.einsum("sij,sj->si", gain, states[:, t + 1] - ahead_mean[:, 0])
        states[:, t] = _draw(back, cov - gain @ F @ cov, rng)
    return Conditioned(level, states[:, :, 0], of_residual - level[:, None] * of_ones, spread, log_evidence)


def _about(level: FloatArray, mean: FloatArray) -> FloatArray:
    """(S, d) state of the residuals less the level, from the states of residuals and ones (S, 2, d)."""
    return np.asarray(mean[:, 0] - level[:, None] * mean[:, 1])


def _log_normal(error: FloatArray, variance: FloatArray, seen: FloatArray) -> FloatArray:
    """Log density N(error; 0, variance), zero where unseen."""
    return np.asarray(-0.5 * (error**2 / variance + np.log(2 * np.pi * variance)) * (seen > 0))


def _step(F: FloatArray, Q: FloatArray, mean: FloatArray, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Predict the next state from states (S, k, d) of k series and their common covariance."""
    return mean @ np.swapaxes(F, 1, 2), F @ cov @ np.swapaxes(F, 1, 2) + Q


def _draw(mean: FloatArray, cov: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw from N(mean, cov) for each sample; symmetric square root, since cov may be singular."""
    shocks = rng.standard_normal(mean.shape)
    if mean.shape[1] == 1:
        return mean + np.sqrt(np.maximum(cov[:, :, 0], 0.0)) * shocks
    values, vectors = np.linalg.eigh(0.5 * (cov + np.swapaxes(cov, 1, 2)))
    scaled = np.sqrt(np.maximum(values, 0.0)) * shocks
    return np.asarray(mean + np.einsum("sij,sj->si", vectors, scaled))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A drift drawn as if it were on, (S,) each unless said otherwise.

    Attributes
    ----------
    state : Conditioned
    sigma, q : noise beside the drift, and the drift's scale.
    rho : ρ, and 1 where the drift is a walk; None for a process that has none.
    log_evidence : log density of the residuals with drift, of (total, share) with it over that without, summed over
        forms, level integrated out.
    walk_log_odds : log odds of a walk against an AR(1) at even prior odds; None where only one is possible.
    """

    state: Conditioned
    sigma: FloatArray
    q: FloatArray
    rho: FloatArray | None
    log_evidence: FloatArray
    walk_log_odds: FloatArray | None


def draw(
    parameters: Mapping[str, FloatArray],
    residual: FloatArray,
    cells: FloatArray,
    seen: FloatArray,
    positions: IntArray,
    spec: ModelSpec,
    level_sd: float,
    rng: np.random.Generator,
) -> Drawn:
    """Draw form, level and path of the drift at ``positions`` (T,), of residuals (S, n_pre) with cells ``cells``.

    ``parameters``: ``total`` and ``share`` (S,), and what is sampled of ``rho``, ``slope_sd`` and ``kappa`` (S, n_pre).
    """
    process, total, share = spec.drift.process, parameters["total"], parameters["share"]
    kappa = parameters.get("kappa", 1.0)
    summed = "rho" not in parameters and process != "local-trend" and not cells.any() and np.ndim(kappa) == 0
    before = positions[: residual.shape[1]]
    found = forms(spec.drift, before, summed=summed)
    scales = [split(total, share, span) for span in found.reach]
    ratios = [
        log_share_density(total, share, span, spec.noise.sd, sd) for span, sd in zip(found.reach, found.sd, strict=True)
    ]

    def conditioned(sigma: FloatArray, q: FloatArray, rho: FloatArray) -> Conditioned:
        system = state_space({**parameters, "drift_sd": q, "rho": rho}, process)
        return condition(system, residual, sigma[:, None] ** 2 * kappa + cells, seen, positions, level_sd, rng)

    if summed:
        evidence = _evidence(residual, scales, found.rho, before, level_sd)
    else:
        rhos = [np.ones_like(total) if walks else parameters["rho"] for walks in found.walks]
        states = [conditioned(sigma, q, rho) for (sigma, q), rho in zip(scales, rhos, strict=True)]
        evidence = np.array([state.log_evidence for state in states])
    evidence = evidence + np.array(ratios) + found.log_prior[:, None]
    form = (evidence + rng.gumbel(size=evidence.shape)).argmax(axis=0)
    each = (form, np.arange(len(form)))
    sigma, q = (np.array(values)[each] for values in zip(*scales, strict=True))
    if summed:
        rho = found.rho[form]
        state = conditioned(sigma, q, rho)
    else:
        rho = np.array(rhos)[each]
        state = Conditioned(*(np.array([getattr(s, f.name) for s in states])[each] for f in fields(Conditioned)))
    either = process == "ar1-or-walk"
    return Drawn(
        state,
        sigma,
        q,
        rho if either or process == "ar1" else None,
        special.logsumexp(evidence, axis=0),
        _log_odds(evidence - found.log_prior[:, None], found.walks) if either else None,
    )


def _evidence(
    residual: FloatArray,
    scales: Sequence[tuple[FloatArray, FloatArray]],
    rho: FloatArray,
    positions: IntArray,
    level_sd: float,
) -> FloatArray:
    """(G, S) log density of the residuals with a drift of each ρ over exact cells, level integrated out."""
    values, vectors = bases(tuple(rho), tuple(positions.tolist()))
    terms = np.empty((len(rho), len(residual)))
    for g, (spectrum, basis) in enumerate(zip(values, vectors, strict=True)):
        sigma, q = scales[g]
        variance = sigma[:, None] ** 2 + q[:, None] ** 2 * spectrum
        rotated, ones = residual @ basis, basis.sum(axis=0)
        squares, products = (ones**2 / variance).sum(axis=1), (ones * rotated / variance).sum(axis=1)
        terms[g] = normal_logpdf(rotated, np.sqrt(variance)).sum(axis=1)
        terms[g] += level_given(level_sd, squares, products)[2]
    return terms


def _log_odds(evidence: FloatArray, walks: NDArray[np.bool_]) -> FloatArray:
    """(S,) log odds of the walk against the mean of the other forms' evidence (G, S)."""
    others = special.logsumexp(evidence[~walks], axis=0) - np.log((~walks).sum())
    return np.asarray(evidence[walks][0] - others)
