"""A second process that draws: half of a report's pictures are made beside the other half.

It is forked from this one where the pictures are to be drawn, so that it has the results and whatever draws, and loads
and is sent nothing. Where there is no fork, or only one core, this process draws alone.
"""

import ctypes
import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from joblib import cpu_count

from bsynth.reporting.drawing import Drawing

_log = logging.getLogger(__name__)

type Makers = Mapping[str, Callable[[], Drawing]]
CROWDED = 2
"""Processes at work for each core from which another one would only take time from this one."""
PR_SET_PDEATHSIG = 1
"""What Linux's prctl takes for the signal that a process gets when its parent ends."""
PATIENCE = 30.0
"""Seconds that this process waits at most for the one picture that the other has not finished."""


class Second:
    """The other process: it draws from the last picture on, one after the other, until it is stopped."""

    def __init__(self, makers: Makers) -> None:
        """Begin it; raises where there can be no other process."""
        context = multiprocessing.get_context("fork")
        self._found: queue.SimpleQueue[tuple[str, Drawing | None] | None] = queue.SimpleQueue()
        here, there = context.Pipe(duplex=False)
        self._process = context.Process(target=_draw_all, args=(here, there, makers), daemon=True)
        with warnings.catch_warnings():
            # Python warns where there are further threads, which may hold what the other process waits for: those of
            # engines that have done their work do not, and it is not waited for without end.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        there.close()
        threading.Thread(target=self._receive, args=(here,), daemon=True).start()

    def _receive(self, connection: Connection) -> None:
        """Take what the other process draws as it comes: it would else wait until this one has finished a picture."""
        try:
            while True:
                self._found.put(connection.recv())
        except (EOFError, OSError):
            self._found.put(None)

    def next(self, patience: float = 0.0) -> tuple[str, Drawing | None] | None:
        """Its next picture, of which it returns None where it could not be drawn.

        Raises
        ------
        queue.Empty
            It has not finished one after ``patience`` seconds.
        """
        return self._found.get(timeout=patience)

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()


def _draw_all(first: Any, connection: Any, makers: Makers) -> None:
    """In the other process: draw from the last picture on."""
    _end_with_the_first()
    # With its own copy of the end that is read from, it would wait for ever for a first process that is gone.
    first.close()
    # Whoever interrupts both is answered by the first, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    with suppress(OSError):  # the first is gone
        for key in reversed(list(makers)):
            try:
                drawing = makers[key]()
            except Exception as error:  # noqa: BLE001  # it is drawn again, and raises, where it is known what to do
                _log.debug("the second process could not draw %s: %s", key, error)
                drawing = None
            connection.send((key, drawing))


def _end_with_the_first() -> None:
    """Have the kernel end this process with the one it was forked from, be that killed: it holds what that held."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def room() -> bool:
    """Whether a fork is safe here, there is a second core for it, and the machine is not crowded."""
    cores = int(cpu_count())
    return sys.platform == "linux" and cores >= 2 and os.getloadavg()[0] < CROWDED * cores


@contextmanager
def second_process(makers: Makers) -> Iterator[Second | None]:
    """Begin a process that draws, and end it; None without `room`, or where there can be none: it is only a help."""
    second = None
    if room() and len(makers) > 1:
        try:
            second = Second(makers)
        except Exception as error:  # noqa: BLE001  # no memory, no more processes, or one that may have no children
            _log.debug("there is no second process: %s", error)
    try:
        yield second
    finally:
        if second is not None:
            second.stop()


def drawn_by_two(makers: Makers, second: Second | None) -> Iterator[tuple[str, Callable[[], Drawing]]]:
    """Each key with what returns its picture, or raises: drawn here from the first on, there from the last on."""
    left = list(makers)
    while left:
        found = None
        if second is not None:
            try:
                # The last one that is left is what the other process draws now.
                found = second.next(PATIENCE if len(left) == 1 else 0.0)
            except queue.Empty:
                pass
            else:
                second = second if found is not None else None
        if found is None:
            key = left.pop(0)
            yield key, makers[key]
        elif found[0] in left:
            key, drawing = found
            left.remove(key)
            yield key, makers[key] if drawing is None else partial(_same, drawing)


def _same(drawing: Drawing) -> Drawing:
    return drawing
