"""Pictures of forecasts before the start and of the checks: what is drawn is what the results hold."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

import bsynth as bs
from bsynth.bayesian.forecast import Forecast, score_forecast
from bsynth.checks import Check, CheckReport, LeaveFutureOut


@pytest.fixture
def future(prop99_panel: bs.Panel) -> LeaveFutureOut:
    last = slice(prop99_panel.n_pre - 4, prop99_panel.n_pre)
    observed = prop99_panel.treated_series[last]
    means = observed + np.array([1.0, -1.0, 6.0, 0.0])
    forecasts = tuple(Forecast(np.array([mean - 1.0, mean + 1.0]), np.array([1.5, 2.0])) for mean in means)
    scores = [score_forecast(each, y) for each, y in zip(forecasts, observed, strict=True)]
    table = pd.DataFrame(scores).assign(time=prop99_panel.times[last], status=["ok", "ok", "ok", "unreliable"])
    return LeaveFutureOut("level", table, prop99_panel, forecasts)


@pytest.fixture
def report() -> CheckReport:
    found = Check("hull", "Is the treated unit inside the hull of its donors?", {}, "ok", "It lies inside.")
    warns = replace(found, name="loo", status="warning", sentence="A cost of $x_1$ leans " + "on " * 300)
    open_ = replace(found, name="contraction", status="unclear", sentence="It cannot be told.")
    return CheckReport("level", (found, replace(warns, suggestion="drift"), replace(found, name="donors"), open_))


def of(ax: Axes, gid: str) -> list[Line2D]:
    return [line for line in ax.get_lines() if line.get_gid() == gid]


def test_forecasts_are_drawn_and_the_missed_ones_crossed(future: LeaveFutureOut) -> None:
    ax, table = future.plot(), future.table
    assert [line.get_ydata()[0] for line in of(ax, "forecast")] == table["predicted"].tolist()[:3]
    assert len(of(ax, "unreliable")) == 1
    (crosses,) = of(ax, "outside")
    assert (crosses.get_xdata().tolist(), crosses.get_ydata().tolist()) == ([1987], [table["observed"][2]])
    (observed,) = of(ax, "observed")
    assert observed.get_xdata().tolist() == list(range(1973, 1989))
    assert "1 of 4 forecasts missed" in ax.get_title(loc="left")
    assert any("1 of 4 refits did not pass" in text.get_text() for text in ax.texts)
    for level in (0.5, 0.9):
        ax = future.plot(level=level)
        crossed = {x for line in of(ax, "outside") for x in line.get_xdata()}
        bars = {line.get_xdata()[0]: line.get_ydata() for line in of(ax, "interval")}
        for time, y in zip(table["time"], table["observed"], strict=True):
            assert (time in crossed) == (not bars[time][0] <= y <= bars[time][1])
        below = [each.below(bound) for each, bound in zip(future.forecasts, future.intervals(level)[:, 0], strict=True)]
        assert below == pytest.approx([(1 - level) / 2] * 4)
    # Of an interval that narrow most observations lie outside.
    assert "3 of 4 forecasts missed" in future.plot(level=0.3).get_title(loc="left")


def test_every_check_has_its_mark_and_its_words(report: CheckReport) -> None:
    ax = report.plot()
    assert [len(of(ax, answer)) for answer in ("ok", "warning", "unclear")] == [2, 1, 1]
    assert of(ax, "warning")[0].get_ydata().tolist() == [1]
    assert ax.get_title(loc="left") == "Checks of 'level': 1 warning"
    said = [text.get_text() for text in ax.texts]
    assert "It lies inside." in said
    assert any(text.startswith("A cost of ") and text.endswith("…") for text in said)
    assert any("Use the model 'drift' instead." in text for text in said)


def test_pictures_of_checks_stay_inside_their_figure(future: LeaveFutureOut, report: CheckReport) -> None:
    for result in (future, report):
        figure = result.plot().figure
        figure.canvas.draw()
        for text in figure.axes[0].texts:
            box = text.get_window_extent()
            assert box.x0 >= -1, text.get_text()
            assert box.x1 <= figure.bbox.width + 1, text.get_text()
        _, axes = plt.subplots(1, 2)
        assert result.plot(ax=axes[1]) is axes[1]


def test_a_report_without_checks_has_an_empty_picture() -> None:
    assert np.size(CheckReport("level", ()).plot().get_lines()) == 0
