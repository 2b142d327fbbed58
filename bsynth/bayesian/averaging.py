"""One posterior from several concentrations of the Dirichlet weights.

A flat Dirichlet over many donors is a strong prior, and sampling its concentration does not converge on real
panels. So the model is fitted at each concentration of a grid, every one equally plausible beforehand, and the
posteriors are mixed with pseudo-BMA+ weights: exp(elpd) of approximate leave-one-out, averaged over the Bayesian
bootstrap of the pre-periods (Yao, Vehtari, Simpson and Gelman 2018, §3.4). With a drift the
terms are one step ahead. Below .3 the posterior is slow and multimodal, so the grid ends there.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy import special

from bsynth._base.types import FloatArray, IntArray
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.bayesian.psis import pre_period_loo
from bsynth.model.spec import ModelSpec
from bsynth.text.numbers import exact, fixed

GRID = (0.3, 1.0, 3.0)
BOOTSTRAP = 1000
"""Bayesian bootstraps of the pre-periods."""
_DRAWN = ("posterior", "posterior_predictive", "log_likelihood", "sample_stats")


def is_averaged(spec: ModelSpec) -> bool:
    """Whether the specification asks for a grid of concentrations."""
    return spec.weights.prior == "dirichlet" and spec.weights.alpha == "averaged"


def members(spec: ModelSpec) -> tuple[ModelSpec, ...]:
    """Return the specification at each concentration of the grid."""
    return tuple(spec.model_copy(update={"weights": spec.weights.model_copy(update={"alpha": a})}) for a in GRID)


def pseudo_bma(trees: Sequence[xr.DataTree], rng: np.random.Generator) -> FloatArray:
    """Return pseudo-BMA+ weights (K,) of K fits of one panel; they sum to 1."""
    scores = np.array([pre_period_loo(tree).elpd_i for tree in trees])
    periods = scores.shape[1]
    resampled = periods * rng.dirichlet(np.ones(periods), BOOTSTRAP) @ scores.T
    return np.asarray(special.softmax(resampled, axis=1).mean(axis=0))


def allot(weights: FloatArray, shape: tuple[int, int], rng: np.random.Generator) -> IntArray:
    """Return which member each (chain, draw) comes from: every chain has each in proportion, in random order."""
    chains, draws = shape
    edges = np.cumsum(weights)[:-1]
    found = [
        rng.permutation(np.searchsorted(edges, (np.arange(draws) + rng.random()) / draws, side="right"))
        for _ in range(chains)
    ]
    return np.array(found, dtype=np.int64)


def mix(trees: Sequence[xr.DataTree], weights: FloatArray, rng: np.random.Generator) -> xr.DataTree:
    """Mix fits draw by draw within chains; ``posterior["alpha"]`` says where each draw comes from."""
    sizes = [(t["posterior"].sizes["chain"], t["posterior"].sizes["draw"]) for t in trees]
    chains, draws = min(sizes)
    labels = xr.DataArray(allot(weights, (chains, draws), rng), dims=("chain", "draw"))
    groups = {}
    for group in _DRAWN:
        # A member that was fitted again has more draws: as many are kept, evenly spaced.
        parts = [
            t[group]
            .to_dataset()
            .isel(draw=np.linspace(0, n - 1, draws).round().astype(int))
            .assign_coords(draw=range(draws))
            for t, (_, n) in zip(trees, sizes, strict=True)
        ]
        groups[group] = xr.concat(parts, dim="member", join="override", coords="minimal", compat="override").isel(
            member=labels
        )
    groups["posterior"]["alpha"] = xr.DataArray(np.array(GRID)[labels.values], dims=("chain", "draw"))
    others = {g: trees[0][g].to_dataset() for g in trees[0].children if g not in _DRAWN}
    tree = xr.DataTree.from_dict(groups | others)
    tree.attrs = dict(trees[0].attrs) | {"alpha_grid": list(GRID), "alpha_weights": [float(w) for w in weights]}
    return tree


def joint(found: Sequence[Diagnostics]) -> Diagnostics:
    """Return the worst of the members' diagnostics: one member that fails its gate fails the average."""
    failures = tuple(f"alpha = {exact(a)}: {f}" for a, d in zip(GRID, found, strict=True) for f in d.failures)
    return Diagnostics(
        status="unreliable" if failures else "ok",
        failures=failures,
        rhat_max=max(d.rhat_max for d in found),
        ess_min=min(d.ess_min for d in found),
        rhat_max_weight=max(d.rhat_max_weight for d in found),
        divergences=sum(d.divergences for d in found),
        saturated=sum(d.saturated for d in found),
        bfmi_min=min(d.bfmi_min for d in found),
        retried=any(d.retried for d in found),
        # Of each member's own draws; the mixture has as many of all of them together.
        bound_error=max(d.bound_error for d in found),
    )


def note(weights: FloatArray) -> str:
    """Say which concentrations were averaged and what each weighs."""
    shares = ", ".join(f"{exact(a)} ({fixed(w, 2)})" for a, w in zip(GRID, weights, strict=True))
    return f"The concentration of the weights is averaged; leave-one-out weights: {shares}."
