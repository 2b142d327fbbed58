"""Refitting one estimator on many panels of one shape, and what is read off each refit."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bsynth import effects
from bsynth._base.brief import Brief
from bsynth._base.progress import progress_bar
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.errors import SpecError
from bsynth.frequentist.estimate import Estimate
from bsynth.frequentist.estimators import Estimator, Method, Predictors, Weighted, find
from bsynth.panel import Panel

BLOCK_BYTES = 32_000_000
BLOCK_PROBLEMS = 100
QUIET_SECONDS = 2.0
"""Work shorter than this shows no bar."""

type Block = tuple[FloatArray, FloatArray]
"""Treated series (b, T) and donors (b, T, J) of b problems."""
type Solved = tuple[FloatArray, FloatArray, Weighted]
"""A block and its weights."""


@dataclass(frozen=True, eq=False, repr=False)
class Refits(Brief):
    """Observed and counterfactual outcomes (B, T) and weights (B, J) of B refits, outcome units."""

    observed: FloatArray
    counterfactual: FloatArray
    weights: FloatArray

    @property
    def gaps(self) -> FloatArray:
        """(B, T) observed less counterfactual."""
        return effects.gap_of(self.observed, self.counterfactual)


def block_size(n_times: int, n_donors: int) -> int:
    """How many problems of (T, J) are held in memory at once."""
    return int(np.clip(BLOCK_BYTES // (8 * n_times * n_donors), 1, BLOCK_PROBLEMS))


def batches(positions: Iterable[int], size: int) -> Iterator[list[int]]:
    """Cut ``positions`` into lists of at most ``size``."""
    listed = list(positions)
    for first in range(0, len(listed), size):
        yield listed[first : first + size]


def refit(
    estimator: Estimator, blocks: Iterable[Block], n_pre: int, *, total: int, label: str, progress: bool
) -> Refits:
    """Solve each block of problems and keep what the replicates are read from."""
    solved = ((y, X, estimator.solve(y, X, n_pre)) for y, X in blocks)
    return _collect(solved, total=total, label=label, progress=progress)


def refit_units(
    method: Method,
    estimator: Estimator,
    *,
    blocks: Iterable[Block],
    panels: Iterable[Panel],
    n_pre: int,
    total: int,
    label: str,
    progress: bool,
) -> Refits:
    """Solve the same problems as blocks of series, or, where the estimator must know its units by name, as panels."""
    if by_name(method):
        return refit_panels(method, panels, total=total, label=label, progress=progress)
    return refit(estimator, blocks, n_pre, total=total, label=label, progress=progress)


def refit_panels(method: Method, panels: Iterable[Panel], *, total: int, label: str, progress: bool) -> Refits:
    """Solve one problem per panel, for estimators that must know its units by name."""

    def solved() -> Iterator[Solved]:
        for panel in panels:
            y, X = panel.treated_series[None], panel.donor_matrix[None]
            yield y, X, find(method, panel).solve(y, X, panel.n_pre)

    return _collect(solved(), total=total, label=label, progress=progress)


def by_name(method: Method) -> bool:
    """Whether the estimator reads something of each unit beside its series, so that series alone do not do."""
    return isinstance(method, Predictors)


def find_for_series(method: Method, panel: Panel) -> Estimator:
    """Return the estimator for ``panel``, or raise a SpecError when it must know units by name."""
    if by_name(method):
        raise SpecError("predictors belong to units, and this procedure changes series; give an estimator such as 'sc'")
    return find(method, panel)


def without_each(matrix: FloatArray, columns: Iterable[int] | IntArray) -> FloatArray:
    """(b, T, J − m) copies of ``matrix`` (T, J), each without one column, or without each row of ``columns`` (b, m)."""
    return np.stack([np.delete(matrix, column, axis=1) for column in columns])


def _collect(solved: Iterable[Solved], *, total: int, label: str, progress: bool) -> Refits:
    observed, counterfactual, weights = [], [], []
    began, done, bar = time.perf_counter(), 0, None
    with ExitStack() as stack:
        for y, X, fit in solved:
            observed.append(y)
            counterfactual.append(fit.counterfactual(X))
            weights.append(fit.weights)
            done += len(y)
            if bar is None and done < total and time.perf_counter() - began > QUIET_SECONDS:
                bar = stack.enter_context(progress_bar(label, total, progress))
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
    return Refits(np.concatenate(observed), np.concatenate(counterfactual), np.concatenate(weights))


def gap_statistics(gaps: FloatArray, n_pre: int) -> pd.DataFrame:
    """Mean and last gap, pre and post RMSPE and their ratio for gaps (B, T), one row each.

    A ratio is infinite when only the pre-period fit is perfect, and 0 when there is no gap at all.
    """
    pre = np.sqrt((gaps[:, :n_pre] ** 2).mean(axis=1))
    post = np.sqrt((gaps[:, n_pre:] ** 2).mean(axis=1))
    ratio = np.divide(post, pre, out=np.where(post > 0, np.inf, post), where=pre != 0)
    return pd.DataFrame(
        {
            "mean_gap": gaps[:, n_pre:].mean(axis=1),
            "last_gap": gaps[:, -1],
            "pre_rmspe": pre,
            "post_rmspe": post,
            "ratio": ratio,
        }
    )


def labelled(values: FloatArray, replicates: Iterable[Label], times: pd.Index) -> xr.DataArray:
    """Name the axes of (B, T) values: replicate, time."""
    index = pd.Index(list(replicates), tupleize_cols=False)
    return xr.DataArray(values, dims=("replicate", "time"), coords={"replicate": index, "time": times})


def estimand_draws(refits: Refits, n_pre: int) -> xr.Dataset:
    """Average, cumulative and lift of each refit over the treated periods."""
    dims = ("replicate", "time")
    return effects.effect_draws(
        xr.DataArray(refits.observed[:, n_pre:], dims=dims),
        xr.DataArray(refits.counterfactual[:, n_pre:], dims=dims),
    )


def constant_rows(
    estimate: Estimate, low: float, high: float, *, level: float, interval: str, p: float, seconds: float
) -> pd.DataFrame:
    """The rows of `interval_rows` when constant effects from ``low`` to ``high`` are not ruled out, with one p.

    Such an effect is alike in every period, so a bound of the average is one of the others.
    """
    panel = estimate.panel
    observed = float(panel.treated_series[panel.n_pre :].mean())
    bounds = effects.estimand_bounds(low, high, observed=observed, periods=panel.n_post)
    return interval_rows(estimate, bounds, level=level, interval=interval, p=dict.fromkeys(bounds, p), seconds=seconds)


def interval_rows(
    estimate: Estimate,
    bounds: dict[str, tuple[float, float]],
    *,
    level: float,
    interval: str,
    p: dict[str, float],
    seconds: float,
) -> pd.DataFrame:
    """The estimate's rows of effects with the bounds and p of an inference put in; a lift may be refused.

    Bounds and p of one row agree: zero lies inside the closed interval when p is above 1 − level, and outside when it
    is below. Where p can only be certain shares (placebos, permutations, left-out periods), it is outside when p is
    1 − level, too.
    """
    table = estimate.effects()
    table = table.assign(
        lower=[bounds[name][0] for name in table["estimand"]],
        upper=[bounds[name][1] for name in table["estimand"]],
        level=level,
        interval=interval,
        p=[p[name] for name in table["estimand"]],
        seconds=seconds,
    )
    return effects.refuse_lift(table)
