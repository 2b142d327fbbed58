"""What a fit will do, decided and validated before the first draw."""

from dataclasses import dataclass
from pathlib import Path

from bsynth.bayesian.degenerate import no_posterior
from bsynth.engines.sampling import Sampling, resolve
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
    sampling: Sampling

    @property
    def lacks(self) -> str | None:
        """Why there is no posterior to sample, in words; None when there is one."""
        return no_posterior(self.panel, self.design, self.spec)

    def __str__(self) -> str:
        panel, how = self.panel, self.sampling
        return (
            f"{self.spec.title} ({self.spec.name}) on {panel.treated_name}: {panel.n_donors} donors, "
            f"{panel.n_pre} pre and {panel.n_post} post periods; "
            f"{how.chains} chains × {how.draws} draws after {how.tune} of tuning, seed {how.seed}. {self.reason}"
        )


def plan(
    panel: Panel,
    model: str | Path | ModelSpec = DEFAULT,
    *,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    slots: int = 0,
    periods: int = 0,
) -> Plan:
    """Validate a request and return what `fit` would do; nothing is sampled.

    Parameters as `fit`; ``slots`` and ``periods`` make room for more donors and periods than the panel has,
    so that plans for panels that differ by a few share one compiled model.
    """
    require_panel(panel)
    chosen = resolve(sampling, draws, seed)
    choice = choose_model(panel, model)
    design = make_design(panel, choice.spec, slots=slots, periods=periods)
    return Plan(panel, choice.spec, choice.reason, design, chosen)
