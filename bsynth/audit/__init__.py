"""What an answer hangs on and what follows from it: sources, whole paths, donors, priors, decisions."""

from bsynth.audit.bands import PathBand, path_band
from bsynth.audit.decision import Decision, decide
from bsynth.audit.donors import DonorAudit, audit_donors
from bsynth.audit.prior import PriorAudit, prior_audit
from bsynth.audit.sources import Sources, sources

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
