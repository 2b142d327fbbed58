"""The specification curve: one question, every defensible way to set the switches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import records, show
from bsynth._base.request import check_flags, check_level, hinted
from bsynth._base.types import FloatArray, Label, Status
from bsynth.effects import EFFECT_COLUMNS, positive_share
from bsynth.engines.sampling import Sampling
from bsynth.errors import SpecError, nearest, some_of
from bsynth.findings.specifications.grid import ALPHAS, SWITCHES, CurvePlan, plan_curve
from bsynth.findings.specifications.pools import forecast_from
from bsynth.findings.specifications.runs import SpecificationRun, run_specifications
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.pieces import check_store
from bsynth.text.marks import marked
from bsynth.text.numbers import count, exact, number, numbers, percent
from bsynth.text.result import Pictured

LEVEL = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class SpecificationCurve(Pictured):
    """The average effect under every specification of a plan.

    Attributes
    ----------
    plan : CurvePlan
    runs : tuple of SpecificationRun
        One per specification, in the plan's order.
    level : float
        Of the intervals of ``table`` and picture.
    """

    plan: CurvePlan
    runs: tuple[SpecificationRun, ...]
    level: float = LEVEL

    @property
    def seconds(self) -> float:
        """Time of all specifications together, also of those that were read from a store or ran side by side."""
        return sum(run.seconds for run in self.runs)

    def effects(self, level: float = LEVEL) -> pd.DataFrame:
        """The average effect by each specification, in the plan's order: the columns of every effects table, and more.

        ``estimate`` is the posterior mean, the interval the equal-tailed predictive one. Besides: the switches
        (``scale, level_shift, drift, alpha, pool, start, since``); ``elpd`` of the held-out pre-periods and its
        difference ``elpd_diff`` from the best; ``unreliable_forecasts``, ``pre_rmspe``, ``effective_donors``,
        ``status``, and whether the row is the ``reference``.
        """
        level = check_level(level)
        tails = [(1 - level) / 2, (1 + level) / 2]
        bounds = np.array([np.quantile(run.average, tails) for run in self.runs])
        elpd = np.array([run.elpd for run in self.runs])
        table = pd.DataFrame(
            {column(s): [self.plan.label(run.specification, s) for run in self.runs] for s in SWITCHES}
            | {"estimate": self.estimates, "lower": bounds[:, 0], "upper": bounds[:, 1]}
        )
        table = table.assign(
            method="bayes",
            model=self.plan.base.name,
            estimand="average",
            level=level,
            interval="predictive",
            p=np.nan,
            probability_positive=[positive_share(run.average) for run in self.runs],
            elpd=elpd,
            elpd_diff=elpd - elpd.max(),
            **{name: [getattr(run, name) for run in self.runs] for name in _KEPT},
            reference=[run.specification == self.plan.reference for run in self.runs],
        )
        return table[[*EFFECT_COLUMNS, *(c for c in table if c not in EFFECT_COLUMNS)]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """`effects` at the curve's level."""
        return self.effects(self.level)

    @cached_property
    def estimates(self) -> FloatArray:
        """(K,) posterior mean of the average effect of each specification."""
        return np.array([run.average.mean() for run in self.runs])

    @cached_property
    def reliable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(K,) whether each fit passed its convergence gate."""
        return np.array([run.status == "ok" for run in self.runs])

    @property
    def status(self) -> Status:
        """``"unreliable"`` when any fit behind an effect did not pass its convergence gate."""
        return "ok" if self.reliable.all() else "unreliable"

    @property
    def reason(self) -> str:
        """How many fits failed their gate."""
        failed = int((~self.reliable).sum())
        return f"{failed} of {count(len(self.runs), 'fit')} did not pass the convergence gate" if failed else ""

    @property
    def median(self) -> float:
        """Median of the estimates over all specifications."""
        return float(np.median(self.estimates))

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest estimate over all specifications."""
        return float(self.estimates.min()), float(self.estimates.max())

    def pairs(self, switch: str) -> pd.DataFrame:
        """Specifications that differ in one switch alone: from the reference's value to each other one.

        One row per pair: the other switches, ``from``, ``to``, ``estimate_from``, ``estimate_to``, ``change`` and
        ``status`` (``"unreliable"`` when either fit is).
        """
        names = [column(s) for s in SWITCHES]
        if switch not in names:
            raise SpecError(f"unknown switch {switch!r}{nearest(switch, names)}; it can be {some_of(names, 7)}")
        others = [name for name in names if name != switch]
        table: pd.DataFrame = self.table[[*names, "estimate", "status"]]
        own = self.plan.label(self.plan.reference, SWITCHES[names.index(switch)])
        before, after = table[table[switch] == own], table[table[switch] != own]
        found: pd.DataFrame = before.merge(after, on=others, suffixes=("_from", "_to"))
        return found[others].assign(
            **{"from": found[f"{switch}_from"], "to": found[f"{switch}_to"]},
            estimate_from=found["estimate_from"],
            estimate_to=found["estimate_to"],
            change=found["estimate_to"] - found["estimate_from"],
            status=np.where((found[["status_from", "status_to"]] == "ok").all(axis=1), "ok", "unreliable"),
        )

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """How far the effect moves when one switch alone changes, the largest mean size first.

        One row per switch and value: ``switch``, ``from`` (the reference's value), ``to``, ``pairs``,
        ``mean_change``, ``mean_size`` (of \\|change\\|), ``least`` and ``most`` (signed), and the two estimates with
        every other switch as in the reference, ``reference_from`` and ``reference_to``.
        """
        rows = []
        here = {column(s): self.plan.label(self.plan.reference, s) for s in SWITCHES}
        for switch in here:
            for to, group in self.pairs(switch).groupby("to", sort=False):
                same = np.logical_and.reduce([group[name] == value for name, value in here.items() if name != switch])
                at = group[same].iloc[0]
                change = group["change"]
                rows.append(
                    (switch, here[switch], to, len(group), change.mean(), change.abs().mean(), change.min(),
                     change.max(), at["estimate_from"], at["estimate_to"])
                )  # fmt: skip
        return pd.DataFrame(rows, columns=_CONTRAST).sort_values("mean_size", ascending=False, ignore_index=True)

    @property
    def title(self) -> str:
        """What it is, and of which unit's effect."""
        return f"Specification curve: {self.plan.panel.treated_name}"

    def sentences(self) -> tuple[str, ...]:
        """What is unreliable, median and range of the effect, what moves it most, how the specifications forecast."""
        table, (low, high) = self.table, self.range
        total, negative = len(table), int((table["estimate"] < 0).sum())
        clear = int(((table["lower"] > 0) | (table["upper"] < 0)).sum())
        own = float(table.loc[table["reference"], "estimate"].iloc[0])
        words = [
            f"Over {count(total, 'specification')} the average effect has median {number(self.median)} and ranges from "
            f"{number(low)} to {number(high)} (posterior means; the reference {number(own)}); {negative} are "
            f"negative and {total - negative} positive, and {clear} of the {percent(self.level)} predictive intervals "
            "exclude zero.",
            *self._movers(),
            self._forecasts(),
        ]
        failed = total - int(self.reliable.sum())
        if failed:
            words.insert(0, self._without())
        refits = int(table["unreliable_forecasts"].sum())
        if refits:
            words.append(
                f"{refits} of {count(total * len(self.plan.held), 'refit')} behind the forecasts did not pass the "
                "convergence gate; their scores are used as they are."
            )
        return tuple(words)

    def _movers(self) -> list[str]:
        if self.contrasts.empty:
            return []
        top = self.contrasts.iloc[0]
        pairs = f" over {count(top['pairs'], 'pair')} ({number(top['least'])} to {number(top['most'])})"
        words = (
            f"What matters most is {_NAMES[top['switch']]}: from {_value(top['from'])} to {_value(top['to'])} the "
            f"effect moves by {number(top['mean_change'])} on average{pairs if top['pairs'] > 1 else ''}; with every "
            f"other switch as in the reference from {number(top['reference_from'])} to {number(top['reference_to'])}."
        )
        rest = self.contrasts[self.contrasts["switch"] != top["switch"]].drop_duplicates("switch").head(3)
        if rest.empty:
            return [words]
        then = "; ".join(
            f"{_NAMES[row['switch']]} ({_value(row['from'])} to {_value(row['to'])}) {number(row['mean_size'])}"
            for _, row in rest.iterrows()
        )
        return [words, f"The other switches move it less, by the mean size of the change: {then}."]

    def _forecasts(self) -> str:
        table, held = self.table, len(self.plan.held)
        behind = forecast_from(run.specification.window for run in self.runs)
        order = np.argsort(table["elpd"].to_numpy())
        worst, best = table.iloc[order[0]], table.iloc[order[-1]]
        return (
            f"The last {count(held, 'pre-period')}, each forecast from {behind}, are forecast best by "
            f"{self.describe(best)} (elpd {number(best['elpd'])}, effect {number(best['estimate'])}) and worst by "
            f"{self.describe(worst)} (elpd {number(worst['elpd'])}, effect {number(worst['estimate'])})."
        )

    def _without(self) -> str:
        kept = self.estimates[self.reliable]
        words = f"{marked(self.reason)}. They are shown, marked and counted below; "
        if not len(kept):
            return words + "no fit is left without them."
        low, high = number(kept.min()), number(kept.max())
        return words + f"without them the median is {number(float(np.median(kept)))}, from {low} to {high}."

    def describe(self, row: pd.Series) -> str:
        """Name a row of the table by the switches that vary over the plan."""
        varied = [s for s in SWITCHES if len(self.plan.values(s)) > 1]
        here = {s: self.plan.label(self.plan.reference, s) for s in SWITCHES}
        # Pool and window are named only where they are not those of the reference.
        parts = [
            f"{_WORDS.get(s, s)} {_value(row[column(s)])}"
            for s in varied
            if s not in ("pool", "start", "since") or row[column(s)] != here[s]
        ]
        return ", ".join(parts) or "the base model"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        low, high = self.range
        kept = self.estimates[self.reliable]
        return super().to_dict() | {
            "base": self.plan.base.name,
            "median": self.median,
            "lowest": low,
            "highest": high,
            "median_reliable": float(np.median(kept)) if len(kept) else None,
            "unreliable": int((~self.reliable).sum()),
            "held_out": [show(self.plan.panel.times[t]) for t in self.plan.held],
            "contrasts": records(self.contrasts),
            "seconds": self.seconds,
        }

    def _gist(self) -> str:
        middle, lowest, highest = numbers(self.median, *self.range)
        return (
            f"{count(len(self.runs), 'specification')} about {self.plan.base.name!r}, average effect median {middle}, "
            f"from {lowest} to {highest}"
        )

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.contrasts,)


_KEPT = ("status", "unreliable_forecasts", "pre_rmspe", "effective_donors", "seconds")
_CONTRAST = [
    "switch", "from", "to", "pairs", "mean_change", "mean_size", "least", "most", "reference_from", "reference_to",
]  # fmt: skip
_WORDS = {"start": "fitted before", "since": "fitted from"}
_NAMES = {
    "scale": "the scale",
    "level_shift": "the level shift",
    "drift": "the drift",
    "alpha": "the concentration of the weights",
    "pool": "the donor pool",
    "start": "the end of the fitted pre-period",
    "since": "the beginning of the pre-period",
}


def column(switch: str) -> str:
    """Return the name of a switch in tables, where ``level`` is the probability of an interval."""
    return "level_shift" if switch == "level" else switch


def _value(value: object) -> str:
    return exact(value) if isinstance(value, float) else str(value)


@hinted
def specification_curve(
    panel: Panel,
    *,
    base: str | Path | ModelSpec = DEFAULT,
    scale: str | None = None,
    scales: Sequence[str] | None = None,
    level_shifts: Sequence[str] | None = None,
    drifts: Sequence[str] | None = None,
    alphas: Sequence[float] = ALPHAS,
    pools: Sequence[str] | Mapping[str, Sequence[Label]] | None = None,
    starts: Sequence[Label] | None = None,
    since: Sequence[Label] | None = None,
    last: int = 5,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> SpecificationCurve:
    """Answer how the average effect depends on choices that could as well have been made otherwise.

    Every combination of scale, level, drift and concentration is fitted; donor pools and pre-period windows vary
    one at a time about the base model. Each specification also forecasts the same last pre-periods one step ahead,
    refitted without them.

    Parameters
    ----------
    panel : Panel
    base : str, path or ModelSpec
        The model whose switches are varied; its other priors stay as they are.
    scale : {"treated", "each", "log", "logit", "auto"}, optional
        Of the base model, in the place of its own; ``"auto"`` asks `bsynth.choose_scale`.
    scales : sequence of {"treated", "each", "log", "logit"}
        The first two by default; with known cell variance ``"treated"`` alone, and of a base on a log or logit scale
        that one.
    level_shifts : sequence of {"none", "shift"}
    drifts : sequence of {"none", "walk", "switched", "ar1", "ar1-or-walk", "local-trend"}
        By default ``"none"``, ``"walk"`` and the drift that may be absent of the base model, else ``"switched"``.
    alphas : sequence of float
        Concentrations of the Dirichlet weights.
    pools : sequence of str, or mapping of name to donors
        ``"top-5"`` (any number; by weight in the demeaned synthetic control), ``"pre-fit"`` (the half of the donors
        whose demeaned pre-period is nearest), ``"leave-one-out"`` (the five heaviest donors, one at a time). By
        default top-5, top-10, pre-fit and leave-one-out; ``[]`` for none. Rules look at the fitted pre-period alone.
    starts : sequence of labels
        Earlier starts: the pre-periods from there on are not fitted, the effect is still that of the real window.
        By default a tenth and a fifth of the pre-period.
    since : sequence of labels
        Later first pre-periods. By default without the first quarter and the first half.
    last : int
        Pre-periods forecast, at least 3; each costs a fit per specification.
    draws : int, optional
        Posterior draws per chain; 500 by default.
    seed : int, optional
    sampling : Sampling, optional
        Every setting of every fit in one value, and how many run side by side; ``draws`` and ``seed`` stand above it.
    store : path, optional
        File (JSON lines) to which each finished specification is appended. Called again with the same panel and
        settings, also with other lists, finished ones are read from it.
    progress : bool

    Returns
    -------
    SpecificationCurve
        ``.table``, ``.median``, ``.range``, ``.contrasts``, ``.sentences()``; `stack` mixes the posteriors.

    Raises
    ------
    SpecError, PanelError
        Before the first draw: a value outside its vocabulary, switches without a common likelihood, a window too
        short to forecast from.

    References
    ----------
    Simonsohn, Simmons and Nelson 2020 (specification curve); Bürkner, Gabry and Vehtari 2020 (leave-future-out,
    exact, one step ahead).

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> curve = specification_curve(panel, drifts=["none"], scales=["treated"], alphas=[1.0], pools=[], starts=[],
    ...     since=[], last=3, draws=300, progress=False)
    >>> curve.table[["level_shift", "status"]].values.tolist()
    [['none', 'ok'], ['shift', 'ok']]
    """
    require_panel(panel)
    check_flags(progress=progress)
    check_store(store)
    base = base if scale is None else choose_model(panel, base, scale).spec
    plan = plan_curve(
        panel, base=base, scales=scales, level_shifts=level_shifts, drifts=drifts, alphas=alphas, pools=pools,
        starts=starts, since=since, last=last, draws=draws, seed=seed, sampling=sampling,
    )  # fmt: skip
    return SpecificationCurve(plan, run_specifications(plan, store=store, progress=progress))
