"""What the results of this room share: probabilities and warnings in words."""

from collections.abc import Mapping

from bsynth._types import Status
from bsynth.verdict import number


def chance(p: float) -> str:
    """Write a probability after its sign of relation; draws never show certainty.

    Examples
    --------
    >>> chance(0.9721), chance(1.0), chance(0.0), chance(0.0123)
    ('= 0.972', '> 0.999', '< 0.001', '= 0.012')
    """
    if p > 0.999:
        return "> 0.999"
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def mark(status: Status) -> tuple[str, ...]:
    """Return the sentence that goes before all others when the fit is unreliable, else nothing."""
    if status == "ok":
        return ()
    return ("UNRELIABLE: the fit did not pass its convergence gate, so do not use these numbers before it does.",)


def yardsticks(values: Mapping[str, float]) -> str:
    """Say how large the breakdown bias of a decision is beside the pre-period.

    Examples
    --------
    >>> yardsticks({"breakdown_residual_mads": 2.1, "breakdown_treated_sds": 0.5})
    '2.1 pre-period MADs of the residual (0.50 pre-period sd, since the MAD is zero, of the treated series)'
    """
    of_residual, of_treated = (_yardstick(values, name) for name in ("residual", "treated"))
    return f"{of_residual} of the residual ({of_treated} of the treated series)"


def _yardstick(values: Mapping[str, float], name: str) -> str:
    if f"breakdown_{name}_mads" in values:
        return f"{number(values[f'breakdown_{name}_mads'], 2)} pre-period MADs"
    return f"{number(values[f'breakdown_{name}_sds'], 2)} pre-period sd, since the MAD is zero,"
