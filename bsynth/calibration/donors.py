"""A panel's units as pseudo-treated, and what all of them, or all but one, teach."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray, Label
from bsynth.bayesian.degenerate import unit_lacks
from bsynth.calibration.components import factors, learn_shares
from bsynth.calibration.groups import Group, draw_groups
from bsynth.calibration.inflation import Inflation, learn_inflation
from bsynth.calibration.paths import Scatter, learn_scatter
from bsynth.calibration.placebos import PlaceboFit, placebo_fits
from bsynth.engines.sampling import Sampling
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.groups import group_size, separate
from bsynth.text.numbers import fixed

MIN_PLACEBOS = 4
MOST_PLACEBOS = 50
"""Donors fitted as pseudo-treated at most: beyond it a share is known to 7 points, and each further fit costs as much
as the treated unit's own."""
FEW = 100
"""With fewer draws of a component than this, moving weight to it needs a refit."""


@dataclass(frozen=True, eq=False, repr=False)
class Lesson(Brief):
    """What placebo fits teach about the intervals of a unit that is not among them.

    Attributes
    ----------
    shares : dict of str to float, or None
        How common each component of the model's drift is among units; None when it has only one.
    factors : (C,)
        What a draw of each component weighs when they move from the model's own prior to ``shares``.
    inflation : Inflation
        Posterior of c and d.
    scatter : Scatter
        Posterior of how far periods scatter about their average.
    worth : float
        How many separate placebos they are worth; groups overlap (`bsynth.panel.groups.separate`).
    """

    shares: Mapping[str, float] | None
    factors: FloatArray
    inflation: Inflation
    scatter: Scatter = field(default_factory=lambda: learn_scatter(np.empty((0, 0)), ()))
    worth: float = math.nan

    @property
    def drifting(self) -> float | None:
        """π, the share of units that drift; None when the model has no switch."""
        return None if self.shares is None or "none" not in self.shares else 1 - self.shares["none"]

    @property
    def prior(self) -> dict[str, float] | None:
        """Prior probability of each component in the placebos' model, from which ``factors`` lead to ``shares``."""
        if self.shares is None:
            return None
        return {name: share / factor for (name, share), factor in zip(self.shares.items(), self.factors, strict=True)}

    def words(self) -> str:
        """The shares in words, with a comma at the end; empty without them."""
        if self.shares is None:
            return ""
        if self.drifting is None:
            return ""
        kinds = ""
        if {"ar1", "walk"} <= set(self.shares):
            back, good = (fixed(self.shares[name], 2) for name in ("ar1", "walk"))
            kinds = f" ({back} for a while, {good} for good)"
        return f"a share of {fixed(self.drifting, 2)} of them drift away from their donors{kinds}, "


@dataclass(frozen=True, eq=False, repr=False)
class DonorFits(Brief):
    """Placebo fits of one panel at the model's own prior of drift.

    Attributes
    ----------
    placebos : tuple of PlaceboFit
    lesson : Lesson
        Of all of them.
    """

    placebos: tuple[PlaceboFit, ...]
    lesson: Lesson


def learned(c: float, d: float) -> str:
    """Say what c and d do to the interval.

    Examples
    --------
    >>> learned(1.2, 0.05)
    "the model's uncertainty is multiplied by 1.20, and an error of 0.05 pre-period sd that no past shows is added"
    """
    return (
        f"the model's uncertainty is multiplied by {fixed(c, 2)}, and an error of {fixed(d, 2)} pre-period sd that no "
        "past shows is added"
    )


def learn(placebos: Sequence[PlaceboFit], prior: Mapping[str, float] | None) -> Lesson:
    """Learn shares, c, d and scatter from placebo fits; ``prior`` is `switch_prior` of their model."""
    shares = None
    if prior is not None:
        shares = dict(zip(prior, learn_shares([p.support for p in placebos]).tolist(), strict=True))
    return _taught(placebos, prior, shares)


def _taught(
    placebos: Sequence[PlaceboFit], prior: Mapping[str, float] | None, shares: Mapping[str, float] | None
) -> Lesson:
    weights = factors(shares, prior)
    found = [p.reweighted(weights) for p in placebos]
    paths = [p.moments(weights) for p in placebos]
    worth = separate([p.members for p in placebos])
    each = worth / max(len(placebos), 1)
    return Lesson(
        shares,
        weights,
        learn_inflation([e for e, _ in found], [s for _, s in found], each=each),
        learn_scatter(np.array([m.mean for m in paths]), paths, each=each),
        worth,
    )


def switch_prior(spec: ModelSpec) -> Mapping[str, float] | None:
    """Prior probability of each component when the model's drift has more than one, else None."""
    components = spec.drift.components
    return components if len(components) > 1 else None


def at_shares(spec: ModelSpec, shares: Mapping[str, float]) -> ModelSpec:
    """The model with other prior probabilities of its drift's components."""
    return spec.model_copy(update={"drift": spec.drift.at(shares)})


def usable_donors(
    panel: Panel, spec: ModelSpec | None = None, *, most: int | None = None, seed: int = 0
) -> tuple[list[Label], tuple[tuple[Label, str], ...]]:
    """Donors that can play the treated unit, and others with the reason why they cannot.

    With ``spec`` those on which this model has no posterior cannot: copies of another donor, and series that other
    donors reproduce exactly. With ``most`` and more donors than that, they are looked at in random order until so
    many are found, and come in the order of the panel.
    """
    order = list(panel.donors)
    if most is not None and len(order) > most:
        order = [order[k] for k in np.random.default_rng([seed, len(order)]).permutation(len(order))]
    usable: list[Label] = []
    skipped: dict[Label, str] = {}
    for unit in order:
        if len(usable) == most:
            break
        if (reason := unit_lacks(panel, unit, spec)) is None:
            usable.append(unit)
        else:
            skipped[unit] = reason
    chosen = set(usable)
    return (
        [unit for unit in panel.donors if unit in chosen],
        tuple((unit, skipped[unit]) for unit in panel.donors if unit in skipped),
    )


def players(
    panel: Panel, spec: ModelSpec, *, most: int, seed: int
) -> tuple[list[Label | Group], tuple[tuple[Label, str], ...]]:
    """Who plays the treated unit: `usable_donors`, or groups of them where the treated series is a mean of several."""
    if panel.n_treated == 1:
        units, skipped = usable_donors(panel, spec, most=most, seed=seed)
        return list(units), skipped
    units, skipped = usable_donors(panel, spec)
    if group_size(panel.n_treated, len(units)) == 1:
        return list(units), skipped  # five donors at most
    groups, more = draw_groups(panel, spec, units, most=most, seed=seed)
    if len(groups) < MIN_PLACEBOS:
        # What reproduces nearly every mean of donors leaves single ones, which err more and are at least that.
        drawn, _ = usable_donors(panel, spec, most=most, seed=seed)
        return list(drawn), (*skipped, *more)
    return list(groups), (*skipped, *more)


def donor_fits(
    panel: Panel,
    spec: ModelSpec,
    units: Sequence[Label | Group],
    sampling: Sampling,
    *,
    store: str | Path | None = None,
    progress: bool = True,
    periods: int = 0,
) -> DonorFits:
    """Fit ``units`` as pseudo-treated and learn from them; the arguments are those of `placebo_fits`."""
    placebos = placebo_fits(panel, spec, units, sampling, store=store, progress=progress, periods=periods)
    prior = switch_prior(spec)
    if prior is None:
        return DonorFits(placebos, learn(placebos, None))
    lesson = learn(placebos, prior)
    renewed = [renew(panel, spec, placebo, lesson, sampling, store=store, periods=periods) for placebo in placebos]
    return DonorFits(tuple(renewed), _taught(renewed, prior, lesson.shares))


def renew(
    panel: Panel,
    spec: ModelSpec,
    placebo: PlaceboFit,
    lesson: Lesson,
    sampling: Sampling,
    *,
    store: str | Path | None = None,
    periods: int = 0,
) -> PlaceboFit:
    """Fit a placebo again at the learned shares when a component of few draws would carry real weight there.

    What comes back stands at the model's own prior, as all others do.
    """
    if lesson.shares is None or not _thin(placebo, lesson.factors):
        return placebo
    shifted = at_shares(spec, lesson.shares)
    again = placebo_fits(panel, shifted, [placebo.unit], sampling, store=store, progress=False, periods=periods)
    return _at_prior(again[0], lesson.factors, np.random.default_rng(sampling.seed))


def _thin(placebo: PlaceboFit, weights: FloatArray) -> bool:
    """Whether a component with few draws would carry real weight at the learned shares."""
    # A component that has no draws at all shows in the support alone.
    drawn = np.bincount(placebo.component, minlength=len(weights))
    mass = weights * placebo.support
    return bool(((drawn < FEW) & (mass > 0.1 * mass.sum())).any())


def _at_prior(placebo: PlaceboFit, weights: FloatArray, rng: np.random.Generator) -> PlaceboFit:
    """Resample draws so that weighting components by ``weights`` gives back the distribution they have now."""
    back = placebo.weights(1 / weights)
    chosen = rng.choice(len(back), size=4 * len(back), p=back / back.sum())
    path = placebo.path[chosen] if placebo.path.size else placebo.path
    return replace(placebo, average=placebo.average[chosen], component=placebo.component[chosen], path=path)
