"""Draws or replicates of a counterfactual become effects: average, cumulative, lift and path.

One code serves both kinds of uncertainty: posterior results carry the dimensions ``chain, draw``,
classical ones ``replicate``; the functions take the dimensions' names. Estimands (window of the
treated periods, n_post of them):

- ``average``     mean over the window of gap_t = y_t − y0_t
- ``cumulative``  Σ gap_t
- ``lift``        Σ gap_t / |Σ y0_t|, never a sum of percentages: it has the sign of the effect

What was observed is given, so an average effect τ means the lift τ / |ȳ − τ|, whether it is an estimate, a draw, or
a bound. Where the untreated outcome may be zero the lift is refused, estimate and bounds alike: they are NaN, and
`lift_notes` says so.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.types import FloatArray

ESTIMANDS = ("average", "cumulative", "lift")
EFFECT_COLUMNS = (
    "method", "model", "estimand", "estimate", "lower", "upper", "level", "interval", "p",
    "probability_positive", "seconds",
)  # fmt: skip
"""Columns that every method's table of effects has, in this order; posteriors add to them."""

CARD_COLUMNS = ["estimand", "estimate", "lower", "upper", "level", "interval", "probability_positive"]
"""Those of them that a card shows."""

POSTERIOR_DIMS = ("chain", "draw")

ADDED = {"covariates": "covariate_effect", "season": "season_effect", "slope": "slope_effect"}
"""Sources beside level and donors, and the variable of a posterior that holds what each adds to every period."""

ROUNDING = 1e-12
"""A difference of outcomes smaller than this share of their size is rounding, and counts as none."""
HUGE = 10.0
"""A lift beyond this is a share of nearly nothing."""
TIES = 1e-9
"""Relative rounding within which two statistics count as equal."""


def gap_of(observed: FloatArray, counterfactual: FloatArray) -> FloatArray:
    """Observed less counterfactual, both (..., T): 0 where they differ by the rounding of the series alone.

    Examples
    --------
    >>> gap_of(np.array([0.3, 2.0]), np.array([0.1 + 0.2, 1.0])).tolist()
    [0.0, 1.0]
    """
    gap = np.asarray(observed - counterfactual)
    size = np.maximum(np.abs(observed), np.abs(counterfactual)).max(axis=-1, keepdims=True)
    return np.where(np.abs(gap) <= ROUNDING * size, 0.0, gap)


def at_least(values: FloatArray, own: FloatArray | float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether ``values`` are as large as ``own`` or larger, up to rounding: a tie counts.

    Examples
    --------
    >>> at_least(np.array([0.1 + 0.2, 0.2]), 0.3).tolist(), at_least(np.array([0.3]), 0.1 + 0.2).tolist()
    ([True, False], [True])
    """
    size = np.abs(own)
    return np.asarray(values >= own - TIES * np.where(np.isfinite(size), size, 0.0))


def positive_share(draws: FloatArray) -> float:
    """P(> 0) of ``draws``: one that is exactly 0 counts half, so that no effect in any draw gives ½.

    Examples
    --------
    >>> positive_share(np.array([-1.0, 0.0, 2.0, 3.0])), positive_share(np.zeros(4))
    (0.625, 0.5)
    """
    return float((draws > 0).mean() + (draws == 0).mean() / 2)


def lift_of(average: FloatArray | float, observed: FloatArray | float) -> FloatArray:
    """Lift that average effects τ mean beside the observed mean ȳ, τ / |ȳ − τ|; NaN where ȳ − τ is 0.

    Examples
    --------
    >>> float(lift_of(2.0, 12.0)), float(lift_of(2.0, -48.0)), float(lift_of(3.0, 3.0))
    (0.2, 0.04, nan)
    """
    average, observed = np.asarray(average, dtype=float), np.asarray(observed, dtype=float)
    untreated = np.asarray(observed - average)
    known = np.abs(untreated) > ROUNDING * (np.abs(observed) + np.abs(average))
    return np.asarray(np.divide(average, np.abs(untreated), out=np.full(untreated.shape, np.nan), where=known))


def lift_bounds(lower: float, upper: float, observed: float) -> tuple[float, float]:
    """Smallest and largest lift of the average effects from ``lower`` to ``upper``, beside the observed mean.

    The lift is monotone in the effect while the untreated mean ȳ − τ keeps its sign. Where it does not, the lift is
    refused: (NaN, NaN). A set of effects without bounds rules out no lift either.

    Examples
    --------
    >>> lift_bounds(-5.0, 20.0, 100.0), lift_bounds(-5.0, 20.0, 10.0)
    ((-0.047619047619047616, 0.25), (nan, nan))
    """
    if math.isinf(lower) and math.isinf(upper):
        return -math.inf, math.inf
    if not keeps_sign(np.array([observed - lower, observed - upper])):
        return math.nan, math.nan
    first, last = sorted((_limit(lower, observed), _limit(upper, observed)))
    # A bound that leaves nothing of the untreated mean but rounding has no lift, and NaN has no order.
    return (math.nan, math.nan) if math.isnan(first + last) else (first, last)


def _limit(average: float, observed: float) -> float:
    """Lift of an average effect; one without bound is all there is of a counterfactual without bound."""
    return math.copysign(1.0, average) if math.isinf(average) else float(lift_of(average, observed))


def keeps_sign(values: FloatArray) -> bool:
    """Whether all of ``values`` that are known are above zero, or all below."""
    known = values[~np.isnan(values)]
    return bool(known.size > 0 and ((known > 0).all() or (known < 0).all()))


def estimand_bounds(lower: float, upper: float, *, observed: float, periods: int) -> dict[str, tuple[float, float]]:
    """Bounds of every estimand when constant effects from ``lower`` to ``upper`` are not ruled out.

    ``observed`` is the mean of the treated outcomes over the ``periods`` of the window.
    """
    return {
        "average": (lower, upper),
        "cumulative": (periods * lower, periods * upper),
        "lift": lift_bounds(lower, upper, observed),
    }


def refuse_lift(table: pd.DataFrame) -> pd.DataFrame:
    """Blank a lift that has no estimate, or no bounds where the average has them: all its numbers.

    ``table`` has one row per estimand.
    """
    known = table.set_index("estimand")[["estimate", "lower"]].notna()
    if known.at["lift", "estimate"] and bool(known.at["lift", "lower"]) == bool(known.at["average", "lower"]):
        return table
    blank = [c for c in ("estimate", "lower", "upper", "p", "probability_positive") if c in table]
    return table.assign(**{c: table[c].mask(table["estimand"] == "lift") for c in blank})


def lift_notes(table: pd.DataFrame) -> tuple[str, ...]:
    """Say for which rows of a table of effects the lift is refused or says little; nothing when for none.

    Examples
    --------
    >>> table = pd.DataFrame({"method": ["sc"], "interval": "point", "estimand": "lift", "estimate": [np.nan]})
    >>> lift_notes(table)[0][:46]
    'No lift is given by sc (point): the untreated '
    """
    lifts = table[table["estimand"] == "lift"]
    refused, huge = _rows_named(lifts[lifts["estimate"].isna()]), _rows_named(lifts[lifts["estimate"].abs() > HUGE])
    words = []
    if refused:
        words.append(
            f"No lift is given by {refused}: the untreated outcome may be zero there, so no share of it means "
            "anything; read the average effect."
        )
    if huge:
        words.append(
            f"The lift by {huge} is beyond ten times the untreated outcome, which is near zero there, so that a share "
            "of it says little; read the average effect."
        )
    return tuple(words)


def _rows_named(rows: pd.DataFrame) -> str:
    """Name rows of a table of effects by model or method, and kind of interval."""
    models = rows["model"] if "model" in rows else pd.Series(None, index=rows.index)
    named = [model if isinstance(model, str) else method for model, method in zip(models, rows["method"], strict=True)]
    return ", ".join(dict.fromkeys(f"{name} ({kind})" for name, kind in zip(named, rows["interval"], strict=True)))


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
    aligned = xr.align(observed, counterfactual, join="exact", copy=False)
    dims = [name for name in counterfactual.dims if name != "time"]
    observed = aligned[0].transpose(..., "time")
    found = estimands(observed.values, aligned[1].transpose(*dims, "time").values)
    sample = counterfactual.isel(time=0, drop=True)
    return xr.Dataset({name: sample.copy(data=values) for name, values in found.items()})


def estimands(observed: FloatArray, counterfactual: FloatArray) -> dict[str, FloatArray]:
    """The three estimands (...) of draws of the untreated outcome (..., n_post) beside the observed one (..., n_post).

    A missing period makes the effect missing: passing over it would answer another question.
    """
    average = gap_of(observed, counterfactual).mean(axis=-1)
    return of_average(average, observed.mean(axis=-1), observed.shape[-1])


def of_average(average: FloatArray, observed: FloatArray | float, periods: int) -> dict[str, FloatArray]:
    """Every estimand of draws of the average effect; each lift is NaN when the untreated mean changes its sign.

    ``observed`` is the mean of the treated outcomes over the window of so many ``periods``.
    """
    lift = lift_of(average, observed)
    if not keeps_sign(np.asarray(observed - average)) or (np.isnan(lift) & ~np.isnan(average)).any():
        lift = np.full(np.shape(average), np.nan)
    return {"average": average, "cumulative": periods * average, "lift": lift}


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


def equal_tailed(draws: xr.DataArray, level: float, dims: Sequence[str]) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the equal-tailed interval of ``draws`` over ``dims`` as (lower, upper)."""
    tail = (1.0 - level) / 2.0
    bounds = draws.quantile([tail, 1.0 - tail], dim=list(dims))
    return bounds.isel(quantile=0, drop=True), bounds.isel(quantile=1, drop=True)


def posterior_table(
    draws: Mapping[str, FloatArray], *, observed: float | None, level: float, interval: str, rope: float | None = None
) -> pd.DataFrame:
    """One row per estimand: mean, median, equal-tailed and HDI interval, probabilities.

    Parameters
    ----------
    draws : mapping of arrays of any shape
        From `estimands`.
    observed : float or None
        Mean of the treated outcomes over the window: with it the lift's estimate is that of the mean effect, Σ gap over
        |Σ y0| of the counterfactual that is reported, and so has its sign; its bounds are those of the average. Without
        it the lift is summarised as its draws are, as an estimand of its own.
    level : float
        Probability inside the interval, 0 < level < 1.
    interval : str
        Kind that the draws stand for: ``"predictive"``, ``"mean"``.
    rope : float, optional
        Half-width of the region of practical equivalence, in outcome units, around zero; applied
        to the average effect and its n_post multiple, not to the lift.
    """
    flat = {estimand: np.ravel(draws[estimand]) for estimand in ESTIMANDS}
    found = {estimand: _summary(values, level) for estimand, values in flat.items()}
    if observed is not None and not math.isnan(found["lift"]["estimate"]):
        average = found["average"]
        lower, upper = lift_bounds(average["lower"], average["upper"], observed)
        found["lift"] |= {"estimate": float(lift_of(average["estimate"], observed)), "lower": lower, "upper": upper}
    table = pd.DataFrame(list(found.values())).assign(estimand=list(found))
    table = table.assign(
        level=level,
        interval=interval,
        p=np.nan,
        probability_positive=[positive_share(flat[estimand]) for estimand in ESTIMANDS],
    )
    if rope is not None:
        beyond = float((np.abs(flat["average"]) > rope).mean())
        table["probability_beyond_rope"] = table["estimand"].map({"average": beyond})
    return refuse_lift(table[[c for c in EFFECT_COLUMNS if c in table] + [c for c in table if c not in EFFECT_COLUMNS]])


def hdi(draws: FloatArray, level: float) -> tuple[float, float]:
    """Shortest interval between draws (n,) that holds a share ``level`` of them.

    Examples
    --------
    >>> hdi(np.array([0.0, 1.0, 1.1, 1.2, 5.0]), 0.5)
    (1.0, 1.2)
    """
    ordered = np.sort(draws)
    reach = min(math.floor(level * len(ordered)), len(ordered) - 1)
    first = int(np.argmin(ordered[reach:] - ordered[: len(ordered) - reach]))
    return float(ordered[first]), float(ordered[first + reach])


def _summary(values: FloatArray, level: float) -> dict[str, float]:
    """Mean, bounds, median, sd and HDI of draws (n,); of a constant all are the constant, of missing draws NaN."""
    names = ("estimate", "lower", "upper", "median", "hdi_lower", "hdi_upper")
    low, high = float(values.min()), float(values.max())
    if not low < high:
        return dict.fromkeys(names, low) | {"sd": 0.0 if low == high else np.nan}
    tail = (1.0 - level) / 2.0
    lower, median, upper = np.quantile(values, [tail, 0.5, 1.0 - tail])
    found = (values.mean(), lower, upper, median, *hdi(values, level))
    return dict(zip(names, map(float, found), strict=True)) | {"sd": float(values.std())}


def path_table(
    observed: xr.DataArray, counterfactual: xr.DataArray, *, level: float, dims: Sequence[str]
) -> pd.DataFrame:
    """One row per period: observed, counterfactual and its interval, gap and its interval, and their level.

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
            "level": level,
        }
    )


def cumulative_table(
    times: pd.Index, gap: FloatArray, bounds: tuple[FloatArray, FloatArray] | None, *, level: float
) -> pd.DataFrame:
    """One row per treated period: the sum of the gaps (H,) since the start, and bounds (H,) of that sum; NaN for none.

    Examples
    --------
    >>> cumulative_table(pd.Index([1, 2]), np.array([1.0, 2.0]), None, level=0.9)["cumulative"].tolist()
    [1.0, 3.0]
    """
    lower, upper = (np.full(len(gap), np.nan),) * 2 if bounds is None else bounds
    return pd.DataFrame({"time": times, "cumulative": np.cumsum(gap), "lower": lower, "upper": upper, "level": level})


def with_relative(path: pd.DataFrame) -> pd.DataFrame:
    """Add each period's gap as a share of its untreated outcome: ``relative, relative_lower, relative_upper``."""
    gaps = path[["gap_lower", "gap_upper", "observed"]].to_numpy(dtype=float)
    bounds = np.array([lift_bounds(*row) for row in gaps]).reshape(-1, 2)
    relative = lift_of(path["gap"].to_numpy(dtype=float), gaps[:, 2])
    return path.assign(relative=relative, relative_lower=bounds[:, 0], relative_upper=bounds[:, 1])


def point_effects(observed: np.ndarray, counterfactual: np.ndarray) -> dict[str, float]:
    """Return the three estimands of a point counterfactual over the window given, both (n_post,)."""
    gap = gap_of(observed, counterfactual)
    average = float(gap.mean())
    return {
        "average": average,
        "cumulative": float(gap.sum()),
        "lift": float(lift_of(average, float(observed.mean()))),
    }


def complete(table: pd.DataFrame, *, method: str, model: str | None, seconds: float) -> pd.DataFrame:
    """Put method, model and seconds before the estimand rows, and the status behind, and order the columns.

    A table without a status is of something that is not sampled, and has no gate to fail.
    """
    table = table.assign(method=method, model=model, seconds=seconds)
    if "status" not in table:
        table = table.assign(status="ok")
    extra = [c for c in table.columns if c not in EFFECT_COLUMNS]
    return table.reindex(columns=[*EFFECT_COLUMNS, *extra])
