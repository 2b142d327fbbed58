"""Reports: sections as data, pictures, and one self-contained page."""

from bsynth.reporting.figures import figures, save_figures
from bsynth.reporting.html import render, write_report
from bsynth.reporting.notebook import write_notebook
from bsynth.reporting.run import report, write_run
from bsynth.reporting.sections import Section, sections

__all__ = [
    "Section",
    "figures",
    "render",
    "report",
    "save_figures",
    "sections",
    "write_notebook",
    "write_report",
    "write_run",
]
