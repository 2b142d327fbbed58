"""Weights, placebo, leave-one-out, bootstrap and the forest."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT, CARETRIGHT

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.errors import PanelError
from bsynth.frequentist import Bootstrap, LeaveOneOut, PlaceboSpace
from bsynth.plots import (
    plot_bootstrap,
    plot_effects,
    plot_leave_one_out,
    plot_placebo,
    plot_weights,
    style,
)
from bsynth.text.marks import OF_FIT, marked


def lines(ax: Axes, gid: str) -> list[Line2D]:
    return [line for line in ax.get_lines() if line.get_gid() == gid]


def texts(ax: Axes) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def rows(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_weights_stand_beside_the_classical_ones(rollout_fit: Fit, rollout_sc: bs.Estimate) -> None:
    ax = plot_weights(rollout_fit, rollout_sc, top=10)
    posterior = rollout_fit.weights_table().set_index("donor")
    names = [int(name) for name in rows(ax)]
    assert len(names) == 10
    np.testing.assert_array_equal(lines(ax, "weight")[0].get_xdata(), posterior.loc[names, "weight"])
    np.testing.assert_array_equal(
        lines(ax, "classical")[0].get_xdata(), rollout_sc.weights_table().set_index("donor")["weight"].loc[names]
    )
    bars = [list(line.get_xdata()) for line in lines(ax, "interval")]
    assert bars == posterior.loc[names, ["lower", "upper"]].to_numpy().tolist()
    assert posterior.loc[names, "weight"].is_monotonic_decreasing
    assert {35, 40, 25} <= set(names)


def test_weights_say_what_is_not_shown(rollout_fit: Fit, rollout_sc: bs.Estimate) -> None:
    ax = plot_weights(rollout_fit, rollout_sc, top=10)
    names = [int(name) for name in rows(ax)]
    hidden = rollout_fit.weights_table().set_index("donor")["weight"].drop(names).sum()
    classical = rollout_sc.weights_table().set_index("donor")["weight"].drop(names).sum()
    words = f"15 donors not shown, of total weight {hidden:.3f} (posterior mean) and {classical:.3f} (◆)"
    assert words in texts(ax).replace("\n", " ")
    assert "All donors are shown" in texts(plot_weights(rollout_sc, top=25))


def test_unreliable_weights_are_marked(unreliable_fit: Fit) -> None:
    assert marked(OF_FIT) in texts(plot_weights(unreliable_fit))


def test_placebo_draws_every_gap_and_says_the_rank(rollout_placebo: PlaceboSpace) -> None:
    ax = plot_placebo(rollout_placebo)
    drawn = np.array([line.get_ydata() for line in lines(ax, "placebo")])
    np.testing.assert_array_equal(drawn, rollout_placebo.gaps.transpose("replicate", "time"))
    np.testing.assert_array_equal(lines(ax, "treated")[0].get_ydata(), rollout_placebo.estimate.gap)
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == "Placebo in space: mean of 25 workspaces ranks 1 of 26 by mean gap, p\u00a0=\u00a00.0385"


def test_filtered_placebos_stay_visible_and_are_counted(prop99_placebo: PlaceboSpace) -> None:
    ax = plot_placebo(prop99_placebo)
    filtered = int((~prop99_placebo.table["kept"]).sum())
    assert filtered > 0
    assert len(lines(ax, "filtered")) == filtered
    assert len(lines(ax, "placebo")) + filtered == 38
    low, high = ax.get_ylim()
    gaps = prop99_placebo.gaps
    outside = int(((gaps < low) | (gaps > high)).any("time").sum())
    assert outside > 0
    assert f"{filtered} dotted ones" in texts(ax)
    assert f"{outside} partly outside" in texts(ax).replace("\n", " ")


def test_leave_one_out_draws_range_and_full_estimate(rollout_leave_one_out: LeaveOneOut) -> None:
    ax = plot_leave_one_out(rollout_leave_one_out)
    table = rollout_leave_one_out.table.sort_values("mean_gap")
    np.testing.assert_array_equal(lines(ax, "refit")[0].get_xdata(), table["mean_gap"])
    assert rows(ax) == [str(d) for d in table["dropped"]]
    full = rollout_leave_one_out.estimate.effects()["estimate"][0]
    assert lines(ax, "full")[0].get_xdata()[0] == pytest.approx(full, rel=1e-12)
    assert ax.get_title(loc="left") == "Leave one out: average effect between +0.0739 and +0.0945"
    assert "9 donors of less influence not shown" in texts(plot_leave_one_out(rollout_leave_one_out, top=3))


def test_bootstrap_draws_interval_estimate_and_truth(rollout_bootstrap: Bootstrap) -> None:
    ax = plot_bootstrap(rollout_bootstrap, truth=0.05, level=0.9)
    row = rollout_bootstrap.effects(0.9).iloc[0]
    assert list(lines(ax, "interval")[0].get_xdata()) == [row["lower"], row["upper"]]
    assert lines(ax, "estimate")[0].get_xdata()[0] == row["estimate"]
    assert lines(ax, "truth")[0].get_xdata()[0] == 0.05
    assert sum(bar.get_height() for bar in ax.patches) == 60
    assert "90% percentile interval" in texts(ax).replace("\n", " ")
    assert not lines(plot_bootstrap(rollout_bootstrap), "truth")


@pytest.fixture(scope="module")
def table(rollout_fit: Fit, rollout_sc: bs.Estimate, rollout_placebo: PlaceboSpace) -> pd.DataFrame:
    tables = [rollout_fit.effects(), rollout_sc.effects(), rollout_placebo.effects(0.99), rollout_placebo.effects()]
    return pd.DataFrame([row for t in tables for row in t.to_dict("records")])


def test_forest_has_a_row_per_method_with_its_interval_kind(table: pd.DataFrame) -> None:
    ax = plot_effects(table, truth=0.05)
    assert rows(ax) == [
        "Bayesian, rollout\n95% predictive interval",
        "Synthetic control\npoint, no interval",
        "Synthetic control\n99% inverted placebo test",
        "Synthetic control\n95% inverted placebo test",
    ]
    average = table.loc[table["estimand"] == "average", "estimate"]
    assert [line.get_xdata()[0] for line in lines(ax, "estimate")] == average.to_list()
    assert lines(ax, "truth")[0].get_xdata()[0] == 0.05


def test_forest_points_have_no_bar_and_endless_intervals_arrows(table: pd.DataFrame) -> None:
    ax = plot_effects(table)
    assert sorted(line.get_ydata()[0] for line in lines(ax, "interval")) == [0, 2, 3]
    assert [line.get_ydata()[0] for line in lines(ax, "cut")] == [2, 2]
    assert [line.get_marker() for line in lines(ax, "cut")] == [CARETLEFT, CARETRIGHT]
    assert "[−∞,\u00a0∞]" in texts(ax)
    assert all(math.isfinite(limit) for limit in ax.get_xlim())


def test_forest_marks_the_unreliable_row(unreliable_fit: Fit, rollout_sc: bs.Estimate) -> None:
    tables = [unreliable_fit.effects(), rollout_sc.effects()]
    ax = plot_effects(pd.DataFrame([row for t in tables for row in t.to_dict("records")]))
    assert "UNRELIABLE: what is behind the red rows did not pass its convergence gate" in " ".join(texts(ax).split())
    # The mark is no wider than the picture, so the layout leaves the axes their room.
    ax.figure.draw_without_rendering()
    assert ax.get_position().width > 0.35
    assert [label.get_color() for label in ax.get_yticklabels()] == [style.RED, style.INK]


def test_forest_of_lifts_is_in_percent(table: pd.DataFrame) -> None:
    assert "%" in texts(plot_effects(table, estimand="lift"))


def test_forest_names_what_is_wrong(table: pd.DataFrame) -> None:
    with pytest.raises(PanelError, match="did you mean 'average'"):
        plot_effects(table, estimand="averag")
    with pytest.raises(PanelError, match="no row of the estimand 'lift'"):
        plot_effects(table[table["estimand"] == "average"], estimand="lift")
