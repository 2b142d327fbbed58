"""How the sampler did and whether the model could have made the data: ArviZ's pictures in the house style.

They come as arviz-plots' ``PlotCollection``, since each is a grid of axes: ``.viz["figure"]`` and ``.viz["plot"]``
hold them.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import arviz_plots as azp
import xarray as xr
from arviz_base.labels import MapLabeller
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bsynth._base.request import check_whole, names_in
from bsynth.analysis import Analysis
from bsynth.bayesian.diagnostics import BFMI_MIN
from bsynth.bayesian.result import Fit
from bsynth.errors import SpecError, nearest, some_of
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import fit_of
from bsynth.plots.style import BLACK, BLUE, GREEN, ORANGE, RED, VERMILION
from bsynth.text.labels import PARAMETERS
from bsynth.text.numbers import count, fixed, number, percent

CHAINS = (BLUE, ORANGE, GREEN, VERMILION)
AVERAGE = "average_effect"
"""Name of the predictive average effect among the variables of these pictures."""
DEFAULT = (AVERAGE, "level_shift", "sigma", "donor_noise", "drift_sd", "slope_sd", "rho", "predictor_sd", "own_slope")
"""What is shown unless asked otherwise, as far as the model has it."""
WORDS = {AVERAGE: "average effect", **PARAMETERS}
NEGLIGIBLE = 0.05
"""Share of draws with a drift up to which leaving one period out by importance sampling is taken at its word."""
EACH = (2.9, 2.2)
"""Inches of a panel."""
_TEST = re.compile(r"p=(\S+)\(α=(\S+)\) *")


def plot_trace(fit: Fit | Analysis, *, variables: Sequence[str] | None = None) -> azp.PlotCollection:
    """Show every draw in its order, chain by chain: chains that mix look alike and stay in place.

    Parameters
    ----------
    fit : Fit or Analysis
    variables : sequence of str, optional
        ``"average_effect"`` and variables of ``fit.tree["posterior"]``. By default the average effect and the
        model's parameters of one number, not its weights. Where a drift can switch off, its sd is in no likelihood
        in the draws that do not drift.

    Returns
    -------
    arviz_plots.PlotCollection
        One panel per variable; draws that diverged are marked below.

    Raises
    ------
    SpecError
        A variable that the fit does not have.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> [ax.get_title() for ax in plot_trace(fit).viz["figure"].item().axes]
    ['average effect', 'level shift', 'noise sd']
    """
    fit = fit_of(fit)
    tree = _chains(fit, variables)
    with _house():
        looks = {"trace": {"width": 0.5, "alpha": 0.75}, "divergence": {"color": RED, "size": 60}}
        collection = azp.plot_trace(
            tree,
            labeller=_labeller(tree),
            backend="matplotlib",
            col_wrap=_across(tree),
            color=list(CHAINS),
            figure_kwargs=_grid(tree),
            visuals=looks | {"xlabel": {"color": style.INK}},
        )
        said = f"R-hat at most {fixed(fit.diagnostics.rhat_max, 3)}, {count(fit.diagnostics.divergences, 'divergence')}"
        return _finished(collection, fit, "Trace of each chain", f"{said}. Chains that mix look alike.")


def plot_rank(fit: Fit | Analysis, *, variables: Sequence[str] | None = None) -> azp.PlotCollection:
    """Show whether the draws of each chain are spread over all draws alike: lines near zero are well.

    Parameters
    ----------
    fit : Fit or Analysis
    variables : sequence of str, optional
        As `plot_trace`.

    Returns
    -------
    arviz_plots.PlotCollection
        One panel per variable: for each chain the difference between the empirical distribution of its
        fractional ranks and the uniform one. Where ArviZ's test over the chains speaks against uniform ranks at
        its level, the draws that say so are marked.

    Raises
    ------
    SpecError
        A variable that the fit does not have.

    References
    ----------
    Vehtari et al. 2021, "Rank-normalization, folding, and localization"; Säilynoja, Bürkner and Vehtari 2022.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> plot_rank(fit, variables=["sigma"]).viz["plot"]["sigma"].item().get_xlabel()
    'fractional rank'
    """
    fit = fit_of(fit)
    tree = _chains(fit, variables)
    with _house():
        collection = azp.plot_rank(
            tree,
            labeller=_labeller(tree),
            backend="matplotlib",
            col_wrap=_across(tree),
            color=list(CHAINS),
            figure_kwargs=_grid(tree),
            visuals={
                "ecdf_lines": {"width": 1.2},
                "remove_axis": False,
                "xlabel": {"text": "fractional rank", "color": style.INK},
            },
        )
        said = "Distribution of each chain's ranks less the uniform one. Chains that mix stay near zero."
        return _finished(collection, fit, "Ranks of each chain", said)


def plot_energy(fit: Fit | Analysis) -> azp.PlotCollection:
    """Show whether the sampler's energy moves as far in one step as it varies: both outlines should agree.

    Parameters
    ----------
    fit : Fit or Analysis

    Returns
    -------
    arviz_plots.PlotCollection
        Left the Bayesian fraction of missing information of each chain, with its limit; right the distribution of
        the energy and of its steps.

    References
    ----------
    Betancourt 2016, "Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo".

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> [ax.get_xlabel() for ax in plot_energy(fit).viz["figure"].item().axes]
    ['fraction of missing information', 'energy less its mean']
    """
    fit = fit_of(fit)
    with _house():
        collection = azp.plot_energy(
            xr.DataTree.from_dict({"sample_stats": fit.tree["sample_stats"].to_dataset()}),
            threshold=BFMI_MIN,
            backend="matplotlib",
            color=[BLUE, ORANGE],
            figure_kwargs={"figsize": (8.0, 3.4), "figsize_units": "inches", "width_ratios": [1, 2.4]},
            visuals={
                "bfmi_points": {"color": BLACK},
                "ref_line": {"color": RED},
                "title": False,
                "legend": False,
                "ylabel": {"text": "chain", "color": style.INK},
            },
        )
        missing, energy = collection.viz["plot"].values.ravel()
        missing.set_xlabel("fraction of missing information")
        missing.yaxis.set_major_locator(MaxNLocator(integer=True))
        missing.set_xlim(left=0)
        energy.set_xlabel("energy less its mean")
        energy.legend(energy.lines[:2], ["energy", "its steps"], frameon=False, fontsize=9)
        said = f"Smallest fraction {number(fit.diagnostics.bfmi_min)}; it must be above {number(BFMI_MIN)} (red)."
        return _finished(collection, fit, "Energy of the sampler", said)


def plot_ppc(fit: Fit | Analysis, *, samples: int = 60) -> azp.PlotCollection:
    """Show whether data drawn from the fitted model look like the pre-period that was observed.

    Parameters
    ----------
    fit : Fit or Analysis
    samples : int
        Predictive draws shown, at most those there are.

    Returns
    -------
    arviz_plots.PlotCollection
        The empirical distribution of the observed pre-period outcomes, and that of each draw.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> len(plot_ppc(fit, samples=20).viz["plot"]["outcome"].item().get_lines())
    21
    """
    fit = fit_of(fit)
    samples = check_whole(samples, "samples", 1, "how many replicated series are drawn")
    tree = _pre_period(fit)
    predictive = tree["posterior_predictive"]["outcome"]
    shown = min(samples, predictive.sizes["chain"] * predictive.sizes["draw"])
    with _house():
        collection = azp.plot_ppc_dist(
            tree,
            kind="ecdf",
            num_samples=shown,
            backend="matplotlib",
            figure_kwargs={"figsize": (8.0, 4.2), "figsize_units": "inches"},
            visuals={
                "predictive_dist": {"color": BLUE, "alpha": 0.25, "width": 0.7},
                "observed_dist": {"color": BLACK, "width": 2.0},
                "title": False,
                "remove_axis": False,
            },
        )
        ax = collection.viz["plot"]["outcome"].item()
        ax.set_xlabel(drawn(fit.tree.attrs["outcome"]))
        ax.set_ylabel("share of pre-periods below")
        said = f"Black: the {tree['observed_data'].sizes['time']} observed pre-periods. Blue: {shown} draws."
        return _finished(collection, fit, "Observed and predicted pre-period", said)


def plot_loo_pit(fit: Fit | Analysis) -> azp.PlotCollection:
    """Show whether each pre-period falls where the model, without that period, expected it.

    Parameters
    ----------
    fit : Fit or Analysis

    Returns
    -------
    arviz_plots.PlotCollection
        The distribution of the leave-one-out probability integral transforms less the uniform one. Where ArviZ's
        test speaks against uniform values at its level, the periods that say so are marked.

    Notes
    -----
    Leaving a period out by importance sampling is approximate, the more so with few periods. A drift has been
    drawn given every pre-period, so in draws that drift the values lie too near one half.

    References
    ----------
    Vehtari, Gelman and Gabry 2017; Gabry et al. 2019, "Visualization in Bayesian workflow".

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> plot_loo_pit(fit).viz["plot"]["outcome"].item().get_ylabel()
    'difference from uniform'
    """
    fit = fit_of(fit)
    tree = _pre_period(fit)
    with _house():
        collection = azp.plot_loo_pit(
            tree,
            backend="matplotlib",
            figure_kwargs={"figsize": (8.0, 4.2), "figsize_units": "inches"},
            visuals={
                "ecdf_lines": {"color": BLUE, "width": 1.6},
                "title": False,
                "xlabel": {"text": "leave-one-out probability integral transform", "color": style.INK},
                "ylabel": {"text": "difference from uniform", "color": style.INK},
            },
        )
        said = "Below zero on the left and above on the right: the model is too wide; the other way round, too narrow."
        drifting = _drifting(fit)
        if drifting > NEGLIGIBLE:
            # The test would blame the model for what the picture cannot know.
            ax = collection.viz["plot"]["outcome"].item()
            for mark in (*ax.texts, *ax.collections):
                mark.set_visible(False)
            seen = f"{percent(drifting)} of the draws drift and have seen each period: values are then too central."
            return _finished(collection, fit, "Calibration on the pre-period", said, seen)
        return _finished(collection, fit, "Calibration on the pre-period", said)


def _chains(fit: Fit, variables: Sequence[str] | None) -> xr.DataTree:
    """The variables to show and the sampler's record, as ArviZ wants them."""
    posterior = fit.tree["posterior"].to_dataset()
    posterior[AVERAGE] = fit.effect_draws()["average"]
    names = [str(name) for name in posterior.data_vars]
    usual = [name for name in DEFAULT if name in names]
    chosen = usual if variables is None else names_in(variables, "variables", "names")
    if not chosen:
        raise SpecError(f"variables is empty; give some of {some_of(names, 20)}")
    for name in chosen:
        if name not in names:
            raise SpecError(f"fit has no variable {name!r}{nearest(name, names)}; it can be {some_of(names, 20)}")
    if _panels(shown := posterior[chosen]) > (most := _most()):
        raise SpecError(f"{_panels(shown)} panels were asked for; give variables with at most {most} values a draw")
    return xr.DataTree.from_dict({"posterior": shown, "sample_stats": fit.tree["sample_stats"].to_dataset()})


def _most() -> int:
    from arviz_base import rcParams

    return int(rcParams["plot.max_subplots"])


def _pre_period(fit: Fit) -> xr.DataTree:
    """Posterior predictive, observed and log likelihood of the pre-periods that the treated series was seen in."""
    log_likelihood = fit.tree["log_likelihood"]["outcome"].dropna("time", how="all")
    seen = {"time": log_likelihood["time"]}
    return xr.DataTree.from_dict(
        {
            "posterior": fit.tree["posterior"].to_dataset()[["sigma"]],
            "posterior_predictive": fit.counterfactual("predictive").sel(seen).to_dataset(name="outcome"),
            "observed_data": fit.observed.sel(seen).to_dataset(name="outcome"),
            "log_likelihood": log_likelihood.to_dataset(name="outcome"),
        }
    )


def _drifting(fit: Fit) -> float:
    """Share of the draws whose drift is on."""
    posterior = fit.tree["posterior"]
    return float(posterior["drifting"].mean()) if "drifting" in posterior else 0.0


def _panels(data: xr.DataTree | xr.Dataset) -> int:
    posterior = data if isinstance(data, xr.Dataset) else data["posterior"].to_dataset()
    return sum(int(v.isel(chain=0, draw=0).size) for v in posterior.values())


def _across(tree: xr.DataTree) -> int:
    """Panels side by side: two by two rather than three and one."""
    panels = _panels(tree)
    return 2 if panels in (2, 4) else 3


def _grid(tree: xr.DataTree) -> dict[str, Any]:
    panels, across = _panels(tree), _across(tree)
    wide = max(EACH[0] * min(panels, across), 5.4)
    return {"figsize": (wide, EACH[1] * -(-panels // across)), "figsize_units": "inches", "sharex": False}


def _labeller(tree: xr.DataTree) -> MapLabeller:
    names = [str(name) for name in tree["posterior"].data_vars]
    return MapLabeller(var_name_map={name: WORDS.get(name, name.replace("_", " ")) for name in names})


def _house() -> AbstractContextManager[None]:
    """The house's fonts, and its colours as ArviZ's."""
    return style.house(**{"axes.prop_cycle": cycler(color=CHAINS)})


def _finished(collection: azp.PlotCollection, fit: Fit, title: str, *said: str) -> azp.PlotCollection:
    """Give the grid the house's frame and, above it, a heading with the mark of an unreliable fit."""
    figure = cast(Figure, collection.viz["figure"].item())
    for ax in figure.axes:
        _frame(ax)
    attrs, scale = fit.tree.attrs, f"; parameters{fit.spec.on_scale}" if fit.spec.on_scale else ""
    whose = f"{fit.spec.name} on {drawn(attrs['outcome'])}, {drawn(attrs['treated'], 40)}{scale}"
    style.figure_heading(figure, title, [f"{whose}.", *said], reason=fit.reason)
    return collection


def _frame(ax: Axes) -> None:
    style.new_axes(ax)
    ax.tick_params(labelsize=8)
    ax.set_xlabel(ax.get_xlabel().replace("Draw", "draw"), fontsize=9, color=style.INK)
    ax.yaxis.label.set(fontsize=9, color=style.INK)
    # Names of units stand in titles of weights; what matplotlib would read as mathematics is escaped.
    for text in ax.texts:
        text.set_text(_TEST.sub(r"p \1, marked below \2", text.get_text()))
        text.set_fontsize(8)
    ax.set_title(drawn(ax.get_title().replace("\n", " "), 32), fontsize=10, color=BLACK)


__all__ = ["plot_energy", "plot_loo_pit", "plot_ppc", "plot_rank", "plot_trace"]
