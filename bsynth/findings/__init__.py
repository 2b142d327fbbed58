"""What an answer hangs on and what follows from it: sources, whole paths, donors, priors, decisions."""

from bsynth.findings.bands import PathBand, path_band
from bsynth.findings.decision import Decision, decide
from bsynth.findings.donors import DonorAudit, audit_donors
from bsynth.findings.prior import PriorAudit, prior_audit
from bsynth.findings.sources import Sources, sources

__all__ = [
    "Decision",
    "DonorAudit",
    "PathBand",
    "PriorAudit",
    "Sources",
    "audit_donors",
    "decide",
    "path_band",
    "prior_audit",
    "sources",
]
