"""What pooling takes from the own fit of each treated unit."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsynth import effects
from bsynth._base.types import FloatArray, IntArray
from bsynth.bayesian.result import Fit
from bsynth.engines.pooling import Common, Path, Scales, common_of

FEW = 100
"""Draws of a stratum at least: of fewer a covariance says little."""
SIZES = 3
"""Strata into which draws of one form of the drift are cut by the size of their noise."""


@dataclass(frozen=True, eq=False)
class Untreated:
    """Draws of a unit's untreated outcome after its start: ``mean`` and ``predictive`` (S, K); of each draw the scale
    ``sigma`` of its noise and its ``form``, the place of its drift among ``many`` components (S,).
    """

    mean: FloatArray
    predictive: FloatArray
    sigma: FloatArray
    form: NDArray[np.intp]
    many: int


def untreated(fit: Fit) -> Untreated:
    """Return what a fit draws of its treated periods."""
    mean, predictive = (
        fit.counterfactual(kind).transpose(*effects.POSTERIOR_DIMS, "time").values[..., fit.n_pre :]
        for kind in ("mean", "predictive")
    )
    width = mean.shape[-1]
    return Untreated(
        mean.reshape(-1, width),
        predictive.reshape(-1, width),
        effects.variable(fit.tree, "posterior", "sigma").values.ravel(),
        _forms(fit),
        len(fit.spec.drift.components),
    )


def _forms(fit: Fit) -> NDArray[np.intp]:
    """(S,) place of each draw's form among the components of the drift."""
    names, posterior = list(fit.spec.drift.components), fit.tree["posterior"].to_dataset()
    if len(names) == 1:
        return np.zeros(posterior["sigma"].size, dtype=np.intp)
    on = posterior["drifting"].values.ravel() > 0
    found = on * int(names[0] == "none")
    if {"ar1", "walk"} <= set(names):
        found = found + (on & (posterior["rho"].values.ravel() >= 1))
    return np.asarray(found, dtype=np.intp)


def path_of(
    draws: Untreated, observed: FloatArray, *, periods: IntArray, event: IntArray, before: IntArray, level: bool
) -> Path:
    """Return what a unit's draws say of its treated periods, by strata.

    Parameters
    ----------
    draws : Untreated
    observed : (K,) treated outcomes.
    periods, event : (K,) of int
        Place of each treated period on the calendar that all units share, and periods since the unit's start.
    before : (n_pre,) of int
        Places of its pre-periods.
    level : bool
        Whether its model has a level of its own.
    """
    gaps, covariances, shares, forms = [], [], [], []
    for at in strata_of(draws.sigma, draws.form):
        centre, noise = draws.mean[at], draws.predictive[at] - draws.mean[at]
        gaps.append(observed - centre.mean(axis=0))
        # The noise of a period is independent of all others: of its covariance only the diagonal is estimated.
        covariances.append(np.atleast_2d(np.cov(centre.T)) + np.diag((noise**2).mean(axis=0)))
        shares.append(len(at) / len(draws.mean))
        forms.append(np.bincount(draws.form[at], minlength=draws.many) / len(at))
    arrays = (np.stack(gaps), np.stack(covariances), np.array(shares), np.stack(forms))
    return Path(*arrays, periods, event, before, level)


def strata_of(sigma: FloatArray, form: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Places of the draws in each stratum: those of one form of the drift, by the size of their noise.

    Examples
    --------
    >>> [len(at) for at in strata_of(np.arange(1000.0), (np.arange(1000) < 150).astype(int))]
    [284, 283, 283, 150]
    """
    groups = [np.flatnonzero(form == k) for k in range(int(form.max()) + 1)]
    if len(groups) > 2 and min(map(len, groups[1:])) < FEW:
        groups = [groups[0], np.concatenate(groups[1:])]
    if min(map(len, groups)) < FEW:
        groups = [np.concatenate(groups)]
    found = []
    for at in groups:
        ordered = at[np.argsort(sigma[at], kind="stable")]
        found += [np.sort(part) for part in np.array_split(ordered, max(1, min(SIZES, len(at) // FEW)))]
    return found


def common_to(fits: Sequence[Fit], before: Sequence[IntArray]) -> Common:
    """What residuals say of how units err together, over the pre-periods (places ``before``) that all units have."""
    shared = functools.reduce(np.intersect1d, before)
    rows = [
        (fit.observed - fit.synthetic()).values[: len(at)][np.isin(at, shared)]
        for fit, at in zip(fits, before, strict=True)
    ]
    return common_of(np.column_stack(rows))


def scales_of(fits: Sequence[Fit]) -> Scales:
    """Prior scales in outcome units: those of the model times the median sd of the units' pre-periods."""
    spec, own = fits[0].spec, [fit.observed.values[: fit.n_pre].std(ddof=1) for fit in fits]
    unit = float(np.median(own))
    return Scales(
        start=spec.pooling.start_sd * unit,
        step=spec.pooling.step_sd * unit,
        unit=spec.pooling.unit_sd * unit,
        period=spec.pooling.period_sd * unit,
        forms=np.array(list(spec.drift.components.values())),
    )
