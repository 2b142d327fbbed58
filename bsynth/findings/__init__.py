"""What an answer hangs on and what follows from it: uncertainty, whole paths, donors, priors, decisions."""

from bsynth.findings.bands import PathBand, path_band
from bsynth.findings.decision import Decision, decide
from bsynth.findings.donors import DonorAudit, audit_donors
from bsynth.findings.prior import PriorAudit, audit_prior
from bsynth.findings.uncertainty import Decomposition, decompose_uncertainty

__all__ = [
    "Decision",
    "Decomposition",
    "DonorAudit",
    "PathBand",
    "PriorAudit",
    "audit_donors",
    "audit_prior",
    "decide",
    "decompose_uncertainty",
    "path_band",
]
