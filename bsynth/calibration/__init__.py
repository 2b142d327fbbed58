"""Donor calibration: what the untreated units' own post-period gaps say about the model's intervals.

Each donor in turn plays the treated unit (truth 0). Their fits teach three numbers:

- π, the share of units that drift, when the model has a drift switch: x_k = π o_k / (1 − π + π o_k) with
  o_k the posterior odds of drift at even prior odds, π = (1 + Σ x_k) / (2 + J), iterated;
- c, which scales the model's standard deviation, and d, the extrapolation error that no pre-period can
  show: e_k ~ t₈(0, √(c² s_k² + d²)), log c ~ N(0, .5²), d ~ HalfNormal(.5), on a grid, where e_k and s_k
  are mean and sd of placebo k's average gap in pre-period standard deviations of unit k.

The calibrated interval of the treated unit is its mean plus t₈ · √(c² s² + d²), averaged over the
posterior of (c, d). It presumes that the treated unit is exchangeable with its donors; with J donors its
resolution is 1/(J + 1), and leave-one-out coverage after calibrating is close to automatic.
"""

from bsynth.calibration.calibrate import MIN_PLACEBOS, Calibration, calibrate
from bsynth.calibration.donors import DonorFits, Lesson, donor_fits, learn, renew, switch_prior, usable_donors
from bsynth.calibration.inflation import Inflation, learn_inflation, learn_share
from bsynth.calibration.placebos import PlaceboFit, placebo_fits, summarise_placebo, weighted_quantiles

__all__ = [
    "MIN_PLACEBOS",
    "Calibration",
    "DonorFits",
    "Inflation",
    "Lesson",
    "PlaceboFit",
    "calibrate",
    "donor_fits",
    "learn",
    "learn_inflation",
    "learn_share",
    "placebo_fits",
    "renew",
    "summarise_placebo",
    "switch_prior",
    "usable_donors",
    "weighted_quantiles",
]
