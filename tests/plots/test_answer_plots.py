"""The picture of the first screen and the three aligned panels: what is drawn is what the result says."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.effects import POSTERIOR_DIMS
from bsynth.plots import plot_answer, plot_effects, plot_gap, plot_impact, plot_placebo, plot_trajectory
from bsynth.plots.placebo import MANY, SHARES
from bsynth.text.numbers import numbers


def by_gid(ax: Axes, gid: str) -> np.ndarray:
    (line,) = [each for each in ax.get_lines() if each.get_gid() == gid]
    return np.asarray(line.get_ydata(), dtype=float)


def band(ax: Axes) -> np.ndarray:
    (found,) = [c for c in ax.collections if c.get_gid() == "band"]
    return np.asarray(found.get_paths()[0].vertices)


def panels(ax: Axes) -> dict[str, Axes]:
    return {str(part.get_label()): part for part in ax.figure.axes}


@pytest.fixture(scope="module")
def calibration(prop99_panel: bs.Panel) -> Calibration:
    return bs.calibrate(prop99_panel, draws=500, seed=3, progress=False)


def test_the_sum_ends_at_the_cumulative_effect(rollout_fit: Fit, calibration: Calibration) -> None:
    for result in (rollout_fit, calibration):
        last, row = result.cumulative(0.9).iloc[-1], result.effects(0.9).set_index("estimand").loc["cumulative"]
        assert last["cumulative"] == pytest.approx(row["estimate"])
        # A calibrated half-width is found on a grid there, and by another one here.
        assert [last["lower"], last["upper"]] == pytest.approx([row["lower"], row["upper"]], rel=1e-3)


def test_the_sum_of_a_log_scale_ends_there_too(prop99_panel: bs.Panel) -> None:
    found = bs.calibrate(prop99_panel, "level", scale="log", draws=300, seed=3, progress=False)
    last, row = found.cumulative().iloc[-1], found.effects().set_index("estimand").loc["cumulative"]
    assert [last["lower"], last["upper"]] == pytest.approx([row["lower"], row["upper"]], rel=1e-9)


def test_the_sum_of_draws_is_summed_by_draw(rollout_fit: Fit) -> None:
    post = slice(rollout_fit.n_pre, None)
    gap = (rollout_fit.observed - rollout_fit.counterfactual()).isel(time=post).stack(sample=POSTERIOR_DIMS)
    sums = np.cumsum(gap.transpose("sample", "time").values, axis=1)
    np.testing.assert_allclose(rollout_fit.cumulative(0.8)["upper"], np.quantile(sums, 0.9, axis=0))


def test_three_panels_share_their_time_axis_and_their_interval(calibration: Calibration) -> None:
    parts = panels(plot_impact(calibration, level=0.9))
    assert list(parts) == ["path", "gap", "cumulative"]
    assert len({part.get_xlim() for part in parts.values()}) == 1
    table, rows = calibration.cumulative(0.9), calibration.effects(0.9).set_index("estimand")
    np.testing.assert_array_equal(by_gid(parts["cumulative"], "cumulative"), table["cumulative"])
    assert band(parts["cumulative"])[:, 1].max() == pytest.approx(table["upper"].max())
    for label, estimand in (("gap", "average"), ("cumulative", "cumulative")):
        words = numbers(*rows.loc[estimand, ["estimate", "lower", "upper"]], signed=True)
        title = parts[label].get_title(loc="left").replace("\n", " ")
        assert f"{words[0]}, 90% calibrated [{words[1]},\u00a0{words[2]}]" in title


def test_bands_are_of_the_treated_periods_alone(calibration: Calibration) -> None:
    for ax in (plot_trajectory(calibration), plot_gap(calibration), panels(plot_impact(calibration))["path"]):
        assert band(ax)[:, 0].min() == 1989


def test_the_drift_is_a_layer_of_its_own(calibration: Calibration) -> None:
    """In Prop 99 the default model's line is mostly drift: the line without it is drawn, and what drift adds."""
    fit = calibration.fit
    path, drift = fit.path(), fit.drift()
    assert drift is not None
    base = path["counterfactual"].to_numpy() - drift
    np.testing.assert_allclose(base, fit.synthetic().values, rtol=0.02)
    for ax in (plot_trajectory(calibration), plot_answer(calibration)):
        np.testing.assert_allclose(by_gid(ax, "synthetic"), base)
        np.testing.assert_allclose(by_gid(ax, "counterfactual"), path["counterfactual"])
        assert [c.get_gid() for c in ax.collections].count("drift") == 1
    ax = plot_gap(calibration)
    np.testing.assert_allclose(by_gid(ax, "gap-synthetic"), path["observed"] - base)
    assert fit.line_rmspe(drift=False) == pytest.approx(fit.pre_rmspe, rel=1e-6)
    assert fit.line_rmspe(drift=True) < 0.1 * fit.line_rmspe(drift=False)


def test_a_model_without_drift_has_one_line(rollout_fit: Fit) -> None:
    assert rollout_fit.drift() is None
    ax = plot_answer(rollout_fit)
    assert not [line for line in ax.get_lines() if line.get_gid() == "synthetic"]
    np.testing.assert_array_equal(by_gid(ax, "counterfactual"), rollout_fit.path()["counterfactual"])


def test_the_bar_is_the_average_with_zero_marked(calibration: Calibration) -> None:
    ax, row = plot_answer(calibration, level=0.8), calibration.effects(0.8).iloc[0]
    bar = panels(ax)["average"]
    assert by_gid(bar, "interval").tolist() == pytest.approx([row["lower"], row["upper"]])
    assert by_gid(bar, "estimate").tolist() == [row["estimate"]]
    assert by_gid(bar, "zero").tolist() == [0.0, 0.0]
    low, high = bar.get_ylim()
    assert low < min(0.0, row["lower"])
    assert high > max(0.0, row["upper"])
    words = {text.get_text() for text in bar.texts}
    assert {*numbers(row["estimate"], row["lower"], row["upper"], signed=True), "0"} <= words


def test_what_is_unreliable_is_not_written_large(unreliable_fit: Fit) -> None:
    words = [text.get_text() for text in panels(plot_answer(unreliable_fit))["average"].texts]
    assert "average effect:\nnot to be used" in words
    assert not [word for word in words if word.startswith(("+", "−"))]


def test_points_unbounded_tests_and_single_periods_are_drawn(data_dir: Path) -> None:
    frame = pd.read_csv(data_dir / "germany.csv")
    panel = bs.Panel.from_long(
        frame, unit="unit", time="time", outcome="outcome", treated="West Germany", start=2003, end=2003
    )
    placebo = bs.placebo_space(panel, progress=False)
    assert np.isinf(placebo.effects()["lower"].iloc[0])
    for result in (placebo, placebo.estimate, bs.fit(panel, "level", draws=200, progress=False)):
        for draw in (plot_answer, plot_impact):
            figure = draw(result).figure
            figure.canvas.draw()
            assert all(np.isfinite(part.get_ylim()).all() for part in figure.axes)


@pytest.mark.parametrize("draw", [plot_answer, plot_impact])
def test_axes_outside_of_a_grid_are_refused(rollout_sc: bs.Estimate, draw) -> None:
    with pytest.raises(bs.PanelError, match="ax has no place in a grid"):
        draw(rollout_sc, ax=Figure().add_axes((0.1, 0.1, 0.8, 0.8)))


def test_many_placebos_are_bands(prop99_panel: bs.Panel) -> None:
    panel = prop99_panel.without(*prop99_panel.donors[14:])
    two = bs.Panel.from_long(
        panel.to_frame(), unit="unit", time="time", outcome="outcome", treated=["California", panel.donors[0]],
        start=1989,
    )  # fmt: skip
    few, many = (bs.placebo_space(two, "did", groups=n, progress=False) for n in (20, 70))
    assert not [c for c in plot_placebo(few).collections if c.get_gid() == "placebos"]
    ax = plot_placebo(many)
    assert len(many.table) > MANY
    assert len([c for c in ax.collections if c.get_gid() == "placebos"]) == len(SHARES)
    assert "the middle 50%, 80% and 95% of 70 groups of donors" in "\n".join(t.get_text() for t in ax.texts)
    assert by_gid(ax, "treated").tolist() == many.estimate.gap.tolist()


@pytest.mark.parametrize("scale", [1e-15, 1e-6, 1.0, 1e3, 1e9, 1e12])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("width", [2.4, 8.0])
def test_ticks_of_numbers_keep_apart_at_every_scale(scale: float, sign: float, width: float) -> None:
    rows = [("sc", 4.804056729, 4.266968628, 5.341144829), ("did", 7.737257522, -1.0, 12.0)]
    table = pd.DataFrame(
        [
            {"method": name, "estimand": "average", "interval": "placebo", "level": 0.95, "p": 0.1,
             "probability_positive": np.nan, "estimate": sign * scale * estimate,
             "lower": scale * min(sign * low, sign * high), "upper": scale * max(sign * low, sign * high)}
            for name, estimate, low, high in rows
        ]
    )  # fmt: skip
    figure = Figure(figsize=(width, 3.0))
    ax = plot_effects(table, ax=figure.subplots())
    figure.draw_without_rendering()
    boxes = [tick.get_window_extent() for tick in ax.get_xticklabels() if tick.get_text()]
    boxes = [box for box in boxes if ax.bbox.x0 <= (box.x0 + box.x1) / 2 <= ax.bbox.x1]
    assert boxes
    assert all(left.x1 < right.x0 for left, right in pairwise(sorted(boxes, key=lambda box: box.x0)))


def test_each_interval_says_what_it_is_of(calibration: Calibration) -> None:
    """The band of single periods and the bar of the average are two things; both are calibrated."""
    path = plot_answer(calibration)
    legend = path.get_legend()
    assert legend is not None
    assert "each period: 95% calibrated" in [text.get_text() for text in legend.get_texts()]
    bar = " ".join(" ".join(text.get_text() for text in panels(path)["average"].texts).split())
    assert "average effect: 95% calibrated" in bar
    assert "each period: 95% calibrated" in " ".join(text.get_text() for text in plot_trajectory(calibration).texts)


def test_a_long_name_leaves_the_panel_its_room(prop99_panel: bs.Panel) -> None:
    long = "A very long region name that nobody would write, of the north-western administrative district"
    frame = prop99_panel.to_frame().replace({"unit": {"California": long}})
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=long, start=1989)
    for ax in (panel.plot(), plot_trajectory(bs.classical(panel)), plot_gap(bs.classical(panel))):
        ax.figure.draw_without_rendering()
        assert ax.get_position().width > 0.6
