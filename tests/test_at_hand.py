"""Objects as they are met in a notebook and a terminal: cards, one line, 80 columns, pictures of an analysis."""

import base64
import re
from html import escape
from typing import Any

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import bsynth as bs
from bsynth import plots
from bsynth.text.effects_table import WIDTH, EffectsTable


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    frame = bs.datasets.make_geo(markets=8, weeks=40, weeks_after=5, seed=2, as_frame=True)
    treated = frame.loc[frame["campaign"] == 1, "market"].unique()
    return bs.Panel.from_long(
        frame, unit="market", time="week", outcome="sales", treated=treated, start="2023-09-04",
        outcome_label="weekly sales", unit_label="market", higher_is="better",
    )  # fmt: skip


@pytest.fixture(scope="module")
def analysis(panel: bs.Panel) -> bs.Analysis:
    findings = ["uncertainty", "donor_audit", "decision", "bands"]
    return bs.analyse(panel, methods="all", findings=findings, draws=400, level=0.9, seed=1, progress=False)


@pytest.fixture(scope="module")
def classical(panel: bs.Panel) -> bs.Analysis:
    methods = ["sc", "demeaned", "placebo"]
    return bs.analyse(panel, models=["none"], methods=methods, findings="none", progress=False)


@pytest.mark.slow
def test_an_analysis_in_a_notebook_is_the_first_screen(analysis: bs.Analysis) -> None:
    card, verdict = analysis._repr_html_(), analysis.verdict
    places = [card.index(escape(words)) for words in (verdict.headline, *verdict.bullets)]
    picture = card.index("data:image/png;base64,")
    assert places == sorted(places)
    assert places[0] < card.index(escape(verdict.facts[0].label)) < picture < places[1]
    for fact in verdict.facts:
        assert escape(fact.label) in card
        assert escape(fact.value) in card
    png = re.search(r"data:image/png;base64,([^']+)'", card)
    assert png is not None
    assert base64.b64decode(png[1]).startswith(b"\x89PNG")
    assert card.count("<table") == 1
    assert "<script" not in card
    assert len(card) < 250_000
    assert plt.get_fignums() == [], "pyplot would show the picture once more"


@pytest.mark.slow
def test_an_analysis_in_a_terminal_is_one_line(analysis: bs.Analysis) -> None:
    assert repr(analysis) == str(analysis) == f"<Analysis {analysis.title}: {analysis.verdict.headline}>"


def test_a_card_without_its_picture_is_still_the_answer(
    classical: bs.Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bsynth.reporting import card

    def fails(*_: object, **__: object) -> Axes:
        raise MemoryError("no room <b>")

    monkeypatch.setattr(card, "picture_of", lambda _: fails)
    shown = classical._repr_html_()
    assert "The picture is not available: MemoryError: no room &lt;b&gt;." in shown
    assert escape(classical.verdict.headline) in shown


@pytest.mark.slow
def test_effects_stay_within_the_terminal(analysis: bs.Analysis) -> None:
    results = [
        analysis,
        *analysis.fits,
        analysis.calibration,
        *analysis.inferences.values(),
        *analysis.estimates.values(),
    ]
    for result in results:
        table = result.effects()
        lines = repr(table).splitlines()
        assert max(map(len, lines)) <= WIDTH == 80, lines
        assert "estimate" in lines[0]
        assert lines[-1].endswith("effects(full=True)")
        assert "<table" in table._repr_html_()
    whole = analysis.effects(full=True)
    assert type(whole) is pd.DataFrame
    pd.testing.assert_frame_equal(whole, pd.DataFrame(analysis.effects()))
    assert {"sd", "hdi_lower", "seconds", "median"} <= set(whole)
    assert len(analysis.to_dict()["effects"]) == len(whole)
    assert set(analysis.to_dict()["effects"][0]) == set(whole)


def effects(**changed: Any) -> EffectsTable:
    row = {
        "method": "bayes", "model": "a model with a very long name indeed", "estimand": "cumulative",
        "estimate": -1.234e12, "lower": -9.9e12, "upper": np.inf, "level": 0.95, "interval": "leave-one-out-range",
        "p": 0.04, "probability_positive": 0.9995, "seconds": 1.0, "status": "unreliable",
    }  # fmt: skip
    other = row | {"method": "sc", "model": None, "estimand": "lift", "estimate": 0.081, "lower": -0.02, "upper": 0.182}
    return EffectsTable([row | changed, other | changed])


def test_a_wide_table_loses_chances_before_anything_else() -> None:
    text = repr(effects())
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "unreliable" in text, "a failed gate is seen"
    assert "∞" in text
    assert "P(> 0)" not in text
    assert re.search(
        r"−2.0% +18.2%", repr(effects(model="m", estimand="lift", estimate=0.081, lower=-0.02, upper=0.182))
    )


def test_what_was_made_of_a_table_is_a_plain_one() -> None:
    table = effects()
    for made in (table.head(1), table[["estimate", "p"]], table.copy(), table.query("p < 1")):
        assert type(made) is pd.DataFrame
    del table["lower"]
    assert repr(table) == repr(pd.DataFrame(table)), "as it comes, without the columns that would be written"
    assert "cumulative" in table._repr_html_()
    assert list(table) == [name for name in effects() if name != "lower"]


def test_a_region_that_was_asked_for_is_shown(prop99_fit: bs.Fit) -> None:
    table = prop99_fit.effects(rope=5.0)
    assert "P(beyond)" in repr(table).splitlines()[0]
    with pytest.raises(bs.SpecError, match="full is 'yes'"):
        prop99_fit.effects(full="yes")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::RuntimeWarning:arviz_stats")
def test_summary_is_that_of_arviz(prop99_fit: bs.Fit) -> None:
    own = prop99_fit.summary()
    posterior = prop99_fit.tree["posterior"].to_dataset()
    names = [str(name) for name, values in posterior.items() if "time" not in values.dims]
    theirs = az.summary(prop99_fit.tree, var_names=names, ci_prob=0.95, ci_kind="eti", round_to="none")
    assert set(own) <= set(theirs)
    assert set(own.index) == set(theirs.index)
    # ArviZ summarises the tails at a default of its own; the gate does as Vehtari et al. 2021.
    tails = az.ess(prop99_fit.tree, var_names=["sigma"], method="tail", prob=(0.05, 0.95))["sigma"]
    assert own.at["sigma", "ess_tail"] == pytest.approx(float(tails))
    alike = [name for name in own if name != "ess_tail"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(own[alike]), theirs.loc[own.index, alike].astype(float), check_names=False, rtol=1e-6
    )
    assert "weights[Utah]" in own.index
    few = prop99_fit.summary(0.9, weights=False)
    assert list(few)[2:4] == ["eti90_lb", "eti90_ub"]
    assert not [name for name in few.index if name.startswith("weights")]
    with pytest.raises(bs.SpecError, match="level is 90"):
        prop99_fit.summary(90)


def test_summary_is_written_in_words_within_eighty_columns(prop99_fit: bs.Fit) -> None:
    found = prop99_fit.summary(0.9)
    lines = repr(found).splitlines()
    assert len(lines) == 1 + len(found) + 2
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["parameter", "mean", "sd", "low", "high", "R-hat", "ESS"]
    assert "90% intervals" in lines[-2]
    for raw in ("...", "_", "eti", "[", "sigma"):
        assert not [line for line in lines if raw in line], raw
    (utah,) = (line.split() for line in lines if line.startswith("weight of Utah "))
    assert float(utah[3]) == pytest.approx(found.at["weights[Utah]", "mean"], abs=0.0051)
    assert int(utah[-1].replace(",", "")) == round(found.loc["weights[Utah]", ["ess_bulk", "ess_tail"]].min())
    assert "weight of Utah" in found._repr_html_()
    # What is made of it is a plain frame, with every column.
    assert type(found.head(3)) is pd.DataFrame
    assert "eti90_lb" in repr(pd.DataFrame(found).T)
    assert "..." not in repr(found.drop(columns="sd")["mean"].head(2))


def test_a_period_has_its_effect_as_a_share(prop99_fit: bs.Fit) -> None:
    path = prop99_fit.path(0.9)
    share = path["gap"] / path["counterfactual"]
    np.testing.assert_allclose(path["relative"], share)
    np.testing.assert_allclose(path["relative_lower"], path["observed"] / path["upper"] - 1)
    np.testing.assert_allclose(path["relative_upper"], path["observed"] / path["lower"] - 1)
    point = bs.classical(prop99_fit.panel).path()
    np.testing.assert_allclose(point["relative"], point["gap"] / point["counterfactual"])
    assert point["relative_lower"].isna().all()


def test_a_share_of_what_may_be_nothing_is_not_given() -> None:
    frame = bs.simulate_factor(donors=6, n_pre=12, n_post=3, seed=1)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=12)
    path = bs.fit(panel, "level", draws=300, progress=False).path()
    crosses = (path["lower"] < 0) & (path["upper"] > 0)
    assert crosses.any()
    assert path.loc[crosses, "relative_lower"].isna().all()


@pytest.mark.slow
def test_pictures_take_an_analysis(analysis: bs.Analysis) -> None:
    missing = {
        "plot_bootstrap": "Bootstrap", "plot_certificate": "Certificate", "plot_prior_audit": "PriorAudit",
        "plot_specification_curve": "SpecificationCurve",
    }  # fmt: skip
    for name in plots.__all__:
        # Of several fits, of several starts, of several cells, of a plan, or of a study.
        if name in (
            "plot_leave_future_out", "plot_stack", "plot_calendar", "plot_event_study", "plot_units",
            "plot_waves_answer", "plot_power", "plot_study", "plot_zipper", "plot_cells",
        ):  # fmt: skip
            continue
        draw = getattr(plots, name)
        if name in missing:
            with pytest.raises(bs.SpecError, match=f"this analysis has no {missing[name]}, only .*findings="):
                draw(analysis)
        else:
            assert draw(analysis) is not None, name
        plt.close("all")
    assert "90% calibrated" in " ".join(text.get_text() for text in plots.plot_gap(analysis).texts), "its own level"


@pytest.mark.slow
def test_decide_and_band_take_an_analysis(analysis: bs.Analysis, classical: bs.Analysis) -> None:
    asked = {"threshold": 10.0, "level": 0.9}
    assert bs.decide(analysis, **asked).to_dict() == bs.decide(analysis.calibration, **asked).to_dict()
    # What nobody asks otherwise is at the level of the analysis; a fit and a calibration have none.
    assert bs.path_band(analysis).table.equals(bs.path_band(analysis.calibration, level=analysis.level).table)
    assert bs.decide(analysis).level == bs.path_band(analysis).level == analysis.level == 0.9
    assert bs.decide(analysis.calibration).level == bs.path_band(analysis.fits[0]).level == 0.95
    assert bs.path_band(analysis, level=0.8).level == 0.8
    for verb in (bs.decide, bs.path_band):
        with pytest.raises(bs.PanelError, match="this analysis has no posterior; ask bsynth"):
            verb(classical)


def test_a_panel_draws_itself(panel: bs.Panel) -> None:
    ax = panel.plot()
    lines = {line.get_gid(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["treated"].get_ydata(), panel.treated_series)
    assert sum(line.get_gid() == "donor" for line in ax.get_lines()) == panel.n_donors
    indexed = {line.get_gid(): line for line in panel.plot(index=True).get_lines()}["treated"].get_ydata()
    assert np.mean(indexed[: panel.n_pre]) == pytest.approx(100)
    np.testing.assert_allclose(indexed / indexed[0], panel.treated_series / panel.treated_series[0])
    with pytest.raises(bs.SpecError, match="not above zero; leave it out"):
        bs.Panel.from_long(
            bs.simulate_factor(seed=1), unit="unit", time="time", outcome="outcome", treated=0, start=30
        ).plot(index=True)
    several = bs.datasets.make_geo(treated=2, markets=8, weeks=40).plot(ax=plt.subplots()[1])
    assert sum(line.get_gid() == "unit" for line in several.get_lines()) == 2
    with pytest.raises(bs.SpecError, match="panel is None; give a Panel"):
        plots.plot_panel(None)  # type: ignore[arg-type]


def test_an_unknown_setting_gets_a_hint(panel: bs.Panel) -> None:
    calls: list[tuple[Any, dict[str, Any], str]] = [
        (
            bs.analyse,
            {"model": "level"},
            r"analyse\(\) has no setting 'model', did you mean 'models'\?; it takes panel",
        ),
        (bs.fit, {"models": "level"}, r"fit\(\) has no setting 'models', did you mean 'model'\?"),
        (bs.specification_curve, {"scal": "log"}, r"has no setting 'scal', did you mean 'scales?'\?"),
        (bs.calibrate, {"zzz": 1}, r"calibrate\(\) has no setting 'zzz'; it takes panel, model, scale"),
    ]
    for verb, given, words in calls:
        with pytest.raises(TypeError, match=words):
            verb(panel, **given)


@pytest.mark.slow
def test_a_scale_is_chosen_by_every_verb() -> None:
    rng, t = np.random.default_rng(5), np.arange(26)
    growth = np.exp(0.03 * t + 0.2 * np.sin(t))[:, None] * np.exp(0.1 * rng.standard_normal((26, 8)))
    wide = pd.DataFrame(np.exp(rng.normal(3, 1, 8)) * growth, columns=list("abcdefgh"))
    panel = bs.Panel.from_wide(wide, treated="a", start=20)
    certificate = bs.certify(panel, "level", scale="auto", windows=0, draws=300, progress=False)
    assert certificate.spec.scale == "log"
    assert certificate.calibration.fit.provenance.chosen.startswith("The scale 'log'")
    curve = bs.specification_curve(
        panel, base="level", scale="auto", drifts=["none"], alphas=[1.0], pools=[], starts=[], since=[], last=3,
        draws=300, progress=False,
    )  # fmt: skip
    assert set(curve.table["scale"]) == {"log"}
    assert bs.certify(panel, "level", scale="log", windows=0, draws=300, progress=False).spec.scale == "log"
