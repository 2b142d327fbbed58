"""Posteriors put together without a sampler: parameters as they are given, everything after them the real code."""

from collections.abc import Callable

import matplotlib
import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.bayesian.plan import plan
from bsynth.bayesian.result import Fit, Provenance
from bsynth.bayesian.tree import assemble
from bsynth.engines import predict
from bsynth.model.spec import ModelSpec

matplotlib.use("Agg")

CHAINS, DRAWS = 4, 2500

type Make = Callable[..., Fit]


def draw_parameters(panel: bs.Panel, spec: ModelSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Parameters (chain, draw, ...) on the design's scale, weights and level correlated as posteriors are."""
    shape = (CHAINS, DRAWS)
    weights = rng.dirichlet(np.full(panel.n_donors, 2.0), size=shape)
    level = 0.2 * rng.standard_normal(shape) - (weights[..., 0] - 1 / panel.n_donors)
    found = {"weights": weights, "level": level if spec.level.prior == "shift" else 0.0 * level}
    found["total"] = np.exp(rng.normal(-1.5, 0.2, shape))
    found["share"] = rng.beta(40, 20, shape)
    found["slope_sd"] = 0.1 * np.exp(rng.normal(-1.5, 0.3, shape))
    found["rho"] = rng.beta(6, 2, shape)
    found["donor_level"] = rng.normal(0, 0.3, (*shape, panel.n_donors))
    found["period"] = rng.normal(0, 0.3, (*shape, len(panel.times)))
    found["donor_noise"] = np.exp(rng.normal(-1.0, 0.2, shape))
    half = spec.noise.degrees / 2
    found["kappa"] = half / rng.gamma(half, size=(*shape, panel.n_pre))
    if panel.covariates is not None:
        found["beta"] = rng.normal(0.5, 0.3, (*shape, len(panel.covariates.names)))
    wanted = {"weights", "total"}
    if spec.noise.distribution == "student-t":
        wanted |= {"level"} if spec.drift.process == "none" else {"kappa"}
    wanted |= {"beta"} if spec.covariates.use == "time-varying" else set()
    wanted |= {"share"} if spec.drift.process != "none" else set()
    wanted |= {"slope_sd"} if spec.drift.process == "local-trend" else set()
    wanted |= {"rho"} if spec.drift.process == "ar1" else set()
    wanted |= {"donor_level", "period", "donor_noise"} if spec.cells.variance == "known" else set()
    return {name: found[name] for name in wanted}


def make_fit(panel: bs.Panel, spec: ModelSpec, *, parameters: dict[str, np.ndarray] | None = None) -> Fit:
    rng = np.random.default_rng(5)
    request = plan(panel, spec)
    parameters = draw_parameters(panel, spec, rng) if parameters is None else parameters
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in parameters.items()}
    draws = predict.counterfactual(flat, request.design, spec, rng)
    tree = assemble(panel, request.design, {"energy": np.zeros((CHAINS, DRAWS))}, parameters, draws)
    fine = Diagnostics("ok", (), 1.0, 4000.0, 1.0, 0, 0, 1.0, retried=False)
    return Fit(tree, spec, fine, Provenance(0, DRAWS, 100, CHAINS, 0.9, 1.0, "made", panel.to_dict(), {}), panel)


@pytest.fixture(scope="session")
def made() -> Make:
    return make_fit


@pytest.fixture(scope="session")
def world() -> bs.Panel:
    """Six donors, one covariate, 20 periods before and 8 after the start."""
    rng = np.random.default_rng(1)
    factor = np.cumsum(rng.normal(size=28))
    rows = [
        (f"u{i}", t, (0.6 + 0.1 * i) * factor[t] + 0.3 * rng.normal() + 20.0 + 2.0 * (i == 0) * (t >= 20), rng.normal())
        for i in range(7)
        for t in range(28)
    ]
    frame = pd.DataFrame(rows, columns=["unit", "time", "sales", "rain"])
    return bs.Panel.from_long(
        frame, unit="unit", time="time", outcome="sales", treated="u0", start=20, covariates=["rain"]
    )


@pytest.fixture(scope="session")
def cells() -> bs.Panel:
    """Eight workspaces with a few users in each weekly cell."""
    rng = np.random.default_rng(2)
    rows = [(w, t, float(rng.random() < 0.5)) for w in range(8) for t in range(15) for _ in range(12)]
    frame = pd.DataFrame(rows, columns=["workspace", "week", "done"])
    return bs.Panel.from_events(frame, unit="workspace", time="week", outcome="done", treated=[0, 1], start=10)
