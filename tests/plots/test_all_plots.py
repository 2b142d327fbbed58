"""What every picture has in common, and names that nobody should give a unit but somebody will."""

import inspect
import io
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import bsynth as bs
from bsynth import plots
from bsynth.bayesian.result import Fit
from bsynth.plots import diagnostics
from bsynth.plots.labels import drawn
from bsynth.text.labels import plain
from bsynth.text.numbers import number, numbers, percents

HOSTILE = (
    "<script>alert(1)</script>", "=cmd()", "$x_1$", "cost in $", "a\\$b$c$", "\U0001f680 rocket",
    "\u05d9\u05e8\u05d5\u05e9\u05dc\u05d9\u05dd", "\u202eevil", "x" * 300 + "1", "x" * 300 + "2", "tab\tand\nline", "東京",
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile_panel() -> bs.Panel:
    rng = np.random.default_rng(1)
    periods = np.arange(12)
    common = np.sin(periods)
    names = ("$treated_{1}$ <b>", *HOSTILE)
    frame = pd.DataFrame({name: common + rng.normal(0, 0.3, 12) for name in names})
    frame["week"] = periods
    return bs.Panel.from_wide(frame, time="week", outcome="rate in $ & %", treated=names[0], start=8)


def every_plot(panel: bs.Panel, fit: Fit | None = None) -> dict[str, Callable[..., Axes]]:
    sc = bs.classical(panel)
    placebo = bs.placebo_space(panel, progress=False)
    loo = bs.leave_one_out(panel, which="all", progress=False)
    effects = pd.DataFrame([r for t in (sc.effects(), placebo.effects()) for r in t.to_dict("records")])
    main = sc if fit is None else fit
    return {
        "plot_trajectory": lambda **k: plots.plot_trajectory(main, **k),
        "plot_gap": lambda **k: plots.plot_gap(main, **k),
        "plot_weights": lambda **k: plots.plot_weights(main, sc, **k),
        "plot_placebo": lambda **k: plots.plot_placebo(placebo, **k),
        "plot_leave_one_out": lambda **k: plots.plot_leave_one_out(loo, **k),
        "plot_effects": lambda **k: plots.plot_effects(effects, **k),
    }


def written(ax: Axes) -> list[Text]:
    """The words in and above the axes; ticks outside the limits are never drawn."""
    title = ax.get_title(loc="left")
    return [*ax.texts, *(text for text in ax.findobj(Text) if text.get_text() == title)]


def test_all_is_sorted_and_of_one_shape() -> None:
    assert plots.__all__ == sorted(plots.__all__)
    for name in plots.__all__:
        assert "Examples" in getattr(plots, name).__doc__
        # The sampler's pictures are grids of axes, ArviZ's PlotCollection, and single units are small multiples.
        if inspect.getmodule(getattr(plots, name)) is not diagnostics and name != "plot_units":
            parameters = inspect.signature(getattr(plots, name)).parameters
            assert parameters["ax"].default is None
            assert parameters["ax"].kind is inspect.Parameter.KEYWORD_ONLY


def test_every_plot_draws_into_given_axes(rollout_panel: bs.Panel, rollout_fit: Fit) -> None:
    for draw in every_plot(rollout_panel, rollout_fit).values():
        ax = Figure().subplots()
        assert draw(ax=ax) is ax
        assert ax.get_title(loc="left")
    assert not plt.get_fignums()


def test_every_plot_without_axes_makes_one_figure(rollout_panel: bs.Panel) -> None:
    for number_, draw in enumerate(every_plot(rollout_panel).values(), start=1):
        draw()
        assert len(plt.get_fignums()) == number_


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_hostile_names_are_drawn_without_a_warning(hostile_panel: bs.Panel, kind: str, request) -> None:
    for name, draw in every_plot(hostile_panel).items():
        figure = draw().figure
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind)
        assert b"<script" not in buffer.getvalue()
        width = figure.bbox.width
        for text in written(figure.axes[0]):
            box = text.get_window_extent()
            assert box.x0 >= -1, (name, text.get_text())
            assert box.x1 <= width + 1, (name, text.get_text())
        if folder := request.config.getoption("--save", None):
            figure.savefig(f"{folder}/hostile-{name}.{kind}")


def test_labels_are_plain_short_and_distinct() -> None:
    shown = [drawn(name) for name in HOSTILE]
    assert len(set(shown)) == len(HOSTILE)
    assert all(len(plain(name, 28)) <= 28 for name in HOSTILE)
    assert "\u202e" not in "".join(shown)
    assert plain("tab\tand\nline") == "tab and line"
    assert drawn("$x_1$") == r"\$x_1\$"


def test_numbers_are_rounded_together() -> None:
    assert numbers(0.08290, 0.05109, 0.12151, signed=True) == ["+0.083", "+0.051", "+0.122"]
    assert numbers(123.4, -2962.1, float("inf")) == ["123", "−2,962", "∞"]
    assert numbers(float("nan")) == ["–"]
    assert number(0.0) == "0"
    assert number(-1e-9, signed=True).startswith("−")
    assert numbers(-0.001, 100.0) == ["0", "100"]
    assert percents(0.085, 0.045) == ["8.5%", "4.5%"]
