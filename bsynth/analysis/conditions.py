"""What a posterior presumes, and a point and a calibration; each classical inference says it itself."""

from bsynth.checks.choice import drifts
from bsynth.model.spec import ModelSpec

OF_CALIBRATION = "It also presumes that treated and donors are exchangeable; the donors' own gaps widen it."
OF_POINT = "A point: it has no interval."


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
