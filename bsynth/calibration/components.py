"""The forms that a unit's departure may take: which one each draw takes, and how common each is among units.

A model whose drift may be on or off has two components, with a drift that may be an AR(1) or a walk three. Each has a
prior probability in the model (`bsynth.model.spec.Drift.components`); the donors teach how common it is.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bsynth._base.types import FloatArray
from bsynth.bayesian.result import Fit


def component_of(drifting: NDArray[np.bool_], rho: FloatArray | None, names: Sequence[str]) -> NDArray[np.intp]:
    """(S,) place among ``names`` of the form of each draw; with both, a walk has ρ = 1 and an AR(1) a smaller one."""
    if len(names) == 1:
        return np.zeros(len(drifting), dtype=int)
    form = np.full(len(drifting), len(names) - 1)
    if {"ar1", "walk"} <= set(names) and rho is not None:
        form = np.where(rho < 1, names.index("ar1"), names.index("walk"))
    return np.where(drifting, form, 0)


def components_of(fit: Fit) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the component of each draw (S,), and the posterior probability of each at even prior odds, (C,).

    The probabilities are means of each draw's own, not counts, so that a rare component is not lost.
    """
    posterior, components = fit.tree["posterior"].to_dataset(), fit.spec.drift.components
    names, prior = tuple(components), np.array(list(components.values()))
    flat = {str(name): values.values.ravel() for name, values in posterior.items() if values.ndim == 2}
    if "drifting" not in flat or len(names) == 1:
        return np.zeros(posterior.sizes["chain"] * posterior.sizes["draw"], dtype=int), np.ones(1)
    found = component_of(flat["drifting"] > 0, flat.get("rho"), names)
    drift = fit.spec.drift
    odds = flat["drift_log_odds"] + special.logit(drift.probability)
    on = special.expit(odds)
    shares: dict[str, FloatArray] = {"none": special.expit(-odds), drift.process: on}
    if "walk_log_odds" in flat:
        walks = flat["walk_log_odds"] + special.logit(drift.walk)
        shares |= {"walk": on * special.expit(walks), "ar1": on * special.expit(-walks)}
    return found, support(np.array([shares[name].mean() for name in names]), prior)


def support(posterior: FloatArray, prior: FloatArray) -> FloatArray:
    """Posterior probabilities (C,) as they would be at even prior odds."""
    even = posterior / prior
    return np.asarray(even / even.sum())


def learn_shares(supports: Sequence[FloatArray]) -> FloatArray:
    """Return the share of units of each component, (C,), from each unit's `support`.

    Iterates x_kc = π_c s_kc / Σ π s and π_c = (1 + Σ_k x_kc) / (C + J), the posterior mode of π under a Dirichlet(2).
    """
    s = np.asarray(supports, dtype=float)
    shares = np.full(s.shape[1], 1 / s.shape[1])
    for _ in range(10_000):
        x = shares * s
        updated = (1 + (x / x.sum(axis=1, keepdims=True)).sum(axis=0)) / (s.shape[1] + len(s))
        if np.abs(updated - shares).max() < 1e-12:
            break
        shares = updated
    return np.asarray(shares)


def factors(shares: Mapping[str, float] | None, prior: Mapping[str, float] | None) -> FloatArray:
    """(C,) what a draw of each component weighs when the components move from ``prior`` to ``shares``."""
    if shares is None or prior is None:
        return np.ones(1)
    return np.array([shares[name] / p for name, p in prior.items()])
