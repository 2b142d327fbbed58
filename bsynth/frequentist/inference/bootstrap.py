"""Bootstrap: resample users, units or blocks of periods, refit the weights on each resample."""

import math
import time
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bsynth._base.request import MOST, check_flags, check_level, check_seed, check_whole
from bsynth._base.telling import warn
from bsynth._base.types import FloatArray
from bsynth.effects import equal_tailed, lift_notes
from bsynth.errors import PanelError, SpecError, UnreliableWarning, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Method
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.frequentist.inference.schemes import default_block, resampled_residuals, resampled_units, resampled_users
from bsynth.frequentist.point import classical
from bsynth.frequentist.refit import (
    constant_rows,
    find_for_series,
    gap_statistics,
    labelled,
    refit,
)
from bsynth.panel import Clusters, Panel, Resamples
from bsynth.panel.given import require_panel
from bsynth.text.numbers import bracket, count, number, numbers, percent

NAME = "bootstrap"
TITLE = "User-level bootstrap"
CONDITIONS = "Its interval holds the sampling of users alone."
STANDARD = True

type Cluster = Literal["user", "unit", "time"]
type Kind = Literal["percentile", "basic", "studentised"]
CLUSTERS: tuple[str, ...] = get_args(Cluster.__value__)
KINDS: tuple[str, ...] = get_args(Kind.__value__)
TITLES = {"user": "User-level", "unit": "Unit-level", "time": "Time-block"}
RESAMPLED = {
    "user": (
        "users",
        "the units, the periods and the estimator, so it holds the sampling of users alone: neither bias nor drift",
    ),
    "unit": (
        "units",
        "the periods and the estimator, and presumes that units were sampled at random; with one treated unit only "
        "the donors vary, so it says how much hangs on the pool and not how noisy the treated unit is",
    ),
    "time": (
        "blocks of pre-period residuals",
        "the units and the donors' outcomes, and presumes that residuals after the start are as those before it: "
        "neither drift nor overfitting before the start",
    ),
}
COLUMNS = ("replicate", "mean_gap", "last_gap", "pre_rmspe", "filled", "failed")


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Inference):
    """Replicates of the estimate over resampled users, units or blocks of periods.

    Attributes
    ----------
    estimate : Estimate
        On the data as they are.
    cluster : {"user", "unit", "time"}
        What was resampled.
    seed : int
    gaps : DataArray (replicate, time)
        Treated less counterfactual of each replicate, outcome units; NaN in a failed replicate.
    counterfactual : DataArray (replicate, time)
        The counterfactual behind each gap, outcome units.
    table : DataFrame
        One row per replicate: ``replicate, mean_gap, last_gap, pre_rmspe, filled, failed``; ``filled``
        counts interpolated cells, ``failed`` says that a unit was drawn in no period at all.
    seconds : float
    """

    estimate: Estimate
    cluster: str
    seed: int
    gaps: xr.DataArray
    counterfactual: xr.DataArray
    table: pd.DataFrame
    seconds: float

    @property
    def kind(self) -> str:
        """What it is called in titles."""
        return f"{TITLES[self.cluster]} bootstrap"

    @property
    def conditions(self) -> str:
        """What its interval presumes."""
        return CONDITIONS if self.cluster == "user" else f"Its interval conditions on {RESAMPLED[self.cluster][1]}."

    @property
    def procedure(self) -> str:
        """The estimator and the procedure with its settings, as the measurement of its coverage names them."""
        return f"{self.estimate.estimator}: bootstrap {self.cluster}, percentile"

    @property
    def failed(self) -> int:
        """Replicates without an answer, because a unit kept no user at all (``cluster="user"`` only)."""
        return int(self.table["failed"].sum())

    def effects(self, level: float = 0.95, *, kind: Kind = "percentile") -> pd.DataFrame:
        """One row per estimand: the estimate, its interval over replicates, and its p.

        ``percentile`` takes quantiles of the replicates; ``basic`` mirrors them at the estimate; ``studentised``
        does so after dividing each deviation by the replicate's pre-period RMSPE, as a share of the data's own. p is
        twice the smaller tail at which that interval meets zero, at least 2/(1 + replicates); replicates of zero
        count for both tails, so no effect in any replicate has p = 1. Where 2/(1 + replicates) is above 1 − level the
        replicates are too few for the level, and the interval is unbounded. The lift is the average's image: its
        bounds are the lifts at which the average would be at its own, with the treated outcome as observed.
        """
        level = check_level(level)
        if kind not in KINDS:
            raise SpecError(f"kind is {kind!r}{nearest(kind, KINDS)}; it can be {some_of(KINDS)}")
        usable, panel = ~self.table["failed"].to_numpy(), self.estimate.panel
        draws = self.gaps[usable, panel.n_pre :].mean("time")
        values = self._pivoted(draws, float(self.estimate.effects()["estimate"].iloc[0]), usable, kind)
        (low, high), p = self._bounds(values, level), _percentile_p(values.to_numpy())
        return constant_rows(
            self.estimate, low, high, level=level, interval=f"bootstrap-{kind}", p=p, seconds=self.seconds
        )

    @property
    def smallest_p(self) -> float:
        """2/(1 + replicates): with each on one side of zero, no smaller p can be told."""
        return 2.0 / (1 + len(self.table) - self.failed)

    def _bounds(self, values: xr.DataArray, level: float) -> tuple[float, float]:
        if self.smallest_p > 1 - level:
            return -math.inf, math.inf
        lower, upper = equal_tailed(values, level, ("replicate",))
        return float(lower), float(upper)

    def _pivoted(self, draws: xr.DataArray, point: float, usable: NDArray[np.bool_], kind: str) -> xr.DataArray:
        """Values whose equal-tailed interval is the interval of ``kind``."""
        if kind == "percentile":
            return draws
        if kind == "basic":
            return 2 * point - draws
        own, scale = self.estimate.pre_rmspe, self.table["pre_rmspe"].to_numpy()[usable]
        away = draws - point
        # A replicate that agrees with the data agrees on any scale.
        moved = (away != 0).to_numpy()
        if moved.any() and (own == 0 or (scale[moved] == 0).any()):
            raise SpecError("a pre-period is fitted without error, so nothing studentises; give kind='basic'")
        share = np.divide(own, scale, out=np.zeros_like(scale), where=moved)
        return point - away * xr.DataArray(share, dims="replicate")

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """Sentences about interpolated cells, failed or too few replicates, and a lift that is refused."""
        notes, filled = [], self.table["filled"]
        if self.cluster == "user" and isinstance(self.estimate.panel.clusters, Resamples):
            there, used = len(self.estimate.panel.clusters.total), len(self.table)
            drawn = count(there, "resample") + (f" of which the first {used:,} were used" if used < there else "")
            notes.append(f"Users were resampled where the data lie, by Poisson counts: {drawn}, seed {self.seed}.")
        if filled.any():
            notes.append(
                f"{count(int(filled.sum()), 'cell')} without a drawn user, in {int((filled > 0).sum())} of "
                f"{count(len(filled), 'replicate')}: interpolated linearly in time."
            )
        if self.smallest_p > 1 - level:
            notes.append(
                f"With {count(len(self.table) - self.failed, 'replicate')} p cannot fall below "
                f"{number(self.smallest_p, 2)}, so the {percent(level)} interval is unbounded; draw more."
            )
        if self.failed:
            notes.append(_failure(self.failed, len(self.table)))
        return (*notes, *lift_notes(self.effects(level)))

    def _sentence(self, level: float) -> str:
        average = self.effects(level).iloc[0]
        what, conditions = RESAMPLED[self.cluster]
        kept = len(self.table) - self.failed
        return (
            f"{TITLES[self.cluster]} bootstrap: over {count(kept, 'resample')} of {what} the middle "
            f"{percent(level)} of the "
            f"average effect is {bracket(numbers(average['lower'], average['upper']))}; it conditions on {conditions}."
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster, "replicates": len(self.table), "failed": self.failed, "seed": self.seed,
        }  # fmt: skip


def bootstrap(
    panel: Panel,
    estimator: Method = "sc",
    *,
    cluster: Cluster = "user",
    block: int | None = None,
    replicates: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> Bootstrap:
    """Answer how far the estimate moves when other users, units or noise might have been seen.

    ``user``: each replicate draws as many users as the log has, with replacement, from the whole log (users
    outside the window included), re-averages the cells, fills empty cells linearly in time and refits the
    weights. Replicate r is the r-th ``default_rng(seed).integers(0, n, size=n)``. A panel with ``resamples`` brings its
    own replicates, at most ``replicates`` of which are used, and its own seed. ``unit``: donors with
    replacement, and treated units when there are several. ``time``: the treated series is rebuilt from its fit
    and pre-period residuals drawn in moving blocks, before and after the start. Sources: Efron and Tibshirani 1993,
    chapters 12–13 (intervals); Cameron, Gelbach and Miller 2008 (clusters); Künsch 1989 (moving blocks).

    Parameters
    ----------
    panel : Panel
        For ``cluster="user"`` built by ``Panel.from_events(..., cluster=...)``.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm"}
    cluster : {"user", "unit", "time"}
    block : int, optional
        Periods in a block with ``cluster="time"``, 1 ≤ block ≤ n_pre; ⌈n_pre^⅓⌉ when not given.
    replicates, seed : int
        At least 2 replicates.
    progress : bool
        Show a bar when it takes more than about two seconds.

    Raises
    ------
    PanelError
        Users are asked for and the panel holds no sums per user, or no replicate has an answer.
    SpecError
        Unknown estimator or cluster; one replicate; a block that does not fit.

    Examples
    --------
    >>> from bsynth.panel.simulate import rollout_panel_arguments, simulate_rollout
    >>> panel = Panel.from_events(simulate_rollout(), **rollout_panel_arguments())
    >>> bootstrap(panel, replicates=20, seed=7).table.shape
    (20, 6)
    """
    require_panel(panel)
    check_flags(progress=progress)
    seed = check_seed(seed)
    chosen = find_for_series(estimator, panel)
    clusters = check_bootstrap(panel, cluster=cluster, replicates=replicates)
    length = _check_block(panel, cluster, block)
    if isinstance(clusters, Resamples):
        seed, replicates = clusters.seed, min(replicates, len(clusters.total))
    began = time.perf_counter()
    estimate = classical(panel, estimator)
    filled, failed = np.zeros(replicates, dtype=np.int64), np.zeros(replicates, dtype=bool)
    if clusters is not None:
        blocks = resampled_users(panel, clusters, seed, filled, failed)
    elif cluster == "unit":
        blocks = resampled_units(panel, replicates, np.random.default_rng(seed))
    else:
        blocks = resampled_residuals(estimate, replicates, length, np.random.default_rng(seed))
    refits = refit(chosen, blocks, panel.n_pre, total=replicates, label="bootstrap", progress=progress)
    _say_failed(failed)
    gaps, counterfactual = (np.where(failed[:, None], np.nan, a) for a in (refits.gaps, refits.counterfactual))
    table = gap_statistics(gaps, panel.n_pre).assign(replicate=range(replicates), filled=filled, failed=failed)
    return Bootstrap(
        estimate=estimate,
        cluster=cluster,
        seed=seed,
        gaps=labelled(gaps, range(replicates), panel.times),
        counterfactual=labelled(counterfactual, range(replicates), panel.times),
        table=table[list(COLUMNS)],
        seconds=time.perf_counter() - began,
    )


def check(panel: Panel) -> None:
    """Raise `PanelError` unless the panel holds sums of several users."""
    check_bootstrap(panel, replicates=2)


def run(panel: Panel, settings: Settings) -> Bootstrap:
    """Carry it out as a plan asks for it: users are resampled."""
    return bootstrap(
        panel, settings.estimator, replicates=settings.replicates, seed=settings.seed, progress=settings.progress
    )


def check_bootstrap(panel: Panel, *, cluster: str = "user", replicates: int) -> Clusters | Resamples | None:
    """Check the request and return the sums per user, when users are resampled."""
    if cluster not in CLUSTERS:
        raise SpecError(f"cluster {cluster!r} is unknown{nearest(cluster, CLUSTERS)}; it can be {some_of(CLUSTERS)}")
    check_whole(replicates, "replicates", 2, "better 500 or more", MOST)
    if cluster != "user":
        return None
    if panel.clusters is None and panel.source.cluster is not None:
        raise PanelError(
            "a fit's panel holds no sums per user, so users cannot be resampled; give the panel that was fitted itself"
        )
    if panel.clusters is None:
        raise PanelError(
            "the panel holds no sums per user, so users cannot be resampled; build it with "
            "Panel.from_events(..., cluster='user_id') from one row per user or event, or give cluster='unit' or 'time'"
        )
    if isinstance(panel.clusters, Clusters) and panel.clusters.count < 2:
        raise PanelError("the panel has one user, and resampling one user makes the same panel again")
    return panel.clusters


def _check_block(panel: Panel, cluster: str, block: int | None) -> int:
    if block is None:
        return default_block(panel.n_pre)
    if cluster != "time":
        raise SpecError(f"block is {block} and cluster {cluster!r}; a block of periods goes with cluster='time'")
    if check_whole(block, "block", 1, "a number of pre-periods") > panel.n_pre:
        raise SpecError(f"block is {block}; give between 1 and the {count(panel.n_pre, 'pre-period')}")
    return block


def _percentile_p(draws: FloatArray) -> float:
    """Two-sided p that agrees with the equal-tailed percentile interval of ``draws`` (R,); NaN when one is missing.

    The quantile function runs through the ordered draws; each tail is the share up to which it does not pass zero,
    so draws of zero are in both.
    """
    if np.isnan(draws).any():
        return np.nan
    floor = 2.0 / (1 + len(draws))
    return min(1.0, max(2.0 * min(_not_above(draws), _not_above(-draws)), floor))


def _not_above(draws: FloatArray) -> float:
    """Largest share at which the quantile of ``draws`` (R,) is not above zero; 0 when there is none."""
    ordered = np.sort(draws)
    below = int(np.searchsorted(ordered, 0.0, "right"))
    if below in (0, len(ordered)):
        return float(below > 0)
    low, high = ordered[below - 1], ordered[below]
    return float((below - 1 + low / (low - high)) / (len(ordered) - 1))


def _say_failed(failed: NDArray[np.bool_]) -> None:
    """Warn when some replicates have no answer; raise when none has."""
    if failed.all():
        raise PanelError("every replicate drew no user of some unit, so there is no answer; merge units with few users")
    if failed.any():
        warn(_failure(int(failed.sum()), len(failed)), UnreliableWarning)


def _failure(failed: int, replicates: int) -> str:
    return (
        f"{failed} of {count(replicates, 'replicate')} drew no user of some unit in any period and have no answer; the "
        "interval uses the others. Merge small units to avoid it."
    )
