"""Checks of a fit, and model choice in words: what contradicts the chosen model, and which one to use.

One file per check, each with ``NAME``, ``TITLE`` and ``check(case)``. A check that lacks what it needs
returns None. Rules:

================  ==============================================  ==============================================
check             warns when                                      names
================  ==============================================  ==============================================
hull              no level, > .25 pre-period sd away, and a free  ``level``; ``default`` with cell counts, a drift
                  offset shortens the distance (F test, p < .01)  or autocorrelated residuals
hull              > .5 pre-period sd away even with a free        ``default`` when the model has no drift
                  offset, with slow residuals
autocorrelation   replicates as autocorrelated as the residuals   ``default``; from a switched or AR(1) drift ``drift``
                  have p < .025
predictive        prior predictive p of the distance < .01        as hull
predictive        posterior predictive p of the largest           ``student-t``; with a drift or known cells
                  deviation < .01                                 ``robust``
loo               a Pareto k above 1; unclear when above the      –
                  limit under which LOO can be trusted
leave-future-out  misses of the 90% forecasts, binomial p < .01   as autocorrelation
sensitivity       prior sensitivity ≥ .05 and more than the       ``sparse`` when it is the weights' prior (exact
                  likelihood's; or ≥ .05 with doubling a prior's  cells, no drift)
                  strength worth > .5 posterior sd
contraction       < .5; below 0 the pre-period contradicts the    –; below 0 as hull, with a level as autocorrelation
                  prior
donors            fewer than 1.5 effective, or > .2 of the        –
                  weight on donors that moved against the unit
calibration       c > 1.5, or d > 2 sd of the effect              as autocorrelation
================  ==============================================  ==============================================
"""

from bsynth._base.request import check_kind, check_seed
from bsynth.bayesian.result import Fit, panel_of
from bsynth.calibration import Calibration
from bsynth.checks import (
    autocorrelation,
    contraction,
    donor_calibration,
    donors,
    future,
    hull,
    loo,
    predictive,
    sensitivity,
)
from bsynth.checks.base import Case, Check, CheckReport
from bsynth.checks.leave_future_out import LeaveFutureOut, leave_future_out
from bsynth.panel.given import require_same_panel

__all__ = ["Check", "CheckReport", "LeaveFutureOut", "check", "leave_future_out"]

REGISTRY = (
    hull,
    autocorrelation,
    predictive,
    loo,
    future,
    sensitivity,
    contraction,
    donors,
    donor_calibration,
)
"""Every check; a warning further up is the more fundamental one."""


def check(
    fit: Fit,
    *,
    calibration: Calibration | None = None,
    future: LeaveFutureOut | None = None,
    seed: int = 0,
) -> CheckReport:
    """Ask what contradicts a fit's model, and which model to use instead.

    Nothing is refitted; it takes about a second.

    Parameters
    ----------
    fit : Fit
    calibration : Calibration, optional
        From `bsynth.calibrate`; adds what the donors say.
    future : LeaveFutureOut, optional
        From `bsynth.leave_future_out`; adds the forecasts of the last pre-periods.
    seed : int
        Seed of replicated data and prior draws.

    Returns
    -------
    CheckReport
        ``.table``, ``.sentences()``, ``.answer``, ``.suggestion``; ``report["hull"]`` is one check.

    Raises
    ------
    PanelError
        A fit that holds no panel, from a file of an earlier format; a calibration or forecasts of another panel.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> report = check(fit)
    >>> report["hull"].status
    'ok'
    """
    seed = check_seed(seed)
    panel = panel_of(fit)
    if calibration is not None:
        check_kind(calibration, Calibration, "calibration", "what bsynth.calibrate(panel) returns, or leave it out")
        require_same_panel(panel, panel_of(calibration.fit), "the calibration", "calibrate this one, or leave it out")
    if future is not None:
        check_kind(future, LeaveFutureOut, "future", "what bsynth.leave_future_out(panel) returns, or leave it out")
        require_same_panel(panel, future.panel, "future", "forecast this one, or leave it out")
    case = Case(fit, calibration, future, seed)
    found = [answer for part in REGISTRY if (answer := part.check(case)) is not None]
    return CheckReport(fit.spec.name, tuple(found), (calibration or fit).reason)
