"""What a picture shows of an analysis."""

from bsynth.analysis import Analysis, MultiCellAnalysis, Outcomes, WavesAnalysis
from bsynth.bayesian.result import Fit, require_fit
from bsynth.errors import SpecError, some_of

PICTURES: dict[type, str] = {
    WavesAnalysis: "of units that start at different times; plot_event_study, plot_units and plot_calendar draw it",
    MultiCellAnalysis: "of several cells; plot_cells draws them, and .analyses[cell] is the one of each",
    Outcomes: "of several outcomes; give .analyses[outcome], the one of each",
}


def part_of[R](given: R | Analysis, kind: type[R]) -> R:
    """Return what was given, or of an analysis its first part of the kind that a picture is of.

    Raises
    ------
    SpecError
        The analysis has no such part.
    """
    if isinstance(given, WavesAnalysis):
        found = next((each for each in given.findings.values() if isinstance(each, kind)), None)
        if found is not None:
            return found
    if kind is not Fit and (drawn := next((said for many, said in PICTURES.items() if isinstance(given, many)), None)):
        raise SpecError(f"this picture draws one {kind.__name__}, and the analysis that came is {drawn}")
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
