"""Which model of the catalogue answers which contradiction."""

from bsynth.checks.base import Case
from bsynth.model.spec import ModelSpec


def drifts(spec: ModelSpec) -> bool:
    """Whether the model has a drift at all."""
    return spec.drift.process != "none" and spec.drift.probability > 0


def for_drift(case: Case) -> str | None:
    """Residuals move slowly: the switched drift; from there the walk that is always on; beyond it nothing."""
    if not drifts(case.spec):
        return "default"
    always = case.spec.drift.probability == 1.0 and case.spec.drift.process != "ar1"
    return None if always or case.design.known_variance else "drift"


def for_level(case: Case, *, autocorrelated: bool) -> str | None:
    """The treated unit sits above or below its donors: a level, and the switched drift where residuals need it."""
    if case.spec.level.prior == "shift":
        return None
    if case.panel.cells is not None or drifts(case.spec) or autocorrelated:
        return "default"
    return "level"


def for_tails(case: Case) -> str | None:
    """A few wild periods: Student-t noise, beside a drift or known cells where the model has them."""
    if case.spec.noise.distribution == "student-t" or case.spec.scale != "treated":
        return None
    return "robust" if drifts(case.spec) or case.design.known_variance else "student-t"


def for_weights(case: Case) -> str | None:
    """The prior of the weights decides: sparser weights, where the catalogue has them for this model."""
    weights, plain = case.spec.weights, not drifts(case.spec) and not case.design.known_variance
    flat = weights.prior == "dirichlet" and weights.alpha != "averaged" and weights.alpha > 0.3
    return "sparse" if flat and plain and case.spec.noise.distribution == "normal" else None
