"""Fits of untreated units as pseudo-treated: one compiled model, resumable, in parallel."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsynth._base.brief import Brief
from bsynth._base.types import FloatArray, Label
from bsynth.bayesian.plan import plan
from bsynth.bayesian.result import Fit
from bsynth.bayesian.run import run
from bsynth.calibration.components import components_of
from bsynth.calibration.groups import Group
from bsynth.calibration.paths import PathMoments, path_moments
from bsynth.engines.sampling import ROUNDS, Sampling
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.archive import fingerprint
from bsynth.pieces import Record, Store, digest, run_pieces

KEPT = 1000
"""Draws kept of each placebo's gaps."""
_FORMAT = 5
"""Of a store's lines. It is part of their key: lines of another format are computed again, not misread."""


def _no_path() -> FloatArray:
    return np.empty((0, 0))


@dataclass(frozen=True, eq=False, repr=False)
class PlaceboFit(Brief):
    """What calibration keeps of one donor's fit as pseudo-treated, in pre-period sd units of that donor.

    With a log or logit scale gaps are those of the log or logit, and so are these units.

    Attributes
    ----------
    unit : label, or Group
    average : (n,) draws of the average predictive gap over the post period.
    component : (n,) of int, place of each draw's form among the components of its model's drift.
    path_mean, path_sd : (n_post,) mean and sd of the predictive gap of each period.
    support : (C,) posterior probability of each component at even prior odds; one for a model without a switch.
    scale : float
        Pre-period standard deviation of the donor, outcome units.
    status : "ok" or "unreliable"
    seconds : float
    path : (n, n_post) draws of the predictive gap of each period; ``average`` is their mean over periods.
    """

    unit: Label | Group
    average: FloatArray
    component: NDArray[np.intp]
    path_mean: FloatArray
    path_sd: FloatArray
    support: FloatArray
    scale: float
    status: str
    seconds: float
    path: FloatArray = field(default_factory=_no_path)

    @property
    def name(self) -> Label:
        """The unit's label; of a group which donors it is."""
        return str(self.unit) if isinstance(self.unit, Group) else self.unit

    @property
    def members(self) -> tuple[Label, ...]:
        """Donors whose mean it is; empty for a single unit."""
        return self.unit.members if isinstance(self.unit, Group) else ()

    def weights(self, factors: FloatArray) -> FloatArray:
        """(n,) weight of each draw when those of each component weigh ``factors`` (C,)."""
        return np.asarray(factors, dtype=float)[self.component]

    def reweighted(self, factors: FloatArray) -> tuple[float, float]:
        """Mean and sd of the average gap when draws of each component weigh ``factors`` (C,)."""
        weights = self.weights(factors)
        mean = float(np.average(self.average, weights=weights))
        return mean, float(np.sqrt(np.average((self.average - mean) ** 2, weights=weights)))

    def moments(self, factors: FloatArray) -> PathMoments:
        """Of the gap of each period, when draws of each component weigh ``factors`` (C,)."""
        path = self.path if self.path.size else np.empty((len(self.average), 0))
        return path_moments(path, self.average, self.weights(factors))

    def interval(self, level: float, factors: FloatArray) -> tuple[float, float]:
        """Equal-tailed interval of the average gap when draws of each component weigh ``factors`` (C,)."""
        tail = (1 - level) / 2
        lower, upper = weighted_quantiles(self.average[:, None], self.weights(factors), [tail, 1 - tail])[:, 0]
        return float(lower), float(upper)


_FIELDS = frozenset(each.name for each in fields(PlaceboFit)) - {"unit"}
"""Of a record in a store: everything but the unit, which is the name of the piece."""


def weighted_quantiles(values: FloatArray, weights: FloatArray, at: Sequence[float]) -> FloatArray:
    """(len(at), K) quantiles of each column of ``values`` (n, K) under the weights (n,).

    They are interpolated between draws; numpy's with weights step from draw to draw, and are no faster.
    """
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
    units: Sequence[Label | Group],
    sampling: Sampling,
    *,
    store: str | Path | None = None,
    progress: bool = True,
    periods: int = 0,
) -> tuple[PlaceboFit, ...]:
    """Fit each unit, or group, as pseudo-treated against the other donors; finished fits come from ``store``.

    The panel's own treated series may be among the units, by ``panel.treated_name``: its pool is all donors.
    ``periods`` makes room for more periods than the panel has, so that earlier windows share one compilation.
    """
    states = np.random.SeedSequence(sampling.seed).generate_state(panel.n_donors + 1)
    seeds: dict[Label, Any] = dict(zip((*panel.donors, panel.treated_name), states, strict=True))
    groups = [unit for unit in units if isinstance(unit, Group)]
    if groups:
        own = np.random.SeedSequence([sampling.seed, 1]).generate_state(max(g.number for g in groups))
        seeds |= {group: own[group.number - 1] for group in groups}
    records = run_pieces(
        {str(unit): unit for unit in units},
        lambda unit: _to_record(_placebo(panel, spec, unit, replace(sampling, seed=int(seeds[unit])), periods)),
        title="placebo",
        store=None if store is None else Store(Path(store), _key(panel, spec, sampling), _FIELDS),
        n_jobs=sampling.n_jobs,
        progress=progress,
    )
    return tuple(_from_record(unit, record) for unit, record in zip(units, records, strict=True))


def _placebo(panel: Panel, spec: ModelSpec, unit: Label | Group, sampling: Sampling, periods: int) -> PlaceboFit:
    """Fit one unit or group as pseudo-treated and keep what calibration needs."""
    if isinstance(unit, Group):
        own = panel.as_treated(unit.members)
    else:
        own = panel.as_treated(unit) if unit in panel.donors else panel
    # Room for every donor: the treated unit's own fit then needs no compilation of its own.
    request = plan(own, spec, sampling=sampling.as_needed(), slots=panel.n_donors, periods=periods)
    return summarise_placebo(run(request, progress=False, rounds=ROUNDS), unit)


def summarise_placebo(found: Fit, unit: Label | Group) -> PlaceboFit:
    """Reduce a fit of a pseudo-treated unit to its placebo summary."""
    forward = found.spec.link.forward
    observed = found.observed.values
    scale = float(observed[: found.n_pre].std(ddof=1))
    draws = found.counterfactual("predictive").transpose("chain", "draw", "time").values[..., found.n_pre :]
    gaps = forward(observed[found.n_pre :]) - forward(draws.reshape(-1, draws.shape[-1]))
    gaps /= float(forward(observed[: found.n_pre]).std(ddof=1))
    every = max(1, len(gaps) // KEPT)
    average = gaps.mean(axis=1)
    # Five decimals of a standard deviation: a store of reasonable size.
    path = gaps[::every].round(5)
    component, support = components_of(found)
    return PlaceboFit(
        unit=unit,
        average=average[::every],
        component=component[::every],
        path_mean=gaps.mean(axis=0),
        path_sd=gaps.std(axis=0),
        support=support,
        scale=scale,
        status=found.status,
        seconds=found.provenance.seconds,
        path=path,
    )


def _key(panel: Panel, spec: ModelSpec, sampling: Sampling) -> str:
    return digest([_FORMAT, fingerprint(panel), spec.to_dict(), sampling.decides()])


def _to_record(placebo: PlaceboFit) -> Record:
    found = {name: getattr(placebo, name) for name in sorted(_FIELDS)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


def _from_record(unit: Label | Group, record: Record) -> PlaceboFit:
    arrays = {name: np.asarray(value, dtype=float) for name, value in record.items() if isinstance(value, list)}
    arrays["component"] = arrays["component"].astype(np.intp)
    return PlaceboFit(unit=unit, **(record | arrays))
