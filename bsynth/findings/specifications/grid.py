"""The grid of specifications: read, validated and counted before the first draw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bsynth._base.brief import LINE, Brief
from bsynth._base.plain import show
from bsynth._base.request import check_number, names_in
from bsynth._base.types import Label
from bsynth.bayesian.forecast import check_last
from bsynth.bayesian.plan import plan as plan_fit
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError, SpecError, nearest, some_of
from bsynth.findings.specifications.pools import ALL, WHOLE, Pool, Window, read_pools
from bsynth.model.catalogue import DEFAULT, choose_model
from bsynth.model.design import make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.labels import MIN_PRE, as_labels
from bsynth.text.labels import plain
from bsynth.text.numbers import count, exact

DRIFTS = ("none", "walk", "switched", "ar1", "ar1-or-walk", "local-trend")
SWITCHED = ("switched", "ar1-or-walk")
"""Drifts that may be absent."""
SCALES, LEVEL_SHIFTS = ("treated", "each", "log", "logit"), ("none", "shift")
LINEAR = ("treated", "each")
"""Scales that are varied unasked, where the base model is on one of them."""
ALPHAS = (0.3, 1.0, 3.0)
SAMPLING = Sampling(draws=500)
"""Of fits by the hundred, each of which only has to place its effect among the others."""
MODEL_SWITCHES = ("scale", "level", "drift", "alpha")
SWITCHES = (*MODEL_SWITCHES, "pool", "start", "since")
"""What a specification decides, in the order of tables and pictures."""


@dataclass(frozen=True, repr=False)
class Specification(Brief):
    """One way to set every switch.

    Attributes
    ----------
    scale : {"treated", "each", "log", "logit"}
    level : {"none", "shift"}
    drift : {"none", "walk", "switched", "ar1", "ar1-or-walk", "local-trend"}
        ``"walk"`` is always on, ``"switched"`` a walk with the base model's prior probability (½ if it has none), and
        ``"ar1-or-walk"`` either, likewise.
    alpha : float
        Concentration of the Dirichlet weights.
    pool : Pool
    window : Window
    """

    scale: str
    level: str
    drift: str
    alpha: float
    pool: Pool = ALL
    window: Window = WHOLE

    def model(self, base: ModelSpec) -> ModelSpec:
        """Return the base model with these switches; raise `SpecError` where pieces do not go together."""
        drift: dict[str, Any] = {"process": "walk" if self.drift == "switched" else self.drift, "probability": 1.0}
        if self.drift in SWITCHED:
            own = _drift_of(base) in SWITCHED and base.drift.probability < 1
            drift["probability"] = base.drift.probability if own else 0.5
        data = base.to_dict()
        data |= {"scale": self.scale, "name": f"{base.name} ({self.scale}, {self.level}, {self.drift}, {self.alpha:g})"}
        data["level"] |= {"prior": self.level}
        data["drift"] |= drift
        data["weights"] |= {"alpha": float(self.alpha)}
        try:
            return ModelSpec.model_validate(data)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise SpecError(f"base {base.name!r} with {self}: {reason}; give other switches, or another base") from None

    def __str__(self) -> str:
        return f"scale {self.scale}, level {self.level}, drift {self.drift}, alpha {self.alpha:g}, pool {self.pool}"


@dataclass(frozen=True, eq=False, repr=False)
class CurvePlan:
    """What `specification_curve` will do, decided and validated before the first draw.

    Attributes
    ----------
    panel : Panel
    base : ModelSpec
        What the switches change; its other priors stay.
    specifications : tuple of Specification
        The full grid of the model switches, then pools and windows one at a time.
    reference : Specification
        The base model's own switches where they are in the lists, else the first of each.
    held : tuple of int
        Positions of the pre-periods that every specification forecasts.
    sampling : Sampling
        Of every fit.
    """

    panel: Panel
    base: ModelSpec
    specifications: tuple[Specification, ...]
    reference: Specification
    held: tuple[int, ...]
    sampling: Sampling

    @property
    def fits(self) -> int:
        """How many times a model is fitted."""
        return len(self.specifications) * (1 + len(self.held))

    def label(self, specification: Specification, switch: str) -> Any:
        """Return the value of a switch as it stands in tables; periods are those of the panel."""
        if switch == "start":
            return show(self.panel.times[self.panel.n_pre - specification.window.gap])
        if switch == "since":
            return show(self.panel.times[specification.window.first])
        return str(specification.pool) if switch == "pool" else getattr(specification, switch)

    def values(self, switch: str) -> list[Any]:
        """Return the values of a switch over the plan, in order of first use."""
        return list(dict.fromkeys(self.label(s, switch) for s in self.specifications))

    def __repr__(self) -> str:
        return f"<CurvePlan {plain(str(self), LINE).rstrip('.')}>"

    def __str__(self) -> str:
        grid = [s for s in self.specifications if (s.pool, s.window) == (ALL, WHOLE)]
        inside = " × ".join(f"{n} {self.values(n)}" for n in MODEL_SWITCHES if len(self.values(n)) > 1)
        alone, how = len(self.specifications) - len(grid), self.sampling
        return (
            f"{count(len(self.specifications), 'specification')} of {self.base.name!r} on {self.panel.treated_name}: "
            f"{len(grid)} of {inside or 'the base model'}"
            + (f" and {alone} of donors and pre-period, one at a time" if alone else "")
            + f"; with {count(len(self.held), 'forecast')} each {count(self.fits, 'fit')} of "
            f"{count(how.chains, 'chain')} × {count(how.draws, 'draw')}, seed {how.seed}."
        )


def plan_curve(
    panel: Panel,
    *,
    base: str | Path | ModelSpec = DEFAULT,
    scales: Sequence[str] | None = None,
    level_shifts: Sequence[str] | None = None,
    drifts: Sequence[str] | None = None,
    alphas: Sequence[float] = ALPHAS,
    pools: Sequence[str] | Mapping[str, Sequence[Label]] | None = None,
    starts: Sequence[Label] | None = None,
    since: Sequence[Label] | None = None,
    last: int = 5,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
) -> CurvePlan:
    """Validate a request for a specification curve and return what it would do; nothing is sampled.

    Parameters and errors as `specification_curve`.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=8, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> plan = plan_curve(panel, alphas=[1.0], pools=["pre-fit"], starts=[], since=[])
    >>> len(plan.specifications), plan.fits
    (13, 78)
    """
    require_panel(panel)
    chosen = resolve(sampling, draws, seed, default=SAMPLING)
    last = check_last(panel, last, "a specification curve", "fit single models instead")
    spec = _base(panel, base)
    own = Specification(spec.scale, spec.level.prior, _drift_of(spec), _alpha_of(spec))
    exact = spec.cells.variance == "exact"
    switched = own.drift if own.drift in SWITCHED else "switched"
    lists: dict[str, Sequence[Any]] = {
        "scale": _chosen("scales", scales, _usual_scales(own.scale, exact=exact), SCALES),
        "level": _chosen("level_shifts", level_shifts, LEVEL_SHIFTS, LEVEL_SHIFTS),
        "drift": _chosen("drifts", drifts, ("none", "walk", switched), DRIFTS),
        "alpha": _concentrations(alphas),
    }
    settled = {n: getattr(own, n) if getattr(own, n) in lists[n] else lists[n][0] for n in MODEL_SWITCHES}
    reference = Specification(**settled)
    grid = [Specification(*values) for values in product(*lists.values())]
    alone = [replace(reference, pool=pool) for pool in read_pools(panel, pools)]
    alone += [replace(reference, window=window) for window in _windows(panel, starts, since, last)]
    found = CurvePlan(
        panel=panel,
        base=spec,
        specifications=tuple(dict.fromkeys([*grid, *alone])),
        reference=reference,
        held=_held(panel, spec, last),
        sampling=chosen,
    )
    if len(found.specifications) < 2:
        raise SpecError("the lists leave 1 specification, which is no curve; give a list with more values, or use fit")
    _check(found, last)
    return found


def _base(panel: Panel, base: str | Path | ModelSpec) -> ModelSpec:
    """Return the base model with the form of its cells settled for this panel."""
    spec = choose_model(panel, base).spec
    if spec.weights.prior != "dirichlet":
        raise SpecError(
            f"base {spec.name!r} has {spec.weights.prior} weights and the curve varies the Dirichlet's alpha; "
            "give a base with dirichlet weights"
        )
    if spec.cells.variance != "auto":
        return spec
    variance = "exact" if panel.cells is None else "known"
    return spec.model_copy(update={"cells": spec.cells.model_copy(update={"variance": variance})})


def _usual_scales(own: str, *, exact: bool) -> tuple[str, ...]:
    """Scales that are varied unasked: a base on a log or logit scale keeps it."""
    if own not in LINEAR:
        return (own,)
    return LINEAR if exact else ("treated",)


def _drift_of(spec: ModelSpec) -> str:
    return "switched" if spec.drift.process == "walk" and spec.drift.probability < 1 else spec.drift.process


def _alpha_of(spec: ModelSpec) -> float:
    return 1.0 if spec.weights.alpha == "averaged" else float(spec.weights.alpha)


def _chosen(name: str, given: Sequence[str] | None, default: Sequence[str], allowed: Sequence[str]) -> Sequence[str]:
    if given is None:
        return default
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise SpecError(f"{name} is {given!r}; give a list with at least one of {some_of(allowed)}")
    for value in given:
        if value not in allowed:
            raise SpecError(f"{name} has {value!r}{nearest(value, allowed)}; allowed: {some_of(allowed)}")
    return tuple(dict.fromkeys(given))


def _concentrations(alphas: Sequence[float]) -> tuple[float, ...]:
    instead = "positive numbers, such as 0.3, 1 and 3"
    found = [check_number(alpha, "a value of alphas", instead) for alpha in names_in(alphas, "alphas", instead)]
    if wrong := [alpha for alpha in found if alpha <= 0]:
        raise SpecError(f"alphas has {exact(wrong[0])}; give {instead}")
    if not found:
        raise SpecError("alphas is empty; give at least one positive number, such as 1")
    return tuple(dict.fromkeys(found))


def _windows(
    panel: Panel, starts: Sequence[Label] | None, since: Sequence[Label] | None, last: int
) -> Iterator[Window]:
    """Yield the pre-period windows: earlier starts, then later first periods."""
    n_pre = panel.n_pre
    spare = n_pre - last - MIN_PRE
    if starts is None:
        gaps = sorted({g for g in (round(n_pre / 10), round(n_pre / 5)) if 0 < g <= spare})
    else:
        gaps = [n_pre - panel.locate(start) for start in as_labels(starts)]
    if since is None:
        firsts = sorted({f for f in (n_pre // 4, n_pre // 2) if 0 < f <= spare})
    else:
        firsts = [panel.locate(first, "since") for first in as_labels(since)]
    for gap in gaps:
        if not 0 < gap <= spare:
            raise PanelError(_outside(panel, "starts", n_pre - gap, MIN_PRE + last, n_pre - 1))
        yield Window(gap=gap)
    for first in firsts:
        if not 0 < first <= spare:
            raise PanelError(_outside(panel, "since", first, 1, spare))
        yield Window(first=first)


def _outside(panel: Panel, what: str, at: int, low: int, high: int) -> str:
    came = f"{what} has {show(panel.times[at])}"
    if low > high:
        return f"{came} and the pre-period of {panel.n_pre} is too short to change; give {what}=[]"
    allowed = f"{show(panel.times[low])} to {show(panel.times[high])}"
    return f"{came}; give periods from {allowed}, so that every forecast has {MIN_PRE} periods before it"


def _held(panel: Panel, spec: ModelSpec, last: int) -> tuple[int, ...]:
    """Positions of the last pre-periods that hold a treated outcome to forecast."""
    seen = make_design(panel, spec).treated_seen
    return tuple(t for t in range(panel.n_pre - last, panel.n_pre) if seen[t])


def _check(found: CurvePlan, last: int) -> None:
    """Raise what any of the fits would raise."""
    for specification in found.specifications:
        model = specification.model(found.base)
        plan_fit(specification.pool.apply(specification.window.apply(found.panel)), model, sampling=found.sampling)
    for window in {s.window for s in found.specifications}:
        window.forecast(found.panel, found.panel.n_pre - last)
