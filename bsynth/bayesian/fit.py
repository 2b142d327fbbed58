"""The Bayesian verb: panel × model → plan → `Fit`, or of several starts `WavesFit`."""

from pathlib import Path
from typing import overload

from bsynth._base.request import check_flags, hinted
from bsynth.bayesian.plan import plan
from bsynth.bayesian.result import Fit
from bsynth.bayesian.run import run
from bsynth.bayesian.waves.result import WavesFit
from bsynth.bayesian.waves.run import fit_waves
from bsynth.engines.sampling import Sampling
from bsynth.errors import PanelError
from bsynth.model.catalogue import DEFAULT
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.staggered import StaggeredPanel


@overload
def fit(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> Fit: ...
@overload
def fit(
    panel: StaggeredPanel[Panel],
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> WavesFit: ...
@hinted
def fit(
    panel: Panel | StaggeredPanel[Panel],
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> Fit | WavesFit:
    """Fit a Bayesian synthetic control and return the posterior counterfactual.

    Parameters
    ----------
    panel : Panel or StaggeredPanel
        One whose units start at different times is fitted unit by unit and their effects are pooled.
    model : str, path or ModelSpec
        A name of the catalogue, a ``model.toml`` or its folder. Where a model's cells are ``auto``, as the
        default's, a panel built from rows is fitted with known cell variance; ``fit.provenance.reason`` says so.
    scale : {"treated", "each", "log", "logit", "auto"}, optional
        In the place of the model's own: ``"log"`` for positive outcomes that grow and vary in proportion to their size,
        ``"logit"`` for proportions. ``"auto"`` takes the one on which `choose_scale` finds that the
        units move alike, and ``fit.notes()`` says so. Effects are in outcome units whatever the scale.
    draws : int, optional
        Draws kept per chain; 1000 by default.
    seed : int, optional
        The same seed gives the same draws; 0 by default.
    sampling : Sampling, optional
        Every setting of the sampler in one value; ``draws`` and ``seed`` stand above it.
    progress : bool
        Show a status line while compiling and sampling.

    Returns
    -------
    Fit, or of several starts WavesFit
        With ``status`` ``"unreliable"``, and an `UnreliableWarning`, when the convergence gate
        failed twice (the second time with more tuning and a higher acceptance target).

    Raises
    ------
    PanelError, SpecError
        Before any sampling; also when donors reproduce the treated pre-period exactly, so that there is no posterior,
        and when an outcome has no log or logit.
    FitError
        When the sampler itself stops.

    Examples
    --------
    >>> import bsynth as bs
    >>> log = bs.simulate_rollout(users=30_000, seed=1)
    >>> panel = bs.Panel.from_events(log, unit="workspace_id", time="signup_week",
    ...     outcome="task_completed", treated=range(25), start=20, end=29)
    >>> result = bs.fit(panel, model="level", draws=500, seed=1, progress=False)
    >>> result.status
    'ok'
    """
    check_flags(progress=progress)
    if isinstance(panel, StaggeredPanel):
        return fit_waves(panel, model, scale=scale, sampling=sampling, draws=draws, seed=seed, progress=progress)
    request = plan(panel, model, scale=scale, draws=draws, seed=seed, sampling=sampling)
    if reason := request.lacks:
        raise PanelError(f"model {request.spec.name!r} has no posterior here: {reason}; use a classical estimator")
    return run(request, progress=progress)
