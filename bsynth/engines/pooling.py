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
exactly. Long paths are pooled in blocks of periods (`bsynth.engines.stacks`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from bsynth._base.types import AnyArray, FloatArray, IntArray
from bsynth.engines.correlation import Correlation
from bsynth.engines.innovations import RIDGE
from bsynth.engines.stacks import Path, Stack, stack

STEPS = 4
"""Random-walk steps of the scales in each draw."""
TARGET = 0.3
"""Acceptance rate that their size aims at."""
CONCENTRATION = 2.0
"""Units that the prior of the shares is worth: where a drift has probability ½, its share is uniform."""


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
    block : periods since the start in a block.
    """

    effect: FloatArray
    unpooled: FloatArray
    event: FloatArray
    unit: FloatArray
    scales: dict[str, FloatArray]
    block: int


class _Chain:
    """One chain over (z, scales); the arrays of a stratum choice are gathered once per choice."""

    def __init__(self, stack: Stack, correlation: Correlation, prior: Scales, rng: np.random.Generator) -> None:
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
        self.columns = s.columns[at]
        self.contrasts = s.within.at(self.z) if s.within is not None else None

    def parts(self, at: FloatArray) -> tuple[float, float, float, float]:
        """ω, ν, κ, r of their normal scores; one unit alone has no others to differ from or to err with."""
        p = self.prior
        upper = np.clip(special.ndtr(at), 1e-9, 1 - 1e-9)
        omega, nu, kappa = (np.array([p.unit, p.period, p.step]) * special.ndtri(0.5 + 0.5 * upper[:3])).tolist()
        return (0.0, nu, kappa, 0.0) if self.alone else (omega, nu, kappa, float(upper[3]))

    def _sizes(self, kappa: float, r: float) -> FloatArray:
        """(E + P,) prior sd of what all units share: of τ's increments, and of what innovations do."""
        s = self.stack
        found = np.full(s.columns.shape[-1], np.sqrt(r))
        # Means of b steps of a walk.
        found[: s.events] = kappa * np.sqrt((2 * s.length**2 + 1) / (3 * s.length))
        found[0] = self.prior.start
        return found

    def _weight(self, spread: FloatArray, moved: FloatArray, nu: float, r: float) -> FloatArray:
        """Precision of each row given what units share and u; zero for padding."""
        seen = self.stack.seen if spread.ndim == 2 else self.stack.seen[:, None]
        return np.asarray(seen / np.where(seen, np.maximum(spread - r * moved + nu**2, 1e-300), 1.0))

    def _evaluate(self, at: FloatArray) -> dict[str, AnyArray | float]:
        """Log density of the scales with all else but z integrated out, and what the draws that follow need."""
        omega, nu, kappa, r = self.parts(at)
        weight = self._weight(self.spread, self.moved, nu, r)
        size, count = self._sizes(kappa, r), self.columns.shape[-1]
        w, weighed = weight.ravel(), weight * self.one
        reach = (weighed * self.one).sum(axis=1)
        shrink = omega**2 / (1 + omega**2 * reach)
        a = (weighed[:, None, :] @ self.columns)[:, 0]
        g = (weighed * self.gap).sum(axis=1)
        rows = np.sqrt(w)[:, None] * self.columns.reshape(-1, count)
        A = np.eye(count) + np.outer(size, size) * (rows.T @ rows - a.T @ (shrink[:, None] * a))
        b = size * (rows.T @ (np.sqrt(w) * self.gap.ravel()) - a.T @ (shrink * g))
        factor = np.linalg.cholesky(A)
        half = linalg.solve_triangular(factor, b, lower=True, check_finite=False)
        squares = (weight * self.gap**2).sum() - (shrink * g**2).sum() - half @ half
        logs = -np.log(w[w > 0]).sum() + np.log1p(omega**2 * reach).sum() + 2 * np.log(np.diag(factor)).sum()
        density = -0.5 * (squares + logs + at @ at) + self.correlation.log_density(at[3])
        if self.contrasts is not None:
            density += self.contrasts.evaluate(nu, kappa, r)[0]
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
        size = self._sizes(kappa, r)
        x = size * linalg.solve_triangular(factor.T, self.now["half"] + noise, check_finite=False)
        s = self.stack
        weight = self._weight(self.spread, self.moved, nu, r)
        rest = self.gap - self.columns @ x
        reach = (weight * self.one**2).sum(axis=1)
        spread = omega**2 / (1 + omega**2 * reach)
        mean = spread * (weight * self.one * rest).sum(axis=1)
        u = mean + np.sqrt(spread) * self.rng.normal(size=self.units)
        rest = rest - self.one * u[:, None]
        v = nu**2 * weight * rest
        v += np.sqrt(np.maximum(nu**2 * (1 - nu**2 * weight), 0.0)) * s.seen * self.rng.normal(size=v.shape)
        tau = np.repeat(np.cumsum(x[: s.events]), s.length)[: 1 + int(s.event.max())]
        effect = tau[s.event] + u[:, None] + self._periods(self.z, v)
        common = None
        if self.contrasts is not None:
            apart, cells, common = self.contrasts.draw(nu, kappa, r, self.rng)
            tau, effect = tau + apart[: len(tau)], effect + cells
        self._strata(omega, nu, r, x, common)
        return {"event": tau, "unit": u, "effect": effect[s.cells], "unpooled": self._unpooled(r)}

    def _periods(self, z: IntArray, rotated: FloatArray) -> FloatArray:
        """(n, K) what rotated rows (n, R) are in periods."""
        s, units = self.stack, np.arange(self.units)
        turned = (s.basis[units, z] @ rotated[:, :, None])[:, :, 0]
        return np.asarray(s.part * turned[units[:, None], s.row])

    def _strata(self, omega: float, nu: float, r: float, x: FloatArray, common: FloatArray | None) -> None:
        """Draw each unit's stratum given what units share, with its own effect integrated out."""
        s = self.stack
        if s.log_share.shape[1] == 1:
            return
        weight = self._weight(s.spread, s.moved, nu, r)
        rest = s.gap - s.columns @ x
        reach = (weight * s.one**2).sum(axis=-1)
        g = (weight * s.one * rest).sum(axis=-1)
        squares = (weight * rest**2).sum(axis=-1) - omega**2 / (1 + omega**2 * reach) * g**2
        logs = -np.log(np.where(weight > 0, weight, 1.0)).sum(axis=-1) + np.log1p(omega**2 * reach)
        weighed = s.forms @ (self.shares / self.prior.forms)
        score = s.log_share + np.log(np.maximum(weighed, RIDGE)) - 0.5 * (squares + logs)
        if s.within is not None and common is not None:
            score += s.within.scores(common, nu, r)
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
        common = s.columns[at][..., s.events :]
        error = np.sqrt(r) * (common @ self.rng.normal(size=common.shape[-1])) + own
        effect = self._periods(z, s.gap[at] - error)
        if s.within is not None:
            effect += s.within.at(z).alone(r, self.rng)
        return effect[s.cells]


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
    side_by_side = stack(paths)
    found = [
        _run(_Chain(side_by_side, correlation, prior, np.random.default_rng(own)), draws, tune, every)
        for own in np.random.SeedSequence(seed).spawn(chains)
    ]
    stacked = {name: np.stack([each[name] for each in found]) for name in found[0]}
    values = np.moveaxis(stacked.pop("scales"), -1, 0)
    scales = dict(zip(("unit_sd", "period_sd", "step_sd", "correlation"), values, strict=True))
    if len(paths) == 1:
        del scales["unit_sd"], scales["correlation"]
    if side_by_side.events == 1:
        del scales["step_sd"]
    return Pooled(scales=scales, block=side_by_side.length, **stacked)


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
