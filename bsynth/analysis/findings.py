"""Further results of an analysis, and how each is made: bands, certificate, audits, specification curve, decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bsynth._base.brief import Brief
from bsynth._base.request import choose_names
from bsynth.analysis.concluded import Finding
from bsynth.bayesian.plan import Plan
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.calibration.certificate import certify
from bsynth.engines.sampling import Sampling
from bsynth.errors import SpecError, nearest
from bsynth.findings import audit_donors, audit_prior, decide, decompose_uncertainty, path_band
from bsynth.findings.question import ask
from bsynth.findings.specifications import specification_curve
from bsynth.findings.standing import FEW_DONORS
from bsynth.panel import Panel
from bsynth.panel.quality import data_quality
from bsynth.text.numbers import count

QUESTIONS = ("estimand", "threshold", "rope", "cost", "value_per_unit")
"""What a decision can be asked, as `bsynth.decide`."""
NO_POSTERIOR = "it needs a posterior, and there is none on this panel"


@dataclass(frozen=True, eq=False, repr=False)
class Basis(Brief):
    """What a finding is made of.

    Attributes
    ----------
    panel : Panel
    fits : tuple of Fit
        The main one first.
    plans : tuple of Plan
        As the fits were planned, the main one first.
    calibration : Calibration or None
        Of the main fit.
    level : float
    sampling : Sampling
    questions : mapping
        Keyword arguments of `bsynth.decide`.
    store : Path
        Keeps finished fits.
    progress : bool
    """

    panel: Panel
    fits: tuple[Fit, ...]
    plans: tuple[Plan, ...]
    calibration: Calibration | None
    level: float
    sampling: Sampling
    store: Path
    questions: Mapping[str, Any] = field(default_factory=dict)
    progress: bool = True

    @property
    def answer(self) -> Fit | Calibration:
        """The main result, calibrated where that was done."""
        return self.calibration or self.fits[0]


@dataclass(frozen=True, eq=False)
class Kind:
    """A finding that an analysis can be asked for.

    Attributes
    ----------
    name : str
        Its name in a request, in `Analysis.findings` and in ``summary.json``.
    title : str
        Heading of its section in a report, and what is told when it begins.
    caption : str
        Of its table.
    verb : str
        The function that makes it from Python.
    make : callable
        From a `Basis` to the finding.
    standard : bool
        Whether ``"standard"`` asks for it: nothing is fitted again.
    needs_model, needs_calibration : bool
        Whether it can be had without a posterior, and without a calibration.
    donors : int
        Donors that it needs.
    table, numbers : str
        Attributes of the finding that hold its table, and the numbers behind its picture where these are others.
    """

    name: str
    title: str
    caption: str
    verb: str
    make: Callable[[Basis], Finding]
    standard: bool = False
    needs_model: bool = True
    needs_calibration: bool = False
    donors: int = 1
    table: str = "table"
    numbers: str | None = None

    def lacks(self, panel: Panel, *, posterior: bool, calibration: str | None) -> str | None:
        """Why it cannot be had on a panel; ``calibration`` is why that cannot. None when it can."""
        if panel.n_donors < self.donors:
            return f"it needs {count(self.donors, 'donor')}, and there are {panel.n_donors}"
        if self.needs_model and not posterior:
            return NO_POSTERIOR
        return calibration if self.needs_calibration else None


def _certificate(basis: Basis) -> Finding:
    spec = basis.plans[0].spec
    return certify(basis.panel, spec, sampling=basis.sampling, store=basis.store, progress=basis.progress)


def _specification_curve(basis: Basis) -> Finding:
    store = basis.store.with_suffix(".specifications.jsonl")
    # Half the draws, as by its own default: it fits by the hundred.
    fewer = replace(basis.sampling, draws=max(100, basis.sampling.draws // 2))
    base = basis.plans[0].spec
    curve = specification_curve(basis.panel, base=base, sampling=fewer, store=store, progress=basis.progress)
    return replace(curve, level=basis.level)


def _donor_audit(basis: Basis) -> Finding:
    subject = basis.fits[0] if basis.fits else basis.panel
    return audit_donors(subject, calibration=basis.calibration, sampling=basis.sampling, progress=basis.progress)


def _prior_audit(basis: Basis) -> Finding:
    return audit_prior(basis.fits[0], level=basis.level, sampling=basis.sampling, progress=basis.progress)


KINDS = (
    Kind("bands", "Bands for the whole path", "Bands by period", "path_band",
         lambda basis: path_band(basis.answer, level=basis.level)),
    Kind("uncertainty", "Where the uncertainty comes from", "Share of the variance by source", "decompose_uncertainty",
         lambda basis: decompose_uncertainty(basis.fits[0]), standard=True),
    Kind("donor_audit", "Donor audit", "Each donor, and what speaks against it", "audit_donors", _donor_audit,
         standard=True, needs_model=False, donors=FEW_DONORS),
    Kind("decision", "Decision", "What the decision rests on", "decide",
         lambda basis: decide(basis.answer, level=basis.level, **basis.questions), standard=True, numbers="curve"),
    Kind("data_quality", "The data", "What is odd in the data", "data_quality", lambda basis: data_quality(basis.panel),
         standard=True, needs_model=False),
    Kind("prior_audit", "Prior against data", "The effect under other priors", "audit_prior", _prior_audit),
    Kind("certificate", "The certificate", "What the donors show as pseudo-treated units", "certify", _certificate,
         needs_calibration=True),
    Kind("specification_curve", "Specification curve", "The effect under each specification", "specification_curve",
         _specification_curve),
)  # fmt: skip
FINDINGS = MappingProxyType({kind.name: kind for kind in KINDS})


def choose_findings(
    wanted: str | Sequence[str], *, has_model: bool, lacks: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Resolve ``"standard"``, ``"all"``, ``"none"`` and names, and say which of a set cannot be had.

    ``lacks`` are the findings that this panel cannot have, with the reason.

    Raises
    ------
    SpecError
        An unknown name, or one by name that needs a model or cannot be had.
    """
    possible = tuple(kind.name for kind in KINDS if has_model or not kind.needs_model)
    standard = tuple(name for name in possible if FINDINGS[name].standard)
    sets = {"standard": standard, "all": possible, "none": ()}
    asked, named = choose_names(wanted, "findings", tuple(FINDINGS), sets, {kind.verb: kind.name for kind in KINDS})
    for name in asked:
        if name not in possible:
            raise SpecError(f"finding {name!r} needs a Bayesian model; leave it out")
        if name in lacks and name in named:
            raise SpecError(f"finding {name!r} cannot be had on this panel: {lacks[name]}; leave it out")
    return tuple(n for n in asked if n not in lacks), {n: lacks[n] for n in asked if n in lacks}


def check_questions(questions: Mapping[str, Any], *, calibrated: bool) -> None:
    """Refuse a question that `bsynth.decide` does not know or could not answer."""
    for name in questions:
        if name not in QUESTIONS:
            raise SpecError(f"decision has no {name!r}{nearest(name, QUESTIONS)}; allowed: {', '.join(QUESTIONS)}")
    ask(calibrated=calibrated, **questions)
