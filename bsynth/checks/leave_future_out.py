"""Leave-future-out: refit on shorter pre-periods and score the period that comes next."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.request import check_flags, check_level
from bsynth._base.types import BoolArray, FloatArray, Status
from bsynth.bayesian.fit import fit
from bsynth.bayesian.forecast import Forecast, check_last, forecast_of, score_forecast
from bsynth.engines.sampling import Sampling, resolve
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.design import make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.pieces import run_pieces
from bsynth.text.marks import marked
from bsynth.text.numbers import count, number
from bsynth.text.result import Pictured


@dataclass(frozen=True, eq=False, repr=False)
class LeaveFutureOut(Pictured):
    """One-step-ahead forecasts of the last pre-periods by exact refits.

    Attributes
    ----------
    model : str
    table : DataFrame
        One row per period: ``time``, ``observed``, ``predicted`` (mean), ``sd``, ``log_density`` (outcome
        units) and ``pit``, the predictive probability below the observed value; ``status`` of the refit.
    panel : Panel
        Whose periods they are.
    forecasts : tuple of Forecast
        The predictive distribution of each of them.
    """

    model: str
    table: pd.DataFrame
    panel: Panel
    forecasts: tuple[Forecast, ...]

    @property
    def elpd(self) -> float:
        """Sum of the log predictive densities."""
        return float(self.table["log_density"].sum())

    @property
    def se(self) -> float:
        """Standard error of ``elpd``, from its terms."""
        terms = self.table["log_density"]
        return float(np.sqrt(len(terms)) * terms.std(ddof=1))

    def is_outside(self, level: float = 0.9) -> BoolArray:
        """(m,) whether each period lies outside its equal-tailed predictive interval of probability ``level``."""
        return np.asarray(np.abs(self.table["pit"] - 0.5) > check_level(level) / 2)

    def intervals(self, level: float = 0.9) -> FloatArray:
        """(m, 2) bounds of the equal-tailed predictive intervals by which `is_outside` judges, outcome units."""
        tail = (1 - check_level(level)) / 2
        return np.array([[each.quantile(tail), each.quantile(1 - tail)] for each in self.forecasts])

    def outside(self, level: float = 0.9) -> int:
        """How many periods are outside it."""
        return int(self.is_outside(level).sum())

    @property
    def status(self) -> Status:
        """``"unreliable"`` when any refit did not pass its convergence gate."""
        return "ok" if (self.table["status"] == "ok").all() else "unreliable"

    @property
    def reason(self) -> str:
        """How many refits failed their gate."""
        failed = int((self.table["status"] != "ok").sum())
        return f"{failed} of {count(len(self.table), 'refit')} did not pass the convergence gate" if failed else ""

    @property
    def title(self) -> str:
        """What it is, and of which model."""
        return f"Leave-future-out of {self.model!r}"

    def sentences(self) -> tuple[str, ...]:
        """How well the periods were forecast, and how often the 90% interval missed."""
        periods, outside = len(self.table), self.outside()
        far = f"{outside} of them {'falls' if outside == 1 else 'fall'}" if outside else "none of them falls"
        return (
            *([f"{marked(self.reason)}."] if self.reason else []),
            f"{count(periods, 'pre-period')}, forecast by {self.model!r} from those before: an elpd of "
            f"{number(self.elpd)} (s.e. {number(self.se, 2)}); {far} outside the 90% predictive interval.",
            "A larger elpd on the same periods is a better forecast; a difference of few standard errors is none.",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result model, ``elpd`` and its standard error."""
        return super().to_dict() | {"model": self.model, "elpd": self.elpd, "se": self.se}

    def _gist(self) -> str:
        return f"{count(len(self.table), 'period')}, elpd {number(self.elpd)} ± {number(self.se, 2)}"


def leave_future_out(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    last: int = 5,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> LeaveFutureOut:
    """Forecast each of the last pre-periods from the periods before it, with a full refit each.

    Parameters
    ----------
    panel : Panel
    model : str, path or ModelSpec
    scale : {"treated", "each", "log", "logit", "auto"}, optional
        As `bsynth.fit`. Densities are of the outcome, so that scales compare.
    last : int
        How many pre-periods, at least 3; each costs a fit.
    draws : int, optional
        Posterior draws per chain; 1000 by default.
    seed : int, optional
    sampling : Sampling, optional
        Every setting of every fit in one value; ``draws`` and ``seed`` stand above it.
    progress : bool

    Returns
    -------
    LeaveFutureOut

    Raises
    ------
    PanelError
        Too few pre-periods for ``last`` forecasts.

    Notes
    -----
    Bürkner, Gabry and Vehtari (2020), exact version with one step ahead. The density of a period is the mean
    over draws of its density given the counterfactual mean of that draw, drift and latent cells included.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> found = leave_future_out(panel, "level", last=3, draws=300, progress=False)
    >>> len(found.table), found.outside(0.999)
    (3, 0)
    """
    require_panel(panel)
    check_flags(progress=progress)
    chosen = resolve(sampling, draws, seed)
    last = check_last(panel, last, "leave-future-out", "skip it")
    spec = choose_model(panel, model, scale).spec
    seen = make_design(panel, spec).treated_seen

    def forecast(t: int) -> dict[str, Any]:
        shorter = panel.backdated_to(t)
        own = replace(chosen, seed=chosen.seed + t)
        found = fit(shorter, spec, sampling=own, progress=False)
        made = forecast_of(found, shorter, t)
        scores = score_forecast(made, float(panel.treated_series[t]))
        return {"time": panel.times[t]} | scores | {"status": found.status, "forecast": made}

    # Where nothing was observed there is nothing to score.
    held = {str(t): t for t in range(panel.n_pre - last, panel.n_pre) if seen[t]}
    rows = run_pieces(held, forecast, title=f"leave-future-out of {spec.name}", n_jobs=1, progress=progress)
    forecasts = tuple(row.pop("forecast") for row in rows)
    return LeaveFutureOut(spec.name, pd.DataFrame(rows), panel, forecasts)
