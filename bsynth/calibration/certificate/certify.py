"""The verb: fit every unit whose truth is known, score the intervals, keep what it takes to say so."""

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bsynth._base.request import check_flags, check_level, check_whole, hinted, names_in
from bsynth.bayesian.degenerate import no_posterior
from bsynth.bayesian.plan import plan
from bsynth.calibration import (
    MIN_PLACEBOS,
    MOST_PLACEBOS,
    calibrate,
    players,
    switch_prior,
)
from bsynth.calibration.certificate.certificate import Certificate
from bsynth.calibration.certificate.intervals import window_tables
from bsynth.calibration.certificate.rivals import rival_table
from bsynth.calibration.certificate.windows import PlaceboWindow, earlier_panels, fit_window
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import SpecError
from bsynth.model.catalogue import DEFAULT
from bsynth.model.design import make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.pieces import check_store

LEVELS = (0.5, 0.8, 0.9, 0.95)


@hinted
def certify(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    levels: Sequence[float] = LEVELS,
    windows: int = 1,
    store: str | Path | None = None,
    progress: bool = True,
) -> Certificate:
    """Answer whether this model's intervals hold the truth on this panel, on units where the truth is known.

    Every donor plays the treated unit at the real start; in earlier windows of the same length, where the
    pre-period allows, the treated unit plays too. Nothing happened to any of them, so an honest 90% interval holds
    0 in nine of ten. Each unit's calibrated and conformal interval uses what the *other* units teach
    (`bsynth.calibrate`); demeaned synthetic control with placebo quantiles and conformal inference answer beside
    it on the same units.

    Parameters
    ----------
    panel : Panel
    model : str, path or ModelSpec
        As `bsynth.fit`; all fits share its settings and one compilation.
    scale : {"treated", "each", "log", "logit", "auto"}, optional
        In the place of the model's own, as `bsynth.calibrate`.
    draws : int, optional
        Posterior draws per chain and fit; 1000 by default.
    seed : int, optional
    sampling : Sampling, optional
        Every setting of every fit in one value; ``draws`` and ``seed`` stand above it.
    levels : sequence of float
        Probabilities of the intervals, each between 0 and 1.
    windows : int
        Earlier windows to try; they do not overlap, and each keeps at least a third of the pre-periods before it.
        Each costs as many fits as the real start.
    store, progress
        As `bsynth.calibrate`: finished fits are read from ``store``, and only the rest is computed.

    Returns
    -------
    Certificate

    Raises
    ------
    PanelError
        With fewer than 4 donors that can play the treated unit.
    SpecError
        A model, level or number of windows outside what is allowed.

    References
    ----------
    Interval score: Gneiting and Raftery 2007, eq. 43. Placebo in space: Abadie, Diamond and Hainmueller 2010.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> frame = simulate_factor(donors=5, n_pre=12, n_post=3, seed=1)
    >>> panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=12)
    >>> certify(panel, windows=-1)
    Traceback (most recent call last):
    bsynth.errors.SpecError: windows is -1; give at least 0, the number of earlier windows to try; whole numbers only
    """
    require_panel(panel)
    check_flags(progress=progress)
    how = resolve(sampling, draws, seed)
    check_store(store)
    chosen = _levels(levels)
    windows = check_whole(windows, "windows", 0, "the number of earlier windows to try")
    began = time.perf_counter()
    spec = plan(panel, model, scale=scale, sampling=how).spec
    calibration = calibrate(panel, model, scale=scale, sampling=how, store=store, progress=progress)
    found = [PlaceboWindow(panel, calibration.placebos, None, calibration.lesson)]
    skipped = [(unit, found[0].start, reason) for unit, reason in calibration.skipped]
    for earlier in earlier_panels(panel, windows):
        units, left_out = players(earlier, spec, most=MOST_PLACEBOS, seed=how.seed)
        # Nothing can be sampled of a treated unit that donors reproduce over the shorter pre-period.
        if len(units) < MIN_PLACEBOS or no_posterior(earlier, make_design(earlier, spec), spec):
            break
        window = fit_window(earlier, spec, units, how, store=store, progress=progress, periods=len(panel.times))
        found.append(window)
        skipped += [(unit, window.start, reason) for unit, reason in left_out]
    prior = switch_prior(spec)
    tables = [window_tables(window, k, prior, chosen) for k, window in enumerate(found)]
    return Certificate(
        calibration=calibration,
        spec=spec,
        windows=tuple(found),
        asked=windows,
        levels=chosen,
        units=pd.concat([t for t, _ in tables], ignore_index=True),
        pit=pd.concat([p for _, p in tables], ignore_index=True),
        rivals=pd.concat([rival_table(w, k, chosen) for k, w in enumerate(found)], ignore_index=True),
        skipped=tuple(skipped),
        seconds=time.perf_counter() - began,
    )


def _levels(levels: Sequence[float]) -> tuple[float, ...]:
    listed = names_in(levels, "levels", "probabilities such as (0.5, 0.8, 0.9, 0.95)")
    if not listed:
        raise SpecError("levels is empty; give probabilities such as (0.5, 0.8, 0.9, 0.95)")
    return tuple(sorted({check_level(level) for level in listed}))
