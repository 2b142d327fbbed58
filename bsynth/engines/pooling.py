"""Effects of several treated units, pooled by event time: the second stage, whose first is each unit's own fit.

Unit i's own fit says what its periods from the start on would have been untreated: strata z of its draws (form of the
drift, size of the noise) with probabilities p_iz, means and covariances C_iz of the path. With d_i the observed path,

  d_i = m_iz + τ_{k(i,·)} + u_i + v_i + e_i,  e_i ~ N(0, C_iz),  z ~ p_i,
  τ_0 ~ N(0, s₀²), τ_k − τ_{k−1} ~ N(0, κ²), u_i ~ N(0, ω²), v_ik ~ N(0, ν²), κ, ω, ν half-normal.

This is the joint model of all units and all periods, as two-stage sampling has it (Lunn et al. 2013), with the law of a
path in each stratum taken as normal.

**Units err together.** Those that share donors and periods share the donors' noise. A common series g of iid normals
stands behind every unit's residual with share r of its variance: e_i = R_i (√r A_i g + √(1−r) h_i), where A_i g is what
g does to a post-period less the mean of the unit's own pre-period, scaled to unit covariance period by period, and R_i
the Cholesky factor of C_iz. So the same innovation enters all units in the same period, pre-periods that overlap make
levels err together, and each unit's own covariance stays C_iz. What residuals of the pre-period say of r is part of its
posterior.

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

STEPS = 4
"""Random-walk steps of the scales in each draw."""
TARGET = 0.3
"""Acceptance rate that their size aims at."""
RIDGE = 1e-9
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
    periods : (K,) place of each period on the calendar of all units.
    event : (K,) periods since the start, from 0.
    before : places of the periods that its own fit used before the start.
    level : whether the unit has a level of its own, so that errors of the pre-period move the post-period.
    """

    gap: FloatArray
    covariance: FloatArray
    share: FloatArray
    forms: FloatArray
    periods: IntArray
    event: IntArray
    before: IntArray
    level: bool = True


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
class Common:
    """What residuals (T, n) of the pre-period that all units have say of their correlation r.

    ``shared`` is n Σ_t (mean over units)², ``own`` the rest of their sum of squares, when each unit has variance 1;
    ``periods`` how many independent periods they are worth.
    """

    units: int
    shared: float
    own: float
    periods: float

    def log_density(self, r: float) -> float:
        """Log density of the residuals, up to a constant."""
        if self.units < 2 or not 0 <= r < 1:
            return 0.0
        n, together = self.units, 1 + (self.units - 1) * r
        logs = np.log(together) + (n - 1) * np.log1p(-r)
        return float(-0.5 * self.periods * (logs + self.shared / together + self.own / (1 - r)))


def common_of(residuals: FloatArray) -> Common:
    """What residuals (T, n) say of how units err together: each about its own mean, in its own sd.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> together = common_of(rng.normal(size=(400, 1)) + rng.normal(size=(400, 5)))
    >>> 0.4 < max((r / 100 for r in range(100)), key=together.log_density) < 0.6
    True
    """
    periods, n = residuals.shape
    if periods < 3 or n < 2:
        return Common(1, 0.0, 0.0, 0.0)
    about = residuals - residuals.mean(axis=0)
    sd = np.sqrt((about**2).sum(axis=0) / (periods - 1))
    z = about / np.where(sd > 0, sd, 1.0)
    shared = n * z.mean(axis=1) ** 2
    own = (z**2).sum(axis=1) - shared
    lag = float(np.clip((z[1:] * z[:-1]).sum() / max(float((z**2).sum()), RIDGE), 0.0, 0.9))
    free = (periods - 1) * (1 - lag**2) / (1 + lag**2)
    return Common(n, float(shared.sum() / (periods - 1)), float(own.sum() / (periods - 1)), free)


@dataclass(frozen=True, eq=False)
class _Stack:
    """Every unit's rotated arrays, padded to the longest path and the most strata; padded rows weigh nothing.

    ``basis`` (n, Z, K, K) eigenvectors of each covariance, ``spread`` (n, Z, K) its eigenvalues; rotated by them
    ``gap`` (n, Z, K), ``one`` (n, Z, K), ``events`` (n, Z, K, E) which sum τ's increments, ``common`` (n, Z, K, T).
    """

    basis: FloatArray
    spread: FloatArray
    gap: FloatArray
    one: FloatArray
    events: FloatArray
    common: FloatArray
    root: FloatArray
    raw_gap: FloatArray
    raw_common: FloatArray
    log_share: FloatArray
    forms: FloatArray
    seen: AnyArray
    event: IntArray


def _stack(paths: Sequence[Path]) -> _Stack:
    n, strata = len(paths), max(len(p.share) for p in paths)
    most, events = max(len(p.event) for p in paths), 1 + max(int(p.event.max()) for p in paths)
    times = 1 + max(int(p.periods.max()) for p in paths)
    shape = (n, strata, most)
    square = np.zeros((*shape, most))
    basis, root = square.copy(), square.copy()
    spread, gap, one, raw = (np.zeros(shape) for _ in range(4))
    sums, common, raw_common = np.zeros((*shape, events)), np.zeros((*shape, times)), np.zeros((*shape, times))
    log_share, seen, event = np.full((n, strata), -np.inf), np.zeros((n, most), dtype=bool), np.zeros((n, most), int)
    forms = np.zeros((n, strata, paths[0].forms.shape[1]))
    for i, p in enumerate(paths):
        k = len(p.event)
        forms[i, : len(p.share)] = p.forms
        seen[i, :k], event[i, :k] = True, p.event
        log_share[i, : len(p.share)] = np.log(np.maximum(p.share, RIDGE))
        increments = (np.arange(events) <= p.event[:, None]).astype(float)
        shocks = _shocks(p, times)
        for z, covariance in enumerate(p.covariance):
            safe = covariance + RIDGE * np.trace(covariance) / k * np.eye(k)
            values, vectors = np.linalg.eigh(safe)
            factor = np.linalg.cholesky(safe)
            at = (i, z, slice(k))
            spread[at], basis[i, z, :k, :k], root[i, z, :k, :k] = np.maximum(values, 0.0), vectors, factor
            raw[at], raw_common[at] = p.gap[z], factor @ shocks
            gap[at], one[at] = vectors.T @ p.gap[z], vectors.sum(axis=0)
            sums[at], common[at] = vectors.T @ increments, vectors.T @ raw_common[at]
    return _Stack(basis, spread, gap, one, sums, common, root, raw, raw_common, log_share, forms, seen, event)


def _shocks(path: Path, times: int) -> FloatArray:
    """(K, times) A: what iid shocks do to a post-period about the level of its pre-period, of unit covariance."""
    found = np.zeros((len(path.periods), times))
    found[np.arange(len(path.periods)), path.periods] = 1.0
    if path.level:
        found[:, path.before] -= 1 / len(path.before)
    return np.asarray(np.linalg.solve(np.linalg.cholesky(found @ found.T), found))


class _Chain:
    """One chain over (z, scales); the arrays of a stratum choice are gathered once per choice."""

    def __init__(self, stack: _Stack, common: Common, prior: Scales, rng: np.random.Generator) -> None:
        self.stack, self.common, self.prior, self.rng = stack, common, prior, rng
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
        self.spread, self.gap, self.one = s.spread[at], s.gap[at], s.one[at]
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
        variance = (1 - r) * self.spread + nu**2
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
        density = -0.5 * (squares + logs + at @ at) + self.common.log_density(r)
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
        weight = s.seen / np.where(s.seen, (1 - r) * self.spread + nu**2, 1.0)
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
        weight = seen / np.where(seen, np.maximum((1 - r) * s.spread + nu**2, 1e-300), 1.0)
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
        common = s.raw_common[at] @ self.rng.normal(size=s.raw_common.shape[-1])
        own = np.einsum("nkj,nj->nk", s.root[at], self.rng.normal(size=s.seen.shape))
        return np.asarray((s.raw_gap[at] - np.sqrt(r) * common - np.sqrt(1 - r) * own)[s.seen])


def pool(
    paths: Sequence[Path],
    common: Common,
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
        _run(_Chain(stack, common, prior, np.random.default_rng(own)), draws, tune, every)
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
