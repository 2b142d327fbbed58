"""Does the prior decide the effect?"""

import numpy as np
import xarray as xr

from bsynth.bayesian.power_scaling import by_chance, sensitivity
from bsynth.checks.base import Case, Check
from bsynth.checks.choice import for_weights
from bsynth.checks.prior import is_simple, log_prior
from bsynth.effects import variable
from bsynth.text.numbers import number

NAME = "sensitivity"
TITLE = "Does the prior decide the effect?"

THRESHOLD = 0.05
"""Kallioinen et al. 2024: above it the component matters."""
NOISE = 2.0
"""Times what draws show by chance: a sensitivity has its own error, which falls with the number of draws. What it shows
by chance comes on top of the threshold too, so that no warning comes and goes with the seed near it."""
SHIFT = 0.5
"""Posterior sd that the effect moves when one prior's precision or concentration is halved or doubled."""


def check(case: Case) -> Check | None:
    """Power-scale priors and likelihood and watch the average effect (Kallioinen et al. 2024).

    ``values``: ``prior`` and ``likelihood`` sensitivity of the average predictive effect, ``prior_<piece>`` for
    each piece of the prior, ``chance`` (what so few draws show of a prior that moves nothing), and ``shift_<piece>``:
    how far the mean effect moves, in posterior sd, when that piece's precision (or the concentration of the weights)
    doubles, to first order.

    None for a concentration averaged over a grid: its prior has no density to scale.
    """
    if not is_simple(case):
        return None
    prior = log_prior(case)
    effect = case.fit.effect_draws("predictive")["average"].reset_coords(drop=True)
    likelihood = variable(case.fit.tree, "log_likelihood", "outcome").dropna("time", how="all")
    pieces = [str(name) for name in prior.data_vars]

    def moves(log_density: xr.DataArray) -> float:
        return sensitivity(effect.values, log_density.transpose(*effect.dims).values)

    whole = prior.to_dataarray().sum("variable")
    values = {
        "prior": moves(whole),
        "likelihood": moves(likelihood.sum("time")),
        "chance": by_chance(effect.values, whole.transpose(*effect.dims).values),
    }
    values |= {f"prior_{piece}": moves(prior[piece]) for piece in pieces}
    values |= {f"shift_{piece}": _shift(effect, prior[piece]) for piece in pieces}
    return _words(case, values, pieces)


def _words(case: Case, values: dict[str, float], pieces: list[str]) -> Check:
    strongest = max(pieces, key=lambda piece: abs(values[f"shift_{piece}"]))
    moved = values[f"shift_{strongest}"]
    figures = (
        f"power-scaling sensitivity of the average effect is {number(values['prior'], 2)} to the prior and "
        f"{number(values['likelihood'], 2)} to the pre-period; the prior of the {strongest} weighs most, doubling its "
        f"strength moves the effect by {number(moved, 2)} posterior sd"
    )
    strong = values["prior"] >= max(THRESHOLD + values["chance"], NOISE * values["chance"])
    decides = strong and (values["likelihood"] < THRESHOLD or values["prior"] > values["likelihood"])
    if not decides and not (strong and abs(moved) > SHIFT):
        return Check(NAME, TITLE, values, "ok", f"{_calm(values)}: {figures}.")
    lead = "The prior decides the effect" if decides else "Prior and pre-period pull at the effect"
    suggestion = for_weights(case) if strongest == "weights" else None
    with_pieces = "" if suggestion is not None else "; a longer pre-period or fewer, better donors would help"
    return Check(NAME, TITLE, values, "warning", f"{lead} of {case.spec.name!r}: {figures}{with_pieces}.", suggestion)


def _calm(values: dict[str, float]) -> str:
    """What is said when the prior does not decide the effect."""
    if values["likelihood"] < THRESHOLD:
        return "Neither prior nor pre-period moves the effect much when it counts for a little more or less"
    if values["prior"] < THRESHOLD:
        return "The pre-period decides the effect, not the prior"
    return "The pre-period decides more of the effect than the prior does"


def _shift(effect: xr.DataArray, log_density: xr.DataArray) -> float:
    """d E(effect) / d log κ · log 2 = log 2 · cov(effect, log prior), in sd of the effect."""
    covariance = float(((effect - effect.mean()) * (log_density - log_density.mean())).mean())
    sd = float(effect.std())
    return float(np.log(2.0) * covariance / sd) if sd > 0 else 0.0
