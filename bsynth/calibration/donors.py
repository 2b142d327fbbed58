"""A panel's units as pseudo-treated, and what all of them, or all but one, teach."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bsynth._types import Label
from bsynth.calibration.inflation import Inflation, learn_inflation, learn_share
from bsynth.calibration.placebos import PlaceboFit, placebo_fits
from bsynth.errors import PanelError
from bsynth.panel import Panel
from bsynth.spec import ModelSpec

FEW = 100
"""With fewer draws of a component than this, moving weight to it needs a refit."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What placebo fits teach about the intervals of a unit that is not among them.

    Attributes
    ----------
    share : float or None
        π, the share of units that drift; None when the model has no drift switch.
    factor : float
        Weight of drifting draws relative to the others when the switch moves from the model's own prior to π.
    inflation : Inflation
        Posterior of c and d.
    """

    share: float | None
    factor: float
    inflation: Inflation


@dataclass(frozen=True, eq=False)
class DonorFits:
    """Placebo fits of one panel at the model's own prior of drift.

    Attributes
    ----------
    placebos : tuple of PlaceboFit
    lesson : Lesson
        Of all of them.
    """

    placebos: tuple[PlaceboFit, ...]
    lesson: Lesson


def learn(placebos: Sequence[PlaceboFit], prior: float | None) -> Lesson:
    """Learn π, c and d from placebo fits; ``prior`` is their model's probability of drift, if it has a switch."""
    share = None if prior is None else learn_share([p.odds for p in placebos])
    return _taught(placebos, prior, share)


def _taught(placebos: Sequence[PlaceboFit], prior: float | None, share: float | None) -> Lesson:
    factor = 1.0 if prior is None or share is None else _factor(share, prior)
    found = [p.reweighted(factor) for p in placebos]
    return Lesson(share, factor, learn_inflation([e for e, _ in found], [s for _, s in found]))


def switch_prior(spec: ModelSpec) -> float | None:
    """Prior probability of drift when the model may have it on or off, else None."""
    prior = spec.drift.probability
    return prior if spec.drift.process != "none" and 0 < prior < 1 else None


def at_share(spec: ModelSpec, share: float) -> ModelSpec:
    """The model with another prior probability of drift."""
    return spec.model_copy(update={"drift": spec.drift.model_copy(update={"probability": share})})


def usable_donors(panel: Panel) -> tuple[list[Label], tuple[tuple[Label, str], ...]]:
    """Donors that can play the treated unit, and the others with the reason why not."""
    usable, skipped = [], []
    for unit in panel.donors:
        try:
            panel.as_treated(unit)
        except PanelError as error:
            skipped.append((unit, str(error)))
        else:
            usable.append(unit)
    return usable, tuple(skipped)


def donor_fits(
    panel: Panel,
    spec: ModelSpec,
    units: Sequence[Label],
    *,
    draws: int,
    seed: int,
    n_jobs: int | None = None,
    store: str | Path | None = None,
    progress: bool = True,
    periods: int = 0,
) -> DonorFits:
    """Fit ``units`` as pseudo-treated and learn from them; the arguments are those of `placebo_fits`."""
    placebos = placebo_fits(
        panel, spec, units, draws=draws, seed=seed, n_jobs=n_jobs, store=store, progress=progress, periods=periods
    )
    prior = switch_prior(spec)
    if prior is None:
        return DonorFits(placebos, learn(placebos, None))
    share = learn_share([p.odds for p in placebos])
    renewed = [
        renew(panel, spec, placebo, share, draws=draws, seed=seed, store=store, periods=periods) for placebo in placebos
    ]
    return DonorFits(tuple(renewed), _taught(renewed, prior, share))


def renew(
    panel: Panel,
    spec: ModelSpec,
    placebo: PlaceboFit,
    share: float | None,
    *,
    draws: int,
    seed: int,
    store: str | Path | None = None,
    periods: int = 0,
) -> PlaceboFit:
    """Fit a placebo again at the learned π when a component of few draws would carry real weight there.

    What comes back stands at the model's own prior of drift, as all others do.
    """
    prior = switch_prior(spec)
    if prior is None or share is None:
        return placebo
    factor = _factor(share, prior)
    if not _thin(placebo, factor):
        return placebo
    again = placebo_fits(
        panel, at_share(spec, share), [placebo.unit], draws=draws, seed=seed, store=store, progress=False,
        periods=periods,
    )  # fmt: skip
    return _at_prior(again[0], factor, np.random.default_rng(seed))


def _factor(share: float, prior: float) -> float:
    """Odds of drift at ``share`` over those at ``prior``."""
    return share / (1 - share) * (1 - prior) / prior


def _thin(placebo: PlaceboFit, factor: float) -> bool:
    """Whether a component with few draws would carry real weight at the learned π."""
    on = float(placebo.drifting.sum())
    off = len(placebo.drifting) - on
    mass_on = factor * on / (factor * on + off)
    return (on < FEW and mass_on > 0.1) or (off < FEW and 1 - mass_on > 0.1)


def _at_prior(placebo: PlaceboFit, factor: float, rng: np.random.Generator) -> PlaceboFit:
    """Resample draws so that weighting drifting ones by ``factor`` gives back the distribution they have now."""
    weights = np.where(placebo.drifting > 0, 1 / factor, 1.0)
    chosen = rng.choice(len(weights), size=4 * len(weights), p=weights / weights.sum())
    path = placebo.path[chosen] if placebo.path.size else placebo.path
    return replace(placebo, average=placebo.average[chosen], drifting=placebo.drifting[chosen], path=path)
