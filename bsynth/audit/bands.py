"""A band for the whole path of effects: so wide that a given share of whole paths lies inside."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth import effects
from bsynth._json import records
from bsynth._types import IntervalKind, Status
from bsynth.audit.words import mark
from bsynth.errors import FitError, some_of
from bsynth.estimate import html_card
from bsynth.given import require_fit
from bsynth.ingest import show
from bsynth.result import Fit
from bsynth.verdict import number


@dataclass(frozen=True, eq=False)
class PathBand:
    """Simultaneous band of the gap over the treated periods.

    Attributes
    ----------
    fit : Fit
    table : DataFrame
        One row per treated period: ``time, gap, lower, upper`` (the simultaneous band), ``period_lower,
        period_upper`` (the interval of that period alone) and ``excludes_zero``, outcome units.
    level : float
        Share of whole paths asked for.
    inside : float
        Share of the saved paths inside: the least that is not below ``level``.
    factor : float
        Half-width of the band in posterior sd of each period.
    interval : {"predictive", "mean"}
    """

    fit: Fit
    table: pd.DataFrame
    level: float
    inside: float
    factor: float
    interval: IntervalKind

    @property
    def status(self) -> Status:
        """Status of the fit."""
        return self.fit.status

    def sentences(self) -> tuple[str, ...]:
        """What the band says, in words."""
        away = self.table.loc[self.table["excludes_zero"], "time"]
        words = [
            f"{self.level:.0%} of whole {self.interval} paths lie inside the simultaneous band, which is "
            f"{number(self.factor)} posterior sd to either side in each of {len(self.table)} periods; the interval of "
            "one period alone is for a question about that period only."
        ]
        if len(away) == 0:
            words.append(
                "It holds zero in every period: no single period can be said to have an effect, "
                "which says nothing against their average."
            )
        elif len(away) == len(self.table):
            words.append("It excludes zero in every period.")
        else:
            words.append(
                f"It excludes zero in {len(away)} of them ({some_of([show(t) for t in away], limit=4)}), jointly."
            )
        return (*mark(self.status), *words)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return {
            "model": self.fit.spec.name,
            "status": self.status,
            "level": self.level,
            "inside": self.inside,
            "factor": self.factor,
            "interval": self.interval,
            "table": records(self.table),
            "sentences": list(self.sentences()),
        }

    def __repr__(self) -> str:
        flag = "" if self.status == "ok" else " UNRELIABLE"
        return (
            f"<PathBand{flag}: {self.level:.0%} of whole {self.interval} paths, ±{number(self.factor)} sd, excludes "
            f"zero in {int(self.table['excludes_zero'].sum())} of {len(self.table)} periods>"
        )

    def _repr_html_(self) -> str:
        title = f"{self.level:.0%} simultaneous band: {self.fit.tree.attrs['treated']}"
        return html_card(title, self.sentences(), self.table)


def path_band(fit: Fit, *, level: float = 0.95, interval: IntervalKind = "predictive") -> PathBand:
    """Answer between which bounds the whole path of effects lies, not just each period by itself.

    Posterior sup-t: the mean gap ± a multiple of each period's posterior sd, the multiple being the ``level``
    quantile over draws of the largest standardised deviation of a path.

    Parameters
    ----------
    fit : Fit
    level : float
        Share of whole paths inside, 0 < level < 1.
    interval : {"predictive", "mean"}

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
    >>> from bsynth.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> band = path_band(fit, level=0.9)
    >>> bool((band.table["upper"] > band.table["period_upper"]).all()), band.inside
    (True, 0.9)
    """
    require_fit(fit)
    effects.check_level(level)
    path = fit.path(level, interval=interval).iloc[fit.n_pre :]
    gaps = (fit.observed - fit.counterfactual(interval)).isel(time=slice(fit.n_pre, None))
    draws = gaps.stack(sample=("chain", "draw")).transpose("sample", "time").to_numpy()
    if bad := int((~np.isfinite(draws)).any(axis=1).sum()):
        raise FitError(f"{bad} of {len(draws)} drawn paths are not finite, and none is dropped; fit again")
    centre, sd = draws.mean(axis=0), draws.std(axis=0)
    # A period without spread cannot leave the band.
    away = np.abs(draws - centre) / np.where(sd > 0, sd, np.inf)
    largest = np.sort(away.max(axis=1))
    # Rounded, since .95 · 4000 is a hair above 3800 in floating point.
    factor = float(largest[math.ceil(round(level * len(largest), 9)) - 1])
    lower, upper = centre - factor * sd, centre + factor * sd
    table = pd.DataFrame(
        {
            "time": path["time"].to_numpy(),
            "gap": centre,
            "lower": lower,
            "upper": upper,
            "period_lower": path["gap_lower"].to_numpy(),
            "period_upper": path["gap_upper"].to_numpy(),
            "excludes_zero": (lower > 0) | (upper < 0),
        }
    )
    return PathBand(fit, table, level, float((largest <= factor).mean()), factor, interval)
