"""A second process, begun before there is anything to draw: it loads what draws while this one reads and samples."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module

from joblib.externals.loky import ProcessPoolExecutor, cpu_count

_log = logging.getLogger(__name__)


CROWDED = 2
"""Processes at work for each core from which another one would only take time from this one."""


def room() -> bool:
    """Whether there is a second core, and the machine is not crowded."""
    cores = int(cpu_count())
    crowded = hasattr(os, "getloadavg") and os.getloadavg()[0] >= CROWDED * cores
    return cores >= 2 and not crowded


@contextmanager
def second_process() -> Iterator[Executor | None]:
    """Begin a process that can draw, and end it; None without `room`, or where there can be none: it is only a help."""
    executor = None
    if room():
        try:
            executor = ProcessPoolExecutor(max_workers=1)
            executor.submit(_load)
        except Exception as error:  # noqa: BLE001  # some machines have no semaphores
            _log.debug("there is no second process: %s", error)
            executor = None
    try:
        yield executor
    finally:
        if executor is not None:
            executor.shutdown(wait=False, kill_workers=True)


def _load() -> None:
    """Load what draws."""
    import_module("bsynth.reporting.helper")
