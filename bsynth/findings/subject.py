"""What a decision is about: a posterior, calibrated or not, of one start or of several, in the same few terms."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bsynth._base.types import FloatArray, Label
from bsynth.bayesian.result import Fit
from bsynth.bayesian.waves.result import WavesFit
from bsynth.calibration import Calibration
from bsynth.calibration.answer import posterior_of
from bsynth.calibration.waves import WavesCalibration
from bsynth.effects import of_average
from bsynth.errors import SpecError
from bsynth.findings.law import Calibrated, Drawn, Law, law_of, lift_law, treated_units
from bsynth.panel import Cells
from bsynth.panel.copies import first_alike
from bsynth.text.numbers import count

NO_CUMULATIVE = (
    "units that start at different times have no one cumulative effect; ask for 'total', the sum over units and "
    "periods, or for 'average'"
)


@dataclass(frozen=True, eq=False)
class Subject:
    """A posterior that a decision is about.

    Attributes
    ----------
    outcome, treated, model : str
    units : int
        Treated units.
    periods : int
        Treated periods of their mean; where ``staggered`` the sum over units, each with its own start.
    staggered : bool
    once : str
        What a sum over cells leaves out, where they are no sums of rows themselves.
    calibrated : bool
    reason : str
        Whose convergence gate failed.
    behind : int or None
        Independent placebos behind a calibrated distribution, else donors of different series; None where a fit holds
        no panel.
    misses, swings : (n,) arrays
        Residuals of the fit and the treated series before the start; of staggered units one after the other, each about
        its own median.
    largest : float
        The treated series' largest value before the start, whatever its sign: what rounding is measured by.
    law : callable
        From an estimand to its distribution.
    estimate : callable
        From an estimand to its point.
    """

    outcome: str
    treated: str
    model: str
    units: int
    periods: int
    staggered: bool
    once: str
    calibrated: bool
    reason: str
    behind: int | None
    misses: FloatArray
    swings: FloatArray
    largest: float
    law: Callable[[str], Law]
    estimate: Callable[[str], float]


def subject_of(result: object) -> Subject:
    """Return what a decision is about, of an analysis what it reports.

    Raises
    ------
    PanelError
        What came is no posterior and reports none.
    """
    reported = getattr(result, "reported", result)
    if isinstance(reported, WavesFit | WavesCalibration):
        return _several(reported)
    return _one(posterior_of(result))  # type: ignore[arg-type]


def _one(result: Fit | Calibration) -> Subject:
    """The mean of the units that start at once."""
    fit = result.fit if isinstance(result, Calibration) else result
    misses, swings = _before(fit)
    units = treated_units(fit)

    def estimate(estimand: str) -> float:
        times, name = (units, "cumulative") if estimand == "total" else (1, estimand)
        rows = result.effects()
        return times * float(rows.loc[rows["estimand"] == name, "estimate"].iloc[0])

    return Subject(
        outcome=str(fit.tree.attrs["outcome"]),
        treated=str(fit.tree.attrs["treated"]),
        model=fit.spec.name,
        units=units,
        periods=fit.observed.sizes["time"] - fit.n_pre,
        staggered=False,
        once=_once(None if fit.panel is None else fit.panel.cells),
        calibrated=isinstance(result, Calibration),
        reason=result.reason,
        behind=result.backing.independent if isinstance(result, Calibration) else _series_of(fit),
        misses=misses,
        swings=swings,
        largest=float(np.abs(swings).max()),
        law=lambda estimand: law_of(result, estimand),
        estimate=estimate,
    )


def _several(result: WavesFit | WavesCalibration) -> Subject:
    """The overall effect on units that start at different times: the mean over all their treated periods."""
    fit = result.fit if isinstance(result, WavesCalibration) else result
    series = [_before(each) for each in fit.fits]
    misses, swings = (np.concatenate([s[which] - np.median(s[which]) for s in series]) for which in (0, 1))

    def estimate(estimand: str) -> float:
        name = {"average": "overall", "total": "overall total"}.get(estimand, estimand)
        rows = fit.effects(over="overall", full=True)
        return float(rows.loc[rows["estimand"] == name, "estimate"].iloc[0])

    return Subject(
        outcome=fit.panel.labels.outcome,
        treated=f"{fit.panel.labels.units(len(fit.units))} in {count(fit.cells['wave'].nunique(), 'wave')}",
        model=fit.spec.name,
        units=len(fit.units),
        periods=len(fit.cells),
        staggered=True,
        once=_once(fit.panel.cells),
        calibrated=isinstance(result, WavesCalibration),
        reason=result.reason,
        behind=result.backing.independent if isinstance(result, WavesCalibration) else _series_of(*fit.fits),
        misses=misses,
        swings=swings,
        largest=max(float(np.abs(treated).max()) for _, treated in series),
        law=lambda estimand: _law_of_several(result, estimand),
        estimate=estimate,
    )


def _law_of_several(result: WavesFit | WavesCalibration, estimand: str) -> Law:
    if estimand == "cumulative":
        raise SpecError(NO_CUMULATIVE)
    fit = result.fit if isinstance(result, WavesCalibration) else result
    draws, observed = fit.effect.mean(axis=-1).ravel(), float(fit.cells["observed"].mean())
    lift = of_average(draws, observed, len(fit.cells))["lift"]
    if estimand == "lift" and np.isnan(lift).any():
        raise SpecError("the counterfactual may be zero, so the lift means nothing; ask for 'average' or 'total'")
    times = len(fit.cells) if estimand == "total" else 1
    if not isinstance(result, WavesCalibration):
        return Drawn(lift if estimand == "lift" else times * draws)
    average = Calibrated(result.inflation["overall"], float(draws.mean()), float(draws.std()), float(times))
    return lift_law(average, observed) if estimand == "lift" else average


def _series_of(*fits: Fit) -> int | None:
    """Donors of one or more fits, copies of one series before a start as one."""
    found: set[Label] = set()
    for fit in fits:
        if fit.panel is None:
            return None
        alone = np.unique(first_alike(fit.panel.donor_matrix[: fit.n_pre]))
        found |= {fit.panel.donors[k] for k in alone.tolist()}
    return len(found)


def _once(cells: Cells | None) -> str:
    return "" if cells is None else cells.counted_once("The sum")


def _before(fit: Fit) -> tuple[FloatArray, FloatArray]:
    """Residuals and treated series before the start, each (n_pre,)."""
    pre = slice(0, fit.n_pre)
    treated = np.asarray(fit.observed.isel(time=pre).to_numpy(), dtype=float)
    return treated - np.asarray(fit.synthetic().isel(time=pre).to_numpy(), dtype=float), treated
