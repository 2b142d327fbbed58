"""What an analysis will do, decided and validated before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bsynth import frequentist
from bsynth.calibration import MIN_PLACEBOS
from bsynth.catalogue import DEFAULT
from bsynth.effects import check_level
from bsynth.errors import SpecError, nearest
from bsynth.fitting import Plan, plan
from bsynth.panel import Panel
from bsynth.spec import ModelSpec

ESTIMATORS = ("sc", "demeaned", "did", "sdid", "ascm")
INFERENCE = (
    "placebo", "leave-one-out", "bootstrap", "conformal", "placebo-time", "leave-two-out", "jackknife+",
    "prediction-interval",
)  # fmt: skip
METHODS = (*ESTIMATORS, *INFERENCE)
STANDARD = ("sc", "demeaned", "did", "sdid", "placebo", "leave-one-out", "bootstrap", "conformal")
"""What ``"standard"`` stands for: quick on every panel."""


@dataclass(frozen=True, eq=False)
class AnalysisPlan:
    """What an analysis will do, validated before anything is computed."""

    panel: Panel
    fits: tuple[Plan, ...]
    methods: tuple[str, ...]
    replicates: int
    level: float
    seed: int
    calibrated: bool = False

    def __str__(self) -> str:
        lines = [str(p) for p in self.fits]
        if self.calibrated:
            lines.append(f"Calibration of {self.fits[0].spec.name} on {self.panel.n_donors} donors as pseudo-treated.")
        if self.methods:
            lines.append("Classical: " + ", ".join(self.methods) + ".")
        return "\n".join(lines)


def choose_methods(methods: str | Sequence[str], panel: Panel) -> tuple[str, ...]:
    """Resolve ``"standard"``, ``"all"``, ``"none"`` or a list of names; the sets leave out what a panel cannot have.

    The bootstrap needs users, leave-two-out at least three donors.
    """
    names = [methods] if isinstance(methods, str) else list(methods)
    if names == ["none"]:
        return ()
    if names in (["all"], ["standard"]):
        impossible = {"bootstrap"} if panel.clusters is None else set()
        if panel.n_donors < 3:
            impossible.add("leave-two-out")
        return tuple(m for m in METHODS if m not in impossible and (names == ["all"] or m in STANDARD))
    for name in names:
        if name not in METHODS:
            allowed = (*METHODS, "standard", "all", "none")
            raise SpecError(f"unknown method {name!r}{nearest(name, allowed)}; allowed: {', '.join(allowed)}")
    return tuple(m for m in METHODS if m in names)


def plan_analysis(
    panel: Panel,
    *,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
    methods: str | Sequence[str] = "standard",
    calibrated: bool = True,
    draws: int = 1000,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> AnalysisPlan:
    """Validate a request; nothing is computed. Parameters as `analyse`."""
    check_level(level)
    chosen = choose_methods(methods, panel)
    fits = tuple(plan(panel, model, draws=draws, seed=seed) for model in models if model != "none")
    if not fits and not chosen:
        raise SpecError("nothing to do: neither a model nor a method was asked for")
    if "bootstrap" in chosen:
        frequentist.check_bootstrap(panel, replicates=replicates)
    # The donors stand in for each other, so one more is needed than there are placebos.
    possible = bool(fits) and panel.n_donors >= MIN_PLACEBOS
    return AnalysisPlan(panel, fits, chosen, replicates, level, seed, calibrated and possible)
