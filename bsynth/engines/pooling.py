"""Effects of several treated units, pooled by event time: the second stage, whose first is each unit's own fit.

Unit i's own fit says what its periods from the start on would have been untreated: strata z of its draws (form of the
drift, size of the noise) with probabilities p_iz, means and covariances C_iz of the path. With d_i the observed path,

  d_i = m_iz + τ_{k(i,·)} + u_i + v_i + e_i,  e_i ~ N(0, C_iz),  z ~ p_i,
  τ_0 ~ N(0, s₀²), τ_k − τ_{k−1} ~ N(0, κ²), u_i ~ N(0, ω²), v_ik ~ N(0, ν²), κ, ω, ν half-normal.

This is the joint model of all units and all periods, as two-stage sampling has it (Lunn et al. 2013), with the law of a
path in each stratum taken as normal.

**Units err together.** Those that share donors and periods share the donors' noise: innovations g, of noise and of
drift in each period, stand behind every unit's series with share r of their variance. e_i = √r L_iz g + h_iz, where
L_iz g is what g does to the unit's forecast in stratum z (`Innovations.ahead`). So the same innovation enters all units
in the same period, pre-periods that overlap make levels and weights err together, units whose drifts differ in form do
so less, and what is not known of a unit's weights before any data is its own. In the eigenvectors of C_iz, h_iz is
independent with variance c_k − r l_k, where c_k and l_k are those of C_iz and of L_iz L_iz′ (at most c_k): each unit
keeps its own variance. What the pre-period says of r (`bsynth.engines.correlation`) is part of its posterior.

**Units drift alike.** How common each form of the drift is among units is π ~ Dirichlet(2 π⁰), with π⁰ the
probabilities that each unit's own fit gave them: what one unit shows of drift the others take into account.

Everything is normal given (z, κ, ω, ν, r): these are sampled with τ, g, u and v integrated out, which then follow
exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bsynth._base.types import AnyArray, FloatArray, IntArray
from bsynth.engines.correlation import Correlation
from bsynth.engines.innovations import RIDGE

STEPS = 4
"""Random-walk steps of the scales in each draw."""
TARGET = 0.3
"""Acceptance rate that their size aims at."""
SMALL = 1e-6
"""Share of the largest variance that an innovation must have to count."""
CONCENTRATION = 2.0
"""Units that the prior of the shares is worth: where a drift has probability ½, its share is uniform."""


@dataclass(frozen=True, eq=False)
class Path:
    """What the own fit of a unit says of its K treated periods.

    Attributes
    ----------
    gap : (Z, K) observed less the mean untreated path, of each stratum.
    covariance : (Z, K, K) of the untreated path.
    share : (Z,) probability of each stratum.
    forms : (Z, F) share of each form of the drift among its draws.
    event : (K,) periods since the start, from 0.
    shocks : (Z, K, P) L, what standard innovations that all units share would do to it, in each stratum.
    """

    gap: FloatArray
    covariance: FloatArray
    share: FloatArray
    forms: FloatArray
    event: IntArray
    shocks: FloatArray


@dataclass(frozen=True)
class Scales:
    """Prior scales: of τ at the start (normal) and its steps, of units and of their single periods (half-normal)."""

    start: float
    step: float
    unit: float
    period: float
    forms: FloatArray
    """(F,) π⁰, no scale: probability of each form of the drift in the units' own fits."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """Draws (chain, draw, …) of the pooled effects.

    Attributes
    ----------
    effect : (chain, draw, n) effect of each treated cell, units one behind the other.
    unpooled : (chain, draw, n) the same without any prior on effects; units err together all the same.
    event : (chain, draw, K) τ_k.
    unit : (chain, draw, units) u_i.
    scales : ``unit_sd``, ``period_sd``, ``step_sd``, ``correlation``, (chain, draw), as far as there are any.
    """

    effect: FloatArray
    unpooled: FloatArray
    event: FloatArray
    unit: FloatArray
    scales: dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class _Stack:
    """Every unit's rotated arrays, padded to the longest path and the most strata; padded rows weigh nothing.

    ``basis`` (n, Z, K, K) eigenvectors of each covariance, ``spread`` (n, Z, K) its eigenvalues and ``moved`` (n, Z, K)
    what of them innovations move; rotated by them ``gap`` (n, Z, K), ``one`` (n, Z, K), ``events`` (n, Z, K, E) which
    sum τ's increments, ``common`` (n, Z, K, P).
    """

    basis: FloatArray
    spread: FloatArray
    moved: FloatArray
    gap: FloatArray
    one: FloatArray
    events: FloatArray
    common: FloatArray
    log_share: FloatArray
    forms: FloatArray
    seen: AnyArray
    event: IntArray


def _stack(paths: Sequence[Path]) -> _Stack:
    n, strata = len(paths), max(len(p.share) for p in paths)
    most, events = max(len(p.event) for p in paths), 1 + max(int(p.event.max()) for p in paths)
    shared = _shared(paths)
    times = shared[0].shape[-1]
    shape = (n, strata, most)
    basis = np.zeros((*shape, most))
    spread, moved, gap, one = (np.zeros(shape) for _ in range(4))
    sums, common = np.zeros((*shape, events)), np.zeros((*shape, times))
    log_share, seen, event = np.full((n, strata), -np.inf), np.zeros((n, most), dtype=bool), np.zeros((n, most), int)
    forms = np.zeros((n, strata, paths[0].forms.shape[1]))
    for i, p in enumerate(paths):
        k = len(p.event)
        forms[i, : len(p.share)] = p.forms
        seen[i, :k], event[i, :k] = True, p.event
        log_share[i, : len(p.share)] = np.log(np.maximum(p.share, RIDGE))
        increments = (np.arange(events) <= p.event[:, None]).astype(float)
        for z, (covariance, shocks) in enumerate(zip(p.covariance, shared[i], strict=True)):
            safe = covariance + RIDGE * np.trace(covariance) / k * np.eye(k)
            values, vectors = np.linalg.eigh(safe)
            values = np.maximum(values, RIDGE * values.max())
            turned = vectors.T @ shocks
            by = (turned**2).sum(axis=1)
            turned *= np.sqrt(np.minimum(1.0, values / np.maximum(by, RIDGE * values)))[:, None]
            at = (i, z, slice(k))
            spread[at], moved[at], basis[i, z, :k, :k] = values, np.minimum(by, values), vectors
            gap[at], one[at] = vectors.T @ p.gap[z], vectors.sum(axis=0)
            sums[at], common[at] = vectors.T @ increments, turned
    return _Stack(basis, spread, moved, gap, one, sums, common, log_share, forms, seen, event)


def _shared(paths: Sequence[Path]) -> list[FloatArray]:
    """(Z, K, P) L of each unit, in a basis of the innovations that leaves out those that move no unit."""
    # Units of measure may differ by unit, as where a log scale is carried back.
    whole = [p.shocks for p in paths]
    rows = np.concatenate([each.reshape(-1, each.shape[-1]) / max(np.abs(each).max(), 1e-300) for each in whole])
    used = rows.any(axis=0)
    values, basis = np.linalg.eigh(rows[:, used].T @ rows[:, used])
    return [each[..., used] @ basis[:, values > SMALL * values.max()] for each in whole]


class _Chain:
    """One chain over (z, scales); the arrays of a stratum choice are gathered once per choice."""

    def __init__(self, stack: _Stack, correlation: Correlation, prior: Scales, rng: np.random.Generator) -> None:
        self.stack, self.correlation, self.prior, self.rng = stack, correlation, prior, rng
        self.units = len(stack.spread)
        self.alone = self.units == 1
        self.z = stack.log_share.argmax(axis=1)
        self.shares = prior.forms
        # Normal scores of ω, ν, κ and r: their prior is that of four independent normals, and chains begin there.
        self.at = rng.normal(size=4)
        self.walk = 0.5 * np.eye(4)
        self.size = 1.0
        self._gather()
        self.now = self._evaluate(self.at)

    def _gather(self) -> None:
        at = (np.arange(self.units), self.z)
        s = self.stack
        self.spread, self.moved, self.gap, self.one = s.spread[at], s.moved[at], s.gap[at], s.one[at]
        self.events, self.shared = s.events[at], s.common[at]

    def parts(self, at: FloatArray) -> tuple[float, float, float, float]:
        """ω, ν, κ, r of their normal scores; one unit alone has no others to differ from or to err with."""
        p = self.prior
        upper = np.clip(special.ndtr(at), 1e-9, 1 - 1e-9)
        omega, nu, kappa = (np.array([p.unit, p.period, p.step]) * special.ndtri(0.5 + 0.5 * upper[:3])).tolist()
        return (0.0, nu, kappa, 0.0) if self.alone else (omega, nu, kappa, float(upper[3]))

    def _design(self, kappa: float, r: float, events: FloatArray, shared: FloatArray) -> FloatArray:
        """Columns (…, P) of what all units share, each of unit prior variance."""
        scale = np.full(events.shape[-1], kappa)
        scale[0] = self.prior.start
        return np.concatenate([events * scale, np.sqrt(r) * shared], axis=-1)

    def _evaluate(self, at: FloatArray) -> dict[str, AnyArray | float]:
        """Log density of the scales with all else but z integrated out, and what the draws that follow need."""
        omega, nu, kappa, r = self.parts(at)
        seen = self.stack.seen
        variance = self.spread - r * self.moved + nu**2
        weight = seen / np.where(seen, np.maximum(variance, 1e-300), 1.0)
        X = self._design(kappa, r, self.events, self.shared)
        columns = X.shape[-1]
        flat, w = X.reshape(-1, columns), weight.ravel()
        A = np.eye(columns) + flat.T @ (w[:, None] * flat)
        b = flat.T @ (w * self.gap.ravel())
        reach = (weight * self.one**2).sum(axis=1)
        shrink = omega**2 / (1 + omega**2 * reach)
        a = np.einsum("nk,nkp->np", weight * self.one, X)
        g = (weight * self.one * self.gap).sum(axis=1)
        A -= (a * shrink[:, None]).T @ a
        b -= a.T @ (shrink * g)
        factor = np.linalg.cholesky(A)
        half = np.linalg.solve(factor, b)
        squares = (weight * self.gap**2).sum() - (shrink * g**2).sum() - half @ half
        logs = -np.log(w[w > 0]).sum() + np.log1p(omega**2 * reach).sum() + 2 * np.log(np.diag(factor)).sum()
        density = -0.5 * (squares + logs + at @ at) + self.correlation.log_density(at[3])
        return {"density": float(density), "factor": factor, "half": half}

    def step(self) -> tuple[bool, FloatArray]:
        """Move the scales once by a random walk (Metropolis)."""
        proposal = self.at + self.size * (self.walk @ self.rng.normal(size=4))
        found = self._evaluate(proposal)
        taken = bool(np.log(self.rng.random()) < found["density"] - self.now["density"])
        if taken:
            self.at, self.now = proposal, found
        return taken, self.at

    def draw(self) -> dict[str, FloatArray]:
        """Draw τ, g, u and v given scales and strata, then the strata given τ and g."""
        omega, nu, kappa, r = self.parts(self.at)
        factor = self.now["factor"]
        assert not isinstance(factor, float)
        noise = self.rng.normal(size=len(factor))
        x = np.linalg.solve(factor.T, self.now["half"] + noise)
        s, rows = self.stack, np.arange(self.units)
        weight = s.seen / np.where(s.seen, self.spread - r * self.moved + nu**2, 1.0)
        X = self._design(kappa, r, self.events, self.shared)
        rest = self.gap - X @ x
        reach = (weight * self.one**2).sum(axis=1)
        spread = omega**2 / (1 + omega**2 * reach)
        mean = spread * (weight * self.one * rest).sum(axis=1)
        u = mean + np.sqrt(spread) * self.rng.normal(size=self.units)
        rest = rest - self.one * u[:, None]
        v = nu**2 * weight * rest
        v += np.sqrt(np.maximum(nu**2 * (1 - nu**2 * weight), 0.0)) * s.seen * self.rng.normal(size=v.shape)
        own = np.einsum("nkj,nj->nk", s.basis[rows, self.z], v)
        increments = x[: s.events.shape[-1]] * np.append(self.prior.start, np.full(s.events.shape[-1] - 1, kappa))
        tau = np.cumsum(increments)
        effect = (tau[s.event] + u[:, None] + own)[s.seen]
        self._strata(omega, nu, kappa, r, x)
        return {"event": tau, "unit": u, "effect": effect, "unpooled": self._unpooled(r)}

    def _strata(self, omega: float, nu: float, kappa: float, r: float, x: FloatArray) -> None:
        """Draw each unit's stratum given what units share, with its own effect integrated out."""
        s = self.stack
        if s.log_share.shape[1] == 1:
            return
        seen = s.seen[:, None]
        weight = seen / np.where(seen, np.maximum(s.spread - r * s.moved + nu**2, 1e-300), 1.0)
        rest = s.gap - self._design(kappa, r, s.events, s.common) @ x
        reach = (weight * s.one**2).sum(axis=-1)
        g = (weight * s.one * rest).sum(axis=-1)
        squares = (weight * rest**2).sum(axis=-1) - omega**2 / (1 + omega**2 * reach) * g**2
        logs = -np.log(np.where(weight > 0, weight, 1.0)).sum(axis=-1) + np.log1p(omega**2 * reach)
        weighed = s.forms @ (self.shares / self.prior.forms)
        score = s.log_share + np.log(np.maximum(weighed, RIDGE)) - 0.5 * (squares + logs)
        self.z = np.argmax(score + self.rng.gumbel(size=score.shape), axis=1)
        self._share()
        self._gather()
        self.now = self._evaluate(self.at)

    def _share(self) -> None:
        """Draw how common each form of the drift is, given that of each unit."""
        if len(self.prior.forms) == 1:
            return
        own = self.stack.forms[np.arange(self.units), self.z] * (self.shares / self.prior.forms)
        form = np.argmax(np.log(np.maximum(own, 1e-300)) + self.rng.gumbel(size=own.shape), axis=1)
        counts = np.bincount(form, minlength=len(self.shares))
        self.shares = np.maximum(self.rng.dirichlet(CONCENTRATION * self.prior.forms + counts), 1e-12)

    def _unpooled(self, r: float) -> FloatArray:
        """Draw effects of all cells from the units' own fits alone, at this r."""
        s = self.stack
        shares = np.exp(s.log_share)
        z = (shares.cumsum(axis=1) > self.rng.random((self.units, 1)) * shares.sum(axis=1, keepdims=True)).argmax(
            axis=1
        )
        at = (np.arange(self.units), z)
        own = np.sqrt(np.maximum(s.spread[at] - r * s.moved[at], 0.0)) * self.rng.normal(size=s.seen.shape)
        error = np.sqrt(r) * (s.common[at] @ self.rng.normal(size=s.common.shape[-1])) + own
        return np.asarray(np.einsum("nkj,nj->nk", s.basis[at], s.gap[at] - error)[s.seen])


def pool(
    paths: Sequence[Path],
    correlation: Correlation,
    prior: Scales,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    every: int = 1,
) -> Pooled:
    """Draw the pooled effects; of the draws one in ``every`` is kept."""
    stack = _stack(paths)
    found = [
        _run(_Chain(stack, correlation, prior, np.random.default_rng(own)), draws, tune, every)
        for own in np.random.SeedSequence(seed).spawn(chains)
    ]
    stacked = {name: np.stack([each[name] for each in found]) for name in found[0]}
    values = np.moveaxis(stacked.pop("scales"), -1, 0)
    scales = dict(zip(("unit_sd", "period_sd", "step_sd", "correlation"), values, strict=True))
    if len(paths) == 1:
        del scales["unit_sd"], scales["correlation"]
    if stack.events.shape[-1] == 1:
        del scales["step_sd"]
    return Pooled(scales=scales, **stacked)


def _run(chain: _Chain, draws: int, tune: int, every: int) -> dict[str, FloatArray]:
    """Tune the random walk (Haario et al. 2001), then draw."""
    visited: list[FloatArray] = []
    for t in range(tune):
        for _ in range(STEPS):
            taken, at = chain.step()
            visited.append(at)
            chain.size *= float(np.exp((taken - TARGET) / np.sqrt(1 + t)))
        chain.draw()
        if t >= 50 and t % 50 == 0:
            recent = np.array(visited[len(visited) // 3 :])
            chain.walk = np.linalg.cholesky(np.cov(recent.T) + 1e-4 * np.eye(4))
    kept: list[Mapping[str, FloatArray]] = []
    for t in range(draws * every):
        for _ in range(STEPS):
            chain.step()
        scales = np.array(chain.parts(chain.at))
        found = chain.draw()
        if t % every == 0:
            kept.append(found | {"scales": scales})
    return {name: np.stack([each[name] for each in kept]) for name in kept[0]}
