"""Draws or replicates of a counterfactual become effects: average, cumulative, lift and path.

One code serves both kinds of uncertainty: posterior results carry the dimensions ``chain, draw``,
classical ones ``replicate``; the functions take the dimensions' names. Estimands (window of the
treated periods, n_post of them):

- ``average``     mean over the window of gap_t = y_t − y0_t
- ``cumulative``  Σ gap_t
- ``lift``        Σ gap_t / Σ y0_t, never a sum of percentages
"""

from collections.abc import Sequence
from numbers import Real

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from bsynth.errors import SpecError

ESTIMANDS = ("average", "cumulative", "lift")
EFFECT_COLUMNS = (
    "method", "model", "estimand", "estimate", "lower", "upper", "level", "interval", "p",
    "probability_positive", "seconds",
)  # fmt: skip
"""Columns that every method's table of effects has, in this order; posteriors add to them."""

POSTERIOR_DIMS = ("chain", "draw")


def effect_draws(observed: xr.DataArray, counterfactual: xr.DataArray) -> xr.Dataset:
    """Return the three estimands of each draw over the periods given.

    Parameters
    ----------
    observed : DataArray (time,)
        Treated outcomes of the window, outcome units.
    counterfactual : DataArray (..., time)
        Draws or replicates of the untreated outcome over the same periods.

    Returns
    -------
    Dataset with variables ``average``, ``cumulative``, ``lift`` over the sample dimensions.

    Examples
    --------
    >>> y = xr.DataArray([3.0, 5.0], dims="time")
    >>> y0 = xr.DataArray([[2.0, 2.0]], dims=("replicate", "time"))
    >>> effects = effect_draws(y, y0)
    >>> float(effects.average[0]), float(effects.lift[0])
    (2.0, 1.0)
    """
    gap = observed - counterfactual
    # A missing period makes the effect missing; passing over it would answer another question.
    total = gap.sum("time", skipna=False)
    return xr.Dataset(
        {
            "average": gap.mean("time", skipna=False),
            "cumulative": total,
            "lift": total / counterfactual.sum("time", skipna=False),
        }
    )


def without_bare_points(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out a point beside which the same method's own interval stands: it says nothing of its own.

    Examples
    --------
    >>> table = pd.DataFrame({"method": ["sc", "sc", "did"], "estimand": "average",
    ...     "interval": ["point", "placebo", "point"], "lower": [float("nan"), 0.1, float("nan")]})
    >>> without_bare_points(table)["method"].tolist()
    ['sc', 'did']
    """
    bounded = table.loc[table["lower"].notna(), ["method", "estimand"]].drop_duplicates()
    has = pd.MultiIndex.from_frame(table[["method", "estimand"]]).isin(pd.MultiIndex.from_frame(bounded))
    return table[~(has & (table["interval"] == "point"))]


def variable(tree: xr.DataTree, group: str, name: str) -> xr.DataArray:
    """Return one variable of a group of a fit's tree."""
    return tree[group].to_dataset()[name]


def check_level(level: float) -> None:
    """Raise `SpecError` unless 0 < level < 1."""
    if not isinstance(level, Real) or not 0 < level < 1:
        raise SpecError(f"level is {level!r}; give a probability between 0 and 1, such as 0.95")


def equal_tailed(draws: xr.DataArray, level: float, dims: Sequence[str]) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the equal-tailed interval of ``draws`` over ``dims`` as (lower, upper)."""
    tail = (1.0 - level) / 2.0
    bounds = draws.quantile([tail, 1.0 - tail], dim=list(dims))
    return bounds.isel(quantile=0, drop=True), bounds.isel(quantile=1, drop=True)


def posterior_table(draws: xr.Dataset, *, level: float, interval: str, rope: float | None = None) -> pd.DataFrame:
    """One row per estimand: mean, median, equal-tailed and HDI interval, probabilities.

    Parameters
    ----------
    draws : Dataset (chain, draw)
        From `effect_draws`.
    level : float
        Probability inside the interval, 0 < level < 1.
    interval : str
        Kind that the draws stand for: ``"predictive"``, ``"mean"``.
    rope : float, optional
        Half-width of the region of practical equivalence, in outcome units, around zero; applied
        to the average effect and its n_post multiple, not to the lift.
    """
    rows = []
    for estimand in ESTIMANDS:
        values = draws[estimand]
        lower, upper = equal_tailed(values, level, POSTERIOR_DIMS)
        hdi = azs.hdi(values, prob=level)
        row = {
            "estimand": estimand,
            "estimate": float(values.mean()),
            "lower": float(lower),
            "upper": float(upper),
            "level": level,
            "interval": interval,
            "p": np.nan,
            "probability_positive": float((values > 0).mean()),
            "median": float(values.median()),
            "sd": float(values.std()),
            "hdi_lower": float(hdi.sel(ci_bound="lower")),
            "hdi_upper": float(hdi.sel(ci_bound="upper")),
        }
        if rope is not None and estimand == "average":
            row["probability_beyond_rope"] = float((abs(values) > rope).mean())
        rows.append(row)
    return pd.DataFrame(rows)


def path_table(
    observed: xr.DataArray, counterfactual: xr.DataArray, *, level: float, dims: Sequence[str]
) -> pd.DataFrame:
    """One row per period: observed, counterfactual and its interval, gap and its interval.

    ``counterfactual`` has the sample dimensions ``dims`` and ``time``; its mean is the estimate.
    """
    lower, upper = equal_tailed(counterfactual, level, dims)
    centre = counterfactual.mean(list(dims))
    return pd.DataFrame(
        {
            "time": observed["time"].to_index(),
            "observed": observed.values,
            "counterfactual": centre.values,
            "lower": lower.values,
            "upper": upper.values,
            "gap": (observed - centre).values,
            "gap_lower": (observed - upper).values,
            "gap_upper": (observed - lower).values,
        }
    )


def point_effects(observed: np.ndarray, counterfactual: np.ndarray) -> dict[str, float]:
    """Return the three estimands of a point counterfactual over the window given, both (n_post,)."""
    gap = observed - counterfactual
    return {
        "average": float(gap.mean()),
        "cumulative": float(gap.sum()),
        "lift": float(gap.sum() / counterfactual.sum()),
    }


def complete(table: pd.DataFrame, *, method: str, model: str | None, seconds: float) -> pd.DataFrame:
    """Put method, model and seconds before the estimand rows and order the columns."""
    table = table.assign(method=method, model=model, seconds=seconds)
    extra = [c for c in table.columns if c not in EFFECT_COLUMNS]
    return table.reindex(columns=[*EFFECT_COLUMNS, *extra])
