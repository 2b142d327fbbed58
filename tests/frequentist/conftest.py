"""Published numbers are held against an estimate in one place."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from bsynth.frequentist.estimate import Estimate

RELATIVE = 1e-5
"""Relative tolerance of the recomputed reference figures; they are printed to six decimals."""

type Figures = Mapping[str, float]


def _check(estimate: Estimate, figures: Figures, weights: Figures | None = None) -> None:
    found = {
        "pre_ssr": float((estimate.gap[: estimate.panel.n_pre] ** 2).sum()),
        "pre_rmspe": estimate.pre_rmspe,
        "mean_gap": float(estimate.gap[estimate.panel.n_pre :].mean()),
        "last_gap": float(estimate.gap[-1]),
        "post_rmspe": estimate.post_rmspe,
        "ratio": estimate.rmspe_ratio,
        "intercept": estimate.intercept,
    }
    for name, value in figures.items():
        assert found[name] == pytest.approx(value, rel=RELATIVE, abs=1e-6), name
    if weights is not None:
        table = estimate.weights_table().set_index("donor")["weight"]
        assert set(table[table > 0.001].index) == set(weights)
        np.testing.assert_allclose(table[list(weights)], list(weights.values()), atol=1e-6, rtol=RELATIVE)


@pytest.fixture(scope="session")
def check_estimate() -> Callable[..., None]:
    return _check
