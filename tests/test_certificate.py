"""The certificate: its arithmetic against brute force, and the whole of it, resumed, drawn and from the shell."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import bsynth as bs
from bsynth.bayesian.plan import plan
from bsynth.calibration import Lesson, PlaceboFit, learn, learn_inflation
from bsynth.calibration.certificate import Certificate, certify
from bsynth.calibration.certificate.intervals import conformal_quantiles, window_tables
from bsynth.calibration.certificate.summary import (
    coverage_table,
    error_factor,
    flat_p,
    pit_histogram,
    share_interval,
)
from bsynth.calibration.certificate.windows import PlaceboWindow, earlier_panels
from bsynth.calibration.certificate.words import _by_period, _held
from bsynth.calibration.inflation import mixture_radii
from bsynth.calibration.scores import coverage_error, interval_score, standard_error
from bsynth.cli import main
from bsynth.model.design import make_design
from bsynth.panel.simulate import simulate_factor
from bsynth.plots.certificate import plot_certificate
from bsynth.text.numbers import percent

mpl.use("Agg")
LEVELS = (0.5, 0.8, 0.9, 0.95)
H = 4
PRIOR = {"none": 0.5, "walk": 0.5}


def _placebo(unit: int, error: float, sd: float, rng: np.random.Generator) -> PlaceboFit:
    path = error + sd * rng.standard_normal((800, H)) * np.sqrt(H)
    drifting = (rng.random(800) < 0.6).astype(int)
    known = np.array([1 / 3, 2 / 3])
    return PlaceboFit(
        unit, path.mean(axis=1), drifting, path.mean(axis=0), path.std(axis=0), known, 10.0, "ok", 0.1, path
    )


@pytest.fixture(scope="module")
def window() -> PlaceboWindow:
    rng = np.random.default_rng(3)
    frame = simulate_factor(donors=12, n_pre=12, n_post=H, seed=2)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=12)
    placebos = tuple(_placebo(u, e, 0.3, rng) for u, e in zip(panel.donors, rng.normal(0, 0.9, 12), strict=True))
    return PlaceboWindow(panel, placebos, None, learn(placebos, PRIOR))


def test_each_unit_learns_from_the_others_alone(window: PlaceboWindow) -> None:
    units, pit = window_tables(window, 0, PRIOR, LEVELS)
    k = 4
    others = [p for i, p in enumerate(window.placebos) if i != k]
    lesson = learn(others, PRIOR)
    own = window.placebos[k]
    mean, sd = own.reweighted(lesson.factors)
    rows = units[(units["unit"] == own.unit) & (units["estimand"] == "average")].set_index(["kind", "level"])
    for level in LEVELS:
        found = rows.loc[("calibrated", level)]
        lower, upper = lesson.inflation.interval(level, mean, sd)
        assert found["lower"] == pytest.approx(lower, abs=1e-3 * (upper - lower))
        assert found["upper"] == pytest.approx(upper, abs=1e-3 * (upper - lower))
        base = rows.loc[("base", level)]
        assert (base["lower"], base["upper"]) == pytest.approx(own.interval(level, lesson.factors))
    z = np.sort([abs(m) / s for m, s in (p.reweighted(lesson.factors) for p in others)])
    # 11 others: the ⌈.8 · 12⌉ = 10th; the 95% one would be the 12th, which there is not.
    assert rows.loc[("conformal", 0.8), "upper"] == pytest.approx(mean + z[9] * sd)
    assert np.isinf(rows.loc[("conformal", 0.95), "upper"])
    own_pit = pit.set_index("unit").loc[own.unit]
    assert own_pit["calibrated"] == pytest.approx(lesson.inflation.cdf(0.0, mean, sd))


def test_estimands_are_sums_of_one_another(window: PlaceboWindow) -> None:
    units, _ = window_tables(window, 0, PRIOR, LEVELS)
    one = units[(units["unit"] == 3) & (units["kind"] == "calibrated") & (units["level"] == 0.9)]
    by = dict(list(one.groupby("estimand")))
    assert len(one) == 2 + 2 * H
    bounds = ["estimate", "lower", "upper"]
    np.testing.assert_allclose(by["cumulative"][bounds], H * by["average"][bounds])
    np.testing.assert_allclose(by["cumulative-path"][bounds].iloc[-1], by["cumulative"][bounds].iloc[0])
    np.testing.assert_allclose(by["cumulative-path"][bounds].iloc[0], by["period"][bounds].iloc[0])
    np.testing.assert_allclose(by["cumulative-path"]["estimate"], by["period"]["estimate"].cumsum())


def test_radii_are_those_of_the_exact_quantiles(rng: np.random.Generator) -> None:
    inflation = learn_inflation(rng.normal(0, 0.6, 20), rng.uniform(0.1, 0.5, 20))
    for sd in (0.05, 0.3, 1.2):
        exact = [inflation.interval(level, 0.0, sd)[1] for level in LEVELS]
        scale = inflation.scale(sd)
        np.testing.assert_allclose(mixture_radii(LEVELS, scale, inflation.weight), exact, rtol=4e-4)


def test_a_miss_costs_as_much_on_either_side() -> None:
    """Whatever the interval and the truth have in common: only how far it was missed, and how wide it is."""
    for shift in (0.0, 5.0):
        score = interval_score(np.full(3, shift - 1), np.full(3, shift + 1), 0.8, shift + np.array([-3.0, 0.5, 3.0]))
        np.testing.assert_allclose(score, [2.0 + 10 * 2.0, 2.0, 2.0 + 10 * 2.0])


def test_the_error_of_a_mean_needs_two_numbers() -> None:
    assert standard_error(np.array([1.0, 3.0])) == pytest.approx(1.0)
    for unknown in ([], [1.0], [1.0, np.inf], [np.inf, np.inf], [np.nan, 1.0]):
        assert np.isnan(standard_error(np.array(unknown)))


def test_scores_and_their_errors_by_hand() -> None:
    score = interval_score(np.array([-1.0, 1.0, -np.inf]), np.array([1.0, 2.0, 1.0]), 0.9, np.zeros(1))
    np.testing.assert_allclose(score, [2.0, 1.0 + 20.0 * 1.0, np.inf])
    assert coverage_error(10, 10) == pytest.approx(np.sqrt(11 / 12 * 1 / 12 / 10))
    rows = [("a", 0, "period", 0.9, -1.0, 1.0, True), ("a", 0, "period", 0.9, 1.0, 2.0, False),
            ("b", 0, "period", 0.9, -2.0, 1.0, True), ("b", 0, "period", 0.9, -2.0, 2.0, True)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["unit", "window", "estimand", "level", "lower", "upper", "held"])
    row = coverage_table(table.assign(kind="base")).iloc[0]
    assert (row["units"], row["intervals"], row["held"], row["coverage"]) == (2, 4, 3, 0.75)
    assert row["coverage_se"] == pytest.approx(0.25), "periods of one unit are one observation"
    assert row["score"] == pytest.approx((2 + 21 + 3 + 4) / 4)


@pytest.mark.parametrize("held", [0, 15, 19, 20])
def test_the_interval_of_a_coverage_is_that_of_wilson(held: int) -> None:
    wilson = stats.binomtest(held, 20).proportion_ci(0.95, method="wilson")
    share = np.repeat([1.0, 0.0], [held, 20 - held])
    assert share_interval(held / 20, share, 20) == pytest.approx((wilson.low, wilson.high))
    # Three intervals of a unit that are all alike are one, and of units that are all alike they are not more than one.
    assert share_interval(held / 20, share, 60) == pytest.approx((wilson.low, wilson.high))
    assert share_interval(held / 20, np.full(20, held / 20), 60) == pytest.approx((wilson.low, wilson.high))


def test_a_coverage_of_all_is_said_without_going_beyond_it() -> None:
    row = {"estimand": "average", "units": 20, "held": 20, "intervals": 20, "coverage": 1.0}
    row |= {"coverage_lower": 0.839, "coverage_upper": 1.0}
    assert _held(row) == "20 of 20 units (100%; 95% interval of that share 84% to 100%)"
    assert _held(row | {"estimand": "period", "units": 5}).startswith("20 of 20 periods of 5 units (100%; ")


@pytest.mark.parametrize(
    ("coverage", "lower", "upper", "said"),
    [
        (1.0, 0.57, 1.0, "The calibrated 90% interval of single periods"),
        (1.0, 0.95, 1.0, "Calibration leaves it wider than it says for single periods: "),
        (0.6, 0.4, 0.8, "Calibration leaves it too narrow for single periods: "),
        (0.6, 0.1, 0.95, "The calibrated 90% interval of single periods"),
    ],
)
def test_a_coverage_contradicts_the_level_where_its_interval_leaves_it_out(
    coverage: float, lower: float, upper: float, said: str
) -> None:
    row = {"estimand": "period", "units": 5, "held": 40 * coverage, "intervals": 40, "coverage": coverage}
    row |= {"coverage_lower": lower, "coverage_upper": upper}
    treated = pd.DataFrame([{"estimand": "period", "kind": "conformal", "level": 0.9, "lower": -1.0, "upper": 1.0}])
    found = SimpleNamespace(level=0.9, row=lambda *_: row, treated=treated)
    assert _by_period(found, "period").startswith(said)  # type: ignore[arg-type]


def test_factor_and_histogram(rng: np.random.Generator) -> None:
    z = 3.0 * stats.t.rvs(8, size=4000, random_state=rng)
    assert error_factor(z) == pytest.approx(3.0, rel=0.05)
    assert error_factor(np.append(z, 1e4)) == pytest.approx(3.0, rel=0.05), "one wild unit decides nothing"
    pit = rng.random(1000)
    histogram = pit_histogram(pit, 10)
    assert histogram["count"].sum() == 1000
    assert ((histogram["count"] >= histogram["lower"]) & (histogram["count"] <= histogram["upper"])).mean() >= 0.8
    assert flat_p(pit) > 0.01 > flat_p(pit**3)
    assert conformal_quantiles(np.arange(1.0, 10.0)[:, None], [0.9])[0, 0] == 9.0


@pytest.mark.parametrize(("n_pre", "n_post", "starts"), [(30, 10, [20, 10]), (19, 12, [7]), (20, 23, []), (14, 10, [])])
def test_earlier_windows_do_not_overlap_and_keep_a_pre_period(n_pre: int, n_post: int, starts: list[int]) -> None:
    frame = simulate_factor(donors=4, n_pre=n_pre, n_post=n_post, seed=0)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=n_pre)
    found = earlier_panels(panel, 9)
    assert [w.n_pre for w in found] == starts
    assert all(w.n_post == n_post for w in found)
    assert earlier_panels(panel, 0) == []


def test_room_for_periods_leaves_the_density_alone(rollout_panel: bs.Panel) -> None:
    """Periods that only fill the compiled model add nothing but their own prior."""
    from bsynth.engines import graph

    spec = bs.load_model("rollout")
    early = rollout_panel.backdated(10)
    densities = []
    for periods in (0, len(rollout_panel.times)):
        design = make_design(early, spec, slots=27, periods=periods)
        assert design.room == max(periods, 20)
        with graph.build(design, spec) as model:
            point = model.initial_point()
            point = {name: np.full_like(value, 0.3) for name, value in point.items()}
            densities.append(float(model.compile_logp(mode="FAST_COMPILE")(point)))
    assert densities[1] - densities[0] == pytest.approx(10 * stats.norm.logpdf(0.3), abs=1e-8)


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = simulate_factor(donors=6, n_pre=16, n_post=H, seed=11)
    file = tmp_path_factory.mktemp("certificate") / "small.csv"
    frame.to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def found(csv: Path) -> Certificate:
    """A whole certificate of seven small series, at the real start and one earlier window."""
    panel = bs.Panel.from_long(csv, unit="unit", time="time", outcome="outcome", treated=0, start=16)
    return certify(panel, "level", draws=500, seed=5, store=csv.with_suffix(".jsonl"), progress=False)


@pytest.mark.slow
def test_tables_have_a_row_for_everything(found: Certificate) -> None:
    assert [(w.panel.n_pre, w.start) for w in found.windows] == [(16, 16), (12, 12)]
    # Six donors, and in the earlier window the treated unit too.
    assert found.pit.groupby("window").size().to_dict() == {0: 6, 1: 7}
    assert len(found.units) == 13 * (2 + 2 * H) * 4 * 3
    assert found.rivals.groupby("kind").size().to_dict() == {"demeaned-conformal": 52, "demeaned-placebo": 52}
    assert set(found.table["windows"]) == {"real start", "earlier", "all"}
    row = found.row("base", windows="all")
    assert (row["units"], row["intervals"]) == (7, 13)
    cell = found.units.query("estimand == 'average' and kind == 'calibrated' and level == 0.9")
    assert found.row("calibrated", windows="all")["coverage"] == pytest.approx(cell["held"].mean())
    assert found.errors.set_index("windows").loc["real start", "rmse"] == pytest.approx(
        np.sqrt((found.pit.query("window == 0")["estimate"] ** 2).mean())
    )


@pytest.mark.slow
def test_treated_intervals_are_those_of_the_report(found: Certificate) -> None:
    own = found.treated.query("estimand == 'average' and level == 0.95").set_index("kind")
    calibration = found.calibration
    for kind, table in (("base", calibration.fit.effects(0.95)), ("calibrated", calibration.effects(0.95))):
        row = table.iloc[0]
        assert tuple(own.loc[kind, ["estimate", "lower", "upper"]]) == tuple(row[["estimate", "lower", "upper"]])
    assert np.isinf(own.loc["conformal", "upper"]), "six donors cannot bound a 95% interval"
    half = found.treated.query("estimand == 'cumulative' and level == 0.5").set_index("kind").loc["conformal"]
    assert half["lower"] < half["estimate"] < half["upper"]
    periods = found.treated.query("estimand == 'period'")
    assert len(periods) == H * 4 * 3
    assert set(periods["kind"]) == {"base", "calibrated", "conformal"}
    path = calibration.path(0.8)
    own = periods[(periods["kind"] == "calibrated") & (periods["level"] == 0.8)]
    assert own["lower"].tolist() == path["gap_lower"].tolist()


@pytest.mark.slow
def test_words_are_found_in_the_tables(found: Certificate) -> None:
    said = " ".join(found.sentences())
    assert "exchangeable" in said
    assert "1/7" in said
    assert "proves nothing about the model" in said
    assert f"{found.row('calibrated')['coverage']:.0%}" in said
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["schema"] == 1
    assert plain["finding"] == found.finding
    assert len(plain["table"]) == len(found.table)
    assert "inf" in {row["upper"] for row in plain["intervals"]}
    assert "Certificate" in found._repr_html_()
    assert "level" in repr(found)


@pytest.mark.slow
def test_what_is_unbounded_is_said_of_whom(found: Certificate) -> None:
    """A donor's conformal interval is made from the others, the treated unit's from all donors: one more."""
    donors = found.windows[0].panel.n_donors
    words = next(s for s in found.sentences() if "unbounded" in s)
    widths = found.coverage("conformal")["median_width"]
    donors_at = [percent(level) for level in found.levels if np.isinf(widths[level])]
    own = found.treated[(found.treated["kind"] == "conformal") & np.isinf(found.treated["upper"])]
    treated_at = [percent(level) for level in sorted(own["level"].unique())]
    assert f"from the {donors - 1} others, is unbounded at {', '.join(donors_at)};" in words
    assert f"from all {donors}, at {', '.join(treated_at) or 'none'}." in words


def test_overconfident_model_is_named(found: Certificate) -> None:
    """The same certificate with donors whose errors are four times what their fits expect."""
    rng = np.random.default_rng(8)
    units = found.windows[0].panel.donors
    placebos = tuple(
        replace(_placebo(u, 4 * e, 0.3, rng), component=np.zeros(800, dtype=int), support=np.ones(1))
        for u, e in zip(units, rng.normal(0, 0.3, len(units)), strict=True)
    )
    window = PlaceboWindow(found.windows[0].panel, placebos, None, learn(placebos, None))
    table, pit = window_tables(window, 0, None, LEVELS)
    wrong = replace(found, windows=(window,), units=table, pit=pit, rivals=found.rivals.query("window == 0"))
    assert wrong.finding == "overconfident"
    assert 2 < wrong.factor < 8
    first = wrong.sentences()[0]
    assert "OVERCONFIDENT" in first
    assert f"{wrong.row('base')['coverage']:.0%} of 6 units" in first
    # Donors that bear the model out, and a treated unit that does not, before anything happened to it.
    own = found.pit["unit"] == found.windows[1].treated.unit
    odd = replace(
        found, pit=found.pit.assign(base=found.pit["base"].where(~own, 0.001), sd=found.pit["sd"].where(~own, 0.01))
    )
    assert not odd.donors_narrow
    assert odd.finding == "overconfident"
    assert odd.factor == pytest.approx(abs(odd.own["z"].iloc[0]))
    assert "from 12 on, when nothing had happened yet" in odd.sentences()[0]
    assert odd.own["estimate"].iloc[0] == pytest.approx(odd.pit[own]["estimate"].iloc[0] * odd.windows[1].treated.scale)
    marks = {line.get_gid(): line for line in plot_certificate(odd).child_axes[1].get_lines()}
    assert marks["own"].get_xdata()[0] == pytest.approx(0.001)
    assert "Report the calibrated interval, which allows for it" in odd.sentences()[0]
    worse = replace(found, pit=odd.pit.assign(calibrated=odd.pit["calibrated"].where(~own, 1e-6)))
    assert "the treated unit is not like its donors" in worse.sentences()[0]
    # Both at once: the donors first, then the treated unit.
    second = pd.concat([pit, odd.pit[odd.pit["window"] == 1]])
    units = pd.concat([table, found.units[found.units["window"] == 1]])
    both = replace(wrong, windows=(window, found.windows[1]), pit=second, units=units)
    assert both.donors_narrow
    assert any(said.startswith("The treated unit itself contradicts it too") for said in both.sentences())
    skipped = replace(found, skipped=((3, 12, "it does not move"),))
    assert "1 unit could not play the treated unit: 3 from 12 (it does not move)." in skipped.sentences()
    one = found.pit.assign(status=["unreliable", *["ok"] * (len(found.pit) - 1)])
    told = " ".join(replace(found, pit=one).sentences())
    assert f"1 of {len(one)} pseudo-treated fits did not pass the convergence gate" in told
    failed = replace(found, pit=found.pit.assign(status="unreliable"))
    assert failed.status == "unreliable"
    assert failed.sentences()[0].startswith("UNRELIABLE")
    texts = [t.get_text() for t in plot_certificate(failed).texts]
    assert any("UNRELIABLE" in t for t in texts)


@pytest.mark.slow
def test_picture_is_the_table(found: Certificate) -> None:
    coverage, pit = plot_certificate(found).child_axes
    lines = {line.get_gid(): line for line in coverage.get_lines()}
    for kind in ("base", "calibrated", "conformal"):
        np.testing.assert_allclose(lines[kind].get_ydata(), found.coverage(kind)["coverage"])
    heights = [p.get_height() for p in pit.patches if p.get_gid() == "pit"]
    assert heights == found.histogram("calibrated")["count"].tolist()
    assert sum(heights) == len(found.pit)


@pytest.mark.slow
def test_from_the_shell_a_killed_run_goes_on(found: Certificate, csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    lines = csv.with_suffix(".jsonl").read_text().splitlines()
    # All but the last fit, whose line was cut short by a kill.
    (out / "placebos.jsonl").write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:80])
    base = ["--unit", "unit", "--time", "time", "--outcome", "outcome", "--treated", "0", "--start", "16"]
    arguments = ["certify", str(csv), *base, "--model", "level", "--draws", "500", "--seed", "5", "--out", str(out)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert {p.name for p in out.iterdir()} == {"certificate.json", "certificate.csv", "figures", "placebos.jsonl"}
    assert len((out / "placebos.jsonl").read_text().splitlines()) == len(lines) + 1, "only one fit was computed again"
    written = json.loads((out / "certificate.json").read_text())
    assert written["finding"] == found.finding
    np.testing.assert_allclose([r["coverage"] for r in written["table"]], found.table["coverage"])
    assert len(pd.read_csv(out / "certificate.csv")) == len(found.units)
    assert "exchangeable" in done.stdout
    assert found.sentences()[0] in done.stdout
    assert {p.suffix for p in (out / "figures").iterdir()} == {".png", ".svg"}
    # An old store, or anybody else's lines, are passed over and never misread.
    old = json.loads(lines[0])
    old["key"], old["path"] = "0" * 16, [[1e9] * H]
    shutil.copy(csv, tmp_path / "copy.csv")
    (tmp_path / "old.jsonl").write_text(json.dumps(old) + "\n")
    panel = bs.Panel.from_long(csv, unit="unit", time="time", outcome="outcome", treated=0, start=16)
    from bsynth.calibration import placebo_fits

    spec = plan(panel, "level").spec
    again = placebo_fits(panel, spec, [1], bs.Sampling(500, seed=5), store=tmp_path / "old.jsonl", progress=False)
    np.testing.assert_array_equal(again[0].path, found.windows[0].placebos[0].path)
    assert again[0].unit == 1, "a label is what it was, also from a store"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.UnreliableWarning")
def test_on_the_graph_windows_and_donors_share_one_compiled_model(found: Certificate) -> None:
    from bsynth.calibration import placebo_fits
    from bsynth.engines import graph

    slow = bs.Sampling(draws=100, tune=100, engine="pymc")
    graph._compiled.clear()
    for window in found.windows:
        placebo_fits(window.panel, found.spec, list(window.panel.donors[:2]), slow, progress=False, periods=20)
    assert len(graph._compiled) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": (0.5, 90)}, "level is 90"),
        ({"levels": ()}, "levels is empty"),
        ({"windows": -1}, "windows is -1"),
        ({"model": "lvel"}, "did you mean 'level'"),
    ],
)
def test_bad_input_is_one_line(csv: Path, arguments: dict, message: str) -> None:
    panel = bs.Panel.from_long(csv, unit="unit", time="time", outcome="outcome", treated=0, start=16)
    with pytest.raises(bs.BsynthError, match=message):
        certify(panel, **arguments)
    few = bs.Panel.from_long(csv, unit="unit", time="time", outcome="outcome", treated=0, start=16, donors=[1, 2, 3])
    with pytest.raises(bs.PanelError, match="3 donors can play the treated unit"):
        certify(few)


def test_bad_input_from_the_shell_leaves_nothing(csv: Path, tmp_path: Path) -> None:
    base = ["--unit", "unit", "--time", "time", "--outcome", "outcome", "--start", "16", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, ["certify", str(csv), *base, "--treated", "0", "--model", "lvel"])
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()[-1:]) == 1
    assert "did you mean 'level'" in done.stderr
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    done = CliRunner().invoke(main, ["certify", str(csv), *base, "--treated", "0"])
    assert done.exit_code == 2
    assert "not empty and not a run folder" in done.stderr


def test_lesson_of_a_model_without_switch(window: PlaceboWindow) -> None:
    always = [replace(p, component=np.zeros_like(p.component), support=np.ones(1)) for p in window.placebos]
    lesson = learn(always, None)
    assert isinstance(lesson, Lesson)
    assert lesson.shares is None
    np.testing.assert_array_equal(lesson.factors, [1.0])
