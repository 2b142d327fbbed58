"""Terms of the treated unit alone: a season beyond that of its donors, and a slope that they do not carry."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.engines import predict
from bsynth.evidence import sbc
from bsynth.findings import decompose_uncertainty
from bsynth.model.design import make_design
from bsynth.model.spec import ModelSpec
from bsynth.model.terms import CYCLES, contrasts, season_test

N_PRE, N_POST = 42, 14


def spec(season: str = "", trend: str = "", more: str = "", name: str = "own") -> ModelSpec:
    return ModelSpec.from_toml(f"{more}\n[season]\n{season}\n[trend]\n{trend}", name=name)


AUTO = spec('terms = "auto"')
BOTH = spec('terms = "day-of-week"\nsd = 1.0', 'slope = "own"\nsd = 0.1', "[noise]\nsd = 0.5")


def world(
    times: pd.Index, n_pre: int, *, season: np.ndarray | float = 0.0, slope: float = 0.0, seed: int = 0, donors: int = 6
) -> bs.Panel:
    """Donors that share a walk; the treated unit is their mean, with a season and a slope added."""
    rng = np.random.default_rng(seed)
    common = np.cumsum(0.5 * rng.normal(size=len(times)))
    frame = pd.DataFrame(common[:, None] + 0.3 * rng.normal(size=(len(times), donors + 1)), index=times)
    frame[0] += season + slope * np.arange(len(times))
    return bs.Panel.from_wide(frame.add_prefix("u"), treated="u0", start=times[n_pre])


DAYS = pd.date_range("2024-01-01", periods=N_PRE + N_POST)
SUNDAYS = 3.0 * (DAYS.day_of_week == 6)


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    return world(DAYS, N_PRE, season=SUNDAYS, slope=0.05)


@pytest.fixture(scope="module")
def fitted(panel: bs.Panel) -> bs.Fit:
    return bs.fit(panel, BOTH, draws=500, progress=False)


@pytest.mark.parametrize("phases", [2, 4, 7, 12])
def test_every_phase_has_the_same_prior(phases: int) -> None:
    cov = contrasts(phases, 0.5) @ contrasts(phases, 0.5).T
    np.testing.assert_allclose(cov.diagonal(), 0.25)
    np.testing.assert_allclose(cov[~np.eye(phases, dtype=bool)], -0.25 / (phases - 1))


def test_terms_are_zero_on_average_before_the_start_and_go_on_after_it(panel: bs.Panel) -> None:
    own = make_design(panel, BOTH).terms
    assert own is not None
    assert (own.size, own.phases[0], own.phases[-1]) == (7, "Monday", "Sunday")
    np.testing.assert_allclose(own.columns[:N_PRE].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(own.columns[:, -1]), 0.1)
    np.testing.assert_allclose(own.columns[7:, :6], own.columns[:-7, :6])
    z = np.random.default_rng(0).normal(size=(3, 4, 7))
    np.testing.assert_allclose(own.coefficients(own.named(z)), z)
    np.testing.assert_allclose(sum(own.effects(z).values()), z @ own.columns.T)


def test_a_slope_counts_steps_of_the_calendar() -> None:
    with_gap = DAYS.delete([20, 21, 22])
    own = make_design(world(with_gap, N_PRE - 3), spec(trend='slope = "own"')).terms
    assert own is not None
    assert np.diff(own.columns[:, 0])[19] == pytest.approx(4 * 0.05)


@pytest.mark.parametrize(
    ("times", "kind", "phases"),
    [
        (pd.date_range("2024-01-01", periods=56), "day of week", 7),
        (pd.bdate_range("2024-01-01", periods=56), "day of week", 5),
        (pd.date_range("2015-01-01", periods=56, freq="MS"), "month of year", 12),
        (pd.date_range("2010-01-01", periods=56, freq="QS"), "quarter of year", 4),
    ],
)
def test_the_frequency_says_which_season_is_looked_for(times: pd.DatetimeIndex, kind: str, phases: int) -> None:
    labels = times.day_of_week if "day" in kind else times.month
    design = make_design(world(times, N_PRE, season=3.0 * (labels == labels[0])), AUTO)
    assert design.terms is not None
    assert len(design.terms.phases) == phases
    (note,) = design.notes
    assert f"has a season of its own: less the mean of its donors it differs by {kind}" in note
    absent = make_design(world(times, N_PRE), AUTO)
    assert absent.terms is None
    assert absent.notes[0].startswith(
        f"No season: the treated unit less the mean of its donors does not differ by {kind}"
    )


def test_a_season_of_all_units_is_none_of_the_treated_one() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(SUNDAYS[:, None] + 0.3 * rng.normal(size=(len(DAYS), 7)), index=DAYS).add_prefix("u")
    found = make_design(bs.Panel.from_wide(frame, treated="u0", start=DAYS[N_PRE]), AUTO)
    assert found.terms is None


def test_a_season_is_not_looked_for_where_there_is_none_to_see() -> None:
    few = 7 * CYCLES - 1
    design = make_design(world(DAYS[: few + 7], few, season=SUNDAYS[: few + 7]), AUTO)
    assert design.terms is None
    assert design.notes == (
        "No season by day of week was looked for: Sunday was seen 2 times before the start, and each phase must have "
        "been 3 times.",
    )
    for times in (pd.RangeIndex(56), pd.date_range("2020-01-05", periods=56, freq="W")):
        design = make_design(world(times, N_PRE), AUTO)
        assert design.terms is None
        assert "seasons go with days, months and quarters; give season.period" in design.notes[0]


def test_a_length_can_be_given() -> None:
    times = pd.RangeIndex(56)
    wave = world(times, N_PRE, season=2.0 * (np.arange(56) % 5 == 1))
    looked = make_design(wave, spec('terms = "auto"\nperiod = 5'))
    asked = make_design(wave, spec('terms = "period"\nperiod = 5'))
    assert looked.terms is not None
    assert asked.terms is not None
    np.testing.assert_array_equal(looked.terms.columns, asked.terms.columns)
    assert looked.terms.phases[1] == "phase 2"
    assert make_design(wave, spec('terms = "auto"\nperiod = 8')).terms is None


def test_the_test_has_its_size_and_misses_rather_than_invents_where_errors_are_slow() -> None:
    rng, phase = np.random.default_rng(4), np.arange(N_PRE) % 7
    p = {"independent": [], "walk": []}
    for _ in range(1000):
        noise = rng.normal(size=N_PRE)
        p["independent"].append(season_test(noise, np.zeros((N_PRE, 2)), phase)[1])
        p["walk"].append(season_test(np.cumsum(noise), np.zeros((N_PRE, 2)), phase)[1])
    assert np.mean(np.array(p["independent"]) < 0.1) == pytest.approx(0.1, abs=0.03)
    assert np.mean(np.array(p["walk"]) < 0.1) < 0.02


@pytest.mark.parametrize(
    ("season", "message"),
    [
        ('terms = "weekly"', "line 3: season.terms = 'weekly' is not allowed; it is one of 'none', 'auto', 'day-of-week'"),
        ('terms = "period"', "season.terms = 'period' needs season.period, the steps of a cycle, such as 7"),
        ('terms = "month"\nperiod = 12', "season.period needs season.terms = 'period' or 'auto', not 'month'"),
        ('terms = "period"\nperiod = 1', "line 4: season.period = 1 is not allowed; it should be greater than or equal to 2"),
        ('terms = "auto"\nsd = 0.0', "season.sd = 0.0 is not allowed; it should be greater than 0"),
    ],
)  # fmt: skip
def test_a_bad_season_is_one_line(season: str, message: str) -> None:
    with pytest.raises(bs.SpecError, match=message) as caught:
        spec(season)
    assert "\n" not in str(caught.value)


def test_a_season_that_the_periods_do_not_have_is_one_line() -> None:
    with pytest.raises(bs.PanelError, match=r"terms = 'day-of-week' and periods are whole numbers; use .* 'period'"):
        bs.plan(world(pd.RangeIndex(56), N_PRE), spec('terms = "day-of-week"'))
    weeks = world(pd.date_range("2020-01-05", periods=56, freq="W"), N_PRE)
    with pytest.raises(bs.PanelError, match="terms = 'day-of-week' and all periods have one day of week"):
        bs.plan(weeks, spec('terms = "day-of-week"'))


@pytest.mark.slow
def test_a_season_and_a_slope_are_found_and_continued(panel: bs.Panel, fitted: bs.Fit) -> None:
    posterior = fitted.tree["posterior"].to_dataset()
    season = posterior["season"].mean(("chain", "draw"))
    np.testing.assert_allclose(posterior["season"].sum("phase"), 0, atol=1e-9)
    weekdays = season.drop_sel(phase="Sunday").mean()
    assert float(season.sel(phase="Sunday") - weekdays) == pytest.approx(3.0, abs=0.5)
    slope = posterior["own_slope"]
    assert float(slope.mean()) == pytest.approx(0.05, abs=3 * float(slope.std()))
    assert float(slope.std()) < 0.02
    plain = bs.fit(panel, spec(more="[noise]\nsd = 0.5"), draws=500, progress=False)
    errors = {name: fit.path()["gap"].to_numpy()[N_PRE:] for name, fit in (("own", fitted), ("plain", plain))}
    assert np.square(errors["own"]).mean() < 0.5 * np.square(errors["plain"]).mean()
    # What is extrapolated grows less sure.
    spread = posterior["slope_effect"].std(("chain", "draw")).to_numpy()
    assert (np.diff(spread[N_PRE:]) > 0).all()
    assert fitted.pre_rmspe < 0.7 * plain.pre_rmspe


@pytest.mark.slow
def test_everything_after_a_fit_knows_its_terms(panel: bs.Panel, fitted: bs.Fit, tmp_path: Path) -> None:
    note = "The treated unit has a season of its own by day of week."
    assert fitted.notes()[0] == note
    assert fitted.provenance.reason.endswith(note)
    assert json.loads(json.dumps(fitted.to_dict()))["spec"]["season"]["terms"] == "day-of-week"
    fitted.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.spec == BOTH
    np.testing.assert_array_equal(again.tree["posterior"]["season"], fitted.tree["posterior"]["season"])
    found = decompose_uncertainty(again)
    assert found.names == ("weights", "season", "slope", "level_shift", "noise")
    gaps = (fitted.observed - fitted.counterfactual()).isel(time=slice(N_PRE, None))
    assert found.whole["sd"] == pytest.approx(float(gaps.mean("time").std()), rel=0.05)
    assert "own slope" in found.sentences()[0]
    assert found.plot() is not None
    report = bs.check(again)
    assert "drift" not in report.warnings
    names = [variable.name for variable in bs.pymc_model(panel, BOTH).free_RVs]
    assert names == ["gamma", "total_z", "own_z"]


def test_each_unit_as_treated_has_its_own_terms(panel: bs.Panel) -> None:
    assert make_design(panel, AUTO).terms is not None
    assert make_design(panel.as_treated("u3", pool="exclude"), AUTO).terms is None


@pytest.mark.slow
def test_a_phase_never_seen_has_its_prior() -> None:
    """No Sunday before the start, as where a shop begins to open on Sundays."""
    times = DAYS[(DAYS.day_of_week != 6) | (np.arange(len(DAYS)) >= N_PRE)]
    n_pre = N_PRE - 6
    panel = world(times, n_pre, season=2.0 * (times.day_of_week == 0))
    fit = bs.fit(panel, spec('terms = "day-of-week"\nsd = 0.4'), draws=1000, progress=False)
    scale = make_design(panel, fit.spec).scale
    at = fit.tree["posterior"]["season_effect"].isel(time=np.flatnonzero(times.day_of_week == 6)[0])
    # Of seven departures that sum to zero, the seventh less the mean of six has variance sd² (7/6)².
    assert float(at.std()) == pytest.approx(scale * 0.4 * 7 / 6, rel=0.1)
    assert float(at.mean()) == pytest.approx(0, abs=0.1 * scale)
    assert fit.notes()[1].startswith(
        "Before the start there is no Sunday: what the season adds there is 0 give or take"
    )


@pytest.mark.slow
def test_known_cells_have_terms_too(rollout_panel: bs.Panel) -> None:
    asked = spec('terms = "period"\nperiod = 3', 'slope = "own"', '[cells]\nvariance = "known"')
    fit = bs.fit(rollout_panel, asked, draws=300, progress=False)
    assert fit.status == "ok"
    found = decompose_uncertainty(fit)
    gaps = (fit.observed - fit.counterfactual()).isel(time=slice(fit.n_pre, None)).mean("time")
    assert found.whole["sd"] == pytest.approx(float(gaps.std()), rel=0.08)
    assert {"season", "slope", "cells"} <= set(found.names)


def test_prediction_adds_the_columns(panel: bs.Panel) -> None:
    design, rng = make_design(panel, BOTH), np.random.default_rng(0)
    z, weights = rng.normal(size=(5, 7)), rng.dirichlet(np.ones(6), size=5)
    assert design.terms is not None
    centre, _ = predict.linear_predictor({"weights": weights, "own": z}, design)
    np.testing.assert_allclose(centre, weights @ design.X.T + z @ design.terms.columns.T)


def test_donors_and_terms_that_reproduce_the_unit_leave_no_posterior() -> None:
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(56, 4)), index=DAYS).add_prefix("u")
    frame["u0"] = frame["u2"] + 0.1 * np.arange(56) + SUNDAYS
    panel = bs.Panel.from_wide(frame, treated="u0", start=DAYS[N_PRE])
    with pytest.raises(bs.PanelError, match="u0 equals u2 but for terms of its own"):
        bs.fit(panel, BOTH, progress=False)
    assert bs.plan(panel, spec()).lacks is None


@pytest.mark.parametrize("known", [False, True])
def test_simulated_terms_follow_their_prior(known: bool) -> None:
    asked = sbc.looked_for(spec('terms = "auto"\nsd = 0.3', 'slope = "own"\nsd = 0.07', '[cells]\nvariance = "auto"'))
    truths = [sbc.draw(asked, np.random.default_rng([8, i]), known=known) for i in range(400)]
    assert truths[0].design.terms is not None
    assert truths[0].design.terms.size == sbc.CYCLE
    for name, sd in (("season", 0.3), ("slope", 0.07)):
        assert np.std([t.quantities[name] for t in truths]) == pytest.approx(sd, rel=0.12)
