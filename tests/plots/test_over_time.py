"""Trajectory and gap: what is drawn is what the result says."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.plots import plot_gap, plot_trajectory
from bsynth.text.marks import OF_FIT, marked
from bsynth.text.numbers import numbers


def lines(ax: Axes, gid: str) -> list[Line2D]:
    return [line for line in ax.get_lines() if line.get_gid() == gid]


def texts(ax: Axes) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def band(ax: Axes) -> np.ndarray:
    (found,) = [c for c in ax.collections if c.get_gid() == "band"]
    return found.get_paths()[0].vertices


def test_trajectory_draws_the_path_table(rollout_fit: Fit) -> None:
    ax, path = plot_trajectory(rollout_fit, level=0.8), rollout_fit.path(0.8)
    for gid in ("observed", "counterfactual"):
        (line,) = lines(ax, gid)
        np.testing.assert_array_equal(line.get_xdata(), path["time"])
        np.testing.assert_array_equal(line.get_ydata(), path[gid])
    after = path.iloc[rollout_fit.n_pre :]
    assert band(ax)[:, 1].max() == after["upper"].max()
    assert band(ax)[:, 1].min() == after["lower"].min()
    assert band(ax)[:, 0].min() == after["time"].iloc[0], "the interval that is reported is of the treated periods"
    assert "each period: 80% predictive interval" in texts(ax)


def test_mean_interval_is_narrower_and_named(rollout_fit: Fit) -> None:
    ax = plot_trajectory(rollout_fit, interval="mean")
    assert np.ptp(band(ax)[:, 1]) < np.ptp(band(plot_trajectory(rollout_fit))[:, 1])
    assert "counterfactual mean" in texts(ax)


def test_observed_and_counterfactual_differ_without_colour(rollout_fit: Fit) -> None:
    ax = plot_trajectory(rollout_fit)
    assert lines(ax, "observed")[0].get_linestyle() == "-"
    assert lines(ax, "counterfactual")[0].get_linestyle() == "--"


@pytest.mark.parametrize("plot", [plot_trajectory, plot_gap])
def test_start_line_and_its_label(rollout_sc: bs.Estimate, plot) -> None:
    ax = plot(rollout_sc)
    (start,) = lines(ax, "start")
    assert list(start.get_xdata()) == [20, 20]
    assert "first treated period" in texts(ax)
    assert "Before: 0 to 19; treated: 20 to 29" in texts(ax)


def test_an_estimate_has_no_band(rollout_sc: bs.Estimate) -> None:
    for plot in (plot_trajectory, plot_gap):
        ax = plot(rollout_sc)
        assert not [c for c in ax.collections if c.get_gid() == "band"]
        assert "interval" not in texts(ax)


def test_donors_are_drawn_and_those_outside_are_counted(rollout_sc: bs.Estimate) -> None:
    ax = plot_trajectory(rollout_sc)
    assert len(lines(ax, "donor")) == 25
    low, high = ax.get_ylim()
    donors = rollout_sc.panel.donor_matrix
    outside = int(((donors < low) | (donors > high)).any(axis=0).sum())
    assert f"25 donors, {outside} of them partly outside" in texts(ax)
    assert not lines(plot_trajectory(rollout_sc, donors=False), "donor")


def test_gap_draws_the_path_table_and_the_average(rollout_fit: Fit) -> None:
    ax, path, average = plot_gap(rollout_fit), rollout_fit.path(), rollout_fit.effects().iloc[0]
    (gap,) = lines(ax, "gap")
    np.testing.assert_array_equal(gap.get_ydata(), path["gap"])
    (mean,) = lines(ax, "average")
    assert list(mean.get_xdata()) == [20, 29]
    assert list(mean.get_ydata()) == [average["estimate"]] * 2
    words = numbers(average["estimate"], average["lower"], average["upper"], signed=True)
    assert f"average {words[0]}\n[{words[1]},\u00a0{words[2]}]" in texts(ax)
    assert band(ax)[:, 1].max() == path["gap_upper"].iloc[rollout_fit.n_pre :].max()


def test_unreliable_fits_are_marked(rollout_fit: Fit, unreliable_fit: Fit) -> None:
    for plot in (plot_trajectory, plot_gap):
        assert marked(OF_FIT) not in texts(plot(rollout_fit))
        ax = plot(unreliable_fit)
        (mark,) = [t for t in ax.texts if t.get_text() == marked(OF_FIT)]
        assert mark.get_bbox_patch().get_facecolor()[:3] == pytest.approx((0.690, 0, 0.125), abs=0.01)


def test_dates_make_a_date_axis(data_dir) -> None:
    panel = bs.Panel.from_long(
        data_dir / "geolift_test.csv", unit="unit", time="time", outcome="outcome",
        treated=["chicago", "portland"], start="2021-04-01",
    )  # fmt: skip
    ax = plot_trajectory(bs.classical(panel))
    ax.figure.canvas.draw()
    shown = [t.get_text() for t in ax.get_xticklabels()]
    assert {"Feb", "Mar", "Apr"} <= set(shown)
    assert pd.Timestamp(lines(ax, "start")[0].get_xdata()[0]) == pd.Timestamp("2021-04-01")
    inside = ax.get_window_extent()
    (label,) = [t for t in ax.texts if t.get_text() == "first treated period"]
    assert inside.x0 < label.get_window_extent().x0 < inside.x1


def test_end_labels_do_not_overlap(basque_panel: bs.Panel) -> None:
    ax = plot_trajectory(bs.classical(basque_panel))
    ax.figure.canvas.draw()
    ends = [t.get_window_extent() for t in ax.texts if t.get_text() in ("observed", "counterfactual")]
    assert len(ends) == 2
    assert not ends[0].overlaps(ends[1])


def test_house_style_does_not_leak(rollout_sc: bs.Estimate) -> None:
    before = dict(plt.rcParams)
    plot_gap(rollout_sc)
    assert dict(plt.rcParams) == before
