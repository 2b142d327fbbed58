"""Real fits that a check must contradict, and clean ones that none may."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth import checks
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration, Lesson, PlaceboFit, learn_inflation
from bsynth.checks.base import DRIFTING, Case, Check, CheckReport

J, T0, H = 6, 30, 10


def small_world(seed: int, *, spike: float = 0.0, offset: float = 0.0) -> bs.Panel:
    """Two factors, the treated unit inside the hull of its six donors, independent noise."""
    rng = np.random.default_rng(seed)
    loadings = rng.uniform(size=(J + 1, 2))
    loadings[0] = rng.dirichlet(np.full(J, 3.0)) @ loadings[1:]
    factors = np.cumsum(rng.normal(size=(2, T0 + H)), axis=1)
    outcome = loadings @ factors + 0.3 * rng.normal(size=(J + 1, T0 + H))
    outcome[0] += offset
    outcome[0, 12] += spike
    frame = pd.DataFrame(outcome.T, columns=[f"u{i}" for i in range(J + 1)])
    return bs.Panel.from_wide(frame, treated="u0", start=T0)


def quick(panel: bs.Panel, model: str, draws: int = 500) -> Fit:
    return bs.fit(panel, model=model, sampling=bs.Sampling(draws=draws, tune=500, seed=3), progress=False)


@pytest.fixture(scope="module")
def clean() -> tuple[Fit, bs.Panel]:
    panel = small_world(4)
    return quick(panel, "level"), panel


@pytest.fixture(scope="module")
def prop99_report(prop99_fit: Fit, prop99_panel: bs.Panel) -> CheckReport:
    return checks.check(prop99_fit)


def test_nothing_is_flagged_in_a_clean_world(clean: tuple[Fit, bs.Panel]) -> None:
    report = checks.check(clean[0])
    assert report.warnings == ()
    assert report.answer == "ok"
    assert report.suggestion is None
    assert report.sentences() == ("No check contradicts the model 'level'.",)


def test_rollout_model_is_not_contradicted_by_the_rollout_log(rollout_fit: Fit, rollout_panel: bs.Panel) -> None:
    assert checks.check(rollout_fit).status == "ok"


@pytest.mark.slow
def test_dirichlet_on_the_rollout_log_is_outside_the_hull(rollout_panel: bs.Panel) -> None:
    report = checks.check(quick(rollout_panel, "dirichlet"))
    hull = report["hull"]
    assert hull.status == "warning"
    assert hull.values["offset"] == pytest.approx(0.04, abs=0.01)  # wave 1 sits .04 above wave 2 by construction
    assert hull.suggestion == report.suggestion == "default"
    # 0.0374 is the distance of the best weights; the offset of .0449 belongs to other weights.
    assert "outside the hull" in hull.sentence
    assert "the best weighted donors miss it by 0.0374 (root mean square)" in hull.sentence
    assert "with a free offset (+0.0449, other weights)" in hull.sentence


def test_level_on_prop99_has_autocorrelated_residuals(prop99_report: CheckReport) -> None:
    found = prop99_report["autocorrelation"]
    assert found.status == "warning"
    assert found.values["lag1"] > 0.3
    assert found.values["p"] < 0.025
    assert found.suggestion == prop99_report.suggestion == "default"
    assert "Use the model 'default' instead." in prop99_report.sentences()


def test_level_on_prop99_leans_on_its_flat_dirichlet(prop99_report: CheckReport) -> None:
    """METHODS: the effect of the level model moves from −18.8 at α = 1 to −14.5 at .3, so α matters."""
    found = prop99_report["sensitivity"]
    assert found.status == "warning"
    assert found.suggestion == "sparse"
    assert found.values["shift_weights"] < -0.5  # more concentration, more effect below zero
    assert found.values["prior_weights"] > 0.05
    assert found.values["prior_level"] < 0.05


@pytest.mark.slow
def test_the_suggested_model_silences_the_warning(prop99_panel: bs.Panel, prop99_report: CheckReport) -> None:
    # As many draws as a user has: with fewer the measure of sensitivity lies higher, and near its threshold.
    report = checks.check(bs.fit(prop99_panel, "default", seed=2, progress=False))
    assert report["sensitivity"].values["prior"] < 0.5 * prop99_report["sensitivity"].values["prior"]
    assert report["autocorrelation"].status == "ok"
    assert report["sensitivity"].status == "ok"
    assert report["autocorrelation"].values["expected"] > 0.3  # the replicates carry the drift
    assert "one step ahead" in report["loo"].sentence


def test_a_missing_level_is_named(clean: tuple[Fit, bs.Panel]) -> None:
    panel = small_world(4, offset=8.0)
    report = checks.check(quick(panel, "dirichlet"))
    hull = report["hull"]
    assert hull.status == "warning"
    assert hull.suggestion == "level"
    assert hull.values["offset"] == pytest.approx(8.0, abs=0.5)
    assert checks.check(quick(panel, "level"))["hull"].status == "ok"


def test_one_wild_period_calls_for_student_t() -> None:
    panel = small_world(4, spike=4.0)
    found = checks.check(quick(panel, "level"))["predictive"]
    assert found.status == "warning"
    assert found.values["posterior_extreme"] < 0.01
    assert found.suggestion == "student-t"


def calibration(fit: Fit, spread: float) -> Calibration:
    """Thirty placebos whose errors are ``spread`` times what their fits expect."""
    rng = np.random.default_rng(1)
    errors = spread * 0.2 * rng.standard_normal(30)
    placebos = tuple(
        PlaceboFit(
            i,
            e + 0.2 * rng.standard_normal(200),
            np.zeros(200, dtype=int),
            np.zeros(H),
            np.full(H, 0.3),
            np.ones(1),
            1.0,
            "ok",
            0.1,
        )
        for i, e in enumerate(errors)
    )
    lesson = Lesson(None, np.ones(1), learn_inflation(errors, np.full(30, 0.2)))
    return Calibration(fit, placebos, lesson, (), 1.0)


@pytest.mark.parametrize(("spread", "status"), [(1.0, "ok"), (4.0, "warning")])
def test_calibration_speaks_when_donors_drift(clean: tuple[Fit, bs.Panel], spread: float, status: str) -> None:
    fit, _ = clean
    found = checks.check(fit, calibration=calibration(fit, spread))["calibration"]
    assert found.status == status
    assert (found.suggestion == "default") == (status == "warning")
    assert (found.values["widening"] > 2) == (status == "warning")


def test_report_is_data_and_words(prop99_report: CheckReport) -> None:
    assert list(prop99_report.table.columns) == ["name", "title", "answer", "suggestion", "sentence"]
    plain = json.loads(json.dumps(prop99_report.to_dict(), allow_nan=False))
    assert plain["suggestion"] == "default"
    page = prop99_report._repr_html_()
    assert all(check.title in page for check in prop99_report.checks)
    for check in prop99_report.checks:
        assert check.sentence.endswith(".")
        assert (check.suggestion is None) or check.status == "warning"
    with pytest.raises(KeyError, match="there are hull, autocorrelation"):
        prop99_report["nothing"]


def test_every_check_has_the_same_shape() -> None:
    names = [part.NAME for part in checks.REGISTRY]
    assert len(set(names)) == len(names)
    assert all(part.TITLE.endswith("?") and callable(part.check) for part in checks.REGISTRY)
    assert all(name in (checks.__doc__ or "") for name in names)
    assert {*DRIFTING, "level", "student-t", "sparse"} <= set(bs.list_models())


def test_a_fit_without_its_panel_is_refused(clean: tuple[Fit, bs.Panel]) -> None:
    with pytest.raises(bs.PanelError, match=r"holds no panel.*fit again"):
        Case(replace(clean[0], panel=None))


@pytest.mark.slow
@pytest.mark.parametrize("back", [1, 3])
def test_one_wild_period_leads_to_heavy_tails(back: int) -> None:
    """A drift takes it for a departure; what it is, one period far from the others, is said and answered."""
    frame = bs.simulate_factor(donors=8, seed=4)
    wild = (frame["unit"] == 0) & (frame["time"] == 30 - back)
    frame.loc[wild, "outcome"] += 12 * frame.loc[frame["unit"] == 0, "outcome"].std()
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=30)
    report = bs.check(bs.fit(panel, draws=500, seed=1, progress=False))
    found = report["loo"]
    assert found.status == "warning"
    assert report.suggestion == "robust"
    assert "anticipation= leaves out" in found.sentence
    assert f"One pre-period lies far from what the others predict, {30 - back}," in found.sentence
    assert found.suggestion == "robust"


def test_heavy_tails_beside_a_drift_come_before_a_drift_alone() -> None:
    warned = [Check(name, name, {}, "warning", "", model) for name, model in (("a", "drift"), ("b", "robust"))]
    assert CheckReport("default", tuple(warned)).suggestion == "robust"
    assert CheckReport("default", tuple(warned[:1])).suggestion == "drift"
