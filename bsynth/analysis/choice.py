"""Which classical estimator the sections of an analysis are about: the one that the verdict keeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bsynth.engines import hull
from bsynth.errors import SolverError
from bsynth.frequentist.estimators import sc
from bsynth.panel import Panel

LEVELLED = ("demeaned", "sdid", "did")
"""Estimators that can sit above or below their donors, in the order in which they stand in for ``sc``."""


@dataclass(frozen=True)
class Choice:
    """The estimator around which classical inference is made.

    Attributes
    ----------
    kept : str
        The estimator.
    reason : str
        Why it is not ``sc``; empty when it is, or when nothing speaks against ``sc``.

    Examples
    --------
    >>> Choice("demeaned", "it lies outside").rejected, Choice("sc").rejected
    ({'sc': 'it lies outside'}, {})
    """

    kept: str = sc.NAME
    reason: str = ""

    @property
    def rejected(self) -> dict[str, str]:
        """What was set aside for it, with the reason."""
        return {sc.NAME: self.reason} if self.reason else {}


OUTSIDE = (
    "before the start the treated series lies outside what weighted donors can reach, and this method has no offset to "
    "take that up: what is left of the distance counts as effect"
)


def choose(panel: Panel, estimators: Sequence[str]) -> Choice:
    """Choose among the estimators that were asked for, or among all when none was.

    ``sc`` is kept unless the treated series lies outside the hull of its donors; then the first of `LEVELLED`
    that was asked for, and ``sc`` again when none was.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(seed=42), **rollout_panel_arguments())
    >>> choose(panel, ["sc", "did"]).kept, choose(panel, []).kept, choose(panel, ["sc"]).kept
    ('did', 'demeaned', 'sc')
    """
    return chosen(estimators, lambda: bool(place(panel)["outside"]))


def chosen(estimators: Sequence[str], outside: Callable[[], bool]) -> Choice:
    """Choose by the rule of `choose`, where ``outside`` says whether the treated lie outside the hull."""
    asked = tuple(estimators) or (sc.NAME, *LEVELLED)
    if sc.NAME not in asked:
        return Choice(next((name for name in asked if name in LEVELLED), asked[0]))
    instead = next((name for name in LEVELLED if name in asked), None)
    return Choice() if instead is None or not outside() else Choice(instead, OUTSIDE)


def place(panel: Panel) -> dict[str, Any]:
    """Where the treated series lies before the start; not outside when its distance cannot be found."""
    pre = slice(0, panel.n_pre)
    sd = float(panel.treated_series[pre].std(ddof=1))
    try:
        values, _ = hull.measure(panel.treated_series[pre], panel.donor_matrix[pre])
    except SolverError:
        return {"sd": sd, "outside": False}
    outside = values["p"] < hull.P_OFFSET and values["distance"] > hull.FAR * sd
    return values | {"sd": sd, "outside": outside}
