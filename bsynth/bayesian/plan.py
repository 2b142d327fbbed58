"""What a fit will do, decided and validated before the first draw."""

from dataclasses import dataclass
from pathlib import Path

from bsynth._base.request import check_seed, check_whole
from bsynth.bayesian.degenerate import no_posterior
from bsynth.errors import SpecError
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel, require_panel


@dataclass(frozen=True, eq=False)
class Plan:
    """What a fit will do, decided and validated before the first draw."""

    panel: Panel
    spec: ModelSpec
    reason: str
    design: Design
    draws: int
    tune: int
    chains: int
    target_accept: float
    seed: int

    @property
    def lacks(self) -> str | None:
        """Why there is no posterior to sample, in words; None when there is one."""
        return no_posterior(self.panel, self.design, self.spec)

    def __str__(self) -> str:
        panel = self.panel
        return (
            f"{self.spec.title} ({self.spec.name}) on {panel.treated_name}: {panel.n_donors} donors, "
            f"{panel.n_pre} pre and {panel.n_post} post periods; "
            f"{self.chains} chains × {self.draws} draws after {self.tune} of tuning, seed {self.seed}. {self.reason}"
        )


def plan(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    draws: int = 1000,
    tune: int = 600,
    chains: int = 4,
    target_accept: float = 0.9,
    seed: int = 0,
    slots: int = 0,
    periods: int = 0,
) -> Plan:
    """Validate a request and return what `fit` would do; nothing is sampled.

    Parameters as `fit`; ``slots`` and ``periods`` make room for more donors and periods than the panel has,
    so that plans for panels that differ by a few share one compiled model.
    """
    require_panel(panel)
    for name, value, least in (("draws", draws, 100), ("tune", tune, 100), ("chains", chains, 2)):
        check_whole(value, name, least, "the convergence gate needs them")
    if not 0.5 <= target_accept < 1:
        raise SpecError(f"target_accept is {target_accept}; give a number from 0.5 to below 1, such as 0.9")
    check_seed(seed)
    choice = choose_model(panel, model)
    design = make_design(panel, choice.spec, slots=slots, periods=periods)
    return Plan(panel, choice.spec, choice.reason, design, draws, tune, chains, target_accept, seed)
