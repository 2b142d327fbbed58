"""ArviZ's pictures of a real fit: what they draw, whose they are, and the mark of an unreliable fit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from arviz_plots import PlotCollection

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.plots.diagnostics import CHAINS, plot_energy, plot_loo_pit, plot_ppc, plot_rank, plot_trace
from bsynth.text.marks import OF_FIT, marked

PLOTS = (plot_trace, plot_rank, plot_energy, plot_ppc, plot_loo_pit)


@pytest.fixture
def save(request: pytest.FixtureRequest) -> Callable[[PlotCollection, str], None]:
    folder = request.config.getoption("--save")

    def keep(collection: PlotCollection, name: str) -> None:
        if folder:
            figure_of(collection).savefig(f"{folder}/{name}.png", dpi=110)

    return keep


def figure_of(collection: PlotCollection) -> Any:
    return collection.viz["figure"].item()


def texts_of(collection: PlotCollection) -> list[str]:
    figure = figure_of(collection)
    texts = [*figure.texts, *(text for ax in figure.axes for text in ax.texts)]
    return [text.get_text() for text in texts if text.get_visible()]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_heading_says_whose_and_whether_to_trust(
    plot: Callable[[Fit], PlotCollection],
    rollout_fit: Fit,
    unreliable_fit: Fit,
    save: Callable[[PlotCollection, str], None],
) -> None:
    good, bad = plot(rollout_fit), plot(unreliable_fit)
    assert isinstance(good, PlotCollection)
    words = " ".join(texts_of(good))
    assert "rollout on task completion, mean of 25 workspaces." in words
    assert marked(OF_FIT) not in words
    assert marked(OF_FIT) in texts_of(bad)
    assert figure_of(bad).get_size_inches()[1] > figure_of(good).get_size_inches()[1]
    save(bad, plot.__name__)


def test_parameters_are_few_and_named(rollout_fit: Fit, prop99_fit: Fit) -> None:
    found = plot_trace(rollout_fit)
    titles = [ax.get_title() for ax in figure_of(found).axes]
    assert titles == ["average effect", "level shift", "noise sd", "donor noise"]
    assert [ax.get_title() for ax in figure_of(plot_rank(prop99_fit)).axes] == titles[:3]


def test_trace_is_the_draws(rollout_fit: Fit) -> None:
    found = plot_trace(rollout_fit, variables=["average_effect"])
    lines = found.viz["plot"]["average_effect"].item().get_lines()
    drawn = np.array([line.get_ydata() for line in lines])
    np.testing.assert_array_equal(drawn, rollout_fit.effect_draws()["average"].transpose("chain", "draw"))
    assert [line.get_color() for line in lines] == list(CHAINS)


def test_weights_can_be_asked_for(rollout_fit: Fit) -> None:
    one = replace(rollout_fit, tree=rollout_fit.tree.copy())
    one.tree["posterior"] = one.tree["posterior"].to_dataset().isel(donor=slice(0, 6))
    assert len(figure_of(plot_trace(one, variables=["weights"])).axes) == 6


def test_ppc_shows_the_observed_periods(rollout_fit: Fit) -> None:
    found = plot_ppc(rollout_fit, samples=12)
    assert "Black: the 20 observed pre-periods. Blue: 12 draws." in texts_of(found)
    ax = found.viz["plot"]["outcome"].item()
    assert len(ax.get_lines()) == 13
    observed = next(line for line in ax.get_lines() if line.get_color() == "#000000")
    pre = rollout_fit.observed[:20]
    assert observed.get_xdata()[[0, -1]].tolist() == [float(pre.min()), float(pre.max())]


def test_energy_has_its_limit(rollout_fit: Fit) -> None:
    missing = figure_of(plot_energy(rollout_fit)).axes[0]
    limits = [line.get_xdata()[0] for line in missing.get_lines() if line.get_color() == "#B00020"]
    assert limits == [0.3]


def test_a_drift_is_said_where_it_blinds_the_picture(rollout_fit: Fit) -> None:
    posterior = rollout_fit.tree["posterior"].to_dataset()
    tree = rollout_fit.tree.copy()
    tree["posterior"] = posterior.assign(drifting=(posterior["sigma"] > 0).astype(float))
    words = texts_of(plot_loo_pit(replace(rollout_fit, tree=tree)))
    assert any("100% of the draws drift and have seen each period" in text for text in words)
    assert not any(text.startswith("p ") for text in words)
    assert any(text.startswith("p ") for text in texts_of(plot_loo_pit(rollout_fit)))


def test_unknown_and_too_many_variables(rollout_fit: Fit) -> None:
    with pytest.raises(bs.SpecError, match="no variable 'sigmma', did you mean 'sigma'"):
        plot_trace(rollout_fit, variables=["sigmma"])
    with pytest.raises(bs.SpecError, match="variables is empty"):
        plot_rank(rollout_fit, variables=[])
    with pytest.raises(bs.SpecError, match="panels were asked for"):
        plot_trace(rollout_fit, variables=["weights", "counterfactual"])
