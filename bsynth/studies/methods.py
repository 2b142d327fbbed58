"""Methods of a study: each answers a panel with an estimate and intervals of the average effect."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bsynth._base.types import FloatArray, Status
from bsynth.bayesian.fit import fit
from bsynth.calibration import Calibration, calibrate
from bsynth.engines.sampling import Sampling
from bsynth.errors import SpecError
from bsynth.frequentist import classical, placebo_waves
from bsynth.frequentist.estimators import find
from bsynth.frequentist.inference import INFERENCES, Settings
from bsynth.frequentist.staggered import multisynth
from bsynth.model.catalogue import load_model
from bsynth.panel import Panel, StaggeredPanel
from bsynth.studies.peers import PEERS, Peer, ask

NO_INTERVAL = ""
PLACEBO_WAVES = "placebo-waves"


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of a panel's average effect, outcome units.

    Attributes
    ----------
    estimate : float
    bounds : dict of level to (lower, upper)
        NaN where the method has no interval.
    p : float
        Of its own test; NaN without one.
    draws : (S,) array or None
        Of the posterior of the effect.
    status : {"ok", "unreliable"}
    seconds : float
        Of CPU that another process took.
    """

    estimate: float
    bounds: dict[float, tuple[float, float]]
    p: float = float("nan")
    draws: FloatArray | None = None
    status: Status = "ok"
    seconds: float = 0.0


class Method(BaseModel):
    """What every method is: settings that are plain data, and `answer`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @abstractmethod
    def answer(
        self, panel: Panel | StaggeredPanel[Panel], levels: Sequence[float], sampling: Sampling, folder: Path
    ) -> Answer:
        """Answer one panel; ``sampling`` carries the seed of the unit."""

    @abstractmethod
    def goes_with(self, several: bool, folder: Path) -> bool:
        """Whether it answers panels of one start, or of ``several``."""

    def check(self, folder: Path) -> None:
        """Raise what can be known before anything runs."""

    def fingerprint(self, folder: Path) -> Any:
        """What an answer depends on beside the settings, plain data."""
        return None


class OfModel(Method):
    """A Bayesian model: by its own posterior, or with ``calibrate`` by what donors teach of it.

    ``draws``, ``tune`` and ``chains`` are the study's where they are not given.
    """

    model: str
    calibrate: bool = False
    scale: Literal["treated", "each", "log", "logit", "auto"] | None = None
    draws: Annotated[int, Field(ge=100)] | None = None
    tune: Annotated[int, Field(ge=100)] | None = None

    def answer(
        self, panel: Panel | StaggeredPanel[Panel], levels: Sequence[float], sampling: Sampling, folder: Path
    ) -> Answer:
        """Fit, or calibrate, and read the average effect."""
        own = Sampling(
            self.draws or sampling.draws, self.tune or sampling.tune, sampling.chains, seed=sampling.seed, n_jobs=1
        )
        model = self._model(folder)
        verb: Any = calibrate if self.calibrate else fit
        found = verb(panel, model, scale=self.scale, sampling=own, progress=False)
        tables = {level: found.effects(level).iloc[0] for level in levels}
        draws = _draws(found)
        return Answer(
            float(tables[levels[0]]["estimate"]),
            {level: (float(row["lower"]), float(row["upper"])) for level, row in tables.items()},
            draws=draws,
            status=found.status,
        )

    def goes_with(self, several: bool, folder: Path) -> bool:
        """A model that pools effects is for several starts, and the others are for one."""
        return (load_model(self._model(folder)).pooling.effects != "none") == several

    def check(self, folder: Path) -> None:
        """Load the model."""
        load_model(self._model(folder))

    def fingerprint(self, folder: Path) -> Any:
        """The specification: a model file may change."""
        plain = load_model(self._model(folder)).to_dict()
        return {key: value for key, value in plain.items() if key not in ("name", "title")}

    def _model(self, folder: Path) -> str | Path:
        """A catalogue name, or the path of a file or folder beside the study."""
        return folder / self.model if (folder / self.model).exists() else self.model


def _draws(found: Any) -> FloatArray:
    """(S,) draws of the average effect."""
    draws = found.effect_draws()
    if isinstance(found, Calibration):
        return np.asarray(draws["average"])
    name = "overall" if "overall" in draws else "average"
    return np.asarray(draws[name]).ravel()


class OfClassical(Method):
    """A classical estimator, with an inference around it or as a point alone.

    On a panel of several starts the estimator is stacked over treated units, and ``inference`` is ``placebo-waves``.
    """

    estimator: str
    inference: str = NO_INTERVAL
    replicates: Annotated[int, Field(ge=100)] = 500

    def answer(
        self, panel: Panel | StaggeredPanel[Panel], levels: Sequence[float], sampling: Sampling, folder: Path
    ) -> Answer:
        """Estimate, and carry out the inference."""
        if isinstance(panel, StaggeredPanel):
            found: Any = (
                placebo_waves(panel, self.estimator, seed=sampling.seed, progress=False)
                if self.inference
                else classical(panel, self.estimator)
            )
        elif not self.inference:
            found = classical(panel, self.estimator)
        else:
            module = INFERENCES[self.inference]
            module.check(panel)
            found = module.run(
                panel,
                Settings(estimator=self.estimator, seed=sampling.seed, replicates=self.replicates, progress=False),
            )
        tables = {level: found.effects(level).iloc[0] for level in levels}
        first = tables[levels[0]]
        return Answer(
            float(first["estimate"]),
            {level: (float(row["lower"]), float(row["upper"])) for level, row in tables.items()},
            p=float(first["p"]),
        )

    def goes_with(self, several: bool, folder: Path) -> bool:
        """Points go with both; an inference with its own."""
        return self.inference == NO_INTERVAL or (self.inference == PLACEBO_WAVES) == several

    def check(self, folder: Path) -> None:
        """Refuse unknown names; what an estimator can do is said by its fits."""
        if self.estimator != multisynth.NAME:
            find(self.estimator)
        allowed = (*INFERENCES, PLACEBO_WAVES)
        if self.inference and self.inference not in allowed:
            raise SpecError(f"inference {self.inference!r} is unknown; it can be {', '.join(allowed)}, or left out")


class OfPeer(Method):
    """Another package, run by an interpreter that has it: its own environment (``python``, a path)."""

    peer: Peer
    python: str
    settings: dict[str, float | int | str] = {}

    def answer(
        self, panel: Panel | StaggeredPanel[Panel], levels: Sequence[float], sampling: Sampling, folder: Path
    ) -> Answer:
        """Hand the panel over and read its answer."""
        assert isinstance(panel, Panel)
        found = ask(self.peer, self._python(folder), panel, levels, sampling, dict(self.settings))
        draws = None if found.get("draws") is None else np.asarray(found["draws"])
        bounds = {level: (float(low), float(high)) for level, (low, high) in zip(levels, found["bounds"], strict=True)}
        return Answer(float(found["estimate"]), bounds, draws=draws, seconds=float(found["seconds"]))

    def goes_with(self, several: bool, folder: Path) -> bool:
        """One start."""
        return not several

    def check(self, folder: Path) -> None:
        """The interpreter is there, and has the package."""
        PEERS[self.peer].version(self._python(folder))

    def fingerprint(self, folder: Path) -> Any:
        """The version of the package."""
        return PEERS[self.peer].version(self._python(folder))

    def _python(self, folder: Path) -> str:
        return str(folder / self.python) if (folder / self.python).exists() else self.python


KINDS: dict[str, type[Method]] = {"model": OfModel, "estimator": OfClassical, "peer": OfPeer}
"""By the key that each has and no other."""
