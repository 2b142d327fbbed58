"""What a picture shows of an analysis."""

from bsynth.analysis import Analysis
from bsynth.bayesian.result import Fit, require_fit
from bsynth.errors import SpecError, some_of


def part_of[R](given: R | Analysis, kind: type[R]) -> R:
    """Return what was given, or of an analysis its first part of the kind that a picture is of.

    Raises
    ------
    SpecError
        The analysis has no such part.
    """
    if not isinstance(given, Analysis):
        return given
    parts = [
        given.checks,
        *given.fits,
        *given.asked.values(),
        *given.inferences.values(),
        *given.findings.values(),
        given.comparison,
        given.panel,
    ]
    for part in parts:
        if isinstance(part, kind):
            return part
    held = some_of(dict.fromkeys(type(part).__name__ for part in parts if part is not None), limit=20)
    raise SpecError(
        f"this analysis has no {kind.__name__}, only {held}; ask bsynth.analyse for it by methods= or findings="
    )


def fit_of(given: Fit | Analysis) -> Fit:
    """Return a fit, or the main one of an analysis."""
    found = part_of(given, Fit)
    require_fit(found)
    return found
