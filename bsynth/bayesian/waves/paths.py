"""What pooling takes from the own fit of each treated unit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bsynth import effects
from bsynth._base.types import FloatArray, IntArray
from bsynth.bayesian.result import Fit, panel_of
from bsynth.engines.innovations import Innovations
from bsynth.engines.pooling import Scales
from bsynth.engines.stacks import Path
from bsynth.model.design import make_design
from bsynth.model.link import IDENTITY, Link

FEW = 100
"""Draws of a stratum at least: of fewer a covariance says little."""
UNLIKE = 5.0
"""Times that the sd of one unit's pre-period is that of another, from which their effects are not alike in size."""
SMALLEST = 0.05
"""Size of the smallest unit at least."""
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


def path_of(draws: Untreated, observed: FloatArray, event: IntArray, own: Innovations, link: Link = IDENTITY) -> Path:
    """Return what a unit's draws say of its treated periods, by strata.

    Parameters
    ----------
    draws : Untreated
    observed : (K,) treated outcomes.
    event : (K,) of int
        Periods since the unit's start.
    own : Innovations
        The series, and the strata of its draws.
    link : Link
        The scale of the model.
    """
    gaps, covariances, shares, forms, shocks = [], [], [], [], []
    for at, ahead in zip(own.strata, own.ahead(), strict=True):
        centre, noise = draws.mean[at], draws.predictive[at] - draws.mean[at]
        gaps.append(observed - centre.mean(axis=0))
        # The noise of a period is independent of all others: of its covariance only the diagonal is estimated.
        covariances.append(np.atleast_2d(np.cov(centre.T)) + np.diag((noise**2).mean(axis=0)))
        # On a log or logit scale an innovation moves the outcome by as much as the scale is steep there.
        steep = np.exp(link.log_slope(link.forward(centre.mean(axis=0))))
        shocks.append(steep[:, None] * ahead)
        shares.append(len(at) / len(draws.mean))
        forms.append(np.bincount(draws.form[at], minlength=draws.many) / len(at))
    return Path(
        gap=np.stack(gaps),
        covariance=np.stack(covariances),
        share=np.array(shares),
        forms=np.stack(forms),
        event=event,
        places=own.places[own.n_pre :],
        shocks=np.stack(shocks),
    )


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


def innovations_of(fit: Fit, places: IntArray, calendar: int) -> Innovations:
    """What a fit says of its series, on the scale of the model; ``places`` of its periods among those of all units.

    Empty treated cells before the start are left out. Of known cells the noise of the treated one and that of the
    weighted donors are part of a period's noise.
    """
    panel, spec = panel_of(fit), fit.spec
    design, n = make_design(panel, spec), fit.n_pre
    posterior = fit.tree["posterior"].to_dataset()
    flat = {str(name): _flat(values) for name, values in posterior.items() if name not in ("counterfactual", "drift")}
    slopes = effects.variable(fit.tree, "constant_data", "slope").values
    fitted = flat["intercept"][:, None] + (flat["weights"] * slopes) @ spec.link.forward(panel.donor_matrix).T
    for name in effects.ADDED.values():
        fitted = fitted + flat.get(name, 0.0)
    # Student-t noise of scale σ has variance σ² ν / (ν − 2); of two degrees or fewer the scale stands for it.
    heavy = spec.noise.distribution == "student-t" and spec.noise.degrees > 2
    wide = spec.noise.degrees / (spec.noise.degrees - 2) if heavy else 1.0
    variance = wide * flat["sigma"][:, None] ** 2 + design.scale**2 * design.treated_variance
    if design.donor_precision is not None:
        precision = design.donor_precision
        sampling = np.where(precision > 0, design.scale**2 / np.where(precision > 0, precision, 1.0), 0.0)
        variance = variance + flat["weights"] ** 2 @ sampling.T
    nothing = np.zeros(len(flat["sigma"]))
    drifting = flat.get("drifting", nothing + 1) > 0
    seen = np.append(np.flatnonzero(design.treated_seen[:n]), np.arange(n, len(places)))
    before = seen[seen < n]
    return Innovations(
        places[seen],
        spec.link.forward(panel.treated_series[before]),
        fitted[:, seen],
        np.sqrt(variance)[:, seen],
        np.where(drifting, flat.get("drift_sd", nothing), 0.0),
        flat.get("rho", nothing + 1.0),
        np.where(drifting, flat.get("slope_sd", nothing), 0.0),
        strata_of(flat["sigma"], _forms(fit)),
        calendar,
    )


def _flat(values: xr.DataArray) -> FloatArray:
    """(S, …) draws of a variable, chains one behind the other."""
    found = values.transpose(*effects.POSTERIOR_DIMS, ...).values
    return np.asarray(found.reshape(-1, *found.shape[2:]))


def sizes_of(fits: Sequence[Fit]) -> FloatArray:
    """(units,) how large units are to each other: 1 where alike, else pre-period sd in units of their median.

    A shop's effect says nothing, in sales, of that of a shop ten times its size: where some units vary over `UNLIKE`
    times as far as others, effects are pooled in multiples of each unit's own sd. Below that sds of few periods may
    differ by chance, and effects are pooled as they are.
    """
    own = _sds(fits)
    alike = own.max() <= UNLIKE * own[own > 0].min(initial=np.inf)
    # One that hardly moves before its start would else count whatever happens to it as beyond measure.
    return np.ones(len(own)) if alike else np.maximum(np.where(own > 0, own, np.median(own)) / np.median(own), SMALLEST)


def resized(path: Path, size: float) -> Path:
    """A path in other units, ``size`` times as large."""
    return replace(path, gap=path.gap / size, covariance=path.covariance / size**2, shocks=path.shocks / size)


def _sds(fits: Sequence[Fit]) -> FloatArray:
    return np.array([np.nanstd(fit.observed.values[: fit.n_pre], ddof=1) for fit in fits])


def scales_of(fits: Sequence[Fit]) -> Scales:
    """Prior scales in outcome units: those of the model times the median sd of the units' pre-periods."""
    spec, unit = fits[0].spec, float(np.median(_sds(fits)))
    return Scales(
        start=spec.pooling.start_sd * unit,
        step=spec.pooling.step_sd * unit,
        unit=spec.pooling.unit_sd * unit,
        period=spec.pooling.period_sd * unit,
        forms=np.array(list(spec.drift.components.values())),
    )
