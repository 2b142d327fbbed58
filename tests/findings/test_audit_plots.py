"""Pictures of decisions, uncertainty, bands and audits: what is drawn is what the results hold."""

import io
from collections.abc import Callable
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.errors import SpecError
from bsynth.findings import PriorAudit, audit_donors, decide, decompose_uncertainty, path_band
from bsynth.model.spec import ModelSpec
from bsynth.plots.audit import plot_donor_audit, plot_prior_audit
from bsynth.plots.bands import plot_path_band
from bsynth.plots.decision import plot_decision
from bsynth.plots.uncertainty import plot_uncertainty
from bsynth.text.marks import OF_FIT, marked

HOSTILE = ("$x_1$ costs $", "<b>bold</b>", "東京", "a" * 20, "Société d'énergie — région " + "x" * 40)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    """45 donors, some with names that are hard to draw, dates as periods."""
    rng = np.random.default_rng(6)
    factor = np.cumsum(rng.normal(size=30))
    names = [*HOSTILE, *(f"donor number {i:02d} " + "y" * (40 * (i % 2)) for i in range(41))]
    values = {n: 20 + rng.uniform(0.3, 1.5) * factor + 0.4 * rng.normal(size=30) for n in names}
    values[names[0]][20:] += 2.0
    values[names[7]][20:] += 8.0
    frame = pd.DataFrame(values).assign(week=pd.date_range("2024-01-01", periods=30, freq="7D"))
    return bs.Panel.from_wide(frame, time="week", treated=names[0], start="2024-05-20", outcome="sales in $ & %")


@pytest.fixture(scope="module")
def fit(made, panel: bs.Panel) -> Fit:
    return made(panel, ModelSpec.model_validate({"drift": {"process": "walk", "probability": 0.5}}))


@pytest.fixture(scope="module")
def prior() -> PriorAudit:
    table = pd.DataFrame(
        {
            "alpha": [0.1, 0.3, 1.0, 3.0],
            "estimate": [-12.7, -13.8, -17.0, -24.1],
            "lower": [-18.4, -18.9, -23.0, -31.0],
            "upper": [-8.3, -9.7, -12.5, -17.7],
            "level": 0.95,
            "sd": [2.6, 2.4, 2.7, 3.4],
            "effective_donors": [4.9, 7.4, 14.8, 27.5],
            "pre_rmspe": [1.3, 1.6, 3.0, 5.7],
            "status": ["unreliable", "ok", "ok", "ok"],
            "own": [False, False, True, False],
        }
    )
    return PriorAudit(None, None, table, True, -11.1, 2.7, "level", "Calif$rnia", "packs", "ok", 1.0)


def drawn_by_all(fit: Fit, panel: bs.Panel, prior: PriorAudit) -> dict[str, Callable[..., Axes]]:
    donors = audit_donors(fit, progress=False)
    asked = decide(fit, rope=0.2, threshold=1.5, cost=3.0, value_per_unit=2.0, estimand="average")
    total = decide(replace(fit, provenance=replace(fit.provenance, panel={"treated": ["a", "b", "c"]})), cost=3.0,
                   value_per_unit=2.0)  # fmt: skip
    lift = decide(fit, rope=0.01, threshold=0.02, estimand="lift")
    found, band = decompose_uncertainty(fit), path_band(fit)
    prior = replace(prior, fit_status=fit.status)
    return {
        "decision": lambda **k: plot_decision(asked, **k),
        "decision-total": lambda **k: plot_decision(total, **k),
        "decision-lift": lambda **k: plot_decision(lift, **k),
        "uncertainty": lambda **k: plot_uncertainty(found, **k),
        "uncertainty-period": lambda **k: plot_uncertainty(found, span="period", **k),
        "band": lambda **k: plot_path_band(band, **k),
        "donors": lambda **k: plot_donor_audit(donors, **k),
        "prior": lambda **k: plot_prior_audit(prior, **k),
    }


def texts(ax: Axes) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def test_each_is_drawn_within_its_figure(fit: Fit, panel: bs.Panel, prior: PriorAudit, request) -> None:
    for name, draw in drawn_by_all(fit, panel, prior).items():
        figure = draw().figure
        figure.savefig(io.BytesIO(), format="svg")
        figure.savefig(io.BytesIO(), format="png")
        (ax,) = figure.axes
        for text in [*ax.texts, ax.title]:
            if text.get_text():
                box = text.get_window_extent()
                assert box.x0 >= -1, (name, text.get_text())
                assert box.x1 <= figure.bbox.width + 1, (name, text.get_text())
        if folder := request.config.getoption("--save", None):
            figure.savefig(f"{folder}/{name}.png", dpi=80)
        given = Figure().subplots()
        assert draw(ax=given) is given


def test_an_unreliable_fit_is_stamped_on_each(fit: Fit, panel: bs.Panel, prior: PriorAudit) -> None:
    failed = replace(fit, diagnostics=replace(fit.diagnostics, status="unreliable", failures=("R-hat",)))
    for name, draw in drawn_by_all(failed, panel, prior).items():
        assert marked(OF_FIT) in texts(draw()), name
    for name, draw in drawn_by_all(fit, panel, prior).items():
        assert marked(OF_FIT) not in texts(draw()), name


def lines(ax: Axes, gid: str) -> list[np.ndarray]:
    return [np.asarray(line.get_xydata()) for line in ax.get_lines() if line.get_gid() == gid]


def test_decision_draws_the_curve_and_the_breakdown(fit: Fit) -> None:
    found = decide(fit, threshold=1.5)
    ax = plot_decision(found)
    np.testing.assert_array_equal(lines(ax, "curve")[0], found.curve[["x", "probability"]])
    assert lines(ax, "breakdown")[0][1, 0] == found.values["breakdown"]
    assert lines(ax, "threshold")[0][1].tolist() == [1.5, found.values["probability_above"]]


def test_a_total_says_over_what(fit: Fit, panel: bs.Panel, prior: PriorAudit) -> None:
    ax = drawn_by_all(fit, panel, prior)["decision-total"]()
    assert ax.get_xlabel().startswith(f"total over 3 units and {panel.n_post} periods of the effect on ")
    assert ax.get_ylabel() == "P(total effect > x)"


def test_sources_stack_to_one(fit: Fit, panel: bs.Panel) -> None:
    found = decompose_uncertainty(fit)
    ax = plot_uncertainty(found)
    rows = found.table.loc[found.table["span"] == "average"]
    for name in found.names:
        heights = [bar.get_height() for bar in ax.patches if bar.get_gid() == f"source-{name}"]
        np.testing.assert_allclose(heights, rows[name])
    with pytest.raises(SpecError, match="did you mean 'period'"):
        plot_uncertainty(found, span="periods")
    one = plot_uncertainty(replace(found, table=found.table[found.table["horizon"] == 1]))
    assert [tick for tick in one.get_xticks() if 0.4 <= tick <= 1.6] == [1], "there is no part of a period"
    assert not any("at h = 1 and" in text.get_text() for text in one.texts)


def test_band_draws_both(fit: Fit) -> None:
    found = path_band(fit, level=0.9)
    ax = plot_path_band(found)
    (band,) = [c for c in ax.collections if c.get_gid() == "simultaneous"]
    assert "held the whole path of 3 of 16 in Germany" in texts(ax).replace("\n", " ")
    edges = band.get_paths()[0].vertices[:, 1]
    assert edges.max() == pytest.approx(found.table["upper"].max())
    assert edges.min() == pytest.approx(found.table["lower"].min())


def test_donor_audit_shows_the_flagged_first_and_counts_the_hidden(fit: Fit, panel: bs.Panel) -> None:
    found = audit_donors(fit, progress=False)
    assert len(found.flagged("looks treated")) == 1
    ax = plot_donor_audit(found, top=10)
    flagged = int((found.table["flags"] != "").sum())
    shown = max(10, flagged)
    assert len(lines(ax, "donor")) == shown
    assert f"{45 - shown} donors without a flag not shown" in texts(ax).replace("\n", " ")
    assert lines(ax, "donor")[0][0, 0] == found.table.loc[found.table["flags"] != "", "change"].iloc[0]


def test_prior_audit_marks_what_failed_and_the_fit_itself(prior: PriorAudit) -> None:
    ax = plot_prior_audit(prior)
    assert [xy[0].tolist() for xy in lines(ax, "sweep")] == [[0.3, -13.8], [1.0, -17.0], [3.0, -24.1]]
    assert lines(ax, "unreliable")[0].tolist() == [[0.1, -12.7]]
    assert lines(ax, "least-squares")[0][0, 1] == -11.1
    assert "1 of the fits failed" in texts(ax)
    empty = replace(prior, table=prior.table.iloc[:0])
    for concentrated, why in ((True, "no sweep was asked for"), (False, "no concentration to vary")):
        assert why in plot_prior_audit(replace(empty, concentrated=concentrated)).get_title(loc="left")
