"""What a fit will do, decided and validated before the first draw."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bsynth._base.brief import LINE
from bsynth.bayesian import averaging
from bsynth.bayesian.degenerate import no_posterior
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import SpecError, some_of
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.design import Design, make_design
from bsynth.model.scales import AUTO
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel, require_panel
from bsynth.text.labels import plain
from bsynth.text.numbers import count

if TYPE_CHECKING:
    import pymc as pm


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What a fit will do, decided and validated before the first draw.

    Attributes
    ----------
    panel : Panel
    spec : ModelSpec
    reason : str
        Why this model, one sentence.
    design : Design
        The arrays that the model sees.
    sampling : Sampling
    chosen : str
        What `bsynth.choose_scale` found, where it was asked.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> bs.plan(panel, "level", draws=500)
    <Plan 'level' on 0: 6 donors, 30 periods before the start and 10 from it on, 4 chains × 500 draws, seed 0>
    >>> print(bs.plan(panel, "level").reason)
    The model 'level' was asked for.
    """

    panel: Panel
    spec: ModelSpec
    reason: str
    design: Design
    sampling: Sampling
    chosen: str = ""

    @property
    def lacks(self) -> str | None:
        """Why there is no posterior to sample, in words; None when there is one."""
        return no_posterior(self.panel, self.design, self.spec)

    def __repr__(self) -> str:
        panel, how = self.panel, self.sampling
        words = (
            f"{self.spec.name!r} on {panel.treated_name}: {count(panel.n_donors, 'donor')}, "
            f"{count(panel.n_pre, 'period')} before the start and {panel.n_post} from it on, "
            f"{count(how.chains, 'chain')} × {count(how.draws, 'draw')}, seed {how.seed}"
        )
        return f"<Plan {plain(words, LINE)}>"

    def __str__(self) -> str:
        panel, how = self.panel, self.sampling
        return (
            f"{self.spec.title} ({self.spec.name}) on {panel.treated_name}: {count(panel.n_donors, 'donor')}, "
            f"{panel.n_pre} pre and {count(panel.n_post, 'post period')}; "
            f"{count(how.chains, 'chain')} × {count(how.draws, 'draw')} after {how.tune} of tuning, seed "
            f"{how.seed}. {self.reason}" + f" {self.chosen}" * bool(self.chosen)
        )


def plan(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    scale: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    slots: int = 0,
    periods: int = 0,
) -> Plan:
    """Validate a request and return what `fit` would do; nothing is sampled.

    Parameters
    ----------
    panel : Panel
    model, scale, draws, seed, sampling
        As `fit`.
    slots, periods : int
        Room for more donors and periods than the panel has, so that plans for panels that differ by a few share one
        compiled model.
    """
    require_panel(panel)
    chosen = resolve(sampling, draws, seed)
    choice = choose_model(panel, model, scale)
    if scale == AUTO and not choice.spec.link.is_linear:
        # What donors reproduce exactly is exact on the outcome's own scale, and no other may hide it.
        own = choose_model(panel, model, None)
        if no_posterior(panel, make_design(panel, own.spec), own.spec):
            choice = own
    design = make_design(panel, choice.spec, slots=slots, periods=periods)
    return Plan(panel, choice.spec, " ".join([choice.reason, *design.notes]), design, chosen, choice.scale)


def pymc_model(panel: Panel, model: str | Path | ModelSpec = DEFAULT) -> "pm.Model":
    """Return the model of a panel as a PyMC model: what defines the posterior that `fit` samples.

    For prior draws, ``pymc.model_to_graphviz`` or any sampler of PyMC's. Its variables are on the scale of the design,
    where one unit is the treated series' standard deviation before the start, and level and drift are integrated out;
    the equations stand in `bsynth.engines.bayes`.

    Parameters
    ----------
    panel : Panel
    model : str, path or ModelSpec
        As of `fit`.

    Returns
    -------
    pymc.Model

    Raises
    ------
    PanelError, SpecError
        As `fit`, before anything is built.

    Examples
    --------
    >>> import pandas as pd, pymc as pm
    >>> wide = pd.DataFrame({"a": [1., 2, 4, 3, 9], "b": [1., 2, 3, 4, 5], "c": [0., 2, 3, 4, 4]})
    >>> panel = Panel.from_wide(wide, treated="a", start=4)
    >>> [variable.name for variable in pymc_model(panel, "level").free_RVs]
    ['gamma', 'total_z']
    """
    request = plan(panel, model)
    if averaging.is_averaged(request.spec):
        alphas = some_of(averaging.GRID)
        raise SpecError(
            f"an averaged alpha is several models, one for each alpha of {alphas}; give one of these alphas"
        )
    from bsynth.engines import graph

    return graph.build(request.design, request.spec)
