"""Fits of untreated units as pseudo-treated: one compiled model, resumable, in parallel."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import joblib
import numpy as np

from bsynth._progress import progress_bar
from bsynth._store import append, digest, stored
from bsynth._types import FloatArray, Label
from bsynth.errors import UnreliableWarning
from bsynth.fitting import plan, run
from bsynth.ingest import show
from bsynth.panel import Panel
from bsynth.result import Fit
from bsynth.spec import ModelSpec

KEPT = 1000
"""Draws kept of each placebo's gaps."""
_FORMAT = 2
"""Of a store's lines. It is part of their key: lines of another format are computed again, not misread."""


def _no_path() -> FloatArray:
    return np.empty((0, 0))


@dataclass(frozen=True, eq=False)
class PlaceboFit:
    """What calibration keeps of one donor's fit as pseudo-treated, in pre-period sd units of that donor.

    Attributes
    ----------
    unit : label
    average : (n,) draws of the average predictive gap over the post period.
    drifting : (n,) of bool, whether each draw has its drift on.
    path_mean, path_sd : (n_post,) mean and sd of the predictive gap of each period.
    odds : float
        Posterior odds of drift at even prior odds; NaN for a model without a switch.
    scale : float
        Pre-period standard deviation of the donor, outcome units.
    status : "ok" or "unreliable"
    seconds : float
    path : (n, n_post) draws of the predictive gap of each period; ``average`` is their mean over periods.
    """

    unit: Label
    average: FloatArray
    drifting: FloatArray
    path_mean: FloatArray
    path_sd: FloatArray
    odds: float
    scale: float
    status: str
    seconds: float
    path: FloatArray = field(default_factory=_no_path)

    def weights(self, factor: float) -> FloatArray:
        """(n,) weight of each draw when drifting ones weigh ``factor`` times the others."""
        return np.where(self.drifting > 0, factor, 1.0)

    def reweighted(self, factor: float) -> tuple[float, float]:
        """Mean and sd of the average gap when drifting draws weigh ``factor`` times the others."""
        weights = self.weights(factor)
        mean = float(np.average(self.average, weights=weights))
        return mean, float(np.sqrt(np.average((self.average - mean) ** 2, weights=weights)))

    def interval(self, level: float, factor: float = 1.0) -> tuple[float, float]:
        """Equal-tailed interval of the average gap, drifting draws weighing ``factor`` times the others."""
        tail = (1 - level) / 2
        lower, upper = weighted_quantiles(self.average[:, None], self.weights(factor), [tail, 1 - tail])[:, 0]
        return float(lower), float(upper)


def weighted_quantiles(values: FloatArray, weights: FloatArray, at: Sequence[float]) -> FloatArray:
    """(len(at), K) quantiles of each column of ``values`` (n, K) under the weights (n,)."""
    found = np.empty((len(at), values.shape[1]))
    for k, column in enumerate(values.T):
        order = np.argsort(column)
        own = weights[order]
        cumulative = (np.cumsum(own) - 0.5 * own) / own.sum()
        found[:, k] = np.interp(at, cumulative, column[order])
    return found


def placebo_fits(
    panel: Panel,
    spec: ModelSpec,
    units: Sequence[Label],
    *,
    draws: int,
    seed: int,
    n_jobs: int | None = None,
    store: str | Path | None = None,
    progress: bool = True,
    periods: int = 0,
) -> tuple[PlaceboFit, ...]:
    """Fit each unit as pseudo-treated against the other donors; finished fits come from ``store``.

    The panel's own treated series may be among the units, by ``panel.treated_name``: its pool is all donors.
    ``periods`` makes room for more periods than the panel has, so that earlier windows share one compilation.
    """
    key = _key(panel, spec, draws, seed)
    file = None if store is None else Path(store)
    done = {} if file is None else _stored(file, key)
    missing = [unit for unit in units if _text(unit) not in done]
    states = np.random.SeedSequence(seed).generate_state(panel.n_donors + 1)
    seeds = dict(zip((*panel.donors, panel.treated_name), states, strict=True))
    with progress_bar(f"{spec.name}: units as if treated from {show(panel.start)}", len(units), progress) as bar:
        bar.advance(bar.task_ids[0], len(units) - len(missing))

        def finished(result: PlaceboFit) -> None:
            done[_text(result.unit)] = result
            if file is not None:
                _append(file, key, result)
            bar.advance(bar.task_ids[0])

        # The first fit compiles the model; only then do the others start, and share it.
        for unit in missing[:1]:
            finished(_placebo(panel, spec, unit, draws, int(seeds[unit]), periods))
        jobs = [joblib.delayed(_placebo)(panel, spec, unit, draws, int(seeds[unit]), periods) for unit in missing[1:]]
        for result in joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")(jobs):
            finished(result)
    # A store knows labels as text alone.
    return tuple(replace(done[_text(unit)], unit=unit) for unit in units)


def _placebo(panel: Panel, spec: ModelSpec, unit: Label, draws: int, seed: int, periods: int) -> PlaceboFit:
    """Fit one unit as pseudo-treated and keep what calibration needs."""
    own = panel.as_treated(unit) if unit in panel.donors else panel
    with warnings.catch_warnings():
        # Counted and reported by the calibration as a whole.
        warnings.simplefilter("ignore", UnreliableWarning)
        # Room for every donor: the treated unit's own fit then needs no compilation of its own.
        request = plan(own, spec, draws=draws, seed=seed, slots=panel.n_donors, periods=periods)
        found = run(request, progress=False)
    return summarise_placebo(found, unit)


def summarise_placebo(found: Fit, unit: Label) -> PlaceboFit:
    """Reduce a fit of a pseudo-treated unit to its placebo summary."""
    post = slice(found.n_pre, None)
    scale = float(found.observed.isel(time=slice(0, found.n_pre)).std(ddof=1))
    gaps = ((found.observed - found.counterfactual("predictive")) / scale).isel(time=post)
    gaps = gaps.stack(sample=("chain", "draw"))
    every = max(1, gaps.sizes["sample"] // KEPT)
    average = gaps.mean("time").values
    # Five decimals of a standard deviation: a store of reasonable size.
    path = gaps.transpose("sample", "time").values[::every].round(5)
    posterior = found.tree["posterior"].to_dataset()
    drifting, odds = np.ones_like(average), math.nan
    if "drift_log_odds" in posterior:
        drifting = posterior["drifting"].stack(sample=("chain", "draw")).values
        prior = found.spec.drift.probability
        if 0 < prior < 1:
            with np.errstate(over="ignore"):
                on = 1 / (1 + (1 - prior) / prior * np.exp(-posterior["drift_log_odds"].values))
            share = float(on.mean())
            # Posterior odds over prior odds, so that they are those at even prior odds.
            odds = math.inf if share >= 1 else share / (1 - share) * (1 - prior) / prior
    return PlaceboFit(
        unit=unit,
        average=average[::every],
        drifting=drifting[::every],
        path_mean=gaps.mean("sample").values,
        path_sd=gaps.std("sample").values,
        odds=odds,
        scale=scale,
        status=found.status,
        seconds=found.provenance.seconds,
        path=path,
    )


def _key(panel: Panel, spec: ModelSpec, draws: int, seed: int) -> str:
    return digest([_FORMAT, panel.summary(), spec.to_dict(), draws, seed], panel.outcome.tobytes())


def _text(unit: Label) -> str:
    return str(unit)


def _append(file: Path, key: str, placebo: PlaceboFit) -> None:
    record = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(placebo).items()}
    append(file, f"{key}/{_text(placebo.unit)}", record | {"unit": _text(placebo.unit)})


def _stored(file: Path, key: str) -> dict[str, PlaceboFit]:
    """Read finished fits of these settings."""
    found: dict[str, PlaceboFit] = {}
    for name, record in stored(file).items():
        if name.startswith(f"{key}/"):
            arrays = {n: np.asarray(v, dtype=float) for n, v in record.items() if isinstance(v, list)}
            found[record["unit"]] = PlaceboFit(**(record | arrays))
    return found
