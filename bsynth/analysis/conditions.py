"""What each interval presumes and conditions on, one or two sentences per kind."""

from bsynth.checks.choice import drifts
from bsynth.model.spec import ModelSpec

BY_KIND = {
    "calibrated": "It also presumes that the treated unit is exchangeable with its donors, whose own gaps widen it.",
    "placebo": "Its interval and p presume that the treated unit is exchangeable with its donors and that the effect "
    "is constant.",
    "conformal": "Its interval and p condition on the donors and presume residuals that are stationary over time, and "
    "a constant effect.",
    "bootstrap": "Its interval holds the sampling of users alone.",
    "jackknife+": "Its interval presumes that periods are exchangeable.",
    "leave-two-out": "Its interval and p presume that the treated unit is exchangeable with its donors and that the "
    "effect is constant.",
    "prediction": "Its interval conditions on the donors and presumes errors after the start like those before.",
    "point": "A point: it has no interval.",
}


def of_interval(kind: str) -> str:
    """Say what a kind of interval presumes beyond its estimator or model; empty when nothing.

    Examples
    --------
    >>> of_interval("bootstrap-percentile")
    'Its interval holds the sampling of users alone.'
    """
    return BY_KIND.get(kind, BY_KIND.get(kind.split("-")[0], ""))


def of_model(spec: ModelSpec) -> str:
    """Say what a posterior presumes.

    Examples
    --------
    >>> from bsynth.model.catalogue import load_model
    >>> of_model(load_model("dirichlet"))[:75]
    'It presumes that weighted donors would have followed the treated series aft'
    """
    level = " at a constant distance" if has_level(spec) else ""
    drift = (
        "noise and a drift like those before it" if drifts(spec) else "noise that is independent from period to period"
    )
    return (
        f"It presumes that weighted donors would have followed the treated series{level} after the start, up to "
        f"{drift}; it conditions on the donors, the model and its priors."
    )


def has_level(spec: ModelSpec) -> bool:
    """Whether the model lets the treated unit sit above or below its weighted donors."""
    return spec.level.prior == "shift" or spec.scale == "each"
