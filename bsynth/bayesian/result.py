"""The result of a Bayesian fit and its file format (NetCDF, never pickle)."""

import json
import os
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bsynth import effects
from bsynth._base.request import as_path, check_file, writing
from bsynth._base.types import IntervalKind, Status
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.errors import PanelError, SpecError, came
from bsynth.model.spec import ModelSpec
from bsynth.text.numbers import bracket, exact, numbers

FORMAT = 1
_GROUP = {"predictive": "posterior_predictive", "mean": "posterior"}
_VARIABLE = "counterfactual"


@dataclass(frozen=True)
class Provenance:
    """What made a fit: enough to make it again."""

    seed: int
    draws: int
    tune: int
    chains: int
    target_accept: float
    seconds: float
    reason: str
    panel: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class Fit:
    """A posterior counterfactual of the treated series.

    Attributes
    ----------
    tree : xarray.DataTree
        ``posterior`` (weights, intercept, level_shift, sigma and ``counterfactual``, the counterfactual
        mean; with covariates ``beta`` and ``covariate_effect``, or ``predictor_sd``; with concentrations
        averaged ``alpha``), ``posterior_predictive`` (``counterfactual``: with the noise of the periods seen),
        ``log_likelihood`` (pre-period), ``sample_stats``, ``observed_data``, ``constant_data``.
        Outcome units throughout; ArviZ reads it as it is. With a drift switch, ``drift_sd`` means something
        only in draws whose ``drifting`` is 1: elsewhere it is in no likelihood; and ``rho`` is 1 where a drift
        that may be an AR(1) or a walk is a walk.
    spec : ModelSpec
    diagnostics : Diagnostics
        The convergence gate.
    provenance : Provenance
    """

    tree: xr.DataTree
    spec: ModelSpec
    diagnostics: Diagnostics
    provenance: Provenance

    @property
    def status(self) -> Status:
        """``"ok"``, or ``"unreliable"`` when the convergence gate failed."""
        return self.diagnostics.status

    @property
    def observed(self) -> xr.DataArray:
        """Treated series (time,), outcome units."""
        return effects.variable(self.tree, "observed_data", "outcome")

    @property
    def n_pre(self) -> int:
        """Number of pre-treatment periods."""
        return int(self.tree.attrs["n_pre"])

    def counterfactual(self, interval: IntervalKind = "predictive") -> xr.DataArray:
        """Draws (chain, draw, time) of the untreated outcome; ``"mean"`` leaves out period noise."""
        if interval not in _GROUP:
            raise SpecError(f"interval {interval!r} is not known; give 'predictive' or 'mean'")
        return effects.variable(self.tree, _GROUP[interval], _VARIABLE)

    def effect_draws(self, interval: IntervalKind = "predictive") -> xr.Dataset:
        """Draws (chain, draw) of the average, cumulative and relative effect over the treated window."""
        post = slice(self.n_pre, None)
        return effects.effect_draws(self.observed.isel(time=post), self.counterfactual(interval).isel(time=post))

    def effects(
        self, level: float = 0.95, *, interval: IntervalKind = "predictive", rope: float | None = None
    ) -> pd.DataFrame:
        """One row per estimand (average, cumulative, lift) over the treated window.

        Parameters
        ----------
        level : float
            Probability inside the equal-tailed and HDI intervals.
        interval : {"predictive", "mean"}
            ``predictive`` adds the noise of the periods seen; ``mean`` is the uncertainty of the
            counterfactual mean alone.
        rope : float, optional
            Adds P(|average effect| > rope), outcome units.
        """
        effects.check_level(level)
        observed = float(self.observed.isel(time=slice(self.n_pre, None)).mean(skipna=False))
        table = effects.posterior_table(
            self.effect_draws(interval), observed=observed, level=level, interval=interval, rope=rope
        )
        table["status"] = self.status
        return effects.complete(table, method="bayes", model=self.spec.name, seconds=self.provenance.seconds)

    def notes(self) -> tuple[str, ...]:
        """Sentences that belong beside the effects: why there is no lift, where there is none."""
        return effects.lift_notes(self.effects())

    def path(self, level: float = 0.95, *, interval: IntervalKind = "predictive") -> pd.DataFrame:
        """One row per period: observed, counterfactual, gap, with equal-tailed intervals of the kind ``interval``."""
        effects.check_level(level)
        table = effects.path_table(
            self.observed, self.counterfactual(interval), level=level, dims=effects.POSTERIOR_DIMS
        )
        return table.assign(interval=interval)

    def weights(self, level: float = 0.95) -> pd.DataFrame:
        """Posterior mean and equal-tailed interval of each donor's weight, largest first."""
        effects.check_level(level)
        draws = effects.variable(self.tree, "posterior", "weights")
        lower, upper = effects.equal_tailed(draws, level, effects.POSTERIOR_DIMS)
        table = pd.DataFrame(
            {
                "donor": draws["donor"].to_index(),
                "weight": draws.mean(effects.POSTERIOR_DIMS).values,
                "lower": lower.values,
                "upper": upper.values,
            }
        )
        return table.sort_values("weight", ascending=False, ignore_index=True)

    def synthetic(self) -> xr.DataArray:
        """Posterior mean (time,) of level, weighted donors and covariates, outcome units: no drift."""
        posterior, constant = self.tree["posterior"].to_dataset(), self.tree["constant_data"].to_dataset()
        weights = posterior["weights"].mean(effects.POSTERIOR_DIMS) * constant["slope"]
        found = posterior["intercept"].mean() + (constant["donors"] * weights).sum("donor")
        if "covariate_effect" in posterior:
            found = found + posterior["covariate_effect"].mean(effects.POSTERIOR_DIMS)
        return found

    @property
    def pre_rmse(self) -> float:
        """RMSE over the pre-period of the observed series about `synthetic`, outcome units."""
        residual = (self.observed - self.synthetic()).isel(time=slice(0, self.n_pre))
        return float((residual**2).mean() ** 0.5)

    @property
    def effective_donors(self) -> float:
        """Posterior mean of 1/Σw²: how many donors share the weight."""
        weights = effects.variable(self.tree, "posterior", "weights")
        return float((1.0 / (weights**2).sum("donor")).mean())

    def save(self, path: str | Path) -> None:
        """Write the fit to a NetCDF file that `bsynth.load` and ArviZ read.

        Raises
        ------
        SpecError
            When no file can be written there.
        """
        file = check_file(path, "path")
        tree = self.tree.copy()
        tree.attrs = dict(self.tree.attrs) | {
            "bsynth_format": FORMAT,
            "bsynth_spec": json.dumps(self.spec.to_dict()),
            "bsynth_diagnostics": json.dumps(self.diagnostics.to_dict()),
            "bsynth_provenance": json.dumps(asdict(self.provenance)),
        }
        part = file.with_name(file.name + ".part")
        with writing(file, "path"):
            tree.to_netcdf(part, engine="h5netcdf")
            part.replace(file)

    def __repr__(self) -> str:
        row = self.effects().iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        mark = "" if self.status == "ok" else " UNRELIABLE"
        return f"<Fit {self.spec.name!r}{mark}: average effect {estimate}, 95% predictive {bracket(bounds)}>"

    def _repr_html_(self) -> str:
        marks = "".join(f"<li>{escape(f)}</li>" for f in self.diagnostics.failures)
        warning = (
            f"<p style='color:#b00020;font-weight:bold'>Unreliable: the convergence gate failed.</p><ul>{marks}</ul>"
            if marks
            else ""
        )
        columns = ["estimand", "estimate", "lower", "upper", "level", "interval", "probability_positive"]
        table = self.effects()[columns].to_html(index=False, float_format=exact, border=0)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes())
        return f"<b>{escape(self.spec.title)}</b> ({escape(self.spec.name)}){warning}{table}{notes}"


def load(path: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Raises
    ------
    PanelError
        The file is missing, unreadable, or not a bsynth fit.
    """
    file = as_path(path, "path")
    if not os.path.isfile(file):
        reason = "is a folder" if os.path.isdir(file) else "does not exist"
        raise PanelError(f"{str(path)!r} {reason}; give a file that fit.save wrote")
    try:
        with xr.open_datatree(file, engine="h5netcdf") as stored:
            tree = stored.load()
        if tree.attrs.get("bsynth_format") != FORMAT:
            raise PanelError(f"{str(path)!r} is not a bsynth fit of format {FORMAT}; give a file that fit.save wrote")
        return _restored(tree)
    except PanelError:
        raise
    # What HDF5, xarray and JSON raise over bytes of another kind or a file cut short.
    except (OSError, ValueError, TypeError, LookupError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise PanelError(
            f"{str(path)!r} cannot be read as a fit ({reason}); give a file that fit.save wrote"
        ) from error


def _restored(tree: xr.DataTree) -> Fit:
    """The fit in a tree that was read: what is not arrays travels as attributes."""
    attrs = dict(tree.attrs)
    spec = ModelSpec.model_validate(json.loads(attrs.pop("bsynth_spec")))
    diagnostics = json.loads(attrs.pop("bsynth_diagnostics"))
    diagnostics["failures"] = tuple(diagnostics["failures"])
    provenance = Provenance(**json.loads(attrs.pop("bsynth_provenance")))
    attrs.pop("bsynth_format")
    tree.attrs = attrs
    return Fit(tree, spec, Diagnostics(**diagnostics), provenance)


def require_fit(fit: object) -> None:
    """Refuse anything but a fit.

    Raises
    ------
    PanelError

    Examples
    --------
    >>> require_fit(None)
    Traceback (most recent call last):
    bsynth.errors.PanelError: a Fit is needed and None came; bsynth.fit(panel) or bsynth.load(path) return one
    """
    if not isinstance(fit, Fit):
        raise PanelError(f"a Fit is needed and {came(fit)} came; bsynth.fit(panel) or bsynth.load(path) return one")
