"""The posterior, calibrated or not, in what a verb was given."""

from typing import Protocol

from bsynth._base.request import check_level
from bsynth.bayesian.result import Fit, refuse_several, require_fit
from bsynth.calibration.result import Calibration
from bsynth.errors import PanelError


class Reporting(Protocol):
    """An analysis, as those see it who come before it."""

    @property
    def reported(self) -> object:
        """What its headline reports."""

    @property
    def level(self) -> float:
        """Of its intervals."""


def posterior_of(result: Fit | Calibration | Reporting) -> Fit | Calibration:
    """Return a fit or calibration as it is, and of an analysis the one that it reports.

    Raises
    ------
    PanelError
        Anything else, and an analysis without a posterior.

    Examples
    --------
    >>> posterior_of(None)
    Traceback (most recent call last):
    bsynth.errors.PanelError: a Fit is needed and None came; bsynth.fit(panel) or bsynth.load(path) return one
    """
    if isinstance(result, Calibration):
        return result
    if isinstance(result, Fit) or not hasattr(result, "reported"):
        require_fit(result)
        assert isinstance(result, Fit)
        return result
    refuse_several(result)
    found = result.reported
    if not isinstance(found, Fit | Calibration):
        raise PanelError("this analysis has no posterior; ask bsynth.analyse for a model, such as models=['default']")
    return found


LEVEL = 0.95
"""Of an interval where none is asked for."""


def level_for(result: Fit | Calibration | Reporting, level: float | None) -> float:
    """Return the level that was asked for, else that of an analysis, else 95%."""
    if level is not None:
        return check_level(level)
    return check_level(result.level) if hasattr(result, "reported") else LEVEL
