"""Prior against data: does the pre-period decide the effect, or do the priors?"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bsynth._base.request import check_flags, check_level, check_number, names_in
from bsynth._base.types import Status
from bsynth.bayesian.averaging import GRID
from bsynth.bayesian.plan import plan
from bsynth.bayesian.result import Fit, panel_of
from bsynth.bayesian.run import run
from bsynth.checks import contraction, sensitivity
from bsynth.checks.base import Answer, Case, Check
from bsynth.checks.sensitivity import SHIFT
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import SpecError
from bsynth.frequentist import classical
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.pieces import run_pieces
from bsynth.text.marks import OF_FIT, UNRELIABLE, mark
from bsynth.text.numbers import exact, number, numbers
from bsynth.text.result import Pictured


@dataclass(frozen=True, eq=False, repr=False)
class PriorAudit(Pictured):
    """What the prior does to the effect.

    Attributes
    ----------
    sensitivity, contraction : Check or None
        Power scaling and prior-to-posterior contraction of the average effect, as in `bsynth.check`; None for a
        concentration averaged over a grid.
    table : DataFrame
        The sweep, one row per concentration α of the weights: ``alpha, estimate, lower, upper, level, sd,
        effective_donors, pre_rmspe, status`` of the average predictive effect, and ``own`` where it is the fit itself.
        Empty for weights without a concentration, and when no sweep was asked for.
    concentrated : bool
        Whether the weights have a concentration.
    least_squares : float
        Average effect under weights that no prior touches: the exact ``demeaned`` or ``sc`` estimate.
    sd : float
        Posterior sd of the fit's average effect, with which the sweep's range is compared.
    model, treated, outcome : str
    fit_status : {"ok", "unreliable"}
    seconds : float
    """

    sensitivity: Check | None
    contraction: Check | None
    table: pd.DataFrame
    concentrated: bool
    least_squares: float
    sd: float
    model: str
    treated: str
    outcome: str
    fit_status: Status
    seconds: float

    @property
    def range(self) -> float | None:
        """Largest less smallest estimate of the sweep, outcome units; None without a sweep."""
        return None if self.table.empty else float(self.table["estimate"].max() - self.table["estimate"].min())

    @property
    def moved(self) -> bool:
        """Whether the sweep moves the effect by more than half a posterior sd."""
        return (self.range or 0.0) > SHIFT * self.sd

    @property
    def answer(self) -> Answer:
        """``"warning"`` when any of the three says that the prior decides."""
        checks = [c.status for c in (self.sensitivity, self.contraction) if c is not None]
        return "warning" if self.moved or "warning" in checks else "ok"

    @property
    def status(self) -> Status:
        """Unreliable when the fit, or any fit of the sweep, failed its gate."""
        swept = self.table["status"].tolist() if not self.table.empty else []
        return "unreliable" if "unreliable" in [self.fit_status, *swept] else "ok"

    @property
    def title(self) -> str:
        """What it is, and of which unit's effect."""
        return f"Prior against data: {self.treated}"

    def sentences(self) -> tuple[str, ...]:
        """Prior against data, in words."""
        words = list(mark(OF_FIT)) if self.fit_status != "ok" else []
        words += [f"{UNRELIABLE} in the sweep: {self._failed}."] if self._failed else []
        words += [c.sentence for c in (self.sensitivity, self.contraction) if c is not None]
        if not self.table.empty:
            words.append(self._swept())
        elif self.concentrated:
            words.append("No sweep of the weights' concentration was asked for.")
        else:
            words.append("The weights of this model have no concentration, so there is none to vary.")
        return tuple(words)

    def _swept(self) -> str:
        ordered, width = self.table.sort_values("estimate"), self.range or 0.0
        low, high = ordered.iloc[0], ordered.iloc[-1]
        least, most = numbers(low["estimate"], high["estimate"])
        swept = f"is {least} at α = {exact(low['alpha'])}"
        if len(ordered) > 1:
            swept = (
                f"lies between {least} (α = {exact(low['alpha'])}) and {most} (α = {exact(high['alpha'])}), a range of "
                f"{number(width)} or {number(width / self.sd, 2)} posterior sd"
            )
        figures = f"the average effect {swept}; weights that no prior touches give {number(self.least_squares)}"
        lead = "The concentration of the weights hardly matters"
        if self.moved:
            calm = self.sensitivity is not None and self.sensitivity.status == "ok"
            lead = "Even so, over a wider range the prior of the weights" if calm else "The prior of the weights"
            lead += " decides part of the effect"
        return f"{lead}: {figures}."

    @property
    def reason(self) -> str:
        """Whose gate failed, the fit's own first."""
        return OF_FIT if self.fit_status != "ok" else self._failed

    @property
    def _failed(self) -> str:
        """Which fits of the sweep failed, as a clause."""
        failed = [] if self.table.empty else self.table.loc[self.table["status"] != "ok", "alpha"].tolist()
        listed = ", ".join(map(exact, failed))
        return f"the fit at α = {listed} did not pass its convergence gate" if failed else ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return super().to_dict() | {
            "model": self.model,
            "answer": self.answer,
            "sensitivity": None if self.sensitivity is None else self.sensitivity.to_dict(),
            "contraction": None if self.contraction is None else self.contraction.to_dict(),
            "range": self.range,
            "range_sd": None if self.range is None else self.range / self.sd,
            "least_squares": self.least_squares,
            "sd": self.sd,
        }

    def _gist(self) -> str:
        swept = "no sweep" if self.range is None else f"range {number(self.range)} over the sweep"
        return f"{self.model!r}, {self.answer}, {swept}"


def audit_prior(
    fit: Fit,
    *,
    alphas: Sequence[float] = GRID,
    level: float = 0.95,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> PriorAudit:
    """Answer whether the pre-period or the prior decides the effect.

    Three looks: power-scaling sensitivity and contraction of the effect, from the saved draws; and fits of the same
    model at other concentrations α of the Dirichlet weights, which share one compilation. A concentration that the
    fit has itself is not fitted again.

    Parameters
    ----------
    fit : Fit
    alphas : sequence of float
        Concentrations, positive; under .3 the posterior is slow and has several modes. Empty for no sweep.
    level : float
        Of the sweep's intervals.
    draws, seed : int, optional
        Of the sweep's fits, 1000 draws by default.
    sampling : Sampling, optional
        Every setting of these fits in one value; ``draws`` and ``seed`` stand above it.
    progress : bool

    Raises
    ------
    PanelError
        A fit that holds no panel, from a file of an earlier format.
    SpecError
        A concentration that is not positive, or a level outside (0, 1).

    References
    ----------
    Kallioinen, Paananen, Bürkner and Vehtari 2024 (power scaling).

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> audit_prior(fit, alphas=()).answer
    'ok'
    """
    panel = panel_of(fit)
    check_flags(progress=progress)
    chosen = resolve(sampling, draws, seed)
    began = time.perf_counter()
    level = check_level(level)
    instead = "positive concentrations such as .3, 1 and 3"
    alphas = [check_number(alpha, "alphas", instead) for alpha in names_in(alphas, "alphas", instead)]
    if wrong := [a for a in alphas if a <= 0]:
        raise SpecError(f"alphas has {exact(wrong[0])}; give {instead}")
    case = Case(fit, seed=chosen.seed)
    concentrated = fit.spec.weights.prior == "dirichlet"
    swept = sorted(set(alphas)) if concentrated else []
    levelled = fit.spec.level.prior == "shift"
    return PriorAudit(
        sensitivity=sensitivity.check(case),
        contraction=contraction.check(case),
        table=_sweep(fit, panel, swept, chosen, level=level, progress=progress),
        concentrated=concentrated,
        least_squares=float(classical(panel, "demeaned" if levelled else "sc").gap[panel.n_pre :].mean()),
        sd=float(fit.effect_draws("predictive")["average"].std()),
        model=fit.spec.name,
        treated=panel.treated_name,
        outcome=panel.labels.outcome,
        fit_status=fit.status,
        seconds=time.perf_counter() - began,
    )


def _sweep(
    fit: Fit, panel: Panel, alphas: Sequence[float], sampling: Sampling, *, level: float, progress: bool
) -> pd.DataFrame:
    """One row per concentration."""
    requests = {a: plan(panel, _at(fit.spec, a), sampling=sampling) for a in alphas}

    def swept(alpha: float) -> dict[str, Any]:
        own = fit.spec.weights.alpha == alpha
        found = fit if own else run(requests[alpha], progress=False)
        row = found.effects(level).iloc[0]
        return {
            "alpha": alpha,
            **{name: float(row[name]) for name in ("estimate", "lower", "upper", "level", "sd")},
            "effective_donors": found.effective_donors,
            "pre_rmspe": found.pre_rmspe,
            "status": found.status,
            "own": own,
        }

    jobs = {str(alpha): alpha for alpha in alphas}
    return pd.DataFrame(run_pieces(jobs, swept, title="concentrations of the weights", n_jobs=1, progress=progress))


def _at(spec: ModelSpec, alpha: float) -> ModelSpec:
    return spec.model_copy(update={"weights": spec.weights.model_copy(update={"alpha": alpha})})
