"""What a media mix model takes from an experiment: a lift test for PyMC-Marketing, a prior of the ROI for Meridian."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import plain
from bsynth._base.request import check_number, hinted
from bsynth._base.types import FloatArray, Status
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.calibration.answer import Reporting, posterior_of
from bsynth.errors import PanelError, SpecError
from bsynth.text.marks import mark
from bsynth.text.numbers import bracket, exact, number, numbers, percent
from bsynth.text.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class MMMPrior(Result):
    """An experiment as a media mix model takes it.

    Attributes
    ----------
    channel : str
    treated, outcome, interval : str
        Whose effect it is, on what, and which distribution the draws are of (calibrated or predictive).
    spend, value_per_unit : float
        Money spent beyond what would have been spent, over all treated units and periods, and what a unit of outcome is
        worth.
    periods : int
    before : float
        Spend of one period without the experiment.
    draws : (S,) incremental outcome, over all treated units and periods.
    failed : str
        Whose convergence gate failed; empty when none did.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, effect=3.0, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> prior = bs.mmm_prior(bs.fit(panel, "level", draws=300, progress=False), channel="tv", spend=50.0)
    >>> prior.table.columns.tolist()
    ['channel', 'x', 'delta_x', 'delta_y', 'sigma']
    """

    channel: str
    treated: str
    outcome: str
    interval: str
    spend: float
    value_per_unit: float
    periods: int
    before: float
    draws: FloatArray
    failed: str = ""

    @property
    def reason(self) -> str:
        """Whose convergence gate failed."""
        return self.failed

    @property
    def status(self) -> Status:
        """That of the fit."""
        return "ok" if not self.failed else "unreliable"

    @property
    def title(self) -> str:
        """What it is, and of which channel."""
        return f"Lift test of {self.channel}: {self.treated}"

    @property
    def table(self) -> pd.DataFrame:
        """``df_lift_test`` of PyMC-Marketing, one row: a period's spend, what was added, what it brought, its sd."""
        return pd.DataFrame(
            {
                "channel": [self.channel],
                "x": [self.before],
                "delta_x": [self.spend / self.periods],
                "delta_y": [float(self.draws.mean()) / self.periods],
                "sigma": [float(self.draws.std(ddof=1)) / self.periods],
            }
        )

    @property
    def per_money(self) -> FloatArray:
        """(S,) draws of the incremental outcome for one more unit of money."""
        return np.asarray(self.draws / self.spend)

    @property
    def roi(self) -> FloatArray:
        """(S,) draws of what a unit of money brought, in money."""
        return np.asarray(self.per_money * self.value_per_unit)

    def log_normal(self) -> tuple[float, float]:
        """μ and σ of the log-normal law with mean and sd of `roi`: the prior ``roi_m`` of Meridian.

        Raises
        ------
        SpecError
            When the mean is not positive: no log-normal law has it.
        """
        mean, sd = float(self.roi.mean()), float(self.roi.std(ddof=1))
        if mean <= 0:
            raise SpecError(
                f"the mean ROI is {number(mean)} and a log-normal prior needs a positive one; use a normal one with "
                f"that mean and an sd of {number(sd)}"
            )
        variance = math.log1p((sd / mean) ** 2)
        return math.log(mean) - variance / 2, math.sqrt(variance)

    def sentences(self, level: float = 0.95) -> tuple[str, ...]:
        """What the money brought, the row for PyMC-Marketing, the prior for Meridian, and what they presume."""
        tail = (1 - level) / 2
        middle, *ends = numbers(float(self.per_money.mean()), *np.quantile(self.per_money, [tail, 1 - tail]).tolist())
        row = self.table.iloc[0]
        said = [
            f"One more unit of money in {self.channel} brought {middle} of {self.outcome} in {self.treated}, "
            f"{percent(level)} {self.interval} interval {bracket(ends)}.",
            f"PyMC-Marketing, a period: x = {exact(row['x'])}, delta_x = {exact(row['delta_x'])}, delta_y = "
            f"{exact(row['delta_y'])}, sigma = {exact(row['sigma'])}.",
        ]
        mean, sd = float(self.roi.mean()), float(self.roi.std(ddof=1))
        if mean > 0:
            mu, sigma = self.log_normal()
            said.append(
                f"Meridian: roi_m ~ LogNormal({exact(mu)}, {exact(sigma)}), with the mean {number(mean)} and sd "
                f"{number(sd)} of the draws."
            )
        else:
            said.append(f"Meridian: none, since the mean ROI is {number(mean)} and a log-normal law is positive.")
        return (*mark(self.reason), *said, *self.notes())

    def notes(self) -> tuple[str, ...]:
        """What to know before a model takes it."""
        negative = float((self.draws <= 0).mean())
        said = [
            "Both are of the window, the units and the size of the spend that were tried; what comes after the window "
            "is not in them."
        ]
        if self.draws.mean() <= 0:
            said.append("PyMC-Marketing refuses a lift test whose delta_y has another sign than its delta_x.")
        elif negative > 0.01:
            said.append(f"{percent(negative, 0)} of the draws are not positive; a log-normal law has none of those.")
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: the row, the prior (None where there is none) and quantiles of the draws per money."""
        at = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
        return super().to_dict() | {
            "roi_m": list(self.log_normal()) if self.roi.mean() > 0 else None,
            "roi": {"mean": plain(self.roi.mean()), "sd": plain(self.roi.std(ddof=1))},
            "per_money": dict(zip(map(exact, at), np.quantile(self.per_money, at).tolist(), strict=True)),
            "interval": self.interval,
            "spend": self.spend,
            "value_per_unit": self.value_per_unit,
        }


@hinted
def mmm_prior(
    result: Fit | Calibration | Reporting,
    *,
    channel: str,
    spend: float,
    before: float = 0.0,
    value_per_unit: float = 1.0,
) -> MMMPrior:
    """Hand an experiment on to a media mix model: ``df_lift_test`` of PyMC-Marketing, and ``roi_m`` of Meridian.

    Parameters
    ----------
    result : Fit, Calibration or Analysis
        Of an analysis what it reports. Its outcome must add up over units and periods, as sales do.
    channel : str
        Its name in the media mix model.
    spend : float
        Money spent beyond what would have been spent, over all treated units and the whole window; negative where less
        was spent.
    before : float
        Money that a period would have had without the experiment, over all treated units.
    value_per_unit : float
        What a unit of outcome is worth, in the same money.

    Returns
    -------
    MMMPrior

    Raises
    ------
    SpecError
        A spend of zero, or another setting that is no number.
    PanelError
        A result without a posterior, or of a panel of means or ratios of rows: a sum of these is no outcome.
    """
    found = posterior_of(result)
    if not isinstance(channel, str) or not channel:
        raise SpecError(f"channel is {channel!r}; give its name in the media mix model")
    money = check_number(spend, "spend", "the money spent beyond what would have been")
    if money == 0:
        raise SpecError("spend is 0; give the money spent beyond what would have been, over the whole window")
    worth, usual = check_number(value_per_unit, "value_per_unit"), check_number(before, "before")
    fit = found.fit if isinstance(found, Calibration) else found
    cells = None if fit.panel is None else fit.panel.cells
    if cells is not None and cells.of_rows:
        raise PanelError(
            f"a cell of the panel is {cells.of_rows}, and these do not add up to what the money brought; build the "
            "panel with agg='sum' and fit that one"
        )
    every: Any = found.effect_draws() if isinstance(found, Calibration) else found.effect_draws("predictive")
    average = np.asarray(every["average"], dtype=float).ravel()
    periods, units = len(fit.observed) - fit.n_pre, len(fit.provenance.panel["treated"])
    # The money and what it brought are of all units together, whose mean the fit is of.
    treated = str(fit.tree.attrs["treated"])
    whole = treated if units == 1 else f"{treated.removeprefix('mean of ')} together"
    return MMMPrior(
        channel=channel,
        treated=whole,
        outcome=str(fit.tree.attrs["outcome"]),
        interval="calibrated" if isinstance(found, Calibration) else "predictive",
        spend=money,
        value_per_unit=worth,
        periods=periods,
        before=usual,
        draws=average * periods * units,
        failed=found.reason,
    )
