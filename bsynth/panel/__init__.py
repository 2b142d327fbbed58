"""The panel: a file, a frame, a database table or a simulation, validated once and frozen."""

from bsynth.panel.cells import Cells, Clusters, Covariates, Resamples, Source
from bsynth.panel.given import require_panel
from bsynth.panel.panel import MIN_DONORS, Panel
from bsynth.panel.read import column_names, unit_names
from bsynth.panel.wording import Labels

__all__ = [
    "MIN_DONORS",
    "Cells",
    "Clusters",
    "Covariates",
    "Labels",
    "Panel",
    "Resamples",
    "Source",
    "column_names",
    "require_panel",
    "unit_names",
]
