"""Further results of an analysis, and how each is made: bands, certificate, audits, specification curve, decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsynth._base.request import names_in
from bsynth.calibration.certificate import certify
from bsynth.errors import SpecError, nearest
from bsynth.findings import audit_donors, audit_prior, decide, decompose_uncertainty, path_band
from bsynth.findings.question import ask
from bsynth.findings.specifications import specification_curve

if TYPE_CHECKING:
    from bsynth.analysis.plan import AnalysisPlan
    from bsynth.analysis.result import Analysis, Finding

STANDARD = ("uncertainty", "donor_audit", "decision")
"""What ``"standard"`` stands for: nothing is fitted again."""
FINDINGS = ("bands", *STANDARD, "prior_audit", "certificate", "specification_curve")
NEEDS_NO_MODEL = ("donor_audit",)
QUESTIONS = ("estimand", "threshold", "rope", "cost", "value_per_unit")
"""What a decision can be asked, as `bsynth.decide`."""

type Maker = Callable[["Analysis", "AnalysisPlan", Path, bool], "Finding"]


def choose_findings(
    wanted: str | Sequence[str], *, has_model: bool, lacks: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Resolve ``"standard"``, ``"all"``, ``"none"`` or a list of names, and say which of a set cannot be had.

    ``lacks`` are the findings that this panel cannot have, with the reason.

    Raises
    ------
    SpecError
        An unknown name, or one by name that needs a model or cannot be had.
    """
    names = names_in(wanted, "findings", "'standard', 'all', 'none' or names")
    if names == ["none"]:
        return (), {}
    possible = tuple(name for name in FINDINGS if has_model or name in NEEDS_NO_MODEL)
    if names in (["all"], ["standard"]):
        asked = tuple(name for name in possible if names == ["all"] or name in STANDARD)
        return tuple(n for n in asked if n not in lacks), {n: lacks[n] for n in asked if n in lacks}
    for name in names:
        if name not in FINDINGS:
            allowed = (*FINDINGS, "standard", "all", "none")
            raise SpecError(f"unknown finding {name!r}{nearest(name, allowed)}; allowed: {', '.join(allowed)}")
        if name not in possible:
            raise SpecError(f"finding {name!r} needs a Bayesian model; leave it out")
        if name in lacks:
            raise SpecError(f"finding {name!r} cannot be had on this panel: {lacks[name]}; leave it out")
    return tuple(name for name in FINDINGS if name in names), {}


def check_questions(questions: Mapping[str, Any], *, calibrated: bool) -> None:
    """Refuse a question that `bsynth.decide` does not know or could not answer."""
    for name in questions:
        if name not in QUESTIONS:
            raise SpecError(f"decision has no {name!r}{nearest(name, QUESTIONS)}; allowed: {', '.join(QUESTIONS)}")
    ask(calibrated=calibrated, **questions)


def make(name: str, analysis: "Analysis", request: "AnalysisPlan", store: Path, *, progress: bool) -> "Finding":
    """Make one finding of an analysis; ``store`` keeps finished fits."""
    return _MAKERS[name](analysis, request, store, progress)


def _certificate(analysis: "Analysis", request: "AnalysisPlan", store: Path, progress: bool) -> "Finding":
    spec = request.fits[0].spec
    return certify(analysis.panel, spec, sampling=request.sampling, store=store, progress=progress)


def _specification_curve(analysis: "Analysis", request: "AnalysisPlan", store: Path, progress: bool) -> "Finding":
    # Half the draws, as by its own default: it fits by the hundred.
    half = max(100, request.sampling.draws // 2)
    return specification_curve(
        analysis.panel,
        base=request.fits[0].spec,
        sampling=replace(request.sampling, draws=half),
        store=store.with_suffix(".specifications.jsonl"),
        progress=progress,
    )


_MAKERS: dict[str, Maker] = {
    "bands": lambda analysis, request, _, __: path_band(analysis.calibration or analysis.fits[0], level=request.level),
    "uncertainty": lambda analysis, _, __, ___: decompose_uncertainty(analysis.fits[0]),
    "donor_audit": lambda analysis, request, _, progress: audit_donors(
        analysis.fits[0] if analysis.fits else analysis.panel,
        calibration=analysis.calibration,
        sampling=request.sampling,
        progress=progress,
    ),
    "decision": lambda analysis, request, _, __: decide(analysis.calibration or analysis.fits[0], **request.questions),
    "prior_audit": lambda analysis, request, _, progress: audit_prior(
        analysis.fits[0], level=request.level, sampling=request.sampling, progress=progress
    ),
    "certificate": _certificate,
    "specification_curve": _specification_curve,
}
