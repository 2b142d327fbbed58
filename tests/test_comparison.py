"""Methods side by side: what the table holds, what is refused, and that the words and the picture follow it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.analysis import Analysis, Comparison, compare, plan_comparison, run_analysis
from bsynth.analysis.comparison import COLUMNS
from bsynth.bayesian.result import Fit
from bsynth.calibration.certificate.windows import PlaceboWindow
from bsynth.checks import check
from bsynth.frequentist import RidgeASCM, conformal, placebo_space
from bsynth.plots.comparison import plot_comparison

matplotlib.use("Agg")
CLASSICAL = ("sc", "demeaned", "did", "sdid")


def with_fits(panel: bs.Panel, *fits: Fit, interval: str = "placebo", truth: float | None = None) -> Analysis:
    """The analysis behind a comparison whose fits are there already."""
    request = plan_comparison(panel, CLASSICAL, interval=interval)
    analysis = run_analysis(request, truth=truth, progress=False)
    return replace(analysis, fits=fits, checks=check(fits[0]))


@pytest.fixture(scope="module")
def rollout(rollout_panel: bs.Panel, rollout_fit: Fit) -> Comparison:
    return with_fits(rollout_panel, rollout_fit, truth=0.05).comparison


@pytest.fixture(scope="module")
def prop99(prop99_panel: bs.Panel, prop99_fit: Fit) -> Comparison:
    return with_fits(prop99_panel, prop99_fit).comparison


def test_one_estimand_and_every_column(rollout: Comparison) -> None:
    table = rollout.table
    assert tuple(table.columns) == COLUMNS
    assert set(table["estimand"]) == {"average"}
    assert list(zip(table["method"], table["interval"], strict=True)) == [
        ("bayes", "predictive"), *((name, "placebo") for name in CLASSICAL),
    ]  # fmt: skip
    assert (
        table[["estimate", "conditions", "pre_rmspe", "effective_donors", "seconds", "status"]].notna().all(axis=None)
    )
    assert (table["conditions"].str.len() > 60).all()
    bayes, classical = table.iloc[0], table.iloc[1:]
    assert bayes["probability_positive"] > 0.99
    assert np.isnan(bayes["p"])
    assert classical["probability_positive"].isna().all()
    assert list(table["free_level"]) == [True, False, True, True, True]


@pytest.mark.parametrize("interval", ["placebo", "conformal"])
def test_interval_and_p_come_from_one_procedure(prop99_panel: bs.Panel, interval: str) -> None:
    found = compare(prop99_panel, ["sc", "sdid"], interval=interval, progress=False).table.set_index("method")
    for name in ("sc", "sdid"):
        own = (
            placebo_space(prop99_panel, name, progress=False)
            if interval == "placebo"
            else conformal(prop99_panel, name, proxy="pre" if name == "sdid" else "all", progress=False)
        )
        row = own.effects(0.95).iloc[0]
        assert found.loc[name, ["estimate", "lower", "upper", "p"]].tolist() == pytest.approx(
            row[["estimate", "lower", "upper", "p"]].tolist()
        )
        # p of zero is at most 5% exactly when the interval leaves zero out.
        if row["lower"] <= row["estimate"] <= row["upper"]:
            assert (row["p"] <= 0.05) == (not row["lower"] <= 0 <= row["upper"])


def test_the_order_asked_for_and_estimators_with_settings(prop99_panel: bs.Panel) -> None:
    methods = ["did", RidgeASCM(ridge=10.0), RidgeASCM(ridge=1000.0), "sc"]
    table = compare(prop99_panel, methods, progress=False).table
    assert list(table["method"]) == ["did", "ascm", "ascm-2", "sc"]
    assert table.loc[1, "estimate"] != table.loc[2, "estimate"]


def test_a_model_samples_and_the_main_one_comes_first(prop99_panel: bs.Panel, prop99_fit: Fit) -> None:
    found = compare(prop99_panel, ["sc", "level"], calibrated=False, seed=1, progress=False)
    row = prop99_fit.effects().iloc[0]
    assert found.table.loc[0, ["method", "model", "interval"]].tolist() == ["bayes", "level", "predictive"]
    assert found.table.loc[0, "estimate"] == pytest.approx(row["estimate"])
    assert found.facts["checks"]["status"] == "warning"


def test_default_set_is_planned_with_calibration(prop99_panel: bs.Panel, rollout_panel: bs.Panel) -> None:
    request = plan_comparison(prop99_panel)
    assert [fit.spec.name for fit in request.fits] == ["default"]
    assert request.estimators == CLASSICAL
    assert request.calibrated
    assert "Interval and p of each estimator: placebo" in str(request)
    few = rollout_panel.without(*rollout_panel.donors[3:])
    assert not plan_comparison(few).calibrated
    assert not plan_comparison(rollout_panel, calibrated=False).calibrated


@pytest.mark.parametrize(
    ("methods", "settings", "message"),
    [
        (["scc"], {}, "unknown method 'scc', did you mean 'sc'"),
        (["sc", "sc"], {}, "'sc' is named twice"),
        ([], {}, "no method was named"),
        (["predictors"], {}, "needs a table"),
        (["sc"], {"interval": "bootstrap"}, "interval 'bootstrap' is unknown"),
        (["sc"], {"level": 1.5}, "level is 1.5"),
        ([3], {}, "estimator is 3"),
    ],
)
def test_bad_requests_are_refused_first(
    prop99_panel: bs.Panel, methods: list[object], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(bs.SpecError, match=message):
        plan_comparison(prop99_panel, methods, **settings)


def test_two_models_of_one_name_are_refused(prop99_panel: bs.Panel) -> None:
    level = bs.load_model("level")
    with pytest.raises(bs.SpecError, match="two models are called 'level'"):
        plan_comparison(prop99_panel, [level, level.model_copy(update={"title": "Mine"})])


def test_predictors_have_no_conformal_interval(prop99_panel: bs.Panel, data_dir: Path) -> None:
    table = pd.DataFrame({"x": np.arange(39.0)}, index=[*prop99_panel.treated, *prop99_panel.donors])
    with pytest.raises(bs.SpecError, match="no conformal interval"):
        plan_comparison(prop99_panel, [bs.Predictors(table)], interval="conformal")


@dataclass(frozen=True)
class Paper:
    """What a comparison reads of a certificate."""

    panel: bs.Panel
    status = "ok"
    reason = ""

    def sentences(self) -> tuple[str, ...]:
        return ()

    def to_dict(self) -> dict[str, Any]:
        found = {"model": "level", "finding": "overconfident", "factor": 2.66, "status": "ok", "reason": ""}
        return found | {"donors": 38, "resolution": 1 / 39, "panel": self.panel.to_dict()}


def test_a_certificate_of_another_panel_is_refused(prop99_panel: bs.Panel, basque_panel: bs.Panel) -> None:
    nothing: Any = None
    fewer = prop99_panel.without(prop99_panel.donors[0])
    earlier = prop99_panel.backdated(1980)
    for other in (basque_panel, fewer, earlier, prop99_panel.as_treated("Utah", pool="include")):
        window = PlaceboWindow(other, (), None, nothing)
        certificate = bs.Certificate(nothing, nothing, (window,), 0, (0.9,), *[nothing] * 5)
        with pytest.raises(bs.PanelError, match="certificate is of another panel") as caught:
            compare(prop99_panel, ["sc"], certificate=certificate, progress=False)
        assert "\n" not in str(caught.value)


def test_a_certificate_is_weighed(prop99_panel: bs.Panel, prop99_fit: Fit) -> None:
    found = with_fits(prop99_panel, prop99_fit).with_findings({"certificate": Paper(prop99_panel)}).comparison
    assert found.facts["certificate"]["factor"] == 2.66
    assert "OVERCONFIDENT on this panel: the errors of untreated units are 2.66 times" in " ".join(
        found.verdict.details
    )


def test_representations(rollout: Comparison) -> None:
    assert repr(rollout).startswith("<Comparison Average effect on mean of 25 workspaces, 20 to 29: rollout 0.0")
    html = rollout._repr_html_()
    assert "DISAGREE" in html
    assert "<table" in html
    assert "Average effect on mean of 25 workspaces, 20 to 29" in html
    assert json.loads(json.dumps(rollout.to_dict(), allow_nan=False))["sentences"] == list(rollout.sentences())


def test_picture_has_a_row_for_each_method(rollout: Comparison) -> None:
    ax = plot_comparison(rollout)
    assert len(ax.get_yticklabels()) == len(rollout.table)
    assert len([line for line in ax.get_lines() if line.get_gid() == "estimate"]) == len(rollout.table)
    (band,) = [patch for patch in ax.patches if patch.get_gid() == "main"]
    assert band.get_x() == pytest.approx(rollout.table.loc[0, "lower"])
    assert any("p = 0.0385" in text.get_text() for text in ax.texts)
    matplotlib.pyplot.close("all")


def test_an_unreliable_fit_is_visible_everywhere(rollout_panel: bs.Panel, rollout_fit: Fit) -> None:
    failed = replace(rollout_fit.diagnostics, status="unreliable", failures=("3 divergences (must be 0)",))
    found = with_fits(rollout_panel, replace(rollout_fit, diagnostics=failed)).comparison
    assert found.status == "unreliable"
    assert "UNRELIABLE" in repr(found)
    assert "UNRELIABLE" in " ".join(found.verdict.details)
    assert "Trust the posterior" not in " ".join(found.verdict.details)
    assert "Until a posterior has passed its gate, trust " in " ".join(found.verdict.details)
    assert any("UNRELIABLE" in text.get_text() for text in plot_comparison(found).texts)
    matplotlib.pyplot.close("all")


def test_few_donors_mean_unbounded_intervals_and_say_so(rollout_panel: bs.Panel) -> None:
    few = rollout_panel.without(*rollout_panel.donors[3:])
    found = compare(few, ["sc", "did"], progress=False)
    assert np.isinf(found.table["upper"]).all()
    assert "cannot fall below 0.250" in " ".join(found.verdict.details)
    assert plot_comparison(found).get_xlim()[1] < 1
    matplotlib.pyplot.close("all")
