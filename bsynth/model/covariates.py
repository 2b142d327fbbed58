"""Covariates of a panel → the arrays a model sees: movements over time, or one row per predictor."""

from dataclasses import dataclass

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.plain import show
from bsynth._base.types import FloatArray
from bsynth.errors import PanelError, some_of
from bsynth.panel import Covariates, Panel
from bsynth.text.numbers import count


@dataclass(frozen=True, eq=False, repr=False)
class Movements(Brief):
    """Time-varying covariates of one fit, scaled.

    Each covariate is centred as the outcomes are (on every unit's own pre-period mean when the donors are, else
    on one common mean, which cancels because weights sum to 1), then divided by the standard deviation of all
    its pre-period values so centred, pooled over the treated series and the donors.

    Attributes
    ----------
    names : K covariates.
    treated : (T, K)
        Of the treated series: the mean over treated units.
    donors : (K, T, J)
    scale : (K,)
        Units of the covariate per scaled unit.
    """

    names: tuple[str, ...]
    treated: FloatArray
    donors: FloatArray
    scale: FloatArray

    def effect(self, weights: FloatArray, beta: FloatArray) -> FloatArray:
        """Return (z_0t − Σ_j w_j z_jt)′β, (S, T), for weights (S, J) and beta (S, K)."""
        found = beta @ self.treated.T
        for k, donors in enumerate(self.donors):
            found -= beta[:, k, None] * (weights @ donors.T)
        return np.asarray(found)


@dataclass(frozen=True, eq=False, repr=False)
class PredictorRows(Brief):
    """Static predictors of one fit: each unit's mean over the pre-periods it has, standardised over units.

    Attributes
    ----------
    names : K predictors.
    treated : (K,)
    donors : (K, J)
    """

    names: tuple[str, ...]
    treated: FloatArray
    donors: FloatArray


def movements(panel: Panel, *, own_means: bool, model: str) -> Movements:
    """Scale the covariates of ``panel``; ``own_means`` centres every unit on its own pre-period mean.

    Raises
    ------
    PanelError
        No covariates, a missing value in the window, or a covariate that does not move.
    """
    found = _covariates(panel, model)
    n_pre, n_treated = panel.n_pre, panel.n_treated
    for name, values in zip(found.names, found.values, strict=True):
        if (holes := np.isnan(values)).any():
            cells = [f"{show(panel.units[i])} at {show(panel.times[t])}" for i, t in np.argwhere(holes.T)]
            raise PanelError(
                f"{panel.source.name}: covariate {name!r} has no value in {count(len(cells), 'cell')}: "
                f"{some_of(cells)}; model {model!r} needs all of them, complete the column, leave it out, "
                "or use covariates.use = 'predictors'"
            )
    series = np.concatenate(
        [found.values[:, :, :n_treated].mean(axis=2, keepdims=True), found.values[:, :, n_treated:]], axis=2
    )
    centred = series - series[:, :n_pre].mean(axis=1 if own_means else (1, 2), keepdims=True)
    scale = centred[:, :n_pre].std(axis=(1, 2))
    size = np.abs(series[:, :n_pre]).max(axis=(1, 2))
    if (still := scale <= 1e-12 * size).any():
        raise PanelError(
            f"{panel.source.name}: covariate {found.names[int(still.argmax())]!r} does not move before "
            f"{show(panel.start)}, so its coefficient cannot be learned; leave it out, or use "
            "covariates.use = 'predictors'"
        )
    centred /= scale[:, None, None]
    return Movements(found.names, centred[:, :, 0].T, centred[:, :, 1:], scale)


def predictors(panel: Panel, *, model: str) -> PredictorRows:
    """Average the covariates of ``panel`` over the pre-period and standardise them over units.

    Raises
    ------
    PanelError
        No covariates, a unit without any value before the start, or a predictor that is the same for all.
    """
    found = _covariates(panel, model)
    before, n_treated = found.values[:, : panel.n_pre], panel.n_treated
    seen = ~np.isnan(before)
    if not (has := seen.any(axis=1)).all():
        k = int((~has).any(axis=1).argmax())
        units = [show(panel.units[i]) for i in np.flatnonzero(~has[k])]
        raise PanelError(
            f"{panel.source.name}: covariate {found.names[k]!r} has no value before {show(panel.start)} for "
            f"{some_of(units)}; leave out such units or the covariate"
        )
    unit = np.where(seen, before, 0.0).sum(axis=1) / seen.sum(axis=1)
    rows = np.concatenate([unit[:, :n_treated].mean(axis=1, keepdims=True), unit[:, n_treated:]], axis=1)
    sd = rows.std(axis=1)
    if (same := sd <= 1e-12 * np.abs(rows).max(axis=1)).any():
        raise PanelError(
            f"{panel.source.name}: covariate {found.names[int(same.argmax())]!r} is the same for every unit before "
            f"{show(panel.start)}, so it says nothing about the weights; leave it out"
        )
    rows = (rows - rows.mean(axis=1, keepdims=True)) / sd[:, None]
    return PredictorRows(found.names, rows[:, 0], rows[:, 1:])


def _covariates(panel: Panel, model: str) -> Covariates:
    if panel.covariates is None:
        raise PanelError(
            f"model {model!r} needs covariates, and the panel has none; name their columns with covariates=[...], "
            "or use a model without them such as 'default'"
        )
    return panel.covariates
