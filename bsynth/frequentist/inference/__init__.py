"""The classical inferences, one file each, all of one shape.

A module offers ``NAME`` (as ``methods=`` takes it), ``TITLE``, ``CONDITIONS`` (what its interval presumes, one or two
sentences), ``STANDARD`` (whether ``"standard"`` asks for it: quick on every panel), ``check(panel)``, which raises what
the panel cannot have, and ``run(panel, settings)``. A new inference is a new file and a name in ``MODULES``; the
conformance test then walks it.
"""

from types import MappingProxyType
from typing import Protocol

from bsynth.frequentist.inference import (
    bootstrap,
    conformal,
    jackknife,
    leave_one_out,
    leave_two_out,
    placebo_space,
    placebo_time,
    prediction_interval,
)
from bsynth.frequentist.inference.base import Inference, Settings
from bsynth.panel import Panel

__all__ = ["INFERENCES", "MODULES", "Inference", "Procedure", "Settings"]


class Procedure(Protocol):
    """The names that the module of an inference offers."""

    @property
    def NAME(self) -> str:
        """What it is called in a request, in `Analysis.inferences` and in ``summary.json``."""

    @property
    def TITLE(self) -> str:
        """What it is called in titles, and when it begins."""

    @property
    def CONDITIONS(self) -> str:
        """What its interval presumes, one or two sentences; empty where it has none."""

    @property
    def STANDARD(self) -> bool:
        """Whether ``"standard"`` asks for it."""

    def check(self, panel: Panel) -> None:
        """Raise what the panel cannot have (a module's function, so it takes no ``self``)."""

    def run(self, panel: Panel, settings: Settings) -> Inference:
        """Carry it out as a plan asks for it."""


MODULES: tuple[Procedure, ...] = (
    placebo_space,
    leave_one_out,
    bootstrap,
    conformal,
    placebo_time,
    leave_two_out,
    jackknife,
    prediction_interval,
)
INFERENCES = MappingProxyType({module.NAME: module for module in MODULES})
