"""Worlds of a study: each draws panels whose true effect is known."""

import functools
import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bsynth.errors import PanelError
from bsynth.evidence import designs, geo, grounds, staggered, worlds
from bsynth.panel import Panel, StaggeredPanel
from bsynth.panel.labels import MIN_PRE
from bsynth.panel.simulate import ROLLOUT_EFFECT
from bsynth.planning.plays import history_of
from bsynth.planning.rehearsal import with_effect
from bsynth.text.numbers import count

SEED_BITS = 63
Least = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A panel, its true average effect (outcome units), and the treated series' sd before the start."""

    panel: Panel | StaggeredPanel[Panel]
    truth: float
    sd: float


class World(BaseModel):
    """What every world is: settings that are plain data, and `draw`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    several: ClassVar[bool] = False
    """Whether treated units start at different times: a `StaggeredPanel`."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, folder: Path) -> Drawn:
        """Draw one panel; paths among the settings are relative to ``folder``."""

    def fingerprint(self, folder: Path) -> str:
        """What a panel depends on beside the settings: the bytes of a data file; empty where there is none."""
        return ""


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise PanelError(
            f"world's data {str(path)!r} cannot be read ({error.strerror}); give a file, relative to the study's folder"
        ) from None


def _of_one(panel: Panel, truth: float) -> Drawn:
    return Drawn(panel, truth, float(panel.treated_series[: panel.n_pre].std(ddof=1)))


class FactorWorld(World):
    """A linear factor model in which one thing may be changed (`bsynth.evidence.worlds`, `bsynth.evidence.grounds`).

    ``size`` is the effect in each treated period; by default that of the world.
    """

    kind: Literal["factor"] = "factor"
    world: Literal[
        "factor", "outside", "ar-noise", "walk-factors", "heavy-tails", "many-donors", "few-donors", "contaminated",
        "spike", "season", "trend", "log-normal",
    ] = "factor"  # fmt: skip
    size: float | None = None

    def draw(self, rng: np.random.Generator, folder: Path) -> Drawn:
        """Draw one panel."""
        if self.world in worlds.WORLDS:
            panel, truth = worlds.WORLDS[self.world].panel(int(rng.integers(2**SEED_BITS))), worlds.EFFECT
        else:
            panel, effect = grounds.draw_ground(grounds.GROUNDS[self.world], 20, rng)
            truth = float(effect.mean())
        if self.size is not None:
            panel = with_effect(panel, self.size - truth, "level")
            truth = self.size
        return _of_one(panel, truth)


class GeoWorld(World):
    """Daily regions of a public comparison of geo tools (`bsynth.evidence.geo`), with or without a lift of 7.5%."""

    kind: Literal["geo"] = "geo"
    cell: Literal["A1", "A2", "A3", "A4"] = "A1"
    lift: bool = False

    def draw(self, rng: np.random.Generator, folder: Path) -> Drawn:
        """Draw one panel."""
        panel, effect = geo.draw_geo(geo.GEO_WORLDS[self.cell], rng, lifted=self.lift)
        return _of_one(panel, float(effect.mean()))


class PlaceboDesign(World):
    """A placebo design of Arkhangelsky et al. (2021, section 3.1.1), without effect (`bsynth.evidence.designs`)."""

    kind: Literal["placebo-design"] = "placebo-design"
    design: Literal["baseline", "gun law", "hours", "unemployment", "one unit", "one unit, one period"] = "one unit"
    data: str

    def draw(self, rng: np.random.Generator, folder: Path) -> Drawn:
        """Draw one panel."""
        return _of_one(designs.draw_design(self.design, folder / self.data, rng), 0.0)

    def fingerprint(self, folder: Path) -> str:
        """The digest of the data."""
        return _file_digest(folder / self.data)


class RolloutLog(World):
    """The simulated log of a product whose model is upgraded for half of its workspaces: known cells, effect .05."""

    kind: Literal["rollout-log"] = "rollout-log"
    users: Annotated[int, Field(ge=50_000)] = 50_000
    """With fewer, cells are empty."""

    def draw(self, rng: np.random.Generator, folder: Path) -> Drawn:
        """Draw one log and its panel."""
        return _of_one(worlds.rollout_log(int(rng.integers(2**32)), self.users), ROLLOUT_EFFECT)


class Waves(World):
    """Ten units treated in three waves, thirty that never are (`bsynth.evidence.staggered`); the overall effect."""

    kind: Literal["waves"] = "waves"
    several: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, folder: Path) -> Drawn:
        """Draw one panel."""
        world = staggered.simulate(rng)
        starts = dict(enumerate(world.starts.tolist()))
        panel = Panel.from_long(world.frame(), unit="unit", time="time", outcome="outcome", start=starts)
        before = world.outcome[: world.starts.min(), : len(world.starts)]
        return Drawn(panel, world.overall, float(np.median(before.std(axis=0, ddof=1))))


class OwnPanel(World):
    """A panel of your own: a unit and a window of its past are drawn, and an effect of known size is put in.

    Rows from ``start`` on, if there is one, are left out: something has happened there. ``effect`` is a share of the
    outcome (``effect_kind = "lift"``) or in its units (``"level"``), and grows over ``ramp`` periods.
    """

    kind: Literal["own"] = "own"
    data: str
    unit: str
    time: str
    outcome: str
    treated: str | int | list[str] | list[int]
    start: str | int | float | None = None
    exclude: list[str] | list[int] = []
    duration: Least = 8
    effect: float = 0.0
    effect_kind: Literal["lift", "level"] = "lift"
    ramp: Annotated[int, Field(ge=0)] = 0

    @field_validator("start", mode="before")
    @classmethod
    def _date(cls, start: Any) -> Any:
        """A date of TOML, written without quotes, is the text that it would be with them."""
        return start.isoformat() if isinstance(start, date) else start

    @model_validator(mode="after")
    def _leaves_some(self) -> Self:
        if self.effect_kind == "lift" and self.effect <= -1:
            raise ValueError(
                f"effect is {self.effect} and effect_kind is 'lift'; give a share above -1, such as -0.05 for -5%"
            )
        return self

    def draw(self, rng: np.random.Generator, folder: Path) -> Drawn:
        """Draw a unit and a window, and put the effect in."""
        history = _history(self, folder / self.data)
        least = max(MIN_PRE, -(-history.n_pre // 3))
        if history.n_pre - self.duration < least:
            raise PanelError(
                f"{history.source.name}: a duration of {self.duration} leaves fewer than {least} of "
                f"{count(history.n_pre, 'period')} before the start; it can be up to {max(history.n_pre - least, 0)}"
            )
        everyone = (*history.treated, *history.donors) if history.n_treated == 1 else history.donors
        for _ in range(100):  # a unit may be constant before a window
            who, at = everyone[rng.integers(len(everyone))], int(rng.integers(least, history.n_pre - self.duration + 1))
            try:
                own = history if who in history.treated else history.as_treated(who, pool="include")
                window = own.backdated_to(at)
            except PanelError:
                continue
            last = min(at + self.duration, len(window.times))
            window = window._take(window.treated, window.donors, slice(last), window.times[at])
            with_it = with_effect(window, self.effect, self.effect_kind, self.ramp)
            truth = float((with_it.treated_series - window.treated_series)[window.n_pre :].mean())
            return _of_one(with_it, truth)
        raise PanelError(f"{history.source.name}: no unit moves before any window; there is nothing to study")

    def fingerprint(self, folder: Path) -> str:
        """The digest of the data."""
        return _file_digest(folder / self.data)


def _history(world: OwnPanel, file: Path) -> Panel:
    """The panel's past, read once a process for each content of its file: a path may come to hold other data."""
    names = ("unit", "time", "outcome", "treated", "start", "exclude")
    settings = {name: getattr(world, name) for name in names}
    return _read(_file_digest(file), str(file), *(tuple(v) if isinstance(v, list) else v for v in settings.values()))


@functools.lru_cache(maxsize=8)
def _read(_digest: str, data: str, unit: str, time: str, outcome: str, treated: Any, start: Any, exclude: Any) -> Panel:
    panel: Panel = Panel.from_long(
        data, unit=unit, time=time, outcome=outcome, treated=treated, start=start, exclude=exclude
    )
    return history_of(panel)


KINDS: dict[str, type[World]] = {
    "factor": FactorWorld,
    "geo": GeoWorld,
    "placebo-design": PlaceboDesign,
    "rollout-log": RolloutLog,
    "waves": Waves,
    "own": OwnPanel,
}
