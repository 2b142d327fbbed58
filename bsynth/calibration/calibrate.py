"""The verb: every donor as pseudo-treated, what they teach, and the treated unit's own fit."""

import time
from pathlib import Path
from typing import overload

from bsynth._base.request import check_flags, hinted
from bsynth.bayesian.fit import fit
from bsynth.bayesian.plan import plan
from bsynth.bayesian.run import with_choice
from bsynth.calibration.donors import MIN_PLACEBOS, MOST_PLACEBOS, at_shares, donor_fits, players, usable_donors
from bsynth.calibration.result import Calibration
from bsynth.calibration.waves import WavesCalibration, calibrate_waves
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError
from bsynth.model.catalogue import DEFAULT
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.staggered import StaggeredPanel
from bsynth.pieces import check_store
from bsynth.text.numbers import count


@overload
def calibrate(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Calibration: ...
@overload
def calibrate(
    panel: StaggeredPanel[Panel],
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> WavesCalibration: ...
@hinted
def calibrate(
    panel: Panel | StaggeredPanel[Panel],
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Calibration | WavesCalibration:
    """Fit the model to every donor as pseudo-treated and move the treated unit's interval to what they show.

    It widens where donors err more than their fits expect, and narrows where they err less. Where the treated series is
    a mean of several units, means of donors play it (`bsynth.panel.groups`).

    Of more than 50 donors that can play it, 50 are drawn at random by ``seed``: each costs a fit.

    Parameters
    ----------
    panel : Panel or StaggeredPanel
        Of several starts the pattern of starts is re-assigned to units that are never treated: placebo waves.
    model : str, path or ModelSpec
    scale : {"treated", "each", "log", "logit", "auto"}, optional
        As `bsynth.fit`; the donors' errors are learned on that scale.
    draws : int, optional
        Posterior draws per chain and fit; 1000 by default.
    seed : int, optional
    sampling : Sampling, optional
        Every setting of every fit in one value, and how many run side by side; ``draws`` and ``seed`` stand above it.
        Where fits do not pass their gate: ``Sampling(tune=2000, target_accept=0.99)``.
    store : path, optional
        File (JSON lines) to which each finished placebo fit is appended. Called again with the same panel
        and settings, finished fits are read from it and only the rest is computed.
    progress : bool

    Returns
    -------
    Calibration
        Base intervals in ``.fit``, calibrated ones of average, cumulative effect and lift in ``.effects()``.

    Raises
    ------
    PanelError
        With fewer than 4 usable donors, or a treated unit on which the model has no posterior.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> calibration = bs.calibrate(panel, "level", draws=300, progress=False)
    >>> len(calibration.placebos), calibration.effects()["interval"].tolist()
    (6, ['calibrated', 'calibrated', 'calibrated'])
    """
    check_flags(progress=progress)
    chosen = resolve(sampling, draws, seed)
    check_store(store)
    if isinstance(panel, StaggeredPanel):
        return calibrate_waves(panel, model, scale=scale, sampling=chosen, store=store, progress=progress)
    require_panel(panel)
    began = time.perf_counter()
    request = plan(panel, model, scale=scale, sampling=chosen)
    spec = request.spec
    if reason := request.lacks or too_few(panel, spec):
        raise PanelError(reason)
    units, skipped = players(panel, spec, most=MOST_PLACEBOS, seed=chosen.seed)
    donors = donor_fits(panel, spec, units, chosen, store=store, progress=progress)
    lesson = donors.lesson
    if lesson.shares is not None:
        spec = at_shares(spec, lesson.shares)
    treated = with_choice(fit(panel, spec, sampling=chosen, progress=progress), request.chosen)
    single = not donors.placebos[0].members
    return Calibration(
        fit=treated,
        placebos=donors.placebos,
        lesson=lesson,
        skipped=skipped,
        seconds=time.perf_counter() - began,
        drawn_from=panel.n_donors if len(units) == MOST_PLACEBOS < panel.n_donors and single else None,
        seed=chosen.seed,
    )


def too_few(panel: Panel, spec: ModelSpec) -> str | None:
    """Say that too few donors can play the treated unit for a calibration, and why; None when there are enough."""
    usable, skipped = usable_donors(panel, spec, most=MIN_PLACEBOS)
    if len(usable) >= MIN_PLACEBOS:
        return None
    why = f" (donor {skipped[0][0]}: {skipped[0][1]})" if skipped else ""
    return (
        f"{count(len(usable), 'donor')} can play the treated unit and calibration needs {MIN_PLACEBOS}{why}; "
        "add donors, or use the base interval"
    )
