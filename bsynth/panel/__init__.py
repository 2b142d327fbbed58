"""The panel: a file, a frame, a database table or a simulation, validated once and frozen."""

from bsynth.panel.cells import Cells, Clusters, Covariates, Resamples
from bsynth.panel.given import require_panel
from bsynth.panel.labels import MIN_DONORS
from bsynth.panel.multicell import MultiCellPanel
from bsynth.panel.panel import Panel
from bsynth.panel.provenance import Source
from bsynth.panel.read import column_names, unit_names
from bsynth.panel.staggered import StaggeredPanel
from bsynth.panel.waves import Wave
from bsynth.panel.wording import Labels

__all__ = [
    "MIN_DONORS",
    "Cells",
    "Clusters",
    "Covariates",
    "Labels",
    "MultiCellPanel",
    "Panel",
    "Resamples",
    "Source",
    "StaggeredPanel",
    "Wave",
    "column_names",
    "require_panel",
    "unit_names",
]
