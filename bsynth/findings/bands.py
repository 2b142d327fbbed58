"""A band for the whole path of effects: so wide that a given share of whole paths lies inside."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntervalKind, Status
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration, Lesson, PlaceboFit, calibrated_paths, learn
from bsynth.calibration.answer import Reporting, level_for, posterior_of
from bsynth.errors import FitError, some_of
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import count, number, percent
from bsynth.text.result import Pictured

MEASURED: Mapping[str, tuple[int, int]] = {
    "Germany": (3, 16),
    "Basque": (7, 16),
    "Prop 99": (31, 38),
    "GeoLift": (37, 40),
}
"""Panels, and the untreated units of each whose whole path the band held, of all (``tests/evidence/bands.json``)."""
_CHECKED = 2000
"""Paths drawn for the band of a donor."""
_SEED = 41
MEASURED_LEVEL = 0.95
MEASURED_MODEL = "default"


@dataclass(frozen=True, eq=False, repr=False)
class PathBand(Pictured):
    """Simultaneous band of the gap over the treated periods.

    Attributes
    ----------
    fit : Fit
    table : DataFrame
        One row per treated period: ``time, gap, lower, upper`` (the simultaneous band), ``period_lower,
        period_upper`` (the interval of that period alone), ``level`` and ``excludes_zero``, outcome units.
    level : float
        Share of whole paths asked for.
    inside : float
        Share of the saved paths inside: the least that is not below ``level``.
    factor : float
        Half-width of the band in sd of each period.
    interval : {"calibrated", "predictive", "mean"}
    held, units : int or None
        Of the donors as pseudo-treated, to which nothing happened, those whose whole path such a band held, of all,
        each by what the others teach; only with a calibration.
    reason : str
        Of the fit or calibration that it rests on.
    groups : bool
        Whether the donors played in groups, as their mean.
    resolution : float
        No share can be told apart more finely; of groups, which overlap, it is coarser than their number.
    """

    fit: Fit
    table: pd.DataFrame
    level: float
    inside: float
    factor: float
    interval: str
    held: int | None = None
    units: int | None = None
    reason: str = ""
    groups: bool = False
    resolution: float = math.nan

    @property
    def status(self) -> Status:
        """Of what it rests on."""
        return status_of(self.reason)

    @property
    def title(self) -> str:
        """Which band, and of which unit's effect."""
        return f"{percent(self.level)} simultaneous band: {self.fit.tree.attrs['treated']}"

    def sentences(self) -> tuple[str, ...]:
        """What the band says, in words."""
        periods = "its one period" if len(self.table) == 1 else f"each of {count(len(self.table), 'period')}"
        away = self.table.loc[self.table["excludes_zero"], "time"]
        words = [
            f"{percent(self.level)} of whole {self.interval} paths drawn lie inside the simultaneous band, which is "
            f"{number(self.factor)} {self._sd} to either side in {periods}; the "
            "interval of one period alone is for a question about that period only."
        ]
        if len(away) == 0:
            words.append(
                "It holds zero in every period: no single period can be said to have an effect, "
                "which says nothing against their average."
            )
        elif len(away) == len(self.table):
            words.append(f"{self._by} it excludes zero in every period.")
        else:
            periods = some_of([show(t) for t in away], limit=4)
            words.append(f"{self._by} it excludes zero in {len(away)} of them ({periods}).")
        return (*mark(self.reason), *words, *self.measured())

    @property
    def _calibrated(self) -> bool:
        return self.interval == "calibrated"

    @property
    def _sd(self) -> str:
        return "calibrated sd" if self._calibrated else "posterior sd"

    @property
    def _by(self) -> str:
        return "By model and donors" if self._calibrated else "By the model alone"

    def measured(self) -> tuple[str, ...]:
        """How often such bands held the whole path of units to which nothing happened, in words."""
        if self._calibrated:
            kind = ("group of donors", "groups of donors") if self.groups else ("donor", "")
            return (
                f"Of {count(self.units or 0, *kind)} as if treated, to which nothing happened, such bands held the "
                f"whole path of {self.held}, each by what the others teach; so few cannot tell shares finer than "
                f"1/{round(1 / self.resolution)} apart.",
            )
        panels = ", ".join(f"{held} of {units} in {title}" for title, (held, units) in MEASURED.items())
        words = [
            f"Such bands may hold far less than they say: of untreated units as if treated, {percent(MEASURED_LEVEL)} "
            f"bands of the model {MEASURED_MODEL!r} held the whole path of {panels}."
        ]
        return tuple(words)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return super().to_dict() | {
            "model": self.fit.spec.name,
            "level": self.level,
            "inside": self.inside,
            "factor": self.factor,
            "interval": self.interval,
            "held": self.held,
            "units": self.units,
        }

    def _gist(self) -> str:
        return (
            f"{percent(self.level)} of whole {self.interval} paths, ±{number(self.factor)} sd, excludes zero in "
            f"{int(self.table['excludes_zero'].sum())} of {count(len(self.table), 'period')}"
        )


def path_band(
    result: Fit | Calibration | Reporting, *, level: float | None = None, interval: IntervalKind = "predictive"
) -> PathBand:
    """Answer between which bounds the whole path of effects lies, not just each period by itself.

    Sup-t: the mean gap ± a multiple of each period's sd, the multiple being the ``level`` quantile over draws of the
    largest standardised deviation of a path. Of a calibration the paths are those that model and donors together
    expect (`bsynth.calibration.paths`). Of a fit it is as narrow as the model is sure, and where untreated units
    drift it holds whole paths less often than it says: the words give what was measured.

    Parameters
    ----------
    result : Fit, Calibration or Analysis
        Of an analysis what it reports.
        Of a calibration the calibrated paths, and how often such bands held the donors' whole paths on this panel.
    level : float, optional
        Share of whole paths inside, 0 < level < 1; by default that of an analysis, else .95.
    interval : {"predictive", "mean"}
        ``"mean"`` leaves the noise of periods out; it is then the fit's alone, since errors that are seen have it.

    Raises
    ------
    SpecError
        Level or interval that is not allowed.
    FitError
        When draws of a path are not finite; none is ever dropped.

    References
    ----------
    Montiel Olea and Plagborg-Møller 2019, *Simultaneous confidence bands* (sup-t, §3.1).

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> band = path_band(fit, level=0.9)
    >>> bool((band.table["upper"] > band.table["period_upper"]).all()), band.inside
    (True, 0.9)
    """
    asked, result = result, posterior_of(result)
    level = level_for(asked, level)
    fit = result.fit if isinstance(result, Calibration) else result
    calibrated = isinstance(result, Calibration) and interval == "predictive"
    path = result.path(level) if calibrated else fit.path(level, interval=interval).iloc[fit.n_pre :]
    if calibrated:
        # Of the untreated path on the scale of the model, whose errors the donors' are compared with.
        low, high, factor, inside = _band(result.untreated_paths(), level)
        observed, back = path["observed"].to_numpy(dtype=float), fit.spec.link.back
        lower, upper = observed - back(high), observed - back(low)
    else:
        lower, upper, factor, inside = _band(_drawn(fit, interval), level)
    table = pd.DataFrame(
        {
            "time": path["time"].to_numpy(),
            "gap": path["gap"].to_numpy(),
            "lower": lower,
            "upper": upper,
            "period_lower": path["gap_lower"].to_numpy(),
            "period_upper": path["gap_upper"].to_numpy(),
            "level": level,
            "excludes_zero": (lower > 0) | (upper < 0),
        }
    )
    if not calibrated:
        return PathBand(fit, table, level, inside, factor, interval, reason=result.reason)
    held = whole_paths_held(result.placebos, result.lesson.prior, level)
    return PathBand(
        fit,
        table,
        level,
        inside,
        factor,
        "calibrated",
        int(held.sum()),
        len(held),
        result.reason,
        result.group_size > 1,
        result.resolution,
    )


def _drawn(fit: Fit, interval: IntervalKind) -> FloatArray:
    """(S, H) draws of the fit's gap."""
    gaps = (fit.observed - fit.counterfactual(interval)).isel(time=slice(fit.n_pre, None))
    draws = np.asarray(gaps.stack(sample=("chain", "draw")).transpose("sample", "time").to_numpy())
    if bad := int((~np.isfinite(draws)).any(axis=1).sum()):
        raise FitError(f"{bad} of {len(draws)} drawn paths are not finite, and none is dropped; fit again")
    return draws


def _band(draws: FloatArray, level: float) -> tuple[FloatArray, FloatArray, float, float]:
    """Lower and upper bound (H,) of paths (S, H), their half-width in sd of each period, the share of paths inside."""
    centre, sd = draws.mean(axis=0), draws.std(axis=0)
    # A period without spread cannot leave the band.
    away = np.abs(draws - centre) / np.where(sd > 0, sd, np.inf)
    largest = np.sort(away.max(axis=1))
    # Rounded, since .95 · 4000 is a hair above 3800 in floating point.
    factor = float(largest[math.ceil(round(level * len(largest), 9)) - 1])
    return centre - factor * sd, centre + factor * sd, factor, float((largest <= factor).mean())


def whole_paths_held(
    placebos: Sequence[PlaceboFit], prior: Mapping[str, float] | None, level: float
) -> NDArray[np.bool_]:
    """(J,) whether the calibrated band of each pseudo-treated unit, by what the others teach, holds zero throughout."""
    held = np.empty(len(placebos), dtype=bool)
    for k, own in enumerate(placebos):
        lesson = learn([*placebos[:k], *placebos[k + 1 :]], prior)
        lower, upper = null_band(own, lesson, level, np.random.default_rng([_SEED, k]))
        held[k] = bool(((lower <= 0) & (upper >= 0)).all())
    return held


def null_band(own: PlaceboFit, lesson: Lesson, level: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """(H,) lower and upper bound of the calibrated band of a unit by what others teach, its pre-period sd units."""
    draws = calibrated_paths(own.path, own.weights(lesson.factors), lesson.inflation, lesson.scatter, rng, _CHECKED)
    lower, upper, _, _ = _band(draws, level)
    return lower, upper
