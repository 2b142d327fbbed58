"""Conformal inference: are the residuals after the start unusual among those of all periods?

Chernozhukov, Wüthrich and Zhu 2021. Under a null path of effects the untreated outcome is known in every
period, so the counterfactual is fitted on all of them and its residuals are permuted in time.
"""

import time
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.request import MOST, check_flags, check_level, check_seed, check_whole
from bsynth._base.types import FloatArray, IntArray
from bsynth.effects import lift_notes
from bsynth.errors import SpecError, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method, find
from bsynth.frequentist.inference._nulls import NullTest, share
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import constant_rows, find_for_series
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.text.numbers import bracket, count, numbers, p_value, percent

NAME = "conformal"
TITLE = "Conformal test"
CONDITIONS = (
    "Its interval and p condition on the donors and presume residuals that are stationary over time, and a constant "
    "effect."
)
STANDARD = True

type Permutations = Literal["moving-block", "iid"]
type Proxy = Literal["all", "pre"]
PERMUTATIONS: tuple[str, ...] = get_args(Permutations.__value__)
PROXIES: tuple[str, ...] = get_args(Proxy.__value__)
NEEDS_POST = ("sdid",)
"""Estimators that read periods outside the fit, so no proxy can be fitted on all of them."""


@dataclass(frozen=True, eq=False, repr=False)
class Conformal(Inference):
    """The conformal test of no effect, and the effects that it does not reject.

    Attributes
    ----------
    estimate : Estimate
        Weights fitted before the start alone.
    permutations : {"moving-block", "iid"}
    proxy : {"all", "pre"}
        Whether the counterfactual was fitted on all periods under each null, or before the start once.
    q : float
        Norm of the joint statistic, (Σ|u|^q)^(1/q) over the treated periods.
    gaps : DataArray (time,)
        Residuals under no effect, outcome units.
    statistics : DataArray (replicate,)
        Joint statistic of each permutation; replicate 0 is the data as they are.
    p_joint : float
        Of the joint statistic: no effect in any period. The data count as one permutation, so it is never 0.
    table : DataFrame
        One row per treated period: ``time, gap, p``; p tests that this period has no effect.
    seconds : float
    """

    kind, conditions = TITLE, CONDITIONS

    estimate: Estimate
    permutations: str
    proxy: str
    q: float
    gaps: xr.DataArray
    statistics: xr.DataArray
    p_joint: float
    table: pd.DataFrame
    seconds: float
    _test: NullTest = field(repr=False)

    @property
    def procedure(self) -> str:
        """The estimator and the procedure with its settings, as the measurement of its coverage names them."""
        return f"{self.estimate.estimator}: conformal {self.permutations}, fitted on {self.proxy}, average"

    @cached_property
    def p(self) -> float:
        """Of no average effect: the one whose interval is that of `effects`, the largest 1 − level that holds zero."""
        return self._test.interval_p(None)

    @property
    def p_min(self) -> float:
        """1/permutations: the data are one of them."""
        return 1 / self.statistics.size

    def path(self, level: float = 0.95) -> pd.DataFrame:
        """One row per treated period with the effects that its own test does not reject.

        Columns ``time, observed, counterfactual, lower, upper, gap, gap_lower, gap_upper, level, p``, outcome
        units; infinite where 1/(n_pre + 1), the smallest p there is, is above 1 − level. A set of effects may have
        holes, and the interval closes them: its p is the largest 1 − level at which it holds zero, so never under
        that of ``table``.
        """
        level = check_level(level)
        post, tests = slice(self.estimate.panel.n_pre, None), range(len(self.table))
        bounds = np.array([self._test.interval(t, level) for t in tests])
        observed = self.estimate.panel.treated_series[post]
        return pd.DataFrame(
            {
                "time": self.table["time"],
                "observed": observed,
                "counterfactual": self.estimate.counterfactual[post],
                "lower": observed - bounds[:, 1],
                "upper": observed - bounds[:, 0],
                "gap": self.table["gap"],
                "gap_lower": bounds[:, 0],
                "gap_upper": bounds[:, 1],
                "level": level,
                "p": [self._test.interval_p(t) for t in tests],
            }
        )

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand: the constant effects not rejected on the mean residual, and p of none.

        NaN bounds mean that every constant effect is rejected. Where the effects that are not rejected have holes,
        the interval closes them, and p is the largest 1 − level at which it holds zero.
        """
        level = check_level(level)
        low, high = self._test.interval(None, level)
        return constant_rows(self.estimate, low, high, level=level, interval=NAME, p=self.p, seconds=self.seconds)

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences about resolution that belong beside the numbers."""
        notes, n_pre = [], self.estimate.panel.n_pre
        if 1 - level < 1 / (n_pre + 1):
            notes.append(
                f"With {count(n_pre, 'pre-period')} the p of one period cannot fall below 1/{n_pre + 1}, so at "
                f"{percent(level)} the intervals by period are unbounded."
            )
        row = self.effects(level).iloc[0]
        if np.isnan(row["lower"]):
            notes.append(f"No constant effect is compatible with the data at {percent(level)}: it must vary over time.")
        elif not row["lower"] <= row["estimate"] <= row["upper"]:
            notes.append(
                f"The {percent(level)} interval of the average leaves out its own estimate: fitted on all periods, the "
                "weights absorb the effect and the residuals are not stationary; see proxy='pre' or another method."
            )
        elif np.isinf([row["lower"], row["upper"]]).any():
            notes.append(
                f"With {len(self.statistics)} permutations and {count(self.estimate.panel.n_post, 'treated period')} "
                f"the {percent(level)} interval of the average is unbounded."
            )
        return (*notes, *lift_notes(self.effects(level)))

    def _sentence(self, level: float) -> str:
        fitted = "on all periods under each null" if self.proxy == "all" else "once, before the start"
        scheme = "cyclic shifts" if self.permutations == "moving-block" else "random permutations"
        presumes = (
            "stationary and weakly dependent over time"
            if self.permutations == "moving-block"
            else "exchangeable in time"
        )
        row = self.effects(level).iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        interval = "empty" if np.isnan(row["lower"]) else bracket(bounds)
        return (
            f"Conformal test: the average effect is {estimate}, {percent(level)} conformal interval {interval}, and "
            f"among {len(self.statistics)} {scheme} of the residuals {p_value(self.p)} for no average effect; the "
            f"counterfactual is fitted {fitted}, and it presumes that its residuals are {presumes}, and conditions on "
            "the donors; the interval presumes a constant effect."
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "permutations": self.permutations,
            "proxy": self.proxy,
            "q": self.q,
            "p": self.p,
            "p_joint": self.p_joint,
        }

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (*super()._card_tables(), self.table)


def conformal(
    panel: Panel,
    estimator: Method = "sc",
    *,
    permutations: Permutations = "moving-block",
    proxy: Proxy = "all",
    q: float = 1.0,
    replicates: int = 2000,
    seed: int = 0,
    progress: bool = True,
) -> Conformal:
    """Answer whether the treated periods' residuals stand out in time, and which effects would not.

    ``moving-block`` uses all T cyclic shifts, so p is a multiple of 1/T; ``iid`` draws ``replicates``
    permutations. A single period's test is the same under both: its rank among n_pre + 1 residuals. With
    ``proxy="pre"`` the weights stay those fitted before the start, and a period's interval is the
    split-conformal one: gap ± the ⌈level·(n_pre + 1)⌉-th smallest pre-period gap in size; it is too short
    where the pre-period is overfitted. Sets are reported from their smallest to their largest member.

    Parameters
    ----------
    panel : Panel
        Treated series (T,) and donors (T, J), outcome units.
    estimator : {"sc", "demeaned", "did", "ascm"}
    permutations : {"moving-block", "iid"}
    proxy : {"all", "pre"}
        Fit the counterfactual on all periods under each null (the paper), or before the start once.
    q : float
        Norm of the joint statistic, at least 1; ``math.inf`` takes the largest residual.
    replicates, seed : int
        Number (at least 19) and seed of the random permutations; ``moving-block`` needs neither.
    progress : bool
        Every verb takes it; this one takes seconds.

    Raises
    ------
    SpecError
        A setting outside its values, or an estimator that cannot be fitted on all periods.

    References
    ----------
    Chernozhukov, Wüthrich and Zhu 2021, sections 2 and 3.

    Examples
    --------
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> conformal(panel).p
    0.2
    """
    require_panel(panel)
    check_flags(progress=progress)
    seed = check_seed(seed)
    chosen = find_for_series(estimator, panel)
    _check(chosen.NAME, permutations, proxy, q, replicates)
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    order = _orders(panel, permutations, replicates, seed)
    test = NullTest(estimator, estimate, proxy, order)
    residuals = test.residuals(panel.treated_series[None, :])[0]
    statistics = _norm(residuals[order], q)
    times = panel.times[panel.n_pre :]
    by_period = [test.period_p(t, np.zeros(1))[0] for t in range(panel.n_post)]
    return Conformal(
        estimate=estimate,
        permutations=permutations,
        proxy=proxy,
        q=q,
        gaps=xr.DataArray(residuals, dims="time", coords={"time": panel.times}),
        statistics=xr.DataArray(statistics, dims="replicate", coords={"replicate": range(len(order))}),
        p_joint=float(share(statistics[None, :])[0]),
        table=pd.DataFrame({"time": times, "gap": estimate.gap[panel.n_pre :], "p": by_period}),
        seconds=time.perf_counter() - began,
        _test=test,
    )


def check(panel: Panel) -> None:
    """Every panel can have it."""


def run(panel: Panel, settings: Settings) -> Conformal:
    """Carry it out as a plan asks for it."""
    # These read periods outside the fit, so their weights stay those fitted before the start.
    proxy: Proxy = "pre" if find(settings.estimator).NAME in NEEDS_POST else "all"
    return conformal(panel, settings.estimator, proxy=proxy, seed=settings.seed, progress=settings.progress)


def _check(estimator: str, permutations: str, proxy: str, q: float, replicates: int) -> None:
    if permutations not in PERMUTATIONS:
        hint = nearest(permutations, PERMUTATIONS)
        raise SpecError(f"permutations is {permutations!r}{hint}; it can be {some_of(PERMUTATIONS)}")
    if proxy not in PROXIES:
        raise SpecError(f"proxy is {proxy!r}{nearest(proxy, PROXIES)}; it can be {some_of(PROXIES)}")
    if proxy == "all" and estimator in NEEDS_POST:
        raise SpecError(
            f"estimator {estimator!r} cannot be fitted on all periods; give proxy='pre', or another such as 'sc'"
        )
    if not isinstance(q, Real) or not q >= 1:
        raise SpecError(f"q is {q!r}; give a norm of at least 1, such as 1, 2 or math.inf")
    check_whole(replicates, "replicates", 19, "better 1000 or more", MOST)


def _orders(panel: Panel, permutations: str, replicates: int, seed: int) -> IntArray:
    """(R, n_post) periods of each permutation that come to stand where the treated ones are."""
    periods, post = np.arange(len(panel.times)), np.arange(panel.n_pre, len(panel.times))
    if permutations == "moving-block":
        return np.asarray((post + periods[:, None]) % len(periods))
    rng = np.random.default_rng(seed)
    drawn = rng.permuted(np.tile(periods, (replicates, 1)), axis=1)[:, : panel.n_post]
    return np.concatenate([post[None, :], drawn])


def _norm(u: FloatArray, q: float) -> FloatArray:
    """(R,) q-norm of the rows of ``u`` (R, n_post)."""
    return np.asarray(np.linalg.norm(u, ord=q, axis=1))
