"""How far a calibrated counterfactual goes towards classical ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bsynth as bs
from bsynth.calibration import OTHERS, Calibration, PlaceboFit, learn, summarise_placebo
from bsynth.calibration.blend import NO_BLEND, Blend, learn_blend, other_paths
from bsynth.model.link import IDENTITY, LOG


def _errors(rng: np.random.Generator, own: float, first: float, second: float, units: int = 40) -> tuple:
    found = [rng.normal(0, sd, units) for sd in (own, first, second)]
    return found[0], list(np.array(found[1:]).T)


def test_it_goes_where_errors_are_small(rng: np.random.Generator) -> None:
    own, others = _errors(rng, 1.0, 1.0, 0.1)
    shares = learn_blend(own, others).shares()
    assert shares["sdid"] > 0.85
    own, others = _errors(rng, 0.1, 1.0, 1.0)
    assert learn_blend(own, others).shares()["model"] > 0.85
    # Of independent errors of one size the mean is best.
    own, others = _errors(rng, 1.0, 1.0, 1.0, units=400)
    assert list(learn_blend(own, others).shares().values()) == pytest.approx([1 / 3] * 3, abs=0.12)


def test_it_is_the_posterior_by_direct_computation(rng: np.random.Generator) -> None:
    own, others = _errors(rng, 0.4, 0.3, 0.5, units=7)
    blend = learn_blend(own, others, each=0.5)
    density, rest = [], np.array(others)
    sigma = np.sqrt(np.mean(own**2)) * np.exp(np.linspace(np.log(0.02), np.log(3.0), 2001))
    for a, b in blend.points:
        mixed = (1 - a - b) * own + rest @ [a, b]
        each = np.exp(0.5 * stats.t(8, scale=sigma[:, None]).logpdf(mixed).sum(axis=1))
        density.append(max(1 - a - b, 0.025) * np.trapezoid(each, np.log(sigma)))
    np.testing.assert_allclose(blend.weight, np.array(density) / np.sum(density), rtol=0.03, atol=1e-5)
    assert blend.weight.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_units_of_measure_do_not_matter(rng: np.random.Generator, size: float) -> None:
    own, others = _errors(rng, 0.4, 0.3, 0.5, units=9)
    found = learn_blend(own * size, [o * size for o in others])
    np.testing.assert_allclose(found.weight, learn_blend(own, others).weight, rtol=1e-6, atol=1e-12)


def test_without_evidence_the_model_has_half(rng: np.random.Generator) -> None:
    own = rng.normal(size=8)
    same = learn_blend(own, [np.full(2, e) for e in own])
    assert same.shares()["model"] == pytest.approx(0.5, abs=0.05)
    assert learn_blend(own, [np.empty(0)] * 8) is NO_BLEND
    assert not learn_blend(np.zeros(5), [np.zeros(2)] * 5).mean.sum() > 1


def test_draws_have_the_posterior_and_never_change(rng: np.random.Generator) -> None:
    own, others = _errors(rng, 0.4, 0.3, 0.5, units=9)
    blend = learn_blend(own, others)
    drawn = blend.draw(2000)
    np.testing.assert_allclose(drawn.mean(axis=0), blend.mean, atol=2e-3)
    np.testing.assert_array_equal(drawn, blend.draw(2000))
    assert (drawn.sum(axis=1) <= 1 + 1e-12).all()
    # Draws of the model come in chains: neighbours do not share their weights.
    assert abs(np.corrcoef(drawn[1:, 0], drawn[:-1, 0])[0, 1]) < 0.1


def test_a_placebo_moves_by_its_distance_from_the_others(rng: np.random.Generator) -> None:
    path = rng.normal(1.0, 0.2, (500, 3))
    others = np.array([[0.0, 0.0, 0.0], [2.0, 3.0, 4.0]])
    placebo = PlaceboFit("u", path.mean(axis=1), np.zeros(500, dtype=int), path.mean(axis=0), path.std(axis=0),
                         np.ones(1), 1.0, "ok", 0.0, path, others)  # fmt: skip
    moved = placebo.towards(Blend(np.array([[0.25, 0.5]]), np.ones(1)), np.ones(1))
    np.testing.assert_allclose(moved.path.mean(axis=0), 0.25 * path.mean(axis=0) + 0.5 * others[1])
    np.testing.assert_allclose(moved.path.std(axis=0), path.std(axis=0))
    np.testing.assert_allclose(moved.average, moved.path.mean(axis=1))
    assert placebo.towards(NO_BLEND, np.ones(1)).path.mean() == pytest.approx(path.mean())
    bare = replace(placebo, others=np.empty((0, 0)))
    assert bare.towards(Blend(np.array([[0.25, 0.5]]), np.ones(1)), np.ones(1)) is bare


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    frame = bs.simulate_factor(donors=6, seed=4)
    frame["outcome"] += 20
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)


@pytest.mark.parametrize(("scale", "link"), [("treated", IDENTITY), ("log", LOG)])
def test_others_are_the_classical_estimators_on_the_scale_of_the_model(panel: bs.Panel, scale: str, link) -> None:
    paths = other_paths(panel, bs.load_model("level").model_copy(update={"scale": scale}))
    assert paths.shape == (len(OTHERS), panel.n_post)
    wide = pd.DataFrame(link.forward(panel.outcome), columns=list(panel.units), index=panel.times)
    there = bs.Panel.from_wide(wide, treated=panel.treated[0], start=panel.start)
    for path, name in zip(paths, OTHERS, strict=True):
        observed = link.forward(panel.treated_series[panel.n_pre :])
        np.testing.assert_allclose(observed - path, bs.classical(there, name).gap[panel.n_pre :], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["treated", "log"])
def test_what_it_says_of_the_treated_unit_is_the_mixture(panel: bs.Panel, scale: str, tmp_path) -> None:
    found = bs.calibrate(panel, "level", scale=scale, draws=300, seed=2, progress=False)
    shares, link = found.lesson.blend.shares(), found.fit.spec.link
    own = found.fit.counterfactual("predictive").isel(time=slice(panel.n_pre, None))
    paths = other_paths(panel, found.fit.spec)
    centre = shares["model"] * link.forward(own).mean(("chain", "draw")).values
    centre = centre + sum(shares[name] * path for name, path in zip(OTHERS, paths, strict=True))
    drawn = link.forward(found.path()["counterfactual"].to_numpy())
    np.testing.assert_allclose(drawn, centre, atol=0.02 * found.unit)
    table = found.effects().set_index("estimand")
    gap = found.path()["gap"]
    assert table.loc["average", "estimate"] == pytest.approx(gap.mean())
    assert table.loc["cumulative", "estimate"] == pytest.approx(gap.sum())
    observed = panel.treated_series[panel.n_pre :].mean()
    assert table.loc["lift", "estimate"] == pytest.approx(gap.mean() / (observed - gap.mean()))
    assert found.to_dict()["blend"] == shares
    assert "of the way to demeaned synthetic control" in found.notes()[0]
    path = tmp_path / "calibration.nc"
    found.save(path)
    again = bs.load(path)
    pd.testing.assert_frame_equal(again.effects(), found.effects())
    assert bs.decide(found).to_dict()["values"]["estimate"] == pytest.approx(gap.mean())


@pytest.mark.parametrize(("model", "many"), [("rollout", 0), ("default", 0), ("level", len(OTHERS))])
def test_known_cells_stay_with_the_model(rollout_panel: bs.Panel, model: str, many: int) -> None:
    """Others would follow the noise of small cells."""
    assert len(other_paths(rollout_panel, bs.load_model(model))) == many


def test_a_fit_without_its_panel_is_the_model_alone(panel: bs.Panel) -> None:
    """As files of an earlier format are."""
    found = bs.fit(panel, "level", draws=300, seed=2, progress=False)
    assert summarise_placebo(found, "u").others.shape == (len(OTHERS), panel.n_post)
    old = replace(found, panel=None)
    assert not summarise_placebo(old, "u").others.size
    placebos = tuple(
        summarise_placebo(bs.fit(panel.as_treated(unit), "level", draws=300, seed=2, progress=False), unit)
        for unit in panel.donors[:4]
    )
    calibration = Calibration(old, placebos, learn(placebos, None), (), 1.0)
    assert calibration.effects().loc[0, "estimate"] == pytest.approx(old.effects().loc[0, "estimate"])
    assert calibration.to_dict()["blend"] is None
