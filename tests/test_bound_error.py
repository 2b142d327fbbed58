"""The Monte-Carlo error of the bounds that are reported: said, and small enough."""

import math

import numpy as np
import pytest

import bsynth as bs
from bsynth.bayesian import diagnostics
from bsynth.bayesian.diagnostics import bound_error


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    return bs.Panel.from_long(
        bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome", treated=0, start=30
    )


def test_it_is_what_repetitions_show(rng: np.random.Generator) -> None:
    draws = rng.normal(size=(300, 4, 1000))
    bounds = np.quantile(draws, [0.025, 0.975], axis=(1, 2))
    seen = bounds.std(axis=1).max() / (bounds[1] - bounds[0]).mean()
    assert np.mean([bound_error(each) for each in draws]) == pytest.approx(seen, rel=0.25)
    assert bound_error(np.ones((4, 100))) == 0.0


def test_a_fit_goes_on_where_its_bounds_are_not_precise(panel: bs.Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    # Fits that are sampled further for another reason would not tell.
    monkeypatch.setattr(diagnostics, "RHAT_MAX", 2.0)
    monkeypatch.setattr(diagnostics, "ESS_MIN", 1)
    careful = bs.Sampling(seed=1, target_accept=0.98)
    monkeypatch.setattr(diagnostics, "BOUND_ERROR_MAX", 1.0)
    short = bs.fit(panel, "level", sampling=careful, progress=False)
    assert short.provenance.draws == 1000
    assert 0 < short.diagnostics.bound_error < 0.1
    monkeypatch.setattr(diagnostics, "BOUND_ERROR_MAX", 1e-6)
    longer = bs.fit(panel, "level", sampling=careful, progress=False)
    assert longer.provenance.draws == 2000
    assert longer.diagnostics.bound_error < short.diagnostics.bound_error
    asked = bs.fit(panel, "level", sampling=careful, draws=300, progress=False)
    assert asked.provenance.draws == 300, "fewer draws than usual are asked for knowingly"
    assert not math.isnan(asked.diagnostics.to_dict()["bound_error"])
