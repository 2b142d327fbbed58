"""Donor calibration: what the untreated units' own post-period gaps say about the model's intervals.

Each donor in turn plays the treated unit (truth 0). Their fits teach three things:

- π, how common each form of drift is among units, when the model leaves it open: x_kc = π_c s_kc / Σ π s with
  s_kc the posterior probability of form c at even prior odds, π_c = (1 + Σ x_kc) / (C + J), iterated;
- c, which scales the model's standard deviation, and d, the extrapolation error that no pre-period can
  show: e_k ~ t₈(0, √(c² s_k² + d²)), log c ~ N(0, 1), d ~ Exponential with a quarter of the root mean square of
  the e_k as its mean, on a grid, where e_k and s_k are mean and sd of placebo k's average gap in pre-period standard
  deviations of unit k;
- m, how far single periods scatter about their average beside what the model says (`bsynth.calibration.paths`).

The calibrated interval of the treated unit's average is its mean plus t₈ · √(c² s² + d²), averaged over the
posterior of (c, d); a period adds its deviation from the average, times m. It presumes that the treated unit is
exchangeable with its donors; with J donors its resolution is 1/(J + 1), and leave-one-out coverage after calibrating
is close to automatic. Where the treated series is a mean of several units, means of as many donors are compared with
it (`bsynth.panel.groups`).
"""

from bsynth.calibration.backing import Backing
from bsynth.calibration.calibrate import calibrate, too_few
from bsynth.calibration.components import component_of, factors, learn_shares, support
from bsynth.calibration.donors import (
    MIN_PLACEBOS,
    MOST_PLACEBOS,
    DonorFits,
    Lesson,
    at_shares,
    donor_fits,
    learn,
    players,
    renew,
    switch_prior,
    usable_donors,
)
from bsynth.calibration.inflation import Inflation, learn_inflation
from bsynth.calibration.paths import Scatter, calibrated_paths, learn_scatter, path_moments, path_radii
from bsynth.calibration.placebos import PlaceboFit, placebo_fits, summarise_placebo, weighted_quantiles
from bsynth.calibration.result import Calibration

__all__ = [
    "MIN_PLACEBOS",
    "MOST_PLACEBOS",
    "Backing",
    "Calibration",
    "DonorFits",
    "Inflation",
    "Lesson",
    "PlaceboFit",
    "Scatter",
    "at_shares",
    "calibrate",
    "calibrated_paths",
    "component_of",
    "donor_fits",
    "factors",
    "learn",
    "learn_inflation",
    "learn_scatter",
    "learn_shares",
    "path_moments",
    "path_radii",
    "placebo_fits",
    "players",
    "renew",
    "summarise_placebo",
    "support",
    "switch_prior",
    "too_few",
    "usable_donors",
    "weighted_quantiles",
]
