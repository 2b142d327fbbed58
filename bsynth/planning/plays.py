"""Windows of the past in which nothing happened: what each unit's interval would have said there.

A fit sees nothing of its unit after the start, so an effect that is put there moves the gap by its own size and leaves
the width of the interval as it is. One fit per unit and window therefore answers for every size, shape and duration.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.plain import show
from bsynth._base.types import FloatArray, Label
from bsynth.bayesian.degenerate import no_posterior
from bsynth.calibration import (
    MIN_PLACEBOS,
    MOST_PLACEBOS,
    Inflation,
    PlaceboFit,
    factors,
    learn_inflation,
    learn_shares,
    players,
    switch_prior,
)
from bsynth.calibration.certificate.windows import SHARE, PlaceboWindow, fit_window
from bsynth.calibration.inflation import mixture_radii
from bsynth.engines.sampling import Sampling
from bsynth.errors import PanelError
from bsynth.frequentist import placebo_space
from bsynth.frequentist.estimators import Method
from bsynth.model.design import make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.calendar import Calendar
from bsynth.panel.groups import group_size, separate
from bsynth.panel.labels import MIN_PRE
from bsynth.text.numbers import count

SURE = 0.95
"""The second rule: P(effect in its direction) above this."""
GROUPS = 200
"""Means of donors in the placebo test of a mean of several units."""


@dataclass(frozen=True, eq=False, repr=False)
class Played(Brief):
    """What windows of the past say of a panel's units.

    Attributes
    ----------
    table : DataFrame
        One row per unit × window × duration: ``unit, window, start, duration, treated``, ``error`` and ``radius`` (half
        the width of the calibrated interval) and ``one_sided`` (from which P(effect > 0) is above 95%), in ``scale``,
        the unit's pre-period sd on the scale of the model; ``base``, its mean outcome in the window, and ``status``.
    own : DataFrame
        One row per unit × duration after the whole history, the treated unit's first: ``unit, treated, duration,
        radius, one_sided, scale, base, status``, by what all windows teach.
    placebo : DataFrame
        One row per unit × window × duration of the placebo test: ``unit, window, duration, error`` and ``threshold``,
        from which the test rejects (outcome units; infinite where it never does).
    skipped : tuple of (unit, start, reason)
    """

    table: pd.DataFrame
    own: pd.DataFrame
    placebo: pd.DataFrame
    skipped: tuple[tuple[Label, Label, str], ...]


def history_of(panel: Panel) -> Panel:
    """The panel before its start, with nothing after it.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.datasets.load_prop99()
    >>> history_of(panel)
    Panel(California against 38 donors, 1970 to 1988, no start yet: 19 pre + 0 post)
    """
    return panel._take(panel.treated, panel.donors, slice(panel.n_pre)) if panel.n_post else panel


def past_windows(history: Panel, longest: int, many: int) -> list[Panel]:
    """The history as it stood up to ``many`` times, each with a window of ``longest`` periods; the latest first.

    The windows do not overlap, and each has a third of the history before it.

    Raises
    ------
    PanelError
        When there is room for none.
    """
    least = max(MIN_PRE, -(-history.n_pre // SHARE))
    found: list[Panel] = []
    latest = history
    while len(found) < many and latest.n_pre - longest >= least:
        try:
            latest = latest.backdated_to(latest.n_pre - longest)
        except PanelError:  # the treated series does not vary in so short a history
            break
        found.append(latest)
    if not found:
        raise PanelError(
            f"{history.source.name}: a duration of {count(longest, 'period')} leaves fewer than "
            f"{count(least, 'period')} of the {history.n_pre} before the start to fit; durations can be up to "
            f"{max(history.n_pre - least, 0)}"
        )
    return found


def ahead(history: Panel, periods: int) -> Panel:
    """The history with a future in which donors do once more what they did last: how wide an interval will be there.

    Nothing of the treated unit's future enters its fit.
    """
    rows = np.concatenate([np.arange(history.n_pre), np.arange(history.n_pre - periods, history.n_pre)])
    calendar = history.calendar or Calendar.of(history.times)
    times: Any = history.times
    for _ in range(periods):
        times = times.append(pd.Index([calendar.after(times)]))
    cells, covariates = history.cells, history.covariates
    if cells is not None:
        cells = cells.take(rows, range(len(history.units)))
    if covariates is not None:
        covariates = replace(covariates, values=covariates.values[:, rows])
    return replace(
        history, outcome=history.outcome[rows], times=times, start=times[history.n_pre], end=times[-1], cells=cells,
        covariates=covariates, clusters=None, calendar=calendar,
    )  # fmt: skip


def play(
    history: Panel,
    spec: ModelSpec,
    durations: Sequence[int],
    *,
    windows: int,
    level: float,
    estimator: Method,
    sampling: Sampling,
    store: str | Path | None,
    progress: bool,
) -> Played:
    """Fit every unit, and the treated one, in windows of the past, and the treated one after the whole history."""
    longest = max(durations)
    room = history.n_pre + longest
    tables, lessons, tests = [], [], []
    skipped: list[tuple[Label, Label, str]] = []
    for number, panel in enumerate(past_windows(history, longest, windows)):
        units, left_out = players(panel, spec, most=MOST_PLACEBOS, seed=sampling.seed)
        skipped += [(unit, show(panel.start), reason) for unit, reason in left_out]
        reason = no_posterior(panel, make_design(panel, spec), spec)
        if len(units) < MIN_PLACEBOS or reason:
            skipped.append(
                (panel.treated_name, show(panel.start), reason or "too few donors can play the treated unit")
            )
            continue
        fitted = fit_window(panel, spec, units, sampling, store=store, progress=progress, periods=room)
        for duration in durations:
            table, lesson = window_rows(fitted, number, duration, spec, level)
            tables.append(table)
            lessons.append((duration, lesson))
            tests.append(_tests(panel, number, duration, estimator, 1 - level, sampling.seed))
    if not tables:
        raise PanelError(f"{history.source.name}: no window of the past can be played; {skipped[-1][2]}")
    # Every unit again, after all of the history: how likely each form of drift is, and how wide an interval will be.
    future = ahead(history, longest)
    units, _ = players(future, spec, most=MOST_PLACEBOS, seed=sampling.seed)
    last = fit_window(future, spec, units, sampling, store=store, progress=progress, periods=room)
    return Played(
        pd.concat(tables, ignore_index=True),
        _own_rows(last, spec, durations, lessons, level),
        pd.concat(tests, ignore_index=True),
        tuple(skipped),
    )


def _moments(placebo: PlaceboFit, weights: FloatArray, duration: int) -> tuple[float, float]:
    """Mean and sd of the average gap of the first ``duration`` periods."""
    draws, each = placebo.path[:, :duration].mean(axis=1), placebo.weights(weights)
    mean = float(np.average(draws, weights=each))
    return mean, float(np.sqrt(np.average((draws - mean) ** 2, weights=each)))


def _taught(others: Sequence[PlaceboFit], prior: Any, duration: int) -> tuple[Inflation, FloatArray]:
    """What some placebos teach about the average of the first ``duration`` periods of another unit."""
    shares = None
    if prior is not None:
        shares = dict(zip(prior, learn_shares([p.support for p in others]).tolist(), strict=True))
    weights = factors(shares, prior)
    found = [_moments(p, weights, duration) for p in others]
    each = separate([p.members for p in others]) / len(others)
    return learn_inflation([e for e, _ in found], [s for _, s in found], each=each), weights


def _radii(inflation: Inflation, sd: float, level: float) -> tuple[float, float]:
    """Half-width of the calibrated interval, and how far from zero P(effect > 0) is `SURE`; pre-sd units."""
    two, one = mixture_radii([level, 2 * SURE - 1], inflation.scale(sd), inflation.weight)
    return float(two), float(one)


def window_rows(
    window: PlaceboWindow, number: int, duration: int, spec: ModelSpec, level: float
) -> tuple[pd.DataFrame, Inflation]:
    """One row per unit, each by what the others teach, and what all donors teach."""
    rows, panel, prior, forward = [], window.panel, switch_prior(spec), spec.link.forward
    all_taught, weights = _taught(window.placebos, prior, duration)
    for placebo, others in window.plays():
        treated = placebo is window.treated
        inflation, own = (all_taught, weights) if treated else _taught(others, prior, duration)
        error, sd = _moments(placebo, own, duration)
        radius, one_sided = _radii(inflation, sd, level)
        series = _series(window, placebo)
        rows.append(
            {
                "unit": placebo.name, "window": number, "start": window.start, "duration": duration,
                "treated": treated, "error": error, "radius": radius, "one_sided": one_sided,
                "scale": float(forward(series[: panel.n_pre]).std(ddof=1)), "status": placebo.status,
                "base": float(series[panel.n_pre : panel.n_pre + duration].mean()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows), all_taught


def _own_rows(
    last: PlaceboWindow,
    spec: ModelSpec,
    durations: Sequence[int],
    lessons: Sequence[tuple[int, Inflation]],
    level: float,
) -> pd.DataFrame:
    """Each unit's interval after the whole history, by what each window teaches, averaged; the treated unit first."""
    rows, panel = [], last.panel
    for placebo, _ in sorted(last.plays(), key=lambda both: both[0] is not last.treated):
        series = _series(last, placebo)
        for duration in durations:
            _, sd = _moments(placebo, last.lesson.factors, duration)
            found = np.array([_radii(lesson, sd, level) for lasts, lesson in lessons if lasts == duration])
            radius, one_sided = found.mean(axis=0).tolist()
            rows.append(
                {
                    "unit": placebo.name, "treated": placebo is last.treated, "duration": duration, "radius": radius,
                    "one_sided": one_sided, "sd": sd, "status": placebo.status,
                    "scale": float(spec.link.forward(series[: panel.n_pre]).std(ddof=1)),
                    "base": float(series[panel.n_pre - duration : panel.n_pre].mean()),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _series(window: PlaceboWindow, placebo: PlaceboFit) -> FloatArray:
    """(T,) outcome of who plays."""
    panel = window.panel
    names = panel.treated if placebo is window.treated else placebo.members or (placebo.unit,)
    return np.asarray(panel.outcome[:, [panel.units.index(name) for name in names]].mean(axis=1))


def _tests(panel: Panel, number: int, duration: int, estimator: Method, alpha: float, seed: int) -> pd.DataFrame:
    """The placebo test of each donor, or mean of donors, among the others; outcome units."""
    grouped = panel.n_treated > 1 and group_size(panel.n_treated, panel.n_donors) > 1
    test = placebo_space(panel, estimator, groups=GROUPS if grouped else None, seed=seed, progress=False)
    errors = test.gaps.values[:, panel.n_pre : panel.n_pre + duration].mean(axis=1)
    sizes = np.sort(np.abs(errors))[::-1]
    # The treated unit is not among its placebos: p = rank / (1 + placebos) ≤ α where so many of them are as large.
    allowed = int(np.floor(round(alpha * (len(errors) + 1), 9))) - 1
    threshold = np.full(len(errors), np.inf)
    if allowed >= 0:
        # Leaving oneself out moves up whoever ranks below.
        inside = np.abs(errors) >= sizes[allowed]
        threshold = np.where(inside, sizes[min(allowed + 1, len(sizes) - 1)], sizes[allowed])
    names = test.table["unit"]
    return pd.DataFrame(
        {"unit": names, "window": number, "duration": duration, "error": errors, "threshold": threshold}
    )
