"""Simulated worlds with a known effect: some meet a model's assumptions, others break one of them.

All but the rollout log are linear factor models, y_it = c_i + δ_t + λ_i′f_t + e_it, in which the treated unit's level
and loadings are a Dirichlet(1) mix of its donors', so that a synthetic control exists. Each world changes one thing.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.calibration import PlaceboFit, factors, learn_shares, support, switch_prior
from bsynth.evidence.engine import posterior
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.scores import LEVELS, Scored, rounded
from bsynth.model.design import make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.simulate import ROLLOUT_EFFECT, rollout_panel_arguments, simulate_rollout
from bsynth.pieces import Record, Store

FIRST_SEED = 200
EFFECT = 0.5
"""True effect in the factor worlds, outcome units."""
NOISE = 0.5


def draw_noise(
    rng: np.random.Generator, shape: tuple[int, int], rho: float = 0.0, degrees: float | None = None
) -> FloatArray:
    """Noise (periods, units) of sd `NOISE`: an AR(1) over periods, or with ``degrees`` independent Student-t."""
    if degrees is not None:
        return np.asarray(NOISE * rng.standard_t(degrees, size=shape) * np.sqrt((degrees - 2) / degrees))
    noise = rng.normal(size=shape)
    for t in range(1, shape[0]):
        noise[t] = rho * noise[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    return np.asarray(NOISE * noise)


@dataclass(frozen=True)
class World:
    """A factor world; what its fields change is what the model is tried against.

    Attributes
    ----------
    title : str
    donors, n_pre, n_post : int
    offset : float
        Added to the treated unit's level: outside the hull of its donors.
    walk : bool
        Factors and δ are random walks with steps of sd .3; otherwise independent N(0, 1).
    rho : float
        Autocorrelation of the noise e.
    degrees : float or None
        Student-t noise of the same variance.
    jump : float
        Added after the start to the donor with the largest true weight: a contaminated donor.
    spike : float
        Added to the treated unit in one of its last three pre-periods, in sd of the noise.
    """

    title: str
    donors: int = 20
    n_pre: int = 30
    n_post: int = 10
    offset: float = 0.0
    walk: bool = False
    rho: float = 0.0
    degrees: float | None = None
    jump: float = 0.0
    spike: float = 0.0

    def simulate(self, seed: int) -> tuple[FloatArray, FloatArray]:
        """Return outcomes (periods, 1 + donors), the treated unit first, and levels and loadings (1 + donors, 3)."""
        rng = np.random.default_rng(seed)
        periods = self.n_pre + self.n_post
        mix = rng.dirichlet(np.ones(self.donors))
        factors = rng.normal(size=(periods, 3))
        if self.walk:
            factors = np.cumsum(0.3 * factors, axis=0)
        loadings = np.column_stack([np.ones(self.donors), rng.normal(size=(self.donors, 2))])
        levels = rng.normal(size=self.donors)
        mean = levels + factors @ loadings.T
        outcome = np.column_stack([mean @ mix + self.offset, mean]) + draw_noise(
            rng, (periods, self.donors + 1), self.rho, self.degrees
        )
        outcome[self.n_pre :, 0] += EFFECT
        outcome[self.n_pre :, 1 + int(mix.argmax())] += self.jump
        outcome[self.n_pre - 1 - rng.integers(3), 0] += self.spike * NOISE
        traits = np.column_stack([levels, loadings[:, 1:]])
        return np.asarray(outcome), np.vstack([mix @ traits, traits])

    def panel(self, seed: int) -> Panel:
        """Return the panel of one seed; its covariates are each unit's level and loadings, measured with sd .3."""
        outcome, traits = self.simulate(seed)
        time, unit = (index.ravel() for index in np.indices(outcome.shape))
        frame = pd.DataFrame({"unit": unit, "time": time, "outcome": outcome.ravel()})
        measured = traits + 0.3 * np.random.default_rng([seed, 1]).normal(size=traits.shape)
        names = ["level", "first loading", "second loading"]
        frame[names] = measured[unit]
        return Panel.from_long(
            frame, unit="unit", time="time", outcome="outcome", treated=0, start=self.n_pre, covariates=names
        )


ROLLOUT = "rollout-log"
WORLDS: Mapping[str, World] = {
    "factor": World("independent factors and noise; inside the hull"),
    "outside": World("level 5 above the hull", offset=5.0),
    "ar-noise": World("AR(.6) noise", rho=0.6),
    "walk-factors": World("random-walk factors", walk=True),
    "heavy-tails": World("t₃ noise", degrees=3.0),
    "many-donors": World("60 donors, 15 pre-periods", donors=60, n_pre=15),
    "few-donors": World("6 donors", donors=6),
    "contaminated": World("the main donor jumps by 2", jump=2.0),
    "spike": World("6 σ added to one of the last three pre-periods", spike=6.0),
}
_LEARNED = "-learned"
"""Ends the name of a world in which the share of each form of drift is learned from the donors of each panel."""
LEARNED = (ROLLOUT + _LEARNED, "factor" + _LEARNED)
TITLES: Mapping[str, str] = (
    {ROLLOUT: "rollout log of 50,000 users"}
    | {ROLLOUT + _LEARNED: "rollout log; π learned from the donors"}
    | {name: world.title for name, world in WORLDS.items()}
    | {"factor" + _LEARNED: f"{WORLDS['factor'].title}; π learned from the donors"}
)


def worlds_of(spec: ModelSpec) -> tuple[str, ...]:
    """Return the worlds that a model can be fitted to: the rollout log alone has cell counts, and no covariates."""
    if spec.covariates.use != "none":
        return tuple(WORLDS)
    if spec.cells.variance == "known":
        return (ROLLOUT,)
    return (ROLLOUT, *WORLDS, *LEARNED) if switch_prior(spec) is not None else (ROLLOUT, *WORLDS)


def run(
    spec: ModelSpec,
    work: Path,
    settings: Settings,
    *,
    seeds: int = 40,
    worlds: tuple[str, ...] | None = None,
) -> Record:
    """Measure the model in each world and return the summary; all finished seeds count.

    Parameters
    ----------
    spec : ModelSpec
    work : Path
        Folder for finished pieces.
    settings : Settings
    seeds : int
        Repetitions, seeds 200, 201, …
    worlds : tuple of str, optional
        Only these are measured; others are summarised when they have been before.
    """
    store = Store(work / "worlds.jsonl", key_of(spec, settings.sampler()))
    wanted = worlds_of(spec)
    for name in wanted if worlds is None else worlds:
        chosen = range(FIRST_SEED, FIRST_SEED + seeds)
        pieces = {f"{name}/{seed}": functools.partial(_piece, name, seed, spec, settings) for seed in chosen}
        measure(f"{spec.name}: {name}", pieces, store, settings)
    everything = store.read()
    found = {name: [r for piece, r in everything.items() if piece.startswith(f"{name}/")] for name in wanted}
    return {
        "first_seed": FIRST_SEED,
        **settings.sampler(),
        "worlds": {name: summarise(name, records) for name, records in found.items() if records},
    }


@functools.lru_cache(maxsize=128)
def rollout_log(seed: int, users: int = 50_000) -> Panel:
    """Return the panel of a simulated rollout log, without its users; whoever asks for it again gets the same."""
    arguments = rollout_panel_arguments()
    del arguments["cluster"]
    panel: Panel = Panel.from_events(simulate_rollout(users=users, seed=seed), **arguments)
    return panel


@functools.lru_cache(maxsize=2048)
def _factor(name: str, seed: int) -> Panel:
    return WORLDS[name].panel(seed)


def _piece(name: str, seed: int, spec: ModelSpec, settings: Settings) -> Record:
    learned, name = name.endswith(_LEARNED), name.removesuffix(_LEARNED)
    panel = rollout_log(seed) if name == ROLLOUT else _factor(name, seed)
    design = make_design(panel, spec)
    # The rollout log is read on the scale of its completion rate, as everywhere; the others in pre-period sd.
    scale = 1.0 if name == ROLLOUT else design.scale
    found = posterior(design, spec, settings, seed)
    observed = panel.treated_series[panel.n_pre :].mean()
    draws = (observed - design.to_outcome(found.predictive)) / scale
    gap = panel.treated_series - panel.donor_matrix.mean(axis=1)
    # With the forms of drift as likely as in the model every draw weighs the same.
    weights = np.ones(len(spec.drift.components))
    if learned:
        # A share needs fewer draws than an interval.
        lighter = replace(settings, draws=150, tune=300, chains=2)
        shares = learn_shares([_support(panel.as_treated(donor), spec, lighter, seed) for donor in panel.donors])
        weights = factors(dict(zip(spec.drift.components, shares, strict=True)), spec.drift.components)
    component = np.zeros(len(draws), dtype=int) if found.component is None else found.component
    kept = PlaceboFit(0, draws, component, np.empty(0), np.empty(0), np.ones(len(weights)), scale, "", 0.0)
    return {
        "truth": (ROLLOUT_EFFECT if name == ROLLOUT else EFFECT) / scale,
        "estimate": kept.reweighted(weights)[0],
        "bounds": [kept.interval(level, weights) for level in LEVELS],
        "did": float(gap[panel.n_pre :].mean() - gap[: panel.n_pre].mean()) / scale,
        "healthy": found.healthy,
    }


def _support(panel: Panel, spec: ModelSpec, settings: Settings, seed: int) -> FloatArray:
    """Return the posterior probability of each form of drift at even prior odds."""
    component, prior = posterior(make_design(panel, spec), spec, settings, seed).component, spec.drift.components
    if component is None:
        raise ValueError("a model without drift has no forms of it")
    # Half a draw, so that no form is lost for good.
    counts = np.bincount(component, minlength=len(prior)) + 0.5
    return support(counts / counts.sum(), np.array(list(prior.values())))


def summarise(name: str, records: list[Record]) -> Record:
    """Score the seeds of one world, beside difference in differences on the same seeds."""
    truth, estimate, did = (np.array([r[field] for r in records]) for field in ("truth", "estimate", "did"))
    bounds = np.array([r["bounds"] for r in records])
    scored = Scored(truth, estimate, bounds[..., 0], bounds[..., 1]).summary()
    errors = did - truth
    squares = np.stack([(estimate - truth) ** 2, errors**2])
    ratio = float(np.sqrt(squares[0].mean() / squares[1].mean()))
    # Delta method on the paired squares.
    relative = squares / squares.mean(axis=1, keepdims=True)
    ratio_mcse = ratio / 2 * float((relative[0] - relative[1]).std()) / np.sqrt(len(records))
    beside = {
        "bias": float(errors.mean()),
        "rmse": float(np.sqrt(squares[1].mean())),
        "rmse_ratio": ratio,
        "rmse_ratio_mcse": float(ratio_mcse),
    }
    extra = {
        "unit": "outcome" if name.startswith(ROLLOUT) else "pre-period sd",
        "unhealthy": sum(not r["healthy"] for r in records),
        "difference_in_differences": beside,
    }
    return dict(rounded(extra)) | scored
