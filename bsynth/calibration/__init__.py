"""Donor calibration: what the untreated units' own post-period gaps say about the model's intervals.

Each donor in turn plays the treated unit (truth 0). Their fits teach three things:

- π, how common each form of drift is among units, when the model leaves it open: x_kc = π_c s_kc / Σ π s with
  s_kc the posterior probability of form c at even prior odds, π_c = (1 + Σ x_kc) / (C + J), iterated;
- c, which scales the model's standard deviation, and d, the extrapolation error that no pre-period can
  show: e_k ~ t₈(0, √(c² s_k² + d²)), log c ~ N(0, .5²), d ~ HalfNormal(.5), on a grid, where e_k and s_k
  are mean and sd of placebo k's average gap in pre-period standard deviations of unit k.

The calibrated interval of the treated unit is its mean plus t₈ · √(c² s² + d²), averaged over the
posterior of (c, d). It presumes that the treated unit is exchangeable with its donors; with J donors its
resolution is 1/(J + 1), and leave-one-out coverage after calibrating is close to automatic.
"""

from bsynth.calibration.calibrate import MIN_PLACEBOS, Calibration, calibrate, too_few
from bsynth.calibration.components import component_of, factors, learn_shares, support
from bsynth.calibration.donors import (
    MOST_PLACEBOS,
    DonorFits,
    Lesson,
    at_shares,
    donor_fits,
    learn,
    renew,
    switch_prior,
    usable_donors,
)
from bsynth.calibration.inflation import Inflation, learn_inflation
from bsynth.calibration.placebos import PlaceboFit, placebo_fits, summarise_placebo, weighted_quantiles

__all__ = [
    "MIN_PLACEBOS",
    "MOST_PLACEBOS",
    "Calibration",
    "DonorFits",
    "Inflation",
    "Lesson",
    "PlaceboFit",
    "at_shares",
    "calibrate",
    "component_of",
    "donor_fits",
    "factors",
    "learn",
    "learn_inflation",
    "learn_shares",
    "placebo_fits",
    "renew",
    "summarise_placebo",
    "support",
    "switch_prior",
    "too_few",
    "usable_donors",
    "weighted_quantiles",
]
