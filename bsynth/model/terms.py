"""Terms of the treated unit alone: a season beyond that of its donors, and a slope that they do not carry.

Both are columns of the pre-period's regression with standard normal coefficients once multiplied by their prior sd,

    y_t = a + Σ_j w_j x_jt + s_phase(t) − s̄ + b (t − t̄) + u_t + ε_t,    Σ_p s_p = 0,  s_p ~ N(0, s²),  b ~ N(0, v²),

centred over the pre-period (s̄, t̄), so that the level keeps its meaning. The season is that of dummies in
Harvey 1989, *Forecasting, Structural Time Series Models and the Kalman Filter*, chapter 2, without innovations. A phase
that never occurs before the start has its prior there: the data say nothing of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, special

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray, IntArray
from bsynth.errors import PanelError, some_of
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.text.numbers import count, number, p_value

CYCLES = 3
"""Times that each phase must have been seen before the start for a season to be looked for."""
SIZE = 0.01
"""Size of the test by which a season is taken in: one that is not there costs width."""
CALENDARS = {"month": "month", "quarter": "quarter", "day": "day-of-week", "business day": "day-of-week"}
"""The season that goes with a frequency."""
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WORDS = {"day-of-week": "day of week", "month": "month of year", "quarter": "quarter of year"}


@dataclass(frozen=True, eq=False, repr=False)
class OwnTerms(Brief):
    """Terms of the treated unit of one fit, scaled: ``columns @ z`` with z ~ N(0, I).

    Attributes
    ----------
    columns : (T, K)
        Those of the season, then that of the slope; each multiplied by its prior sd.
    phases : tuple of str
        The P phases of the season; empty without one.
    contrasts : (P, K_season)
        Departure of each phase per coefficient: orthogonal, summing to zero over phases; K_season = P − 1, or 0.
    slope_sd : float
        Prior sd of the slope per step of the calendar, in pre-period sd; 0 without one.
    """

    columns: FloatArray
    phases: tuple[str, ...]
    contrasts: FloatArray
    slope_sd: float

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(self.columns.shape[1])

    def effects(self, z: FloatArray) -> dict[str, FloatArray]:
        """What season and slope, whichever there are, add to each period, (..., T), for coefficients z (..., K)."""
        k = self.contrasts.shape[1]
        found = {"season": z[..., :k] @ self.columns[:, :k].T} if k else {}
        return found | ({"slope": z[..., k:] @ self.columns[:, k:].T} if self.slope_sd else {})

    def named(self, z: FloatArray) -> dict[str, FloatArray]:
        """Departure of each phase (..., P) as ``season``, slope per step (...) as ``own_slope``, whichever are there.

        Examples
        --------
        >>> own = OwnTerms(np.zeros((4, 2)), ("a", "b"), contrasts(2, 0.5), 0.1)
        >>> found = own.named(np.array([1.0, 2.0]))
        >>> found["season"].round(3).tolist(), float(found["own_slope"])
        ([0.5, -0.5], 0.2)
        >>> own.coefficients(found).round(6).tolist()
        [1.0, 2.0]
        """
        k = self.contrasts.shape[1]
        found = {"season": z[..., :k] @ self.contrasts.T} if k else {}
        return found | ({"own_slope": self.slope_sd * z[..., k]} if self.slope_sd else {})

    def coefficients(self, named: Mapping[str, FloatArray]) -> FloatArray:
        """Undo `named`: the standard normal coefficients (..., K)."""
        parts = [named["season"] @ np.linalg.pinv(self.contrasts).T] if self.phases else []
        parts += [named["own_slope"][..., None] / self.slope_sd] if self.slope_sd else []
        return np.concatenate(parts, axis=-1)


def contrasts(phases: int, sd: float) -> FloatArray:
    """Orthogonal contrasts (P, P − 1) whose coefficients N(0, I) give every phase the departure N(0, sd²).

    Examples
    --------
    >>> found = contrasts(4, 0.5)
    >>> (found @ found.T).diagonal().round(12).tolist(), bool(np.allclose(found.sum(axis=0), 0))
    ([0.25, 0.25, 0.25, 0.25], True)
    """
    return np.asarray(sd * np.sqrt(phases / (phases - 1)) * linalg.helmert(phases).T)


def own_terms(panel: Panel, spec: ModelSpec) -> tuple[OwnTerms | None, tuple[str, ...]]:
    """Return the terms that ``spec`` gives the treated unit, None without any, and what was decided, in words.

    Raises
    ------
    PanelError
        A season that the periods do not have.
    """
    season, notes = _season(panel, spec)
    columns, shape = [np.empty((len(panel.times), 0))], np.empty((0, 0))
    phases: tuple[str, ...] = ()
    before = slice(0, panel.n_pre)
    if season is not None:
        phases, shape = season.names, contrasts(len(season.names), spec.season.sd)
        columns.append(shape[season.index] - shape[season.index[before]].mean(axis=0))
    own = spec.trend.slope == "own"
    if own:
        steps = panel.positions.astype(float)
        columns.append(spec.trend.sd * (steps - steps[before].mean())[:, None])
    if season is None and not own:
        return None, notes
    return OwnTerms(np.concatenate(columns, axis=1), phases, shape, spec.trend.sd if own else 0.0), notes


@dataclass(frozen=True, eq=False)
class _Phases:
    """Names of the phases that the panel has, and the phase of each period (T,)."""

    kind: str
    names: tuple[str, ...]
    index: IntArray

    def seen(self, n_pre: int) -> IntArray:
        """Times that each phase occurs before the start."""
        return np.bincount(self.index[:n_pre], minlength=len(self.names))


def _season(panel: Panel, spec: ModelSpec) -> tuple[_Phases | None, tuple[str, ...]]:
    wanted = spec.season
    if wanted.terms == "none":
        return None, ()
    if wanted.terms == "auto":
        return _detected(panel, spec)
    found = _phases(panel, wanted.terms, wanted.period)
    if found is None or len(found.names) < 2:
        what = "periods are whole numbers" if found is None else f"all periods have one {found.kind}"
        raise PanelError(
            f"{panel.source.name}: model {spec.name!r} has season.terms = {wanted.terms!r} and {what}; use "
            "season.terms = 'period' with season.period, the steps of a cycle, or 'none'"
        )
    return found, (f"The treated unit has a season of its own by {found.kind}.", *_unseen(panel, found, wanted.sd))


def _phases(panel: Panel, kind: str, period: int | None) -> _Phases | None:
    """The phases of a kind of season; None where periods are no dates and it needs them."""
    times = panel.times
    if kind == "period":
        assert period is not None
        labels, names = panel.positions % period, tuple(f"phase {p + 1}" for p in range(period))
        kind = f"phase of {period}"
    elif not isinstance(times, pd.DatetimeIndex):
        return None
    elif kind == "day-of-week":
        labels, names = np.asarray(times.day_of_week), _DAYS
    elif kind == "month":
        labels, names = np.asarray(times.month) - 1, _MONTHS
    else:
        labels, names = np.asarray(times.quarter) - 1, ("Q1", "Q2", "Q3", "Q4")
    present, index = np.unique(labels, return_inverse=True)
    return _Phases(_WORDS.get(kind, kind), tuple(names[int(p)] for p in present), index)


def _detected(panel: Panel, spec: ModelSpec) -> tuple[_Phases | None, tuple[str, ...]]:
    """The season that the frequency suggests, if the pre-period is long enough for it and shows it."""
    kind = "period" if spec.season.period is not None else CALENDARS.get(panel.frequency)
    if kind is None or (found := _phases(panel, kind, spec.season.period)) is None or len(found.names) < 2:
        return None, (
            f"No season was looked for: the calendar goes by the {panel.frequency}, and seasons go with days, "
            "months and quarters; give season.period for a cycle of another length.",
        )
    seen = found.seen(panel.n_pre)
    if seen.min() < CYCLES:
        return None, (
            f"No season by {found.kind} was looked for: {found.names[int(seen.argmin())]} was seen "
            f"{count(int(seen.min()), 'time')} before the start, and each phase must have been {CYCLES} times.",
        )
    before, forward = slice(0, panel.n_pre), spec.link.forward
    f, p = season_test(forward(panel.treated_series[before]), forward(panel.donor_matrix[before]), found.index[before])
    test = f"F = {number(f)}, {p_value(p)}"
    if p >= SIZE:
        return None, (
            f"No season: the treated unit less the mean of its donors does not differ by {found.kind} before the start "
            f"({test}).",
        )
    return found, (
        f"The treated unit has a season of its own: less the mean of its donors it differs by {found.kind} before the "
        f"start ({test}).",
    )


def season_test(treated: FloatArray, donors: FloatArray, phase: IntArray) -> tuple[float, float]:
    """F and p of the phases in the regression of ``treated`` less the mean of its donors on a line in time and phases.

    Parameters
    ----------
    treated : (T0,)
    donors : (T0, J)
    phase : (T0,) phase of each period, from 0, all of them there.

    Notes
    -----
    The errors count as independent. Where they are not, but move slowly, phases differ less than the test expects of
    them, so that a season is rather missed than invented.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> treated, donors, phase = rng.normal(size=42), rng.normal(size=(42, 5)), np.arange(42) % 7
    >>> f, p = season_test(treated, donors, phase)
    >>> f < 2, season_test(treated + 3 * (phase == 6), donors, phase)[1] < 0.001
    (True, True)
    """
    gap, n, phases = treated - donors.mean(axis=1), len(treated), int(phase.max()) + 1
    line = np.column_stack([np.ones(n), np.linspace(-1, 1, n)])
    both = np.column_stack([line, np.eye(phases)[phase][:, 1:]])
    without, within = (_squares(gap, columns) for columns in (line, both))
    freedom = n - both.shape[1]
    if freedom < 1 or within <= 1e-12 * float(((gap - gap.mean()) ** 2).sum()):
        # Nothing is left to tell noise from season.
        return (np.inf, 0.0) if freedom > 0 and without > within else (0.0, 1.0)
    f = max(without - within, 0.0) / (phases - 1) / (within / freedom)
    return float(f), float(special.fdtrc(phases - 1, freedom, f))


def _squares(values: FloatArray, columns: FloatArray) -> float:
    """Residual sum of squares of a least-squares fit."""
    return float(((values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]) ** 2).sum())


def _unseen(panel: Panel, found: _Phases, sd: float) -> tuple[str, ...]:
    """Say which phases never occur before the start."""
    names = [name for name, n in zip(found.names, found.seen(panel.n_pre), strict=True) if n == 0]
    if not names:
        return ()
    return (
        f"Before the start there is no {some_of(names)}: what the season adds there is 0 give or take its prior sd of "
        f"{number(sd)} pre-period sd.",
    )
