"""Pictures of the further inference, held to its tables."""

import matplotlib as mpl
import numpy as np
import pytest

import bsynth as bs

mpl.use("Agg")


@pytest.mark.parametrize("verb", [bs.conformal, bs.jackknife_plus, bs.prediction_interval])
def test_inference_by_period_has_its_band(germany_panel: bs.Panel, verb) -> None:
    result = verb(germany_panel, progress=False)
    ax = bs.plot_gap(result, level=0.9)
    gap = next(line for line in ax.get_lines() if line.get_gid() == "gap")
    path = result.path(0.9)
    np.testing.assert_allclose(gap.get_ydata()[germany_panel.n_pre :], path["gap"])
    band = np.concatenate([c.get_paths()[0].vertices[:, 1] for c in ax.collections])
    assert np.isclose(band, path["gap_lower"].iloc[-1]).any()
    assert np.isclose(band, path["gap_upper"].iloc[-1]).any()
    assert bs.plot_trajectory(result, level=0.9).get_lines()


def test_backdated_gaps_start_at_their_own_start(germany_panel: bs.Panel) -> None:
    result = bs.placebo_time(germany_panel, progress=False)
    ax = bs.plots.plot_placebo_time(result)
    lines = [line for line in ax.get_lines() if line.get_gid() == "backdated"]
    assert [line.get_xdata()[0] for line in lines] == result.table["start"].tolist()
    for line, mean in zip(lines, result.table["mean_gap"], strict=True):
        assert np.mean(line.get_ydata()) == pytest.approx(mean)


def test_lost_pairs_are_marked(prop99_panel: bs.Panel) -> None:
    ax = bs.plots.plot_leave_two_out(bs.leave_two_out(prop99_panel, progress=False))
    sizes = {c.get_gid(): len(c.get_offsets()) for c in ax.collections}
    assert sizes == {"won": 703 - 73, "lost": 73}
    assert "73 of 703 pairs" in ax.get_title(loc="left")
