"""A second process, begun before there is anything to draw: it loads what draws while this one reads and samples."""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module

from joblib.externals.loky import ProcessPoolExecutor, cpu_count

_log = logging.getLogger(__name__)


@contextmanager
def second_process() -> Iterator[Executor | None]:
    """Begin a process that can draw, and end it; None on one core, or where there can be none: it is only a help."""
    executor = None
    if cpu_count() >= 2:
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
