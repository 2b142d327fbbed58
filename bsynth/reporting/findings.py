"""How the report shows what an analysis found besides: certificate, audits, specification curve, decision.

What `bsynth.analysis.findings` knows has its title and caption from there; anything else is shown all the same,
under its name. Its place is its slug's in the order of the sections, or else before the assumptions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from bsynth.analysis import AnyAnalysis, Finding
from bsynth.analysis.findings import FINDINGS
from bsynth.plots import PICTURES
from bsynth.reporting.words import slug_of


@dataclass(frozen=True)
class Part:
    """How the report shows a finding.

    Attributes
    ----------
    name : str
        Its name in `Analysis.findings` and in ``summary.json``.
    title : str
        Heading of its section.
    caption : str
        Of its table.
    plot : callable or None
        Draws the finding, in a figure of its own size or into ``ax=``.
    table : str
        Attribute of the finding that is its table; one without it has no table.
    numbers : str or None
        Attribute that holds the numbers behind its picture, where that is not the table.
    """

    name: str
    title: str
    caption: str
    plot: Callable[..., Axes] | None = None
    table: str = "table"
    numbers: str | None = None

    @property
    def slug(self) -> str:
        """Its name in addresses and file names."""
        return slug_of(self.name)

    def frame(self, finding: Finding, *, drawn: bool = False) -> pd.DataFrame | None:
        """Return the finding's table, or the numbers that its picture draws, row labels as columns."""
        name = self.numbers if drawn and self.numbers is not None else self.table
        frame: pd.DataFrame | None = getattr(finding, name, None)
        if frame is None:
            return None
        return frame.reset_index(drop=all(name is None for name in frame.index.names))


def findings_of(analysis: AnyAnalysis) -> tuple[tuple[Part, Finding], ...]:
    """Return the findings of an analysis, each with how it is shown; unknown ones come last."""
    order = [name for name in FINDINGS if name in analysis.findings]
    order += [name for name in analysis.findings if name not in FINDINGS]
    return tuple((_part(name, analysis.findings[name]), analysis.findings[name]) for name in order)


def reason_of(finding: Finding) -> str:
    """Whose convergence gate failed behind a finding; empty when none did."""
    return str(getattr(finding, "reason", ""))


def _part(name: str, finding: Finding) -> Part:
    plot = PICTURES.get(type(finding))
    if name in FINDINGS:
        kind = FINDINGS[name]
        return Part(name, kind.title, kind.caption, plot, kind.table, kind.numbers)
    title = name.replace("_", " ").replace("-", " ").capitalize()
    return Part(name, title, title, plot)
