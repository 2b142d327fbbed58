"""What the results of this room share: probabilities and warnings in words."""

from bsynth._types import Status


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
