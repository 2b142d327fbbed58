"""From a frame, a file or a database table to cell sums: n, Σy and Σy² by unit and period."""

from bsynth._json import show
from bsynth.ingest.cells import Cells, Clusters, Covariates, Source, Table, design_effect
from bsynth.ingest.read import column_names, read_events, read_long, read_wide, unit_names

__all__ = [
    "Cells",
    "Clusters",
    "Covariates",
    "Source",
    "Table",
    "column_names",
    "design_effect",
    "read_events",
    "read_long",
    "read_wide",
    "show",
    "unit_names",
]
