"""Pieces of the graph's density that hold no parameter of their own; array forms stand in `bsynth.engines.drift`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt


def diagonal(
    residual: pt.TensorVariable,
    ones: pt.TensorVariable,
    seen: pt.TensorVariable,
    variance: pt.TensorVariable,
    level_sd: pt.TensorVariable,
) -> pt.TensorVariable:
    """Log density of N(0, diag(variance) + level_sd² 1 1') along the last axis, in a basis where 1 is ``ones``.

    Where ``seen`` is zero so is ``ones``, and the entry drops out.
    """
    plain = (seen * (residual**2 / variance + pt.log(variance))).sum(axis=-1)
    squares, products = (ones**2 / variance).sum(axis=-1), (ones * residual / variance).sum(axis=-1)
    level2 = level_sd**2
    return -0.5 * (plain - level2 * products**2 / (1 + level2 * squares) + pt.log1p(level2 * squares))


def share_density(
    total2: pt.TensorVariable, sigma2: pt.TensorVariable, drift2: pt.TensorVariable, data: Mapping[str, Any]
) -> pt.TensorVariable:
    """The graph's form of `bsynth.engines.drift.log_share_density`."""
    noise2, step2 = data["noise_sd"] ** 2, data["drift_sd"] ** 2
    constant = 0.5 * pt.log(np.pi / (2 * data["reach"] * step2))
    return constant + 0.5 * (pt.log(total2) - sigma2 / noise2 - drift2 / step2 + total2 / noise2)


def normal(
    K: pt.TensorVariable, residual: pt.TensorVariable, variance: pt.TensorVariable, seen: pt.TensorVariable
) -> pt.TensorVariable:
    """Log density of N(0, diag(variance) + K) by a Cholesky; unseen periods become independent unit noise."""
    cov = K * seen[:, None] * seen[None, :] + pt.diag(pt.switch(pt.gt(seen, 0.5), variance, 1.0))
    L = pt.linalg.cholesky(cov)
    z = pt.linalg.solve_triangular(L, residual * seen, lower=True)
    return -0.5 * (z**2).sum() - pt.log(pt.diagonal(L)).sum()


def powers(rho: pt.TensorVariable, lags: pt.TensorVariable) -> pt.TensorVariable:
    """ρ^lag of whole ``lags`` (n, n): a power per lag, since n² of them would be half of the gradient."""
    return pt.exp(pt.arange(lags.max() + 1) * pt.log(rho))[lags]


def persistent(rho: pt.TensorVariable, z: pt.TensorVariable, in_panel: pt.TensorVariable) -> pt.TensorVariable:
    """The graph's form of `bsynth.engines.drift.persistent`; periods outside the panel count in no mean."""
    steps = pt.arange(z.shape[0])
    series = (
        powers(rho, abs(steps[:, None] - steps[None, :])) * pt.ge(steps[:, None], steps[None, :])
    ) @ pt.concatenate([z[:1], pt.sqrt(1 - rho**2) * z[1:]])
    return series - (in_panel * series).sum() / in_panel.sum()


def spread(series: pt.TensorVariable, in_panel: pt.TensorVariable) -> pt.TensorVariable:
    """The graph's form of `bsynth.engines.drift.spread`."""
    return pt.sqrt((in_panel * series**2).sum() / in_panel.sum())
