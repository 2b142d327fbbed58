"""Settings of the sampler: one value, and every verb hands all of it on to each of its fits."""

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.analysis import plan_analysis
from bsynth.analysis.compare import plan_comparison
from bsynth.calibration.placebos import _key as placebo_key
from bsynth.engines.sampling import resolve
from bsynth.findings.specifications import plan_curve
from bsynth.findings.specifications.runs import _key as curve_key
from bsynth.reporting.notebook import write_notebook

VERBS = [
    bs.fit, bs.plan, bs.calibrate, bs.certify, bs.leave_future_out, bs.audit_prior, bs.audit_donors, bs.analyse,
    bs.compare, bs.specification_curve, plan_curve, write_notebook, plan_analysis, plan_comparison,
]  # fmt: skip
OTHERS = [
    {"draws": 150}, {"tune": 150}, {"chains": 3}, {"target_accept": 0.8}, {"seed": 5},
]  # fmt: skip
CURVE: dict[str, Any] = {
    "base": "level", "scales": ["treated"], "drifts": ["none"], "alphas": [1.0], "pools": [], "starts": [],
    "since": [], "last": 3,
}  # fmt: skip
LITTLE = bs.Sampling(draws=100, tune=110, chains=2, target_accept=0.85, seed=3, n_jobs=1)
"""Too little for the gate: each fit is tried again more strictly, which is seen too."""


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    frame = bs.simulate_factor(donors=5, n_pre=12, n_post=3, seed=1)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=12)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_every_verb_that_samples_takes_the_same_three(verb: Callable[..., Any]) -> None:
    parameters = inspect.signature(verb).parameters
    for name in ("draws", "seed", "sampling"):
        assert parameters[name].default is None
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert not {"tune", "chains", "target_accept", "n_jobs", "engine"} & set(parameters)


def test_draws_and_seed_stand_above_sampling() -> None:
    whole = bs.Sampling(draws=200, tune=2000, target_accept=0.99, seed=4, n_jobs=2)
    assert resolve(whole) is not None
    assert resolve(whole, draws=300, seed=0) == replace(whole, draws=300, seed=0)
    assert resolve(None) == bs.Sampling()
    assert resolve(None, seed=7, default=bs.Sampling(draws=500)) == bs.Sampling(draws=500, seed=7)
    assert resolve(whole, default=bs.Sampling(draws=500)) == whole


def test_the_retry_is_stricter_and_keeps_the_rest() -> None:
    strict = LITTLE.stricter()
    assert strict == replace(LITTLE, draws=200, tune=330, target_accept=0.99)


def test_going_on_costs_no_more_tuning_than_the_start_and_is_careful_after_divergences() -> None:
    whole = bs.Sampling(draws=300, tune=600, seed=3)
    assert whole.onward(900, careful=False) == replace(whole, draws=900, tune=200)
    assert whole.onward(300, careful=True) == replace(whole, target_accept=0.98)
    assert bs.Sampling(tune=100).onward(300, careful=True).tune == 300
    steps = [whole.onward(300, careful=True, attempt=attempt).target_accept for attempt in (1, 2, 3, 4, 5)]
    assert steps == [0.98, 0.99, 0.995, 0.998, 0.998]
    assert bs.Sampling(target_accept=0.995).onward(300, careful=True).target_accept == 0.995
    assert bs.Sampling().as_needed() == bs.Sampling(draws=300, tune=300)
    assert bs.Sampling(draws=200, tune=100).as_needed() == bs.Sampling(draws=200, tune=100)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"draws": 10}, "draws is 10; give at least 100"),
        ({"tune": 99}, "tune is 99; give at least 100"),
        ({"chains": 1}, "chains is 1; give at least 2"),
        ({"target_accept": 1.0}, "target_accept is 1.0; give a number from 0.5"),
        ({"target_accept": "x"}, "target_accept is 'x'; give a finite number"),
        ({"seed": -1}, "seed is -1"),
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"engine": "nutpy"}, "unknown engine 'nutpy'; allowed: auto, pymc"),
    ],
)
def test_bad_settings_are_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(bs.SpecError, match=message) as caught:
        bs.Sampling(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_what_decides_the_draws_is_in_the_keys_of_stored_fits(panel: bs.Panel, other: dict[str, Any]) -> None:
    spec = bs.plan(panel, "level").spec
    assert placebo_key(panel, spec, LITTLE) != placebo_key(panel, spec, replace(LITTLE, **other))
    plans = [plan_curve(panel, **CURVE, sampling=each) for each in (LITTLE, replace(LITTLE, **other))]
    assert curve_key(plans[0]) != curve_key(plans[1])


def test_the_number_of_jobs_is_not(panel: bs.Panel) -> None:
    spec, more = bs.plan(panel, "level").spec, replace(LITTLE, n_jobs=2)
    assert placebo_key(panel, spec, LITTLE) == placebo_key(panel, spec, more)
    plans = [plan_curve(panel, **CURVE, sampling=each) for each in (LITTLE, more)]
    assert len({curve_key(each) for each in plans}) == 1


def test_panels_share_stored_fits_when_they_are_the_same_to_a_model() -> None:
    rng = np.random.default_rng(1)
    log = pd.DataFrame({"team": np.tile(np.arange(6), 160), "week": np.repeat(np.arange(10), 96)})
    log = log.assign(
        done=rng.random(len(log)), user=np.arange(len(log)), crew=log["team"] * 3 + rng.integers(3, size=960)
    )
    log["done"] += log["crew"] % 3
    log = log.assign(rain=rng.random(len(log)), sun=rng.random(len(log)))
    roles: dict[str, Any] = {"unit": "team", "time": "week", "outcome": "done", "treated": 0, "start": 7}
    made = [
        {}, {"cluster": "user"}, {"cluster": "crew"}, {"covariates": ["rain"]}, {"covariates": ["sun"]}, {"start": 6},
        {"treated": 1}, {"donors": [1, 2, 3, 4]}, {"end": 8},
    ]  # fmt: skip
    panels = [bs.Panel.from_events(log, **(roles | each)) for each in made]
    panels.append(bs.Panel.from_events(log.assign(done=2 * log["done"]), **roles))
    spec = bs.load_model("level")
    keys = [placebo_key(panel, spec, LITTLE) for panel in panels]
    # One row per user and cell: this cluster column leaves the sampling noise of the cells as it is.
    assert panels[1].cells.design_effect == panels[0].cells.design_effect == 1.0
    assert panels[2].cells.design_effect != 1.0
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(panels) - 1
    renamed = bs.Panel.from_events(log.rename(columns={"done": "finished"}), **(roles | {"outcome": "finished"}))
    assert placebo_key(renamed, spec, LITTLE) == keys[0]
    curves = [curve_key(plan_curve(panel, **CURVE)) for panel in (panels[0], panels[2], panels[3], renamed)]
    assert curves[0] == curves[3]
    assert len(set(curves)) == 3


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[bs.Sampling]:
    """The settings of each fit that is sampled, as the engine is given them."""
    from bsynth.engines import bayes

    seen: list[bs.Sampling] = []
    real = bayes.sample

    def recorded(design: Any, spec: Any, sampling: bs.Sampling, *others: Any) -> Any:
        seen.append(sampling)
        return real(design, spec, sampling, *others)

    monkeypatch.setattr(bayes, "sample", recorded)
    return seen


def taken(sampled: list[bs.Sampling], settings: bs.Sampling = LITTLE) -> int:
    """How many times a fit was sampled since the last call, with these settings or those with which it goes on."""
    count = len(sampled)
    onward = {settings.onward(settings.draws, careful=False)}
    onward |= {settings.onward(settings.draws, careful=True, attempt=attempt) for attempt in (1, 2, 3, 4)}
    allowed = {replace(each, seed=0, draws=100) for each in {settings, *onward}}
    assert {replace(each, seed=0, draws=100) for each in sampled} <= allowed
    sampled.clear()
    return count


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.UnreliableWarning")
def test_all_of_it_reaches_every_fit(panel: bs.Panel, sampled: list[bs.Sampling], tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"sampling": LITTLE, "progress": False}
    store = tmp_path / "placebos.jsonl"
    fit = bs.fit(panel, "level", **quiet)
    assert fit.provenance.chains == LITTLE.chains
    assert taken(sampled) >= 1
    bs.calibrate(panel, "level", store=store, **quiet)
    assert taken(sampled) >= 1 + panel.n_donors
    bs.certify(panel, "level", store=store, **quiet)
    assert taken(sampled) >= 1 + panel.n_donors + 1, "an earlier window; the donors of the real one come from the store"
    lines = len(store.read_text().splitlines())
    bs.calibrate(panel, "level", store=store, sampling=replace(LITTLE, n_jobs=2), progress=False)
    assert len(store.read_text().splitlines()) == lines
    sampled.clear()
    harder = replace(LITTLE, tune=120)
    bs.calibrate(panel, "level", store=store, sampling=harder, progress=False)
    assert taken(sampled, harder) >= 1 + panel.n_donors, "finished fits of other settings are not those asked for"
    bs.leave_future_out(panel, "level", last=3, **quiet)
    assert taken(sampled) >= 3
    bs.audit_prior(fit, alphas=(0.5,), **quiet)
    assert taken(sampled) >= 1
    bs.audit_donors(fit, refit=1, **quiet)
    assert taken(sampled) >= 1
    curve = bs.specification_curve(panel, **CURVE, **quiet)
    assert taken(sampled) >= 2 * 4
    assert f"{curve.plan.fits} fits of 2 chains × 100 draws" in str(curve.plan)
    bs.compare(panel, ["level", "sc"], **quiet)
    assert taken(sampled) >= 1 + panel.n_donors
    found = bs.analyse(panel, models=["level"], methods=["sc"], findings=["prior_audit", "certificate"], **quiet)
    assert taken(sampled) >= 1 + 2 * panel.n_donors
    assert set(found.findings) == {"prior_audit", "certificate"}
    json.dumps(found.fits[0].provenance.__dict__)


def test_a_long_series_over_many_donors_passes_its_gate() -> None:
    """From weights at random its chains began to drift, and two of four stayed in a mode of no probability."""
    log = bs.simulate_factor(donors=60, n_pre=300, n_post=5, effect=1.0, seed=1)
    panel = bs.Panel.from_long(log, unit="unit", time="time", outcome="outcome", treated=0, start=300)
    fit = bs.fit(panel, draws=300, progress=False)
    assert fit.diagnostics.rhat_max < 1.05
    assert float(fit.tree["posterior"]["rho"].mean("draw").std()) < 0.1
