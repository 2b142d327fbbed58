"""How the report shows what an analysis found besides: certificate, audits, specification curve, decision.

A new finding is a line in `PARTS` and its slug in the order of the sections; without them it is shown all the
same, before the assumptions, in words and with its table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from bsynth.analysis import Analysis, Finding
from bsynth.plots import plot_decision, plot_donor_audit, plot_path_band, plot_prior_audit, plot_uncertainty
from bsynth.plots.certificate import plot_certificate
from bsynth.plots.specification_curve import plot_specification_curve
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


PARTS = (
    Part("bands", "Bands for the whole path", "Bands by period", plot_path_band),
    Part("certificate", "The certificate", "What the donors show as pseudo-treated units", plot_certificate),
    Part("prior_audit", "Prior against data", "The effect under other priors", plot_prior_audit),
    Part("uncertainty", "Where the uncertainty comes from", "Share of the variance by source", plot_uncertainty),
    Part("donor_audit", "Donor audit", "Each donor, and what speaks against it", plot_donor_audit),
    Part("specification_curve", "Specification curve", "The effect under each specification",
         plot_specification_curve),
    Part("decision", "Decision", "What the decision rests on", plot_decision, numbers="curve"),
)  # fmt: skip


def findings_of(analysis: Analysis) -> tuple[tuple[Part, Finding], ...]:
    """Return the findings of an analysis, each with how it is shown; unknown ones come last."""
    known = {part.name: part for part in PARTS}
    order = [name for name in known if name in analysis.findings]
    order += [name for name in analysis.findings if name not in known]
    return tuple((known.get(name, _unknown(name)), analysis.findings[name]) for name in order)


def unreliable(finding: Finding) -> bool:
    """Whether a fit behind a finding failed its convergence gate."""
    return bool(getattr(finding, "status", "ok") == "unreliable")


def _unknown(name: str) -> Part:
    title = name.replace("_", " ").replace("-", " ").capitalize()
    return Part(name, title, title)
