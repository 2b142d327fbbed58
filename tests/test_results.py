"""Whoever knows one result knows all: the face of every result, on a real one of each class."""

import copy
import dataclasses
import importlib
import inspect
import json
import pickle
import pkgutil
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes

import bsynth as bs
from bsynth._base.brief import LINE, Brief
from bsynth.analysis import Analysis, Comparison, MultiCellAnalysis, Outcomes, PlanReview, WavesAnalysis
from bsynth.analysis.multicell import compare_cells
from bsynth.analysis.review import review
from bsynth.calibration.waves import calibrate_waves
from bsynth.checks import CheckReport, LeaveFutureOut
from bsynth.effects import EFFECT_COLUMNS
from bsynth.findings import Decision, Decomposition, DonorAudit, PathBand, PriorAudit
from bsynth.findings.specifications import SpecificationCurve, Stack
from bsynth.frequentist import (
    Bootstrap,
    Conformal,
    JackknifePlus,
    LeaveOneOut,
    LeaveTwoOut,
    PlaceboSpace,
    PlaceboTime,
    PlaceboWaves,
    PredictionInterval,
    StaggeredEstimate,
)
from bsynth.model.scales import ScaleChoice
from bsynth.panel import MultiCellPanel
from bsynth.panel.quality import DataQuality
from bsynth.panel.simulate import simulate_factor
from bsynth.planning import MMMPrior, RankedUnits, Rehearsal, RolloutPlan
from bsynth.plots import PICTURES
from bsynth.studies import Study
from bsynth.text.marks import UNRELIABLE
from bsynth.text.result import Pictured, Result


@dataclass(frozen=True)
class Given:
    """What has been sampled, from which every result is made."""

    panel: bs.Panel
    fit: bs.Fit
    certificate: bs.Certificate
    curve: SpecificationCurve
    future: LeaveFutureOut
    plan: RolloutPlan
    waves: bs.WavesCalibration

    @property
    def calibration(self) -> bs.Calibration:
        return self.certificate.calibration

    def failed(self) -> "Given":
        """The same when no fit passed its convergence gate."""
        gate = replace(self.fit.diagnostics, status="unreliable", failures=("R-hat of the average effect 1.2",))
        fit = replace(self.fit, diagnostics=gate)
        calibration = replace(self.calibration, fit=fit)
        return Given(
            panel=self.panel,
            fit=fit,
            certificate=replace(self.certificate, calibration=calibration),
            curve=replace(self.curve, runs=tuple(replace(run, status="unreliable") for run in self.curve.runs)),
            future=replace(self.future, table=self.future.table.assign(status="unreliable")),
            plan=replace(
                self.plan, played=replace(self.plan.played, own=self.plan.played.own.assign(status="unreliable"))
            ),
            waves=replace(self.waves, fit=replace(self.waves.fit, diagnostics=gate)),
        )


def _waves(given: Given) -> bs.StaggeredPanel:
    """The same data with two starts."""
    frame, roles = given.panel.to_frame(), {"unit": "unit", "time": "time", "outcome": "outcome"}
    return bs.Panel.from_long(frame, **roles, start={0: 14, 1: 16})


def _cells(given: Given) -> MultiCellAnalysis:
    """The panel's own fit as that of two cells."""
    panel = MultiCellPanel({"A": given.panel, "B": given.panel})
    analysis = Analysis(given.panel, (given.fit,), {}, {}, 0.95, 0)
    return compare_cells(panel, {"A": analysis, "B": analysis})


MAKERS: dict[type[Result], Callable[[Given], Result]] = {
    bs.Calibration: lambda given: given.calibration,
    bs.Certificate: lambda given: given.certificate,
    CheckReport: lambda given: bs.check(given.fit),
    Decision: lambda given: bs.decide(given.fit, cost=10.0, value_per_unit=100.0),
    DonorAudit: lambda given: bs.audit_donors(given.fit, progress=False),
    bs.Estimate: lambda given: bs.classical(given.panel),
    bs.Fit: lambda given: given.fit,
    LeaveFutureOut: lambda given: given.future,
    PathBand: lambda given: bs.path_band(given.fit),
    DataQuality: lambda given: bs.data_quality(given.panel),
    MMMPrior: lambda given: bs.mmm_prior(given.fit, channel="tv", spend=10.0),
    PlanReview: lambda given: review(
        bs.freeze(given.panel, model="level"), given.panel, [given.fit.spec], ["sc"], calibrated=False, level=0.9
    ),
    RankedUnits: lambda given: bs.rank_treated(given.panel, duration=2, progress=False),
    Rehearsal: lambda given: Rehearsal(
        Analysis(given.panel, (given.fit,), {}, {}, 0.95, 0, truth=1.0), 1.0, "level", 0
    ),
    RolloutPlan: lambda given: given.plan,
    Study: lambda given: bs.study(
        {"seeds": 3, "draws": 200, "tune": 200, "worlds": {"factor": {}}, "methods": {"level": {"model": "level"}}},
        n_jobs=1,
        backend="threads",
        progress=False,
    ),
    ScaleChoice: lambda given: bs.choose_scale(given.panel),
    PriorAudit: lambda given: bs.audit_prior(given.fit, alphas=(1.0,), progress=False),
    Decomposition: lambda given: bs.decompose_uncertainty(given.fit),
    SpecificationCurve: lambda given: given.curve,
    Stack: lambda given: bs.stack(given.curve),
    Analysis: lambda given: Analysis(given.panel, (given.fit,), {}, {}, 0.95, 0),
    Comparison: lambda given: Analysis(given.panel, (given.fit,), {}, {}, 0.95, 0).comparison,
    Bootstrap: lambda given: bs.bootstrap(given.panel, cluster="time", replicates=100, seed=1, progress=False),
    Conformal: lambda given: bs.conformal(given.panel, progress=False),
    JackknifePlus: lambda given: bs.jackknife_plus(given.panel),
    LeaveOneOut: lambda given: bs.leave_one_out(given.panel, progress=False),
    LeaveTwoOut: lambda given: bs.leave_two_out(given.panel, progress=False),
    PlaceboSpace: lambda given: bs.placebo_space(given.panel, progress=False),
    PlaceboTime: lambda given: bs.placebo_time(given.panel),
    PlaceboWaves: lambda given: bs.placebo_waves(_waves(given), "did", progress=False),
    PredictionInterval: lambda given: bs.prediction_interval(given.panel, seed=1),
    WavesAnalysis: lambda given: WavesAnalysis(
        given.waves.fit.panel, (given.waves.fit,), {}, {}, 0.95, 0, calibration=given.waves
    ),
    MultiCellAnalysis: _cells,
    Outcomes: lambda given: Outcomes(
        {name: Analysis(given.panel, (given.fit,), {}, {}, 0.95, 0) for name in ("one", "two")}
    ),
    bs.WavesFit: lambda given: given.waves.fit,
    bs.WavesCalibration: lambda given: given.waves,
    StaggeredEstimate: lambda given: bs.classical(_waves(given)),
}
"""How one of each class is made."""
CLASSICAL = (
    bs.Estimate, Bootstrap, Conformal, JackknifePlus, LeaveOneOut, LeaveTwoOut, PlaceboSpace, PlaceboTime,
    PlaceboWaves, PredictionInterval, DataQuality, PlanReview, RankedUnits, ScaleChoice, StaggeredEstimate, Study,
)  # fmt: skip
"""Nothing behind them is sampled."""
each = pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)


@pytest.fixture(scope="module")
def given() -> Given:
    frame = simulate_factor(donors=6, n_pre=16, n_post=4, seed=11)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=16)
    with warnings.catch_warnings():
        # So few draws may not be enough for every one of these fits.
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        certificate = bs.certify(panel, "level", draws=300, windows=0, progress=False)
        curve = bs.specification_curve(
            panel, base="level", drifts=["none"], scales=["treated"], level_shifts=["shift"], alphas=[1.0, 3.0], pools=[],
            starts=[], since=[], last=3, draws=300, progress=False,
        )  # fmt: skip
        future = bs.leave_future_out(panel, "level", last=3, draws=300, progress=False)
        plan = bs.plan_rollout(
            panel, model="level", durations=[2, 4], kind="level", windows=1, draws=300, progress=False
        )
        several = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", start={0: 14, 1: 16})
        few = bs.Sampling(draws=200, tune=200, chains=2)
        waves = calibrate_waves(several, "waves", scale=None, sampling=few, store=None, progress=False, patterns=4)
    # Whatever few draws leave of a gate, here it was passed.
    passed = replace(waves.fit.diagnostics, status="ok", failures=())
    placebos = tuple(replace(each, status="ok") for each in waves.placebos)
    waves = replace(waves, fit=replace(waves.fit, diagnostics=passed), placebos=placebos)
    return Given(panel, certificate.calibration.fit, certificate, curve, future, plan, waves)


@pytest.fixture(scope="module")
def found(given: Given) -> Callable[[type[Result]], Result]:
    made: dict[type[Result], Result] = {}

    def one(kind: type[Result]) -> Result:
        if kind not in made:
            made[kind] = MAKERS[kind](given)
        return made[kind]

    return one


def _classes(base: type) -> set[type]:
    """The classes of the package that make no further ones."""
    below = [kind for kind in base.__subclasses__() if kind.__module__.startswith("bsynth.")]
    return {base} if not below else set().union(*map(_classes, below))


def test_no_class_is_forgotten() -> None:
    package = importlib.import_module("bsynth")
    for module in pkgutil.walk_packages(package.__path__, "bsynth."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    missing = {kind.__name__ for kind in _classes(Result) - set(MAKERS)}
    assert not missing, "give each result a maker in MAKERS"
    assert {kind for kind in _classes(Result) if issubclass(kind, Pictured)} == set(PICTURES)


@each
def test_a_result_has_numbers_and_words(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    result = found(kind)
    assert type(result) is kind
    assert dataclasses.is_dataclass(kind)
    assert result.status in ("ok", "unreliable")
    assert isinstance(result.table, pd.DataFrame)
    assert len(result.table.columns) > 1
    said = result.sentences()
    assert isinstance(said, tuple)
    assert said
    assert all(isinstance(sentence, str) and sentence.strip().endswith((".", ")")) for sentence in said)
    assert result.title
    assert isinstance(result.notes(), tuple)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.table = None  # type: ignore[misc]


@each
def test_a_result_is_plain_data(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    result = found(kind)
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert data["status"] == result.status
    assert data["sentences"] == list(result.sentences())
    # In summary.json, which an analysis is, its table has its own name.
    rows = data["effects" if kind in (Analysis, WavesAnalysis) else "table"]
    assert len(rows) == len(result.table)
    assert all(set(row) == {str(column) for column in result.table} for row in rows)


@each
def test_a_level_is_that_of_an_interval(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    result = found(kind)
    for table in (result.table, *result._card_tables()):
        if "level" in table:
            assert set(pd.to_numeric(table["level"], errors="coerce").dropna()) <= {0.5, 0.8, 0.9, 0.95}


@each
def test_a_result_is_one_line_and_one_card(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    result = found(kind)
    line, card = repr(result), result._repr_html_()
    assert line.startswith(f"<{kind.__name__} ")
    assert line.endswith(">")
    assert "\n" not in line
    assert len(line) <= LINE == 300
    assert escape(result.title) in card
    assert escape(result.sentences()[0]) in card
    assert "<table" in card
    assert "__repr__" not in vars(kind)
    assert "_repr_html_" not in vars(kind)


def _within(value: object, seen: dict[int, object]) -> dict[int, object]:
    """Every dataclass of the package that a value holds, however deep."""
    if id(value) in seen:
        return seen
    if dataclasses.is_dataclass(value):
        seen[id(value)] = value
        for field in dataclasses.fields(value):
            _within(getattr(value, field.name), seen)
    elif isinstance(value, tuple | list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            _within(inner, seen)
    return seen


@each
def test_whatever_a_result_holds_is_one_line_too(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    held = _within(found(kind), {}).values()
    assert len(held) > 1 or kind in (
        CheckReport,
        Decision,
        Decomposition,
        DonorAudit,
        DataQuality,
        MMMPrior,
        PriorAudit,
        RankedUnits,
        ScaleChoice,
        Study,
    )
    for value in held:
        assert "\n" not in repr(value), type(value)
        if type(value).__repr__ is Brief.__repr__:
            assert len(repr(value)) <= LINE, type(value)
            assert repr(value).startswith(f"{type(value).__name__}(")


@each
def test_a_result_of_a_failed_gate_says_so(kind: type[Result], given: Given) -> None:
    result = MAKERS[kind](given.failed())
    if kind in CLASSICAL:
        assert result.status == "ok"
        return
    assert result.status == "unreliable"
    assert result.sentences()[0].startswith(UNRELIABLE)
    assert repr(result).startswith(f"<{kind.__name__} {UNRELIABLE} ")
    assert f"{UNRELIABLE}:" not in repr(result), "the line has room for what was found"
    assert escape(result.sentences()[0]) in result._repr_html_()
    assert result.to_dict()["status"] == "unreliable"
    json.dumps(result.to_dict(), allow_nan=False)


def test_what_rests_on_placebo_fits_says_that_these_failed(given: Given) -> None:
    """The treated unit's own fit passed its gate, and nothing says otherwise."""
    first, *rest = given.calibration.placebos
    calibration = replace(given.calibration, placebos=(replace(first, status="unreliable"), *rest))
    fit = calibration.fit
    assert fit.status == "ok"
    whole = Analysis(given.panel, (fit,), {}, {}, 0.95, 0, calibration=calibration)
    results = [
        calibration, bs.decide(calibration), bs.audit_donors(fit, calibration=calibration, progress=False),
        bs.check(fit, calibration=calibration), bs.path_band(calibration), whole, whole.comparison,
    ]  # fmt: skip
    reason = "1 of 6 placebo fits did not pass the convergence gate"
    for result in results:
        words = " ".join(result.sentences())
        assert result.status == "unreliable", type(result)
        assert result.sentences()[0] == f"{UNRELIABLE}: {reason}, so do not use these numbers."
        assert words.count("convergence gate") == 1, words
        if isinstance(result, Pictured) and result is not whole:
            marks = [" ".join(text.get_text().split()) for text in result.plot().texts]
            assert f"{UNRELIABLE}: {reason}" in marks, type(result)
    assert "The calibrated interval is UNRELIABLE" in " ".join(whole.verdict.details)
    assert "Until a posterior has passed its gate" not in " ".join(whole.verdict.details)


def test_posteriors_that_failed_are_named_once(given: Given) -> None:
    """The calibration of a fit that failed has the reason of that fit, which is no second one."""
    bad = replace(given.fit, diagnostics=replace(given.fit.diagnostics, status="unreliable", failures=("R-hat",)))
    other = replace(bad, spec=bad.spec.model_copy(update={"name": "other"}))
    whole = Analysis(given.panel, (bad, other), {}, {}, 0.95, 0, calibration=replace(given.calibration, fit=bad))
    reason = f"the posteriors of {bad.spec.name!r} and 'other' did not pass their convergence gates"
    assert whole.reason == reason
    assert whole.verdict.headline == f"{UNRELIABLE}: {reason}, so do not use these numbers."


def test_an_unreliable_finding_makes_the_analysis_unreliable_and_is_marked_where_it_is_cited(given: Given) -> None:
    pit = given.certificate.pit
    certificate = replace(given.certificate, pit=pit.assign(status=["unreliable"] * 2 + ["ok"] * (len(pit) - 2)))
    audit = bs.audit_prior(given.fit, alphas=(1.0,), progress=False)
    audit = replace(audit, table=audit.table.assign(status="unreliable"))
    whole = Analysis(given.panel, (given.fit,), {}, {}, 0.95, 0)
    assert whole.status == "ok"
    cited = whole.with_findings({"certificate": certificate, "prior_audit": audit})
    reason = "2 of 6 pseudo-treated fits did not pass the convergence gate"
    assert cited.status == cited.to_dict()["status"] == "unreliable"
    assert f"The certificate, itself UNRELIABLE ({reason}), finds" in " ".join(cited.verdict.details)
    assert cited.sentences()[0] == f"{UNRELIABLE}: in the certificate {reason}, so do not use what it says."
    assert "in the prior audit the fit at α = 1 did not pass its convergence gate" in cited.sentences()[1]
    # The effects themselves rest on fits that passed.
    assert cited.effects_reason == ""
    assert cited.comparison.status == "ok"
    mark = f"{UNRELIABLE}: the fit at α = 1 did not pass its convergence gate"
    assert any(text.get_text() == mark for text in audit.plot().texts)


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if hasattr(kind, "effects")], ids=lambda kind: kind.__name__)
def test_effects_have_the_same_columns(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    result = found(kind)
    table = result.effects(level=0.8)
    assert tuple(table.columns[: len(EFFECT_COLUMNS)]) == EFFECT_COLUMNS
    assert set(table["status"]) == {result.status}
    # A comparison and a curve are of the average alone.
    alone = kind in (Comparison, SpecificationCurve)
    if kind in (WavesAnalysis, bs.WavesFit, bs.WavesCalibration):
        # Of several starts the averages are over all, by wave, by event time and by unit.
        assert {"overall", "wave 14", "period 0", "0", "1"} <= set(table["estimand"])
    else:
        assert set(table["estimand"]) == ({"average"} if alone else {"average", "cumulative", "lift"})
    assert (table["level"].isna() | (table["level"] == 0.8)).all()
    assert (result.effects()["level"].isna() | (result.effects()["level"] == 0.95)).all()


@pytest.mark.parametrize("kind", [bs.Fit, bs.Calibration, Stack, Bootstrap, JackknifePlus, PredictionInterval])
def test_words_hold_intervals_of_the_level_that_was_asked_for(
    kind: type[Result], found: Callable[[type[Result]], Result]
) -> None:
    result = found(kind)
    # How its procedure was measured has a level of its own.
    short = getattr(result, "fell_short", "") or "nothing"
    said = " ".join(sentence for sentence in result.sentences(level=0.8) if short not in sentence)
    lower, upper = result.effects(level=0.8).loc[0, ["lower", "upper"]]
    assert "80%" in said
    assert "95%" not in said
    bounds = re.search(r"\[(.+?),\s(.+?)\]", said).groups()
    given = [float(bound.replace("−", "-").replace(",", "")) for bound in bounds]
    assert given == pytest.approx([lower, upper], rel=0.01, abs=0.005)
    with pytest.raises(bs.SpecError, match="level is 95"):
        result.sentences(level=95)


@each
def test_a_pictured_result_draws_itself(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    result = found(kind)
    if not isinstance(result, Pictured):
        assert not hasattr(result, "plot")
        return
    axes = result.plot()
    assert isinstance(axes, Axes)
    assert axes.has_data() or any(child.has_data() for child in axes.child_axes) or len(axes.figure.axes) > 1
    figure, own = plt.subplots()
    assert result.plot(ax=own).figure is figure
    if "level" in inspect.signature(PICTURES[kind]).parameters:
        assert result.plot(level=0.5).has_data()
        with pytest.raises(bs.SpecError, match="level is 95"):
            result.plot(level=95)
    with pytest.raises(bs.SpecError, match="the picture has no setting 'shade'"):
        result.plot(shade=0.5)


@each
def test_a_result_can_be_copied_and_pickled(kind: type[Result], found: Callable[[type[Result]], Result]) -> None:
    result = found(kind)
    for again in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert type(again) is kind
        assert again.to_dict() == result.to_dict()
        assert again.sentences() == result.sentences()


@each
def test_a_result_comes_back_from_its_file(
    kind: type[Result], found: Callable[[type[Result]], Result], tmp_path: Path
) -> None:
    result = found(kind)
    result.save(tmp_path / "new" / "result.nc")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["result.nc"]
    again = bs.load(tmp_path / "new" / "result.nc")
    assert type(again) is kind
    assert again.to_dict() == result.to_dict()
    assert again.sentences() == result.sentences()
    pd.testing.assert_frame_equal(again.table, result.table)
    again.save(tmp_path / "once more.nc")
    assert bs.load(tmp_path / "once more.nc").to_dict() == result.to_dict()


def _emptied(data: object) -> None:
    """Take everything out of plain data, however deep."""
    for inner in list(data.values()) if isinstance(data, dict) else list(data) if isinstance(data, list) else []:
        _emptied(inner)
    if isinstance(data, dict | list):
        data.clear()


@each
def test_a_result_is_not_changed_through_what_it_hands_out(
    kind: type[Result], found: Callable[[type[Result]], Result]
) -> None:
    result = found(kind)
    before, table = json.dumps(result.to_dict()), result.table
    _emptied(result.to_dict())
    tables = [name for name in dir(kind) if isinstance(getattr(result, name, None), pd.DataFrame)]
    tables += [
        field.name for field in dataclasses.fields(kind) if isinstance(getattr(result, field.name), pd.DataFrame)
    ]
    assert "table" in tables
    for name in {*tables, "effects"} if hasattr(kind, "effects") else tables:
        handed = getattr(result, name)
        handed = handed() if callable(handed) else handed
        for column in handed:
            handed[column] = 0
    assert json.dumps(result.to_dict()) == before
    pd.testing.assert_frame_equal(result.table, table)


def test_weights_are_an_array_and_a_table(given: Given) -> None:
    for result, columns in (
        (given.fit, ["donor", "weight", "lower", "upper", "level"]),
        (MAKERS[bs.Estimate](given), ["donor", "weight"]),
    ):
        assert result.weights.shape == (given.panel.n_donors,)
        assert result.weights.sum() == pytest.approx(1.0)
        table = result.weights_table()
        assert list(table.columns) == columns
        assert table["weight"].is_monotonic_decreasing
        by_donor = table.set_index("donor")["weight"]
        assert by_donor.loc[list(given.panel.donors)].tolist() == result.weights.tolist()


def test_a_line_survives_the_names_of_units() -> None:
    frame = simulate_factor(donors=3, n_pre=8, n_post=2, seed=1).replace({"unit": {0: "new\nline \u202e" * 60}})
    panel = bs.Panel.from_long(
        frame.assign(unit=frame["unit"].astype(str)), unit="unit", time="time", outcome="outcome",
        treated=max(map(str, frame["unit"].unique()), key=len), start=8,
    )  # fmt: skip
    result = bs.classical(panel)
    for words in (
        repr(panel),
        result.title,
        *result.sentences(),
        *result.notes(),
        *panel.notes(),
    ):
        assert "\n" not in words
        assert "\u202e" not in words
    assert panel.treated[0] == "new\nline \u202e" * 60
    assert result.to_dict()["treated"] == panel.treated_name
    line = repr(result)
    assert "\n" not in line
    assert len(line) <= LINE
    assert line.endswith("effective donors>")
