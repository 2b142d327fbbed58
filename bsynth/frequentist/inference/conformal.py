"""Conformal inference: are the residuals after the start unusual among those of all periods?

Chernozhukov, Wüthrich and Zhu 2021. Under a null path of effects the untreated outcome is known in every
period, so the counterfactual is fitted on all of them and its residuals are permuted in time.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bsynth._base.request import check_seed
from bsynth._base.types import FloatArray, IntArray
from bsynth.effects import TIES, check_level, estimand_bounds, gap_of, lift_notes
from bsynth.errors import SpecError, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Estimator, Method
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import find_for_series, interval_rows
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.text.card import html_card
from bsynth.text.numbers import p_value, percent

type Permutations = Literal["moving-block", "iid"]
type Proxy = Literal["all", "pre"]
type BoolArray = NDArray[np.bool_]
type Accepts = Callable[[FloatArray], BoolArray]
PERMUTATIONS: tuple[str, ...] = get_args(Permutations.__value__)
PROXIES: tuple[str, ...] = get_args(Proxy.__value__)
NEEDS_POST = ("sdid",)
"""Estimators that read periods outside the fit, so no proxy can be fitted on all of them."""

NEAREST, FARTHEST, STEP = -6.0, 14.0, 0.5
"""Distances from the point estimate at which a null effect is first tried, as powers of two: from pre-period RMSPE
to the size of the series and of the effect, where that is larger."""

BISECTIONS = 32


@dataclass(frozen=True, eq=False)
class Conformal:
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
    p : float
        Joint test of no effect in any period; the data count as one permutation, so it is never 0.
    table : DataFrame
        One row per treated period: ``time, gap, p``; p tests that this period has no effect.
    seconds : float
    """

    estimate: Estimate
    permutations: str
    proxy: str
    q: float
    gaps: xr.DataArray
    statistics: xr.DataArray
    p: float
    table: pd.DataFrame
    seconds: float
    _test: "_Test" = field(repr=False)

    def path(self, level: float = 0.95) -> pd.DataFrame:
        """One row per treated period with the effects that its own test does not reject.

        Columns ``time, observed, counterfactual, lower, upper, gap, gap_lower, gap_upper, p``, outcome units;
        infinite where 1/(n_pre + 1), the smallest p there is, is above 1 − level. A set of effects may have holes,
        and the interval closes them: its p is the largest 1 − level at which it holds zero, so never under that of
        ``table``.
        """
        check_level(level)
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
                "p": [self._test.interval_p(t) for t in tests],
            }
        )

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """One row per estimand: the constant effects not rejected on the mean residual, and p of none.

        NaN bounds mean that every constant effect is rejected. Where the effects that are not rejected have holes,
        the interval closes them, and p is the largest 1 − level at which it holds zero.
        """
        check_level(level)
        estimate, panel = self.estimate, self.estimate.panel
        low, high = self._test.interval(None, level)
        # The effect is constant under the test, so a bound of the average is one of the others.
        observed = float(panel.treated_series[panel.n_pre :].mean())
        bounds = estimand_bounds(low, high, observed=observed, periods=panel.n_post)
        p = dict.fromkeys(bounds, self._test.interval_p(None))
        return interval_rows(estimate, bounds, level=level, interval="conformal", p=p, seconds=self.seconds)

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences about resolution that belong beside the numbers."""
        notes, n_pre = [], self.estimate.panel.n_pre
        if 1 - level < 1 / (n_pre + 1):
            notes.append(
                f"With {n_pre} pre-periods the p of one period cannot fall below 1/{n_pre + 1}, so at {percent(level)} "
                "the intervals by period are unbounded."
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
                f"With {len(self.statistics)} permutations and {self.estimate.panel.n_post} treated periods the "
                f"{percent(level)} interval of the average is unbounded."
            )
        return (*notes, *lift_notes(self.effects(level)))

    def sentence(self) -> str:
        """What it found and what it conditions on."""
        fitted = "on all periods under each null" if self.proxy == "all" else "once, before the start"
        scheme = "cyclic shifts" if self.permutations == "moving-block" else "random permutations"
        presumes = (
            "stationary and weakly dependent over time"
            if self.permutations == "moving-block"
            else "exchangeable in time"
        )
        return (
            f"Conformal test: among {len(self.statistics)} {scheme} of the residuals {p_value(self.p)} for no effect "
            f"in any treated period; the counterfactual is fitted {fitted}, and it presumes that its residuals are "
            f"{presumes}, and conditions on the donors; the interval of the average presumes a constant effect."
        )

    def _repr_html_(self) -> str:
        columns = ["estimand", "estimate", "lower", "upper", "level", "p"]
        return html_card("Conformal inference", [self.sentence(), *self.notes()], self.effects()[columns], self.table)


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
    check_seed(seed)
    chosen = find_for_series(estimator, panel)
    _check(chosen.NAME, permutations, proxy, q, replicates)
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    order = _orders(panel, permutations, replicates, seed)
    test = _Test(chosen, estimate, proxy, order)
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
        p=float(_share(statistics[None, :])[0]),
        table=pd.DataFrame({"time": times, "gap": estimate.gap[panel.n_pre :], "p": by_period}),
        seconds=time.perf_counter() - began,
        _test=test,
    )


@dataclass(frozen=True, eq=False)
class _Test:
    """p of null effects, and the sets of effects with a p above 1 − level."""

    estimator: Estimator
    estimate: Estimate
    proxy: str
    order: IntArray
    """(R, n_post) periods that stand in for the treated ones; row 0 is the treated ones themselves."""
    _tried: dict[int | None, tuple[FloatArray, FloatArray]] = field(default_factory=dict, repr=False)

    def residuals(self, y: FloatArray, periods: IntArray | None = None) -> FloatArray:
        """(B, n) residuals of untreated outcomes ``y`` (B, n) over all periods, or over ``periods``."""
        kept = slice(None) if periods is None else periods
        if self.proxy == "pre":
            return gap_of(y, self.estimate.counterfactual[kept])
        X = self.estimate.panel.donor_matrix[kept]
        X = np.broadcast_to(X, (len(y), *X.shape))
        return gap_of(y, self.estimator.solve(y, X, y.shape[1]).counterfactual(X))

    def period_p(self, t: int, effect: FloatArray) -> FloatArray:
        """(B,) p of the effects ``effect`` (B,) in treated period ``t`` alone."""
        panel = self.estimate.panel
        periods = np.append(np.arange(panel.n_pre), panel.n_pre + t)
        y = np.tile(panel.treated_series[periods], (len(effect), 1))
        y[:, -1] -= effect
        return _share(np.abs(self.residuals(y, periods))[:, ::-1])

    def constant_p(self, effect: FloatArray) -> FloatArray:
        """(B,) p of the constant effects ``effect`` (B,), on the size of the mean residual."""
        panel = self.estimate.panel
        y = np.tile(panel.treated_series, (len(effect), 1))
        y[:, panel.n_pre :] -= effect[:, None]
        u = self.residuals(y)
        return np.concatenate([_share(np.abs(row[self.order].mean(axis=1))[None, :]) for row in u])

    def interval(self, t: int | None, level: float) -> tuple[float, float]:
        """Smallest and largest effect that is not rejected, in treated period ``t`` or, with None, a constant one.

        Infinite when the farthest tried is not rejected, NaN when all are.
        """
        count = len(self.order) if t is None else self.estimate.panel.n_pre + 1
        accepted = _accepts(level, count)
        tried, p = self._tried_effects(t)
        inside = np.flatnonzero(accepted(p))
        if len(inside) == 0:
            return math.nan, math.nan
        first, last = inside[0], inside[-1]
        low, high = -math.inf, math.inf
        if first > 0:
            low = self._edge(t, accepted, tried[first], tried[first - 1])
        if last < len(tried) - 1:
            high = self._edge(t, accepted, tried[last], tried[last + 1])
        return low, high

    def interval_p(self, t: int | None) -> float:
        """Largest 1 − level at which `interval` holds zero: some effect on either side of it is not rejected."""
        tried, p = self._tried_effects(t)
        return float(min(p[tried <= 0].max(), p[tried >= 0].max()))

    def _p(self, t: int | None, effect: FloatArray) -> FloatArray:
        return self.constant_p(effect) if t is None else self.period_p(t, effect)

    def _tried_effects(self, t: int | None) -> tuple[FloatArray, FloatArray]:
        """Zero and effects at growing distances from the estimate, in order, and their p."""
        if t not in self._tried:
            gaps = self.estimate.gap[self.estimate.panel.n_pre :]
            centre = float(gaps.mean() if t is None else gaps[t])
            distances = self._distances(centre)
            tried = np.unique(np.concatenate([centre - distances, [0.0, centre], centre + distances]))
            self._tried[t] = tried, self._p(t, tried)
        return self._tried[t]

    def _edge(self, t: int | None, accepted: Accepts, inside: float, outside: float) -> float:
        """Bisect between an effect that is not rejected and one that is."""
        for _ in range(BISECTIONS):
            middle = (inside + outside) / 2
            if accepted(self._p(t, np.array([middle])))[0]:
                inside = middle
            else:
                outside = middle
        return float(inside)

    def _distances(self, centre: float) -> FloatArray:
        panel = self.estimate.panel
        sd = float(panel.treated_series[: panel.n_pre].std())
        size = float(np.abs(panel.treated_series).max())
        # A perfect fit of a constant series has no scale of its own.
        scale = max(self.estimate.pre_rmspe, 1e-6 * sd, 1e-9 * size) or 1.0
        # Nor does a perfect fit say how far away effects are that other periods may show.
        farther = max(0.0, math.log2(max(sd, abs(centre), scale) / scale))
        return np.asarray(scale * 2.0 ** np.arange(NEAREST, FARTHEST + math.ceil(farther) + STEP / 2, STEP))


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
    if not q >= 1:
        raise SpecError(f"q is {q}; give a norm of at least 1, such as 1, 2 or math.inf")
    if replicates < 19:
        raise SpecError(f"replicates is {replicates}; give at least 19, better 1000 or more")


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


def _share(statistics: FloatArray) -> FloatArray:
    """(B,) share of the columns of ``statistics`` (B, R) at least as large as the first."""
    own = statistics[:, :1]
    return np.asarray((statistics >= own - TIES * np.abs(own)).mean(axis=1))


def _accepts(level: float, count: int) -> Accepts:
    """Whether p, multiples of 1/``count``, are above 1 − level; rounding cannot tip it."""
    rejected = math.floor(round((1 - level) * count, 9))
    return lambda p: np.asarray(np.rint(p * count) > rejected)
